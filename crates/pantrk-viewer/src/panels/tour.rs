//! Right: the tour through the fields that matter.

use egui::{RichText, Ui};

use super::{Panel, PanelContext, Place, card, faint, folding};
use crate::command::{Command, Commands};
use crate::tour::FieldKind;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "tour",
    place: Place::Right,
    ui: tour_ui,
};

fn tour_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let Some(open) = &context.session.open else {
        return;
    };
    if open.cells.ready().is_none() || open.slide.ready().is_none() {
        return;
    }
    folding(ui, "Review tour", true, |ui| {
        card(ui, |ui| {
            let tour = open.tour.as_ref();
            ui.horizontal_wrapped(|ui| {
                if ui.button("Previous").on_hover_text("Shift+N").clicked() {
                    out.push(Command::Tour(-1));
                }
                if ui.button("Next").on_hover_text("N").clicked() {
                    out.push(Command::Tour(1));
                }
                let next = tour.map_or(FieldKind::Hottest, |tour| tour.kind.next());
                let word = format!("To {} fields", next.label());
                if ui.button(word).on_hover_text("V").clicked() {
                    out.push(Command::TourKind);
                }
            });
            let Some(tour) = tour else {
                faint(
                    ui,
                    "N leads through the hottest fields, V to borderline and to random negative ones.",
                );
                return;
            };
            let text = match tour.fields.get(tour.at) {
                None => format!("There are no {} fields.", tour.kind.label()),
                Some(field) => format!(
                    "{} field {} of {}: {} of {} tumour cells stain",
                    super::capital(tour.kind.label()),
                    tour.at + 1,
                    tour.fields.len(),
                    field.positive,
                    field.cells
                ),
            };
            ui.label(RichText::new(text).size(13.0));
        });
    });
}
