//! `eval sweep` on slides that were scored before.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;

use common::{pantrk, read_json, score, slide, text};
use serde_json::Value;

fn swept(results: &Path, out: &Path, more: &[&str]) -> common::Run {
    let args = [
        "eval",
        "sweep",
        "--results",
        text(results),
        "--out",
        text(out),
    ];
    pantrk(args.iter().chain(more))
}

fn rows(out: &Path, table: &str) -> Vec<Value> {
    let json = read_json(&out.join("eval.json"));
    json["tables"][table]["rows"].as_array().unwrap().clone()
}

#[test]
fn stored_cells_give_what_scoring_gave_and_what_it_would_give() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    score(slide(), &results, &[]).good();
    let result = read_json(&results.join("phantom/result.json"));
    let out = folder.path().join("sweep");
    let run = swept(
        &results,
        &out,
        &["--first-threshold", "0.1:0.4:0.1", "--cutoffs", "1,50"],
    )
    .good();
    assert!(
        run.stdout.contains("1 scored slide x 4 sets"),
        "{}",
        run.stdout
    );
    // At the thresholds of the result, every profile says what it said.
    let calls = rows(&out, "calls");
    assert_eq!(calls.len(), 4 * 3);
    let call_at = |thresholds: &str, profile: &str| {
        let row = calls
            .iter()
            .find(|r| r["thresholds"] == thresholds && r["profile"] == profile)
            .unwrap();
        ["positive", "indeterminate", "negative", "not_evaluable"]
            .into_iter()
            .find(|name| row[*name] == 1)
            .unwrap()
            .replace('_', "-")
    };
    assert_eq!(
        call_at("0.2, 0.4, 0.6", "any-1pct"),
        result["ihc"]["result"].as_str().unwrap()
    );
    let table = std::fs::read_to_string(out.join("tables/slides.csv")).unwrap();
    let percents: Vec<f64> = table
        .lines()
        .skip(1)
        .map(|line| {
            // The thresholds are quoted, for they hold commas.
            let after = line.split('"').nth(2).unwrap();
            after.split(',').nth(1).unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(percents.len(), 4);
    let stored = result["compartments"]["any"]["positive_percent"]
        .as_f64()
        .unwrap();
    assert!(
        (percents[1] - stored).abs() < 1e-9,
        "{percents:?}, stored {stored}"
    );
    // A higher threshold never stains more cells.
    assert!(percents.is_sorted_by(|a, b| a >= b), "{percents:?}");
    let page = std::fs::read_to_string(out.join("eval.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("cut-off"));
    // A truth adds sensitivity, and says how little one slide is worth.
    let truth = folder.path().join("truth.csv");
    std::fs::write(&truth, "slide_id,ngs_result\nphantom,positive\n").unwrap();
    let run = swept(&results, &out, &["--truth", text(&truth), "--cutoffs", "1"]).good();
    assert!(
        run.stdout.contains("1 slides are truly positive"),
        "{}",
        run.stdout
    );
    let best = rows(&out, "cutoffs");
    assert_eq!(best[0]["sensitivity"]["n"], 1);
    assert!(best[0]["specificity"]["value"].is_null());
    swept(folder.path(), &out, &[]).failed(3, &["no scored slide"]);
    swept(&results, &out, &["--first-threshold", "0"]).failed(2, &["numbers above 0"]);
    swept(&results, &out, &["--expansion", "3"]).failed(2, &["--slides"]);
}
