//! Rows of the worklist say what the review says, shown, sorted, filtered and searched.

use pantrk_store::ReviewState;

use super::names::{row, scanned, wish};
use super::story::{open, settle, write_cells_of};
use super::*;
use crate::app::Opinion;
use crate::command::{Command, ReviewCommand, SignCommand};
use crate::worklist::{Filter, SortBy, shown};
use pantrk_core::score::Thresholds;

/// How an own reading is heard.
const OWN: &str = "the pathologist's own";

/// Two results: S1 is positive, S2 negative; 50 % of the cells of each stain at 0.28.
fn day() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    for id in ["S1", "S2"] {
        write_result(&out, id, &slide, |result| {
            if id == "S2" {
                result.ihc.result = IhcResult::Negative;
                result.triage.action = Action::NoFurtherTesting;
                result.triage.flag = Action::NoFurtherTesting.flag();
                result.compartments.as_mut().unwrap().any.positive_percent = 0.4;
            }
        });
        write_cells_of(&out.join(id), 0.28);
    }
    (dir, out)
}

fn start(out: &Path) -> Harness<'static, Option<Viewer>> {
    let mut harness = harness(&[out.to_path_buf()], egui::ThemePreference::Dark);
    scanned(&mut harness);
    harness
}

/// The ids that are shown, in their order.
fn order(harness: &Harness<'static, Option<Viewer>>, order: (SortBy, Filter)) -> Vec<String> {
    let session = &viewer(harness).session;
    let places = shown(session, order).into_iter();
    places.map(|i| session.worklist[i].id.clone()).collect()
}

fn sign(opinion: Opinion) -> Vec<Command> {
    vec![
        Command::Sign(SignCommand::Name("Dr A. Reader".to_owned())),
        Command::Sign(SignCommand::Opinion(opinion)),
        Command::Sign(SignCommand::Sign),
    ]
}

/// The name of a row for those who hear it.
fn spoken(harness: &Harness<'static, Option<Viewer>>, id: &str) -> String {
    let start = format!("{id}: ");
    let row = harness.get_by_label_contains(&start);
    row.accesskit_node().label().unwrap()
}

#[test]
fn a_row_follows_thresholds_under_the_hand_and_after_another_start() {
    let (_dir, out) = day();
    let mut harness = start(&out);
    assert_eq!(
        order(&harness, (SortBy::Percent, Filter::All)),
        ["S1", "S2"]
    );
    open(&mut harness, "S1: positive, 39.1 %; sequence");
    let none = Thresholds::new([0.33, 0.4, 0.6]).unwrap();
    wish(
        &mut harness,
        vec![Command::Review(ReviewCommand::Thresholds(none))],
    );
    settle(&mut harness);
    let check = |harness: &Harness<'static, Option<Viewer>>| {
        let said = spoken(harness, "S1");
        assert!(said.contains(": negative, 0.0 %; "), "{said}");
        assert!(said.ends_with(OWN), "{said}");
        assert!(!spoken(harness, "S2").contains(OWN));
        assert_eq!(order(harness, (SortBy::Percent, Filter::All)), ["S2", "S1"]);
        assert!(order(harness, (SortBy::Id, Filter::Confirm)).is_empty());
    };
    check(&harness);
    drop(harness);

    // Nothing is open: all of it is read from what was kept.
    let mut harness = start(&out);
    until(&mut harness, "the marks", |h| spoken(h, "S1").contains(OWN));
    assert!(viewer(&harness).session.open.is_none());
    check(&harness);
    wish(&mut harness, vec![Command::Search("positive".to_owned())]);
    assert!(order(&harness, (SortBy::Id, Filter::All)).is_empty());
    wish(&mut harness, vec![Command::Search(String::new())]);

    // What the program said is a matter of pointing at the row.
    let at = harness.get_by_label_contains("S1: ").rect().center();
    harness.hover_at(at);
    until(&mut harness, "the hint", |h| {
        says(h, "The program: positive, 39.1 %; sequence")
    });
    assert!(says(&harness, OWN) && says(&harness, "in review by"));

    // As scored again, it is the program's.
    open(&mut harness, "S1: negative");
    wish(
        &mut harness,
        vec![Command::Review(ReviewCommand::ResetThresholds)],
    );
    settle(&mut harness);
    assert!(spoken(&harness, "S1").ends_with(": positive, 39.1 %; sequence; in review"));
}

