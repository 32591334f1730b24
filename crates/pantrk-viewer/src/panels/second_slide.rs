//! The list from which a second slide is chosen, such as the H&E.

use std::ffi::OsStr;
use std::path::Path;

use egui::text::LayoutJob;
use egui::{FontId, Rect, Sense, Ui, Vec2, WidgetInfo, vec2};

use super::{PanelContext, cut, thumbnail_ui};
use crate::command::{Command, Commands};
use crate::state::{OpenItem, Session, WorkItem, WorkSource};
use crate::tokens;

/// Width of the list, points.
const BESIDE: f32 = 330.0;
/// Height of a row, points.
const BESIDE_ROW: f32 = 46.0;

/// A second slide, where there is one to choose.
pub(super) fn beside_ui(
    ui: &mut Ui,
    context: &PanelContext<'_>,
    open: &OpenItem,
    out: &mut Commands,
) {
    if context.session.worklist.len() < 2 {
        return;
    }
    let shown = open.beside.as_ref().map(|beside| beside.index);
    let menu = ui.menu_button("Beside", |ui| {
        ui.set_width(BESIDE.min(ui.ctx().content_rect().width() - 40.0));
        if shown.is_some() && ui.button("Close the second slide").clicked() {
            out.push(Command::Beside(None));
            ui.close();
        }
        let places = others(context.session, open.index);
        let height = 0.7 * ui.ctx().content_rect().height();
        egui::ScrollArea::vertical()
            .max_height(height.min(460.0))
            .show_rows(ui, BESIDE_ROW, places.len(), |ui, rows| {
                for &index in places.get(rows).unwrap_or_default() {
                    if choice_ui(ui, context.session, (index, shown == Some(index)), out) {
                        out.push(Command::Beside(Some(index)));
                        ui.close();
                    }
                }
            });
    });
    let hint = "A second slide, such as the H&E, beside the open one; both move together";
    menu.response.on_hover_text(hint);
}

/// Entries that can be shown beside the open one: those of its folder first, for there its other stains lie.
fn others(session: &Session, open: usize) -> Vec<usize> {
    let list = &session.worklist;
    let folder = |index: usize| list.get(index).and_then(slide_path).and_then(Path::parent);
    let here = folder(open);
    let shown =
        |index: &usize| *index != open && !matches!(list[*index].source, WorkSource::Broken { .. });
    let mut places: Vec<usize> = (0..list.len()).filter(shown).collect();
    places.sort_by_key(|&index| (here.is_none() || folder(index) != here, &list[index].id));
    places
}

/// The slide's file.
fn slide_path(item: &WorkItem) -> Option<&Path> {
    match &item.source {
        WorkSource::Slide { path } => Some(path),
        WorkSource::Result { result, .. } => Some(Path::new(&result.slide.path)),
        WorkSource::Broken { .. } => None,
    }
}

/// A slide that can be chosen: its picture, its name, and what tells it from others of that name; whether it was.
fn choice_ui(
    ui: &mut Ui,
    session: &Session,
    (index, chosen): (usize, bool),
    out: &mut Commands,
) -> bool {
    let Some(item) = session.worklist.get(index) else {
        return false;
    };
    let tokens = tokens::of(ui);
    let size = vec2(ui.available_width(), BESIDE_ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let facts = facts_of(session, item);
    let spoken = format!("{}: {facts}", item.id);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, chosen, &spoken));
    if !ui.is_rect_visible(rect) {
        return response.clicked();
    }
    let fill = match (chosen, response.hovered() || response.has_focus()) {
        (true, _) => tokens.card_selected,
        (false, true) => tokens.card_hovered,
        (false, false) => tokens.card,
    };
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, 4, fill);
    let room = Rect::from_min_size(rect.min + vec2(4.0, 4.0), Vec2::splat(BESIDE_ROW - 8.0));
    thumbnail_ui(&painter, (session, item, index), room, out);
    let left = room.right() + 8.0;
    for (text, size, colour, y) in [
        (item.id.as_str(), 14.0, tokens.ink, 14.0),
        (facts.as_str(), 11.5, tokens.faint, 33.0),
    ] {
        let font = FontId::proportional(size);
        let line = LayoutJob::simple_singleline(text.to_owned(), font, colour);
        let sides = (left, rect.right() - 6.0);
        cut(&painter, sides, rect.top() + y, line, colour);
    }
    let path = item.place().map(|place| place.display().to_string());
    response.on_hover_text(path.unwrap_or_default()).clicked()
}

/// What tells an entry from others of its name.
fn facts_of(session: &Session, item: &WorkItem) -> String {
    let path = slide_path(item);
    let file = path.and_then(Path::file_name);
    let folder = path.and_then(Path::parent).and_then(Path::file_name);
    let named = |name: Option<&OsStr>| name.map(|name| name.to_string_lossy().into_owned());
    // As in its row: what was signed is what is said of it.
    let mut parts = match session.said(item) {
        Some(said) => vec![
            super::tumour_name(said.now.tumour_type).to_owned(),
            said.now.call_text(),
        ],
        None => vec!["not scored".to_owned()],
    };
    parts.extend(named(file));
    parts.extend(named(folder).map(|folder| format!("in {folder}")));
    parts.join("; ")
}
