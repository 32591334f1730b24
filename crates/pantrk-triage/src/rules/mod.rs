//! The decision rules, one file each, and their order.
//!
//! **Precedence** is the order of [`RULES`]: of all rules that apply, the first that asks for an action decides.
//!
//! 1. Sequencing results (R16, R18, R14, R15, R13): a sequencing result outweighs any stain. R16 stands before R18, as a fusion that cannot signal is not one that can.
//! 2. R0: a slide that cannot be read supports none of the rules below.
//! 3. Group H (R1, R2): the diagnosis alone makes the fusion likely; no stain and no other fact takes the test away.
//! 4. Group P, advanced (R3): the stain says little either way, so it is passed over.
//! 5. R10: a clear driver stands before the rules that would order sequencing for a stain (R4, R5, R8, R9). The guideline behind it does not except enriched tumours, so it holds in group E as well as L; not in H (the diagnosis weighs more) nor P (there co-alterations are common).
//! 6. Group E (R4 to R7), then group L (R8, R9, R11, R12). R11 and R12 also take the negative tumours of group E that R6 and R7 leave.
//! 7. R17 sets the prior and asks for nothing.
//! 8. R99: none of the above decides; a pathologist looks.
//!
//! Once sequencing has settled the matter (a fusion, or none in RNA that was not bad) R0 to R12 are not asked: what they would order has been done.
//!
//! A new rule is one file and one row in [`RULES`], its facts rows in `rules.toml` and names in [`FACTS`].
//!
//! **Architecture invariant:** a rule is a pure function of [`Facts`]; it reads no table but through them and knows no other rule's verdict.

mod r00_not_evaluable;
mod r01_defining_positive;
mod r02_defining_not_positive;
mod r03_physiological_advanced;
mod r04_enriched_positive;
mod r05_enriched_doubtful;
mod r06_colorectal_negative;
mod r07_young_thyroid_negative;
mod r08_rare_positive;
mod r09_rare_doubtful;
mod r10_driver_present;
mod r11_negative_driver_negative;
mod r12_negative_stop;
mod r13_dna_negative;
mod r14_rna_negative;
mod r15_rna_failed;
mod r16_fusion_cannot_signal;
mod r17_colorectal_prior;
mod r18_fusion_reported;
mod r99_undecided;

use crate::facts::Facts;
use crate::triage::Action;

/// The prevalence row that stands in where the tumour type is not known.
pub(crate) const ALL_SOLID: &str = "all-solid";
/// The accuracy row that stands in where the tumour type is not known.
pub(crate) const DEFAULT_ACCURACY: &str = "default";

/// Every fact that a rule quotes; the tables are checked against it when they are read.
pub(crate) const FACTS: [&str; 29] = [
    "a7h6r-misses",
    "cns-series",
    "crc-enriched-chou",
    "crc-enriched-wang",
    "crc-fu-misses",
    "crc-weak-granular",
    "dna-introns",
    "dna-misses",
    "driver-exclusive-jsco",
    "driver-lung-egfr",
    "driver-not-absolute",
    "enriched-testing",
    "fish-false-negative",
    "high-frequency-fish-rtpcr",
    "insufficient-new-sample",
    "internal-control",
    "kinase-domain",
    "meta-misses",
    "negative-stops-except-high",
    "ngs-false-negative",
    "physiological-policy",
    "physiological-specificity",
    "positive-goes-to-ngs",
    "screen-then-sequence",
    "secretory-ret",
    "thyroid-weak-real",
    "thyroid-young-missed",
    "weak-focal-positives",
    "wild-type-ddlps",
];

/// Every standard sentence that is asked for.
pub(crate) const SENTENCES: [&str; 12] = [
    "accuracy-of-readers",
    "before-ngs",
    "clone-outside",
    "driver-not-counted",
    "failed-ngs",
    "few-cells",
    "general-prevalence",
    "limits",
    "no-tumour-type",
    "not-estimable",
    "unknown-clone",
    "weak-control",
];

/// What a rule asks for, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ruling {
    /// None where the rule only sets the prior.
    pub(crate) action: Option<Action>,
    /// Why it applies to this case, as a sentence.
    pub(crate) because: String,
    /// Rows of the facts to quote.
    pub(crate) facts: Vec<&'static str>,
}

