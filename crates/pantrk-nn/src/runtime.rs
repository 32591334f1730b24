//! The seam for a second runtime.
//!
//! A runtime prepares a [`Plan`] once for one input shape; every thread runs a [`Session`] of it.

use std::path::Path;

use crate::ModelError;

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
