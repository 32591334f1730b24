//! A result beside its truth.

#[path = "../../pantrk-store/tests/common/mod.rs"]
mod common;

use pantrk_core::score::{Compartment, Extent, IhcResult, Texture};
use pantrk_eval::truth::{CompartmentFigures, SlideTruth, TRUTH_SCHEMA, truth_table};
use pantrk_triage::Action;

/// The sample reads 39.1 % and an H-score of 57.1 in any compartment, 33.5 % in nuclei.
fn truth() -> SlideTruth {
    let mut truth = SlideTruth::empty();
    truth.tumour_cells = Some(125_000);
    let figures = |positive_percent, h_score| CompartmentFigures {
        positive_percent,
        h_score,
    };
    truth
        .compartments
        .insert("any".to_owned(), figures(40.0, Some(70.0)));
    truth
        .compartments
        .insert("nucleus".to_owned(), figures(38.6, None));
    truth.pattern.compartments = Some(vec![Compartment::Cytoplasm, Compartment::Nucleus]);
    truth.pattern.extent = Some(Extent::Diffuse);
    truth.pattern.texture = Some(Texture::Smooth);
    truth.ihc = Some(IhcResult::Positive);
    truth.action = Some(Action::OrderRnaNgs);
    truth
}

#[test]
fn each_figure_is_held_to_its_bar() {
    let rows = truth().compare(&common::sample());
    let found: Vec<(&str, &str, bool)> = rows
        .iter()
        .map(|row| (row.figure.as_str(), row.difference.as_str(), row.within))
        .collect();
    assert_eq!(
        found,
        [
            ("tumour cells", "+6422", true),
            ("any compartment, positive %", "-0.9", true),
            ("any compartment, H-score", "-12.9", false),
            ("nucleus, positive %", "-5.1", false),
            ("stained compartments", "", true),
            ("extent", "", false),
            ("texture", "", true),
            ("IHC result", "", true),
            ("action", "", true),
        ]
    );
    let table = truth_table(&rows);
    assert_eq!(table.lines().count(), 11);
    assert!(table.contains("focal") && table.contains("diffuse") && table.contains("NO"));
}

#[test]
fn what_a_result_does_not_say_is_not_within() {
    let rows = truth().compare(&common::not_evaluable());
    let any = rows.iter().find(|r| r.figure.starts_with("any")).unwrap();
    assert_eq!((any.measured.as_str(), any.within), ("–", false));
}

#[test]
fn truths_are_read_and_odd_ones_refused() {
    let dir = std::env::temp_dir().join(format!("pantrk-eval-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("truth.json");
    let text = serde_json::to_string(&truth()).unwrap();
    std::fs::write(&path, &text).unwrap();
    assert_eq!(SlideTruth::read(&path).unwrap(), truth());
    for (from, to, wanted) in [
        (TRUTH_SCHEMA, "other/1", "other/1"),
        ("tumour_cells", "tumor_cells", "tumor_cells"),
        ("\"nucleus\":{", "\"nuclei\":{", "nuclei"),
    ] {
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let error = SlideTruth::read(&path).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
