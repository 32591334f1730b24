//! The direct runtime: networks of convolutions, additions, rectifiers and pixel shuffles, on the CPU, one thread per session.
//!
//! It runs what the model on board is made of and nothing else; everything else is tract's.
//! There a convolution goes through a matrix nine times its input's size, which leaves the second-level cache; here nothing lies between input and output, and 3 x 3 convolutions need a quarter of the multiplications (`benches/README.md` has the figures).
//!
//! **Architecture invariant:** it computes or declines; it never runs a graph of which it does not know each node.

mod conv;
mod graph;
mod maps;
mod winograd;

use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::GraphProto;

use self::conv::{Finish, Kernel};
use self::graph::{Emit, Program, Step, Work};
use self::maps::{Maps, Shape};
use self::winograd::Scratch;
use crate::ModelError;
use crate::onnx;
use crate::runtime::{Plan, Runtime, Session};

/// The direct runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direct;

impl Runtime for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn prepare(
        &self,
        onnx: &[u8],
        shape: [usize; 4],
        path: &Path,
    ) -> Result<Box<dyn Plan>, ModelError> {
        let proto = onnx::decode(onnx, path)?;
        onnx::validate(&proto, path)?;
        let unsupported = |reason: String| ModelError::Unsupported {
            runtime: self.name(),
            reason,
            path: path.to_owned(),
        };
        let kernel = Kernel::detect()
            .ok_or_else(|| unsupported("this processor has no fused multiply-add".to_owned()))?;
        let [batch, channels, height, width] = shape;
        let image = Shape {
            width,
            height,
            channels,
        };
        let graph = proto.graph.as_ref().filter(|_| batch == 1);
        let graph = graph.ok_or_else(|| unsupported("more than one picture".to_owned()))?;
        let graph = Arc::new(graph.clone());
        let plan = DirectPlan::new(&graph, image, kernel).map_err(unsupported)?;
        Ok(Box::new(plan))
    }
}

#[derive(Debug)]
struct DirectPlan {
    graph: Arc<GraphProto>,
    kernel: Kernel,
    /// Channels of the image.
    channels: usize,
    program: Arc<Program>,
    outputs: Vec<Vec<usize>>,
}

impl DirectPlan {
    fn new(graph: &Arc<GraphProto>, image: Shape, kernel: Kernel) -> Result<Self, String> {
        let program = Program::new(graph, image, kernel)?;
        let outputs = program
            .outputs
            .iter()
            .map(|emit| vec![1, emit.shape.channels, emit.shape.height, emit.shape.width])
            .collect();
        Ok(Self {
            graph: Arc::clone(graph),
            kernel,
            channels: image.channels,
            program: Arc::new(program),
            outputs,
        })
    }
}

impl Plan for DirectPlan {
    fn output_shapes(&self) -> &[Vec<usize>] {
        &self.outputs
    }

    fn session(&self) -> Box<dyn Session> {
        let program = &self.program;
        let places = program.places.iter();
        let image = program.places.first();
        Box::new(DirectSession {
            program: Arc::clone(program),
            places: places
                .map(|&shape| Maps::new(shape, program.border))
                .collect(),
            input: vec![0.0; image.and_then(|shape| shape.values(0)).unwrap_or(0)],
            outputs: vec![Vec::new(); program.outputs.len()],
            scratch: Scratch::default(),
        })
    }

    fn resized(&self, height: usize, width: usize) -> Option<Box<dyn Plan>> {
        let image = Shape {
            width,
            height,
            channels: self.channels,
        };
        let plan = Self::new(&self.graph, image, self.kernel).ok()?;
        Some(Box::new(plan))
    }
}

struct DirectSession {
    program: Arc<Program>,
    places: Vec<Maps>,
    input: Vec<f32>,
    outputs: Vec<Vec<f32>>,
    scratch: Scratch,
}

impl Session for DirectSession {
    fn input(&mut self) -> &mut [f32] {
        &mut self.input
    }

