//! The pathologist's own word: the next step that follows it, what stands first once it is signed, and the way to the next case.

use pantrk_core::score::Thresholds;
use pantrk_store::ReviewState;

use super::names::{scanned, wish};
use super::story::{open, settle, write_cells_of};
use super::*;
use crate::app::Opinion;
use crate::command::{Command, DrawCommand, ReviewCommand, SignCommand};
use crate::worklist::{Filter, SortBy};

type Desk = Harness<'static, Option<Viewer>>;

/// Results of these names, all positive with the next step to sequence.
fn day(ids: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    for id in ids {
        write_result(&out, id, &slide, |_| {});
        write_cells_of(&out.join(id), 0.28);
    }
    (dir, out)
}

fn start(out: &Path) -> Desk {
    let mut harness = harness(&[out.to_path_buf()], egui::ThemePreference::Dark);
    scanned(&mut harness);
    harness
}

fn opinion(result: Option<IhcResult>, action: Option<Action>, reason: &str) -> Command {
    Command::Sign(SignCommand::Opinion(Opinion {
        result,
        action,
        reason: reason.to_owned(),
    }))
}

fn sign(harness: &mut Desk) {
    let name = SignCommand::Name("Dr A. Reader".to_owned());
    wish(harness, vec![Command::Sign(name)]);
    harness.get_by_label("Sign").click_accesskit();
    until(harness, "the signature", |h| viewer(h).session.is_locked());
}

fn move_thresholds(harness: &mut Desk) {
    let moved = Thresholds::new([0.25, 0.4, 0.6]).unwrap();
    let command = Command::Review(ReviewCommand::Thresholds(moved));
    wish(harness, vec![command]);
    settle(harness);
}

fn signed(out: &Path) -> pantrk_store::SlideReview {
    let list = Worklist::open(&out.join(WORKLIST_FILE)).unwrap();
    list.review("S1").unwrap().unwrap()
}

#[test]
fn the_next_step_follows_the_pathologists_own_result() {
    let (_dir, out) = day(&["S1"]);
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    assert!(says(&harness, "You sign: IHC positive; sequence"));
    wish(
        &mut harness,
        vec![opinion(Some(IhcResult::Negative), None, "nerve")],
    );
    let own = || {
        let case = viewer(&harness).session.review().unwrap().case.clone();
        let finding = pantrk_triage::IhcFinding::new(IhcResult::Negative);
        pantrk_triage::decide(&case, &finding).unwrap()
    };
    let own = own();
    assert_ne!(own.action, Action::OrderRnaNgs, "or nothing is tested");
    let by_rules = format!("By the rules for your result: {}", own.action.label());
    assert!(says(&harness, &by_rules));
    let line = format!("You sign: IHC negative; {}", own.flag.word);
    assert!(says(&harness, &line), "{line}");
    assert!(says(&harness, "Your result: negative; by the rules for it"));

    sign(&mut harness);
    let kept = signed(&out);
    assert_eq!(kept.own_result.as_deref(), Some("negative"));
    assert_eq!(kept.own_action.as_deref(), Some(own.action.name()));

    // What was signed first, what the program says second, at the head and wherever the result is told.
    harness.run_steps(3);
    let first = harness.get_by_label("Signed next step").rect();
    let second = harness
        .get_by_label_contains("The program: sequence, positive, ")
        .rect();
    assert!(first.bottom() < second.top());
    assert!(!says(&harness, "Suggested next step"));
    assert!(says(&harness, &format!("Rule {}; ", own.rule)));
    assert!(says(&harness, "IHC negative, signed"));
    assert!(says(&harness, "The program read: IHC positive"));
    assert!(says(&harness, "Why the program suggested: sequence"));
    let line = format!("Signed: IHC negative; {}", own.flag.word);
    assert!(says(&harness, &line), "{line}");

    // And in the report.
    harness.get_by_label("Write report").click_accesskit();
    let report = out.join("reviews/S1-report.html");
    until(&mut harness, "the report", |_| report.exists());
    let page = std::fs::read_to_string(&report).unwrap();
    for text in [
        format!("Signed next step: {}", own.flag.word),
        format!("By rule {} for the signed result", own.rule),
        "the program suggested: sequence (rule R7)".to_owned(),
        "the program read: positive".to_owned(),
    ] {
        assert!(page.contains(&text), "{text:?} is not in the report");
    }
}

