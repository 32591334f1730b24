//! R4: an enriched tumour, and a positive stain of any strength.
//!
//! # What it decides
//! Sequence RNA, with priority.
//!
//! # Clinical basis
//! In mismatch-repair deficient colorectal carcinoma nearly every stain was a fusion; thyroid, spitzoid and uterine tumours are enriched too.
//!
//! # Inputs and units
//! Group E (by type or by context); IHC result.
//!
//! # Thresholds
//! None of its own: any strength and extent counts.
//!
//! # When it abstains
//! Never; the facts that make a tumour enriched stand in the contexts of `tumour_types.toml`.
//!
//! # References
//! Facts `crc-enriched-chou`, `crc-enriched-wang`, `enriched-testing`, `thyroid-weak-real`.

use super::Outcome;
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if !facts.is(Group::E) || !facts.is_positive() {
        return Outcome::Silent;
    }
    Outcome::asks(
        Action::OrderRnaNgs,
        format!(
            "The stain is {} in a tumour enriched for NTRK fusions ({}): sequence with priority.",
            facts.stain(),
            enriched_as(facts)
        ),
        reasons(facts.family()),
    )
}

/// The type, with the context that makes it enriched.
pub(super) fn enriched_as(facts: &Facts<'_>) -> String {
    match facts.context {
        Some(context) => format!("{}, {}", facts.tumour_name(), context.title),
        None => facts.tumour_name().to_owned(),
    }
}

pub(super) fn reasons(family: &str) -> &'static [&'static str] {
    match family {
        "colorectal" => &["crc-enriched-chou", "crc-enriched-wang"],
        "thyroid" => &["enriched-testing", "thyroid-weak-real"],
        _ => &["enriched-testing"],
    }
}
