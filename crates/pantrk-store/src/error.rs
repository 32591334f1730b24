//! What can go wrong with a slide's folder.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused.
    #[error("could not {action}: {advice}: {}", path.display())]
    Io {
        /// What was tried, as a verb with its object.
        action: &'static str,
        /// What to do about it.
        advice: String,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of ours, or one given to us, breaks its format.
    #[error("{what} cannot be read: {message}: {}", path.display())]
    Format {
        /// Which kind of file.
        what: &'static str,
        /// What was found and what was wanted.
        message: String,
        /// Where.
        path: PathBuf,
    },
    /// A feature of a regions file that cannot be used.
    #[error("{feature}: {problem}")]
    Region {
        /// Its number, name and class.
        feature: String,
        /// What was found, where, and what to do about it.
        problem: String,
    },
    /// A regions text that is not GeoJSON at all.
    #[error("the regions are not GeoJSON: {0}")]
    NotGeoJson(String),
    /// A result that the schema cannot hold.
    #[error("{0}")]
    NotSerialisable(String),
    /// The caller handed in values that do not belong together.
    #[error("{what}: found {found}, wanted {wanted}")]
    Usage {
        /// Which value.
        what: String,
        /// As given.
        found: String,
        /// As it should be.
        wanted: String,
    },
    /// The columns could not be coded.
    #[error("could not write the cell table: {}", path.display())]
    Parquet {
        /// The table.
        path: PathBuf,
        /// What the coder said.
        source: parquet::errors::ParquetError,
    },
    /// The worklist's database refused.
    #[error("could not {action}: {advice}: {}", path.display())]
    Database {
        /// What was tried, as a verb with its object.
        action: &'static str,
        /// What to do about it.
        advice: String,
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: Box<rusqlite::Error>,
    },
    /// The picture could not be coded.
    #[error("could not code a picture as PNG: {}", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What the coder said.
        source: image::ImageError,
    },
}

impl StoreError {
    /// An [`StoreError::Io`] with advice that fits the system's answer.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let advice = match source.kind() {
            io::ErrorKind::PermissionDenied => {
                "no permission; give a folder this user may write to, or correct its owner"
                    .to_owned()
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "the file system is read-only; give an --out folder on another one".to_owned()
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "the disk or the quota is full; free space and run again, finished slides are kept"
                    .to_owned()
            }
            io::ErrorKind::NotFound => "it does not exist".to_owned(),
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "a file stands where a folder is needed; move it away or give another --out"
                    .to_owned()
            }
            _ => source.to_string(),
        };
        Self::Io {
            action,
            advice,
            path: path.to_owned(),
            source,
        }
    }

    /// A [`StoreError::Database`] with advice that fits SQLite's answer.
    pub(crate) fn database(action: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let advice = match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                "the disk or the quota is full; free space and run again, finished slides are kept"
                    .to_owned()
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                "another process keeps writing to it; try again when that has ended".to_owned()
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                "no permission; give a folder this user may write to, or correct its owner"
                    .to_owned()
            }
            Some(ErrorCode::CannotOpen) => {
                "its folder is not there or may not be written to".to_owned()
            }
            Some(ErrorCode::NotADatabase) => {
                "it is not a SQLite database; move it away, pantrk collect makes it again"
                    .to_owned()
            }
            Some(ErrorCode::DatabaseCorrupt) => {
                "it is damaged; move it away, pantrk collect makes its slides again".to_owned()
            }
            _ => source.to_string(),
        };
        Self::Database {
            action,
            advice,
            path: path.to_owned(),
            source: Box::new(source),
        }
    }
}
