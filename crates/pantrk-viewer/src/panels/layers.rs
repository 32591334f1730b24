//! Left at the bottom: what lies over the slide, and what its colours mean.

use egui::collapsing_header::paint_default_icon;
use egui::{Align2, FontId, Rect, RichText, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use pantrk_store::{ColorMap, HeatmapEntry, grade_label};

use super::{Panel, PanelContext, Place, choice_ui, faint, opacity_ui};
use crate::command::{Command, Commands, TrainCommand};
use crate::drawing::class_colour;
use crate::state::{Load, OpenItem, Stain};
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "layers",
    place: Place::LeftBottom,
    ui: layers_ui,
};

fn layers_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let Some((item, open)) = context.session.open_item() else {
        return;
    };
    // Without pixels there is nothing to lay anything over.
    if open.slide.ready().is_none() {
        return;
    }
    head_ui(ui, context.settings.layer_details, out);
    let details = context.settings.layer_details;
    stain_ui(ui, open, out);
    let scored = item.result().is_some();
    ui.horizontal_wrapped(|ui| {
        regions_switch(ui, context, open, out);
        if scored {
            cells_switch(ui, context, open, out);
        }
    });
    if details {
        regions_ui(ui, context, open, out);
    }
    preview_ui(ui, context, open, out);
    if scored {
        cells_ui(ui, context, open, out);
        heatmap_ui(ui, context, open, out);
    }
    ui.add_space(6.0);
}

/// The title, which folds away all but the switches; whether it does is remembered.
fn head_ui(ui: &mut Ui, details: bool, out: &mut Commands) {
    ui.add_space(4.0);
    let font = FontId::proportional(15.0);
    let ink = ui.visuals().strong_text_color();
    let galley = ui.painter().layout_no_wrap("Layers".to_owned(), font, ink);
    let size = vec2(ui.available_width(), galley.size().y + 2.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, details, "Layers"));
    let response = response.on_hover_text(if details {
        "Fold opacities and legends away"
    } else {
        "Opacities and legends"
    });
    let icon = Rect::from_center_size(pos2(rect.left() + 7.0, rect.center().y), vec2(9.0, 9.0));
    let openness = if details { 1.0 } else { 0.0 };
    paint_default_icon(ui, openness, &response.clone().with_new_rect(icon));
    let at = pos2(rect.left() + 20.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, ink);
    if response.clicked() {
        out.push(Command::LayerDetails(!details));
    }
}

fn regions_switch(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    let mut regions = context.settings.show_regions;
    let text = format!("Regions ({})", drawn(open));
    if ui.checkbox(&mut regions, text).changed() {
        out.push(Command::ShowRegions(regions));
    }
}

/// How many regions there are.
fn drawn(open: &OpenItem) -> usize {
    let shapes = open.review.drawing.shapes().iter();
    shapes.filter(|shape| !shape.trains).count()
}

fn regions_ui(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    if drawn(open) == 0 {
        return;
    }
    faint(ui, "regions drawn dashed are left out of the score");
    let opacity = context.settings.region_opacity;
    if let Some(opacity) = opacity_ui(ui, "Regions", opacity) {
        out.push(Command::RegionOpacity(opacity));
    }
}

/// The slide as it is, or one stain alone.
fn stain_ui(ui: &mut Ui, open: &OpenItem, out: &mut Commands) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for (stain, name, key) in [
            (Stain::Both, "Slide", "1"),
            (Stain::Hematoxylin, "Hematoxylin", "2"),
            (Stain::Dab, "DAB", "3"),
        ] {
            let hint = format!("key {key}; by deconvolution with the result's stain vectors");
            let label = ui.selectable_label(open.stain == stain, name);
            if label.on_hover_text(hint).clicked() {
                out.push(Command::ShowStain(stain));
            }
        }
    });
}

/// What the region classifier says, once there is one.
fn preview_ui(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    let Some(model) = &open.training.model else {
        return;
    };
    let mut live = context.settings.live_preview;
    if ui.checkbox(&mut live, "Region classifier").changed() {
        out.train(TrainCommand::Live(live));
    }
    if !context.settings.layer_details {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 9.0;
        for class in &model.classifier.classes {
            swatch(ui, class_colour(&class.class), &class.class);
        }
    });
    let opacity = context.settings.preview_opacity;
    if let Some(opacity) = opacity_ui(ui, "Classifier", opacity) {
        out.push(Command::PreviewOpacity(opacity));
    }
}

fn cells_switch(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    let count = open.cells.ready().map(|cells| cells.layer.len());
    let label = count.map_or_else(|| "Cells".to_owned(), |n| format!("Cells ({n})"));
    let mut show = context.settings.show_cells;
    let switch = ui.add_enabled(count.is_some(), egui::Checkbox::new(&mut show, label));
    if switch.changed() {
        out.push(Command::ShowCells(show));
    }
}

