//! R12: the stain is negative, and nothing else asks for sequencing.
//!
//! # What it decides
//! Stop, with the probability that remains.
//!
//! # Clinical basis
//! Laboratories with a written procedure stop at a negative stain except in tumours that carry the fusion often.
//!
//! # Inputs and units
//! Group L, and those of group E that R6 and R7 leave; IHC result; whether a probability after a negative can be given.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! It does not apply to an enriched tumour for which no remaining probability can be given: then a pathologist decides.
//!
//! # References
//! Facts `negative-stops-except-high`, `meta-misses`.

use super::{Outcome, r11_negative_driver_negative};
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let kind = r11_negative_driver_negative::is_of_its_kind(facts);
    let better = matches!(
        r11_negative_driver_negative::judge(facts),
        Outcome::Applies(_)
    );
    let unclear = facts.is(Group::E) && !facts.selection.residual_is_known();
    if !kind || better || unclear {
        return Outcome::Silent;
    }
    Outcome::asks(
        Action::NoFurtherTesting,
        format!(
            "The stain is negative and {} is not among the tumours in which a fusion is likely; what remains is stated below.",
            facts.tumour_name()
        ),
        &["negative-stops-except-high", "meta-misses"],
    )
}
