//! One table out of the finished slides of a results folder: `summary.csv`, `summary.parquet`, and the rows of the worklist.
//!
//! **Architecture invariant:** the summary holds no times, threads or memory, so the same results give the same bytes wherever and however often they were made.

mod columns;
mod write;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::claim::is_claimed;
use crate::failed::{ERROR, SlideFailure, write_errors};
use crate::folder::{is_passing, read_manifest_columns, sweep};
use crate::worklist::{SlideState, WORKLIST_FILE, Worklist, WorklistSlide};
use crate::{SlideResult, StoreError};

use columns::table;
use write::{write_csv, write_parquet};

/// The layout of `summary.parquet`, under `pantrk.schema`.
pub const SUMMARY_SCHEMA: &str = "pantrk.summary/1";

/// A slide as a results folder tells of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) slide_id: String,
    pub(crate) result: Option<Box<SlideResult>>,
    pub(crate) failure: Option<SlideFailure>,
    /// The result is there and cannot be read.
    pub(crate) broken: Option<String>,
    pub(crate) manifest_columns: Vec<(String, String)>,
}

impl Entry {
    pub(crate) fn state(&self) -> SlideState {
        if self.failure.is_some() || self.result.is_none() {
            SlideState::Failed
        } else {
            SlideState::Done
        }
    }

    pub(crate) fn error(&self) -> Option<&str> {
        let failure = self.failure.as_ref().map(|failure| failure.error.as_str());
        failure.or(self.broken.as_deref())
    }

    fn read(out: &Path, slide_id: &str) -> Self {
        let folder = out.join(slide_id);
        let failure = SlideFailure::read(out, slide_id);
        // The result of other parameters than those that failed is void.
        let void = failure.as_ref().is_some_and(|failure| !failure.has_result);
        let read = (!void && folder.is_dir()).then(|| {
            SlideResult::read(&folder.join("result.json")).map(|mut result| {
                // The folder's name is what is unique here, also where somebody has given it another.
                slide_id.clone_into(&mut result.slide.id);
                Box::new(result)
            })
        });
        let (result, broken) = match read {
            None => (None, None),
            Some(Ok(result)) => (Some(result), None),
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let manifest_columns = match &failure {
            Some(failure) => failure.manifest_columns.clone(),
            None => read_manifest_columns(&folder),
        };
        Self {
            slide_id: slide_id.to_owned(),
            result,
            failure,
            broken,
            manifest_columns,
        }
    }

    fn worklist_slide(&self) -> WorklistSlide {
        let mut slide = match (&self.result, &self.failure) {
            (Some(result), _) => WorklistSlide::done(result),
            (None, Some(failure)) => WorklistSlide::waiting(&self.slide_id, &failure.slide_path),
            (None, None) => WorklistSlide::waiting(&self.slide_id, ""),
        };
        slide.state = self.state();
        slide.error = self.error().map(str::to_owned);
        slide.manifest_columns.clone_from(&self.manifest_columns);
        slide
    }
}

/// What [`collect`] found.
#[derive(Debug)]
pub struct Collected {
    /// Slides with a result.
    pub done: usize,
    /// Slides without, or with one that says that nothing of them could be read: id and error.
    pub failed: Vec<(String, String)>,
    /// Slides that are being scored now, or were left in the middle.
    pub unfinished: Vec<String>,
    /// The versions, models and parameters that the results differ in, where they do.
    pub mixed: Vec<String>,
    /// The files that were written.
    pub files: Vec<PathBuf>,
}

/// Makes `summary.csv`, `summary.parquet`, `errors.jsonl` and the worklist out of the slides of a results folder.
///
/// Each file is replaced as a whole; the worklist in one transaction, so that readers and what people added to it are not disturbed.
///
/// # Errors
/// If the folder cannot be read or written. A slide that cannot be read is listed as failed.
pub fn collect(out: &Path) -> Result<Collected, StoreError> {
    sweep(out);
    let Names {
        entries,
        unfinished,
    } = names(out)?;
    let entries: Vec<Entry> = entries
        .into_iter()
        .collect::<Vec<_>>()
        .par_iter()
        .map(|id| Entry::read(out, id))
        .collect();
    let failed: Vec<(String, String)> = entries
        .iter()
        .filter_map(|entry| Some((entry.slide_id.clone(), entry.error()?.to_owned())))
        .collect();
    let mut files = Vec::new();
    if !entries.is_empty() {
        let columns = table(&entries);
        let csv = out.join("summary.csv");
        write_csv(&csv, &columns, &entries)?;
        let parquet = out.join("summary.parquet");
        write_parquet(&parquet, &columns, &entries)?;
        files.extend([csv, parquet]);
    }
    write_errors(out)?;
    let list = out.join(WORKLIST_FILE);
    if !entries.is_empty() || list.exists() {
        update_worklist(out, &list, &entries)?;
        files.push(list);
    }
    Ok(Collected {
        done: entries.len() - failed.len(),
        failed,
        unfinished,
        mixed: mixed(&entries),
        files,
    })
}

/// The slides of a results folder, by what their names say.
struct Names {
    entries: BTreeSet<String>,
    unfinished: Vec<String>,
}

fn names(out: &Path) -> Result<Names, StoreError> {
    let failed = |e| StoreError::io("look through the results", out, e);
    let mut entries = BTreeSet::new();
    let mut partial = BTreeSet::new();
    for entry in fs::read_dir(out).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if let Some(id) = name.strip_suffix(ERROR) {
            entries.insert(id.to_owned());
        } else if let Some(id) = is_passing(name) {
            partial.insert(id.to_owned());
        } else if entry.path().join("result.json").is_file() {
            entries.insert(name.to_owned());
        }
    }
    let unfinished = partial.difference(&entries).cloned().collect();
    Ok(Names {
        entries,
        unfinished,
    })
}

