//! The evaluation of a segmentation as a page, tables and a short text.

use super::{
    FieldScore, Paired, PooledFigure, SegmentationOptions, SegmentationScore, figure_names,
};
use crate::output::{
    Block, Cell, Column, Estimate, Figure, Headline, Report, Section, Show, Table,
};
use crate::statistics::NO_RESAMPLES;

/// Decimals of every figure.
const DECIMALS: usize = 3;
/// Rows of the table of fields on the page.
const ROWS_SHOWN: usize = 25;
/// The figures on top, of those that there are.
const HEADLINES: [(&str, &str); 4] = [
    ("f1_iou50", "F1 at IoU 0.5"),
    ("pq", "panoptic quality"),
    ("aji", "aggregated Jaccard"),
    ("f1_points", "F1 of centres"),
];

/// The figures of fields that have room on the page; all of them are in a file.
const ON_PAGE: [&str; 7] = [
    "f1_iou50",
    "f1_iou70",
    "pq",
    "aji",
    "dice",
    "count_ratio",
    "f1_points",
];

/// A worst case, drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstCase {
    /// The field's place in [`SegmentationScore::fields`].
    pub field: usize,
    /// The picture as PNG.
    pub png: Vec<u8>,
}

/// What the page says besides the figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentationFacts {
    /// What was read and how, by name.
    pub inputs: Vec<(String, String)>,
    /// What the colours of the pictures say, as a sentence.
    pub legend: String,
}

/// The page.
pub fn segmentation_report(
    score: &SegmentationScore,
    paired: &Paired,
    worst: &[WorstCase],
    options: &SegmentationOptions,
    facts: &SegmentationFacts,
) -> Report {
    let (found, there) = score.fields.iter().fold((0, 0), |(p, t), field| {
        (p + field.predicted, t + field.truth)
    });
    let fields = score.fields.len();
    let mut report = Report::new("eval segmentation", "Nuclei found beside true nuclei");
    report.subtitle = format!(
        "{fields} {}, {found} nuclei found, {there} in truth",
        if fields == 1 { "field" } else { "fields" }
    );
    report.inputs.clone_from(&facts.inputs);
    report.seed = Some(options.seed);
    report.warnings = warnings(score, paired);
    report.headlines = headlines(score);
    let pooled = Section::new("All fields").with(pooled_table(score, options));
    report.sections.push(pooled);
    let mut cases = Section::new("Worst cases").with(Block::Text(facts.legend.clone()));
    for pair in worst.chunks(2) {
        let figures = pair.iter().map(|case| figure_of(case, score)).collect();
        cases = cases.with(Block::Figures(figures));
    }
    if !worst.is_empty() {
        report.sections.push(cases);
    }
    report.sections.push(
        Section::new("Each field")
            .with(field_table(score, false))
            .with(field_table(score, true)),
    );
    report
}

fn warnings(score: &SegmentationScore, paired: &Paired) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut unpaired = |names: &[String], what: &str| {
        if let Some(first) = names.first() {
            warnings.push(format!("{} {what}, such as {first}", names.len()));
        }
    };
    unpaired(
        &paired.without_prediction,
        "truths have no prediction and were left out",
    );
    unpaired(
        &paired.without_truth,
        "predictions have no truth and were left out",
    );
    if score.fields.len() == 1 {
        warnings
            .push("one field alone says nothing about how figures vary: no intervals".to_owned());
    }
    let one_for_all = score
        .fields
        .iter()
        .filter(|f| f.predicted == 1 || f.truth == 1)
        .count();
    if 2 * one_for_all > score.fields.len() {
        warnings.push(format!(
            "{one_for_all} fields hold a single nucleus in prediction or truth: masks of 0 and 255 are no label images, each nucleus needs a number of its own"
        ));
    }
    warnings
}

fn estimate(figure: &PooledFigure) -> Cell {
    figure.value.map_or_else(
        || Cell::missing(figure.fields, "no nuclei to compare"),
        |value| {
            let why = if figure.fields > 1 {
                NO_RESAMPLES
            } else {
                "a single field"
            };
            Estimate::plain(value, figure.interval95, figure.fields, DECIMALS)
                .or_because(why)
                .into()
        },
    )
}

