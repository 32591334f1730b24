//! Measures every cell of a patch in one pass over its pixels.
//!
//! Compartments, at the patch's pixel size:
//! - **nucleus**: the instance without its outermost layer;
//! - **nuclear rim**: a band of two pixels (1 um at 0.5 um/px) centred on the nuclear boundary;
//! - **cytoplasm**: from the rim to the cell border;
//! - **membrane**: a band of two pixels along the cell border.
//!
//! A segmented boundary is a pixel off here and there, and optics spread a line of 1 um over two.
//! So rim and membrane are read in sectors around the cell, each as a profile across the boundary: a line's excess over what lies beside it is summed over the profile and put back into the band's width, which neither a shift of a pixel nor blur changes.
//! Where no line stands out, the rim has what both of its sides have, and the membrane what the cell's outermost part has.

use crate::segment::LabelImage;
use crate::stain::StainPlanes;

use super::Expansion;

/// Sectors around a cell.
const SECTORS: usize = 16;
/// Layers of pixels along a boundary.
///
/// Around the nucleus, from three inside to three outside; along the cell border, from [`CENTRE`] on, three inside and what lies deeper.
const LAYERS: usize = 6;
/// A line of its own exceeds what lies beside it by this optical density.
const LINE_OD: f32 = 0.06;
/// The first of the layers that make up a compartment's own band.
const CENTRE: usize = 2;
/// Layers in that band.
const BAND_LAYERS: f32 = 2.0;

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
    /// Share of the membrane's sectors at or above the first threshold.
    pub membrane_completeness: f32,
    /// Standard deviation over mean of the cytoplasm's DAB OD; 0 where there is hardly any.
    pub cytoplasm_granularity: f32,
    /// Whether any of its pixels could not be read.
    pub touches_unread: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f32,
    n: u32,
}

impl Mean {
    fn add(&mut self, value: f32) {
        self.sum += value;
        self.n += 1;
    }

    fn get(self) -> Option<f32> {
        (self.n > 0).then(|| self.sum / self.n as f32)
    }
}

/// Sectors x layers around one boundary.
type Rings = [[Mean; LAYERS]; SECTORS];

#[derive(Debug, Clone)]
struct Sums {
    nucleus_pixels: u32,
    cell_pixels: u32,
    x: f64,
    y: f64,
    edges: u32,
    nucleus: Mean,
    cytoplasm: Mean,
    cytoplasm_squares: f32,
    outside: Mean,
    hematoxylin: f32,
    rim: Rings,
    membrane: Rings,
    touches_unread: bool,
}

impl Sums {
    const EMPTY: Self = Self {
        nucleus_pixels: 0,
        cell_pixels: 0,
        x: 0.0,
        y: 0.0,
        edges: 0,
        nucleus: Mean { sum: 0.0, n: 0 },
        cytoplasm: Mean { sum: 0.0, n: 0 },
        cytoplasm_squares: 0.0,
        outside: Mean { sum: 0.0, n: 0 },
        hematoxylin: 0.0,
        rim: [[Mean { sum: 0.0, n: 0 }; LAYERS]; SECTORS],
        membrane: [[Mean { sum: 0.0, n: 0 }; LAYERS]; SECTORS],
        touches_unread: false,
    };
}

/// Measures patches; owns the buffers that are reused from patch to patch.
#[derive(Debug, Default)]
pub struct CellMeasurer {
    /// Owners and distances of the last patch.
    pub expansion: Expansion,
    /// Depth inside the nucleus, in layers: 0 = outermost, 1 = next, 2 = deeper.
    depth: Vec<u8>,
    /// Distance from the cell border, in layers: 0 = at the border, 1, 2 = deeper.
    shell: Vec<u8>,
    /// Layers before a pass over them.
    rows: Vec<u8>,
    sums: Vec<Sums>,
}

