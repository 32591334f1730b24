//! Air bubbles and the edge of the cover slip: a dark rim without colour, around or across the tissue.

use super::CloseLook;
use super::neutral::Neutral;
use crate::overview::Mask;

/// The rim's optical density lies this far off the stains' plane; pure grey of 0.15 does.
const OFF_PLANE: f32 = 0.025;
/// And this share of its length; pure grey 0.13, tissue under a rim less.
const SHARE: f32 = 0.07;
/// What a closed rim encloses is part of the bubble up to this many overview pixels: 0.6 mm across.
const MOST_INSIDE: usize = 4500;
/// Smaller marks (overview pixels) are chance.
const LEAST_PIXELS: usize = 8;

/// Marks bubbles and cover slip edges.
pub(super) fn mark(look: &CloseLook<'_>) -> Mask {
    let neutral = Neutral::measure(look);
    let rim = Mask::from_fn(look.tissue.width(), look.tissue.height(), |x, y| {
        neutral
            .at(x, y)
            .is_some_and(|[off, length]| off > OFF_PLANE && off > SHARE * length)
    });
    let rim = rim.without_small(true, LEAST_PIXELS);
    if rim.count() == 0 {
        return rim;
    }
    // Where a rim is darkest the check for pigment has it already; without that part the ring would be open.
    let ring = rim.or(look.dark).dilated(2);
    let inside = enclosed(&ring);
    // Up to the ring, not beyond it.
    inside
        .dilated(2)
        .and(&ring, true)
        .or(&inside)
        .or(&rim.dilated(2))
        .and(look.tissue, true)
}

/// Holes of a mask that are small enough for a bubble; what the overview's edge cuts is none: an edge that crosses the slide encloses nothing.
fn enclosed(mask: &Mask) -> Mask {
    let (width, height) = (mask.width(), mask.height());
    let filled = mask.without_small(false, MOST_INSIDE);
    let holes = filled.and(mask, false);
    let cut = Mask::from_fn(width, height, |x, y| {
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    });
    let open = holes.connected_to(&cut);
    holes.and(&open, false)
}
