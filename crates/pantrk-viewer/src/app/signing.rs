//! Reviews that are kept, signed, sent back and opened again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pantrk_core::score::IhcResult;
use pantrk_report::{ReportOptions, SignOff};
use pantrk_space::LevelSize;
use pantrk_store::{ReviewState, ScoredRun, SlideResult};
use pantrk_triage::Action;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::command::SignCommand;
use crate::draft::Draft;
use crate::drawing::Shape;
use crate::jobs::{FileRequest, ReportRequest, ReviewAnswer, ReviewPlace, ReviewRequest};
use crate::own_step::Proposed;
use crate::reading::{Figures, Mark};
use crate::state::{KeptReview, OpenItem, OpenSlide, WorkItem, WorkSource, file_id};

use super::Viewer;

impl Viewer {
    /// Where the review of an entry is kept: beside the results, or with the user's settings where there is no result.
    pub(super) fn review_place(&self, item: &WorkItem) -> Option<ReviewPlace> {
        let unscored = self.session.unscored_reviews.as_deref();
        let (root, id) = item.review_place(unscored)?;
        Some(ReviewPlace {
            root: root.to_path_buf(),
            slide_id: id.into_owned(),
            run: item.result().map(|result| Box::new(ScoredRun::of(result))),
        })
    }

    /// Where a review of the result's slide was kept before it had one.
    pub(super) fn place_before(&self, item: &WorkItem) -> Option<ReviewPlace> {
        let result = item.result()?;
        Some(ReviewPlace {
            root: self.session.unscored_reviews.clone()?,
            slide_id: file_id(Path::new(&result.slide.path)),
            run: None,
        })
    }

    /// Asks how far the reviews beside a result are, once for each folder.
    pub(super) fn want_marks(&mut self, item: &WorkItem) {
        if let Some(place) = self.review_place(item)
            && !self.marked.contains(&place.root)
        {
            let request = ReviewRequest::Marks(place.root.clone());
            if self.reviews.ask(request).is_ok() {
                self.marked.insert(place.root);
            }
        }
    }

    /// Asks for the review of what was opened.
    pub(super) fn want_review(&mut self) {
        let Some((item, open)) = self.session.open_item() else {
            return;
        };
        let opening = open.opening;
        let before = self.place_before(item);
        match self.review_place(item) {
            Some(place) => drop(self.reviews.ask(ReviewRequest::Load {
                opening,
                place,
                before,
                who: self.who(),
            })),
            // There is nowhere to keep one, so none is kept.
            None => {
                if let Some(open) = self.session.open.as_mut() {
                    open.kept.loaded = true;
                }
            }
        }
    }

    pub(super) fn take_review(&mut self, answer: ReviewAnswer) {
        match answer {
            ReviewAnswer::Trouble(text) => self.fail(text),
            ReviewAnswer::Marks { root, marks } => {
                self.session.marks.entry(root).or_default().extend(marks);
            }
            ReviewAnswer::Review {
                opening,
                place,
                review,
                mark,
                before,
                trail,
                opened,
            } => {
                if let Some(mark) = mark {
                    let marks = self.session.marks.entry(place.root).or_default();
                    marks.insert(place.slide_id, *mark);
                }
                let Some(open) = self.opened(opening) else {
                    return;
                };
                let states = [&open.kept.review, &review].map(|kept| Some(kept.as_ref()?.state));
                let signed = open.kept.review.as_deref();
                let signed = signed.filter(|kept| kept.state == ReviewState::Signed);
                // A reason was given for one step; it is none for the next.
                if states[0] != states[1] && states.contains(&Some(ReviewState::Signed)) {
                    open.opinion.reason.clear();
                }
                // Opened again, it begins with what was signed, as a draft.
                if let Some(signed) = signed
                    && states[1] != Some(ReviewState::Signed)
                {
                    open.opinion = Mark::of(signed).opinion(signed);
                }
                // Opened again, nothing takes back what was signed, other than by a hand that changes it.
                if states[1] == Some(ReviewState::Signed) {
                    open.review.seal();
                    open.gesture = None;
                }
                open.kept = KeptReview {
                    review,
                    before: before.or_else(|| open.kept.before.take()),
                    trail,
                    loaded: true,
                    restored: open.kept.restored || !opened,
                    owes_figures: open.kept.owes_figures,
                };
            }
        }
    }

    /// All files of an opening were read.
    pub(super) fn all_read(&mut self, opening: u64) {
        if let Some(open) = self.opened(opening) {
            open.all_read = true;
        }
    }

