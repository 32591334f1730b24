//! R13: the stain is positive, and DNA alone showed no fusion.
//!
//! # What it decides
//! Sequence RNA.
//!
//! # Clinical basis
//! DNA panels miss fusions, as the introns of NTRK2 and NTRK3 are too large to be covered.
//!
//! # Inputs and units
//! IHC result; sequencing method and result.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! Never.
//!
//! # References
//! Facts `dna-misses`, `dna-introns`.

use super::Outcome;
use crate::facts::Facts;
use crate::triage::Action;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if !facts.is_positive() || !facts.dna_negative() {
        return Outcome::Silent;
    }
    Outcome::asks(
        Action::OrderRnaNgs,
        format!(
            "The stain is {}, and DNA-based NGS found no fusion: DNA alone misses some, so RNA is next.",
            facts.stain()
        ),
        &["dna-misses", "dna-introns"],
    )
}
