//! Where panels and canvas are in the window.

use egui::{CentralPanel, Panel, ScrollArea};

use crate::canvas;
use crate::panels::{self, PanelContext, Place};

use super::Viewer;
use crate::state::Session;

/// The least and the most of the left side, points; and its most as a share of the window.
const LEFT: (f32, f32, f32) = (180.0, 460.0, 0.27);
/// The same of the right side.
const RIGHT: (f32, f32, f32) = (300.0, 620.0, 0.42);
/// The most that the layers take of the left side's height, or large text would push the worklist out.
const LAYERS: f32 = 0.55;
/// What the worklist's head and a row of it take, points.
const WORKLIST: f32 = 240.0;

/// Large text makes the window small: what is at its sides leaves room for the slide.
fn range((least, most, share): (f32, f32, f32), width: f32) -> std::ops::RangeInclusive<f32> {
    least..=(share * width).clamp(least, most)
}

/// Whether keys are the window's: no field of text, menu, list or sheet takes them.
pub(super) fn takes_keys(ctx: &egui::Context, session: &Session) -> bool {
    !session.is_covered() && !ctx.text_edit_focused() && !egui::Popup::is_any_open(ctx)
}

impl Viewer {
    pub(super) fn draw(&mut self, ui: &mut egui::Ui) {
        let context = PanelContext {
            settings: &self.settings,
            session: &self.session,
            tile_capacity: self.tiles.capacity,
            // As the frame begins: what closes a list or leaves a field in it is no shortcut.
            keys: takes_keys(ui.ctx(), &self.session),
        };
        let out = &mut self.commands;
        let width = ui.available_width();
        panels::help::help_ui(ui, &context, out);
        panels::notices::passing_ui(ui, &context, out);
        panels::browser::browser_ui(ui, &context, out);
        panels::again::ask_ui(ui, &context, out);
        Panel::top("top").show(ui, |ui| panels::show(ui, Place::Top, &context, out));
        Panel::bottom("bottom").show(ui, |ui| panels::show(ui, Place::Bottom, &context, out));
        Panel::left("left")
            .default_size(292.0)
            .size_range(range(LEFT, width))
            .show(ui, |ui| {
                // Without a slide there are no layers, and no line above them.
                let open = self.session.open.as_ref();
                if open.is_some_and(|open| open.slide.ready().is_some()) {
                    let height = ui.available_height();
                    let most = (height - WORKLIST).clamp(64.0, (LAYERS * height).max(64.0));
                    Panel::bottom("left_bottom")
                        .resizable(false)
                        .show(ui, |ui| {
                            ScrollArea::vertical()
                                .id_salt("layers")
                                .max_height(most)
                                // Or it would never outgrow the panel that it is to fill.
                                .min_scrolled_height(most)
                                .auto_shrink([false, true])
                                .show(ui, |ui| panels::show(ui, Place::LeftBottom, &context, out));
                        });
                }
                // The least that a list takes may be more than is left above the layers.
                ui.shrink_clip_rect(ui.available_rect_before_wrap());
                panels::show(ui, Place::Left, &context, out);
            });
        if self.session.open.is_some() {
            Panel::right("right")
                .default_size(412.0)
                .size_range(range(RIGHT, width))
                .show(ui, |ui| panels::show(ui, Place::Right, &context, out));
        }
        CentralPanel::no_frame().show(ui, |ui| canvas::canvas_ui(ui, &context, out));
    }
}
