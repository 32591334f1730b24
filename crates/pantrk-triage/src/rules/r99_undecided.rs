//! R99: no rule decides.
//!
//! # What it decides
//! A pathologist reviews; the result lists the facts that would decide.
//!
//! # Clinical basis
//! None: this is where the rules end.
//!
//! # Inputs and units
//! None.
//!
//! # Thresholds
//! None.
//!
//! # When it abstains
//! Whenever another rule asks for an action.
//!
//! # References
//! None.

use super::Outcome;
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let because = if facts.tumour.is_none() {
        "Without a tumour type no rule decides".to_owned()
    } else if facts.is(Group::P) {
        format!(
            "In {} the stain ({}) says little, and the disease is not known to be advanced",
            facts.tumour_name(),
            facts.stain()
        )
    } else {
        format!(
            "No rule decides for {} with a stain that is {}",
            facts.tumour_name(),
            facts.stain()
        )
    };
    Outcome::asks(
        Action::PathologistReview,
        format!("{because}; a pathologist reviews."),
        &[],
    )
}
