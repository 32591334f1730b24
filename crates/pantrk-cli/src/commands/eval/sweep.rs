//! `pantrk eval sweep --results DIR --out DIR`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pantrk_core::score::profiles::PROFILES;
use pantrk_core::score::{IhcResult, ScoringTable, Thresholds};
use pantrk_eval::cohort::{Truth, TruthSlide};
use pantrk_eval::sweep::{Grid, ScoredSlide, SweepFacts, find_slides, sweep, sweep_report};
use pantrk_report::ReportOptions;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::{self, ScoreOptions};
use crate::manifest;
use crate::output::say;
use crate::progress::{Log, Reporter};
use crate::scoring::{self, Engine, HEARTBEAT, Job, Scored};

/// Tries other thresholds, profiles and cut-offs on slides that are scored already.
///
/// Grades and calls are worked out anew from the optical densities in cells.parquet: no slide is opened and nothing is inferred.
/// Another model or another reach of cells changes what is measured: with --slides the slides are scored anew for each, into OUT/scored, and a second run takes up what is there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk eval sweep --results results --out sweep
  pantrk eval sweep --results results --truth truth.csv --first-threshold 0.10:0.30:0.02 --out sweep
  pantrk eval sweep --slides manifest.csv --model nucleus --model watershed --expansion 3,5,8 --out sweep
  pantrk eval sweep --results results --thresholds 0.2,0.4,0.6 --thresholds 0.15,0.4,0.7 --profile any-1pct --out sweep")]
pub(crate) struct Sweep {
    /// The folder of scored slides
    #[arg(long, value_name = "DIR", required_unless_present = "slides")]
    results: Option<PathBuf>,
    /// Slides to score anew with each --model and --expansion: a manifest, as `batch` takes it
    #[arg(long, value_name = "MANIFEST", conflicts_with = "results")]
    slides: Option<PathBuf>,
    /// What finds nuclei, to try; may be given again; the cells themselves change, so it needs --slides
    #[arg(long, value_name = "NAME|DIR", requires = "slides")]
    model: Vec<String>,
    /// How far cells reach beyond their nucleus, um, to try; what is measured changes, so it needs --slides
    #[arg(long, value_name = "LIST|FROM:TO:STEP", requires = "slides", value_parser = parse_reach)]
    expansion: Option<List>,
    /// The truth of the slides, as `eval cohort` takes it
    #[arg(long, value_name = "TRUTH.csv")]
    truth: Option<PathBuf>,
    /// What of the truth counts; sequencing where there is any, by default
    #[arg(long, value_enum, requires = "truth")]
    against: Option<Against>,
    /// DAB optical densities of 1+ to try, 2+ and 3+ in proportion to the default: a list, or FROM:TO:STEP
    #[arg(long, value_name = "LIST|FROM:TO:STEP", default_value = "0.10:0.40:0.05", value_parser = parse_list)]
    first_threshold: List,
    /// Optical densities of 1+, 2+ and 3+ to try; may be given again; in place of --first-threshold
    #[arg(long, value_name = "1+,2+,3+", value_parser = inputs::parse_thresholds, conflicts_with = "first_threshold")]
    thresholds: Vec<Thresholds>,
    /// A profile to try; may be given again; all by default
    #[arg(long, value_name = "NAME", value_parser = parse_profile)]
    profile: Vec<&'static str>,
    /// Percents of stained cells to try as cut-off: a list, or FROM:TO:STEP
    #[arg(long, value_name = "LIST|FROM:TO:STEP", default_value = "0.5,1,2,3,5,10", value_parser = parse_list)]
    cutoffs: List,
    /// The folder to write into
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Threads; all by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
}

/// What a slide is truly positive by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Against {
    /// An NTRK fusion by sequencing.
    Ngs,
    /// The stain as people read it, where all of them agree.
    Ihc,
}

impl Against {
    const fn label(self) -> &'static str {
        match self {
            Self::Ngs => "sequencing",
            Self::Ihc => "readers",
        }
    }

    fn of(self, slide: &TruthSlide) -> Option<bool> {
        let mut calls = slide
            .readings
            .iter()
            .filter_map(|reading| match reading.result? {
                IhcResult::Positive => Some(true),
                IhcResult::Negative => Some(false),
                IhcResult::Indeterminate | IhcResult::NotEvaluable => None,
            });
        match self {
            Self::Ngs => slide.ngs,
            Self::Ihc => {
                let first = calls.next()?;
                calls.all(|call| call == first).then_some(first)
            }
        }
    }
}

