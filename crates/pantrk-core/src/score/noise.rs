//! How often a cell without stain reads as stained on this slide.
//!
//! Two readings, of which the lower counts:
//! the share of cells outside the tumour that read as stained, which is too high where nerve or muscle truly stains;
//! and how far the tumour's own unstained cells spread, as the lower half of their densities tells, which real stain does not touch.
//! So a slide whose unstained cells reach the threshold by themselves has a rate, and stain that stands clear of them has none.

use super::Thresholds;
use super::arranged::Arranged;
use super::tally::SLOTS;

/// Fewer cells than this say nothing of a rate near one in a hundred.
const ENOUGH: usize = 500;
/// Classes of optical density in which the peak of the unstained cells is sought.
const CLASS_OD: f32 = 0.01;
/// Below this no cell's density lies: the background taken off is never so much.
const LOWEST_OD: f32 = -0.3;
/// No density is so high that it would need another class.
const HIGHEST_CLASS: usize = 1 << 12;

/// The share of unstained cells that read as stained, per compartment, any last; percent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Noise([f64; SLOTS]);

impl Noise {
    /// Reads it off the cells; so many of them reach 1+.
    pub(crate) fn read(
        arranged: &Arranged,
        thresholds: Thresholds,
        reaching: [u64; SLOTS],
    ) -> Self {
        let weak = thresholds.values()[0];
        Self(std::array::from_fn(|slot| {
            let spread = &arranged.spreads[slot];
            let spread = spread
                .lowest_peak(weak, reaching[slot])
                .map_or(0.0, |peak| {
                    let (middle, reach) = (peak.middle, weak - peak.middle);
                    let mirrored =
                        arranged.how_many_low(slot, |od| od < middle && middle - od >= reach);
                    peak.rate(reach, mirrored)
                });
            let outside = &arranged.outside[slot];
            let rate = if outside.len() >= ENOUGH {
                let stained = outside.iter().filter(|&&od| od >= weak).count();
                spread.min(stained as f64 / outside.len() as f64)
            } else {
                spread
            };
            100.0 * rate
        }))
    }

    /// The rate in a compartment, percent.
    pub(crate) fn percent(&self, slot: usize) -> f64 {
        self.0[slot]
    }

    /// An interval of a percent with the cells that may be noise taken off its lower end.
    pub(crate) fn widened(&self, slot: usize, [low, high]: [f64; 2]) -> [f64; 2] {
        [(low - self.0[slot]).max(0.0), high]
    }
}

/// Measured densities by half a class: how many, their sum, and the sum of their squares.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spread {
    halves: Vec<(u64, f64, f64)>,
    cells: u64,
}

impl Spread {
    /// Of these densities; what is not a number was not measured.
    pub(crate) fn of(ods: impl Iterator<Item = f32>) -> Self {
        let mut spread = Self::default();
        for od in ods.filter(|od| od.is_finite()) {
            let class = class(od);
            let half = 2 * class + usize::from(od >= middle(class));
            if half >= spread.halves.len() {
                spread.halves.resize(half + 1, (0, 0.0, 0.0));
            }
            let (n, sum, squares) = &mut spread.halves[half];
            *n += 1;
            *sum += f64::from(od);
            *squares += f64::from(od) * f64::from(od);
            spread.cells += 1;
        }
        spread
    }

    /// The peak of the unstained cells: the most frequent density below the threshold `weak`, which `reaching` cells reach; `None` where there are too few cells to tell.
    fn lowest_peak(&self, weak: f32, reaching: u64) -> Option<Peak> {
        if self.cells < ENOUGH as u64 {
            return None;
        }
        let of = |class: usize| -> u64 {
            let halves = self.halves.iter().skip(2 * class).take(2);
            halves.map(|half| half.0).sum()
        };
        let classes = ((weak - LOWEST_OD) / CLASS_OD).ceil().max(1.0) as usize;
        let last = class(weak);
        let mut counts = vec![0_u64; classes + 2];
        let mut left = self.cells - reaching;
        for class in 0..=last {
            // The threshold lies in the last class and takes the lower part of it.
            let here = if class == last { left } else { of(class) };
            left -= here;
            counts[class.min(classes) + 1] += here;
        }
        // Three classes together, so that chance in one does not make a peak.
        let smooth = counts.windows(3).map(|w| w.iter().sum::<u64>());
        let (class, most) = smooth
            .enumerate()
            .max_by_key(|&(i, n)| (n, classes - i.min(classes)))?;
        (most > 0).then(|| self.peak(class))
    }

    /// What lies below the middle of a class.
    fn peak(&self, class: usize) -> Peak {
        let middle = middle(class);
        let below = self.halves.iter().take(2 * class + 1);
        let (cells, sum, squares) = below.fold((0, 0.0, 0.0), |(n, sum, squares), half| {
            (n + half.0, sum + half.1, squares + half.2)
        });
        let (n, at) = (cells as f64, f64::from(middle));
        let of_squares: f64 = squares - 2.0 * at * sum + n * at * at;
        Peak {
            middle,
            cells,
            deviation: (of_squares.max(0.0) / n.max(1.0)).sqrt(),
        }
    }
}

