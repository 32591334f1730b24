//! The committed figures of the quick phantom suites, and what has become worse than they are.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::output::write_whole;

use super::suites::{Aim, SuiteFigure};

/// One figure of the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) suite: String,
    pub(super) figure: String,
    /// In words, for who reads the file.
    pub(super) aim: String,
    /// Empty where no slide had it.
    pub(super) value: Option<f64>,
    /// How far the figure moves from seed to seed: twice its standard deviation.
    pub(super) noise: f64,
    /// Slides behind it.
    pub(super) n: u64,
}

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Within its noise.
    Same,
    /// Better by more than its noise.
    Better,
    /// Worse by more than its noise, or gone.
    Worse,
    /// Not in the baseline.
    New,
}

impl Change {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Better => "better",
            Self::Worse => "WORSE",
            Self::New => "new",
        }
    }
}

/// A figure beside its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compared {
    pub(super) suite: String,
    pub(super) figure: String,
    pub(super) before: Option<f64>,
    pub(super) now: Option<f64>,
    pub(super) noise: f64,
    pub(super) decimals: usize,
    pub(super) change: Change,
}

/// Reads a baseline.
pub(super) fn read(path: &Path) -> Result<Vec<Row>, Failure> {
    let failed = |e: csv::Error| {
        Failure::usage(format!(
            "cannot read the baseline ({e}): {}",
            path.display()
        ))
    };
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let rows: Vec<Row> = reader
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    // A file without rows would let every figure pass.
    if rows.is_empty() {
        return Err(Failure::usage(format!(
            "the baseline holds no figure; make it with --write-baseline: {}",
            path.display()
        )));
    }
    Ok(rows)
}

/// Writes a baseline, beside and renamed.
pub(super) fn write(path: &Path, rows: &[Row]) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "cannot write the baseline ({e}): {}",
            path.display()
        ))
    };
    let mut out = csv::Writer::from_writer(Vec::new());
    for row in rows {
        out.serialize(row).or_exit(Exit::SomeFailed)?;
    }
    let bytes = out.into_inner().map_err(|e| failed(&e))?;
    write_whole(path, &bytes).map_err(|e| failed(&e))
}

/// A baseline from the same figures over several seeds; the values are those of the first.
pub(super) fn from_seeds(runs: &[Vec<(&'static str, SuiteFigure)>]) -> Vec<Row> {
    let Some(first) = runs.first() else {
        return Vec::new();
    };
    first
        .iter()
        .map(|(suite, figure)| {
            let values: Vec<f64> = runs
                .iter()
                .flatten()
                .filter(|(s, f)| s == suite && f.name == figure.name)
                .filter_map(|(_, f)| f.value)
                .collect();
            Row {
                suite: (*suite).to_owned(),
                figure: figure.name.clone(),
                aim: figure.aim.words(),
                value: figure.value.map(rounded),
                noise: rounded((2.0 * deviation(&values)).max(least_noise(figure))),
                n: figure.n,
            }
        })
        .collect()
}

/// Six decimals: processors differ in the last bits, and a file of short numbers is read by people.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// A figure that does not move between seeds still moves by rounding.
fn least_noise(figure: &SuiteFigure) -> f64 {
    10_f64.powi(-(figure.decimals as i32)) / 2.0
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// Every figure beside its baseline; figures that the baseline has and the run has not are worse. Suites that were not run are passed over.
pub(super) fn compare(baseline: &[Row], figures: &[(&'static str, SuiteFigure)]) -> Vec<Compared> {
    let known: BTreeMap<(&str, &str), &Row> = baseline
        .iter()
        .map(|row| ((row.suite.as_str(), row.figure.as_str()), row))
        .collect();
    let mut all: Vec<Compared> = figures
        .iter()
        .map(|(suite, figure)| {
            let row = known.get(&(*suite, figure.name.as_str())).copied();
            Compared {
                suite: (*suite).to_owned(),
                figure: figure.name.clone(),
                before: row.and_then(|r| r.value),
                now: figure.value,
                noise: row.map_or(0.0, |r| r.noise),
                decimals: figure.decimals,
                change: row.map_or(Change::New, |r| change(r, figure)),
            }
        })
        .collect();
    for row in baseline {
        let ran = figures.iter().any(|(suite, _)| *suite == row.suite);
        let there = figures
            .iter()
            .any(|(suite, f)| *suite == row.suite && f.name == row.figure);
        if ran && !there {
            all.push(Compared {
                suite: row.suite.clone(),
                figure: row.figure.clone(),
                before: row.value,
                now: None,
                noise: row.noise,
                decimals: 3,
                change: Change::Worse,
            });
        }
    }
    all
}

fn change(row: &Row, figure: &SuiteFigure) -> Change {
    let badness = |value| Aim::badness(figure.aim, value);
    match (row.value.map(badness), figure.value.map(badness)) {
        (Some(before), Some(now)) if now > before + row.noise => Change::Worse,
        (Some(before), Some(now)) if now < before - row.noise => Change::Better,
        (Some(_), None) => Change::Worse,
        (None, Some(_)) => Change::New,
        _ => Change::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::Change::{Better, Same, Worse};
    use super::*;

    fn figure(name: &str, value: Option<f64>, aim: Aim) -> (&'static str, SuiteFigure) {
        let figure = SuiteFigure {
            name: name.to_owned(),
            description: String::new(),
            value,
            interval95: None,
            n: 4,
            decimals: 2,
            aim,
        };
        ("a", figure)
    }

    #[test]
    fn only_what_is_worse_by_more_than_the_noise_is_worse() {
        let runs: Vec<_> = [1.0, 1.1, 0.9]
            .map(|v| {
                vec![
                    figure("error", Some(v), Aim::AtMost(2.0)),
                    figure("share", Some(95.0), Aim::AtLeast(95.0)),
                ]
            })
            .to_vec();
        let rows = from_seeds(&runs);
        assert!((rows[0].noise - 0.2).abs() < 1e-9 && (rows[1].noise - 0.005).abs() < 1e-9);
        let change = |error: Option<f64>, share: f64| -> Vec<Change> {
            let now = [
                figure("error", error, Aim::AtMost(2.0)),
                figure("share", Some(share), Aim::AtLeast(95.0)),
            ];
            compare(&rows, &now).into_iter().map(|c| c.change).collect()
        };
        assert_eq!(change(Some(1.19), 95.0), [Same, Same]);
        assert_eq!(change(Some(1.21), 94.0), [Worse, Worse]);
        assert_eq!(change(Some(0.5), 99.0), [Better, Better]);
        assert_eq!(change(None, 95.0), [Worse, Same]);
        // A figure that is gone is worse; a new one is only new; a suite that did not run says nothing.
        let gone = compare(&rows, &[figure("fresh", Some(1.0), Aim::Less)]);
        assert_eq!(
            gone.iter().map(|c| c.change).collect::<Vec<_>>(),
            [Change::New, Worse, Worse]
        );
        assert!(compare(&rows, &[]).is_empty());
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.csv");
        let mut rows = from_seeds(&[vec![figure("error", Some(1.0 / 3.0), Aim::AtMost(2.0))]]);
        rows.extend(from_seeds(&[vec![figure("none", None, Aim::Less)]]));
        write(&path, &rows).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("suite,figure,aim,value,noise,n\n"),
            "{text}"
        );
        std::fs::write(&path, "suite,figure\na,b\n").unwrap();
        assert!(read(&path).is_err());
    }
}
