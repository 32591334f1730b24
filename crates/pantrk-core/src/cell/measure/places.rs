//! Where in its cell each pixel lies: how deep in the nucleus or how far from it and from the cell border, and in which direction.
//!
//! That does not depend on stain, so it is found once for all readings of a patch; a cell's pixels are then added up place by place.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use std::ops::Range;

use crate::cell::layers::DEEP;
use crate::widest::on_widest;

use super::{INNER, MEMBRANE, NEAR_RIM, Nucleus, OUTSIDE, RIM, SECTORS, for_runs};

/// Classes of pixels, those in the nucleus first; a power of two, of which some are not used.
pub(super) const CLASSES: usize = 32;
/// Of the classes, the first outside the nucleus; before it they are the layers from the outermost inwards, the last being all deeper ones.
pub(super) const FIRST_OUTSIDE: usize = OUTSIDE + 1;
/// The last squared distance from the nucleus of each zone outside; what lies further is a zone too.
const ZONE_ENDS: [u16; ZONES - 1] = [RIM, NEAR_RIM, 10, INNER];
pub(super) const ZONES: usize = 5;
/// Layers from the cell border on in each zone.
pub(super) const SHELLS: usize = DEEP as usize + 1;

const _: () = assert!(FIRST_OUTSIDE + ZONES * SHELLS <= CLASSES);

/// The class of pixels outside the nucleus.
pub(super) const fn outside(zone: usize, shell: usize) -> usize {
    FIRST_OUTSIDE + zone * SHELLS + shell
}

/// Which compartment of its cell a pixel is taken for, in the order of `Compartment::ALL`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Nucleus,
    Rim,
    Cytoplasm,
    Membrane,
}

/// The compartment of a class.
pub(super) const fn part_of(class: usize) -> Part {
    match class.checked_sub(FIRST_OUTSIDE) {
        None if class == 0 => Part::Rim,
        None => Part::Nucleus,
        Some(outside) if outside < SHELLS => Part::Rim,
        Some(outside) if outside % SHELLS < MEMBRANE as usize => Part::Membrane,
        Some(_) => Part::Cytoplasm,
    }
}

/// What is known of the pixels of a patch.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a> {
    pub(super) labels: &'a [u32],
    pub(super) owner: &'a [u32],
    pub(super) depth: &'a [u8],
    pub(super) shell: &'a [u8],
    pub(super) distance2: &'a [u16],
}

/// Pixels of a cell beside one another in a row, as places in the planes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    start: u32,
    end: u32,
}

