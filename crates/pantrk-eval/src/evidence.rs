//! The literature that the triage rests on, worked out anew from the evidence tables.

use pantrk_core::score::IhcResult;
use pantrk_triage::{
    Case, Evidence, GeneSeries, IhcFinding, Probability, PublishedEstimate, TumourType, decide,
    text_from_probability,
};

use crate::EvalError;
use crate::output::{Block, Cell, Column, Estimate, Figure, Headline, Report, Section, Table};
use crate::plot::{Axis, ForestRow, Ranged, RowKind, ShiftRow, forest, shifts};
use crate::statistics::pooling::dersimonian_laird;
use crate::statistics::proportion::{jeffreys, proportion};

const GENES: [&str; 3] = ["NTRK1", "NTRK2", "NTRK3"];

/// The evidence tables worked out anew for an antibody clone.
///
/// # Errors
/// If a table is broken.
pub fn evidence_report(clone: &str) -> Result<Report, EvalError> {
    let evidence = Evidence::embedded()?;
    let mut report = Report::new("eval evidence", "The evidence behind the triage");
    report.subtitle = format!(
        "Evidence tables {}; probabilities for clone {clone}.",
        evidence.version()
    );
    report.inputs = vec![
        ("evidence tables".to_owned(), evidence.version().to_owned()),
        ("clone".to_owned(), clone.to_owned()),
    ];
    report.warnings = vec![evidence.note().to_owned()];
    let types = post_tests(evidence, clone)?;
    if types.iter().all(|t| t.if_positive.is_none()) {
        report.warnings.push(format!(
            "The tables hold no sensitivity and specificity that stand for clone {clone}, so there is no probability after the stain."
        ));
    }
    report.headlines = GENES
        .iter()
        .map(|gene| Headline {
            label: format!("Sensitivity, {gene}"),
            value: summed(evidence, gene, |_| true),
            below: String::new(),
        })
        .collect();
    report.sections = vec![
        by_gene(evidence),
        probabilities(&types),
        accuracies(&evidence.published_accuracies()?),
        prevalences(&evidence.published_prevalences()?),
    ];
    Ok(report)
}

fn of_gene<'e>(evidence: &'e Evidence, gene: &str) -> Vec<&'e GeneSeries> {
    evidence
        .gene_series()
        .iter()
        .filter(|s| s.gene == gene)
        .collect()
}

fn summed(evidence: &Evidence, gene: &str, keep: impl Fn(&GeneSeries) -> bool) -> Cell {
    let kept = of_gene(evidence, gene).into_iter().filter(|s| keep(s));
    let (k, n) = kept.fold((0, 0), |(k, n), s| (k + s.k, n + s.n));
    if n == 0 {
        return Cell::missing(0, "no study");
    }
    Estimate::proportion(k, n, jeffreys(k, n)).into()
}

/// Of studies that share a centre, all but the largest.
fn is_repeat(all: &[&GeneSeries], one: &GeneSeries) -> bool {
    let Some(centre) = &one.centre else {
        return false;
    };
    all.iter()
        .any(|other| other.centre.as_ref() == Some(centre) && other.n > one.n)
}

fn by_gene(evidence: &Evidence) -> Section {
    let mut table = Table::new(
        "sensitivity_by_gene",
        "Sensitivity by gene, pooled",
        [
            Column::text("gene", "Gene"),
            Column::number("studies", "Studies"),
            Column::estimate("summed", "Counts summed"),
            Column::estimate("without_repeats", "One study per centre"),
            Column::estimate("random_effects", "Random effects"),
            Column::number("i2", "I², %"),
        ],
    )
    .on_terminal()
    .with_note("Summed counts with Jeffreys' interval, as the triage uses them; without the smaller of two studies of one centre, which may count patients twice; and by DerSimonian and Laird's random effects on the logit scale with half a count added on both sides, which pulls small studies with 100 % towards the middle.");
    let mut studies = Table::new(
        "sensitivity_studies",
        "The studies",
        [
            Column::text("gene", "Gene"),
            Column::text("study", "Study"),
            Column::estimate("sensitivity", "Sensitivity"),
            Column::text("centre", "Centre"),
            Column::text("certainty", "How sure"),
            Column::text("source", "Source"),
            Column::text("note", "Remark"),
        ],
    );
    let mut rows = Vec::new();
    for gene in GENES {
        let all = of_gene(evidence, gene);
        rows.push(ForestRow::heading(gene));
        for series in &all {
            let estimate = proportion(series.k, series.n, "fusion");
            let centre = series.centre.as_deref();
            let label = centre.map_or_else(
                || series.study.clone(),
                |c| format!("{} ({c})", series.study),
            );
            rows.push(ForestRow::of(&label, &estimate));
            studies.push([
                Cell::text(gene),
                Cell::text(&series.study),
                Cell::of(estimate, 0),
                Cell::text(centre.unwrap_or_default()),
                Cell::text(series.certainty.label()),
                Cell::text(&series.source),
                Cell::text(series.note.as_deref().unwrap_or_default()),
            ]);
        }
        let whole = summed(evidence, gene, |_| true);
        if let Cell::Estimate(estimate) = &whole {
            rows.push(ForestRow::of("all, summed", &Ok(*estimate)).as_sum());
        }
        let counts: Vec<(u64, u64)> = all.iter().map(|s| (s.k, s.n)).collect();
        let random = dersimonian_laird(&counts);
        table.push([
            Cell::text(gene),
            Cell::Count(all.len() as u64),
            whole,
            summed(evidence, gene, |one| !is_repeat(&all, one)),
            Cell::of(random.clone().map(|r| r.estimate), 0),
            random.map_or_else(Cell::text, |r| Cell::Number(100.0 * r.i2, 0)),
        ]);
    }
    let figure = Figure::svg(
        "sensitivity_by_gene",
        "Sensitivity of pan-TRK IHC by the fused gene: studies with Wilson's interval, the sum of all with Jeffreys'. Larger dots are larger studies.",
        forest(&Axis::share("sensitivity"), &rows, None),
    );
    Section::new("Sensitivity by gene")
        .with(figure)
        .with(table)
        .with(studies)
}

