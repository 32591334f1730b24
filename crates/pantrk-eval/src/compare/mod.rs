//! Two runs on the same slides: what got better or worse, and whether that is more than chance.

mod side;
mod tests_table;

use std::collections::{BTreeMap, BTreeSet};

use pantrk_core::score::IhcResult;

use crate::EvalError;
use crate::cohort::{CohortSettings, Indeterminate, Joined, Results, SlideFigures, Truth};
use crate::output::{Block, Cell, Column, Figure, Report, Section, Show, Table};
use crate::plot::{Axis, Colour, Plot, Side as Place, confusion_matrix, thinned};
use crate::statistics::bland_altman::limits_of_agreement;

pub use side::{Run, read_run};

/// A slide in both runs.
struct Twin<'a> {
    first: &'a SlideFigures,
    second: &'a SlideFigures,
    /// Where the slide has a truth.
    truth: Option<&'a crate::cohort::TruthSlide>,
}

/// Two runs joined by slide id.
pub struct Comparison {
    names: [String; 2],
    first: BTreeMap<String, SlideFigures>,
    second: BTreeMap<String, SlideFigures>,
    truth: Option<Truth>,
    settings: CohortSettings,
    warnings: Vec<String>,
}

impl Comparison {
    /// Joins two runs; `truth` goes before what they carry themselves.
    ///
    /// # Errors
    /// If no slide is in both, with ids of either side.
    pub fn join(
        first: Run,
        second: Run,
        truth: Option<Truth>,
        settings: CohortSettings,
    ) -> Result<Self, EvalError> {
        let mut warnings = Vec::new();
        let names = short_names(&first.name, &second.name);
        for run in [&first, &second] {
            if !run.results.broken.is_empty() {
                warnings.push(format!(
                    "{}: {} results could not be read; the first: {}.",
                    run.name,
                    run.results.broken.len(),
                    run.results.broken[0]
                ));
            }
        }
        if truth.is_none()
            && let (Some(a), Some(b)) = (&first.truth, &second.truth)
        {
            let differing = a
                .slides
                .iter()
                .filter(|(id, slide)| {
                    b.slides.get(*id).is_some_and(|other| {
                        other.ngs != slide.ngs || other.consensus() != slide.consensus()
                    })
                })
                .count();
            if differing > 0 {
                warnings.push(format!("The two evaluations were made against different truths: {differing} slides differ; the truth of {} is used.", names[0]));
            }
        }
        let truth = truth.or(first.truth).or(second.truth);
        let by_id = |results: Results| -> BTreeMap<String, SlideFigures> {
            results
                .slides
                .into_iter()
                .map(|s| (s.slide_id.clone(), s))
                .collect()
        };
        let (first, second) = (by_id(first.results), by_id(second.results));
        let common = first.keys().filter(|id| second.contains_key(*id)).count();
        if common == 0 {
            let example = |side: &BTreeMap<String, SlideFigures>| {
                side.keys().next().cloned().unwrap_or_default()
            };
            return Err(EvalError::Join(format!(
                "no slide is in both runs: {} has {:?}, {} has {:?}",
                names[0],
                example(&first),
                names[1],
                example(&second)
            )));
        }
        for (name, own, other) in [(&names[0], &first, &second), (&names[1], &second, &first)] {
            let alone = own.keys().filter(|id| !other.contains_key(*id)).count();
            if alone > 0 {
                warnings.push(format!(
                    "{alone} slides are in {name} alone and are not compared."
                ));
            }
        }
        Ok(Self {
            names,
            first,
            second,
            truth,
            settings,
            warnings,
        })
    }

    fn twins(&self) -> Vec<Twin<'_>> {
        let both = self
            .first
            .iter()
            .filter_map(|(id, first)| Some((id, first, self.second.get(id)?)));
        both.map(|(id, first, second)| Twin {
            first,
            second,
            truth: self.truth.as_ref().and_then(|t| t.slides.get(id)),
        })
        .collect()
    }
}

/// The folders' own names where they tell the two apart, else the whole paths.
fn short_names(first: &str, second: &str) -> [String; 2] {
    let own = |path: &str| {
        let name = std::path::Path::new(path).file_name();
        name.map_or_else(|| path.to_owned(), |n| n.to_string_lossy().into_owned())
    };
    let short = [own(first), own(second)];
    if short[0] == short[1] {
        [first.to_owned(), second.to_owned()]
    } else {
        short
    }
}

