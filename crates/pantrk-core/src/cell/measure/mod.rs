//! Measures every cell of a patch in one pass over its pixels.
//!
//! Compartments, at the patch's pixel size:
//! - **nucleus**: the instance without its two outermost layers, where it is large enough;
//! - **nuclear rim**: a band of two pixels (1 um at 0.5 um/px) centred on the nuclear boundary;
//! - **cytoplasm**: from the rim to the cell border, without the three layers along that border where the cell is large enough;
//! - **membrane**: a band of two pixels along the cell border.
//!
//! A segmented boundary is a pixel off here and there, and optics spread a line of 1 um over two.
//! So nucleus and cytoplasm keep clear of the lines beside them, and rim and membrane are read in sectors around the cell, each as a profile across the boundary: a line's excess over what lies beside it is summed over the profile and put back into the band's width, which neither a shift of a pixel nor blur changes.
//! A rim is one where a line stands out around at least half of the nucleus: granules beside it are none.
//! Where no line stands out, the rim has what both of its sides have, and the membrane what the cell's outermost part has.

use crate::segment::LabelImage;
use crate::stain::StainPlanes;

use super::Expansion;

/// Sectors around a cell.
const SECTORS: usize = 16;
/// Layers of pixels along a boundary.
///
/// Around the nucleus, three inside and four outside; along the cell border, the four within it and what lies deeper.
const LAYERS: usize = 7;
/// Of those around the nucleus, the first outside.
const OUTSIDE: usize = 3;
/// Layers of an area that are told apart; all that lie deeper have this number.
const DEEP: u8 = 4;
/// A line of its own exceeds what lies beside it by this optical density.
const LINE_OD: f32 = 0.06;
/// A stained rim reaches this far beyond the nucleus, squared pixels.
const NEAR_RIM: u16 = 5;
/// Of the step from one side of a nuclear boundary without a line to the other, what lies within the band around it.
const STEP_IN_BAND: f32 = 0.12;
/// Of a membrane's stain, what spills over into the cytoplasm as it is read: from the fifth layer on, from the fourth, from the third.
///
/// A line of 1 um along a border that is known to 0.35 um, seen through 0.25 um of blur.
const SPILL: [f32; 3] = [0.01, 0.06, 0.2];
/// Layers in a band.
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

    fn with(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            n: self.n + other.n,
        }
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
    /// By layers within the nucleus: from the third on, the second, the first.
    nucleus: [Mean; 3],
    /// By layers within the cell: from the fifth on, the fourth, the third.
    cytoplasm: [Mean; 3],
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
        nucleus: [Mean { sum: 0.0, n: 0 }; 3],
        cytoplasm: [Mean { sum: 0.0, n: 0 }; 3],
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
    /// Depth inside the nucleus, in layers from 0, the outermost, to [`DEEP`].
    depth: Vec<u8>,
    /// Distance from the cell border, in layers from 0, at the border, to [`DEEP`].
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
                    let depth = usize::from(self.depth[at]);
                    if depth < OUTSIDE {
                        sums.rim[sector][OUTSIDE - 1 - depth].add(dab);
                    }
                    sums.nucleus[2 - depth.min(2)].add(dab);
                } else {
                    let d2 = self.expansion.distance2[at];
                    sums.outside.add(dab);
                    match d2 {
                        0..=2 => sums.rim[sector][OUTSIDE].add(dab),
                        3..=5 => sums.rim[sector][OUTSIDE + 1].add(dab),
                        6..=10 => sums.rim[sector][OUTSIDE + 2].add(dab),
                        11..=17 => sums.rim[sector][OUTSIDE + 3].add(dab),
                        _ => {}
                    }
                    // Where nuclei come close, the border lies between their rims and is no membrane of its own.
                    if d2 > NEAR_RIM {
                        sums.membrane[sector][usize::from(shell)].add(dab);
                    }
                    if d2 > 2 && shell >= 2 {
                        let clear = if d2 > NEAR_RIM { DEEP - shell } else { 2 };
                        sums.cytoplasm[usize::from(clear)].add(dab);
                        sums.cytoplasm_squares += dab * dab;
                    }
                }
            }
        }
    }
}

