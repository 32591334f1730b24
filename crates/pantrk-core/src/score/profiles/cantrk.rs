//! `cantrk`: the score of the Canadian ring study: per compartment a proportion (0 to 3) plus an intensity (0 to 2).
//!
//! Positive at a total of 6, or at 5 in one compartment.
//! The source defines intensity by eye (seen at 100x or not); here it is read off the mean grade of the stained cells, which the scoring table marks as an assumption.
//! Nuclear is the nucleus or its rim, whichever scores higher.

use std::collections::BTreeMap;

use super::{IhcResult, ProfileCall, verdict_of_draws};
use crate::score::Compartment;
use crate::score::summary::Counts;
use crate::score::table::{Cantrk, ScoringTable};
use crate::score::tally::Tally;

pub(super) fn call(counts: &Counts, table: &ScoringTable) -> ProfileCall {
    let row = &table.cantrk;
    let positive = |tally: &Tally| {
        let points = points(tally, row);
        points.iter().sum::<u32>() >= row.total_cutoff
            || points.iter().any(|&p| p >= row.compartment_cutoff)
    };
    let judged = |tally: &Tally| {
        if positive(tally) {
            IhcResult::Positive
        } else {
            IhcResult::Negative
        }
    };
    let total = |tally: &Tally| f64::from(points(tally, row).iter().sum::<u32>());
    let result = counts
        .replicates
        .share_where(positive)
        .map_or_else(|| judged(&counts.tally), verdict_of_draws);
    let [nuclear, cytoplasmic, membranous] = points(&counts.tally, row);
    let mut reasons = vec![format!(
        "nuclear {nuclear}, cytoplasmic {cytoplasmic}, membranous {membranous} points; {} in all or {} in one compartment are positive ({})",
        row.total_cutoff, row.compartment_cutoff, row.source
    )];
    if result == IhcResult::Indeterminate {
        reasons.push(
            "the intervals of the percentages hold a boundary that changes the call".to_owned(),
        );
    }
    let value = total(&counts.tally);
    ProfileCall {
        result,
        value: Some(value),
        interval95: Some(counts.replicates.interval95(total).unwrap_or([value; 2])),
        cutoff: f64::from(row.total_cutoff),
        unit: "points".to_owned(),
        version: row.version.clone(),
        sensitivity: Some(counts.moved.each_ref().map(judged)),
        parts: BTreeMap::from([
            ("nuclear".to_owned(), f64::from(nuclear)),
            ("cytoplasmic".to_owned(), f64::from(cytoplasmic)),
            ("membranous".to_owned(), f64::from(membranous)),
        ]),
        reasons,
    }
}

/// Subtotals: nuclear, cytoplasmic, membranous.
fn points(tally: &Tally, row: &Cantrk) -> [u32; 3] {
    let one = |c: Compartment| {
        let slot = c as usize;
        subtotal(
            tally.positive_percent(slot),
            tally.mean_positive_grade(slot),
            row,
        )
    };
    [
        one(Compartment::Nucleus).max(one(Compartment::NuclearRim)),
        one(Compartment::Cytoplasm),
        one(Compartment::Membrane),
    ]
}

/// Proportion plus intensity of one compartment.
fn subtotal(percent: f64, mean_grade: f64, row: &Cantrk) -> u32 {
    let proportion = row
        .proportion_percent
        .iter()
        .filter(|&&bound| percent >= bound)
        .count() as u32;
    let intensity = match proportion {
        0 => 0,
        _ if mean_grade >= row.seen_at_100x_mean_grade => 2,
        _ => 1,
    };
    proportion + intensity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtotals_follow_the_published_grid() {
        let row = &ScoringTable::embedded().cantrk;
        for (percent, grade, wanted) in [
            (9.99, 3.0, 0),
            (10.0, 1.0, 2),
            (29.9, 2.0, 3),
            (30.0, 1.2, 3),
            (69.9, 2.0, 4),
            (70.0, 1.0, 4),
            (70.0, 2.5, 5),
        ] {
            assert_eq!(
                subtotal(percent, grade, row),
                wanted,
                "{percent} % at {grade}"
            );
        }
    }
}
