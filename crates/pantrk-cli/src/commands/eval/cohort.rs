//! `pantrk eval cohort --manifest TRUTH.csv --results DIR --out DIR`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pantrk_eval::cohort::{
    Cohort as Joined, CohortSettings, Indeterminate, Truth, cohort_report, read_results,
};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::output::say;

/// Compares the results of a cohort with sequencing and with readers.
#[derive(Debug, Args)]
#[command(
    after_help = "Columns of TRUTH.csv: slide_id, the name of the slide's folder in --results, and any of
  a reading: ihc_result, ihc_percent, h_score, reader, modality (glass, digital), read_date
  the slide: ngs_result, ngs_gene, ngs_partner, tumour_type, clone, site, others for --by
A slide may stand on several rows, one per reader.

Examples:
  pantrk eval cohort --manifest truth.csv --results results --out evaluation
  pantrk eval cohort --manifest truth.csv --results results --prevalence 0.003 --prevalence 0.02 --by scanner --out evaluation"
)]
pub(crate) struct Cohort {
    /// The truth, CSV or TSV
    #[arg(long, value_name = "TRUTH.csv")]
    manifest: PathBuf,
    /// The folder that holds a folder per scored slide
    #[arg(long, value_name = "DIR")]
    results: PathBuf,
    /// The folder to write into
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    options: Options,
    /// A prevalence of fusions, 0 to 1, at which tests saved and fusions missed are told; may be given again; those of the evidence tables if not given
    #[arg(long = "prevalence", value_name = "P", value_parser = parse_probability)]
    prevalences: Vec<f64>,
    /// A further column of the truth to make subgroups by; may be given again
    #[arg(long = "by", value_name = "COLUMN")]
    by: Vec<String>,
}

/// What `cohort` and `compare` share.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What an indeterminate call counts as where one figure is shown; all ways are in the tables
    #[arg(long, value_enum, default_value = "positive")]
    indeterminate: CountsAs,
    /// Everything random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CountsAs {
    Positive,
    Negative,
    LeftOut,
}

impl Options {
    pub(super) fn settings(&self) -> CohortSettings {
        CohortSettings {
            indeterminate: match self.indeterminate {
                CountsAs::Positive => Indeterminate::Positive,
                CountsAs::Negative => Indeterminate::Negative,
                CountsAs::LeftOut => Indeterminate::LeftOut,
            },
            seed: self.seed,
            ..CohortSettings::default()
        }
    }
}

fn parse_probability(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|p| *p > 0.0 && *p < 1.0)
        .ok_or_else(|| "wanted a probability above 0 and below 1, such as 0.003".to_owned())
}

impl Cohort {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let truth = Truth::read(&self.manifest).or_exit(Exit::Usage)?;
        let results = read_results(&self.results).or_exit(Exit::NothingRead)?;
        let settings = CohortSettings {
            prevalences: self.prevalences.clone(),
            by: self.by.clone(),
            ..self.options.settings()
        };
        let cohort = Joined::join(truth, results, settings).or_exit(Exit::Usage)?;
        let inputs = [("truth", &self.manifest), ("results", &self.results)];
        let inputs = inputs.map(|(name, path)| (name.to_owned(), path.display().to_string()));
        let report = cohort_report(&cohort, inputs.to_vec()).or_exit(Exit::SomeFailed)?;
        super::finish(&report, &self.out)?;
        for why in &cohort.broken {
            say(&format!("pantrk: not read: {why}"));
        }
        Ok(if cohort.broken.is_empty() {
            Exit::Good
        } else {
            Exit::SomeFailed
        })
    }
}
