//! Right: that the open slide is not scored, what it would be scored with, and the button for it.

use egui::{Label, ProgressBar, RichText, TextEdit, Ui};
use pantrk_core::pipeline::COARSEST_MPP;
use pantrk_space::MicronsPerPixel;

use super::again::SCORE;
use super::{Panel, PanelContext, Place, card, faint, item, title, warning};
use crate::command::{Command, Commands, ReviewCommand};
use crate::review::Review;
use crate::state::{OpenItem, ScoreJob, WorkSource};

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
        let lacks_size = open
            .slide
            .ready()
            .is_some_and(|slide| slide.reader.mpp().is_none());
        if lacks_size {
            pixel_size_ui(ui, &open.review, out);
        }
        ui.add_space(6.0);
        match session.scoring.get(path) {
            Some(job) => job_ui(ui, job, || Command::CancelScoring(path.clone()), out),
            None if session.can_score => {
                let can = !lacks_size || open.review.given_mpp.is_some();
                let button = egui::Button::new(RichText::new(SCORE).strong());
                let button = ui.add_enabled(can, button);
                if button.on_disabled_hover_text(SIZE_FIRST).clicked() {
                    out.push(Command::Score(open.index));
                }
            }
            None => faint(ui, "This window scores nothing; use pantrk score."),
        }
    });
}

/// Why a slide cannot be scored yet.
const SIZE_FIRST: &str = "Say how large its pixels are first.";

/// The pixel size of a file that does not say it; never a guess.
fn pixel_size_ui(ui: &mut Ui, review: &Review, out: &mut Commands) {
    let text = "The file does not say how large its pixels are, and without that it is not scored: give it as the scanner's settings have it.";
    warning(ui, text);
    let id = ui.scope_id().with("pixel size text");
    let given = review.given_mpp.map(MicronsPerPixel::get);
    let shown = given.map_or_else(String::new, |um| um.to_string());
    let kept = ui.data(|data| data.get_temp::<String>(id));
    let mut text = kept.unwrap_or(shown);
    ui.horizontal(|ui| {
        let label = ui.label(RichText::new("Pixel size").size(12.5)).id;
        let field = TextEdit::singleline(&mut text)
            .hint_text("0.25")
            .desired_width(70.0);
        let field = ui.add(field).labelled_by(label);
        faint(ui, "µm");
        if field.changed() {
            let mpp = pixel_size(&text);
            ui.data_mut(|data| data.insert_temp(id, text.clone()));
            if mpp != review.given_mpp {
                out.review(ReviewCommand::PixelSize(mpp));
            }
        }
    });
    if !text.trim().is_empty() && pixel_size(&text).is_none() {
        let text = format!(
            "A number from {FINEST_MPP} to {COARSEST_MPP} µm is wanted: at coarser pixels no nuclei can be seen."
        );
        warning(ui, text);
    }
}

/// No microscope resolves finer pixels than this, um.
const FINEST_MPP: f64 = 0.05;

/// A pixel size that a slide can be scored with.
fn pixel_size(text: &str) -> Option<MicronsPerPixel> {
    let um: f64 = text.trim().replace(',', ".").parse().ok()?;
    let mpp = MicronsPerPixel::new(um)?;
    (FINEST_MPP..=COARSEST_MPP).contains(&um).then_some(mpp)
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

/// How the scoring of the open slide goes, and a button that stops it.
pub(super) fn job_ui(
    ui: &mut Ui,
    job: &ScoreJob,
    cancel: impl FnOnce() -> Command,
    out: &mut Commands,
) {
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
