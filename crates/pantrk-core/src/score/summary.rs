//! Percentages, H-scores and their intervals, from the cells.

use pantrk_space::SlideMpp;

use super::scorer::{ANY, Tally};
use super::{CompartmentScore, CompartmentScores, Scorer, Thresholds};
use crate::cell::CellTable;

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The grades of the tumour cells, gathered once.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Tumour cells.
    pub(crate) cells: u64,
    /// Percent of cells at 0 to 3 and so on, per compartment, `any` last.
    pub(crate) scores: CompartmentScores,
    /// Mean grade of the stained cells, per compartment (0 without any).
    pub(crate) mean_positive_grade: [f64; 4],
    /// What they were made from.
    pub(crate) tally: Tally,
}

/// Counts the tumour cells of a table.
pub(crate) fn count(
    cells: &CellTable,
    thresholds: Thresholds,
    delta: f32,
    mpp: SlideMpp,
) -> Counts {
    let mut scorer = Scorer::of(cells, mpp);
    scorer.set_counted(|i| cells.is_tumour(i as usize));
    scorer.count(thresholds, delta)
}

/// From what all blocks add up to, and the blocks one by one.
pub(crate) fn counts(all: Tally, blocks: &[Tally]) -> Counts {
    let one = |channel: usize| compartment(&all, blocks, channel);
    let mean_positive_grade = std::array::from_fn(|k| {
        let [_, n1, n2, n3] = all.grades[k];
        let n = n1 + n2 + n3;
        if n == 0 {
            0.0
        } else {
            (n1 + 2 * n2 + 3 * n3) as f64 / n as f64
        }
    });
    Counts {
        cells: all.cells,
        scores: CompartmentScores {
            any: one(ANY),
            nucleus: one(0),
            nuclear_rim: one(1),
            cytoplasm: one(2),
            membrane: one(3),
        },
        mean_positive_grade,
        tally: all,
    }
}

fn compartment(all: &Tally, blocks: &[Tally], channel: usize) -> CompartmentScore {
    let counts = all.grades[channel];
    let n = all.cells as f64;
    let percent = |count: u64| {
        if n > 0.0 {
            100.0 * count as f64 / n
        } else {
            0.0
        }
    };
    let positive = all.positive(channel);
    let per_block: Vec<(f64, f64)> = blocks
        .iter()
        .filter(|block| block.cells > 0)
        .map(|block| (block.cells as f64, block.positive(channel) as f64))
        .collect();
    let [low, high] = wilson(positive as f64 / n.max(1.0), effective_cells(n, &per_block));
    CompartmentScore {
        positive_percent: percent(positive),
        percent_1: percent(counts[1]),
        percent_2: percent(counts[2]),
        percent_3: percent(counts[3]),
        h_score: percent(counts[1] + 2 * counts[2] + 3 * counts[3]),
        mean_dab_od: all.mean_od(channel),
        interval95: [100.0 * low, 100.0 * high],
        sensitivity: all.shifted[channel].map(percent),
    }
}

/// How many independent cells these are worth: the count over the design effect of a ratio over blocks (Cochran, Sampling Techniques, ch. 9).
///
/// `blocks` holds the cells and the positive cells of each block.
fn effective_cells(n: f64, blocks: &[(f64, f64)]) -> f64 {
    let b = blocks.len() as f64;
    let p = blocks.iter().map(|t| t.1).sum::<f64>() / n.max(1.0);
    let simple = p * (1.0 - p) / n.max(1.0);
    if b < 2.0 || simple <= 0.0 {
        return n;
    }
    let squares: f64 = blocks.iter().map(|(m, y)| (y - p * m).powi(2)).sum();
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

    fn count(cells: &CellTable) -> Counts {
        super::count(cells, thresholds(), 0.05, mpp())
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
                cells.cytoplasm_granularity.push(0.0);
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
        let counts = count(&cells);
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
            let score = count(cells).scores.any;
            assert!((score.positive_percent - 10.0).abs() < 0.01);
            score.interval95[1] - score.interval95[0]
        };
        assert!(width(&together) > 3.0 * width(&apart));
        let cluster = |cells: &CellTable| count(cells).tally.clustering().unwrap();
        let (near, far) = (cluster(&together), cluster(&apart));
        assert!(near > 5.0 && far < 2.0, "{near} {far}");
    }
}
