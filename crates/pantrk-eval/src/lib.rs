//! Compares results with truth: nuclei of label images and points, the score of a slide, and the calls of a cohort.
//!
//! A segmentation metric is one file in `metrics/` and one row in [`metrics::METRICS`].
//! Whatever is worked out becomes a [`output::Report`], which is written as JSON, CSV and a page.
//!
//! **Architecture invariant:** nothing here feeds back into scoring; truth is read by this crate alone.
#![forbid(unsafe_code)]

pub mod cohort;
pub mod compare;
mod error;
pub mod evidence;
pub mod metrics;
pub mod output;
pub mod plot;
pub mod segmentation;
pub mod statistics;
pub mod sweep;
mod table;
pub mod truth;

pub use error::EvalError;
pub use table::text_table;
