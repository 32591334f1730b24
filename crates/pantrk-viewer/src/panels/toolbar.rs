//! Along the top: what is open, the tools, the magnification, and how the window looks.

use egui::{Align, Key, Layout, Modifiers, RichText, Sense, Ui, WidgetInfo, vec2};

use super::again::{AGAIN, SCORE};
use super::second_slide::beside_ui;
use super::{Panel, PanelContext, Place, SIGNED, choice_ui, faint};
use crate::browser::{PURPOSES, Purpose};
use crate::command::{BrowseCommand, Command, Commands, DrawCommand, ReviewCommand};
use crate::drawing::{TOOLS, Tool, ToolRow};
use crate::icon::{tool_icon, turn_icon};
use crate::state::{Load, OpenItem, OpenSlide};
use crate::tokens;
use crate::view::View;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "toolbar",
    place: Place::Top,
    ui: toolbar_ui,
};

/// Magnifications on offer, by the objective that shows as much.
const POWERS: [u32; 5] = [1, 5, 10, 20, 40];
/// What an objective's power times its um per pixel comes to: 10x has 1 um per pixel.
const POWER_UM: f64 = 10.0;

/// Sizes of the text on offer, percent.
const TEXT: [u8; 8] = [80, 90, 100, 110, 125, 150, 175, 200];

/// From this width on one row holds all of it, points.
const ONE_ROW: f32 = 1190.0;

fn toolbar_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    history_keys(ui, context, out);
    let open = context
        .session
        .open
        .as_ref()
        .and_then(|open| Some((open, open.slide.ready()?)));
    let one_row = ui.available_width() >= ONE_ROW;
    ui.horizontal(|ui| {
        ui.set_min_height(38.0);
        let name = RichText::new("pantrk").size(17.0).strong();
        ui.label(name.color(tokens::of(ui).accent));
        file_ui(ui, context, out);
        if let Some(open) = open.filter(|_| one_row) {
            ui.separator();
            slide_ui(ui, context, open, out);
        }
        ui.separator();
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            looks_ui(ui, context, out);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                name_ui(ui, context);
            });
        });
    });
    // With large text, or in a small window, a second row, and a third where it must be.
    if let Some(open) = open.filter(|_| !one_row) {
        ui.horizontal_wrapped(|ui| slide_ui(ui, context, open, out));
        ui.add_space(3.0);
    }
}

/// What works on the open slide.
fn slide_ui(
    ui: &mut Ui,
    context: &PanelContext<'_>,
    (open, slide): (&OpenItem, &OpenSlide),
    out: &mut Commands,
) {
    tools_ui(ui, context, out);
    history_ui(ui, context, open, out);
    ui.separator();
    powers_ui(ui, (open, slide), out);
    beside_ui(ui, context, open, out);
}

/// Undo and redo wherever the focus is, other than in a field of text, which has an undo of its own, or in an open list.
fn history_keys(ui: &Ui, context: &PanelContext<'_>, out: &mut Commands) {
    if !context.keys || context.session.open.is_none() {
        return;
    }
    let pressed = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
    if pressed(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z) || pressed(Modifiers::COMMAND, Key::Y)
    {
        out.review(ReviewCommand::Redo);
    } else if pressed(Modifiers::COMMAND, Key::Z) {
        out.review(ReviewCommand::Undo);
    }
}

