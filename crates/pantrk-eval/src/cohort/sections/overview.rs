//! How many slides there are at each step, and how calls and sequencing go together.

use pantrk_core::score::IhcResult;
use pantrk_triage::{Action, Evidence};

use super::{Made, Part};
use crate::cohort::{Cohort, Joined};
use crate::output::{Cell, Column, Figure, Section, Show, Table};
use crate::plot::confusion_matrix;

pub(super) const PART: Part = Part {
    title: "Slides",
    make: |cohort, evidence| Ok(Made::Section(section(cohort, evidence))),
};

/// The calls, in the order of tables.
pub(super) const CALLS: [IhcResult; 4] = [
    IhcResult::Positive,
    IhcResult::Indeterminate,
    IhcResult::Negative,
    IhcResult::NotEvaluable,
];

fn section(cohort: &Cohort, _evidence: &Evidence) -> Section {
    let mut section = Section::new(PART.title).with(flow(cohort));
    if cohort.sequenced().next().is_some() {
        let count = |call: IhcResult, fusion: bool| {
            cohort
                .sequenced()
                .filter(|(s, f)| s.result.ihc == call && *f == fusion)
                .count() as u64
        };
        let action = |action: Action, fusion: bool| {
            cohort
                .sequenced()
                .filter(|(s, f)| !s.result.knows_ngs && s.result.action == action && *f == fusion)
                .count() as u64
        };
        let calls = CALLS.map(IhcResult::name);
        let actions: Vec<Action> = Action::ALL
            .into_iter()
            .filter(|a| cohort.slides.iter().any(|s| s.result.action == *a))
            .collect();
        let names: Vec<&str> = actions.iter().map(|a| action_word(*a)).collect();
        let truth = ["fusion", "no fusion"];
        section = section.with(crate::output::Block::Figures(vec![
            Figure::svg(
                "calls_by_ngs",
                "IHC call against sequencing; a cell is as dark as its share of the row.",
                confusion_matrix(["IHC call", "sequencing"], [&calls, &truth], |i, j| count(CALLS[i], j == 0)),
            ),
            Figure::svg(
                "actions_by_ngs",
                "Suggested next step against sequencing, for slides whose triage did not know the answer.",
                confusion_matrix(["next step", "sequencing"], [&names, &truth], |i, j| action(actions[i], j == 0)),
            ),
        ]));
    }
    section.with(slides(cohort))
}

const fn action_word(action: Action) -> &'static str {
    match action {
        Action::OrderRnaNgs => "RNA-NGS",
        Action::OrderRnaNgsDirect => "RNA-NGS, direct",
        Action::ConfirmNgsFishOrRtpcr => "confirm",
        Action::PathologistReview => "review",
        Action::RepeatIhc => "repeat IHC",
        Action::NoFurtherTesting => "no further testing",
    }
}

fn flow(cohort: &Cohort) -> Table {
    let mut table = Table::new(
        "flow",
        "From the truth to the figures",
        [Column::text("step", "Step"), Column::number("n", "Slides")],
    );
    let count =
        |of: &dyn Fn(&Joined) -> bool| cohort.slides.iter().filter(|s| of(s)).count() as u64;
    let joined = cohort.slides.len() as u64;
    for (step, n) in [
        ("in the truth", joined + cohort.without_result.len() as u64),
        (
            "among the results",
            joined + cohort.without_truth.len() as u64,
        ),
        ("results that could not be read", cohort.broken.len() as u64),
        ("in both", joined),
        (
            "not evaluable by IHC",
            count(&|s| s.result.ihc == IhcResult::NotEvaluable),
        ),
        (
            "indeterminate by IHC",
            count(&|s| s.result.ihc == IhcResult::Indeterminate),
        ),
        (
            "sequenced, fusion detected",
            count(&|s| s.truth.ngs == Some(true)),
        ),
        (
            "sequenced, no fusion detected",
            count(&|s| s.truth.ngs == Some(false)),
        ),
        (
            "sequencing failed",
            count(&|s| s.truth.ngs.is_none() && s.truth.ngs_failed),
        ),
        (
            "not sequenced",
            count(&|s| s.truth.ngs.is_none() && !s.truth.ngs_failed),
        ),
        (
            "with a reader's result",
            count(&|s| !s.truth.readings.is_empty()),
        ),
    ] {
        table.push([Cell::text(step), Cell::Count(n)]);
    }
    table
}

/// A row per slide, for those who go on with it, and for `eval compare`.
fn slides(cohort: &Cohort) -> Table {
    let mut table = Table::new(
        "slides",
        "Every slide",
        [
            Column::text("slide_id", "Slide"),
            Column::text("ihc_result", "IHC call"),
            Column::number("ihc_percent", "Positive %"),
            Column::number("h_score", "H-score"),
            Column::number("tumour_cells", "Tumour cells"),
            Column::text("action", "Action"),
            Column::number("post_test", "Probability after the stain"),
            Column::text("knows_ngs", "Triage knew the sequencing"),
            Column::text("tumour_type", "Tumour type"),
            Column::text("clone", "Clone"),
            Column::text("ngs_result", "Sequencing"),
            Column::text("ngs_gene", "Gene"),
            Column::text("truth_ihc_result", "Readers' call"),
            Column::number("truth_ihc_percent", "Readers' mean %"),
            Column::number("truth_h_score", "Readers' mean H-score"),
        ],
    )
    .shown(Show::FileOnly);
    let number =
        |value: Option<f64>| value.map_or_else(|| Cell::missing(0, ""), |v| Cell::Number(v, 2));
    let word = |value: Option<&str>| Cell::text(value.unwrap_or_default());
    for slide in &cohort.slides {
        let (result, truth) = (&slide.result, &slide.truth);
        table.push([
            Cell::text(&result.slide_id),
            Cell::text(result.ihc.name()),
            number(result.percent),
            number(result.h_score),
            Cell::Count(result.tumour_cells),
            Cell::text(result.action.name()),
            number(result.post_test),
            Cell::text(if result.knows_ngs { "yes" } else { "no" }),
            word(
                result
                    .tumour_type
                    .as_deref()
                    .or(truth.tumour_type.as_deref()),
            ),
            word(slide.clone_name()),
            word(match truth.ngs {
                Some(true) => Some("fusion-detected"),
                Some(false) => Some("no-fusion-detected"),
                None if truth.ngs_failed => Some("failed"),
                None => None,
            }),
            word(truth.gene.as_deref()),
            word(truth.consensus().map(IhcResult::name)),
            number(truth.mean_of(|r| r.percent)),
            number(truth.mean_of(|r| r.h_score)),
        ]);
    }
    table
}
