//! `pantrk collect DIR`

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::output::{print, say, table};

/// Makes summary.csv, summary.parquet and the worklist out of the slides of a results folder; failed ones are listed with their error.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk collect results
  pantrk batch night.csv --out results; pantrk collect results")]
pub(crate) struct Collect {
    /// The results folder, as it was given to --out
    folder: PathBuf,
}

/// Failed slides named on the terminal; all of them are in errors.jsonl and in the summary.
const SHOWN: usize = 20;

impl Collect {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        if !self.folder.is_dir() {
            return Err(Failure::new(
                Exit::NothingRead,
                anyhow::anyhow!(
                    "there is no results folder of this name: {}",
                    self.folder.display()
                ),
            ));
        }
        let found = pantrk_store::collect(&self.folder).or_exit(Exit::SomeFailed)?;
        if found.done == 0 && found.failed.is_empty() {
            return Err(Failure::new(
                Exit::NothingRead,
                anyhow::anyhow!(
                    "no slide of this folder has been scored; pantrk batch and score write them with --out: {}",
                    self.folder.display()
                ),
            ));
        }
        for (slide, error) in found.failed.iter().take(SHOWN) {
            say(&format!("{slide}: failed: {error}"));
        }
        if let Some(more) = found.failed.len().checked_sub(SHOWN + 1) {
            say(&format!("and {} more failed; see errors.jsonl", more + 1));
        }
        for what in &found.mixed {
            say(&format!("warning: the results differ in {what}"));
        }
        let rows = [
            ("slides", "number".to_owned()),
            ("scored", found.done.to_string()),
            ("failed", found.failed.len().to_string()),
            ("unfinished", found.unfinished.len().to_string()),
        ];
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|(name, number)| vec![name.to_owned(), number])
            .collect();
        print(&table(&rows));
        for file in &found.files {
            print(&file.display().to_string());
        }
        Ok(if found.failed.is_empty() {
            Exit::Good
        } else {
            Exit::SomeFailed
        })
    }
}
