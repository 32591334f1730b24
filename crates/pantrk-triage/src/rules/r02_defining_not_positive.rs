//! R2: a tumour that carries the fusion often, and a stain that is negative or indeterminate.
//!
//! # What it decides
//! Sequence all the same (RNA-based NGS; FISH is accepted). In secretory carcinoma think of RET and MET as well.
//!
//! # Clinical basis
//! The prior is so high that a negative stain leaves about one in four to one in two; laboratories that stop at a negative stain except such tumours.
//! The indeterminate stain is taken with the negative one: neither clears the tumour (this project's conclusion).
//!
//! # Inputs and units
//! Group H; IHC result.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! Never; without a tumour type there is no group and it does not apply.
//!
//! # References
//! Facts `negative-stops-except-high`, `high-frequency-fish-rtpcr`, `secretory-ret`.

use pantrk_core::score::IhcResult;

use super::Outcome;
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let not_positive = facts.is_negative() || facts.result == IhcResult::Indeterminate;
    if !facts.is(Group::H) || !not_positive {
        return Outcome::Silent;
    }
    let mut quoted = vec!["negative-stops-except-high", "high-frequency-fish-rtpcr"];
    let mut also = "";
    if facts.family() == "salivary-secretory" {
        quoted.push("secretory-ret");
        also = " Let the panel cover RET and MET as well.";
    }
    Outcome::asks(
        Action::OrderRnaNgs,
        format!(
            "The stain is {}, which does not clear {}: it carries an NTRK fusion often. FISH for NTRK1/2/3 is accepted too.{also}",
            facts.stain(),
            facts.tumour_name()
        ),
        &quoted,
    )
}
