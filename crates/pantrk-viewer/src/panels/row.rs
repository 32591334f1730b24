//! One row of the worklist: the slide, what is said of it, and how far its review is.

use egui::{
    Align2, FontId, Id, Painter, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    vec2,
};
use pantrk_store::{ReviewState, SlideResult};

use super::again::{AGAIN, SCORE};
use super::{capital, cut, thumbnail_ui};
use crate::command::{Command, Commands};
use crate::icon::{flag_icon, pen_icon};
use crate::reading::{Reading, Said};
use crate::state::{ScoreJob, Session, WorkItem, WorkSource};
use crate::tokens::{self, Tokens};

/// A row's height, in points.
pub(super) const ROW: f32 = 60.0;
/// The thumbnail's room within a row.
const THUMBNAIL: f32 = 48.0;
/// The largest text of a row but the slide's name.
const SMALL: f32 = 12.5;
/// The smallest.
const TINY: f32 = 11.5;

/// An entry with what is said of it.
struct Row<'a> {
    session: &'a Session,
    item: &'a WorkItem,
    index: usize,
    mark: ReviewState,
    said: Option<Said<'a>>,
}

pub(super) fn row_ui(
    ui: &mut Ui,
    (session, item, index): (&Session, &WorkItem, usize),
    out: &mut Commands,
) {
    let row = Row {
        session,
        item,
        index,
        mark: session.mark(item),
        said: session.said(item),
    };
    let open = session.open.as_ref().is_some_and(|o| o.index == index);
    let size = vec2(ui.available_width(), ROW);
    // Named after the slide: a click finds its row although the list above it has changed meanwhile.
    let (_, rect) = ui.allocate_space(size);
    // Slides of one name may lie in several folders.
    let id = Id::unique(("worklist row", &item.id, item.place()));
    let response = ui.interact(rect, id, Sense::click());
    let spoken = row.spoken();
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, open, &spoken));
    if !ui.is_rect_visible(rect) {
        return;
    }
    let card = card_ui(ui, rect, &response, open);
    let room = Rect::from_min_size(
        card.min + vec2(6.0, (card.height() - THUMBNAIL) / 2.0),
        vec2(THUMBNAIL, THUMBNAIL),
    );
    thumbnail_ui(ui.painter(), (session, item, index), room, out);
    row.paint(ui, card, tokens::of(ui));
    let response = response.on_hover_text(row.hover_text());
    response.context_menu(|ui| row.menu_ui(ui, out));
    if response.clicked() {
        out.push(Command::Open(index));
    }
}

/// The row's ground; gives its room.
fn card_ui(ui: &Ui, rect: Rect, response: &Response, open: bool) -> Rect {
    let tokens = tokens::of(ui);
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
    card
}

