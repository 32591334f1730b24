//! R18: sequencing reports a fusion.
//!
//! # What it decides
//! In frame with the kinase domain: no further NTRK testing, the sequencing report stands. Otherwise what is missing is asked for: of DNA the transcript (RNA-based NGS), of RNA a review of frame and kinase domain.
//!
//! # Clinical basis
//! RNA resolves rearrangements that DNA leaves open, and a fusion without a whole kinase domain is no target. This rule is this project's: it closes the case that the rules on stains leave open.
//!
//! # Inputs and units
//! Sequencing method, result, frame, kinase domain.
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! It never concludes without frame and kinase domain; a fusion that cannot signal is R16's.
//!
//! # References
//! Facts `kinase-domain`, `dna-introns`.

use super::{Outcome, r16_fusion_cannot_signal::cannot_signal};
use crate::case::{Frame, NgsResult};
use crate::concordance::fusion;
use crate::facts::Facts;
use crate::triage::Action;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let Some(ngs) = facts
        .ngs()
        .filter(|ngs| ngs.result == NgsResult::FusionDetected && !cannot_signal(ngs))
    else {
        return Outcome::Silent;
    };
    let what = fusion(ngs);
    if ngs.frame == Some(Frame::In) && ngs.kinase_domain == Some(true) {
        Outcome::asks(
            Action::NoFurtherTesting,
            format!(
                "Sequencing reports {what}, in frame and with the kinase domain: the sequencing report stands, and no further NTRK screening is needed."
            ),
            &[],
        )
    } else if ngs.method.has_rna() {
        Outcome::asks(
            Action::PathologistReview,
            format!(
                "Sequencing reports {what}, but frame or kinase domain is not stated: ask for both before it is relied on."
            ),
            &["kinase-domain"],
        )
    } else {
        Outcome::asks(
            Action::OrderRnaNgs,
            format!(
                "DNA-based NGS reports {what}, but frame or kinase domain is not stated: RNA shows whether it is transcribed in frame."
            ),
            &["kinase-domain", "dna-introns"],
        )
    }
}
