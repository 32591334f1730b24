//! What lets a stopped run go on where it was: finished patches are handed out, and taken back in.
//!
//! A patch's outcome depends on the slide, the parameters and the segmenter alone, so a run that takes some of them from an earlier one gives the same bytes.

use std::error::Error;

use pantrk_space::LevelRect;

use super::PatchOutcome;

/// Keeps the outcomes of finished patches; called from many threads.
///
/// Whoever implements it sees to it that the outcomes are of the same slide, parameters and segmenter.
pub trait Checkpoint: Sync {
    /// The outcome of the patch with this core, if an earlier run finished it; asked once for each patch.
    fn take(&self, core: LevelRect) -> Option<PatchOutcome>;

    /// Keeps the outcome of a patch that was finished just now.
    ///
    /// # Errors
    /// If it cannot be kept; the run then stops.
    fn keep(
        &self,
        core: LevelRect,
        outcome: &PatchOutcome,
    ) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// Nothing is kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCheckpoint;

impl Checkpoint for NoCheckpoint {
    fn take(&self, _core: LevelRect) -> Option<PatchOutcome> {
        None
    }

    fn keep(
        &self,
        _core: LevelRect,
        _outcome: &PatchOutcome,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}
