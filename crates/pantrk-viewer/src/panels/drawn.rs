//! Right: what is drawn, by its class, with what can be done to it; and the corrected cells.

use egui::{RichText, Sense, Ui, vec2};
use pantrk_core::score::Compartment;
use pantrk_space::SlideMpp;
use pantrk_store::grade_label;

use super::{Panel, PanelContext, Place, SIGNED, card, faint, folding, section, unless_signed};
use crate::command::{Commands, DrawCommand, ReviewCommand};
use crate::drawing::{CLASSES, Drawing, Geometry, Shape, class_colour, geometry};
use crate::review::{Correction, Review};
use crate::state::OpenItem;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "drawn",
    place: Place::Right,
    ui: drawn_ui,
};

/// Most shapes that are listed.
const LISTED: usize = 400;
/// The list's room, points.
const LIST: f32 = 168.0;
/// More shapes than this are summed up.
const FEW: usize = 5;

fn drawn_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let Some(open) = &context.session.open else {
        return;
    };
    let Some(slide) = open.slide.ready() else {
        return;
    };
    folding(ui, "Regions and cells", true, |ui| {
        card(ui, |ui| {
            unless_signed(ui, context, |ui| {
                classes_ui(ui, &context.settings.class, out);
            });
            // What was signed can still be looked at and written out.
            edit_ui(ui, &open.review, !context.session.is_locked(), out);
            list_ui(ui, &open.review.drawing, slide.mpp, out);
            section(ui, "Cells");
            unless_signed(ui, context, |ui| {
                cell_ui(ui, open, out);
                corrections_ui(ui, &open.review, out);
            });
        });
    });
}

fn classes_ui(ui: &mut Ui, chosen: &str, out: &mut Commands) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(3.0, 3.0);
        for class in &CLASSES {
            if chip(ui, class.name, class.name, chosen == class.name)
                .on_hover_text(class.effect)
                .clicked()
            {
                out.draw(DrawCommand::Class(class.name.to_owned()));
            }
        }
    });
}

/// A class as a button: its dot and its name or more, kept together where the line breaks.
pub(super) fn chip(ui: &mut Ui, class: &str, text: &str, chosen: bool) -> egui::Response {
    let tokens = tokens::of(ui);
    let font = egui::FontId::proportional(12.5);
    let galley = ui
        .painter()
        .layout_no_wrap(text.to_owned(), font, tokens.ink);
    let size = vec2(galley.size().x + 28.0, 24.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::Button, ui.is_enabled(), chosen, text)
    });
    let (fill, edge) = if chosen {
        (tokens.card_selected, class_colour(class))
    } else if response.hovered() {
        (tokens.card_hovered, tokens.line)
    } else {
        (tokens.card, tokens.line)
    };
    let stroke = egui::Stroke::new(if chosen { 1.5 } else { 1.0 }, edge);
    let painter = ui.painter();
    painter.rect(rect, 5, fill, stroke, egui::StrokeKind::Inside);
    paint_dot(
        ui,
        egui::pos2(rect.left() + 11.0, rect.center().y),
        class_colour(class),
    );
    let at = egui::pos2(rect.left() + 20.0, rect.center().y - galley.size().y / 2.0);
    painter.galley(at, galley, tokens.ink);
    response
}

pub(super) fn dot(ui: &mut Ui, colour: egui::Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(10.0, 14.0), Sense::hover());
    paint_dot(ui, rect.center(), colour);
}

/// Rimmed, because a dark class would not be seen on the dark theme.
fn paint_dot(ui: &Ui, at: egui::Pos2, colour: egui::Color32) {
    let rim = egui::Stroke::new(1.0, tokens::of(ui).faint);
    ui.painter().circle(at, 4.5, colour, rim);
}

