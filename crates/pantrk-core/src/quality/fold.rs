//! Folds: tissue twice over, so that nuclei lie on nuclei and creases take light without colour.

use super::neutral::Neutral;
use super::{CloseLook, Squares};
use crate::overview::Mask;

/// Share of the pixels in 24 um that are as dark as only two nuclei, one over the other, are.
const DOUBLED: f32 = 0.012;
/// A crease lies this far off the stains' plane.
const OFF_PLANE: f32 = 0.015;
/// And this dense at least: pale places have no crease.
const LEAST_LENGTH: f32 = 0.18;
/// Smaller marks (overview pixels) are chance.
const LEAST_PIXELS: usize = 14;

/// Marks folds.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    let neutral = Neutral::measure(look);
    let squares = Squares {
        width: look.tissue.width(),
        height: look.tissue.height(),
        reach: 1,
    };
    squares
        .mask(
            |x, y| {
                let doubled = f32::from(look.blocks.get(x, y).dark_blue) / 255.0;
                match neutral.at(x, y) {
                    Some([off, length]) if length > LEAST_LENGTH => [doubled, off, 1.0],
                    Some(_) => [doubled, 0.0, 1.0],
                    None => [doubled, 0.0, 0.0],
                }
            },
            |x, y, [doubled, creased, seen]| {
                look.tissue.get(x, y) && (doubled > DOUBLED * seen || creased > OFF_PLANE * seen)
            },
        )
        .without_small(true, LEAST_PIXELS)
        // The two creases of a fold belong together.
        .dilated(3)
        .eroded(2)
        .and(look.tissue, true)
}
