//! R10: the tumour stains, and a clear activating driver is present.
//!
//! # What it decides
//! No sequencing by default: the stain is likely TRK without a fusion, and a pathologist decides. The rule can always be overridden.
//!
//! # Clinical basis
//! JSCO/JSMO 2020 do not recommend testing where a mutually exclusive driver is present; the list of drivers is this project's.
//! The exclusion is strong but not absolute.
//!
//! # Inputs and units
//! Groups L and E (see the precedence in the module); IHC result; drivers, RAS, BRAF.
//!
//! # Thresholds
//! The drivers in `rules.toml`; of BRAF only V600E.
//!
//! # When it abstains
//! Where drivers are not known.
//!
//! # References
//! Facts `driver-exclusive-jsco`, `driver-not-absolute`, `driver-lung-egfr`.

use pantrk_core::score::IhcResult;

use super::Outcome;
use crate::facts::{Drivers, Facts};
use crate::triage::Action;
use crate::tumours::Group;

pub(super) fn judge(facts: &Facts<'_>) -> Outcome {
    let in_group =
        (facts.is(Group::L) || facts.is(Group::E)) && !facts.is(Group::H) && !facts.is(Group::P);
    let stains = facts.is_positive() || facts.result == IhcResult::Indeterminate;
    if !in_group || !stains {
        return Outcome::Silent;
    }
    match &facts.drivers {
        Drivers::Unknown => Outcome::Lacks(vec!["drivers"]),
        Drivers::Clear(found) => {
            let mut quoted = vec!["driver-exclusive-jsco", "driver-not-absolute"];
            if facts.family() == "lung" {
                quoted.push("driver-lung-egfr");
            }
            Outcome::asks(
                Action::PathologistReview,
                format!(
                    "The stain is {}, but a clear driver is present ({}): likely TRK without a fusion. Sequencing is not ordered by default; a pathologist may.",
                    facts.stain(),
                    found.join(", ")
                ),
                &quoted,
            )
        }
        Drivers::NoneFound | Drivers::Other(_) => Outcome::Silent,
    }
}