impl Run {
    pub(super) fn pixels(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Pixels whose directions are found at once.
const BLOCK: usize = 16;

/// The places of a patch's pixels, reused from patch to patch.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Per pixel of a cell, class x [`SECTORS`] + sector; unspecified elsewhere.
    pub(super) of_pixels: Vec<u16>,
    /// The cells' pixels, cell by cell.
    runs: Vec<Run>,
    /// By label, where its runs begin and, at the next label, end.
    starts: Vec<u32>,
    /// Runs with their cells, row by row.
    found: Vec<(u32, Run)>,
    classes: Vec<u8>,
}

impl Places {
    /// Finds them for planes of that width.
    pub(super) fn find(&mut self, planes: Planes<'_>, width: usize, nuclei: &[Nucleus]) {
        self.found.clear();
        self.of_pixels.resize(planes.owner.len(), 0);
        self.classes.resize(width, 0);
        on_widest(
            #[inline(always)]
            || self.find_rows(planes, width, nuclei),
        );
        self.starts.clear();
        self.starts.resize(nuclei.len() + 1, 0);
        for &(owner, _) in &self.found {
            self.starts[owner as usize + 1] += 1;
        }
        let mut before = 0;
        for start in &mut self.starts {
            before += *start;
            *start = before;
        }
        self.runs.resize(self.found.len(), Run::default());
        for &(owner, run) in &self.found {
            let place = &mut self.starts[owner as usize];
            self.runs[*place as usize] = run;
            *place += 1;
        }
        // Each start has moved on to the next one's place.
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// The runs of a cell, from the top down.
    pub(super) fn runs_of(&self, label: usize) -> &[Run] {
        &self.runs[self.starts[label] as usize..self.starts[label + 1] as usize]
    }

    #[inline(always)]
    fn find_rows(&mut self, planes: Planes<'_>, width: usize, nuclei: &[Nucleus]) {
        let rows = planes.owner.chunks_exact(width.max(1)).enumerate();
        for ((y, row), places) in rows.zip(self.of_pixels.chunks_exact_mut(width.max(1))) {
            let first = y * width;
            let here = first..first + width;
            let outside = planes.shell[here.clone()]
                .iter()
                .zip(&planes.distance2[here.clone()]);
            let pixels = planes.labels[here.clone()]
                .iter()
                .zip(&planes.depth[here])
                .zip(outside);
            for (class, ((&label, &depth), (&shell, &d2))) in self.classes.iter_mut().zip(pixels) {
                *class = class_of(label, depth, shell, d2);
            }
            for_runs(
                row,
                #[inline(always)]
                |owner, start, end| {
                    let run = Run {
                        start: (first + start) as u32,
                        end: (first + end) as u32,
                    };
                    self.found.push((owner, run));
                    let nucleus = &nuclei[owner as usize];
                    let dy = y as f64 + 0.5 - nucleus.y;
                    let mut at = start;
                    while at < end {
                        let sectors = sectors_of(at as f64 + 0.5, nucleus.x, dy);
                        // A whole block where the row has room: what belongs to the next cell is written again with it.
                        let room = BLOCK.min(width - at);
                        let to = places[at..].iter_mut().zip(&self.classes[at..]);
                        if room == BLOCK {
                            for ((to, &class), &sector) in to.take(BLOCK).zip(&sectors) {
                                *to = u16::from(class) * SECTORS as u16 + u16::from(sector);
                            }
                        } else {
                            for ((to, &class), &sector) in to.zip(&sectors) {
                                *to = u16::from(class) * SECTORS as u16 + u16::from(sector);
                            }
                        }
                        at += BLOCK;
                    }
                },
            );
        }
    }
}

#[inline(always)]
fn class_of(label: u32, depth: u8, shell: u8, d2: u16) -> u8 {
    let inside = depth.min(OUTSIDE as u8);
    let mut zone = 0_u8;
    for end in ZONE_ENDS {
        zone = zone.wrapping_add(u8::from(d2 > end));
    }
    let outside = zone
        .wrapping_mul(SHELLS as u8)
        .wrapping_add(shell)
        .wrapping_add(FIRST_OUTSIDE as u8);
    if label == 0 { outside } else { inside }
}

/// The sectors of pixels in a row, from the column `x` on, around a centre in the column `centre` and `dy` above it.
#[inline(always)]
fn sectors_of(x: f64, centre: f64, dy: f64) -> [u8; BLOCK] {
    let mut sectors = [0; BLOCK];
    for (k, sector) in sectors.iter_mut().enumerate() {
        *sector = sector_of(x + k as f64 - centre, dy);
    }
    sectors
}

/// Which of the sectors a direction lies in, without a transcendental function and without a branch.
#[inline(always)]
fn sector_of(dx: f64, dy: f64) -> u8 {
    let (ax, ay) = (dx.abs(), dy.abs());
    // Tangents of 22.5, 45 and 67.5 degrees part a quadrant into four.
    let quarter = u8::from(ay >= ax * 0.414_213_562)
        .wrapping_add(u8::from(ay >= ax))
        .wrapping_add(u8::from(ay >= ax * 2.414_213_562));
    let (left, above) = (u8::from(dx < 0.0), u8::from(dy < 0.0));
    // Each quadrant is its neighbour's mirror image.
    let mirrored = 3 * (left ^ above);
    (4 * (left ^ (3 * above))).wrapping_add(quarter ^ mirrored)
}
