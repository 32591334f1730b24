//! What is drawn on the slide: areas, rulers, points, the stroke under way and the chosen cell.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Stroke, pos2, vec2};
use geo::MultiPolygon;
use pantrk_core::region::RegionRole;
use pantrk_space::SlidePoint;

use super::Projector;
use crate::drawing::{Geometry, Gesture, Shape, class_colour, geometry};
use crate::panels::describe;
use crate::settings::Settings;
use crate::state::{OpenItem, OpenSlide};
use crate::tokens::Tokens;

/// Corners of a selected area have handles up to this many.
const MOST_HANDLES: usize = 400;

/// Draws all of it.
pub(super) fn draw(
    painter: &Painter,
    projector: Projector,
    (open, slide): (&OpenItem, &OpenSlide),
    settings: &Settings,
    tokens: &Tokens,
) {
    let drawing = &open.review.drawing;
    let mut faded = painter.clone();
    faded.multiply_opacity(settings.region_opacity);
    for shape in drawing.shapes() {
        let selected = drawing.selected.contains(&shape.id);
        let moved = match open.gesture {
            Some(Gesture::Shift { from, to }) if selected => (to.x - from.x, to.y - from.y),
            _ => (0.0, 0.0),
        };
        // What is selected is worked on and stays clear.
        let painter = if selected { painter } else { &faded };
        shape_ui(painter, projector, (shape, selected, moved), slide, tokens);
    }
    if let Some(gesture) = &open.gesture {
        gesture_ui(
            painter,
            projector,
            (gesture, open.erasing),
            settings,
            tokens,
        );
    }
    if let (Some(place), Some(cells)) = (open.chosen_cell, open.cells.ready()) {
        let at = projector.pos(cells.layer.at(place));
        painter.circle_stroke(at, 18.0, Stroke::new(4.0, tokens.plate));
        painter.circle_stroke(at, 18.0, Stroke::new(2.0, tokens.accent));
    }
}

fn shape_ui(
    painter: &Painter,
    projector: Projector,
    (shape, selected, (dx, dy)): (&Shape, bool, (f64, f64)),
    slide: &OpenSlide,
    tokens: &Tokens,
) {
    let colour = class_colour(&shape.class);
    let pos = |p: SlidePoint| {
        projector.pos(SlidePoint {
            x: p.x + dx,
            y: p.y + dy,
        })
    };
    match &shape.geometry {
        Geometry::Area(area) => {
            let look = Line {
                colour,
                selected,
                dashed: leaves_out(&shape.class) && !shape.trains,
                filled: shape.trains,
            };
            area_ui(painter, &pos, area, look, tokens);
        }
        Geometry::Ruler(ends) => {
            let colour = if selected { tokens.accent } else { tokens.ink };
            ruler_ui(painter, ends.map(pos), colour, tokens);
            let middle = pos(SlidePoint {
                x: f64::midpoint(ends[0].x, ends[1].x),
                y: f64::midpoint(ends[0].y, ends[1].y),
            });
            let text = describe(shape, slide.mpp);
            let text = text.trim_start_matches("Ruler").trim();
            label(painter, middle - vec2(0.0, 14.0), text, tokens);
        }
        Geometry::Point(at) => {
            let at = pos(*at);
            let colour = if selected { tokens.accent } else { tokens.ink };
            painter.circle_stroke(at, 6.0, Stroke::new(4.0, tokens.plate));
            painter.circle_stroke(at, 6.0, Stroke::new(2.0, colour));
            painter.circle_filled(at, 1.5, colour);
        }
    }
}

/// How an area's edge is drawn.
#[derive(Clone, Copy)]
struct Line {
    colour: Color32,
    selected: bool,
    /// What is left out is dashed, so that colour alone does not tell it from what counts.
    dashed: bool,
    /// Training strokes are filled, so that they are not taken for regions.
    filled: bool,
}

/// Whether cells in areas of this class do not count.
fn leaves_out(class: &str) -> bool {
    !matches!(
        RegionRole::from_class(class),
        RegionRole::Tumour | RegionRole::Neutral
    )
}

/// Dashes and the gaps between them, points.
const DASH: (f32, f32) = (9.0, 5.0);

