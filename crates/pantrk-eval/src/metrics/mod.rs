//! Metrics of nucleus segmentation on label images: 0 is background, every other number one nucleus.
//!
//! All metrics look at one [`Overlap`], the table of pixels that each pair of instances shares, so that an image is walked once.

mod aggregated_jaccard;
mod count_ratio;
mod dice;
mod f1;
mod overlap;
mod panoptic;

pub use overlap::{Labels, Overlap, Pair};

/// A metric: what it is called and how it is computed.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As a column of `results.csv`.
    pub name: &'static str,
    /// What it says, for people.
    pub description: &'static str,
    /// The figure; `None` where it has no meaning, such as for two empty images.
    pub compute: fn(&Overlap) -> Option<f64>,
}

/// All metrics, in the order of the columns.
pub const METRICS: [Metric; 9] = [
    f1::F1_50,
    f1::PRECISION_50,
    f1::RECALL_50,
    f1::F1_70,
    panoptic::PANOPTIC_QUALITY,
    panoptic::SEGMENTATION_QUALITY,
    aggregated_jaccard::AGGREGATED_JACCARD,
    count_ratio::COUNT_RATIO,
    dice::DICE,
];

#[cfg(test)]
mod tests;
