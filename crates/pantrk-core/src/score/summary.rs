//! Percentages, H-scores and their intervals, from the cells.

use pantrk_space::SlideMpp;

use super::{CompartmentScore, CompartmentScores, Thresholds};
use crate::cell::CellTable;

/// Cells within a block of this side (um) are alike; the interval counts blocks, not cells alone.
const BLOCK_UM: f64 = 500.0;
/// Neighbours for the clustering figure share a square of this side (um).
const NEIGHBOURHOOD_UM: f64 = 100.0;
/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The grades of the tumour cells, gathered once.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Tumour cells.
    pub(crate) cells: u64,
    /// Percent of cells at 0 to 3 and so on, per compartment, `any` last.
    pub(crate) scores: CompartmentScores,
    /// See [`super::Pattern::clustering`].
    pub(crate) clustering: Option<f64>,
    /// Mean grade of the stained cells, per compartment (0 without any).
    pub(crate) mean_positive_grade: [f64; 4],
}

/// Counts the tumour cells of a table that is graded with `thresholds`.
pub(crate) fn count(
    cells: &CellTable,
    thresholds: Thresholds,
    delta: f32,
    mpp: SlideMpp,
) -> Counts {
    let tumour: Vec<usize> = (0..cells.len()).filter(|&i| cells.is_tumour(i)).collect();
    let blocks = grid_order(cells, &tumour, mpp, BLOCK_UM);
    let low = thresholds.shifted(-delta);
    let high = thresholds.shifted(delta);
    let one = |od: &dyn Fn(usize) -> f32, grade: &dyn Fn(usize) -> u8| {
        let positive = |t: Thresholds| tumour.iter().filter(|&&i| t.grade(od(i)) > 0).count();
        let sensitivity = [positive(low), positive(high)];
        compartment(&tumour, &blocks, od, grade, sensitivity)
    };
    let per = |k: usize| one(&|i| cells.dab_od[k][i], &|i| cells.grades[k][i]);
    let any_od = |i: usize| {
        // `f32::max` passes over NaN.
        cells.dab_od.iter().map(|c| c[i]).fold(f32::NAN, f32::max)
    };
    let scores = CompartmentScores {
        any: one(&any_od, &|i| cells.grade_any(i)),
        nucleus: per(0),
        nuclear_rim: per(1),
        cytoplasm: per(2),
        membrane: per(3),
    };
    let mean_positive_grade = std::array::from_fn(|k| {
        let grades = tumour
            .iter()
            .map(|&i| cells.grades[k][i])
            .filter(|&g| g > 0);
        let (sum, n) = grades.fold((0_u64, 0_u64), |(s, n), g| (s + u64::from(g), n + 1));
        if n == 0 { 0.0 } else { sum as f64 / n as f64 }
    });
    Counts {
        cells: tumour.len() as u64,
        scores,
        clustering: clustering(cells, &tumour, mpp),
        mean_positive_grade,
    }
}

fn compartment(
    tumour: &[usize],
    blocks: &[u64],
    od: &dyn Fn(usize) -> f32,
    grade: &dyn Fn(usize) -> u8,
    sensitivity: [usize; 2],
) -> CompartmentScore {
    let mut counts = [0_u64; 4];
    let (mut od_sum, mut od_n) = (0.0_f64, 0_u64);
    for &i in tumour {
        counts[usize::from(grade(i).min(3))] += 1;
        let value = od(i);
        if value.is_finite() {
            od_sum += f64::from(value);
            od_n += 1;
        }
    }
    let n = tumour.len() as f64;
    let percent = |count: u64| {
        if n > 0.0 {
            100.0 * count as f64 / n
        } else {
            0.0
        }
    };
    let positive = counts[1] + counts[2] + counts[3];
    let [low, high] = wilson(
        positive as f64 / n.max(1.0),
        effective_cells(tumour, blocks, grade),
    );
    CompartmentScore {
        positive_percent: percent(positive),
        percent_1: percent(counts[1]),
        percent_2: percent(counts[2]),
        percent_3: percent(counts[3]),
        h_score: percent(counts[1] + 2 * counts[2] + 3 * counts[3]),
        mean_dab_od: if od_n > 0 { od_sum / od_n as f64 } else { 0.0 },
        interval95: [100.0 * low, 100.0 * high],
        sensitivity: sensitivity.map(|k| percent(k as u64)),
    }
}

/// Each tumour cell's square of a grid, as one number.
fn grid_order(cells: &CellTable, tumour: &[usize], mpp: SlideMpp, side_um: f64) -> Vec<u64> {
    tumour
        .iter()
        .map(|&i| {
            let column = (cells.x_px[i] * mpp.x.get() / side_um).max(0.0) as u64;
            let row = (cells.y_px[i] * mpp.y.get() / side_um).max(0.0) as u64;
            (row << 32) | column
        })
        .collect()
}

/// Per square: cells and positive cells.
fn tallies(squares: &[u64], positive: impl Fn(usize) -> bool) -> Vec<(f64, f64)> {
    let mut order: Vec<usize> = (0..squares.len()).collect();
    order.sort_unstable_by_key(|&k| (squares[k], k));
    order
        .chunk_by(|&a, &b| squares[a] == squares[b])
        .map(|chunk| {
            let stained = chunk.iter().filter(|&&k| positive(k)).count();
            (chunk.len() as f64, stained as f64)
        })
        .collect()
}