    fn run(&mut self) -> Result<(), String> {
        if let Some(image) = self.places.first_mut() {
            interleave(&self.input, image);
        }
        for step in &self.program.steps {
            // No step writes to what it reads.
            let mut output = std::mem::take(&mut self.places[step.output]);
            take(step, &self.places, &mut output, &mut self.scratch);
            self.places[step.output] = output;
        }
        for (emit, values) in self.program.outputs.iter().zip(&mut self.outputs) {
            planes(emit, &self.places[emit.place], values);
        }
        Ok(())
    }

    fn output(&self, index: usize) -> &[f32] {
        self.outputs.get(index).map_or(&[], Vec::as_slice)
    }
}

/// Takes one step.
fn take(step: &Step, places: &[Maps], output: &mut Maps, scratch: &mut Scratch) {
    let input = &places[step.input];
    let finish = Finish {
        add: step.add.map(|place| &places[place]),
        relu: step.relu,
    };
    match &step.work {
        Work::Conv(conv) => conv.run(input, finish, output, scratch),
        Work::Shuffle(block) => shuffle(*block, input, finish, output),
        Work::Nothing => shuffle(1, input, finish, output),
    }
}

/// Planes into pixels.
fn interleave(planes: &[f32], maps: &mut Maps) {
    let (width, channels) = (maps.width, maps.channels);
    let area = width * maps.height;
    for y in 0..maps.height {
        let row = maps.row_mut(y);
        let line = |plane: usize| &planes[plane * area + y * width..][..width];
        if channels == 3 {
            let others = line(1).iter().zip(line(2));
            let values = line(0).iter().zip(others);
            for (pixel, (&a, (&b, &c))) in row.as_chunks_mut::<3>().0.iter_mut().zip(values) {
                *pixel = [a, b, c];
            }
            continue;
        }
        for channel in 0..channels {
            for (pixel, &value) in row.chunks_exact_mut(channels).zip(line(channel)) {
                pixel[channel] = value;
            }
        }
    }
}

/// Channels into blocks of pixels: channel c, block row r and column k come from channel (c x block + r) x block + k.
fn shuffle(block: usize, input: &Maps, finish: Finish<'_>, output: &mut Maps) {
    let channels = output.channels;
    for y in 0..output.height {
        let source = input.row(y / block);
        let added = finish.add.map(|add| add.row(y));
        let target = output.row_mut(y);
        for (x, pixel) in target.chunks_exact_mut(channels).enumerate() {
            let first = x / block * input.channels + y % block * block + x % block;
            let values = source[first..].iter().step_by(block * block);
            match added {
                Some(added) => {
                    let added = &added[x * channels..][..channels];
                    for ((to, &value), &add) in pixel.iter_mut().zip(values).zip(added) {
                        *to = finish.value(value + add);
                    }
                }
                None => {
                    for (to, &value) in pixel.iter_mut().zip(values) {
                        *to = finish.value(value);
                    }
                }
            }
        }
    }
}

/// Pixels into planes, shuffled on the way.
fn planes(emit: &Emit, maps: &Maps, values: &mut Vec<f32>) {
    let Emit { block, shape, .. } = *emit;
    values.resize(shape.width * shape.height * shape.channels, 0.0);
    let area = (shape.width * shape.height).max(1);
    for (channel, plane) in values.chunks_exact_mut(area).enumerate() {
        for (y, line) in plane.chunks_exact_mut(shape.width).enumerate() {
            let first = (channel * block + y % block) * block;
            let pixels = maps.row(y / block).chunks_exact(maps.channels);
            let parts = pixels.map(|pixel| &pixel[first..first + block]);
            match block {
                2 => in_blocks::<2>(parts, line),
                4 => in_blocks::<4>(parts, line),
                8 => in_blocks::<8>(parts, line),
                _ => {
                    for (to, part) in line.chunks_exact_mut(block).zip(parts) {
                        to.copy_from_slice(part);
                    }
                }
            }
        }
    }
}

/// Parts of a length that is known are moved without a call each.
fn in_blocks<'a, const N: usize>(parts: impl Iterator<Item = &'a [f32]>, line: &mut [f32]) {
    for (to, part) in line.as_chunks_mut::<N>().0.iter_mut().zip(parts) {
        if let Some(part) = part.first_chunk() {
            *to = *part;
        }
    }
}
