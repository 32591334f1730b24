//! A slide's score beside its truth.
//!
//! The truth is a JSON of its own (schema [`TRUTH_SCHEMA`]): phantoms write it exactly, pathologists' counts can be put into it; every part may be missing and is then not compared.

use std::collections::BTreeMap;
use std::path::Path;

use pantrk_core::score::{Compartment, CompartmentScore, Extent, IhcResult, Texture};
use pantrk_store::SlideResult;
use pantrk_triage::Action;
use serde::{Deserialize, Serialize};

use crate::{EvalError, text_table};

/// The schema of a slide's truth.
pub const TRUTH_SCHEMA: &str = "pantrk.slide-truth/1";

/// What is known about a slide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlideTruth {
    /// [`TRUTH_SCHEMA`].
    pub schema: String,
    /// Tumour cells.
    #[serde(default)]
    pub tumour_cells: Option<u64>,
    /// By `any` or a compartment's name, as in `result.json`.
    #[serde(default)]
    pub compartments: BTreeMap<String, CompartmentFigures>,
    /// Where and how the stain lies.
    #[serde(default)]
    pub pattern: PatternTruth,
    /// The call.
    #[serde(default)]
    pub ihc: Option<IhcResult>,
    /// The next step.
    #[serde(default)]
    pub action: Option<Action>,
    /// How far the figures may be off.
    #[serde(default)]
    pub bars: Bars,
}

/// What is known about a compartment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompartmentFigures {
    /// 0 to 100.
    pub positive_percent: f64,
    /// 0 to 300; not compared where it is missing.
    #[serde(default)]
    pub h_score: Option<f64>,
}

/// What is known about the pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternTruth {
    /// The compartments that stain, in any order.
    #[serde(default)]
    pub compartments: Option<Vec<Compartment>>,
    /// How much.
    #[serde(default)]
    pub extent: Option<Extent>,
    /// The grain.
    #[serde(default)]
    pub texture: Option<Texture>,
}

/// How far a figure may be off and still count as right; the defaults are what a phantom is held to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bars {
    /// Percent points.
    pub positive_percent: f64,
    /// Points of 300.
    pub h_score: f64,
    /// Percent of the true number.
    pub tumour_cells_percent: f64,
}

impl Default for Bars {
    fn default() -> Self {
        Self {
            positive_percent: 3.0,
            h_score: 10.0,
            tumour_cells_percent: 10.0,
        }
    }
}

/// One figure beside its truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthRow {
    /// What is compared.
    pub figure: String,
    /// As measured; a dash where the result does not say.
    pub measured: String,
    /// As it is.
    pub truth: String,
    /// Measured less truth; empty where it is no number.
    pub difference: String,
    /// The most that it may differ; empty where it must be equal.
    pub bar: String,
    /// Whether it is within the bar.
    pub within: bool,
}

impl SlideTruth {
    /// A truth that says nothing yet.
    pub fn empty() -> Self {
        Self {
            schema: TRUTH_SCHEMA.to_owned(),
            tumour_cells: None,
            compartments: BTreeMap::new(),
            pattern: PatternTruth::default(),
            ihc: None,
            action: None,
            bars: Bars::default(),
        }
    }

