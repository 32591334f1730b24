//! What can go wrong with a report.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A picture could not be read or the page not written.
    #[error("could not {action}: {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The slide's folder could not be read.
    #[error(transparent)]
    Store(#[from] pantrk_store::StoreError),
    /// The template does not fit the result.
    #[error("the report of slide {slide} could not be laid out: {source:#}")]
    Template {
        /// The slide's id.
        slide: String,
        /// What the template engine said.
        source: minijinja::Error,
    },
}
