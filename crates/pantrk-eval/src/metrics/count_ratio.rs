//! How many nuclei were found against how many there are: a percentage's denominator.

use super::{Metric, Ratio};

/// Predicted nuclei / true nuclei.
pub(super) const COUNT_RATIO: Metric = Metric {
    name: "count_ratio",
    description: "predicted over true number of nuclei",
    ratio: |overlap| Ratio::new(overlap.predicted.len() as f64, overlap.truth.len() as f64),
};
