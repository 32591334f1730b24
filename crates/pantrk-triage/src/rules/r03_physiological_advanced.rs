//! R3: a tumour in which normal TRK expression makes the stain say little, advanced.
//!
//! # What it decides
//! Pass over the stain and sequence RNA; the stain is shown as non-contributory.
//!
//! # Clinical basis
//! Measured specificity in glioma, small round cell tumours, salivary gland and sarcoma is so low that a positive stain barely moves the prior.
//! For GIST and neuroendocrine tumours the basis is a laboratory's policy and few cases.
//!
//! # Inputs and units
//! Group P; stage. The stain does not matter.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! Where the stage is not known.
//!
//! # References
//! Facts `physiological-specificity`, `physiological-policy`, `cns-series`.

use super::Outcome;
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if !facts.is(Group::P) {
        return Outcome::Silent;
    }
    match facts.is_advanced() {
        None => Outcome::Lacks(vec!["stage"]),
        Some(false) => Outcome::Silent,
        Some(true) => {
            let mut quoted = vec!["physiological-specificity", "physiological-policy"];
            if facts.family() == "glioma" {
                quoted.push("cns-series");
            }
            Outcome::asks(
                Action::OrderRnaNgsDirect,
                format!(
                    "In {} TRK is often expressed without a fusion, so the stain ({}) does not contribute; the disease is advanced.",
                    facts.tumour_name(),
                    facts.stain()
                ),
                &quoted,
            )
        }
    }
}
