//! A validation by the book: how many slides, how concordant, read how far apart.

use std::sync::OnceLock;

use jiff::civil::Date;
use pantrk_triage::Evidence;
use serde::Deserialize;

use super::{Made, Part};
use crate::EvalError;
use crate::cohort::{Cohort, Modality, TruthSlide};
use crate::output::{Cell, Column, Estimate, Section, Table};
use crate::statistics::proportion::proportion;
use crate::statistics::sample_size::{
    allowed_discordant, allowed_discordant_with_interval, slides_needed,
};

pub(super) const PART: Part = Part {
    title: "Validation summary",
    make,
};

const REQUIREMENTS: &str = include_str!("../../../../../assets/evaluation/validation.toml");

/// What a validation asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirements {
    requirement: Vec<Requirement>,
    washout: Washout,
}

/// Slides and concordance of one kind of validation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    #[serde(rename = "id")]
    _id: String,
    what: String,
    slides: u64,
    concordance_percent: f64,
    source: String,
    certainty: String,
}

/// Days between two readings of the same slide.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Washout {
    days: i64,
    source: String,
    certainty: String,
}

fn requirements() -> Result<&'static Requirements, EvalError> {
    static ONCE: OnceLock<Result<Requirements, String>> = OnceLock::new();
    ONCE.get_or_init(|| toml::from_str(REQUIREMENTS).map_err(|e| e.to_string()))
        .as_ref()
        .map_err(|e| EvalError::Page(format!("assets/evaluation/validation.toml: {e}")))
}

/// What is compared slide by slide, and when both were made.
struct Comparison {
    name: String,
    agree: Vec<bool>,
    days_apart: Vec<i64>,
    /// Whether the same eyes read twice, so that a washout is asked for.
    same_reader: bool,
}

fn make(cohort: &Cohort, _evidence: &Evidence) -> Result<Made, EvalError> {
    let comparisons = comparisons(cohort);
    if comparisons.is_empty() {
        return Ok(Made::Nothing(
            "no slide of the truth has a reader's call".to_owned(),
        ));
    }
    let asked = requirements()?;
    let mut section = Section::new(PART.title).with(summary(&comparisons, asked));
    for washout in comparisons.iter().filter(|c| c.same_reader) {
        section = section.with(washout_table(washout, asked));
    }
    if !comparisons.iter().any(|c| c.same_reader) {
        section = section.with(crate::output::Block::Note(format!(
            "A whole-slide system is validated by the same reader on glass and on screen, at least {} days apart ({}). The truth holds no slide that one reader read both ways; give such readings with modality glass and digital and their read_date.",
            asked.washout.days, asked.washout.source
        )));
    }
    Ok(Made::Section(section.with(arithmetic(&comparisons, asked))))
}

fn comparisons(cohort: &Cohort) -> Vec<Comparison> {
    let mut out = Vec::new();
    let agree: Vec<bool> = cohort
        .slides
        .iter()
        .filter_map(|s| Some(s.truth.consensus()? == s.result.ihc))
        .collect();
    if !agree.is_empty() {
        out.push(Comparison {
            name: "pantrk against the readers' call".to_owned(),
            agree,
            days_apart: Vec::new(),
            same_reader: false,
        });
    }
    for reader in &cohort.readers {
        let both: Vec<(bool, Option<i64>)> = cohort
            .slides
            .iter()
            .filter_map(|s| glass_and_digital(&s.truth, reader))
            .collect();
        if !both.is_empty() {
            out.push(Comparison {
                name: format!("{reader}, glass against digital"),
                agree: both.iter().map(|b| b.0).collect(),
                days_apart: both.iter().filter_map(|b| b.1).collect(),
                same_reader: true,
            });
        }
    }
    out
}

/// Whether a reader's two calls agree, and the days between them.
fn glass_and_digital(truth: &TruthSlide, reader: &str) -> Option<(bool, Option<i64>)> {
    let find = |modality| {
        truth
            .readings
            .iter()
            .find(|r| r.reader == reader && r.modality == modality)
    };
    let (glass, digital) = (find(Modality::Glass)?, find(Modality::Digital)?);
    let agree = glass.result? == digital.result?;
    Some((
        agree,
        glass.date.zip(digital.date).and_then(|(a, b)| days(a, b)),
    ))
}

fn days(a: Date, b: Date) -> Option<i64> {
    a.until(b).ok().map(|span| i64::from(span.get_days()).abs())
}

