//! Looks at a foreign ONNX file: what it takes and gives, and whether it runs here.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::{read_weights, sha256_hex};
use crate::onnx;
use crate::runtime::Runtime;
use crate::{Layout, ModelError};

/// A file that wants a larger input is not tried: one gigabyte of numbers.
const MOST_VALUES: usize = 4 * 8192 * 8192;

/// One axis of a tensor as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// A number.
    Fixed(usize),
    /// Free, with a name.
    Named(String),
    /// Free.
    Unknown,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(value) => value.fmt(f),
            Self::Named(name) => name.fmt(f),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// One input or output as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its element type, such as `float32`.
    pub element: &'static str,
    /// Its axes; `None` where the file does not say.
    pub shape: Option<Vec<Dim>>,
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} [", self.name, self.element)?;
        for (i, dim) in self.shape.iter().flatten().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{dim}")?;
        }
        f.write_str("]")
    }
}

/// What came of one run on a mid-grey patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The runtime's name.
    pub runtime: &'static str,
    /// The shape that the input was fixed to.
    pub input_shape: [usize; 4],
    /// The axes that it was taken to have.
    pub layout: Layout,
    /// The shape of each output, in the file's order.
    pub output_shapes: Vec<Vec<usize>>,
    /// Whether all values were finite.
    pub finite: bool,
}

impl Trial {
    /// Channels of the input.
    pub const fn input_channels(&self) -> usize {
        match (self.layout, self.input_shape) {
            (Layout::Nchw, [_, channels, ..]) | (Layout::Nhwc, [.., channels]) => channels,
        }
    }

    /// Channels of output `index`; `None` unless it is a map with a batch of 1.
    pub fn output_channels(&self, index: usize) -> Option<usize> {
        match (self.layout, self.output_shapes.get(index)?.as_slice()) {
            (Layout::Nchw, &[1, channels, _, _]) | (Layout::Nhwc, &[1, _, _, channels]) => {
                Some(channels)
            }
            _ => None,
        }
    }

    /// Input pixels per pixel of output `index`; `None` unless it is a whole number, the same along both axes.
    pub fn output_stride(&self, index: usize) -> Option<u32> {
        let sides = |shape: &[usize]| match (self.layout, shape) {
            (Layout::Nchw, &[_, _, height, width]) | (Layout::Nhwc, &[_, height, width, _]) => {
                Some([height, width])
            }
            _ => None,
        };
        let [height, width] = sides(&self.input_shape)?;
        let [rows, columns] = sides(self.output_shapes.get(index)?)?;
        let stride = height.checked_div(rows)?;
        let whole = rows * stride == height && columns * stride == width;
        u32::try_from(stride).ok().filter(|_| whole)
    }
}

/// What an ONNX file is.
#[derive(Debug)]
pub struct ModelReport {
    /// The file.
    pub path: PathBuf,
    /// Of the file.
    pub sha256: String,
    /// Of the file, in bytes.
    pub bytes: u64,
    /// The version of the default operator set.
    pub opset: Option<i64>,
    /// The program that wrote it; may be empty.
    pub producer: String,
    /// What it takes.
    pub inputs: Vec<TensorInfo>,
    /// What it gives.
    pub outputs: Vec<TensorInfo>,
    /// Whether it runs here, or why not.
    pub trial: Result<Trial, ModelError>,
}

/// Reads an ONNX file and runs it once on a mid-grey patch; free axes become 1 image, its channels (or 3) and `patch` pixels.
///
/// # Errors
/// [`ModelError::Io`], [`ModelError::Limits`] or [`ModelError::Onnx`] if the file cannot be read or is no ONNX.
/// That it does not run here is no error but the report's [`ModelReport::trial`].
pub fn check_onnx(
    path: &Path,
    patch: u32,
    runtime: &dyn Runtime,
) -> Result<ModelReport, ModelError> {
    let weights = read_weights(path)?;
    let proto = onnx::decode(&weights, path)?;
    let (inputs, outputs) = match &proto.graph {
        Some(graph) => (onnx::inputs(graph), onnx::outputs(graph)),
        None => (Vec::new(), Vec::new()),
    };
    onnx::validate(&proto, path)?;
    let trial = trial_shape(&inputs, patch as usize, path).and_then(|(shape, layout)| {
        let input = inputs.first();
        match input.and_then(|input| onnx::wanted_side(&proto, input, patch as usize)) {
            None => try_once(&weights, shape, layout, runtime, path),
            Some(wanted) => Err(ModelError::Mismatch {
                what: "patch (--patch)".to_owned(),
                found: format!("{patch} px"),
                wanted,
                path: path.to_owned(),
            }),
        }
    });
    Ok(ModelReport {
        path: path.to_owned(),
        sha256: sha256_hex(&weights),
        bytes: weights.len() as u64,
        opset: onnx::opset(&proto),
        producer: format!("{} {}", proto.producer_name, proto.producer_version)
            .trim()
            .to_owned(),
        inputs,
        outputs,
        trial,
    })
}

