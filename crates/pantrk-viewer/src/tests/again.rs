//! A slide that is scored, and scored again: what becomes of its review, of its trail and of what can be taken back.

use std::sync::atomic::{AtomicU32, Ordering};

use pantrk_core::pipeline::Progress;
use pantrk_core::segment::Segmenter;
use pantrk_store::{ReviewState, TumourRegion};

use super::coverage::{MISSING, draw_tumour};
use super::names::{ACCOUNT, open, scanned, settled_in, shapes, sign, signature, wish};
use super::story::{settle, write_cells_of};
use super::*;
use crate::command::{Command, ReviewCommand};
use crate::review::Correction;

/// Writes a result for what it is given, each time of another run.
#[derive(Default)]
struct Anew {
    runs: AtomicU32,
}

impl SlideScorer for Anew {
    fn score(&self, slide: &Path, given: &Given, _: &dyn Progress) -> Result<PathBuf, String> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let beside = slide.with_file_name(crate::RESULTS_BESIDE);
        let folder = given.again.clone().unwrap_or_else(|| beside.join("a"));
        write_result(folder.parent().unwrap(), "a", slide, |result| {
            result.run.parameter_hash = format!("p{run}");
            result.run.started = Some(format!("2026-01-02T03:04:{run:02}Z"));
            result.tumour_region = match given.regions {
                Some(_) => TumourRegion::Given,
                None => TumourRegion::None,
            };
            let case = serde_json::to_value(&given.case).unwrap();
            result.run.parameters.insert("case".to_owned(), case);
        });
        if let Some(regions) = &given.regions {
            std::fs::write(folder.join("regions.geojson"), regions).unwrap();
        }
        write_cells_of(&folder, 0.28);
        Ok(folder)
    }

    fn with_segmenter(&self, _: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String> {
        Err("not asked for".to_owned())
    }
}

/// Draws frames until the result of this run is open with its review.
fn scored(harness: &mut Harness<'static, Option<Viewer>>, run: &str) {
    until(harness, "the score", |h| {
        let open = viewer(h).session.open_item();
        open.is_some_and(|(item, open)| {
            let result = item.result();
            result.is_some_and(|result| result.run.parameter_hash == run)
                && open.draft.is_some()
                && open.cells.ready().is_some()
        })
    });
    settle(harness);
}

fn state(harness: &Harness<'static, Option<Viewer>>) -> ReviewState {
    let session = &viewer(harness).session;
    session.mark(session.open_item().unwrap().0)
}

/// What the trail of the result says, and by whom.
fn trail(out: &Path) -> Vec<(String, String)> {
    let list = Worklist::open(&out.join(WORKLIST_FILE)).unwrap();
    list.check_audit().unwrap();
    let entries = list.audit(Some("a")).unwrap().into_iter();
    entries.map(|e| (e.change.what, e.stamp.who)).collect()
}

fn by_account(words: &[&str]) -> Vec<(String, String)> {
    let words = words.iter();
    words
        .map(|word| ((*word).to_owned(), ACCOUNT.to_owned()))
        .collect()
}

fn far_tumour(harness: &mut Harness<'static, Option<Viewer>>) {
    draw_tumour(harness, (1000.0, 700.0), (1500.0, 1100.0));
}