/// The peak of the unstained cells.
#[derive(Debug, Clone, Copy)]
struct Peak {
    /// Its density (OD).
    middle: f32,
    /// Cells below it.
    cells: u64,
    /// How far they spread (OD).
    deviation: f64,
}

impl Peak {
    /// The share of unstained cells that their own spread carries `reach` (OD) above the peak; `mirrored` cells lie that far below it.
    fn rate(&self, reach: f32, mirrored: u64) -> f64 {
        if self.cells == 0 {
            return 0.0;
        }
        let mirrored = mirrored as f64 / (2.0 * self.cells as f64);
        mirrored.max(normal_tail(f64::from(reach) / self.deviation.max(1e-6)))
    }
}

/// The class of a density.
fn class(od: f32) -> usize {
    (((od - LOWEST_OD) / CLASS_OD).max(0.0) as usize).min(HIGHEST_CLASS)
}

/// The middle of a class (OD).
fn middle(class: usize) -> f32 {
    LOWEST_OD + (class as f32 + 0.5) * CLASS_OD
}

/// The share of a normal distribution above `z` (Abramowitz and Stegun 26.2.17).
fn normal_tail(z: f64) -> f64 {
    if z > 8.0 {
        return 0.0;
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let factors = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let polynomial = factors.iter().rev().fold(0.0, |sum, f| (sum + f) * t);
    let tail = density * polynomial;
    if z < 0.0 { 1.0 - tail } else { tail }
}

/// [`Spread::rate`] the plainest way, from a list of densities.
#[cfg(test)]
pub(crate) fn plain_rate(ods: Vec<f32>, weak: f32) -> f64 {
    let classes = ((weak - LOWEST_OD) / CLASS_OD).ceil().max(1.0) as usize;
    let mut counts = vec![0_u32; classes + 2];
    for &od in ods.iter().filter(|&&od| od < weak) {
        let class = ((od - LOWEST_OD) / CLASS_OD).max(0.0) as usize;
        counts[class.min(classes) + 1] += 1;
    }
    let smooth = counts.windows(3).map(|w| w.iter().sum::<u32>());
    let peak = smooth
        .enumerate()
        .max_by_key(|&(i, n)| (n, classes - i.min(classes)))
        .filter(|&(_, n)| n > 0 && ods.len() >= ENOUGH);
    let Some((class, _)) = peak else { return 0.0 };
    let peak = LOWEST_OD + (class as f32 + 0.5) * CLASS_OD;
    let below: Vec<f64> = ods
        .into_iter()
        .filter(|&od| od < peak)
        .map(|od| f64::from(peak - od))
        .collect();
    if below.is_empty() {
        return 0.0;
    }
    let n = below.len() as f64;
    let reach = f64::from(weak - peak);
    let mirrored = below.iter().filter(|&&d| d >= reach).count() as f64 / (2.0 * n);
    let deviation = (below.iter().map(|d| d * d).sum::<f64>() / n).sqrt();
    mirrored.max(normal_tail(reach / deviation.max(1e-6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Densities about `centre` that spread by `deviation`, evenly over the normal distribution.
    fn unstained(n: usize, centre: f64, deviation: f64) -> Vec<f32> {
        let quantile = |p: f64| {
            let (mut low, mut high) = (-8.0, 8.0);
            for _ in 0..60 {
                let middle = f64::midpoint(low, high);
                if 1.0 - normal_tail(middle) < p {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            low
        };
        (0..n)
            .map(|i| (centre + deviation * quantile((i as f64 + 0.5) / n as f64)) as f32)
            .collect()
    }

    fn rate(ods: &[f32], weak: f32) -> f64 {
        let reaching = ods.iter().filter(|&&od| od >= weak).count() as u64;
        let spread = Spread::of(ods.iter().copied());
        spread.lowest_peak(weak, reaching).map_or(0.0, |peak| {
            let reach = weak - peak.middle;
            let far = |od: &&f32| **od < peak.middle && peak.middle - **od >= reach;
            peak.rate(reach, ods.iter().filter(far).count() as u64)
        })
    }

    #[test]
    fn tails_are_those_of_the_tables() {
        for (z, wanted) in [
            (0.0, 0.5),
            (1.0, 0.158_655),
            (2.0, 0.022_750),
            (3.0, 0.001_350),
        ] {
            assert!((normal_tail(z) - wanted).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn a_wide_spread_reaches_the_threshold_and_a_narrow_one_does_not() {
        let wide = rate(&unstained(20_000, 0.03, 0.08), 0.2);
        assert!((wide - normal_tail(0.17 / 0.08)).abs() < 0.005, "{wide}");
        assert!(rate(&unstained(20_000, 0.03, 0.03), 0.2) < 1e-6);
    }

    #[test]
    fn stained_cells_do_not_count_as_noise() {
        let mut ods = unstained(10_000, 0.02, 0.03);
        ods.extend(vec![0.45; 30_000]);
        assert!(rate(&ods, 0.2) < 1e-6);
        assert!(rate(&[0.1; 20], 0.2).abs() < 1e-12);
    }
}