/// Undo and redo as buttons, which say what they would take back.
fn history_ui(ui: &mut Ui, context: &PanelContext<'_>, open: &OpenItem, out: &mut Commands) {
    let may = !context.session.is_locked();
    let review = &open.review;
    for (forwards, name, key, what, command) in [
        (
            false,
            "Undo",
            "Ctrl+Z",
            review.can_undo(),
            ReviewCommand::Undo,
        ),
        (
            true,
            "Redo",
            "Ctrl+Shift+Z",
            review.can_redo(),
            ReviewCommand::Redo,
        ),
    ] {
        let can = may && what.is_some();
        let sense = if can { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(vec2(28.0, 30.0), sense);
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, can, name));
        let tokens = tokens::of(ui);
        if can && response.hovered() {
            ui.painter().rect_filled(rect, 5, tokens.card_hovered);
        }
        let colour = if can { tokens.ink } else { tokens.line };
        turn_icon(ui.painter(), rect.shrink(8.0), forwards, colour);
        let what = match what {
            _ if !may => SIGNED.to_owned(),
            Some(what) => what,
            None => "nothing".to_owned(),
        };
        if response
            .on_hover_text(format!("{name} ({key}): {what}"))
            .clicked()
        {
            out.review(command);
        }
    }
}

/// What is open, in what room is left.
fn name_ui(ui: &mut Ui, context: &PanelContext<'_>) {
    let tokens = tokens::of(ui);
    let Some((item, open)) = context.session.open_item() else {
        ui.label(RichText::new("no slide open").color(tokens.faint));
        return;
    };
    let mut job = egui::text::LayoutJob::default();
    let format =
        |size: f32, color| egui::TextFormat::simple(egui::FontId::proportional(size), color);
    job.append(&item.id, 0.0, format(15.0, tokens.ink));
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
        job.append(&facts, 10.0, format(12.5, tokens.faint));
    }
    ui.add(egui::Label::new(job).truncate());
}

/// What is opened, imported and saved.
fn file_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let open = context
        .session
        .open
        .as_ref()
        .filter(|o| o.slide.ready().is_some());
    let scored = context.session.open_result().is_some();
    ui.menu_button("File", |ui| {
        for row in &PURPOSES {
            let strokes = || open.is_some_and(|o| !o.review.drawing.strokes().is_empty());
            let can = match row.purpose {
                Purpose::OpenSlides => true,
                Purpose::SaveClassifier => open.is_some_and(|o| o.training.model.is_some()),
                Purpose::SaveStrokes => strokes(),
                Purpose::SaveReport => scored,
                _ => open.is_some(),
            };
            if row.purpose == Purpose::SaveRegions {
                ui.separator();
                score_item_ui(ui, context, out);
                ui.separator();
            }
            let mut button = egui::Button::new(format!("{} ...", row.title));
            if row.purpose == Purpose::OpenSlides {
                button = button.shortcut_text("Ctrl+O");
            }
            if ui.add_enabled(can, button).clicked() {
                out.push(Command::Browse(BrowseCommand::For(row.purpose)));
                ui.close();
            }
        }
    });
    let asked = |i: &mut egui::InputState| i.consume_key(Modifiers::COMMAND, Key::O);
    if context.keys && ui.input_mut(asked) {
        out.push(Command::Browse(BrowseCommand::For(Purpose::OpenSlides)));
    }
}

/// Scores the open slide, for the first time or again.
fn score_item_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let index = session.open.as_ref().map(|open| open.index);
    let is_scored = session
        .open_item()
        .is_some_and(|(item, _)| item.result().is_some());
    let (word, can, command): (_, _, fn(usize) -> Command) = if is_scored {
        let can = index.is_some_and(|index| session.can_be_scored_again(index));
        (AGAIN, can, Command::ScoreAgain)
    } else {
        let can = index.is_some_and(|index| session.can_be_scored(index));
        (SCORE, can, Command::Score)
    };
    let button = ui.add_enabled(can, egui::Button::new(word));
    if let Some(index) = index.filter(|_| button.clicked()) {
        out.push(command(index));
        ui.close();
    }
}

fn tools_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    ui.spacing_mut().item_spacing.x = 2.0;
    let locked = context.session.is_locked();
    for row in &TOOLS {
        let chosen = context.tool() == row.tool;
        let may = !locked || row.tool == Tool::Move;
        if tool_ui(ui, row, (chosen, may)) {
            out.draw(DrawCommand::Tool(row.tool));
        }
    }
    ui.spacing_mut().item_spacing.x = 8.0;
}

