//! Folds: tissue twice over, so that nuclei lie on nuclei and creases take light without colour.

use super::neutral::Neutral;
use super::{CloseLook, Squares};
use crate::overview::Mask;

/// Share of the pixels in 24 um that are as dark as only two nuclei, one over the other, are.
const DOUBLED: f32 = 0.012;
/// A crease lies this far off the stains' plane where it is clear, and what is connected to a clear place this far.
const OFF_PLANE: f32 = 0.015;
const OFF_PLANE_BESIDE: f32 = 0.0095;
/// And by as many deviations of what the slide's tissue has there by itself.
const DEVIATIONS: f32 = 4.5;
const DEVIATIONS_BESIDE: f32 = 3.0;
/// And this dense at least: pale places have no crease.
const LEAST_LENGTH: f32 = 0.14;
/// Smaller marks (overview pixels) are chance.
const LEAST_PIXELS: usize = 14;

/// Deviations are counted in classes of this width.
const CLASS: f32 = 0.0001;
const CLASSES: usize = 2000;

/// Marks folds.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    let neutral = Neutral::measure(look);
    let squares = Squares {
        width: look.tissue.width(),
        height: look.tissue.height(),
        reach: 1,
    };
    let value = |x: u32, y: u32| {
        let doubled = f32::from(look.blocks.get(x, y).dark_blue) / 255.0;
        match neutral.at(x, y) {
            Some([off, length]) if length > LEAST_LENGTH => [doubled, off, 1.0],
            Some(_) => [doubled, 0.0, 1.0],
            None => [doubled, 0.0, 0.0],
        }
    };
    let mut classes = vec![0_u32; CLASSES];
    squares.each(value, |x, y, [_, creased, seen]| {
        if look.tissue.get(x, y) && seen > 0.0 {
            let class = (creased.abs() / seen / CLASS) as usize;
            classes[class.min(CLASSES - 1)] += 1;
        }
    });
    let spread = deviation(&classes);
    let over = |least: f32, deviations: f32| {
        let limit = least.max(deviations * spread);
        squares.mask(value, |x, y, [doubled, creased, seen]| {
            look.tissue.get(x, y) && (doubled > DOUBLED * seen || creased > limit * seen)
        })
    };
    let clear = over(OFF_PLANE, DEVIATIONS).without_small(true, LEAST_PIXELS);
    // A fold over strong stain reads as pigment in part, which must not cut it.
    over(OFF_PLANE_BESIDE, DEVIATIONS_BESIDE)
        .or(look.dark)
        .connected_to(&clear)
        // The two creases of a fold belong together.
        .dilated(3)
        .eroded(3)
        .and(look.tissue, true)
}

/// How far the tissue's places scatter, as one deviation, from the median of their distances; half of the tissue is no fold.
fn deviation(classes: &[u32]) -> f32 {
    let all: u32 = classes.iter().sum();
    let mut below = 0;
    let middle = classes.iter().position(|n| {
        below += n;
        2 * below >= all
    });
    // Of a normal distribution, half lies within 0.6745 deviations.
    middle.map_or(0.0, |class| (class as f32 + 0.5) * CLASS / 0.6745)
}
