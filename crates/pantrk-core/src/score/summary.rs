//! Percentages, H-scores and their intervals, from the cells.

use super::arranged::{Arranged, StainedSums};
use super::bootstrap::Replicates;
use super::noise::Noise;
use super::tally::{ANY, Tally};
use super::{Compartment, CompartmentScore, CompartmentScores, Thresholds};
use crate::cell::CellTable;

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
    /// Sums over the stained cells of each compartment.
    pub(crate) stained: [StainedSums; ANY],
}

/// Counts tumour cells that are arranged already; `cells` is the table that they come from.
pub(crate) fn count_arranged(
    arranged: &Arranged,
    cells: &CellTable,
    thresholds: Thresholds,
    delta: f32,
) -> Counts {
    let graded = arranged.grade(cells, thresholds, delta);
    let (replicates, noise) = rayon::join(
        || Replicates::draw(graded.tally, &graded.blocks),
        || Noise::read(arranged, thresholds, graded.reaching),
    );
    let (tally, moved) = (graded.tally, graded.moved);
    let one = |slot: usize| CompartmentScore {
        positive_percent: tally.positive_percent(slot),
        percent_1: tally.percent_at(slot, 1),
        percent_2: tally.percent_at(slot, 2),
        percent_3: tally.percent_at(slot, 3),
        h_score: tally.h_score(slot),
        mean_dab_od: arranged.mean_od[slot],
        interval95: noise.widened(slot, replicates.percent_interval95(slot)),
        sensitivity: moved.each_ref().map(|t| t.positive_percent(slot)),
        false_positive_percent: noise.percent(slot),
    };
    Counts {
        cells: tally.cells() as u64,
        scores: CompartmentScores {
            any: one(ANY),
            nucleus: one(Compartment::Nucleus as usize),
            nuclear_rim: one(Compartment::NuclearRim as usize),
            cytoplasm: one(Compartment::Cytoplasm as usize),
            membrane: one(Compartment::Membrane as usize),
        },
        clustering: graded.clustering,
        stained: graded.stained,
        tally,
        moved,
        replicates,
        noise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::{MicronsPerPixel, SlideMpp};

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

    fn count(cells: &CellTable) -> Counts {
        count_arranged(&Arranged::new(cells, mpp()), cells, thresholds(), 0.05)
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
    fn cells_that_stain_together_widen_the_interval() {
        let apart = grid(
            100,
            |x, y| if (x * 7 + y * 3) % 10 == 0 { 0.5 } else { 0.0 },
        );
        let together = grid(100, |x, _| if x < 10 { 0.5 } else { 0.0 });
        let width_within = |cells: &CellTable, percent: f64| {
            let score = count(cells).scores.any;
            assert!((score.positive_percent - 10.0).abs() < percent);
            score.interval95[1] - score.interval95[0]
        };
        let width = |cells: &CellTable| width_within(cells, 0.01);
        // In no order.
        let mixed = |x: usize, y: usize| (x / 4 * 7919 + y / 4 * 104_729).wrapping_mul(0x9e37_79b9);
        let patches = |x: usize, y: usize| (mixed(x, y) >> 12) % 10 == 0;
        let in_patches = grid(100, |x, y| if patches(x, y) { 0.5 } else { 0.0 });
        // Chance makes about a tenth of the patches stained.
        let width_in_patches = width_within(&in_patches, 2.0);
        assert!(width_in_patches > 1.5 * width(&apart));
        // A large focus is seen as a whole.
        assert!(width(&together) < width_in_patches);
        let cluster = |cells: &CellTable| count(cells).clustering.unwrap();
        let (near, far) = (cluster(&together), cluster(&apart));
        assert!(near > 5.0 && far < 2.0, "{near} {far}");
    }
}
