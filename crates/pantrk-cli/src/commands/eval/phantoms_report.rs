//! The phantom suites as a page, tables and a short text.

use pantrk_core::score::Compartment;
use pantrk_eval::output::{
    Block, Cell, Column, Estimate, Figure, Headline, Report, Section, Show, Table,
};
use pantrk_eval::plot::{Axis, Colour, Plot};

use super::baseline::{Change, Compared};
use super::phantoms::{Measured, Run};
use super::suites::{SUITES, SuiteFigure, beside};

/// Rows of the tables of slides on the page.
const SLIDES_SHOWN: usize = 40;

/// The page of a run, beside the baseline where there is one.
pub(super) fn report(
    run: &Run,
    compared: Option<&[Compared]>,
    facts: &[(String, String)],
) -> Report {
    let mut report = Report::new("eval phantoms", "Phantom slides, scored beside their truth");
    let cells: u64 = run.slides.iter().map(|s| s.truth.tumour_cells).sum();
    report.subtitle = format!(
        "{} slides, {cells} tumour cells clear of artefacts",
        run.slides.len()
    );
    report.inputs = facts.to_vec();
    report.headlines = headlines(run, compared);
    if let Some(compared) = compared {
        let worse = compared.iter().filter(|c| c.change == Change::Worse);
        report.warnings = worse
            .map(|c| {
                format!(
                    "{}, {} is worse than the baseline by more than its noise",
                    c.suite, c.figure
                )
            })
            .collect();
        report
            .sections
            .push(Section::new("Against the baseline").with(baseline_table(compared)));
    }
    report
        .sections
        .push(Section::new("Figures against their bars").with(figure_table(run)));
    report.sections.push(
        Section::new("Each slide")
            .with(Block::Figures(plots(&run.slides)))
            .with(slide_table(&run.slides))
            .with(percent_table(&run.slides))
            .with(density_table(&run.slides)),
    );
    report
}

fn value_cell(figure: &SuiteFigure) -> Cell {
    figure.value.map_or_else(
        || Cell::missing(figure.n, "no slide of this kind"),
        |value| {
            let why = if figure.n < 2 {
                "a single slide"
            } else {
                "the largest of all slides"
            };
            Estimate::plain(value, figure.interval95, figure.n, figure.decimals)
                .or_because(why)
                .into()
        },
    )
}

/// Within its bar, outside, or without a bar.
fn within(figure: &SuiteFigure) -> &'static str {
    match figure.value.and_then(|v| figure.aim.is_met(v)) {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    }
}

fn headlines(run: &Run, compared: Option<&[Compared]>) -> Vec<Headline> {
    let count = |word: &str| {
        run.figures
            .iter()
            .filter(|(_, f)| within(f) == word)
            .count()
    };
    let (met, missed) = (count("yes"), count("NO"));
    let mut headlines = vec![Headline {
        label: "figures within their bars".to_owned(),
        value: Cell::text(format!("{met} of {}", met + missed)),
        below: if missed == 0 {
            "all".to_owned()
        } else {
            format!("{missed} missed")
        },
    }];
    if let Some(compared) = compared {
        let of = |change: Change| compared.iter().filter(|c| c.change == change).count();
        headlines.push(Headline {
            label: "worse than the baseline".to_owned(),
            value: Cell::text(of(Change::Worse).to_string()),
            below: format!(
                "of {} figures; {} better",
                compared.len(),
                of(Change::Better)
            ),
        });
    }
    headlines
}

fn figure_table(run: &Run) -> Table {
    let mut table = Table::new(
        "figures",
        "Figures against their bars",
        [
            Column::text("suite", "suite"),
            Column::text("figure", "figure"),
            Column::estimate("value", "value"),
            Column::text("bar", "bar"),
            Column::text("within", "within"),
            Column::text("description", "what it says"),
        ],
    )
    .on_terminal();
    for (suite, figure) in &run.figures {
        table.push([
            Cell::text(*suite),
            Cell::text(&figure.name),
            value_cell(figure),
            Cell::text(figure.aim.words()),
            Cell::text(within(figure)),
            Cell::text(&figure.description),
        ]);
    }
    for suite in SUITES
        .iter()
        .filter(|s| run.figures.iter().any(|(name, _)| *name == s.name))
    {
        table
            .notes
            .push(format!("{}: {}.", suite.name, suite.title));
    }
    table.notes.push(
        "Largest errors have no interval; means are resampled over slides, shares have Wilson's interval.".to_owned(),
    );
    table
}

fn baseline_table(compared: &[Compared]) -> Table {
    let mut table = Table::new(
        "baseline",
        "Figures beside the baseline",
        [
            Column::text("suite", "suite"),
            Column::text("figure", "figure"),
            Column::number("before", "baseline"),
            Column::number("now", "now"),
            Column::number("noise", "noise"),
            Column::text("change", "change"),
        ],
    )
    .with_note("A change counts where it is larger than the noise: twice the standard deviation of the figure over seeds.")
    .on_terminal();
    for c in compared {
        table.push([
            Cell::text(&c.suite),
            Cell::text(&c.figure),
            number(c.before, c.decimals),
            number(c.now, c.decimals),
            Cell::Number(c.noise, c.decimals.max(2)),
            Cell::text(c.change.word()),
        ]);
    }
    table
}

