//! From a patch to nucleus instances.
//!
//! A [`Segmenter`] is shared by all threads; each thread asks it for a [`SegmentWorker`] that owns the buffers.
//! Two kinds stand behind the trait: [`OnnxSegmenter`], a network and a head from the table [`heads::HEADS`], and [`WatershedSegmenter`], the classical baseline.
//!
//! **Architecture invariant:** no segmenter takes statistics over a patch, so two patches that overlap agree wherever a nucleus and its surroundings lie in both (a foreign model whose manifest asks for `z-score` is the one exception).
//!
//! **Architecture invariant:** a worker's labels depend on the patch alone: every buffer is written before it is read.

pub mod heads;
mod model_segmenter;
pub mod morphology;
mod shape;
mod watershed;

pub use heads::{HeadEntry, fitting_heads};
pub use model_segmenter::OnnxSegmenter;
pub use watershed::{WatershedParameters, WatershedSegmenter};

use std::ops::Range;

use pantrk_space::{LevelSize, MicronsPerPixel, RgbBuffer};

use crate::stain::StainPlanes;

/// One patch, at the segmenter's pixel size.
#[derive(Debug, Clone, Copy)]
pub struct PatchInput<'a> {
    /// The pixels.
    pub rgb: &'a RgbBuffer,
    /// Their stains.
    pub stains: &'a StainPlanes,
}

/// Nucleus instances of one patch: 0 is background, 1 to `count` are nuclei in raster order of their first pixel, each one piece connected along pixel edges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelImage {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row.
    pub labels: Vec<u32>,
    /// The highest label.
    pub count: u32,
}

impl LabelImage {
    /// All background, `size` large, keeping the memory.
    pub fn reset(&mut self, size: LevelSize) {
        self.width = size.width as usize;
        self.height = size.height as usize;
        self.labels.clear();
        self.labels.resize(self.width * self.height, 0);
        self.count = 0;
    }
}

/// Makes background of all labels outside these columns and rows.
pub(crate) fn clear_outside(labels: &mut [u32], width: usize, [columns, rows]: &[Range<usize>; 2]) {
    for (y, row) in labels.chunks_exact_mut(width.max(1)).enumerate() {
        if rows.contains(&y) {
            row[..columns.start.min(width)].fill(0);
            row[columns.end.min(width)..].fill(0);
        } else {
            row.fill(0);
        }
    }
}

/// A segmenter that cannot be made, or a patch that could not be segmented.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// The model could not run.
    #[error("segmenter {segmenter} failed")]
    Model {
        /// The segmenter's name.
        segmenter: String,
        /// What the model said.
        source: pantrk_nn::ModelError,
    },
    /// The patch has another size than the segmenter takes, or its planes differ in size.
    #[error("segmenter {segmenter} got a {what} of {found} px, wanted {wanted} px")]
    PatchSize {
        /// The segmenter's name.
        segmenter: String,
        /// Such as `patch` or `stain plane`.
        what: &'static str,
        /// Handed in.
        found: LevelSize,
        /// Needed.
        wanted: LevelSize,
    },
    /// The model names a head that is not in the table.
    #[error("model {model} wants the head {found:?}, known are {known}")]
    UnknownHead {
        /// The model's name.
        model: String,
        /// In its manifest.
        found: String,
        /// The table's names.
        known: String,
    },
    /// The head does not take the model's parameters.
    #[error("model {model} has bad parameters for the head {head}: {reason}")]
    HeadParameters {
        /// The model's name.
        model: String,
        /// The head's name.
        head: &'static str,
        /// What is wrong, naming the parameter.
        reason: String,
    },
    /// The patch is all halo: no nucleus could be seen whole.
    #[error(
        "model {model} has patches of {found} px (input.patch in model.toml), wanted more than {wanted} px: a halo of {halo} px on both sides is only looked at"
    )]
    PatchTooSmall {
        /// The model's name.
        model: String,
        /// In its manifest.
        found: u32,
        /// Twice the halo.
        wanted: u32,
        /// Around what is scored, at the model's pixel size.
        halo: u32,
    },
    /// The head does not take the model's output.
    #[error("model {model} gives {found}, the head {head} wants {wanted}")]
    HeadOutput {
        /// The model's name.
        model: String,
        /// The head's name.
        head: &'static str,
        /// Outputs of the model.
        found: String,
        /// Outputs needed.
        wanted: String,
    },
}

/// Finds nuclei.
pub trait Segmenter: Send + Sync {
    /// As in results: the model's name, or `watershed`.
    fn name(&self) -> &str;

    /// The pixel size that patches must have.
    fn mpp(&self) -> MicronsPerPixel;

    /// The only patch size it takes (halo included), or `None` for any.
    fn patch_size(&self) -> Option<LevelSize>;

    /// Whether it takes patches of this size (halo included): where tissue ends, a smaller one is enough.
    fn takes(&self, size: LevelSize) -> bool {
        self.patch_size().is_none_or(|only| only == size)
    }

    /// How many pixels a patch must hold around the place where nuclei are counted, so that each of them comes out the same in every patch that counts or drops it.
    fn halo(&self) -> u32;

    /// Buffers and session for one thread.
    fn worker(&self) -> Box<dyn SegmentWorker>;
}

/// A [`Segmenter`] at work on one thread.
pub trait SegmentWorker: Send {
    /// Labels the nuclei of `patch`, edge ones included.
    ///
    /// The labels depend on the patch alone, never on patches before it.
    ///
    /// # Errors
    /// If the model fails or the patch has a size that the segmenter does not take.
    fn segment(&mut self, patch: PatchInput<'_>, out: &mut LabelImage) -> Result<(), SegmentError>;
}
