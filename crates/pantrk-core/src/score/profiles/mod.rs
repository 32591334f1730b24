//! Scoring profiles: named, versioned ways to turn cells into a call.
//!
//! There is no single agreed pan-TRK scoring rule, so the rule is a parameter and every profile is worked out for every slide.
//! A new profile is one file, one row in [`PROFILES`] and one table in `assets/scoring/profiles.toml`.

mod any_1pct;
mod cantrk;
mod h_score;

use super::summary::Counts;
use super::table::ScoringTable;
use super::{IhcResult, ProfileCall};

/// One profile.
pub struct Profile {
    /// As on the command line and in `result.json`.
    pub name: &'static str,
    /// What it asks for, as people read it.
    pub title: fn(&ScoringTable) -> &str,
    pub(crate) call: fn(&Counts, &ScoringTable) -> ProfileCall,
}

/// All profiles; the first is the default.
pub const PROFILES: [Profile; 3] = [
    Profile {
        name: "any-1pct",
        title: |table| &table.any_1pct.title,
        call: any_1pct::call,
    },
    Profile {
        name: "cantrk",
        title: |table| &table.cantrk.title,
        call: cantrk::call,
    },
    Profile {
        name: "h-score",
        title: |table| &table.h_score.title,
        call: h_score::call,
    },
];

/// The verdict of a figure's interval against a cut-off.
fn verdict(interval: [f64; 2], cutoff: f64) -> IhcResult {
    if interval[0] >= cutoff {
        IhcResult::Positive
    } else if interval[1] < cutoff {
        IhcResult::Negative
    } else {
        IhcResult::Indeterminate
    }
}

/// The verdict when this share of the draws is positive: at most one in forty may say otherwise.
fn verdict_of_draws(share: f64) -> IhcResult {
    if share >= 0.975 {
        IhcResult::Positive
    } else if share <= 0.025 {
        IhcResult::Negative
    } else {
        IhcResult::Indeterminate
    }
}

fn point_verdict(value: f64, cutoff: f64) -> IhcResult {
    if value >= cutoff {
        IhcResult::Positive
    } else {
        IhcResult::Negative
    }
}
