//! How far a percent could read had the tumour's small fields fallen otherwise: a bootstrap over blocks of the slide.
//!
//! Neighbouring cells are alike, in what stains and in what goes wrong, so blocks of cells are drawn, not cells (block bootstrap: Künsch, Ann Stat 1989;17:1217-1241).
//! A block holds some 25 cells. Larger ones were tried and rejected: on a slide whose every cell is counted, a focus of hundreds of stained cells is a finding, and blocks of half a millimetre take it for one accident.
//!
//! Blocks are drawn within strata of four neighbours. A section is a systematic sample of its tumour: what differs from one part of it to the next is seen and not drawn, and drawing blocks from all over takes it for chance once more.
//! So the spread is taken from what neighbours differ by, as for other systematic samples of a plane (D'Orazio, J Agric Biol Environ Stat 2003;8:280-295; Stevens and Olsen, Environmetrics 2003;14:593-610), with Stevens and Olsen's quadrant-recursive order for who are neighbours (J Am Stat Assoc 2004;99:262-278).
//! Where stain comes in patches smaller than a block this changes nothing; a focus of many blocks counts by its edge alone.
//!
//! **Architecture invariant:** the draws come from a fixed seed and the blocks from the cells' places, so the same cells give the same interval.

use std::ops::Range;

use rayon::prelude::*;

use super::arranged::squares;
use super::tally::{SLOTS, Tally};

/// The side of a block (um): about five cells.
const BLOCK_UM: f64 = 62.5;
/// With fewer blocks than this the spread over them says too little of itself, and smaller ones are cut.
const FEWEST_BLOCKS: usize = 16;
/// Blocks are never smaller than a cell (um).
const SMALLEST_UM: f64 = 10.0;
/// Blocks of a stratum: neighbours.
const STRATUM: usize = 4;
/// Of more blocks than this, random ones of neighbouring strata are joined: the spread stays what it is, and large slides cost no more than small ones. A multiple of [`STRATUM`].
const MOST_BLOCKS: usize = 2000;
/// Draws; the ends of a 95 % interval then rest on 25 draws each.
const DRAWS: usize = 1000;
/// Of the draws.
const SEED: u64 = 0x7061_6e74_726b;
/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// What other sections of the same tumour could have read.
#[derive(Debug, Clone)]
pub(crate) struct Replicates {
    centre: Tally,
    draws: Vec<Tally>,
    /// By how much draws are spread out for the few blocks that they come from.
    factor: f64,
}

impl Replicates {
    /// Draws blocks of the cells: `centre` is the tally of all of them, `blocks` those of the blocks, in the order of [`blocks`].
    pub(crate) fn draw(centre: Tally, blocks: &[Tally]) -> Self {
        let n = blocks.len();
        if n < 2 {
            return Self {
                centre,
                draws: Vec::new(),
                factor: 1.0,
            };
        }
        let packed: Vec<Packed> = blocks.iter().map(Packed::of).collect();
        let draws = (0..DRAWS)
            .into_par_iter()
            .map(|draw| {
                let mut seed = Stream(SEED).after((draw * n) as u64);
                let mut sum = Packed::default();
                for stratum in strata(n) {
                    let stratum = &packed[stratum];
                    for _ in stratum {
                        sum.join(&stratum[seed.below(stratum.len())]);
                    }
                }
                sum.tally()
            })
            .collect();
        // A bootstrap within a stratum of n blocks is too narrow by (n - 1) / n (Rao and Wu, J Am Stat Assoc 1988;83:231-241), and few blocks call for Student's quantile.
        let k = strata(n).len();
        let each = if k == 1 { n } else { STRATUM } as f64;
        let small = (each / (each - 1.0)).sqrt() * student(n - k) / Z;
        Self {
            centre,
            draws,
            factor: small,
        }
    }

    /// What was drawn.
    #[cfg(test)]
    pub(crate) fn draws(&self) -> &[Tally] {
        &self.draws
    }

