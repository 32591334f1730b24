//! A cohort's results against sequencing and against readers.
//!
//! A part of the report is one file in `sections/` and one row in `sections::SECTIONS`.

mod results;
mod sections;
mod truth;

use std::collections::BTreeSet;

use pantrk_core::score::IhcResult;
use pantrk_triage::{Action, Evidence};

use crate::EvalError;
use crate::output::{Block, Headline, Report, Section};

pub use results::{Results, SlideFigures, read_results};
pub use sections::impact::Prevalence;
pub use truth::{Modality, REFERENCE, Reading, Truth, TruthSlide};

/// What an indeterminate call counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Indeterminate {
    /// As positive: the slide is not cleared and goes on.
    #[default]
    Positive,
    /// As negative.
    Negative,
    /// As no call at all.
    LeftOut,
}

impl Indeterminate {
    /// All ways, in the order of tables.
    pub const ALL: [Self; 3] = [Self::Positive, Self::Negative, Self::LeftOut];

    /// In a table.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Positive => "counted as positive",
            Self::Negative => "counted as negative",
            Self::LeftOut => "left out",
        }
    }

    /// Whether a call is positive; `None` where it is none.
    pub const fn call(self, result: IhcResult) -> Option<bool> {
        match (result, self) {
            (IhcResult::Positive, _) | (IhcResult::Indeterminate, Self::Positive) => Some(true),
            (IhcResult::Negative, _) | (IhcResult::Indeterminate, Self::Negative) => Some(false),
            (IhcResult::NotEvaluable, _) | (IhcResult::Indeterminate, Self::LeftOut) => None,
        }
    }
}

/// How a cohort is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortSettings {
    /// What an indeterminate call counts as where one figure is shown.
    pub indeterminate: Indeterminate,
    /// Prevalences at which tests saved and fusions missed are worked out, 0 to 1; empty takes those of the evidence tables.
    pub prevalences: Vec<f64>,
    /// Further columns of the truth to make subgroups by.
    pub by: Vec<String>,
    /// Of everything random.
    pub seed: u64,
}

impl Default for CohortSettings {
    fn default() -> Self {
        Self {
            indeterminate: Indeterminate::default(),
            prevalences: Vec::new(),
            by: Vec::new(),
            seed: 1,
        }
    }
}

/// A slide with both a result and a truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// What pantrk says.
    pub result: SlideFigures,
    /// What is known.
    pub truth: TruthSlide,
}

impl Joined {
    /// The clone as the truth has it, or as it was given when scored.
    pub fn clone_name(&self) -> Option<&str> {
        self.truth.clone.as_deref().or(self.result.clone.as_deref())
    }

    /// Whether the triage leads to sequencing or leaves the question open; `None` where it knew the answer.
    pub fn goes_on(&self) -> Option<bool> {
        (!self.result.knows_ngs).then(|| self.result.action != Action::NoFurtherTesting)
    }

    /// The probability after the stain, where it was stated without knowing the answer.
    pub fn stated(&self) -> Option<f64> {
        self.result.post_test.filter(|_| !self.result.knows_ngs)
    }
}

/// A cohort, joined by slide id.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// Slides with both, by id.
    pub slides: Vec<Joined>,
    /// In the truth alone.
    pub without_result: Vec<String>,
    /// Among the results alone.
    pub without_truth: Vec<String>,
    /// Results that could not be read.
    pub broken: Vec<String>,
    /// Who read under the microscope.
    pub readers: Vec<String>,
    /// The truth's columns.
    pub columns: Vec<String>,
    /// How it is evaluated.
    pub settings: CohortSettings,
}

impl Cohort {
    /// Joins truth and results by slide id.
    ///
    /// # Errors
    /// If no slide is in both, with ids of either side; or a column to group by is not there.
    pub fn join(
        truth: Truth,
        results: Results,
        settings: CohortSettings,
    ) -> Result<Self, EvalError> {
        if let Some(name) = settings
            .by
            .iter()
            .find(|name| !truth.columns.contains(&name.to_lowercase()))
        {
            return Err(EvalError::Join(format!(
                "the truth has no column {name:?} to group by; found {}",
                truth.columns.join(", ")
            )));
        }
        let readers = truth.readers();
        let columns = truth.columns;
        let mut known = truth.slides;
        let mut slides = Vec::new();
        let mut without_truth = Vec::new();
        for result in results.slides {
            match known.remove(&result.slide_id) {
                Some(truth) => slides.push(Joined { result, truth }),
                None => without_truth.push(result.slide_id),
            }
        }
        let without_result: Vec<String> = known.into_keys().collect();
        if slides.is_empty() {
            return Err(EvalError::Join(format!(
                "no slide is in both the truth and the results: the truth has {}, the results have {}; slide_id must be the name of the slide's result folder",
                examples(&without_result),
                examples(&without_truth)
            )));
        }
        Ok(Self {
            slides,
            without_result,
            without_truth,
            broken: results.broken,
            readers,
            columns,
            settings,
        })
    }

    /// Slides with a sequencing result.
    pub fn sequenced(&self) -> impl Iterator<Item = (&Joined, bool)> {
        self.slides.iter().filter_map(|s| Some((s, s.truth.ngs?)))
    }

    /// A slide's call, by the way that indeterminate ones count.
    pub fn call(&self, slide: &Joined) -> Option<bool> {
        self.settings.indeterminate.call(slide.result.ihc)
    }

