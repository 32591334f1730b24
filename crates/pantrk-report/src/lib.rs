//! Reports: one slide's and a cohort's, as a page for the screen and as a PDF for the archive.
//!
//! What a report says is worked out once (`model/`); the page (`assets/report/*.html`) and the PDF (`assets/report/*.typ`, PDF/A by Typst, feature `pdf`) lay the same words, drawings and pictures out.
//!
//! **Architecture invariant:** a report adds no judgement: every figure and sentence is the result's or fixed text, and nothing that comes from a slide or a user is markup in it.
//!
//! **Architecture invariant:** the bytes of a report depend on the result and the options alone; its time is the run's.
#![forbid(unsafe_code)]

mod cohort;
mod drawings;
mod error;
mod html;
mod model;
mod numbers;
mod options;
#[cfg(feature = "pdf")]
mod pdf;
mod pictures;
mod slide;

pub use cohort::{Cohort, CohortFailure, write_cohort_report};
pub use error::ReportError;
pub use options::{Paper, ReportOptions, SignOff, TruthRow};
pub use pictures::Pictures;
#[cfg(feature = "pdf")]
pub use slide::render_pdf;
pub use slide::{CASE_FILE, Written, read_case, render_html, write_report};