fn cells_ui(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    let note = match &open.cells {
        Load::Absent => Some("no cell table in this result".to_owned()),
        Load::Waiting => Some("reading the cells".to_owned()),
        Load::Failed(reason) => Some(reason.clone()),
        Load::Ready(_) => None,
    };
    if let Some(note) = note {
        faint(ui, note);
        return;
    }
    if !context.settings.layer_details {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 9.0;
        for grade in 0..4 {
            swatch(ui, tokens::grade(grade), grade_label(grade));
        }
        swatch(ui, tokens::of(ui).uncounted, "not counted");
    });
    if open.outlines.possible {
        faint(
            ui,
            "outlined from 10x on; from 25x each line is a compartment: nucleus, rim, cytoplasm, membrane",
        );
    }
    let opacity = context.settings.cell_opacity;
    if let Some(opacity) = opacity_ui(ui, "Cells", opacity) {
        out.push(Command::CellOpacity(opacity));
    }
}

/// A dot and its word, kept together where the line breaks.
fn swatch(ui: &mut Ui, colour: egui::Color32, word: &str) {
    let font = FontId::proportional(12.0);
    let ink = tokens::of(ui).ink;
    let galley = ui.painter().layout_no_wrap(word.to_owned(), font, ink);
    let size = vec2(galley.size().x + 14.0, 15.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, word));
    let dot = pos2(rect.left() + 5.0, rect.center().y);
    ui.painter().circle_filled(dot, 4.5, colour);
    let at = pos2(rect.left() + 14.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, ink);
}

fn heatmap_ui(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    if open.heatmaps.is_empty() {
        faint(ui, "no heatmaps in this result");
        return;
    }
    let chosen = open
        .heatmap
        .as_ref()
        .and_then(|metric| open.heatmaps.iter().find(|entry| entry.metric == *metric));
    let name = chosen.map_or("none", |entry| entry.title.as_str());
    ui.horizontal(|ui| {
        let label = ui.label(RichText::new("Heatmap").size(12.5)).id;
        let width = ui.available_width() - 8.0;
        egui::ComboBox::from_id_salt("heatmap")
            .selected_text(name)
            .width(width)
            .truncate()
            .show_ui(ui, |ui| {
                if choice_ui(ui, chosen.is_none(), "none") {
                    out.push(Command::ShowHeatmap(None));
                }
                for entry in &open.heatmaps {
                    let this = chosen.is_some_and(|c| c.metric == entry.metric);
                    if choice_ui(ui, this, &entry.title) {
                        out.push(Command::ShowHeatmap(Some(entry.metric.clone())));
                    }
                }
            })
            .response
            .labelled_by(label);
    });
    let Some(entry) = chosen else {
        return;
    };
    match open.heatmap_pictures.get(&entry.metric) {
        Some(Load::Failed(reason)) => faint(ui, reason.as_str()),
        Some(Load::Ready(_)) => {
            // What its colours mean belongs to it, folded or not.
            legend(ui, entry);
            let opacity = context.settings.heatmap_opacity;
            if context.settings.layer_details
                && let Some(opacity) = opacity_ui(ui, "Heatmap", opacity)
            {
                out.push(Command::HeatmapOpacity(opacity));
            }
        }
        _ => faint(ui, "reading the heatmap"),
    }
}

/// The colour bar with the values at its ends.
fn legend(ui: &mut Ui, entry: &HeatmapEntry) {
    let tokens = tokens::of(ui);
    let (Some(min), Some(max)) = (entry.min, entry.max) else {
        faint(ui, "the map holds no data");
        return;
    };
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::hover());
    let bar = Rect::from_min_size(rect.min, vec2(rect.width(), 12.0));
    let painter = ui.painter();
    if let Some(map) = ColorMap::by_name(&entry.colormap) {
        let table = map.table();
        let mut mesh = egui::Mesh::default();
        let step = bar.width() / 64.0;
        for part in 0_u8..64 {
            let [r, g, b] = table[usize::from(part) * 255 / 63];
            let left = bar.left() + f32::from(part) * step;
            let piece = Rect::from_min_max(pos2(left, bar.top()), pos2(left + step, bar.bottom()));
            mesh.add_colored_rect(piece, egui::Color32::from_rgb(r, g, b));
        }
        painter.add(mesh);
    }
    let stroke = Stroke::new(1.0, tokens.line);
    painter.rect_stroke(bar, 0, stroke, StrokeKind::Outside);
    let font = FontId::proportional(11.5);
    let y = bar.bottom() + 10.0;
    let ends = [
        (bar.left(), Align2::LEFT_CENTER, number(min)),
        (bar.center().x, Align2::CENTER_CENTER, entry.unit.clone()),
        (bar.right(), Align2::RIGHT_CENTER, number(max)),
    ];
    for (x, align, text) in ends {
        painter.text(pos2(x, y), align, text, font.clone(), tokens.faint);
    }
}

/// Whole numbers without, others with two decimals.
fn number(value: f64) -> String {
    if (value - value.round()).abs() < 1e-9 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