    /// A figure's value in each draw, rising.
    fn values(&self, figure: impl Fn(&Tally) -> f64) -> Vec<f64> {
        let spread = |draw: &Tally| draw.spread_from(&self.centre, self.factor);
        let mut values: Vec<f64> = self.draws.iter().map(|d| figure(&spread(d))).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    /// The middle 95 % of a figure; `None` where the cells lie in one block.
    pub(crate) fn interval95(&self, figure: impl Fn(&Tally) -> f64) -> Option<[f64; 2]> {
        let values = self.values(figure);
        let at = |share: f64| {
            let place = (share * (values.len() as f64 - 1.0)).round() as usize;
            values.get(place).copied()
        };
        Some([at(0.025)?, at(0.975)?])
    }

    /// In which share of the draws something holds; `None` where the cells lie in one block.
    pub(crate) fn share_where(&self, holds: impl Fn(&Tally) -> bool) -> Option<f64> {
        let values = self.values(|tally| f64::from(u8::from(holds(tally))));
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// 95 % interval of a positive percent, 0 to 100.
    ///
    /// The spread over the draws says how many independent cells these cells are worth; Wilson's interval for that many holds its level where few or no cells are positive, and percentiles of draws do not (Dean and Pagano, J Surv Stat Methodol 2015;3:484-503).
    pub(crate) fn percent_interval95(&self, slot: usize) -> [f64; 2] {
        let n = self.centre.cells();
        let p = self.centre.positive_percent(slot) / 100.0;
        let [low, high] = wilson(p, n / self.design_effect(slot));
        [100.0 * low, 100.0 * high]
    }

    /// How much wider the draws spread than as many independent cells would; at least 1.
    fn design_effect(&self, slot: usize) -> f64 {
        let p = self.centre.positive_percent(slot) / 100.0;
        let n = self.centre.cells();
        let simple = p * (1.0 - p) / n.max(1.0);
        if simple <= 0.0 || self.draws.is_empty() {
            return 1.0;
        }
        let squares = self.draws.iter().map(|draw| {
            let q = draw.positive_percent(slot) / 100.0;
            (q - p) * (q - p)
        });
        let variance = squares.sum::<f64>() / self.draws.len() as f64;
        (variance * self.factor * self.factor / simple).max(1.0)
    }
}

/// A tally as whole numbers, of one cache line: cells, and those at 1+, 2+ and 3+ per compartment.
///
/// Two million of them are joined for a large slide, which is most of what its interval costs.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Packed([u32; 1 + 3 * SLOTS]);

impl Packed {
    fn of(tally: &Tally) -> Self {
        let mut packed = Self::default();
        packed.0[0] = tally.cells() as u32;
        for (of, slot) in packed.0[1..].chunks_mut(3).zip(&tally.0) {
            for (of, count) in of.iter_mut().zip(&slot[1..]) {
                *of = *count as u32;
            }
        }
        packed
    }

    fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            // Wrapping, so that it is vectorised; a draw holds about as many cells as the slide.
            *mine = mine.wrapping_add(*theirs);
        }
    }

    fn tally(&self) -> Tally {
        let cells = self.0[0];
        let mut tally = Tally::default();
        for (slot, of) in tally.0.iter_mut().zip(self.0[1..].chunks(3)) {
            let stained: u32 = of.iter().sum();
            *slot = [cells - stained, of[0], of[1], of[2]].map(f64::from);
        }
        tally
    }
}

/// The strata of so many blocks; the last takes what is left over.
fn strata(blocks: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    let k = (blocks / STRATUM).max(1);
    (0..k).map(move |s| {
        let end = if s + 1 == k {
            blocks
        } else {
            (s + 1) * STRATUM
        };
        s * STRATUM..end
    })
}

/// The block of each place (um), and how many blocks there are; neighbours follow one another.
pub(crate) fn blocks(places_um: &[[f64; 2]]) -> (Vec<u32>, usize) {
    let mut side = BLOCK_UM;
    let (mut of, mut n) = squares(places_um, side);
    while n < FEWEST_BLOCKS && side / 2.0 >= SMALLEST_UM {
        side /= 2.0;
        (of, n) = squares(places_um, side);
    }
    let order = quadrant_recursive(places_um, &of, (n, side));
    let mut numbers = vec![0; n];
    let most = MOST_BLOCKS.min(n);
    if n <= MOST_BLOCKS {
        for (place, &block) in order.iter().enumerate() {
            numbers[block] = place as u32;
        }
    } else {
        // Each stratum gives one of its blocks, in random order, to each block of the stratum that it becomes part of.
        let (k, joined) = (n / STRATUM, MOST_BLOCKS / STRATUM);
        let mut seed = Stream(0x626c_6f63_6b73);
        for (s, stratum) in strata(n).enumerate() {
            let first = s * joined / k * STRATUM;
            let mut blocks = order[stratum].to_vec();
            for i in (1..blocks.len()).rev() {
                blocks.swap(i, seed.below(i + 1));
            }
            for (i, block) in blocks.into_iter().enumerate() {
                numbers[block] = (first + i % STRATUM) as u32;
            }
        }
    }
    for block in &mut of {
        *block = numbers[*block as usize];
    }
    (of, most)
}

