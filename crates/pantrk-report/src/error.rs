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
    /// The folder's case file is none.
    #[error("the case file cannot be read: {}", path.display())]
    Case {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pantrk_triage::TriageError,
    },
    /// The template does not fit the result.
    #[error("the report of {subject} could not be laid out: {source:#}")]
    Template {
        /// The slide's id, or the cohort's name.
        subject: String,
        /// What the template engine said.
        source: minijinja::Error,
    },
    /// The PDF could not be set.
    #[error("the PDF of {subject} could not be set: {message}")]
    Typeset {
        /// The slide's id, or the cohort's name.
        subject: String,
        /// What the typesetter said.
        message: String,
    },
    /// There is no scored slide.
    #[error("no scored slide was found: {} holds no <slide-id>/result.json", path.display())]
    EmptyCohort {
        /// The folder.
        path: PathBuf,
    },
}
