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
//! Where no line stands out, the rim has what both of its sides have, and the membrane what the cytoplasm has, whose border is all that it is there.

mod read;
mod spill;

use std::ops::Range;

use crate::segment::LabelImage;
use crate::stain::StainPlanes;

use super::Expansion;
use read::record;
use spill::{Part, Spill};

/// Sectors around a cell.
const SECTORS: usize = 16;
/// Layers of pixels along a boundary.
///
/// Around the nucleus, three inside and four outside; along the cell border, the four within it and what lies deeper.
const LAYERS: usize = 7;
/// Of those around the nucleus, the first outside.
const OUTSIDE: usize = 3;
/// Layers of an area that are told apart; all that lie deeper have this number.
pub(super) const DEEP: u8 = 4;
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
    /// Whether any of its pixels could not be read.
    pub touches_unread: bool,
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

/// A mean with its spread.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    mean: Mean,
    squares: f32,
}

impl Moments {
    fn add(&mut self, value: f32) {
        self.mean.add(value);
        self.squares += value * value;
    }
}

/// Sectors x layers around one boundary.
type Rings = [[Mean; LAYERS]; SECTORS];

#[derive(Debug, Clone, Default)]
struct Sums {
    nucleus_pixels: u32,
    x: f64,
    y: f64,
    edges: u32,
    /// Whether a record of it is asked for.
    wanted: bool,
    stain: StainSums,
}

/// What depends on the planes.
#[derive(Debug, Clone, Default)]
struct StainSums {
    cell_pixels: u32,
    /// By layers within the nucleus: from the third on, the second, the first.
    nucleus: [Mean; 3],
    /// By sectors, and by layers within the cell: from the fifth on, the fourth, the third.
    cytoplasm: [[Mean; 3]; SECTORS],
    /// Of all that.
    grain: Moments,
    /// Of that without the third layer, where a membrane still shines in.
    clear_grain: Moments,
    /// Next to the rim.
    inner_cytoplasm: Mean,
    outside: Mean,
    hematoxylin: f32,
    /// Hematoxylin from the third layer of the nucleus on: further out, blur and the outline's own error are all the texture there is.
    chromatin: Moments,
    rim: Rings,
    membrane: Rings,
    touches_unread: bool,
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
    /// Layers before a pass over them.
    rows: Vec<u8>,
    /// The cells' pixels, row by row.
    runs: Vec<Run>,
    /// The sector of its cell that a pixel lies in.
    sectors: Vec<u8>,
    sums: Vec<Sums>,
    spill: Spill,
}

impl CellMeasurer {
    /// Measures the nuclei of `labels`.
    pub fn measure(&mut self, labels: &LabelImage, of: &Measuring<'_>) -> Vec<CellRecord> {
        self.expansion.grow(labels, of.reach);
        let width = labels.width;
        layers(&labels.labels, width, &mut self.depth, &mut self.rows);
        layers(
            &self.expansion.owner,
            width,
            &mut self.shell,
            &mut self.rows,
        );
        // Only now: the slide's edge is no border of a cell.
        self.cut_off_slide(labels, &of.on_slide);
        self.sums.clear();
        self.sums
            .resize_with(labels.count as usize + 1, Sums::default);
        self.centres(labels, &of.wanted);
        self.runs(width);
        let mut spill = std::mem::take(&mut self.spill);
        self.pixels(labels, &of.stains.dab, of);
        let first = self.records(of.weak);
        for sums in &mut self.sums {
            sums.nucleus_pixels *= u32::from(sums.wanted);
        }
        spill.put_back(
            (&of.stains.dab, width),
            &self.expansion.owner,
            &first,
            |i| self.part(labels, i),
        );
        self.pixels(labels, &spill.dab, of);
        self.spill = spill;
        self.records(of.weak)
    }

