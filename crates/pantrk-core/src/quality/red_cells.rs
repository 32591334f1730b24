//! Red cells and hemosiderin: yellower than DAB, so that they read as DAB with hematoxylin below zero.

use super::blocks::BlockMap;
use super::marked_share;
use crate::overview::Mask;

/// Marks blood and its iron.
pub(super) fn mark(blocks: &BlockMap, tissue: &Mask) -> Mask {
    marked_share(blocks, tissue, |block| block.yellow, 0.06)
}
