//! Right: that the open slide is not scored, what it would be scored with, and the button for it.

use egui::{Label, ProgressBar, RichText, Ui};

use super::{Panel, PanelContext, Place, card, faint, item, title};
use crate::command::{Command, Commands};
use crate::state::{OpenItem, ScoreJob, WorkSource};
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "unscored",
    place: Place::Right,
    ui: unscored_ui,
};

fn unscored_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let session = context.session;
    let Some((entry, open)) = session.open_item() else {
        return;
    };
    let WorkSource::Slide { path } = &entry.source else {
        return;
    };
    title(ui, "Not scored yet");
    card(ui, |ui| {
        let text = "There is no score of this slide and no suggested next step. Draw the tumour and fill in the case first: it is scored with both.";
        ui.add(Label::new(text).wrap());
        ui.add_space(4.0);
        for line in scored_with(open) {
            item(ui, &line);
        }
        let slide = open.slide.ready();
        if slide.is_some_and(|slide| slide.mpp.is_none()) {
            let text = format!(
                "The file does not say how large its pixels are, and without that it is not scored. Give the size on the command line, such as: pantrk score --mpp 0.25 --out results {}",
                path.display()
            );
            let text = RichText::new(text).color(tokens::of(ui).warning);
            ui.add(Label::new(text).wrap());
        }
        ui.add_space(6.0);
        match session.scoring.get(path) {
            Some(job) => job_ui(ui, job, || Command::CancelScoring(path.clone()), out),
            None if session.can_score => {
                let button = egui::Button::new(RichText::new("Score this slide").strong());
                if ui.add(button).clicked() {
                    out.push(Command::Score(open.index));
                }
            }
            None => faint(ui, "This window scores nothing; use pantrk score."),
        }
    });
}

/// What the score would take into account.
fn scored_with(open: &OpenItem) -> [String; 2] {
    let tumour = open.review.regions.regions.has_tumour();
    let regions = if tumour {
        "Cells count within the tumour that is drawn."
    } else {
        "No tumour is drawn: every cell in tissue would count."
    };
    let case = match open.review.case.tumour_type.as_deref() {
        Some(id) => format!("Tumour type: {}.", super::tumour_name(Some(id))),
        None => "The tumour type is not given; what to do next depends on it.".to_owned(),
    };
    [regions.to_owned(), case]
}

fn job_ui(ui: &mut Ui, job: &ScoreJob, cancel: impl FnOnce() -> Command, out: &mut Commands) {
    let text = if job.running {
        "What is drawn or filled in from now on is taken over when the score is there."
    } else {
        "It waits for its turn, and is scored with what is drawn and filled in by then."
    };
    ui.horizontal(|ui| {
        let width = (ui.available_width() - 70.0).max(60.0);
        ui.add(
            ProgressBar::new(job.share())
                .desired_width(width)
                .text(job.text()),
        );
        if ui.button("Cancel").clicked() {
            out.push(cancel());
        }
    });
    faint(ui, text);
}
