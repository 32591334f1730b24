//! Commands and answers of the review: thresholds, case facts, corrected cells, the score as it would be.

use std::sync::Arc;

use crate::command::ReviewCommand;
use crate::drawing::geojson;
use crate::history::Hold;
use crate::jobs::{LiveAnswer, scored_mpp};
use crate::state::WorkSource;

use super::Viewer;
use super::notices::UNDO;

impl Viewer {
    pub(super) fn review_command(&mut self, command: ReviewCommand) {
        if self.session.is_locked() && !matches!(command, ReviewCommand::Compartment(_)) {
            self.refuse_signed();
            return;
        }
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let review = &mut open.review;
        match command {
            ReviewCommand::Thresholds(thresholds) => review.set_thresholds(thresholds),
            ReviewCommand::ResetThresholds => review.set_thresholds(review.scored_thresholds),
            ReviewCommand::Compartment(compartment) => {
                review.compartment = compartment;
                review.touch();
            }
            ReviewCommand::Case(case) => review.set_case(*case),
            ReviewCommand::ResetCase => review.set_case(review.scored_case.clone()),
            ReviewCommand::PixelSize(mpp) => {
                review.given_mpp = mpp;
                review.touch();
                open.take_pixel_size();
            }
            ReviewCommand::Correct(row, correction) => review.set_correction(row, correction),
            // What is under way goes first.
            ReviewCommand::Undo if open.gesture.is_some() => open.gesture = None,
            ReviewCommand::Undo => {
                let word = review.undo();
                self.told_undo(UNDO[0], word);
            }
            ReviewCommand::Redo => {
                let word = review.redo();
                self.told_undo(UNDO[1], word);
            }
        }
    }

    /// What was taken back may be out of sight, so it is told.
    fn told_undo(&mut self, what: &str, word: Option<String>) {
        if let Some(word) = word {
            self.inform_of_undo(what, &word);
        }
    }

    /// What holds the changes together that the hands make now: one drag, or one field.
    pub(super) fn mind_hold(&mut self, ctx: &egui::Context) {
        let (since, released) = ctx.input(|i| {
            let pointer = &i.pointer;
            (pointer.press_start_time(), pointer.any_released())
        });
        let focus = ctx.memory(egui::Memory::focused).map(Hold::Focus);
        if let Some(open) = self.session.open.as_mut() {
            let hold = &mut open.review.hold;
            *hold = match (since, *hold) {
                (Some(since), _) => Some(Hold::Press(since.to_bits())),
                // What the last frame of a drag changes belongs to it.
                (None, Some(Hold::Press(press))) if released => Some(Hold::Press(press)),
                (None, _) if released => None,
                (None, _) => focus,
            };
        }
    }

    /// Asks for the score as it would be, where something changed and no answer is on its way.
    pub(super) fn ask_for_score(&mut self) {
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let item = self.session.worklist.get(open.index);
        let Some(WorkSource::Result { result, .. }) = item.map(|item| &item.source) else {
            return;
        };
        let (Some(cells), Some(mpp)) = (open.cells.ready(), scored_mpp(result)) else {
            return;
        };
        let request = open.review.request(open.opening, cells, result, mpp);
        if let Some(request) = request {
            let revision = request.revision;
            if self.live.ask(request).is_ok() {
                open.review.asked(revision);
            }
        }
    }

    pub(super) fn take_score(&mut self, answer: LiveAnswer) {
        if let Some(open) = self.opened(answer.opening) {
            open.review.live = Some(answer);
        }
    }

    /// The regions that the slide was scored with.
    pub(super) fn take_regions(&mut self, opening: u64, text: &str) {
        let Some(open) = self.opened(opening) else {
            return;
        };
        let Some(slide) = open.slide.ready() else {
            return;
        };
        match geojson::from_geojson(text, slide.size()) {
            Ok(shapes) => {
                open.review.drawing.set_base(shapes);
                open.review.take_regions();
            }
            Err(error) => self.fail(format!(
                "The regions in the result's folder cannot be shown: {error}"
            )),
        }
    }

    /// Every cell's chosen place is checked against the layer that is there.
    pub(super) fn choose_cell(&mut self, place: Option<usize>) {
        if let Some(open) = self.session.open.as_mut() {
            let there = open
                .cells
                .ready()
                .map(Arc::as_ref)
                .map_or(0, |c| c.layer.len());
            open.chosen_cell = place.filter(|&place| place < there);
        }
    }
}