    /// (call, fusion) of every sequenced slide that has a call.
    pub fn calls(&self) -> impl Iterator<Item = (bool, bool)> {
        self.sequenced()
            .filter_map(|(slide, fusion)| Some((self.call(slide)?, fusion)))
    }

    /// Whether sensitivity and specificity can be told at all.
    ///
    /// # Errors
    /// Where slides are called negative and not one of them was sequenced: whatever was found is then found by the call itself.
    pub fn verified(&self) -> Result<(), String> {
        let negative = |s: &&Joined| self.call(s) == Some(false);
        let mut negatives = self.slides.iter().filter(negative).peekable();
        if negatives.peek().is_some() && negatives.all(|s| s.truth.ngs.is_none()) {
            return Err("not estimable: no IHC-negative slide was sequenced".to_owned());
        }
        Ok(())
    }

    /// Values of a fact that differ over the results, such as several models in one folder.
    fn several(&self, of: impl Fn(&SlideFigures) -> &str) -> Vec<String> {
        let all: BTreeSet<&str> = self.slides.iter().map(|s| of(&s.result)).collect();
        all.into_iter().map(str::to_owned).collect()
    }
}

/// The first few ids, and how many there are.
fn examples(ids: &[String]) -> String {
    const SHOWN: usize = 3;
    if ids.is_empty() {
        return "none".to_owned();
    }
    let mut shown: Vec<String> = ids.iter().take(SHOWN).map(|id| format!("{id:?}")).collect();
    if ids.len() > SHOWN {
        shown.push(format!("and {} more", ids.len() - SHOWN));
    }
    shown.join(", ")
}

/// The evaluation.
///
/// # Errors
/// If the evidence tables are broken.
pub fn cohort_report(cohort: &Cohort, inputs: Vec<(String, String)>) -> Result<Report, EvalError> {
    let mut report = Report::new("eval cohort", "Cohort against truth");
    let sequenced = cohort.sequenced().count();
    let fused = cohort.sequenced().filter(|(_, fusion)| *fusion).count();
    report.subtitle = format!(
        "Slides with a result and a truth: {}; {sequenced} sequenced, {fused} with an NTRK fusion; {}.",
        cohort.slides.len(),
        match cohort.readers.len() {
            0 => "no reader".to_owned(),
            1 => format!("one reader ({})", cohort.readers[0]),
            n => format!("{n} readers"),
        }
    );
    report.inputs = inputs;
    for (name, values) in [
        ("model", cohort.several(|r| &r.model)),
        ("profile", cohort.several(|r| &r.profile)),
        ("evidence tables", cohort.several(|r| &r.table_version)),
    ] {
        report.inputs.push((name.to_owned(), values.join(", ")));
    }
    report.inputs.push((
        "indeterminate calls".to_owned(),
        cohort.settings.indeterminate.label().to_owned(),
    ));
    report.seed = Some(cohort.settings.seed);
    report.warnings = warnings(cohort);
    report.headlines = sections::headlines(cohort);
    let evidence = Evidence::embedded()?;
    let mut left_out = Vec::new();
    for row in sections::SECTIONS {
        match (row.make)(cohort, evidence)? {
            sections::Made::Section(section) => report.sections.push(section),
            sections::Made::Nothing(why) => left_out.push(format!("{}: {why}", row.title)),
        }
    }
    if !left_out.is_empty() {
        let mut section = Section::new("Not worked out");
        section.blocks.extend(
            left_out
                .into_iter()
                .map(|text| Block::Text(format!("{text}."))),
        );
        report.sections.push(section);
    }
    Ok(report)
}

fn warnings(cohort: &Cohort) -> Vec<String> {
    let mut out = Vec::new();
    let mut say = |condition: bool, text: String| {
        if condition {
            out.push(text);
        }
    };
    say(
        !cohort.without_result.is_empty(),
        format!(
            "In the truth without a result, and part of no figure: {} ({}).",
            cohort.without_result.len(),
            examples(&cohort.without_result)
        ),
    );
    say(
        !cohort.without_truth.is_empty(),
        format!(
            "Among the results without a truth, and part of no figure: {} ({}).",
            cohort.without_truth.len(),
            examples(&cohort.without_truth)
        ),
    );
    say(
        !cohort.broken.is_empty(),
        format!(
            "Results that could not be read: {}; the first: {}.",
            cohort.broken.len(),
            cohort.broken.first().map_or("", String::as_str)
        ),
    );
    let told = cohort.slides.iter().filter(|s| s.result.knows_ngs).count();
    say(
        told > 0,
        format!(
            "Slides that were scored with the sequencing result in their case: {told}; their action and probability know the truth and are left out of those figures."
        ),
    );
    for (what, values) in [
        ("models", cohort.several(|r| &r.model)),
        ("scoring profiles", cohort.several(|r| &r.profile)),
        ("evidence tables", cohort.several(|r| &r.table_version)),
    ] {
        say(
            values.len() > 1,
            format!(
                "The results come from {} {what} ({}); the figures mix them.",
                values.len(),
                values.join(", ")
            ),
        );
    }
    if let Some(text) = sections::verification::bias(cohort) {
        out.push(text);
    }
    out
}

/// A headline whose small print is the estimate's own.
fn headline(label: &str, value: crate::output::Cell) -> Headline {
    Headline {
        label: label.to_owned(),
        value,
        below: String::new(),
    }
}
