//! A cell's pixels, added up by the places where they lie.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use crate::cell::layers::DEEP;
use crate::widest::on_widest;

use super::places::{CLASSES, FIRST_OUTSIDE, Run, SHELLS, ZONES, outside};
use super::{LAYERS, MEMBRANE, Mean, OUTSIDE, SECTORS};

/// The first zone beyond the rim.
const BEYOND_RIM: usize = 1;
/// The first zone beyond a stained rim.
const BEYOND_NEAR_RIM: usize = 2;
/// The last zone next to the rim.
const LAST_INNER: usize = 3;

/// A mean with its spread.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    pub(super) mean: Mean,
    pub(super) squares: f32,
}

impl Moments {
    pub(super) fn add(&mut self, value: f32) {
        self.mean.add(value);
        self.squares += value * value;
    }
}

/// Means of the sectors around a cell.
#[derive(Debug, Clone, Copy, Default)]
struct Circle {
    sums: [f32; SECTORS],
    counts: [u32; SECTORS],
}

impl Circle {
    #[inline(always)]
    fn add(&mut self, other: &Self) {
        for (sum, &other) in self.sums.iter_mut().zip(&other.sums) {
            *sum += other;
        }
        for (count, &other) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.wrapping_add(other);
        }
    }

    #[inline(always)]
    fn sector(&self, sector: usize) -> Mean {
        Mean {
            sum: self.sums[sector],
            n: self.counts[sector],
        }
    }

    #[inline(always)]
    fn all(&self) -> Mean {
        Mean {
            sum: self.sums.iter().sum(),
            n: self.counts.iter().sum(),
        }
    }
}

/// Layers around a boundary, each of them in sectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rings<const N: usize = LAYERS>([Circle; N]);

impl<const N: usize> Default for Rings<N> {
    fn default() -> Self {
        Self([Circle::default(); N])
    }
}

impl<const N: usize> Rings<N> {
    /// The layers of each sector.
    pub(super) fn iter(&self) -> impl Iterator<Item = [Mean; N]> + Clone {
        (0..SECTORS).map(|sector| {
            let mut ring = [Mean::default(); N];
            for (to, circle) in ring.iter_mut().zip(&self.0) {
                *to = circle.sector(sector);
            }
            ring
        })
    }

    /// The layers without sectors.
    pub(super) fn all(&self) -> [Mean; N] {
        std::array::from_fn(|layer| self.0[layer].all())
    }
}

/// What of a cell depends on its stain.
#[derive(Debug, Clone, Default)]
pub(super) struct StainSums {
    pub(super) cell_pixels: u32,
    /// By layers within the nucleus: from the third on, the second, the first.
    pub(super) nucleus: [Mean; 3],
    /// By layers within the cell: from the fifth on, the fourth, the third.
    pub(super) cytoplasm: Rings<3>,
    /// Of all that.
    pub(super) grain: Moments,
    /// Of that without the third layer, where a membrane still shines in.
    pub(super) clear_grain: Moments,
    /// Next to the rim.
    pub(super) inner_cytoplasm: Mean,
    pub(super) outside: Mean,
    pub(super) rim: Rings,
    pub(super) membrane: Rings,
}

/// Of a pixel's square, what goes into the grain: of the third layer, and of what lies deeper.
const GRAIN: [[f32; 2]; CLASSES] = {
    let mut weights = [[0.0; 2]; CLASSES];
    let mut zone = BEYOND_RIM;
    while zone < ZONES {
        let mut shell = MEMBRANE as usize;
        while shell < SHELLS {
            let is_clear = shell > MEMBRANE as usize;
            weights[outside(zone, shell)][is_clear as usize] = 1.0;
            shell += 1;
        }
        zone += 1;
    }
    weights
};

/// Sums by class and sector.
type Table<T> = [[T; SECTORS]; CLASSES];

/// Adds up the pixels of one cell after the other.
///
/// Neighbours go into tables of their own, so that one need not wait for the other's sum.
#[derive(Debug, Default)]
pub(super) struct Adder {
    sums: [Table<f32>; 2],
    counts: [Table<u32>; 2],
    /// By table, as in [`GRAIN`].
    squares: [[f32; 2]; 2],
}