/// The blocks in quadrant-recursive order: those of a square of 2 x 2 follow one another, and those of a square of 4 x 4, and so on.
fn quadrant_recursive(
    places_um: &[[f64; 2]],
    of: &[u32],
    (n, side_um): (usize, f64),
) -> Vec<usize> {
    let mut keys = vec![[i64::MAX; 2]; n];
    let mut least = [i64::MAX; 2];
    for (place, &block) in places_um.iter().zip(of) {
        let key = place.map(|um| (um / side_um).floor() as i64);
        keys[block as usize] = key;
        least = [least[0].min(key[0]), least[1].min(key[1])];
    }
    let address = |block: &usize| {
        let apart = |axis: usize| keys[*block][axis].abs_diff(least[axis]);
        spread_bits(apart(0)) | spread_bits(apart(1)) << 1
    };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_cached_key(address);
    order
}

/// A number's bits with a 0 before each (Morton's order of a plane); 32 bits are counted.
fn spread_bits(number: u64) -> u64 {
    let mut bits = number.min(u64::from(u32::MAX));
    for (by, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << by) & mask;
    }
    bits
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
    // At the ends the roots are 0 and 1 up to rounding, and a bound of 1e-17 would be read as a figure.
    let low = if p <= 0.0 {
        0.0
    } else {
        (centre - half) / scale
    };
    let high = if p >= 1.0 {
        1.0
    } else {
        (centre + half) / scale
    };
    [low.max(0.0), high.min(1.0)]
}

/// The 97.5th percentile of Student's distribution, by its expansion about the normal one (Abramowitz and Stegun 26.7.5).
fn student(freedom: usize) -> f64 {
    let n = freedom.max(1) as f64;
    let z = Z;
    let g1 = (z.powi(3) + z) / 4.0;
    let g2 = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let g3 = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + g1 / n + g2 / (n * n) + g3 / (n * n * n)
}

/// `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): a few lines that give the same draws for ever.
struct Stream(u64);

/// What the state grows by with each number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Stream {
    /// The stream as it stands after so many numbers.
    const fn after(self, numbers: u64) -> Self {
        Self(self.0.wrapping_add(numbers.wrapping_mul(STEP)))
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((u128::from(z) * n as u128) >> 64) as usize
    }
}