fn area_ui(
    painter: &Painter,
    pos: &dyn Fn(SlidePoint) -> Pos2,
    area: &MultiPolygon,
    Line {
        colour,
        selected,
        dashed,
        filled,
    }: Line,
    tokens: &Tokens,
) {
    let clip = painter.clip_rect();
    let corners: usize = area
        .iter()
        .map(|part| {
            part.exterior().0.len() + part.interiors().iter().map(|r| r.0.len()).sum::<usize>()
        })
        .sum();
    let handles = selected && corners <= MOST_HANDLES;
    for part in area {
        let rings = std::iter::once(part.exterior()).chain(part.interiors());
        let lines: Vec<Vec<Pos2>> = rings
            .map(|ring| {
                let line = ring.0.iter().map(|&c| pos(geometry::point(c)));
                if handles {
                    line.collect()
                } else {
                    thinned(line)
                }
            })
            .collect();
        let bounds = lines.first().map(|line| Rect::from_points(line));
        if !bounds.is_some_and(|bounds| bounds.expand(8.0).intersects(clip)) {
            continue;
        }
        if filled {
            fill_ui(painter, &lines, colour.gamma_multiply(0.28));
        }
        for line in lines {
            if selected {
                painter.line(line.clone(), Stroke::new(5.0, tokens.plate));
            } else {
                painter.line(
                    line.clone(),
                    Stroke::new(3.2, Color32::from_white_alpha(150)),
                );
            }
            let width = if selected { 2.6 } else { 1.8 };
            let stroke = Stroke::new(width, colour);
            if dashed {
                painter.extend(egui::Shape::dashed_line(&line, stroke, DASH.0, DASH.1));
            } else {
                painter.line(line.clone(), stroke);
            }
            if handles {
                for at in line {
                    painter.circle_filled(at, 4.0, tokens.plate);
                    painter.circle_filled(at, 3.0, colour);
                }
            }
        }
    }
}

/// Points of the screen between corners that are told apart.
const THIN: f32 = 0.8;

/// A line without the corners that a screen does not show.
fn thinned(line: impl Iterator<Item = Pos2>) -> Vec<Pos2> {
    let mut kept: Vec<Pos2> = Vec::new();
    let mut last = None;
    for at in line {
        if kept
            .last()
            .is_none_or(|k: &Pos2| k.distance_sq(at) >= THIN * THIN)
        {
            kept.push(at);
        }
        last = Some(at);
    }
    // The end is where the beginning is.
    kept.extend(last.filter(|last| kept.last() != Some(last)));
    kept
}

/// Points between the rows of a filling.
const ROW: f32 = 2.0;

/// Fills the area within rings, row by row: outlines of strokes are anything but convex.
fn fill_ui(painter: &Painter, rings: &[Vec<Pos2>], colour: Color32) {
    let clip = painter.clip_rect();
    let mut bounds = Rect::NOTHING;
    for at in rings.iter().flatten() {
        bounds.extend_with(*at);
    }
    let bounds = bounds.intersect(clip);
    if !bounds.is_positive() {
        return;
    }
    let mut mesh = egui::Mesh::default();
    let rows = (bounds.height() / ROW).ceil() as usize;
    let mut crossings = vec![Vec::new(); rows];
    for ring in rings {
        for (a, b) in ring.iter().zip(ring.iter().skip(1)) {
            let (top, bottom) = if a.y < b.y { (a, b) } else { (b, a) };
            let row = |y: f32| ((y - bounds.top()) / ROW - 0.5).ceil().max(0.0) as usize;
            for (row, crossing) in crossings
                .iter_mut()
                .enumerate()
                .take(row(bottom.y))
                .skip(row(top.y))
            {
                let y = bounds.top() + (row as f32 + 0.5) * ROW;
                crossing.push(top.x + (bottom.x - top.x) * (y - top.y) / (bottom.y - top.y));
            }
        }
    }
    for (row, mut at) in crossings.into_iter().enumerate() {
        at.sort_by(f32::total_cmp);
        let y = bounds.top() + row as f32 * ROW;
        for pair in at.as_chunks::<2>().0 {
            let piece = Rect::from_min_max(pos2(pair[0], y), pos2(pair[1], y + ROW));
            let piece = piece.intersect(bounds);
            if piece.is_positive() {
                mesh.add_colored_rect(piece, colour);
            }
        }
    }
    painter.add(mesh);
}

