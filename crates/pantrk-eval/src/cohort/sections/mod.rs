//! The parts of a cohort's report, one file each.

mod against_ngs;
mod calibration;
mod discordant;
pub(super) mod impact;
mod overview;
mod readers;
mod subgroups;
mod thresholds;
mod validation;
pub(super) mod verification;

use pantrk_triage::Evidence;

use super::{Cohort, Joined, headline};
use crate::EvalError;
use crate::output::{Cell, Headline, Section};
use crate::statistics::counts::Counts;
use crate::statistics::roc::{Labelled, auc};

/// What came of a part.
pub(super) enum Made {
    /// It.
    Section(Section),
    /// The truth does not say enough for it; why, as half a sentence.
    Nothing(String),
}

/// A part of the report.
pub(super) struct Part {
    /// Its heading.
    pub(super) title: &'static str,
    /// Makes it.
    pub(super) make: fn(&Cohort, &Evidence) -> Result<Made, EvalError>,
}

/// All parts, in the order of the page.
pub(super) const SECTIONS: [Part; 10] = [
    overview::PART,
    against_ngs::PART,
    thresholds::PART,
    verification::PART,
    impact::PART,
    calibration::PART,
    subgroups::PART,
    readers::PART,
    validation::PART,
    discordant::PART,
];

/// The figures on top.
pub(super) fn headlines(cohort: &Cohort) -> Vec<Headline> {
    let counts = Counts::of(cohort.calls());
    let verified = cohort.verified();
    let percent = scores(cohort, |s| s.result.percent);
    vec![
        headline(
            "Sensitivity for a fusion",
            Cell::of(verified.clone().and_then(|()| counts.sensitivity()), 0),
        ),
        headline(
            "Specificity",
            Cell::of(verified.clone().and_then(|()| counts.specificity()), 0),
        ),
        headline(
            "AUC, positive percent",
            Cell::of(verified.and_then(|()| auc(&percent)), percent.len() as u64),
        ),
        headline("Kappa with readers", readers::headline(cohort)),
    ]
}

/// A score of every sequenced slide that has it, with the truth.
fn scores(cohort: &Cohort, of: impl Fn(&Joined) -> Option<f64>) -> Vec<Labelled> {
    cohort
        .sequenced()
        .filter_map(|(slide, fusion)| Some((of(slide)?, fusion)))
        .collect()
}
