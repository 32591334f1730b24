//! Other thresholds, profiles and cut-offs, worked out from the cells that scoring stored: no slide is opened.
//!
//! Optical densities of each compartment stand in `cells.parquet`, so grades, scores and calls follow from them alone; a cell's reach and the model that found it do not, and need the slides again.

mod heat;
mod report;

use std::path::{Path, PathBuf};

use pantrk_core::cell::{CellTable, ExcludedReason};
use pantrk_core::score::{IhcResult, ScoreContext, Thresholds, score_cells};
use pantrk_space::{MicronsPerPixel, SlideMpp};
use pantrk_store::{SlideResult, TumourRegion, read_cells};
use rayon::prelude::*;

use crate::EvalError;

pub use report::{SweepFacts, sweep_report};

/// What is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Sets of thresholds.
    pub thresholds: Vec<Thresholds>,
    /// Names of profiles.
    pub profiles: Vec<String>,
    /// Percents of stained cells from which a slide would be positive.
    pub cutoffs_percent: Vec<f64>,
}

/// A scored slide's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoredSlide {
    /// The slide's id.
    pub id: String,
    /// Its folder, with `result.json` and `cells.parquet`.
    pub folder: PathBuf,
    /// What of its scoring is swept besides: the model and the reach of cells, such as `nucleus, 5 um`; empty where nothing is.
    pub variant: String,
}

/// A slide's figures at one set of thresholds.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Percent of tumour cells that stain in any compartment; `None` where the slide is not evaluable.
    pub positive_percent: Option<f64>,
    /// 95 %.
    pub interval95: Option<[f64; 2]>,
    /// 0 to 300; `None` where the slide is not evaluable.
    pub h_score: Option<f64>,
    /// The slide's result by each profile of the grid.
    pub calls: Vec<IhcResult>,
}

/// A slide over the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct SlideSweep {
    /// The slide.
    pub slide: ScoredSlide,
    /// Tumour cells counted.
    pub tumour_cells: u64,
    /// What `result.json` says by its own thresholds and profile.
    pub stored: IhcResult,
    /// A point for each set of thresholds.
    pub points: Vec<Point>,
    /// Whether the truth says positive; `None` where it does not say.
    pub truth: Option<bool>,
}

