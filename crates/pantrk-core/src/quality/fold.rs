//! Folds: tissue twice over, so that nuclei lie on nuclei and creases take light without colour.

use super::neutral::Neutral;
use super::{CloseLook, square_sums};
use crate::overview::Mask;

/// Share of the pixels in 24 um that are as dark as only two nuclei, one over the other, are.
const DOUBLED: f32 = 0.012;
/// A crease lies this far off the stains' plane.
const OFF_PLANE: f32 = 0.015;
/// And this dense at least: pale places have no crease.
const LEAST_LENGTH: f32 = 0.14;
/// Smaller marks (overview pixels) are chance.
const LEAST_PIXELS: usize = 14;

/// Marks folds.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    let neutral = Neutral::measure(look);
    let (width, height) = (look.tissue.width(), look.tissue.height());
    let sum = |of: &dyn Fn(u32, u32) -> f32| square_sums(width, height, 1, of);
    let doubled = sum(&|x, y| f32::from(look.blocks.get(x, y).dark_blue) / 255.0);
    let creased = sum(&|x, y| {
        let value = neutral.at(x, y);
        value.map_or(
            0.0,
            |[off, length]| if length > LEAST_LENGTH { off } else { 0.0 },
        )
    });
    let seen = sum(&|x, y| f32::from(u8::from(neutral.at(x, y).is_some())));
    Mask::from_fn(width, height, |x, y| {
        let at = y as usize * width as usize + x as usize;
        look.tissue.get(x, y)
            && (doubled[at] > DOUBLED * seen[at] || creased[at] > OFF_PLANE * seen[at])
    })
    .without_small(true, LEAST_PIXELS)
    // The two creases of a fold belong together.
    .dilated(3)
    .eroded(2)
    .and(look.tissue, true)
}
