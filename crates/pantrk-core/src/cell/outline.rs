//! Fits the outlines of nuclei to their hematoxylin.
//!
//! Networks draw some nuclei a little large, spindle-shaped ones most of all.
//! A third of a um costs a nucleus a seventh of its area, and moves the line between nucleus and cytoplasm by as much as either is wide in a crowded cell.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use crate::segment::LabelImage;
use crate::widest::on_widest;

use super::Expansion;
use super::layers::{DEEP, Rows, layers};
use super::measure::Mean;

/// Of the step of hematoxylin from outside to inside a nucleus, what its outermost pixels must have.
///
/// One half is where a blurred edge lies; the mean of a pixel's neighbourhood, by which it is judged, is pulled inwards on a convex outline.
const SHARE: f32 = 0.55;
/// A smaller step (optical density) shows no edge.
const LEAST_STEP: f32 = 0.08;
/// What lies outside a nucleus is read from here on, squared pixels, up to this many pixels.
const OUTSIDE_FROM: u16 = 3;
const OUTSIDE_REACH: u8 = 4;
/// And what lies inside from this layer on, over this many pixels at least.
const INSIDE_FROM: u8 = 2;
const LEAST_INSIDE: u32 = 12;

/// Fits the outlines of a patch; buffers are reused from patch to patch.
#[derive(Debug, Default)]
pub struct OutlineFitter {
    expansion: Expansion,
    depth: Vec<u8>,
    rows: Rows,
    /// Which side of its nucleus' edge a pixel of the row speaks for.
    side: Vec<u8>,
    /// 1 at a nucleus' outermost pixels that lie beside no nucleus.
    at_edge: Vec<u8>,
    /// By label: inside and outside.
    sides: Vec<[Mean; 2]>,
    dropped: Vec<usize>,
}

/// A pixel that speaks for neither side.
const NEITHER: u8 = 2;

impl OutlineFitter {
    /// Takes off each nucleus those of its outermost pixels that have rather the hematoxylin of what lies around it.
    ///
    /// One layer at most; borders between touching nuclei stay as they are, and so do nuclei that hardly differ from their surroundings.
    pub fn fit(&mut self, labels: &mut LabelImage, hematoxylin: &[f32]) {
        let width = labels.width;
        self.expansion.grow(labels, OUTSIDE_REACH);
        layers(
            &labels.labels,
            width,
            INSIDE_FROM,
            &mut self.depth,
            &mut self.rows,
        );
        self.read_sides(labels, hematoxylin);
        self.dropped.clear();
        let eights = self.at_edge.chunks(8).enumerate();
        for (n, eight) in eights.filter(|(_, eight)| eight.contains(&1)) {
            for (k, _) in eight.iter().enumerate().filter(|&(_, &at)| at == 1) {
                let i = n * 8 + k;
                let across =
                    |k: usize| hematoxylin[k - 1] + 2.0 * hematoxylin[k] + hematoxylin[k + 1];
                let here = (across(i - width) + 2.0 * across(i) + across(i + width)) / 16.0;
                let edge = self.edge_of(labels.labels[i]);
                if edge.is_some_and(|edge| here < edge) {
                    self.dropped.push(i);
                }
            }
        }
        for &i in &self.dropped {
            // One after the other, so that no nucleus is cut in two.
            if is_simple(&labels.labels, width, i) {
                labels.labels[i] = 0;
            }
        }
    }

