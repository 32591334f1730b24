//! Out of focus: what is unsharp has lost its fine differences of light but not its coarse ones.

use super::{CloseLook, square_sums};
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
    let sharpness = |x: u32, y: u32| {
        let at = y as usize * width + x as usize;
        let n = count[at];
        let (fine, coarse) = (fine[at] - NOISE * n, coarse[at] - NOISE * n);
        (seen(x, y) && coarse > LEAST_TEXTURE * n).then(|| fine / coarse)
    };
    let mut all: Vec<f32> = (0..tissue.height())
        .flat_map(|y| (0..tissue.width()).map(move |x| (x, y)))
        .filter_map(|(x, y)| sharpness(x, y))
        .collect();
    if all.is_empty() {
        return Mask::filled(tissue.width(), tissue.height(), false);
    }
    let middle = all.len() / 2;
    let (_, &mut median, _) = all.select_nth_unstable_by(middle, f32::total_cmp);
    let limit = UNSHARP.max(OF_MEDIAN * median);
    let unsharp = Mask::from_fn(tissue.width(), tissue.height(), |x, y| {
        sharpness(x, y).is_some_and(|s| s < limit)
    })
    .without_small(true, LEAST_PIXELS);
    // Single sharp looking pixels within are part of it.
    unsharp.dilated(REACH).eroded(REACH).and(tissue, true)
}
