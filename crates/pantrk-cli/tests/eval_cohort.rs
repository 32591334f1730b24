//! `pantrk eval cohort`, `compare` and `evidence` on made-up results, as users run them.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
#[path = "../../pantrk-eval/tests/synthetic/mod.rs"]
mod synthetic;

use std::path::{Path, PathBuf};

use common::{names, pantrk, read_json, shared, text};
use serde_json::Value;
use synthetic::{Recipe, write_cohort};

const SLIDES: u64 = 140;

/// A cohort made once: a good run and a noisy one of the same slides.
fn cohorts() -> &'static [PathBuf; 2] {
    static ONCE: std::sync::OnceLock<[PathBuf; 2]> = std::sync::OnceLock::new();
    ONCE.get_or_init(|| {
        [4.0, 30.0].map(|noise| {
            let folder = shared().join(format!("cohort-{noise}"));
            write_cohort(
                &folder,
                Recipe {
                    slides: SLIDES,
                    seed: 1,
                    noise,
                },
            );
            folder
        })
    })
}

fn evaluate(cohort: &Path, out: &Path, more: &[&str]) -> common::Run {
    let (truth, results) = (cohort.join("truth.csv"), cohort.join("results"));
    let mut args = vec!["eval", "cohort", "--manifest", text(&truth)];
    args.extend(["--results", text(&results), "--out", text(out)]);
    args.extend(more);
    pantrk(args)
}

/// What a page shows; the letters before it are base64, which may spell anything.
fn body(folder: &Path) -> String {
    let page = std::fs::read_to_string(folder.join("eval.html")).unwrap();
    page.split("<body>").nth(1).unwrap().to_owned()
}

/// A row of a table by its first column.
fn row<'a>(json: &'a Value, table: &str, first: &str) -> &'a Value {
    let rows = json["tables"][table]["rows"].as_array().unwrap();
    rows.iter()
        .find(|row| row.as_object().unwrap().values().any(|v| v == first))
        .unwrap_or_else(|| panic!("no row {first:?} in {table}: {rows:?}"))
}

#[test]
fn a_cohort_is_held_against_its_truth() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("evaluation");
    let run = evaluate(&cohorts()[0], &out, &["--by", "scanner"]).good();
    assert!(
        run.stdout.contains("sensitivity") && run.stdout.contains("Adler, Bauer"),
        "{}",
        run.stdout
    );
    assert_eq!(names(&out), ["eval.html", "eval.json", "tables"]);
    let json = read_json(&out.join("eval.json"));
    assert_eq!(json["schema"], "pantrk.eval/1");

    // Counted again from the table of slides.
    let mut csv = csv::Reader::from_path(out.join("tables/slides.csv")).unwrap();
    let head = csv.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|c| c == name).unwrap();
    let (call, ngs) = (column("ihc_result"), column("ngs_result"));
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len() as u64, SLIDES);
    let count = |calls: &[&str], truth: &str| {
        rows.iter()
            .filter(|r| calls.contains(&&r[call]) && &r[ngs] == truth)
            .count() as u64
    };
    let tp = count(&["positive", "indeterminate"], "fusion-detected");
    let fn_ = count(&["negative"], "fusion-detected");
    let sensitivity = &row(&json, "accuracy", "sensitivity")["value"];
    assert_eq!(sensitivity["k"], tp);
    assert_eq!(sensitivity["n"], tp + fn_);
    assert!(tp > 10 && fn_ > 0, "{tp} {fn_}");

    // Each figure has its n, and no number is none.
    let text = std::fs::read_to_string(out.join("eval.json")).unwrap();
    let page = body(&out);
    for bad in ["NaN", "inf "] {
        assert!(!text.contains(bad) && !page.contains(bad), "{bad}");
    }
    for part in [
        "<svg",
        "Verification bias",
        "Begg and Greenes",
        "Bland",
        "by scanner",
        "PASS",
        "Fleiss",
    ] {
        assert!(page.contains(part), "no {part:?}");
    }
    assert!(
        !page.contains("<script") && !page.contains("src=\"http") && !page.contains("href=\"http")
    );
    for table in [
        "by_gene",
        "by_scanner",
        "impact",
        "agreement_percent",
        "washout_Adler",
        "calibration",
        "sample_size",
    ] {
        assert!(json["tables"].get(table).is_some(), "{table}");
    }

    // The same bytes again, also with one thread.
    let again = folder.path().join("again");
    let (truth, results) = (cohorts()[0].join("truth.csv"), cohorts()[0].join("results"));
    let args = [
        "eval",
        "cohort",
        "--manifest",
        common::text(&truth),
        "--results",
        common::text(&results),
        "--by",
        "scanner",
        "--out",
        common::text(&again),
    ];
    let status = common::command(args)
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .unwrap()
        .status;
    assert!(status.success());
    assert_eq!(page, body(&again));
}

