//! A day at the desk, from the folder to the locked case, through what those hear who do not see the screen.

use std::path::Path;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use pantrk_core::score::{IhcResult, Thresholds};
use pantrk_store::{ReviewState, WORKLIST_FILE, Worklist};
use pantrk_triage::Action;

use super::*;
use crate::command::{Command, ReviewCommand};
use crate::panels::worklist::SEARCH;

/// 1,200 tumour cells on the slide, the left half stained at this density.
pub(super) fn write_cells_of(folder: &Path, od: f32) {
    const N: usize = 1200;
    let mpp = SlideMpp::square(MicronsPerPixel::new(0.2527).unwrap());
    let x: Vec<f64> = (0..N).map(|i| 20.0 + (i % 40) as f64 * 39.0).collect();
    let y: Vec<f64> = (0..N).map(|i| 20.0 + (i / 40) as f64 * 39.0).collect();
    let stained = x.iter().map(|x| if *x < 800.0 { od } else { 0.02 });
    let stained: Vec<f32> = stained.collect();
    let ones = vec![1.0_f32; N];
    let area = vec![50.0_f32; N];
    let grades: Vec<u8> = stained.iter().map(|od| u8::from(*od >= 0.2)).collect();
    let cells = CellColumns {
        mpp,
        x_px: &x,
        y_px: &y,
        nucleus_area_um2: &area,
        cell_area_um2: &area,
        circularity: &ones,
        dab_od: [&stained; 4],
        nucleus_hematoxylin_od: &ones,
        nucleus_hematoxylin_cv: &ones,
        membrane_completeness: &ones,
        cytoplasm_granularity: &ones,
        grades: [&grades; 4],
        excluded: &[0; N],
        exclusion_reasons: &[""],
        tumour: &[true; N],
    };
    write_cells(&folder.join("cells.parquet"), &cells).unwrap();
}

/// Draws frames until the score has followed all that was done.
pub(super) fn settle(harness: &mut Harness<'static, Option<Viewer>>) {
    until(harness, "the live score", |h| {
        let review = &viewer(h).session.open.as_ref().unwrap().review;
        let live = review.live.as_ref();
        live.is_some_and(|live| live.revision == review.revision)
    });
}

/// How far the review of the first slide of this name is.
fn mark(harness: &Harness<'static, Option<Viewer>>, id: &str) -> Option<ReviewState> {
    let session = &harness.state().as_ref()?.session;
    let item = session.worklist.iter().find(|item| item.id == id)?;
    Some(session.mark(item))
}

fn percent(harness: &Harness<'static, Option<Viewer>>) -> f64 {
    let live = viewer(harness).session.review().unwrap().live.as_ref();
    let scores = live.unwrap().result.compartments.unwrap();
    scores.any.positive_percent
}

pub(super) fn open(harness: &mut Harness<'static, Option<Viewer>>, row: &str) {
    harness.get_by_label_contains(row).click_accesskit();
    until(harness, "the slide and its cells", |h| {
        let open = viewer(h).session.open.as_ref();
        open.is_some_and(|open| {
            open.cells.ready().is_some() && open.slide.ready().is_some() && open.draft.is_some()
        })
    });
    settle(harness);
}

/// A drag over the canvas between two shares of its size.
pub(super) fn drag(
    harness: &mut Harness<'static, Option<Viewer>>,
    from: (f32, f32),
    to: (f32, f32),
) {
    let canvas = harness.get_by_label(canvas::NAME).rect();
    let at = |(x, y): (f32, f32)| canvas.min + canvas.size() * egui::vec2(x, y);
    harness.hover_at(at(from));
    harness.step();
    harness.drag_at(at(from));
    harness.step();
    for part in 1_u8..=6 {
        let part = f32::from(part) / 6.0;
        let between = (
            from.0 + (to.0 - from.0) * part,
            from.1 + (to.1 - from.1) * part,
        );
        harness.hover_at(at(between));
        harness.step();
    }
    harness.drop_at(at(to));
    harness.run_steps(3);
}

