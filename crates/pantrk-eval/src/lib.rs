//! Compares results with truth: nuclei of label images and points, and the score of a slide.
//!
//! A segmentation metric is one file in `metrics/` and one row in [`metrics::METRICS`].
//!
//! **Architecture invariant:** nothing here feeds back into scoring; truth is read by this crate alone.
#![forbid(unsafe_code)]

mod error;
pub mod metrics;
pub mod resample;
pub mod segmentation;
mod table;
pub mod truth;

pub use error::EvalError;
pub use table::text_table;