#[test]
fn the_schema_of_eval_json_is_the_one_promised() {
    let folder = tempfile::tempdir().unwrap();
    evaluate(&cohorts()[0], folder.path(), &[]).good();
    let json = read_json(&folder.path().join("eval.json"));
    let keys = |value: &Value| {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let mut lines = keys(&json);
    for (name, table) in json["tables"].as_object().unwrap() {
        let rows = table["rows"].as_array();
        let columns = rows
            .and_then(|rows| rows.first())
            .map_or_else(Vec::new, keys);
        lines.push(format!("tables.{name}: {}", columns.join(", ")));
    }
    lines[11..].sort();
    let wanted = include_str!("snapshots/eval_schema_1.txt");
    assert_eq!(
        lines.join("\n"),
        wanted.trim_end(),
        "the schema of eval.json changed; raise its number unless fields were only added"
    );
}

#[test]
fn truth_and_results_that_do_not_meet_are_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |rows: &str| {
        let path = folder.path().join("truth.csv");
        std::fs::write(&path, rows).unwrap();
        path
    };
    let results = cohorts()[0].join("results");
    let out = folder.path().join("out");
    let eval = |truth: &Path, results: &Path| {
        pantrk([
            "eval",
            "cohort",
            "--manifest",
            text(truth),
            "--results",
            text(results),
            "--out",
            text(&out),
        ])
    };
    let nothing_common = write("slide_id,ngs_result\nX1,pos\nX2,neg\n");
    eval(&nothing_common, &results).failed(
        2,
        &["no slide is in both", "\"X1\"", "\"S00000\"", "slide_id"],
    );
    let bad = write("slide_id,ngs_result\nS00000,perhaps\n");
    eval(&bad, &results).failed(2, &["row 2, column ngs_result", "perhaps", "truth.csv"]);
    eval(&folder.path().join("none.csv"), &results).failed(2, &["read the truth", "none.csv"]);
    let one = write("slide_id,ngs_result\nS00000,pos\nX2,neg\n");
    eval(&one, &folder.path().join("nowhere")).failed(3, &["list the results", "nowhere"]);
    eval(&one, folder.path()).failed(3, &["no folder in it holds a result.json"]);
    assert_eq!(names(&out), [""; 0]);

    // One slide of one class: words in place of figures, and what is missing by name.
    let run = eval(&one, &results).good();
    assert!(
        run.stdout
            .contains("without a result, and part of no figure: 1")
            && run.stdout.contains("\"X2\""),
        "{}",
        run.stdout
    );
    let page = body(&out);
    assert!(
        page.contains("one class only") && page.contains("Not worked out") && !page.contains("NaN")
    );
    let json = read_json(&out.join("eval.json"));
    assert_eq!(
        row(&json, "accuracy", "specificity")["value"]["value"],
        Value::Null
    );

    // A result that cannot be read: the others are evaluated, and it is told.
    let copy = folder.path().join("results");
    for id in ["S00000", "S00001"] {
        std::fs::create_dir_all(copy.join(id)).unwrap();
        std::fs::copy(
            results.join(id).join("result.json"),
            copy.join(id).join("result.json"),
        )
        .unwrap();
    }
    std::fs::write(copy.join("S00001/result.json"), "{}").unwrap();
    let run = eval(&one, &copy);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.stderr.contains("S00001") && run.stdout.contains("could not be read: 1"),
        "{run:?}"
    );
}