/// The evaluation.
pub fn compare_report(comparison: &Comparison, inputs: Vec<(String, String)>) -> Report {
    let twins = comparison.twins();
    let [a, b] = &comparison.names;
    let mut report = Report::new("eval compare", "Two runs on the same slides");
    let with_truth = twins.iter().filter(|t| t.truth.is_some()).count();
    let changed = twins.iter().filter(|t| t.first.ihc != t.second.ihc).count();
    report.subtitle = format!(
        "A is {a}, B is {b}: {} slides in both, {with_truth} with a truth; the call changes on {changed}.",
        twins.len()
    );
    report.inputs = inputs;
    for (name, side) in [("A", &comparison.first), ("B", &comparison.second)] {
        let all = |of: fn(&SlideFigures) -> &String| -> String {
            let values: BTreeSet<&str> = side
                .values()
                .map(|s| of(s).as_str())
                .filter(|s| !s.is_empty())
                .collect();
            values.into_iter().collect::<Vec<_>>().join(", ")
        };
        report.inputs.push((
            format!("model, profile of {name}"),
            format!("{}, {}", all(|s| &s.model), all(|s| &s.profile)),
        ));
    }
    report.seed = Some(comparison.settings.seed);
    report.warnings.clone_from(&comparison.warnings);
    if with_truth == 0 {
        report.warnings.push("No slide has a truth: the runs are compared with each other, and nothing says which is right; give --manifest.".to_owned());
    }
    let tests = tests_table::tests(&twins, &comparison.settings);
    let figures = vec![calls_figure(&twins), scatter(&twins)];
    report.sections = vec![
        Section::new("Better or worse").with(tests),
        Section::new("What changed")
            .with(Block::Figures(figures))
            .with(changes(&twins, &comparison.settings)),
        Section::new("Slides that changed most").with(slides(&twins, &comparison.settings)),
    ];
    report
}

const CALLS: [IhcResult; 4] = [
    IhcResult::Positive,
    IhcResult::Indeterminate,
    IhcResult::Negative,
    IhcResult::NotEvaluable,
];

