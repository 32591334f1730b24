//! The metrics of nuclei against an independent implementation's numbers (`fixtures/make_segmentation.py`), through the files that people use.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use pantrk_eval::metrics::{Labels, METRICS, Overlap, POINT_METRICS, Points, matched_points};
use pantrk_eval::segmentation::{
    SegmentationOptions, draw_field, figure_names, pair_folders, score_fields,
};
use pantrk_space::{Microns, MicronsPerPixel};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/segmentation.json")).unwrap()
}

fn labels(value: &Value) -> Vec<u32> {
    let list = value.as_array().unwrap().iter();
    list.map(|v| v.as_u64().unwrap() as u32).collect()
}

fn points(value: &Value) -> Points {
    let list = value.as_array().unwrap().iter();
    Points::from_microns(
        list.map(|p| [p[0].as_f64().unwrap(), p[1].as_f64().unwrap()])
            .collect(),
    )
}

#[track_caller]
fn assert_close(found: Option<f64>, wanted: &Value, what: &str) {
    match (found, wanted.as_f64()) {
        (Some(found), Some(wanted)) => {
            assert!(
                (found - wanted).abs() < 1e-9,
                "{what}: {found}, wanted {wanted}"
            );
        }
        (found, wanted) => assert_eq!(found, wanted, "{what}"),
    }
}

fn options() -> SegmentationOptions {
    let fixture = fixture();
    SegmentationOptions {
        mpp: MicronsPerPixel::new(fixture["mpp"].as_f64().unwrap()).unwrap(),
        within: Microns::new(fixture["within_um"].as_f64().unwrap()),
        seed: 1,
    }
}

#[test]
fn figures_agree_with_another_implementation() {
    let (fixture, options) = (fixture(), options());
    for field in fixture["fields"].as_array().unwrap() {
        let name = field["name"].as_str().unwrap();
        let (predicted, truth) = (labels(&field["predicted"]), labels(&field["truth"]));
        let columns = field["columns"].as_u64().unwrap() as usize;
        let of = |l: &[u32]| -> usize { l.len() / columns };
        let predicted = Labels::new(columns, of(&predicted), &predicted).unwrap();
        let truth = Labels::new(columns, of(&truth), &truth).unwrap();
        let overlap = Overlap::new(predicted, truth).unwrap();
        for metric in METRICS {
            let wanted = &field["figures"][metric.name];
            assert_close(
                metric.compute(&overlap),
                wanted,
                &format!("{name}: {}", metric.name),
            );
        }
        let p = Points::centroids(predicted, options.mpp);
        let t = Points::centroids(truth, options.mpp);
        let matches = matched_points(&p, &t, options.within).len();
        for metric in POINT_METRICS {
            let found = (metric.ratio)(matches, p.len(), t.len()).value();
            assert_close(
                found,
                &field["figures"][metric.name],
                &format!("{name}: {}", metric.name),
            );
        }
    }
    for (i, case) in fixture["points"].as_array().unwrap().iter().enumerate() {
        let (p, t) = (points(&case["predicted"]), points(&case["truth"]));
        let matches = matched_points(&p, &t, options.within);
        for metric in POINT_METRICS {
            let found = (metric.ratio)(matches.len(), p.len(), t.len()).value();
            assert_close(
                found,
                &case["figures"][metric.name],
                &format!("points {i}: {}", metric.name),
            );
        }
    }
}

/// Writes the random fields of the fixture as 16-bit label images.
fn write_fields(folder: &Path) {
    for side in ["pred", "truth"] {
        std::fs::create_dir_all(folder.join(side)).unwrap();
    }
    for field in fixture()["fields"].as_array().unwrap().iter().take(12) {
        let name = field["name"].as_str().unwrap();
        let columns = field["columns"].as_u64().unwrap() as u32;
        for (side, key, ending) in [("pred", "predicted", ""), ("truth", "truth", "_labels")] {
            let pixels: Vec<u16> = labels(&field[key]).into_iter().map(|l| l as u16).collect();
            let rows = pixels.len() as u32 / columns;
            let image: image::ImageBuffer<image::Luma<u16>, _> =
                image::ImageBuffer::from_raw(columns, rows, pixels).unwrap();
            image
                .save(folder.join(side).join(format!("{name}{ending}.png")))
                .unwrap();
        }
    }
}

#[test]
fn folders_pool_as_one_image_would() {
    let folder = tempfile::tempdir().unwrap();
    write_fields(folder.path());
    let paired = pair_folders(
        &folder.path().join("pred"),
        &folder.path().join("truth"),
        None,
    )
    .unwrap();
    assert_eq!(paired.fields.len(), 12);
    let (fixture, options) = (fixture(), options());
    let score = score_fields(&paired.fields, &options).unwrap();
    for (figure, name) in score.pooled.iter().zip(figure_names()) {
        assert_eq!(figure.name, name);
        if let Some(wanted) = fixture["pooled"].get(name.name) {
            assert_close(figure.value, wanted, name.name);
        }
        if let Some(wanted) = fixture["mean_of_fields"].get(name.name) {
            assert_close(figure.mean_of_fields, wanted, name.name);
        }
        if let Some(wanted) = fixture["bootstrap"].get(name.name) {
            let found = figure.interval95.unwrap();
            for (k, bound) in found.into_iter().enumerate() {
                // Within the Monte-Carlo error of 2,000 resamples.
                let wanted = wanted[k].as_f64().unwrap();
                assert!(
                    (bound - wanted).abs() < 8e-3,
                    "{}: {bound}, wanted {wanted}",
                    name.name
                );
            }
        }
    }
    let order = score.worst_first();
    let f1: Vec<f64> = order
        .iter()
        .map(|&i| score.fields[i].value(0).unwrap())
        .collect();
    assert!(f1.is_sorted(), "{f1:?}");
    let again = score_fields(&paired.fields, &options).unwrap();
    assert_eq!(score, again);
    let picture = draw_field(&paired.fields[order[0]], &options).unwrap();
    assert_eq!((picture.width(), picture.height()), (320, 320));
}
