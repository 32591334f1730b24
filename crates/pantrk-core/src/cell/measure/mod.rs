//! Measures every cell of a patch.
//!
//! Compartments, at the patch's pixel size:
//! - **nucleus**: the instance without its two outermost layers, where it is large enough;
//! - **nuclear rim**: a band of two pixels (1 um at 0.5 um/px) centred on the nuclear boundary;
//! - **cytoplasm**: from the rim to the cell border, without the three layers along that border where the cell is large enough;
//! - **membrane**: a band of two pixels along the cell border.
//!
//! A segmented boundary is a pixel off here and there, and optics spread a line of 1 um over two.
//! So the patch is read twice, the second time with what blur carried from compartment to compartment and from cell to cell put back (`spill.rs`).
//! Nucleus and cytoplasm keep clear of the lines beside them, and rim and membrane are read in sectors around the cell, each as a profile across the boundary: a line's excess over what lies beside it is summed over the profile and put back into the band's width, which neither a shift of a pixel nor blur changes (`read.rs`).
//! A rim is one where a line stands out around at least half of the nucleus: granules beside it are none.
//! Cytoplasm that a stained membrane leaves too little room is marked: it is settled when all cells of the slide are there (`cell/narrow.rs`).
//! Where no line stands out, the rim has what both of its sides have, and the membrane what the cytoplasm has, whose border is all that it is there.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

mod places;
mod read;
mod spill;
mod sums;

use std::ops::Range;

use crate::segment::{LabelImage, clear_outside};
use crate::stain::StainPlanes;

use super::Expansion;
use super::layers::{DEEP, Rows, layers};
use places::{Places, Planes, Run};
use read::record;
use spill::Spill;
use sums::{Adder, Moments};

/// Sectors around a cell.
const SECTORS: usize = 16;
/// Layers of pixels along a boundary.
///
/// Around the nucleus, three inside and four outside; along the cell border, the four within it and what lies deeper.
const LAYERS: usize = 7;
/// Of those around the nucleus, the first outside.
const OUTSIDE: usize = 3;
/// The rim reaches this far beyond the nucleus, squared pixels.
const RIM: u16 = 2;
/// A stained rim reaches this far beyond the nucleus, squared pixels.
const NEAR_RIM: u16 = 5;
/// Next to the rim cytoplasm lies up to this far beyond the nucleus, squared pixels: 2 um.
const INNER: u16 = 17;
/// Layers of the membrane, a band of 1 um.
const MEMBRANE: u8 = 2;
/// The width of the rim's and the membrane's band, pixels.
const BAND: f32 = 2.0;

/// One cell of a patch; optical densities are as measured, the slide's background not taken off.
#[derive(Debug, Clone, PartialEq)]
pub struct CellRecord {
    /// Label in the patch.
    pub label: u32,
    /// Centre of the nucleus in patch pixels (pixel centres at .5).
    pub centre: [f64; 2],
    /// Nucleus, in patch pixels.
    pub nucleus_pixels: u32,
    /// Whole cell, in patch pixels.
    pub cell_pixels: u32,
    /// 4 pi area / perimeter2; 1 for a disc.
    pub circularity: f32,
    /// Mean DAB OD in the order of `Compartment::ALL`; NaN where a compartment has no pixels.
    pub dab_od: [f32; 4],
    /// Mean hematoxylin OD of the nucleus.
    pub nucleus_hematoxylin_od: f32,
    /// Coefficient of variation (standard deviation over mean) of the hematoxylin OD within the nucleus, its two outermost layers left out; NaN where too little is left.
    pub nucleus_hematoxylin_cv: f32,
    /// Share of the membrane's sectors at or above the first threshold.
    pub membrane_completeness: f32,
    /// Standard deviation over mean of the cytoplasm's DAB OD; 0 where there is hardly any.
    pub cytoplasm_granularity: f32,
    /// Where its cytoplasm stands to a stained membrane.
    pub beside_membrane: BesideMembrane,
    /// Whether any of its pixels could not be read.
    pub touches_unread: bool,
}