/// Numbers as one argument.
#[derive(Debug, Clone, PartialEq)]
struct List(Vec<f64>);

/// So many settings are enough for any grid.
const MOST: usize = 200;

fn parse_list(text: &str) -> Result<List, String> {
    let wanted = || {
        "numbers above 0 were wanted: 0.1,0.2,0.3 or, from, to and step, 0.1:0.4:0.05".to_owned()
    };
    let number = |part: &str| {
        let value = part.trim().parse::<f64>().ok();
        value
            .filter(|v| v.is_finite() && *v > 0.0)
            .ok_or_else(wanted)
    };
    let parts: Vec<&str> = text.split(':').collect();
    let values = match parts.as_slice() {
        [list] => list.split(',').map(number).collect::<Result<Vec<_>, _>>()?,
        [from, to, step] => {
            let (from, to, step) = (number(from)?, number(to)?, number(step)?);
            let steps = ((to - from) / step + 1e-9).floor();
            if !(0.0..MOST as f64).contains(&steps) {
                return Err(wanted());
            }
            (0..=steps as u32)
                .map(|i| rounded(from + f64::from(i) * step))
                .collect()
        }
        _ => return Err(wanted()),
    };
    if values.len() > MOST {
        return Err(format!(
            "{} numbers, at most {MOST} were wanted",
            values.len()
        ));
    }
    Ok(List(values))
}

fn parse_reach(text: &str) -> Result<List, String> {
    let list = parse_list(text)?;
    for um in &list.0 {
        inputs::parse_expansion(&um.to_string())?;
    }
    Ok(list)
}

/// Without the tail that adding steps leaves.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn parse_profile(text: &str) -> Result<&'static str, String> {
    let mut names = PROFILES.iter().map(|p| p.name);
    names.clone().find(|name| *name == text).ok_or_else(|| {
        let names = names.by_ref().collect::<Vec<_>>();
        format!("known profiles are {}", names.join(", "))
    })
}