#[test]
fn another_step_than_the_rules_give_wants_a_reason() {
    let (_dir, out) = day(&["S1"]);
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    let name = SignCommand::Name("Dr A. Reader".to_owned());
    let (result, action) = (Some(IhcResult::Negative), Some(Action::OrderRnaNgs));
    wish(
        &mut harness,
        vec![Command::Sign(name), opinion(result, action, " ")],
    );
    assert!(says(&harness, "You chose another step."));
    let disabled = |h: &Desk| h.get_by_label("Sign").accesskit_node().is_disabled();
    assert!(disabled(&harness) && says(&harness, "say why"));
    wish(
        &mut harness,
        vec![opinion(result, action, "the stain failed at the edge")],
    );
    assert!(!disabled(&harness));
    sign(&mut harness);
    assert_eq!(signed(&out).own_action.as_deref(), Some("order-rna-ngs"));
    // A person chose it, so no rule stands behind it.
    assert!(says(&harness, "Chosen by the pathologist"));
}

#[test]
fn a_second_slide_is_told_by_what_was_signed() {
    let (_dir, out) = day(&["S1", "S2"]);
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    wish(
        &mut harness,
        vec![opinion(Some(IhcResult::Negative), None, "nerve")],
    );
    sign(&mut harness);
    open(&mut harness, "S2: positive");
    harness.get_by_label("Beside").click_accesskit();
    harness.run_steps(5);
    assert!(says(&harness, "S1: Colorectal adenocarcinoma; negative, "));
}

#[test]
fn the_next_case_is_the_next_of_the_list_that_is_not_signed() {
    let (_dir, out) = day(&["S1", "S2", "S3"]);
    let mut harness = start(&out);
    wish(
        &mut harness,
        vec![Command::Sort(SortBy::Id), Command::Filter(Filter::All)],
    );
    let id = |h: &Desk| viewer(h).session.open_item().unwrap().0.id.clone();
    let arrives = |h: &mut Desk, wanted: &'static str| {
        until(h, "the next case", |h| {
            let open = viewer(h).session.open_item();
            open.is_some_and(|(item, open)| item.id == wanted && open.draft.is_some())
        });
        settle(h);
    };
    open(&mut harness, "S2: positive");
    sign(&mut harness);
    harness.get_by_label("Next case").click_accesskit();
    arrives(&mut harness, "S3");
    sign(&mut harness);
    // From the end of the list to its beginning; S2 is signed.
    harness.key_press_modifiers(egui::Modifiers::SHIFT, egui::Key::PageDown);
    arrives(&mut harness, "S1");
    sign(&mut harness);
    harness.get_by_label("Next case").click_accesskit();
    harness.run_steps(3);
    assert_eq!(id(&harness), "S1");
    assert!(says(&harness, "No other case of this list waits"));
}

#[test]
fn in_a_signed_case_tools_are_off_and_say_why() {
    let (_dir, out) = day(&["S1"]);
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    harness.get_by_label("Point").click_accesskit();
    harness.run_steps(2);
    sign(&mut harness);
    harness.run_steps(2);
    for tool in &crate::drawing::TOOLS {
        let node = harness.get_by_role_and_label(egui::accesskit::Role::Button, tool.name);
        let off = node.accesskit_node().is_disabled();
        assert_eq!(
            off,
            tool.tool != crate::drawing::Tool::Move,
            "{}",
            tool.name
        );
    }
    // The tool that was in hand is not any more.
    let canvas = harness.get_by_label(canvas::NAME).rect();
    harness.hover_at(canvas.center());
    harness.drag_at(canvas.center());
    harness.drop_at(canvas.center());
    harness.run_steps(3);
    let review = viewer(&harness).session.review().unwrap();
    assert!(review.drawing.shapes().is_empty(), "nothing is drawn");
    for name in ["Rectangle", "Exclude"] {
        let node = harness.get_by_label(name);
        node.scroll_to_me();
        harness.run_steps(8);
        let at = harness.get_by_label(name).rect().center();
        harness.hover_at(at);
        until(&mut harness, name, |h| says(h, crate::panels::SIGNED));
        harness.hover_at(canvas.center());
        harness.run_steps(3);
    }
}

