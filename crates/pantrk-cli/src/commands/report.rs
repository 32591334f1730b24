//! `pantrk report DIR/<slide-id>` and `pantrk report --cohort DIR`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pantrk_report::{
    CASE_FILE, Cohort, Paper, ReportOptions, Written, read_case, write_cohort_report, write_report,
};
use pantrk_store::SlideResult;
use pantrk_triage::{Case, IhcFinding, decide};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs;
use crate::output::{print, say, write_whole};
use crate::scoring::parameter_hash;

/// Writes report.html and report.pdf of a scored slide again, or one report of many slides; the slide itself is not needed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk report results/slide-17
  pantrk report results/slide-17 --case case-with-ngs.json --paper letter
  pantrk report --cohort results

A case file's `report` part holds what only the report shows (patient, block, lot, fixation, ...).
With --case the next step is decided again on the new facts, such as a sequencing result that has come back; the score stays as it is.")]
pub(crate) struct Report {
    /// The slide's folder
    #[arg(required_unless_present = "cohort")]
    folder: Option<PathBuf>,
    /// A folder of scored slides: one report of them all
    #[arg(long, value_name = "DIR", conflicts_with_all = ["folder", "case"])]
    cohort: Option<PathBuf>,
    /// Facts of the case (JSON) to decide the next step on again; facts that it does not name stay
    #[arg(long, value_name = "FILE.json")]
    case: Option<PathBuf>,
    /// Page size of the PDF
    #[arg(long, value_enum, default_value = "a4")]
    paper: PaperName,
    /// A typeface (TTF or OTF) for names in scripts that the PDF's own lacks; may be given more than once
    #[arg(long, value_name = "FILE")]
    font: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PaperName {
    A4,
    Letter,
}

impl Report {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let options = ReportOptions {
            paper: match self.paper {
                PaperName::A4 => Paper::A4,
                PaperName::Letter => Paper::Letter,
            },
            fonts: self.fonts()?,
            ..ReportOptions::default()
        };
        let written = match (&self.cohort, &self.folder) {
            (Some(cohort), _) => {
                let read = Cohort::read(cohort).or_exit(Exit::NothingRead)?;
                write_cohort_report(&read, cohort, &options).or_exit(Exit::SomeFailed)?
            }
            (None, Some(folder)) => self.one_slide(folder, &options)?,
            (None, None) => return Err(Failure::usage("a slide's folder or --cohort is needed")),
        };
        print_written(&written);
        Ok(Exit::Good)
    }

    fn fonts(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|e| {
                Failure::usage(format!(
                    "cannot read the typeface ({e}): {}",
                    path.display()
                ))
            })
        };
        self.font.iter().map(read).collect()
    }

    fn one_slide(&self, folder: &Path, options: &ReportOptions) -> Result<Written, Failure> {
        let mut result =
            SlideResult::read(&folder.join("result.json")).or_exit(Exit::NothingRead)?;
        if let Some(path) = &self.case {
            let before = read_case(folder, &result).or_exit(Exit::SomeFailed)?;
            let given = inputs::case(Some(path), None, None)?;
            let case = merged(&before, &given)?;
            decide_again(&mut result, &before, &case, folder)?;
        }
        write_report(&result, folder, options).or_exit(Exit::SomeFailed)
    }
}

fn print_written(written: &Written) {
    print(&written.html.display().to_string());
    match &written.pdf {
        Some(pdf) => print(&pdf.display().to_string()),
        None => say("this build was made without the feature `pdf` and writes no PDF"),
    }
}

/// `given` over `before`; the laboratory's fields likewise, one by one.
fn merged(before: &Case, given: &Case) -> Result<Case, Failure> {
    let mut all = serde_json::to_value(before).or_exit(Exit::Usage)?;
    let new = serde_json::to_value(given).or_exit(Exit::Usage)?;
    if let (Some(all), Some(new)) = (all.as_object_mut(), new.as_object()) {
        for (key, value) in new {
            match (
                all.get_mut(key).and_then(|v| v.as_object_mut()),
                value.as_object(),
            ) {
                (Some(old), Some(value)) if key == "report" => {
                    old.extend(value.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                _ => {
                    all.insert(key.clone(), value.clone());
                }
            }
        }
    }
    Case::from_json(&all.to_string()).or_exit(Exit::Usage)
}

/// The decision on the new facts, in the result and on the disk; the score is untouched.
fn decide_again(
    result: &mut SlideResult,
    before: &Case,
    case: &Case,
    folder: &Path,
) -> Result<(), Failure> {
    let facts = case.facts_alone();
    if facts != before.facts_alone() {
        let percent = result.compartments.as_ref().map(|c| c.any.positive_percent);
        let finding = IhcFinding::from_call(&result.ihc, percent, Some(result.cells.tumour));
        result.triage = decide(&facts, &finding).or_exit(Exit::Usage)?;
        let value = serde_json::to_value(&facts).or_exit(Exit::Usage)?;
        result.run.parameters.insert("case".to_owned(), value);
        result.run.parameter_hash = parameter_hash(&result.run.parameters, &result.run.model)?;
        let text = result.to_json().or_exit(Exit::SomeFailed)?;
        replace(&folder.join("result.json"), &text)?;
    }
    let text = serde_json::to_string_pretty(case).or_exit(Exit::SomeFailed)?;
    replace(&folder.join(CASE_FILE), &format!("{text}\n"))
}

fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    write_whole(path, text.as_bytes()).map_err(|e| {
        Failure::new(
            Exit::SomeFailed,
            anyhow::anyhow!("cannot write ({e}): {}", path.display()),
        )
    })
}
