//! Tumour cells in the order of the slide's blocks and in each by density, so that grading all of them anew is a search for where a threshold falls.
//!
//! What does not follow from the thresholds is worked out once: which block and which neighbourhood a cell lies in, how the densities are ordered and how they spread.
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

/// Sums that are taken side by side.
const LANES: usize = 8;

/// The tumour cells of a slide, ready to be graded again and again.
#[derive(Debug, Clone)]
pub(crate) struct Arranged {
    /// The cells of each block, as places in the columns.
    groups: Vec<Range<usize>>,
    /// DAB OD per compartment and the highest of them; rising within a block, and last NaN where nothing was measured.
    od: [Vec<f32>; SLOTS],
    /// By how much rim and membrane are denser than what they border on, in the order of their densities; NaN where that was not measured.
    excess: [Vec<f32>; 2],
    /// Of the cytoplasm, in the order of its densities.
    grain: Vec<f32>,
    /// The neighbourhood of each cell, in the order of the highest densities.
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
        let is_outside = |i: &usize| cells.excluded[*i] == Some(ExcludedReason::OutsideTumour);
        let outside: Vec<usize> = (0..cells.len()).filter(is_outside).collect();
        let groups: Vec<Range<usize>> = starts.windows(2).map(|w| w[0]..w[1]).collect();
        let mut excesses: [Vec<f32>; 2] = Default::default();
        let (mut grain, mut squares) = (Vec::new(), Vec::new());
        let columns = std::array::from_fn(|slot| {
            let sorted = by_density(&groups, &order, |k| od(slot, row(k)));
            let beside = |line: usize| -> Vec<f32> {
                let cells = sorted.iter().map(|&key| row(cell_of(key)));
                cells.map(|i| excess(line, &ods(i))).collect()
            };
            match slot {
                RIM => excesses[0] = beside(RIM),
                MEMBRANE => excesses[1] = beside(MEMBRANE),
                CYTOPLASM => {
                    let column = &cells.cytoplasm_granularity;
                    let of = |&key: &u64| column.get(row(cell_of(key))).copied().unwrap_or(0.0);
                    grain = sorted.iter().map(of).collect();
                }
                ANY => {
                    let of = |&key: &u64| square_of[cell_of(key) as usize];
                    squares = sorted.iter().map(of).collect();
                }
                _ => {}
            }
            sorted.iter().map(|&key| density_of(key)).collect()
        });
        Self {
            groups,
            od: columns,
            excess: excesses,
            grain,
            squares,
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
        let [weak, ..] = thresholds.values();
        let (mut blocks, mut square_stained) = rayon::join(pass, || self.square_stained(weak));
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
            let count = |by: Thresholds| {
                let places = by.values().map(|threshold| reaching(column, threshold));
                places.map(|reaching| reaching.len() as u32)
            };
            pass.tally.set(slot, cells, count(now));
            pass.moved[0].set(slot, cells, count(moved[0]));
            pass.moved[1].set(slot, cells, count(moved[1]));
        }
        let [weak, ..] = now.values();
        for (k, sums) in pass.stained.iter_mut().enumerate() {
            let stained = reaching(columns[k], weak);
            sums.cells = stained.len() as u64;
            sums.od = sum(&columns[k][stained.clone()]);
            let line = [RIM, MEMBRANE].iter().position(|&line| line == k);
            if let Some(line) = line {
                sums.add_excess(&self.excess[line][block.clone()][stained]);
            }
        }
        pass
    }

    /// Stained cells of each neighbourhood.
    fn square_stained(&self, weak: f32) -> Vec<u32> {
        let mut stained = vec![0_u32; self.square_cells.len()];
        for place in self.stained(ANY, weak) {
            for &square in &self.squares[place] {
                stained[square as usize] += 1;
            }
        }
        stained
    }

    /// The cells of each block that reach `weak` in a compartment, as places in the columns.
    fn stained(&self, slot: usize, weak: f32) -> impl Iterator<Item = Range<usize>> {
        self.groups.iter().map(move |block| {
            let stained = reaching(&self.od[slot][block.clone()], weak);
            block.start + stained.start..block.start + stained.end
        })
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

    /// How many tumour cells' densities in a compartment, or their highest ones, hold to `is`, which the lowest do and none above one that does not.
    pub(crate) fn how_many_low(&self, slot: usize, is: impl Fn(f32) -> bool) -> u64 {
        let low = |block: &Range<usize>| {
            let column = &self.od[slot][block.clone()];
            column.partition_point(|&od| is(od))
        };
        let fixed = self.fixed.iter().filter(|cell| is(cell.od[slot])).count();
        (self.groups.iter().map(low).sum::<usize>() + fixed) as u64
    }

    /// The median granularity of the cells whose cytoplasm stains; `None` without any.
    pub(crate) fn median_grain(&self, cells: &CellTable, thresholds: Thresholds) -> Option<f32> {
        let [weak, ..] = thresholds.values();
        let fixed = self.fixed.iter();
        let fixed: Vec<f32> = fixed
            .filter(|cell| cells.grades_at(cell.row, thresholds)[CYTOPLASM] > 0)
            .map(|cell| cell.grain)
            .collect();
        let stained = || {
            let measured = self.stained(CYTOPLASM, weak);
            let grains = measured.flat_map(|place| &self.grain[place]);
            grains.chain(&fixed).map(|&grain| sortable(grain))
        };
        // The upper half of the bits first, then the lower half of those that share the median's.
        let mut counts = vec![0_u32; 1 << 16];
        stained().for_each(|key| counts[(key >> 16) as usize] += 1);
        let mut rank = counts.iter().map(|&n| n as usize).sum::<usize>() / 2;
        let upper = counts.iter().position(|&n| {
            let here = rank < n as usize;
            if !here {
                rank -= n as usize;
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

    /// Adds by how much stained cells are denser than what they border on.
    fn add_excess(&mut self, excess: &[f32]) {
        let measured = |od: &f32| if od.is_nan() { 0.0 } else { *od };
        self.excess += in_lanes(excess, measured);
        let beside = excess.iter().map(|od| u32::from(!od.is_nan()));
        self.beside += u64::from(beside.fold(0, u32::wrapping_add));
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

/// The sum of densities.
fn sum(ods: &[f32]) -> f64 {
    in_lanes(ods, |od| *od)
}

/// The sum of what `of` makes of values.
///
/// In lanes, so that it is vectorised; a block is small enough for single precision.
fn in_lanes(values: &[f32], of: impl Fn(&f32) -> f32) -> f64 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += of(value);
        }
    }
    let rest = rest.iter().map(|value| f64::from(of(value)));
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + rest.sum::<f64>()
}

/// The densities of a block that reach a threshold, as places in it.
fn reaching(column: &[f32], threshold: f32) -> Range<usize> {
    // What was not measured comes last and reaches none.
    let measured = column.partition_point(|od| !od.is_nan());
    column[..measured].partition_point(|&od| od < threshold)..measured
}

/// The cells of `order`, in each block by their density, what was not measured last: see [`cell_of`] and [`density_of`].
fn by_density(groups: &[Range<usize>], order: &[u32], od: impl Fn(u32) -> f32) -> Vec<u64> {
    let key = |&k: &u32| {
        let od = od(k);
        // There are NaN of either sign.
        let od = if od.is_nan() { f32::NAN } else { od };
        u64::from(sortable(od)) << 32 | u64::from(k)
    };
    let mut keys: Vec<u64> = order.iter().map(key).collect();
    let mut rest = keys.as_mut_slice();
    let mut blocks = Vec::with_capacity(groups.len());
    for group in groups {
        let (block, after) = rest.split_at_mut(group.len());
        blocks.push(block);
        rest = after;
    }
    blocks.into_par_iter().for_each(<[u64]>::sort_unstable);
    keys
}

/// Whose key it is.
const fn cell_of(key: u64) -> u32 {
    key as u32
}

/// The density in a key.
fn density_of(key: u64) -> f32 {
    unsortable((key >> 32) as u32)
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
