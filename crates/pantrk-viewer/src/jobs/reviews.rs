//! Reviews in the worklist's database: read, kept as they go on, signed; one thread, so that what is asked first is done first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pantrk_store::{
    AuditChange, AuditEntry, DraftSave, ReviewState, ScoredRun, SignOff, SlideReview, Stamp,
    StoreError, WORKLIST_FILE, Worklist,
};
use serde_json::Value;

use super::{Outbox, Pool, PoolSize};
use crate::error::ViewerError;
use crate::reading::Mark;

/// Entries of the trail that are shown.
const SHOWN: usize = 40;

/// Where a review is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReviewPlace {
    /// The folder of the worklist.
    pub(crate) root: PathBuf,
    /// The slide's id.
    pub(crate) slide_id: String,
    /// The run that the review is about; `None` where the slide has no result.
    pub(crate) run: Option<Box<ScoredRun>>,
}

/// What is asked.
pub(crate) enum ReviewRequest {
    /// What all reviews of a folder say.
    Marks(PathBuf),
    /// The review of a slide that is opened.
    Load {
        /// The opening.
        opening: u64,
        /// Where it is kept.
        place: ReviewPlace,
        /// Where a review of the slide was kept before it had a result.
        before: Option<ReviewPlace>,
        /// Who looks.
        who: String,
    },
    /// The slide was scored from here: the trail tells of it, after what was recorded before.
    Scored {
        /// Where the result's review is kept.
        place: ReviewPlace,
        /// Where one was kept before it had a result.
        before: Option<ReviewPlace>,
        /// The run whose result this one took the place of.
        replaced: Option<ScoredRun>,
        /// Who.
        who: String,
    },
    /// Keep what is under work.
    Save {
        /// The opening.
        opening: u64,
        /// Where.
        place: ReviewPlace,
        /// Identity of the slide and of the result's parameters.
        identity: [Option<String>; 2],
        /// As JSON.
        draft: String,
        /// Corrected cells.
        corrections: Vec<(u64, String)>,
        /// What changed, for the trail.
        changes: Vec<AuditChange>,
        /// Who.
        who: String,
    },
    /// Sign, or send back.
    SignOff {
        /// The opening.
        opening: u64,
        /// Where.
        place: ReviewPlace,
        /// Signed or returned.
        state: ReviewState,
        /// The person's own result and next step.
        own: [Option<String>; 2],
        /// Why.
        reason: Option<String>,
        /// The figures as they stand.
        result: Value,
        /// Who.
        who: String,
    },
    /// Open a signed or returned review again.
    Reopen {
        /// The opening.
        opening: u64,
        /// Where.
        place: ReviewPlace,
        /// Why.
        reason: String,
        /// Who.
        who: String,
    },
}

/// What is answered.
pub(crate) enum ReviewAnswer {
    /// What the reviews of a folder say.
    Marks {
        /// The folder.
        root: PathBuf,
        /// By the slide's id there.
        marks: BTreeMap<String, Mark>,
    },
    /// A review as it is kept now, and the end of its trail.
    Review {
        /// The opening.
        opening: u64,
        /// Where it is kept.
        place: ReviewPlace,
        /// None where nobody looked at the slide.
        review: Option<Box<SlideReview>>,
        /// What it says, for the worklist.
        mark: Option<Box<Mark>>,
        /// What was kept before the slide had a result; looked for where the result's own review has no draft.
        before: Option<Box<SlideReview>>,
        /// The last entries, the newest first.
        trail: Vec<AuditEntry>,
        /// Whether it was read because the slide was opened.
        opened: bool,
    },
    /// It could not be done.
    Trouble(String),
}

/// Starts the thread that keeps reviews.
pub(crate) fn review_pool(
    ctx: &egui::Context,
) -> Result<Pool<ReviewRequest, ReviewAnswer>, ViewerError> {
    let size = PoolSize {
        name: "reviews",
        threads: 1,
        queue: 64,
    };
    Pool::start(size, ctx, |request, outbox: &Outbox<ReviewAnswer>| {
        let answer = serve(request).unwrap_or_else(|error| {
            ReviewAnswer::Trouble(format!("The review was not kept: {error}"))
        });
        outbox.send(answer);
    })
}

