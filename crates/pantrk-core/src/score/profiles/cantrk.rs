//! `cantrk`: the score of the Canadian ring study: per compartment a proportion (0 to 3) plus an intensity (0 to 2).
//!
//! Positive at a total of 6, or at 5 in one compartment.
//! The source defines intensity by eye (seen at 100x or not); here it is read off the mean grade of the stained cells, which the scoring table marks as an assumption.
//! Nuclear is the nucleus or its rim, whichever scores higher.

use std::collections::BTreeMap;

use super::{IhcResult, ProfileCall};
use crate::score::summary::Counts;
use crate::score::table::{Cantrk, ScoringTable};
use crate::score::{Compartment, CompartmentScore};

pub(super) fn call(counts: &Counts, table: &ScoringTable) -> ProfileCall {
    let row = &table.cantrk;
    let points = |percent: &dyn Fn(&CompartmentScore) -> f64| {
        let one = |c: Compartment| {
            let share = percent(counts.scores.get(c));
            subtotal(share, counts.mean_positive_grade[c as usize], row)
        };
        [
            one(Compartment::Nucleus).max(one(Compartment::NuclearRim)),
            one(Compartment::Cytoplasm),
            one(Compartment::Membrane),
        ]
    };
    let positive = |subtotals: [u32; 3]| {
        let total: u32 = subtotals.iter().sum();
        total >= row.total_cutoff || subtotals.iter().any(|&s| s >= row.compartment_cutoff)
    };
    let judged = |subtotals: [u32; 3]| {
        if positive(subtotals) {
            IhcResult::Positive
        } else {
            IhcResult::Negative
        }
    };
    let middle = points(&|s| s.positive_percent);
    let (low, high) = (points(&|s| s.interval95[0]), points(&|s| s.interval95[1]));
    let sum = |subtotals: [u32; 3]| f64::from(subtotals.iter().sum::<u32>());
    let result = if judged(low) == judged(high) {
        judged(middle)
    } else {
        IhcResult::Indeterminate
    };
    let [nuclear, cytoplasmic, membranous] = middle;
    let mut reasons = vec![format!(
        "nuclear {nuclear}, cytoplasmic {cytoplasmic}, membranous {membranous} points; {} in all or {} in one compartment are positive ({})",
        row.total_cutoff, row.compartment_cutoff, row.source
    )];
    if result == IhcResult::Indeterminate {
        reasons.push(
            "the intervals of the percentages hold a boundary that changes the call".to_owned(),
        );
    }
    ProfileCall {
        result,
        value: Some(sum(middle)),
        interval95: Some([sum(low), sum(high)]),
        cutoff: f64::from(row.total_cutoff),
        unit: "points".to_owned(),
        version: row.version.clone(),
        sensitivity: Some([
            judged(points(&|s| s.sensitivity[0])),
            judged(points(&|s| s.sensitivity[1])),
        ]),
        parts: BTreeMap::from([
            ("nuclear".to_owned(), f64::from(nuclear)),
            ("cytoplasmic".to_owned(), f64::from(cytoplasmic)),
            ("membranous".to_owned(), f64::from(membranous)),
        ]),
        reasons,
    }
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
