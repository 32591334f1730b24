//! Slides that are scored from the worklist, one after the other, in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::jobs::{ScoringAnswer, ScoringRequest};
use crate::state::{ScoreJob, WorkItem, WorkSource};

use super::Viewer;

impl Viewer {
    /// Puts all slides that are not scored into the queue.
    pub(super) fn score_all(&mut self) {
        let Some(pool) = &self.scoring else {
            return;
        };
        let mut refused = 0;
        for item in &self.session.worklist {
            let WorkSource::Slide { path } = &item.source else {
                continue;
            };
            if self.session.scoring.contains_key(&item.id) {
                continue;
            }
            let cancel = Arc::new(AtomicBool::new(false));
            let request = ScoringRequest {
                id: item.id.clone(),
                path: path.clone(),
                cancel: Arc::clone(&cancel),
            };
            if pool.ask(request).is_ok() {
                let job = ScoreJob {
                    cancel,
                    ..ScoreJob::default()
                };
                self.session.scoring.insert(item.id.clone(), job);
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

    /// Stops one slide, or takes it out of the queue.
    pub(super) fn cancel_scoring(&mut self, id: &str) {
        if let Some(job) = self.session.scoring.get_mut(id) {
            job.cancel.store(true, Ordering::Relaxed);
            "stopping".clone_into(&mut job.stage);
        }
    }

    pub(super) fn take_scoring(&mut self) {
        while let Some(answer) = self.scoring.as_ref().and_then(crate::jobs::Pool::take) {
            match answer {
                ScoringAnswer::Progress {
                    id,
                    stage,
                    done,
                    total,
                } => {
                    if let Some(job) = self.session.scoring.get_mut(&id) {
                        job.running = true;
                        stage.clone_into(&mut job.stage);
                        job.done = done;
                        job.total = total;
                    }
                }
                ScoringAnswer::Done { id, result } => self.scored(&id, result),
            }
        }
    }

    /// A slide was scored, or could not be.
    fn scored(&mut self, id: &str, result: Result<WorkItem, String>) {
        let job = self.session.scoring.remove(id);
        let cancelled = job.is_some_and(|job| job.cancel.load(Ordering::Relaxed));
        let item = match result {
            Ok(item) => item,
            Err(_) if cancelled => {
                self.log(&format!("Scoring of {id} was cancelled."));
                return;
            }
            Err(reason) => {
                self.note(format!("{id} could not be scored: {reason}"));
                return;
            }
        };
        let place = self.session.worklist.iter().position(|i| i.id == id);
        self.session.thumbnails.remove(id);
        match place {
            Some(place) => {
                self.session.worklist[place] = item;
                let is_open = self.session.open.as_ref().is_some_and(|o| o.index == place);
                if is_open {
                    self.open(place);
                }
            }
            None => self.session.worklist.push(item),
        }
        self.log(&format!("{id} was scored"));
    }
}
