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
/// Next to the rim cytoplasm lies up to this far beyond the nucleus, squared pixels: 2 um.
const INNER: u16 = 17;
/// Where that part has so much more optical density than the rest, the rest is no cytoplasm: the cell ends before its expansion does.
const BEYOND_CELL_OD: f32 = 0.15;
/// Of the step from one side of a nuclear boundary without a line to the other, what lies within the band around it.
const STEP_IN_BAND: f32 = 0.12;
/// Of a membrane's stain, what spills over into the cytoplasm as it is read: from the fifth layer on, from the fourth, from the third.
///
/// A line of 1 um along a border that is known to half a um, seen through 0.25 um of blur.
const SPILL: [f32; 3] = [0.05, 0.12, 0.3];
/// Layers in a band.
const BAND_LAYERS: f32 = 2.0;
/// A line along the cell's own border stains its second layer too; a stained neighbour shines into the first alone.
/// So a membrane exceeds what lies deeper by no more than this many times what the second layer does.
const OWN_LINE: f32 = 1.5;
/// Granules that optics, sensor and compression have blurred lose optical density: with the square of what is left of their grain, above that of an even stain, goes this share of the mean.
///
/// By simulated granules of 0.5 to 1 um through 0.17 and 0.25 um of blur, uncompressed and as JPEG of quality 75 and 88: what is read without it is 3 to 30 % too low.
const GRAIN_LOSS: f32 = 0.6;
/// The grain of an even stain, and the largest that is granules and not a neighbour's stain.
const GRAIN: (f32, f32) = (0.3, 0.65);

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
    /// Of that, next to the rim.
    inner_cytoplasm: Mean,
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
        inner_cytoplasm: Mean { sum: 0.0, n: 0 },
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
                let depth = usize::from(row.depth[x]);
                if depth < OUTSIDE {
                    self.rim[sector][OUTSIDE - 1 - depth].add(dab);
                }
                self.nucleus[2 - depth.min(2)].add(dab);
                continue;
            }
            let (d2, shell) = (row.distance2[x], row.shell[x]);
            self.outside.add(dab);
            match d2 {
                0..=2 => self.rim[sector][OUTSIDE].add(dab),
                3..=5 => self.rim[sector][OUTSIDE + 1].add(dab),
                6..=10 => self.rim[sector][OUTSIDE + 2].add(dab),
                11..=17 => self.rim[sector][OUTSIDE + 3].add(dab),
                _ => {}
            }
            // Where nuclei come close, the border lies between their rims and is no membrane of its own.
            if d2 > NEAR_RIM {
                self.membrane[sector][usize::from(shell)].add(dab);
            }
            if d2 > 2 && shell >= 2 {
                let clear = if d2 > NEAR_RIM { DEEP - shell } else { 2 };
                self.cytoplasm[usize::from(clear)].add(dab);
                self.cytoplasm_squares += dab * dab;
                if d2 > NEAR_RIM && d2 <= INNER {
                    self.inner_cytoplasm.add(dab);
                }
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

/// For each pixel of an area, how many layers of its own area lie between it and another area, at most [`DEEP`]; unspecified where there is no area.
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
        // Where little cytoplasm is left, the outermost layers are half the neighbour's.
        let outer = cytoplasm.map_or(outer, |od| outer.max(od));
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
        // The outermost pixels are half the neighbour's.
        let Some(plain) = between(s2, s3).or(s1).or(s0) else {
            continue;
        };
        let value = deep.or(cytoplasm).map_or(plain, |deep| {
            let layers = [s0, s1, s2, s3].into_iter().flatten();
            let excess = layers.map(|v| (v - deep).max(0.0)).sum::<f32>() / BAND_LAYERS;
            let own = s1.map_or(excess, |second| excess.min(OWN_LINE * (second - deep)));
            if own > LINE_OD {
                plain.max(deep + own)
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
    let inner = sums.inner_cytoplasm;
    let ends_early = inner.n >= 12
        && matches!((inner.get(), part.get()), (Some(near), Some(all)) if near > all + BEYOND_CELL_OD);
    let (part, spill) = if ends_early {
        (inner, 0.0)
    } else {
        (part, spill)
    };
    let cytoplasm = part.get();
    let membrane = membrane(&sums.membrane, cytoplasm, weak)
        .or_else(|| sums.outside.get().map(|od| (od, f32::from(od >= weak))));
    let cytoplasm = cytoplasm.map(|od| match membrane {
        Some((line, _)) if line > od + LINE_OD => (od - spill * line) / (1.0 - spill),
        _ => od,
    });
    let granularity = granularity(sums);
    let lost = grain_loss(granularity);
    let cytoplasm = cytoplasm.map(|od| od * lost);
    let membrane = membrane.map(|(od, share)| (od * lost, share));
    let rim = rim(&sums.rim, nucleus, cytoplasm);
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
        cytoplasm_granularity: granularity,
        touches_unread: sums.touches_unread,
    }
}

/// Below this mean there is nothing whose grain could be told from noise.
const LEAST_GRAIN_OD: f32 = 0.08;

/// By how much the density of a granular stain is multiplied.
fn grain_loss(granularity: f32) -> f32 {
    let grain = granularity.min(GRAIN.1);
    1.0 + GRAIN_LOSS * (grain * grain - GRAIN.0 * GRAIN.0).max(0.0)
}

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
