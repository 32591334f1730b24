//! A sweep as a page, tables and a short text.

use std::collections::BTreeMap;

use pantrk_core::score::{IhcResult, Thresholds};

use super::heat::{Heat, draw};
use super::{Grid, SlideSweep};
use crate::output::{Cell, Column, Estimate, Figure, Report, Section, Show, Table};
use crate::statistics::proportion::wilson;

/// Below so many slides with truth, of each kind, figures against truth say little.
const FEW: u64 = 10;

/// What the page says besides the grid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepFacts {
    /// What was read and how, by name.
    pub inputs: Vec<(String, String)>,
    /// What the truth is, such as `NGS`; empty without one.
    pub truth: String,
    /// What a reader must know, as sentences.
    pub warnings: Vec<String>,
}

/// Slides that agree in all that is swept besides thresholds.
type Variants<'a> = BTreeMap<&'a str, Vec<&'a SlideSweep>>;

/// The page.
pub fn sweep_report(slides: &[SlideSweep], grid: &Grid, facts: &SweepFacts) -> Report {
    let mut variants: Variants<'_> = BTreeMap::new();
    for slide in slides {
        variants
            .entry(&slide.slide.variant)
            .or_default()
            .push(slide);
    }
    let known = slides.iter().filter(|s| s.truth.is_some()).count();
    let mut report = Report::new("eval sweep", "Other thresholds, profiles and cut-offs");
    report.subtitle = format!(
        "{} scored {} x {} sets of thresholds x {} profiles{}",
        slides.len(),
        if slides.len() == 1 { "slide" } else { "slides" },
        grid.thresholds.len(),
        grid.profiles.len(),
        if facts.truth.is_empty() {
            String::new()
        } else {
            format!("; {known} slides with truth ({})", facts.truth)
        }
    );
    report.inputs.clone_from(&facts.inputs);
    report.warnings.clone_from(&facts.warnings);
    let (positive, negative) = truth_counts(slides.iter());
    if known > 0 && (positive < FEW || negative < FEW) {
        report.warnings.push(format!(
            "{positive} slides are truly positive and {negative} truly negative: a choice made on so few will not hold on others"
        ));
    }
    report.warnings.push(
        "a threshold chosen on these slides must be tested on others: figures of the best of many settings are too good".to_owned(),
    );
    report.sections.push(
        Section::new("Profiles at other thresholds").with(calls_table(&variants, grid, known > 0)),
    );
    report
        .sections
        .push(cutoff_section(&variants, grid, known > 0));
    report
        .sections
        .push(Section::new("Each slide").with(slide_table(slides, grid)));
    report
}

fn truth_counts<'a>(slides: impl Iterator<Item = &'a SlideSweep>) -> (u64, u64) {
    slides.fold((0, 0), |(p, n), slide| match slide.truth {
        Some(true) => (p + 1, n),
        Some(false) => (p, n + 1),
        None => (p, n),
    })
}

/// Thresholds as on the command line.
fn words(thresholds: Thresholds) -> String {
    thresholds.values().map(|v| v.to_string()).join(", ")
}

/// The optical density of 1+; the shortest decimal of an f32, not its long f64 image.
fn first_od(thresholds: Thresholds) -> f64 {
    let first = thresholds.values()[0];
    first.to_string().parse().unwrap_or(f64::from(first))
}

/// Calls of a set of slides beside their truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    calls: [u64; 4],
    /// Truly positive ones called positive, and all of them.
    found: [u64; 2],
    /// Truly negative ones called negative, and all of them.
    cleared: [u64; 2],
}

impl Tally {
    /// The order of the columns.
    const RESULTS: [IhcResult; 4] = [
        IhcResult::Positive,
        IhcResult::Indeterminate,
        IhcResult::Negative,
        IhcResult::NotEvaluable,
    ];

    fn add(&mut self, result: IhcResult, truth: Option<bool>) {
        for (count, kind) in self.calls.iter_mut().zip(Self::RESULTS) {
            *count += u64::from(result == kind);
        }
        // A slide that cannot be evaluated says nothing either way.
        match truth {
            Some(true) if result != IhcResult::NotEvaluable => {
                self.found[0] += u64::from(result == IhcResult::Positive);
                self.found[1] += 1;
            }
            Some(false) if result != IhcResult::NotEvaluable => {
                self.cleared[0] += u64::from(result == IhcResult::Negative);
                self.cleared[1] += 1;
            }
            _ => {}
        }
    }

