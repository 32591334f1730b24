//! R0: the stain cannot be relied on.
//!
//! # What it decides
//! Repeat the stain on a new section or block; where the disease is advanced, or the tumour carries the fusion often, do not wait for it and sequence.
//!
//! # Clinical basis
//! A laboratory with a written procedure asks for a new sample when there is too little to read.
//! In a tumour that carries the fusion often a repeat would change nothing (R1 and R2 both sequence); in a tumour with normal TRK expression it would say little, so a pathologist decides. Both are this project's conclusions from those rules.
//!
//! # Inputs and units
//! IHC result; tumour cells (count); external control; group; stage.
//!
//! # Thresholds
//! `minimum-tumour-cells` in `rules.toml`.
//!
//! # When it abstains
//! Never; without a stage it asks for the repeat.
//!
//! # References
//! Edmonton laboratory report (fact `insufficient-new-sample`).

use super::Outcome;
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let Some(why) = &facts.not_evaluable else {
        return Outcome::Silent;
    };
    let (action, then) = if facts.is(Group::H) {
        (
            Action::OrderRnaNgsDirect,
            "no stain would make sequencing unnecessary in this tumour",
        )
    } else if facts.is_advanced() == Some(true) {
        (
            Action::OrderRnaNgsDirect,
            "the disease is advanced, so sequencing need not wait for a repeat",
        )
    } else if facts.is(Group::P) {
        (
            Action::PathologistReview,
            "a repeat would say little in a tumour with normal TRK expression",
        )
    } else {
        (Action::RepeatIhc, "a new section or block may tell")
    };
    Outcome::asks(
        action,
        format!("The stain is not evaluable ({why}); {then}."),
        &["insufficient-new-sample"],
    )
}
