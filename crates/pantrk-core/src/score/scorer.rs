//! Cells that are scored again and again: thresholds, regions and corrections change, densities do not.
//!
//! Every figure comes the way that [`score_cells`](super::score_cells) goes, so what the viewer shows after a change is what a run would say.
//! What is kept between two scores is the cells' arrangement, which thresholds do not change.

use pantrk_space::SlideMpp;

use super::arranged::Arranged;
use super::{Compartment, ScoreContext, SlideScore, score_arranged};
use crate::cell::{CellTable, ExcludedReason};

/// The columns that scoring needs; all of one length.
#[derive(Debug, Clone, Copy)]
pub struct ScorerCells<'a, T> {
    /// Centres, level-0 pixels.
    pub x_px: &'a [T],
    /// Centres, level-0 pixels.
    pub y_px: &'a [T],
    /// Mean DAB OD (log10, background taken off) in the order of [`Compartment::ALL`]; NaN where nothing was measured.
    pub dab_od: [&'a [f32]; 4],
    /// Standard deviation over mean of the cytoplasm's stain; empty where the texture does not matter.
    pub cytoplasm_granularity: &'a [f32],
}

/// Cells that can be scored again and again.
#[derive(Debug, Clone)]
pub struct Scorer {
    cells: CellTable,
    /// The cells that count, and the pixel size that they were arranged by; `None` after a change.
    arranged: Option<(SlideMpp, Arranged)>,
}

impl Scorer {
    /// Takes the columns; all cells count until [`Scorer::set_excluded`] says otherwise.
    pub fn new<T: Copy + Into<f64>>(columns: &ScorerCells<'_, T>) -> Self {
        let n = columns.x_px.len();
        let mut grain = columns.cytoplasm_granularity.to_vec();
        grain.resize(n, 0.0);
        Self::of(CellTable {
            x_px: columns.x_px.iter().map(|&v| v.into()).collect(),
            y_px: columns.y_px.iter().map(|&v| v.into()).collect(),
            dab_od: columns.dab_od.map(<[f32]>::to_vec),
            cytoplasm_granularity: grain,
            excluded: vec![None; n],
            ..CellTable::default()
        })
    }

    /// Takes a whole table with what is left out of it.
    pub fn of(cells: CellTable) -> Self {
        Self {
            cells,
            arranged: None,
        }
    }

    /// How many cells there are, counted or not.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Says of each cell, by its row, why it does not count; `None` for tumour cells.
    pub fn set_excluded(&mut self, reason: impl Fn(u32) -> Option<ExcludedReason>) {
        for (row, excluded) in (0..).zip(&mut self.cells.excluded) {
            *excluded = reason(row);
        }
        self.arranged = None;
    }

    /// Gives cells, by their rows, the grade that a person read; `grade` answers `None` for all others.
    ///
    /// The grade holds in the compartments where the cell is densest; the others keep theirs up to it.
    /// It does not move with the thresholds.
    pub fn set_grades(&mut self, grade: impl Fn(u32) -> Option<u8>) {
        let rows = 0..self.cells.len() as u32;
        let fixed: Vec<u8> = rows
            .map(|row| grade(row).map_or(u8::MAX, |grade| grade.min(3)))
            .collect();
        self.cells.fixed_grades = if fixed.iter().all(|&grade| grade == u8::MAX) {
            Vec::new()
        } else {
            fixed
        };
        self.arranged = None;
    }

    /// Scores the cells that count.
    pub fn score(&mut self, context: &ScoreContext) -> SlideScore {
        let kept = self.arranged.take().filter(|(mpp, _)| *mpp == context.mpp);
        let arranged = match kept {
            Some((_, arranged)) => arranged,
            None => Arranged::new(&self.cells, context.mpp),
        };
        let score = score_arranged(&arranged, &self.cells, context);
        self.arranged = Some((context.mpp, arranged));
        score
    }

