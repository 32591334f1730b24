//! Cells laid out so that they are scored again in one pass: thresholds, regions and corrections change, places do not.
//!
//! The cells are ordered by blocks of 0.5 mm and, within, by squares of 0.1 mm, because the interval counts blocks and the clustering counts squares.
//! Blocks are tallied side by side and added up in their order, so that the figures do not depend on the number of threads.

use pantrk_space::SlideMpp;
use rayon::prelude::*;

use super::summary::{self, Counts};
use super::{
    Compartment, ScoreContext, ScoringTable, SlideScore, Texture, Thresholds, score_counts,
};

/// Squares of this side (um) hold the neighbours of a cell, for the clustering figure.
const SQUARE_UM: f64 = 100.0;
/// Squares along a block: within 0.5 mm cells are alike, and the interval counts blocks, not cells alone.
const SQUARES_PER_BLOCK: u64 = 5;
/// No grade was given by hand.
const NOT_FIXED: u8 = u8::MAX;
/// The compartments, and last the highest of them per cell.
pub(crate) const CHANNELS: usize = 5;
/// The place of "any compartment" among the channels.
pub(crate) const ANY: usize = 4;

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
    /// The cell at each place.
    cells: Vec<u32>,
    od: Vec<[f32; 4]>,
    grain: Vec<f32>,
    counted: Vec<bool>,
    /// Grades given by hand; empty while there are none.
    fixed: Vec<u8>,
    /// Where each square ends among the places.
    squares: Vec<u32>,
    /// Where each block ends among the squares.
    blocks: Vec<u32>,
}

/// What one block adds up to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) cells: u64,
    /// Cells at 0 to 3, per channel.
    pub(crate) grades: [[u64; 4]; CHANNELS],
    /// Positive cells with all thresholds lower and higher, per channel.
    pub(crate) shifted: [[u64; 2]; CHANNELS],
    od_sum: [f64; CHANNELS],
    od_n: [u64; CHANNELS],
    /// Sum of the densities of stained cells, per compartment, and their number.
    stained_od: [f64; 4],
    /// By how much the stained rim and membrane stand out, and in how many cells that is known.
    excess: [f64; 2],
    excess_n: [u64; 2],
    /// Of the squares: positive pairs, positive cells' neighbours.
    pairs: f64,
    neighbours: f64,
}

impl Tally {
    /// Positive cells of a channel.
    pub(crate) fn positive(&self, channel: usize) -> u64 {
        self.grades[channel][1..].iter().sum()
    }

    /// Mean density of a channel, 0 without any.
    pub(crate) fn mean_od(&self, channel: usize) -> f64 {
        mean(self.od_sum[channel], self.od_n[channel])
    }

    /// Mean density of the cells stained in a compartment.
    pub(crate) fn mean_stained_od(&self, compartment: Compartment) -> f64 {
        let k = compartment as usize;
        mean(self.stained_od[k], self.positive(k))
    }

    /// Mean by which a stained rim or membrane stands out against what it borders on; 0 for the others.
    pub(crate) fn mean_excess(&self, compartment: Compartment) -> f64 {
        let line = match compartment {
            Compartment::NuclearRim => 0,
            Compartment::Membrane => 1,
            Compartment::Nucleus | Compartment::Cytoplasm => return 0.0,
        };
        mean(self.excess[line], self.excess_n[line])
    }

    /// See [`super::Pattern::clustering`].
    pub(crate) fn clustering(&self) -> Option<f64> {
        let share = self.positive(ANY) as f64 / self.cells.max(1) as f64;
        (self.neighbours > 0.0 && share > 0.0).then(|| self.pairs / self.neighbours / share)
    }

    fn add(&mut self, other: &Self) {
        self.cells += other.cells;
        for c in 0..CHANNELS {
            for grade in 0..4 {
                self.grades[c][grade] += other.grades[c][grade];
            }
            for end in 0..2 {
                self.shifted[c][end] += other.shifted[c][end];
            }
            self.od_sum[c] += other.od_sum[c];
            self.od_n[c] += other.od_n[c];
        }
        for k in 0..4 {
            self.stained_od[k] += other.stained_od[k];
        }
        for line in 0..2 {
            self.excess[line] += other.excess[line];
            self.excess_n[line] += other.excess_n[line];
        }
        self.pairs += other.pairs;
        self.neighbours += other.neighbours;
    }
}

fn mean(sum: f64, n: u64) -> f64 {
    if n == 0 { 0.0 } else { sum / n as f64 }
}

