//! `result.json` holds what the contract says.

mod common;

use pantrk_store::{SCHEMA, SlideResult};
use serde_json::Value;

/// One line per field: its path and the kind of its value.
fn shape(path: &str, value: &Value, out: &mut Vec<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(items) => {
            if items.iter().all(|item| !item.is_object()) {
                let kinds = items.first().map_or("", |item| match item {
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    _ => "other",
                });
                out.push(format!("{path}: [{kinds}; {}]", items.len()));
                return;
            }
            return shape(&format!("{path}[]"), &items[0], out);
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                shape(&format!("{path}.{key}"), field, out);
            }
            return;
        }
    };
    out.push(format!("{path}: {kind}"));
}

#[test]
fn the_schema_is_the_one_promised() {
    let mut lines = Vec::new();
    for (name, value) in serde_json::to_value(common::sample())
        .unwrap()
        .as_object()
        .unwrap()
    {
        // The decision's own fields are held by the crate that makes it.
        if name != "triage" {
            shape(name, value, &mut lines);
        }
    }
    insta::assert_snapshot!("result_schema_1", lines.join("\n"));
}

/// The keys that contract section 2 names, written down by hand.
#[test]
fn every_field_of_the_contract_is_there() {
    let value = serde_json::to_value(common::sample()).unwrap();
    for pointer in [
        "/schema",
        "/slide/id",
        "/slide/path",
        "/slide/vendor",
        "/slide/fingerprint",
        "/slide/width",
        "/slide/height",
        "/slide/levels",
        "/slide/mpp_x",
        "/slide/mpp_y",
        "/slide/mpp_source",
        "/slide/objective_power",
        "/run/version",
        "/run/parameters",
        "/run/parameter_hash",
        "/run/model/name",
        "/run/model/version",
        "/run/model/sha256",
        "/run/model/runtime",
        "/run/device",
        "/run/threads",
        "/run/started",
        "/run/seconds/total",
        "/run/peak_rss_bytes",
        "/quality/tissue_mm2",
        "/quality/evaluated_mm2",
        "/quality/excluded_mm2/focus",
        "/quality/unread_mm2",
        "/quality/unread_tiles",
        "/quality/warnings",
        "/stain/hematoxylin/2",
        "/stain/dab/2",
        "/stain/residual/2",
        "/stain/background_rgb/2",
        "/stain/dab_background_od",
        "/stain/source",
        "/tumour_region",
        "/cells/segmented",
        "/cells/tumour",
        "/cells/excluded/focus",
        "/compartments/any/positive_percent",
        "/compartments/nucleus/percent_1",
        "/compartments/nuclear_rim/percent_2",
        "/compartments/cytoplasm/percent_3",
        "/compartments/membrane/h_score",
        "/compartments/any/mean_dab_od",
        "/compartments/any/interval95/1",
        "/compartments/any/sensitivity/1",
        "/pattern/compartments",
        "/pattern/extent",
        "/pattern/texture",
        "/pattern/clustering",
        "/pattern/gene_hint/genes",
        "/pattern/gene_hint/note",
        "/profiles/any-1pct/result",
        "/profiles/cantrk/value",
        "/profiles/h-score/cutoff",
        "/ihc/result",
        "/ihc/profile",
        "/ihc/intensity",
        "/ihc/reasons",
        "/triage/action",
        "/triage/flag",
        "/triage/rule",
        "/triage/rules",
        "/triage/reasons",
        "/triage/pre_test/p",
        "/triage/pre_test/interval95",
        "/triage/pre_test/source",
        "/triage/post_test/p",
        "/triage/post_test/interval95",
        "/triage/citations",
        "/triage/table_version",
    ] {
        assert!(value.pointer(pointer).is_some(), "{pointer} is missing");
    }
    assert_eq!(value["schema"], "pantrk.result/1");
    assert_eq!(value["tumour_region"], "given");
    assert_eq!(value["quality"]["warnings"][0]["code"], "unread-tiles");
}

#[test]
fn results_are_read_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("result.json");
    for result in [common::sample(), common::not_evaluable()] {
        std::fs::write(&path, result.to_json().unwrap()).unwrap();
        assert_eq!(SlideResult::read(&path).unwrap(), result);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"compartments\": null") && !text.contains("NaN"));
    std::fs::write(&path, text.replace(SCHEMA, "pantrk.result/9")).unwrap();
    let error = SlideResult::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("pantrk.result/9") && error.contains(SCHEMA),
        "{error}"
    );
}

#[test]
fn a_number_that_is_none_is_refused_wherever_it_hides() {
    let mut required = common::sample();
    required.quality.tissue_mm2 = f64::NAN;
    let mut optional = common::sample();
    optional.slide.objective_power = Some(f64::INFINITY);
    for result in [required, optional] {
        let error = result.to_json().unwrap_err().to_string();
        assert!(error.contains("not finite"), "{error}");
    }
}

#[test]
fn run_facts_are_what_may_differ() {
    let first = common::sample();
    let mut second = first.clone();
    second.run.threads = Some(1);
    second.run.host = None;
    second.run.started = Some("2026-04-01T00:00:00Z".to_owned());
    second.run.seconds.insert("total".to_owned(), 3.0);
    second.run.peak_rss_bytes = None;
    assert_ne!(first.to_json().unwrap(), second.to_json().unwrap());
    assert_eq!(
        first.without_run_facts().to_json().unwrap(),
        second.without_run_facts().to_json().unwrap()
    );
    second.run.parameter_hash.push('x');
    assert_ne!(first.without_run_facts(), second.without_run_facts());
}
