//! Score, profiles and pattern.

use pantrk_core::score::profiles::PROFILES;
use pantrk_core::score::{
    Compartment, CompartmentScore, CompartmentScores, Extent, IhcResult, ProfileCall, ScoringTable,
};
use pantrk_store::{PatternFacts, SlideResult};
use serde::Serialize;

use super::{Mark, ihc_mark};
use crate::drawings::grade_bar;
use crate::numbers::{MISSING, num, pct, pct_range, sentence, words};

/// The table of compartments, as text.
#[derive(Debug, Serialize)]
pub(crate) struct ScoreTable {
    rows: Vec<ScoreRow>,
    /// By how much thresholds are moved in the last column.
    delta: String,
}

#[derive(Debug, Serialize)]
struct ScoreRow {
    label: &'static str,
    bar: String,
    positive: String,
    interval: String,
    grades: [String; 3],
    h_score: String,
    od: String,
    band: String,
}

pub(super) fn table(scores: &CompartmentScores) -> ScoreTable {
    let mut rows = vec![row("any compartment", &scores.any)];
    rows.extend(Compartment::ALL.map(|c| row(c.label(), scores.get(c))));
    ScoreTable {
        rows,
        delta: num(f64::from(ScoringTable::embedded().sensitivity_od()), 2),
    }
}

fn row(label: &'static str, score: &CompartmentScore) -> ScoreRow {
    let [lower, higher] = score.sensitivity;
    ScoreRow {
        label,
        bar: grade_bar(score),
        positive: pct(score.positive_percent),
        interval: pct_range(score.interval95),
        grades: [score.percent_1, score.percent_2, score.percent_3].map(pct),
        h_score: num(score.h_score, 0),
        od: num(score.mean_dab_od, 2),
        band: format!("{} to {}", pct(higher.min(lower)), pct(higher.max(lower))),
    }
}

pub(super) fn no_score(result: &SlideResult) -> String {
    if result.compartments.is_some() {
        return String::new();
    }
    let reasons = result.ihc.reasons.iter().map(|r| sentence(r));
    let mut text = "The slide is not evaluable, so there is no score.".to_owned();
    for reason in reasons {
        text.push(' ');
        text.push_str(&reason);
    }
    text
}

/// One scoring profile.
#[derive(Debug, Serialize)]
pub(crate) struct ProfileRow {
    name: String,
    title: String,
    chosen: bool,
    mark: Mark,
    value: String,
    interval: String,
    cutoff: String,
    moved: String,
    reasons: Vec<String>,
}

pub(super) fn profiles(result: &SlideResult) -> Vec<ProfileRow> {
    let table = ScoringTable::embedded();
    let title = |name: &str| {
        PROFILES
            .iter()
            .find(|p| p.name == name)
            .map(|p| (p.title)(table).to_owned())
            .unwrap_or_default()
    };
    let row = |(name, call): (&String, &ProfileCall)| {
        let figure = |v: f64| match call.unit.as_str() {
            "percent" => pct(v),
            _ => num(v, 0),
        };
        let chosen = *name == result.ihc.profile;
        let limit = figure_short(call.cutoff);
        let cutoff = match call.unit.as_str() {
            "percent" => format!("{limit} %"),
            "h-score" => format!("H-score {limit}"),
            unit => format!("{limit} {unit}"),
        };
        // The slide's own reasons are the chosen profile's and what overrides it: said once, there.
        let reasons = if chosen {
            &result.ihc.reasons
        } else {
            &call.reasons
        };
        ProfileRow {
            title: format!("{}, version {}", title(name), call.version),
            name: name.clone(),
            chosen,
            mark: ihc_mark(call.result),
            value: call.value.map_or_else(|| MISSING.to_owned(), figure),
            interval: call
                .interval95
                .map(|[low, high]| format!("{} to {}", figure(low), figure(high)))
                .unwrap_or_default(),
            cutoff,
            moved: moved(call),
            reasons: reasons.iter().map(|r| sentence(r)).collect(),
        }
    };
    result.profiles.iter().map(row).collect()
}

fn figure_short(value: f64) -> String {
    num(value, usize::from(value.fract() != 0.0))
}

/// The verdict at lower and at higher thresholds, where it is another.
fn moved(call: &ProfileCall) -> String {
    match call.sensitivity {
        None => MISSING.to_owned(),
        Some([low, high]) if low == call.result && high == call.result => "stays".to_owned(),
        Some([low, high]) => format!("{} / {}", words(low.name()), words(high.name())),
    }
}

/// CANTRK's subtotals.
#[derive(Debug, Serialize)]
pub(crate) struct CantrkGrid {
    parts: Vec<(String, String)>,
    total: String,
}

pub(super) fn cantrk(result: &SlideResult) -> Option<CantrkGrid> {
    let call = result.profiles.get("cantrk")?;
    let part = |name: &str| call.parts.get(name).map(|v| (words(name), num(*v, 0)));
    let parts: Vec<_> = ["nuclear", "cytoplasmic", "membranous"]
        .into_iter()
        .filter_map(part)
        .collect();
    (!parts.is_empty()).then(|| CantrkGrid {
        total: call.value.map_or_else(|| MISSING.to_owned(), |v| num(v, 0)),
        parts,
    })
}

pub(super) fn ihc_detail(result: &SlideResult) -> String {
    let mut parts = Vec::new();
    if let Some(intensity) = result.ihc.intensity {
        parts.push(format!("{intensity:?}").to_lowercase());
    }
    if let Some(pattern) = &result.pattern {
        parts.push(extent(pattern.pattern.extent).to_owned());
    } else if result.ihc.result == IhcResult::NotEvaluable {
        parts.push("no score".to_owned());
    }
    parts.push(format!("by {}", result.ihc.profile));
    parts.join(", ")
}

const fn extent(extent: Extent) -> &'static str {
    match extent {
        Extent::Diffuse => "diffuse",
        Extent::Focal => "focal",
        Extent::Scattered => "scattered",
        Extent::None => "no stain beyond noise",
    }
}

/// Pattern and gene hint.
#[derive(Debug, Serialize)]
pub(crate) struct PatternText {
    text: String,
    hint: String,
    genes: String,
    counter_examples: Vec<String>,
}

pub(super) fn pattern(facts: &PatternFacts) -> PatternText {
    let pattern = &facts.pattern;
    let mut text = if pattern.compartments.is_empty() {
        String::new()
    } else {
        let names: Vec<_> = pattern.compartments.iter().map(|c| c.label()).collect();
        format!("Stain in {}; ", names.join(", "))
    };
    text.push_str(match pattern.extent {
        Extent::None => "no positive cells beyond the slide's own noise",
        other => extent(other),
    });
    if let Some(texture) = pattern.texture {
        text.push_str(match texture {
            pantrk_core::score::Texture::Smooth => ", smooth",
            pantrk_core::score::Texture::Granular => ", granular",
        });
    }
    if let Some(clustering) = pattern.clustering {
        text = format!(
            "{text}; positive cells have positive neighbours {} times as often as chance would have it",
            num(clustering, 1)
        );
    }
    let hint = facts.gene_hint.as_ref();
    PatternText {
        text: sentence(&text),
        hint: hint.map(|h| h.note.clone()).unwrap_or_default(),
        genes: hint.map(|h| h.genes.join(", ")).unwrap_or_default(),
        counter_examples: hint.map(|h| h.counter_examples.clone()).unwrap_or_default(),
    }
}
