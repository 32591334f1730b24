//! Along the top: what is open, the magnification, and the theme.

use egui::{Align, Layout, RichText, Ui};

use super::{Panel, PanelContext, Place};
use crate::command::{Command, Commands};
use crate::state::Load;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    place: Place::Top,
    ui: toolbar_ui,
};

fn toolbar_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let tokens = tokens::of(ui);
    ui.horizontal(|ui| {
        ui.set_min_height(34.0);
        ui.label(
            RichText::new("pantrk")
                .size(17.0)
                .strong()
                .color(tokens.accent),
        );
        ui.separator();
        match context.session.open_item() {
            None => {
                ui.label(RichText::new("no slide open").color(tokens.faint));
            }
            Some((item, open)) => {
                ui.label(RichText::new(&item.id).size(15.0).strong());
                if let Load::Ready(slide) = &open.slide {
                    let size = slide.size();
                    let power = slide
                        .reader
                        .objective_power()
                        .map_or_else(String::new, |power| format!(", scanned at {power}x"));
                    let facts = format!(
                        "{}, {} x {} px{power}",
                        slide.reader.format(),
                        size.width,
                        size.height
                    );
                    ui.label(RichText::new(facts).color(tokens.faint));
                }
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let dark = ui.visuals().dark_mode;
            let (word, theme) = if dark {
                ("Light theme", egui::ThemePreference::Light)
            } else {
                ("Dark theme", egui::ThemePreference::Dark)
            };
            if ui.button(word).clicked() {
                out.push(Command::Theme(theme));
            }
            let ready = context
                .session
                .open
                .as_ref()
                .is_some_and(|open| open.slide.ready().is_some());
            let fit = ui.add_enabled(ready, egui::Button::new("Fit"));
            if fit.on_hover_text("The whole slide (key 0)").clicked() {
                out.push(Command::Fit);
            }
        });
    });
}
