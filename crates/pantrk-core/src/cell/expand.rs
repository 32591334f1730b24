//! Grows nuclei to cells: each pixel belongs to its nearest nucleus, up to the expansion, so that neighbours share the space between them.

use crate::segment::LabelImage;

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
        owner.clear();
        owner.resize(labels.labels.len(), 0);
        distance2.clear();
        distance2.resize(labels.labels.len(), u16::MAX);
        if labels.width == 0 {
            return;
        }
        vertical_distances(labels, reach, up, true);
        vertical_distances(labels, reach, down, false);
        let columns = Columns { labels, up, down };
        if reach <= SHORT {
            short.grow(columns, reach, owner, distance2);
        } else {
            long.grow(columns, reach, owner, distance2);
        }
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
}

/// An integer that keys are kept in: the shorter, the more of them in a vector.
trait Key: Copy + Ord {
    /// Of a value that fits.
    fn of(value: i32) -> Self;
    fn value(self) -> i32;
    /// The sum, which fits.
    fn plus(self, other: Self) -> Self;
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
}

impl<T: Key> Keys<T> {
    fn grow(&mut self, columns: Columns<'_>, reach: u8, owner: &mut [u32], distance2: &mut [u16]) {
        let Columns { labels, up, down } = columns;
        let width = labels.width;
        let limit = i32::from(reach) * i32::from(reach);
        // Room for the columns and both sides below a squared distance of 1; a power of two, as it is divided by for each pixel.
        let bits = (2 * (u32::from(reach) + 1)).next_power_of_two().ilog2();
        let scale = 1 << bits;
        let beyond = T::of((limit + 1) * scale);
        let of_rows: Vec<T> = (0..=u8::MAX)
            .map(|rows| {
                let squared = i32::from(rows) * i32::from(rows);
                T::of(squared.min(limit + 1) * scale)
            })
            .collect();
        let margin = usize::from(reach);
        self.vertical.clear();
        self.vertical.resize(width + 2 * margin, beyond);
        let rows = labels.labels.chunks_exact(width).enumerate();
        let out = owner
            .chunks_exact_mut(width)
            .zip(distance2.chunks_exact_mut(width));
        for ((y, row), (owner, distance2)) in rows.zip(out) {
            let (up, down) = (&up[y * width..][..width], &down[y * width..][..width]);
            let inner = &mut self.vertical[margin..margin + width];
            let mut any = false;
            for ((to, &up), &down) in inner.iter_mut().zip(up).zip(down) {
                let nearer = up.min(down);
                any |= nearer != FAR;
                *to = of_rows[usize::from(nearer)];
            }
            if !any {
                continue;
            }
            self.nearest(margin, scale);
            for (x, &best) in self.best.iter().enumerate() {
                let best = best.value();
                let squared = best >> bits;
                if squared > limit {
                    continue;
                }
                let aside = (best & (scale - 1)) as usize;
                let column = if aside.is_multiple_of(2) {
                    x - aside / 2
                } else {
                    x + aside / 2
                };
                let (above, below) = (usize::from(up[column]), usize::from(down[column]));
                owner[x] = if squared == 0 {
                    row[x]
                } else if above <= below {
                    labels.labels[(y - above) * width + column]
                } else {
                    labels.labels[(y + below) * width + column]
                };
                distance2[x] = squared as u16;
            }
        }
    }

    /// The least key of each pixel of a row.
    fn nearest(&mut self, margin: usize, scale: i32) {
        let Self { vertical, best } = self;
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

/// For each pixel, how many rows above (from the top) or below the next nucleus pixel of its column lies.
fn vertical_distances(labels: &LabelImage, reach: u8, distances: &mut Vec<u8>, from_top: bool) {
    let (width, height) = (labels.width, labels.height);
    distances.clear();
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
