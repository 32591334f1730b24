//! What the benches measure on: a phantom slide and its patches.

pub mod tiles;
pub mod timed;
pub mod tools;

use std::path::Path;

use pantrk_core::segment::OnnxSegmenter;
use pantrk_nn::Model;
use pantrk_phantom::{SlideContainer, SlideSpec, write_slide};
use pantrk_slide::Slide;

/// A demo-like phantom slide, `side` pixels square at 0.25 um/px with 40 % tissue.
///
/// # Errors
/// If it cannot be made or opened, as a sentence.
pub fn phantom_slide(folder: &Path, side: u32) -> Result<Slide, String> {
    let path = folder.join(format!("phantom-{side}.svs"));
    if !path.exists() {
        let spec = SlideSpec {
            width: side,
            height: side,
            tissue_fraction: 0.4,
            ..SlideSpec::default()
        };
        write_slide(&spec, &path, SlideContainer::AperioSvs, &|_, _| {})
            .map_err(|e| e.to_string())?;
    }
    Slide::open(&path).map_err(|e| e.to_string())
}

/// The network on board with its head.
///
/// # Errors
/// If it does not load, as a sentence.
pub fn network() -> Result<OnnxSegmenter, String> {
    OnnxSegmenter::new(Model::embedded().map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}
