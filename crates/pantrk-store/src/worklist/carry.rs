//! One trail a case: which result a review is about, and what was recorded of the slide before it had one.
//!
//! What people draw and fill in before a slide is scored is kept elsewhere, in a trail of its own. An entry `carried over` names those entries by their places and hashes there; the entries follow it with the names and times that they were made with.
//! So they are bound into the chain here as all others are, and what was written there can still be verified.
//!
//! **Architecture invariant:** an entry is carried over once, and with all that belongs to it in one transaction, so that whoever is interrupted may do it again.

use std::collections::BTreeSet;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Worklist;
use super::review::{AuditChange, AuditEntry, SlideReview, Stamp, append, entries_of, hash_of};
use crate::{SlideResult, StoreError};

/// That entries of another trail follow.
pub(super) const CARRIED: &str = "carried over";
/// That the slide was scored.
const SCORED: &str = "scored";
/// The same where it had a result before.
const SCORED_AGAIN: &str = "scored again";

/// The run that made a result, as the trail tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoredRun {
    /// Of the program.
    pub version: String,
    /// The model's name and version.
    pub model: String,
    /// Of its weights, where it has any.
    pub model_sha256: Option<String>,
    /// Identity of the parameters.
    pub parameter_hash: String,
    /// Identity of the slide's file.
    pub fingerprint: String,
    /// When it began, RFC 3339.
    pub started: Option<String>,
}

impl ScoredRun {
    /// Of a result.
    pub fn of(result: &SlideResult) -> Self {
        let run = &result.run;
        let model = &run.model;
        Self {
            version: run.version.clone(),
            model: format!("{} {}", model.name, model.version),
            model_sha256: model.sha256.clone(),
            parameter_hash: run.parameter_hash.clone(),
            fingerprint: result.slide.fingerprint.clone(),
            started: run.started.clone(),
        }
    }

    fn facts(&self) -> Value {
        json!({
            "version": self.version,
            "model": self.model,
            "model_sha256": self.model_sha256,
            "parameter_hash": self.parameter_hash,
            "fingerprint": self.fingerprint,
            "started": self.started,
        })
    }
}

impl Worklist {
    /// Carries the `earlier` entries of another trail over into this slide's, and how far its `review` was; those that are here already are passed over. Gives how many came.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn carry_over(
        &mut self,
        slide_id: &str,
        (earlier, review): (&[AuditEntry], &SlideReview),
        stamp: &Stamp,
    ) -> Result<usize, StoreError> {
        self.write("carry the audit trail over", |transaction| {
            let here = entries_of(transaction, Some(slide_id))?;
            let known: BTreeSet<&str> = here.iter().flat_map(carried_hashes).collect();
            let new = earlier.iter().filter(|e| !known.contains(&*e.hash));
            let new: Vec<&AuditEntry> = new.collect();
            if let Some(first) = new.first() {
                let places = new.iter().map(|entry| {
                    json!({
                        "sequence": entry.sequence,
                        "previous": entry.previous,
                        "hash": entry.hash,
                    })
                });
                let change = AuditChange {
                    what: CARRIED.to_owned(),
                    before: Value::Null,
                    after: json!({
                        "kept_under": first.slide_id,
                        "entries": places.collect::<Vec<_>>(),
                    }),
                };
                append(transaction, slide_id, stamp, &change)?;
            }
            for entry in &new {
                append(transaction, slide_id, &entry.stamp, &entry.change)?;
            }
            // Without its draft, which is about rows and regions of no result.
            transaction.execute(
                "INSERT OR IGNORE INTO reviews (slide_id, state, reviewer, changed, fingerprint)
                 VALUES (?1, 'in-review', ?2, ?3, ?4)",
                (
                    slide_id,
                    &review.reviewer,
                    &review.changed,
                    &review.fingerprint,
                ),
            )?;
            Ok(new.len())
        })
    }

    /// Adds to the trail which run made the slide's result, unless that is what it says last; `before` is the run whose result that one took the place of, where it is known. Gives whether it was added.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn note_run(
        &mut self,
        slide_id: &str,
        (run, before): (&ScoredRun, Option<&ScoredRun>),
        stamp: &Stamp,
    ) -> Result<bool, StoreError> {
        self.write("note the scoring", |transaction| {
            let facts = run.facts();
            let last = last_run(transaction, slide_id)?;
            if last.as_ref() == Some(&facts) {
                return Ok(false);
            }
            let before = last.or_else(|| before.map(ScoredRun::facts));
            let what = match before {
                None => SCORED,
                Some(_) => SCORED_AGAIN,
            };
            let change = AuditChange {
                what: what.to_owned(),
                before: before.unwrap_or_default(),
                after: facts,
            };
            append(transaction, slide_id, stamp, &change)?;
            Ok(true)
        })
    }

    /// Whether the slide's trail tells of a run, and of another than this one last.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn tells_of_another_run(
        &self,
        slide_id: &str,
        run: &ScoredRun,
    ) -> Result<bool, StoreError> {
        let last = last_run(&self.connection, slide_id)
            .map_err(|e| StoreError::database("read the audit trail", &self.path, e))?;
        Ok(last.is_some_and(|last| last != run.facts()))
    }
}

