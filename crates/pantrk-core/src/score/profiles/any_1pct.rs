//! `any-1pct`: at least 1 % of tumour cells, any compartment, any intensity above background.

use std::collections::BTreeMap;

use super::{IhcResult, ProfileCall, point_verdict, verdict};
use crate::score::summary::Counts;
use crate::score::table::ScoringTable;
use crate::score::tally::ANY;

/// A lower rate of noise changes no figure that is shown.
const WORTH_SAYING_PERCENT: f64 = 0.05;

pub(super) fn call(counts: &Counts, table: &ScoringTable) -> ProfileCall {
    let row = &table.any_1pct;
    let any = &counts.scores.any;
    let cutoff = row.cutoff_percent;
    let sensitivity = any.sensitivity.map(|value| point_verdict(value, cutoff));
    let mut result = verdict(any.interval95, cutoff);
    let mut reasons = vec![format!(
        "{:.1} % of {} tumour cells stain at 1+ or above (95 % interval {:.1} to {:.1} %), against a cut-off of {cutoff} % ({})",
        any.positive_percent, counts.cells, any.interval95[0], any.interval95[1], row.source
    )];
    if result == IhcResult::Indeterminate {
        reasons.push(format!("the interval holds the cut-off of {cutoff} %"));
    }
    if result == IhcResult::Positive && sensitivity[1] != IhcResult::Positive {
        result = IhcResult::Indeterminate;
        reasons.push(format!(
            "with thresholds {} OD higher only {:.1} % would stain: the call hangs on the threshold",
            table.sensitivity.delta_od, any.sensitivity[1]
        ));
    }
    let noise = counts.noise.percent(ANY);
    if noise >= WORTH_SAYING_PERCENT {
        reasons.push(format!(
            "{noise:.2} % of unstained cells read as stained on this slide; the interval's lower end has them taken off"
        ));
    }
    let few = &table.adequacy;
    if counts.cells < few.one_percent_needs
        && result == IhcResult::Positive
        && any.interval95[0] < few.few_cells_cutoff_percent
    {
        result = IhcResult::Indeterminate;
        reasons.push(format!(
            "{} tumour cells cannot support a {cutoff} % rule; {} are needed",
            counts.cells, few.one_percent_needs
        ));
    }
    ProfileCall {
        result,
        value: Some(any.positive_percent),
        interval95: Some(any.interval95),
        cutoff,
        unit: "percent".to_owned(),
        version: row.version.clone(),
        sensitivity: Some(sensitivity),
        parts: BTreeMap::new(),
        reasons,
    }
}
