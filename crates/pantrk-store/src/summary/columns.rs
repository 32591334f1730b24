//! The columns of the summary, in their order; a new one is one row here.

use std::collections::BTreeSet;

use pantrk_core::score::profiles::PROFILES;
use pantrk_core::score::{CompartmentScore, CompartmentScores};

use super::Entry;
use crate::SlideResult;

/// What stands in one place of the table; `None` where it is not known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(Option<String>),
    Number(Option<f64>),
    Count(Option<u64>),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Count,
}

type Of = Box<dyn Fn(&Entry) -> Cell>;

pub(super) struct Column {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    pub(super) of: Of,
}

fn text(name: &str, of: impl Fn(&Entry) -> Option<String> + 'static) -> Column {
    Column {
        name: name.to_owned(),
        unit: "text",
        kind: Kind::Text,
        of: Box::new(move |entry| Cell::Text(of(entry))),
    }
}

/// A text that the result knows.
fn word(name: &str, of: fn(&SlideResult) -> Option<String>) -> Column {
    text(name, move |entry| of(entry.result.as_ref()?))
}

fn number(name: &str, unit: &'static str, of: fn(&SlideResult) -> Option<f64>) -> Column {
    Column {
        name: name.to_owned(),
        unit,
        kind: Kind::Number,
        of: Box::new(move |entry| Cell::Number(entry.result.as_deref().and_then(of))),
    }
}

fn count(name: &str, of: fn(&SlideResult) -> u64) -> Column {
    Column {
        name: name.to_owned(),
        unit: "cells",
        kind: Kind::Count,
        of: Box::new(move |entry| Cell::Count(entry.result.as_deref().map(of))),
    }
}

/// A figure of one compartment, or of the highest per cell.
fn score(
    name: String,
    unit: &'static str,
    compartment: fn(&CompartmentScores) -> &CompartmentScore,
    figure: fn(&CompartmentScore) -> f64,
) -> Column {
    Column {
        name,
        unit,
        kind: Kind::Number,
        of: Box::new(move |entry| {
            let scores = entry.result.as_ref().and_then(|r| r.compartments.as_ref());
            Cell::Number(scores.map(|scores| figure(compartment(scores))))
        }),
    }
}

fn case(result: &SlideResult, key: &str) -> Option<String> {
    let value = result.run.parameters.get("case")?.get(key)?;
    value.as_str().map(str::to_owned)
}

/// All columns; those of the manifest, which is not the same for every cohort, come last.
pub(super) fn table(entries: &[Entry]) -> Vec<Column> {
    let mut columns = vec![
        text("slide_id", |entry| Some(entry.slide_id.clone())),
        text("slide_path", |entry| {
            let of_result = entry.result.as_ref().map(|r| r.slide.path.clone());
            of_result.or_else(|| Some(entry.failure.as_ref()?.slide_path.clone()))
        }),
        text("state", |entry| Some(entry.state().name().to_owned())),
        text("error", |entry| entry.error().map(str::to_owned)),
        text("error_stage", |entry| {
            Some(entry.failure.as_ref()?.stage.clone())
        }),
    ];
    columns.extend(call_columns());
    columns.extend(score_columns());
    columns.extend(triage_columns());
    columns.extend(quality_columns());
    columns.extend(origin_columns());
    columns.extend(manifest_columns(entries, &columns));
    columns
}

fn call_columns() -> Vec<Column> {
    let mut columns = vec![
        word("ihc_result", |r| Some(r.ihc.result.name().to_owned())),
        word("ihc_profile", |r| Some(r.ihc.profile.clone())),
        word("ihc_intensity", |r| {
            let value = serde_json::to_value(r.ihc.intensity).ok()?;
            value.as_str().map(str::to_owned)
        }),
    ];
    columns.extend(PROFILES.iter().map(|profile| {
        let name = format!("profile_{}", profile.name.replace('-', "_"));
        let key = profile.name;
        text(&name, move |entry| {
            let call = entry.result.as_ref()?.profiles.get(key)?;
            Some(call.result.name().to_owned())
        })
    }));
    columns
}

