//! Adequacy, what was left out, and how the result came about.

use pantrk_core::score::{ControlScore, ScoringTable, WithLeftOut};
use pantrk_store::{MppSource, SlideResult, TumourRegion};
use serde_json::Value;

use super::Field;
use crate::numbers::{count, num, pct, words};

/// An area that reads as 0.00 says nothing.
const SHOWN_MM2: f64 = 0.005;

pub(super) fn adequacy(result: &SlideResult) -> Vec<Field> {
    let quality = &result.quality;
    let table = ScoringTable::embedded();
    let cells = result.cells.tumour;
    let enough = if cells < table.least_cells() {
        format!(
            "too few: at least {} are needed",
            count(table.least_cells())
        )
    } else if cells < table.cells_for_one_percent() {
        format!(
            "evaluable, but a 1 % rule needs {}",
            count(table.cells_for_one_percent())
        )
    } else {
        "enough for a 1 % rule".to_owned()
    };
    let left_out: f64 = quality.excluded_mm2.values().sum();
    let share = if quality.tissue_mm2 > 0.0 {
        100.0 * left_out / quality.tissue_mm2
    } else {
        0.0
    };
    let region = match result.tumour_region {
        TumourRegion::Given => "drawn by a person",
        TumourRegion::Classified => "proposed by a classifier",
        TumourRegion::None => "none: every cell in tissue counts",
    };
    let noise = result.compartments.as_ref().map(|c| {
        let rate = c.any.false_positive_percent;
        Field::new(
            "False positives",
            format!("{} % of this slide's unstained cells", num(rate, 2)),
        )
    });
    let fields = vec![
        Field::new("Tumour cells", format!("{}; {enough}", count(cells))),
        Field::new("Tumour region", region),
        Field::new("Tissue", format!("{} mm²", num(quality.tissue_mm2, 2))),
        Field::new(
            "Evaluated",
            format!("{} mm²", num(quality.evaluated_mm2, 2)),
        ),
        Field::new(
            "Left out by quality checks",
            format!(
                "{} mm², {} % of the tissue",
                num(left_out, 2),
                num(share, 1)
            ),
        ),
        Field::new(
            "Unread",
            format!(
                "{} mm² on {} {}",
                num(quality.unread_mm2, 2),
                quality.unread_tiles.len(),
                if quality.unread_tiles.len() == 1 {
                    "tile"
                } else {
                    "tiles"
                }
            ),
        ),
    ];
    let mut fields: Vec<Field> = fields.into_iter().chain(noise).collect();
    fields.extend(quality.with_left_out.map(with_left_out));
    fields.extend(narrow_cytoplasm(result.cells.narrow_cytoplasm));
    fields.extend(result.control.as_ref().map(control));
    fields
}

/// What leaving out changed.
fn with_left_out(with: WithLeftOut) -> Field {
    Field::new(
        "With what was left out",
        format!(
            "{} % positive, H-score {}, on {} tumour cells",
            pct(with.positive_percent),
            num(with.h_score, 0),
            count(with.tumour_cells)
        ),
    )
}

/// Which readings are not the cell's own.
fn narrow_cytoplasm(cells: u64) -> Option<Field> {
    (cells > 0).then(|| {
        Field::new(
            "Narrow cytoplasm",
            format!(
                "{} cells with too little of it beside a stained membrane: set by rank among the slide's other cells",
                count(cells)
            ),
        )
    })
}

fn control(control: &ControlScore) -> Field {
    Field::new(
        "Control tissue on the slide",
        format!(
            "{}: {} % of {} cells positive, H-score {}",
            words(control.adequacy.name()),
            pct(control.positive_percent),
            count(control.cells),
            num(control.h_score, 0)
        ),
    )
}

pub(super) fn left_out(result: &SlideResult) -> Vec<Field> {
    let areas = result.quality.excluded_mm2.iter();
    let areas = areas.filter(|(_, area)| **area >= SHOWN_MM2);
    let areas = areas.map(|(name, area)| Field::new(words(name), format!("{} mm²", num(*area, 2))));
    let cells = result.cells.excluded.iter();
    let cells = cells.map(|(name, n)| Field::new(words(name), format!("{} cells", count(*n))));
    areas.chain(cells).collect()
}

