//! Percentages, H-scores and their intervals, from the cells.

use pantrk_space::SlideMpp;

use super::bootstrap::{Placed, Replicates};
use super::noise::Noise;
use super::tally::{ANY, SLOTS, Tally};
use super::{Compartment, CompartmentScore, CompartmentScores, Thresholds};
use crate::cell::CellTable;

/// Neighbours for the clustering figure share a square of this side (um).
const NEIGHBOURHOOD_UM: f64 = 100.0;

/// The grades of the tumour cells, gathered once.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Tumour cells.
    pub(crate) cells: u64,
    /// Percent of cells at 0 to 3 and so on, per compartment, `any` last.
    pub(crate) scores: CompartmentScores,
    /// See [`super::Pattern::clustering`].
    pub(crate) clustering: Option<f64>,
    /// Cells per grade.
    pub(crate) tally: Tally,
    /// The same with all thresholds lower and higher, counted again.
    pub(crate) moved: [Tally; 2],
    /// What other sections of the tumour could have read.
    pub(crate) replicates: Replicates,
    /// How often an unstained cell reads as stained.
    pub(crate) noise: Noise,
}

/// Counts the tumour cells of a table that is graded with `thresholds`.
pub(crate) fn count(
    cells: &CellTable,
    thresholds: Thresholds,
    delta: f32,
    mpp: SlideMpp,
) -> Counts {
    let tumour: Vec<usize> = (0..cells.len()).filter(|&i| cells.is_tumour(i)).collect();
    let placed: Vec<Placed> = tumour
        .iter()
        .map(|&i| Placed {
            x_um: cells.x_px[i] * mpp.x.get(),
            y_um: cells.y_px[i] * mpp.y.get(),
            grades: grades(cells, thresholds, i),
        })
        .collect();
    let tally_of = |thresholds: Thresholds| {
        let mut tally = Tally::default();
        for &i in &tumour {
            tally.add(grades(cells, thresholds, i));
        }
        tally
    };
    let tally = tally_of(thresholds);
    let moved = [-delta, delta].map(|by| tally_of(thresholds.shifted(by)));
    let replicates = Replicates::draw(&placed);
    let noise = Noise::read(cells, &tumour, thresholds);
    let one = |slot: usize| CompartmentScore {
        positive_percent: tally.positive_percent(slot),
        percent_1: tally.percent_at(slot, 1),
        percent_2: tally.percent_at(slot, 2),
        percent_3: tally.percent_at(slot, 3),
        h_score: tally.h_score(slot),
        mean_dab_od: mean_od(cells, &tumour, slot),
        interval95: noise.widened(slot, replicates.percent_interval95(slot)),
        sensitivity: moved.each_ref().map(|t| t.positive_percent(slot)),
        false_positive_percent: noise.percent(slot),
    };
    Counts {
        cells: tumour.len() as u64,
        scores: CompartmentScores {
            any: one(ANY),
            nucleus: one(Compartment::Nucleus as usize),
            nuclear_rim: one(Compartment::NuclearRim as usize),
            cytoplasm: one(Compartment::Cytoplasm as usize),
            membrane: one(Compartment::Membrane as usize),
        },
        clustering: clustering(cells, &tumour, mpp),
        tally,
        moved,
        replicates,
        noise,
    }
}

/// A cell's grades, the highest last.
fn grades(cells: &CellTable, thresholds: Thresholds, i: usize) -> [u8; SLOTS] {
    let mut grades = [0; SLOTS];
    for (grade, column) in grades.iter_mut().zip(&cells.dab_od) {
        *grade = thresholds.grade(column[i]);
    }
    grades[ANY] = grades.iter().copied().max().unwrap_or(0);
    grades
}

/// A cell's optical density; for any compartment the highest, NaN where nothing was measured.
pub(crate) fn od(cells: &CellTable, slot: usize, i: usize) -> f32 {
    match cells.dab_od.get(slot) {
        Some(column) => column[i],
        // `f32::max` passes over NaN.
        None => cells.dab_od.iter().map(|c| c[i]).fold(f32::NAN, f32::max),
    }
}

fn mean_od(cells: &CellTable, tumour: &[usize], slot: usize) -> f64 {
    let measured = tumour.iter().map(|&i| od(cells, slot, i));
    let (sum, n) = measured
        .filter(|v| v.is_finite())
        .fold((0.0_f64, 0_u64), |(sum, n), v| (sum + f64::from(v), n + 1));
    if n > 0 { sum / n as f64 } else { 0.0 }
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
        assert!(width(&together) > 2.0 * width(&apart));
        let cluster =
            |cells: &CellTable| count(cells, thresholds(), 0.05, mpp()).clustering.unwrap();
        let (near, far) = (cluster(&together), cluster(&apart));
        assert!(near > 5.0 && far < 2.0, "{near} {far}");
    }
}
