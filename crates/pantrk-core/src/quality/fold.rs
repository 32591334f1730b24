//! Folds: tissue twice over, so that nuclei lie on nuclei and creases take light without colour.

use super::neutral::Neutral;
use super::{CloseLook, square_sums};
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
    let at = |x: u32, y: u32| y as usize * width as usize + x as usize;
    let spread = deviation(&creased, &seen);
    let over = |least: f32, deviations: f32| {
        let limit = least.max(deviations * spread);
        Mask::from_fn(width, height, |x, y| {
            let at = at(x, y);
            look.tissue.get(x, y) && creased[at] > limit * seen[at]
        })
    };
    let doubled = Mask::from_fn(width, height, |x, y| {
        let at = at(x, y);
        look.tissue.get(x, y) && doubled[at] > DOUBLED * seen[at]
    });
    let clear = doubled
        .or(&over(OFF_PLANE, DEVIATIONS))
        .without_small(true, LEAST_PIXELS);
    // A fold over strong stain reads as pigment in part, which must not cut it.
    over(OFF_PLANE_BESIDE, DEVIATIONS_BESIDE)
        .or(&doubled)
        .or(look.dark)
        .connected_to(&clear)
        .or(&clear)
        // The two creases of a fold belong together.
        .dilated(3)
        .eroded(3)
        .and(look.tissue, true)
}

/// How far the tissue's places scatter, as one deviation from the median of their distances; half of the tissue is no fold.
fn deviation(creased: &[f32], seen: &[f32]) -> f32 {
    let places = creased.iter().zip(seen).filter(|(_, n)| **n > 0.0);
    let mut away: Vec<f32> = places.map(|(sum, n)| (sum / n).abs()).collect();
    if away.is_empty() {
        return 0.0;
    }
    let middle = away.len() / 2;
    // Of a normal distribution, half lies within 0.6745 deviations.
    let (_, median, _) = away.select_nth_unstable_by(middle, f32::total_cmp);
    *median / 0.6745
}