fn score_columns() -> Vec<Column> {
    type Part = fn(&CompartmentScores) -> &CompartmentScore;
    let parts: [(&str, Part); 5] = [
        ("", |s| &s.any),
        ("nucleus_", |s| &s.nucleus),
        ("nuclear_rim_", |s| &s.nuclear_rim),
        ("cytoplasm_", |s| &s.cytoplasm),
        ("membrane_", |s| &s.membrane),
    ];
    let mut columns = Vec::new();
    for (prefix, part) in parts {
        let mut add = |name: &str, unit, figure| {
            columns.push(score(format!("{prefix}{name}"), unit, part, figure));
        };
        add("positive_percent", "percent", |s| s.positive_percent);
        if prefix.is_empty() {
            add("positive_percent_low", "percent", |s| s.interval95[0]);
            add("positive_percent_high", "percent", |s| s.interval95[1]);
        }
        add("h_score", "0-300", |s| s.h_score);
    }
    columns.push(count("tumour_cells", |r| r.cells.tumour));
    columns.push(count("segmented_cells", |r| r.cells.segmented));
    columns.push(word("tumour_region", |r| {
        Some(r.tumour_region.name().to_owned())
    }));
    columns
}

fn triage_columns() -> Vec<Column> {
    vec![
        word("tumour_type", |r| case(r, "tumour_type")),
        word("antibody_clone", |r| case(r, "antibody_clone")),
        word("action", |r| Some(r.triage.action.name().to_owned())),
        word("flag", |r| Some(r.triage.flag.word.clone())),
        word("rule", |r| Some(r.triage.rule.clone())),
        number("pre_test_probability", "0-1", |r| {
            Some(r.triage.pre_test.as_ref()?.p)
        }),
        number("post_test_probability", "0-1", |r| {
            Some(r.triage.post_test.as_ref()?.p)
        }),
        number("post_test_probability_low", "0-1", |r| {
            Some(r.triage.post_test.as_ref()?.interval95[0])
        }),
        number("post_test_probability_high", "0-1", |r| {
            Some(r.triage.post_test.as_ref()?.interval95[1])
        }),
    ]
}

fn quality_columns() -> Vec<Column> {
    vec![
        number("tissue_mm2", "mm2", |r| Some(r.quality.tissue_mm2)),
        number("evaluated_mm2", "mm2", |r| Some(r.quality.evaluated_mm2)),
        number("unread_mm2", "mm2", |r| Some(r.quality.unread_mm2)),
        word("warnings", |r| {
            let codes: Vec<&str> = r.quality.warnings.iter().map(|w| w.code.as_str()).collect();
            Some(codes.join("; "))
        }),
    ]
}

fn origin_columns() -> Vec<Column> {
    vec![
        number("mpp_x", "um/px", |r| Some(r.slide.mpp_x)),
        number("mpp_y", "um/px", |r| Some(r.slide.mpp_y)),
        word("vendor", |r| Some(r.slide.vendor.clone())),
        word("fingerprint", |r| Some(r.slide.fingerprint.clone())),
        word("parameter_hash", |r| Some(r.run.parameter_hash.clone())),
        word("model", |r| Some(r.run.model.name.clone())),
        word("model_version", |r| Some(r.run.model.version.clone())),
        word("model_sha256", |r| r.run.model.sha256.clone()),
        word("pantrk_version", |r| Some(r.run.version.clone())),
        word("evidence_version", |r| Some(r.triage.table_version.clone())),
    ]
}

/// The manifest's other columns, in the order in which the slides name them; a name that is taken is prefixed.
fn manifest_columns(entries: &[Entry], before: &[Column]) -> Vec<Column> {
    let mut seen = BTreeSet::new();
    let names: Vec<&String> = entries
        .iter()
        .flat_map(|entry| entry.manifest_columns.iter().map(|(name, _)| name))
        .filter(|name| seen.insert(*name))
        .collect();
    let mut taken: BTreeSet<String> = before.iter().map(|c| c.name.clone()).collect();
    names
        .into_iter()
        .map(|key| {
            let mut name = key.clone();
            while !taken.insert(name.clone()) {
                name = format!("manifest_{name}");
            }
            let key = key.clone();
            text(&name, move |entry| {
                let mut columns = entry.manifest_columns.iter();
                columns
                    .find(|(name, _)| *name == key)
                    .map(|(_, v)| v.clone())
            })
        })
        .collect()
}
