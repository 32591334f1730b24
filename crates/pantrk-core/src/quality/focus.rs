//! Out of focus: what is unsharp has lost its fine differences of light but not its coarse ones.

use super::{CloseLook, Squares};
use crate::overview::Mask;

/// Sharpness is the share of the coarse differences (over 2 um, mean square) that the fine ones (over 0.5 um) make up.
/// How sharp sharp tissue is depends on scanner and compression, so a place is held against the slide's own median; blur of 0.6 um leaves two thirds of it.
const OF_MEDIAN: f32 = 0.79;
/// No scanner's sharp tissue is below this: then the slide as a whole is out of focus.
const UNSHARP: f32 = 0.08;
/// What sensor noise and compression add to both, grey levels squared.
const NOISE: f32 = 1.0;
/// Where coarse differences are smaller than this (grey levels squared) there is nothing to be sharp.
const LEAST_TEXTURE: f32 = 12.0;
/// Classes of places by their DAB (optical density); one that holds less than this share of the tissue is held against all of it.
const STAINED: [f32; 2] = [0.12, 0.3];
const CLASSES: usize = STAINED.len() + 1;
const LEAST_CLASS: f32 = 0.15;
/// Judged over squares of this half width, overview pixels: 40 um.
const REACH: u32 = 2;
/// Smaller patches (overview pixels) are chance.
const LEAST_PIXELS: usize = 40;

/// Marks tissue out of focus.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    let (blocks, tissue) = (look.blocks, look.tissue);
    let square = |v: u16| (f32::from(v) / 64.0).powi(2);
    let squares = Squares {
        width: tissue.width(),
        height: tissue.height(),
        reach: REACH,
    };
    let seen = |x: u32, y: u32| tissue.get(x, y) && blocks.get(x, y).pixels > 0;
    let value = |x: u32, y: u32| {
        if !seen(x, y) {
            return [0.0; 3];
        }
        let block = blocks.get(x, y);
        [1.0, square(block.fine), square(block.coarse)]
    };
    let sharpness = |x: u32, y: u32, [n, fine, coarse]: [f32; 3]| {
        let (fine, coarse) = (fine - NOISE * n, coarse - NOISE * n);
        (coarse > LEAST_TEXTURE * n && seen(x, y)).then(|| fine / coarse)
    };
    // Granules and stained borders are finer than nuclei: a place is held against others that are stained as it is.
    let class = |x: u32, y: u32| {
        let [_, dab, _] = look.colours.pixel(look.overview.rgb.pixel(x, y));
        STAINED.iter().filter(|&&od| dab > od).count()
    };
    let mut classes: [Vec<f32>; CLASSES] = Default::default();
    squares.each(value, |x, y, sums| {
        classes[class(x, y)].extend(sharpness(x, y, sums));
    });
    let all: usize = classes.iter().map(Vec::len).sum();
    let mut together: Vec<f32> = classes.concat();
    let Some(slide) = median(&mut together) else {
        return Mask::filled(tissue.width(), tissue.height(), false);
    };
    drop(together);
    let limits = classes.map(|mut class| {
        let large = class.len() as f32 >= LEAST_CLASS * all as f32;
        let usual = median(&mut class).filter(|_| large).unwrap_or(slide);
        UNSHARP.max(OF_MEDIAN * usual)
    });
    // A square over two classes is as sharp as their mixture: the lower of their limits holds.
    let (right, bottom) = (tissue.width() - 1, tissue.height() - 1);
    let limit = |x: u32, y: u32| {
        let (far_x, far_y) = ((x + REACH).min(right), (y + REACH).min(bottom));
        let (near_x, near_y) = (x.saturating_sub(REACH), y.saturating_sub(REACH));
        [(x, y), (near_x, y), (far_x, y), (x, near_y), (x, far_y)]
            .map(|(x, y)| limits[class(x, y)])
            .into_iter()
            .fold(f32::MAX, f32::min)
    };
    let unsharp = squares
        .mask(value, |x, y, sums| {
            sharpness(x, y, sums).is_some_and(|s| s < limit(x, y))
        })
        .without_small(true, LEAST_PIXELS);
    // Single sharp looking pixels within are part of it.
    unsharp.dilated(REACH).eroded(REACH).and(tissue, true)
}

fn median(values: &mut [f32]) -> Option<f32> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}
