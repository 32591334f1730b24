//! The page: the result, its pictures and the template.

use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use pantrk_core::score::{Compartment, CompartmentScore, CompartmentScores, IhcResult};
use pantrk_store::SlideResult;
use serde::Serialize;

use crate::drawings::{ProbabilityRow, grade_bar, grade_colours, probability_bars};
use crate::{Pictures, ReportError, numbers};

const TEMPLATE: &str = include_str!("../../../assets/report/slide.html");
const STYLE: &str = include_str!("../../../assets/report/style.css");

/// What a report shows beside the result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportOptions {
    /// The score beside the truth, for a slide whose truth is known.
    pub truth: Vec<TruthRow>,
    /// A sentence below the title, such as that the slide is a phantom.
    pub note: Option<String>,
}

/// One figure beside its truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TruthRow {
    /// What is compared.
    pub figure: String,
    /// As measured.
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

/// Writes `report.html` into a slide's folder, with the pictures that are there.
///
/// # Errors
/// If a picture cannot be read, the template does not fit, or the page cannot be written.
pub fn write_report(
    result: &SlideResult,
    folder: &Path,
    options: &ReportOptions,
) -> Result<PathBuf, ReportError> {
    let page = render_report(result, &Pictures::read(folder)?, options)?;
    let path = folder.join("report.html");
    std::fs::write(&path, page).map_err(|source| ReportError::Io {
        action: "write the report",
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// The page as text.
///
/// # Errors
/// If the template does not fit the result.
pub fn render_report(
    result: &SlideResult,
    pictures: &Pictures,
    options: &ReportOptions,
) -> Result<String, ReportError> {
    let failed = |source| ReportError::Template {
        slide: result.slide.id.clone(),
        source,
    };
    let mut environment = Environment::new();
    // A misspelt field is an error, not an empty place in a report.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(failed)?,
    );
    environment.add_filter("num", |value: &Value, decimals: Option<usize>| {
        numbers::num(value, decimals)
    });
    environment.add_filter("pct", |value: &Value| numbers::pct(value));
    environment.add_filter("prob", |value: &Value| numbers::prob(value));
    environment.add_filter("words", |value: &Value| numbers::words(value));
    let laid_out = environment
        .add_template("slide.html", TEMPLATE)
        .and_then(|()| environment.get_template("slide.html"))
        .and_then(|template| {
            template.render(context! {
                r => Value::from(Serde(result)),
                style => STYLE,
                pictures => Value::from(Serde(pictures)),
                note => options.note.as_deref(),
                truth => Value::from(Serde(&options.truth)),
                rows => Value::from(Serde(result.compartments.as_ref().map(score_rows))),
                grades => grade_colours().to_vec(),
                probabilities => probability_svg(result),
                action_label => result.triage.action.label(),
                flag_colour => flag_colour(result),
                others => other_rules(result),
            })
        });
    laid_out.map_err(failed)
}

/// A row of the score table.
#[derive(Serialize)]
struct ScoreRow {
    label: &'static str,
    score: CompartmentScore,
    bar: String,
}

fn score_rows(scores: &CompartmentScores) -> Vec<ScoreRow> {
    let row = |label, score: &CompartmentScore| ScoreRow {
        label,
        score: *score,
        bar: grade_bar(score),
    };
    let mut rows = vec![row("any compartment", &scores.any)];
    rows.extend(Compartment::ALL.map(|c| row(c.label(), scores.get(c))));
    rows
}

/// The probability of a fusion before the stain, after it, and after the stain that was not seen.
fn probability_svg(result: &SlideResult) -> Option<String> {
    let mut rows = Vec::new();
    let row = |label: &str, p: f64, interval95: [f64; 2], hypothetical| ProbabilityRow {
        label: label.to_owned(),
        p,
        interval95,
        hypothetical,
    };
    if let Some(before) = &result.triage.pre_test {
        rows.push(row("before the stain", before.p, before.interval95, false));
    }
    if let Some(after) = &result.triage.post_test {
        let label = format!(
            "after this {} stain",
            numbers::hyphens_out(after.given.name())
        );
        rows.push(row(&label, after.p, after.interval95, false));
        if after.given != IhcResult::Positive {
            let what_if = &after.if_positive;
            rows.push(row("were it positive", what_if.p, what_if.interval95, true));
        }
        if let (true, Some(what_if)) = (after.given != IhcResult::Negative, &after.if_negative) {
            rows.push(row("were it negative", what_if.p, what_if.interval95, true));
        }
    }
    (!rows.is_empty()).then(|| probability_bars(&rows))
}

/// The rules that apply beside the deciding one.
fn other_rules(result: &SlideResult) -> Vec<Value> {
    result
        .triage
        .rules
        .iter()
        .filter(|rule| rule.id != result.triage.rule)
        .map(|rule| Value::from(Serde(rule)))
        .collect()
}

/// The flag's colour as CSS; the names are those of Okabe and Ito's palette.
fn flag_colour(result: &SlideResult) -> &'static str {
    match result.triage.flag.colour.as_str() {
        "vermillion" => "#c04d00",
        "orange" => "#b87400",
        "reddish purple" => "#a8487f",
        "blue" => "#0069a3",
        "sky blue" => "#2a7fae",
        "bluish green" => "#007a5a",
        _ => "#5d666f",
    }
}
