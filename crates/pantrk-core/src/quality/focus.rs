//! Out of focus: what is unsharp has lost its fine differences of light but not its coarse ones.

use super::{CloseLook, Squares};
use crate::overview::Mask;

/// Sharpness is the share of the coarse differences (over 2 um, mean square) that the fine ones (over 0.5 um) make up.
/// How sharp sharp tissue is depends on scanner and compression, so a place is held against the slide's median; blur of 0.6 um leaves two thirds of it.
const OF_MEDIAN: f32 = 0.79;
/// No scanner's sharp tissue is below this: then the slide as a whole is out of focus.
const UNSHARP: f32 = 0.08;
/// What sensor noise and compression add to both, grey levels squared.
const NOISE: f32 = 1.0;
/// Where coarse differences are smaller than this (grey levels squared) there is nothing to be sharp.
const LEAST_TEXTURE: f32 = 12.0;
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
    let mut all: Vec<f32> = Vec::new();
    squares.each(value, |x, y, sums| all.extend(sharpness(x, y, sums)));
    if all.is_empty() {
        return Mask::filled(tissue.width(), tissue.height(), false);
    }
    let middle = all.len() / 2;
    let (_, &mut median, _) = all.select_nth_unstable_by(middle, f32::total_cmp);
    let limit = UNSHARP.max(OF_MEDIAN * median);
    drop(all);
    let unsharp = squares
        .mask(value, |x, y, sums| {
            sharpness(x, y, sums).is_some_and(|s| s < limit)
        })
        .without_small(true, LEAST_PIXELS);
    // Single sharp looking pixels within are part of it.
    unsharp.dilated(REACH).eroded(REACH).and(tissue, true)
}
