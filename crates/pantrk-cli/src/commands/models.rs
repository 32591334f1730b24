//! `pantrk models list|check FILE`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pantrk_core::segment::heads::{HEADS, fitting_heads};
use pantrk_nn::{Model, ModelReport, Tract, check_onnx};

use crate::failure::{Exit, Failure, OrExit as _};
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
    /// Does this ONNX file load, and what are its input, output and head
    #[command(after_help = "Examples:
  pantrk models check my-network.onnx
  pantrk models check my-network.onnx --patch 512")]
    Check {
        /// The ONNX file
        file: PathBuf,
        /// Pixels a side where the file leaves the size free
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=4096))]
        patch: u32,
    },
}

impl Models {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            ModelsCommand::List => list(),
            ModelsCommand::Check { file, patch } => {
                let report = check_onnx(file, *patch, &Tract).or_exit(Exit::NothingRead)?;
                print(&words(&report));
                Ok(if report.trial.is_ok() {
                    Exit::Good
                } else {
                    Exit::Preflight
                })
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

fn words(report: &ModelReport) -> String {
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
    match &report.trial {
        Ok(trial) => {
            lines.push(format!(
                "runs     in {} on {:?}",
                trial.runtime, trial.input_shape
            ));
            if !trial.finite {
                lines.push("         but gives numbers that are not finite".to_owned());
            }
            let heads: Vec<_> = trial
                .output_channels(0)
                .into_iter()
                .flat_map(fitting_heads)
                .map(|h| h.kind)
                .collect();
            lines.push(if heads.is_empty() {
                "head     none on board takes such an output".to_owned()
            } else {
                format!(
                    "head     {} could take its output; say so in model.toml",
                    heads.join(" or ")
                )
            });
        }
        Err(error) => lines.push(format!("runs     not here: {error}")),
    }
    lines.join("\n")
}
