//! From an ONNX graph to the few steps that run here.
//!
//! Convolutions take the addition and the rectifier that follow them along, so that each map is written once.

use std::collections::BTreeMap;

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::conv::{Conv, Geometry, Kernel};
use super::maps::Shape;

/// Kernels, strides and paddings beyond this are not from a network for patches.
const MOST: usize = 16;

/// One step; numbers are places of maps.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) work: Work,
    pub(super) input: usize,
    pub(super) add: Option<usize>,
    pub(super) relu: bool,
    pub(super) output: usize,
}

/// What a step does to its input, before the addition and the rectifier.
#[derive(Debug)]
pub(super) enum Work {
    Conv(Conv),
    /// Blocks of this many pixels each way out of channels (ONNX's CRD order).
    Shuffle(usize),
    Nothing,
}

/// Where an output of the graph comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Emit {
    pub(super) place: usize,
    /// As [`Work::Shuffle`]; 1 for maps as they are.
    pub(super) block: usize,
    /// After the shuffle.
    pub(super) shape: Shape,
}

/// A graph, ready to run.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// The maps that steps read and write, the image first; places are reused once nothing reads them any more.
    pub(super) places: Vec<Shape>,
    /// Of all maps.
    pub(super) border: usize,
    pub(super) outputs: Vec<Emit>,
}

/// A node that is known here.
enum Kind<'a> {
    Conv(Geometry, &'a TensorProto, Option<&'a TensorProto>),
    Relu,
    Add,
    Shuffle(usize),
}

struct Node<'a> {
    kind: Kind<'a>,
    inputs: Vec<&'a str>,
    output: &'a str,
}

impl Program {
    /// Plans the graph for an image of `shape`; the error says what is not known here.
    pub(super) fn new(graph: &GraphProto, shape: Shape, kernel: Kernel) -> Result<Self, String> {
        let weights: BTreeMap<&str, &TensorProto> = graph
            .initializer
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor))
            .collect();
        let image = graph
            .input
            .iter()
            .map(|input| input.name.as_str())
            .find(|name| !weights.contains_key(name))
            .ok_or("no input")?;
        let nodes = graph
            .node
            .iter()
            .map(|node| known(node, &weights))
            .collect::<Result<Vec<_>, _>>()?;
        let border = nodes
            .iter()
            .map(|node| match &node.kind {
                Kind::Conv(geometry, ..) => geometry.pad,
                _ => 0,
            })
            .max()
            .unwrap_or(0);
        let mut planner = Planner {
            nodes,
            outputs: graph.output.iter().map(|o| o.name.as_str()).collect(),
            taken: Vec::new(),
            values: BTreeMap::from([(image, 0)]),
            shapes: vec![shape],
            steps: Vec::new(),
            emits: BTreeMap::new(),
            border,
            kernel,
        };
        planner.plan()?;
        planner.finish()
    }
}

struct Planner<'a> {
    nodes: Vec<Node<'a>>,
    outputs: Vec<&'a str>,
    /// Nodes that an earlier one has taken along.
    taken: Vec<bool>,
    /// Names to values; each value is made by one step.
    values: BTreeMap<&'a str, usize>,
    shapes: Vec<Shape>,
    steps: Vec<Step>,
    /// Outputs that are shuffled on the way out.
    emits: BTreeMap<&'a str, (usize, usize)>,
    border: usize,
    kernel: Kernel,
}

