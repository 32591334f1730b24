//! Found nuclei beside true ones, over folders of fields.
//!
//! A field's figures are [`METRICS`] of its two label images and [`POINT_METRICS`] of their centroids; of tables of points, the latter alone.
//! Pooled figures are ratios of sums over fields, with a percentile interval over resampled fields.

mod inputs;
mod picture;
mod report;

use pantrk_space::{Microns, MicronsPerPixel};
use rayon::prelude::*;
use serde::Deserialize;

use crate::EvalError;
use crate::metrics::{METRICS, Overlap, POINT_METRICS, Points, Ratio, matched_points};
use crate::statistics::bootstrap;

pub use inputs::{FieldFiles, LabelImage, Nuclei, Paired, pair_folders, read_picture};
pub use picture::{LegendEntry, PICTURE_LEGEND, draw_field};
pub use report::{SegmentationFacts, WorstCase, case_caption, segmentation_report};

/// The figures by which fields are ranked from worst to best, the first that a field has.
const RANKED_BY: [&str; 2] = ["f1_iou50", "f1_points"];

/// How nuclei are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentationOptions {
    /// The pixel size of the label images and of points given in pixels.
    pub mpp: MicronsPerPixel,
    /// Points this far apart may be the same nucleus.
    pub within: Microns,
    /// Everything random follows from it.
    pub seed: u64,
}

/// `assets/evaluation/segmentation.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct SegmentationTable {
    /// Named in every evaluation.
    pub version: String,
    /// How points are matched.
    pub points: PointsRow,
}

/// How points are matched.
#[derive(Debug, Clone, Deserialize)]
pub struct PointsRow {
    /// Two points are the same nucleus within this distance, um.
    pub within_um: f64,
    /// Who says so.
    pub source: String,
}

impl SegmentationTable {
    /// The table on board.
    ///
    /// # Errors
    /// Never in a build that passed its tests: the table is part of the program and a test reads it.
    pub fn embedded() -> Result<Self, EvalError> {
        let text = include_str!("../../../../assets/evaluation/segmentation.toml");
        toml::from_str(text).map_err(|e| EvalError::Format {
            what: "the evaluation table",
            message: e.to_string(),
            path: "assets/evaluation/segmentation.toml".into(),
        })
    }
}

/// The name and the words of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureName {
    /// As a column of the tables.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
}

/// Every figure of a field, in the order of the columns.
pub fn figure_names() -> Vec<FigureName> {
    let of_labels = METRICS.iter().map(|m| (m.name, m.description));
    let of_points = POINT_METRICS.iter().map(|m| (m.name, m.description));
    of_labels
        .chain(of_points)
        .map(|(name, description)| FigureName { name, description })
        .collect()
}

/// One field's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldScore {
    /// Its files.
    pub files: FieldFiles,
    /// Nuclei found.
    pub predicted: u64,
    /// Nuclei there are.
    pub truth: u64,
    /// In the order of [`figure_names`]; `None` for figures of labels where there are only points.
    pub ratios: Vec<Option<Ratio>>,
}

impl FieldScore {
    /// A figure of this field.
    pub fn value(&self, figure: usize) -> Option<f64> {
        self.ratios.get(figure).copied().flatten()?.value()
    }

    /// What the field is ranked by; a field without a nucleus found or true has nothing wrong with it.
    fn rank(&self) -> f64 {
        let names = figure_names();
        RANKED_BY
            .iter()
            .find_map(|wanted| {
                let place = names.iter().position(|n| n.name == *wanted)?;
                self.value(place)
            })
            .unwrap_or(1.0)
    }
}

/// A figure over all fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PooledFigure {
    /// What it is.
    pub name: FigureName,
    /// The ratio of the sums over fields; `None` where it has no meaning.
    pub value: Option<f64>,
    /// 95 %, over resampled fields; `None` for a single field.
    pub interval95: Option<[f64; 2]>,
    /// The mean of the fields' own figures.
    pub mean_of_fields: Option<f64>,
    /// Fields that have the figure.
    pub fields: u64,
}