    /// Reads a truth.
    ///
    /// # Errors
    /// If the file cannot be read, is of another schema, has a key that is not known, or names a compartment that does not exist.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let broken = |message: String| EvalError::Format {
            what: "the truth",
            message,
            path: path.to_owned(),
        };
        let text = std::fs::read_to_string(path).map_err(|source| EvalError::Io {
            action: "read the truth",
            path: path.to_owned(),
            source,
        })?;
        let truth: Self = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
        if truth.schema != TRUTH_SCHEMA {
            return Err(broken(format!(
                "found schema {:?}, wanted {TRUTH_SCHEMA:?}",
                truth.schema
            )));
        }
        if let Some(name) = truth.compartments.keys().find(|name| !is_compartment(name)) {
            return Err(broken(format!(
                "found compartment {name:?}, wanted any, nucleus, nuclear_rim, cytoplasm or membrane"
            )));
        }
        Ok(truth)
    }

    /// The result beside this truth, a row for each figure that the truth knows.
    pub fn compare(&self, result: &SlideResult) -> Vec<TruthRow> {
        let mut rows = Vec::new();
        if let Some(truth) = self.tumour_cells {
            let truth = truth as f64;
            rows.push(number(
                "tumour cells",
                Some(result.cells.tumour as f64),
                truth,
                (truth * self.bars.tumour_cells_percent / 100.0, 0),
            ));
        }
        let places = std::iter::once(("any", "any compartment"))
            .chain(Compartment::ALL.map(|c| (c.name(), c.label())));
        for (name, label) in places {
            let Some(truth) = self.compartments.get(name) else {
                continue;
            };
            let score = score_of(result, name);
            rows.push(number(
                &format!("{label}, positive %"),
                score.map(|s| s.positive_percent),
                truth.positive_percent,
                (self.bars.positive_percent, 1),
            ));
            if let Some(truth) = truth.h_score {
                rows.push(number(
                    &format!("{label}, H-score"),
                    score.map(|s| s.h_score),
                    truth,
                    (self.bars.h_score, 1),
                ));
            }
        }
        rows.extend(self.compare_words(result));
        rows
    }

    fn compare_words(&self, result: &SlideResult) -> Vec<TruthRow> {
        let mut rows = Vec::new();
        let pattern = result.pattern.as_ref().map(|facts| &facts.pattern);
        if let Some(truth) = &self.pattern.compartments {
            let names = |list: &[Compartment]| {
                let mut list = list.to_vec();
                list.sort_unstable();
                list.dedup();
                if list.is_empty() {
                    return "none".to_owned();
                }
                let labels: Vec<&str> = list.into_iter().map(Compartment::label).collect();
                labels.join(" + ")
            };
            let measured = pattern.map(|p| names(&p.compartments));
            rows.push(word("stained compartments", measured, names(truth)));
        }
        if let Some(truth) = &self.pattern.extent {
            rows.push(word(
                "extent",
                pattern.map(|p| code(&p.extent)),
                code(truth),
            ));
        }
        if let Some(truth) = &self.pattern.texture {
            let measured = pattern.and_then(|p| p.texture.as_ref()).map(code);
            rows.push(word("texture", measured, code(truth)));
        }
        if let Some(truth) = self.ihc {
            let measured = result.ihc.result.name().to_owned();
            rows.push(word("IHC result", Some(measured), truth.name().to_owned()));
        }
        if let Some(truth) = self.action {
            let measured = result.triage.action.name().to_owned();
            rows.push(word("action", Some(measured), truth.name().to_owned()));
        }
        rows
    }
}

/// The rows as a table for a terminal.
pub fn truth_table(rows: &[TruthRow]) -> String {
    let rows: Vec<[String; 6]> = rows
        .iter()
        .map(|row| {
            [
                row.figure.clone(),
                row.measured.clone(),
                row.truth.clone(),
                row.difference.clone(),
                row.bar.clone(),
                if row.within { "yes" } else { "NO" }.to_owned(),
            ]
        })
        .collect();
    let header = ["", "measured", "truth", "difference", "allowed", "within"];
    text_table(header, &rows)
}

fn is_compartment(name: &str) -> bool {
    name == "any" || Compartment::ALL.iter().any(|c| c.name() == name)
}

fn score_of<'a>(result: &'a SlideResult, name: &str) -> Option<&'a CompartmentScore> {
    let scores = result.compartments.as_ref()?;
    Compartment::ALL
        .into_iter()
        .find(|c| c.name() == name)
        .map(|c| scores.get(c))
        .or((name == "any").then_some(&scores.any))
}

/// A row of two numbers; `bar` comes with the decimals to show.
fn number(
    figure: &str,
    measured: Option<f64>,
    truth: f64,
    (bar, decimals): (f64, usize),
) -> TruthRow {
    let difference = measured.map(|m| m - truth);
    TruthRow {
        figure: figure.to_owned(),
        measured: measured.map_or("–".to_owned(), |m| format!("{m:.decimals$}")),
        truth: format!("{truth:.decimals$}"),
        difference: difference.map_or(String::new(), |d| format!("{d:+.decimals$}")),
        bar: format!("{bar:.decimals$}"),
        within: difference.is_some_and(|d| d.abs() <= bar),
    }
}

fn word(figure: &str, measured: Option<String>, truth: String) -> TruthRow {
    TruthRow {
        figure: figure.to_owned(),
        within: measured.as_ref() == Some(&truth),
        measured: measured.unwrap_or_else(|| "–".to_owned()),
        truth,
        difference: String::new(),
        bar: String::new(),
    }
}

/// A value's word in the result file.
fn code(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