/// Rows of slides that are there are written; rows of slides that are not any more wait again.
fn update_worklist(out: &Path, path: &Path, entries: &[Entry]) -> Result<(), StoreError> {
    let mut list = Worklist::open(path)?;
    let mut rows: Vec<WorklistSlide> = entries.iter().map(Entry::worklist_slide).collect();
    let known: BTreeSet<&str> = entries.iter().map(|e| e.slide_id.as_str()).collect();
    for old in list.slides()? {
        let id = old.slide_id.as_str();
        if known.contains(id) || (old.state == SlideState::Running && is_claimed(out, id)?) {
            continue;
        }
        rows.push(WorklistSlide {
            tumour_type: old.tumour_type,
            antibody_clone: old.antibody_clone,
            manifest_columns: old.manifest_columns,
            ..WorklistSlide::waiting(id, old.slide_path)
        });
    }
    list.put(&rows)
}

/// What should be one through a cohort, and is not.
fn mixed(entries: &[Entry]) -> Vec<String> {
    type Of<'a> = Box<dyn Fn(&SlideResult) -> String + 'a>;
    let results: Vec<&SlideResult> = entries.iter().filter_map(|e| e.result.as_deref()).collect();
    let parameter = |result: &SlideResult, key: &str| {
        let value = result.run.parameters.get(key);
        value.map_or_else(|| "none".to_owned(), ToString::to_string)
    };
    let checks: [(&str, Of<'_>); 6] = [
        ("program versions", Box::new(|r| r.run.version.clone())),
        (
            "models",
            Box::new(|r| {
                let model = &r.run.model;
                let hash = model.sha256.as_deref().and_then(|hash| hash.get(..12));
                format!("{} {} {}", model.name, model.version, hash.unwrap_or(""))
                    .trim_end()
                    .to_owned()
            }),
        ),
        ("profiles", Box::new(|r| r.ihc.profile.clone())),
        ("thresholds", Box::new(|r| parameter(r, "thresholds"))),
        ("stain sources", Box::new(|r| r.stain.source.clone())),
        (
            "evidence tables",
            Box::new(|r| r.triage.table_version.clone()),
        ),
    ];
    checks
        .iter()
        .filter_map(|(what, of)| {
            let found: BTreeSet<String> = results.iter().map(|result| of(result)).collect();
            (found.len() > 1).then(|| {
                let found: Vec<String> = found.into_iter().collect();
                format!("{what}: {}", found.join(" | "))
            })
        })
        .collect()
}