    /// Puts the kept draft into the review, once slide, files and database have answered, in whatever order.
    pub(super) fn restore(&mut self) {
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let Some(slide) = open.slide.ready() else {
            return;
        };
        // Restored before the database answered, a review would begin anew over the kept one.
        if !open.all_read || !open.kept.loaded || open.kept.restored {
            return;
        }
        open.kept.restored = true;
        let text = open.kept.review.as_ref().and_then(|r| r.draft.clone());
        let size = slide.size();
        let Some(item) = self.session.worklist.get(open.index) else {
            return;
        };
        let mut notes = Vec::new();
        if let Some(text) = text {
            notes = restore_draft(open, &text, (item, size));
        } else {
            open.draft = Some(Draft::of(&open.review));
            open.kept_revision = open.review.revision;
        }
        // After the draft, so that it is kept as a change of this review.
        match item.result() {
            Some(result) => notes.extend(take_over(open, &result.slide.fingerprint)),
            None => open.take_pixel_size(),
        }
        if let Some(before) = open.before.take() {
            open.review.go_on_from(*before);
        }
        // Strokes of another day are trained with when they are asked for: nobody wants colours over a slide that is only looked at again.
        open.training.trained = Some(open.review.drawing.stroke_revision);
        for note in notes {
            self.note(note);
        }
    }

    /// Keeps what changed since it was kept last.
    pub(super) fn keep_review(&mut self) {
        self.keep(false);
    }

    /// Keeps what changed; what is `signed` next, also where nothing did and it is of another result than it was kept for.
    fn keep(&mut self, signed: bool) {
        if self.session.is_locked() {
            return;
        }
        let who = self.who();
        let Some((item, open)) = self.session.open_item() else {
            return;
        };
        let Some(before) = &open.draft else { return };
        let revision = open.review.revision;
        let figures = Figures::of(&open.review);
        let changed = open.kept_revision != revision || before.opinion != open.opinion;
        // Only what was kept without its figures is kept for them: nobody who merely looks at a slide changed it.
        let owed = open.kept.owes_figures && figures.is_some();
        let other = signed && differs_from_kept(item, open).contains(&true);
        if !changed && !owed && !other {
            return;
        }
        let owes_figures = open.review.is_changed() && figures.is_none();
        let draft = Draft::of(&open.review).with(&open.opinion);
        let changes = draft.changes_since(before);
        let differs = other || draft != *before;
        let Some(place) = self.review_place(item) else {
            return;
        };
        let request = ReviewRequest::Save {
            opening: open.opening,
            place,
            identity: identity(item, open),
            draft: draft.to_json(),
            corrections: draft.correction_rows(),
            changes,
            who,
        };
        let taken = !differs || self.reviews.ask(request).is_ok();
        if let Some(open) = self.session.open.as_mut()
            && taken
        {
            open.draft = Some(draft);
            open.kept_revision = revision;
            open.kept.owes_figures = owes_figures;
        }
        self.hand_over_given();
    }

    /// The name that stands under what is kept.
    pub(super) fn who(&self) -> String {
        self.session.who(&self.settings.reviewer).to_owned()
    }

    pub(super) fn sign_command(&mut self, command: SignCommand) {
        match command {
            SignCommand::Name(name) => self.settings.reviewer = name,
            SignCommand::Opinion(opinion) => {
                if let Some(open) = self.session.open.as_mut() {
                    open.opinion = opinion;
                }
                self.decide_anew();
            }
            SignCommand::Sign => self.sign_off(ReviewState::Signed),
            SignCommand::Return => self.sign_off(ReviewState::Returned),
            SignCommand::Reopen => self.reopen(),
            SignCommand::Report => self.export_report(None),
        }
    }

    /// Decides the next step anew where the pathologist's own result is not the computed one.
    pub(super) fn decide_anew(&mut self) {
        let computed = self.session.open_result();
        let computed = computed.map(|result| (result.ihc.result, result.cells.tumour));
        if let (Some(open), Some((result, cells))) = (self.session.open.as_mut(), computed) {
            open.decide_anew(result, cells);
        }
    }

    fn sign_off(&mut self, state: ReviewState) {
        // What is signed is what is kept.
        self.keep(true);
        let who = self.settings.reviewer.trim().to_owned();
        let Some((item, open)) = self.session.open_item() else {
            return;
        };
        let (Some(result), Some(place)) = (self.session.open_result(), self.review_place(item))
        else {
            return;
        };
        let hindered = (state == ReviewState::Signed)
            .then(|| self.session.unsignable())
            .flatten();
        let proposed = open.proposed(result);
        let missing = || open.opinion.missing(&who, (result, proposed), state);
        if let Some(missing) = hindered.or_else(missing) {
            self.inform(missing);
            return;
        }
        let opinion = &open.opinion;
        let reason = opinion.reason.trim();
        let own_result = opinion.result.unwrap_or(result.ihc.result);
        // A case that goes back may have no step.
        let proposed_step = proposed.ok().map(|proposed| proposed.action);
        let own_step = opinion.action.or(proposed_step);
        let by_rule = proposed
            .ok()
            .filter(|proposed| own_step == Some(proposed.action))
            .map(|proposed| proposed.rule);
        let request = ReviewRequest::SignOff {
            opening: open.opening,
            place,
            state,
            own: [
                Some(own_result.name().to_owned()),
                own_step.map(|step| step.name().to_owned()),
            ],
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            result: as_signed(result, &open.review.changes(), by_rule),
            who,
        };
        if self.reviews.ask(request).is_err() {
            self.note("The review could not be handed over; try again.".to_owned());
        }
    }

