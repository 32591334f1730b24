//! The rows of the evidence tables, as they stand in `assets/evidence/`.

use serde::{Deserialize, Serialize};

use crate::case::{Braf, Mlh1, Mmr};
use crate::probability::Distribution;
use crate::triage::Citation;
use crate::tumours::{Group, TumourType};

/// How sure a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Read in the source.
    Seen,
    /// Read in an excerpt that ended early.
    SeenTruncated,
    /// Read in a page that quotes the source.
    SecondHand,
    /// Arithmetic from figures that were read.
    Calculated,
    /// Not seen in any source.
    Unverified,
    /// A judgement of this project.
    Assumption,
}

impl Certainty {
    /// As people read it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::SeenTruncated => "seen in part",
            Self::SecondHand => "second-hand",
            Self::Calculated => "calculated",
            Self::Unverified => "unverified",
            Self::Assumption => "assumption",
        }
    }
}

/// One prevalence, sensitivity or specificity.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Estimate {
    pub(crate) id: String,
    pub(crate) what: String,
    k: Option<u32>,
    n: Option<u32>,
    percent: Option<f64>,
    interval_percent: Option<[f64; 2]>,
    range_percent: Option<[f64; 2]>,
    #[serde(default)]
    pub(crate) general: bool,
    #[serde(default)]
    assumption: bool,
    pub(crate) gene: Option<String>,
    pub(crate) study: String,
    pub(crate) source: String,
    pub(crate) certainty: Certainty,
    pub(crate) note: Option<String>,
}

impl Estimate {
    /// Whether the figure is assumed rather than measured.
    pub(crate) fn is_assumption(&self) -> bool {
        self.assumption || self.certainty == Certainty::Assumption
    }

    /// The counts, where the row gives them.
    pub(crate) fn counts(&self) -> Option<(u32, u32)> {
        self.k.zip(self.n)
    }

    /// A prevalence: of counts, the point is `k/n`.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(crate) fn prevalence(&self, spread: f64) -> Result<Distribution, String> {
        let distribution = self.distribution(spread)?;
        match self.counts() {
            // The published figure; with none found it would be a bare zero, and the posterior mean stays.
            Some((k, n)) if k > 0 => Ok(distribution.with_point(f64::from(k) / f64::from(n))),
            _ => Ok(distribution),
        }
    }

    /// A sensitivity or specificity: of counts, the point is the Jeffreys mean, so never a raw 100 %.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(crate) fn accuracy(&self) -> Result<Distribution, String> {
        if self.percent.is_some() && self.interval_percent.is_none() {
            return Err(format!("row {} needs counts or an interval", self.id));
        }
        self.distribution(1.0)
    }

    fn distribution(&self, spread: f64) -> Result<Distribution, String> {
        let made = match (
            self.counts(),
            self.percent,
            self.interval_percent,
            self.range_percent,
        ) {
            (Some((k, n)), None, None, None) if k <= n && n > 0 => {
                Distribution::jeffreys(f64::from(k), f64::from(n))
            }
            (None, Some(percent), Some([low, high]), None) => {
                Distribution::beta_from_interval(percent / 100.0, low / 100.0, high / 100.0)
            }
            (None, Some(percent), None, None) => {
                Distribution::logit_normal(percent / 100.0, spread)
            }
            (None, None, None, Some([low, high])) => {
                Distribution::logit_uniform(low / 100.0, high / 100.0)
            }
            _ => None,
        };
        made.ok_or_else(|| {
            format!(
                "row {} needs k and n, or a percentage, or a range, each within its bounds",
                self.id
            )
        })
    }

    /// As a citation.
    pub(crate) fn citation(&self) -> Citation {
        Citation {
            study: self.study.clone(),
            source: self.source.clone(),
            certainty: self.certainty,
        }
    }

    /// What it is of, the counts, the study, and how sure.
    pub(crate) fn describe(&self) -> String {
        let counts = self
            .counts()
            .map_or_else(String::new, |(k, n)| format!(" {k}/{n}"));
        format!(
            "{}{counts} ({}, {})",
            self.what,
            self.study,
            self.certainty.label()
        )
    }
}

/// The sensitivities and specificities used for a tumour; the first of each gives the point.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accuracy {
    pub(crate) id: String,
    pub(crate) sensitivity: Vec<String>,
    pub(crate) specificity: Vec<String>,
    #[serde(default = "yes")]
    pub(crate) negative_estimable: bool,
    pub(crate) source: String,
    #[serde(rename = "certainty")]
    _certainty: Certainty,
}

