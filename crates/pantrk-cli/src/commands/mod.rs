//! The commands, one file each; a new one is one file and one row in [`Command`].

pub(crate) mod batch;
mod collect;
mod demo;
mod doctor;
mod eval;
mod info;
mod models;
mod phantom;
mod region;
mod regions;
mod report;
mod score;
mod segment;
mod triage;
#[cfg(feature = "viewer")]
mod view;

use clap::{Parser, Subcommand};

use crate::failure::{Exit, Failure};

/// Scores pan-TRK immunohistochemistry on whole-slide images and says what to do next about NTRK fusion testing.
///
/// Decision support for research use: it flags, explains and cites; a pathologist decides.
#[derive(Debug, Parser)]
#[command(name = "pantrk", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a phantom slide with known truth, score it, and show the score beside the truth
    Demo(demo::Demo),
    /// Score one slide into DIR/<slide-id>/
    Score(score::Score),
    /// Score every slide of a manifest; resumable, and shared by as many processes as there are
    ///
    /// The manifest is a CSV or TSV with a column `slide_path` and, as wanted, `slide_id`, `mpp`, `tumour_type`, `clone`, `regions` and `case`, which override the flags; paths are relative to the manifest (a slide may also be an address, https:// or s3://, in builds with the feature `cloud`), and other columns go into the summary.
    ///
    /// Started again it goes on where it was: what is done for the same slide, parameters and model is skipped, and a slide that was interrupted continues with its next patch. Several processes, on one machine or many, may share a manifest and an output folder: none does a slide twice. What fails is listed in DIR/errors.jsonl and stops nothing else.
    ///
    /// Exit codes: 0 all good; 1 some slides failed; 2 usage; 3 nothing could be read; 4 model or device cannot be used; 130 interrupted.
    Batch(batch::Batch),
    /// Make one table and the worklist out of scored slides
    Collect(collect::Collect),
    /// Open the viewer on slides or result folders
    #[cfg(feature = "viewer")]
    View(view::View),
    /// Decide what to do next from facts alone, without a slide
    Triage(triage::Triage),
    /// Write the report of a scored slide again
    Report(report::Report),
    /// Compare results with truth, with intervals
    Eval(eval::Eval),
    /// Show a slide's format, levels, pixel size, properties and associated images
    Info(info::Info),
    /// Cut a region of pixels out of a slide
    Region(region::Region),
    /// Train a classifier of regions with a few strokes, or see what it makes of a slide
    Regions(regions::Regions),
    /// Find the nuclei of a plain image
    Segment(segment::Segment),
    /// Make phantom slides, fields and cohorts with exact truth
    Phantom(phantom::Phantom),
    /// List the models on board, or check an ONNX file
    Models(models::Models),
    /// Check the machine before a long run
    Doctor(doctor::Doctor),
}

impl Cli {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            Command::Demo(command) => command.run(),
            Command::Score(command) => command.run(),
            Command::Batch(command) => command.run(),
            Command::Collect(command) => command.run(),
            #[cfg(feature = "viewer")]
            Command::View(command) => command.run(),
            Command::Triage(command) => command.run(),
            Command::Report(command) => command.run(),
            Command::Eval(command) => command.run(),
            Command::Info(command) => command.run(),
            Command::Region(command) => command.run(),
            Command::Regions(command) => command.run(),
            Command::Segment(command) => command.run(),
            Command::Phantom(command) => command.run(),
            Command::Models(command) => command.run(),
            Command::Doctor(command) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound_and_each_help_shows_two_examples() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        let nested: Vec<_> = cli
            .get_subcommands()
            .filter(|c| c.get_name() != "help")
            .flat_map(|c| c.get_subcommands().cloned())
            .collect();
        let all = cli.get_subcommands().cloned().chain(nested);
        for mut command in all.filter(|c| c.get_name() != "help") {
            let help = command.render_long_help().to_string();
            let examples = help.matches("  pantrk ").count();
            assert!(
                examples >= 2,
                "{} shows {examples} examples",
                command.get_name()
            );
        }
    }
}