impl Sweep {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        // The parser waives what an option requires where that would conflict with another.
        if self.slides.is_none() && (!self.model.is_empty() || self.expansion.is_some()) {
            return Err(Failure::usage(
                "--model and --expansion change the cells themselves: give --slides, a manifest of slides to score anew, in place of --results",
            ));
        }
        let grid = self.grid()?;
        let truth = self
            .truth
            .as_deref()
            .map(Truth::read)
            .transpose()
            .or_exit(Exit::Usage)?;
        let against = truth.as_ref().map(|truth| {
            let sequenced = truth.slides.values().any(|s| s.ngs.is_some());
            let default = if sequenced {
                Against::Ngs
            } else {
                Against::Ihc
            };
            self.against.unwrap_or(default)
        });
        let is_positive = |id: &str| against?.of(truth.as_ref()?.slides.get(id)?);
        let mut failed = Vec::new();
        let slides = match (&self.slides, &self.results) {
            (Some(manifest), _) => self.score_anew(manifest, &mut failed)?,
            (None, Some(results)) => find_slides(results, "").or_exit(Exit::NothingRead)?,
            (None, None) => return Err(Failure::usage("give --results or --slides")),
        };
        let pool = inputs::thread_pool(self.threads)?;
        let swept = pool
            .install(|| sweep(&slides, &grid, &is_positive))
            .or_exit(Exit::NothingRead)?;
        if truth.is_some() && swept.iter().all(|s| s.truth.is_none()) {
            return Err(Failure::usage(format!(
                "the truth says nothing about any of these slides; slide_id must be the name of the slide's result folder, such as {:?}",
                slides.first().map_or("", |s| s.id.as_str())
            )));
        }
        let facts = SweepFacts {
            truth: against.map_or_else(String::new, |a| a.label().to_owned()),
            warnings: failed.clone(),
            inputs: vec![
                ("slides".to_owned(), self.source().display().to_string()),
                (
                    "scoring table".to_owned(),
                    ScoringTable::embedded().version.clone(),
                ),
            ],
        };
        super::finish(&sweep_report(&swept, &grid, &facts), &self.out)?;
        Ok(if failed.is_empty() {
            Exit::Good
        } else {
            Exit::SomeFailed
        })
    }

    fn source(&self) -> &Path {
        let given = self.slides.as_deref().or(self.results.as_deref());
        given.unwrap_or(Path::new(""))
    }

    /// Scores every slide with each model and reach; slides that fail are named and left out.
    fn score_anew(
        &self,
        manifest: &Path,
        failed: &mut Vec<String>,
    ) -> Result<Vec<ScoredSlide>, Failure> {
        let rows = manifest::read(manifest)?;
        let default = vec!["nucleus".to_owned()];
        let models = if self.model.is_empty() {
            &default
        } else {
            &self.model
        };
        let reaches = match &self.expansion {
            Some(list) => list.0.clone(),
            None => vec![inputs::expansion_um(None)],
        };
        let mut slides = Vec::new();
        for model in models {
            let mut options = ScoreOptions {
                threads: self.threads,
                ..ScoreOptions::quiet(model)
            };
            let engine = Engine::load(&options)?;
            for &um in &reaches {
                options.expansion = Some(um);
                let variant = format!("{model}, {um} um");
                let name = pantrk_store::safe_slide_id(&format!("{model}-{um}-um"));
                let out = self.out.join("scored").join(name);
                std::fs::create_dir_all(&out).map_err(|e| {
                    Failure::usage(format!("cannot make the folder ({e}): {}", out.display()))
                })?;
                let before = failed.len();
                for row in &rows {
                    if let Err(failure) = score_row(row, &options, &engine, &out) {
                        if failure.exit == Exit::Interrupted {
                            return Err(failure);
                        }
                        failed.push(format!(
                            "{} ({variant}) was not scored: {failure}",
                            row.slide_id
                        ));
                    }
                }
                say(&format!(
                    "{variant}: {} slides",
                    rows.len() - (failed.len() - before)
                ));
                // The folder may hold slides of another manifest.
                let found = find_slides(&out, &variant).or_exit(Exit::NothingRead)?;
                let wanted = |slide: &ScoredSlide| rows.iter().any(|row| row.slide_id == slide.id);
                slides.extend(found.into_iter().filter(wanted));
            }
        }
        Ok(slides)
    }

    fn grid(&self) -> Result<Grid, Failure> {
        let table = ScoringTable::embedded().thresholds().values();
        let scaled = |first: f64| {
            let factor = first / f64::from(table[0]);
            let values = table.map(|v| rounded(f64::from(v) * factor) as f32);
            Thresholds::new(values).ok_or_else(|| {
                Failure::usage(format!("thresholds {values:?} do not rise; give others"))
            })
        };
        let thresholds = if self.thresholds.is_empty() {
            self.first_threshold
                .0
                .iter()
                .map(|&v| scaled(v))
                .collect::<Result<_, _>>()?
        } else {
            self.thresholds.clone()
        };
        let profiles = if self.profile.is_empty() {
            PROFILES.iter().map(|p| p.name.to_owned()).collect()
        } else {
            self.profile.iter().map(|&p| p.to_owned()).collect()
        };
        Ok(Grid {
            thresholds,
            profiles,
            cutoffs_percent: self.cutoffs.0.clone(),
        })
    }
}

fn score_row(
    row: &manifest::Row,
    options: &ScoreOptions,
    engine: &Engine,
    out: &Path,
) -> Result<(), Failure> {
    if let Some(problem) = row.problems().first() {
        return Err(Failure::usage(problem));
    }
    let options = row.options(options);
    let job = Job {
        engine,
        slide_path: &row.slide_path,
        slide_id: row.slide_id.clone(),
        out,
        options: &options,
        note: None,
        report: &|_| ReportOptions::default(),
        columns: &row.columns,
        heartbeat: HEARTBEAT,
        begun: &|| {},
    };
    match scoring::run(&job, &Reporter::new(Log::Quiet, &row.slide_id))? {
        Scored::New(..) | Scored::AlreadyDone(..) => Ok(()),
        Scored::Held(_) => Err(Failure::usage(
            "another process works on it; run this again when it is done",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read() {
        assert_eq!(parse_list("0.1, 0.2").unwrap().0, [0.1, 0.2]);
        assert_eq!(
            parse_list("0.10:0.40:0.05").unwrap().0,
            [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4]
        );
        for bad in [
            "",
            "a",
            "0,1",
            "1:2",
            "2:1:0.5",
            "0.1:1:0.0001",
            "1:2:3:4",
            "NaN",
        ] {
            assert!(parse_list(bad).is_err(), "{bad}");
        }
    }
}
