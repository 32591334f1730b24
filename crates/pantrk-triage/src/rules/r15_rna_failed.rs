//! R15: the tumour stains, and RNA could not be sequenced well enough.
//!
//! # What it decides
//! FISH for NTRK1, NTRK2 and NTRK3, or RNA from a new extraction. A failed run is not a negative result.
//!
//! # Clinical basis
//! In a ring test the false negatives of sequencing came from low purity, poor RNA and DNA-only panels; FISH has false negatives of its own.
//!
//! # Inputs and units
//! IHC result (positive or indeterminate); sequencing method, result, RNA quality.
//!
//! # Thresholds
//! None of its own; pass or fail is the sequencing laboratory's.
//!
//! # When it abstains
//! Never; after a negative stain the rules by group go on as if nothing had been sequenced.
//!
//! # References
//! Facts `ngs-false-negative`, `fish-false-negative`.

use pantrk_core::score::IhcResult;

use super::Outcome;
use crate::case::{NgsResult, RnaQuality};
use crate::facts::Facts;
use crate::triage::Action;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let failed = facts.ngs().is_some_and(|ngs| {
        ngs.method.has_rna()
            && match ngs.result {
                NgsResult::Failed => true,
                NgsResult::NoFusionDetected => ngs.rna_quality == Some(RnaQuality::Fail),
                NgsResult::FusionDetected => false,
            }
    });
    let stains = facts.is_positive() || facts.result == IhcResult::Indeterminate;
    if !failed || !stains {
        return Outcome::Silent;
    }
    Outcome::asks(
        Action::ConfirmNgsFishOrRtpcr,
        format!(
            "The stain is {}, and the RNA was not good enough: that is no negative result. FISH for NTRK1/2/3, or RNA-based NGS from a new extraction.",
            facts.stain()
        ),
        &["ngs-false-negative", "fish-false-negative"],
    )
}