impl CellMeasurer {
    /// Measures every nucleus of `labels`.
    ///
    /// `reach` is the expansion in pixels, `unread` marks pixels that are not the slide's (empty for none), `weak` is the OD from which a sector of membrane counts as stained (the slide's background included).
    pub fn measure(
        &mut self,
        labels: &LabelImage,
        stains: &StainPlanes,
        unread: &[bool],
        reach: u8,
        weak: f32,
    ) -> Vec<CellRecord> {
        self.expansion.grow(labels, reach);
        let width = labels.width;
        layers(&labels.labels, width, &mut self.depth, &mut self.rows);
        layers(
            &self.expansion.owner,
            width,
            &mut self.shell,
            &mut self.rows,
        );
        self.sums.clear();
        self.sums.resize(labels.count as usize + 1, Sums::EMPTY);
        self.centres(labels);
        self.pixels(labels, stains, unread);
        self.sums
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(_, sums)| sums.nucleus_pixels > 0)
            .map(|(label, sums)| record(label as u32, sums, weak))
            .collect()
    }

    /// Areas, centres and outlines, which the sectors need first; run by run, as sums of half integers are exact in any order.
    fn centres(&mut self, labels: &LabelImage) {
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
            }
        }
    }

    fn pixels(&mut self, labels: &LabelImage, stains: &StainPlanes, unread: &[bool]) {
        let width = labels.width;
        let Self {
            expansion,
            depth,
            shell,
            sums,
            ..
        } = self;
        for y in 0..labels.height {
            let line = y * width..(y + 1) * width;
            let owners = &expansion.owner[line.clone()];
            let unread = unread.get(line.clone()).unwrap_or(&[]);
            let row = Row {
                labels: &labels.labels[line.clone()],
                depth: &depth[line.clone()],
                shell: &shell[line.clone()],
                distance2: &expansion.distance2[line.clone()],
                dab: &stains.dab[line.clone()],
                hematoxylin: &stains.hematoxylin[line],
            };
            for_runs(owners, |owner, start, end| {
                let sums = &mut sums[owner as usize];
                sums.cell_pixels += (end - start) as u32;
                sums.touches_unread |= unread.get(start..end).is_some_and(|u| u.contains(&true));
                sums.add_run(row, start, end, y as f64 + 0.5 - sums.y);
            });
        }
    }
}

/// What is known of the pixels of one row.
#[derive(Clone, Copy)]
struct Row<'a> {
    labels: &'a [u32],
    depth: &'a [u8],
    shell: &'a [u8],
    distance2: &'a [u16],
    dab: &'a [f32],
    hematoxylin: &'a [f32],
}

impl Sums {
    /// Adds a run of the cell's pixels, `dy` below the centre of the nucleus.
    fn add_run(&mut self, row: Row<'_>, start: usize, end: usize, dy: f64) {
        for x in start..end {
            let dab = row.dab[x];
            let sector = sector(x as f64 + 0.5 - self.x, dy);
            if row.labels[x] != 0 {
                self.hematoxylin += row.hematoxylin[x];
                let depth = row.depth[x];
                if depth < 3 {
                    self.rim[sector][CENTRE - depth as usize].add(dab);
                }
                if depth > 0 {
                    self.nucleus.add(dab);
                }
                continue;
            }
            let (d2, shell) = (row.distance2[x], row.shell[x]);
            self.outside.add(dab);
            match d2 {
                0..=2 => self.rim[sector][3].add(dab),
                3..=5 => self.rim[sector][4].add(dab),
                6..=10 => self.rim[sector][5].add(dab),
                _ => {}
            }
            // Where the nucleus reaches the border, the rim is not membrane.
            if d2 > 2 {
                self.membrane[sector][shell as usize + CENTRE].add(dab);
            }
            if d2 > 2 && shell > 1 {
                self.cytoplasm.add(dab);
                self.cytoplasm_squares += dab * dab;
            }
        }
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

/// For each pixel of an area, how many layers lie between it and another area: 0, 1, 2, or 3 for deeper; unspecified where there is no area.
///
/// The image's edge is no border: what touches it goes on outside.
fn layers(areas: &[u32], width: usize, out: &mut Vec<u8>, rows: &mut Vec<u8>) {
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
            *out = if *out == 0 { 3 } else { 0 };
        }
    }
    // Within a layer all four neighbours are of the same area, so layers alone decide.
    for layer in 1..3 {
        deepen(out, width, layer, rows);
    }
}

/// Makes `layer` of each pixel that is 3 and lies beside one of the layer before.
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
            *out = if (*out == 3) & (near(above) | near(below)) {
                layer
            } else {
                *out
            };
        }
        for (out, &left) in out[1..].iter_mut().zip(row) {
            *out = if (*out == 3) & near(left) {
                layer
            } else {
                *out
            };
        }
        for (out, &right) in out.iter_mut().zip(&row[1..]) {
            *out = if (*out == 3) & near(right) {
                layer
            } else {
                *out
            };
        }
    }
}

/// Which of the sectors a direction lies in, without a transcendental function.
fn sector(dx: f64, dy: f64) -> usize {
    let (ax, ay) = (dx.abs(), dy.abs());
    // Tangents of 22.5, 45 and 67.5 degrees part a quadrant into four.
    let quarter = if ay < ax * 0.414_213_562 {
        0
    } else if ay < ax {
        1
    } else if ay < ax * 2.414_213_562 {
        2
    } else {
        3
    };
    match (dx >= 0.0, dy >= 0.0) {
        (true, true) => quarter,
        (false, true) => 7 - quarter,
        (false, false) => 8 + quarter,
        (true, false) => 15 - quarter,
    }
}

