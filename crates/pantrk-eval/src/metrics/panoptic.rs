//! Panoptic quality (Kirillov et al., 2019): detection times the outlines of what was detected.

use super::{Metric, Overlap, Ratio};

/// The sum of the matches' `IoU` over (matches + half the misses + half the extras); matches are pairs above `IoU` 0.5.
pub(super) const PANOPTIC_QUALITY: Metric = Metric {
    name: "pq",
    description: "panoptic quality",
    ratio: |overlap| {
        let (sum, _) = matched(overlap);
        let instances = overlap.predicted.len() + overlap.truth.len();
        Ratio::new(2.0 * sum, instances as f64)
    },
};

/// The mean `IoU` of the matches.
pub(super) const SEGMENTATION_QUALITY: Metric = Metric {
    name: "sq",
    description: "mean IoU of matched nuclei",
    ratio: |overlap| {
        let (sum, count) = matched(overlap);
        Ratio::new(sum, count as f64)
    },
};

/// The summed `IoU` and the number of pairs strictly above `IoU` 0.5, where matching has no choice.
fn matched(overlap: &Overlap) -> (f64, usize) {
    overlap
        .pairs
        .iter()
        .map(super::Pair::iou)
        .filter(|&iou| iou > 0.5)
        .fold((0.0, 0), |(sum, count), iou| (sum + iou, count + 1))
}
