//! The slides to look at: where call and sequencing, or call and readers, differ.

use pantrk_core::score::IhcResult;
use pantrk_triage::Evidence;

use super::{Made, Part};
use crate::cohort::{Cohort, Joined};
use crate::output::{Cell, Column, Section, Show, Table};

pub(super) const PART: Part = Part {
    title: "Slides to look at",
    make: |cohort, evidence| Ok(make(cohort, evidence)),
};

/// On the page.
const SHOWN: usize = 25;

fn make(cohort: &Cohort, _evidence: &Evidence) -> Made {
    let mut table = Table::new(
        "discordant",
        "Where pantrk and the truth differ, fusions that would be missed first",
        [
            Column::text("slide_id", "Slide"),
            Column::text("why", "What differs"),
            Column::text("ihc_result", "IHC call"),
            Column::number("ihc_percent", "Positive %"),
            Column::text("truth", "Truth"),
            Column::text("action", "Next step"),
            Column::text("tumour_type", "Tumour type"),
        ],
    )
    .shown(Show::First(SHOWN));
    let mut rows: Vec<(u8, f64, &Joined, &str)> = cohort
        .slides
        .iter()
        .filter_map(|slide| {
            let (order, why) = difference(cohort, slide)?;
            let readers = slide.truth.mean_of(|r| r.percent);
            // Of readers' differences the largest come first.
            let apart = slide
                .result
                .percent
                .zip(readers)
                .map_or(0.0, |(a, b)| (a - b).abs());
            Some((order, -apart, slide, why))
        })
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    for (_, _, slide, why) in rows {
        let truth = &slide.truth;
        let mut known = Vec::new();
        if let Some(fusion) = truth.ngs {
            let gene = truth.gene.as_deref().unwrap_or("NTRK");
            let partner = truth
                .partner
                .as_deref()
                .map_or_else(String::new, |p| format!("{p}-"));
            known.push(if fusion {
                format!("{partner}{gene} fusion")
            } else {
                "no fusion".to_owned()
            });
        }
        if let Some(call) = truth.consensus() {
            let percent = truth
                .mean_of(|r| r.percent)
                .map_or_else(String::new, |p| format!(", {p:.1} %"));
            known.push(format!("readers: {}{percent}", call.name()));
        }
        table.push([
            Cell::text(&slide.result.slide_id),
            Cell::text(why),
            Cell::text(slide.result.ihc.name()),
            slide
                .result
                .percent
                .map_or_else(|| Cell::text("–"), |p| Cell::Number(p, 1)),
            Cell::text(known.join("; ")),
            Cell::text(slide.result.action.name()),
            Cell::text(
                truth
                    .tumour_type
                    .as_deref()
                    .or(slide.result.tumour_type.as_deref())
                    .unwrap_or_default(),
            ),
        ]);
    }
    if table.rows.is_empty() {
        return Made::Nothing("no slide differs from its truth".to_owned());
    }
    Made::Section(Section::new(PART.title).with(table))
}

/// How bad it is, 0 the worst, and what it is.
fn difference(cohort: &Cohort, slide: &Joined) -> Option<(u8, &'static str)> {
    let call = cohort.call(slide);
    let fusion = slide.truth.ngs;
    if fusion == Some(true) && slide.goes_on() == Some(false) {
        return Some((0, "fusion, and the triage stops"));
    }
    if fusion == Some(true) && call == Some(false) {
        return Some((1, "fusion, called negative"));
    }
    if fusion == Some(true) && slide.result.ihc == IhcResult::NotEvaluable {
        return Some((2, "fusion, not evaluable"));
    }
    if fusion == Some(false) && call == Some(true) {
        return Some((3, "no fusion, called positive"));
    }
    let read = slide.truth.consensus()?;
    (read != slide.result.ihc).then_some((4, "readers call it otherwise"))
}
