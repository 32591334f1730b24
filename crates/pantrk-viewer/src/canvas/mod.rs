//! The slide, and what lies over it.
//!
//! The canvas draws what is there and asks for the tiles that are missing; until they come, coarser ones stand in.

mod beside;
mod cells;
mod drawn;
mod heatmap;
mod input;
mod minimap;
mod preview;
mod ribbon;
mod scale_bar;
mod tiles;

use egui::{
    Align2, FontId, Painter, Rect, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};
use pantrk_space::{SlidePoint, SlideRect};

use crate::command::{Command, Commands};
use crate::panels::PanelContext;
use crate::state::{Load, OpenItem, OpenSlide};
use crate::tokens::{self, Tokens};
use crate::tour::FIELD_UM;
use crate::view::{CanvasSize, ScreenPoint, View};

/// What the canvas is called for those who hear it.
pub(crate) const NAME: &str = "Slide canvas";

/// A view on a canvas somewhere in the window.
#[derive(Clone, Copy)]
struct Projector {
    rect: Rect,
    canvas: CanvasSize,
    view: View,
}

impl Projector {
    /// Where a point of the slide is in the window.
    fn pos(&self, at: SlidePoint) -> egui::Pos2 {
        let at = self.view.screen_from_slide(at, self.canvas);
        self.rect.min + vec2(at.x as f32, at.y as f32)
    }

    /// Where a part of the slide is in the window.
    fn rect(&self, area: SlideRect) -> Rect {
        let end = SlidePoint {
            x: area.x + area.width,
            y: area.y + area.height,
        };
        let start = SlidePoint {
            x: area.x,
            y: area.y,
        };
        // Turned, the slide's corners change places.
        Rect::from_two_pos(self.pos(start), self.pos(end))
    }

    /// Draws a picture over a part of the slide, turned as the slide is.
    fn image(
        &self,
        painter: &Painter,
        texture: egui::TextureId,
        area: SlideRect,
        tint: egui::Color32,
    ) {
        let mut mesh = egui::Mesh::with_texture(texture);
        for (u, v) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)] {
            let corner = SlidePoint {
                x: area.x + area.width * u,
                y: area.y + area.height * v,
            };
            mesh.vertices.push(egui::epaint::Vertex {
                pos: self.pos(corner),
                uv: pos2(u as f32, v as f32),
                color: tint,
            });
        }
        mesh.add_triangle(0, 1, 2);
        mesh.add_triangle(0, 2, 3);
        painter.add(mesh);
    }

    /// What lies under a point of the window.
    fn slide(&self, at: egui::Pos2) -> SlidePoint {
        self.view.slide_from_screen(self.screen(at), self.canvas)
    }

    /// A point of the window as one of the canvas.
    fn screen(&self, at: egui::Pos2) -> ScreenPoint {
        ScreenPoint {
            x: f64::from(at.x - self.rect.min.x),
            y: f64::from(at.y - self.rect.min.y),
        }
    }

    fn visible(&self) -> SlideRect {
        self.view.visible(self.canvas)
    }
}

/// Draws the canvas into what is left of the window.
pub(crate) fn canvas_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let tokens = tokens::of(ui);
    let (all, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let beside = context
        .session
        .open
        .as_ref()
        .and_then(|o| o.beside.as_ref());
    let [rect, right] = match beside {
        Some(_) => beside::halves(all),
        None => [all, egui::Rect::NOTHING],
    };
    let id = ui.scope_id().with("canvas");
    let response = ui.interact(rect, id, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, NAME));
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, 0, tokens.canvas);
    let Some((_, open)) = context.session.open_item() else {
        let text = if context.session.worklist.is_empty() {
            "No slide is open"
        } else {
            "Choose a slide on the left"
        };
        words(&painter, rect, text, tokens);
        return;
    };
    match &open.slide {
        Load::Absent | Load::Waiting => words(&painter, rect, "Opening the slide", tokens),
        Load::Failed(reason) => without_slide(&painter, rect, open, reason, tokens),
        Load::Ready(slide) => {
            let canvas = CanvasSize {
                width: f64::from(rect.width()),
                height: f64::from(rect.height()),
            };
            let fitted = View::fit_turned(slide.size(), canvas, open.turns);
            if open.fitted != Some(fitted) || open.canvas != rect {
                out.push(Command::Fitted(fitted, rect));
            }
            let projector = Projector {
                rect,
                canvas,
                view: open.view.unwrap_or(fitted),
            };
            slide_ui(ui, &painter, projector, (context, open, slide), out);
            if let Some(beside) = beside {
                let of = (context, open, slide, projector.view);
                beside::beside_ui(ui, right, of, beside, out);
            }
            input::input(ui, &response, projector, (context, open, slide), out);
        }
    }
}

