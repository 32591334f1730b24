//! R14: RNA was sequenced and showed no fusion.
//!
//! # What it decides
//! With RNA of good quality no further testing: a positive stain is reported as TRK without a fusion (wild-type, over-expressed or amplified).
//! Two exceptions are this project's: with RNA of unknown quality, and with a tumour that carries the fusion often and stains, a pathologist reviews.
//!
//! # Clinical basis
//! Dedifferentiated liposarcoma stains in more than half of cases without a certain fusion.
//!
//! # Inputs and units
//! IHC result; sequencing method, result, RNA quality; group.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! It never concludes from RNA of unknown quality; RNA that failed is R15's.
//!
//! # References
//! Facts `wild-type-ddlps`, `ngs-false-negative`.

use super::Outcome;
use crate::case::{NgsResult, RnaQuality};
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let Some(ngs) = facts.ngs() else {
        return Outcome::Silent;
    };
    if ngs.result != NgsResult::NoFusionDetected || !ngs.method.has_rna() {
        return Outcome::Silent;
    }
    let stain = facts.stain();
    match ngs.rna_quality {
        Some(RnaQuality::Fail) => Outcome::Silent,
        None => Outcome::asks(
            Action::PathologistReview,
            "RNA-based NGS found no fusion, but the quality of the RNA is not stated: see whether it passed before relying on it.".to_owned(),
            &["ngs-false-negative"],
        ),
        Some(RnaQuality::Pass) if facts.is(Group::H) && facts.is_positive() => Outcome::asks(
            Action::PathologistReview,
            format!(
                "RNA of good quality showed no fusion, yet the stain is {stain} and {} carries one often: review the diagnosis, the panel's coverage and other fusions.",
                facts.tumour_name()
            ),
            &["ngs-false-negative"],
        ),
        Some(RnaQuality::Pass) if facts.is_positive() => Outcome::asks(
            Action::NoFurtherTesting,
            format!(
                "The stain is {stain}, and RNA of good quality showed no fusion: report TRK expression without a fusion (wild-type, over-expressed or amplified)."
            ),
            &["wild-type-ddlps"],
        ),
        Some(RnaQuality::Pass) => Outcome::asks(
            Action::NoFurtherTesting,
            format!("RNA of good quality showed no fusion; the stain is {stain}."),
            &[],
        ),
    }
}
