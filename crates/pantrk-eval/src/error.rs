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
    #[error("the {what} cannot be read: {message}: {}", path.display())]
    Format {
        /// What the file should be.
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
}
