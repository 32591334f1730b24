//! The finished patches of a slide, joined without all of them being in memory at once.
//!
//! What was seen of the overview's pixels is taken first, so that quality is judged before the cells come in and the two are never held together.

use pantrk_space::LevelRect;

use super::{Checkpoint, Ground, PatchOutcome, UnreadTile};
use crate::CoreError;
use crate::cell::CellTable;
use crate::quality::BlockMap;

/// The outcomes of all patches, most of them with the checkpoint.
pub(super) struct Finished<'a> {
    checkpoint: &'a dyn Checkpoint,
    /// In the order of the patches; `Some` for those that the checkpoint did not keep.
    patches: Vec<(LevelRect, Option<Box<PatchOutcome>>)>,
}

/// What patches tell besides their cells.
pub(super) struct Seen {
    pub(super) cells: usize,
    pub(super) unread_um2: f64,
    /// Each once, in order.
    pub(super) unread_tiles: Vec<UnreadTile>,
    pub(super) blocks: BlockMap,
}

impl<'a> Finished<'a> {
    pub(super) fn new(
        checkpoint: &'a dyn Checkpoint,
        patches: Vec<(LevelRect, Option<Box<PatchOutcome>>)>,
    ) -> Self {
        Self {
            checkpoint,
            patches,
        }
    }

    /// All but the cells.
    pub(super) fn seen(&self, ground: &Ground) -> Result<Seen, CoreError> {
        let mut seen = Seen {
            cells: 0,
            unread_um2: 0.0,
            unread_tiles: Vec::new(),
            blocks: BlockMap::over(&ground.quality.looked_at()),
        };
        let mut enter = |outcome: &PatchOutcome| {
            seen.cells += outcome.cells.len();
            seen.unread_um2 += outcome.unread_um2;
            seen.unread_tiles.extend_from_slice(&outcome.unread_tiles);
            for &(place, block) in &outcome.blocks {
                seen.blocks.put(place, block);
            }
        };
        for (core, held) in &self.patches {
            match held {
                Some(outcome) => enter(outcome),
                None => enter(&self.read(*core)?),
            }
        }
        seen.unread_tiles.sort();
        seen.unread_tiles.dedup();
        Ok(seen)
    }

    /// The cells, patch by patch; `count` is how many there are.
    pub(super) fn cells(self, count: usize) -> Result<CellTable, CoreError> {
        let mut cells = CellTable::default();
        cells.reserve(count);
        let (checkpoint, patches) = (self.checkpoint, self.patches);
        for (core, held) in patches {
            let mut outcome = match held {
                Some(outcome) => *outcome,
                None => checkpoint.read(core).map_err(CoreError::NotKept)?,
            };
            cells.append(&mut outcome.cells);
        }
        Ok(cells)
    }

    fn read(&self, core: LevelRect) -> Result<PatchOutcome, CoreError> {
        self.checkpoint.read(core).map_err(CoreError::NotKept)
    }
}
