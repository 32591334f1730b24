//! R7: thyroid carcinoma of the young, negative stain, no other driver.
//!
//! # What it decides
//! Sequence RNA all the same.
//!
//! # Clinical basis
//! In a series below 21 years IHC found none of the 4 fusions, and fusions are frequent at that age.
//!
//! # Inputs and units
//! Thyroid type; age (years); IHC result; drivers.
//!
//! # Thresholds
//! `age_below` of the context `thyroid-young` in `tumour_types.toml`.
//!
//! # When it abstains
//! Where age or drivers are not known.
//!
//! # References
//! Fact `thyroid-young-missed` (seen in part).

use super::Outcome;
use crate::facts::{Drivers, Facts};
use crate::triage::Action;

/// Its id, by which its context names it.
const ID: &str = "R7";

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if facts.family() != "thyroid" || !facts.is_negative() {
        return Outcome::Silent;
    }
    let age_missing = facts.case.age_years.is_none();
    let young = is_young_thyroid(facts);
    match facts.drivers {
        Drivers::NoneFound if young => Outcome::asks(
            Action::OrderRnaNgs,
            format!(
                "The stain is negative, but at this age ({}) IHC has missed fusions and no other driver was found.",
                facts.context.map_or("", |context| context.title.as_str())
            ),
            &["thyroid-young-missed"],
        ),
        Drivers::Unknown if young || age_missing => {
            Outcome::lacks(&[("age_years", age_missing), ("drivers", true)])
        }
        Drivers::NoneFound if age_missing => Outcome::Lacks(vec!["age_years"]),
        _ => Outcome::Silent,
    }
}

/// Whether the case is in the context that belongs to this rule.
pub(super) fn is_young_thyroid(facts: &Facts<'_>) -> bool {
    facts.context_is_of(ID)
}
