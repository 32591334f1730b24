//! Grows nuclei to cells: each pixel belongs to its nearest nucleus, up to the expansion, so that neighbours share the space between them.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use crate::segment::LabelImage;
use crate::widest::on_widest;

/// No labelled pixel within reach.
const FAR: u8 = u8::MAX;

/// The furthest reach whose keys fit 16 bits: twice its squared distance, in a scale of 32.
const SHORT: u8 = 15;

/// The cell that owns each pixel and how far its nucleus is; buffers are reused from patch to patch.
#[derive(Debug, Default)]
pub struct Expansion {
    /// The label of the owner; 0 where no nucleus is within reach.
    pub owner: Vec<u32>,
    /// Squared distance in pixels to the owner's nearest nucleus pixel; 0 within the nucleus.
    pub distance2: Vec<u16>,
    up: Vec<u8>,
    down: Vec<u8>,
    short: Keys<i16>,
    long: Keys<i32>,
}

impl Expansion {
    /// The furthest that nuclei can be grown, pixels: its square still fits `distance2`.
    pub const MOST: u8 = 180;

    /// Fills `owner` and `distance2` for nuclei grown by `reach` pixels (at most [`Self::MOST`]).
    ///
    /// Exact Euclidean distances; among nuclei at the same distance the choice depends on geometry alone, so that it is the same in every cut of the slide.
    pub fn grow(&mut self, labels: &LabelImage, reach: u8) {
        let reach = reach.min(Self::MOST);
        let Self {
            owner,
            distance2,
            up,
            down,
            short,
            long,
        } = self;
        let pixels = labels.labels.len();
        owner.resize(pixels, 0);
        distance2.resize(pixels, u16::MAX);
        if labels.width == 0 {
            return;
        }
        on_widest(
            #[inline(always)]
            || {
                vertical_distances(labels, reach, up, true);
                vertical_distances(labels, reach, down, false);
                let columns = Columns { labels, up, down };
                if reach <= SHORT {
                    short.grow(columns, reach, owner, distance2);
                } else {
                    long.grow(columns, reach, owner, distance2);
                }
            },
        );
    }
}

/// What is known of each column: how many rows above and below a pixel the next nucleus pixel lies.
#[derive(Clone, Copy)]
struct Columns<'a> {
    labels: &'a LabelImage,
    up: &'a [u8],
    down: &'a [u8],
}

/// A whole row's nearest nucleus pixels at a time.
///
/// A candidate is a column, and of that column the nearer of its nucleus pixels above and below.
/// Its key is the squared distance, then the number of columns to the side, then the side (left first): the least key is the nearest, and of equals always the same one.
#[derive(Debug, Default)]
struct Keys<T> {
    /// Squared distances along each column, scaled to keys, with `reach` more on both sides.
    vertical: Vec<T>,
    best: Vec<T>,
    /// Of each column, how many pixels of the image before (below zero) or after the row its nearest nucleus pixel lies.
    sources: Vec<i32>,
}

/// An integer that keys are kept in: the shorter, the more of them in a vector.
trait Key: Copy + Ord {
    /// Of a value that fits.
    fn of(value: i32) -> Self;
    fn value(self) -> i32;
    /// The sum, which fits.
    fn plus(self, other: Self) -> Self;
    /// The product, which fits.
    fn times(self, other: Self) -> Self;
}

impl Key for i16 {
    fn of(value: i32) -> Self {
        value as Self
    }
    fn value(self) -> i32 {
        i32::from(self)
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
}

impl Key for i32 {
    fn of(value: i32) -> Self {
        value
    }
    fn value(self) -> i32 {
        self
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
}

impl<T: Key> Keys<T> {
    #[inline(always)]
    fn grow(&mut self, columns: Columns<'_>, reach: u8, owner: &mut [u32], distance2: &mut [u16]) {
        let Columns { labels, up, down } = columns;
        let width = labels.width;
        let limit = i32::from(reach) * i32::from(reach);
        // Room for the columns and both sides below a squared distance of 1; a power of two, as it is divided by for each pixel.
        let bits = (2 * (u32::from(reach) + 1)).next_power_of_two().ilog2();
        let scale = 1 << bits;
        let beyond = T::of((limit + 1) * scale);
        let margin = usize::from(reach);
        self.vertical.clear();
        self.vertical.resize(width + 2 * margin, beyond);
        self.sources.resize(width, 0);
        let out = owner
            .chunks_exact_mut(width)
            .zip(distance2.chunks_exact_mut(width));
        for (y, (owner, distance2)) in out.enumerate() {
            let first = y * width;
            let (up, down) = (&up[first..][..width], &down[first..][..width]);
            let inner = &mut self.vertical[margin..margin + width];
            let mut nearest = FAR;
            for ((to, &up), &down) in inner.iter_mut().zip(up).zip(down) {
                let nearer = up.min(down);
                nearest = nearest.min(nearer);
                // Beyond the reach all are as far, and the square of one more still fits.
                let rows = T::of(i32::from(nearer.min(reach.wrapping_add(1))));
                *to = rows.times(rows).min(T::of(limit + 1)).times(T::of(scale));
            }
            if nearest == FAR {
                owner.fill(0);
                distance2.fill(u16::MAX);
                continue;
            }
            let sources = self.sources.iter_mut().zip(up).zip(down);
            for ((source, &up), &down) in sources {
                let rows = if up <= down {
                    -i32::from(up)
                } else {
                    i32::from(down)
                };
                *source = rows.wrapping_mul(width as i32);
            }
            self.nearest(margin, scale);
            for (to, best) in distance2.iter_mut().zip(&self.best) {
                let squared = best.value() >> bits;
                *to = if squared > limit {
                    u16::MAX
                } else {
                    squared as u16
                };
            }
            let sources = Sources {
                labels: &labels.labels,
                first,
                offsets: &self.sources,
            };
            sources.owners(&self.best, (limit + 1) * scale, scale - 1, owner);
        }
    }

