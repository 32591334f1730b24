//! `pantrk eval ...`: one file per subcommand, and one row in [`EvalCommand`].

mod baseline;
mod cohort;
mod compare;
mod evidence;
mod phantoms;
mod phantoms_report;
mod segmentation;
mod suites;
mod sweep;

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
  pantrk eval cohort --manifest truth.csv --results results --out evaluation
  pantrk eval compare evaluation-old evaluation --out comparison
  pantrk eval segmentation --pred found --truth truth --mpp 0.5 --out eval
  pantrk eval phantoms --quick
  pantrk eval evidence --out evidence")]
pub(crate) struct Eval {
    #[command(subcommand)]
    command: EvalCommand,
}

#[derive(Debug, Subcommand)]
enum EvalCommand {
    /// A cohort's results against sequencing and readers
    Cohort(cohort::Cohort),
    /// Two runs on the same slides, with paired tests
    Compare(compare::Compare),
    /// The literature behind the triage: pooled sensitivity, and probabilities after the stain
    Evidence(evidence::Evidence),
    /// Found nuclei beside true ones, over folders of label images or points
    Segmentation(segmentation::Segmentation),
    /// Phantom slides scored beside their truth, against bars or a baseline
    Phantoms(phantoms::Phantoms),
    /// Other thresholds, profiles and cut-offs on slides that are scored already
    Sweep(sweep::Sweep),
}

impl Eval {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            EvalCommand::Cohort(command) => command.run(),
            EvalCommand::Compare(command) => command.run(),
            EvalCommand::Evidence(command) => command.run(),
            EvalCommand::Segmentation(command) => command.run(),
            EvalCommand::Phantoms(command) => command.run(),
            EvalCommand::Sweep(command) => command.run(),
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
