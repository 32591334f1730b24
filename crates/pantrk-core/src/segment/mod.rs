//! From a patch to nucleus instances.
//!
//! A [`Segmenter`] is shared by all threads; each thread asks it for a [`SegmentWorker`] that owns the buffers.

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

/// Nucleus instances of one patch: 0 is background, 1 to `count` are nuclei, each one connected piece.
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

/// A patch that could not be segmented.
#[derive(Debug, thiserror::Error)]
#[error("the segmenter {segmenter} failed on a patch of {width} x {height} px")]
pub struct SegmentError {
    /// Its name.
    pub segmenter: String,
    /// Of the patch.
    pub width: usize,
    /// Of the patch.
    pub height: usize,
    /// The error below.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Finds nuclei.
pub trait Segmenter: Send + Sync {
    /// As in results: the model's name, or `watershed`.
    fn name(&self) -> &str;

    /// The pixel size that patches must have.
    fn mpp(&self) -> MicronsPerPixel;

    /// The only patch size it takes (halo included), or `None` for any.
    fn patch_size(&self) -> Option<LevelSize>;

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
    /// If the model fails.
    fn segment(&mut self, patch: PatchInput<'_>, out: &mut LabelImage) -> Result<(), SegmentError>;
}