/// The folders of scored slides in `results`, by name; or `results` itself, where it is one.
///
/// # Errors
/// If the folder cannot be read or holds no scored slide.
pub fn find_slides(results: &Path, variant: &str) -> Result<Vec<ScoredSlide>, EvalError> {
    let is_scored = |folder: &Path| {
        folder.join("result.json").is_file() && folder.join("cells.parquet").is_file()
    };
    let io = |source| EvalError::Io {
        action: "read the folder",
        path: results.to_owned(),
        source,
    };
    let mut folders = Vec::new();
    if is_scored(results) {
        folders.push(results.to_owned());
    } else {
        for entry in std::fs::read_dir(results).map_err(io)? {
            let folder = entry.map_err(io)?.path();
            // A slide that is being scored stands in a folder of that name.
            if folder.extension().is_none_or(|e| e != "partial") && is_scored(&folder) {
                folders.push(folder);
            }
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(EvalError::Folder {
            message: "it holds no scored slide (a folder with result.json and cells.parquet)"
                .to_owned(),
            path: results.to_owned(),
        });
    }
    let slide = |folder: PathBuf| ScoredSlide {
        id: folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        folder,
        variant: variant.to_owned(),
    };
    Ok(folders.into_iter().map(slide).collect())
}

/// Works the grid out for every slide, as many at a time as there are threads; `truth` says of a slide's id whether it is positive.
///
/// # Errors
/// If a result or a table of cells cannot be read.
pub fn sweep(
    slides: &[ScoredSlide],
    grid: &Grid,
    truth: &(dyn Fn(&str) -> Option<bool> + Sync),
) -> Result<Vec<SlideSweep>, EvalError> {
    slides
        .par_iter()
        .map(|slide| sweep_slide(slide, grid, truth))
        .collect()
}

fn sweep_slide(
    slide: &ScoredSlide,
    grid: &Grid,
    truth: &(dyn Fn(&str) -> Option<bool> + Sync),
) -> Result<SlideSweep, EvalError> {
    let result = SlideResult::read(&slide.folder.join("result.json"))?;
    let (mut cells, mpp) = stored_cells(&slide.folder, &result)?;
    let points = grid
        .thresholds
        .iter()
        .map(|&thresholds| {
            cells.regrade(thresholds);
            point(&cells, mpp, thresholds, &result, grid)
        })
        .collect();
    Ok(SlideSweep {
        slide: slide.clone(),
        tumour_cells: result.cells.tumour,
        stored: result.ihc.result,
        points,
        truth: truth(&result.slide.id),
    })
}

fn point(
    cells: &CellTable,
    mpp: SlideMpp,
    thresholds: Thresholds,
    result: &SlideResult,
    grid: &Grid,
) -> Point {
    let mut found = Point {
        positive_percent: None,
        interval95: None,
        h_score: None,
        calls: Vec::with_capacity(grid.profiles.len()),
    };
    // What makes a slide not evaluable besides its cells does not change with thresholds.
    let not_evaluable = result
        .compartments
        .is_none()
        .then(|| result.ihc.reasons.join("; "));
    for profile in &grid.profiles {
        let score = score_cells(
            cells,
            &ScoreContext {
                mpp,
                thresholds,
                profile: profile.clone(),
                has_tumour_region: result.tumour_region != TumourRegion::None,
                not_evaluable: not_evaluable.clone(),
            },
        );
        found.calls.push(score.ihc.result);
        if let Some(scores) = &score.compartments {
            found.positive_percent = Some(scores.any.positive_percent);
            found.interval95 = Some(scores.any.interval95);
            found.h_score = Some(scores.any.h_score);
        }
    }
    found
}

/// The stored cells as scoring has them.
fn stored_cells(folder: &Path, result: &SlideResult) -> Result<(CellTable, SlideMpp), EvalError> {
    let path = folder.join("cells.parquet");
    let stored = read_cells(&path)?;
    let broken = |message: &str| EvalError::Format {
        what: "the result",
        message: message.to_owned(),
        path: folder.join("result.json"),
    };
    let side =
        |value| MicronsPerPixel::new(value).ok_or_else(|| broken("a pixel size is not above zero"));
    let mpp = SlideMpp {
        x: side(result.slide.mpp_x)?,
        y: side(result.slide.mpp_y)?,
    };
    // Which reason does not matter here, only that there is one.
    let reason = |(tumour, reason): (&bool, &Option<String>)| {
        let named = reason.as_deref().and_then(ExcludedReason::from_check);
        (!tumour).then(|| named.unwrap_or(ExcludedReason::ExcludedRegion))
    };
    let cells = CellTable {
        x_px: stored.x_px.iter().map(|&v| f64::from(v)).collect(),
        y_px: stored.y_px.iter().map(|&v| f64::from(v)).collect(),
        excluded: stored
            .tumour
            .iter()
            .zip(&stored.excluded_reason)
            .map(reason)
            .collect(),
        nucleus_area_um2: stored.nucleus_area_um2,
        cell_area_um2: stored.cell_area_um2,
        circularity: stored.circularity,
        dab_od: stored.dab_od,
        nucleus_hematoxylin_od: stored.nucleus_hematoxylin_od,
        nucleus_hematoxylin_cv: stored.nucleus_hematoxylin_cv,
        membrane_completeness: stored.membrane_completeness,
        cytoplasm_granularity: stored.cytoplasm_granularity,
        grades: stored.grades,
        ..CellTable::default()
    };
    Ok((cells, mpp))
}