    /// How many counted cells have a density in each of `bins` equal parts of 0 to `top` (OD), the last part open above; of one compartment, or of the highest per cell.
    pub fn histogram(&self, compartment: Option<Compartment>, bins: usize, top: f32) -> Vec<u32> {
        let width = top / bins.max(1) as f32;
        let mut counts = vec![0; bins.max(1)];
        for cell in (0..self.len()).filter(|&cell| self.cells.is_tumour(cell)) {
            let of = |c: Compartment| self.cells.dab_od[c as usize][cell];
            let value = match compartment {
                Some(compartment) => of(compartment),
                // `f32::max` passes over NaN.
                None => Compartment::ALL
                    .into_iter()
                    .map(of)
                    .fold(f32::NAN, f32::max),
            };
            if value.is_finite() {
                let bin = (value / width).max(0.0) as usize;
                counts[bin.min(bins.max(1) - 1)] += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Thresholds, score_cells};
    use super::*;
    use pantrk_space::MicronsPerPixel;

    /// Cells of mixed stain over some blocks, some without a cytoplasm, some left out.
    fn cells(n: u32) -> CellTable {
        let mut cells = CellTable::default();
        for i in 0..n {
            let mixed = i.wrapping_mul(0x9e37_79b9);
            cells.x_px.push(f64::from(mixed % 7_919) * 1.3);
            cells.y_px.push(f64::from(mixed / 7_919 % 6_011) * 1.1);
            for (k, column) in cells.dab_od.iter_mut().enumerate() {
                let value = (mixed >> (k * 5) & 0xff) as f32 / 300.0 - 0.1;
                column.push(if i % 97 == 0 && k > 1 {
                    f32::NAN
                } else {
                    value
                });
            }
            cells.cytoplasm_granularity.push((i % 100) as f32 / 100.0);
            cells
                .excluded
                .push((i % 11 == 0).then_some(ExcludedReason::Pen));
        }
        cells
    }

    fn context(thresholds: [f32; 3]) -> ScoreContext {
        ScoreContext {
            mpp: SlideMpp::square(MicronsPerPixel::new(0.25).unwrap()),
            thresholds: Thresholds::new(thresholds).unwrap(),
            profile: "any-1pct".to_owned(),
            has_tumour_region: true,
            not_evaluable: None,
        }
    }

    /// Percent positive in any compartment, counted the plain way.
    fn plain_percent(cells: &CellTable, threshold: f32) -> f64 {
        let tumour: Vec<usize> = (0..cells.len()).filter(|&i| cells.is_tumour(i)).collect();
        let positive = tumour
            .iter()
            .filter(|&&i| cells.dab_od.iter().any(|c| c[i] >= threshold))
            .count();
        100.0 * positive as f64 / tumour.len() as f64
    }

    #[test]
    fn moved_thresholds_give_what_a_fresh_score_gives() {
        let mut table = cells(20_000);
        let mut scorer = Scorer::of(table.clone());
        for values in [[0.2, 0.4, 0.6], [0.1, 0.15, 0.3], [0.31, 0.5, 0.7]] {
            let context = context(values);
            table.regrade(context.thresholds);
            let score = scorer.score(&context);
            assert_eq!(score, score_cells(&table, &context), "{values:?}");
            let any = score.compartments.unwrap().any;
            assert!((any.positive_percent - plain_percent(&table, values[0])).abs() < 1e-9);
            assert!(
                (any.sensitivity[1] - plain_percent(&table, values[0] + 0.05)).abs() < 1e-9,
                "{any:?}"
            );
        }
    }

    #[test]
    fn one_thread_and_many_agree_to_the_last_bit() {
        let table = cells(30_000);
        let context = context([0.2, 0.4, 0.6]);
        let mut scorer = Scorer::of(table);
        let mut with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| scorer.score(&context))
        };
        assert_eq!(with(1), with(5));
    }

    #[test]
    fn corrections_count_whatever_the_thresholds() {
        let table = cells(5_000);
        let context = context([0.2, 0.4, 0.6]);
        let mut scorer = Scorer::of(table.clone());
        scorer.set_excluded(|_| None);
        scorer.set_grades(|i| (i < 1_000).then_some(3));
        let any = scorer.score(&context).compartments.unwrap().any;
        let rest = (1_000..5_000)
            .filter(|&i| {
                let top = table.dab_od.iter().map(|c| c[i]).fold(f32::NAN, f32::max);
                top >= 0.6
            })
            .count();
        let wanted = 100.0 * (1_000 + rest) as f64 / 5_000.0;
        assert!((any.percent_3 - wanted).abs() < 1e-9, "{any:?}");
        scorer.set_grades(|_| Some(0));
        let any = scorer.score(&context).compartments.unwrap().any;
        assert!(any.positive_percent.abs() < 1e-12 && any.sensitivity[0].abs() < 1e-12);
        scorer.set_grades(|_| None);
        let mut fresh = Scorer::of(table);
        fresh.set_excluded(|_| None);
        assert_eq!(scorer.score(&context), fresh.score(&context));
    }

    #[test]
    fn the_histogram_counts_each_counted_cell_once() {
        let table = cells(4_000);
        let mut scorer = Scorer::of(table);
        scorer.set_excluded(|i| (i % 2 != 0).then_some(ExcludedReason::ExcludedRegion));
        let bins = scorer.histogram(None, 40, 0.5);
        assert_eq!(bins.iter().sum::<u32>(), 2_000);
        assert!(bins[39] > 100, "the last part is open above: {bins:?}");
        let nuclei = scorer.histogram(Some(Compartment::Nucleus), 40, 0.5);
        assert_eq!(nuclei.iter().sum::<u32>(), 2_000);
        assert_ne!(bins, nuclei);
    }

    #[test]
    fn no_cells_are_not_evaluable() {
        let table = CellTable::default();
        let context = context([0.2, 0.4, 0.6]);
        let score = Scorer::of(table).score(&context);
        assert_eq!(score.tumour_cells, 0);
        assert!(score.compartments.is_none());
    }
}