fn serve(request: ReviewRequest) -> Result<ReviewAnswer, StoreError> {
    match request {
        ReviewRequest::Marks(root) => marks(root),
        ReviewRequest::Load {
            opening,
            place,
            before,
            who,
        } => load(opening, place, before.as_ref(), &stamp(who)),
        ReviewRequest::Scored {
            place,
            before,
            replaced,
            who,
        } => {
            let stamp = stamp(who);
            let mut list = open(&place.root)?;
            let earlier = before.and_then(|before| Earlier::read(&before, &place));
            if let Some(earlier) = earlier {
                earlier.carry_over(&mut list, &place, &stamp)?;
            }
            if let Some(run) = place.run.as_deref() {
                list.note_run(&place.slide_id, (run, replaced.as_ref()), &stamp)?;
            }
            marks(place.root)
        }
        ReviewRequest::Save {
            opening,
            place,
            identity: [fingerprint, parameter_hash],
            draft,
            corrections,
            changes,
            who,
        } => {
            let (mut list, stamp) = (open(&place.root)?, stamp(who));
            note_run(&mut list, &place, &stamp)?;
            let save = DraftSave {
                slide_id: &place.slide_id,
                fingerprint: fingerprint.as_deref(),
                parameter_hash: parameter_hash.as_deref(),
                draft: &draft,
                corrections: &corrections,
                changes: &changes,
            };
            list.save_draft(&save, &stamp)?;
            answer(&list, opening, place, false)
        }
        ReviewRequest::SignOff {
            opening,
            place,
            state,
            own: [own_result, own_action],
            reason,
            result,
            who,
        } => {
            let (mut list, stamp) = (open(&place.root)?, stamp(who));
            note_run(&mut list, &place, &stamp)?;
            let sign = SignOff {
                slide_id: &place.slide_id,
                state,
                own_result: own_result.as_deref(),
                own_action: own_action.as_deref(),
                reason: reason.as_deref(),
                result: &result,
            };
            list.sign_off(&sign, &stamp)?;
            answer(&list, opening, place, false)
        }
        ReviewRequest::Reopen {
            opening,
            place,
            reason,
            who,
        } => {
            let mut list = open(&place.root)?;
            list.reopen(&place.slide_id, &reason, &stamp(who))?;
            answer(&list, opening, place, false)
        }
    }
}

/// What the reviews of a folder say.
fn marks(root: PathBuf) -> Result<ReviewAnswer, StoreError> {
    let path = root.join(WORKLIST_FILE);
    let reviews = if path.is_file() {
        Worklist::open(&path)?.reviews()?
    } else {
        Vec::new()
    };
    let marks = reviews.iter().map(|r| (r.slide_id.clone(), Mark::of(r)));
    let marks = marks.collect();
    Ok(ReviewAnswer::Marks { root, marks })
}

/// What was recorded of a slide before it had a result.
struct Earlier {
    review: SlideReview,
    trail: Vec<AuditEntry>,
}

impl Earlier {
    /// Of this very file, where something is kept; a fault of that other database must not keep the result's review from being read and kept.
    fn read(before: &ReviewPlace, result: &ReviewPlace) -> Option<Self> {
        let path = before.root.join(WORKLIST_FILE);
        if !path.is_file() {
            return None;
        }
        let list = Worklist::open(&path).ok()?;
        let review = list.review(&before.slide_id).ok()??;
        let run = result.run.as_deref()?;
        if review.fingerprint.as_ref() != Some(&run.fingerprint) {
            return None;
        }
        // One that is not as it was written stays where it is, and is told of there.
        let sound = list
            .check_audit()
            .and_then(|_| list.audit(Some(&before.slide_id)));
        let trail = sound.unwrap_or_default();
        Some(Self { review, trail })
    }

