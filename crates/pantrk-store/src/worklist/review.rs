//! What people say of the slides: drafts, corrected cells, signatures, and the audit trail of all of it.
//!
//! **Architecture invariant:** every change of a review and its entry in the audit trail are one transaction; there is no way to change the one without the other.
//!
//! **Architecture invariant:** a signed review is changed by nothing but being reopened, which the trail records.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Worklist;
use super::carry::changed_on_the_way;
use crate::StoreError;

/// What stands before the first entry.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How far a review is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReviewState {
    /// Nobody looked at it.
    #[default]
    New,
    /// Under work.
    InReview,
    /// Sent back, to be stained or scored again.
    Returned,
    /// Signed, and locked.
    Signed,
}

impl ReviewState {
    /// All of them, in the order of their life.
    pub const ALL: [Self; 4] = [Self::New, Self::InReview, Self::Returned, Self::Signed];

    /// As in the database; [`ReviewState::New`] is the absence of a row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InReview => "in-review",
            Self::Returned => "returned",
            Self::Signed => "signed",
        }
    }

    /// As people read it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::InReview => "in review",
            other => other.name(),
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Who does something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The person's name.
    pub who: String,
    /// RFC 3339.
    pub at: String,
}

/// One change, for the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditChange {
    /// What was done, as a word such as `thresholds`.
    pub what: String,
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
}

/// One entry of the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// From 1, without gaps.
    pub sequence: i64,
    /// The slide.
    pub slide_id: String,
    /// Who and when.
    pub stamp: Stamp,
    /// What was done.
    pub change: AuditChange,
    /// The hash of the entry before.
    pub previous: String,
    /// Of this entry.
    pub hash: String,
}

/// A review as it is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlideReview {
    /// The slide.
    pub slide_id: String,
    /// How far it is.
    pub state: ReviewState,
    /// Who changed it last.
    pub reviewer: String,
    /// When, RFC 3339.
    pub changed: String,
    /// Identity of the slide's file that was looked at.
    pub fingerprint: Option<String>,
    /// Identity of the parameters of the result that was looked at.
    pub parameter_hash: Option<String>,
    /// What is under work, as JSON.
    pub draft: Option<String>,
    /// The pathologist's own IHC result.
    pub own_result: Option<String>,
    /// The pathologist's own next step.
    pub own_action: Option<String>,
    /// Why it differs from the computed one, or why the case went back.
    pub reason: Option<String>,
    /// When it was signed.
    pub signed: Option<String>,
    /// The figures and the decision as they stood then, as JSON.
    pub signed_result: Option<String>,
}

/// What is kept of a review that goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftSave<'a> {
    /// The slide.
    pub slide_id: &'a str,
    /// Identity of its file.
    pub fingerprint: Option<&'a str>,
    /// Identity of the result's parameters.
    pub parameter_hash: Option<&'a str>,
    /// All of it, as JSON.
    pub draft: &'a str,
    /// All corrected cells: row of the cell table, and `not-tumour` or the grade `0` to `3`.
    pub corrections: &'a [(u64, String)],
    /// What changed since it was kept last.
    pub changes: &'a [AuditChange],
}

/// A signature, or a case sent back.
#[derive(Debug, Clone, PartialEq)]
pub struct SignOff<'a> {
    /// The slide.
    pub slide_id: &'a str,
    /// [`ReviewState::Signed`] or [`ReviewState::Returned`].
    pub state: ReviewState,
    /// The pathologist's own IHC result.
    pub own_result: Option<&'a str>,
    /// The pathologist's own next step.
    pub own_action: Option<&'a str>,
    /// Why it differs from the computed one, or why it goes back.
    pub reason: Option<&'a str>,
    /// The figures and the decision as they stand, as JSON.
    pub result: &'a Value,
}