fn calls_figure(twins: &[Twin<'_>]) -> Figure {
    let words = CALLS.map(IhcResult::name);
    let count = |i: usize, j: usize| {
        twins
            .iter()
            .filter(|t| t.first.ihc == CALLS[i] && t.second.ihc == CALLS[j])
            .count() as u64
    };
    Figure::svg(
        "calls",
        "Calls of A in rows, of B in columns; blue where they agree.",
        confusion_matrix(["A", "B"], [&words, &words], count),
    )
}

fn scatter(twins: &[Twin<'_>]) -> Figure {
    const DOTS: usize = 1200;
    let caption = "Positive percent of A and B; on the dashed line both are equal.";
    let pairs: Vec<(f64, f64)> = twins
        .iter()
        .filter_map(|t| t.first.percent.zip(t.second.percent))
        .collect();
    if pairs.is_empty() {
        return Figure::missing("percents", caption, "no slide is evaluable in both");
    }
    let mut plot = Plot::half(
        Axis::linear("positive percent, A", 0.0, 100.0),
        Axis::linear("positive percent, B", 0.0, 100.0),
    );
    plot.dashed(vec![(0.0, 0.0), (100.0, 100.0)], Colour::Grey);
    plot.dots(thinned(&pairs, DOTS), Colour::Blue);
    if let Ok(limits) = limits_of_agreement(&pairs) {
        let text = format!(
            "B − A: {} ({}) points",
            limits.bias.value_text(),
            limits.bias.interval_text()
        );
        plot.label((3.0, 96.0), text, Colour::Ink, Place::Right);
    }
    Figure::svg("percents", caption, plot.to_svg())
}

/// Whether a slide changed.
type Differs = fn(&Twin<'_>) -> bool;

/// How many slides changed, and how many of them to the better.
fn changes(twins: &[Twin<'_>], settings: &CohortSettings) -> Table {
    let mut table = Table::new(
        "changes",
        "Changed slides",
        [
            Column::text("what", "What"),
            Column::number("changed", "Changed"),
            Column::number("better", "To the better"),
            Column::number("worse", "To the worse"),
            Column::number("n", "Slides"),
        ],
    )
    .on_terminal()
    .with_note("Better and worse by sequencing where it was done, otherwise by the readers' call; slides without either are changed and neither.");
    let rows: [(&str, Differs); 2] = [
        ("IHC call", |t| t.first.ihc != t.second.ihc),
        ("suggested next step", |t| t.first.action != t.second.action),
    ];
    for (i, (what, differs)) in rows.into_iter().enumerate() {
        let moved: Vec<&Twin<'_>> = twins.iter().filter(|t| differs(t)).collect();
        let judged: Vec<i32> = moved
            .iter()
            .map(|t| {
                if i == 0 {
                    judge_call(t, settings.indeterminate)
                } else {
                    judge_action(t)
                }
            })
            .collect();
        let of = |wanted: i32| Cell::Count(judged.iter().filter(|j| **j == wanted).count() as u64);
        table.push([
            Cell::text(what),
            Cell::Count(moved.len() as u64),
            of(1),
            of(-1),
            Cell::Count(twins.len() as u64),
        ]);
    }
    table
}

/// 1 where B's call is right and A's is not, -1 the other way round, else 0.
fn judge_call(twin: &Twin<'_>, indeterminate: Indeterminate) -> i32 {
    let Some(truth) = twin.truth else { return 0 };
    let right = |s: &SlideFigures| match truth.ngs {
        Some(fusion) => indeterminate.call(s.ihc) == Some(fusion),
        None => truth.consensus() == Some(s.ihc),
    };
    i32::from(right(twin.second)) - i32::from(right(twin.first))
}

fn judge_action(twin: &Twin<'_>) -> i32 {
    let joined = |s: &SlideFigures| Joined {
        result: s.clone(),
        truth: twin.truth.cloned().unwrap_or_default(),
    };
    let right = |s: &SlideFigures| {
        let joined = joined(s);
        joined.truth.ngs.is_some() && joined.goes_on() == joined.truth.ngs
    };
    i32::from(right(twin.second)) - i32::from(right(twin.first))
}

fn slides(twins: &[Twin<'_>], settings: &CohortSettings) -> Table {
    const SHOWN: usize = 25;
    let mut table = Table::new(
        "changed_slides",
        "Changed calls first, then by the change of the positive percent",
        [
            Column::text("slide_id", "Slide"),
            Column::text("call_a", "Call A"),
            Column::text("call_b", "Call B"),
            Column::number("percent_a", "% A"),
            Column::number("percent_b", "% B"),
            Column::number("difference", "B − A"),
            Column::text("truth", "Truth"),
            Column::text("verdict", "Call"),
        ],
    )
    .shown(Show::First(SHOWN));
    let change = |t: &Twin<'_>| t.first.percent.zip(t.second.percent).map(|(a, b)| b - a);
    let mut sorted: Vec<&Twin<'_>> = twins
        .iter()
        .filter(|t| t.first.ihc != t.second.ihc || change(t).is_some_and(|c| c != 0.0))
        .collect();
    sorted.sort_by(|x, y| {
        let key = |t: &Twin<'_>| (t.first.ihc != t.second.ihc, change(t).map_or(0.0, f64::abs));
        let ((cx, dx), (cy, dy)) = (key(x), key(y));
        cy.cmp(&cx)
            .then(dy.total_cmp(&dx))
            .then(x.first.slide_id.cmp(&y.first.slide_id))
    });
    for twin in sorted {
        let number = |v: Option<f64>| v.map_or_else(|| Cell::text("–"), |v| Cell::Number(v, 1));
        let truth = twin
            .truth
            .map_or_else(String::new, |t| match (t.ngs, t.consensus()) {
                (Some(true), _) => "fusion".to_owned(),
                (Some(false), _) => "no fusion".to_owned(),
                (None, Some(call)) => format!("readers: {}", call.name()),
                (None, None) => String::new(),
            });
        let verdict = match judge_call(twin, settings.indeterminate) {
            1 => "better",
            -1 => "worse",
            _ if twin.first.ihc == twin.second.ihc => "same",
            _ => "",
        };
        table.push([
            Cell::text(&twin.first.slide_id),
            Cell::text(twin.first.ihc.name()),
            Cell::text(twin.second.ihc.name()),
            number(twin.first.percent),
            number(twin.second.percent),
            number(change(twin)),
            Cell::text(truth),
            Cell::text(verdict),
        ]);
    }
    table
}