    /// Writes the report, beside the results where no other path is given, with what the review changed and who signed.
    pub(super) fn export_report(&mut self, path: Option<PathBuf>) {
        let Some((item, open)) = self.session.open_item() else {
            return;
        };
        let (Some(result), WorkSource::Result { folder, .. }, Some(path)) = (
            self.session.open_result(),
            &item.source,
            path.or_else(|| self.export_path("report.html")),
        ) else {
            return;
        };
        let changes = open.review.changes();
        let signed = self.session.signed().zip(open.kept.review.as_ref());
        let sign_off = signed.map(|(signed, review)| SignOff {
            name: review.reviewer.clone(),
            time: review.signed.clone().unwrap_or_default(),
            result: signed.own.result,
            action: signed.own.action,
            rule: Some(signed.own.rule.to_owned()).filter(|rule| !rule.is_empty()),
            reason: review.reason.clone(),
        });
        let request = ReportRequest {
            result: result.clone(),
            case: open.review.case.clone(),
            folder: folder.clone(),
            options: ReportOptions {
                note: (!changes.is_empty()).then(|| {
                    format!(
                        "Changed in review since it was scored: {}.",
                        changes.join(", ")
                    )
                }),
                sign_off,
                ..ReportOptions::default()
            },
            path,
        };
        if self
            .files
            .ask(FileRequest::Report(Box::new(request)))
            .is_err()
        {
            self.note("Too much is being saved at once; try again.".to_owned());
        }
    }

    fn reopen(&mut self) {
        let who = self.who();
        let Some((item, open)) = self.session.open_item() else {
            return;
        };
        let reason = open.opinion.reason.trim().to_owned();
        let opening = open.opening;
        let place = self.review_place(item);
        if reason.is_empty() {
            self.inform("Say why the review is opened again.".to_owned());
        } else if let Some(place) = place {
            let request = ReviewRequest::Reopen {
                opening,
                place,
                reason,
                who,
            };
            drop(self.reviews.ask(request));
        }
    }
}

/// Puts a kept draft into the review of what is open; what the user should know of it.
fn restore_draft(
    open: &mut OpenItem,
    text: &str,
    (item, size): (&WorkItem, LevelSize),
) -> Vec<String> {
    let [other_file, other_run] = differs_from_kept(item, open);
    let mut notes = Vec::new();
    if other_file {
        notes.push(
            "The slide file is not the one that this review was kept for: what is drawn may not belong to these pixels."
                .to_owned(),
        );
    }
    let mut dropped = BTreeMap::new();
    let mut kept = Opinion::default();
    let problem = match Draft::parse(text) {
        Ok(mut draft) => {
            // They name rows of the table of cells, and that is another one now.
            if other_file || other_run {
                dropped = std::mem::take(&mut draft.corrections);
            }
            // Under a signature the words stand already, and the field for the reason is for why it is opened again.
            let state = open.kept.review.as_ref().map(|review| review.state);
            kept.clone_from(&draft.opinion);
            if state != Some(ReviewState::Signed) && open.opinion == Opinion::default() {
                open.opinion.clone_from(&kept);
            }
            draft.restore(&mut open.review, size).err()
        }
        Err(error) => Some(error),
    };
    let count = dropped.len();
    // With what is left out, so that the trail tells that it was.
    let mut draft = Draft::of(&open.review).with(&kept);
    draft.corrections.extend(dropped);
    open.draft = Some(draft);
    open.kept_revision = open.review.revision;
    if count > 0 {
        // What is signed is what is kept, so that has to be kept anew.
        open.review.touch();
        notes.push(format!(
            "The slide was scored anew since cells were corrected ({count}): those corrections were left out, for they would fall on other cells. Check the cells again."
        ));
    }
    notes.extend(problem.map(|problem| {
        format!(
            "Something that was kept of this review cannot be shown and was left out: {problem}"
        )
    }));
    notes
}

/// Whether the slide's file and the result's parameters are others than those that the review was kept for; what was not kept is not held against them.
fn differs_from_kept(item: &WorkItem, open: &OpenItem) -> [bool; 2] {
    let [file, run] = identity(item, open);
    let Some(kept) = open.kept.review.as_ref() else {
        return [false; 2];
    };
    [(&kept.fingerprint, file), (&kept.parameter_hash, run)]
        .map(|(kept, now)| kept.is_some() && now.is_some() && *kept != now)
}