fn edit_ui(ui: &mut Ui, review: &Review, may: bool, out: &mut Commands) {
    let drawing = &review.drawing;
    let some = may && !drawing.selected.is_empty();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let hint = |what: Option<&str>, key: &str| {
            what.map_or_else(|| key.to_owned(), |what| format!("{what} ({key})"))
        };
        let button = |ui: &mut Ui, enabled: bool, text: &str, hint: &str| {
            let button = egui::Button::new(RichText::new(text).size(12.5));
            let why = if may { hint } else { SIGNED };
            ui.add_enabled(enabled, button)
                .on_hover_text(hint)
                .on_disabled_hover_text(why)
                .clicked()
        };
        let (undo, redo) = (review.can_undo(), review.can_redo());
        let why = hint(undo.as_deref(), "Ctrl+Z");
        if button(ui, may && undo.is_some(), "Undo", &why) {
            out.review(ReviewCommand::Undo);
        }
        let why = hint(redo.as_deref(), "Ctrl+Shift+Z");
        if button(ui, may && redo.is_some(), "Redo", &why) {
            out.review(ReviewCommand::Redo);
        }
        if button(
            ui,
            some,
            "Merge",
            "One area of the selected ones; of one, with all of its class",
        ) {
            out.draw(DrawCommand::Merge);
        }
        if button(ui, some, "Split", "Into its parts, or along the last ruler") {
            out.draw(DrawCommand::Split);
        }
        if button(ui, some, "Fill", "Fills the holes (F)") {
            out.draw(DrawCommand::FillHoles);
        }
        if button(ui, some, "Delete", "Delete") {
            out.draw(DrawCommand::Delete);
        }
        let any = !drawing.shapes().is_empty();
        if button(
            ui,
            any,
            "Export",
            "Writes QuPath GeoJSON beside the results",
        ) {
            out.draw(DrawCommand::Export);
        }
    });
}

fn list_ui(ui: &mut Ui, drawing: &Drawing, mpp: Option<SlideMpp>, out: &mut Commands) {
    if drawing.shapes().iter().all(|shape| shape.trains) {
        faint(
            ui,
            "Nothing is drawn. Take a tool above the slide, or drop a GeoJSON file on the window.",
        );
    }
    // Strokes have a panel of their own.
    let listed = drawing.shapes().iter().rev().filter(|s| !s.trains);
    let n = listed.clone().count();
    if n > FEW {
        faint(ui, sums(drawing, mpp));
    }
    // A list of its own, or a hundred regions push all else out of sight.
    egui::ScrollArea::vertical()
        .id_salt("shapes")
        .max_height(LIST)
        .min_scrolled_height(LIST)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            for shape in listed.take(LISTED) {
                ui.horizontal(|ui| {
                    dot(ui, class_colour(&shape.class));
                    let chosen = drawing.selected.contains(&shape.id);
                    let text = RichText::new(describe(shape, mpp)).size(12.5);
                    if ui.selectable_label(chosen, text).clicked() {
                        out.draw(DrawCommand::Select(shape.id));
                    }
                });
            }
            if n > LISTED {
                faint(ui, format!("and {} more", n - LISTED));
            }
        });
}

/// How many areas each class has and how large they are together.
fn sums(drawing: &Drawing, mpp: Option<SlideMpp>) -> String {
    let mut sums: Vec<(&str, usize, f64)> = Vec::new();
    for shape in drawing.shapes().iter().filter(|s| !s.trains) {
        let Some(area) = shape.area() else { continue };
        let px = geometry::area_px(area);
        match sums.iter_mut().find(|(class, ..)| *class == shape.class) {
            Some((_, n, sum)) => {
                *n += 1;
                *sum += px;
            }
            None => sums.push((&shape.class, 1, px)),
        }
    }
    let words = sums.into_iter().map(|(class, n, px)| {
        let class = if class.is_empty() { "no class" } else { class };
        match mpp {
            Some(mpp) => format!(
                "{n} {class}, {:.2} mm²",
                px * mpp.x.get() * mpp.y.get() / 1e6
            ),
            None => format!("{n} {class}"),
        }
    });
    words.collect::<Vec<_>>().join("; ")
}

