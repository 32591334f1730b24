//! Detection: nuclei that are found, by one-to-one matching.

use super::{Metric, Overlap, Ratio};

/// 2 x matches / (predicted + true nuclei), matched at `IoU` 0.5.
pub(super) const F1_50: Metric = Metric {
    name: "f1_iou50",
    description: "F1 of nuclei matched at IoU 0.5",
    ratio: |overlap| f1(overlap, 0.5),
};

/// Matches / predicted nuclei, at `IoU` 0.5.
pub(super) const PRECISION_50: Metric = Metric {
    name: "precision_iou50",
    description: "precision of nuclei matched at IoU 0.5",
    ratio: |overlap| ratio(overlap.matches(0.5).len(), overlap.predicted.len()),
};

/// Matches / true nuclei, at `IoU` 0.5.
pub(super) const RECALL_50: Metric = Metric {
    name: "recall_iou50",
    description: "recall of nuclei matched at IoU 0.5",
    ratio: |overlap| ratio(overlap.matches(0.5).len(), overlap.truth.len()),
};

/// The same at `IoU` 0.7, which also asks for the outline.
pub(super) const F1_70: Metric = Metric {
    name: "f1_iou70",
    description: "F1 of nuclei matched at IoU 0.7",
    ratio: |overlap| f1(overlap, 0.7),
};

fn f1(overlap: &Overlap, iou: f64) -> Ratio {
    ratio(
        2 * overlap.matches(iou).len(),
        overlap.predicted.len() + overlap.truth.len(),
    )
}

fn ratio(part: usize, whole: usize) -> Ratio {
    Ratio::new(part as f64, whole as f64)
}
