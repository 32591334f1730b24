//! The help sheet: every key, in a window of its own.

use egui::{Key, Label, RichText, Ui, UiBuilder, pos2, vec2};

use super::PanelContext;
use crate::command::{Command, Commands};
use crate::drawing::TOOLS;
use crate::tokens;

/// The parts of the sheet beside the tools, each with its keys.
const PARTS: [(&str, &[(&str, &str)]); 5] = [
    (
        "Looking",
        &[
            ("Drag, Space + drag", "move the slide; with any tool"),
            ("Wheel, pinch, + and -", "magnify about the pointer"),
            ("Double-click", "magnify twice (tool Move)"),
            ("Arrows", "move the slide"),
            ("0", "the whole slide"),
            ("T", "turn by 90 degrees"),
            ("1  2  3", "the slide, hematoxylin alone, DAB alone"),
            ("D or H", "cells on and off"),
            ("C", "heatmap on and off"),
            ("A", "drawn regions on and off"),
            ("Alt + drag on the second slide", "move that one alone"),
        ],
    ),
    (
        "Reviewing",
        &[
            ("N, Shift+N", "tour: the next field, the one before"),
            ("V", "tour: hottest, borderline, random negative fields"),
            ("Page Down, Page Up", "the next slide, the one before"),
            ("Shift+Page Down", "the next case that is not signed"),
            (
                "Right click in the list",
                "show a slide, such as the H&E, beside the open one; score one, or score it again",
            ),
        ],
    ),
    (
        "Taking back",
        &[
            (
                "Ctrl+Z",
                "undo the last change of thresholds, case facts, corrected cells, regions or strokes, without limit",
            ),
            ("Ctrl+Shift+Z, Ctrl+Y", "do it again"),
            (
                "",
                "Undo goes on over a scoring, but for corrected cells. It ends at a signature, and begins anew when a slide is opened. In a text field it is the field's own.",
            ),
        ],
    ),
    (
        "Drawing",
        &[
            ("Click, Shift+click", "select; select one more (tool Move)"),
            ("Enter, double-click", "close the polygon"),
            ("Escape", "let go of the stroke, of the selection"),
            ("Delete, Backspace", "delete what is selected"),
            ("F", "fill holes"),
            ("Alt + brush", "erase; with training strokes only those"),
            ("Alt + wheel", "size of the brush"),
            (
                "A class's button",
                "with a drawing tool: of what is drawn next; with Move: of the selected shapes",
            ),
        ],
    ),
    (
        "Window",
        &[
            ("Ctrl+O", "open slides or results; more under File"),
            ("Ctrl+S", "save a picture of the view"),
            ("Ctrl+F", "search the worklist"),
            ("Ctrl and +, -, 0", "size of the text"),
            ("? or F1", "this sheet"),
        ],
    ),
];

/// The keys that stand on the sheet beside those of the tools.
#[cfg(test)]
pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
    let all = PARTS.iter().flat_map(|(_, keys)| *keys);
    all.map(|(key, _)| *key).filter(|key| !key.is_empty())
}

/// A column's least width, points.
const COLUMN: f32 = 330.0;
/// Between columns, points.
const GAP: f32 = 22.0;
/// What the window's frame and title take, points.
const FRAME: egui::Vec2 = vec2(60.0, 92.0);

