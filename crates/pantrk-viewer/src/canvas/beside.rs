//! A second slide beside the first, such as the H&E: both move together, um for um.

use egui::{Align2, Button, FontId, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use pantrk_space::{SlidePoint, SlideRect};

use super::{Projector, input, tiles, words};
use crate::command::{Command, Commands};
use crate::panels::PanelContext;
use crate::state::{Beside, Load, OpenItem, OpenSlide};
use crate::tokens;
use crate::view::{CanvasSize, ScreenVector, View};

/// What the second canvas is called for those who hear it.
const NAME: &str = "Second slide";

/// The two halves of the canvas.
pub(super) fn halves(rect: Rect) -> [Rect; 2] {
    let middle = rect.center().x.round();
    [rect.with_max_x(middle - 1.0), rect.with_min_x(middle + 1.0)]
}

/// Draws the second slide, and minds the pointer over it.
pub(super) fn beside_ui(
    ui: &mut Ui,
    rect: Rect,
    (context, open, slide, view): (&PanelContext<'_>, &OpenItem, &OpenSlide, View),
    beside: &Beside,
    out: &mut Commands,
) {
    let tokens = tokens::of(ui);
    let response = ui.interact(rect, ui.scope_id().with("beside"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, NAME));
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, 0, tokens.canvas);
    let other = match &beside.slide {
        Load::Ready(other) => other,
        Load::Failed(reason) => {
            let text = format!("{} cannot be shown: {reason}", beside.name);
            words(&painter, rect, &text, tokens);
            close_ui(ui, rect, &beside.name, out);
            return;
        }
        Load::Absent | Load::Waiting => {
            words(&painter, rect, "Opening the second slide", tokens);
            return;
        }
    };
    let canvas = CanvasSize {
        width: f64::from(rect.width()),
        height: f64::from(rect.height()),
    };
    let projector = Projector {
        rect,
        canvas,
        view: linked(view, slide, other, beside.offset_um),
    };
    let pixels = projector.view.points_per_pixel * f64::from(ui.ctx().pixels_per_point());
    let set = beside.tile_view();
    let (drawn, wanted) = tiles::draw(&painter, projector, (&set, other), pixels, tokens);
    let pending = open.pending.len() + beside.pending.len();
    let room = context.tile_capacity.saturating_sub(pending);
    let wanted = wanted.into_iter().take(room).collect();
    out.push(Command::Tiles { drawn, wanted });
    let size = other.size();
    let whole = SlideRect {
        x: 0.0,
        y: 0.0,
        width: f64::from(size.width),
        height: f64::from(size.height),
    };
    let edge = Stroke::new(1.0, tokens.slide_edge);
    painter.rect_stroke(projector.rect(whole), 0, edge, StrokeKind::Outside);
    // Where the first slide's pointer is.
    if let Some(at) = open.pointer {
        let centre = there(at, slide, other, beside.offset_um);
        let at = projector.pos(centre);
        painter.circle_stroke(at, 9.0, Stroke::new(3.0, tokens.plate));
        painter.circle_stroke(at, 9.0, Stroke::new(1.5, tokens.accent));
    }
    navigate(ui, &response, projector, (slide, other, view), out);
    close_ui(ui, rect, &beside.name, out);
}

/// Dragging and the wheel move both slides; with Alt the second alone, to lay it over the first.
fn navigate(
    ui: &Ui,
    response: &egui::Response,
    projector: Projector,
    (slide, other, view): (&OpenSlide, &OpenSlide, View),
    out: &mut Commands,
) {
    let by = response.drag_delta();
    let way = ScreenVector {
        dx: f64::from(by.x),
        dy: f64::from(by.y),
    };
    let alt = ui.input(|i| i.modifiers.alt);
    let mut next = view;
    if response.dragged() && alt {
        let (x, y) = projector.view.on_slide(way);
        let (um_x, um_y) = um(other);
        out.push(Command::ShiftBeside(-x * um_x, -y * um_y));
    } else if response.dragged() {
        next = next.panned(way);
    }
    if let Some(pos) = response.hover_pos() {
        let factor = input::wheel_factor(ui);
        let limits = crate::view::ScaleLimits::of(slide.size(), projector.canvas);
        next = next.zoomed_about(projector.screen(pos), factor, projector.canvas, limits);
    }
    if next != view {
        out.push(Command::Look(next.kept_on(slide.size())));
    }
}

fn close_ui(ui: &mut Ui, rect: Rect, name: &str, out: &mut Commands) {
    let tokens = tokens::of(ui);
    let font = FontId::proportional(13.0);
    let at = pos2(rect.left() + 16.0, rect.top() + 22.0);
    let text = ui
        .painter()
        .layout_no_wrap(name.to_owned(), font, tokens.ink);
    let place = Align2::LEFT_CENTER.anchor_size(at, text.size());
    ui.painter()
        .rect_filled(place.expand2(vec2(8.0, 5.0)), 4, tokens.plate);
    let right = place.right();
    ui.painter().galley(place.min, text, tokens.ink);
    let button = Rect::from_min_size(pos2(right + 14.0, at.y - 11.0), vec2(54.0, 22.0));
    let close = ui.put(button, Button::new("Close").small());
    let hint = "Both slides move together; Alt and drag moves this one alone";
    if close.on_hover_text(hint).clicked() {
        out.push(Command::Beside(None));
    }
}

/// Micrometres along a level-0 pixel; where a slide does not say, both are taken for equal.
fn um(slide: &OpenSlide) -> (f64, f64) {
    slide
        .mpp
        .map_or((1.0, 1.0), |mpp| (mpp.x.get(), mpp.y.get()))
}

/// The place on the second slide that belongs to one on the first.
fn there(at: SlidePoint, slide: &OpenSlide, other: &OpenSlide, (dx, dy): (f64, f64)) -> SlidePoint {
    let ((x1, y1), (x2, y2)) = (um(slide), um(other));
    SlidePoint {
        x: (at.x * x1 + dx) / x2,
        y: (at.y * y1 + dy) / y2,
    }
}

/// The second slide's view.
fn linked(view: View, slide: &OpenSlide, other: &OpenSlide, offset: (f64, f64)) -> View {
    View {
        centre: there(view.centre, slide, other, offset),
        points_per_pixel: view.points_per_pixel * um(other).0 / um(slide).0,
        turns: view.turns,
    }
}
