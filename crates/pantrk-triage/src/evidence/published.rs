//! The figures of the tables as others may read them: with counts, interval and source.

use serde::Deserialize;

use super::{ACCURACY, Estimate, Evidence, PREVALENCE, broken};
use crate::error::TriageError;
use crate::evidence::Certainty;
use crate::probability::Distribution;

/// A prevalence, sensitivity or specificity of the tables.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedEstimate {
    /// The row's id.
    pub id: String,
    /// What it is of.
    pub what: String,
    /// The fused gene that a sensitivity is of.
    pub gene: Option<String>,
    /// `k` of `n`, where the row gives counts.
    pub counts: Option<(u32, u32)>,
    /// The figure that is used, 0 to 1.
    pub p: f64,
    /// Its 95 % interval.
    pub interval95: [f64; 2],
    /// The study.
    pub study: String,
    /// Its address.
    pub source: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// Whether it is assumed rather than measured.
    pub assumption: bool,
    /// A remark.
    pub note: Option<String>,
}

/// How many fusions of one gene stained in one study.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneSeries {
    /// The row's id.
    pub id: String,
    /// `NTRK1`, `NTRK2` or `NTRK3`.
    pub gene: String,
    /// Stained.
    pub k: u64,
    /// In all.
    pub n: u64,
    /// The study.
    pub study: String,
    /// Where its slides came from, where two studies share that.
    #[serde(default)]
    pub centre: Option<String>,
    /// Its address.
    pub source: String,
    /// How sure the counts are.
    pub certainty: Certainty,
    /// A remark.
    #[serde(default)]
    pub note: Option<String>,
}

/// `series.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeriesFile {
    pub(super) series: Vec<GeneSeries>,
}

impl Evidence {
    /// Every prevalence, in the table's order.
    ///
    /// # Errors
    /// [`TriageError::Evidence`] when a row is broken.
    pub fn published_prevalences(&self) -> Result<Vec<PublishedEstimate>, TriageError> {
        let spread = self.parameter("bare-figure-spread")?;
        let rows = self.prevalence.estimate.iter();
        rows.map(|row| published(row, row.prevalence(spread), PREVALENCE))
            .collect()
    }

    /// Every sensitivity and specificity, in the table's order.
    ///
    /// # Errors
    /// [`TriageError::Evidence`] when a row is broken.
    pub fn published_accuracies(&self) -> Result<Vec<PublishedEstimate>, TriageError> {
        let rows = self.accuracy.estimate.iter();
        rows.map(|row| published(row, row.accuracy(), ACCURACY))
            .collect()
    }

    /// Sensitivity by gene, study by study.
    pub fn gene_series(&self) -> &[GeneSeries] {
        &self.series.series
    }
}

fn published(
    row: &Estimate,
    distribution: Result<Distribution, String>,
    table: &'static str,
) -> Result<PublishedEstimate, TriageError> {
    let distribution = distribution.map_err(|message| broken(table, message))?;
    Ok(PublishedEstimate {
        id: row.id.clone(),
        what: row.what.clone(),
        gene: row.gene.clone(),
        counts: row.counts(),
        p: distribution.point(),
        interval95: distribution.interval95(),
        study: row.study.clone(),
        source: row.source.clone(),
        certainty: row.certainty,
        assumption: row.is_assumption(),
        note: row.note.clone(),
    })
}