/// How many independent cells these are worth: the count over the design effect of a ratio over blocks (Cochran, Sampling Techniques, ch. 9).
fn effective_cells(tumour: &[usize], blocks: &[u64], grade: &dyn Fn(usize) -> u8) -> f64 {
    let tallies = tallies(blocks, |k| grade(tumour[k]) > 0);
    let n = tumour.len() as f64;
    let b = tallies.len() as f64;
    let p = tallies.iter().map(|t| t.1).sum::<f64>() / n.max(1.0);
    let simple = p * (1.0 - p) / n.max(1.0);
    if b < 2.0 || simple <= 0.0 {
        return n;
    }
    let squares: f64 = tallies.iter().map(|(m, y)| (y - p * m).powi(2)).sum();
    let clustered = squares * b / (b - 1.0) / (n * n);
    n / (clustered / simple).max(1.0)
}

/// Wilson's score interval (J Am Stat Assoc 1927;22:209-212).
pub(crate) fn wilson(p: f64, n: f64) -> [f64; 2] {
    if n <= 0.0 {
        return [0.0, 1.0];
    }
    let z2 = Z * Z;
    let centre = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    [
        ((centre - half) / scale).max(0.0),
        ((centre + half) / scale).min(1.0),
    ]
}

/// Among the neighbours of positive cells, the share that is positive, over the share among all.
fn clustering(cells: &CellTable, tumour: &[usize], mpp: SlideMpp) -> Option<f64> {
    let squares = grid_order(cells, tumour, mpp, NEIGHBOURHOOD_UM);
    let tallies = tallies(&squares, |k| cells.grade_any(tumour[k]) > 0);
    let pairs: f64 = tallies.iter().map(|(_, y)| y * (y - 1.0)).sum();
    let neighbours: f64 = tallies.iter().map(|(n, y)| y * (n - 1.0)).sum();
    let positive: f64 = tallies.iter().map(|t| t.1).sum();
    let share = positive / tumour.len().max(1) as f64;
    (neighbours > 0.0 && share > 0.0).then(|| pairs / neighbours / share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::MicronsPerPixel;

    fn mpp() -> SlideMpp {
        SlideMpp::square(MicronsPerPixel::new(0.5).unwrap())
    }

    fn thresholds() -> Thresholds {
        Thresholds::new([0.2, 0.4, 0.6]).unwrap()
    }

    /// Cells on a grid, 20 um apart, with this DAB density in the cytoplasm.
    fn grid(side: usize, od: impl Fn(usize, usize) -> f32) -> CellTable {
        let mut cells = CellTable::default();
        for y in 0..side {
            for x in 0..side {
                cells.x_px.push(x as f64 * 40.0);
                cells.y_px.push(y as f64 * 40.0);
                for (k, column) in cells.dab_od.iter_mut().enumerate() {
                    column.push(if k == 2 { od(x, y) } else { 0.0 });
                }
                cells.excluded.push(None);
            }
        }
        cells.regrade(thresholds());
        cells
    }

    #[test]
    fn published_score_vectors() {
        // 40 cells at 0, 30 at 1+, 20 at 2+, 10 at 3+: H-score 100, 60 % positive.
        let cells = grid(10, |x, y| match y * 10 + x {
            0..40 => 0.0,
            40..70 => 0.3,
            70..90 => 0.5,
            _ => 0.9,
        });
        let counts = count(&cells, thresholds(), 0.05, mpp());
        let score = counts.scores.cytoplasm;
        assert!(
            (score.h_score - 100.0).abs() < 1e-9 && (score.positive_percent - 60.0).abs() < 1e-9
        );
        assert_eq!(counts.scores.any, score);
        assert!((score.sensitivity[0] - 60.0).abs() < 1e-9);
        assert!(counts.scores.nucleus.h_score.abs() < 1e-12);
    }

    #[test]
    fn wilson_intervals() {
        // 1 of 100: 0.2 to 5.4 %; 10 of 1000: 0.5 to 1.8 %.
        for (p, n, low, high) in [
            (0.01, 100.0, 0.0018, 0.0545),
            (0.01, 1000.0, 0.0054, 0.0183),
        ] {
            let [l, h] = wilson(p, n);
            assert!((l - low).abs() < 1e-4 && (h - high).abs() < 1e-4, "{l} {h}");
        }
    }

    #[test]
    fn cells_that_stain_together_widen_the_interval() {
        let apart = grid(
            100,
            |x, y| if (x * 7 + y * 3) % 10 == 0 { 0.5 } else { 0.0 },
        );
        let together = grid(100, |x, _| if x < 10 { 0.5 } else { 0.0 });
        let width = |cells: &CellTable| {
            let score = count(cells, thresholds(), 0.05, mpp()).scores.any;
            assert!((score.positive_percent - 10.0).abs() < 0.01);
            score.interval95[1] - score.interval95[0]
        };
        assert!(width(&together) > 3.0 * width(&apart));
        let cluster =
            |cells: &CellTable| count(cells, thresholds(), 0.05, mpp()).clustering.unwrap();
        let (near, far) = (cluster(&together), cluster(&apart));
        assert!(near > 5.0 && far < 2.0, "{near} {far}");
    }
}