fn tool_ui(ui: &mut Ui, row: &ToolRow, (chosen, may): (bool, bool)) -> bool {
    let tokens = tokens::of(ui);
    let sense = if may { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(30.0, 30.0), sense);
    let name = format!("{} ({})", row.name, row.key_name);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, may, chosen, row.name));
    let fill = if chosen {
        tokens.card_selected
    } else if may && response.hovered() {
        tokens.card_hovered
    } else {
        tokens.panel
    };
    ui.painter().rect_filled(rect, 5, fill);
    let colour = match (chosen, may) {
        (true, _) => tokens.accent,
        (false, true) => tokens.ink,
        (false, false) => tokens.line,
    };
    tool_icon(ui.painter(), rect.shrink(8.5), row.tool, colour);
    let help = if may { row.help } else { SIGNED };
    let text = format!("{name}: {help}");
    response.on_hover_text(text).clicked()
}

/// The magnifications, the whole slide, and a quarter turn.
fn powers_ui(ui: &mut Ui, (open, slide): (&OpenItem, &OpenSlide), out: &mut Commands) {
    ui.spacing_mut().item_spacing.x = 3.0;
    let view = open.view.or(open.fitted);
    if let (Some(mpp), Some(view)) = (slide.mpp, view) {
        let ppp = f64::from(ui.ctx().pixels_per_point());
        let now = POWER_UM / (mpp.x.get() / (view.points_per_pixel * ppp));
        for power in POWERS {
            let chosen = (now / f64::from(power) - 1.0).abs() < 0.01;
            let label = ui.selectable_label(chosen, format!("{power}x"));
            let um = POWER_UM / f64::from(power);
            if label
                .on_hover_text(format!(
                    "As through a {power}x objective: {um} µm per screen pixel"
                ))
                .clicked()
            {
                let points_per_pixel = mpp.x.get() / um / ppp;
                out.push(Command::Look(View {
                    points_per_pixel,
                    ..view
                }));
            }
        }
    }
    let fit = ui.button("Fit");
    if fit.on_hover_text("The whole slide (key 0)").clicked() {
        out.push(Command::Fit);
    }
    let turn = ui.button("Turn");
    if turn
        .on_hover_text("Turn the slide by 90 degrees (key T)")
        .clicked()
    {
        out.push(Command::Turn);
    }
    ui.spacing_mut().item_spacing.x = 8.0;
}

fn looks_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    if ui.button("?").on_hover_text("Keys and hints (?)").clicked() {
        out.push(Command::Help(!context.session.help));
    }
    ui.menu_button("Look", |ui| look_menu(ui, context, out));
    if ui
        .add_enabled(context.session.open.is_some(), egui::Button::new("Picture"))
        .on_hover_text("Save the view with its scale bar as PNG beside the results (Ctrl+S)")
        .clicked()
    {
        out.push(Command::SavePicture);
    }
}

/// Theme and size of the text. One click chooses and closes the list: with larger or smaller text all else moves, so that a second click on the same place would hit something else.
fn look_menu(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    ui.set_width(170.0);
    let now = context.settings.theme;
    for (theme, word) in [
        (egui::ThemePreference::Dark, "Dark theme"),
        (egui::ThemePreference::Light, "Light theme"),
        (egui::ThemePreference::System, "Theme of the system"),
    ] {
        if choice_ui(ui, now == theme, word) {
            out.push(Command::Theme(theme));
        }
    }
    ui.separator();
    faint(ui, "Size of the text (Ctrl and +, -, 0)");
    let now = ui.ctx().zoom_factor();
    for percent in TEXT {
        let scale = f32::from(percent) / 100.0;
        let chosen = (now - scale).abs() < 0.005;
        if choice_ui(ui, chosen, format!("{percent} %")) {
            out.push(Command::FontScale(scale));
        }
    }
}
