//! Sensitivity and specificity at every threshold of a score.

use pantrk_triage::Evidence;

use super::{Made, Part, scores};
use crate::cohort::{Cohort, Joined};
use crate::output::{Cell, Column, Section, Show, Table};
use crate::statistics::counts::Counts;
use crate::statistics::roc::Roc;

pub(super) const PART: Part = Part {
    title: "At every threshold",
    make: |cohort, evidence| Ok(make(cohort, evidence)),
};

/// The cut-offs that are shown on the page: those that the literature and people use.
const PERCENTS: [f64; 9] = [0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0];
const H_SCORES: [f64; 8] = [1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0, 200.0];

fn make(cohort: &Cohort, _evidence: &Evidence) -> Made {
    let percent = scores(cohort, |s| s.result.percent);
    if let Err(why) = cohort.verified().and_then(|()| Roc::new(&percent)) {
        return Made::Nothing(why);
    }
    let section = Section::new(PART.title)
        .with(at(
            cohort,
            ("percent", "positive percent", "%"),
            &PERCENTS,
            |s| s.result.percent,
        ))
        .with(at(cohort, ("h_score", "H-score", ""), &H_SCORES, |s| {
            s.result.h_score
        }))
        .with(everywhere(cohort, "percent", "positive percent", |s| {
            s.result.percent
        }))
        .with(everywhere(cohort, "h_score", "H-score", |s| {
            s.result.h_score
        }));
    Made::Section(section)
}

fn columns(first: Column) -> [Column; 7] {
    [
        first,
        Column::estimate("sensitivity", "Sensitivity"),
        Column::estimate("specificity", "Specificity"),
        Column::estimate("ppv", "PPV"),
        Column::estimate("npv", "NPV"),
        Column::estimate("lr_positive", "LR+"),
        Column::estimate("lr_negative", "LR−"),
    ]
}

fn row(threshold: Cell, counts: &Counts) -> [Cell; 7] {
    let n = counts.n();
    [
        threshold,
        Cell::of(counts.sensitivity(), 0),
        Cell::of(counts.specificity(), 0),
        Cell::of(counts.ppv(), 0),
        Cell::of(counts.npv(), 0),
        Cell::of(counts.lr_positive(), n),
        Cell::of(counts.lr_negative(), n),
    ]
}

fn at(
    cohort: &Cohort,
    (name, label, unit): (&str, &str, &str),
    cutoffs: &[f64],
    of: fn(&Joined) -> Option<f64>,
) -> Table {
    let caption = format!("{} at or above", capital(label));
    let mut table = Table::new(
        &format!("cutoffs_{name}"),
        &caption,
        columns(Column::text("cutoff", "Cut-off")),
    );
    let data = scores(cohort, of);
    for &cutoff in cutoffs {
        let counts = Counts::of(
            data.iter()
                .map(|&(score, fusion)| (score >= cutoff, fusion)),
        );
        let text = format!("{cutoff} {unit}");
        table.push(row(Cell::text(text.trim_end()), &counts));
    }
    table
}

/// A row for each distinct score, in the file alone.
fn everywhere(cohort: &Cohort, name: &str, label: &str, of: fn(&Joined) -> Option<f64>) -> Table {
    let mut table = Table::new(
        &format!("thresholds_{name}"),
        &format!("{} at or above each value seen", capital(label)),
        columns(Column::number("threshold", "Threshold")),
    )
    .shown(Show::FileOnly);
    if let Ok(roc) = Roc::new(&scores(cohort, of)) {
        for point in &roc.points {
            let counts = Counts {
                tp: point.tp,
                fp: point.fp,
                fn_: roc.positives - point.tp,
                tn: roc.negatives - point.fp,
            };
            table.push(row(Cell::Number(point.threshold, 3), &counts));
        }
    }
    table
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}