#[test]
fn a_cohort_in_which_only_positives_were_sequenced_claims_no_sensitivity() {
    let folder = tempfile::tempdir().unwrap();
    let results = cohorts()[0].join("results");
    let truth = std::fs::read_to_string(cohorts()[0].join("truth.csv")).unwrap();
    let is_negative = |id: &str| {
        let result = read_json(&results.join(id).join("result.json"));
        result["ihc"]["result"] == "negative"
    };
    let mut rows = truth.lines();
    let mut kept = vec![rows.next().unwrap().to_owned()];
    kept.extend(rows.map(|row| {
        let mut cells: Vec<&str> = row.split(',').collect();
        if is_negative(cells[0]) {
            cells[7..10].fill("");
        }
        cells.join(",")
    }));
    let path = folder.path().join("truth.csv");
    std::fs::write(&path, kept.join("\n")).unwrap();
    let out = folder.path().join("out");
    let args = [
        "eval",
        "cohort",
        "--manifest",
        text(&path),
        "--results",
        text(&results),
    ];
    let run = pantrk(args.into_iter().chain(["--out", text(&out)])).good();
    assert!(run.stdout.contains("Verification bias"), "{}", run.stdout);
    let json = read_json(&out.join("eval.json"));
    for measure in ["sensitivity", "specificity"] {
        let value = &row(&json, "accuracy", measure)["value"];
        assert_eq!(value["value"], Value::Null, "{measure}");
        assert!(
            value["why"].as_str().unwrap().contains("not estimable"),
            "{value}"
        );
    }
    assert!(row(&json, "accuracy", "positive predictive value")["value"]["value"].is_number());
}

#[test]
fn two_runs_are_compared_slide_by_slide() {
    let folder = tempfile::tempdir().unwrap();
    let [good, noisy] = cohorts();
    let outs = ["a", "b"].map(|name| folder.path().join(name));
    evaluate(good, &outs[0], &[]).good();
    evaluate(noisy, &outs[1], &[]).good();
    let out = folder.path().join("comparison");
    let run = pantrk([
        "eval",
        "compare",
        text(&outs[0]),
        text(&outs[1]),
        "--out",
        text(&out),
    ])
    .good();
    assert!(
        run.stdout.contains("B worse") && body(&out).contains("DeLong, paired"),
        "{}",
        run.stdout
    );
    let json = read_json(&out.join("eval.json"));
    // Noise takes the second run away from the readers.
    let errors = row(&json, "tests", "mean distance from the readers' percent");
    assert_eq!(errors["verdict"], "B worse", "{errors}");
    assert!(errors["p_holm"].as_f64().unwrap() >= errors["p"].as_f64().unwrap());

    // From the results themselves it is the same.
    let truth = good.join("truth.csv");
    let direct = folder.path().join("direct");
    let args = [
        "eval",
        "compare",
        text(&good.join("results")),
        text(&noisy.join("results")),
        "--manifest",
        text(&truth),
        "--out",
        text(&direct),
    ]
    .map(str::to_owned);
    pantrk(args).good();
    let other = read_json(&direct.join("eval.json"));
    for what in ["sensitivity of the IHC call", "AUC, positive percent"] {
        assert_eq!(
            row(&json, "tests", what)["p"],
            row(&other, "tests", what)["p"],
            "{what}"
        );
    }

    // A run against itself: nothing differs, and nothing is not a number.
    let same = folder.path().join("same");
    pantrk([
        "eval",
        "compare",
        text(&outs[0]),
        text(&outs[0]),
        "--out",
        text(&same),
    ])
    .good();
    let json = read_json(&same.join("eval.json"));
    let changed = row(&json, "changes", "IHC call");
    assert_eq!(changed["changed"], 0);
    assert!(!body(&same).contains("NaN"));
    pantrk([
        "eval",
        "compare",
        text(&outs[0]),
        text(folder.path()),
        "--out",
        text(&same),
    ])
    .failed(3, &["result.json"]);
}

#[test]
fn the_evidence_is_pooled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let run = pantrk(["eval", "evidence", "--out", text(folder.path())]).good();
    assert!(
        run.stdout.contains("NTRK3") && run.stdout.contains("65/83"),
        "{}",
        run.stdout
    );
    let json = read_json(&folder.path().join("eval.json"));
    let ntrk3 = row(&json, "sensitivity_by_gene", "NTRK3");
    assert_eq!(ntrk3["summed"]["k"], 65);
    // One study of each centre: without Hechtman's 8 of 9.
    assert_eq!(ntrk3["without_repeats"]["n"], 74);
    // The literature's own table, worked out apart: 10 % after a positive with 25 of 25 specific.
    let colon = row(&json, "post_test", "colorectal carcinoma");
    let after = colon["if_positive"]["value"].as_f64().unwrap();
    assert!((0.09..0.11).contains(&after), "{after}");
    assert!(folder.path().join("tables/prevalence.csv").exists());
}
