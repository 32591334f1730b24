//! `h-score`: the H-score of the most stained compartment against a cut-off.

use std::collections::BTreeMap;

use super::{ProfileCall, point_verdict, verdict};
use crate::score::Compartment;
use crate::score::summary::Counts;
use crate::score::table::ScoringTable;
use crate::score::tally::Tally;

pub(super) fn call(counts: &Counts, table: &ScoringTable) -> ProfileCall {
    let row = &table.h_score;
    let leading = leading(&counts.tally);
    let value = counts.tally.h_score(leading as usize);
    let interval = interval(counts, leading);
    let parts = Compartment::ALL
        .into_iter()
        .map(|c| (c.name().to_owned(), counts.tally.h_score(c as usize)))
        .collect::<BTreeMap<_, _>>();
    ProfileCall {
        result: verdict(interval, row.cutoff),
        value: Some(value),
        interval95: Some(interval),
        cutoff: row.cutoff,
        unit: "h-score".to_owned(),
        version: row.version.clone(),
        sensitivity: Some(
            counts
                .moved
                .each_ref()
                .map(|tally| point_verdict(highest(tally), row.cutoff)),
        ),
        parts,
        reasons: vec![format!(
            "H-score {value:.0} (95 % interval {:.0} to {:.0}) in the {}, against a cut-off of {} ({})",
            interval[0],
            interval[1],
            leading.label(),
            row.cutoff,
            row.source
        )],
    }
}

/// The compartment that the score is read in.
fn leading(tally: &Tally) -> Compartment {
    Compartment::ALL
        .into_iter()
        .rev()
        .max_by(|&a, &b| {
            tally
                .h_score(a as usize)
                .total_cmp(&tally.h_score(b as usize))
        })
        .unwrap_or(Compartment::Cytoplasm)
}

fn highest(tally: &Tally) -> f64 {
    tally.h_score(leading(tally) as usize)
}

/// The middle of the draws, and no narrower than the interval of the positive percent: where no cell stains, draws do not spread.
fn interval(counts: &Counts, leading: Compartment) -> [f64; 2] {
    let slot = leading as usize;
    let percent = counts.scores.get(leading).interval95;
    // Without a stained cell, the unseen ones are taken as 1+.
    let grade = counts.tally.mean_positive_grade(slot).max(1.0);
    let [low, high] = percent.map(|p| p * grade);
    match counts.replicates.interval95(highest) {
        Some([draws_low, draws_high]) => [low.min(draws_low), high.max(draws_high)],
        None => [low, high],
    }
}
