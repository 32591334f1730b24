//! What can go wrong with a file as a whole.
//!
//! A tile that cannot be read is not here: it is a [`Gap`](pantrk_space::Gap) of its region.

use std::path::{Path, PathBuf};

use crate::tiff::TiffError;

/// Why a slide could not be opened or one of its images not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlideError {
    /// The file could not be read at all.
    #[error("cannot read the file: {source}: {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No format knows the file.
    #[error("not a slide that can be read ({}): {}", joined(reasons), path.display())]
    NotRecognized {
        /// The file.
        path: PathBuf,
        /// Each format that was tried and why it is not that, in the order of trying.
        reasons: Vec<(&'static str, String)>,
    },
    /// The file is of a known format and breaks its rules.
    #[error("the {vendor} file is broken: {what}: {}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The format's short name.
        vendor: &'static str,
        /// What was found and what was wanted.
        what: String,
    },
    /// The file may well be sound, but this reader cannot read it.
    #[error("{what} ({vendor}) cannot be read; {advice}: {}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The format's short name.
        vendor: &'static str,
        /// What is not supported.
        what: String,
        /// What to do instead.
        advice: String,
    },
    /// A size in the file, or one asked for, is over a limit.
    #[error("{what}: found {found}, the limit is {limit}: {}", path.display())]
    Limits {
        /// The file.
        path: PathBuf,
        /// Which size.
        what: &'static str,
        /// The size found.
        found: u64,
        /// The limit (see [`Limits`](crate::Limits)).
        limit: u64,
    },
    /// The caller asked for what the slide does not have.
    #[error("{what}: {}", path.display())]
    Usage {
        /// The file.
        path: PathBuf,
        /// What was asked for and what there is.
        what: String,
    },
}

fn joined(reasons: &[(&'static str, String)]) -> String {
    let parts: Vec<String> = reasons
        .iter()
        .map(|(format, reason)| format!("{format}: {reason}"))
        .collect();
    parts.join("; ")
}

/// The same without path and vendor: those who find the fault do not know them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Broken(String),
    #[error("{what}; {advice}")]
    Unsupported { what: String, advice: String },
    #[error("{what}: found {found}, the limit is {limit}")]
    Limits {
        what: &'static str,
        found: u64,
        limit: u64,
    },
}

impl Fault {
    /// Errors unless `found` keeps to `limit`.
    pub(crate) fn within(what: &'static str, found: u64, limit: u64) -> Result<(), Self> {
        if found > limit {
            return Err(Self::Limits { what, found, limit });
        }
        Ok(())
    }

    pub(crate) fn in_file(self, path: &Path, vendor: &'static str) -> SlideError {
        let path = path.to_path_buf();
        match self {
            Self::Io(source) => SlideError::Io { path, source },
            Self::Broken(what) => SlideError::Broken { path, vendor, what },
            Self::Unsupported { what, advice } => SlideError::Unsupported {
                path,
                vendor,
                what,
                advice,
            },
            Self::Limits { what, found, limit } => SlideError::Limits {
                path,
                what,
                found,
                limit,
            },
        }
    }
}

impl From<TiffError> for Fault {
    fn from(error: TiffError) -> Self {
        match error {
            TiffError::Io(source) => Self::Io(source),
            TiffError::Limits { what, found, limit } => Self::Limits { what, found, limit },
            TiffError::NotTiff(what) | TiffError::Broken(what) => Self::Broken(what),
        }
    }
}