/// For each pixel, how many layers of its own area lie between it and another area, at most [`DEEP`]; the picture's edge is no border.
///
/// That is the city-block distance to the nearest pixel of another area, less one, in two passes.
fn layers(areas: &[u32], w: usize, h: usize, out: &mut Vec<u8>) {
    out.clear();
    out.resize(w * h, DEEP);
    for y in 0..h {
        for x in 0..w {
            let at = y * w + x;
            let mut layer = DEEP;
            let mut from = |other: usize| {
                let beyond = if areas[other] == areas[at] {
                    out[other] + 1
                } else {
                    0
                };
                layer = layer.min(beyond);
            };
            if x > 0 {
                from(at - 1);
            }
            if y > 0 {
                from(at - w);
            }
            out[at] = layer;
        }
    }
    for y in (0..h).rev() {
        for x in (0..w).rev() {
            let at = y * w + x;
            let mut layer = out[at];
            let mut from = |other: usize| {
                let beyond = if areas[other] == areas[at] {
                    out[other] + 1
                } else {
                    0
                };
                layer = layer.min(beyond);
            };
            if x + 1 < w {
                from(at + 1);
            }
            if y + 1 < h {
                from(at + w);
            }
            out[at] = layer;
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

/// The mean of two layers, or the one that is there.
fn between(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(f32::midpoint(a, b)),
        (one, other) => one.or(other),
    }
}

/// The nuclear rim: a line around the nucleus, or else what both of its sides have.
fn rim(rings: &Rings, nucleus: f32, cytoplasm: Option<f32>) -> f32 {
    let (mut sum, mut lines, mut sectors) = (0.0, 0, 0);
    for ring in rings {
        let [i3, i2, i1, o1, o2, o3, o4] = ring.map(Mean::get);
        // Touching nuclei leave no outside.
        let Some(outer) = o4.or(o3).or(o2) else {
            continue;
        };
        let (mut excess, mut peak) = (0.0, f32::NEG_INFINITY);
        for (k, value) in [i3, i2, i1, o1, o2].into_iter().enumerate() {
            let beside = nucleus + (outer - nucleus) * (k as f32 + 1.0) / 6.0;
            let value = value.unwrap_or(beside);
            excess += value - beside;
            peak = peak.max(value);
        }
        let excess = excess / BAND_LAYERS;
        // A step from a pale nucleus to a stained cytoplasm has no peak.
        lines += u32::from(excess > LINE_OD && peak > nucleus.max(outer) + LINE_OD / 2.0);
        sum += f32::midpoint(nucleus, outer) + excess;
        sectors += 1;
    }
    if sectors > 0 && 2 * lines >= sectors {
        sum / sectors as f32
    } else {
        // The band is painted by its paler side up to where the darker one begins.
        let beside = cytoplasm.unwrap_or(nucleus);
        nucleus.min(beside) + STEP_IN_BAND * (nucleus - beside).abs()
    }
}

/// The membrane from the layers just within the cell border, and what lies deeper: its mean over the sectors, and the share of them at or above `weak`.
fn membrane(rings: &Rings, cytoplasm: Option<f32>, weak: f32) -> Option<(f32, f32)> {
    let (mut sum, mut n, mut stained) = (0.0, 0, 0);
    for ring in rings {
        let [s0, s1, s2, s3, deep, ..] = ring.map(Mean::get);
        // The outermost pixel is half the neighbour's.
        let Some(plain) = between(s1, s2).or(s0) else {
            continue;
        };
        let value = deep.or(cytoplasm).map_or(plain, |deep| {
            let layers = [s0, s1, s2, s3].into_iter().flatten();
            let excess = layers.map(|v| (v - deep).max(0.0)).sum::<f32>() / BAND_LAYERS;
            if excess > LINE_OD {
                plain.max(deep + excess)
            } else {
                plain
            }
        });
        sum += value;
        n += 1;
        stained += u32::from(value >= weak);
    }
    (n > 0).then(|| (sum / n as f32, stained as f32 / n as f32))
}

fn record(label: u32, sums: &Sums, weak: f32) -> CellRecord {
    let area = f64::from(sums.nucleus_pixels);
    // Edges of pixels overstate a smooth outline by 4 / pi on average.
    let perimeter = f64::from(sums.edges) * std::f64::consts::FRAC_PI_4;
    let circularity = (4.0 * std::f64::consts::PI * area / (perimeter * perimeter)).min(1.0);
    let [deep, middle, outermost] = sums.nucleus;
    let nucleus = [deep, deep.with(middle), deep.with(middle).with(outermost)]
        .into_iter()
        .find(|part| part.n >= 12)
        .unwrap_or(deep.with(middle).with(outermost))
        .get()
        .unwrap_or(f32::NAN);
    // A cell squeezed between neighbours may have nothing but rim and membrane outside its nucleus.
    let [deep, fourth, third] = sums.cytoplasm;
    let fourth = deep.with(fourth);
    let (part, spill) = [
        (deep, 12, SPILL[0]),
        (fourth, 10, SPILL[1]),
        (fourth.with(third), 6, SPILL[2]),
    ]
    .into_iter()
    .find(|(part, least, _)| part.n >= *least)
    .map_or((sums.outside, 0.0), |(part, _, spill)| (part, spill));
    let cytoplasm = part.get();
    let rim = rim(&sums.rim, nucleus, cytoplasm);
    let membrane = membrane(&sums.membrane, cytoplasm, weak)
        .or_else(|| sums.outside.get().map(|od| (od, f32::from(od >= weak))));
    let cytoplasm = cytoplasm.map(|od| match membrane {
        Some((line, _)) if line > od + LINE_OD => (od - spill * line) / (1.0 - spill),
        _ => od,
    });
    CellRecord {
        label,
        centre: [sums.x, sums.y],
        nucleus_pixels: sums.nucleus_pixels,
        cell_pixels: sums.cell_pixels,
        circularity: circularity as f32,
        dab_od: [
            nucleus,
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
    let [deep, fourth, third] = sums.cytoplasm;
    let all = deep.with(fourth).with(third);
    let Some(mean) = all.get() else {
        return 0.0;
    };
    if mean < LEAST_GRAIN_OD || all.n < 12 {
        return 0.0;
    }
    let variance = sums.cytoplasm_squares / all.n as f32 - mean * mean;
    variance.max(0.0).sqrt() / mean
}

#[cfg(test)]
mod tests;
