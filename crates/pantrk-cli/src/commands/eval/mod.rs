//! `pantrk eval ...`: one file per subcommand, and one row in [`EvalCommand`].

mod evidence;

use std::path::Path;

use clap::{Args, Subcommand};
use pantrk_eval::output::Report;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::output::print;

/// Compares results with truth and says what is better or worse, with intervals.
///
/// Each evaluation writes eval.html, eval.json and tables/*.csv into its --out folder and prints a short table.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk eval evidence --out evidence
  pantrk eval evidence --clone A7H6R --out a7h6r")]
pub(crate) struct Eval {
    #[command(subcommand)]
    command: EvalCommand,
}

#[derive(Debug, Subcommand)]
enum EvalCommand {
    /// The literature behind the triage: pooled sensitivity, and probabilities after the stain
    Evidence(evidence::Evidence),
}

impl Eval {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            EvalCommand::Evidence(command) => command.run(),
        }
    }
}

/// Writes an evaluation into `out` and prints its short text and where the page is.
fn finish(report: &Report, out: &Path) -> Result<(), Failure> {
    let page = report.write(out).or_exit(Exit::SomeFailed)?;
    print(&report.to_text());
    print(&page.display().to_string());
    Ok(())
}