const fn yes() -> bool {
    true
}

/// Where drivers stand, as a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DriverCondition {
    NoneFound,
    Clear,
}

/// The conditions of a context; all that are given must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct When {
    pub(crate) mmr: Option<Mmr>,
    pub(crate) mlh1: Option<Mlh1>,
    pub(crate) braf: Option<Vec<Braf>>,
    pub(crate) age_below: Option<f64>,
    pub(crate) drivers: Option<DriverCondition>,
}

/// What molecular facts or age change about a family of tumours.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    pub(crate) id: String,
    pub(crate) family: String,
    pub(crate) title: String,
    pub(crate) groups: Option<Vec<Group>>,
    pub(crate) prevalence: Option<String>,
    pub(crate) accuracy: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) source: String,
    #[serde(rename = "certainty")]
    _certainty: Certainty,
    pub(crate) when: When,
}

/// A number that a rule needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    pub(crate) id: String,
    #[serde(rename = "what")]
    _what: String,
    pub(crate) value: f64,
    #[serde(rename = "unit")]
    _unit: String,
    pub(crate) source: String,
    #[serde(rename = "certainty")]
    _certainty: Certainty,
}

/// Whose likelihoods a clone uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Likelihoods {
    ByTumourType,
    Own,
}

/// An antibody clone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloneRow {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) synonyms: Vec<String>,
    pub(crate) likelihoods: Likelihoods,
    pub(crate) accuracy: Option<String>,
    pub(crate) groups: Option<Vec<Group>>,
    pub(crate) types: Option<Vec<String>>,
    pub(crate) source: String,
    #[serde(rename = "certainty")]
    _certainty: Certainty,
}

/// What widens the interval.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Widening {
    pub(crate) id: String,
    pub(crate) accuracy: String,
    pub(crate) source: String,
    #[serde(rename = "certainty")]
    _certainty: Certainty,
}

/// An activating driver.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Driver {
    pub(crate) gene: String,
    pub(crate) variants: Option<Vec<String>>,
    pub(crate) source: String,
    #[serde(rename = "certainty")]
    _certainty: Certainty,
}

/// A statement that rules quote as a reason.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fact {
    pub(crate) id: String,
    pub(crate) text: String,
    study: String,
    pub(crate) source: String,
    certainty: Certainty,
}

impl Fact {
    pub(crate) fn citation(&self) -> Citation {
        Citation {
            study: self.study.clone(),
            source: self.source.clone(),
            certainty: self.certainty,
        }
    }
}

/// A standard sentence.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentence {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) source: String,
    #[serde(rename = "certainty")]
    _certainty: Certainty,
}

/// A staining pattern and the genes it hints at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternRow {
    pub(crate) id: String,
    pub(crate) has: Vec<pantrk_core::score::Compartment>,
    pub(crate) lacks: Vec<pantrk_core::score::Compartment>,
    pub(crate) texture: Option<pantrk_core::score::Texture>,
    pub(crate) extents: Option<Vec<pantrk_core::score::Extent>>,
    pub(crate) genes: Vec<String>,
    pub(crate) note: String,
    pub(crate) counter_examples: Vec<String>,
    study: String,
    pub(crate) source: String,
    certainty: Certainty,
}

impl PatternRow {
    pub(crate) fn citation(&self) -> Citation {
        Citation {
            study: self.study.clone(),
            source: self.source.clone(),
            certainty: self.certainty,
        }
    }
}

/// `tables.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TablesFile {
    pub(crate) version: String,
    pub(crate) note: String,
}

/// `prevalence.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrevalenceFile {
    pub(crate) estimate: Vec<Estimate>,
}

/// `accuracy.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccuracyFile {
    pub(crate) estimate: Vec<Estimate>,
    pub(crate) accuracy: Vec<Accuracy>,
}

/// `tumour_types.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TumourTypesFile {
    pub(crate) r#type: Vec<TumourType>,
    pub(crate) context: Vec<Context>,
}

/// `rules.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesFile {
    pub(crate) parameter: Vec<Parameter>,
    pub(crate) clone: Vec<CloneRow>,
    pub(crate) widening: Vec<Widening>,
    pub(crate) driver: Vec<Driver>,
    pub(crate) fact: Vec<Fact>,
}

/// `sentences.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SentencesFile {
    pub(crate) sentence: Vec<Sentence>,
}

/// `patterns.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternsFile {
    pub(crate) pattern: Vec<PatternRow>,
}
