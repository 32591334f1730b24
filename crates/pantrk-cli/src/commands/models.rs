//! `pantrk models list|check FILE`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pantrk_core::segment::heads::{HEADS, fitting_heads};
use pantrk_nn::{Model, ModelReport, Trial, check_onnx, runtimes};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::RunArgs;
use crate::output::{print, table};

/// Lists the models on board, or says whether an ONNX file loads, what it takes and gives, and which head fits.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk models list
  pantrk models check my-network.onnx --patch 256")]
pub(crate) struct Models {
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// The models on board
    #[command(after_help = "Examples:
  pantrk models list
  pantrk models list | cut -d' ' -f1")]
    List,
    /// Does this ONNX file load, and what are its input, output and head; ends with 4 where it cannot be used
    #[command(after_help = "Examples:
  pantrk models check my-network.onnx
  pantrk models check my-network.onnx --patch 512 --runtime ort")]
    Check {
        /// The ONNX file
        file: PathBuf,
        /// Pixels a side where the file leaves the size free
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=4096))]
        patch: u32,
        #[command(flatten)]
        run: RunArgs,
    },
}

impl Models {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            ModelsCommand::List => list(),
            ModelsCommand::Check { file, patch, run } => {
                let run = run.run()?;
                let runtimes = runtimes(run.runtime, run.device).or_exit(Exit::Preflight)?;
                // The first that takes it runs it; where none does, the last takes the most networks and says what is wrong.
                let mut exit = Exit::Preflight;
                let mut said = String::new();
                for runtime in &runtimes {
                    let report = check_onnx(file, *patch, &**runtime).or_exit(Exit::NothingRead)?;
                    let usable;
                    (said, usable) = words(&report);
                    if usable {
                        exit = Exit::Good;
                    }
                    if report.trial.is_ok() {
                        break;
                    }
                }
                print(&said);
                Ok(exit)
            }
        }
    }
}

fn list() -> Result<Exit, Failure> {
    let manifest = Model::embedded_manifest().or_exit(Exit::Preflight)?;
    let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    let patch = format!(
        "{} px at {} um",
        manifest.input.patch,
        manifest.input.mpp.get()
    );
    print(&table(&[
        row(["name", "version", "licence", "input", "head"]),
        row([
            &manifest.name,
            &manifest.version,
            &manifest.licence,
            &patch,
            &manifest.head.kind,
        ]),
        row([
            "watershed",
            env!("CARGO_PKG_VERSION"),
            "MIT OR Apache-2.0",
            "any size at 0.5 um",
            "-",
        ]),
    ]));
    let heads: Vec<_> = HEADS.iter().map(|h| h.kind).collect();
    print(&format!("heads: {}", heads.join(", ")));
    Ok(Exit::Good)
}

/// What is said of a file, and whether it can be used.
fn words(report: &ModelReport) -> (String, bool) {
    let mut lines = vec![
        format!("{}", report.path.display()),
        format!("sha256   {} ({} bytes)", report.sha256, report.bytes),
        format!(
            "opset    {}, written by {}",
            report
                .opset
                .map_or_else(|| "unknown".to_owned(), |v| v.to_string()),
            if report.producer.is_empty() {
                "an unnamed program"
            } else {
                &report.producer
            }
        ),
    ];
    lines.extend(report.inputs.iter().map(|t| format!("input    {t}")));
    lines.extend(report.outputs.iter().map(|t| format!("output   {t}")));
    let usable = match &report.trial {
        Ok(trial) => {
            lines.push(format!(
                "runs     in {} on {:?}",
                trial.runtime, trial.input_shape
            ));
            let (more, usable) = fits(report, trial);
            lines.extend(more);
            usable
        }
        Err(error) => {
            lines.push(format!("runs     not here: {error}"));
            false
        }
    };
    (lines.join("\n"), usable)
}

/// What of the network fits, and what does not; the last line says whether it can be used, and so does the second value.
fn fits(report: &ModelReport, trial: &Trial) -> (Vec<String>, bool) {
    let mut lines = Vec::new();
    let mut usable = true;
    let mut say = |fits: bool, text: String| {
        usable &= fits;
        let word = if fits { "fits    " } else { "does not" };
        lines.push(format!("{word} {text}"));
    };
    match trial.input_channels() {
        3 => say(true, "3 input channels: channels = \"rgb\"".to_owned()),
        1 => say(
            true,
            "1 input channel: channels = \"gray\" or \"hematoxylin\"".to_owned(),
        ),
        n => say(false, format!("fit: {n} input channels, wanted 1 or 3")),
    }
    if !trial.finite {
        let text = "fit: it gives numbers that are not finite on a grey picture";
        say(false, text.to_owned());
    }
    // The first so many outputs that a head takes together.
    let mut heads = Vec::new();
    let mut channels = 0;
    let stride = trial.output_stride(0);
    for (index, output) in report.outputs.iter().enumerate() {
        let (Some(n), Some(of)) = (trial.output_channels(index), trial.output_stride(index)) else {
            let shape = trial.output_shapes.get(index);
            let found = match shape.map(Vec::as_slice) {
                None | Some([]) => "no array of 32-bit floats".to_owned(),
                Some(shape) => format!("of shape {shape:?}"),
            };
            let text = format!(
                "fit: output {} is {found}, wanted a map of the whole picture, [1, channels, rows, columns]",
                output.name
            );
            say(false, text);
            continue;
        };
        let plural = if n == 1 { "" } else { "s" };
        say(
            true,
            format!("output {}: {n} channel{plural} at stride {of}", output.name),
        );
        channels += n;
        let found: Vec<_> = fitting_heads(channels, of).collect();
        if Some(of) == stride && !found.is_empty() {
            heads = found;
        }
    }
    if heads.is_empty() {
        let known: Vec<String> = HEADS
            .iter()
            .map(|h| format!("{} ({} channels: {})", h.kind, h.channels, h.maps))
            .collect();
        let text = format!(
            "fit: no head on board takes such outputs; there are {}",
            known.join("; ")
        );
        say(false, text);
    }
    for head in &heads {
        say(true, format!("head = \"{}\": {}", head.kind, head.maps));
    }
    lines.push(if usable {
        "so       it can be used: describe it in a model.toml beside it, with its scaling and pixel size, and give the folder as --model".to_owned()
    } else {
        "so       it cannot be used as it is".to_owned()
    });
    (lines, usable)
}
