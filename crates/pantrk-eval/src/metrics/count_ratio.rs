//! How many nuclei were found against how many there are: a percentage's denominator.

use super::Metric;

/// Predicted nuclei / true nuclei.
pub(super) const COUNT_RATIO: Metric = Metric {
    name: "count_ratio",
    description: "predicted over true number of nuclei",
    compute: |overlap| {
        (!overlap.truth.is_empty())
            .then(|| overlap.predicted.len() as f64 / overlap.truth.len() as f64)
    },
};
