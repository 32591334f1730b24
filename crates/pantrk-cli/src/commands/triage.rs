//! `pantrk triage --tumour-type T --ihc RESULT ...`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pantrk_core::score::{Extent, IhcResult, Intensity, ScoringTable};
use pantrk_triage::{IhcFinding, TumourTypes, decide};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs;
use crate::output::{print, table};

/// Decides what to do next from facts alone, without a slide.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk triage --tumour-type \"secretory carcinoma of the breast\" --ihc negative
  pantrk triage --case case.json --ihc positive --intensity strong --extent diffuse --json")]
pub(crate) struct Triage {
    /// Tumour type: name, synonym or OncoTree code
    #[arg(long, value_name = "TYPE")]
    tumour_type: Option<String>,
    /// What the pan-TRK stain shows
    #[arg(
        long,
        value_enum,
        required_unless_present = "list_types",
        default_value_if("list_types", "true", "negative")
    )]
    ihc: Ihc,
    /// List the tumour types that are known, and nothing else
    #[arg(long)]
    list_types: bool,
    /// How strong the positive cells are
    #[arg(long, value_enum)]
    intensity: Option<Strength>,
    /// How much of the tumour stains
    #[arg(long, value_enum)]
    extent: Option<HowMuch>,
    /// Positive tumour cells, percent
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    percent: Option<f64>,
    /// Antibody clone, such as EPR17341
    #[arg(long)]
    clone: Option<String>,
    /// Age in years
    #[arg(long, value_name = "YEARS", allow_negative_numbers = true)]
    age: Option<f64>,
    /// Further facts of the case (JSON)
    #[arg(long, value_name = "FILE.json")]
    case: Option<PathBuf>,
    /// As JSON, as it stands in result.json
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ihc {
    Positive,
    Indeterminate,
    Negative,
    NotEvaluable,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Strength {
    Weak,
    Moderate,
    Strong,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HowMuch {
    Diffuse,
    Focal,
    Scattered,
    None,
}

impl Triage {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        if self.list_types {
            return list_types();
        }
        let mut case = inputs::case(
            self.case.as_deref(),
            self.tumour_type.as_deref(),
            self.clone.as_deref(),
        )?;
        if self.age.is_some() {
            case.age_years = self.age;
        }
        if let Some(percent) = self.percent
            && !(0.0..=100.0).contains(&percent)
        {
            return Err(Failure::usage(format!(
                "--percent takes 0 to 100, found {percent}"
            )));
        }
        self.check_agreement()?;
        let mut finding = IhcFinding::new(match self.ihc {
            Ihc::Positive => IhcResult::Positive,
            Ihc::Indeterminate => IhcResult::Indeterminate,
            Ihc::Negative => IhcResult::Negative,
            Ihc::NotEvaluable => IhcResult::NotEvaluable,
        });
        finding.percent = self.percent;
        finding.intensity = self.intensity.map(|s| match s {
            Strength::Weak => Intensity::Weak,
            Strength::Moderate => Intensity::Moderate,
            Strength::Strong => Intensity::Strong,
        });
        finding.extent = self.extent.map(|e| match e {
            HowMuch::Diffuse => Extent::Diffuse,
            HowMuch::Focal => Extent::Focal,
            HowMuch::Scattered => Extent::Scattered,
            HowMuch::None => Extent::None,
        });
        let triage = decide(&case, &finding).or_exit(Exit::Usage)?;
        if self.json {
            print(&serde_json::to_string_pretty(&triage).or_exit(Exit::SomeFailed)?);
        } else {
            print(&triage.to_string());
        }
        Ok(Exit::Good)
    }

    /// A negative stain has no strength or extent, and no percent at the cut-off.
    fn check_agreement(&self) -> Result<(), Failure> {
        if !matches!(self.ihc, Ihc::Negative) {
            return Ok(());
        }
        let cutoff = ScoringTable::embedded().any_cutoff_percent();
        let contradiction = if self.intensity.is_some() {
            Some("--intensity".to_owned())
        } else if matches!(&self.extent, Some(extent) if !matches!(extent, HowMuch::None)) {
            Some("--extent".to_owned())
        } else {
            let percent = self.percent.filter(|&p| p >= cutoff);
            percent.map(|p| format!("--percent {p}"))
        };
        match contradiction {
            Some(option) => Err(Failure::usage(format!(
                "--ihc negative and {option} contradict each other; leave one of them out"
            ))),
            None => Ok(()),
        }
    }
}

fn list_types() -> Result<Exit, Failure> {
    let types = TumourTypes::embedded().or_exit(Exit::Usage)?;
    let mut rows = vec![["id", "name", "OncoTree"].map(str::to_owned).to_vec()];
    rows.extend(types.iter().map(|t| {
        let code = t.oncotree.clone().unwrap_or_default();
        vec![t.id.clone(), t.name.clone(), code]
    }));
    print(&table(&rows));
    Ok(Exit::Good)
}
