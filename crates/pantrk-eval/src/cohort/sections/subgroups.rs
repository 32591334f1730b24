//! The same figures by gene, tumour, clone, site and further columns.

use std::collections::BTreeMap;

use pantrk_triage::Evidence;

use super::{Made, Part};
use crate::cohort::{Cohort, Joined};
use crate::output::{Cell, Column, Estimate, Figure, Section, Table};
use crate::plot::{Axis, ForestRow, forest};
use crate::statistics::counts::Counts;
use crate::statistics::proportion::proportion;
use crate::statistics::roc::{Labelled, auc};

pub(super) const PART: Part = Part {
    title: "Subgroups",
    make: |cohort, evidence| Ok(make(cohort, evidence)),
};

/// Groups on the page's plot; more are in the table.
const SHOWN: usize = 12;

fn make(cohort: &Cohort, evidence: &Evidence) -> Made {
    if let Err(why) = cohort.verified() {
        return Made::Nothing(why);
    }
    if cohort.sequenced().next().is_none() {
        return Made::Nothing("no slide of the truth has an ngs_result".to_owned());
    }
    let types = evidence.tumour_types();
    let tumour = |s: &Joined| {
        s.truth
            .tumour_type
            .clone()
            .or_else(|| s.result.tumour_type.clone())
    };
    let tumour_name = |s: &Joined| {
        let name = tumour(s)?;
        Some(types.find(&name).map_or(name, |known| known.name.clone()))
    };
    let group = |s: &Joined| {
        let of_result = s.result.group;
        let of_truth = || Some(types.find(&tumour(s)?).ok()?.group);
        let group = of_result.or_else(of_truth)?;
        Some(format!("{group:?}: {}", group.label()))
    };
    let fixed = |key: &str, label: &str| (key.to_owned(), label.to_owned());
    let mut facts = vec![
        (fixed("tumour_group", "testing group"), split(cohort, group)),
        (
            fixed("tumour_type", "tumour type"),
            split(cohort, tumour_name),
        ),
        (
            fixed("clone", "clone"),
            split(cohort, |s| s.clone_name().map(str::to_owned)),
        ),
        (
            fixed("site", "site"),
            split(cohort, |s| s.truth.site.clone()),
        ),
    ];
    facts.extend(cohort.settings.by.iter().map(|name| {
        let name = name.to_lowercase();
        let groups = split(cohort, |s| fact(s, &name));
        ((name.clone(), name), groups)
    }));
    let mut section = Section::new(PART.title);
    if let Some(table) = by_gene(cohort) {
        section = section.with(table);
    }
    let mut rows = Vec::new();
    let whole = Counts::of(cohort.calls());
    for ((key, label), groups) in &facts {
        if groups.is_empty() {
            continue;
        }
        section = section.with(table(cohort, key, label, groups));
        rows.push(ForestRow::heading(&format!("by {label}")));
        for (name, slides) in groups.iter().take(SHOWN) {
            rows.push(row(name, &counts(cohort, slides)));
        }
    }
    if !rows.is_empty() {
        rows.push(ForestRow::of("all", &whole.specificity()).as_sum());
        let reference = whole.specificity().ok().map(|e| e.value);
        let figure = Figure::svg(
            "subgroups_specificity",
            format!(
                "Specificity by subgroup, with Wilson intervals; the dashed line is that of all slides. At most {SHOWN} groups of a kind are drawn; small groups vary by chance."
            ),
            forest(&Axis::share("specificity"), &rows, reference),
        );
        section.blocks.insert(0, figure.into());
    }
    Made::Section(section)
}

type Groups<'a> = BTreeMap<String, Vec<&'a Joined>>;

/// Slides by a fact; those without it are no group.
fn split(cohort: &Cohort, of: impl Fn(&Joined) -> Option<String>) -> Groups<'_> {
    let mut groups: Groups<'_> = BTreeMap::new();
    for slide in &cohort.slides {
        if let Some(name) = of(slide) {
            groups.entry(name).or_default().push(slide);
        }
    }
    groups
}

fn fact(slide: &Joined, name: &str) -> Option<String> {
    let truth = &slide.truth;
    match name {
        "ngs_gene" => truth.gene.clone(),
        "ngs_partner" => truth.partner.clone(),
        _ => truth.facts.get(name).cloned(),
    }
}

fn counts(cohort: &Cohort, slides: &[&Joined]) -> Counts {
    Counts::of(
        slides
            .iter()
            .filter_map(|s| Some((cohort.call(s)?, s.truth.ngs?))),
    )
}

fn row(name: &str, counts: &Counts) -> ForestRow {
    ForestRow::of(&shortened(name), &counts.specificity())
}

/// What fits beside a plot.
fn shortened(name: &str) -> String {
    const MOST: usize = 36;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    let mut text: String = name.chars().take(MOST - 1).collect();
    text.push('…');
    text
}

fn table(cohort: &Cohort, key: &str, label: &str, groups: &Groups<'_>) -> Table {
    let mut table = Table::new(
        &format!("by_{}", safe(key)),
        &format!("By {label}"),
        [
            Column::text("group", "Group"),
            Column::number("slides", "Slides"),
            Column::estimate("sensitivity", "Sensitivity"),
            Column::estimate("specificity", "Specificity"),
            Column::estimate("ppv", "PPV"),
            Column::estimate("npv", "NPV"),
            Column::estimate("auc", "AUC, positive percent"),
        ],
    );
    for (name, slides) in groups {
        let counts = counts(cohort, slides);
        let scored: Vec<Labelled> = slides
            .iter()
            .filter_map(|s| Some((s.result.percent?, s.truth.ngs?)))
            .collect();
        table.push([
            Cell::text(name),
            Cell::Count(slides.len() as u64),
            Cell::of(counts.sensitivity(), 0),
            Cell::of(counts.specificity(), 0),
            Cell::of(counts.ppv(), 0),
            Cell::of(counts.npv(), 0),
            Cell::of(auc(&scored), scored.len() as u64),
        ]);
    }
    table
}

/// As a table's name.
fn safe(key: &str) -> String {
    key.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

/// Sensitivity by the fused gene, and by partner.
fn by_gene(cohort: &Cohort) -> Option<Table> {
    let mut table = Table::new(
        "by_gene",
        "Sensitivity by the fused gene",
        [
            Column::text("gene", "Gene"),
            Column::estimate("sensitivity", "Sensitivity"),
            Column::text("missed", "Fusions missed"),
        ],
    );
    for gene in ["NTRK1", "NTRK2", "NTRK3"] {
        let slides: Vec<&Joined> = cohort
            .slides
            .iter()
            .filter(|s| s.truth.gene.as_deref() == Some(gene))
            .collect();
        let counts = counts(cohort, &slides);
        if slides.is_empty() {
            continue;
        }
        let missed: Vec<String> = slides
            .iter()
            .filter(|s| cohort.call(s) == Some(false))
            .take(5)
            .map(|s| match &s.truth.partner {
                Some(partner) => format!("{} ({partner})", s.result.slide_id),
                None => s.result.slide_id.clone(),
            })
            .collect();
        let sensitivity: Result<Estimate, String> = proportion(
            counts.tp,
            counts.positives(),
            "slide with a call and this gene",
        );
        table.push([
            Cell::text(gene),
            Cell::of(sensitivity, 0),
            Cell::text(missed.join(", ")),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}
