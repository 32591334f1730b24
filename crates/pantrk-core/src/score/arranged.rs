//! Tumour cells in the order of the slide's blocks, so that grading all of them anew is one pass over columns.
//!
//! What does not follow from the thresholds is worked out once: which block and which neighbourhood a cell lies in, how the densities spread.
//! What does is counted block by block, so the bootstrap's tallies come out of the same pass as the slide's.
//!
//! **Architecture invariant:** every count is a whole number and every sum is taken in one order, so the figures do not depend on the number of threads.

use std::ops::Range;

use pantrk_space::SlideMpp;
use rayon::prelude::*;

use super::Thresholds;
use super::bootstrap::blocks;
use super::noise::Spread;
use super::tally::{ANY, SLOTS, Tally};
use crate::cell::{CellTable, ExcludedReason};

/// Neighbours for the clustering figure share a square of this side (um).
const NEIGHBOURHOOD_UM: f64 = 100.0;
/// Places of the compartments in [`super::Compartment::ALL`].
pub(crate) const NUCLEUS: usize = 0;
pub(crate) const RIM: usize = 1;
pub(crate) const CYTOPLASM: usize = 2;
pub(crate) const MEMBRANE: usize = 3;

/// Cells that a thread takes at once in a pass that needs no blocks.
const PART: usize = 1 << 16;
/// Sums that are taken side by side.
const LANES: usize = 8;

/// The tumour cells of a slide, ready to be graded again and again.
#[derive(Debug, Clone)]
pub(crate) struct Arranged {
    /// The cells of each block, as places in the columns.
    groups: Vec<Range<usize>>,
    /// DAB OD per compartment and the highest of them, NaN where nothing was measured.
    od: [Vec<f32>; SLOTS],
    /// By how much rim and membrane are denser than what they border on; NaN where that was not measured.
    excess: [Vec<f32>; 2],
    /// Of the cytoplasm.
    grain: Vec<f32>,
    /// The neighbourhood of each place.
    squares: Vec<u32>,
    /// Cells of each neighbourhood, those with a fixed grade among them.
    square_cells: Vec<u32>,
    /// Cells that a person graded; they are not in the columns above.
    fixed: Vec<FixedCell>,
    /// Mean DAB OD of the measured cells.
    pub(crate) mean_od: [f64; SLOTS],
    /// How the densities of all tumour cells spread.
    pub(crate) spreads: [Spread; SLOTS],
    /// Measured DAB OD of the cells outside the tumour.
    pub(crate) outside: [Vec<f32>; SLOTS],
}

/// A cell with a grade that a person read.
#[derive(Debug, Clone)]
struct FixedCell {
    row: usize,
    od: [f32; SLOTS],
    grain: f32,
    group: usize,
    square: usize,
}

/// Sums over the cells that stain in one compartment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct StainedSums {
    /// Cells.
    pub(crate) cells: u64,
    /// Of their OD.
    pub(crate) od: f64,
    /// Cells in which what the compartment borders on was measured.
    pub(crate) beside: u64,
    /// Of the OD over what it borders on; for rim and membrane.
    pub(crate) excess: f64,
}

/// All that follows from the thresholds.
#[derive(Debug, Clone)]
pub(crate) struct Graded {
    pub(crate) tally: Tally,
    pub(crate) moved: [Tally; 2],
    pub(crate) blocks: Vec<Tally>,
    /// Cells whose measured density reaches 1+, whatever a person read.
    pub(crate) reaching: [u64; SLOTS],
    pub(crate) stained: [StainedSums; ANY],
    pub(crate) clustering: Option<f64>,
}

/// What one pass over a block's columns gives.
#[derive(Clone, Default)]
struct BlockPass {
    tally: Tally,
    moved: [Tally; 2],
    stained: [StainedSums; ANY],
}

impl Arranged {
    /// Arranges the cells that count.
    pub(crate) fn new(cells: &CellTable, mpp: SlideMpp) -> Self {
        Self::raised(cells, mpp, 0.0)
    }