/// All fields' figures and what they come to.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentationScore {
    /// By name.
    pub fields: Vec<FieldScore>,
    /// In the order of [`figure_names`].
    pub pooled: Vec<PooledFigure>,
}

impl SegmentationScore {
    /// Places in `fields`, the worst first; equal ones by name.
    pub fn worst_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.fields.len()).collect();
        let rank: Vec<f64> = self.fields.iter().map(FieldScore::rank).collect();
        order.sort_by(|&a, &b| rank[a].total_cmp(&rank[b]).then(a.cmp(&b)));
        order
    }
}

/// Compares all fields, as many at a time as there are threads.
///
/// # Errors
/// If a file cannot be read, or the two label images of a field differ in size.
pub fn score_fields(
    fields: &[FieldFiles],
    options: &SegmentationOptions,
) -> Result<SegmentationScore, EvalError> {
    let fields: Vec<FieldScore> = fields
        .par_iter()
        .map(|files| score_field(files, options))
        .collect::<Result<_, _>>()?;
    let pooled = pool(&fields, options);
    Ok(SegmentationScore { fields, pooled })
}

fn score_field(files: &FieldFiles, options: &SegmentationOptions) -> Result<FieldScore, EvalError> {
    let predicted = Nuclei::read(&files.predicted, options.mpp)?;
    let truth = Nuclei::read(&files.truth, options.mpp)?;
    let mut ratios: Vec<Option<Ratio>> = match (&predicted, &truth) {
        (Nuclei::Labels(p), Nuclei::Labels(t)) => {
            let overlap =
                Overlap::new(p.labels()?, t.labels()?).map_err(|error| in_files(error, files))?;
            METRICS.iter().map(|m| Some((m.ratio)(&overlap))).collect()
        }
        _ => vec![None; METRICS.len()],
    };
    let (predicted, truth) = (predicted.points(options.mpp)?, truth.points(options.mpp)?);
    ratios.extend(point_ratios(&predicted, &truth, options.within).map(Some));
    Ok(FieldScore {
        files: files.clone(),
        predicted: predicted.len() as u64,
        truth: truth.len() as u64,
        ratios,
    })
}

fn point_ratios(
    predicted: &Points,
    truth: &Points,
    within: Microns,
) -> [Ratio; POINT_METRICS.len()] {
    let matches = matched_points(predicted, truth, within).len();
    POINT_METRICS.map(|m| (m.ratio)(matches, predicted.len(), truth.len()))
}

/// Two sizes alone do not say which of a hundred fields it was.
fn in_files(error: EvalError, files: &FieldFiles) -> EvalError {
    match error {
        EvalError::Size { found, wanted } => EvalError::Format {
            what: "the label image",
            message: format!(
                "found {} x {} pixels, wanted {} x {} as its truth {}",
                found.0,
                found.1,
                wanted.0,
                wanted.1,
                files.truth.display()
            ),
            path: files.predicted.clone(),
        },
        other => other,
    }
}

fn pool(fields: &[FieldScore], options: &SegmentationOptions) -> Vec<PooledFigure> {
    let pooled = |(i, name): (usize, FigureName)| {
        let column: Vec<Ratio> = fields
            .iter()
            .map(|f| f.ratios.get(i).copied().flatten().unwrap_or_default())
            .collect();
        let values: Vec<f64> = column.iter().filter_map(|r| r.value()).collect();
        let of = |draw: &[usize]| Ratio::pooled(draw.iter().map(|&f| column[f])).value();
        PooledFigure {
            name,
            value: Ratio::pooled(column.iter().copied()).value(),
            // One field alone says nothing about how fields differ.
            interval95: (fields.len() > 1)
                .then(|| bootstrap::interval(fields.len(), options.seed, of))
                .flatten(),
            mean_of_fields: Ratio::pooled(values.iter().map(|&v| Ratio::new(v, 1.0))).value(),
            fields: values.len() as u64,
        }
    };
    figure_names().into_iter().enumerate().map(pooled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_on_board_is_whole() {
        let table = SegmentationTable::embedded().unwrap();
        assert!(table.points.within_um > 0.0 && table.points.source.len() > 10);
    }
}