impl Adder {
    /// The sums of `od` over the pixels of `runs`, which lie in the `places` of their cell.
    pub(super) fn add_up(&mut self, runs: &[Run], places: &[u16], od: &[f32]) -> StainSums {
        on_widest(
            #[inline(always)]
            || {
                self.sums = Default::default();
                self.counts = Default::default();
                self.squares = Default::default();
                for run in runs {
                    let (places, od) = (&places[run.pixels()], &od[run.pixels()]);
                    let (pairs, last) = places.as_chunks::<2>();
                    let (od_pairs, od_last) = od.as_chunks::<2>();
                    for (place, od) in pairs.iter().zip(od_pairs) {
                        self.add::<0>(place[0], od[0]);
                        self.add::<1>(place[1], od[1]);
                    }
                    for (&place, &od) in last.iter().zip(od_last) {
                        self.add::<0>(place, od);
                    }
                }
                self.together()
            },
        )
    }

    #[inline(always)]
    fn add<const TABLE: usize>(&mut self, place: u16, od: f32) {
        let place = usize::from(place) % (CLASSES * SECTORS);
        let class = place / SECTORS;
        self.sums[TABLE].as_flattened_mut()[place] += od;
        let count = &mut self.counts[TABLE].as_flattened_mut()[place];
        *count = count.wrapping_add(1);
        let square = od * od;
        for (sum, weight) in self.squares[TABLE].iter_mut().zip(GRAIN[class]) {
            *sum += weight * square;
        }
    }

    #[inline(always)]
    fn class(&self, class: usize) -> Circle {
        let [sums, more_sums] = &self.sums;
        let [counts, more_counts] = &self.counts;
        let mut circle = Circle {
            sums: sums[class],
            counts: counts[class],
        };
        circle.add(&Circle {
            sums: more_sums[class],
            counts: more_counts[class],
        });
        circle
    }

    /// From classes to layers.
    #[inline(always)]
    fn together(&self) -> StainSums {
        let mut sums = StainSums::default();
        let StainSums {
            rim: Rings(rim),
            membrane: Rings(membrane),
            cytoplasm: Rings(cytoplasm),
            nucleus,
            ..
        } = &mut sums;
        let mut pixels = Circle::default();
        for depth in 0..FIRST_OUTSIDE {
            let circle = self.class(depth);
            pixels.add(&circle);
            if depth < OUTSIDE {
                rim[OUTSIDE - 1 - depth] = circle;
            }
            let layer = &mut nucleus[2 - depth.min(2)];
            *layer = layer.with(circle.all());
        }
        let (mut inner, mut clear, mut all) =
            (Circle::default(), Circle::default(), Circle::default());
        for zone in 0..ZONES {
            for (shell, membrane) in membrane.iter_mut().take(SHELLS).enumerate() {
                let circle = self.class(outside(zone, shell));
                all.add(&circle);
                if zone + OUTSIDE < LAYERS {
                    rim[OUTSIDE + zone].add(&circle);
                }
                // Where nuclei come close, the border lies between their rims and is no membrane of its own.
                if zone >= BEYOND_NEAR_RIM {
                    membrane.add(&circle);
                }
                if zone >= BEYOND_RIM && shell >= MEMBRANE as usize {
                    let layer = if zone >= BEYOND_NEAR_RIM {
                        DEEP as usize - shell
                    } else {
                        2
                    };
                    cytoplasm[layer].add(&circle);
                    if shell > MEMBRANE as usize {
                        clear.add(&circle);
                    }
                    if (BEYOND_NEAR_RIM..=LAST_INNER).contains(&zone) {
                        inner.add(&circle);
                    }
                }
            }
        }
        pixels.add(&all);
        sums.cell_pixels = pixels.all().n;
        sums.outside = all.all();
        sums.inner_cytoplasm = inner.all();
        let [third, deeper] = [0, 1].map(|k| self.squares[0][k] + self.squares[1][k]);
        let cytoplasm = sums.cytoplasm.all().into_iter();
        sums.grain = Moments {
            mean: cytoplasm.fold(Mean::default(), Mean::with),
            squares: third + deeper,
        };
        sums.clear_grain = Moments {
            mean: clear.all(),
            squares: deeper,
        };
        sums
    }
}
