//! Whether the slide is H-DAB at all: eosin is pink, and a threshold on "DAB" would call it positive.

use serde::{Deserialize, Serialize};

use super::pen::density_length;
use crate::overview::{Mask, Overview};
use crate::stain::Deconvolver;

/// What the stain of a slide looks like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StainKind {
    /// Whether it may be hematoxylin and DAB.
    pub looks_like_h_dab: bool,
    /// Median over tissue of the residual, as a share of the optical density; eosin drives it below zero.
    pub residual_share: f64,
}

/// Hematoxylin and DAB leave a residual near 0, and vectors turned by 6 degrees one of about 0.1; eosin alone leaves -0.27 of its density.
const EOSIN_RESIDUAL: f64 = -0.12;
/// Fainter pixels have no colour to judge (optical density, length over the channels).
const LEAST_OD: f32 = 0.08;

/// Judges the stain on the tissue of the overview.
pub fn stain_kind(overview: &Overview, tissue: &Mask, deconvolver: &Deconvolver) -> StainKind {
    let mut shares = Vec::new();
    for y in 0..tissue.height() {
        for x in 0..tissue.width() {
            if tissue.get(x, y) && overview.is_slide(x, y) {
                let stains = deconvolver.pixel(overview.rgb.pixel(x, y));
                let length = density_length(deconvolver, stains);
                if length > LEAST_OD {
                    shares.push(stains[2] / length);
                }
            }
        }
    }
    shares.sort_unstable_by(f32::total_cmp);
    let residual_share = shares.get(shares.len() / 2).map_or(0.0, |&v| f64::from(v));
    StainKind {
        looks_like_h_dab: residual_share > EOSIN_RESIDUAL,
        residual_share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::tests::overview_from;
    use crate::stain::StainVectors;

    fn judge(a: [f64; 3], b: [f64; 3]) -> StainKind {
        let overview = overview_from(50, 50, |x, y| {
            let (first, second) = if (x + y) % 3 == 0 {
                (0.4, 0.1)
            } else {
                (0.1, 0.35)
            };
            std::array::from_fn(|c| {
                (245.0 * 10_f64.powf(-(first * a[c] + second * b[c]))).round() as u8
            })
        });
        let deconvolver = Deconvolver::new(StainVectors::h_dab_default(), [245.0; 3]);
        stain_kind(&overview, &Mask::filled(50, 50, true), &deconvolver)
    }

    #[test]
    fn eosin_is_told_from_dab() {
        let v = StainVectors::h_dab_default();
        let eosin = [0.2159, 0.8012, 0.5581];
        assert!(judge(v.hematoxylin, v.dab).looks_like_h_dab);
        let pink = judge(v.hematoxylin, eosin);
        assert!(!pink.looks_like_h_dab, "{pink:?}");
    }
}
