//! The whole slide small, with what is in view and what was looked at closely.

use egui::{Color32, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use pantrk_space::{SlidePoint, SlideRect};

use super::Projector;
use crate::command::{Command, Commands};
use crate::pyramid::TileKey;
use crate::state::{OpenItem, OpenSlide};
use crate::tokens::Tokens;
use crate::view::View;

/// Its longer side, points.
const SIDE: f32 = 150.0;
/// With more of the slide than this in view there is no need of it.
const NEEDED_BELOW: f64 = 0.85;
/// Closer than this many um per point, what is in view counts as looked at.
const CLOSE_UM: f64 = 2.2;

/// Draws it at the top on the right; a click or a drag on it goes there.
pub(super) fn draw(
    ui: &Ui,
    projector: Projector,
    (open, slide): (&OpenItem, &OpenSlide),
    tokens: &Tokens,
    out: &mut Commands,
) {
    let size = slide.size();
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let visible = clipped(projector.visible(), width, height);
    let um = slide.mpp.map_or(0.25, |mpp| mpp.mean().get());
    let view = projector.view;
    if um / view.points_per_pixel <= CLOSE_UM && visible.width > 0.0 {
        let known = open.trail.last() == Some(&visible);
        let moving = ui.input(|i| i.pointer.is_decidedly_dragging());
        if !known && !moving && open.seen_last != Some(visible) {
            out.push(Command::Seen(visible));
        }
    }
    let share = (visible.width * visible.height) / (width * height).max(1.0);
    if share > NEEDED_BELOW || open.view.is_none() {
        return;
    }
    // Turned as the slide is.
    let turned = !view.turns.is_multiple_of(2);
    let (across, down) = if turned {
        (height, width)
    } else {
        (width, height)
    };
    let side = SIDE.min(0.4 * projector.rect.width());
    let scale = side / across.max(down) as f32;
    let extent = vec2(across as f32, down as f32) * scale;
    let corner = projector.rect.right_top() + vec2(-14.0 - extent.x, 14.0);
    let rect = Rect::from_min_size(corner, extent);
    let map = Projector {
        rect,
        canvas: crate::view::CanvasSize {
            width: f64::from(extent.x),
            height: f64::from(extent.y),
        },
        view: View {
            centre: SlidePoint {
                x: width / 2.0,
                y: height / 2.0,
            },
            points_per_pixel: f64::from(scale),
            turns: view.turns,
        },
    };
    let painter = ui.painter().with_clip_rect(rect.expand(3.0));
    painter.rect_filled(rect.expand(3.0), 4, tokens.plate);
    let whole = TileKey {
        opening: open.opening,
        level: slide.pyramid.coarsest(),
        row: 0,
        column: 0,
    };
    if let (Some(tile), Some(area)) = (open.tiles.get(whole), slide.pyramid.area(whole))
        && let Some(texture) = &tile.texture
    {
        map.image(&painter, texture.id(), area, Color32::WHITE);
    }
    for seen in &open.trail {
        painter.rect_filled(map.rect(*seen), 0, tokens.accent.gamma_multiply(0.16));
    }
    let frame = map.rect(visible);
    let frame = Rect::from_center_size(frame.center(), frame.size().max(vec2(4.0, 4.0)));
    painter.rect_stroke(frame, 0, Stroke::new(3.0, tokens.plate), StrokeKind::Middle);
    painter.rect_stroke(
        frame,
        0,
        Stroke::new(1.5, tokens.accent),
        StrokeKind::Middle,
    );
    let id = ui.scope_id().with("minimap");
    let response = ui.interact(rect, id, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, "Overview of the slide"));
    if (response.clicked() || response.dragged())
        && let Some(at) = response.interact_pointer_pos()
    {
        let centre = map.slide(pos2(
            at.x.clamp(rect.left(), rect.right()),
            at.y.clamp(rect.top(), rect.bottom()),
        ));
        out.push(Command::Look(View { centre, ..view }));
    }
}

/// What of an area lies on the slide.
fn clipped(area: SlideRect, width: f64, height: f64) -> SlideRect {
    let x = area.x.clamp(0.0, width);
    let y = area.y.clamp(0.0, height);
    SlideRect {
        x,
        y,
        width: (area.x + area.width).clamp(0.0, width) - x,
        height: (area.y + area.height).clamp(0.0, height) - y,
    }
}
