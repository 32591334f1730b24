//! R11: the stain is negative, the disease advanced, and no driver was found.
//!
//! # What it decides
//! Sequence RNA where it can be had: IHC misses some fusions, and this patient has most to gain.
//!
//! # Clinical basis
//! In a meta-analysis IHC missed 18 % of all fusions and 27 % of NTRK3 fusions (the fact that is quoted holds the figures).
//!
//! # Inputs and units
//! Group L, and those of group E that R6 and R7 leave; IHC result; stage; drivers; whether sequencing can be had (missing counts as yes).
//!
//! # Thresholds
//! None of its own.
//!
//! # When it abstains
//! Where stage or drivers are not known.
//!
//! # References
//! Fact `meta-misses`.

use super::{Outcome, r07_young_thyroid_negative::is_young_thyroid};
use crate::facts::{Drivers, Facts};
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    if !is_of_its_kind(facts)
        || facts.case.ngs_available == Some(false)
        || facts.dna_negative()
        || facts.is_advanced() == Some(false)
        || matches!(facts.drivers, Drivers::Clear(_) | Drivers::Other(_))
    {
        return Outcome::Silent;
    }
    let stage_missing = facts.is_advanced().is_none();
    let drivers_missing = facts.drivers == Drivers::Unknown;
    if stage_missing || drivers_missing {
        return Outcome::lacks(&[("stage", stage_missing), ("drivers", drivers_missing)]);
    }
    Outcome::asks(
        Action::OrderRnaNgs,
        "The stain is negative, but the disease is advanced and no driver was found: where sequencing can be had it is still the better test.".to_owned(),
        &["meta-misses"],
    )
}

/// Negative, and of group L or of that part of group E that no rule of its own takes.
pub(super) fn is_of_its_kind(facts: &Facts<'_>) -> bool {
    let enriched = facts.is(Group::E)
        && !facts.is(Group::P)
        && facts.family() != "colorectal"
        && !(is_young_thyroid(facts)
            && matches!(facts.drivers, Drivers::Unknown | Drivers::NoneFound));
    facts.is_negative() && (facts.is(Group::L) || enriched)
}
