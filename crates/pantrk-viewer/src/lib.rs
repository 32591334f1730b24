//! The desktop viewer: slides as pyramids, results beside them.
//!
//! - `state.rs` is data: `Settings` and `Session`; `view.rs`, `pyramid.rs`, `tile_cache.rs`, `cell_layer.rs`, `outlines.rs` and `training.rs` are its parts.
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
mod browser;
mod canvas;
mod cell_layer;
mod command;
mod draft;
mod drawing;
mod error;
mod history;
mod icon;
mod jobs;
pub mod measure;
mod notice;
mod outlines;
mod own_step;
mod panels;
mod pyramid;
mod reading;
mod review;
mod settings;
mod stain_view;
mod state;
mod tile_cache;
mod tokens;
mod tour;
mod training;
mod view;
mod worklist;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pantrk_core::pipeline::Progress;
use pantrk_core::segment::Segmenter;
use pantrk_space::MicronsPerPixel;
use pantrk_triage::Case;

pub use error::ViewerError;

/// The folder beside a slide where its result is looked for.
pub const RESULTS_BESIDE: &str = "pantrk-results";

/// What a person says of a slide that is to be scored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// The facts of the case.
    pub case: Case,
    /// What was drawn, as GeoJSON; `None` where no region was.
    pub regions: Option<String>,
    /// The pixel size, where the file does not say it.
    pub mpp: Option<MicronsPerPixel>,
    /// The folder of a result of the slide that the new one takes the place of: what the case and the regions leave open is as it was scored then.
    pub again: Option<PathBuf>,
}

/// What scores slides for the worklist; the program hands it in, so that the viewer knows no model and no runtime.
pub trait SlideScorer: Send + Sync {
    /// Scores a slide with the case and the regions `given`, and gives the folder of its result; `progress` is told how it goes and asked whether to stop.
    ///
    /// # Errors
    /// Why there is no result, as a sentence for the user.
    fn score(
        &self,
        slide: &Path,
        given: &Given,
        progress: &dyn Progress,
    ) -> Result<PathBuf, String>;

    /// Lends what finds nuclei, so that the cells in view can be outlined.
    ///
    /// # Errors
    /// Why there is none, as a sentence for the user.
    fn with_segmenter(&self, work: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String>;
}

/// What the viewer starts with.
#[derive(Default)]
pub struct ViewerOptions {
    /// Slides, result folders, folders of them, or worklists; without any, those of the last session.
    pub paths: Vec<PathBuf>,
    /// What scores slides; without it they are only shown.
    pub scorer: Option<Arc<dyn SlideScorer>>,
    /// Pan and zoom along a fixed way, save a picture of the window here, and end.
    pub screenshot: Option<PathBuf>,
}

/// Opens the viewer's window and returns when it is closed.
///
/// # Errors
/// If a path does not exist, no window can be opened (no display, no OpenGL), or the screenshot that was asked for could not be made.
pub fn run(options: ViewerOptions) -> Result<(), ViewerError> {
    app::run(options)
}