/// Fills what a round brush covered on its way: once, where it went twice, and with round ends.
fn brush_ui(painter: &Painter, way: &[Pos2], radius: f32, colour: Color32) {
    let bounds = Rect::from_points(way).expand(radius);
    let bounds = bounds.intersect(painter.clip_rect());
    if !bounds.is_positive() {
        return;
    }
    let rows = (bounds.height() / ROW).ceil() as usize;
    let mut covered: Vec<Vec<(f32, f32)>> = vec![Vec::new(); rows];
    let mut circle = |at: Pos2| {
        let row = |y: f32| ((y - bounds.top()) / ROW).max(0.0) as usize;
        let last = row(at.y + radius);
        for (row, spans) in covered
            .iter_mut()
            .enumerate()
            .take(last + 1)
            .skip(row(at.y - radius))
        {
            let y = bounds.top() + (row as f32 + 0.5) * ROW - at.y;
            let half = (radius * radius - y * y).max(0.0).sqrt();
            if half > 0.0 {
                spans.push((at.x - half, at.x + half));
            }
        }
    };
    for pair in way.windows(2) {
        // So close together that no gap is seen between circles.
        let steps = (pair[0].distance(pair[1]) / (radius / 4.0).max(1.0))
            .ceil()
            .max(1.0);
        for step in 0..steps as usize {
            circle(pair[0].lerp(pair[1], step as f32 / steps));
        }
    }
    if let Some(at) = way.last() {
        circle(*at);
    }
    let mut mesh = egui::Mesh::default();
    for (row, mut spans) in covered.into_iter().enumerate() {
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        let y = bounds.top() + row as f32 * ROW;
        let mut add = |(from, to): (f32, f32)| {
            let piece = Rect::from_min_max(pos2(from, y), pos2(to, y + ROW)).intersect(bounds);
            if piece.is_positive() {
                mesh.add_colored_rect(piece, colour);
            }
        };
        let mut open: Option<(f32, f32)> = None;
        for span in spans {
            open = match open {
                Some((from, to)) if span.0 <= to => Some((from, to.max(span.1))),
                Some(done) => {
                    add(done);
                    Some(span)
                }
                None => Some(span),
            };
        }
        open.map(add);
    }
    painter.add(mesh);
}

fn ruler_ui(painter: &Painter, ends: [Pos2; 2], colour: Color32, tokens: &Tokens) {
    painter.line_segment(ends, Stroke::new(4.5, tokens.plate));
    painter.line_segment(ends, Stroke::new(2.0, colour));
    let way = (ends[1] - ends[0]).normalized();
    let across = vec2(-way.y, way.x) * 6.0;
    for end in ends {
        painter.line_segment([end - across, end + across], Stroke::new(2.0, colour));
    }
}

fn label(painter: &Painter, at: Pos2, text: &str, tokens: &Tokens) {
    let font = FontId::proportional(12.5);
    let galley = painter.layout_no_wrap(text.to_owned(), font, tokens.ink);
    let place = Align2::CENTER_CENTER.anchor_size(at, galley.size());
    painter.rect_filled(place.expand2(vec2(6.0, 3.0)), 4, tokens.plate);
    painter.galley(place.min, galley, tokens.ink);
}

fn gesture_ui(
    painter: &Painter,
    projector: Projector,
    (gesture, erasing): (&Gesture, bool),
    settings: &Settings,
    tokens: &Tokens,
) {
    let colour = if erasing {
        tokens.warning
    } else {
        class_colour(&settings.class)
    };
    let pos = |p: SlidePoint| projector.pos(p);
    match gesture {
        Gesture::Span { from, to } => {
            use crate::drawing::Tool;
            let area = match settings.tool {
                Tool::Ruler => {
                    ruler_ui(painter, [pos(*from), pos(*to)], tokens.accent, tokens);
                    None
                }
                Tool::Ellipse => geometry::ellipse(*from, *to),
                _ => geometry::rectangle(*from, *to),
            };
            if let Some(area) = area {
                let look = Line {
                    colour,
                    selected: false,
                    dashed: leaves_out(&settings.class),
                    filled: false,
                };
                area_ui(painter, &pos, &area, look, tokens);
            }
        }
        Gesture::Path { points, freehand } => {
            let line: Vec<Pos2> = points.iter().map(|&p| pos(p)).collect();
            if settings.tool.is_brush() {
                brush_ui(painter, &line, settings.brush, colour.gamma_multiply(0.35));
                return;
            }
            painter.line(line.clone(), Stroke::new(4.0, tokens.plate));
            painter.line(line.clone(), Stroke::new(2.0, colour));
            if !freehand {
                for at in line {
                    painter.circle_filled(at, 3.5, colour);
                }
            }
        }
        Gesture::Corner { to, .. } => {
            painter.circle_filled(pos(*to), 5.0, tokens.accent);
        }
        Gesture::Shift { .. } => {}
    }
}
