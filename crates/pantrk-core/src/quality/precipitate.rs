//! DAB that fell out of solution: clumps with more DAB than any cell takes up.

use super::{CloseLook, marked_share};
use crate::overview::Mask;

/// Marks clumps of DAB.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    marked_share(look, |block| block.clump, 0.05)
}
