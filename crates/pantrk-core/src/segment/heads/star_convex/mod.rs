//! A head for networks of the StarDist kind: a probability and the lengths of 32 rays, from which star-convex polygons are drawn.
//!
//! Polygons are taken by falling probability; one that shares more of its area with one taken before than it may is the same nucleus again and is dropped (non-maximum suppression; Schmidt et al., MICCAI 2018, 265-273).
//! A pixel belongs to the most probable polygon that holds it.
//! A candidate whose centre lies in a polygon taken before is dropped unmeasured: of the dozens of candidates in a nucleus, all but the best are of this kind.

use pantrk_space::MicronsPerPixel;
use serde::Deserialize;

use super::{Head, HeadWorker, Maps, area_range, logit, parameters_from_table, within};
use crate::segment::LabelImage;
use crate::segment::shape::pixels_from_um2;

/// Rays of a polygon, the first to the right, on towards the bottom.
pub(super) const RAYS: usize = 32;
/// No ray is longer, in pixels: a larger nucleus fits no patch.
const LONGEST: f32 = 512.0;

/// What `head.parameters` may hold.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parameters {
    /// Probability above which a place is a candidate.
    probability_threshold: f64,
    /// Whether the first map holds logits instead of probabilities.
    logits: bool,
    /// Two polygons that share more than this of the smaller one's area are one nucleus.
    overlap_threshold: f64,
    /// Smaller nuclei are dropped.
    min_area_um2: f64,
    /// Larger nuclei are dropped.
    max_area_um2: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            probability_threshold: 0.5,
            logits: false,
            overlap_threshold: 0.4,
            min_area_um2: 10.0,
            max_area_um2: 400.0,
        }
    }
}

pub(super) fn build(table: &toml::Table, mpp: MicronsPerPixel) -> Result<Box<dyn Head>, String> {
    let parameters: Parameters = parameters_from_table(table)?;
    within(
        "probability_threshold",
        parameters.probability_threshold,
        0.001,
        0.999,
    )?;
    within("overlap_threshold", parameters.overlap_threshold, 0.0, 1.0)?;
    area_range(parameters.min_area_um2, parameters.max_area_um2)?;
    Ok(Box::new(StarConvex { parameters, mpp }))
}

struct StarConvex {
    parameters: Parameters,
    mpp: MicronsPerPixel,
}

impl Head for StarConvex {
    fn worker(&self) -> Box<dyn HeadWorker> {
        let Self { parameters, mpp } = self;
        let threshold = parameters.probability_threshold;
        Box::new(Worker {
            threshold: if parameters.logits {
                logit(threshold)
            } else {
                threshold as f32
            },
            overlap: parameters.overlap_threshold as f32,
            areas: pixels_from_um2(parameters.min_area_um2, *mpp).max(1)
                ..=pixels_from_um2(parameters.max_area_um2, *mpp),
            directions: std::array::from_fn(|k| {
                let angle = std::f64::consts::TAU * k as f64 / RAYS as f64;
                [angle.cos() as f32, angle.sin() as f32]
            }),
            candidates: Vec::new(),
            spans: Vec::new(),
            shared: Vec::new(),
            taken: Vec::new(),
            pieces: Pieces::default(),
        })
    }
}

/// Pixels of one row: from the first column up to the second, without it.
#[derive(Debug, Clone, Copy)]
struct Span {
    row: u32,
    from: u32,
    to: u32,
}

struct Worker {
    /// On the scale of the first map.
    threshold: f32,
    overlap: f32,
    areas: std::ops::RangeInclusive<u32>,
    directions: [[f32; 2]; RAYS],
    /// Value and place in the map.
    candidates: Vec<(f32, u32)>,
    /// Of the polygon at hand.
    spans: Vec<Span>,
    /// Labels that the polygon at hand shares pixels with, and how many.
    shared: Vec<(u32, u32)>,
    /// The whole area of each polygon that was taken, by its label less 1.
    taken: Vec<u32>,
    pieces: Pieces,
}

impl HeadWorker for Worker {
    fn label(&mut self, maps: Maps<'_>, out: &mut LabelImage) {
        let stride = maps.stride.max(1);
        out.width = maps.width * stride;
        out.height = maps.height * stride;
        out.labels.clear();
        out.labels.resize(out.width * out.height, 0);
        self.taken.clear();
        self.candidates.clear();
        let probabilities = maps.channel(0).iter();
        self.candidates.extend(
            probabilities
                .zip(0..)
                .filter(|&(&value, _)| value > self.threshold)
                .map(|(&value, place)| (value, place)),
        );
        // Of equals the first in raster order, wherever the patch was cut.
        self.candidates
            .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for index in 0..self.candidates.len() {
            let place = self.candidates[index].1 as usize;
            let centre = [place % maps.width * stride, place / maps.width * stride];
            if out.labels[centre[1] * out.width + centre[0]] == 0 {
                self.polygon(maps, place, centre, [out.width, out.height]);
                self.take(out);
            }
        }
        out.count = self.pieces.keep(out.width, &self.areas, &mut out.labels);
    }
}

