//! `pantrk eval evidence --out DIR`

use std::path::PathBuf;

use clap::Args;
use pantrk_eval::evidence::evidence_report;

use crate::failure::{Exit, Failure, OrExit as _};

/// Shows the literature that the triage rests on, worked out anew from the evidence tables.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk eval evidence --out evidence
  pantrk eval evidence --clone A7H6R --out a7h6r")]
pub(crate) struct Evidence {
    /// The antibody clone whose figures are used
    #[arg(long, default_value = "EPR17341")]
    clone: String,
    /// The folder to write into
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Evidence {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let report = evidence_report(&self.clone).or_exit(Exit::Usage)?;
        super::finish(&report, &self.out)?;
        Ok(Exit::Good)
    }
}
