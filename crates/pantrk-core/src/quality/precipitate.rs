//! DAB that fell out of solution: clumps with more DAB than any cell takes up.

use super::blocks::BlockMap;
use super::marked_share;
use crate::overview::Mask;

/// Marks clumps of DAB.
pub(super) fn mark(blocks: &BlockMap, tissue: &Mask) -> Mask {
    marked_share(blocks, tissue, |block| block.clump, 0.05)
}