/// A rule's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It does not apply.
    Silent,
    /// It might apply, but these facts are missing, by their key in the case.
    Lacks(Vec<&'static str>),
    /// It applies.
    Applies(Ruling),
}

impl Outcome {
    fn asks(action: Action, because: String, facts: &[&'static str]) -> Self {
        Self::Applies(Ruling {
            action: Some(action),
            because,
            facts: facts.to_vec(),
        })
    }

    fn sets_prior(because: String, facts: &[&'static str]) -> Self {
        Self::Applies(Ruling {
            action: None,
            because,
            facts: facts.to_vec(),
        })
    }

    /// Lacks those facts whose flag is up, or else does not apply.
    fn lacks(facts: &[(&'static str, bool)]) -> Self {
        let missing: Vec<&'static str> = facts
            .iter()
            .filter(|(_, is_missing)| *is_missing)
            .map(|(fact, _)| *fact)
            .collect();
        if missing.is_empty() {
            Self::Silent
        } else {
            Self::Lacks(missing)
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Only asked while sequencing has not settled the matter.
    pub(crate) before_ngs: bool,
    /// Only asked where no rule before it asks for an action.
    pub(crate) last_resort: bool,
    pub(crate) judge: fn(&Facts<'_>) -> Outcome,
}

const fn rule(id: &'static str, title: &'static str, judge: fn(&Facts<'_>) -> Outcome) -> Rule {
    Rule {
        id,
        title,
        before_ngs: false,
        last_resort: false,
        judge,
    }
}

const fn before_ngs(mut rule: Rule) -> Rule {
    rule.before_ngs = true;
    rule
}

const fn last_resort(mut rule: Rule) -> Rule {
    rule.last_resort = true;
    rule
}

/// All rules; the order is the precedence.
pub(crate) const RULES: [Rule; 20] = [
    rule(
        "R16",
        "Fusion that may not signal",
        r16_fusion_cannot_signal::judge,
    ),
    rule(
        "R18",
        "Fusion reported by sequencing",
        r18_fusion_reported::judge,
    ),
    rule("R14", "No fusion in RNA", r14_rna_negative::judge),
    rule("R15", "Stain, but the RNA failed", r15_rna_failed::judge),
    rule(
        "R13",
        "Positive stain, no fusion in DNA",
        r13_dna_negative::judge,
    ),
    before_ngs(rule("R0", "Stain not evaluable", r00_not_evaluable::judge)),
    before_ngs(rule(
        "R1",
        "Fusion-defined tumour, positive",
        r01_defining_positive::judge,
    )),
    before_ngs(rule(
        "R2",
        "Fusion-defined tumour, not positive",
        r02_defining_not_positive::judge,
    )),
    before_ngs(rule(
        "R3",
        "Tumour with normal TRK expression, advanced",
        r03_physiological_advanced::judge,
    )),
    before_ngs(rule(
        "R10",
        "A clear driver is present",
        r10_driver_present::judge,
    )),
    before_ngs(rule(
        "R4",
        "Enriched tumour, positive",
        r04_enriched_positive::judge,
    )),
    before_ngs(rule(
        "R5",
        "Enriched tumour, weak, focal or indeterminate",
        r05_enriched_doubtful::judge,
    )),
    before_ngs(rule(
        "R6",
        "Enriched colorectal carcinoma, negative",
        r06_colorectal_negative::judge,
    )),
    before_ngs(rule(
        "R7",
        "Thyroid carcinoma of the young, negative",
        r07_young_thyroid_negative::judge,
    )),
    before_ngs(rule(
        "R8",
        "Fusions rare, positive",
        r08_rare_positive::judge,
    )),
    before_ngs(rule(
        "R9",
        "Fusions rare, weak, focal or indeterminate",
        r09_rare_doubtful::judge,
    )),
    before_ngs(rule(
        "R11",
        "Negative, advanced, no driver found",
        r11_negative_driver_negative::judge,
    )),
    before_ngs(rule("R12", "Negative, otherwise", r12_negative_stop::judge)),
    rule(
        "R17",
        "Colorectal carcinoma: prior by MLH1 and BRAF",
        r17_colorectal_prior::judge,
    ),
    last_resort(rule("R99", "No rule decides", r99_undecided::judge)),
];
