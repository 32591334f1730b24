//! The slide's own DAB background: what unstained tissue reads.

use serde::{Deserialize, Serialize};

use super::Deconvolver;
use crate::overview::{Mask, Overview};

/// The DAB optical density of unstained tissue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BackgroundDab {
    /// Log10, not below 0.
    pub od: f64,
    /// Whether unstained tissue was found; otherwise `od` is 0.
    pub measured: bool,
}

/// Histogram bins of this width, from [`LOWEST`] up.
const BIN: f64 = 0.005;
const LOWEST: f64 = -0.1;
const BINS: usize = 160;
/// A peak counts from this share of the highest one: unstained stroma may be the smaller part of a slide.
const PEAK_SHARE: f64 = 0.15;
/// Above this a "background" may as well be staining: it is not taken off.
const HIGHEST_BACKGROUND: f64 = 0.15;

/// The lowest clear peak of the DAB density over tissue.
///
/// The mode alone would take a diffusely stained tumour for background; the lowest peak is the least stained tissue of the slide.
pub fn background_dab(
    overview: &Overview,
    tissue: &Mask,
    deconvolver: &Deconvolver,
) -> BackgroundDab {
    let mut histogram = [0.0_f64; BINS];
    let mut total = 0_usize;
    for y in 0..overview.rgb.height() {
        for x in 0..overview.rgb.width() {
            if tissue.get(x, y) && overview.is_slide(x, y) {
                let dab = f64::from(deconvolver.pixel(overview.rgb.pixel(x, y))[1]);
                let bin = ((dab - LOWEST) / BIN).floor();
                if bin >= 0.0 && bin < BINS as f64 {
                    histogram[bin as usize] += 1.0;
                }
                total += 1;
            }
        }
    }
    let none = BackgroundDab {
        od: 0.0,
        measured: false,
    };
    if total < 50 {
        return none;
    }
    let smooth = smoothed(&histogram, 4);
    let highest = smooth.iter().copied().fold(0.0, f64::max);
    let peak = (1..BINS - 1).find(|&i| {
        smooth[i] >= highest * PEAK_SHARE && smooth[i] >= smooth[i - 1] && smooth[i] > smooth[i + 1]
    });
    match peak.map(|i| LOWEST + (i as f64 + 0.5) * BIN) {
        Some(od) if od <= HIGHEST_BACKGROUND => BackgroundDab {
            od: od.max(0.0),
            measured: true,
        },
        _ => none,
    }
}

/// Three box filters of half width `radius`, close to a Gaussian.
fn smoothed(values: &[f64; BINS], radius: usize) -> [f64; BINS] {
    let mut current = *values;
    for _ in 0..3 {
        current = std::array::from_fn(|i| {
            let from = i.saturating_sub(radius);
            let to = (i + radius + 1).min(BINS);
            current[from..to].iter().sum::<f64>() / (to - from) as f64
        });
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::tests::overview_from;
    use crate::stain::StainVectors;

    /// Beer-Lambert: the colour of tissue with these densities on glass of 255.
    fn colour(h: f64, d: f64) -> [u8; 3] {
        let vectors = StainVectors::h_dab_default();
        std::array::from_fn(|c| {
            let od = h * vectors.hematoxylin[c] + d * vectors.dab[c];
            (255.0 * 10_f64.powf(-od)).round() as u8
        })
    }

    fn measure(colour_at: impl Fn(u32, u32) -> [u8; 3]) -> BackgroundDab {
        let overview = overview_from(100, 100, colour_at);
        let tissue = Mask::filled(100, 100, true);
        let deconvolver = Deconvolver::new(StainVectors::h_dab_default(), [255.0; 3]);
        background_dab(&overview, &tissue, &deconvolver)
    }

    #[test]
    fn haze_is_read_beside_a_large_stained_tumour() {
        let found = measure(|x, y| {
            let wobble = f64::from((x * 31 + y * 17) % 11) / 500.0;
            if x < 70 {
                colour(0.2, 0.55 + wobble * 4.0)
            } else {
                colour(0.1 + wobble, 0.07 + wobble)
            }
        });
        assert!(
            found.measured && (found.od - 0.08).abs() < 0.02,
            "{found:?}"
        );
    }

    #[test]
    fn a_wholly_stained_slide_has_no_background() {
        let found = measure(|x, y| colour(0.2, 0.5 + f64::from((x + y) % 10) / 200.0));
        assert!(!found.measured && found.od.abs() < 1e-12, "{found:?}");
    }
}
