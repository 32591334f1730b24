//! `pantrk regions` and `score --region-classifier`: strokes on one phantom, regions on another.
#![expect(clippy::unwrap_used, reason = "helpers of a test")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{SIZE, pantrk, phantom, read_json, score, shared, slide, text};
use serde_json::json;

/// Cells of a phantom: kind and place.
fn cells(slide: &Path) -> Vec<(String, [f64; 2])> {
    let path = slide.with_extension("truth.cells.csv");
    let table = std::fs::read_to_string(path).unwrap();
    let head: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let column = |name: &str| head.iter().position(|h| *h == name).unwrap();
    let (kind, x, y) = (column("kind"), column("x_px"), column("y_px"));
    let row = |line: &str| {
        let values: Vec<&str> = line.split(',').collect();
        (
            values[kind].to_owned(),
            [x, y].map(|c| values[c].parse().unwrap()),
        )
    };
    table.lines().skip(1).map(row).collect()
}

/// A few strokes per class: squares of 25 um around cells of the truth.
fn strokes(slide: &Path, kinds: &[(&str, &str)]) -> PathBuf {
    const HALF: f64 = 50.0;
    let all = cells(slide);
    let mut features = Vec::new();
    for (kind, class) in kinds {
        let inside = |v: f64, size: u32| (HALF..f64::from(size) - HALF).contains(&v);
        let own: Vec<[f64; 2]> = all
            .iter()
            .filter(|(k, [x, y])| k == kind && inside(*x, SIZE[0]) && inside(*y, SIZE[1]))
            .map(|(_, place)| *place)
            .collect();
        for [x, y] in own.iter().step_by((own.len() / 10).max(1)).take(10) {
            let ring: Vec<[f64; 2]> = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
                .into_iter()
                .chain([(-1.0, -1.0)])
                .map(|(u, v)| [x + u * HALF, y + v * HALF])
                .collect();
            features.push(json!({
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {"classification": {"name": class}},
            }));
        }
    }
    let path = slide.with_extension(format!("{}-strokes.geojson", kinds.len()));
    let collection = json!({"type": "FeatureCollection", "features": features});
    std::fs::write(&path, collection.to_string()).unwrap();
    path
}

const CLASSES: [(&str, &str); 4] = [
    ("tumour", "Tumor"),
    ("stroma", "Stroma"),
    ("nerve", "Nerve"),
    ("muscle", "Muscle"),
];

/// Trained once.
fn classifier() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let out = shared().join("classifier.json");
        let drawn = strokes(slide(), &CLASSES);
        let args = ["regions", "train", "--slide", text(slide())];
        let more = ["--strokes", text(&drawn), "--out", text(&out)];
        let run = pantrk(args.into_iter().chain(more)).good();
        assert!(run.stdout.contains("held out") && run.stdout.contains("Nerve"));
        out
    })
}

fn other_slide() -> &'static Path {
    static SLIDE: OnceLock<PathBuf> = OnceLock::new();
    SLIDE.get_or_init(|| {
        let path = shared().join("other.svs");
        phantom(&path, SIZE, 21);
        path
    })
}

/// Even-odd rule over all rings.
fn holds(coordinates: &serde_json::Value, [x, y]: [f64; 2]) -> bool {
    let polygons = coordinates.as_array().unwrap();
    let rings = polygons.iter().flat_map(|p| p.as_array().unwrap());
    let point = |v: &serde_json::Value| [v[0].as_f64().unwrap(), v[1].as_f64().unwrap()];
    let crossings: usize = rings
        .map(|ring| {
            let pairs = ring.as_array().unwrap().windows(2);
            pairs
                .filter(|pair| {
                    let ([ax, ay], [bx, by]) = (point(&pair[0]), point(&pair[1]));
                    (ay <= y) != (by <= y) && x < ax + (y - ay) / (by - ay) * (bx - ax)
                })
                .count()
        })
        .sum();
    crossings % 2 == 1
}