/// A tumour type and its probabilities.
struct Shift<'e> {
    tumour: &'e TumourType,
    source: String,
    before: Option<Probability>,
    if_positive: Option<Probability>,
    if_negative: Option<Probability>,
}

fn post_tests<'e>(evidence: &'e Evidence, clone: &str) -> Result<Vec<Shift<'e>>, EvalError> {
    let mut out = Vec::new();
    for tumour in evidence.tumour_types() {
        let case = Case {
            tumour_type: Some(tumour.id.clone()),
            antibody_clone: Some(clone.to_owned()),
            ..Case::default()
        };
        let triage = decide(&case, &IhcFinding::new(IhcResult::Positive))?;
        let after = triage.post_test;
        out.push(Shift {
            tumour,
            source: after
                .as_ref()
                .map_or_else(String::new, |p| p.source.clone()),
            before: triage.pre_test,
            if_positive: after.as_ref().map(|p| p.if_positive.clone()),
            if_negative: after.and_then(|p| p.if_negative),
        });
    }
    Ok(out)
}

/// Rows on the page's plot.
const SHOWN: usize = 30;

fn probabilities(types: &[Shift<'_>]) -> Section {
    let mut table = Table::new(
        "post_test",
        "Probability of an NTRK fusion, by tumour type",
        [
            Column::text("tumour_type", "Tumour type"),
            Column::text("group", "Testing group"),
            Column::estimate("before", "Before the stain"),
            Column::estimate("if_positive", "After a positive"),
            Column::estimate("if_negative", "After a negative"),
            Column::text("one_in", "Left after a negative"),
            Column::text("source", "Sources").file_only(),
        ],
    )
    .with_note("Bayes' rule over the whole distributions of prevalence, sensitivity and specificity (Beta posteriors); where studies disagree the interval is the widest that any pair of them gives. No molecular facts are taken as known. The sources of each row are in tables/post_test.csv.");
    for shift in types {
        let cell = |p: &Option<Probability>, why: &str| {
            p.as_ref().map_or_else(
                || Cell::missing(0, why),
                |p| Estimate::probability(p.p, Some(p.interval95), 0).into(),
            )
        };
        let one_in = shift
            .if_negative
            .as_ref()
            .map(|p| text_from_probability(p.p));
        let sources = [
            shift.before.as_ref().map_or("", |p| p.source.as_str()),
            shift.source.as_str(),
        ];
        let sources: Vec<&str> = sources.into_iter().filter(|s| !s.is_empty()).collect();
        table.push([
            Cell::text(&shift.tumour.name),
            Cell::text(format!("{:?}", shift.tumour.group)),
            cell(&shift.before, "no figure found"),
            cell(&shift.if_positive, "not known for this clone or tumour"),
            cell(
                &shift.if_negative,
                "not known: negatives were not sequenced",
            ),
            Cell::text(one_in.unwrap_or_else(|| "–".to_owned())),
            Cell::text(sources.join("; ")),
        ]);
    }
    let mut drawn: Vec<&Shift<'_>> = types
        .iter()
        .filter(|s| s.before.is_some() && s.if_positive.is_some())
        .collect();
    // Types that share all their figures are one row.
    drawn.sort_by(|a, b| point(b.if_positive.as_ref()).total_cmp(&point(a.if_positive.as_ref())));
    let mut rows: Vec<(ShiftRow, usize)> = Vec::new();
    for shift in drawn {
        let ranged =
            |p: &Option<Probability>| p.as_ref().map(|p| -> Ranged { (p.p, p.interval95) });
        let row = ShiftRow {
            label: shift.tumour.name.clone(),
            before: ranged(&shift.before),
            if_positive: ranged(&shift.if_positive),
            if_negative: ranged(&shift.if_negative),
        };
        match rows.last_mut() {
            Some((last, others))
                if (last.before, last.if_positive, last.if_negative)
                    == (row.before, row.if_positive, row.if_negative) =>
            {
                *others += 1;
            }
            _ => rows.push((row, 0)),
        }
    }
    let rows: Vec<ShiftRow> = rows
        .into_iter()
        .take(SHOWN)
        .map(|(mut row, others)| {
            if others > 0 {
                row.label = format!("{} and {others} more", shortened(&row.label, 26));
            } else {
                row.label = shortened(&row.label, 38);
            }
            row
        })
        .collect();
    let caption = "Probability of a fusion before the stain (hollow), after a negative and after a positive one, with 95 % intervals; the axis is logarithmic, for fusions are rare. Tumour types with the same figures share a row.";
    let figure = if rows.is_empty() {
        Figure::missing(
            "post_test",
            caption,
            "no tumour type has figures for this clone",
        )
    } else {
        let names = ["before the stain", "after a positive", "after a negative"];
        Figure::svg(
            "post_test",
            caption,
            shifts(&Axis::rare("probability of an NTRK fusion"), &rows, names),
        )
    };
    Section::new("Before and after the stain")
        .with(figure)
        .with(table)
}

fn point(p: Option<&Probability>) -> f64 {
    p.map_or(0.0, |p| p.p)
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn published_estimate(row: &PublishedEstimate) -> Estimate {
    let mut estimate = Estimate::probability(row.p, Some(row.interval95), 0);
    if let Some((k, n)) = row.counts {
        estimate.k = Some(u64::from(k));
        estimate.n = u64::from(n);
    }
    estimate
}

fn columns() -> [Column; 7] {
    [
        Column::text("what", "What"),
        Column::estimate("value", "Value"),
        Column::text("study", "Study"),
        Column::text("certainty", "How sure"),
        Column::text("assumption", "Assumed"),
        Column::text("source", "Source"),
        Column::text("note", "Remark"),
    ]
}

fn row(estimate: &PublishedEstimate) -> [Cell; 7] {
    [
        Cell::text(&estimate.what),
        published_estimate(estimate).into(),
        Cell::text(&estimate.study),
        Cell::text(estimate.certainty.label()),
        Cell::text(if estimate.assumption { "yes" } else { "" }),
        Cell::text(&estimate.source),
        Cell::text(estimate.note.as_deref().unwrap_or_default()),
    ]
}

/// A forest row of a row of the tables; what it is of, without the word that the heading has.
fn forest_row(estimate: &PublishedEstimate, drop: &str) -> ForestRow {
    let bare = drop.strip_suffix("in ").unwrap_or(drop);
    let what = &estimate.what;
    let what = what
        .strip_prefix(drop)
        .or_else(|| what.strip_prefix(bare))
        .unwrap_or(what);
    let what = what.split(',').next().unwrap_or(what);
    let e = published_estimate(estimate);
    let mut row = ForestRow::of(&shortened(what, 42), &Ok(e));
    if estimate.counts.is_none() {
        "no counts".clone_into(&mut row.counts);
    }
    if estimate.assumption {
        row.kind = RowKind::Assumed;
    }
    row
}

fn accuracies(rows: &[PublishedEstimate]) -> Section {
    let mut section = Section::new("Sensitivity and specificity");
    for (name, word) in [
        ("specificity", "Specificity"),
        ("sensitivity", "Sensitivity"),
    ] {
        let of: Vec<&PublishedEstimate> = rows
            .iter()
            .filter(|row| row.what.starts_with(name))
            .collect();
        let mut drawn = of.clone();
        drawn.sort_by(|a, b| b.p.total_cmp(&a.p));
        let drawn: Vec<ForestRow> = drawn
            .into_iter()
            .map(|row| forest_row(row, &format!("{name} in ")))
            .collect();
        let figure = Figure::svg(
            &format!("{name}_published"),
            format!("{word} as published, with Jeffreys' interval; hollow where it is assumed."),
            forest(&Axis::share(name), &drawn, None),
        );
        let mut table = Table::new(
            &format!("{name}_published"),
            &format!("{word}, every row of the table"),
            columns(),
        );
        for estimate in of {
            table.push(row(estimate));
        }
        section
            .blocks
            .extend([Block::from(figure), Block::from(table)]);
    }
    section
}

fn prevalences(rows: &[PublishedEstimate]) -> Section {
    let mut drawn: Vec<&PublishedEstimate> = rows.iter().collect();
    drawn.sort_by(|a, b| b.p.total_cmp(&a.p));
    let drawn: Vec<ForestRow> = drawn.into_iter().map(|row| forest_row(row, "")).collect();
    let figure = Figure::svg(
        "prevalence",
        "How often an NTRK fusion is found, with 95 % intervals on a logarithmic axis; hollow where it is assumed.",
        forest(&Axis::rare("prevalence"), &drawn, None),
    );
    let mut table = Table::new(
        "prevalence",
        "Prevalence, every row of the table",
        columns(),
    );
    for estimate in rows {
        table.push(row(estimate));
    }
    Section::new("Prevalence").with(figure).with(table)
}
