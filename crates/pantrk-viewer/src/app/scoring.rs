//! Slides that are scored from the worklist, one after the other, in the background.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pantrk_store::{ReviewState, ScoredRun};

use crate::Given;
use crate::draft::Draft;
use crate::jobs::{ReviewRequest, SIGNED_FIRST, ScoringAnswer, ScoringRequest, ScoringSource};
use crate::state::{GivenSlot, ScoreJob, WorkItem};

use super::Viewer;

impl Viewer {
    /// Puts all slides that are not scored into the queue.
    pub(super) fn score_all(&mut self) {
        self.score(0..self.session.worklist.len());
    }

    /// Puts those of the entries that are slides, not scored and not waiting already, into the queue.
    pub(super) fn score(&mut self, entries: Range<usize>) {
        // With what was drawn and filled in up to now.
        self.keep_review();
        let session = &self.session;
        let wanted = entries.filter(|&index| session.can_be_scored(index));
        let wanted: Vec<usize> = wanted.collect();
        let refused = wanted
            .into_iter()
            .filter(|&index| self.enqueue(index).is_none())
            .count();
        if refused > 0 {
            self.note(format!(
                "{refused} slides found the queue full; score them when it has run dry, or use pantrk batch."
            ));
        }
    }

    /// Puts an entry into the queue, if there is room.
    fn enqueue(&mut self, index: usize) -> Option<()> {
        let item = self.session.worklist.get(index)?;
        let place = item.place()?.to_path_buf();
        let cancel = Arc::new(AtomicBool::new(false));
        let given: GivenSlot = Arc::new(Mutex::new(self.given_now(&place)));
        let request = ScoringRequest {
            place: place.clone(),
            source: ScoringSource::of(item, self.settings.slide_folder.as_deref())?,
            cancel: Arc::clone(&cancel),
            given: Arc::clone(&given),
            kept: self.review_place(item),
        };
        self.scoring.as_ref()?.ask(request).ok()?;
        let job = ScoreJob {
            id: item.id.clone(),
            cancel,
            given,
            ..ScoreJob::default()
        };
        self.session.scoring.insert(place, job);
        Some(())
    }

    /// A scored slide is to be scored again: at once where nobody reviewed it, else it is asked.
    pub(super) fn ask_again(&mut self, index: usize) {
        if !self.session.can_be_scored_again(index) {
            return;
        }
        // So that what was just done counts as a review.
        self.keep_review();
        let session = &self.session;
        let Some(item) = session.worklist.get(index) else {
            return;
        };
        let open = session.open.as_ref().filter(|open| open.index == index);
        let mark = session.mark(item);
        if mark == ReviewState::Signed || (open.is_some() && session.is_locked()) {
            self.inform(format!("{}: {SIGNED_FIRST}", item.id));
        } else if mark != ReviewState::New || open.is_some_and(|open| open.review.is_changed()) {
            self.session.ask_again = item.place().map(Path::to_path_buf);
        } else {
            self.score_again(index);
        }
    }

    /// What was asked was answered.
    pub(super) fn answer_again(&mut self, again: bool) {
        let Some(place) = self.session.ask_again.take().filter(|_| again) else {
            return;
        };
        let mut list = self.session.worklist.iter();
        let index = list.position(|item| item.place() == Some(&place));
        if let Some(index) = index.filter(|&index| self.session.can_be_scored_again(index)) {
            self.score_again(index);
        }
    }

    fn score_again(&mut self, index: usize) {
        self.keep_review();
        if self.enqueue(index).is_none() {
            self.note("The queue is full; score it again when it has run dry.".to_owned());
        }
    }

    /// What is said of the slide of this place now, if it is open.
    fn given_now(&self, place: &Path) -> Option<Given> {
        let (item, open) = self.session.open_item()?;
        // Until what was kept of it is in the review, that says more.
        let there = open.draft.is_some() && item.place() == Some(place);
        there.then(|| Draft::of(&open.review).given())
    }