    fn records(&self, weak: f32) -> Vec<CellRecord> {
        self.sums
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(_, sums)| sums.nucleus_pixels > 0)
            .map(|(label, sums)| record(label as u32, sums, weak))
            .collect()
    }

    /// What lies beyond the slide belongs to no cell.
    fn cut_off_slide(&mut self, labels: &LabelImage, [columns, rows]: &[Range<usize>; 2]) {
        let width = labels.width;
        for (y, row) in self
            .expansion
            .owner
            .chunks_exact_mut(width.max(1))
            .enumerate()
        {
            if rows.contains(&y) {
                row[..columns.start.min(width)].fill(0);
                row[columns.end.min(width)..].fill(0);
            } else {
                row.fill(0);
            }
        }
    }

    /// The compartment of a pixel of a cell.
    fn part(&self, labels: &LabelImage, i: usize) -> Part {
        if labels.labels[i] != 0 {
            if self.depth[i] == 0 {
                Part::Rim
            } else {
                Part::Nucleus
            }
        } else if self.expansion.distance2[i] <= RIM {
            Part::Rim
        } else if self.shell[i] < MEMBRANE {
            Part::Membrane
        } else {
            Part::Cytoplasm
        }
    }

    /// Areas, centres and outlines, which the sectors need first; run by run, as sums of half integers are exact in any order.
    fn centres(&mut self, labels: &LabelImage, [columns, rows]: &[Range<f64>; 2]) {
        let width = labels.width;
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
                let sums = &mut self.sums[label as usize];
                let pixels = (end - start) as u32;
                sums.nucleus_pixels += pixels;
                sums.x += (start + end) as f64 / 2.0 * f64::from(pixels);
                sums.y += (y as f64 + 0.5) * f64::from(pixels);
                // A run ends where another label begins; beyond the image lies none.
                let others = |beside: &[u32]| match beside.get(start..end) {
                    None => pixels,
                    Some(beside) => beside.iter().map(|&l| u32::from(l != label)).sum(),
                };
                sums.edges += 2 + others(above) + others(below);
            });
        }
        for sums in &mut self.sums {
            if sums.nucleus_pixels > 0 {
                sums.x /= f64::from(sums.nucleus_pixels);
                sums.y /= f64::from(sums.nucleus_pixels);
                sums.wanted = columns.contains(&sums.x) && rows.contains(&sums.y);
            }
        }
    }

    /// The runs of the cells' pixels, and their sectors.
    fn runs(&mut self, width: usize) {
        let Self {
            expansion,
            runs,
            sectors,
            sums,
            ..
        } = self;
        runs.clear();
        sectors.clear();
        sectors.resize(expansion.owner.len(), 0);
        for (y, row) in expansion.owner.chunks_exact(width.max(1)).enumerate() {
            let first = y * width;
            for_runs(row, |owner, start, end| {
                let pixels = first + start..first + end;
                let sums = &sums[owner as usize];
                let dy = y as f64 + 0.5 - sums.y;
                for (x, sector) in (start..end).zip(&mut sectors[pixels.clone()]) {
                    *sector = sector_of(x as f64 + 0.5 - sums.x, dy);
                }
                runs.push(Run { owner, pixels });
            });
        }
    }

    /// Adds up the pixels of `dab`, the patch's or a corrected one.
    fn pixels(&mut self, labels: &LabelImage, dab: &[f32], of: &Measuring<'_>) {
        for sums in &mut self.sums {
            sums.stain = StainSums::default();
        }
        let Self {
            expansion,
            depth,
            shell,
            runs,
            sectors,
            sums,
            ..
        } = self;
        let planes = Planes {
            sectors,
            labels: &labels.labels,
            depth,
            shell,
            distance2: &expansion.distance2,
            dab,
            hematoxylin: &of.stains.hematoxylin,
        };
        for Run { owner, pixels } in runs.iter() {
            let sums = &mut sums[*owner as usize];
            if sums.nucleus_pixels == 0 {
                continue;
            }
            let sums = &mut sums.stain;
            sums.cell_pixels += pixels.len() as u32;
            let unread = of.unread.get(pixels.clone());
            sums.touches_unread |= unread.is_some_and(|u| u.contains(&true));
            sums.add_run(planes, pixels.clone());
        }
    }
}

/// Pixels of a cell beside one another in a row.
#[derive(Debug)]
struct Run {
    owner: u32,
    /// Places in the planes.
    pixels: Range<usize>,
}

/// What is known of the pixels.
#[derive(Clone, Copy)]
struct Planes<'a> {
    sectors: &'a [u8],
    labels: &'a [u32],
    depth: &'a [u8],
    shell: &'a [u8],
    distance2: &'a [u16],
    dab: &'a [f32],
    hematoxylin: &'a [f32],
}

