//! `pantrk eval compare A B --out DIR`

use std::path::PathBuf;

use clap::Args;
use pantrk_eval::cohort::Truth;
use pantrk_eval::compare::{Comparison, compare_report, read_run};

use super::cohort::Options;
use crate::failure::{Exit, Failure, OrExit as _};

/// Compares two runs on the same slides by paired tests, and lists what changed.
///
/// A and B are folders of results, or folders that `eval cohort` wrote; those carry their truth.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk eval compare evaluation-a evaluation-b --out comparison
  pantrk eval compare results-old results-new --manifest truth.csv --out comparison")]
pub(crate) struct Compare {
    /// The run to compare with
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The run that may be better or worse
    #[arg(value_name = "B")]
    second: PathBuf,
    /// The truth, as for `eval cohort`
    #[arg(long, value_name = "TRUTH.csv")]
    manifest: Option<PathBuf>,
    /// The folder to write into
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    options: Options,
}

impl Compare {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let truth = self.manifest.as_deref().map(Truth::read);
        let truth = truth.transpose().or_exit(Exit::Usage)?;
        let first = read_run(&self.first).or_exit(Exit::NothingRead)?;
        let second = read_run(&self.second).or_exit(Exit::NothingRead)?;
        let some_broken = !(first.results.broken.is_empty() && second.results.broken.is_empty());
        let settings = self.options.settings();
        let comparison = Comparison::join(first, second, truth, settings).or_exit(Exit::Usage)?;
        let mut inputs = vec![
            ("A".to_owned(), self.first.display().to_string()),
            ("B".to_owned(), self.second.display().to_string()),
        ];
        if let Some(path) = &self.manifest {
            inputs.push(("truth".to_owned(), path.display().to_string()));
        }
        let report = compare_report(&comparison, inputs);
        super::finish(&report, &self.out)?;
        Ok(if some_broken {
            Exit::SomeFailed
        } else {
            Exit::Good
        })
    }
}
