//! What lets a stopped run go on where it was, and a large slide be scored in little memory: finished patches are handed out, and taken back in.
//!
//! A patch's outcome depends on the slide, the parameters and the segmenter alone, so a run that takes some of them from an earlier one gives the same bytes.

use std::error::Error;

use pantrk_space::LevelRect;

use super::PatchOutcome;

/// Keeps the outcomes of finished patches; called from many threads.
///
/// Whoever implements it sees to it that the outcomes are of the same slide, parameters and segmenter.
pub trait Checkpoint: Sync {
    /// Whether an earlier run finished the patch with this core.
    fn has(&self, core: LevelRect) -> bool;

    /// Keeps the outcome of a patch that was finished just now; what it does not keep comes back and stays in memory.
    ///
    /// # Errors
    /// If it cannot be kept; the run then stops.
    fn keep(
        &self,
        core: LevelRect,
        outcome: PatchOutcome,
    ) -> Result<Option<PatchOutcome>, Box<dyn Error + Send + Sync>>;

    /// The outcome of a patch that is kept, as often as it is asked for.
    ///
    /// # Errors
    /// If it cannot be read back; the run then stops.
    fn read(&self, core: LevelRect) -> Result<PatchOutcome, Box<dyn Error + Send + Sync>>;
}

/// Nothing is kept: all outcomes stay in memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCheckpoint;

impl Checkpoint for NoCheckpoint {
    fn has(&self, _core: LevelRect) -> bool {
        false
    }

    fn keep(
        &self,
        _core: LevelRect,
        outcome: PatchOutcome,
    ) -> Result<Option<PatchOutcome>, Box<dyn Error + Send + Sync>> {
        Ok(Some(outcome))
    }

    fn read(&self, _core: LevelRect) -> Result<PatchOutcome, Box<dyn Error + Send + Sync>> {
        Err("no patch was kept".into())
    }
}
