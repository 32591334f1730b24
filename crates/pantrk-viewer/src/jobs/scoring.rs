//! Scoring in the background, by whatever the program hands in.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use pantrk_core::pipeline::{Progress, Stage};
use pantrk_slide::Slide;
use pantrk_store::{ReviewState, SlideResult, SlideReview, WORKLIST_FILE, Worklist};

use super::library::REGIONS;
use super::{Outbox, Pool, PoolSize, ReviewPlace, SlideSource, read_result};
use crate::draft::Draft;
use crate::error::ViewerError;
use crate::review::case_of;
use crate::state::{GivenSlot, WorkItem, WorkSource};
use crate::{Given, SlideScorer};

/// Most slides that wait.
pub(crate) const QUEUE: usize = 1024;
/// Why a signed slide is not scored again.
pub(crate) const SIGNED_FIRST: &str =
    "It is signed: open it again under Sign-off first, then score it again.";
/// At most so often progress is told, in steps of a thousandth.
const TOLD: u64 = 1000;

/// A slide to be scored.
pub(crate) struct ScoringRequest {
    /// Its entry's place; slides of one name may wait together.
    pub(crate) place: PathBuf,
    /// Where its file may be, and the result that the score takes the place of.
    pub(crate) source: ScoringSource,
    /// Set to stop it.
    pub(crate) cancel: Arc<AtomicBool>,
    /// What was said of it, where it was open.
    pub(crate) given: GivenSlot,
    /// Where else that is kept.
    pub(crate) kept: Option<ReviewPlace>,
}

/// What is scored.
pub(crate) enum ScoringSource {
    /// A slide without a result.
    File(PathBuf),
    /// The slide of a result.
    Again {
        /// Where the slide is.
        slide: SlideSource,
        /// The result's folder.
        folder: PathBuf,
        /// The result.
        result: Arc<SlideResult>,
    },
}

impl ScoringSource {
    /// Of an entry of the worklist; `None` for a broken one. `slides` is the folder in which a slide lay last.
    pub(crate) fn of(item: &WorkItem, slides: Option<&Path>) -> Option<Self> {
        match &item.source {
            WorkSource::Broken { .. } => None,
            WorkSource::Slide { path } => Some(Self::File(path.clone())),
            WorkSource::Result { folder, result } => Some(Self::Again {
                slide: SlideSource::of(item, slides)?,
                folder: folder.clone(),
                result: Arc::clone(result),
            }),
        }
    }

    /// The slide's file.
    fn path(&self) -> Result<PathBuf, String> {
        match self {
            Self::File(path) => Ok(path.clone()),
            Self::Again { slide, .. } => slide.path(),
        }
    }
}

/// How it goes.
pub(crate) enum ScoringAnswer {
    /// So many steps of a stage are done.
    Progress {
        /// The entry's place.
        place: PathBuf,
        /// The stage.
        stage: &'static str,
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
    /// Scored, or why not.
    Done {
        /// The entry's place.
        place: PathBuf,
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
                place: &request.place,
                cancel: &request.cancel,
                outbox,
                stage: AtomicU64::new(0),
                done: AtomicU64::new(0),
                total: AtomicU64::new(0),
            };
            request
                .source
                .path()
                .and_then(|path| scorer.score(&path, &given(&request, &path)?, &teller))
                .map(|folder| read_result(&folder))
        };
        outbox.send(ScoringAnswer::Done {
            place: request.place,
            result,
        });
        // The desk breathes between two slides.
        std::thread::sleep(Duration::from_millis(20));
    })
}

/// What a person said of the slide up to now.
fn given(request: &ScoringRequest, path: &Path) -> Result<Given, String> {
    let review = request.kept.as_ref().map(|place| kept(place, path));
    let review = review.transpose()?.flatten();
    let told = request.given.lock();
    let told = told.unwrap_or_else(PoisonError::into_inner).take();
    let of_review = |fingerprint: Option<String>| match &review {
        Some(review) if fingerprint.is_some() && review.fingerprint == fingerprint => review
            .draft
            .as_deref()
            .map(|draft| Draft::parse(draft).map_err(|why| unread(&why, path)))
            .transpose(),
        _ => Ok(None),
    };
    match &request.source {
        ScoringSource::File(_) => {
            // A slide that cannot be opened is told of by what scores it.
            let now = || Slide::open(path).ok().map(|slide| slide.fingerprint());
            match told {
                Some(told) => Ok(told),
                None => Ok(of_review(now())?.map_or_else(Given::default, |draft| draft.given())),
            }
        }
        ScoringSource::Again { folder, result, .. } => {
            if review.as_ref().map(|review| review.state) == Some(ReviewState::Signed) {
                return Err(SIGNED_FIRST.to_owned());
            }
            let given = match told {
                Some(told) => told,
                None => match of_review(Some(result.slide.fingerprint.clone()))? {
                    Some(draft) => draft.given(),
                    // Nobody changed anything since it was scored.
                    None => Given {
                        case: case_of(result).unwrap_or_default(),
                        regions: fs::read_to_string(folder.join(REGIONS)).ok(),
                        mpp: None,
                        again: None,
                    },
                },
            };
            Ok(Given {
                again: Some(folder.clone()),
                ..given
            })
        }
    }
}

/// What is kept of the slide's review.
fn kept(place: &ReviewPlace, path: &Path) -> Result<Option<SlideReview>, String> {
    let list = place.root.join(WORKLIST_FILE);
    if !list.is_file() {
        return Ok(None);
    }
    let review = Worklist::open(&list).and_then(|list| list.review(&place.slide_id));
    review.map_err(|e| unread(&e.to_string(), path))
}

fn unread(why: &str, path: &Path) -> String {
    format!(
        "what was drawn and filled in before cannot be read ({why}); open the slide and look: {}",
        path.display()
    )
}

/// Hands progress to the frame.
struct Teller<'a> {
    place: &'a Path,
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
            place: self.place.to_path_buf(),
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
