//! What can go wrong with an evaluation.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A file could not be read.
    #[error("could not {action}: {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file breaks its format.
    #[error("{what} cannot be read: {message}: {}", path.display())]
    Format {
        /// Which kind of file.
        what: &'static str,
        /// What was found and what was wanted.
        message: String,
        /// Where.
        path: PathBuf,
    },
    /// A folder does not hold what is asked of it.
    #[error("the folder cannot be used: {message}: {}", path.display())]
    Folder {
        /// What was found and what was wanted.
        message: String,
        /// Where.
        path: PathBuf,
    },
    /// Two label images that do not belong together.
    #[error(
        "label images must be of one size: found {found:?}, wanted {wanted:?} columns and rows"
    )]
    Size {
        /// Of the prediction.
        found: (usize, usize),
        /// Of the truth.
        wanted: (usize, usize),
    },
    /// The labels do not fill the image.
    #[error("a label image of {columns} x {rows} holds {found} labels, wanted {}", columns * rows)]
    Labels {
        /// Columns.
        columns: usize,
        /// Rows.
        rows: usize,
        /// Labels given.
        found: usize,
    },
    /// Sides that do not belong together.
    #[error("{0}")]
    Join(String),
    /// A table holds a number that is none.
    #[error("table {table}, column {column}: a number is not finite")]
    NotFinite {
        /// The table.
        table: String,
        /// Its column.
        column: String,
    },
    /// The page or a table could not be put together.
    #[error("the evaluation cannot be written: {0}")]
    Page(String),
    /// A result or its cells cannot be read, or a picture not be written.
    #[error(transparent)]
    Store(#[from] pantrk_store::StoreError),
    /// The evidence tables are broken.
    #[error(transparent)]
    Evidence(#[from] pantrk_triage::TriageError),
}