/// Draws the sheet where it is wanted, and minds its key.
pub(crate) fn help_ui(ui: &Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let ctx = ui.ctx().clone();
    let takes = context.keys || context.session.help;
    let asked = ctx.input(|i| {
        i.events
            .iter()
            .any(|e| matches!(e, egui::Event::Text(text) if text == "?"))
            || i.key_pressed(Key::F1)
    });
    if asked && takes {
        out.push(Command::Help(!context.session.help));
    }
    if !context.session.help {
        return;
    }
    let room = (ctx.content_rect().size() - FRAME).max(vec2(200.0, 100.0));
    let columns = (((room.x + GAP) / (COLUMN + GAP)).floor() as usize).clamp(1, 3);
    let width = (columns as f32 * (COLUMN + GAP) - GAP).min(room.x);
    let mut open = true;
    egui::Window::new("Keys and hints")
        .open(&mut open)
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .show(&ctx, |ui| {
            ui.set_width(width);
            // Always there where it is needed: a sheet that seems to end is not read to its end.
            ui.spacing_mut().scroll = egui::style::ScrollStyle::solid();
            egui::ScrollArea::vertical()
                .max_height(room.y)
                // Or the window stays as low as windows begin.
                .min_scrolled_height(room.y)
                .auto_shrink([false, true])
                .show(ui, |ui| sheet_ui(ui, columns));
        });
    if !open || ctx.input(|i| i.key_pressed(Key::Escape)) {
        out.push(Command::Help(false));
    }
}

/// The parts, each whole, side by side.
pub(crate) fn sheet_ui(ui: &mut Ui, columns: usize) {
    let width = (ui.available_width() + GAP) / columns as f32 - GAP;
    let top = ui.cursor().top();
    let left = ui.cursor().left();
    let mut bottoms = vec![top; columns];
    let mut place = 0;
    for part in 0..=PARTS.len() {
        // Read downwards: the next column begins where this one is as long as its share.
        if part > 0 && bottoms[place] - top > share(columns) && place + 1 < columns {
            place += 1;
        }
        let x = left + place as f32 * (width + GAP);
        let rect = egui::Rect::from_min_size(pos2(x, bottoms[place]), vec2(width, f32::INFINITY));
        let mut column = ui.new_child(UiBuilder::new().max_rect(rect));
        column.set_width(width);
        match part.checked_sub(1) {
            None => tools_ui(&mut column),
            Some(part) => {
                let (title, keys) = PARTS[part];
                heading(&mut column, title);
                let room = key_room(keys.iter().map(|(key, _)| key.len()));
                for (key, text) in keys {
                    line(&mut column, (key, room), text);
                }
            }
        }
        bottoms[place] = column.min_rect().bottom() + 10.0;
    }
    let bottom = bottoms.into_iter().fold(top, f32::max);
    let whole = width * columns as f32 + GAP * (columns - 1) as f32;
    ui.allocate_space(vec2(whole, bottom - top));
    let colour = tokens::of(ui).faint;
    let text = "The letters are QuPath's where it has the same tool.";
    ui.label(RichText::new(text).size(12.0).color(colour));
}

/// How long a column gets before the next one begins, points.
const fn share(columns: usize) -> f32 {
    match columns {
        1 => f32::INFINITY,
        2 => 480.0,
        _ => 300.0,
    }
}

fn tools_ui(ui: &mut Ui) {
    heading(ui, "Tools");
    let room = key_room(TOOLS.iter().map(|tool| tool.key_name.len()));
    for tool in &TOOLS {
        let text = format!("{}: {}", tool.name, tool.help);
        line(ui, (tool.key_name, room), &text);
    }
}

fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).size(13.5).strong());
}

/// Room for keys of these many letters, points; the longest break their lines.
fn key_room(letters: impl Iterator<Item = usize>) -> f32 {
    let most = letters.max().unwrap_or(1) as f32;
    (most * 7.4 + 4.0).min(128.0)
}

/// A key and what it does; what belongs to no key takes the whole line.
fn line(ui: &mut Ui, (key, room): (&str, f32), text: &str) {
    let accent = tokens::of(ui).accent;
    ui.spacing_mut().item_spacing = vec2(8.0, 3.0);
    ui.horizontal_top(|ui| {
        if !key.is_empty() {
            ui.vertical(|ui| {
                ui.set_width(room);
                let key = RichText::new(key).monospace().size(12.0).color(accent);
                ui.add(Label::new(key).wrap());
            });
        }
        ui.vertical(|ui| {
            ui.add(Label::new(RichText::new(text).size(12.5)).wrap());
        });
    });
}
