//! From a cell's sums to its numbers.

use super::sums::{Moments, Rings, StainSums};
use super::{BAND, BesideMembrane, CellRecord, LAYERS, Mean, Nucleus, SECTORS};

/// A line of its own exceeds what lies beside it by this optical density.
const LINE_OD: f32 = 0.06;
/// Where the cytoplasm next to the rim has so much more optical density than the rest, the rest is no cytoplasm: the cell ends before its expansion does.
const BEYOND_CELL_OD: f32 = 0.15;
/// Of the step from one side of a nuclear boundary without a line to the other, what lies within the band around it.
const STEP_IN_BAND: f32 = 0.12;
/// Of a rim's line, what an outline that is a pixel off and optics carry out of its profile.
///
/// By phantoms with a stained rim, whose mean it leaves within 0.02 of the truth.
const LOST_LINE: f32 = 0.03;
/// Of a membrane's stain, what spills over into the cytoplasm as it is read: from the fifth layer on, from the fourth, from the third.
///
/// A line of 1 um along a border that is known to half a um.
const SPILL: [f32; 3] = [0.05, 0.12, 0.3];
/// Fewer pixels of cytoplasm than these are too few, in that order.
const LEAST_CYTOPLASM: [u32; 3] = [12, 10, 6];
/// A line along the cell's own border stains its second layer too; a stained neighbour shines into the first alone.
/// So a membrane exceeds what lies deeper by no more than this many times what the second layer does.
const OWN_LINE: f32 = 1.5;
/// A membrane is one where a line stands out in this share of the sectors; single lines are chance.
const LEAST_LINES: f32 = 1.0 / 3.0;
/// It is plain, and no chance of granules, where lines stand out in so many sectors and all together by this share of what lies deeper.
const MANY_LINES: f32 = 0.5;
const PLAIN_LINE: f32 = 0.25;
/// Sectors that lie further from the others' median than this (optical density), or than this many median deviations, are pulled in: a neighbour whose nucleus was not found, a gap.
const APART_OD: f32 = 0.05;
const APART_DEVIATIONS: f32 = 2.0;
/// Below this mean (optical density) there is nothing whose grain could be told from noise.
const LEAST_GRAIN_OD: f32 = 0.08;
/// The grain of an even stain, and from which on a stain lies in granules (deviation over mean).
const GRAIN: [f32; 2] = [0.25, 0.4];
/// Granules that optics, sensor and compression have blurred lose this share of their optical density, and what lies between the two grains a part of it.
///
/// By simulated granules of 0.5 to 1 um through 0.17 and 0.25 um of blur, as JPEG of quality 75 and 88, after the correction of `stain/density.rs`.
const GRAIN_LOSS: f32 = 0.13;
/// From this grain on a cell's granules are counted wherever they lie: a part of the cytoplasm holds too few of them for a mean.
const GRANULAR: f32 = 0.35;

fn together(parts: impl IntoIterator<Item = Mean>) -> Mean {
    parts.into_iter().fold(Mean::default(), Mean::with)
}

/// The weighted median; `values` are sorted by it.
fn median(values: &mut [(f32, u32)]) -> f32 {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let all: u32 = values.iter().map(|v| v.1).sum();
    let mut below = 0;
    let middle = values.iter().find(|v| {
        below += v.1;
        2 * below >= all
    });
    middle.map_or(f32::NAN, |v| v.0)
}

