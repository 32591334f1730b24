//! Reviews in the worklist's database: read, kept as they go on, signed; one thread, so that what is asked first is done first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pantrk_store::{
    AuditChange, AuditEntry, DraftSave, ReviewState, SignOff, SlideReview, Stamp, StoreError,
    WORKLIST_FILE, Worklist,
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
        ReviewRequest::Marks(root) => {
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
        ReviewRequest::Load {
            opening,
            place,
            before,
        } => load(opening, place, before.as_ref()),
        ReviewRequest::Save {
            opening,
            place,
            identity: [fingerprint, parameter_hash],
            draft,
            corrections,
            changes,
            who,
        } => {
            let mut list = open(&place.root)?;
            let save = DraftSave {
                slide_id: &place.slide_id,
                fingerprint: fingerprint.as_deref(),
                parameter_hash: parameter_hash.as_deref(),
                draft: &draft,
                corrections: &corrections,
                changes: &changes,
            };
            list.save_draft(&save, &stamp(who))?;
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
            let mut list = open(&place.root)?;
            let sign = SignOff {
                slide_id: &place.slide_id,
                state,
                own_result: own_result.as_deref(),
                own_action: own_action.as_deref(),
                reason: reason.as_deref(),
                result: &result,
            };
            list.sign_off(&sign, &stamp(who))?;
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

/// A review that may be there; no database is made for one that is only looked for.
fn load(
    opening: u64,
    place: ReviewPlace,
    before: Option<&ReviewPlace>,
) -> Result<ReviewAnswer, StoreError> {
    let path = place.root.join(WORKLIST_FILE);
    let mut found = if path.is_file() {
        answer(&Worklist::open(&path)?, opening, place, true)?
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
        before: earlier,
        ..
    } = &mut found
        && review.as_ref().is_none_or(|review| review.draft.is_none())
        && let Some(place) = before
    {
        let path = place.root.join(WORKLIST_FILE);
        if path.is_file() {
            // A fault of that other database must not keep this review from being read and kept.
            let found = Worklist::open(&path).and_then(|list| list.review(&place.slide_id));
            *earlier = found.ok().flatten().map(Box::new);
        }
    }
    Ok(found)
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
    trail.reverse();
    trail.truncate(SHOWN);
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