#[test]
fn one_trail_and_one_review_from_the_first_stroke_over_two_scores_to_the_signature() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let (settings, out) = (
        dir.path().join("settings"),
        dir.path().join(crate::RESULTS_BESIDE),
    );
    let scorer: Arc<dyn SlideScorer> = Arc::new(Anew::default());
    let start = || {
        settled_in(
            &settings,
            std::slice::from_ref(&slide),
            Some(Arc::clone(&scorer)),
        )
    };
    let mut harness = start();
    scanned(&mut harness);
    open(&mut harness, 0);
    assert!(says(
        &harness,
        &format!("Changes kept as {ACCOUNT} (account)")
    ));
    super::names::draw(&mut harness);
    wish(&mut harness, vec![Command::Score(0)]);
    scored(&mut harness, "p1");
    until(&mut harness, "the state", |h| {
        state(h) == ReviewState::InReview
    });
    assert_eq!(
        trail(&out),
        by_account(&["carried over", "regions", "scored"])
    );
    assert!(says(&harness, "Slide scored") && says(&harness, "Regions changed"));

    // What was drawn before the score can still be taken back.
    let word = viewer(&harness).session.review().unwrap().can_undo();
    assert_eq!(word.as_deref(), Some("draw"));

    far_tumour(&mut harness);
    assert!(says(&harness, MISSING));
    let correct = ReviewCommand::Correct(7, Some(Correction::NotTumour));
    wish(&mut harness, vec![Command::Review(correct)]);
    settle(&mut harness);
    asked_and_answered(&mut harness);
    assert!(!says(&harness, MISSING));
    assert_eq!(
        (shapes(&harness), state(&harness)),
        (2, ReviewState::InReview)
    );
    let review = viewer(&harness).session.review().unwrap();
    assert!(review.corrections.cells.is_empty());
    assert_eq!(review.changes(), Vec::<String>::new());
    assert!(says(&harness, "corrections were left out"));
    for left in [1, 0] {
        wish(&mut harness, vec![Command::Review(ReviewCommand::Undo)]);
        assert_eq!(shapes(&harness), left);
    }
    for _ in 0..2 {
        wish(&mut harness, vec![Command::Review(ReviewCommand::Redo)]);
    }
    settle(&mut harness);

    sign(&mut harness);
    wish(&mut harness, vec![Command::ScoreAgain(0)]);
    assert!(says(&harness, "It is signed: open it again"));
    assert!(viewer(&harness).session.scoring.is_empty());
    drop(harness);
    let told = trail(&out);
    // Regions and corrections are kept in as many steps as seconds went by.
    let often = ["regions", "correct"];
    let words = told.iter().map(|(what, _)| what.as_str());
    let words: Vec<&str> = words.filter(|what| !often.contains(what)).collect();
    assert_eq!(words, ["carried over", "scored", "scored again", "sign"]);
    assert_eq!(told.last().unwrap().1, "Dr A. Reader");

    // Another start tells none of it again.
    let mut harness = start();
    scanned(&mut harness);
    scored(&mut harness, "p2");
    drop(harness);
    assert_eq!(trail(&out), told);
}

/// What is asked before a review is touched, refused once and then granted.
fn asked_and_answered(harness: &mut Harness<'static, Option<Viewer>>) {
    let button = harness
        .query_all_by_label("Score again ...")
        .next()
        .unwrap();
    button.click_accesskit();
    harness.run_steps(3);
    for text in [
        "Score a again?",
        "trail stay",
        "Corrected cells (1) are left out",
    ] {
        assert!(says(harness, text), "{text}");
    }
    harness.get_by_label("Cancel").click_accesskit();
    harness.run_steps(3);
    assert!(!says(harness, "Score a again?") && viewer(harness).session.scoring.is_empty());
    wish(harness, vec![Command::ScoreAgain(0)]);
    harness.get_by_label("Score again").click_accesskit();
    scored(harness, "p2");
}

#[test]
fn a_result_that_nobody_reviewed_is_scored_again_at_once_from_the_menu() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("x.png");
    write_slide(&slide);
    let out = dir.path().join("night");
    write_result(&out, "a", &slide, |_| {});
    write_cells_of(&out.join("a"), 0.28);
    std::fs::write(out.join("a/regions.geojson"), super::coverage::QUARTER).unwrap();
    let settings = dir.path().join("settings");
    let paths = [out.clone()];
    let mut harness = settled_in(&settings, &paths, Some(Arc::new(Anew::default())));
    scanned(&mut harness);
    scored(&mut harness, "9a4c1f72e0d3");
    harness.get_by_label("File").click_accesskit();
    harness.run_steps(3);
    let items = harness.query_all_by_label("Score again ...");
    items.last().unwrap().click_accesskit();
    harness.run_steps(3);
    // Into the folder where it lies, with the regions that it was scored with.
    scored(&mut harness, "p1");
    assert_eq!(shapes(&harness), 1);
    let place = viewer(&harness).session.worklist[0]
        .place()
        .map(Path::to_path_buf);
    assert_eq!(place, Some(out.join("a")));
    until(&mut harness, "the trail", |_| {
        out.join(WORKLIST_FILE).is_file() && !trail(&out).is_empty()
    });
    assert_eq!(trail(&out), by_account(&["scored again"]));
}

#[test]
fn what_is_being_scored_again_is_not_signed() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("x.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    write_result(&out, "a", &slide, |_| {});
    write_cells_of(&out.join("a"), 0.28);
    let settings = dir.path().join("settings");
    let mut harness = settled_in(
        &settings,
        std::slice::from_ref(&out),
        Some(Arc::new(Anew::default())),
    );
    scanned(&mut harness);
    until(&mut harness, "the review", |h| {
        viewer(h)
            .session
            .open
            .as_ref()
            .is_some_and(|open| open.draft.is_some())
    });
    // Both in one frame: the score cannot have come.
    let [name, signs] = signature();
    wish(&mut harness, vec![Command::ScoreAgain(0), name, signs]);
    assert!(says(&harness, "It is being scored again"));
    scored(&mut harness, "p1");
    assert!(!viewer(&harness).session.is_locked());
}