impl Worklist {
    /// All reviews, by the slide's id.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn reviews(&self) -> Result<Vec<SlideReview>, StoreError> {
        let read = || -> rusqlite::Result<Vec<SlideReview>> {
            let sql = format!("SELECT {COLUMNS} FROM reviews ORDER BY slide_id");
            let mut statement = self.connection.prepare(&sql)?;
            statement.query_map([], review_from_row)?.collect()
        };
        read().map_err(|e| StoreError::database("read the reviews", &self.path, e))
    }

    /// The review of one slide; none where nobody looked at it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn review(&self, slide_id: &str) -> Result<Option<SlideReview>, StoreError> {
        review_of(&self.connection, slide_id)
            .map_err(|e| StoreError::database("read the review", &self.path, e))
    }

    /// Keeps a review that goes on, and adds its changes to the trail.
    ///
    /// # Errors
    /// If it is signed, or the database cannot be written.
    pub fn save_draft(&mut self, save: &DraftSave<'_>, stamp: &Stamp) -> Result<(), StoreError> {
        self.refuse_signed(save.slide_id)?;
        self.write("keep the review", |transaction| {
            let state = match review_of(transaction, save.slide_id)? {
                Some(review) if review.state == ReviewState::Returned => ReviewState::Returned,
                _ => ReviewState::InReview,
            };
            transaction.execute(
                "INSERT INTO reviews (slide_id, state, reviewer, changed, fingerprint, parameter_hash, draft)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (slide_id) DO UPDATE SET state = excluded.state, reviewer = excluded.reviewer,
                 changed = excluded.changed, fingerprint = excluded.fingerprint,
                 parameter_hash = excluded.parameter_hash, draft = excluded.draft
                 WHERE reviews.state <> 'signed'",
                (
                    save.slide_id,
                    state.name(),
                    &stamp.who,
                    &stamp.at,
                    save.fingerprint,
                    save.parameter_hash,
                    save.draft,
                ),
            )?;
            keep_corrections(transaction, save, stamp)?;
            for change in save.changes {
                append(transaction, save.slide_id, stamp, change)?;
            }
            Ok(())
        })
    }

    /// Signs a review, or sends the case back, and adds it to the trail.
    ///
    /// # Errors
    /// If it is signed already, or the database cannot be written.
    pub fn sign_off(&mut self, sign: &SignOff<'_>, stamp: &Stamp) -> Result<(), StoreError> {
        self.refuse_signed(sign.slide_id)?;
        let result = sign.result.to_string();
        self.write("sign the review", |transaction| {
            let before = review_of(transaction, sign.slide_id)?.unwrap_or_default();
            let signed = (sign.state == ReviewState::Signed).then_some(&stamp.at);
            transaction.execute(
                "INSERT INTO reviews (slide_id, state, reviewer, changed, own_result, own_action, reason, signed, signed_result)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (slide_id) DO UPDATE SET state = excluded.state, reviewer = excluded.reviewer,
                 changed = excluded.changed, own_result = excluded.own_result, own_action = excluded.own_action,
                 reason = excluded.reason, signed = excluded.signed, signed_result = excluded.signed_result",
                (
                    sign.slide_id,
                    sign.state.name(),
                    &stamp.who,
                    &stamp.at,
                    sign.own_result,
                    sign.own_action,
                    sign.reason,
                    signed,
                    &result,
                ),
            )?;
            let what = if sign.state == ReviewState::Signed {
                "sign"
            } else {
                "return"
            };
            let change = AuditChange {
                what: what.to_owned(),
                before: json!({ "state": before.state.name() }),
                after: json!({
                    "state": sign.state.name(),
                    "own_result": sign.own_result,
                    "own_action": sign.own_action,
                    "reason": sign.reason,
                    "result": sign.result,
                }),
            };
            append(transaction, sign.slide_id, stamp, &change)
        })
    }

    /// Opens a signed or returned review again; the signature stays in the trail.
    ///
    /// # Errors
    /// If there is none, or the database cannot be written.
    pub fn reopen(
        &mut self,
        slide_id: &str,
        reason: &str,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let Some(before) = self.review(slide_id)? else {
            return Err(StoreError::Usage {
                what: format!("reopening the review of {slide_id:?}"),
                found: "no review".to_owned(),
                wanted: "one that is signed or returned".to_owned(),
            });
        };
        self.write("reopen the review", |transaction| {
            transaction.execute(
                "UPDATE reviews SET state = 'in-review', reviewer = ?2, changed = ?3, signed = NULL WHERE slide_id = ?1",
                (slide_id, &stamp.who, &stamp.at),
            )?;
            let change = AuditChange {
                what: "reopen".to_owned(),
                before: json!({
                    "state": before.state.name(),
                    "reviewer": before.reviewer,
                    "own_result": before.own_result,
                    "own_action": before.own_action,
                    "signed": before.signed,
                }),
                after: json!({ "state": "in-review", "reason": reason }),
            };
            append(transaction, slide_id, stamp, &change)
        })
    }

    /// The trail of one slide, or of all, in its order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn audit(&self, slide_id: Option<&str>) -> Result<Vec<AuditEntry>, StoreError> {
        entries_of(&self.connection, slide_id)
            .map_err(|e| StoreError::database("read the audit trail", &self.path, e))
    }

    /// Checks every hash of the trail and its end; gives the number of entries.
    ///
    /// # Errors
    /// If an entry was changed, left out or added by other means, or the database cannot be read.
    pub fn check_audit(&self) -> Result<u64, StoreError> {
        let broken = |message: String| StoreError::Format {
            what: "the audit trail",
            message,
            path: self.path.clone(),
        };
        let mut previous = BEGINNING.to_owned();
        let entries = self.audit(None)?;
        for (expected, entry) in (1..).zip(&entries) {
            if entry.sequence != expected {
                return Err(broken(format!("entry {expected} is missing")));
            }
            if entry.previous != previous || entry.hash != hash_of(entry) {
                return Err(broken(format!(
                    "entry {expected}, by {} on {}, is not as it was written",
                    entry.stamp.who, entry.stamp.at
                )));
            }
            previous.clone_from(&entry.hash);
        }
        if let Some(place) = changed_on_the_way(&entries) {
            return Err(broken(format!(
                "entry {place}, carried over from before the slide was scored, is not as it was written then"
            )));
        }
        let head = head(&self.connection)
            .map_err(|e| StoreError::database("read the audit trail", &self.path, e))?;
        if head != (entries.len() as i64, previous) {
            return Err(broken(format!(
                "{} entries were written, {} are there",
                head.0,
                entries.len()
            )));
        }
        Ok(entries.len() as u64)
    }

    fn refuse_signed(&self, slide_id: &str) -> Result<(), StoreError> {
        match self.review(slide_id)? {
            Some(review) if review.state == ReviewState::Signed => Err(StoreError::Usage {
                what: format!("changing the review of {slide_id:?}"),
                found: format!("signed by {}", review.reviewer),
                wanted: "one that is open; reopen it first".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

const COLUMNS: &str = "slide_id, state, reviewer, changed, fingerprint, parameter_hash, draft, own_result, own_action, reason, signed, signed_result";

fn review_of(connection: &Connection, slide_id: &str) -> rusqlite::Result<Option<SlideReview>> {
    let sql = format!("SELECT {COLUMNS} FROM reviews WHERE slide_id = ?1");
    connection
        .query_row(&sql, [slide_id], review_from_row)
        .optional()
}

/// The trail of one slide, or of all.
pub(super) fn entries_of(
    connection: &Connection,
    slide_id: Option<&str>,
) -> rusqlite::Result<Vec<AuditEntry>> {
    let mut statement = connection.prepare(
        "SELECT sequence, slide_id, at, who, what, before, after, previous, hash FROM audit
         WHERE ?1 IS NULL OR slide_id = ?1 ORDER BY sequence",
    )?;
    statement.query_map([slide_id], entry_from_row)?.collect()
}

fn review_from_row(row: &Row<'_>) -> rusqlite::Result<SlideReview> {
    let state: String = row.get(1)?;
    let state = ReviewState::from_name(&state)
        .ok_or_else(|| broken(1, format!("unknown state {state:?}").into()))?;
    Ok(SlideReview {
        slide_id: row.get(0)?,
        state,
        reviewer: row.get(2)?,
        changed: row.get(3)?,
        fingerprint: row.get(4)?,
        parameter_hash: row.get(5)?,
        draft: row.get(6)?,
        own_result: row.get(7)?,
        own_action: row.get(8)?,
        reason: row.get(9)?,
        signed: row.get(10)?,
        signed_result: row.get(11)?,
    })
}

fn entry_from_row(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let value = |column: usize| -> rusqlite::Result<Value> {
        let text: String = row.get(column)?;
        serde_json::from_str(&text).map_err(|e| broken(column, e.into()))
    };
    Ok(AuditEntry {
        sequence: row.get(0)?,
        slide_id: row.get(1)?,
        stamp: Stamp {
            at: row.get(2)?,
            who: row.get(3)?,
        },
        change: AuditChange {
            what: row.get(4)?,
            before: value(5)?,
            after: value(6)?,
        },
        previous: row.get(7)?,
        hash: row.get(8)?,
    })
}

fn broken(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
}

/// The corrected cells become these; a cell that is corrected as before keeps who and when.
fn keep_corrections(
    transaction: &Transaction<'_>,
    save: &DraftSave<'_>,
    stamp: &Stamp,
) -> rusqlite::Result<()> {
    let mut there =
        transaction.prepare("SELECT cell_id, verdict FROM corrections WHERE slide_id = ?1")?;
    let before: Vec<(i64, String)> = there
        .query_map([save.slide_id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut delete =
        transaction.prepare("DELETE FROM corrections WHERE slide_id = ?1 AND cell_id = ?2")?;
    for (cell, _) in &before {
        if !save.corrections.iter().any(|(c, _)| *c as i64 == *cell) {
            delete.execute((save.slide_id, cell))?;
        }
    }
    let mut put = transaction.prepare(
        "INSERT OR REPLACE INTO corrections (slide_id, cell_id, verdict, reviewer, changed) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (cell, verdict) in save.corrections {
        let cell = *cell as i64;
        if !before.iter().any(|(c, v)| *c == cell && v == verdict) {
            put.execute((save.slide_id, cell, verdict, &stamp.who, &stamp.at))?;
        }
    }
    Ok(())
}

/// Entries so far, and the hash of the last.
fn head(connection: &Connection) -> rusqlite::Result<(i64, String)> {
    let found = connection
        .query_row("SELECT entries, hash FROM audit_head", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(found.unwrap_or((0, BEGINNING.to_owned())))
}

/// Adds an entry to the end of the chain.
pub(super) fn append(
    transaction: &Transaction<'_>,
    slide_id: &str,
    stamp: &Stamp,
    change: &AuditChange,
) -> rusqlite::Result<()> {
    let (entries, previous) = head(transaction)?;
    let mut entry = AuditEntry {
        sequence: entries + 1,
        slide_id: slide_id.to_owned(),
        stamp: stamp.clone(),
        change: change.clone(),
        previous,
        hash: String::new(),
    };
    entry.hash = hash_of(&entry);
    transaction.execute(
        "INSERT INTO audit (sequence, slide_id, at, who, what, before, after, previous, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            entry.sequence,
            &entry.slide_id,
            &entry.stamp.at,
            &entry.stamp.who,
            &entry.change.what,
            entry.change.before.to_string(),
            entry.change.after.to_string(),
            &entry.previous,
            &entry.hash,
        ),
    )?;
    transaction.execute(
        "INSERT OR REPLACE INTO audit_head (only, entries, hash) VALUES (1, ?1, ?2)",
        (entry.sequence, &entry.hash),
    )?;
    Ok(())
}

/// SHA-256 over all of an entry but its own hash, as a JSON array, so that no two entries run together.
pub(super) fn hash_of(entry: &AuditEntry) -> String {
    let text = json!([
        entry.sequence,
        entry.slide_id,
        entry.stamp.at,
        entry.stamp.who,
        entry.change.what,
        entry.change.before,
        entry.change.after,
        entry.previous,
    ])
    .to_string();
    let digit = |half: u8| char::from_digit(half.into(), 16);
    Sha256::digest(text.as_bytes())
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worklist::WORKLIST_FILE;

    fn stamp(at: &str) -> Stamp {
        Stamp {
            who: "Dr A. Reader".to_owned(),
            at: format!("2026-01-02T03:04:{at}Z"),
        }
    }

    fn change(what: &str, n: i32) -> AuditChange {
        AuditChange {
            what: what.to_owned(),
            before: json!(null),
            after: json!({ "n": n }),
        }
    }

    fn save<'a>(corrections: &'a [(u64, String)], changes: &'a [AuditChange]) -> DraftSave<'a> {
        DraftSave {
            slide_id: "S1",
            fingerprint: Some("f"),
            parameter_hash: Some("p"),
            draft: "{}",
            corrections,
            changes,
        }
    }

    fn signature(result: &Value) -> SignOff<'_> {
        SignOff {
            slide_id: "S1",
            state: ReviewState::Signed,
            own_result: Some("negative"),
            own_action: Some("no-further-testing"),
            reason: Some("the stained cells are nerve"),
            result,
        }
    }

    #[test]
    fn a_signed_review_is_locked_until_it_is_reopened() {
        let dir = tempfile::tempdir().unwrap();
        let mut list = Worklist::open(&dir.path().join(WORKLIST_FILE)).unwrap();
        assert_eq!(list.review("S1").unwrap(), None);
        let corrections = [(7, "not-tumour".to_owned()), (9, "2".to_owned())];
        let changes = [change("correct", 7), change("correct", 9)];
        list.save_draft(&save(&corrections, &changes), &stamp("05"))
            .unwrap();
        list.save_draft(&save(&corrections[..1], &[]), &stamp("06"))
            .unwrap();
        assert_eq!(
            list.review("S1").unwrap().unwrap().state,
            ReviewState::InReview
        );
        let result = json!({ "positive_percent": 12.5 });
        list.sign_off(&signature(&result), &stamp("07")).unwrap();
        let review = list.review("S1").unwrap().unwrap();
        assert_eq!(review.state, ReviewState::Signed);
        assert_eq!(review.draft.as_deref(), Some("{}"), "what was signed stays");
        let refused = list.save_draft(&save(&[], &[]), &stamp("08")).unwrap_err();
        assert!(
            refused.to_string().contains("signed by Dr A. Reader"),
            "{refused}"
        );
        assert!(list.sign_off(&signature(&result), &stamp("09")).is_err());
        list.reopen("S1", "second opinion", &stamp("10")).unwrap();
        list.save_draft(&save(&[], &[]), &stamp("11")).unwrap();
        let words: Vec<String> = list
            .audit(Some("S1"))
            .unwrap()
            .into_iter()
            .map(|entry| entry.change.what)
            .collect();
        assert_eq!(words, ["correct", "correct", "sign", "reopen"]);
        assert_eq!(list.check_audit().unwrap(), 4);
        assert!(list.reopen("none", "", &stamp("12")).is_err());
    }

    #[test]
    fn the_trail_cannot_be_changed_and_says_so_when_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(WORKLIST_FILE);
        let mut list = Worklist::open(&path).unwrap();
        let changes = [
            change("thresholds", 1),
            change("regions", 2),
            change("case", 3),
        ];
        list.save_draft(&save(&[], &changes), &stamp("05")).unwrap();
        for sql in ["UPDATE audit SET who = 'X'", "DELETE FROM audit"] {
            let refused = list.connection.execute(sql, []).unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
        assert_eq!(list.check_audit().unwrap(), 3);
        // Past the triggers, as somebody with the file in hand would.
        let tampered = |sql: &str| {
            let copy = dir.path().join("copy.sqlite");
            drop(std::fs::remove_file(&copy));
            list.connection
                .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
                .unwrap();
            let other = Worklist::open(&copy).unwrap();
            other
                .connection
                .execute_batch(&format!(
                    "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_deleted; {sql}"
                ))
                .unwrap();
            other.check_audit().unwrap_err().to_string()
        };
        let message = tampered("UPDATE audit SET after = '{\"n\":9}' WHERE sequence = 2");
        assert!(message.contains("entry 2, by Dr A. Reader"), "{message}");
        let message = tampered("DELETE FROM audit WHERE sequence = 1");
        assert!(message.contains("entry 1 is missing"), "{message}");
        let message = tampered("DELETE FROM audit WHERE sequence = 3");
        assert!(
            message.contains("3 entries were written, 2 are there"),
            "{message}"
        );
    }
}