/// Where a cell's cytoplasm stands to a stained membrane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum BesideMembrane {
    /// No membrane stands out.
    #[default]
    No = 0,
    /// A membrane stands out, and enough of the cytoplasm lies clear of it.
    Clear = 1,
    /// A membrane stands out, and what cytoplasm there is holds a part of its stain.
    Narrow = 2,
}

impl BesideMembrane {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::No, Self::Clear, Self::Narrow];
}

/// What of a patch is measured, and how.
#[derive(Debug, Clone)]
pub struct Measuring<'a> {
    /// The patch's stains.
    pub stains: &'a StainPlanes,
    /// Marks pixels that could not be read; empty for none.
    pub unread: &'a [bool],
    /// Columns and rows that lie on the slide: a cell at the slide's edge ends there.
    pub on_slide: [Range<usize>; 2],
    /// Columns and rows in which the cells' centres lie: others are looked at for their neighbours' sake alone.
    pub wanted: [Range<f64>; 2],
    /// How far cells reach beyond their nuclei, pixels.
    pub reach: u8,
    /// The OD from which a sector of membrane counts as stained (the slide's background included).
    pub weak: f32,
}

/// A mean as it is summed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    sum: f32,
    pub(super) n: u32,
}

impl Mean {
    pub(super) fn add(&mut self, value: f32) {
        self.sum += value;
        self.n += 1;
    }

    /// `None` of nothing.
    pub(super) fn get(self) -> Option<f32> {
        (self.n > 0).then(|| self.sum / self.n as f32)
    }

    fn with(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            n: self.n + other.n,
        }
    }
}

/// What the outline of a nucleus tells.
#[derive(Debug, Clone, Default)]
struct Nucleus {
    pixels: u32,
    x: f64,
    y: f64,
    edges: u32,
    hematoxylin: f32,
    /// Hematoxylin from the third layer on: further out, blur and the outline's own error are all the texture there is.
    chromatin: Moments,
    /// Whether a record of it is asked for.
    wanted: bool,
}

/// Measures patches; owns the buffers that are reused from patch to patch.
#[derive(Debug, Default)]
pub struct CellMeasurer {
    /// Owners and distances of the last patch.
    pub expansion: Expansion,
    /// Depth inside the nucleus, in layers from 0, the outermost, to [`DEEP`].
    depth: Vec<u8>,
    /// Distance from the cell border, in layers from 0, at the border, to [`DEEP`].
    shell: Vec<u8>,
    rows: Rows,
    nuclei: Vec<Nucleus>,
    places: Places,
    adder: Adder,
    spill: Spill,
}

impl CellMeasurer {
    /// Measures the nuclei of `labels`.
    pub fn measure(&mut self, labels: &LabelImage, of: &Measuring<'_>) -> Vec<CellRecord> {
        self.expansion.grow(labels, of.reach);
        let width = labels.width;
        layers(
            &labels.labels,
            width,
            OUTSIDE as u8,
            &mut self.depth,
            &mut self.rows,
        );
        layers(
            &self.expansion.owner,
            width,
            DEEP,
            &mut self.shell,
            &mut self.rows,
        );
        // What lies beyond the slide belongs to no cell; only now, because the slide's edge is no border of one.
        clear_outside(&mut self.expansion.owner, width, &of.on_slide);
        self.nuclei.clear();
        self.nuclei
            .resize_with(labels.count as usize + 1, Nucleus::default);
        self.read_nuclei(labels, of);
        let planes = Planes {
            labels: &labels.labels,
            owner: &self.expansion.owner,
            depth: &self.depth,
            shell: &self.shell,
            distance2: &self.expansion.distance2,
        };
        self.places.find(planes, width, &self.nuclei);
        let mut spill = std::mem::take(&mut self.spill);
        let first = self.records(&of.stains.dab, of, |_| true);
        spill.put_back((&of.stains.dab, width), &self.places, &first);
        let records = self.records(&spill.dab, of, |nucleus| nucleus.wanted);
        self.spill = spill;
        records
    }