#[test]
fn the_whole_story() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    for id in ["S1", "S2", "S3"] {
        write_result(&out, id, &slide, |result| {
            if id == "S2" {
                result.ihc.result = IhcResult::Negative;
                result.triage.action = Action::NoFurtherTesting;
                result.triage.flag = Action::NoFurtherTesting.flag();
            }
        });
        write_cells_of(&out.join(id), 0.28);
    }
    let mut harness = harness(std::slice::from_ref(&out), egui::ThemePreference::Dark);
    until(&mut harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    assert!(says(&harness, "S2: negative"));

    // Filter: only what needs confirmation is left, by the search as well.
    harness.get_by_label(SEARCH).focus();
    harness.step();
    harness.get_by_label(SEARCH).type_text("S1 sequence");
    harness.run_steps(4);
    assert!(!says(&harness, "S2: negative") && says(&harness, "S1: positive"));
    harness.key_press(Key::Escape);
    harness.run_steps(2);

    open(&mut harness, "S1: positive");
    let before = percent(&harness);
    assert!(says(&harness, "Order RNA-based NGS"));

    // An excluded region over the left part, where the stained cells are.
    harness.get_by_label("Rectangle").click_accesskit();
    harness.run_steps(2);
    harness.get_by_label("Exclude").click_accesskit();
    harness.run_steps(2);
    drag(&mut harness, (0.05, 0.05), (0.35, 0.95));
    settle(&mut harness);
    assert!(says(&harness, "Regions (1)"));
    let drawn = percent(&harness);
    let live = |h: &Harness<'static, Option<Viewer>>| {
        let live = viewer(h).session.review().unwrap().live.as_ref();
        live.unwrap().result.cells.tumour
    };
    assert!(live(&harness) < 1_200, "cells in it no longer count");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
    settle(&mut harness);
    assert_eq!(live(&harness), 1_200, "undone");
    assert!(drawn < before && !viewer(&harness).session.review().unwrap().is_changed());

    // The lowest threshold above the stain: nothing is positive, and the next step is another.
    let slider = |h: &Harness<'static, Option<Viewer>>, value: f64| {
        h.get_all_by_role(Role::Slider)
            .find(|node| {
                let label = node.accesskit_node().label();
                label.is_some_and(|label| label.contains("1+ from"))
            })
            .expect("the slider of the lowest threshold")
            .set_value_accesskit(value);
    };
    slider(&harness, 0.33);
    harness.run_steps(3);
    settle(&mut harness);
    assert!(percent(&harness) < 1e-9, "{}", percent(&harness));
    assert!(percent(&harness) < before);
    let action = viewer(&harness)
        .session
        .open_result()
        .unwrap()
        .triage
        .action;
    assert_ne!(action, Action::OrderRnaNgs);
    assert!(says(
        &harness,
        "Changed since it was scored: thresholds 0.33"
    ));
    harness.get_by_label("Reset thresholds").click_accesskit();
    harness.run_steps(3);
    settle(&mut harness);
    assert!(says(&harness, "Order RNA-based NGS"));
    between_two_steps(&mut harness);
    slider(&harness, 0.25);
    harness.run_steps(3);
    settle(&mut harness);

    // Sign.
    harness.get_by_label("Name").focus();
    harness.step();
    harness.get_by_label("Name").type_text("Dr A. Reader");
    harness.run_steps(3);
    harness.get_by_label("Sign").click_accesskit();
    until(&mut harness, "the signature", |h| {
        mark(h, "S1") == Some(ReviewState::Signed)
    });
    assert!(says(&harness, "Signed by Dr A. Reader"));
    assert!(viewer(&harness).session.is_locked());
    drop(harness);

    trail_holds(&out);
    another_start_finds_it_locked(out);
}

/// A threshold between two steps of its slider, as a run may have been given, is not moved by being shown.
fn between_two_steps(harness: &mut Harness<'static, Option<Viewer>>) {
    let between = Thresholds::new([0.2513, 0.4, 0.6]).unwrap();
    let wish = Command::Review(ReviewCommand::Thresholds(between));
    harness.state_mut().as_mut().unwrap().wish(wish);
    harness.run_steps(3);
    settle(harness);
    assert_eq!(
        viewer(harness).session.review().unwrap().thresholds,
        between
    );
}

fn trail_holds(out: &Path) {
    let list = Worklist::open(&out.join(WORKLIST_FILE)).unwrap();
    assert!(list.check_audit().unwrap() >= 2);
    let words: Vec<String> = list
        .audit(Some("S1"))
        .unwrap()
        .into_iter()
        .map(|entry| entry.change.what)
        .collect();
    assert_eq!(words.last().map(String::as_str), Some("sign"));
    assert!(words.contains(&"thresholds".to_owned()), "{words:?}");
}

fn another_start_finds_it_locked(out: PathBuf) {
    let mut harness = super::harness(&[out], egui::ThemePreference::Light);
    until(&mut harness, "the marks", |h| {
        mark(h, "S1") == Some(ReviewState::Signed)
    });
    harness.run_steps(3);
    open(
        &mut harness,
        "S1: indeterminate, 50.0 %; review; signed; the pathologist's own",
    );
    assert!(says(&harness, "Signed by Dr A. Reader"));
    let thresholds = viewer(&harness).session.review().unwrap().thresholds;
    assert!(
        (thresholds.values()[0] - 0.25).abs() < 1e-6,
        "{thresholds:?}"
    );
    harness.get_by_label("Rectangle").click_accesskit();
    harness.run_steps(2);
    drag(&mut harness, (0.1, 0.1), (0.6, 0.6));
    assert!(says(&harness, "Regions (0)"), "locked");
    assert!(says(&harness, "nothing of it changes any more"));
}
