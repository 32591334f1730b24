//! One slide's report as words: every figure and sentence that the page and the PDF lay out.
//!
//! Both templates take this one value, so that neither can say what the other does not.

mod case;
mod decision;
mod head;
mod kinds;
mod method;
mod score;

use pantrk_core::score::IhcResult;
use pantrk_store::SlideResult;
use pantrk_triage::Case;
use serde::Serialize;

use crate::drawings::grade_colours;
use crate::numbers::{MISSING, count, minute, num, pct, pct_range, words};
use crate::pictures::{Pictures, Shown};
use crate::{ReportOptions, TruthRow};

pub(crate) use case::FieldGroup;
pub(crate) use decision::urgency;

/// A label and what stands beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Field {
    pub(crate) label: String,
    /// Empty where it is left to be filled in by hand.
    pub(crate) value: String,
}

impl Field {
    pub(crate) fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
        }
    }
}

/// A large figure with what it is and what stands behind it.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) unit: String,
    pub(crate) detail: String,
}

/// A word with an icon and a colour, which never stands alone.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Mark {
    pub(crate) word: String,
    pub(crate) icon: String,
    pub(crate) colour: String,
}

/// A slide's report.
#[derive(Debug, Serialize)]
pub(crate) struct SlidePage {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) tumour: String,
    pub(crate) program: String,
    pub(crate) made: String,
    pub(crate) note: String,
    pub(crate) verdict: String,
    pub(crate) groups: Vec<FieldGroup>,
    pub(crate) step_title: &'static str,
    pub(crate) flag: Mark,
    pub(crate) action: String,
    pub(crate) decided_by: String,
    pub(crate) ihc_title: &'static str,
    pub(crate) ihc: Mark,
    pub(crate) ihc_detail: String,
    pub(crate) why_title: String,
    pub(crate) alerts: Vec<String>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) truth: Vec<TruthRow>,
    pub(crate) grades: Vec<Mark>,
    pub(crate) score: Option<score::ScoreTable>,
    pub(crate) no_score: String,
    pub(crate) profiles: Vec<score::ProfileRow>,
    pub(crate) cantrk: Option<score::CantrkGrid>,
    pub(crate) pattern: Option<score::PatternText>,
    pub(crate) kinds: Option<kinds::KindsText>,
    pub(crate) decision: decision::Decision,
    pub(crate) ngs: Option<decision::NgsText>,
    pub(crate) probability: Option<decision::ProbabilityText>,
    pub(crate) shown: Shown,
    pub(crate) adequacy: Vec<Field>,
    pub(crate) left_out: Vec<Field>,
    pub(crate) method: Vec<Field>,
    pub(crate) sources: Vec<String>,
    pub(crate) limits: String,
    pub(crate) sign_off: Vec<Field>,
    pub(crate) signed: bool,
}

const KIND: &str = "Pan-TRK immunohistochemistry";
/// Where the triage gives no such sentence.
const LIMITS: &str = "Decision support for research use. Pan-TRK IHC is a screen: it also stains wild-type TRK, and it misses fusions, of NTRK3 more often than of NTRK1 and NTRK2. RNA-based sequencing confirms. A pathologist reviews the slide, decides and signs.";

impl SlidePage {
    pub(crate) fn new(
        result: &SlideResult,
        case: &Case,
        pictures: &Pictures,
        options: &ReportOptions,
    ) -> Self {
        let triage = &result.triage;
        let started = result.run.started.as_deref();
        let signed = options.sign_off.as_ref();
        let head = head::Head::new(result, signed);
        Self {
            kind: KIND,
            id: result.slide.id.clone(),
            tumour: triage
                .tumour_type
                .as_deref()
                .map_or_else(|| "Tumour type not given".to_owned(), words),
            program: format!("pantrk {}", result.run.version),
            made: started.map(minute).unwrap_or_default(),
            note: options.note.clone().unwrap_or_default(),
            verdict: case::verdict(result, signed),
            groups: case::groups(result, case),
            step_title: head.step_title,
            flag: head.flag,
            action: head.action,
            decided_by: head.decided_by,
            ihc_title: head.ihc_title,
            ihc: head.ihc,
            ihc_detail: head.ihc_detail,
            why_title: head.why_title,
            alerts: alerts(result),
            facts: facts(result),
            truth: options.truth.clone(),
            grades: grade_marks(),
            score: result.compartments.as_ref().map(score::table),
            no_score: score::no_score(result),
            profiles: score::profiles(result),
            cantrk: score::cantrk(result),
            pattern: result.pattern.as_ref().map(score::pattern),
            kinds: kinds::kinds(result),
            decision: decision::decision(triage),
            ngs: decision::ngs(triage),
            probability: decision::probability(triage),
            shown: pictures.shown(),
            adequacy: method::adequacy(result),
            left_out: method::left_out(result),
            method: method::method(result),
            sources: decision::sources(triage),
            limits: if triage.limits.is_empty() {
                LIMITS.to_owned()
            } else {
                triage.limits.clone()
            },
            sign_off: case::sign_off(result, case, signed),
            signed: signed.is_some(),
        }
    }
}

