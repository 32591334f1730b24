//! The slide's pixels.

use egui::{Color32, FontId, Painter, Rect, Stroke, pos2};
use pantrk_space::SlideRect;

use super::Projector;
use crate::pyramid::TileKey;
use crate::state::{OpenSlide, TileView};
use crate::tokens::Tokens;

/// How many levels coarser the stand-in is that comes before the sharp tiles: one tile of it covers 64 of them.
const STAND_IN: usize = 3;
/// By how much of a screen tiles are read ahead.
const AHEAD: f64 = 0.5;
/// Points between the lines of the hatching.
const HATCH: f32 = 11.0;
/// The word on what could not be read.
const UNREADABLE: &str = "unreadable";

/// Draws what is there at `pixels` screen pixels per level-0 pixel; returns the tiles used, and those missing with the most wanted first.
pub(super) fn draw(
    painter: &Painter,
    projector: Projector,
    (open, slide): (&TileView<'_>, &OpenSlide),
    pixels: f64,
    tokens: &Tokens,
) -> (Vec<TileKey>, Vec<TileKey>) {
    let pyramid = &slide.pyramid;
    let visible = projector.visible();
    let sharp = pyramid.level_for(pixels, visible);
    let top = pyramid.coarsest();
    let tiles_of = |level: usize| pyramid.tiles_in(open.opening, level, visible);
    let there = |key: &TileKey| open.tiles.get(*key).is_some();

    let sharp_tiles = tiles_of(sharp);
    let complete = sharp_tiles.iter().all(there);
    let mut drawn = Vec::new();
    let mut holes = Vec::new();
    let whole = TileKey {
        opening: open.opening,
        level: top,
        row: 0,
        column: 0,
    };
    if !complete
        && !there(&whole)
        && let Some(preview) = open.preview
    {
        let size = slide.size();
        let area = SlideRect {
            x: 0.0,
            y: 0.0,
            width: f64::from(size.width),
            height: f64::from(size.height),
        };
        projector.image(painter, preview, area, Color32::WHITE);
    }
    // Coarser tiles only where a sharp one is missing; the sharper ones go over them.
    let levels = if complete { sharp..=sharp } else { sharp..=top };
    for level in levels.rev() {
        for key in tiles_of(level) {
            let (Some(tile), Some(area)) = (open.tiles.get(key), pyramid.area(key)) else {
                continue;
            };
            drawn.push(key);
            if let Some(texture) = &tile.texture {
                projector.image(painter, texture.id(), area, Color32::WHITE);
            }
            holes.extend(tile.holes.iter().map(|&hole| projector.rect(hole)));
        }
    }
    hatch_all(painter, projector.rect, &holes, tokens);

    let stand_in = (sharp + STAND_IN).min(top);
    let mut wanted = Vec::new();
    // The coarsest tile takes the whole of the file's coarsest level: where something stands in for it, it comes last.
    let order = if open.preview.is_none() {
        [top, stand_in, sharp]
    } else if stand_in == top {
        [sharp, top, top]
    } else {
        [stand_in, sharp, top]
    };
    for level in order {
        for key in tiles_of(level) {
            if there(&key) {
                // In use as a stand-in for what is not on the screen yet.
                drawn.push(key);
            } else if !open.pending.contains(&key) && !wanted.contains(&key) {
                wanted.push(key);
            }
        }
    }
    if wanted.is_empty() {
        wanted = ahead(open, slide, sharp, visible);
    }
    (drawn, wanted)
}

/// Where the view is going, the tiles it will need next; asked for only once all of the screen is there or on its way.
fn ahead(open: &TileView<'_>, slide: &OpenSlide, level: usize, visible: SlideRect) -> Vec<TileKey> {
    let (dx, dy) = open.motion;
    let length = dx.hypot(dy);
    if length <= 0.0 {
        return Vec::new();
    }
    let area = SlideRect {
        x: visible.x + dx / length * visible.width * AHEAD,
        y: visible.y + dy / length * visible.height * AHEAD,
        ..visible
    };
    slide
        .pyramid
        .tiles_in(open.opening, level, area)
        .into_iter()
        .filter(|key| open.tiles.get(*key).is_none() && !open.pending.contains(key))
        .collect()
}

/// Hatches what could not be read, and says so once on each place that is large enough.
fn hatch_all(painter: &Painter, canvas: Rect, holes: &[Rect], tokens: &Tokens) {
    let seen: Vec<Rect> = holes
        .iter()
        .map(|hole| hole.intersect(canvas))
        .filter(Rect::is_positive)
        .collect();
    for &hole in &seen {
        hatch(painter, hole, tokens);
    }
    for hole in &seen {
        if hole.width() >= 70.0 && hole.height() >= 18.0 {
            let font = FontId::proportional(13.0);
            let galley = painter.layout_no_wrap(UNREADABLE.to_owned(), font, tokens.hatch_ink);
            let place = Rect::from_center_size(hole.center(), galley.size());
            painter.rect_filled(place.expand(4.0), 3, tokens.hatch_ground);
            painter.galley(place.min, galley, tokens.hatch_ink);
        }
    }
}

/// Slanted lines over a rectangle, in step with those of its neighbours.
fn hatch(painter: &Painter, rect: Rect, tokens: &Tokens) {
    painter.rect_filled(rect, 0, tokens.hatch_ground);
    let painter = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    let stroke = Stroke::new(2.0, tokens.hatch_line);
    // Lines x + y = n * HATCH.
    let first = ((rect.left() + rect.top()) / HATCH).floor() as i32;
    let last = ((rect.right() + rect.bottom()) / HATCH).ceil() as i32;
    for n in first..=last {
        let sum = n as f32 * HATCH;
        let ends = [
            pos2(sum - rect.top(), rect.top()),
            pos2(sum - rect.bottom(), rect.bottom()),
        ];
        painter.line_segment(ends, stroke);
    }
}
