//! R9: fusions are rare in this tumour, and the stain is weak, focal or indeterminate.
//!
//! # What it decides
//! Sequence RNA where a fusion would change the treatment; else a pathologist looks again, at the internal control above all.
//!
//! # Clinical basis
//! Most positives of this kind carry no fusion, yet some do.
//!
//! # Inputs and units
//! Group L; IHC result, intensity, extent; drivers; whether it is relevant to treatment.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! Never; where the relevance to treatment is not known it asks for the review, and the result says that this fact would change it.
//!
//! # References
//! Facts `weak-focal-positives`, `internal-control`.

use super::Outcome;
use crate::facts::{Drivers, Facts};
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let driver = matches!(facts.drivers, Drivers::Clear(_));
    if !facts.is(Group::L) || !facts.is_doubtful() || driver {
        return Outcome::Silent;
    }
    let stain = facts.stain();
    match facts.case.treatment_relevant {
        Some(true) => Outcome::asks(
            Action::OrderRnaNgs,
            format!(
                "The stain is {stain}; most such stains carry no fusion, but a fusion would change the treatment."
            ),
            &["weak-focal-positives"],
        ),
        relevant => Outcome::asks(
            Action::PathologistReview,
            format!(
                "The stain is {stain}; most such stains carry no fusion, and {}. Compare with nerve, smooth muscle and other normal tissue on the slide.",
                if relevant.is_some() {
                    "a fusion would not change the treatment"
                } else {
                    "it is not said whether a fusion would change the treatment"
                }
            ),
            &["weak-focal-positives", "internal-control"],
        ),
    }
}
