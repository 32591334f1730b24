//! DAB that fell out of solution: clumps with more DAB than any cell takes up.

use super::{CloseLook, marked_share};
use crate::overview::Mask;

/// Stain this strong on more of the tissue than this is a strong stain, or one for the laboratory to repeat; not clumps.
const MOST_OF_TISSUE: f64 = 0.15;

/// Marks clumps of DAB.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    let marked = marked_share(look, |block| block.clump, 0.03);
    if marked.count() as f64 > MOST_OF_TISSUE * look.tissue.count() as f64 {
        return Mask::filled(look.tissue.width(), look.tissue.height(), false);
    }
    marked
}
