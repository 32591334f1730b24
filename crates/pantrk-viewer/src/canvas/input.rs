//! Pointer and keys on the canvas.

use egui::{Key, Response, Ui};
use pantrk_space::SlidePoint;

use super::Projector;
use crate::command::{Command, Commands};
use crate::state::{OpenItem, OpenSlide};
use crate::view::{ScaleLimits, ScreenPoint, ScreenVector, View};

/// Points of the wheel that double the magnification.
const WHEEL_POINTS_PER_DOUBLING: f64 = 150.0;
/// What an arrow key pushes, in points.
const STEP: f64 = 120.0;
/// The um per screen point of the keys 1 to 4: what 5x, 10x, 20x and 40x usually show.
const KEY_UM: [(Key, f64); 4] = [
    (Key::Num1, 2.0),
    (Key::Num2, 1.0),
    (Key::Num3, 0.5),
    (Key::Num4, 0.25),
];
/// The pixel size that those keys assume where the slide does not tell its own: 1 to 4 are then an eighth of the pixels up to all of them.
const UM_PER_PIXEL_FOR_KEYS: f64 = 0.25;

/// Turns what the user does into commands.
pub(super) fn input(
    ui: &Ui,
    response: &Response,
    projector: Projector,
    (open, slide): (&OpenItem, &OpenSlide),
    out: &mut Commands,
) {
    let size = slide.size();
    let limits = ScaleLimits::of(size, projector.canvas);
    let hover = response.hover_pos();
    point(projector, open, hover, out);

    let mut view = projector.view;
    if response.dragged() {
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
        let (wheel, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
        let factor = (f64::from(wheel) / WHEEL_POINTS_PER_DOUBLING).exp2() * f64::from(pinch);
        view = zoom(view, at, factor);
    }
    if response.double_clicked() {
        view = zoom(view, at, 2.0);
    }
    // A field or a slider that has the focus keeps its keys.
    if ui.memory(|memory| memory.focused().is_none() || memory.has_focus(response.id)) {
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
        for (key, um) in KEY_UM {
            if pressed(ui, key) {
                let mpp = slide.mpp.map_or(UM_PER_PIXEL_FOR_KEYS, |mpp| mpp.x.get());
                view = zoom(view, at, mpp / um / view.points_per_pixel);
            }
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
    }
    if view != projector.view {
        out.push(Command::Look(view.kept_on(size)));
    }
}

/// Whether a key was pressed alone; with Ctrl or Command it belongs to the window.
fn pressed(ui: &Ui, key: Key) -> bool {
    ui.input(|i| i.key_pressed(key) && !i.modifiers.command && !i.modifiers.alt)
}

/// Says where the pointer is, once for each place.
fn point(projector: Projector, open: &OpenItem, hover: Option<egui::Pos2>, out: &mut Commands) {
    let now: Option<SlidePoint> = hover.map(|pos| projector.slide(pos));
    if now != open.pointer {
        out.push(Command::Point(now));
    }
}