#[test]
fn proposed_regions_hold_the_tumour_of_a_slide_not_seen_before() {
    let out = shared().join("other.geojson");
    let args = ["regions", "apply", text(other_slide()), "--classifier"];
    let more = [text(classifier()), "--out", text(&out)];
    pantrk(args.into_iter().chain(more)).good();
    let proposed = read_json(&out);
    let of = |class: &str| {
        let features = proposed["features"].as_array().unwrap();
        let found = features
            .iter()
            .find(|f| f["properties"]["classification"]["name"] == class);
        found.map(|f| f["geometry"]["coordinates"].clone())
    };
    let tumour = of("Tumor").unwrap();
    let share = |kind: &str| {
        let all = cells(other_slide());
        let own: Vec<_> = all.iter().filter(|(k, _)| k == kind).collect();
        let inside = own.iter().filter(|(_, place)| holds(&tumour, *place));
        inside.count() as f64 / own.len() as f64
    };
    assert!(share("tumour") > 0.7, "{}", share("tumour"));
    assert!(share("stroma") < 0.3, "{}", share("stroma"));
    assert!(share("muscle") < 0.1 && share("nerve") < 0.1);
}

#[test]
fn a_score_by_proposed_regions_says_so() {
    let out = shared().join("scored-by-proposal");
    let args = ["--region-classifier", text(classifier()), "--skip-heatmaps"];
    score(other_slide(), &out, &args).good();
    let result = read_json(&out.join("other/result.json"));
    assert_eq!(result["tumour_region"], "classified");
    let facts = &result["region_classifier"];
    assert_eq!(facts["classes"].as_array().unwrap().len(), 4);
    assert!(facts["areas_mm2"]["Tumor"].as_f64().unwrap() > 0.0);
    assert_eq!(
        facts["sha256"],
        result["run"]["parameters"]["region_classifier_sha256"]
    );
    let warnings = result["quality"]["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|w| w["code"] == "proposed-regions"));
    assert!(out.join("other/regions.geojson").is_file());
    // The kinds of cells are proposed only where no region says which are tumour.
    assert!(result["cell_kinds"].is_null());
    let without = shared().join("scored-without");
    score(other_slide(), &without, &["--skip-heatmaps"]).good();
    let result = read_json(&without.join("other/result.json"));
    assert_eq!(result["tumour_region"], "none");
    let kinds = &result["cell_kinds"];
    assert!(kinds["cells"]["tumour"].as_u64().unwrap() > 500, "{kinds}");
    assert!(kinds["accuracy"].as_array().unwrap().len() >= 2);
}

#[test]
fn what_cannot_be_trained_or_applied_is_told() {
    let one = strokes(slide(), &CLASSES[..1]);
    let out = shared().join("none.json");
    let train = |strokes: &Path| {
        let args = ["regions", "train", "--slide", text(slide())];
        let more = ["--strokes", text(strokes), "--out", text(&out)];
        pantrk(args.into_iter().chain(more))
    };
    train(&one).failed(2, &["1 classes", "at least 2"]);
    train(&shared().join("missing.geojson")).failed(2, &["missing.geojson"]);
    assert!(!out.exists());
    let broken = shared().join("broken.json");
    let whole = std::fs::read_to_string(classifier()).unwrap();
    std::fs::write(&broken, &whole[..whole.len() / 2]).unwrap();
    let folder = shared().join("not-scored");
    let by = |classifier: &Path, more: &[&str]| {
        let mut args = vec!["--region-classifier", text(classifier)];
        args.extend(more);
        score(slide(), &folder, &args)
    };
    by(&broken, &[]).failed(2, &["not a region classifier", "broken.json"]);
    let regions = slide().with_file_name("phantom.regions.geojson");
    by(classifier(), &["--regions", text(&regions)]).failed(2, &["both say where the tumour is"]);
}
