//! Melanin, carbon and formalin pigment as grains too fine for the overview: pixels too dark for any stain.

use super::{CloseLook, marked_share};
use crate::overview::Mask;

/// Marks dark grains.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    marked_share(look, |block| block.dark, 0.08)
}