impl Worker {
    /// The pixels of the polygon at a place of the maps.
    fn polygon(&mut self, maps: Maps<'_>, place: usize, centre: [usize; 2], size: [usize; 2]) {
        let [x, y] = centre.map(|v| v as f32);
        let corners: [[f32; 2]; RAYS] = std::array::from_fn(|k| {
            let ray = maps.channel(1 + k).get(place).copied().unwrap_or(0.0);
            let ray = ray.clamp(0.0, LONGEST);
            let [dx, dy] = self.directions[k];
            [x + ray * dx, y + ray * dy]
        });
        let rows = corners.iter().map(|corner| corner[1]);
        let top = rows.clone().fold(f32::MAX, f32::min).max(0.0).ceil() as usize;
        let bottom = rows.fold(f32::MIN, f32::max).max(0.0).floor() as usize;
        self.spans.clear();
        for row in top..=bottom.min(size[1].saturating_sub(1)) {
            let level = row as f32;
            let mut crossings = [0.0_f32; RAYS];
            let mut n = 0;
            for k in 0..RAYS {
                let ([ax, ay], [bx, by]) = (corners[k], corners[(k + 1) % RAYS]);
                // Half open, so that a corner counts once.
                if (ay <= level) != (by <= level) {
                    crossings[n] = ax + (level - ay) / (by - ay) * (bx - ax);
                    n += 1;
                }
            }
            crossings[..n].sort_unstable_by(f32::total_cmp);
            for pair in crossings[..n].chunks_exact(2) {
                let from = pair[0].max(0.0).ceil() as usize;
                let to = (pair[1].floor().max(-1.0) + 1.0) as usize;
                let to = to.min(size[0]);
                if from < to {
                    self.spans.push(Span {
                        row: row as u32,
                        from: from as u32,
                        to: to as u32,
                    });
                }
            }
        }
    }

    /// Gives the polygon's free pixels a label, unless it is a nucleus that was taken already.
    fn take(&mut self, out: &mut LabelImage) {
        let width = out.width;
        let pixels = |span: &Span| {
            let row = span.row as usize * width;
            row + span.from as usize..row + span.to as usize
        };
        let area: u32 = self.spans.iter().map(|span| span.to - span.from).sum();
        if area == 0 {
            return;
        }
        self.shared.clear();
        for span in &self.spans {
            for &label in &out.labels[pixels(span)] {
                if label == 0 {
                    continue;
                }
                match self.shared.iter_mut().find(|(other, _)| *other == label) {
                    Some((_, n)) => *n += 1,
                    None => self.shared.push((label, 1)),
                }
            }
        }
        let again = self.shared.iter().any(|&(label, n)| {
            let smaller = area.min(self.taken[label as usize - 1]);
            n as f32 > self.overlap * smaller as f32
        });
        if again {
            return;
        }
        self.taken.push(area);
        let name = self.taken.len() as u32;
        for span in &self.spans {
            for label in &mut out.labels[pixels(span)] {
                if *label == 0 {
                    *label = name;
                }
            }
        }
    }
}

/// Buffers for the pieces of labels.
#[derive(Debug, Default)]
struct Pieces {
    /// Per pixel, the first pixel of its piece; later the piece's name.
    parents: Vec<u32>,
    /// Per first pixel of a piece, its area.
    areas: Vec<u32>,
    /// Per label, its largest piece by area, and that piece's first pixel.
    largest: Vec<(u32, u32)>,
}

impl Pieces {
    /// Keeps the largest piece of each label whose area is right, and numbers what is kept in raster order; gives how many.
    fn keep(
        &mut self,
        width: usize,
        areas: &std::ops::RangeInclusive<u32>,
        labels: &mut [u32],
    ) -> u32 {
        self.parents.clear();
        self.parents.extend(0..labels.len() as u32);
        let most = labels.iter().copied().max().unwrap_or(0);
        for at in 0..labels.len() {
            let label = labels[at];
            if label == 0 {
                continue;
            }
            if at % width > 0 && labels[at - 1] == label {
                self.unite(at - 1, at);
            }
            if at >= width && labels[at - width] == label {
                self.unite(at - width, at);
            }
        }
        self.areas.clear();
        self.areas.resize(labels.len(), 0);
        for at in 0..labels.len() {
            let root = self.root(at as u32);
            self.parents[at] = root;
            self.areas[root as usize] += 1;
        }
        self.largest.clear();
        self.largest.resize(most as usize + 1, (0, 0));
        for (at, &label) in labels.iter().enumerate() {
            if label > 0 && self.parents[at] == at as u32 {
                let largest = &mut self.largest[label as usize];
                // Of pieces of the same area the first.
                if self.areas[at] > largest.0 {
                    *largest = (self.areas[at], at as u32);
                }
            }
        }
        let mut count = 0;
        for (at, label) in labels.iter_mut().enumerate().filter(|(_, l)| **l > 0) {
            let root = self.parents[at] as usize;
            let (area, first) = self.largest[*label as usize];
            if root != first as usize || !areas.contains(&area) {
                *label = 0;
                continue;
            }
            if root == at {
                count += 1;
                self.areas[at] = count;
            }
            // The first pixel of a piece comes before its others and left the name there.
            *label = self.areas[root];
        }
        count
    }

    fn root(&mut self, mut at: u32) -> u32 {
        while self.parents[at as usize] != at {
            let above = self.parents[self.parents[at as usize] as usize];
            self.parents[at as usize] = above;
            at = above;
        }
        at
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a as u32), self.root(b as u32));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests;
