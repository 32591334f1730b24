//! The worklist's schema, step by step: one file a migration, one row in [`MIGRATIONS`].
//!
//! **Architecture invariant:** a migration that has been released is never edited; what it lacks is the next one.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Marks a SQLite file as a pantrk worklist (`PRAGMA application_id`): "PTRK".
pub(super) const APPLICATION_ID: i64 = 0x5054_524b;

/// One step of the schema.
struct Migration {
    /// The schema version after it; versions count up from 1 without gaps.
    version: i64,
    sql: &'static str,
}

/// All steps, in order.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("m0001_slides.sql"),
    },
    Migration {
        version: 2,
        sql: include_str!("m0002_reviews.sql"),
    },
];

/// The newest schema version, the one that this program writes.
pub const WORKLIST_SCHEMA: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// What stands in the way of using a file as a worklist.
pub(super) enum Unfit {
    /// Another program's database.
    Foreign,
    /// A later version of this program made it.
    Newer(i64),
    /// Opened for reading, and an earlier version made it.
    Older(i64),
    /// SQLite refused.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// The schema version of a worklist; 0 for an empty database.
pub(super) fn version(connection: &Connection) -> Result<i64, Unfit> {
    // One read transaction: between two reads of its own, another process's first opening would
    // look like tables without our mark.
    let transaction = connection.unchecked_transaction()?;
    version_within(&transaction)
}

fn version_within(connection: &Connection) -> Result<i64, Unfit> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let found = pragma("application_id")?;
    if found != APPLICATION_ID {
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        })?;
        return if found == 0 && tables == 0 {
            Ok(0)
        } else {
            Err(Unfit::Foreign)
        };
    }
    let version = pragma("user_version")?;
    if version > WORKLIST_SCHEMA {
        return Err(Unfit::Newer(version));
    }
    Ok(version)
}

/// Brings the schema up to [`WORKLIST_SCHEMA`], whole or not at all.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Unfit> {
    if version(connection)? == WORKLIST_SCHEMA {
        return Ok(());
    }
    // The write lock first: of two processes that find an old schema, one migrates.
    let transaction =
        Transaction::new(connection, TransactionBehavior::Immediate).map_err(Unfit::Database)?;
    let found = version_within(&transaction)?;
    for migration in MIGRATIONS.iter().filter(|m| m.version > found) {
        transaction.execute_batch(migration.sql)?;
        transaction.pragma_update(None, "user_version", migration.version)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_from_one() {
        for (i, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version, i as i64 + 1);
        }
    }

    #[test]
    fn each_older_schema_reaches_the_newest() {
        for from in 0..=MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            for migration in &MIGRATIONS[..from] {
                connection.execute_batch(migration.sql).unwrap();
                connection
                    .pragma_update(None, "user_version", migration.version)
                    .unwrap();
                connection
                    .pragma_update(None, "application_id", APPLICATION_ID)
                    .unwrap();
            }
            assert!(migrate(&mut connection).is_ok());
            assert!(matches!(version(&connection), Ok(WORKLIST_SCHEMA)));
        }
    }
}