    /// The means of both sides of each edge, and where the edges are.
    fn read_sides(&mut self, labels: &LabelImage, hematoxylin: &[f32]) {
        let (width, height) = (labels.width, labels.height);
        self.sides.clear();
        self.sides
            .resize(labels.count as usize + 1, [Mean::default(); 2]);
        self.at_edge.clear();
        self.at_edge.resize(labels.labels.len(), 0);
        self.side.resize(width, NEITHER);
        for y in 0..height {
            let row = y * width..(y + 1) * width;
            let (nuclei, owner) = (
                &labels.labels[row.clone()],
                &self.expansion.owner[row.clone()],
            );
            let depth = &self.depth[row.clone()];
            let distance2 = &self.expansion.distance2[row.clone()];
            let is_inner = y > 0 && y + 1 < height && width > 2;
            on_widest(
                #[inline(always)]
                || {
                    sides_of_row(nuclei, depth, distance2, &mut self.side);
                    if is_inner {
                        let rows = [y - 1, y, y + 1].map(|y| &labels.labels[y * width..][..width]);
                        edges_of_row(rows, depth, &mut self.at_edge[row.clone()]);
                    }
                },
            );
            // The mean that the last pixel went into is kept at hand: the next one's is mostly the same.
            let mut at = (0, 0);
            let mut mean = self.sides[0][0];
            let pixels = self.side.iter().zip(owner).zip(&hematoxylin[row]);
            for ((&side, &owner), &density) in pixels {
                if side != NEITHER {
                    let here = (owner as usize, usize::from(side));
                    if here != at {
                        self.sides[at.0][at.1] = mean;
                        mean = self.sides[here.0][here.1];
                        at = here;
                    }
                    mean.add(density);
                }
            }
            self.sides[at.0][at.1] = mean;
        }
    }

    /// The density at a nucleus' edge; `None` where it shows none.
    fn edge_of(&self, label: u32) -> Option<f32> {
        let [inside, outside] = self.sides[label as usize];
        let inside = inside.get().filter(|_| inside.n >= LEAST_INSIDE)?;
        let outside = outside.get()?;
        let step = inside - outside;
        (step >= LEAST_STEP).then_some(outside + SHARE * step)
    }
}

#[inline(always)]
fn sides_of_row(nuclei: &[u32], depth: &[u8], distance2: &[u16], side: &mut [u8]) {
    let pixels = nuclei.iter().zip(depth).zip(distance2);
    for (side, ((&label, &depth), &d2)) in side.iter_mut().zip(pixels) {
        let inside = if depth >= INSIDE_FROM { 0 } else { NEITHER };
        // Where no nucleus is within reach, the distance is the largest.
        let outside = if (OUTSIDE_FROM..u16::MAX).contains(&d2) {
            1
        } else {
            NEITHER
        };
        *side = if label != 0 { inside } else { outside };
    }
}

/// Marks a nucleus' outermost pixels that lie beside no nucleus: `here` between the rows above and below.
#[inline(always)]
fn edges_of_row([above, here, below]: [&[u32]; 3], depth: &[u8], at_edge: &mut [u8]) {
    let last = here.len().saturating_sub(1);
    let inner = 1..last.max(1);
    let beside = above[inner.clone()].iter().zip(&below[inner.clone()]);
    let beside = beside.zip(here).zip(here.get(2..).unwrap_or(&[]));
    let own = here[inner.clone()].iter().zip(&depth[inner.clone()]);
    for ((out, (&label, &depth)), (((&above, &below), &left), &right)) in
        at_edge[inner].iter_mut().zip(own).zip(beside)
    {
        let is_open = above.min(below).min(left).min(right) == 0;
        *out = u8::from(label != 0) & u8::from(depth == 0) & u8::from(is_open);
    }
}

/// Whether a pixel's area stays in one piece around it when it goes: Yokoi's connectivity number of its neighbours is 1 (Comput Graph Image Process 1975;4:63-73).
fn is_simple(labels: &[u32], width: usize, i: usize) -> bool {
    let around = [
        i + 1,
        i - width + 1,
        i - width,
        i - width - 1,
        i - 1,
        i + width - 1,
        i + width,
        i + width + 1,
    ];
    let own = around.map(|k| u8::from(labels[k] == labels[i]));
    let number: u8 = (0..8)
        .step_by(2)
        .map(|k| own[k] - own[k] * own[k + 1] * own[(k + 2) % 8])
        .sum();
    number == 1
}

