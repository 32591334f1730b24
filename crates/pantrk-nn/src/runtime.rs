//! What runs networks, behind one seam.
//!
//! A runtime prepares a [`Plan`] once for one input shape; every thread runs a [`Session`] of it.

use std::path::Path;
use std::str::FromStr;

use crate::{Direct, ModelError, Tract};

/// Which runtime is to run a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RuntimeChoice {
    /// What is compiled in: our own for plain networks, tract for the others. The same on every machine.
    #[default]
    Tract,
    /// ONNX Runtime.
    Ort,
    /// The fastest that this machine has and that takes the network.
    Auto,
}

impl FromStr for RuntimeChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "tract" => Ok(Self::Tract),
            "ort" => Ok(Self::Ort),
            "auto" => Ok(Self::Auto),
            other => Err(format!(
                "no runtime {other:?}: there are tract, ort and auto"
            )),
        }
    }
}

/// Where a model is to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Device {
    /// On the processor.
    #[default]
    Cpu,
    /// On an NVIDIA GPU.
    Cuda,
}

impl FromStr for Device {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(format!("no device {other:?}: there are cpu and cuda")),
        }
    }
}

/// The runtimes to try, the first that takes a network runs it.
///
/// # Errors
/// [`ModelError::NoRuntime`] if this build or this machine has none of that kind for that device, or if `ORT_DYLIB_PATH` names what is no library.
pub fn runtimes(
    choice: RuntimeChoice,
    device: Device,
) -> Result<Vec<Box<dyn Runtime>>, ModelError> {
    match (choice, device) {
        (RuntimeChoice::Tract, Device::Cpu) => Ok(vec![Box::new(Direct), Box::new(Tract)]),
        (RuntimeChoice::Tract, Device::Cuda) => Err(ModelError::NoRuntime {
            runtime: "tract",
            reason:
                "it has no cuda; use --runtime ort with a library built for it, or --device cpu"
                    .to_owned(),
        }),
        (RuntimeChoice::Ort, device) => Ok(vec![onnx_runtime(device)?]),
        (RuntimeChoice::Auto, Device::Cuda) => Ok(vec![onnx_runtime(Device::Cuda)?]),
        (RuntimeChoice::Auto, Device::Cpu) => {
            let mut list: Vec<Box<dyn Runtime>> = vec![Box::new(Direct)];
            match onnx_runtime(Device::Cpu) {
                Ok(runtime) => list.push(runtime),
                // A library that somebody named and that is none is a slip of theirs.
                Err(error) if library_is_named() => return Err(error),
                // Where there is no library, there is nothing to say about it.
                Err(_) => {}
            }
            list.push(Box::new(Tract));
            Ok(list)
        }
    }
}

#[cfg(feature = "ort")]
fn onnx_runtime(device: Device) -> Result<Box<dyn Runtime>, ModelError> {
    let provider = match device {
        Device::Cpu => crate::Provider::Cpu,
        Device::Cuda => crate::Provider::Cuda,
    };
    Ok(Box::new(crate::OnnxRuntime::find(provider)?))
}

#[cfg(feature = "ort")]
fn library_is_named() -> bool {
    crate::OnnxRuntime::is_named()
}

#[cfg(not(feature = "ort"))]
const fn library_is_named() -> bool {
    false
}

#[cfg(not(feature = "ort"))]
fn onnx_runtime(_device: Device) -> Result<Box<dyn Runtime>, ModelError> {
    Err(ModelError::NoRuntime {
        runtime: "onnxruntime",
        reason: "this build leaves it out; build with the feature ort".to_owned(),
    })
}

/// Something that runs ONNX.
pub trait Runtime: Send + Sync {
    /// As in results, such as `tract`.
    fn name(&self) -> &'static str;

    /// Loads and optimises a network with one `f32` input of `shape`; `path` is for messages alone.
    ///
    /// # Errors
    /// [`ModelError::Onnx`] for a broken file, [`ModelError::Unsupported`] for what this runtime lacks.
    fn prepare(
        &self,
        onnx: &[u8],
        shape: [usize; 4],
        path: &Path,
    ) -> Result<Box<dyn Plan>, ModelError>;
}

/// A network ready to run, shared by all threads.
pub trait Plan: Send + Sync + std::fmt::Debug {
    /// The shape of each output, in the file's order.
    fn output_shapes(&self) -> &[Vec<usize>];

    /// Buffers for one thread.
    fn session(&self) -> Box<dyn Session>;

    /// The same network for pictures of another size; `None` where the runtime or the network fixes it.
    fn resized(&self, _height: usize, _width: usize) -> Option<Box<dyn Plan>> {
        None
    }
}

/// A network at work on one thread.
pub trait Session: Send {
    /// The input, in the plan's shape; keeps its values between runs.
    fn input(&mut self) -> &mut [f32];

    /// Runs the network once.
    ///
    /// # Errors
    /// What the runtime said.
    fn run(&mut self) -> Result<(), String>;

    /// One output of the last run, in the file's order; empty before the first run or where there is none.
    fn output(&self, index: usize) -> &[f32];
}
