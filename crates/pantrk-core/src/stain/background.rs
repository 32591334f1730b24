//! The slide's own DAB background: what unstained tissue reads.

use serde::{Deserialize, Serialize};

use super::StainVectors;
use super::sample::TissueSample;

/// The DAB optical density of unstained tissue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BackgroundDab {
    /// Log10, not below 0.
    pub od: f64,
    /// Whether unstained tissue was found; otherwise `od` is 0.
    pub measured: bool,
    /// Whether it was found in tissue outside the tumour, the slide's internal negative control.
    pub internal_negative: bool,
}

/// Histogram bins of this width, from [`LOWEST`] up.
const BIN: f64 = 0.005;
const LOWEST: f64 = -0.1;
const BINS: usize = 160;
/// A peak counts from this share of the highest one: unstained stroma may be the smaller part of a slide.
const PEAK_SHARE: f64 = 0.12;
/// Above this a "background" may as well be staining: it is not taken off.
const HIGHEST_BACKGROUND: f64 = 0.15;
/// Pixels with less optical density than this, sum of the channels, are gaps.
const LEAST_TISSUE: f32 = 0.12;
/// Nuclei are left to themselves: what is a little off in hematoxylin's vector would be read as DAB there.
const MOST_HEMATOXYLIN: f32 = 0.25;
/// Fewer pixels are no measurement.
const LEAST_PIXELS: f64 = 2000.0;

impl BackgroundDab {
    const NONE: Self = Self {
        od: 0.0,
        measured: false,
        internal_negative: false,
    };
}

/// The lowest clear peak of the DAB density over a sample of tissue.
///
/// The mode alone would take a diffusely stained tumour for background; the lowest peak is the least stained tissue of the slide.
/// Where tissue outside the tumour is known, `outside`, it is taken from there.
pub fn background_dab(
    sample: &TissueSample,
    outside: Option<&TissueSample>,
    vectors: &StainVectors,
) -> BackgroundDab {
    let inside = lowest_peak(sample, vectors);
    let internal = outside.and_then(|tissue| lowest_peak(tissue, vectors));
    match (internal, inside) {
        // Stroma that reads more than the least stained tissue of the slide is not negative.
        (Some(od), Some(lowest)) if od <= lowest + 0.03 => BackgroundDab {
            od,
            measured: true,
            internal_negative: true,
        },
        (_, Some(od)) => BackgroundDab {
            od,
            measured: true,
            internal_negative: false,
        },
        _ => BackgroundDab::NONE,
    }
}

fn lowest_peak(sample: &TissueSample, vectors: &StainVectors) -> Option<f64> {
    let inverse = vectors.inverse().map(|row| row.map(|v| v as f32));
    let mut histogram = [0.0_f64; BINS];
    let mut total = 0.0;
    for od in sample.fields.iter().flat_map(|f| &f.od) {
        if od.iter().sum::<f32>() < LEAST_TISSUE {
            continue;
        }
        let stain = |s: usize| (0..3).map(|c| od[c] * inverse[c][s]).sum::<f32>();
        if stain(0) > MOST_HEMATOXYLIN {
            continue;
        }
        let bin = ((f64::from(stain(1)) - LOWEST) / BIN).floor();
        if bin >= 0.0 && bin < BINS as f64 {
            histogram[bin as usize] += 1.0;
        }
        total += 1.0;
    }
    if total < LEAST_PIXELS {
        return None;
    }
    let smooth = smoothed(&histogram, 3);
    let highest = smooth.iter().copied().fold(0.0, f64::max);
    let peak = (1..BINS - 1).find(|&i| {
        smooth[i] >= highest * PEAK_SHARE && smooth[i] >= smooth[i - 1] && smooth[i] > smooth[i + 1]
    })?;
    let od = LOWEST + (peak as f64 + 0.5) * BIN;
    (od <= HIGHEST_BACKGROUND).then_some(od.max(0.0))
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
    use crate::stain::sample::{FIELD_SIDE, Field};
    use pantrk_space::SlidePoint;

    /// Fields whose pixels have the hematoxylin and DAB density of a rule over field and pixel.
    fn measure(stain: impl Fn(usize, usize) -> (f64, f64)) -> BackgroundDab {
        let vectors = StainVectors::h_dab_default();
        let fields = (0..10).map(|f| Field {
            od: (0..FIELD_SIDE * FIELD_SIDE)
                .map(|i| {
                    let (h, d) = stain(f, i);
                    std::array::from_fn(|c| {
                        (h * vectors.hematoxylin[c] + d * vectors.dab[c]) as f32
                    })
                })
                .collect(),
            middle: SlidePoint { x: 0.0, y: 0.0 },
        });
        let sample = TissueSample {
            fields: fields.collect(),
        };
        background_dab(&sample, None, &vectors)
    }

    #[test]
    fn haze_is_read_beside_a_large_stained_tumour() {
        let found = measure(|f, i| {
            let wobble = ((i * 31) % 11) as f64 / 500.0;
            if f < 7 {
                (0.2, 0.55 + wobble * 4.0)
            } else {
                (0.1 + wobble, 0.07 + wobble)
            }
        });
        assert!(
            found.measured && (found.od - 0.08).abs() < 0.012,
            "{found:?}"
        );
    }

    #[test]
    fn a_wholly_stained_slide_has_no_background() {
        let found = measure(|_, i| (0.2, 0.5 + (i % 10) as f64 / 200.0));
        assert!(!found.measured && found.od.abs() < 1e-12, "{found:?}");
    }
}
