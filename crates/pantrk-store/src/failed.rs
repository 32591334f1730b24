//! `<slide-id>.error.json`: why a slide could not be scored, until it has been; and `errors.jsonl`, one line for each.
//!
//! A file for each slide, because many processes may fail slides at once and no file system promises them one shared line after another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::folder::write_replaced;

/// The layout of a record.
pub const ERROR_SCHEMA: &str = "pantrk.error/1";
/// The name of the list of all failed slides in a results folder.
pub const ERRORS_FILE: &str = "errors.jsonl";
/// Ends the name of one slide's record.
pub(crate) const ERROR: &str = ".error.json";

/// Why a slide could not be scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlideFailure {
    /// [`ERROR_SCHEMA`].
    pub schema: String,
    /// The slide.
    pub slide_id: String,
    /// Its file, as given.
    pub slide_path: String,
    /// Where it failed: `inputs`, or a stage as in `result.json`'s seconds.
    pub stage: String,
    /// What went wrong and what to do, in one line.
    pub error: String,
    /// Whether the cause lies outside the slide (disk, network, memory), so that it is tried again without being asked for.
    pub retry: bool,
    /// Whether a result was written all the same, which says that it is not evaluable.
    #[serde(default)]
    pub has_result: bool,
    /// How often it has failed, this time included.
    #[serde(default)]
    pub attempts: u32,
    /// Identity of what was asked for: file, parameters and model; anything else is tried anew.
    pub request: String,
    /// The run.
    pub run_id: String,
    /// When, RFC 3339.
    pub time: String,
    /// The manifest's other columns, name and value.
    #[serde(default)]
    pub manifest_columns: Vec<(String, String)>,
}

impl SlideFailure {
    /// Puts the record of a slide into a results folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, out: &Path) -> Result<(), StoreError> {
        write_replaced(&path(out, &self.slide_id), self.line()?.as_bytes())
    }

    /// The record of a slide; `None` if there is none or it cannot be understood.
    pub fn read(out: &Path, slide_id: &str) -> Option<Self> {
        let text = fs::read_to_string(path(out, slide_id)).ok()?;
        serde_json::from_str::<Self>(&text)
            .ok()
            .filter(|failure| failure.schema == ERROR_SCHEMA && failure.slide_id == slide_id)
    }

    /// Removes the record of a slide that has been scored.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub fn clear(out: &Path, slide_id: &str) -> Result<(), StoreError> {
        let path = path(out, slide_id);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove a slide's error", &path, e))
            }
            _ => Ok(()),
        }
    }

    /// All records of a results folder, by slide id.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn all(out: &Path) -> Result<Vec<Self>, StoreError> {
        let failed = |e| StoreError::io("look through the results", out, e);
        let mut ids = Vec::new();
        for entry in fs::read_dir(out).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(ERROR)) {
                ids.push(id.to_owned());
            }
        }
        ids.sort();
        Ok(ids.iter().filter_map(|id| Self::read(out, id)).collect())
    }

    fn line(&self) -> Result<String, StoreError> {
        let mut line = serde_json::to_string(self)
            .map_err(|e| StoreError::NotSerialisable(format!("a slide's error: {e}")))?;
        line.push('\n');
        Ok(line)
    }
}

/// Writes `errors.jsonl` from the slides' records; without failed slides there is no such file.
///
/// # Errors
/// If the folder cannot be read or written.
pub fn write_errors(out: &Path) -> Result<(), StoreError> {
    let path = out.join(ERRORS_FILE);
    let lines: String = SlideFailure::all(out)?
        .iter()
        .map(SlideFailure::line)
        .collect::<Result<_, _>>()?;
    if !lines.is_empty() {
        return write_replaced(&path, lines.as_bytes());
    }
    match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove the list of errors", &path, e))
        }
        _ => Ok(()),
    }
}

fn path(out: &Path, slide_id: &str) -> PathBuf {
    out.join(format!("{slide_id}{ERROR}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(id: &str) -> SlideFailure {
        SlideFailure {
            schema: ERROR_SCHEMA.to_owned(),
            slide_id: id.to_owned(),
            slide_path: format!("{id}.svs"),
            stage: "inputs".to_owned(),
            error: "cut short: copy it again".to_owned(),
            retry: false,
            has_result: false,
            attempts: 1,
            request: "abc".to_owned(),
            run_id: "run".to_owned(),
            time: "2026-01-01T00:00:00Z".to_owned(),
            manifest_columns: vec![("site".to_owned(), "A".to_owned())],
        }
    }

    #[test]
    fn one_line_for_each_failed_slide_and_none_for_those_that_were_scored_since() {
        let out = tempfile::tempdir().unwrap();
        let list = out.path().join(ERRORS_FILE);
        for id in ["b", "a", "b"] {
            failure(id).write(out.path()).unwrap();
        }
        write_errors(out.path()).unwrap();
        let text = fs::read_to_string(&list).unwrap();
        let ids: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<SlideFailure>(line).unwrap().slide_id)
            .collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(SlideFailure::read(out.path(), "a"), Some(failure("a")));
        SlideFailure::clear(out.path(), "a").unwrap();
        SlideFailure::clear(out.path(), "a").unwrap();
        SlideFailure::clear(out.path(), "b").unwrap();
        write_errors(out.path()).unwrap();
        assert!(!list.exists());
    }
}