/// The stain along a boundary, the mean over its sectors, and the share of sectors at or above `weak`.
fn along(
    rings: &Rings,
    weak: f32,
    profile: impl Fn([Option<f32>; LAYERS]) -> Option<f32>,
) -> Option<(f32, f32)> {
    let (mut sum, mut n, mut stained) = (0.0, 0, 0);
    for layers in rings {
        if let Some(value) = profile(layers.map(Mean::get)) {
            sum += value;
            n += 1;
            stained += u32::from(value >= weak);
        }
    }
    (n > 0).then(|| (sum / n as f32, stained as f32 / n as f32))
}

/// The mean of two layers, or the one that is there.
fn between(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(f32::midpoint(a, b)),
        (one, other) => one.or(other),
    }
}

/// The nuclear rim from a profile of three layers within and three outside the nuclear boundary.
fn rim_profile(layers: [Option<f32>; LAYERS]) -> Option<f32> {
    let [i3, i2, i1, o1, o2, o3] = layers;
    let (Some(inner), Some(outer)) = (i3.or(i2), o3.or(o2)) else {
        // Touching nuclei leave no outside; the band itself is all there is.
        return between(i1, o1);
    };
    let (mut excess, mut peak) = (0.0, f32::NEG_INFINITY);
    for (k, value) in [i2, i1, o1, o2].into_iter().enumerate() {
        let beside = inner + (outer - inner) * (k as f32 + 1.0) / 5.0;
        let value = value.unwrap_or(beside);
        excess += value - beside;
        peak = peak.max(value);
    }
    let excess = excess / BAND_LAYERS;
    // A step from a pale nucleus to a stained cytoplasm has no peak.
    let is_line = excess > LINE_OD && peak > inner.max(outer) + LINE_OD / 2.0;
    Some(if is_line {
        f32::midpoint(inner, outer) + excess
    } else {
        inner.min(outer)
    })
}

/// The membrane from a profile of the layers just within the cell border, and what lies deeper.
fn membrane_profile(layers: [Option<f32>; LAYERS]) -> Option<f32> {
    let [_, _, s0, s1, s2, deep] = layers;
    // The border may have been drawn a pixel too far out.
    let plain = match (between(s0, s1), between(s1, s2)) {
        (Some(a), Some(b)) => a.max(b),
        (one, other) => one.or(other)?,
    };
    let Some(deep) = deep else {
        return Some(plain);
    };
    let excess: f32 = [s0, s1, s2]
        .into_iter()
        .flatten()
        .map(|value| (value - deep).max(0.0))
        .sum();
    let line = deep + excess / BAND_LAYERS;
    Some(if excess / BAND_LAYERS > LINE_OD {
        plain.max(line)
    } else {
        plain
    })
}

fn record(label: u32, sums: &Sums, weak: f32) -> CellRecord {
    let area = f64::from(sums.nucleus_pixels);
    // Edges of pixels overstate a smooth outline by 4 / pi on average.
    let perimeter = f64::from(sums.edges) * std::f64::consts::FRAC_PI_4;
    let circularity = (4.0 * std::f64::consts::PI * area / (perimeter * perimeter)).min(1.0);
    let rim = along(&sums.rim, weak, rim_profile).map_or(f32::NAN, |(mean, _)| mean);
    let membrane = along(&sums.membrane, weak, membrane_profile);
    // A cell squeezed between neighbours may have nothing but rim and membrane outside its nucleus.
    let cytoplasm = if sums.cytoplasm.n >= 6 {
        sums.cytoplasm.get()
    } else {
        sums.outside.get()
    };
    let nucleus = sums.nucleus.get();
    CellRecord {
        label,
        centre: [sums.x, sums.y],
        nucleus_pixels: sums.nucleus_pixels,
        cell_pixels: sums.cell_pixels,
        circularity: circularity as f32,
        dab_od: [
            nucleus.unwrap_or(rim),
            rim,
            cytoplasm.unwrap_or(f32::NAN),
            membrane.map_or(f32::NAN, |(mean, _)| mean),
        ],
        nucleus_hematoxylin_od: sums.hematoxylin / sums.nucleus_pixels as f32,
        membrane_completeness: membrane.map_or(0.0, |(_, share)| share),
        cytoplasm_granularity: granularity(sums),
        touches_unread: sums.touches_unread,
    }
}

/// Below this mean there is nothing whose grain could be told from noise.
const LEAST_GRAIN_OD: f32 = 0.08;

fn granularity(sums: &Sums) -> f32 {
    let Some(mean) = sums.cytoplasm.get() else {
        return 0.0;
    };
    if mean < LEAST_GRAIN_OD || sums.cytoplasm.n < 12 {
        return 0.0;
    }
    let variance = sums.cytoplasm_squares / sums.cytoplasm.n as f32 - mean * mean;
    variance.max(0.0).sqrt() / mean
}

#[cfg(test)]
mod tests;
