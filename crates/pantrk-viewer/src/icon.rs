//! The icons of the triage flags and of the tools, drawn as shapes: no font has to hold them.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};
use pantrk_triage::Flag;

use crate::drawing::Tool;
use crate::notice::NoticeKind;
use crate::tokens::{self, Tokens};

/// Draws a flag's icon into `rect`: each action has its own shape, so that the colour never stands alone.
pub(crate) fn flag_icon(painter: &Painter, rect: Rect, flag: &Flag, tokens: &Tokens) {
    let colour = tokens::flag(&flag.colour);
    let (c, r) = (rect.center(), rect.width().min(rect.height()) / 2.0);
    let at = |x: f32, y: f32| c + vec2(x, y) * r;
    let shape = |points: Vec<Pos2>| {
        painter.add(Shape::convex_polygon(points, colour, Stroke::NONE));
    };
    match flag.icon.as_str() {
        "\u{25b2}" => shape(vec![at(0.0, -0.9), at(0.98, 0.8), at(-0.98, 0.8)]),
        "\u{25b6}" => shape(vec![at(-0.75, -0.95), at(0.98, 0.0), at(-0.75, 0.95)]),
        "\u{25c6}" => shape(vec![
            at(0.0, -1.0),
            at(1.0, 0.0),
            at(0.0, 1.0),
            at(-1.0, 0.0),
        ]),
        "\u{25a0}" => shape(vec![
            at(-0.8, -0.8),
            at(0.8, -0.8),
            at(0.8, 0.8),
            at(-0.8, 0.8),
        ]),
        "\u{25cb}" => {
            painter.circle_stroke(c, r * 0.75, Stroke::new(r * 0.35, colour));
        }
        other => {
            painter.circle_filled(c, r, colour);
            letter(painter, c, other, r, tokens.icon_ink);
        }
    }
}

fn letter(painter: &Painter, at: Pos2, text: &str, radius: f32, colour: Color32) {
    let font = FontId::proportional(radius * 1.7);
    painter.text(at, Align2::CENTER_CENTER, text, font, colour);
}

/// Draws a lock into `rect`.
pub(crate) fn lock_icon(painter: &Painter, rect: Rect, colour: Color32) {
    let body = rect.with_min_y(rect.center().y);
    let bow = pos2(rect.center().x, body.top());
    let r = rect.width() * 0.3;
    painter.circle_stroke(bow, r, Stroke::new(1.6, colour));
    painter.rect_filled(body, 1.5, colour);
}

/// Draws an arrow that turns back, or forwards, into `rect`.
pub(crate) fn turn_icon(painter: &Painter, rect: Rect, forwards: bool, colour: Color32) {
    let (c, r) = (rect.center(), rect.width().min(rect.height()) / 2.0);
    let side = if forwards { -1.0 } else { 1.0 };
    let at = |x: f32, y: f32| c + vec2(side * x, y) * r;
    let stroke = Stroke::new(1.6, colour);
    // From the arrow's head over the top to the foot on the other side.
    let way = (0_u8..=12).map(|step| {
        let angle = -std::f32::consts::FRAC_PI_2 + std::f32::consts::PI * f32::from(step) / 12.0;
        at(0.3 + 0.6 * angle.cos(), 0.25 + 0.6 * angle.sin())
    });
    let way: Vec<Pos2> = std::iter::once(at(-0.9, -0.35)).chain(way).collect();
    painter.add(Shape::line(way, stroke));
    painter.add(Shape::line(
        vec![at(-0.4, -0.9), at(-0.95, -0.35), at(-0.4, 0.2)],
        stroke,
    ));
    painter.line_segment([at(0.3, 0.85), at(-0.3, 0.85)], stroke);
}

/// Draws a notice's icon into `rect`: a shape of its own for each kind.
pub(crate) fn notice_icon(painter: &Painter, rect: Rect, kind: NoticeKind, tokens: &Tokens) {
    let (c, r) = (rect.center(), rect.width().min(rect.height()) / 2.0);
    let colour = tokens.notice(kind);
    let at = |x: f32, y: f32| c + vec2(x, y) * r;
    let stroke = Stroke::new(r * 0.26, colour);
    let line = |points: &[Pos2]| {
        painter.add(Shape::line(points.to_vec(), stroke));
    };
    match kind {
        NoticeKind::Done => line(&[at(-0.85, 0.1), at(-0.25, 0.7), at(0.85, -0.65)]),
        NoticeKind::Information => {
            painter.circle_stroke(c, r * 0.88, Stroke::new(r * 0.18, colour));
            painter.circle_filled(at(0.0, -0.42), r * 0.16, colour);
            line(&[at(0.0, -0.1), at(0.0, 0.52)]);
        }
        NoticeKind::Warning => {
            let corners = vec![at(0.0, -0.9), at(0.98, 0.8), at(-0.98, 0.8)];
            let edge = Stroke::new(r * 0.2, colour);
            painter.add(Shape::closed_line(corners, edge));
            line(&[at(0.0, -0.3), at(0.0, 0.25)]);
            painter.circle_filled(at(0.0, 0.52), r * 0.13, colour);
        }
        NoticeKind::Error => {
            painter.circle_filled(c, r * 0.95, colour);
            let stroke = Stroke::new(r * 0.24, tokens.card);
            for (x, y) in [(0.42, 0.42), (0.42, -0.42_f32)] {
                painter.line_segment([at(-x, -y), at(x, y)], stroke);
            }
        }
    }
}

