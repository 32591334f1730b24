//! Carbon, melanin and folds so dark that they read as DAB: a black pixel has a DAB density of 2.

use pantrk_space::RgbBuffer;

use crate::overview::{Mask, Overview};
use crate::stain::Deconvolver;

/// No channel of a pigment lets more than this through, however much light the others lose; strong DAB stays above it in red.
const DARKEST_RED: u8 = 70;
/// Pigment is nearly neutral: largest minus smallest channel.
const CHROMA: u8 = 45;

/// Marks dark pigment.
pub(super) fn mark(overview: &Overview, tissue: &Mask, _deconvolver: &Deconvolver) -> Mask {
    Mask::from_fn(tissue.width(), tissue.height(), |x, y| {
        tissue.get(x, y) && overview.is_slide(x, y) && is_dark(&overview.rgb, x, y)
    })
    .dilated(1)
    .and(tissue, true)
}

fn is_dark(rgb: &RgbBuffer, x: u32, y: u32) -> bool {
    let [r, g, b] = rgb.pixel(x, y);
    let (low, high) = (r.min(g).min(b), r.max(g).max(b));
    r < DARKEST_RED && high - low < CHROMA
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::tests::overview_from;
    use crate::stain::StainVectors;

    #[test]
    fn carbon_is_marked_and_strong_dab_is_not() {
        let overview = overview_from(40, 20, |x, _| match x {
            0..10 => [40, 36, 34],
            20..30 => [104, 50, 28],
            _ => [150, 140, 190],
        });
        let tissue = Mask::filled(40, 20, true);
        let deconvolver = Deconvolver::new(StainVectors::h_dab_default(), [255.0; 3]);
        let dark = mark(&overview, &tissue, &deconvolver);
        assert!(dark.get(5, 10) && !dark.get(25, 10) && !dark.get(36, 10));
    }
}
