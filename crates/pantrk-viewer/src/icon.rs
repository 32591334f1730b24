//! The icons of the triage flags, drawn as shapes: no font has to hold them.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, vec2};
use pantrk_triage::Flag;

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