fn summary(comparisons: &[Comparison], asked: &Requirements) -> Table {
    let mut table = Table::new(
        "validation",
        "Requirements, and whether these slides meet them",
        [
            Column::text("requirement", "Requirement"),
            Column::text("comparison", "Compared"),
            Column::text("slides", "Asked, found"),
            Column::estimate("concordance", "Concordance").brief(),
            Column::text("verdict", "Verdict"),
            Column::text("wanted", "Wanted"),
            Column::text("source", "Source"),
        ],
    )
    .on_terminal()
    .with_note("Concordance is the share of slides with the same call (positive, indeterminate, negative, not evaluable). The guideline looks at the point; whether its interval lies above the bar as well is told beside it. A summary, not a sign-off: the laboratory director decides.");
    for row in &asked.requirement {
        for comparison in comparisons {
            let n = comparison.agree.len() as u64;
            let agreeing = comparison.agree.iter().filter(|a| **a).count() as u64;
            let concordance = proportion(agreeing, n, "slide read both ways");
            let wanted = row.concordance_percent / 100.0;
            table.push([
                Cell::text(&row.what),
                Cell::text(&comparison.name),
                Cell::text(format!("{}, {n}", row.slides)),
                Cell::of(concordance.clone(), n),
                Cell::text(verdict(n, row.slides, concordance.ok().as_ref(), wanted)),
                Cell::text(format!("≥ {} %", row.concordance_percent)),
                Cell::text(format!("{} ({})", row.source, row.certainty)),
            ]);
        }
    }
    table
}

fn verdict(n: u64, slides: u64, concordance: Option<&Estimate>, wanted: f64) -> String {
    let enough = n >= slides;
    let reached = concordance.is_some_and(|e| e.value >= wanted - 1e-12);
    let surely = concordance
        .and_then(|e| e.interval95)
        .is_some_and(|i| i[0] >= wanted);
    match (enough, reached) {
        (true, true) if surely => "PASS; the interval reaches it as well".to_owned(),
        (true, true) => "PASS; the interval reaches below it".to_owned(),
        (true, false) => "FAIL: concordance too low; investigate the discordant slides".to_owned(),
        (false, true) => format!("FAIL: {} slides too few", slides - n),
        (false, false) => format!(
            "FAIL: {} slides too few, and concordance too low",
            slides - n
        ),
    }
}

fn washout_table(comparison: &Comparison, asked: &Requirements) -> Table {
    let wanted = asked.washout.days;
    let dated = comparison.days_apart.len() as u64;
    let n = comparison.agree.len() as u64;
    let met = comparison
        .days_apart
        .iter()
        .filter(|d| **d >= wanted)
        .count() as u64;
    let mut table = Table::new(
        &format!(
            "washout_{}",
            comparison
                .name
                .split(',')
                .next()
                .unwrap_or_default()
                .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
        ),
        &format!("Washout, {}", comparison.name),
        [Column::text("what", "What"), Column::text("found", "Found")],
    );
    let shortest = comparison
        .days_apart
        .iter()
        .min()
        .map_or_else(|| "no dates".to_owned(), |d| format!("{d} days"));
    let verdict = if dated < n {
        format!("cannot be told: {} slides lack a read_date", n - dated)
    } else if met == n {
        "PASS".to_owned()
    } else {
        format!("FAIL: {} slides were read again too soon", n - met)
    };
    for (what, found) in [
        (
            format!(
                "wanted between the readings ({}, {})",
                asked.washout.source, asked.washout.certainty
            ),
            format!("at least {wanted} days"),
        ),
        (
            "slides with both dates".to_owned(),
            format!("{dated} of {n}"),
        ),
        ("shortest".to_owned(), shortest),
        ("verdict".to_owned(), verdict),
    ] {
        table.push([Cell::text(what), Cell::text(found)]);
    }
    table
}

/// What a number of slides can show.
fn arithmetic(comparisons: &[Comparison], asked: &Requirements) -> Table {
    let bar = asked
        .requirement
        .iter()
        .map(|r| r.concordance_percent)
        .fold(0.0, f64::max)
        / 100.0;
    let percent = bar * 100.0;
    let mut sizes: Vec<u64> = asked.requirement.iter().map(|r| r.slides).collect();
    sizes.push(asked.requirement.iter().take(2).map(|r| r.slides).sum());
    sizes.extend(comparisons.iter().map(|c| c.agree.len() as u64));
    sizes.extend([100, 200, 400]);
    sizes.sort_unstable();
    sizes.dedup();
    let needed = [0.97, 0.98, 0.99].map(|truth| {
        let n = slides_needed(truth, bar).map_or_else(|| "none".to_owned(), |n| n.to_string());
        format!("{n} at a true agreement of {:.0} %", truth * 100.0)
    });
    let mut table = Table::new(
        "sample_size",
        &format!("How many slides show a concordance of {percent} %"),
        [
            Column::number("slides", "Slides"),
            Column::text("allowed", "Discordant allowed, point"),
            Column::text("allowed_interval", "Discordant allowed, interval"),
            Column::estimate("interval", "Interval if just reached"),
        ],
    )
    .with_note(format!(
        "For the lower end of Wilson's interval to reach {percent} % as well, slides needed: {}.",
        needed.join(", ")
    ));
    for n in sizes.into_iter().filter(|n| *n > 0) {
        let point = allowed_discordant(n, bar);
        let text = |allowed: Option<u64>| {
            allowed.map_or_else(|| "cannot be shown".to_owned(), |a| a.to_string())
        };
        table.push([
            Cell::Count(n),
            Cell::text(text(point)),
            Cell::text(text(allowed_discordant_with_interval(n, bar))),
            Cell::of(proportion(n - point.unwrap_or(0), n, "slide"), n),
        ]);
    }
    table
}