impl Scorer {
    /// Lays the cells out; all of them count until [`Scorer::set_counted`] says otherwise.
    pub fn new<T: Copy + Into<f64> + Sync>(cells: &ScorerCells<'_, T>, mpp: SlideMpp) -> Self {
        let square = |i: u32| {
            let at = |v: T, um: f64| (v.into() * um / SQUARE_UM).max(0.0) as u64;
            (
                at(cells.y_px[i as usize], mpp.y.get()),
                at(cells.x_px[i as usize], mpp.x.get()),
            )
        };
        let n = cells.x_px.len() as u32;
        let mut order: Vec<(u64, u64, u32)> = (0..n)
            .into_par_iter()
            .map(|i| {
                let (row, column) = square(i);
                let block = ((row / SQUARES_PER_BLOCK) << 32) | (column / SQUARES_PER_BLOCK);
                (block, (row << 32) | column, i)
            })
            .collect();
        order.par_sort_unstable();
        let (mut squares, mut blocks) = (Vec::new(), Vec::new());
        for (place, pair) in order.windows(2).enumerate() {
            if pair[0].1 != pair[1].1 {
                squares.push(place as u32 + 1);
                if pair[0].0 != pair[1].0 {
                    blocks.push(squares.len() as u32);
                }
            }
        }
        if n > 0 {
            squares.push(n);
            blocks.push(squares.len() as u32);
        }
        let cells_in_order: Vec<u32> = order.iter().map(|o| o.2).collect();
        let od = cells_in_order
            .par_iter()
            .map(|&i| cells.dab_od.map(|column| column[i as usize]))
            .collect();
        let grain = cells_in_order
            .iter()
            .map(|&i| {
                let grain = cells.cytoplasm_granularity.get(i as usize);
                grain.copied().unwrap_or(0.0)
            })
            .collect();
        Self {
            counted: vec![true; order.len()],
            cells: cells_in_order,
            od,
            grain,
            fixed: Vec::new(),
            squares,
            blocks,
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

    /// Says of each cell, by its row, whether it counts as a tumour cell.
    pub fn set_counted(&mut self, counts: impl Fn(u32) -> bool + Sync) {
        self.counted
            .par_iter_mut()
            .zip(&self.cells)
            .for_each(|(counted, &cell)| *counted = counts(cell));
    }

    /// Gives cells, by their rows, the grade that a person read; `grade` answers `None` for all others.
    ///
    /// The grade holds in the compartments where the cell is densest; the others keep theirs up to it.
    /// It does not move with the thresholds.
    pub fn set_grades(&mut self, grade: impl Fn(u32) -> Option<u8>) {
        self.fixed = self
            .cells
            .iter()
            .map(|&cell| grade(cell).map_or(NOT_FIXED, |g| g.min(3)))
            .collect();
        if self.fixed.iter().all(|&g| g == NOT_FIXED) {
            self.fixed = Vec::new();
        }
    }

    /// Scores the cells that count; as [`super::score_cells`] does.
    pub fn score(&self, context: &ScoreContext) -> SlideScore {
        let delta = ScoringTable::embedded().sensitivity_od();
        score_counts(&self.count(context.thresholds, delta), self, context)
    }

    /// How many counted cells have a density in each of `bins` equal parts of 0 to `top` (OD), the last part open above; of one compartment, or of the highest per cell.
    pub fn histogram(&self, compartment: Option<Compartment>, bins: usize, top: f32) -> Vec<u32> {
        let width = top / bins.max(1) as f32;
        let mut counts = vec![0; bins.max(1)];
        for (od, _) in self.od.iter().zip(&self.counted).filter(|(_, c)| **c) {
            let value = compartment.map_or_else(|| highest(*od), |c| od[c as usize]);
            if value.is_finite() {
                let bin = (value / width).max(0.0) as usize;
                counts[bin.min(bins.max(1) - 1)] += 1;
            }
        }
        counts
    }

    /// `delta` is by how much the thresholds are moved to see what hangs on them (OD).
    pub(crate) fn count(&self, thresholds: Thresholds, delta: f32) -> Counts {
        let steps = Steps {
            middle: thresholds,
            low: thresholds.shifted(-delta).values()[0],
            high: thresholds.shifted(delta).values()[0],
        };
        let tallies: Vec<Tally> = (0..self.blocks.len())
            .into_par_iter()
            .with_min_len(8)
            .map(|block| self.tally(block, steps))
            .collect();
        let mut all = Tally::default();
        for tally in &tallies {
            all.add(tally);
        }
        summary::counts(all, &tallies)
    }

    fn tally(&self, block: usize, steps: Steps) -> Tally {
        let first = block.checked_sub(1).map_or(0, |b| self.blocks[b] as usize);
        let mut tally = Tally::default();
        for square in first..self.blocks[block] as usize {
            let from = square
                .checked_sub(1)
                .map_or(0, |s| self.squares[s] as usize);
            let places = from..self.squares[square] as usize;
            let before = (tally.cells, tally.positive(ANY));
            for place in places {
                if self.counted[place] {
                    let fixed = self.fixed.get(place).copied().unwrap_or(NOT_FIXED);
                    add_cell(&mut tally, self.od[place], fixed, steps);
                }
            }
            let n = (tally.cells - before.0) as f64;
            let y = (tally.positive(ANY) - before.1) as f64;
            tally.pairs += y * (y - 1.0);
            tally.neighbours += y * (n - 1.0);
        }
        tally
    }

    /// The grain of the stained cytoplasm, by its median.
    pub(crate) fn texture(&self, thresholds: Thresholds, granular_cv: f64) -> Texture {
        const CYTOPLASM: usize = Compartment::Cytoplasm as usize;
        let stained = |place: usize| {
            let fixed = self.fixed.get(place).copied().unwrap_or(NOT_FIXED);
            self.counted[place] && grades(self.od[place], fixed, thresholds)[CYTOPLASM] > 0
        };
        let mut grains: Vec<f32> = (0..self.len())
            .filter(|&place| stained(place))
            .map(|place| self.grain[place])
            .collect();
        if grains.is_empty() {
            return Texture::Smooth;
        }
        let middle = grains.len() / 2;
        let (_, &mut median, _) = grains.select_nth_unstable_by(middle, f32::total_cmp);
        if f64::from(median) >= granular_cv {
            Texture::Granular
        } else {
            Texture::Smooth
        }
    }
}

/// The thresholds of one pass.
#[derive(Clone, Copy)]
struct Steps {
    middle: Thresholds,
    /// From which a cell is positive with all thresholds lower, and higher.
    low: f32,
    high: f32,
}

/// The highest density; `f32::max` passes over NaN.
fn highest(od: [f32; 4]) -> f32 {
    od.into_iter().fold(f32::NAN, f32::max)
}

/// A cell's grade per compartment.
fn grades(od: [f32; 4], fixed: u8, thresholds: Thresholds) -> [u8; 4] {
    let measured = od.map(|value| thresholds.grade(value));
    if fixed == NOT_FIXED {
        return measured;
    }
    let top = highest(od);
    std::array::from_fn(|k| {
        // Without any density the grade is the cytoplasm's.
        let leads = od[k] >= top || (top.is_nan() && k == Compartment::Cytoplasm as usize);
        if leads { fixed } else { measured[k].min(fixed) }
    })
}

#[inline]
fn add_cell(tally: &mut Tally, od: [f32; 4], fixed: u8, steps: Steps) {
    tally.cells += 1;
    let top = highest(od);
    let grade = grades(od, fixed, steps.middle);
    let channel = [od[0], od[1], od[2], od[3], top];
    let any = grade.into_iter().max().unwrap_or(0);
    let all = [grade[0], grade[1], grade[2], grade[3], any];
    for c in 0..CHANNELS {
        let (value, grade) = (channel[c], all[c]);
        tally.grades[c][usize::from(grade & 3)] += 1;
        let (low, high) = if fixed == NOT_FIXED {
            (value >= steps.low, value >= steps.high)
        } else {
            (grade > 0, grade > 0)
        };
        tally.shifted[c][0] += u64::from(low);
        tally.shifted[c][1] += u64::from(high);
        if value.is_finite() {
            tally.od_sum[c] += f64::from(value);
            tally.od_n[c] += 1;
        }
    }
    for k in 0..4 {
        if grade[k] > 0 && od[k].is_finite() {
            tally.stained_od[k] += f64::from(od[k]);
        }
    }
    // A stained cytoplasm reaches into the bands of rim and membrane.
    let lines = [
        (Compartment::NuclearRim as usize, od[0].max(od[2])),
        (Compartment::Membrane as usize, od[2]),
    ];
    for (line, (k, beside)) in lines.into_iter().enumerate() {
        let difference = f64::from(od[k] - beside);
        if grade[k] > 0 && difference.is_finite() {
            tally.excess[line] += difference;
            tally.excess_n[line] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{CellTable, ExcludedReason};
    use crate::score::score_cells;
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
        let first = context([0.2, 0.4, 0.6]);
        let mut scorer = Scorer::of(&table, first.mpp);
        scorer.set_counted(|i| table.is_tumour(i as usize));
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
        let scorer = Scorer::of(&table, context.mpp);
        let with = |threads: usize| {
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
        let mut scorer = Scorer::of(&table, context.mpp);
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
        assert_eq!(
            scorer.score(&context),
            Scorer::of(&table, context.mpp).score(&context)
        );
    }

    #[test]
    fn the_histogram_counts_each_counted_cell_once() {
        let table = cells(4_000);
        let mut scorer = Scorer::of(&table, context([0.2, 0.4, 0.6]).mpp);
        scorer.set_counted(|i| i % 2 == 0);
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
        let score = Scorer::of(&table, context.mpp).score(&context);
        assert_eq!(score.tumour_cells, 0);
        assert!(score.compartments.is_none());
    }
}
