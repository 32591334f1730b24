//! Melanin, carbon and formalin pigment as grains too fine for the overview: pixels too dark for any stain.

use super::blocks::BlockMap;
use super::marked_share;
use crate::overview::Mask;

/// Marks dark grains.
pub(super) fn mark(blocks: &BlockMap, tissue: &Mask) -> Mask {
    marked_share(blocks, tissue, |block| block.dark, 0.08)
}
