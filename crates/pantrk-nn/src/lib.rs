//! Runs ONNX models: model folder and manifest, checksum, input buffer, session.
//!
//! A [`Model`] is a folder with `model.toml` and one `*.onnx`; it is optimised once for the patch size that its manifest names and shared by all threads.
//! Each thread asks it for a [`ModelWorker`], which owns the input and output buffers.
//!
//! **Architecture invariant:** nothing outside this crate names an ONNX runtime, and inside it only [`runtime`]'s implementations do.
//!
//! **Architecture invariant:** weights whose SHA-256 is not the manifest's are never run.
//!
//! **Architecture invariant:** the only unsafe code is the call of a convolution compiled for instructions that the processor was found to have (`direct`).
//!
//! **Architecture invariant:** a worker's output depends on its input alone, not on earlier runs or other threads: no runtime here splits one run over threads.

mod check;
mod direct;
mod error;
mod input;
mod manifest;
mod model;
mod onnx;
#[cfg(feature = "ort")]
mod onnxruntime;
pub mod runtime;
mod tract;

pub use check::{Dim, ModelReport, TensorInfo, Trial, check_onnx};
pub use direct::Direct;
pub use error::ModelError;
pub use input::{InputSource, fill_input};
pub use manifest::{
    Channels, HeadSpec, InputSpec, Layout, ModelManifest, Normalisation, OutputSpec,
};
pub use model::{Model, ModelWorker, sha256_hex};
#[cfg(feature = "ort")]
pub use onnxruntime::{OnnxRuntime, Provider};
pub use runtime::{Device, RuntimeChoice, runtimes};
pub use tract::Tract;