/// Draws a pen: what stands beside it is a person's own.
pub(crate) fn pen_icon(painter: &Painter, rect: Rect, colour: Color32) {
    let (c, r) = (rect.center(), rect.width().min(rect.height()) / 2.0);
    let at = |x: f32, y: f32| c + vec2(x, y) * r;
    let shaft = vec![
        at(0.45, -0.95),
        at(0.95, -0.45),
        at(-0.3, 0.8),
        at(-0.8, 0.3),
    ];
    painter.add(Shape::convex_polygon(shaft, colour, Stroke::NONE));
    let nib = vec![at(-0.88, 0.48), at(-0.48, 0.88), at(-1.0, 1.0)];
    painter.add(Shape::convex_polygon(nib, colour, Stroke::NONE));
}

/// Draws a tool's icon into `rect`.
pub(crate) fn tool_icon(painter: &Painter, rect: Rect, tool: Tool, colour: Color32) {
    let (c, r) = (rect.center(), rect.width().min(rect.height()) / 2.0);
    let at = |x: f32, y: f32| c + vec2(x, y) * r;
    let stroke = Stroke::new(1.6, colour);
    let line = |points: Vec<Pos2>| {
        painter.add(Shape::line(points, stroke));
    };
    match tool {
        Tool::Move => {
            for (x, y) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0_f32)] {
                line(vec![c, at(x, y)]);
                // The head of the arrow, to both sides of its tip.
                let (bx, by) = (x * 0.65, y * 0.65);
                line(vec![
                    at(bx - y * 0.35, by + x * 0.35),
                    at(x, y),
                    at(bx + y * 0.35, by - x * 0.35),
                ]);
            }
        }
        Tool::Rectangle => {
            let corners = [
                (-0.9, -0.7),
                (0.9, -0.7),
                (0.9, 0.7),
                (-0.9, 0.7),
                (-0.9, -0.7),
            ];
            line(corners.map(|(x, y)| at(x, y)).to_vec());
        }
        Tool::Ellipse => {
            painter.add(Shape::ellipse_stroke(c, vec2(r * 0.95, r * 0.7), stroke));
        }
        Tool::Polygon => {
            let corners = [
                (-0.9, 0.2),
                (-0.3, -0.9),
                (0.9, -0.4),
                (0.6, 0.8),
                (-0.5, 0.9),
                (-0.9, 0.2),
            ];
            line(corners.map(|(x, y)| at(x, y)).to_vec());
            for (x, y) in &corners[..5] {
                painter.circle_filled(at(*x, *y), 1.8, colour);
            }
        }
        Tool::Brush => {
            line(vec![at(0.95, -0.95), at(0.0, 0.0)]);
            painter.circle_filled(at(-0.35, 0.35), r * 0.5, colour);
        }
        Tool::Stroke => {
            let wave = [
                (-0.95, 0.15),
                (-0.6, -0.35),
                (-0.2, -0.1),
                (0.2, 0.25),
                (0.6, -0.1),
            ];
            painter.add(Shape::line(
                wave.map(|(x, y)| at(x, y - 0.35)).to_vec(),
                Stroke::new(4.0, colour.gamma_multiply(0.55)),
            ));
            let wave = wave.map(|(x, y)| at(x + 0.3, y + 0.6));
            painter.add(Shape::line(wave.to_vec(), Stroke::new(4.0, colour)));
        }
        Tool::Eraser => {
            let corners = [
                (-0.9, 0.3),
                (0.1, -0.7),
                (0.8, 0.0),
                (-0.2, 1.0),
                (-0.9, 0.3),
            ];
            line(corners.map(|(x, y)| at(x, y)).to_vec());
            line(vec![at(-0.4, -0.2), at(0.3, 0.5)]);
        }
        Tool::Ruler => {
            line(vec![at(-0.95, 0.6), at(0.95, -0.6)]);
            line(vec![at(-1.05, 0.25), at(-0.85, 0.95)]);
            line(vec![at(0.85, -0.95), at(1.05, -0.25)]);
        }
        Tool::Point => {
            painter.circle_stroke(c, r * 0.7, stroke);
            painter.circle_filled(c, r * 0.22, colour);
        }
        Tool::Cell => {
            painter.circle_stroke(c, r * 0.9, stroke);
            painter.circle_filled(at(-0.1, 0.1), r * 0.45, colour);
        }
    }
}
