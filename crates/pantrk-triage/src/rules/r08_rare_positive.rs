//! R8: fusions are rare in this tumour, and the stain is positive, diffuse, moderate to strong.
//!
//! # What it decides
//! Sequence RNA.
//!
//! # Clinical basis
//! ESMO and the Canadian programme let IHC screen where fusions are rare and sequence what stains.
//!
//! # Inputs and units
//! Group L; IHC result, intensity, extent; drivers.
//!
//! # Thresholds
//! None of its own; a positive stain whose strength and extent are not given counts as clear, as a laboratory with a written procedure sequences every positive.
//!
//! # When it abstains
//! Never; drivers that were not looked for count as not known, and R10 says that it lacks them.
//!
//! # References
//! Facts `screen-then-sequence`, `positive-goes-to-ngs`.

use super::Outcome;
use crate::facts::{Drivers, Facts};
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let driver = matches!(facts.drivers, Drivers::Clear(_));
    if !facts.is(Group::L) || !facts.is_positive() || facts.is_doubtful() || driver {
        return Outcome::Silent;
    }
    Outcome::asks(
        Action::OrderRnaNgs,
        format!(
            "The stain is {} and no driver is known that would explain {} without an NTRK fusion.",
            facts.stain(),
            facts.tumour_name()
        ),
        &["screen-then-sequence", "positive-goes-to-ngs"],
    )
}
