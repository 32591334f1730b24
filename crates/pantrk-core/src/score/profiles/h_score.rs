//! `h-score`: the H-score of the most stained compartment against a cut-off.

use std::collections::BTreeMap;

use super::{ProfileCall, point_verdict, verdict};
use crate::score::summary::Counts;
use crate::score::table::ScoringTable;
use crate::score::{Compartment, CompartmentScore};

pub(super) fn call(counts: &Counts, table: &ScoringTable) -> ProfileCall {
    let row = &table.h_score;
    let of = |c: Compartment| counts.scores.get(c);
    let leading = Compartment::ALL
        .into_iter()
        .rev()
        .max_by(|&a, &b| of(a).h_score.total_cmp(&of(b).h_score))
        .unwrap_or(Compartment::Cytoplasm);
    let score = of(leading);
    // The H-score moves with the positive percent; its grades keep their proportions.
    let scaled = |percent: f64| scaled_h_score(score, percent);
    let interval = score.interval95.map(scaled);
    let parts = Compartment::ALL
        .into_iter()
        .map(|c| (c.name().to_owned(), of(c).h_score))
        .collect::<BTreeMap<_, _>>();
    ProfileCall {
        result: verdict(interval, row.cutoff),
        value: Some(score.h_score),
        interval95: Some(interval),
        cutoff: row.cutoff,
        unit: "h-score".to_owned(),
        version: row.version.clone(),
        sensitivity: Some(
            score
                .sensitivity
                .map(|p| point_verdict(scaled(p), row.cutoff)),
        ),
        parts,
        reasons: vec![format!(
            "H-score {:.0} (95 % interval {:.0} to {:.0}) in the {}, against a cut-off of {} ({})",
            score.h_score,
            interval[0],
            interval[1],
            leading.label(),
            row.cutoff,
            row.source
        )],
    }
}

fn scaled_h_score(score: &CompartmentScore, percent: f64) -> f64 {
    // Without a stained cell in the sample, the unseen ones are taken as 1+.
    let per_percent = if score.positive_percent > 0.0 {
        score.h_score / score.positive_percent
    } else {
        1.0
    };
    percent * per_percent
}
