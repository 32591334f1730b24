//! `worklist.sqlite`: one row per slide of a results folder, for the viewer and for whoever asks in SQL.
//!
//! The slides' folders are the truth, and `collect` makes the rows again from them.
//! The journal is a write-ahead log, so that the viewer reads while a batch writes; on network file systems, where that log is unsafe, it is SQLite's ordinary one.
//!
//! **Architecture invariant:** rows of `slides` may be written anew at any time; what people add (reviews, corrections) has tables of its own and is never touched by batch or collect.

mod carry;
mod migrations;
mod review;
mod slide;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};

use crate::StoreError;
use crate::file_system::is_network;
use migrations::{Unfit, migrate, version};

pub use carry::ScoredRun;
pub use migrations::WORKLIST_SCHEMA;
pub use review::{AuditChange, AuditEntry, DraftSave, ReviewState, SignOff, SlideReview, Stamp};
pub use slide::{SlideState, WorklistModel, WorklistSlide};

/// The name of the worklist in a results folder.
pub const WORKLIST_FILE: &str = "worklist.sqlite";

/// How long to wait for another process's write.
const BUSY: Duration = Duration::from_secs(15);

/// An open worklist.
#[derive(Debug)]
pub struct Worklist {
    connection: Connection,
    path: PathBuf,
}

impl Worklist {
    /// Opens a worklist for reading and writing; makes it, or brings its schema up to date, where needed.
    ///
    /// # Errors
    /// If the file cannot be opened or written, is another program's database, or was made by a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |e| StoreError::database("open the worklist", path, e);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        // Before anything is written: another program's database stays as it is.
        version(&connection).map_err(|e| unfit(path, e))?;
        let journal = if is_network(path) { "DELETE" } else { "WAL" };
        set_journal(&connection, journal).map_err(failed)?;
        connection
            .pragma_update(None, "synchronous", "NORMAL")
            .map_err(failed)?;
        connection
            .pragma_update(None, "foreign_keys", true)
            .map_err(failed)?;
        migrate(&mut connection).map_err(|e| unfit(path, e))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Opens a worklist that exists, for reading alone.
    ///
    /// # Errors
    /// If it does not exist, cannot be read, or is not of this version's schema.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(StoreError::io("read the worklist", path, missing));
        }
        let failed = |e| StoreError::database("read the worklist", path, e);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        match version(&connection) {
            Ok(WORKLIST_SCHEMA) => Ok(Self {
                connection,
                path: path.to_owned(),
            }),
            Ok(older) => Err(unfit(path, Unfit::Older(older))),
            Err(error) => Err(unfit(path, error)),
        }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The results folder that it stands in.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// All slides, by their id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn slides(&self) -> Result<Vec<WorklistSlide>, StoreError> {
        let sql = format!(
            "SELECT {} FROM slides ORDER BY slide_id",
            slide::COLUMNS.join(", ")
        );
        let read = || -> rusqlite::Result<Vec<WorklistSlide>> {
            let mut statement = self.connection.prepare(&sql)?;
            statement.query_map([], slide::from_row)?.collect()
        };
        read().map_err(|e| StoreError::database("read the worklist", &self.path, e))
    }

    /// One slide.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn slide(&self, slide_id: &str) -> Result<Option<WorklistSlide>, StoreError> {
        let sql = format!(
            "SELECT {} FROM slides WHERE slide_id = ?1",
            slide::COLUMNS.join(", ")
        );
        self.connection
            .query_row(&sql, [slide_id], slide::from_row)
            .optional()
            .map_err(|e| StoreError::database("read the worklist", &self.path, e))
    }

    /// A number that changes whenever another connection has written: cheap enough to ask every second.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        self.connection
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|e| StoreError::database("read the worklist", &self.path, e))
    }

    /// Writes rows, all or none; a row that stands there already in the same words is not written again.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn put(&mut self, slides: &[WorklistSlide]) -> Result<(), StoreError> {
        let others = slide::COLUMNS[1..].iter();
        let set: Vec<String> = others
            .clone()
            .map(|c| format!("{c} = excluded.{c}"))
            .collect();
        let differs: Vec<String> = others
            .map(|c| format!("slides.{c} IS NOT excluded.{c}"))
            .collect();
        let sql = insert(&format!(
            "DO UPDATE SET {} WHERE {}",
            set.join(", "),
            differs.join(" OR ")
        ));
        self.write_rows(slides, &sql)
    }

    /// Adds slides that are to be scored; those that are there keep their state and result.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn enqueue(&mut self, slides: &[WorklistSlide]) -> Result<(), StoreError> {
        self.write_rows(slides, &insert("DO NOTHING"))
    }

    /// Runs `work` in one write transaction: all of it is kept, or none.
    ///
    /// # Errors
    /// If the database cannot be written, and what `work` fails with.
    pub(crate) fn write<T>(
        &mut self,
        action: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = &self.path;
        let run = || {
            let transaction =
                Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|e| StoreError::database(action, path, e))
    }

    fn write_rows(&mut self, slides: &[WorklistSlide], sql: &str) -> Result<(), StoreError> {
        if slides.is_empty() {
            return Ok(());
        }
        self.write("write the worklist", |transaction| {
            let mut statement = transaction.prepare(sql)?;
            for slide in slides {
                let values = slide::values(slide)?;
                statement.execute(&*slide::parameters(&values))?;
            }
            Ok(())
        })
    }
}

/// Inserts a row of `slides`, and says what to do where the id is there.
fn insert(on_conflict: &str) -> String {
    let places: Vec<String> = (1..=slide::COLUMNS.len())
        .map(|i| format!("?{i}"))
        .collect();
    format!(
        "INSERT INTO slides ({}) VALUES ({}) ON CONFLICT (slide_id) {on_conflict}",
        slide::COLUMNS.join(", "),
        places.join(", ")
    )
}

/// Sets the journal; SQLite does not wait for other processes here, so this does.
fn set_journal(connection: &Connection, wanted: &str) -> rusqlite::Result<()> {
    let mut left = 100;
    loop {
        let set = connection
            .pragma_update_and_check(None, "journal_mode", wanted, |row| row.get::<_, String>(0));
        match set {
            Ok(_) => return Ok(()),
            Err(e)
                if left > 0 && e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) =>
            {
                left -= 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(e) => return Err(e),
        }
    }
}

fn unfit(path: &Path, unfit: Unfit) -> StoreError {
    let message = match unfit {
        Unfit::Foreign => {
            "it is a database of another program; move it away or give another folder".to_owned()
        }
        Unfit::Newer(found) => format!(
            "found schema version {found}, this program knows up to {WORKLIST_SCHEMA}; use the newer pantrk"
        ),
        Unfit::Older(found) => format!(
            "found schema version {found}, wanted {WORKLIST_SCHEMA}; pantrk collect brings it up to date"
        ),
        Unfit::Database(error) => return StoreError::database("open the worklist", path, error),
    };
    StoreError::Format {
        what: "the worklist",
        message,
        path: path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
