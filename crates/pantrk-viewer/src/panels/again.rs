//! Scoring a slide again: the button beside the score, and what is asked before a review is touched by it.

use egui::{Button, Label, RichText, Ui};

use super::unscored::job_ui;
use super::{PanelContext, item, tumour_name};
use crate::command::{Command, Commands};
use crate::state::{OpenItem, WorkItem};

/// What the button for a slide without a score says.
pub(super) const SCORE: &str = "Score this slide";
/// What that for a scored slide says.
pub(super) const AGAIN: &str = "Score again ...";

/// For the open slide: the button, or how far its scoring is.
pub(super) fn again_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let Some((entry, open)) = session.open_item() else {
        return;
    };
    let job = entry
        .place()
        .map(|place| (place, session.scoring.get(place)));
    if let Some((place, Some(job))) = job {
        job_ui(ui, job, || Command::CancelScoring(place.to_path_buf()), out);
    } else if session.can_be_scored_again(open.index) {
        let button = ui.button(AGAIN);
        if button
            .on_hover_text("With the regions that are drawn and the case as it is filled in now")
            .clicked()
        {
            out.push(Command::ScoreAgain(open.index));
        }
    }
}

/// Asks whether a slide with a review is scored again, and says what becomes of the review.
pub(crate) fn ask_ui(ui: &Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let Some(place) = &session.ask_again else {
        return;
    };
    let mut list = session.worklist.iter().enumerate();
    let Some((index, entry)) = list.find(|(_, item)| item.place() == Some(place)) else {
        return;
    };
    let open = session.open.as_ref().filter(|open| open.index == index);
    let modal = egui::Modal::new(egui::Id::unique("score again")).show(ui.ctx(), |ui| {
        ui.set_width(470.0);
        question_ui(ui, (entry, open), out);
    });
    if modal.should_close() {
        out.push(Command::AnswerAgain(false));
    }
}

/// The question.
pub(crate) fn question_ui(
    ui: &mut Ui,
    (entry, open): (&WorkItem, Option<&OpenItem>),
    out: &mut Commands,
) {
    let title = format!("Score {} again?", entry.id);
    ui.label(RichText::new(title).size(16.0).strong());
    ui.add_space(2.0);
    let text = "The slide is scored anew, and its new result takes the place of the one there is. That one stays until the new one is done.";
    ui.add(Label::new(text).wrap());
    ui.add_space(4.0);
    for line in consequences(open) {
        item(ui, &line);
    }
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        let again = Button::new(RichText::new("Score again").strong());
        if ui.add(again).clicked() {
            out.push(Command::AnswerAgain(true));
        }
        if ui.button("Cancel").clicked() {
            out.push(Command::AnswerAgain(false));
        }
    });
}

/// What becomes of the review.
fn consequences(open: Option<&OpenItem>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(open) = open {
        let review = &open.review;
        let regions = if review.regions.regions.has_tumour() {
            "cells count within the Tumor regions that are drawn now"
        } else {
            "no Tumor region is drawn, so every cell in tissue counts"
        };
        lines.push(format!(
            "It is scored with what is drawn and filled in now: {regions}; {}.",
            tumour_name(review.case.tumour_type.as_deref())
        ));
    } else {
        lines.push("It is scored with what is drawn and filled in now.".to_owned());
    }
    lines.push("Regions, case facts, thresholds and the trail stay.".to_owned());
    let whose = "they are cells of the result there is, and would be others in the new one. The trail tells what they were.";
    match open.map(|open| open.review.corrections.cells.len()) {
        Some(0) => {}
        Some(n) => lines.push(format!("Corrected cells ({n}) are left out: {whose}")),
        None => lines.push(format!("Corrected cells are left out: {whose}")),
    }
    lines
}
