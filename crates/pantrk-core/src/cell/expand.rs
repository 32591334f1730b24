//! Grows nuclei to cells: each pixel belongs to its nearest nucleus, up to the expansion, so that neighbours share the space between them.

use crate::segment::LabelImage;

/// No labelled pixel within reach.
const FAR: u8 = u8::MAX;

/// The cell that owns each pixel and how far its nucleus is; buffers are reused from patch to patch.
#[derive(Debug, Default)]
pub struct Expansion {
    /// The label of the owner; 0 where no nucleus is within reach.
    pub owner: Vec<u32>,
    /// Squared distance in pixels to the owner's nearest nucleus pixel; 0 within the nucleus.
    pub distance2: Vec<u16>,
    up: Vec<u8>,
    down: Vec<u8>,
}

impl Expansion {
    /// The furthest that nuclei can be grown, pixels: its square still fits `distance2`.
    pub const MOST: u8 = 180;

    /// Fills `owner` and `distance2` for nuclei grown by `reach` pixels (at most [`Self::MOST`]).
    ///
    /// Exact Euclidean distances; among nuclei at the same distance the choice depends on geometry alone, so that it is the same in every cut of the slide.
    pub fn grow(&mut self, labels: &LabelImage, reach: u8) {
        let (w, h) = (labels.width, labels.height);
        let reach = reach.min(Self::MOST);
        self.vertical_distances(labels, reach);
        self.owner.clear();
        self.owner.resize(w * h, 0);
        self.distance2.clear();
        self.distance2.resize(w * h, u16::MAX);
        let limit = u16::from(reach) * u16::from(reach);
        for y in 0..h {
            for x in 0..w {
                let at = y * w + x;
                if labels.labels[at] != 0 {
                    self.owner[at] = labels.labels[at];
                    self.distance2[at] = 0;
                    continue;
                }
                let (mut best, mut source) = (limit + 1, None);
                for dx in 0..=usize::from(reach) {
                    let dx2 = (dx * dx) as u16;
                    if dx2 >= best {
                        break;
                    }
                    let sides = [x.checked_sub(dx), (dx > 0 && x + dx < w).then_some(x + dx)];
                    for column in sides.into_iter().flatten() {
                        let here = y * w + column;
                        for (dy, below) in [(self.up[here], false), (self.down[here], true)] {
                            if dy == FAR {
                                continue;
                            }
                            let d2 = dx2 + u16::from(dy) * u16::from(dy);
                            if d2 < best {
                                best = d2;
                                let row = if below {
                                    y + usize::from(dy)
                                } else {
                                    y - usize::from(dy)
                                };
                                source = Some(row * w + column);
                            }
                        }
                    }
                }
                if let Some(source) = source {
                    self.owner[at] = labels.labels[source];
                    self.distance2[at] = best;
                }
            }
        }
    }

    /// For each pixel, how many rows above and below the next nucleus pixel of its column lies.
    fn vertical_distances(&mut self, labels: &LabelImage, reach: u8) {
        let (w, h) = (labels.width, labels.height);
        for (distances, from_top) in [(&mut self.up, true), (&mut self.down, false)] {
            distances.clear();
            distances.resize(w * h, FAR);
            for step in 0..h {
                let y = if from_top { step } else { h - 1 - step };
                for x in 0..w {
                    let at = y * w + x;
                    distances[at] = if labels.labels[at] != 0 {
                        0
                    } else if step == 0 {
                        FAR
                    } else {
                        let before = distances[if from_top { at - w } else { at + w }];
                        if before < reach { before + 1 } else { FAR }
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::LevelSize;

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
        let mut expansion = Expansion::default();
        expansion.grow(&labels, 9);
        for y in 0..30_i32 {
            for x in 0..40_i32 {
                let nearest = (0..1200_i32)
                    .filter(|&i| labels.labels[i as usize] != 0)
                    .map(|i| (x - i % 40).pow(2) + (y - i / 40).pow(2))
                    .min()
                    .unwrap();
                let at = (y * 40 + x) as usize;
                if nearest <= 81 {
                    assert_eq!(i32::from(expansion.distance2[at]), nearest, "at {x}, {y}");
                    assert_ne!(expansion.owner[at], 0);
                } else {
                    assert_eq!(expansion.owner[at], 0, "at {x}, {y}");
                }
            }
        }
    }
}
