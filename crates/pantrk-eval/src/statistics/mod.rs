//! The statistics of a cohort: plain functions from counts and numbers to figures with intervals.
//!
//! A figure that is not defined on the data is an `Err` with the reason in a few words, never NaN.
//! All intervals are 95 %, two-sided; what is random is drawn from a seed by [`bootstrap`].
//! Each function is held to another implementation's numbers in `tests/statistics.rs`.

pub mod agreement;
pub mod bland_altman;
pub mod bootstrap;
pub mod calibration;
pub mod correlation;
pub mod counts;
pub mod decision;
pub mod distributions;
pub mod icc;
pub mod paired;
pub mod pooling;
pub mod proportion;
pub mod ranks;
pub mod roc;
pub mod sample_size;
pub mod verification;

/// Why a figure is not defined on these data.
pub type Undefined = String;

/// Why a bootstrap gives no interval.
pub(crate) const NO_RESAMPLES: &str = "not defined on most resamples";

/// The standard normal's 97.5 % quantile.
pub const Z95: f64 = 1.959_963_984_540_054;

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of squared deviations from the mean.
pub(crate) fn squares(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|v| (v - centre).powi(2)).sum()
}

pub(crate) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

pub(crate) fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}