    /// The least key of each pixel of a row.
    #[inline(always)]
    fn nearest(&mut self, margin: usize, scale: i32) {
        let Self { vertical, best, .. } = self;
        let width = vertical.len() - 2 * margin;
        best.clear();
        best.extend_from_slice(&vertical[margin..margin + width]);
        for aside in 1..=margin {
            let squared = (aside * aside) as i32 * scale;
            let left = T::of(squared + 2 * aside as i32);
            let right = T::of(squared + 2 * aside as i32 + 1);
            let lefts = &vertical[margin - aside..][..width];
            let rights = &vertical[margin + aside..][..width];
            for ((best, &l), &r) in best.iter_mut().zip(lefts).zip(rights) {
                *best = (*best).min(l.plus(left)).min(r.plus(right));
            }
        }
    }
}

/// Where the nearest nucleus pixels of a row's columns lie.
struct Sources<'a> {
    labels: &'a [u32],
    /// The row's first pixel.
    first: usize,
    offsets: &'a [i32],
}

impl Sources<'_> {
    /// The owners of the row's pixels by their least keys: 0 from the key `beyond` on; `aside` are the bits of a key that tell the column.
    ///
    /// On its own, so that its few numbers stay in registers.
    #[inline(never)]
    fn owners<T: Key>(&self, keys: &[T], beyond: i32, aside: i32, owner: &mut [u32]) {
        /// Pixels that are looked at together: most lie deep in a nucleus or far from all.
        const TOGETHER: usize = 16;
        let parts = owner.chunks_mut(TOGETHER).zip(keys.chunks(TOGETHER));
        for (n, (owner, keys)) in parts.enumerate() {
            let x = n * TOGETHER;
            let ends = keys.iter().fold((T::of(beyond), T::of(0)), |ends, &key| {
                (ends.0.min(key), ends.1.max(key))
            });
            if ends.0.value() >= beyond {
                owner.fill(0);
            } else if ends.1.value() == 0 {
                owner.copy_from_slice(&self.labels[self.first + x..][..owner.len()]);
            } else {
                for (k, (owner, key)) in owner.iter_mut().zip(keys).enumerate() {
                    *owner = self.owner(x + k, key.value(), beyond, aside);
                }
            }
        }
    }

    #[inline]
    fn owner(&self, x: usize, key: i32, beyond: i32, aside: i32) -> u32 {
        if key >= beyond {
            return 0;
        }
        let half = ((key & aside) >> 1) as usize;
        let column = if key & 1 == 0 {
            x.wrapping_sub(half)
        } else {
            x.wrapping_add(half)
        };
        let rows = self.offsets.get(column).map_or(0, |&rows| rows as isize);
        let source = self.first.wrapping_add(column).wrapping_add_signed(rows);
        self.labels.get(source).copied().unwrap_or(0)
    }
}

/// For each pixel, how many rows above (from the top) or below the next nucleus pixel of its column lies.
#[inline(always)]
fn vertical_distances(labels: &LabelImage, reach: u8, distances: &mut Vec<u8>, from_top: bool) {
    let (width, height) = (labels.width, labels.height);
    distances.resize(width * height, FAR);
    let mut before = vec![FAR; width];
    for step in 0..height {
        let y = if from_top { step } else { height - 1 - step };
        let row = &mut distances[y * width..][..width];
        let labels = &labels.labels[y * width..][..width];
        for ((to, before), &label) in row.iter_mut().zip(&mut before).zip(labels) {
            let further = if *before < reach {
                before.wrapping_add(1)
            } else {
                FAR
            };
            *to = if label == 0 { further } else { 0 };
            *before = *to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::LevelSize;

    /// The nearest nucleus pixel by looking at all: least distance, then the fewest columns aside, left before right, above before below.
    #[test]
    fn distances_match_a_search_over_all_pixels() {
        let mut labels = LabelImage::default();
        labels.reset(LevelSize {
            width: 40,
            height: 30,
        });
        for (n, (x, y)) in [(5, 5), (12, 7), (30, 20), (33, 22), (0, 29)]
            .into_iter()
            .enumerate()
        {
            labels.labels[y * 40 + x] = n as u32 + 1;
        }
        // 16-bit keys, and the longer ones.
        for reach in [9_i32, 25] {
            let mut expansion = Expansion::default();
            expansion.grow(&labels, reach as u8);
            for y in 0..30_i32 {
                for x in 0..40_i32 {
                    let nearest = (0..1200_i32)
                        .filter(|&i| labels.labels[i as usize] != 0)
                        .map(|i| {
                            let (dx, dy) = (i % 40 - x, i / 40 - y);
                            (dx * dx + dy * dy, dx.abs(), dx > 0, dy > 0, i)
                        })
                        .min()
                        .unwrap();
                    let at = (y * 40 + x) as usize;
                    if nearest.0 <= reach * reach {
                        assert_eq!(i32::from(expansion.distance2[at]), nearest.0, "at {x}, {y}");
                        let owner = labels.labels[nearest.4 as usize];
                        assert_eq!(expansion.owner[at], owner, "at {x}, {y}");
                    } else {
                        assert_eq!(expansion.owner[at], 0, "at {x}, {y}");
                    }
                }
            }
        }
    }
}