fn slide_ui(
    ui: &Ui,
    painter: &Painter,
    projector: Projector,
    (context, open, slide): (&PanelContext<'_>, &OpenItem, &OpenSlide),
    out: &mut Commands,
) {
    let tokens = tokens::of(ui);
    let size = slide.size();
    let whole = SlideRect {
        x: 0.0,
        y: 0.0,
        width: f64::from(size.width),
        height: f64::from(size.height),
    };
    let pixels = projector.view.points_per_pixel * f64::from(ui.ctx().pixels_per_point());
    let (drawn, wanted) = tiles::draw(
        painter,
        projector,
        (&open.tile_view(), slide),
        pixels,
        tokens,
    );
    let room = context.tile_capacity.saturating_sub(open.pending.len());
    let wanted = wanted.into_iter().take(room).collect();
    out.push(Command::Tiles { drawn, wanted });

    heatmap::draw(painter, projector, (open, slide), context.settings);
    preview::draw(painter, projector, open, context.settings, out);
    let edge = Stroke::new(1.0, tokens.slide_edge);
    painter.rect_stroke(projector.rect(whole), 0, edge, StrokeKind::Outside);
    let mut notes = Vec::new();
    if context.settings.show_cells
        && let Some(cells) = open.cells.ready()
    {
        let one_in = cells::draw(
            painter,
            projector,
            (cells, open),
            (slide, context.settings.cell_opacity),
            (tokens, out),
        );
        if one_in > 1 {
            notes.push(format!("cells: 1 in {one_in} drawn, zoom in for all"));
        }
    }
    if context.settings.show_regions {
        drawn::draw(painter, projector, (open, slide), context.settings, tokens);
    }
    let scale = scale_bar::draw(painter, projector, slide, tokens);
    notes.insert(0, scale);
    if let Some(words) = tour_field(painter, projector, (open, slide), tokens) {
        notes.insert(0, words);
    }
    plate(painter, projector.rect, &notes.join("   "), tokens);
    minimap::draw(ui, projector, (open, slide), tokens, out);
}

/// A frame around the field that the tour shows; which it is, in words.
fn tour_field(
    painter: &Painter,
    projector: Projector,
    (open, slide): (&OpenItem, &OpenSlide),
    tokens: &Tokens,
) -> Option<String> {
    let (tour, mpp) = (open.tour.as_ref()?, slide.mpp?);
    let field = tour.fields.get(tour.at)?;
    let half = [mpp.x.get(), mpp.y.get()].map(|um| FIELD_UM / um / 2.0);
    let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y)| {
        projector.pos(SlidePoint {
            x: field.centre.x + x * half[0],
            y: field.centre.y + y * half[1],
        })
    });
    for (width, colour) in [(4.0, tokens.plate), (1.8, tokens.accent)] {
        let stroke = Stroke::new(width, colour);
        painter.add(Shape::closed_line(corners.to_vec(), stroke));
    }
    let (at, of) = (tour.at + 1, tour.fields.len());
    Some(format!("{} field {at} of {of}", tour.kind.label()))
}

/// The picture of the result's folder, and why there is no more.
fn without_slide(painter: &Painter, rect: Rect, open: &OpenItem, reason: &str, tokens: &Tokens) {
    let text = format!("The slide cannot be shown: {reason}");
    let Some(picture) = &open.thumbnail else {
        words(painter, rect, &text, tokens);
        return;
    };
    let strip = rect.with_max_y(rect.top() + 64.0);
    words(
        painter,
        strip,
        &format!("{text}\nThis is the picture in the result's folder."),
        tokens,
    );
    let room = rect.with_min_y(strip.bottom()).shrink(20.0);
    let size = picture.size_vec2();
    let scale = (room.width() / size.x).min(room.height() / size.y);
    let place = Rect::from_center_size(room.center(), size * scale);
    painter.image(picture.id(), place, UV, egui::Color32::WHITE);
}

/// All of a texture.
const UV: Rect = Rect {
    min: pos2(0.0, 0.0),
    max: pos2(1.0, 1.0),
};

/// Words in the middle of the canvas.
fn words(painter: &Painter, rect: Rect, text: &str, tokens: &Tokens) {
    let font = FontId::proportional(15.0);
    let width = (rect.width() - 60.0).max(100.0);
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), font, tokens.faint, width);
    job.halign = egui::Align::Center;
    let galley = painter.layout_job(job);
    let top = rect.center().y - galley.size().y / 2.0;
    painter.galley(pos2(rect.center().x, top), galley, tokens.faint);
}

/// Words at the bottom on the right, on a plate.
fn plate(painter: &Painter, rect: Rect, text: &str, tokens: &Tokens) {
    if text.is_empty() {
        return;
    }
    let font = FontId::proportional(12.5);
    let width = (rect.width() - 44.0).max(60.0);
    let galley = painter.layout(text.to_owned(), font, tokens.ink, width);
    let one = galley.rows.len() == 1 && galley.size().x + scale_bar::ROOM < width;
    // Beside the scale bar where there is room, else above it.
    let foot = if one { 18.0 } else { scale_bar::TOP + 8.0 };
    let at = rect.right_bottom() - galley.size() - vec2(22.0, foot);
    let under = Rect::from_min_size(at, galley.size()).expand2(vec2(8.0, 5.0));
    painter.rect_filled(under, 4, tokens.plate);
    painter.galley(at, galley, tokens.ink);
}

/// One line of words around a point.
fn line(painter: &Painter, at: egui::Pos2, text: &str, size: f32, tokens: &Tokens) -> Rect {
    let font = FontId::proportional(size);
    painter.text(at, Align2::CENTER_CENTER, text, font, tokens.ink)
}
