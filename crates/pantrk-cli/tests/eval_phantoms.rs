//! `eval phantoms`: the committed baseline holds, and a run that falls below one fails.

mod common;

use std::path::Path;

use common::{names, pantrk, read_json, text};

fn baseline() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/eval/baseline.csv")
}

/// The gate: all suites, a few slides of each, against `tests/eval/baseline.csv`.
#[test]
fn no_figure_is_worse_than_the_baseline() {
    let out = tempfile::tempdir().unwrap();
    let file = baseline();
    let mut args = vec!["eval", "phantoms", "--quick", "--baseline", text(&file)];
    args.extend(["--out", text(out.path())]);
    let run = pantrk(args);
    assert_eq!(
        run.code,
        Some(0),
        "figures are worse than tests/eval/baseline.csv by more than their noise (see CONTRIBUTING.md):\n{}\n{}",
        run.stdout,
        run.stderr
    );
    // Slides are not kept, and every figure of the file was looked at.
    assert_eq!(names(out.path()), ["eval.html", "eval.json", "tables"]);
    let json = read_json(&out.path().join("eval.json"));
    let rows = json["tables"]["baseline"]["rows"].as_array().unwrap();
    let committed = std::fs::read_to_string(baseline()).unwrap();
    assert_eq!(rows.len(), committed.lines().count() - 1);
    assert!(rows.iter().all(|row| row["change"] != "new"), "{rows:#?}");
}

#[test]
fn a_fall_below_the_baseline_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("baseline.csv");
    let out = folder.path().join("out");
    let mut args = vec![
        "eval",
        "phantoms",
        "--suite",
        "negatives",
        "--slides",
        "1",
        "--side",
        "1200",
    ];
    args.extend(["--model", "watershed", "--out", text(&out)]);
    let with = |more: &[&str]| pantrk(args.iter().chain(more));
    with(&["--write-baseline", text(&file), "--repeats", "2"]).good();
    with(&["--baseline", text(&file)]).good();
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(
        written.starts_with("suite,figure,aim,value,noise,n\n"),
        "{written}"
    );
    // As if the slide had been far better before.
    let better = written.replace(
        "negatives,negative_h_score_worst,at most 5,",
        "negatives,negative_h_score_worst,at most 5,-9",
    );
    assert_ne!(better, written);
    std::fs::write(&file, better).unwrap();
    let run = with(&["--baseline", text(&file)]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let row = run
        .stdout
        .lines()
        .find(|line| line.contains("WORSE"))
        .unwrap();
    assert!(row.contains("negative_h_score_worst"), "{row}");
    std::fs::write(&file, "suite\n").unwrap();
    with(&["--baseline", text(&file)]).failed(2, &["baseline", "baseline.csv"]);
    pantrk(["eval", "phantoms", "--suite", "nothing"])
        .failed(2, &["known suites are presets, negatives"]);
}
