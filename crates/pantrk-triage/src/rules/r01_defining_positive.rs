//! R1: a tumour that carries the fusion often, and a positive stain.
//!
//! # What it decides
//! Confirm: RNA-based NGS, or ETV6/NTRK3 by FISH or RT-PCR, which are enough where the partner is nearly always the same.
//!
//! # Clinical basis
//! ESMO 2019 and JSCO/JSMO 2020 accept FISH and RT-PCR in tumours with a highly recurrent fusion.
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
//! Fact `high-frequency-fish-rtpcr`.

use super::Outcome;
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if !facts.is(Group::H) || !facts.is_positive() {
        return Outcome::Silent;
    }
    Outcome::asks(
        Action::ConfirmNgsFishOrRtpcr,
        format!(
            "The stain is {} and {} carries an NTRK fusion often: confirm by RNA-based NGS, or by FISH or RT-PCR for ETV6 and NTRK3.",
            facts.stain(),
            facts.tumour_name()
        ),
        &["high-frequency-fish-rtpcr"],
    )
}