// A depth must be able to reach what counts as inside.
const _: () = assert!(INSIDE_FROM <= DEEP);

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::LevelSize;

    const SIDE: usize = 48;

    /// A disc of hematoxylin with a blurred edge, labelled with another radius (pixels); returns the pixels left.
    fn fitted(true_radius: f32, drawn_radius: f32, inside: f32) -> usize {
        let mut labels = LabelImage::default();
        labels.reset(LevelSize {
            width: SIDE as u32,
            height: SIDE as u32,
        });
        labels.count = 1;
        let mut hematoxylin = vec![0.0; SIDE * SIDE];
        for y in 0..SIDE {
            for x in 0..SIDE {
                let r = (x as f32 - 23.5).hypot(y as f32 - 23.5);
                let edge = ((true_radius - r) / 1.2 + 0.5).clamp(0.0, 1.0);
                hematoxylin[y * SIDE + x] = 0.1 + (inside - 0.1) * edge;
                labels.labels[y * SIDE + x] = u32::from(r < drawn_radius);
            }
        }
        OutlineFitter::default().fit(&mut labels, &hematoxylin);
        labels.labels.iter().filter(|&&l| l == 1).count()
    }

    fn disc(radius: f32) -> f32 {
        std::f32::consts::PI * radius * radius
    }

    #[test]
    fn a_nucleus_drawn_too_large_shrinks_to_its_edge_and_no_further() {
        for (drawn, wanted) in [(8.0, 8.0), (8.7, 8.0), (9.0, 8.0), (7.5, 7.5), (11.0, 10.0)] {
            let left = fitted(8.0, drawn, 0.5) as f32;
            let by = left / disc(wanted) - 1.0;
            assert!(by.abs() < 0.08, "drawn {drawn}: {left}, {by:+.3}");
        }
    }

    #[test]
    fn a_nucleus_that_hardly_differs_keeps_its_outline() {
        let before = fitted(8.0, 8.7, 0.1 + 0.9 * LEAST_STEP);
        assert!((before as f32 / disc(8.7) - 1.0).abs() < 0.03, "{before}");
    }

    #[test]
    fn a_nucleus_with_a_waist_stays_in_one_piece() {
        let mut labels = LabelImage::default();
        labels.reset(LevelSize {
            width: SIDE as u32,
            height: SIDE as u32,
        });
        labels.count = 1;
        // Two dark lobes, and a pale waist of two pixels between them.
        let in_lobe = |x: usize, y: usize| {
            (15..33).contains(&y) && ((8..20).contains(&x) || (28..40).contains(&x))
        };
        let in_waist = |x: usize, y: usize| (23..25).contains(&y) && (20..28).contains(&x);
        let mut hematoxylin = vec![0.1; SIDE * SIDE];
        for y in 0..SIDE {
            for x in 0..SIDE {
                labels.labels[y * SIDE + x] = u32::from(in_lobe(x, y) || in_waist(x, y));
                if in_lobe(x, y) {
                    hematoxylin[y * SIDE + x] = 0.5;
                }
            }
        }
        OutlineFitter::default().fit(&mut labels, &hematoxylin);
        for x in 19..29 {
            let column = (0..SIDE).map(|y| labels.labels[y * SIDE + x]);
            assert!(column.sum::<u32>() > 0, "cut at {x}");
        }
    }

    #[test]
    fn touching_nuclei_keep_the_border_between_them() {
        let mut labels = LabelImage::default();
        labels.reset(LevelSize {
            width: SIDE as u32,
            height: SIDE as u32,
        });
        labels.count = 2;
        // Two halves of a block, and not a trace of an edge between them.
        for y in 10..38 {
            for x in 10..38 {
                labels.labels[y * SIDE + x] = if x < 24 { 1 } else { 2 };
            }
        }
        let inside = |x: usize, y: usize| (10..38).contains(&x) && (10..38).contains(&y);
        let hematoxylin: Vec<f32> = (0..SIDE * SIDE)
            .map(|i| if inside(i % SIDE, i / SIDE) { 0.5 } else { 0.1 })
            .collect();
        OutlineFitter::default().fit(&mut labels, &hematoxylin);
        for y in 12..36 {
            assert_eq!(labels.labels[y * SIDE + 23..y * SIDE + 25], [1, 2]);
        }
    }
}