impl StainSums {
    /// Adds a run of the cell's pixels.
    fn add_run(&mut self, of: Planes<'_>, run: Range<usize>) {
        // What most pixels are added to is kept at hand.
        let (mut hematoxylin, mut outside) = (self.hematoxylin, self.outside);
        let mut chromatin = self.chromatin;
        let (mut grain, mut clear_grain) = (self.grain, self.clear_grain);
        for i in run {
            let dab = of.dab[i];
            let sector = usize::from(of.sectors[i]);
            if of.labels[i] != 0 {
                hematoxylin += of.hematoxylin[i];
                let depth = usize::from(of.depth[i]);
                if depth >= 2 {
                    chromatin.add(of.hematoxylin[i]);
                }
                if depth < OUTSIDE {
                    self.rim[sector][OUTSIDE - 1 - depth].add(dab);
                }
                self.nucleus[2 - depth.min(2)].add(dab);
                continue;
            }
            let (d2, shell) = (of.distance2[i], of.shell[i]);
            outside.add(dab);
            match d2 {
                0..=RIM => self.rim[sector][OUTSIDE].add(dab),
                3..=NEAR_RIM => self.rim[sector][OUTSIDE + 1].add(dab),
                6..=10 => self.rim[sector][OUTSIDE + 2].add(dab),
                11..=INNER => self.rim[sector][OUTSIDE + 3].add(dab),
                _ => {}
            }
            // Where nuclei come close, the border lies between their rims and is no membrane of its own.
            if d2 > NEAR_RIM {
                self.membrane[sector][usize::from(shell)].add(dab);
            }
            if d2 > RIM && shell >= MEMBRANE {
                let clear = if d2 > NEAR_RIM { DEEP - shell } else { 2 };
                self.cytoplasm[sector][usize::from(clear)].add(dab);
                grain.add(dab);
                if shell > MEMBRANE {
                    clear_grain.add(dab);
                }
                if d2 > NEAR_RIM && d2 <= INNER {
                    self.inner_cytoplasm.add(dab);
                }
            }
        }
        (self.hematoxylin, self.outside) = (hematoxylin, outside);
        self.chromatin = chromatin;
        (self.grain, self.clear_grain) = (grain, clear_grain);
    }
}

/// Calls `visit` with label, first and end of each run of one label other than 0.
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

/// For each pixel of an area, how many layers of its own area lie between it and another area, at most [`DEEP`]; unspecified where there is no area.
///
/// The image's edge is no border: what touches it goes on outside.
pub(super) fn layers(areas: &[u32], width: usize, out: &mut Vec<u8>, rows: &mut Vec<u8>) {
    out.clear();
    if areas.is_empty() {
        return;
    }
    out.resize(areas.len(), 0);
    let height = areas.len() / width;
    for y in 0..height {
        let row = &areas[y * width..][..width];
        let above = &areas[y.saturating_sub(1) * width..][..width];
        let below = &areas[(y + 1).min(height - 1) * width..][..width];
        let out = &mut out[y * width..][..width];
        for (((out, &here), &above), &below) in out.iter_mut().zip(row).zip(above).zip(below) {
            *out = u8::from(here != above) | u8::from(here != below);
        }
        for (out, pair) in out[1..].iter_mut().zip(row.windows(2)) {
            *out |= u8::from(pair[0] != pair[1]);
        }
        for (out, pair) in out.iter_mut().zip(row.windows(2)) {
            *out |= u8::from(pair[0] != pair[1]);
        }
        for out in out {
            *out = if *out == 0 { DEEP } else { 0 };
        }
    }
    // Within a layer all four neighbours are of the same area, so layers alone decide.
    for layer in 1..DEEP {
        deepen(out, width, layer, rows);
    }
}

/// Makes `layer` of each pixel that is [`DEEP`] and lies beside one of the layer before.
fn deepen(layers: &mut [u8], width: usize, layer: u8, rows: &mut Vec<u8>) {
    rows.clear();
    rows.extend_from_slice(layers);
    let height = layers.len() / width;
    let near = |value: u8| value == layer - 1;
    for (y, out) in layers.chunks_exact_mut(width).enumerate() {
        let row = &rows[y * width..][..width];
        let above = &rows[y.saturating_sub(1) * width..][..width];
        let below = &rows[(y + 1).min(height - 1) * width..][..width];
        for ((out, &above), &below) in out.iter_mut().zip(above).zip(below) {
            *out = if (*out == DEEP) & (near(above) | near(below)) {
                layer
            } else {
                *out
            };
        }
        for (out, &left) in out[1..].iter_mut().zip(row) {
            *out = if (*out == DEEP) & near(left) {
                layer
            } else {
                *out
            };
        }
        for (out, &right) in out.iter_mut().zip(&row[1..]) {
            *out = if (*out == DEEP) & near(right) {
                layer
            } else {
                *out
            };
        }
    }
}

/// Which of the sectors a direction lies in, without a transcendental function and without a branch.
fn sector_of(dx: f64, dy: f64) -> u8 {
    let (ax, ay) = (dx.abs(), dy.abs());
    // Tangents of 22.5, 45 and 67.5 degrees part a quadrant into four.
    let quarter = u8::from(ay >= ax * 0.414_213_562)
        + u8::from(ay >= ax)
        + u8::from(ay >= ax * 2.414_213_562);
    let (left, above) = (u8::from(dx < 0.0), u8::from(dy < 0.0));
    // Each quadrant is its neighbour's mirror image.
    let mirrored = 3 * (left ^ above);
    4 * (left ^ (3 * above)) + (quarter ^ mirrored)
}

#[cfg(test)]
mod tests;