    fn sensitivity(&self) -> Cell {
        share(self.found, "no truly positive slide")
    }

    fn specificity(&self) -> Cell {
        share(self.cleared, "no truly negative slide")
    }
}

fn share([k, n]: [u64; 2], why: &str) -> Cell {
    if n == 0 {
        Cell::missing(0, why)
    } else {
        Estimate::proportion(k, n, wilson(k, n)).into()
    }
}

fn calls_table(variants: &Variants<'_>, grid: &Grid, has_truth: bool) -> Table {
    let mut columns = vec![
        Column::text("scored_with", "scored with"),
        Column::text("thresholds", "1+, 2+, 3+ (OD)"),
        Column::text("profile", "profile"),
        Column::number("positive", "positive"),
        Column::number("indeterminate", "indeterminate"),
        Column::number("negative", "negative"),
        Column::number("not_evaluable", "not evaluable"),
        Column::number("changed", "changed"),
    ];
    if has_truth {
        columns.push(Column::estimate("sensitivity", "sensitivity"));
        columns.push(Column::estimate("specificity", "specificity"));
    }
    let mut table = Table::new(
        "calls",
        "Calls of each profile at each set of thresholds",
        columns,
    )
    .with_note("Changed: slides whose call differs from the one that is stored for them.")
    .on_terminal();
    if has_truth {
        table = table.with_note(
            "An indeterminate slide counts against both sensitivity and specificity; slides that are not evaluable count for neither.",
        );
    }
    for (variant, slides) in variants {
        for (t, &thresholds) in grid.thresholds.iter().enumerate() {
            for (p, profile) in grid.profiles.iter().enumerate() {
                let mut tally = Tally::default();
                let mut changed = 0;
                for slide in slides {
                    let result = slide.points[t].calls[p];
                    tally.add(result, slide.truth);
                    changed += u64::from(result != slide.stored);
                }
                let mut row = vec![
                    Cell::text(variant_words(variant)),
                    Cell::text(words(thresholds)),
                    Cell::text(profile),
                ];
                row.extend(tally.calls.map(Cell::Count));
                row.push(Cell::Count(changed));
                if has_truth {
                    row.extend([tally.sensitivity(), tally.specificity()]);
                }
                table.push(row);
            }
        }
    }
    table
}

fn variant_words(variant: &str) -> String {
    if variant.is_empty() {
        "as stored".to_owned()
    } else {
        variant.to_owned()
    }
}

/// The positive percent against other cut-offs: a table and, of each variant, a plot.
fn cutoff_section(variants: &Variants<'_>, grid: &Grid, has_truth: bool) -> Section {
    let mut columns = vec![
        Column::text("scored_with", "scored with"),
        Column::number("threshold_od", "1+ from (OD)"),
        Column::number("cutoff_percent", "cut-off (%)"),
        Column::number("positive", "positive"),
        Column::number("slides", "slides"),
        Column::estimate("share", "share positive"),
    ];
    if has_truth {
        columns.push(Column::estimate("sensitivity", "sensitivity"));
        columns.push(Column::estimate("specificity", "specificity"));
    }
    let mut table = Table::new(
        "cutoffs",
        "Slides with at least so many percent of tumour cells at 1+ or above, any compartment",
        columns,
    )
    .with_note("By the percent itself, without its interval: no slide is indeterminate here.");
    for (variant, slides) in variants {
        for (t, thresholds) in grid.thresholds.iter().enumerate() {
            for &cutoff in &grid.cutoffs_percent {
                let tally = at_cutoff(slides, t, cutoff);
                let slides = tally.calls[0] + tally.calls[2];
                let mut row = vec![
                    Cell::text(variant_words(variant)),
                    Cell::Number(first_od(*thresholds), 2),
                    Cell::Number(cutoff, 2),
                    Cell::Count(tally.calls[0]),
                    Cell::Count(slides),
                    share([tally.calls[0], slides], "no evaluable slide"),
                ];
                if has_truth {
                    row.extend([tally.sensitivity(), tally.specificity()]);
                }
                table.push(row);
            }
        }
    }
    let mut section = Section::new("Other cut-offs");
    for (i, (variant, slides)) in variants.iter().enumerate() {
        section = section.with(heat_figure(i, variant, slides, grid, has_truth));
    }
    section.with(table.shown(Show::First(60)))
}