impl Planner<'_> {
    fn plan(&mut self) -> Result<(), String> {
        self.taken = vec![false; self.nodes.len()];
        for index in 0..self.nodes.len() {
            if !self.taken[index] {
                self.node(index)?;
            }
        }
        Ok(())
    }

    fn node(&mut self, index: usize) -> Result<(), String> {
        let node = &self.nodes[index];
        let name = *node.inputs.first().ok_or("a node without inputs")?;
        let input = self.value(name)?;
        let before = self.shapes[input];
        let mut output = node.output;
        let (mut add, mut relu) = (None, false);
        let (work, shape) = match &node.kind {
            Kind::Conv(geometry, weights, bias) => {
                let shape = geometry.output(before)?;
                let bias = bias.map_or_else(|| Ok(Vec::new()), floats)?;
                let conv = Conv::new(self.kernel, *geometry, &floats(weights)?, &bias);
                (Work::Conv(conv), shape)
            }
            &Kind::Shuffle(block) => {
                let shape = shuffled(before, block)?;
                // Maps leave as planes, into which they can be shuffled straight away.
                if self.is_output(output) && self.sole_reader(output).is_none() {
                    self.emits.insert(output, (input, block));
                    return Ok(());
                }
                (Work::Shuffle(block), shape)
            }
            Kind::Relu => {
                relu = true;
                (Work::Nothing, before)
            }
            Kind::Add => {
                let other = *node.inputs.get(1).ok_or("an addition of one value")?;
                add = Some(self.value(other)?);
                (Work::Nothing, before)
            }
        };
        while let Some(reader) = self.sole_reader(output).filter(|_| !self.is_output(output)) {
            let next = &self.nodes[reader];
            match next.kind {
                Kind::Relu if !relu => relu = true,
                Kind::Add if !relu && add.is_none() => {
                    let other = next.inputs.iter().find(|name| **name != output);
                    // The other side may not have been made yet.
                    let Some(&value) = other.and_then(|name| self.values.get(name)) else {
                        break;
                    };
                    add = Some(value);
                }
                _ => break,
            }
            self.taken[reader] = true;
            output = next.output;
        }
        if add.is_some_and(|add| self.shapes[add] != shape) {
            return Err("an addition of maps of different shapes".to_owned());
        }
        if shape.values(self.border).is_none() {
            return Err("maps too large".to_owned());
        }
        let made = self.shapes.len();
        self.shapes.push(shape);
        self.values.insert(output, made);
        self.steps.push(Step {
            work,
            input,
            add,
            relu,
            output: made,
        });
        Ok(())
    }

    fn value(&self, name: &str) -> Result<usize, String> {
        self.values
            .get(name)
            .copied()
            .ok_or_else(|| format!("{name:?} is not a map"))
    }

    fn is_output(&self, name: &str) -> bool {
        self.outputs.contains(&name)
    }

    /// The only node that reads a value, once.
    fn sole_reader(&self, name: &str) -> Option<usize> {
        let mut readers = self
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(i, node)| node.inputs.iter().map(move |input| (i, *input)))
            .filter(|(_, input)| *input == name);
        let (first, _) = readers.next()?;
        readers.next().is_none().then_some(first)
    }

    /// Gives values their places.
    fn finish(mut self) -> Result<Program, String> {
        let mut outputs = Vec::new();
        for name in &self.outputs {
            let (value, block) = match self.emits.get(name) {
                Some(&found) => found,
                None => (self.value(name)?, 1),
            };
            outputs.push(Emit {
                place: value,
                block,
                shape: shuffled(self.shapes[value], block)?,
            });
        }
        let mut last_read = vec![0; self.shapes.len()];
        for (i, step) in self.steps.iter().enumerate() {
            for value in [Some(step.input), step.add].into_iter().flatten() {
                last_read[value] = i;
            }
        }
        for emit in &outputs {
            last_read[emit.place] = usize::MAX;
        }
        let mut places: Vec<Shape> = vec![self.shapes[0]];
        let mut free: Vec<usize> = Vec::new();
        let mut place_of = vec![0; self.shapes.len()];
        for (i, step) in self.steps.iter_mut().enumerate() {
            let shape = self.shapes[step.output];
            let fits = free.iter().position(|&place| places[place] == shape);
            let place = fits.map_or(places.len(), |at| free.swap_remove(at));
            if place == places.len() {
                places.push(shape);
            }
            place_of[step.output] = place;
            let mut read: Vec<usize> = [Some(step.input), step.add].into_iter().flatten().collect();
            read.dedup();
            for value in read {
                if last_read[value] == i {
                    free.push(place_of[value]);
                }
            }
            step.output = place;
            step.input = place_of[step.input];
            step.add = step.add.map(|value| place_of[value]);
        }
        for emit in &mut outputs {
            emit.place = place_of[emit.place];
        }
        Ok(Program {
            steps: self.steps,
            places,
            border: self.border,
            outputs,
        })
    }
}

impl Geometry {
    fn output(self, input: Shape) -> Result<Shape, String> {
        if input.channels != self.inputs {
            return Err(format!(
                "a convolution of {} channels on {}",
                self.inputs, input.channels
            ));
        }
        let side = |length: usize, kernel: usize| {
            (length + 2 * self.pad)
                .checked_sub(kernel)
                .map(|rest| rest / self.stride + 1)
                .ok_or("a kernel larger than its maps")
        };
        Ok(Shape {
            width: side(input.width, self.kernel[1])?,
            height: side(input.height, self.kernel[0])?,
            channels: self.outputs,
        })
    }
}

fn shuffled(shape: Shape, block: usize) -> Result<Shape, String> {
    if !shape.channels.is_multiple_of(block * block) {
        return Err("channels that are no whole number of blocks".to_owned());
    }
    Ok(Shape {
        width: shape.width * block,
        height: shape.height * block,
        channels: shape.channels / (block * block),
    })
}

