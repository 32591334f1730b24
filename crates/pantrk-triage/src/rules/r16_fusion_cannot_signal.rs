//! R16: sequencing reports a fusion that is out of frame or lacks the kinase domain.
//!
//! # What it decides
//! A pathologist takes it to the molecular board; the stain is evidence of whether protein is made.
//!
//! # Clinical basis
//! In a colorectal series most fusions found by RNA lacked a full kinase domain.
//!
//! # Inputs and units
//! Sequencing result, frame, kinase domain; IHC result.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! Never; where frame and kinase domain are not reported R18 asks for them.
//!
//! # References
//! Fact `kinase-domain`.

use super::Outcome;
use crate::case::{Frame, NgsFinding, NgsResult};
use crate::concordance::fusion;
use crate::facts::Facts;
use crate::triage::Action;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let Some(ngs) = facts.ngs().filter(|ngs| cannot_signal(ngs)) else {
        return Outcome::Silent;
    };
    let what = match (ngs.frame, ngs.kinase_domain) {
        (Some(Frame::Out), Some(false)) => "out of frame and without a whole kinase domain",
        (Some(Frame::Out), _) => "out of frame",
        _ => "without a whole kinase domain",
    };
    Outcome::asks(
        Action::PathologistReview,
        format!(
            "Sequencing reports {} {what}: take it to the molecular board. The stain ({}) tells whether protein is made.",
            fusion(ngs),
            facts.stain()
        ),
        &["kinase-domain"],
    )
}

/// A reported fusion that is out of frame or lacks the kinase domain.
pub(super) fn cannot_signal(ngs: &NgsFinding) -> bool {
    ngs.result == NgsResult::FusionDetected
        && (ngs.frame == Some(Frame::Out) || ngs.kinase_domain == Some(false))
}