impl Row<'_> {
    fn menu_ui(&self, ui: &mut Ui, out: &mut Commands) {
        let place = self.item.place();
        let waits = place.filter(|place| self.session.scoring.contains_key(*place));
        if let Some(path) = waits {
            if ui.button("Take out of the queue").clicked() {
                out.push(Command::CancelScoring(path.to_path_buf()));
                ui.close();
            }
        } else if self.session.can_be_scored(self.index) {
            if ui.button(SCORE).clicked() {
                out.push(Command::Score(self.index));
                ui.close();
            }
        } else if self.session.can_be_scored_again(self.index) && ui.button(AGAIN).clicked() {
            out.push(Command::ScoreAgain(self.index));
            ui.close();
        }
        let broken = matches!(self.item.source, WorkSource::Broken { .. });
        let some = self.session.open.is_some() && !broken;
        let beside = egui::Button::new("Show beside the open slide");
        if ui.add_enabled(some, beside).clicked() {
            out.push(Command::Beside(Some(self.index)));
            ui.close();
        }
    }

    /// How its scoring goes, while it is scored or waits for it.
    fn job(&self) -> Option<&ScoreJob> {
        self.session.scoring.get(self.item.place()?)
    }

    fn is_own(&self) -> bool {
        self.said.is_some_and(|said| said.is_own())
    }

    fn paint(&self, ui: &Ui, rect: Rect, tokens: &Tokens) {
        let painter = ui.painter().with_clip_rect(rect.shrink2(vec2(8.0, 0.0)));
        let left = rect.left() + THUMBNAIL + 14.0;
        let right = rect.right() - 10.0;
        let lines = [12.5, 28.5, 44.0].map(|y| rect.top() + y);
        let end = self.paint_mark(&painter, (right, lines[0]), tokens);
        let name = egui::text::LayoutJob::simple_singleline(
            self.item.id.clone(),
            FontId::proportional(14.5),
            tokens.ink,
        );
        cut(&painter, (left, end - 8.0), lines[0], name, tokens.ink);
        match &self.said {
            Some(said) => self.paint_reading(&painter, said.now, ((left, right), lines), tokens),
            None => self.paint_unscored(&painter, ((left, right), lines), tokens),
        }
    }

    /// How far the review is, with a pen before it where the figures are the pathologist's own; gives where it begins.
    fn paint_mark(&self, painter: &Painter, (right, y): (f32, f32), tokens: &Tokens) -> f32 {
        let colour = match self.mark {
            ReviewState::New => tokens.faint,
            ReviewState::InReview => tokens.accent,
            ReviewState::Returned => tokens.warning,
            ReviewState::Signed => tokens.ink,
        };
        let font = FontId::proportional(TINY);
        let word = self.mark.label();
        let word = painter.text(pos2(right, y), Align2::RIGHT_CENTER, word, font, colour);
        if !self.is_own() {
            return word.left();
        }
        let pen = Rect::from_center_size(pos2(word.left() - 11.0, y), vec2(12.0, 12.0));
        pen_icon(painter, pen, colour);
        pen.left()
    }

    fn paint_unscored(
        &self,
        painter: &Painter,
        ((left, right), lines): ((f32, f32), [f32; 3]),
        tokens: &Tokens,
    ) {
        let colour = match self.item.source {
            WorkSource::Broken { .. } => tokens.warning,
            _ => tokens.faint,
        };
        let text = self
            .job()
            .map_or_else(|| state_of(self.item).to_owned(), ScoreJob::text);
        let at = pos2(left, lines[1]);
        let font = FontId::proportional(SMALL);
        painter.text(at, Align2::LEFT_CENTER, text, font, colour);
        if let Some(tumour) = self.session.tumour_type(self.item) {
            let tumour = super::tumour_name(Some(tumour));
            let tumour = tiny(tumour.to_owned(), tokens);
            cut(painter, (left, right), lines[2], tumour, tokens.faint);
        }
    }

    fn paint_reading(
        &self,
        painter: &Painter,
        reading: Reading<'_>,
        ((left, right), lines): ((f32, f32), [f32; 3]),
        tokens: &Tokens,
    ) {
        // The next step first: it is what the list is read for.
        let flag = reading.action.flag();
        let icon = Rect::from_center_size(pos2(left + 6.0, lines[1]), vec2(12.0, 12.0));
        flag_icon(painter, icon, &flag, tokens);
        let small = FontId::proportional(SMALL);
        let step = painter.text(
            pos2(left + 18.0, lines[1]),
            Align2::LEFT_CENTER,
            &flag.word,
            small.clone(),
            tokens.ink,
        );
        let call = painter.layout_no_wrap(reading.call_text(), small, tokens.faint);
        let at = pos2(right - call.size().x, lines[1] - call.size().y / 2.0);
        let beside = at.x > step.right() + 8.0;
        let result = self.item.result();
        let warnings = result.map_or(0, |r| r.quality.warnings.len() + r.triage.warnings.len());
        let mut end = right;
        if warnings > 0 {
            let text = format!("! {warnings}");
            let at = pos2(right, lines[2]);
            let font = FontId::proportional(TINY);
            let warned = painter.text(at, Align2::RIGHT_CENTER, text, font, tokens.warning);
            end = warned.left() - 8.0;
        }
        let tumour = super::tumour_name(reading.tumour_type);
        // While it is scored again the figures are those of before.
        let job = self.job().map(|job| format!("again: {}", job.text()));
        let tumour = job.as_deref().unwrap_or(tumour);
        let third = if beside {
            painter.galley(at, call, tokens.faint);
            tumour.to_owned()
        } else {
            format!("{}; {tumour}", reading.call_text())
        };
        cut(
            painter,
            (left, end),
            lines[2],
            tiny(third, tokens),
            tokens.faint,
        );
    }

    /// The row in words, for those who hear it.
    fn spoken(&self) -> String {
        let mut text = match &self.said {
            Some(said) => format!(
                "{}: {}; {}",
                self.item.id,
                said.now.call_text(),
                said.now.action.flag().word
            ),
            None => format!("{}: {}", self.item.id, state_of(self.item)),
        };
        if self.mark != ReviewState::New {
            text.push_str("; ");
            text.push_str(self.mark.label());
        }
        if self.is_own() {
            text.push_str("; the pathologist's own");
        }
        text
    }

    fn hover_text(&self) -> String {
        match (&self.item.source, self.said) {
            (WorkSource::Result { folder, result }, Some(said)) => {
                let mut lines = vec![
                    said.now.action.label().to_owned(),
                    capital(&said.now.call_text()),
                ];
                if said.is_own() {
                    lines.extend(self.own_lines(said, result));
                }
                let of_slide = result.quality.warnings.iter().map(|w| w.message.clone());
                lines.extend(of_slide.chain(result.triage.warnings.clone()).take(6));
                lines.push(folder.display().to_string());
                lines.join("\n")
            }
            (WorkSource::Result { folder, .. }, None) => folder.display().to_string(),
            (WorkSource::Slide { path }, _) => path.display().to_string(),
            (WorkSource::Broken { reason }, _) => reason.clone(),
        }
    }

    /// Whose reading it is, and what the program's was.
    fn own_lines(&self, said: Said<'_>, result: &SlideResult) -> Vec<String> {
        let program = said.program;
        let mark = self.session.kept_mark(self.item);
        let by = mark.map_or("", |mark| mark.reviewer.as_str());
        let by = if by.is_empty() {
            String::new()
        } else {
            format!(" by {by}")
        };
        let state = match self.mark {
            // For the moment between the change and its keeping.
            ReviewState::New => "in review",
            mark => mark.label(),
        };
        let tumour = super::tumour_name(said.now.tumour_type);
        let mut lines = vec![
            format!("{}; the pathologist's own, {state}{by}", capital(tumour)),
            format!(
                "The program: {}; {}; {}",
                program.call_text(),
                program.action.flag().word,
                super::tumour_name(program.tumour_type)
            ),
        ];
        if mark.is_some_and(|mark| mark.is_before(result)) {
            lines.push("The slide was scored anew since".to_owned());
        }
        lines
    }
}

fn tiny(text: String, tokens: &Tokens) -> egui::text::LayoutJob {
    egui::text::LayoutJob::simple_singleline(text, FontId::proportional(TINY), tokens.faint)
}

fn state_of(item: &WorkItem) -> &'static str {
    match item.source {
        WorkSource::Slide { .. } => "slide, not scored",
        WorkSource::Broken { .. } => "the result cannot be read",
        WorkSource::Result { .. } => "scored",
    }
}
