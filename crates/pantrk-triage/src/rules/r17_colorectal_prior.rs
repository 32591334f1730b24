//! R17: the prior of a colorectal carcinoma by MLH1 and BRAF.
//!
//! # What it decides
//! No action: it sets the prior. MLH1 lost with BRAF wild-type raises it, MLH1 retained or BRAF mutated lowers it.
//!
//! # Clinical basis
//! In 4,569 colorectal carcinomas all but one of the rearranged ones were MLH1-lost and BRAF wild-type.
//!
//! # Inputs and units
//! Colorectal type; mismatch repair, MLH1, BRAF.
//!
//! # Thresholds
//! The contexts of the family `colorectal` in `tumour_types.toml`.
//!
//! # When it abstains
//! Where MLH1 or BRAF is not known and mismatch repair does not settle it.
//!
//! # References
//! Fact `crc-enriched-chou`.

use super::Outcome;
use crate::facts::Facts;

/// Its id, by which its contexts name it.
const ID: &str = "R17";

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if facts.family() != "colorectal" {
        return Outcome::Silent;
    }
    match facts.context.filter(|_| facts.context_is_of(ID)) {
        Some(context) => Outcome::sets_prior(
            format!(
                "The prior is that of colorectal carcinoma with {}.",
                context.title
            ),
            &["crc-enriched-chou"],
        ),
        None => Outcome::lacks(&[
            ("mmr", facts.case.mmr.is_none()),
            ("mlh1", facts.case.mlh1.is_none()),
            ("braf", facts.case.braf.is_none()),
        ]),
    }
}
