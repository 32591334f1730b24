//! One slide's report: a single HTML page that holds its pictures, opens without a network and prints on A4.
//!
//! The page is a template (`assets/report/slide.html`) over the result; all that the template cannot do (numbers, drawings, pictures as data URIs) is done here.
//!
//! **Architecture invariant:** the report adds no judgement: every figure and sentence is the result's or the template's fixed text, and everything that comes from a slide or a user is escaped.
#![forbid(unsafe_code)]

mod drawings;
mod error;
mod numbers;
mod page;
mod pictures;

pub use error::ReportError;
pub use page::{ReportOptions, TruthRow, render_report, write_report};
pub use pictures::{MapPicture, Pictures};
