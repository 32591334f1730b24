//! Metrics of nuclei: label images (0 is background, every other number one nucleus) and points.
//!
//! All metrics of labels look at one [`Overlap`], the table of pixels that each pair of instances shares, so that an image is walked once.
//! Each metric is a [`Ratio`] whose two parts can be added up over images: the pooled figure is the ratio of the sums.

mod aggregated_jaccard;
mod count_ratio;
mod dice;
mod f1;
mod overlap;
mod panoptic;
mod points;

pub use overlap::{Labels, Overlap, Pair};
pub use points::{POINT_METRICS, PointMetric, Points, matched_points};

/// A figure as part over whole; both add up over images.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ratio {
    /// Above the line.
    pub part: f64,
    /// Below the line; 0 where the figure has no meaning, such as for two empty images.
    pub whole: f64,
}

impl Ratio {
    /// A ratio.
    pub const fn new(part: f64, whole: f64) -> Self {
        Self { part, whole }
    }

    /// The figure; `None` where it has no meaning.
    pub fn value(self) -> Option<f64> {
        (self.whole > 0.0).then(|| self.part / self.whole)
    }

    /// The ratio of the sums, in the order given.
    pub fn pooled(ratios: impl IntoIterator<Item = Self>) -> Self {
        ratios.into_iter().fold(Self::default(), |sum, ratio| Self {
            part: sum.part + ratio.part,
            whole: sum.whole + ratio.whole,
        })
    }
}

/// A metric: what it is called and how it is computed.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As a column of the tables.
    pub name: &'static str,
    /// What it says, for people.
    pub description: &'static str,
    /// The figure of one pair of label images.
    pub ratio: fn(&Overlap) -> Ratio,
}

impl Metric {
    /// The figure; `None` where it has no meaning, such as for two empty images.
    pub fn compute(&self, overlap: &Overlap) -> Option<f64> {
        (self.ratio)(overlap).value()
    }
}

/// All metrics of label images, in the order of the columns.
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
