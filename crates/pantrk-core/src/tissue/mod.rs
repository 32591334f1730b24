//! Where the tissue is, on slides that may be as pale as a negative stain or as brown as a 3+ tumour.
//!
//! Masks made for H&E ask for saturation and lose pale IHC tissue; this one asks only for light that went missing, and takes its limit from the slide's own glass.

use crate::overview::{Mask, Overview};
use crate::stain::WhitePoint;

/// Tissue takes at least this optical density (log10, mean of the channels) from the light, however clean the glass.
const LEAST_OD: f64 = 0.02;
/// Pieces of tissue below this area are dust (mm2).
const DUST_MM2: f64 = 0.005;
/// Holes below this area are part of the tissue: small lumens and vacuoles (mm2).
const HOLE_MM2: f64 = 0.01;

/// The tissue of an overview.
///
/// Unreadable places count as tissue, so that the scoring pass tries them at full resolution and reports what stays unread.
pub fn tissue_mask(overview: &Overview, white: &WhitePoint) -> Mask {
    let (width, height) = (overview.rgb.width(), overview.rgb.height());
    let tables = white.rgb.map(|white| -> [f64; 256] {
        std::array::from_fn(|value| crate::stain::optical_density(value as u8, white))
    });
    let density = |x: u32, y: u32| {
        let [red, green, blue] = overview.rgb.pixel(x, y).map(usize::from);
        (tables[0][red] + tables[1][green] + tables[2][blue]) / 3.0
    };
    let limit = LEAST_OD.max(glass_spread(overview, density));
    let raw = Mask::from_fn(width, height, |x, y| {
        overview.is_unreadable(x, y) || (overview.is_slide(x, y) && density(x, y) > limit)
    });
    let dust = (DUST_MM2 / overview.grid().pixel_mm2()) as usize;
    let hole = (HOLE_MM2 / overview.grid().pixel_mm2()) as usize;
    raw.dilated(1)
        .eroded(1)
        .without_small(true, dust)
        .without_small(false, hole)
}

/// Four times the spread of the glass around its own density: vignetting and noise stay below it.
fn glass_spread(overview: &Overview, density: impl Fn(u32, u32) -> f64) -> f64 {
    let mut values = Vec::new();
    for y in 0..overview.rgb.height() {
        for x in 0..overview.rgb.width() {
            if overview.is_slide(x, y) {
                let d = density(x, y);
                // Only what is surely glass.
                if d < 0.015 {
                    values.push(d);
                }
            }
        }
    }
    if values.len() < 100 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    mean + 4.0 * variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::tests::overview_from;

    const WHITE: WhitePoint = WhitePoint {
        rgb: [244.0, 243.0, 241.0],
        measured: true,
        drift: None,
    };

    fn is_tissue(x: u32, y: u32) -> bool {
        (20..80).contains(&x) && (15..60).contains(&y)
    }

    fn found(colour: [u8; 3]) -> Mask {
        let overview = overview_from(100, 80, |x, y| {
            let noise = ((x * 37 + y * 91) % 3) as u8;
            let base = if is_tissue(x, y) {
                colour
            } else {
                [243, 242, 240]
            };
            base.map(|v| v - 1 + noise)
        });
        tissue_mask(&overview, &WHITE)
    }

    #[test]
    fn pale_and_brown_tissue_are_both_found() {
        for colour in [[224, 221, 230], [120, 70, 40], [150, 140, 190]] {
            let mask = found(colour);
            let truth = Mask::from_fn(100, 80, is_tissue);
            let wrong = Mask::from_fn(100, 80, |x, y| mask.get(x, y) != truth.get(x, y)).count();
            assert!(
                wrong * 100 < truth.count(),
                "{colour:?}: {wrong} pixels wrong"
            );
        }
    }

    #[test]
    fn clean_glass_has_no_tissue() {
        assert_eq!(found([243, 242, 240]).count(), 0);
    }
}