/// Thresholds that were moved are told once the case is signed, beside what was signed.
#[test]
fn what_was_scored_is_told_beside_what_was_signed() {
    let (_dir, out) = day(&["S1"]);
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    move_thresholds(&mut harness);
    sign(&mut harness);
    harness.run_steps(3);
    let session = &viewer(&harness).session;
    assert_eq!(session.mark(&session.worklist[0]), ReviewState::Signed);
    assert!(says(&harness, "As scored: sequence, positive, 39.1 %"));
    assert!(!says(&harness, "The program: "), "both say the same");
}

/// What is said of a slide and not yet signed belongs to the case.
#[test]
fn an_own_result_that_is_not_signed_survives_another_slide_and_a_restart() {
    let (_dir, out) = day(&["S1", "S2"]);
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    let said = Opinion {
        result: Some(IhcResult::Negative),
        action: None,
        reason: "nerve".to_owned(),
    };
    wish(
        &mut harness,
        vec![Command::Sign(SignCommand::Opinion(said.clone()))],
    );
    open(&mut harness, "S2: positive");
    let now = |h: &Desk| viewer(h).session.open.as_ref().unwrap().opinion.clone();
    assert_eq!(now(&harness), Opinion::default(), "it is of the other case");
    let first = |h: &mut Desk| wish(h, vec![Command::Open(0)]);
    first(&mut harness);
    settle(&mut harness);
    assert_eq!(now(&harness), said);
    drop(harness);

    let kept = signed(&out);
    assert_eq!((kept.state, kept.own_result), (ReviewState::InReview, None));
    let mut harness = start(&out);
    first(&mut harness);
    settle(&mut harness);
    assert_eq!(now(&harness), said);
    assert!(says(&harness, "You sign: IHC negative"));
}

#[test]
fn a_case_that_is_opened_again_begins_with_what_was_signed() {
    let (_dir, out) = day(&["S1"]);
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    // The computed step, which is not the one by the rules for this result.
    let (result, action) = (Some(IhcResult::Negative), Some(Action::OrderRnaNgs));
    wish(&mut harness, vec![opinion(result, action, "nerve")]);
    sign(&mut harness);
    drop(harness);

    let mut harness = start(&out);
    until(&mut harness, "the signature", |h| {
        viewer(h).session.is_locked()
    });
    settle(&mut harness);
    wish(
        &mut harness,
        vec![
            opinion(None, None, "a second look"),
            Command::Sign(SignCommand::Reopen),
        ],
    );
    until(&mut harness, "the reopening", |h| {
        !viewer(h).session.is_locked()
    });
    let now = viewer(&harness).session.open.as_ref().unwrap();
    let now = &now.opinion;
    assert_eq!((now.result, now.action), (result, action));
    assert_eq!(now.reason, "nerve");
    harness.run_steps(3);
    assert!(says(&harness, "You sign: IHC negative; sequence"));
}

#[test]
fn the_row_of_a_signed_review_names_the_result_that_is_signed() {
    let (dir, out) = day(&["S1"]);
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    move_thresholds(&mut harness);
    drop(harness);
    let before = signed(&out).parameter_hash;
    write_result(&out, "S1", &dir.path().join("a.png"), |result| {
        "another".clone_into(&mut result.run.parameter_hash);
    });
    write_cells_of(&out.join("S1"), 0.28);

    let mut harness = start(&out);
    until(&mut harness, "the review", |h| {
        let open = viewer(h).session.open.as_ref();
        open.is_some_and(|open| open.draft.is_some())
    });
    settle(&mut harness);
    sign(&mut harness);
    assert_ne!(before.as_deref(), Some("another"));
    assert_eq!(signed(&out).parameter_hash.as_deref(), Some("another"));
}

/// The area that was evaluated is that of the regions of the score.
#[test]
fn the_area_is_not_told_of_regions_that_are_not_there_any_more() {
    let (_dir, out) = day(&["S1"]);
    std::fs::write(out.join("S1/regions.geojson"), super::coverage::QUARTER).unwrap();
    let mut harness = start(&out);
    open(&mut harness, "S1: positive");
    settle(&mut harness);
    harness.run_steps(3);
    assert!(says(&harness, "mm² tissue evaluated"));
    let id = viewer(&harness).session.review().unwrap().drawing.shapes()[0].id;
    wish(
        &mut harness,
        vec![
            Command::Draw(DrawCommand::Select(id)),
            Command::Draw(DrawCommand::Delete),
        ],
    );
    settle(&mut harness);
    harness.run_steps(3);
    assert!(!says(&harness, "mm² tissue evaluated"));
    assert!(says(&harness, "The regions were changed since"));
}
