//! The list of files, over everything else.

use egui::{Key, RichText, ScrollArea, TextEdit, Ui, WidgetInfo, vec2};

use super::{PanelContext, faint};
use crate::browser::{Browser, FolderEntry};
use crate::command::{BrowseCommand, Command, Commands};
use crate::state::Load;
use crate::tokens;

/// What the field for the name is called for those who hear it.
pub(crate) const FIELD: &str = "File name";
/// A row's height, points.
const ROW: f32 = 24.0;
/// The list's room, points.
const LIST: f32 = 330.0;

/// Draws the list where it is wanted.
pub(crate) fn browser_ui(ui: &Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let Some(browser) = &context.session.browser else {
        return;
    };
    let modal = egui::Modal::new(egui::Id::unique("browser")).show(ui.ctx(), |ui| {
        ui.set_width(620.0);
        list_ui(ui, browser, out);
    });
    if modal.should_close() {
        out.push(Command::Browse(BrowseCommand::Close));
    }
}

pub(crate) fn list_ui(ui: &mut Ui, browser: &Browser, out: &mut Commands) {
    let row = browser.purpose.row();
    let mut go = |command| out.push(Command::Browse(command));
    ui.label(RichText::new(row.title).size(16.0).strong());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let up = browser.folder.parent();
        if ui
            .add_enabled(up.is_some(), egui::Button::new("Up"))
            .on_hover_text("The folder around this one")
            .clicked()
            && let Some(up) = up
        {
            go(BrowseCommand::Go(up.to_path_buf()));
        }
        for (name, path) in &browser.places {
            if ui
                .button(name)
                .on_hover_text(path.display().to_string())
                .clicked()
            {
                go(BrowseCommand::Go(path.clone()));
            }
        }
    });
    faint(ui, browser.folder.display().to_string());
    ui.add_space(2.0);
    let frame = egui::Frame::new()
        .fill(tokens::of(ui).panel)
        .corner_radius(5)
        .inner_margin(4);
    frame.show(ui, |ui| {
        ui.set_min_size(vec2(ui.available_width(), LIST));
        match &browser.entries {
            Load::Absent | Load::Waiting => faint(ui, "reading the folder ..."),
            Load::Failed(reason) => faint(ui, reason.as_str()),
            Load::Ready(entries) => entries_ui(ui, browser, entries, &mut go),
        }
    });
    ui.add_space(4.0);
    let mut name = browser.name.clone();
    let hint = if browser.purpose.saves() {
        "name of the file"
    } else {
        "name of a file, or a path"
    };
    let field = TextEdit::singleline(&mut name)
        .hint_text(hint)
        .desired_width(f32::INFINITY);
    let field = ui.add(field);
    // Nothing else under the list wants the keys.
    if ui.memory(|memory| memory.focused().is_none()) {
        field.request_focus();
    }
    field.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, FIELD));
    if field.changed() {
        go(BrowseCommand::Name(name));
    }
    let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
    ui.horizontal(|ui| {
        let replaces = browser.purpose.saves() && browser.named().is_some_and(|e| !e.is_folder);
        let verb = match browser.named() {
            Some(entry) if entry.is_folder => "Go there",
            Some(_) if replaces => "Replace",
            None if browser.name.trim().is_empty() => "Open this folder",
            _ => row.verb,
        };
        let verb = if browser.can_choose() { verb } else { row.verb };
        let button = egui::Button::new(RichText::new(verb).strong());
        let pressed = ui.add_enabled(browser.can_choose(), button).clicked();
        if pressed || (entered && browser.can_choose()) {
            go(BrowseCommand::Choose);
        }
        if ui.button("Cancel").clicked() {
            go(BrowseCommand::Close);
        }
        if replaces {
            let colour = tokens::of(ui).warning;
            ui.label(RichText::new("There is a file of this name.").color(colour));
        }
    });
}

fn entries_ui(
    ui: &mut Ui,
    browser: &Browser,
    entries: &[FolderEntry],
    go: &mut dyn FnMut(BrowseCommand),
) {
    let listed: Vec<&FolderEntry> = entries.iter().filter(|e| browser.lists(e)).collect();
    if listed.is_empty() {
        faint(ui, "nothing here that could be taken");
        return;
    }
    ScrollArea::vertical()
        .auto_shrink(false)
        .max_height(LIST)
        .show_rows(ui, ROW, listed.len(), |ui, rows| {
            for entry in listed.get(rows).unwrap_or_default() {
                entry_ui(ui, browser, entry, go);
            }
        });
}

fn entry_ui(
    ui: &mut Ui,
    browser: &Browser,
    entry: &FolderEntry,
    go: &mut dyn FnMut(BrowseCommand),
) {
    let chosen = browser.name == entry.name;
    let tokens = tokens::of(ui);
    let text = if entry.is_folder {
        RichText::new(format!("{}/", entry.name)).strong()
    } else {
        RichText::new(&entry.name)
    };
    let mut button = egui::Button::selectable(chosen, text);
    if !entry.is_folder {
        button = button.right_text(
            RichText::new(bytes(entry.bytes))
                .size(12.0)
                .color(tokens.faint),
        );
    }
    let button = button
        .truncate()
        .min_size(vec2(ui.available_width(), ROW - 2.0));
    let response = ui.add(button);
    if response.clicked() {
        go(if entry.is_folder {
            BrowseCommand::Go(browser.folder.join(&entry.name))
        } else {
            BrowseCommand::Name(entry.name.clone())
        });
    }
    if response.double_clicked() && !entry.is_folder && !browser.purpose.saves() {
        go(BrowseCommand::Choose);
    }
}

/// A file's size in words.
fn bytes(n: u64) -> String {
    match n {
        0..=999 => format!("{n} B"),
        1_000..=999_999 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..=999_999_999 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}
