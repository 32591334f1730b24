//! Ink of a felt pen: strong colour that neither hematoxylin nor DAB nor their mixture has.

use crate::overview::{Mask, Overview};
use crate::stain::Deconvolver;

/// Of the length of the optical density, how much must lie off the hematoxylin-DAB plane.
///
/// Vectors that are 6 degrees off put about 0.1 there, folds and pigment 0.15; red ink on tissue 0.25 to 0.4, green and violet ink more.
const OFF_PLANE: f32 = 0.22;
/// And how much where it is connected to such ink: over dark stain.
const OFF_PLANE_BESIDE: f32 = 0.15;
/// Or how much below zero a stain must be: vectors that are off put more there.
const BELOW_ZERO: f32 = 0.35;
/// Paler ink than this optical density (length over the channels) does no harm.
const LEAST_OD: f32 = 0.25;
/// Ink bleeds: the mark grows by this many overview pixels.
const BLEED: u32 = 2;
/// Marks smaller than this many overview pixels are noise.
const LEAST_PIXELS: usize = 20;

/// Marks ink.
pub(super) fn mark(overview: &Overview, tissue: &Mask, deconvolver: &Deconvolver) -> Mask {
    let ink_over = |x: u32, y: u32, off_plane: f32| {
        if !tissue.get(x, y) || !overview.is_slide(x, y) {
            return false;
        }
        let [h, d, r] = deconvolver.pixel(overview.rgb.pixel(x, y));
        let length = density_length(deconvolver, [h, d, r]);
        // A negative amount of a stain is as impossible as light off the plane: blue ink reads as hematoxylin with DAB below zero.
        let off = r.abs() > off_plane * length || (-h).max(-d) > BELOW_ZERO * length;
        length > LEAST_OD && off
    };
    let over = |off_plane: f32| {
        Mask::from_fn(tissue.width(), tissue.height(), |x, y| {
            ink_over(x, y, off_plane)
        })
    };
    let clear = over(OFF_PLANE).without_small(true, LEAST_PIXELS);
    over(OFF_PLANE_BESIDE).connected_to(&clear).dilated(BLEED)
}

/// The length of the optical density that these stain densities make up.
pub(super) fn density_length(deconvolver: &Deconvolver, stains: [f32; 3]) -> f32 {
    let v = deconvolver.vectors();
    (0..3)
        .map(|c| {
            let od = f64::from(stains[0]) * v.hematoxylin[c]
                + f64::from(stains[1]) * v.dab[c]
                + f64::from(stains[2]) * v.residual[c];
            od * od
        })
        .sum::<f64>()
        .sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::tests::overview_from;
    use crate::stain::StainVectors;

    #[test]
    fn green_ink_is_marked_and_tissue_is_not() {
        let overview = overview_from(60, 60, |x, y| match (x, y) {
            (10..20, 10..50) => [60, 160, 90],
            // Red ink on tissue.
            (45..55, 10..50) => [168, 38, 62],
            (30..40, 10..50) => [137, 69, 43],
            _ => [170, 165, 205],
        });
        let tissue = Mask::filled(60, 60, true);
        let deconvolver = Deconvolver::new(StainVectors::h_dab_default(), [255.0; 3]);
        let ink = mark(&overview, &tissue, &deconvolver);
        assert!(ink.get(15, 30) && ink.get(50, 30));
        assert!(!ink.get(35, 30) && !ink.get(25, 30));
    }
}