/// A shape in words, with its size.
pub(crate) fn describe(shape: &Shape, mpp: Option<SlideMpp>) -> String {
    let size = match (&shape.geometry, mpp) {
        (Geometry::Area(area), Some(mpp)) => {
            let um2 = geometry::area_px(area) * mpp.x.get() * mpp.y.get();
            if um2 >= 1e4 {
                format!("{:.3} mm²", um2 / 1e6)
            } else {
                format!("{um2:.0} µm²")
            }
        }
        (Geometry::Area(area), None) => format!("{:.0} px²", geometry::area_px(area)),
        (Geometry::Ruler([a, b]), Some(mpp)) => {
            let um = ((a.x - b.x) * mpp.x.get()).hypot((a.y - b.y) * mpp.y.get());
            format!("{um:.1} µm")
        }
        (Geometry::Ruler([a, b]), None) => format!("{:.0} px", (a.x - b.x).hypot(a.y - b.y)),
        (Geometry::Point(at), _) => format!("({:.0}, {:.0}) px", at.x, at.y),
    };
    let class = match &shape.geometry {
        Geometry::Area(_) if shape.trains => return format!("{} stroke  {size}", shape.class),
        Geometry::Area(_) if shape.class.is_empty() => "no class",
        Geometry::Area(_) => shape.class.as_str(),
        Geometry::Ruler(_) => "Ruler",
        Geometry::Point(_) => "Point",
    };
    if shape.name.is_empty() {
        format!("{class}  {size}")
    } else {
        format!("{class} \"{}\"  {size}", shape.name)
    }
}

/// The cell that was clicked, and what it can be corrected to.
fn cell_ui(ui: &mut Ui, open: &OpenItem, out: &mut Commands) {
    let Some(cells) = open.cells.ready() else {
        faint(ui, "no cells");
        return;
    };
    let Some(place) = open.chosen_cell else {
        faint(
            ui,
            "Take the tool Cells (X) and click a cell to correct it.",
        );
        return;
    };
    let row = cells.layer.row(place);
    let od = cells.layer.od(place);
    let measured = od
        .iter()
        .map(|&value| open.review.thresholds.grade(value))
        .max()
        .unwrap_or(0);
    ui.label(RichText::new(format!("Cell {row}: measured {}", grade_label(measured))).size(13.0));
    let names = Compartment::ALL.map(Compartment::label);
    let values: Vec<String> = names
        .iter()
        .zip(od)
        .map(|(name, value)| {
            if value.is_finite() {
                format!("{name} {value:.2}")
            } else {
                format!("{name} -")
            }
        })
        .collect();
    faint(ui, format!("DAB OD: {}", values.join(", ")));
    let now = open.review.correction(row);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let choices = [Correction::NotTumour]
            .into_iter()
            .chain((0..4).map(Correction::Grade));
        for choice in choices {
            let chosen = now == Some(choice);
            if ui.selectable_label(chosen, choice.label()).clicked() {
                let correction = (!chosen).then_some(choice);
                out.review(ReviewCommand::Correct(row, correction));
            }
        }
        if now.is_some() && ui.small_button("As measured").clicked() {
            out.review(ReviewCommand::Correct(row, None));
        }
    });
}

fn corrections_ui(ui: &mut Ui, review: &Review, out: &mut Commands) {
    let cells = &review.corrections.cells;
    if cells.is_empty() {
        return;
    }
    let colour = tokens::of(ui).accent;
    let text = format!("{} corrected; they count in the score", cells.len());
    ui.label(RichText::new(text).color(colour).size(12.5));
    for (&row, correction) in cells.iter().rev().take(8) {
        ui.horizontal(|ui| {
            faint(ui, format!("cell {row}: {}", correction.label()));
            if ui.small_button("Take back").clicked() {
                out.review(ReviewCommand::Correct(row, None));
            }
        });
    }
}