    /// Arranges the cells that count, with so much added to each optical density.
    ///
    /// A slide may have millions of cells, so what is needed on the way is let go of as soon as it is not.
    pub(crate) fn raised(cells: &CellTable, mpp: SlideMpp, by: f32) -> Self {
        // As many as a slide has fit 32 bits.
        let rows: Vec<u32> = (0..cells.len() as u32)
            .filter(|&i| cells.is_tumour(i as usize))
            .collect();
        let rows_in_order = || rows.iter().map(|&i| i as usize);
        let od = |slot: usize, i: usize| od(cells, slot, i) + by;
        let ods = |i: usize| std::array::from_fn(|slot| od(slot, i));
        let place = |i: usize| [cells.x_px[i] * mpp.x.get(), cells.y_px[i] * mpp.y.get()];
        let places_um: Vec<[f64; 2]> = rows_in_order().map(place).collect();
        let (group_of, groups) = blocks(&places_um);
        let (square_of, squares) = squares(&places_um, NEIGHBOURHOOD_UM);
        drop(places_um);
        let mut square_cells = vec![0; squares];
        for &square in &square_of {
            square_cells[square as usize] += 1;
        }
        let is_fixed = |i: usize| cells.is_fixed(i);
        let fixed = rows_in_order()
            .enumerate()
            .filter(|&(_, i)| is_fixed(i))
            .map(|(k, row)| FixedCell {
                row,
                od: ods(row),
                grain: cells.cytoplasm_granularity.get(row).copied().unwrap_or(0.0),
                group: group_of[k] as usize,
                square: square_of[k] as usize,
            })
            .collect();
        // Counting sort by block; within a block cells keep their order.
        let mut starts = vec![0; groups + 1];
        for (k, i) in rows_in_order().enumerate() {
            starts[group_of[k] as usize + 1] += usize::from(!is_fixed(i));
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; starts[groups]];
        for (k, i) in rows_in_order().enumerate() {
            if !is_fixed(i) {
                let at = &mut next[group_of[k] as usize];
                order[*at] = k as u32;
                *at += 1;
            }
        }
        let row = |k: u32| rows[k as usize] as usize;
        let grain = |&k: &u32| {
            let column = &cells.cytoplasm_granularity;
            column.get(row(k)).copied().unwrap_or(0.0)
        };
        let is_outside = |i: &usize| cells.excluded[*i] == Some(ExcludedReason::OutsideTumour);
        let outside: Vec<usize> = (0..cells.len()).filter(is_outside).collect();
        Self {
            groups: starts.windows(2).map(|w| w[0]..w[1]).collect(),
            od: std::array::from_fn(|slot| {
                let of = |&k: &u32| od(slot, row(k));
                order.iter().map(of).collect()
            }),
            excess: [RIM, MEMBRANE].map(|line| {
                let of = |&k: &u32| excess(line, &ods(row(k)));
                order.iter().map(of).collect()
            }),
            grain: order.iter().map(grain).collect(),
            squares: order.iter().map(|&k| square_of[k as usize]).collect(),
            square_cells,
            fixed,
            mean_od: std::array::from_fn(|slot| mean_od(rows_in_order().map(|i| od(slot, i)))),
            spreads: std::array::from_fn(|slot| Spread::of(rows_in_order().map(|i| od(slot, i)))),
            outside: std::array::from_fn(|slot| {
                let measured = outside.iter().map(|&i| od(slot, i));
                measured.filter(|od| od.is_finite()).collect()
            }),
        }
    }

    /// Grades all cells; `cells` is the table that they come from.
    pub(crate) fn grade(&self, cells: &CellTable, thresholds: Thresholds, delta: f32) -> Graded {
        let moved = [-delta, delta].map(|by| thresholds.shifted(by));
        let pass = || -> Vec<BlockPass> {
            let of = |block: &Range<usize>| self.pass(block, thresholds, moved);
            self.groups.par_iter().map(of).collect()
        };
        let (mut blocks, mut square_stained) =
            rayon::join(pass, || self.square_stained(thresholds));
        let [weak, ..] = thresholds.values();
        let reaching = std::array::from_fn(|slot| {
            let measured: f64 = blocks.iter().map(|block| block.tally.positive(slot)).sum();
            let fixed = self.fixed.iter().filter(|cell| cell.od[slot] >= weak);
            measured as u64 + fixed.count() as u64
        });
        let mut fixed_stained = [StainedSums::default(); ANY];
        for cell in &self.fixed {
            let grades = |by| with_highest(cells.grades_at(cell.row, by));
            let now = grades(thresholds);
            let block = &mut blocks[cell.group];
            block.tally.add(now);
            for (tally, by) in block.moved.iter_mut().zip(moved) {
                tally.add(grades(by));
            }
            square_stained[cell.square] += u32::from(now[ANY] > 0);
            for (k, sums) in fixed_stained.iter_mut().enumerate() {
                // Without any density a person's grade has none to add.
                let od = if cell.od[k].is_finite() {
                    cell.od[k]
                } else {
                    0.0
                };
                sums.add_if(now[k] > 0, od, excess(k, &cell.od));
            }
        }
        let mut whole = BlockPass {
            stained: fixed_stained,
            ..BlockPass::default()
        };
        for block in &blocks {
            whole.tally.join(&block.tally);
            for (mine, theirs) in whole.moved.iter_mut().zip(&block.moved) {
                mine.join(theirs);
            }
            for (mine, theirs) in whole.stained.iter_mut().zip(&block.stained) {
                mine.join(theirs);
            }
        }
        Graded {
            clustering: self.clustering(&square_stained, &whole.tally),
            blocks: blocks.into_iter().map(|block| block.tally).collect(),
            reaching,
            tally: whole.tally,
            moved: whole.moved,
            stained: whole.stained,
        }
    }