    /// What was just said of the open slide goes with it where it waits to be scored.
    pub(super) fn hand_over_given(&self) {
        let open = self.session.open_item();
        let place = open.and_then(|(item, _)| item.place());
        let Some(job) = place.and_then(|place| self.session.scoring.get(place)) else {
            return;
        };
        // Locked by another only when its turn comes, and then it is too late.
        if let (Some(place), Ok(mut slot)) = (place, job.given.try_lock()) {
            *slot = self.given_now(place);
        }
    }

    /// Stops one slide, or takes it out of the queue.
    pub(super) fn cancel_scoring(&mut self, place: &Path) {
        if let Some(job) = self.session.scoring.get_mut(place) {
            job.cancel.store(true, Ordering::Relaxed);
            "stopping".clone_into(&mut job.stage);
        }
    }

    pub(super) fn take_scoring(&mut self) {
        while let Some(answer) = self.scoring.as_ref().and_then(crate::jobs::Pool::take) {
            match answer {
                ScoringAnswer::Progress {
                    place,
                    stage,
                    done,
                    total,
                } => {
                    if let Some(job) = self.session.scoring.get_mut(&place) {
                        job.running = true;
                        stage.clone_into(&mut job.stage);
                        job.done = done;
                        job.total = total;
                    }
                }
                ScoringAnswer::Done { place, result } => self.scored(&place, result),
            }
        }
    }

    /// Has the trail tell of a score; where that cannot be asked now, opening or changing the review does it.
    fn note_scored(&self, item: &WorkItem, replaced: Option<ScoredRun>) {
        if let Some(place) = self.review_place(item) {
            drop(self.reviews.ask(ReviewRequest::Scored {
                place,
                before: self.place_before(item),
                replaced,
                who: self.who(),
            }));
        }
    }

    /// A slide was scored, or could not be.
    fn scored(&mut self, place: &Path, result: Result<WorkItem, String>) {
        let Some(job) = self.session.scoring.remove(place) else {
            return;
        };
        let id = job.id;
        let cancelled = job.cancel.load(Ordering::Relaxed);
        let item = match result {
            Ok(item) => item,
            Err(_) if cancelled => {
                self.inform(format!("Scoring of {id} was cancelled."));
                return;
            }
            Err(reason) => {
                self.fail(format!("{id} could not be scored: {reason}"));
                return;
            }
        };
        self.session.thumbnails.remove(place);
        if let Some(folder) = item.place() {
            self.session.thumbnails.remove(folder);
        }
        self.want_marks(&item);
        // By its place, for another entry may bear its name; the same file may be listed twice.
        let list = self.session.worklist.iter().enumerate();
        let rows = list.filter(|(_, item)| item.place() == Some(place));
        let rows: Vec<usize> = rows.map(|(row, _)| row).collect();
        let before = rows
            .first()
            .and_then(|&row| self.session.worklist[row].result());
        let before = before.map(ScoredRun::of);
        let word = match before {
            None => "scored",
            Some(_) => "scored again",
        };
        let open = self.session.open.as_ref().map(|open| open.index);
        let open = open.filter(|row| rows.contains(row));
        if open.is_some() {
            // Kept while the row still is what it was, and closed with it: the new result's review takes it over when it is opened.
            self.keep_review();
            self.stop_making();
        }
        // After what was just kept, so that it stands behind it in the trail.
        self.note_scored(&item, before);
        let closed = open.and_then(|row| Some((row, self.session.open.take()?)));
        for &row in &rows {
            self.session.worklist[row] = item.clone();
        }
        if let Some((row, closed)) = closed {
            self.open(row);
            if let Some(open) = self.session.open.as_mut() {
                open.before = Some(Box::new(closed.review));
                open.view = closed.view;
                open.turns = closed.turns;
                open.opinion = closed.opinion;
            }
        }
        self.done(format!("{id} was {word}"));
    }
}
