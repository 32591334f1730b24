//! `pantrk view [PATH...]`

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser};
use pantrk_slide::is_address;
use pantrk_viewer::ViewerOptions;

use crate::desk::DeskScorer;
use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::ScoreOptions;

/// Opens the viewer on slides or result folders.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk view slide.svs
  pantrk view results

Without a path the slides of the last time are opened again.")]
pub(crate) struct View {
    /// Slides, result folders, or folders of them
    paths: Vec<PathBuf>,
    /// Where slides that are scored from the worklist get their results; `pantrk-results` beside the slide by default
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What finds nuclei in slides that are scored from the worklist: `nucleus`, `watershed`, or a folder with model.toml
    #[arg(long, default_value = "nucleus", value_name = "NAME|DIR")]
    model: String,
    /// Pan and zoom along a fixed way, save a picture of the window, and end
    #[arg(long, value_name = "FILE.png")]
    screenshot: Option<PathBuf>,
}

/// The options of `pantrk score` as they are when none is given.
#[derive(Debug, Parser)]
struct Usual {
    #[command(flatten)]
    options: ScoreOptions,
}

impl View {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        // Looked at first: a name that is not there is no fault of the display.
        if let Some(missing) = self
            .paths
            .iter()
            .find(|path| !path.exists() && !is_address(path))
        {
            return Err(Failure::new(
                Exit::NothingRead,
                anyhow::anyhow!(
                    "there is no slide and no folder of this name: {}",
                    missing.display()
                ),
            ));
        }
        let usual = Usual::try_parse_from(["pantrk"]).or_exit(Exit::Usage)?;
        let options = ScoreOptions {
            model: self.model.clone(),
            ..usual.options
        };
        let viewer = ViewerOptions {
            paths: self.paths.clone(),
            scorer: Some(Arc::new(DeskScorer::new(options, self.out.clone()))),
            screenshot: self.screenshot.clone(),
        };
        pantrk_viewer::run(viewer).or_exit(Exit::Preflight)?;
        Ok(Exit::Good)
    }
}