#[test]
fn a_row_says_what_was_signed_and_no_more_after_it_is_opened_again() {
    let (_dir, out) = day();
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    let own = Opinion {
        result: Some(IhcResult::Negative),
        action: Some(Action::NoFurtherTesting),
        reason: "the stained cells are nerve".to_owned(),
    };
    wish(&mut harness, sign(own));
    until(&mut harness, "the signature", |h| {
        viewer(h).session.is_locked()
    });
    let signed = "S1: negative, 39.1 %; stop; signed; the pathologist's own";
    assert_eq!(spoken(&harness, "S1"), signed);
    drop(harness);

    let mut harness = start(&out);
    until(&mut harness, "the marks", |h| spoken(h, "S1") == signed);
    assert_eq!(order(&harness, (SortBy::Id, Filter::Stop)), ["S1", "S2"]);
    assert!(order(&harness, (SortBy::Id, Filter::Confirm)).is_empty());
    wish(&mut harness, vec![Command::Search("s1 stop".to_owned())]);
    assert_eq!(order(&harness, (SortBy::Id, Filter::All)), ["S1"]);
    wish(&mut harness, vec![Command::Search(String::new())]);

    open(&mut harness, "S1: negative");
    let again = Opinion {
        reason: "second opinion".to_owned(),
        ..Opinion::default()
    };
    wish(
        &mut harness,
        vec![
            Command::Sign(SignCommand::Opinion(again)),
            Command::Sign(SignCommand::Reopen),
        ],
    );
    until(&mut harness, "the review", |h| {
        !viewer(h).session.is_locked()
    });
    assert_eq!(
        spoken(&harness, "S1"),
        "S1: positive, 39.1 %; sequence; in review"
    );
}

#[test]
fn a_row_follows_the_tumour_type_of_the_case() {
    let (_dir, out) = day();
    let mut harness = start(&out);
    open(&mut harness, "S2: negative");
    let mut case = viewer(&harness).session.review().unwrap().case.clone();
    case.tumour_type = Some("glioblastoma".to_owned());
    wish(
        &mut harness,
        vec![Command::Review(ReviewCommand::Case(Box::new(case)))],
    );
    settle(&mut harness);
    let tumours = |h: &Harness<'static, Option<Viewer>>| -> Vec<String> {
        let session = &viewer(h).session;
        let types = session
            .worklist
            .iter()
            .map(|item| session.tumour_type(item));
        types.map(|t| t.unwrap_or("none").to_owned()).collect()
    };
    let want = ["Colorectal adenocarcinoma", "glioblastoma"];
    assert_eq!(tumours(&harness), want);
    drop(harness);
    let mut harness = start(&out);
    until(&mut harness, "the marks", |h| tumours(h) == want);
    assert!(spoken(&harness, "S2").ends_with(OWN));
    wish(&mut harness, vec![Command::Search("glio".to_owned())]);
    assert_eq!(order(&harness, (SortBy::Id, Filter::All)), ["S2"]);
}

#[test]
fn figures_of_cells_that_are_no_more_say_nothing() {
    let (dir, out) = day();
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    let none = Thresholds::new([0.33, 0.4, 0.6]).unwrap();
    wish(
        &mut harness,
        vec![Command::Review(ReviewCommand::Thresholds(none))],
    );
    settle(&mut harness);
    drop(harness);
    write_result(&out, "S1", &dir.path().join("a.png"), |result| {
        "other".clone_into(&mut result.run.parameter_hash);
    });
    let mut harness = start(&out);
    until(&mut harness, "the marks", |h| {
        let session = &viewer(h).session;
        session.mark(&session.worklist[0]) == ReviewState::InReview
    });
    assert_eq!(
        spoken(&harness, "S1"),
        "S1: positive, 39.1 %; sequence; in review"
    );
}

#[test]
fn the_next_slide_is_found_where_a_review_took_the_open_one_out_of_the_filter() {
    let (dir, out) = day();
    for id in ["S0", "S3"] {
        write_result(&out, id, &dir.path().join("a.png"), |_| {});
    }
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    wish(
        &mut harness,
        vec![
            Command::Sort(SortBy::Id),
            Command::Filter(Filter::Confirm),
            Command::Review(ReviewCommand::Thresholds(
                Thresholds::new([0.33, 0.4, 0.6]).unwrap(),
            )),
        ],
    );
    settle(&mut harness);
    assert_eq!(order(&harness, (SortBy::Id, Filter::Confirm)), ["S0", "S3"]);
    let last = row(&harness, &out.join("S3"));
    wish(&mut harness, vec![Command::Step(1)]);
    assert_eq!(viewer(&harness).session.open.as_ref().unwrap().index, last);
}
