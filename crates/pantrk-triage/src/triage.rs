//! The decision, as it stands in `result.json`.

use std::fmt;

use pantrk_core::score::IhcResult;
use serde::{Deserialize, Serialize};

use crate::case::NgsFinding;
use crate::evidence::Certainty;
use crate::tumours::Group;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Sequence RNA, because of the stain.
    OrderRnaNgs,
    /// Sequence RNA whatever the stain shows: it says too little here.
    OrderRnaNgsDirect,
    /// Confirm by sequencing, FISH or RT-PCR.
    ConfirmNgsFishOrRtpcr,
    /// A pathologist looks again and decides.
    PathologistReview,
    /// Stain again, or stain another block.
    RepeatIhc,
    /// Stop here.
    NoFurtherTesting,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 6] = [
        Self::OrderRnaNgs,
        Self::OrderRnaNgsDirect,
        Self::ConfirmNgsFishOrRtpcr,
        Self::PathologistReview,
        Self::RepeatIhc,
        Self::NoFurtherTesting,
    ];

    /// As in `result.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderRnaNgs => "order-rna-ngs",
            Self::OrderRnaNgsDirect => "order-rna-ngs-direct",
            Self::ConfirmNgsFishOrRtpcr => "confirm-ngs-fish-or-rtpcr",
            Self::PathologistReview => "pathologist-review",
            Self::RepeatIhc => "repeat-ihc",
            Self::NoFurtherTesting => "no-further-testing",
        }
    }

    /// As a sentence without its full stop.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OrderRnaNgs => "Order RNA-based NGS for NTRK1/2/3 fusions",
            Self::OrderRnaNgsDirect => {
                "Order RNA-based NGS for NTRK1/2/3 fusions directly; IHC does not decide here"
            }
            Self::ConfirmNgsFishOrRtpcr => "Confirm by RNA-based NGS, FISH or RT-PCR",
            Self::PathologistReview => "A pathologist reviews and decides",
            Self::RepeatIhc => "Repeat the IHC, on a new section or block",
            Self::NoFurtherTesting => "No further NTRK testing on these facts",
        }
    }

    /// The flag that goes with it.
    pub fn flag(self) -> Flag {
        let (word, icon, colour) = match self {
            Self::OrderRnaNgs => ("sequence", "▲", "vermillion"),
            Self::OrderRnaNgsDirect => ("sequence directly", "▶", "orange"),
            Self::ConfirmNgsFishOrRtpcr => ("confirm", "◆", "reddish purple"),
            Self::PathologistReview => ("review", "?", "blue"),
            Self::RepeatIhc => ("repeat", "○", "sky blue"),
            Self::NoFurtherTesting => ("stop", "■", "grey"),
        };
        Flag {
            word: word.to_owned(),
            icon: icon.to_owned(),
            colour: colour.to_owned(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An action at a glance: the colour never stands alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// One or two words.
    pub word: String,
    /// One character; each action has its own shape.
    pub icon: String,
    /// Name of a colour that colour-blind people tell from the others (Okabe and Ito).
    pub colour: String,
}

/// A rule that applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleEntry {
    /// `"R0"` and so on.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// What it asks for; none where it only sets the prior.
    pub action: Option<Action>,
    /// Why it applies to this case.
    pub because: String,
}

/// A rule that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abstention {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The facts it lacks, by their key in the case.
    pub missing: Vec<String>,
}

/// A fact that is missing and would change the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its key in the case.
    pub fact: String,
    /// The value that would change it.
    pub value: String,
    /// What would be done then.
    pub action: Action,
    /// The rule that would decide then.
    pub rule: String,
}

/// A probability with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probability {
    /// 0 to 1.
    pub p: f64,
    /// 95 % interval.
    pub interval95: [f64; 2],
    /// Of what, by which study, and how sure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Whether a figure in it is an assumption.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumption: bool,
}

/// The probability of a fusion once the stain has been seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostTest {
    /// For this stain, 0 to 1; an indeterminate stain leaves the prior.
    pub p: f64,
    /// 95 % interval; for an indeterminate stain from the lower end after a negative to the upper end after a positive.
    pub interval95: [f64; 2],
    /// The stain it is for.
    pub given: IhcResult,
    /// What it would be after a positive stain.
    pub if_positive: Probability,
    /// What it would be after a negative stain; none where it cannot be estimated.
    pub if_negative: Option<Probability>,
    /// The sensitivities and specificities used, with their sources.
    pub source: String,
    /// Whether a figure in it is an assumption.
    pub assumption: bool,
}

/// Where a figure or a statement comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The study, in words.
    pub study: String,
    /// Its address.
    pub source: String,
    /// How sure.
    pub certainty: Certainty,
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({})",
            self.study,
            self.source,
            self.certainty.label()
        )
    }
}

/// How stain and sequencing go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Both say the same.
    Agree,
    /// They differ.
    Differ,
    /// One of them gives no answer yet.
    Open,
}

/// Stain against sequencing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concordance {
    /// In a word.
    pub verdict: Verdict,
    /// In a sentence.
    pub text: String,
}

/// The decision, with all that stands behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Triage {
    /// What to do next.
    pub action: Action,
    /// The same at a glance.
    pub flag: Flag,
    /// The id of the rule that decided.
    pub rule: String,
    /// All rules that apply, in order of precedence.
    pub rules: Vec<RuleEntry>,
    /// Why, as sentences.
    pub reasons: Vec<String>,
    /// Probability of a fusion before the stain; none where no figure was found.
    pub pre_test: Option<Probability>,
    /// Probability of a fusion after the stain; none where it cannot be given, and a warning says why.
    pub post_test: Option<PostTest>,
    /// All sources used.
    pub citations: Vec<Citation>,
    /// Version of the evidence tables.
    pub table_version: String,
    /// The tumour type as understood; none where it was not given.
    #[serde(default)]
    pub tumour_type: Option<String>,
    /// The testing groups of the tumour in its context, the leading one first.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Missing facts that would change the decision.
    #[serde(default)]
    pub would_change: Vec<Change>,
    /// Rules that lack a fact.
    #[serde(default)]
    pub abstained: Vec<Abstention>,
    /// What to bear in mind.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Whether a figure used is an assumption.
    #[serde(default)]
    pub assumption: bool,
    /// The sequencing result, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ngs: Option<NgsFinding>,
    /// Stain against sequencing, once there is a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concordance: Option<Concordance>,
    /// What this is and is not.
    #[serde(default)]
    pub limits: String,
}
