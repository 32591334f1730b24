//! `pantrk eval sweep --results DIR --out DIR`

use std::path::PathBuf;

use clap::Args;
use pantrk_core::score::profiles::PROFILES;
use pantrk_core::score::{ScoringTable, Thresholds};
use pantrk_eval::sweep::{Grid, SweepFacts, find_slides, sweep, sweep_report};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs;

/// Tries other thresholds, profiles and cut-offs on slides that are scored already.
///
/// Grades and calls are worked out anew from the optical densities in cells.parquet: no slide is opened and nothing is inferred.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk eval sweep --results results --out sweep
  pantrk eval sweep --results results --truth truth.csv --first-threshold 0.10:0.30:0.02 --out sweep
  pantrk eval sweep --results results --thresholds 0.2,0.4,0.6 --thresholds 0.15,0.4,0.7 --profile any-1pct --out sweep")]
pub(crate) struct Sweep {
    /// The folder of scored slides
    #[arg(long, value_name = "DIR")]
    results: PathBuf,
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
        let grid = self.grid()?;
        let slides = find_slides(&self.results, "").or_exit(Exit::NothingRead)?;
        let pool = inputs::thread_pool(self.threads)?;
        let swept = pool
            .install(|| sweep(&slides, &grid, &|_| None))
            .or_exit(Exit::NothingRead)?;
        let facts = SweepFacts {
            inputs: vec![
                ("results".to_owned(), self.results.display().to_string()),
                (
                    "scoring table".to_owned(),
                    ScoringTable::embedded().version.clone(),
                ),
            ],
            ..SweepFacts::default()
        };
        super::finish(&sweep_report(&swept, &grid, &facts), &self.out)?;
        Ok(Exit::Good)
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