fn alerts(result: &SlideResult) -> Vec<String> {
    let quality = result.quality.warnings.iter().map(|w| w.message.as_str());
    let mut alerts: Vec<String> = Vec::new();
    for text in quality.chain(result.triage.warnings.iter().map(String::as_str)) {
        let text = crate::numbers::sentence(text);
        if !alerts.contains(&text) {
            alerts.push(text);
        }
    }
    alerts
}

fn facts(result: &SlideResult) -> Vec<Fact> {
    let fact = |label: &str, value: String, unit: &str, detail: String| Fact {
        label: label.to_owned(),
        value,
        unit: unit.to_owned(),
        detail,
    };
    let any = result.compartments.as_ref().map(|c| &c.any);
    let (percent, h_score) = any.map_or_else(
        || {
            (
                fact(
                    "Positive, any compartment",
                    MISSING.to_owned(),
                    "",
                    "not evaluable".to_owned(),
                ),
                fact(
                    "H-score, any compartment",
                    MISSING.to_owned(),
                    "",
                    "not evaluable".to_owned(),
                ),
            )
        },
        |any| {
            (
                fact(
                    "Positive, any compartment",
                    pct(any.positive_percent),
                    "%",
                    format!("95 % interval {}", pct_range(any.interval95)),
                ),
                fact(
                    "H-score, any compartment",
                    num(any.h_score, 0),
                    "of 300",
                    format!("mean DAB OD {}", num(any.mean_dab_od, 2)),
                ),
            )
        },
    );
    vec![
        percent,
        h_score,
        fact(
            "Tumour cells scored",
            count(result.cells.tumour),
            "",
            format!("of {} nuclei found", count(result.cells.segmented)),
        ),
        fact(
            "Tissue evaluated",
            num(result.quality.evaluated_mm2, 1),
            "mm²",
            format!("of {} mm² of tissue", num(result.quality.tissue_mm2, 1)),
        ),
    ]
}

fn grade_marks() -> Vec<Mark> {
    ["negative", "1+", "2+", "3+"]
        .into_iter()
        .zip(grade_colours())
        .map(|(word, colour)| Mark {
            word: word.to_owned(),
            icon: "■".to_owned(),
            colour,
        })
        .collect()
}

/// A verdict's word, icon and colour.
pub(crate) fn ihc_mark(result: IhcResult) -> Mark {
    let (icon, colour) = match result {
        IhcResult::Positive => ("●", "#a04000"),
        IhcResult::Indeterminate => ("±", "#005c8f"),
        IhcResult::Negative => ("○", "#4a535c"),
        IhcResult::NotEvaluable => ("×", "#4a535c"),
    };
    Mark {
        word: words(result.name()),
        icon: icon.to_owned(),
        colour: colour.to_owned(),
    }
}

/// The flag's colour as CSS; the names are those of Okabe and Ito's palette, darkened until white text reads on them.
pub(crate) fn flag_colour(name: &str) -> &'static str {
    match name {
        "vermillion" => "#c04d00",
        "orange" => "#a86600",
        "reddish purple" => "#a8487f",
        "blue" => "#0069a3",
        "sky blue" => "#2a7fae",
        "bluish green" => "#007a5a",
        _ => "#5d666f",
    }
}
