//! Left: all that can be opened, with the result, the next step and the review of each.

use egui::{
    Align2, Color32, FontId, Id, Rect, Sense, Stroke, StrokeKind, TextEdit, Ui, WidgetInfo, pos2,
    vec2,
};
use pantrk_store::ReviewState;

use super::{Panel, PanelContext, Place, capital, faint, title};
use crate::command::{Command, Commands};
use crate::icon::flag_icon;
use crate::state::{Load, ScoreJob, Session, WorkItem, WorkSource};
use crate::tokens::{self, Tokens};
use crate::worklist::{Filter, SortBy, call_text, shown};

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "worklist",
    place: Place::Left,
    ui: worklist_ui,
};

/// A row's height, in points.
const ROW: f32 = 74.0;
/// The thumbnail's room within a row.
const THUMBNAIL: f32 = 58.0;
/// What the search field is called for those who hear it.
pub(crate) const SEARCH: &str = "Search the worklist";

fn worklist_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let count = session.worklist.len();
    title(ui, "Worklist");
    if count > 1 {
        controls_ui(ui, context, out);
    }
    let order = (context.settings.sort, context.settings.filter);
    let places = shown(session, order);
    faint(ui, summary(session, places.len()));
    queue_ui(ui, session, out);
    ui.add_space(2.0);
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
        .hint_text("search: slide, tumour, step, rule")
        .desired_width(f32::INFINITY);
    let response = ui.add(field);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::TextInput, true, SEARCH));
    let wanted = ui.input_mut(|i| i.consume_key(egui::Modifiers::COMMAND, egui::Key::F));
    if wanted {
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
                    if ui.selectable_label(filter == value, word).clicked() {
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
                    if ui.selectable_label(sort == value, word).clicked() {
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
    let unscored = session
        .worklist
        .iter()
        .filter(|item| matches!(item.source, WorkSource::Slide { .. }))
        .count();
    let waiting = session.scoring.len();
    if unscored > 0 && session.can_score && waiting < unscored {
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
    if let Some(open) = open.filter(|&open| unscored > 1 && can_be_scored(session, open))
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

/// Whether an entry is a slide without a score that does not wait for one.
fn can_be_scored(session: &Session, index: usize) -> bool {
    let source = session.worklist.get(index).map(|item| &item.source);
    matches!(source, Some(WorkSource::Slide { path })
        if session.can_score && !session.scoring.contains_key(path))
}

fn row_menu(ui: &mut Ui, (session, item, index): (&Session, &WorkItem, usize), out: &mut Commands) {
    let waits = item
        .place()
        .filter(|place| session.scoring.contains_key(*place));
    if let Some(path) = waits {
        if ui.button("Take out of the queue").clicked() {
            out.push(Command::CancelScoring(path.to_path_buf()));
            ui.close();
        }
    } else if can_be_scored(session, index) && ui.button("Score this slide").clicked() {
        out.push(Command::Score(index));
        ui.close();
    }
    let some = session.open.is_some() && !matches!(item.source, WorkSource::Broken { .. });
    let beside = egui::Button::new("Show beside the open slide");
    if ui.add_enabled(some, beside).clicked() {
        out.push(Command::Beside(Some(index)));
        ui.close();
    }
}

fn row_ui(ui: &mut Ui, (session, item, index): (&Session, &WorkItem, usize), out: &mut Commands) {
    let tokens = tokens::of(ui);
    let open = session.open.as_ref().is_some_and(|o| o.index == index);
    let size = vec2(ui.available_width(), ROW);
    // Named after the slide: a click finds its row although the list above it has changed meanwhile.
    let (_, rect) = ui.allocate_space(size);
    // Slides of one name may lie in several folders.
    let id = Id::unique(("worklist row", &item.id, item.place()));
    let response = ui.interact(rect, id, Sense::click());
    let mark = session.mark(item);
    let spoken = spoken(item, mark);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, open, &spoken));
    if !ui.is_rect_visible(rect) {
        return;
    }
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
    let card = rect.shrink2(vec2(0.0, 2.0));
    ui.painter().rect(card, 6, fill, stroke, StrokeKind::Inside);
    let place = item.place();
    match place.map(|place| session.thumbnails.get(place)) {
        Some(None) => out.push(Command::WantThumbnail(index)),
        Some(Some(Load::Ready(texture))) => {
            let room = Rect::from_min_size(
                card.min + vec2(6.0, (card.height() - THUMBNAIL) / 2.0),
                vec2(THUMBNAIL, THUMBNAIL),
            );
            let size = texture.size_vec2();
            let scale = (room.width() / size.x).min(room.height() / size.y);
            let place = Rect::from_center_size(room.center(), size * scale);
            ui.painter()
                .image(texture.id(), place, super::UV, Color32::WHITE);
        }
        Some(Some(_)) | None => {}
    }
    let job = place.and_then(|place| session.scoring.get(place));
    paint_row(ui, card, (item, mark, job), tokens);
    let response = response.on_hover_text(hover_text(item));
    response.context_menu(|ui| row_menu(ui, (session, item, index), out));
    if response.clicked() {
        out.push(Command::Open(index));
    }
}

fn paint_row(
    ui: &Ui,
    rect: Rect,
    (item, mark, job): (&WorkItem, ReviewState, Option<&ScoreJob>),
    tokens: &Tokens,
) {
    let painter = ui.painter().with_clip_rect(rect.shrink2(vec2(8.0, 0.0)));
    let left = rect.left() + THUMBNAIL + 14.0;
    let right = rect.right() - 10.0;
    let lines = [16.0, 35.0, 54.0].map(|y| rect.top() + y);
    let name = FontId::proportional(14.5);
    let small = FontId::proportional(12.5);
    let room = painter.with_clip_rect(rect.with_max_x(right - 74.0).with_min_x(left));
    room.text(
        pos2(left, lines[0]),
        Align2::LEFT_CENTER,
        &item.id,
        name,
        tokens.ink,
    );
    let colour = match mark {
        ReviewState::New => tokens.faint,
        ReviewState::InReview => tokens.accent,
        ReviewState::Returned => tokens.warning,
        ReviewState::Signed => tokens.ink,
    };
    let word = mark.label();
    painter.text(
        pos2(right, lines[0]),
        Align2::RIGHT_CENTER,
        word,
        FontId::proportional(11.5),
        colour,
    );
    let Some(result) = item.result() else {
        let colour = match item.source {
            WorkSource::Broken { .. } => tokens.warning,
            _ => tokens.faint,
        };
        let text = job.map_or_else(|| state_of(item).to_owned(), ScoreJob::text);
        painter.text(
            pos2(left, lines[1]),
            Align2::LEFT_CENTER,
            text,
            small,
            colour,
        );
        return;
    };
    // The next step first: it is what the list is read for.
    let flag = &result.triage.flag;
    let icon = Rect::from_center_size(pos2(left + 6.0, lines[1]), vec2(12.0, 12.0));
    flag_icon(&painter, icon, flag, tokens);
    let step = painter.text(
        pos2(left + 18.0, lines[1]),
        Align2::LEFT_CENTER,
        &flag.word,
        small.clone(),
        tokens.ink,
    );
    let call = painter.layout_no_wrap(call_text(result), small, tokens.faint);
    let at = pos2(right - call.size().x, lines[1] - call.size().y / 2.0);
    let beside = at.x > step.right() + 8.0;
    let warnings = result.quality.warnings.len() + result.triage.warnings.len();
    let mut end = right;
    if warnings > 0 {
        let text = format!("! {warnings}");
        let at = pos2(right, lines[2]);
        let font = FontId::proportional(11.5);
        let warned = painter.text(at, Align2::RIGHT_CENTER, text, font, tokens.warning);
        end = warned.left() - 8.0;
    }
    let tumour = super::tumour_name(result.triage.tumour_type.as_deref());
    let third = if beside {
        painter.galley(at, call, tokens.faint);
        tumour.to_owned()
    } else {
        format!("{}; {tumour}", call_text(result))
    };
    let mut job =
        egui::text::LayoutJob::simple_singleline(third, FontId::proportional(11.5), tokens.faint);
    job.wrap = egui::text::TextWrapping::truncate_at_width(end - left);
    let third = painter.layout_job(job);
    let at = pos2(left, lines[2] - third.size().y / 2.0);
    painter.galley(at, third, tokens.faint);
}

fn state_of(item: &WorkItem) -> &'static str {
    match item.source {
        WorkSource::Slide { .. } => "slide, not scored",
        WorkSource::Broken { .. } => "the result cannot be read",
        WorkSource::Result { .. } => "scored",
    }
}

/// The row in words, for those who hear it.
fn spoken(item: &WorkItem, mark: ReviewState) -> String {
    let review = match mark {
        ReviewState::New => String::new(),
        mark => format!("; {}", mark.label()),
    };
    match item.result() {
        Some(result) => format!(
            "{}: {}; {}{review}",
            item.id,
            call_text(result),
            result.triage.flag.word
        ),
        None => format!("{}: {}{review}", item.id, state_of(item)),
    }
}

fn hover_text(item: &WorkItem) -> String {
    match &item.source {
        WorkSource::Slide { path } => path.display().to_string(),
        WorkSource::Broken { reason } => reason.clone(),
        WorkSource::Result { folder, result } => {
            let mut lines = vec![
                result.triage.action.label().to_owned(),
                capital(&call_text(result)),
            ];
            let of_slide = result.quality.warnings.iter().map(|w| w.message.clone());
            lines.extend(of_slide.chain(result.triage.warnings.clone()).take(6));
            lines.push(folder.display().to_string());
            lines.join("\n")
        }
    }
}