/// Thresholds down, cut-offs across: with truth Youden's index, else the share of slides that would be positive.
fn heat_figure(
    number: usize,
    variant: &str,
    slides: &[&SlideSweep],
    grid: &Grid,
    has_truth: bool,
) -> Figure {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for t in 0..grid.thresholds.len() {
        for &cutoff in &grid.cutoffs_percent {
            let tally = at_cutoff(slides, t, cutoff);
            let value = if has_truth {
                youden(&tally)
            } else {
                share_positive(&tally)
            };
            labels.push(value.map_or_else(
                || "\u{2013}".to_owned(),
                |v| format!("{v:.2}").replace('-', "\u{2212}"),
            ));
            values.push(value);
        }
    }
    let rows: Vec<String> = grid
        .thresholds
        .iter()
        .map(|&t| format!("{:.2}", first_od(t)))
        .collect();
    let columns: Vec<String> = grid.cutoffs_percent.iter().map(f64::to_string).collect();
    let name = format!("cutoffs_{number}");
    let shown = if has_truth {
        "sensitivity + specificity \u{2212} 1"
    } else {
        "share of slides that would be positive"
    };
    let caption = format!(
        "{shown}, by the DAB OD from which a cell is 1+ (down) and the percent of stained cells from which a slide is positive (across); {}",
        variant_words(variant)
    );
    let drawn = draw(&Heat {
        columns: &columns,
        rows: &rows,
        values: &values,
        labels: &labels,
        column_title: "cut-off (% of tumour cells)",
        row_title: "1+ from (OD)",
    });
    match drawn {
        Ok(svg) => Figure::svg(&name, caption, svg),
        Err(why) => Figure::missing(&name, caption, why),
    }
}

fn youden(tally: &Tally) -> Option<f64> {
    let of = |[k, n]: [u64; 2]| (n > 0).then(|| k as f64 / n as f64);
    Some(of(tally.found)? + of(tally.cleared)? - 1.0)
}

fn share_positive(tally: &Tally) -> Option<f64> {
    let n = tally.calls[0] + tally.calls[2];
    (n > 0).then(|| tally.calls[0] as f64 / n as f64)
}

fn at_cutoff(slides: &[&SlideSweep], thresholds: usize, cutoff: f64) -> Tally {
    let mut tally = Tally::default();
    for slide in slides {
        let result = match slide.points[thresholds].positive_percent {
            None => IhcResult::NotEvaluable,
            Some(percent) if percent >= cutoff => IhcResult::Positive,
            Some(_) => IhcResult::Negative,
        };
        tally.add(result, slide.truth);
    }
    tally
}

fn slide_table(slides: &[SlideSweep], grid: &Grid) -> Table {
    let mut columns = vec![
        Column::text("slide_id", "slide"),
        Column::text("scored_with", "scored with"),
        Column::number("tumour_cells", "tumour cells"),
        Column::text("truth", "truth"),
        Column::text("thresholds", "1+, 2+, 3+ (OD)"),
        Column::number("positive_percent", "positive %"),
        Column::number("low", "95 % from"),
        Column::number("high", "to"),
        Column::number("h_score", "H-score"),
    ];
    columns.extend(
        grid.profiles
            .iter()
            .map(|p| Column::text(&p.replace('-', "_"), p)),
    );
    let mut table =
        Table::new("slides", "Each slide at each set of thresholds", columns).shown(Show::FileOnly);
    let number = |value: Option<f64>| {
        value.map_or_else(|| Cell::missing(0, "not evaluable"), |v| Cell::Number(v, 2))
    };
    for slide in slides {
        for (&thresholds, point) in grid.thresholds.iter().zip(&slide.points) {
            let truth = match slide.truth {
                Some(true) => "positive",
                Some(false) => "negative",
                None => "",
            };
            let mut row = vec![
                Cell::text(&slide.slide.id),
                Cell::text(variant_words(&slide.slide.variant)),
                Cell::Count(slide.tumour_cells),
                Cell::text(truth),
                Cell::text(words(thresholds)),
                number(point.positive_percent),
                number(point.interval95.map(|i| i[0])),
                number(point.interval95.map(|i| i[1])),
                number(point.h_score),
            ];
            row.extend(point.calls.iter().map(|call| Cell::text(call.name())));
            table.push(row);
        }
    }
    table
}
