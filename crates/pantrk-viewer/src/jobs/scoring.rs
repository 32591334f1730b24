//! Scoring in the background, by whatever the program hands in.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use pantrk_core::pipeline::{Progress, Stage};
use pantrk_slide::Slide;
use pantrk_store::{WORKLIST_FILE, Worklist};

use super::{Outbox, Pool, PoolSize, ReviewPlace, read_result};
use crate::draft::Draft;
use crate::error::ViewerError;
use crate::state::{GivenSlot, WorkItem};
use crate::{Given, SlideScorer};

/// Most slides that wait.
pub(crate) const QUEUE: usize = 1024;
/// At most so often progress is told, in steps of a thousandth.
const TOLD: u64 = 1000;

/// A slide to be scored.
pub(crate) struct ScoringRequest {
    /// Its file; slides of one name may wait together.
    pub(crate) path: PathBuf,
    /// Set to stop it.
    pub(crate) cancel: Arc<AtomicBool>,
    /// What was said of it, where it was open.
    pub(crate) given: GivenSlot,
    /// Where else that is kept.
    pub(crate) kept: Option<ReviewPlace>,
}

/// How it goes.
pub(crate) enum ScoringAnswer {
    /// So many steps of a stage are done.
    Progress {
        /// The slide's file.
        path: PathBuf,
        /// The stage.
        stage: &'static str,
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
    /// Scored, or why not.
    Done {
        /// The slide's file.
        path: PathBuf,
        /// The worklist's entry of the result.
        result: Result<WorkItem, String>,
    },
}

/// Starts the thread that scores one slide after the other.
pub(crate) fn scoring_pool(
    ctx: &egui::Context,
    scorer: Arc<dyn SlideScorer>,
) -> Result<Pool<ScoringRequest, ScoringAnswer>, ViewerError> {
    let size = PoolSize {
        name: "scoring",
        threads: 1,
        queue: QUEUE,
    };
    Pool::start(size, ctx, move |request: ScoringRequest, outbox| {
        let cancelled = || request.cancel.load(Ordering::Relaxed) || outbox.is_closed();
        let result = if cancelled() {
            Err("cancelled".to_owned())
        } else {
            let teller = Teller {
                path: &request.path,
                cancel: &request.cancel,
                outbox,
                stage: AtomicU64::new(0),
                done: AtomicU64::new(0),
                total: AtomicU64::new(0),
            };
            given(&request)
                .and_then(|given| scorer.score(&request.path, &given, &teller))
                .map(|folder| read_result(&folder))
        };
        outbox.send(ScoringAnswer::Done {
            path: request.path,
            result,
        });
        // The desk breathes between two slides.
        std::thread::sleep(Duration::from_millis(20));
    })
}

/// What a person said of the slide up to now.
fn given(request: &ScoringRequest) -> Result<Given, String> {
    let told = request.given.lock();
    let told = told.unwrap_or_else(PoisonError::into_inner).take();
    match (told, &request.kept) {
        (Some(told), _) => Ok(told),
        (None, Some(place)) => kept(place, &request.path),
        (None, None) => Ok(Given::default()),
    }
}

/// What is kept of the slide, if it is of this very file.
fn kept(place: &ReviewPlace, path: &Path) -> Result<Given, String> {
    let list = place.root.join(WORKLIST_FILE);
    if !list.is_file() {
        return Ok(Given::default());
    }
    let unread = |why: String| {
        format!(
            "what was drawn and filled in before cannot be read ({why}); open the slide and look: {}",
            path.display()
        )
    };
    let review = Worklist::open(&list).and_then(|list| list.review(&place.slide_id));
    let review = review.map_err(|e| unread(e.to_string()))?;
    let draft = review.as_ref().and_then(|review| review.draft.as_deref());
    let (Some(review), Some(draft)) = (&review, draft) else {
        return Ok(Given::default());
    };
    // A slide that cannot be opened is told of by what scores it.
    let now = Slide::open(path).ok().map(|slide| slide.fingerprint());
    if now.is_none() || review.fingerprint != now {
        return Ok(Given::default());
    }
    Draft::parse(draft)
        .map(|draft| draft.given())
        .map_err(unread)
}

/// Hands progress to the frame.
struct Teller<'a> {
    path: &'a Path,
    cancel: &'a AtomicBool,
    outbox: &'a Outbox<ScoringAnswer>,
    stage: AtomicU64,
    done: AtomicU64,
    total: AtomicU64,
}

/// The stages by number, for an atomic holds no name.
const STAGES: [Stage; 3] = [Stage::Overview, Stage::Patches, Stage::Score];

impl Teller<'_> {
    fn tell(&self) {
        let stage = self.stage.load(Ordering::Relaxed) as usize;
        // Told in passing: where the frame is behind, the next step tells more.
        self.outbox.try_send(ScoringAnswer::Progress {
            path: self.path.to_path_buf(),
            stage: STAGES.get(stage).map_or("scoring", |stage| stage.name()),
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
        });
    }
}

impl Progress for Teller<'_> {
    fn begin(&self, stage: Stage, total: u64) {
        let number = STAGES.iter().position(|s| s.name() == stage.name());
        self.stage
            .store(number.unwrap_or(STAGES.len()) as u64, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.tell();
    }

    fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let every = (self.total.load(Ordering::Relaxed) / TOLD).max(1);
        if done.is_multiple_of(every) {
            self.tell();
        }
    }

    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed) || self.outbox.is_closed()
    }
}
