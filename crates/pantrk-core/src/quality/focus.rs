//! Out of focus: what is unsharp has lost its fine differences of light but not its coarse ones.

use super::blocks::BlockMap;
use super::square_sums;
use crate::overview::Mask;

/// The share of the coarse differences (over 2 um, mean square) that the fine ones (over 0.5 um) make up; sharp tissue has more.
const UNSHARP: f32 = 0.13;
/// What sensor noise and compression add to both, grey levels squared.
const NOISE: f32 = 1.0;
/// Where coarse differences are smaller than this (grey levels squared) there is nothing to be sharp.
const LEAST_TEXTURE: f32 = 12.0;
/// Judged over squares of this half width, overview pixels: 40 um.
const REACH: u32 = 2;
/// Smaller patches (overview pixels) are chance.
const LEAST_PIXELS: usize = 40;

/// Marks tissue out of focus.
pub(super) fn mark(blocks: &BlockMap, tissue: &Mask) -> Mask {
    let square = |v: u16| (f32::from(v) / 64.0).powi(2);
    let seen = |x: u32, y: u32| tissue.get(x, y) && blocks.get(x, y).pixels > 0;
    let over = |of: &dyn Fn(u32, u32) -> f32| {
        square_sums(tissue.width(), tissue.height(), REACH, |x, y| {
            if seen(x, y) { of(x, y) } else { 0.0 }
        })
    };
    let count = over(&|_, _| 1.0);
    let fine = over(&|x, y| square(blocks.get(x, y).fine));
    let coarse = over(&|x, y| square(blocks.get(x, y).coarse));
    let width = tissue.width() as usize;
    let unsharp = Mask::from_fn(tissue.width(), tissue.height(), |x, y| {
        let at = y as usize * width + x as usize;
        let n = count[at];
        let (fine, coarse) = (fine[at] - NOISE * n, coarse[at] - NOISE * n);
        seen(x, y) && coarse > LEAST_TEXTURE * n && fine < UNSHARP * coarse
    });
    // Single sharp looking pixels within are part of it.
    unsharp
        .without_small(true, LEAST_PIXELS)
        .dilated(REACH)
        .eroded(REACH)
        .and(tissue, true)
}
