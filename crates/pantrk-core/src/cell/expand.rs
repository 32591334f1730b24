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
/// The last label that fits the other 16 bits.
const LAST_LABEL: u32 = 0xFFFF;

/// The cell that owns each pixel and how far its nucleus is; buffers are reused from patch to patch.
#[derive(Debug, Default)]
pub struct Expansion {
    /// The label of the owner; 0 where no nucleus is within reach.
    pub owner: Vec<u32>,
    /// Squared distance in pixels to the owner's nearest nucleus pixel; 0 within the nucleus.
    pub distance2: Vec<u16>,
    up: Vec<u8>,
    down: Vec<u8>,
    short: Words,
    long: Keys,
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
                if reach <= SHORT && labels.count <= LAST_LABEL {
                    short.grow(labels, reach, owner, distance2);
                } else {
                    vertical_distances(labels, reach, up, true);
                    vertical_distances(labels, reach, down, false);
                    long.grow(Columns { labels, up, down }, reach, owner, distance2);
                }
            },
        );
    }
}

/// Squared distances as they are compared.
///
/// A candidate is a column, and of that column the nearer of its nucleus pixels above and below.
/// Its key is the squared distance, then the number of columns to the side, then the side (left first): the least key is the nearest, and of equals always the same one.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// The largest squared distance within reach.
    limit: u32,
    /// Of a key, those that tell the column: room for the columns and both sides below a squared distance of 1; a whole number of bits, as it is divided by for each pixel.
    bits: u32,
}

impl Scale {
    fn of(reach: u8) -> Self {
        Self {
            limit: u32::from(reach) * u32::from(reach),
            bits: (2 * (u32::from(reach) + 1)).next_power_of_two().ilog2(),
        }
    }

    /// What a candidate's key exceeds that of its column by, so many columns to the left; one more to the right.
    const fn aside(self, columns: u32) -> u32 {
        ((columns * columns) << self.bits) + 2 * columns
    }
}

/// Short keys, each with the label that it leads to in one word, a whole row at a time: the least word tells both, and nothing is looked up pixel by pixel.
///
/// Two candidates of a pixel have never the same key, so labels decide nothing.
#[derive(Debug, Default)]
struct Words {
    /// Per pixel, rows to the next nucleus pixel below and its label.
    below: Vec<u32>,
    /// The same above, of one row.
    above: Vec<u32>,
    /// Keys along each column and their labels, with `reach` more on both sides.
    vertical: Vec<u32>,
}

/// Pixels whose least words are held in registers.
const BLOCK: usize = 32;
/// In a word, the key or the rows begin here.
const KEY: u32 = 16;

impl Words {
    #[inline(always)]
    fn grow(&mut self, labels: &LabelImage, reach: u8, owner: &mut [u32], distance2: &mut [u16]) {
        let width = labels.width;
        let scale = Scale::of(reach);
        let far = (u32::from(reach) + 1) << KEY;
        let beyond = ((scale.limit + 1) << scale.bits) << KEY;
        let margin = usize::from(reach);
        self.find_below(labels, far);
        self.above.clear();
        self.above.resize(width, far);
        self.vertical.clear();
        // The last block is whole.
        self.vertical
            .resize(width.next_multiple_of(BLOCK) + 2 * margin, beyond);
        let out = owner
            .chunks_exact_mut(width)
            .zip(distance2.chunks_exact_mut(width));
        let rows = labels.labels.chunks_exact(width);
        let rows = rows.zip(self.below.chunks_exact(width));
        for ((labels, below), (owner, distance2)) in rows.zip(out) {
            let mut nearest = far;
            let inner = &mut self.vertical[margin..margin + width];
            let columns = inner
                .iter_mut()
                .zip(&mut self.above)
                .zip(labels.iter().zip(below));
            for ((to, above), (&label, &below)) in columns {
                *above = next(*above, label, far);
                // Of pixels as near the one above.
                let nearer = if *above >> KEY <= below >> KEY {
                    *above
                } else {
                    below
                };
                nearest = nearest.min(nearer);
                let rows = nearer >> KEY;
                let squared = rows.wrapping_mul(rows).min(scale.limit.wrapping_add(1));
                *to = squared.wrapping_shl(KEY + scale.bits) | (nearer & LAST_LABEL);
            }
            if nearest >= far {
                owner.fill(0);
                distance2.fill(u16::MAX);
                continue;
            }
            let blocks = owner.chunks_mut(BLOCK).zip(distance2.chunks_mut(BLOCK));
            for ((owner, distance2), first) in blocks.zip((0..).step_by(BLOCK)) {
                let words = least(&self.vertical[first..], margin, scale);
                for ((owner, distance2), word) in owner.iter_mut().zip(distance2).zip(words) {
                    let is_within = word < beyond;
                    *owner = if is_within { word & LAST_LABEL } else { 0 };
                    let squared = word.wrapping_shr(KEY + scale.bits) as u16;
                    *distance2 = if is_within { squared } else { u16::MAX };
                }
            }
        }
    }

