//! R5: an enriched tumour, and a stain that is weak, focal or indeterminate.
//!
//! # What it decides
//! Sequence RNA: in these tumours a weak stain may be real.
//!
//! # Clinical basis
//! Thyroid tumours with NTRK fusions stain focally, weakly or both; NTRK3 fusions of mismatch-repair deficient colon carcinoma stain weak and granular.
//!
//! # Inputs and units
//! Group E; IHC result, intensity, extent.
//!
//! # Thresholds
//! None of its own; weak, focal and scattered are those of the score.
//!
//! # When it abstains
//! Never; where intensity and extent are not known a positive stain falls to R4, which asks for the same.
//!
//! # References
//! Facts `thyroid-weak-real`, `crc-weak-granular`, `enriched-testing`.

use super::{Outcome, r04_enriched_positive::enriched_as};
use crate::facts::Facts;
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if !facts.is(Group::E) || !facts.is_doubtful() {
        return Outcome::Silent;
    }
    let quoted: &[&'static str] = match facts.family() {
        "thyroid" => &["thyroid-weak-real"],
        "colorectal" => &["crc-weak-granular"],
        _ => &["enriched-testing"],
    };
    Outcome::asks(
        Action::OrderRnaNgs,
        format!(
            "The stain is {}, and in a tumour enriched for NTRK fusions ({}) a doubtful stain may be real.",
            facts.stain(),
            enriched_as(facts)
        ),
        quoted,
    )
}