pub(super) fn method(result: &SlideResult) -> Vec<Field> {
    let run = &result.run;
    let slide = &result.slide;
    let stain = &result.stain;
    let mut fields = vec![
        Field::new(
            "Program",
            format!("pantrk {}; parameters {}", run.version, run.parameter_hash),
        ),
        Field::new("Nuclei", model(result)),
    ];
    if let Some(thresholds) = numbers(run.parameters.get("thresholds"), 2) {
        fields.push(Field::new(
            "Thresholds",
            format!(
                "1+ / 2+ / 3+ from {} DAB OD (log10, the stain vectors below, the slide's background taken off); a value at a threshold reaches it",
                thresholds.join(" / ")
            ),
        ));
    }
    fields.extend([
        Field::new("Scoring", scoring(result)),
        Field::new(
            "Stain vectors",
            format!(
                "{}: hematoxylin {}, DAB {}; white {}",
                stain.source,
                list(&stain.hematoxylin, 4),
                list(&stain.dab, 4),
                list(&stain.background_rgb, 0)
            ),
        ),
        Field::new("Background", background(result)),
        Field::new(
            "Slide file",
            format!(
                "{}; {} × {} px, {} × {} µm/px ({}); fingerprint {}",
                slide.path,
                count(u64::from(slide.width)),
                count(u64::from(slide.height)),
                num(slide.mpp_x, 4),
                num(slide.mpp_y, 4),
                match slide.mpp_source {
                    MppSource::File => "from the file",
                    MppSource::Given => "given by the user",
                },
                slide.fingerprint
            ),
        ),
        Field::new(
            "Evidence",
            format!("tables of {}", result.triage.table_version),
        ),
    ]);
    fields
}

/// What was taken off, and what would be read without that.
fn background(result: &SlideResult) -> String {
    let stain = &result.stain;
    let mut text = format!("{} DAB OD taken off", num(stain.dab_background_od, 3));
    if !stain.dab_background_source.is_empty() {
        text = format!("{text}, read in {}", words(&stain.dab_background_source));
    }
    if let Some(raw) = &stain.uncorrected {
        text = format!(
            "{text}; without that, any compartment reads {} % positive, H-score {}",
            pct(raw.any.positive_percent),
            num(raw.any.h_score, 0)
        );
    }
    text
}

fn model(result: &SlideResult) -> String {
    let model = &result.run.model;
    let mut text = format!("{} {}", model.name, model.version);
    if let Some(runtime) = &model.runtime {
        text = format!("{text} on {runtime}, {}", result.run.device);
    }
    if let Some(sha256) = &model.sha256 {
        text = format!("{text}; SHA-256 {sha256}");
    }
    text
}

/// The parameters that a reader would ask for; all of them stand behind the hash.
fn scoring(result: &SlideResult) -> String {
    let parameters = &result.run.parameters;
    let mut parts = vec![format!("profile {}", result.ihc.profile)];
    if let Some(version) = parameters.get("scoring_table").and_then(Value::as_str) {
        parts.push(format!("scoring table {version}"));
    }
    if let Some(um) = parameters.get("expansion_um").and_then(Value::as_f64) {
        parts.push(format!(
            "cells reach {} µm beyond their nucleus at most",
            num(um, 1)
        ));
    }
    if parameters.get("assume_h_dab") == Some(&Value::Bool(true)) {
        parts.push("scored although the slide does not look like H-DAB".to_owned());
    }
    parts.join("; ")
}

fn numbers(value: Option<&Value>, decimals: usize) -> Option<Vec<String>> {
    let values = value?.as_array()?.iter().filter_map(Value::as_f64);
    Some(values.map(|v| num(v, decimals)).collect())
}

fn list(values: &[f64], decimals: usize) -> String {
    let values: Vec<_> = values.iter().map(|&v| num(v, decimals)).collect();
    values.join(" ")
}