fn known<'a>(
    node: &'a NodeProto,
    weights: &BTreeMap<&str, &'a TensorProto>,
) -> Result<Node<'a>, String> {
    let [output] = node.output.as_slice() else {
        return Err(format!("{} with several outputs", node.op_type));
    };
    let attributes = Attributes(&node.attribute);
    let mut inputs: Vec<&str> = node.input.iter().map(String::as_str).collect();
    let kind = match node.op_type.as_str() {
        "Relu" => Kind::Relu,
        "Add" => Kind::Add,
        "DepthToSpace" => {
            attributes.only(&["blocksize", "mode"])?;
            let block = attributes.number("blocksize", 0)?;
            let mode = attributes.find("mode").map(|a| a.s.as_slice());
            if !(1..=MOST).contains(&block) || mode != Some(b"CRD") {
                return Err("DepthToSpace in another order than CRD".to_owned());
            }
            Kind::Shuffle(block)
        }
        "Conv" => {
            let mut tensors = inputs.drain(1..).map(|name| {
                let found = weights.get(name).copied();
                found.ok_or_else(|| format!("{name:?} is no constant"))
            });
            let kernel = tensors.next().ok_or("a convolution without weights")??;
            let bias = tensors.next().transpose()?;
            Kind::Conv(geometry(attributes, kernel, bias)?, kernel, bias)
        }
        other => return Err(format!("the operator {other}")),
    };
    if matches!(kind, Kind::Relu | Kind::Add) {
        attributes.only(&[])?;
    }
    if inputs.iter().any(|name| weights.contains_key(name)) {
        return Err(format!("{} with a constant", node.op_type));
    }
    Ok(Node {
        kind,
        inputs,
        output,
    })
}

fn geometry(
    attributes: Attributes<'_>,
    kernel: &TensorProto,
    bias: Option<&TensorProto>,
) -> Result<Geometry, String> {
    attributes.only(&["kernel_shape", "strides", "pads", "dilations", "group"])?;
    let dims: Vec<usize> = kernel
        .dims
        .iter()
        .filter_map(|&d| usize::try_from(d).ok())
        .collect();
    let [outputs, inputs, rows, columns] = dims[..] else {
        return Err("a convolution that is not one of pictures".to_owned());
    };
    let stride = attributes.one("strides", 1)?;
    let pad = attributes.one("pads", 0)?;
    let plain = attributes.one("dilations", 1)? == 1 && attributes.number("group", 1)? == 1;
    let sound = [inputs, outputs].iter().all(|n| (1..=4096).contains(n))
        && [rows, columns, stride]
            .iter()
            .all(|n| (1..=MOST).contains(n))
        && pad <= MOST;
    let biased = bias.is_none_or(|bias| bias.dims == [outputs as i64]);
    if !(plain && sound && biased) {
        return Err("a convolution with groups, dilation or an unusual size".to_owned());
    }
    Ok(Geometry {
        kernel: [rows, columns],
        stride,
        pad,
        inputs,
        outputs,
    })
}

#[derive(Clone, Copy)]
struct Attributes<'a>(&'a [AttributeProto]);

impl<'a> Attributes<'a> {
    fn find(self, name: &str) -> Option<&'a AttributeProto> {
        self.0.iter().find(|attribute| attribute.name == name)
    }

    fn only(self, names: &[&str]) -> Result<(), String> {
        match self.0.iter().find(|a| !names.contains(&a.name.as_str())) {
            Some(other) => Err(format!("the attribute {:?}", other.name)),
            None => Ok(()),
        }
    }

    fn number(self, name: &str, default: usize) -> Result<usize, String> {
        self.find(name).map_or(Ok(default), |attribute| {
            usize::try_from(attribute.i).map_err(|_negative| format!("{name} below 0"))
        })
    }

    /// A list of equal numbers.
    fn one(self, name: &str, default: usize) -> Result<usize, String> {
        let Some(attribute) = self.find(name) else {
            return Ok(default);
        };
        match attribute.ints.as_slice() {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => {
                usize::try_from(*first).map_err(|_negative| format!("{name} below 0"))
            }
            _ => Err(format!("{name} that differ")),
        }
    }
}

/// The values of a constant.
fn floats(tensor: &TensorProto) -> Result<Vec<f32>, String> {
    const FLOAT: i32 = 1;
    let wanted = tensor
        .dims
        .iter()
        .try_fold(1_usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?));
    let values = if tensor.raw_data.is_empty() {
        tensor.float_data.clone()
    } else {
        let (values, _) = tensor.raw_data.as_chunks::<4>();
        values
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect()
    };
    if tensor.data_type != FLOAT || Some(values.len()) != wanted {
        return Err(format!("the constant {:?}", tensor.name));
    }
    Ok(values)
}
