//! Left: all that can be opened, with the result, the next step and the review of each.

use egui::{Label, RichText, TextEdit, Ui, WidgetInfo};

use super::row::{ROW, row_ui};
use super::{Panel, PanelContext, Place, choice_ui, faint, hint};
use crate::command::{Command, Commands};
use crate::state::{Session, WorkSource};
use crate::tokens;
use crate::worklist::{Filter, SortBy, shown};

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "worklist",
    place: Place::Left,
    ui: worklist_ui,
};

/// What the search field is called for those who hear it.
pub(crate) const SEARCH: &str = "Search the worklist";

fn worklist_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let count = session.worklist.len();
    let order = (context.settings.sort, context.settings.filter);
    let places = shown(session, order);
    let text = summary(session, places.len());
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Worklist").size(15.0).strong());
        if count > 0 {
            let colour = tokens::of(ui).faint;
            let text = RichText::new(text.as_str()).size(12.0).color(colour);
            ui.add(Label::new(text).truncate());
        }
    });
    if count > 1 {
        controls_ui(ui, context, out);
    }
    if count == 0 {
        faint(ui, text);
    }
    queue_ui(ui, session, out);
    ui.add_space(2.0);
    // Rows part by their own margin.
    ui.spacing_mut().item_spacing.y = 0.0;
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show_rows(ui, ROW, places.len(), |ui, rows| {
            for place in rows {
                let Some(&index) = places.get(place) else {
                    continue;
                };
                if let Some(item) = session.worklist.get(index) {
                    row_ui(ui, (session, item, index), out);
                }
            }
        });
}

fn summary(session: &Session, shown: usize) -> String {
    let count = session.worklist.len();
    match (session.scanning, count) {
        (true, _) => format!("looking through folders, {count} so far"),
        (false, 0) => "Nothing here: drop slides or result folders on this window, or start as in: pantrk view results".to_owned(),
        (false, 1) => "1 slide".to_owned(),
        (false, _) if shown < count => format!("{shown} of {count} slides"),
        (false, _) => format!("{count} slides"),
    }
}

fn controls_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let mut search = context.session.search.clone();
    let field = TextEdit::singleline(&mut search)
        .hint_text(hint(ui, "search: slide, tumour, step, rule"))
        .desired_width(f32::INFINITY);
    let response = ui.add(field);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, SEARCH));
    let wanted = |i: &mut egui::InputState| i.consume_key(egui::Modifiers::COMMAND, egui::Key::F);
    if context.keys && ui.input_mut(wanted) {
        response.request_focus();
    }
    if response.changed() {
        out.push(Command::Search(search));
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let half = (ui.available_width() - 8.0) / 2.0;
        let filter = context.settings.filter;
        let word = Filter::ALL.iter().find(|(f, _)| *f == filter);
        egui::ComboBox::from_id_salt("filter")
            .selected_text(word.map_or("", |(_, word)| word))
            .width(half)
            .truncate()
            .show_ui(ui, |ui| {
                for (value, word) in Filter::ALL {
                    if choice_ui(ui, filter == value, word) {
                        out.push(Command::Filter(value));
                    }
                }
            })
            .response
            .widget_info(|| {
                WidgetInfo::labeled(egui::Role::ComboBox, true, "Show of the worklist")
            });
        let sort = context.settings.sort;
        let word = SortBy::ALL.iter().find(|(s, _)| *s == sort);
        egui::ComboBox::from_id_salt("sort")
            .selected_text(format!("by {}", word.map_or("", |(_, word)| word)))
            .width(half)
            .truncate()
            .show_ui(ui, |ui| {
                for (value, word) in SortBy::ALL {
                    if choice_ui(ui, sort == value, word) {
                        out.push(Command::Sort(value));
                    }
                }
            })
            .response
            .widget_info(|| {
                WidgetInfo::labeled(egui::Role::ComboBox, true, "Order of the worklist")
            });
    });
}

/// What is being scored and what waits for it.
fn queue_ui(ui: &mut Ui, session: &Session, out: &mut Commands) {
    let list = session.worklist.iter().enumerate();
    let slides = list.filter(|(_, item)| matches!(item.source, WorkSource::Slide { .. }));
    let (free, waiting): (Vec<_>, Vec<_>) =
        slides.partition(|&(index, _)| session.can_be_scored(index));
    let unscored = free.len() + waiting.len();
    let waiting = session.scoring.len();
    if !free.is_empty() {
        let word = if unscored == 1 {
            "Score the slide".to_owned()
        } else {
            format!("Score all {unscored} unscored slides")
        };
        if ui.button(word).clicked() {
            out.push(Command::ScoreAll);
        }
    }
    // With one there is, the button above is for it.
    let open = session.open.as_ref().map(|open| open.index);
    if let Some(open) = open.filter(|&open| unscored > 1 && session.can_be_scored(open))
        && ui.button("Score the open slide").clicked()
    {
        out.push(Command::Score(open));
    }
    if let Some((path, job)) = session.scoring.iter().find(|(_, job)| job.running) {
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 70.0).max(60.0);
            let bar = egui::ProgressBar::new(job.share())
                .desired_width(width)
                .text(format!("{}: {}", job.id, job.stage));
            ui.add(bar);
            if ui.button("Cancel").clicked() {
                out.push(Command::CancelScoring(path.clone()));
            }
        });
        if waiting > 1 {
            ui.horizontal(|ui| {
                faint(ui, format!("{} more in the queue", waiting - 1));
                if ui.small_button("Cancel all").clicked() {
                    for path in session.scoring.keys() {
                        out.push(Command::CancelScoring(path.clone()));
                    }
                }
            });
        }
    }
}