/// The shape to run with: the file's own numbers, and guesses for free axes.
fn trial_shape(
    inputs: &[TensorInfo],
    patch: usize,
    path: &Path,
) -> Result<([usize; 4], Layout), ModelError> {
    let mismatch = |what: &str, found: String, wanted: &str| ModelError::Mismatch {
        what: what.to_owned(),
        found,
        wanted: wanted.to_owned(),
        path: path.to_owned(),
    };
    let [input] = inputs else {
        return Err(mismatch("number of inputs", inputs.len().to_string(), "1"));
    };
    if input.element != "float32" {
        return Err(mismatch(
            "input element",
            input.element.to_owned(),
            "float32",
        ));
    }
    let unknown = vec![Dim::Unknown; 4];
    let dims = input.shape.as_ref().unwrap_or(&unknown);
    let [batch, second, third, fourth] = dims.as_slice() else {
        return Err(mismatch("input", input.to_string(), "4 axes"));
    };
    let or = |dim: &Dim, guess: usize| match dim {
        Dim::Fixed(value) => *value,
        Dim::Named(_) | Dim::Unknown => guess,
    };
    let few = |dim: &Dim| matches!(dim, Dim::Fixed(1..=4));
    let last_is_channels = few(fourth) && !few(second);
    let (shape, layout) = if last_is_channels {
        let shape = [
            or(batch, 1),
            or(second, patch),
            or(third, patch),
            or(fourth, 3),
        ];
        (shape, Layout::Nhwc)
    } else {
        let shape = [
            or(batch, 1),
            or(second, 3),
            or(third, patch),
            or(fourth, patch),
        ];
        (shape, Layout::Nchw)
    };
    let values = shape
        .iter()
        .try_fold(1_usize, |n, &side| n.checked_mul(side));
    if values.is_none_or(|n| n == 0 || n > MOST_VALUES) {
        return Err(mismatch(
            "input",
            input.to_string(),
            "a picture of at most 8192 x 8192 pixels in 4 channels",
        ));
    }
    Ok((shape, layout))
}

fn try_once(
    weights: &[u8],
    shape: [usize; 4],
    layout: Layout,
    runtime: &dyn Runtime,
    path: &Path,
) -> Result<Trial, ModelError> {
    let plan = runtime.prepare(weights, shape, path)?;
    let mut session = plan.session();
    session.input().fill(0.5);
    session.run().map_err(|reason| ModelError::Unsupported {
        runtime: runtime.name(),
        reason,
        path: path.to_owned(),
    })?;
    let output_shapes = plan.output_shapes().to_vec();
    let finite = (0..output_shapes.len())
        .all(|index| session.output(index).iter().all(|value| value.is_finite()));
    Ok(Trial {
        runtime: runtime.name(),
        input_shape: shape,
        layout,
        output_shapes,
        finite,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_wants_a_monstrous_input_is_not_tried() {
        let shape_of = |sides: [usize; 4]| {
            let input = TensorInfo {
                name: "x".to_owned(),
                element: "float32",
                shape: Some(sides.map(Dim::Fixed).to_vec()),
            };
            trial_shape(&[input], 256, Path::new("net.onnx"))
        };
        assert!(shape_of([1, 3, 576, 576]).is_ok());
        for sides in [
            [1, 3, 2_000_000, 2_000_000],
            // More than a number of 64 bits holds.
            [1 << 40, 3, 1 << 40, 4],
            [1, 0, 256, 256],
        ] {
            let error = shape_of(sides).unwrap_err().to_string();
            assert!(error.contains("8192 x 8192"), "{error}");
        }
    }
}
