//! `pantrk view [PATH...]`

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Exit, Failure, OrExit as _};

/// Opens the viewer on slides or result folders.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk view slide.svs
  pantrk view results")]
pub(crate) struct View {
    /// Slides, result folders, or folders of them
    paths: Vec<PathBuf>,
}

impl View {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        // Looked at first: a name that is not there is no fault of the display.
        if let Some(missing) = self.paths.iter().find(|path| !path.exists()) {
            return Err(Failure::new(
                Exit::NothingRead,
                anyhow::anyhow!(
                    "there is no slide and no folder of this name: {}",
                    missing.display()
                ),
            ));
        }
        pantrk_viewer::run(&self.paths).or_exit(Exit::Preflight)?;
        Ok(Exit::Good)
    }
}
