//! The help sheet: every key, in a window of its own.

use egui::{Grid, Key, RichText, Ui};

use super::PanelContext;
use crate::command::{Command, Commands};
use crate::drawing::TOOLS;
use crate::tokens;

/// Keys beside those of the tools.
const KEYS: [(&str, &str); 27] = [
    ("Drag, Space + drag", "move the slide; with any tool"),
    ("Wheel, pinch, + and -", "magnify about the pointer"),
    ("Arrows", "move the slide"),
    ("0", "the whole slide"),
    ("T", "turn by 90 degrees"),
    ("1  2  3", "the slide, hematoxylin alone, DAB alone"),
    ("D or H", "cells on and off"),
    ("C", "heatmap on and off"),
    ("A", "drawn regions on and off"),
    (
        "N, Shift+N",
        "tour: the next, the one before: hottest, borderline and random negative fields",
    ),
    ("V", "tour: the next kind of field"),
    ("Page Down, Page Up", "the next slide, the one before"),
    ("Enter, double-click", "close the polygon"),
    ("Escape", "let go of the stroke, of the selection"),
    ("Delete", "delete what is selected"),
    ("F", "fill holes"),
    ("Alt + brush", "erase; with training strokes only those"),
    ("Alt + wheel", "size of the brush"),
    ("Shift + click", "select one more"),
    (
        "A class's button",
        "with a drawing tool: of what is drawn next; with Move: of the selected shapes",
    ),
    (
        "Right click in the worklist",
        "show a second slide, such as the H&E, beside the open one",
    ),
    ("Ctrl+Z, Ctrl+Shift+Z", "undo, redo; without limit"),
    ("Ctrl+O", "open slides or results; more under File"),
    ("Ctrl+S", "save a picture of the view"),
    ("Ctrl+F", "search the worklist"),
    ("Ctrl and +, -, 0", "size of the text"),
    ("?", "this sheet"),
];

/// Draws the sheet where it is wanted, and minds its key.
pub(crate) fn help_ui(ui: &Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let ctx = ui.ctx().clone();
    let typed = ctx.egui_wants_keyboard_input();
    let asked = ctx.input(|i| {
        i.events
            .iter()
            .any(|e| matches!(e, egui::Event::Text(text) if text == "?"))
            || i.key_pressed(Key::F1)
    });
    if asked && !typed {
        out.push(Command::Help(!context.session.help));
    }
    if !context.session.help {
        return;
    }
    let mut open = true;
    egui::Window::new("Keys and hints")
        .open(&mut open)
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .show(&ctx, |ui| {
            egui::ScrollArea::vertical()
                .max_height(560.0)
                .show(ui, sheet);
        });
    if !open || ctx.input(|i| i.key_pressed(Key::Escape)) {
        out.push(Command::Help(false));
    }
}

fn sheet(ui: &mut Ui) {
    let accent = tokens::of(ui).accent;
    let line = |ui: &mut Ui, key: &str, text: &str| {
        ui.label(RichText::new(key).monospace().size(12.5).color(accent));
        ui.label(RichText::new(text).size(13.0));
        ui.end_row();
    };
    Grid::new("keys")
        .num_columns(2)
        .spacing(egui::vec2(18.0, 4.0))
        .show(ui, |ui| {
            for tool in &TOOLS {
                line(ui, tool.key_name, &format!("{}: {}", tool.name, tool.help));
            }
            for (key, text) in KEYS {
                line(ui, key, text);
            }
        });
    ui.add_space(6.0);
    ui.label(
        RichText::new("The letters are QuPath's where it has the same tool.")
            .size(12.0)
            .color(tokens::of(ui).faint),
    );
}
