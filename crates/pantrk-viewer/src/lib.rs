//! The desktop viewer: slides as pyramids, results beside them.
//!
//! - `state.rs` is data: `Settings` and `Session`; `view.rs`, `pyramid.rs`, `tile_cache.rs` and `cell_layer.rs` are its parts.
//! - `jobs/` owns the worker threads and the bounded channels; all that touches a file is there.
//! - `panels/` (one file per panel, one row in its table) and `canvas/` only draw.
//! - `tokens.rs` holds every colour.
//!
//! A frame drains the jobs, runs the commands of the frame before, and draws.
//!
//! **Architecture invariant:** what draws gets the state read-only and answers with `Command`s; nothing but `app.rs` changes the state.
//!
//! **Architecture invariant:** no file is read and no lock is waited for on the thread that draws; a request that finds the queue full is dropped, and the next frame asks again.
//!
//! **Architecture invariant:** pixels that could not be read are drawn hatched with a word, never as glass.
//!
//! **Architecture invariant:** the words are those of decision support for research use; nothing is called a diagnosis.
#![forbid(unsafe_code)]

mod app;
mod canvas;
mod cell_layer;
mod command;
mod error;
mod icon;
mod jobs;
mod panels;
mod pyramid;
mod state;
mod tile_cache;
mod tokens;
mod view;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use error::ViewerError;

/// Opens the viewer's window on slides, result folders and folders of result folders, and returns when it is closed.
///
/// Without paths the worklist is empty.
///
/// # Errors
/// If a path does not exist, or no window can be opened (no display, no OpenGL).
pub fn run(paths: &[PathBuf]) -> Result<(), ViewerError> {
    app::run(paths)
}
