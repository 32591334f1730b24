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
        layers(&labels.labels, labels.width, labels.height, &mut self.depth);
        layers(
            &self.expansion.owner,
            labels.width,
            labels.height,
            &mut self.shell,
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

    /// Areas, centres and outlines, which the sectors need first.
    fn centres(&mut self, labels: &LabelImage) {
        let (w, h) = (labels.width, labels.height);
        for y in 0..h {
            for x in 0..w {
                let at = y * w + x;
                let label = labels.labels[at];
                if label == 0 {
                    continue;
                }
                let sums = &mut self.sums[label as usize];
                sums.nucleus_pixels += 1;
                sums.x += x as f64 + 0.5;
                sums.y += y as f64 + 0.5;
                let other = |there: bool, i: usize| u32::from(!there || labels.labels[i] != label);
                sums.edges += other(x > 0, at.wrapping_sub(1))
                    + other(x + 1 < w, at + 1)
                    + other(y > 0, at.wrapping_sub(w))
                    + other(y + 1 < h, at + w);
            }
        }
        for sums in &mut self.sums {
            if sums.nucleus_pixels > 0 {
                sums.x /= f64::from(sums.nucleus_pixels);
                sums.y /= f64::from(sums.nucleus_pixels);
            }
        }
    }

    fn pixels(&mut self, labels: &LabelImage, stains: &StainPlanes, unread: &[bool]) {
        let (w, h) = (labels.width, labels.height);
        for y in 0..h {
            for x in 0..w {
                let at = y * w + x;
                let owner = self.expansion.owner[at];
                if owner == 0 {
                    continue;
                }
                let dab = stains.dab[at];
                let shell = self.shell[at];
                let sums = &mut self.sums[owner as usize];
                sums.cell_pixels += 1;
                sums.touches_unread |= unread.get(at).copied().unwrap_or(false);
                let sector = sector(x as f64 + 0.5 - sums.x, y as f64 + 0.5 - sums.y);
                if labels.labels[at] != 0 {
                    sums.hematoxylin += stains.hematoxylin[at];
                    let depth = self.depth[at];
                    if depth < 3 {
                        sums.rim[sector][CENTRE - depth as usize].add(dab);
                    }
                    if depth > 0 {
                        sums.nucleus.add(dab);
                    }
                } else {
                    let d2 = self.expansion.distance2[at];
                    sums.outside.add(dab);
                    match d2 {
                        0..=2 => sums.rim[sector][3].add(dab),
                        3..=5 => sums.rim[sector][4].add(dab),
                        6..=10 => sums.rim[sector][5].add(dab),
                        _ => {}
                    }
                    // Where the nucleus reaches the border, the rim is not membrane.
                    if d2 > 2 {
                        sums.membrane[sector][shell as usize + CENTRE].add(dab);
                    }
                    if d2 > 2 && shell > 1 {
                        sums.cytoplasm.add(dab);
                        sums.cytoplasm_squares += dab * dab;
                    }
                }
            }
        }
    }
}

/// For each pixel of an area, how many layers lie between it and another area: 0, 1, or 2 for deeper.
fn layers(areas: &[u32], w: usize, h: usize, out: &mut Vec<u8>) {
    out.clear();
    out.resize(w * h, 3);
    for round in 0..3_u8 {
        for y in 0..h {
            for x in 0..w {
                let at = y * w + x;
                if areas[at] == 0 || out[at] != 3 {
                    continue;
                }
                let area = areas[at];
                let near = |there: bool, i: usize| {
                    there
                        && if round == 0 {
                            areas[i] != area
                        } else {
                            areas[i] == area && out[i] == round - 1
                        }
                };
                if near(x > 0, at.wrapping_sub(1))
                    || near(x + 1 < w, at + 1)
                    || near(y > 0, at.wrapping_sub(w))
                    || near(y + 1 < h, at + w)
                {
                    out[at] = round;
                }
            }
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
