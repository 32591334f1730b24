//! Pointer and keys on the canvas.

use egui::{Event, Key, Modifiers, PointerButton, Response, Ui};
use pantrk_space::SlidePoint;

use super::Projector;
use crate::command::{Command, Commands, DrawCommand};
use crate::drawing::{Gesture, TOOLS, Tool};
use crate::panels::PanelContext;
use crate::state::{OpenItem, OpenSlide, Stain};
use crate::view::{ScaleLimits, ScreenPoint, ScreenVector, View};

/// Points of the wheel that double the magnification.
const WHEEL_POINTS_PER_DOUBLING: f64 = 150.0;
/// Points of the wheel that make the brush twice as large.
const WHEEL_POINTS_PER_BRUSH: f32 = 200.0;
/// What an arrow key pushes, in points.
const STEP: f64 = 120.0;
/// Points within which a corner or a shape is taken hold of.
const REACH: f64 = 8.0;

/// Turns what the user does into commands.
pub(super) fn input(
    ui: &Ui,
    response: &Response,
    projector: Projector,
    (context, open, slide): (&PanelContext<'_>, &OpenItem, &OpenSlide),
    out: &mut Commands,
) {
    let hover = response.hover_pos();
    point(projector, open, hover, out);
    let tool = context.tool();
    let pans = drag(ui, response, projector, (context, open), out);
    click(ui, response, projector, (tool, open), out);

    let size = slide.size();
    let limits = ScaleLimits::of(size, projector.canvas);
    let mut view = projector.view;
    if pans {
        let by = response.drag_delta();
        view = view.panned(ScreenVector {
            dx: f64::from(by.x),
            dy: f64::from(by.y),
        });
    }
    let middle = projector.canvas.centre();
    let at = hover.map_or(middle, |pos| projector.screen(pos));
    let zoom = |view: View, at: ScreenPoint, factor: f64| {
        view.zoomed_about(at, factor, projector.canvas, limits)
    };
    if hover.is_some() {
        let (wheel, alt) = ui.input(|i| (i.smooth_scroll_delta().y, i.modifiers.alt));
        if alt && tool.is_brush() {
            if wheel.abs() > 0.0 {
                let factor = (wheel / WHEEL_POINTS_PER_BRUSH).exp2();
                out.draw(DrawCommand::BrushSize(factor));
            }
        } else {
            view = zoom(view, at, wheel_factor(ui));
        }
    }
    if response.double_clicked() && tool == Tool::Move {
        view = zoom(view, at, 2.0);
    }
    // A field or a slider that has the focus keeps its keys, and what lies over the slide takes them all.
    if context.keys
        && ui.memory(|memory| memory.focused().is_none() || memory.has_focus(response.id))
    {
        if pressed(ui, Key::Num0) {
            out.push(Command::Fit);
            return;
        }
        if pressed(ui, Key::Plus) || pressed(ui, Key::Equals) {
            view = zoom(view, at, 2.0);
        }
        if pressed(ui, Key::Minus) {
            view = zoom(view, at, 0.5);
        }
        for (key, dx, dy) in [
            (Key::ArrowLeft, STEP, 0.0),
            (Key::ArrowRight, -STEP, 0.0),
            (Key::ArrowUp, 0.0, STEP),
            (Key::ArrowDown, 0.0, -STEP),
        ] {
            if pressed(ui, key) {
                view = view.panned(ScreenVector { dx, dy });
            }
        }
        keys(ui, context, open, out);
    }
    if view != projector.view {
        out.push(Command::Look(view.kept_on(size)));
    }
}

/// By how much wheel and pinch magnify.
pub(super) fn wheel_factor(ui: &Ui) -> f64 {
    let (wheel, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
    (f64::from(wheel) / WHEEL_POINTS_PER_DOUBLING).exp2() * f64::from(pinch)
}

/// Drags that draw; returns whether the slide is dragged instead.
fn drag(
    ui: &Ui,
    response: &Response,
    projector: Projector,
    (context, open): (&PanelContext<'_>, &OpenItem),
    out: &mut Commands,
) -> bool {
    let tool = context.tool();
    let (space, alt) = ui.input(|i| (i.key_down(Key::Space), i.modifiers.alt));
    let first = response.dragged_by(PointerButton::Primary);
    let locked = context.session.is_locked();
    let strokes = !locked && !space && first && (tool.draws() || tool == Tool::Move);
    let began = response.drag_started_by(PointerButton::Primary);
    if strokes && began {
        let origin = ui
            .input(|i| i.pointer.press_origin())
            .map(|pos| projector.slide(pos));
        if let Some(at) = origin {
            let takes = tool != Tool::Move || takes_hold(open, projector, at);
            if takes {
                out.draw(DrawCommand::Press { at, erase: alt });
                return false;
            }
        }
    }
    let under_way = open.gesture.is_some() && !is_clicked_together(open);
    if under_way && first {
        if let Some(pos) = response.interact_pointer_pos() {
            out.draw(DrawCommand::Drag(projector.slide(pos)));
        }
        return false;
    }
    if under_way && response.drag_stopped() {
        out.draw(DrawCommand::Release);
        return false;
    }
    response.dragged() && !(strokes && tool.draws())
}

/// Whether a polygon is being clicked together, which dragging the slide does not end.
fn is_clicked_together(open: &OpenItem) -> bool {
    matches!(
        open.gesture,
        Some(Gesture::Path {
            freehand: false,
            ..
        })
    )
}

/// Whether a drag from here moves what is drawn.
fn takes_hold(open: &OpenItem, projector: Projector, at: SlidePoint) -> bool {
    let reach = REACH / projector.view.points_per_pixel;
    let drawing = &open.review.drawing;
    drawing.corner_at(at, reach).is_some()
        || drawing
            .shape_at(at, reach)
            .is_some_and(|shape| drawing.selected.contains(&shape.id))
}

fn click(
    ui: &Ui,
    response: &Response,
    projector: Projector,
    (tool, open): (Tool, &OpenItem),
    out: &mut Commands,
) {
    if response.double_clicked() && tool == Tool::Polygon && open.gesture.is_some() {
        out.draw(DrawCommand::Close);
    } else if response.clicked()
        && let Some(pos) = response.interact_pointer_pos()
    {
        let add = ui.input(|i| i.modifiers.shift);
        let at = projector.slide(pos);
        out.draw(DrawCommand::Click { at, add });
    }
}

/// The keys of the tools and of the layers.
fn keys(ui: &Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    for row in &TOOLS {
        if pressed(ui, row.key) {
            out.draw(DrawCommand::Tool(row.tool));
        }
    }
    for (key, command) in [
        (Key::Enter, DrawCommand::Close),
        (Key::Escape, DrawCommand::Cancel),
        (Key::Delete, DrawCommand::Delete),
        (Key::Backspace, DrawCommand::Delete),
        (Key::F, DrawCommand::FillHoles),
    ] {
        if pressed(ui, key) {
            out.draw(command);
        }
    }
    let shortcut = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
    if shortcut(Modifiers::COMMAND, Key::S) {
        out.push(Command::SavePicture);
    }
    let shift = ui.input(|i| i.modifiers.shift);
    for (key, command) in [
        (Key::T, Command::Turn),
        (Key::A, Command::ShowRegions(!context.settings.show_regions)),
        (Key::N, Command::Tour(if shift { -1 } else { 1 })),
        (Key::V, Command::TourKind),
        (
            Key::PageDown,
            if shift {
                Command::NextCase
            } else {
                Command::Step(1)
            },
        ),
        (Key::PageUp, Command::Step(-1)),
    ] {
        if pressed(ui, key) {
            out.push(command);
        }
    }
    if pressed(ui, Key::D) || pressed(ui, Key::H) {
        out.push(Command::ShowCells(!context.settings.show_cells));
    }
    if pressed(ui, Key::C) {
        let next = match &open.heatmap {
            Some(_) => None,
            None => open.heatmaps.first().map(|entry| entry.metric.clone()),
        };
        out.push(Command::ShowHeatmap(next));
    }
    for (key, stain) in [
        (Key::Num1, Stain::Both),
        (Key::Num2, Stain::Hematoxylin),
        (Key::Num3, Stain::Dab),
    ] {
        if pressed(ui, key) {
            out.push(Command::ShowStain(stain));
        }
    }
}

/// Whether a key was pressed alone; with Ctrl or Command it belongs to the window.
///
/// As it was when the key went down: by the frame's end the other key may have been let go.
fn pressed(ui: &Ui, key: Key) -> bool {
    let alone = |event: &Event| {
        matches!(event, Event::Key { key: of, pressed: true, modifiers, .. }
            if *of == key && !modifiers.command && !modifiers.alt)
    };
    ui.input(|i| i.events.iter().any(alone))
}

/// Says where the pointer is, once for each place.
fn point(projector: Projector, open: &OpenItem, hover: Option<egui::Pos2>, out: &mut Commands) {
    let now: Option<SlidePoint> = hover.map(|pos| projector.slide(pos));
    if now != open.pointer {
        out.push(Command::Point(now));
    }
}
