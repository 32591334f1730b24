//! R6: an enriched colorectal carcinoma, and a negative stain.
//!
//! # What it decides
//! Stop; about one in a hundred remains.
//!
//! # Clinical basis
//! In two large series a negative stain went with no fusion in nearly all such carcinomas. A third series found IHC much less sensitive, mostly for fusions without a full kinase domain; it is quoted beside them.
//!
//! # Inputs and units
//! Group E by a colorectal context; IHC result.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! Never.
//!
//! # References
//! Facts `crc-enriched-chou`, `crc-enriched-wang`, `crc-fu-misses`.

use super::Outcome;
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if !facts.is(Group::E) || facts.family() != "colorectal" || !facts.is_negative() {
        return Outcome::Silent;
    }
    Outcome::asks(
        Action::NoFurtherTesting,
        "The stain is negative; even in mismatch-repair deficient colorectal carcinoma few fusions are left then.".to_owned(),
        &["crc-enriched-chou", "crc-enriched-wang", "crc-fu-misses"],
    )
}
