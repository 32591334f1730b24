//! What the cells look like, where no region says which are tumour: a proposal beside the score.

use pantrk_core::cell::CellKinds;
use pantrk_store::SlideResult;
use serde::Serialize;

use crate::numbers::{count, num, pct};

/// Counts by kind, what the score would be, and how often the proposal was right where the truth is known.
#[derive(Debug, Serialize)]
pub(crate) struct KindsText {
    rows: Vec<KindRow>,
    /// What the score would be if the proposal were followed.
    followed: String,
    accuracy: Vec<AccuracyRow>,
    version: String,
}

#[derive(Debug, Serialize)]
struct KindRow {
    kind: String,
    cells: String,
    share: String,
}

#[derive(Debug, Serialize)]
struct AccuracyRow {
    on: String,
    cells: String,
    tumour: String,
    others: String,
}

pub(super) fn kinds(result: &SlideResult) -> Option<KindsText> {
    let kinds = result.cell_kinds.as_ref()?;
    let all: u64 = kinds.cells.values().sum();
    let rows = kinds.cells.iter().map(|(kind, &cells)| KindRow {
        kind: kind.clone(),
        cells: count(cells),
        share: pct(100.0 * cells as f64 / all.max(1) as f64),
    });
    let accuracy = kinds.accuracy.iter().map(|on| AccuracyRow {
        on: on.on.clone(),
        cells: count(on.cells),
        tumour: num(on.tumour_told_percent, 1),
        others: num(on.others_told_percent, 1),
    });
    Some(KindsText {
        rows: rows.collect(),
        followed: followed(result, kinds),
        accuracy: accuracy.collect(),
        version: kinds.version.clone(),
    })
}

fn followed(result: &SlideResult, kinds: &CellKinds) -> String {
    let (Some(percent), Some(h_score)) = (kinds.tumour_positive_percent, kinds.tumour_h_score)
    else {
        return "No cell looks like tumour.".to_owned();
    };
    let mut text = format!(
        "Over the cells that look like tumour alone, {} % would be positive, H-score {}",
        pct(percent),
        num(h_score, 0)
    );
    if let Some(any) = result.compartments.as_ref().map(|c| &c.any) {
        let counted = format!(
            "; over all cells, which is what was scored, {} % are, H-score {}",
            pct(any.positive_percent),
            num(any.h_score, 0)
        );
        text.push_str(&counted);
    }
    text.push('.');
    text
}