    /// The records of the nuclei that are `asked` for, by `dab`, the patch's or a corrected one.
    fn records(
        &mut self,
        dab: &[f32],
        of: &Measuring<'_>,
        asked: impl Fn(&Nucleus) -> bool,
    ) -> Vec<CellRecord> {
        let Self {
            nuclei,
            places,
            adder,
            ..
        } = self;
        let asked = nuclei
            .iter()
            .enumerate()
            .filter(|(_, nucleus)| nucleus.pixels > 0 && asked(nucleus));
        let records = asked.map(|(label, nucleus)| {
            let runs = places.runs_of(label);
            let sums = adder.add_up(runs, &places.of_pixels, dab);
            let is_unread = |run: &Run| {
                of.unread
                    .get(run.pixels())
                    .is_some_and(|u| u.contains(&true))
            };
            CellRecord {
                touches_unread: runs.iter().any(is_unread),
                ..record(label as u32, nucleus, &sums, of.weak)
            }
        });
        records.collect()
    }

    /// Areas, centres, which the sectors need first, outlines and hematoxylin; run by run, as sums of half integers are exact in any order.
    fn read_nuclei(&mut self, labels: &LabelImage, of: &Measuring<'_>) {
        let width = labels.width;
        let [columns, rows] = &of.wanted;
        let row_at = |y: usize| labels.labels[y * width..].get(..width).unwrap_or(&[]);
        for y in 0..labels.height {
            let row = row_at(y);
            let above = if y > 0 { row_at(y - 1) } else { &[] };
            let below = if y + 1 < labels.height {
                row_at(y + 1)
            } else {
                &[]
            };
            for_runs(row, |label, start, end| {
                let nucleus = &mut self.nuclei[label as usize];
                let pixels = (end - start) as u32;
                nucleus.pixels += pixels;
                nucleus.x += (start + end) as f64 / 2.0 * f64::from(pixels);
                nucleus.y += (y as f64 + 0.5) * f64::from(pixels);
                // A run ends where another label begins; beyond the image lies none.
                let others = |beside: &[u32]| match beside.get(start..end) {
                    None => pixels,
                    Some(beside) => beside.iter().map(|&l| u32::from(l != label)).sum(),
                };
                nucleus.edges += 2 + others(above) + others(below);
                let pixels = y * width + start..y * width + end;
                let hematoxylin = &of.stains.hematoxylin[pixels.clone()];
                let (mut sum, mut chromatin) = (nucleus.hematoxylin, nucleus.chromatin);
                for (&od, &depth) in hematoxylin.iter().zip(&self.depth[pixels]) {
                    sum += od;
                    if depth >= 2 {
                        chromatin.add(od);
                    }
                }
                (nucleus.hematoxylin, nucleus.chromatin) = (sum, chromatin);
            });
        }
        for nucleus in &mut self.nuclei {
            if nucleus.pixels > 0 {
                nucleus.x /= f64::from(nucleus.pixels);
                nucleus.y /= f64::from(nucleus.pixels);
                nucleus.wanted = columns.contains(&nucleus.x) && rows.contains(&nucleus.y);
            }
        }
    }
}

/// Calls `visit` with label, first and end of each run of one label other than 0.
#[inline(always)]
fn for_runs(row: &[u32], mut visit: impl FnMut(u32, usize, usize)) {
    let mut start = 0;
    for run in row.chunk_by(|a, b| a == b) {
        let end = start + run.len();
        if run[0] != 0 {
            visit(run[0], start, end);
        }
        start = end;
    }
}

#[cfg(test)]
mod tests;