    #[inline(always)]
    fn find_below(&mut self, labels: &LabelImage, far: u32) {
        let width = labels.width;
        self.below.resize(labels.labels.len(), 0);
        self.above.clear();
        self.above.resize(width, far);
        let rows = self.below.chunks_exact_mut(width).rev();
        for (row, labels) in rows.zip(labels.labels.chunks_exact(width).rev()) {
            for ((to, before), &label) in row.iter_mut().zip(&mut self.above).zip(labels) {
                *before = next(*before, label, far);
                *to = *before;
            }
        }
    }
}

/// From a row to the next one: rows to the last nucleus pixel and its label; `far` beyond the reach.
#[inline(always)]
fn next(before: u32, label: u32, far: u32) -> u32 {
    let further = before.wrapping_add(1 << KEY).min(far);
    if label == 0 { further } else { label }
}

/// The least words of a block that begins `margin` after the first of `vertical`.
#[inline(always)]
fn least(vertical: &[u32], margin: usize, scale: Scale) -> [u32; BLOCK] {
    let at = |from: usize| {
        vertical[from..]
            .first_chunk::<BLOCK>()
            .unwrap_or(&[u32::MAX; BLOCK])
    };
    let mut least = *at(margin);
    for aside in 1..=margin {
        let left = scale.aside(aside as u32) << KEY;
        let right = left.wrapping_add(1 << KEY);
        let sides = at(margin - aside).iter().zip(at(margin + aside));
        for (least, (&l, &r)) in least.iter_mut().zip(sides) {
            *least = (*least)
                .min(l.wrapping_add(left))
                .min(r.wrapping_add(right));
        }
    }
    least
}

/// What is known of each column: how many rows above and below a pixel the next nucleus pixel lies.
#[derive(Clone, Copy)]
struct Columns<'a> {
    labels: &'a LabelImage,
    up: &'a [u8],
    down: &'a [u8],
}

/// Long keys, a whole row's at a time.
#[derive(Debug, Default)]
struct Keys {
    /// Squared distances along each column, scaled to keys, with `reach` more on both sides.
    vertical: Vec<u32>,
    best: Vec<u32>,
    /// Of each column, how many pixels of the image before (below zero) or after the row its nearest nucleus pixel lies.
    sources: Vec<i32>,
}

impl Keys {
    #[inline(always)]
    fn grow(&mut self, columns: Columns<'_>, reach: u8, owner: &mut [u32], distance2: &mut [u16]) {
        let Columns { labels, up, down } = columns;
        let width = labels.width;
        let scale = Scale::of(reach);
        let beyond = (scale.limit + 1) << scale.bits;
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
                // Beyond the reach all are as far.
                let rows = u32::from(nearer);
                let squared = rows.wrapping_mul(rows).min(scale.limit.wrapping_add(1));
                *to = squared << scale.bits;
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
                let squared = best >> scale.bits;
                *to = if squared > scale.limit {
                    u16::MAX
                } else {
                    squared as u16
                };
            }
            for (x, (owner, &key)) in owner.iter_mut().zip(&self.best).enumerate() {
                *owner = if key < beyond {
                    self.owner(&labels.labels, first, x, key & ((1 << scale.bits) - 1))
                } else {
                    0
                };
            }
        }
    }

    /// The least key of each pixel of a row.
    #[inline(always)]
    fn nearest(&mut self, margin: usize, scale: Scale) {
        let Self { vertical, best, .. } = self;
        let width = vertical.len() - 2 * margin;
        best.clear();
        best.extend_from_slice(&vertical[margin..margin + width]);
        for aside in 1..=margin {
            let left = scale.aside(aside as u32);
            let right = left.wrapping_add(1);
            let lefts = &vertical[margin - aside..][..width];
            let rights = &vertical[margin + aside..][..width];
            for ((best, &l), &r) in best.iter_mut().zip(lefts).zip(rights) {
                *best = (*best).min(l.wrapping_add(left)).min(r.wrapping_add(right));
            }
        }
    }

    /// The owner of a pixel of the row that begins at `first`, by the bits of its least key that tell the column.
    #[inline]
    fn owner(&self, labels: &[u32], first: usize, x: usize, aside: u32) -> u32 {
        let half = (aside >> 1) as usize;
        let column = if aside & 1 == 0 {
            x.wrapping_sub(half)
        } else {
            x.wrapping_add(half)
        };
        let rows = self.sources.get(column).map_or(0, |&rows| rows as isize);
        let source = first.wrapping_add(column).wrapping_add_signed(rows);
        labels.get(source).copied().unwrap_or(0)
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
        // Keys and labels in one word; keys too long for it, and labels.
        for (reach, count) in [(9_i32, 5), (15, 5), (25, 5), (9, LAST_LABEL + 1)] {
            labels.count = count;
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