/// The draws of these blocks the plainest way: one stream, tallies joined one by one.
#[cfg(test)]
pub(crate) fn plain_draws(blocks: &[Tally]) -> Vec<Tally> {
    let mut seed = Stream(SEED);
    let draw = |_| {
        let mut tally = Tally::default();
        let whole = (blocks.len() / 4).max(1);
        for i in 0..blocks.len() {
            let first = 4 * (i / 4).min(whole - 1);
            let last = if first / 4 + 1 == whole {
                blocks.len()
            } else {
                first + 4
            };
            tally.join(&blocks[first + seed.below(last - first)]);
        }
        tally
    };
    let draws = if blocks.len() < 2 { 0 } else { DRAWS };
    (0..draws).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::tally::ANY;

    /// `side` x `side` cells 12 um apart, drawn; `positive` says which stain.
    fn drawn(side: usize, positive: impl Fn(usize, usize) -> bool) -> Replicates {
        let (mut places, mut grades) = (Vec::new(), Vec::new());
        for y in 0..side {
            for x in 0..side {
                places.push([x as f64 * 12.0, y as f64 * 12.0]);
                grades.push([u8::from(positive(x, y)); SLOTS]);
            }
        }
        let (of, n) = blocks(&places);
        let mut centre = Tally::default();
        let mut tallies = vec![Tally::default(); n];
        for (&block, &grades) in of.iter().zip(&grades) {
            centre.add(grades);
            tallies[block as usize].add(grades);
        }
        Replicates::draw(centre, &tallies)
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
    fn students_quantiles_are_those_of_the_tables() {
        for (freedom, wanted) in [(5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)] {
            assert!((student(freedom) - wanted).abs() < 0.004, "{freedom}");
        }
    }

    #[test]
    fn cells_that_stain_together_widen_the_interval() {
        let width = |drawn: &Replicates| {
            let [low, high] = drawn.percent_interval95(ANY);
            high - low
        };
        let apart = width(&drawn(100, |x, y| (x * 7 + y * 3) % 10 == 0));
        // Patches of 4 x 4 cells, in no order.
        let mixed = |x: usize, y: usize| (x / 4 * 7919 + y / 4 * 104_729).wrapping_mul(0x9e37_79b9);
        let together = width(&drawn(100, |x, y| (mixed(x, y) >> 12) % 10 == 0));
        assert!(together > 2.0 * apart, "{together} {apart}");
    }

    /// A focus is seen as a whole: drawing blocks from all over would take it for chance.
    #[test]
    fn a_large_focus_counts_by_its_edge() {
        let focus = drawn(100, |x, y| (20..50).contains(&x) && (20..50).contains(&y));
        let [low, high] = focus.percent_interval95(ANY);
        let all_over = {
            let of_blocks = 0.09 * 0.91 / 400.0;
            2.0 * Z * f64::sqrt(of_blocks) * 100.0
        };
        assert!(
            low < 9.0 && 9.0 < high && high - low < 0.7 * all_over,
            "{low} {high}"
        );
    }

    #[test]
    fn neighbours_follow_one_another() {
        let lattice = |side: usize| -> Vec<[f64; 2]> {
            let of = |i: usize| [i % side, i / side].map(|k| (k as f64 + 0.5) * BLOCK_UM);
            (0..side * side).map(of).collect()
        };
        // A cell in each block: each stratum is a square of 2 x 2.
        let places = lattice(8);
        let (of, n) = blocks(&places);
        assert_eq!(n, 64);
        for stratum in strata(n) {
            let of = |axis: usize| {
                let there = places.iter().zip(&of);
                let there = there.filter(|(_, block)| stratum.contains(&(**block as usize)));
                let at = there.map(|(place, _)| place[axis]);
                at.clone().fold(f64::NEG_INFINITY, f64::max) - at.fold(f64::INFINITY, f64::min)
            };
            assert!((of(0) - BLOCK_UM).abs() < 1e-9 && (of(1) - BLOCK_UM).abs() < 1e-9);
        }
        assert_eq!(strata(7).next(), Some(0..7));
        assert_eq!(strata(11).collect::<Vec<_>>(), [0..4, 4..11]);
        // Of many blocks, alike many are joined, and none is left empty.
        let (of, n) = blocks(&lattice(90));
        let mut cells = vec![0; n];
        for block in of {
            cells[block as usize] += 1;
        }
        assert_eq!(n, MOST_BLOCKS);
        assert!(cells.iter().all(|c| (4..=8).contains(c)), "{cells:?}");
    }

    #[test]
    fn no_stain_and_all_stain_still_have_a_width() {
        for positive in [false, true] {
            let [low, high] = drawn(60, |_, _| positive).percent_interval95(ANY);
            assert!(high - low > 0.05 && high - low < 0.2, "{low} {high}");
        }
        assert!(drawn(0, |_, _| true).interval95(Tally::cells).is_none());
    }

    /// Tumours of which a slide is a sample, independent and in patches: the interval must hold the tumour's share.
    #[test]
    fn the_interval_holds_the_tumours_share_as_often_as_it_says() {
        let mut seed = Stream(7);
        let mut chance = |p: f64| (seed.below(1 << 30) as f64) < p * f64::from(1 << 30);
        for (name, patch, rate) in [("single cells", 1_usize, 0.01), ("patches", 3, 0.03)] {
            let (mut held, rounds) = (0, 300);
            for _ in 0..rounds {
                let side = 72;
                let across = side / patch;
                // Patches are hot or cold; in a hot one, a third of the cells stain.
                let hot: Vec<bool> = (0..across * across)
                    .map(|_| patch == 1 || chance(3.0 * rate))
                    .collect();
                let share = if patch == 1 { rate } else { 1.0 / 3.0 };
                let stains: Vec<bool> = (0..side * side)
                    .map(|i| {
                        let (x, y) = (i % side, i / side);
                        hot[y / patch * across + x / patch] && chance(share)
                    })
                    .collect();
                let drawn = drawn(side, |x, y| stains[y * side + x]);
                let [low, high] = drawn.percent_interval95(ANY);
                held += u32::from((low..=high).contains(&(100.0 * rate)));
            }
            let share = f64::from(held) / f64::from(rounds);
            assert!((0.90..=0.99).contains(&share), "{name}: {share}");
        }
    }
}
