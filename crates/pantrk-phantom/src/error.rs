//! What can go wrong.

use std::path::PathBuf;

/// A phantom that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhantomError {
    /// A value of the specification is out of its range.
    #[error("the phantom's {name} is {found}, wanted {low} to {high}")]
    Spec {
        /// The value.
        name: &'static str,
        /// What it is.
        found: f64,
        /// The least it may be.
        low: f64,
        /// The most it may be.
        high: f64,
    },
    /// A file could not be written.
    #[error("could not write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An image could not be encoded.
    #[error("could not encode {}", path.display())]
    Encode {
        /// The file it was for.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PhantomError {
    pub(crate) fn write(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Write {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(crate) fn encode(
        path: &std::path::Path,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Encode {
            path: path.to_path_buf(),
            source: Box::new(source),
        }
    }
}