    /// One block's share of it all.
    fn pass(&self, block: &Range<usize>, now: Thresholds, moved: [Thresholds; 2]) -> BlockPass {
        let mut pass = BlockPass::default();
        let cells = block.len() as u32;
        let columns = self.od.each_ref().map(|column| &column[block.clone()]);
        for (slot, column) in columns.into_iter().enumerate() {
            let count = |by: Thresholds| by.values().map(|threshold| reaching(column, threshold));
            pass.tally.set(slot, cells, count(now));
            pass.moved[0].set(slot, cells, count(moved[0]));
            pass.moved[1].set(slot, cells, count(moved[1]));
        }
        let [weak, ..] = now.values();
        let [nucleus, rim, cytoplasm, membrane, _] = columns;
        let sums = &mut pass.stained;
        sums[NUCLEUS].add_column(weak, nucleus);
        sums[RIM].add_column(weak, rim);
        sums[CYTOPLASM].add_column(weak, cytoplasm);
        sums[MEMBRANE].add_column(weak, membrane);
        for (k, sums) in sums.iter_mut().enumerate() {
            sums.cells = pass.tally.positive(k) as u64;
        }
        let [of_rim, of_membrane] = self.excess.each_ref().map(|column| &column[block.clone()]);
        sums[RIM].add_excess(weak, rim, of_rim);
        sums[MEMBRANE].add_excess(weak, membrane, of_membrane);
        pass
    }

    /// Stained cells of each neighbourhood.
    fn square_stained(&self, thresholds: Thresholds) -> Vec<u32> {
        let [weak, ..] = thresholds.values();
        let mut stained = vec![0_u32; self.square_cells.len()];
        for (&square, &od) in self.squares.iter().zip(&self.od[ANY]) {
            let count = &mut stained[square as usize];
            *count = count.wrapping_add(u32::from(od >= weak));
        }
        stained
    }

    /// Among the neighbours of positive cells, the share that is positive, over the share among all.
    fn clustering(&self, stained: &[u32], tally: &Tally) -> Option<f64> {
        let (mut pairs, mut neighbours, mut positive) = (0.0, 0.0, 0.0);
        for (&n, &y) in self.square_cells.iter().zip(stained) {
            let (n, y) = (f64::from(n), f64::from(y));
            pairs += y * (y - 1.0);
            neighbours += y * (n - 1.0);
            positive += y;
        }
        let share = positive / tally.cells().max(1.0);
        (neighbours > 0.0 && share > 0.0).then(|| pairs / neighbours / share)
    }

    /// How many tumour cells' densities in a compartment, or their highest ones, hold to `is`.
    pub(crate) fn how_many(&self, slot: usize, is: impl Fn(f32) -> bool + Sync) -> u64 {
        let blocks = self.od[slot].par_chunks(PART);
        let count = |part: &[f32]| {
            let held = part.iter().map(|&od| u32::from(is(od)));
            u64::from(held.fold(0, u32::wrapping_add))
        };
        let fixed = self.fixed.iter().filter(|cell| is(cell.od[slot])).count();
        blocks.map(count).sum::<u64>() + fixed as u64
    }

