//! Tumour that is drawn where nothing was scored is told of, and is not signed.

use pantrk_space::SlidePoint;

use super::names::{signature, wish};
use super::story::{open, settle, write_cells_of};
use super::*;
use crate::command::{Command, DrawCommand, ReviewCommand};
use crate::drawing::Tool;

/// What is said of it.
pub(super) const MISSING: &str = "of the drawn Tumor area was not scored";

/// A Tumor region over the left upper quarter of the slide, as a run keeps it.
pub(super) const QUARTER: &str = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[800,0],[800,600],[0,600],[0,0]]]},"properties":{"classification":{"name":"Tumor"}}}]}"#;

/// Draws a rectangle of the class Tumor.
pub(super) fn draw_tumour(
    harness: &mut Harness<'static, Option<Viewer>>,
    from: (f64, f64),
    to: (f64, f64),
) {
    let at = |(x, y)| SlidePoint { x, y };
    let commands = [
        DrawCommand::Tool(Tool::Rectangle),
        DrawCommand::Class("Tumor".to_owned()),
        DrawCommand::Press {
            at: at(from),
            erase: false,
        },
        DrawCommand::Drag(at(to)),
        DrawCommand::Release,
    ];
    wish(harness, commands.into_iter().map(Command::Draw).collect());
    settle(harness);
}

fn count(harness: &Harness<'static, Option<Viewer>>, text: &str) -> usize {
    harness.query_all_by_label_contains(text).count()
}

#[test]
fn tumour_drawn_beyond_what_was_scored_is_told_and_not_signed() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    write_result(&out, "S1", &slide, |_| {});
    write_cells_of(&out.join("S1"), 0.28);
    std::fs::write(out.join("S1/regions.geojson"), QUARTER).unwrap();
    let mut harness = harness(std::slice::from_ref(&out), egui::ThemePreference::Dark);
    until(&mut harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    open(&mut harness, "S1: positive");
    // Within the bounds of what was scored nothing is missing.
    draw_tumour(&mut harness, (100.0, 100.0), (700.0, 500.0));
    assert_eq!(count(&harness, MISSING), 0);

    draw_tumour(&mut harness, (1000.0, 700.0), (1500.0, 1100.0));
    // 500 x 400 of 800 x 600 and that: 0.01 mm2; at the head and beside the score.
    assert_eq!(
        count(&harness, "0.01 mm² (29 %) of the drawn Tumor area"),
        2
    );
    wish(&mut harness, signature().into());
    assert!(says(&harness, "Score it again with these regions"));
    harness.run_steps(20);
    assert!(!viewer(&harness).session.is_locked());
    // It goes into what is written of it.
    let result = viewer(&harness).session.open_result().unwrap();
    let told = result.quality.warnings.last().unwrap();
    assert!(told.message.contains(MISSING), "{told:?}");

    // Nor are all Tumor regions taken away in silence.
    wish(&mut harness, vec![Command::Review(ReviewCommand::Undo)]);
    let review = viewer(&harness).session.review().unwrap();
    assert_eq!(review.unscored(), None);
    let ids: Vec<u64> = {
        let review = viewer(&harness).session.review().unwrap();
        review.drawing.shapes().iter().map(|s| s.id).collect()
    };
    for id in ids {
        let commands = [DrawCommand::Select(id), DrawCommand::Delete];
        wish(&mut harness, commands.map(Command::Draw).to_vec());
    }
    assert_eq!(count(&harness, "No Tumor region is drawn any more"), 2);
    for _ in 0..3 {
        wish(&mut harness, vec![Command::Review(ReviewCommand::Undo)]);
    }
    settle(&mut harness);
    wish(&mut harness, signature().into());
    until(&mut harness, "the signature", |h| {
        viewer(h).session.is_locked()
    });
}
