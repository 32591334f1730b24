//! A run to compare: a folder of results, or what `eval cohort` wrote.

use std::path::Path;

use pantrk_core::score::IhcResult;
use pantrk_triage::Action;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::EvalError;
use crate::cohort::{
    Modality, REFERENCE, Reading, Results, SlideFigures, Truth, TruthSlide, read_results,
};
use crate::output::EVAL_SCHEMA;

/// One of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The folder's name.
    pub name: String,
    /// Its slides.
    pub results: Results,
    /// What an evaluation knew of them.
    pub truth: Option<Truth>,
}

/// Reads either kind.
///
/// # Errors
/// If it is neither, or cannot be read.
pub fn read_run(path: &Path) -> Result<Run, EvalError> {
    let name = path.display().to_string();
    let json = path.join("eval.json");
    let is_evaluation = json.exists();
    if !is_evaluation {
        return Ok(Run {
            name,
            results: read_results(path)?,
            truth: None,
        });
    }
    let broken = |message: String| EvalError::Format {
        what: "the evaluation",
        message,
        path: json.clone(),
    };
    let text = std::fs::read_to_string(&json).map_err(|source| EvalError::Io {
        action: "read the evaluation",
        path: json.clone(),
        source,
    })?;
    let head: Head = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
    if head.schema != EVAL_SCHEMA || head.command != "eval cohort" {
        return Err(broken(format!(
            "found schema {:?} of {:?}, wanted {EVAL_SCHEMA:?} of \"eval cohort\"",
            head.schema, head.command
        )));
    }
    let table = path.join("tables").join("slides.csv");
    let (results, truth) = read_slides(&table)?;
    Ok(Run {
        name,
        results,
        truth: Some(truth),
    })
}

#[derive(Deserialize)]
struct Head {
    schema: String,
    command: String,
}

/// A row of `tables/slides.csv`.
#[derive(Deserialize)]
struct Row {
    slide_id: String,
    ihc_result: String,
    ihc_percent: Option<f64>,
    h_score: Option<f64>,
    tumour_cells: u64,
    action: String,
    post_test: Option<f64>,
    knows_ngs: String,
    tumour_type: Option<String>,
    clone: Option<String>,
    ngs_result: Option<String>,
    ngs_gene: Option<String>,
    truth_ihc_result: Option<String>,
    truth_ihc_percent: Option<f64>,
    truth_h_score: Option<f64>,
}

fn read_slides(path: &Path) -> Result<(Results, Truth), EvalError> {
    let broken = |message: String| EvalError::Format {
        what: "the table of slides",
        message,
        path: path.to_owned(),
    };
    let mut csv = csv::Reader::from_path(path).map_err(|e| broken(e.to_string()))?;
    let mut results = Results::default();
    let mut truth = Truth::default();
    for (i, row) in csv.deserialize().enumerate() {
        let row: Row = row.map_err(|e| broken(e.to_string()))?;
        let at = |message: String| broken(format!("row {}: {message}", i + 2));
        let call: IhcResult = word(&row.ihc_result).map_err(at)?;
        let action: Action = word(&row.action).map_err(at)?;
        let read: Option<IhcResult> = row
            .truth_ihc_result
            .as_deref()
            .map(word)
            .transpose()
            .map_err(at)?;
        let mut slide = TruthSlide {
            slide_id: row.slide_id.clone(),
            ngs: match row.ngs_result.as_deref() {
                Some("fusion-detected") => Some(true),
                Some("no-fusion-detected") => Some(false),
                _ => None,
            },
            ngs_failed: row.ngs_result.as_deref() == Some("failed"),
            gene: row.ngs_gene,
            ..TruthSlide::default()
        };
        if read.is_some() || row.truth_ihc_percent.is_some() || row.truth_h_score.is_some() {
            slide.readings.push(Reading {
                reader: REFERENCE.to_owned(),
                modality: Modality::Glass,
                result: read,
                percent: row.truth_ihc_percent,
                h_score: row.truth_h_score,
                date: None,
            });
        }
        truth.slides.insert(row.slide_id.clone(), slide);
        results.slides.push(SlideFigures {
            slide_id: row.slide_id,
            ihc: call,
            percent: row.ihc_percent,
            h_score: row.h_score,
            tumour_cells: row.tumour_cells,
            action,
            post_test: row.post_test,
            knows_ngs: row.knows_ngs == "yes",
            tumour_type: row.tumour_type,
            group: None,
            clone: row.clone,
            profile: String::new(),
            model: String::new(),
            parameter_hash: String::new(),
            table_version: String::new(),
        });
    }
    Ok((results, truth))
}

/// A value by its word in `result.json`.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}