    /// The median granularity of the cells whose cytoplasm stains; `None` without any.
    pub(crate) fn median_grain(&self, cells: &CellTable, thresholds: Thresholds) -> Option<f32> {
        let [weak, ..] = thresholds.values();
        let fixed: Vec<u32> = self
            .fixed
            .iter()
            .filter(|cell| cells.grades_at(cell.row, thresholds)[CYTOPLASM] > 0)
            .map(|cell| sortable(cell.grain))
            .collect();
        let columns = self.od[CYTOPLASM]
            .par_chunks(PART)
            .zip(self.grain.par_chunks(PART));
        let keys = |(od, grain): (&[f32], &[f32])| -> Vec<u32> {
            let stained = od.iter().zip(grain).filter(|&(&od, _)| od >= weak);
            stained.map(|(_, &grain)| sortable(grain)).collect()
        };
        let mut parts: Vec<Vec<u32>> = columns.map(keys).collect();
        parts.push(fixed);
        let stained = || parts.iter().flatten().copied();
        // The upper half of the bits first, then the lower half of those that share the median's.
        let mut counts = vec![0_usize; 1 << 16];
        for key in stained() {
            counts[(key >> 16) as usize] += 1;
        }
        let mut rank = counts.iter().sum::<usize>() / 2;
        let upper = counts.iter().position(|&n| {
            let here = rank < n;
            if !here {
                rank -= n;
            }
            here
        })?;
        let mut near: Vec<u32> = stained()
            .filter(|key| (key >> 16) as usize == upper)
            .collect();
        let (_, median, _) = near.select_nth_unstable(rank);
        Some(unsortable(*median))
    }
}

impl StainedSums {
    fn add_if(&mut self, stained: bool, od: f32, excess: f32) {
        if stained {
            self.cells += 1;
            self.od += f64::from(od);
            if excess.is_finite() {
                self.beside += 1;
                self.excess += f64::from(excess);
            }
        }
    }

    /// Adds the densities of a block that reach `weak`.
    ///
    /// In lanes, so that it is vectorised; a block is small enough for single precision.
    fn add_column(&mut self, weak: f32, column: &[f32]) {
        let mut sums = [0.0_f32; LANES];
        let (chunks, rest) = column.as_chunks::<LANES>();
        for chunk in chunks {
            for (sum, &od) in sums.iter_mut().zip(chunk) {
                *sum += if od >= weak { od } else { 0.0 };
            }
        }
        self.od += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
        let rest = rest.iter().filter(|&&od| od >= weak);
        self.od += rest.map(|&od| f64::from(od)).sum::<f64>();
    }

    /// Adds by how much the densities of a block that reach `weak` are above what they border on.
    fn add_excess(&mut self, weak: f32, column: &[f32], excess: &[f32]) {
        let mut sums = [0.0_f32; LANES];
        let mut counts = [0_u32; LANES];
        for (ods, excess) in column.chunks(LANES).zip(excess.chunks(LANES)) {
            let lanes = sums.iter_mut().zip(&mut counts);
            for ((sum, count), (&od, &excess)) in lanes.zip(ods.iter().zip(excess)) {
                let holds = od >= weak && !excess.is_nan();
                *sum += if holds { excess } else { 0.0 };
                *count = count.wrapping_add(u32::from(holds));
            }
        }
        self.excess += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
        self.beside += counts.iter().map(|&n| u64::from(n)).sum::<u64>();
    }

    fn join(&mut self, other: &Self) {
        self.cells += other.cells;
        self.od += other.od;
        self.beside += other.beside;
        self.excess += other.excess;
    }

    /// Mean OD; 0 without any cell.
    pub(crate) fn mean_od(&self) -> f64 {
        mean(self.od, self.cells)
    }

    /// Mean OD over what the compartment borders on; 0 without any cell.
    pub(crate) fn mean_excess(&self) -> f64 {
        mean(self.excess, self.beside)
    }
}

fn mean(sum: f64, n: u64) -> f64 {
    if n == 0 { 0.0 } else { sum / n as f64 }
}

/// How many densities reach a threshold.
fn reaching(column: &[f32], threshold: f32) -> u32 {
    // Wrapping, because a check would keep it from being vectorised; a block holds fewer cells than that.
    let reach = column.iter().map(|&od| u32::from(od >= threshold));
    reach.fold(0, u32::wrapping_add)
}