/// Measured against true: percents of slides, and optical densities of compartments; on the dashed line both agree.
fn plots(slides: &[Measured]) -> Vec<Figure> {
    let (mut percents, mut densities) = (Vec::new(), Vec::new());
    for slide in slides {
        let Some(scores) = &slide.result.compartments else {
            continue;
        };
        percents.push((
            slide.truth.any.positive_percent,
            scores.any.positive_percent,
        ));
        let pairs = Compartment::ALL.into_iter().zip(slide.truth_od);
        densities.extend(pairs.filter_map(|(c, truth)| Some((truth?, scores.get(c).mean_dab_od))));
    }
    let most = densities.iter().map(|p| p.0.max(p.1)).fold(0.2, f64::max) * 1.05;
    let draw = |points: Vec<(f64, f64)>, what: &str, to: f64| {
        let axis = |how: &str| Axis::linear(&format!("{what}, {how}"), 0.0, to);
        let mut plot = Plot::half(axis("true"), axis("measured"));
        plot.dashed(vec![(0.0, 0.0), (to, to)], Colour::Grey);
        plot.dots(points, Colour::Blue);
        plot.to_svg()
    };
    let slides_shown = percents.len();
    vec![
        Figure::svg(
            "percent_measured_true",
            format!("Tumour cells at 1+ or above in any compartment; {slides_shown} slides."),
            draw(percents, "positive %", 100.0),
        ),
        Figure::svg(
            "od_measured_true",
            "Mean DAB OD of tumour cells; four compartments of each slide.",
            draw(densities, "mean OD", most),
        ),
    ]
}

fn slide_table(slides: &[Measured]) -> Table {
    let columns = [
        Column::text("suite", "suite"),
        Column::text("slide", "slide"),
        Column::number("seed", "seed"),
        Column::number("tumour_cells", "tumour cells"),
        Column::number("tumour_cells_truth", "truth"),
        Column::text("ihc", "IHC"),
        Column::number("positive", "positive %"),
        Column::number("positive_truth", "truth"),
        Column::number("h_score", "H-score"),
        Column::number("h_score_truth", "truth"),
    ];
    let mut table = Table::new("slides", "Score of each slide beside its truth", columns)
        .shown(Show::First(SLIDES_SHOWN));
    for slide in slides {
        let any = slide.result.compartments.as_ref().map(|s| s.any);
        table.push([
            Cell::text(slide.suite),
            Cell::text(&slide.sample.label),
            Cell::text(slide.sample.spec.seed.to_string()),
            Cell::Count(slide.result.cells.tumour),
            Cell::Count(slide.truth.tumour_cells),
            Cell::text(slide.result.ihc.result.name()),
            number(any.map(|s| s.positive_percent), 2),
            Cell::Number(slide.truth.any.positive_percent, 2),
            number(any.map(|s| s.h_score), 1),
            Cell::Number(slide.truth.any.h_score, 1),
        ]);
    }
    table
}

/// Percents of tumour cells by compartment and grade, each beside its truth.
fn percent_table(slides: &[Measured]) -> Table {
    let mut columns = vec![
        Column::text("suite", "suite"),
        Column::text("slide", "slide"),
        Column::text("compartment", "compartment"),
    ];
    for (name, label) in [
        ("positive", "positive %"),
        ("weak", "1+ %"),
        ("moderate", "2+ %"),
        ("strong", "3+ %"),
    ] {
        columns.push(Column::number(name, label));
        columns.push(Column::number(&format!("{name}_truth"), "truth"));
    }
    let caption = "Percents of tumour cells beside the truth";
    let mut table = Table::new("percents", caption, columns).shown(Show::First(SLIDES_SHOWN));
    for slide in slides {
        let names = std::iter::once("any").chain(Compartment::ALL.map(Compartment::label));
        let pairs = beside(&slide.result, &slide.truth).into_iter().flatten();
        for (compartment, (score, truth)) in names.zip(pairs) {
            let mut row = vec![
                Cell::text(slide.suite),
                Cell::text(&slide.sample.label),
                Cell::text(compartment),
            ];
            for (found, wanted) in [
                (score.positive_percent, truth.positive_percent),
                (score.percent_1, truth.percent_1),
                (score.percent_2, truth.percent_2),
                (score.percent_3, truth.percent_3),
            ] {
                row.extend([Cell::Number(found, 2), Cell::Number(wanted, 2)]);
            }
            table.push(row);
        }
    }
    table
}

/// Mean optical densities of tumour cells, each compartment beside its truth.
fn density_table(slides: &[Measured]) -> Table {
    let mut columns = vec![
        Column::text("suite", "suite"),
        Column::text("slide", "slide"),
    ];
    for compartment in Compartment::ALL {
        let name = compartment.name();
        columns.push(Column::number(&format!("{name}_od"), compartment.label()));
        columns.push(Column::number(&format!("{name}_od_truth"), "truth"));
    }
    let caption = "Mean DAB OD of tumour cells beside the truth";
    let mut table = Table::new("densities", caption, columns).shown(Show::First(SLIDES_SHOWN));
    for slide in slides {
        let scores = slide.result.compartments.as_ref();
        let mut row = vec![Cell::text(slide.suite), Cell::text(&slide.sample.label)];
        for (compartment, truth) in Compartment::ALL.into_iter().zip(slide.truth_od) {
            row.push(number(scores.map(|s| s.get(compartment).mean_dab_od), 3));
            row.push(number(truth, 3));
        }
        table.push(row);
    }
    table
}

fn number(value: Option<f64>, decimals: usize) -> Cell {
    value.map_or_else(
        || Cell::missing(0, "\u{2013}"),
        |v| Cell::Number(v, decimals),
    )
}