/// The run that the trail tells of last.
fn last_run(connection: &Connection, slide_id: &str) -> rusqlite::Result<Option<Value>> {
    let entries = entries_of(connection, Some(slide_id))?.into_iter();
    let mut runs = entries.filter(|e| [SCORED, SCORED_AGAIN].contains(&&*e.change.what));
    Ok(runs.next_back().map(|entry| entry.change.after))
}

/// The places of the entries that an entry carried over.
fn places(entry: &AuditEntry) -> &[Value] {
    let is_one = entry.change.what == CARRIED;
    let list = entry.change.after["entries"].as_array().filter(|_| is_one);
    list.map_or(&[], Vec::as_slice)
}

fn carried_hashes(entry: &AuditEntry) -> impl Iterator<Item = &str> {
    places(entry).iter().filter_map(|p| p["hash"].as_str())
}

/// The number of an entry that is not as it was written where it was carried over from, if there is one.
pub(super) fn changed_on_the_way(entries: &[AuditEntry]) -> Option<i64> {
    for (at, head) in entries.iter().enumerate() {
        let from = head.change.after["kept_under"].as_str();
        for (carried, place) in (at + 1..).zip(places(head)) {
            let written = entries.get(carried).map(|entry| AuditEntry {
                sequence: place["sequence"].as_i64().unwrap_or_default(),
                slide_id: from.unwrap_or_default().to_owned(),
                previous: place["previous"].as_str().unwrap_or_default().to_owned(),
                ..entry.clone()
            });
            if written.is_none_or(|written| Some(&*hash_of(&written)) != place["hash"].as_str()) {
                return Some(carried as i64 + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worklist::{DraftSave, ReviewState, WORKLIST_FILE};

    /// A slide's file, under which it is kept until it has a result.
    const FILE: &str = "/slides/S1.svs";

    fn stamp(who: &str, minute: u8) -> Stamp {
        Stamp {
            who: who.to_owned(),
            at: format!("2026-01-02T03:{minute:02}:00Z"),
        }
    }

    fn save(list: &mut Worklist, slide_id: &str, what: &str, minute: u8) {
        let change = AuditChange {
            what: what.to_owned(),
            before: json!([]),
            after: json!([{ "x": 1.25, "b": what }]),
        };
        let save = DraftSave {
            slide_id,
            fingerprint: Some("f"),
            parameter_hash: None,
            draft: "{}",
            corrections: &[],
            changes: &[change],
        };
        list.save_draft(&save, &stamp("Dr A. Reader", minute))
            .unwrap();
    }

    fn run(started: &str) -> ScoredRun {
        ScoredRun {
            version: "0.1.0".to_owned(),
            model: "nucleus 0.2.0".to_owned(),
            model_sha256: None,
            parameter_hash: "p".to_owned(),
            fingerprint: "f".to_owned(),
            started: Some(started.to_owned()),
        }
    }

    fn words(list: &Worklist) -> Vec<(String, String)> {
        let trail = list.audit(Some("S1")).unwrap().into_iter();
        trail
            .map(|e| (e.change.what, e.stamp.at[14..16].to_owned()))
            .collect()
    }

    #[test]
    fn what_was_recorded_before_the_score_stands_before_it_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut old = Worklist::open(&dir.path().join("old.sqlite")).unwrap();
        save(&mut old, "/slides/other.svs", "case", 1);
        save(&mut old, FILE, "regions", 2);
        save(&mut old, "/slides/other.svs", "case", 3);
        save(&mut old, FILE, "case", 4);
        let review = old.review(FILE).unwrap().unwrap();
        let earlier = old.audit(Some(FILE)).unwrap();

        let path = dir.path().join(WORKLIST_FILE);
        let mut list = Worklist::open(&path).unwrap();
        save(&mut list, "S0", "case", 5);
        let by = stamp("Dr B. Desk", 6);
        let carry = |list: &mut Worklist, earlier: &[AuditEntry]| {
            list.carry_over("S1", (earlier, &review), &by).unwrap()
        };
        assert_eq!(carry(&mut list, &earlier), 2);
        assert!(list.note_run("S1", (&run("a"), None), &by).unwrap());
        // Done again, as after an interruption, nothing comes twice.
        assert_eq!(carry(&mut list, &earlier), 0);
        assert!(!list.note_run("S1", (&run("a"), None), &by).unwrap());
        assert!(!list.tells_of_another_run("S1", &run("a")).unwrap());
        assert!(list.tells_of_another_run("S1", &run("b")).unwrap());
        let told = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            let told = all.iter();
            told.map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect()
        };
        let first = [
            ("carried over", "06"),
            ("regions", "02"),
            ("case", "04"),
            ("scored", "06"),
        ];
        assert_eq!(words(&list), told(&first));
        let kept = list.review("S1").unwrap().unwrap();
        assert_eq!((kept.state, kept.draft), (ReviewState::InReview, None));
        assert_eq!(kept.reviewer, "Dr A. Reader");

        // What came there afterwards follows; another run is told as one.
        save(&mut old, FILE, "regions", 7);
        assert_eq!(carry(&mut list, &old.audit(Some(FILE)).unwrap()), 1);
        assert!(list.note_run("S1", (&run("b"), None), &by).unwrap());
        let more = [
            ("carried over", "06"),
            ("regions", "07"),
            ("scored again", "06"),
        ];
        assert_eq!(words(&list), told(&[&first[..], &more].concat()));
        let last = list.audit(Some("S1")).unwrap().pop().unwrap().change;
        assert_eq!(
            (last.before, last.after),
            (run("a").facts(), run("b").facts())
        );
        assert_eq!(list.check_audit().unwrap(), 8);
    }

    #[test]
    fn an_entry_that_was_changed_on_the_way_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut old = Worklist::open(&dir.path().join("old.sqlite")).unwrap();
        save(&mut old, FILE, "regions", 2);
        let review = old.review(FILE).unwrap().unwrap();
        let mut earlier = old.audit(Some(FILE)).unwrap();
        earlier[0].stamp.who = "Dr X".to_owned();
        let mut list = Worklist::open(&dir.path().join(WORKLIST_FILE)).unwrap();
        list.carry_over("S1", (&earlier, &review), &stamp("Dr B. Desk", 6))
            .unwrap();
        let message = list.check_audit().unwrap_err().to_string();
        assert!(message.contains("entry 2, carried over"), "{message}");
    }
}