/// By how much a line is denser than what it borders on; NaN for the other compartments and where that was not measured.
fn excess(k: usize, od: &[f32; SLOTS]) -> f32 {
    let excess = match k {
        // `f32::max` passes over NaN.
        RIM => od[RIM] - od[NUCLEUS].max(od[CYTOPLASM]),
        MEMBRANE => od[MEMBRANE] - od[CYTOPLASM],
        _ => f32::NAN,
    };
    if excess.is_finite() { excess } else { f32::NAN }
}

/// A cell's grades, the highest last.
pub(crate) fn with_highest([nucleus, rim, cytoplasm, membrane]: [u8; 4]) -> [u8; SLOTS] {
    let any = nucleus.max(rim).max(cytoplasm).max(membrane);
    [nucleus, rim, cytoplasm, membrane, any]
}

/// A cell's optical density; for any compartment the highest, NaN where nothing was measured.
fn od(cells: &CellTable, slot: usize, i: usize) -> f32 {
    match cells.dab_od.get(slot) {
        Some(column) => column[i],
        // `f32::max` passes over NaN.
        None => cells.dab_od.iter().map(|c| c[i]).fold(f32::NAN, f32::max),
    }
}

fn mean_od(ods: impl Iterator<Item = f32>) -> f64 {
    let (sum, n) = ods
        .filter(|v| v.is_finite())
        .fold((0.0_f64, 0_u64), |(sum, n), v| (sum + f64::from(v), n + 1));
    mean(sum, n)
}

/// The number of each place's square, in the order of columns and in these of rows, and how many squares there are.
pub(crate) fn squares(places_um: &[[f64; 2]], side_um: f64) -> (Vec<u32>, usize) {
    let keys: Vec<[i64; 2]> = places_um
        .iter()
        .map(|place| place.map(|um| (um / side_um).floor() as i64))
        .collect();
    let least = keys
        .iter()
        .fold([i64::MAX; 2], |m, k| [m[0].min(k[0]), m[1].min(k[1])]);
    let most = keys
        .iter()
        .fold([i64::MIN; 2], |m, k| [m[0].max(k[0]), m[1].max(k[1])]);
    let [columns, rows] =
        [0, 1].map(|axis| most[axis].saturating_sub(least[axis]).saturating_add(1));
    let grid = columns.saturating_mul(rows);
    if keys.is_empty() || grid > 4 * keys.len() as i64 + (1 << 20) {
        // Few cells far apart: the squares that have any, sorted.
        let mut there = keys.clone();
        there.sort_unstable();
        there.dedup();
        let number = |key| there.partition_point(|k| k < key) as u32;
        return (keys.iter().map(number).collect(), there.len());
    }
    let at = |key: &[i64; 2]| ((key[0] - least[0]) * rows + key[1] - least[1]) as usize;
    let mut numbers = vec![0_u32; grid as usize];
    for key in &keys {
        numbers[at(key)] = 1;
    }
    let mut next = 0;
    for number in &mut numbers {
        let there = *number;
        *number = next;
        next += there;
    }
    (
        keys.iter().map(|key| numbers[at(key)]).collect(),
        next as usize,
    )
}

/// Bits that sort as `f32::total_cmp` does.
fn sortable(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 {
        bits | 1 << 31
    } else {
        !bits
    }
}

fn unsortable(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 {
        key & !(1 << 31)
    } else {
        !key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_sort_as_numbers_do() {
        let mut values = [
            0.5,
            -0.25,
            f32::NAN,
            0.0,
            -0.0,
            3.5,
            f32::NEG_INFINITY,
            1e-30,
        ];
        let mut keys: Vec<u32> = values.iter().map(|&v| sortable(v)).collect();
        values.sort_by(f32::total_cmp);
        keys.sort_unstable();
        let back: Vec<u32> = keys.iter().map(|&k| unsortable(k).to_bits()).collect();
        assert_eq!(back, values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
    }

    #[test]
    fn squares_are_numbered_alike_near_and_far_apart() {
        let near: Vec<[f64; 2]> = (0..500)
            .map(|i| [f64::from(i * 37 % 101) - 20.0, f64::from(i * 53 % 89)])
            .collect();
        let (numbers, n) = squares(&near, 10.0);
        // One cell far away makes the grid too large, and comes last.
        let mut far = near;
        far.push([1e12, 1e12]);
        let (with_far, m) = squares(&far, 10.0);
        assert_eq!(
            (&with_far[..500], with_far[500] as usize),
            (&numbers[..], n)
        );
        assert_eq!(m, n + 1);
        assert_eq!(squares(&[], 10.0), (Vec::new(), 0));
    }
}
