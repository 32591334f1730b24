//! Left: all that can be opened, with the result and the next step of each.

use egui::{Align2, FontId, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use pantrk_core::score::IhcResult;
use pantrk_store::SlideResult;

use super::{Panel, PanelContext, Place, capital, faint, title};
use crate::command::{Command, Commands};
use crate::icon::flag_icon;
use crate::state::{WorkItem, WorkSource};
use crate::tokens::{self, Tokens};

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    place: Place::Left,
    ui: worklist_ui,
};

/// A row's height, in points.
const ROW: f32 = 62.0;

fn worklist_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let count = session.worklist.len();
    title(ui, "Worklist");
    faint(
        ui,
        match (session.scanning, count) {
            (true, _) => format!("looking through folders, {count} so far"),
            (false, 0) => {
                "Nothing here: start with slides or result folders, as in: pantrk view results"
                    .to_owned()
            }
            (false, 1) => "1 slide".to_owned(),
            (false, _) => format!("{count} slides"),
        },
    );
    ui.add_space(2.0);
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show_rows(ui, ROW, count, |ui, rows| {
            for index in rows {
                if let Some(item) = session.worklist.get(index) {
                    let open = session.open.as_ref().is_some_and(|o| o.index == index);
                    if row_ui(ui, item, open) {
                        out.push(Command::Open(index));
                    }
                }
            }
        });
}

/// Whether the row was clicked.
fn row_ui(ui: &mut Ui, item: &WorkItem, open: bool) -> bool {
    let tokens = tokens::of(ui);
    let size = vec2(ui.available_width(), ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let spoken = spoken(item);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, open, &spoken));
    if ui.is_rect_visible(rect) {
        let fill = if open {
            tokens.card_selected
        } else if response.hovered() {
            tokens.card_hovered
        } else {
            tokens.card
        };
        let edge = if open || response.has_focus() {
            tokens.accent
        } else {
            tokens.line
        };
        let stroke = Stroke::new(1.0, edge);
        ui.painter().rect(rect, 6, fill, stroke, StrokeKind::Inside);
        paint_row(ui, rect, item, tokens);
    }
    response.on_hover_text(hover_text(item)).clicked()
}

fn paint_row(ui: &Ui, rect: Rect, item: &WorkItem, tokens: &Tokens) {
    let painter = ui.painter().with_clip_rect(rect.shrink2(vec2(6.0, 0.0)));
    let left = rect.left() + 12.0;
    let first = pos2(left, rect.top() + 18.0);
    let second = pos2(left, rect.top() + 43.0);
    let name = FontId::proportional(14.5);
    painter.text(first, Align2::LEFT_CENTER, &item.id, name, tokens.ink);
    let small = FontId::proportional(12.5);
    let Some(result) = item.result() else {
        let colour = match item.source {
            WorkSource::Broken { .. } => tokens.warning,
            _ => tokens.faint,
        };
        painter.text(second, Align2::LEFT_CENTER, state_of(item), small, colour);
        return;
    };
    let call = painter.text(
        second,
        Align2::LEFT_CENTER,
        call_text(result),
        small.clone(),
        tokens.faint,
    );
    let flag = &result.triage.flag;
    let word = painter.layout_no_wrap(flag.word.clone(), small, tokens.ink);
    // On the right where there is room, else straight after the call.
    let x = (rect.right() - 12.0 - word.size().x).max(call.right() + 30.0);
    let icon = Rect::from_center_size(pos2(x - 13.0, second.y), vec2(12.0, 12.0));
    flag_icon(&painter, icon, flag, tokens);
    let top = second.y - word.size().y / 2.0;
    painter.galley(pos2(x, top), word, tokens.ink);
}

/// The IHC result with its percent.
fn call_text(result: &SlideResult) -> String {
    let word = match result.ihc.result {
        IhcResult::NotEvaluable => "not evaluable",
        other => other.name(),
    };
    match &result.compartments {
        Some(scores) => format!("{word}, {:.1} %", scores.any.positive_percent),
        None => word.to_owned(),
    }
}

fn state_of(item: &WorkItem) -> &'static str {
    match item.source {
        WorkSource::Slide { .. } => "slide, not scored",
        WorkSource::Broken { .. } => "the result cannot be read",
        WorkSource::Result { .. } => "scored",
    }
}

/// The row in words, for those who hear it.
fn spoken(item: &WorkItem) -> String {
    match item.result() {
        Some(result) => format!(
            "{}: {}; {}",
            item.id,
            call_text(result),
            result.triage.flag.word
        ),
        None => format!("{}: {}", item.id, state_of(item)),
    }
}

fn hover_text(item: &WorkItem) -> String {
    match &item.source {
        WorkSource::Slide { path } => path.display().to_string(),
        WorkSource::Broken { reason } => reason.clone(),
        WorkSource::Result { folder, result } => format!(
            "{}\n{}\n{}",
            result.triage.action.label(),
            capital(&call_text(result)),
            folder.display()
        ),
    }
}