    fn carry_over(
        &self,
        list: &mut Worklist,
        place: &ReviewPlace,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let earlier = (self.trail.as_slice(), &self.review);
        list.carry_over(&place.slide_id, earlier, stamp).map(drop)
    }
}

/// The trail tells which result a change is about.
fn note_run(list: &mut Worklist, place: &ReviewPlace, stamp: &Stamp) -> Result<(), StoreError> {
    match place.run.as_deref() {
        Some(run) => list.note_run(&place.slide_id, (run, None), stamp).map(drop),
        None => Ok(()),
    }
}

/// A review that may be there; no database is made for one that is only looked for, unless something was recorded of the slide before.
fn load(
    opening: u64,
    place: ReviewPlace,
    before: Option<&ReviewPlace>,
    stamp: &Stamp,
) -> Result<ReviewAnswer, StoreError> {
    let earlier = before.and_then(|before| Earlier::read(before, &place));
    // Where nothing can be written, what is there can still be looked at.
    drop(bring_up(&place, earlier.as_ref(), stamp));
    let path = place.root.join(WORKLIST_FILE);
    let mut found = if path.is_file() {
        let list = Worklist::open(&path)?;
        answer(&list, opening, place, true)?
    } else {
        ReviewAnswer::Review {
            opening,
            place,
            review: None,
            mark: None,
            before: None,
            trail: Vec::new(),
            opened: true,
        }
    };
    if let ReviewAnswer::Review {
        review,
        before,
        trail,
        ..
    } = &mut found
        && review.as_ref().is_none_or(|review| review.draft.is_none())
        && let Some(earlier) = earlier
    {
        if trail.is_empty() {
            *trail = earlier.trail;
            newest_first(trail);
        }
        *before = Some(Box::new(earlier.review));
    }
    Ok(found)
}

/// Has the trail tell what was recorded before the slide had a result, and of a score that took the place of the one that was reviewed, from another window or the command line.
fn bring_up(
    place: &ReviewPlace,
    earlier: Option<&Earlier>,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    if let Some(earlier) = earlier {
        let mut list = open(&place.root)?;
        earlier.carry_over(&mut list, place, stamp)?;
        return note_run(&mut list, place, stamp);
    }
    let path = place.root.join(WORKLIST_FILE);
    let Some(run) = place.run.as_deref().filter(|_| path.is_file()) else {
        return Ok(());
    };
    let mut list = Worklist::open(&path)?;
    if list.tells_of_another_run(&place.slide_id, run)? {
        note_run(&mut list, place, stamp)?;
    }
    Ok(())
}

/// As it is shown.
fn newest_first(trail: &mut Vec<AuditEntry>) {
    trail.reverse();
    trail.truncate(SHOWN);
}

fn open(root: &Path) -> Result<Worklist, StoreError> {
    // Where it cannot be made, opening says why.
    drop(std::fs::create_dir_all(root));
    Worklist::open(&root.join(WORKLIST_FILE))
}

/// The review as it is kept now; its trail is checked on the way.
fn answer(
    list: &Worklist,
    opening: u64,
    place: ReviewPlace,
    opened: bool,
) -> Result<ReviewAnswer, StoreError> {
    if opened {
        list.check_audit()?;
    }
    let review = list.review(&place.slide_id)?.map(Box::new);
    let mut trail = list.audit(Some(&place.slide_id))?;
    newest_first(&mut trail);
    Ok(ReviewAnswer::Review {
        opening,
        place,
        mark: review.as_deref().map(|review| Box::new(Mark::of(review))),
        review,
        before: None,
        trail,
        opened,
    })
}

fn stamp(who: String) -> Stamp {
    // Seconds are enough for a signature, and read well.
    let now = jiff::Timestamp::now();
    let at = now.round(jiff::Unit::Second).unwrap_or(now);
    Stamp {
        who,
        at: at.to_string(),
    }
}
