//! Slides that are scored from the worklist, one after the other, in the background.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::Given;
use crate::draft::Draft;
use crate::jobs::{ScoringAnswer, ScoringRequest};
use crate::state::{GivenSlot, ScoreJob, WorkItem, WorkSource};

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
        let Some(pool) = &self.scoring else {
            return;
        };
        let mut refused = 0;
        for item in self.session.worklist.get(entries).unwrap_or_default() {
            let WorkSource::Slide { path } = &item.source else {
                continue;
            };
            if self.session.scoring.contains_key(path) {
                continue;
            }
            let cancel = Arc::new(AtomicBool::new(false));
            let given: GivenSlot = Arc::new(Mutex::new(self.given_now(path)));
            let request = ScoringRequest {
                path: path.clone(),
                cancel: Arc::clone(&cancel),
                given: Arc::clone(&given),
                kept: self.review_place(item),
            };
            if pool.ask(request).is_ok() {
                let job = ScoreJob {
                    id: item.id.clone(),
                    cancel,
                    given,
                    ..ScoreJob::default()
                };
                self.session.scoring.insert(path.clone(), job);
            } else {
                refused += 1;
            }
        }
        if refused > 0 {
            self.note(format!(
                "{refused} slides found the queue full; score them when it has run dry, or use pantrk batch."
            ));
        }
    }

    /// What is said of this file now, if it is open.
    fn given_now(&self, path: &Path) -> Option<Given> {
        let (item, open) = self.session.open_item()?;
        // Until what was kept of it is in the review, that says more.
        let there = open.draft.is_some() && item.place() == Some(path);
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
    pub(super) fn cancel_scoring(&mut self, path: &Path) {
        if let Some(job) = self.session.scoring.get_mut(path) {
            job.cancel.store(true, Ordering::Relaxed);
            "stopping".clone_into(&mut job.stage);
        }
    }

    pub(super) fn take_scoring(&mut self) {
        while let Some(answer) = self.scoring.as_ref().and_then(crate::jobs::Pool::take) {
            match answer {
                ScoringAnswer::Progress {
                    path,
                    stage,
                    done,
                    total,
                } => {
                    if let Some(job) = self.session.scoring.get_mut(&path) {
                        job.running = true;
                        stage.clone_into(&mut job.stage);
                        job.done = done;
                        job.total = total;
                    }
                }
                ScoringAnswer::Done { path, result } => self.scored(&path, result),
            }
        }
    }

    /// A slide was scored, or could not be.
    fn scored(&mut self, path: &Path, result: Result<WorkItem, String>) {
        let Some(job) = self.session.scoring.remove(path) else {
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
        self.session.thumbnails.remove(path);
        if let Some(folder) = item.place() {
            self.session.thumbnails.remove(folder);
        }
        self.want_marks(&item);
        // By its file, for another entry may bear its name; the same file may be listed twice.
        let rows: Vec<usize> = (0..self.session.worklist.len())
            .filter(|&row| self.session.worklist[row].place() == Some(path))
            .collect();
        let open = self.session.open.as_ref().map(|open| open.index);
        let open = open.filter(|row| rows.contains(row));
        if open.is_some() {
            // Kept under the file while the row still is one, and closed with it: the result's review takes the drawing over when it is opened.
            self.keep_review();
            self.stop_making();
            self.session.open = None;
        }
        for &row in &rows {
            self.session.worklist[row] = item.clone();
        }
        if let Some(row) = open {
            self.open(row);
        }
        self.done(format!("{id} was scored"));
    }
}