/// The mean over sectors, those that lie apart from the others pulled in.
fn steady_mean(sectors: impl Iterator<Item = Mean> + Clone) -> Option<f32> {
    let all = together(sectors.clone());
    let mut values = [(0.0, 0); SECTORS];
    let mut count = 0;
    for mean in sectors {
        if let Some(value) = mean.get() {
            values[count] = (value, mean.n);
            count += 1;
        }
    }
    if count < 4 {
        return all.get();
    }
    let values = &mut values[..count];
    let middle = median(values);
    let mut apart = [(0.0, 0); SECTORS];
    for (apart, value) in apart.iter_mut().zip(values.iter()) {
        *apart = ((value.0 - middle).abs(), value.1);
    }
    let limit = APART_OD.max(APART_DEVIATIONS * median(&mut apart[..count]));
    let sum: f32 = values
        .iter()
        .map(|v| v.0.clamp(middle - limit, middle + limit) * v.1 as f32)
        .sum();
    Some(sum / all.n as f32)
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
    for ring in rings.iter() {
        let [i3, i2, i1, o1, o2, o3, o4] = ring.map(Mean::get);
        // Touching nuclei leave no outside.
        let Some(outer) = o4.or(o3).or(o2) else {
            continue;
        };
        // Where little cytoplasm is left, the outermost layers are half the neighbour's.
        let outer = cytoplasm.map_or(outer, |od| outer.max(od));
        let (mut excess, mut peak) = (0.0, f32::NEG_INFINITY);
        for (k, value) in [i3, i2, i1, o1, o2, o3].into_iter().enumerate() {
            let beside = nucleus + (outer - nucleus) * (k as f32 + 1.0) / 7.0;
            let value = value.unwrap_or(beside);
            excess += value - beside;
            peak = peak.max(value);
        }
        let excess = excess / (BAND * (1.0 - LOST_LINE));
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

/// What stands out along a cell border.
#[derive(Debug, Clone, Copy)]
struct Border {
    /// The mean over the sectors.
    od: f32,
    /// Of the sectors, those at or above the first threshold.
    stained: f32,
    /// Of the sectors, those where a line stands out.
    lines: f32,
}

impl Border {
    /// From the layers just within the cell border, and what lies deeper.
    fn read(rings: &Rings, cytoplasm: Option<f32>, weak: f32) -> Option<Self> {
        let (mut sum, mut n, mut stained, mut lines) = (0.0, 0, 0, 0);
        for ring in rings.iter() {
            let [_, s1, s2, s3, deep, ..] = ring.map(Mean::get);
            // The outermost pixels are half the neighbour's.
            let Some(plain) = between(s2, s3).or(s1).or(ring[0].get()) else {
                continue;
            };
            let deep = deep.or(cytoplasm);
            let own = deep.map_or(0.0, |deep| own_line(&ring, deep));
            let value = if own > LINE_OD {
                plain.max(deep.unwrap_or(plain) + own)
            } else {
                plain
            };
            sum += value;
            n += 1;
            lines += u32::from(own > LINE_OD);
            stained += u32::from(value >= weak);
        }
        let share = |count: u32| count as f32 / n as f32;
        (n > 0).then(|| Self {
            od: sum / n as f32,
            stained: share(stained),
            lines: share(lines),
        })
    }
}

/// By how much a line of the cell's own exceeds what lies deeper, in the band's width.
fn own_line(ring: &[Mean; LAYERS], deep: f32) -> f32 {
    let layers = ring[..4].iter().filter_map(|layer| layer.get());
    let excess = layers.map(|v| (v - deep).max(0.0)).sum::<f32>() / BAND;
    let second = ring[1].get();
    second.map_or(excess, |second| excess.min(OWN_LINE * (second - deep)))
}

/// Whether a line stands out all around: the granules of a cell stand out here and there, and not on the whole.
fn is_lined(rings: &Rings) -> bool {
    // Below it as often as above it.
    let signed = |ring: &[Mean; LAYERS]| {
        let [s0, s1, s2, s3, deep, ..] = ring.map(Mean::get);
        let deep = deep.or(s3).or(s2)?;
        let layers = [s0, s1, s2, s3].into_iter().flatten();
        let excess = layers.map(|v| v - deep).sum::<f32>() / BAND;
        let own = s1.map_or(excess, |second| excess.min(OWN_LINE * (second - deep)));
        Some([own, deep])
    };
    let stands_out =
        signed(&rings.all()).is_some_and(|[own, deep]| own > LINE_OD.max(PLAIN_LINE * deep));
    let (mut lines, mut n) = (0, 0);
    for [own, _] in rings.iter().filter_map(|ring| signed(&ring)) {
        n += 1;
        lines += u32::from(own > LINE_OD);
    }
    stands_out && lines as f32 >= MANY_LINES * n as f32
}

/// Standard deviation over mean; `None` where there is hardly any stain.
fn grain(moments: Moments) -> Option<f32> {
    let n = moments.mean.n;
    let mean = moments
        .mean
        .get()
        .filter(|&od| n >= 12 && od >= LEAST_GRAIN_OD)?;
    let variance = moments.squares / n as f32 - mean * mean;
    Some(variance.max(0.0).sqrt() / mean)
}

/// The cytoplasm, and what of the membrane's stain is in it.
fn cytoplasm(sums: &StainSums, granular: bool) -> (Option<f32>, f32) {
    let up_to = |class: usize| {
        let sectors = sums.cytoplasm.iter();
        sectors.map(move |layers| together(layers[..=class].iter().copied()))
    };
    if granular {
        return (together(up_to(2)).get(), 0.0);
    }
    // A cell squeezed between neighbours may have nothing but rim and membrane outside its nucleus.
    let class = (0..3).find(|&class| together(up_to(class)).n >= LEAST_CYTOPLASM[class]);
    let (od, spill) = class.map_or((sums.outside.get(), 0.0), |class| {
        (steady_mean(up_to(class)), SPILL[class])
    });
    let inner = sums
        .inner_cytoplasm
        .get()
        .filter(|_| sums.inner_cytoplasm.n >= 12);
    match (inner, od) {
        (Some(near), Some(all)) if near > all + BEYOND_CELL_OD => (inner, 0.0),
        _ => (od, spill),
    }
}

impl BesideMembrane {
    /// Beside a stained membrane, by what of its stain spills over into the cytoplasm as it is read.
    fn with(spill: f32) -> Self {
        if spill > SPILL[0] {
            Self::Narrow
        } else {
            Self::Clear
        }
    }
}

/// All but whether it touches pixels that could not be read.
pub(super) fn record(label: u32, of: &Nucleus, stain: &StainSums, weak: f32) -> CellRecord {
    let area = f64::from(of.pixels);
    // Edges of pixels overstate a smooth outline by 4 / pi on average.
    let perimeter = f64::from(of.edges) * std::f64::consts::FRAC_PI_4;
    let circularity = (4.0 * std::f64::consts::PI * area / (perimeter * perimeter)).min(1.0);
    let [deep, middle, outermost] = stain.nucleus;
    let nucleus = [deep, deep.with(middle), deep.with(middle).with(outermost)]
        .into_iter()
        .find(|part| part.n >= 12)
        .unwrap_or(deep.with(middle).with(outermost))
        .get()
        .unwrap_or(f32::NAN);
    let chromatin = grain(of.chromatin).unwrap_or(f32::NAN);
    let granularity = grain(stain.grain).unwrap_or(0.0);
    let grain = if is_lined(&stain.membrane) {
        0.0
    } else {
        grain(stain.clear_grain).unwrap_or(granularity)
    };
    let granular = grain > GRANULAR;
    let (cytoplasm, spill) = cytoplasm(stain, granular);
    let border = Border::read(&stain.membrane, cytoplasm, weak);
    let membrane = match border {
        None => stain.outside.get(),
        Some(_) if granular => {
            let band = stain.membrane.iter().flat_map(|ring| [ring[0], ring[1]]);
            together(stain.cytoplasm.iter().flatten().chain(band)).get()
        }
        Some(border) if border.lines < LEAST_LINES => cytoplasm.or(Some(border.od)),
        Some(border) => Some(border.od),
    };
    let beside_membrane = match border {
        Some(border) if !granular && border.lines >= LEAST_LINES => BesideMembrane::with(spill),
        _ => BesideMembrane::No,
    };
    let cytoplasm = cytoplasm.map(|od| match membrane {
        Some(line) if line > od + LINE_OD => (od - spill * line) / (1.0 - spill),
        _ => od,
    });
    let lost = 1.0 + GRAIN_LOSS * ((grain - GRAIN[0]) / (GRAIN[1] - GRAIN[0])).clamp(0.0, 1.0);
    let cytoplasm = cytoplasm.map(|od| od * lost);
    let membrane = membrane.map(|od| od * lost);
    let rim = rim(&stain.rim, nucleus, cytoplasm);
    let outside_stained = || f32::from(stain.outside.get().is_some_and(|od| od >= weak));
    CellRecord {
        label,
        centre: [of.x, of.y],
        nucleus_pixels: of.pixels,
        cell_pixels: stain.cell_pixels,
        circularity: circularity as f32,
        dab_od: [
            nucleus,
            rim,
            cytoplasm.unwrap_or(f32::NAN),
            membrane.unwrap_or(f32::NAN),
        ],
        nucleus_hematoxylin_od: of.hematoxylin / of.pixels as f32,
        nucleus_hematoxylin_cv: chromatin,
        membrane_completeness: border.map_or_else(outside_stained, |border| border.stained),
        cytoplasm_granularity: granularity,
        beside_membrane,
        touches_unread: false,
    }
}
