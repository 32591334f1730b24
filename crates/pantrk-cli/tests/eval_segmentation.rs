//! `eval segmentation`, from files to files.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{names, pantrk, read_json, shared, text};
use serde_json::Value;

/// Phantom fields with their labels, and what the watershed finds in them, made once.
fn fields() -> &'static (PathBuf, PathBuf) {
    static FIELDS: std::sync::OnceLock<(PathBuf, PathBuf)> = std::sync::OnceLock::new();
    FIELDS.get_or_init(|| {
        let (truth, found) = (shared().join("fields"), shared().join("found"));
        pantrk([
            "phantom",
            "fields",
            "--count",
            "4",
            "--size",
            "192",
            "--seed",
            "3",
            "--out",
            text(&truth),
        ])
        .good();
        std::fs::create_dir_all(&found).unwrap();
        for name in names(&truth) {
            let is_picture = Path::new(&name).extension().is_some_and(|e| e == "png");
            if !is_picture || name.ends_with("_labels.png") {
                continue;
            }
            let out = found.join(&name);
            let image = truth.join(&name);
            pantrk([
                "segment",
                text(&image),
                "--mpp",
                "0.5",
                "--model",
                "watershed",
                "--out",
                text(&out),
            ])
            .good();
        }
        (truth, found)
    })
}

fn evaluate(pred: &Path, truth: &Path, out: &Path, more: &[&str]) -> common::Run {
    let args = [
        "eval",
        "segmentation",
        "--pred",
        text(pred),
        "--truth",
        text(truth),
        "--mpp",
        "0.5",
        "--out",
        text(out),
    ];
    pantrk(args.iter().chain(more))
}

/// The pooled figure of that name.
fn pooled(out: &Path, figure: &str) -> Value {
    let json = read_json(&out.join("eval.json"));
    let rows = json["tables"]["pooled"]["rows"].as_array().unwrap().clone();
    rows.into_iter()
        .find(|row| row["figure"] == figure)
        .unwrap()["pooled"]
        .clone()
}

#[test]
fn fields_are_compared_with_figures_tables_and_pictures() {
    let (truth, found) = fields();
    let out = tempfile::tempdir().unwrap();
    let run = evaluate(
        found,
        truth,
        out.path(),
        &["--images", text(truth), "--worst", "2"],
    )
    .good();
    assert!(
        run.stdout.contains("f1_iou50") && run.stdout.contains("eval.html"),
        "{}",
        run.stdout
    );
    for figure in [
        "f1_iou50",
        "f1_iou70",
        "pq",
        "aji",
        "dice",
        "count_ratio",
        "f1_points",
    ] {
        let value = pooled(out.path(), figure);
        let number = value["value"].as_f64().unwrap();
        assert!((0.05..=2.0).contains(&number), "{figure}: {number}");
        let [low, high] = [0, 1].map(|i| value["interval95"][i].as_f64().unwrap());
        assert!(
            low <= number && number <= high && value["n"] == 4,
            "{figure}: {value}"
        );
    }
    assert_eq!(
        names(out.path()),
        ["eval.html", "eval.json", "tables", "worst"]
    );
    assert_eq!(names(&out.path().join("worst")).len(), 2);
    let table = std::fs::read_to_string(out.path().join("tables/fields.csv")).unwrap();
    assert_eq!(table.lines().count(), 5, "{table}");
    // The same again gives the same bytes, and pictures of an earlier run do not stay.
    let before = std::fs::read(out.path().join("eval.json")).unwrap();
    let again = ["--images", text(truth), "--worst", "2", "--threads", "1"];
    evaluate(found, truth, out.path(), &again).good();
    assert!(before == std::fs::read(out.path().join("eval.json")).unwrap());
    evaluate(found, truth, out.path(), &["--worst", "1"]).good();
    assert_eq!(names(&out.path().join("worst")).len(), 1);
    // Truth against itself is perfect.
    evaluate(truth, truth, out.path(), &["--worst", "0"]).good();
    assert!((pooled(out.path(), "pq")["value"].as_f64().unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn points_stand_in_for_labels() {
    let folder = tempfile::tempdir().unwrap();
    let (pred, truth, out) = (
        folder.path().join("p"),
        folder.path().join("t"),
        folder.path().join("o"),
    );
    for dir in [&pred, &truth] {
        std::fs::create_dir(dir).unwrap();
    }
    std::fs::write(truth.join("a.csv"), "x,y\n10,10\n50,50\n90,10\n").unwrap();
    // 5 px are 2.5 um, within 3 um; 8 px are not.
    std::fs::write(pred.join("a.csv"), "x,y\n15,10\n58,50\n").unwrap();
    evaluate(&pred, &truth, &out, &[]).good();
    let f1 = |out: &Path| pooled(out, "f1_points")["value"].as_f64().unwrap();
    assert!((f1(&out) - 2.0 / 5.0).abs() < 1e-12);
    assert!(pooled(&out, "f1_points")["interval95"].is_null());
    evaluate(&pred, &truth, &out, &["--distance-um", "4"]).good();
    assert!((f1(&out) - 4.0 / 5.0).abs() < 1e-12);
}

#[test]
fn what_cannot_be_compared_is_named() {
    let (truth, found) = fields();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let part = folder.path().join("part");
    std::fs::create_dir(&part).unwrap();
    let first = names(found).remove(0);
    std::fs::copy(found.join(&first), part.join(&first)).unwrap();
    evaluate(&part, truth, &out, &[]).failed(2, &["3 of 4 truths", "--skip-unpaired"]);
    let run = evaluate(&part, truth, &out, &["--skip-unpaired", "--worst", "0"]).good();
    assert!(
        run.stdout.contains("3 truths have no prediction"),
        "{}",
        run.stdout
    );
    let small = image::GrayImage::new(7, 5);
    small.save(part.join(&first)).unwrap();
    evaluate(&part, truth, &out, &["--skip-unpaired"])
        .failed(3, &["found 7 x 5", "wanted 192 x 192", &first]);
    image::RgbImage::new(192, 192)
        .save(part.join(&first))
        .unwrap();
    evaluate(&part, truth, &out, &["--skip-unpaired"]).failed(3, &["Rgb8", "grey", &first]);
    std::fs::write(part.join(&first), "no picture").unwrap();
    evaluate(&part, truth, &out, &["--skip-unpaired"]).failed(3, &[&first]);
    evaluate(&folder.path().join("absent"), truth, &out, &[]).failed(3, &["absent"]);
    let args = [
        "eval",
        "segmentation",
        "--pred",
        text(found),
        "--truth",
        text(truth),
    ];
    pantrk(args).failed(2, &["--mpp"]);
}