/// Takes over what was drawn on the slide and filled in of its case before it had a result, if it was this very file and the slide was not scored with it; what the user should know of it.
fn take_over(open: &mut OpenItem, fingerprint: &str) -> Vec<String> {
    let before = open.kept.before.take();
    let Some(size) = open.slide.ready().map(OpenSlide::size) else {
        return Vec::new();
    };
    let signed = open.kept.review.as_ref();
    if signed.is_some_and(|review| review.state == ReviewState::Signed) {
        return Vec::new();
    }
    let same = before.filter(|review| review.fingerprint.as_deref() == Some(fingerprint));
    let Some(draft) = same.and_then(|review| Draft::parse(review.draft.as_deref()?).ok()) else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    if take_over_shapes(open, draft.drawn(size).0) {
        notes.push(
            "What was drawn on this slide before it was scored was taken over: its regions count from now on."
                .to_owned(),
        );
    }
    let case = draft.case_over(&open.review.case);
    if case != open.review.case {
        open.review.set_case(case);
        notes.push(
            "What was filled in of this case before the slide was scored was taken over: the next step follows it from now on."
                .to_owned(),
        );
    }
    notes
}

/// Adds what is not there yet; whether there was anything.
fn take_over_shapes(open: &mut OpenItem, mut shapes: Vec<Shape>) -> bool {
    let drawing = &mut open.review.drawing;
    // The slide may have been scored with some of them.
    shapes.retain(|shape| {
        let is_there = |old: &Shape| {
            Shape {
                id: shape.id,
                ..old.clone()
            } == *shape
        };
        !drawing.shapes().iter().any(is_there)
    });
    if shapes.is_empty() {
        return false;
    }
    drawing.add("take over", shapes);
    drawing.selected.clear();
    open.review.take_regions();
    true
}

/// What tells the slide's file and the result's parameters from others: the file's own where there is no result.
fn identity(item: &WorkItem, open: &OpenItem) -> [Option<String>; 2] {
    match item.result() {
        Some(result) => [
            Some(result.slide.fingerprint.clone()),
            Some(result.run.parameter_hash.clone()),
        ],
        None => [
            open.slide.ready().map(|slide| slide.reader.fingerprint()),
            None,
        ],
    }
}

/// The figures and the decision as they stand when they are signed, and the rule by which the person's own step follows, if one does.
fn as_signed(result: &SlideResult, changes: &[String], by_rule: Option<&str>) -> Value {
    let any = result.compartments.as_ref().map(|scores| scores.any);
    json!({
        "slide": { "id": result.slide.id, "fingerprint": result.slide.fingerprint },
        "version": result.run.version,
        "model": result.run.model,
        "parameter_hash": result.run.parameter_hash,
        "changed_since_scored": changes,
        "tumour_cells": result.cells.tumour,
        "any": any,
        "ihc": result.ihc,
        "action": result.triage.action,
        "rule": result.triage.rule,
        "tumour_type": result.triage.tumour_type,
        "table_version": result.triage.table_version,
        "pre_test": result.triage.pre_test,
        "post_test": result.triage.post_test,
        "own": { "rule": by_rule },
    })
}

/// What a person says of the slide as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opinion {
    /// The person's own IHC result; `None` agrees.
    pub(crate) result: Option<IhcResult>,
    /// The person's own next step; `None` agrees.
    pub(crate) action: Option<Action>,
    /// Why it differs, or goes back.
    pub(crate) reason: String,
}

impl Opinion {
    /// Whether it differs from what was computed, or from the step that the rules propose.
    pub(crate) fn differs(
        &self,
        (computed, proposed): (&SlideResult, Result<Proposed<'_>, &str>),
    ) -> bool {
        let proposed = proposed.map(|proposed| proposed.action);
        self.result.is_some_and(|own| own != computed.ihc.result)
            || self.action.is_some_and(|own| Ok(own) != proposed)
    }

    /// What is missing for a signature, in words.
    pub(crate) fn missing(
        &self,
        who: &str,
        (computed, proposed): (&SlideResult, Result<Proposed<'_>, &str>),
        state: ReviewState,
    ) -> Option<String> {
        let reason = !self.reason.trim().is_empty();
        let signs = state == ReviewState::Signed;
        if who.trim().is_empty() {
            Some("Write your name before you sign.".to_owned())
        } else if state == ReviewState::Returned && !reason {
            Some("Say why the case goes back.".to_owned())
        } else if let (true, None, Err(why)) = (signs, self.action, proposed) {
            Some(format!(
                "The rules give no next step for your result ({why}): choose your next step."
            ))
        } else if self.differs((computed, proposed)) && !reason {
            Some("Your result or next step differs from the computed one: say why.".to_owned())
        } else {
            None
        }
    }
}