fn headlines(score: &SegmentationScore) -> Vec<Headline> {
    HEADLINES
        .iter()
        .filter_map(|(name, label)| {
            let figure = score.pooled.iter().find(|f| f.name.name == *name)?;
            figure.value.is_some().then(|| Headline {
                label: (*label).to_owned(),
                value: estimate(figure),
                below: String::new(),
            })
        })
        .collect()
}

fn pooled_table(score: &SegmentationScore, options: &SegmentationOptions) -> Table {
    let mut table = Table::new(
        "pooled",
        "Figures over all fields",
        [
            Column::text("figure", "figure"),
            Column::text("description", "what it says"),
            Column::estimate("pooled", "pooled (95 % interval)"),
            Column::number("mean_of_fields", "mean of fields"),
        ],
    )
    .with_note(format!(
        "Pooled figures are sums over fields; intervals are percentiles over {} resamples of the fields. Centres match within {}.",
        crate::statistics::bootstrap::RESAMPLES, options.within
    ))
    .on_terminal();
    for figure in &score.pooled {
        // Figures of labels have nothing to say about points.
        if figure.fields == 0
            && score.fields.iter().all(|f| !has_labels(f))
            && !is_of_points(figure)
        {
            continue;
        }
        let mean = figure.mean_of_fields.map_or_else(
            || Cell::missing(0, "none"),
            |mean| Cell::Number(mean, DECIMALS),
        );
        table.push([
            Cell::text(figure.name.name),
            Cell::text(figure.name.description),
            estimate(figure),
            mean,
        ]);
    }
    table
}

fn is_of_points(figure: &PooledFigure) -> bool {
    figure.name.name.ends_with("_points")
}

fn has_labels(field: &FieldScore) -> bool {
    field.ratios.first().is_some_and(Option::is_some)
}

/// The figures of each field: those of `ON_PAGE`, or all.
fn field_table(score: &SegmentationScore, all: bool) -> Table {
    let names = figure_names();
    let wanted: Vec<usize> = (0..names.len())
        .filter(|&i| all || ON_PAGE.contains(&names[i].name))
        .collect();
    let mut columns = vec![
        Column::text("field", "field"),
        Column::number("found", "found"),
        Column::number("truth", "truth"),
    ];
    columns.extend(wanted.iter().map(|&i| {
        let name = names[i].name;
        Column::number(name, &name.replace('_', " "))
    }));
    let (name, caption, show) = if all {
        ("fields_all", "All figures of each field", Show::FileOnly)
    } else {
        (
            "fields",
            "Figures of each field, the worst first",
            Show::First(ROWS_SHOWN),
        )
    };
    let mut table = Table::new(name, caption, columns).shown(show);
    for place in score.worst_first() {
        let field = &score.fields[place];
        let figures = wanted.iter().map(|&i| {
            let missing = || Cell::missing(0, "\u{2013}");
            field
                .value(i)
                .map_or_else(missing, |v| Cell::Number(v, DECIMALS))
        });
        let head = [
            Cell::text(&field.files.name),
            Cell::Count(field.predicted),
            Cell::Count(field.truth),
        ];
        table.push(head.into_iter().chain(figures));
    }
    table
}

fn figure_of(case: &WorstCase, score: &SegmentationScore) -> Figure {
    let field = &score.fields[case.field];
    Figure::png(
        &format!("worst_{}", case.field),
        case_caption(field),
        case.png.clone(),
    )
}

/// A field's name and its most telling figures.
pub fn case_caption(field: &FieldScore) -> String {
    let names = figure_names();
    let mut text = format!(
        "{}: {} found, {} in truth",
        field.files.name, field.predicted, field.truth
    );
    for (name, label) in HEADLINES {
        let place = names.iter().position(|n| n.name == name);
        if let Some(value) = place.and_then(|i| field.value(i)) {
            text.extend([format!(", {label} {value:.2}")]);
        }
    }
    text
}
