//! Melanin, carbon and formalin pigment as grains too fine for the overview: pixels too dark for any stain.

use super::{CloseLook, marked_share};
use crate::overview::Mask;

/// Stained tissue has hardly a pixel in 10,000 as dark or grey; the 2,300 around grains have a dozen.
const SHARE: f32 = 0.005;
/// Grains lie in clusters: gaps of less than twice this between them belong to them, overview pixels.
const GAP: u32 = 3;

/// Marks dark grains.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    marked_share(look, |block| block.dark, SHARE)
        .dilated(GAP)
        .eroded(GAP)
        .and(look.tissue, true)
}
