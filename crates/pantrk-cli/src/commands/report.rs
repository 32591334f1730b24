//! `pantrk report DIR/<slide-id>`

use std::path::PathBuf;

use clap::Args;
use pantrk_report::{ReportOptions, write_report};
use pantrk_store::SlideResult;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::output::print;

/// Writes report.html of a scored slide again, from its result.json and pictures.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk report results/slide-17
  pantrk report pantrk-demo/demo")]
pub(crate) struct Report {
    /// The slide's folder
    folder: PathBuf,
}

impl Report {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let result =
            SlideResult::read(&self.folder.join("result.json")).or_exit(Exit::NothingRead)?;
        let path = write_report(&result, &self.folder, &ReportOptions::default())
            .or_exit(Exit::SomeFailed)?;
        print(&path.display().to_string());
        Ok(Exit::Good)
    }
}
