//! What an ONNX file says about itself, read before any runtime sees it.
//!
//! The protobuf types are those of the tract crate; nothing here runs a network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tract_onnx::pb::tensor_shape_proto::dimension::Value as DimValue;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto, type_proto};
use tract_onnx::prelude::Framework as _;

use crate::error::one_line;
use crate::{Dim, ModelError, TensorInfo};

/// The protobuf of an ONNX file.
pub(crate) fn decode(onnx: &[u8], path: &Path) -> Result<ModelProto, ModelError> {
    let mut reader = onnx;
    let proto = tract_onnx::onnx()
        .proto_model_for_read(&mut reader)
        .map_err(|error| broken(&format!("{error:#}"), path))?;
    // An empty file, and many a text file, decodes into an empty message.
    if proto.graph.is_none() {
        return Err(broken("it holds no graph", path));
    }
    Ok(proto)
}

/// Checks that each name the graph uses is one that it makes: runtimes index by them.
pub(crate) fn validate(proto: &ModelProto, path: &Path) -> Result<(), ModelError> {
    let Some(graph) = &proto.graph else {
        return Err(broken("it holds no graph", path));
    };
    let mut made: BTreeSet<&str> = graph
        .input
        .iter()
        .map(|input| input.name.as_str())
        .chain(graph.initializer.iter().map(|tensor| tensor.name.as_str()))
        .collect();
    for node in &graph.node {
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if !made.contains(input.as_str()) {
                return Err(broken(
                    &format!(
                        "node {:?} ({}) takes {input:?}, which nothing before it gives",
                        node.name, node.op_type
                    ),
                    path,
                ));
            }
        }
        made.extend(node.output.iter().map(String::as_str));
    }
    for output in &graph.output {
        if !made.contains(output.name.as_str()) {
            return Err(broken(
                &format!("nothing gives the output {:?}", output.name),
                path,
            ));
        }
    }
    if graph.output.is_empty() {
        return Err(broken("it has no output", path));
    }
    Ok(())
}

/// The graph's own inputs: initializers, which old files list as inputs too, are not among them.
pub(crate) fn inputs(graph: &GraphProto) -> Vec<TensorInfo> {
    graph
        .input
        .iter()
        .filter(|input| !graph.initializer.iter().any(|t| t.name == input.name))
        .map(tensor_info)
        .collect()
}

/// The graph's outputs.
pub(crate) fn outputs(graph: &GraphProto) -> Vec<TensorInfo> {
    graph.output.iter().map(tensor_info).collect()
}

/// What sides the network takes, in words, where `side` is none of them; a file that fixes its own size knows best.
///
/// Maps that were reduced and enlarged again fit those beside them only where the input's side is a multiple of the reduction.
pub(crate) fn wanted_side(proto: &ModelProto, input: &TensorInfo, side: usize) -> Option<String> {
    let is_free = |dims: &Vec<Dim>| dims.iter().any(|dim| !matches!(dim, Dim::Fixed(_)));
    let step = reduction(proto.graph.as_ref()?);
    if side.is_multiple_of(step) || !input.shape.as_ref().is_none_or(is_free) {
        return None;
    }
    let below = (side / step).max(1) * step;
    Some(format!(
        "a multiple of {step} px, by which the network reduces its input, such as {below} or {}",
        below + step
    ))
}

/// By how much the network reduces its input along a side at the most, as far as its nodes say; what follows a node whose sizes are not written down, such as a resize, is left out.
fn reduction(graph: &GraphProto) -> usize {
    // A broken file may say anything.
    const MOST: f64 = 1024.0;
    let mut scales: BTreeMap<&str, f64> = graph
        .input
        .iter()
        .map(|input| (input.name.as_str(), 1.0))
        .collect();
    let mut most: f64 = 1.0;
    for node in &graph.node {
        let first = node.input.first();
        let before = first.and_then(|name| scales.get(name.as_str()));
        if let (Some(before), Some(factor)) = (before.copied(), factor(node))
            && before * factor <= MOST
        {
            let scale = before * factor;
            most = most.max(scale);
            scales.extend(node.output.iter().map(|name| (name.as_str(), scale)));
        }
    }
    most.round() as usize
}

/// Input pixels per output pixel of a node along a side, where it is written down.
fn factor(node: &NodeProto) -> Option<f64> {
    let find = |name: &str| node.attribute.iter().find(|a| a.name == name);
    let stride = || {
        let strides = find("strides").map(|a| a.ints.as_slice());
        let most = strides.into_iter().flatten().copied().max();
        most.unwrap_or(1).max(1) as f64
    };
    let block = || find("blocksize").map(|a| a.i.max(1) as f64);
    match node.op_type.as_str() {
        "Conv" | "MaxPool" | "AveragePool" | "LpPool" => Some(stride()),
        "ConvTranspose" => Some(1.0 / stride()),
        "SpaceToDepth" => block(),
        "DepthToSpace" => block().map(|block| 1.0 / block),
        "Resize" | "Upsample" | "Reshape" | "GlobalAveragePool" | "GlobalMaxPool" => None,
        _ => Some(1.0),
    }
}

/// The version of the default operator set.
pub(crate) fn opset(proto: &ModelProto) -> Option<i64> {
    proto
        .opset_import
        .iter()
        .find(|import| import.domain.is_empty() || import.domain == "ai.onnx")
        .map(|import| import.version)
}

fn tensor_info(info: &ValueInfoProto) -> TensorInfo {
    let tensor = info
        .r#type
        .as_ref()
        .and_then(|kind| kind.value.as_ref())
        .map(|type_proto::Value::TensorType(tensor)| tensor);
    TensorInfo {
        name: info.name.clone(),
        element: element_name(tensor.map_or(0, |t| t.elem_type)),
        shape: tensor.and_then(|t| t.shape.as_ref()).map(|shape| {
            shape
                .dim
                .iter()
                .map(|dim| match &dim.value {
                    Some(DimValue::DimValue(value)) if *value > 0 => Dim::Fixed(*value as usize),
                    Some(DimValue::DimParam(name)) if !name.is_empty() => Dim::Named(name.clone()),
                    _ => Dim::Unknown,
                })
                .collect()
        }),
    }
}

/// ONNX's own numbering of element types.
fn element_name(code: i32) -> &'static str {
    match code {
        1 => "float32",
        2 => "uint8",
        3 => "int8",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        9 => "bool",
        10 => "float16",
        11 => "float64",
        16 => "bfloat16",
        _ => "other",
    }
}

fn broken(reason: &str, path: &Path) -> ModelError {
    ModelError::Onnx {
        reason: one_line(reason),
        path: path.to_owned(),
    }
}
