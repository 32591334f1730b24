//! A slide from pixels to score: the overview pass, then patch by patch.
//!
//! A patch's decode, deconvolution, inference, instances and measurements happen in one task on one thread, in buffers that are reused; what leaves the task is a few numbers per cell.
//!
//! **Architecture invariant:** a cell is counted once: it belongs to the patch whose core holds the centre of its nucleus, and nothing is merged across patches afterwards.

mod beyond;
mod checkpoint;
mod fields;
mod finished;
mod outlines;
mod patch;

use std::collections::BTreeMap;

use pantrk_space::{
    LevelIndex, LevelRect, LevelSize, Microns, RegionReader, SlideMpp, SlidePoint, TileIndex,
};
use rayon::prelude::*;

use crate::CoreError;
use crate::cell::{CellKinds, CellTable, ExcludedReason, settle_narrow_cytoplasm};
use crate::overview::{Mask, OVERVIEW_MPP, Overview, OverviewGrid};
use crate::quality::{BlockMap, QualityMaps, StainKind, stain_kind};
use crate::region::{RegionRole, Regions};
use crate::score::profiles::PROFILES;
use crate::score::{
    CompartmentScores, ControlScore, ScoreContext, ScoringTable, SlideScore, Thresholds,
    WithLeftOut, score_cells, score_control, score_uncorrected, score_with_left_out,
};
use crate::segment::Segmenter;
use crate::stain::{
    BackgroundDab, Deconvolver, StainEstimate, StainVectors, TissueSample, WhitePoint,
    background_dab, estimate_vectors, white_point,
};
use crate::tissue::tissue_mask;

use finished::{Finished, Seen};
use patch::{PatchGrid, WorkerPool};

pub use checkpoint::{Checkpoint, NoCheckpoint};
pub use patch::PatchOutcome;

pub use fields::{FieldKind, NucleusOutline, TellingField, telling_fields};
pub use outlines::{CellOutline, CellOutliner};

/// Nuclei cannot be seen at coarser pixels than this (um).
pub const COARSEST_MPP: f64 = 1.05;

/// How a slide is scored.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with each other"
)]
pub struct ScoreParameters {
    /// By which cells are graded.
    pub thresholds: Thresholds,
    /// How far a cell reaches beyond its nucleus at most.
    pub expansion: Microns,
    /// Directions of the stains; with `estimate_stains`, of those that the slide does not show.
    pub vectors: StainVectors,
    /// Read the directions off the slide itself.
    pub estimate_stains: bool,
    /// The profile whose call becomes the slide's.
    pub profile: String,
    /// Score even if the slide does not look like H-DAB.
    pub assume_h_dab: bool,
    /// Take everything for tissue: for small pictures of tissue, where there is nothing to find.
    pub tissue_everywhere: bool,
    /// Fit the outlines of nuclei to their hematoxylin; without it they are as the segmenter drew them.
    pub fit_outlines: bool,
    /// Keep the outlines of nuclei.
    pub contours: bool,
}

impl Default for ScoreParameters {
    /// What the scoring table says, with the default stain vectors and profile.
    fn default() -> Self {
        let table = ScoringTable::embedded();
        Self {
            thresholds: table.thresholds(),
            expansion: Microns::new(table.expansion_microns()),
            vectors: StainVectors::h_dab_default(),
            estimate_stains: false,
            profile: PROFILES[0].name.to_owned(),
            assume_h_dab: false,
            tissue_everywhere: false,
            fit_outlines: true,
            contours: false,
        }
    }
}

/// Told how far the work is; called from many threads.
pub trait Progress: Sync {
    /// A stage of `total` steps begins.
    fn begin(&self, stage: Stage, total: u64);
    /// One step of it is done.
    fn step(&self);
    /// Whether to stop.
    fn cancelled(&self) -> bool;
}

/// No one is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: Stage, _total: u64) {}
    fn step(&self) {}
    fn cancelled(&self) -> bool {
        false
    }
}

/// A stage of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Tissue, quality, white point, background.
    Overview,
    /// Cells, patch by patch.
    Patches,
    /// Quality seen closely, and counting.
    Score,
}

impl Stage {
    /// As in `result.json`'s `seconds`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Patches => "patches",
            Self::Score => "score",
        }
    }
}

/// What is scored, and with what.
pub struct ScoreInput<'a> {
    /// The slide.
    pub reader: &'a dyn RegionReader,
    /// The pixel size of level 0: the reader's, or what the user gave instead.
    pub slide_mpp: SlideMpp,
    /// What the pathologist drew.
    pub regions: &'a Regions,
    /// Finds nuclei.
    pub segmenter: &'a dyn Segmenter,
    /// How.
    pub parameters: &'a ScoreParameters,
    /// Told how far the work is.
    pub progress: &'a dyn Progress,
}

/// A warning with a code that stays the same and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// For programs, such as `wrong-stain`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// A stored tile that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnreadTile {
    /// The level.
    pub level: LevelIndex,
    /// The tile.
    pub tile: TileIndex,
    /// Why.
    pub reason: String,
}

/// What of the slide could be used.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityFacts {
    /// Tissue on the slide, mm2.
    pub tissue_mm2: f64,
    /// Tissue that was scored: within the regions, without what was left out, mm2.
    pub evaluated_mm2: f64,
    /// Tissue that each quality check left out, mm2.
    pub excluded_mm2: BTreeMap<String, f64>,
    /// Tissue that should have been scored but could not be read, mm2.
    pub unread_mm2: f64,
    /// The tiles behind it, each once, in order.
    pub unread_tiles: Vec<UnreadTile>,
}

/// All that scoring finds.
#[derive(Debug, Clone)]
pub struct SlideAnalysis {
    /// Where the pixels of the maps below lie on the slide.
    pub grid: OverviewGrid,
    /// Where the tissue is.
    pub tissue: Mask,
    /// What the quality checks marked.
    pub quality_maps: QualityMaps,
    /// The colour of glass.
    pub white_point: WhitePoint,
    /// The DAB density of unstained tissue; taken off before grading.
    pub background: BackgroundDab,
    /// Whether the slide looks like H-DAB.
    pub stain_kind: StainKind,
    /// The stain vectors used.
    pub vectors: StainVectors,
    /// What the slide itself says of them, where it was asked.
    pub stain_estimate: Option<StainEstimate>,
    /// The score without taking the DAB background off, for comparison.
    pub uncorrected: Option<CompartmentScores>,
    /// What could be used.
    pub quality: QualityFacts,
    /// What the control tissue on the slide scores, where there is any.
    pub control: Option<ControlScore>,
    /// What the slide would score with all that quality checks left out, where they left out cells.
    pub with_left_out: Option<WithLeftOut>,
    /// Every cell.
    pub cells: CellTable,
    /// Cells whose cytoplasm was too narrow beside a stained membrane to be read by itself, and was settled by the slide's clear one.
    pub narrow_cytoplasm: u64,
    /// How many cells were left out, by reason.
    pub excluded: BTreeMap<String, u64>,
    /// What the cells look like, where no region says which are tumour: a proposal.
    pub cell_kinds: Option<CellKinds>,
    /// The score.
    pub score: SlideScore,
    /// What to know before trusting it.
    pub warnings: Vec<Warning>,
}

/// Scores a slide on the current rayon pool.
///
/// # Errors
/// If the slide is too coarse or unreadable as a whole, the segmenter fails, or the caller cancels.
pub fn score_slide(input: &ScoreInput<'_>) -> Result<SlideAnalysis, CoreError> {
    score_slide_from(input, &NoCheckpoint)
}

/// Scores a slide as [`score_slide`] does, taking up the patches that an earlier run finished and handing out those that this one does.
///
/// # Errors
/// Those of [`score_slide`], and if a finished patch cannot be kept.
pub fn score_slide_from(
    input: &ScoreInput<'_>,
    checkpoint: &dyn Checkpoint,
) -> Result<SlideAnalysis, CoreError> {
    let coarsest = input.slide_mpp.x.get().max(input.slide_mpp.y.get());
    if coarsest > COARSEST_MPP {
        return Err(CoreError::TooCoarse {
            found: coarsest,
            most: COARSEST_MPP,
        });
    }
    let (mut ground, overview) = Ground::survey(input)?;
    let mut warnings = ground.warnings();
    let wrong_stain = (!ground.stain_kind.looks_like_h_dab && !input.parameters.assume_h_dab).then(|| {
        "the slide does not look like hematoxylin and DAB, so brown cannot be told from other colours".to_owned()
    });

    let (mut quality, cells, narrow_cytoplasm) = if wrong_stain.is_some() {
        input.progress.begin(Stage::Score, 1);
        (
            ground.quality_facts(input.regions, None),
            CellTable::default(),
            0,
        )
    } else {
        patch_by_patch(input, &mut ground, overview, checkpoint)?
    };
    if wrong_stain.is_some() {
        quality.evaluated_mm2 = 0.0;
    }
    if quality.unread_mm2 > 0.0 {
        warnings.push(Warning {
            code: "unread-tiles",
            message: format!(
                "{} tiles could not be read: {:.3} mm2 of tissue were not scored",
                quality.unread_tiles.len(),
                quality.unread_mm2
            ),
        });
    }
    let scored = wrong_stain.is_none();
    let mut cell_kinds = None;
    if scored && !input.regions.has_tumour() {
        warnings.push(Warning {
            code: "no-tumour-region",
            message:
                "no region of class Tumor was given: every cell in tissue counts as a tumour cell"
                    .to_owned(),
        });
        cell_kinds = CellKinds::propose(&cells, input.slide_mpp);
        warnings.extend(cell_kinds.as_ref().and_then(other_cells));
    }

    // What is left of a slide that is mostly unread says nothing about the slide.
    let mostly_unread = (quality.unread_mm2 > quality.evaluated_mm2).then(|| {
        format!(
            "{:.3} mm2 of tissue could not be read and only {:.3} mm2 could: copy or scan the slide again",
            quality.unread_mm2, quality.evaluated_mm2
        )
    });

    let score = score_cells(
        &cells,
        &ScoreContext {
            mpp: input.slide_mpp,
            thresholds: input.parameters.thresholds,
            profile: input.parameters.profile.clone(),
            has_tumour_region: input.regions.has_tumour(),
            not_evaluable: wrong_stain.or(mostly_unread),
        },
    );
    input.progress.step();
    Ok(SlideAnalysis {
        excluded: excluded_counts(&cells),
        control: score_control(&cells),
        with_left_out: score_with_left_out(&cells),
        grid: ground.grid,
        tissue: ground.tissue,
        quality_maps: ground.quality,
        white_point: ground.white,
        background: ground.background,
        stain_kind: ground.stain_kind,
        vectors: *ground.deconvolver.vectors(),
        stain_estimate: ground.estimate,
        uncorrected: score.compartments.is_some().then(|| {
            score_uncorrected(
                &cells,
                ground.background.od as f32,
                input.parameters.thresholds,
                input.slide_mpp,
            )
        }),
        quality,
        cells,
        narrow_cytoplasm,
        cell_kinds,
        score,
        warnings,
    })
}

/// What could be used, the graded cells, and how many of them have narrow cytoplasm.
fn patch_by_patch(
    input: &ScoreInput<'_>,
    ground: &mut Ground,
    overview: Overview,
    checkpoint: &dyn Checkpoint,
) -> Result<(QualityFacts, CellTable, u64), CoreError> {
    let finished = run_patches(input, ground, checkpoint)?;
    input.progress.begin(Stage::Score, 1);
    let seen = finished.seen(ground)?;
    let count = seen.cells;
    // The overview goes before the cells come.
    ground.look_closely(overview, &seen.blocks);
    let quality = ground.quality_facts(input.regions, Some(seen));
    let mut cells = finished.cells(count)?;
    ground.leave_out(&mut cells);
    let narrow = settle_narrow_cytoplasm(&mut cells);
    cells.regrade(input.parameters.thresholds);
    Ok((quality, cells, narrow))
}

/// A proposal that many counted cells are no tumour is worth saying.
fn other_cells(kinds: &CellKinds) -> Option<Warning> {
    let all: u64 = kinds.cells.values().sum();
    let of = |name: &str| kinds.cells.get(name).copied().unwrap_or(0);
    let others = all - of("tumour").min(all);
    let percent = kinds.tumour_positive_percent?;
    (others * 10 > all).then(|| Warning {
        code: "cells-of-other-kinds",
        message: format!(
            "of the {all} cells counted, {} look like lymphocytes and {} like stroma; over those that look like tumour alone, {percent:.1} % would be positive: a proposal that the score does not follow",
            of("lymphocyte"),
            of("stroma")
        ),
    })
}

/// What the overview pass finds, and what every patch needs of it.
struct Ground {
    grid: OverviewGrid,
    white: WhitePoint,
    tissue: Mask,
    deconvolver: Deconvolver,
    /// With the slide's own vectors, for checks that tell stains from other colours.
    colours: Deconvolver,
    estimate: Option<StainEstimate>,
    stain_kind: StainKind,
    background: BackgroundDab,
    quality: QualityMaps,
}

impl Ground {
    fn survey(input: &ScoreInput<'_>) -> Result<(Self, Overview), CoreError> {
        input.progress.begin(Stage::Overview, 1);
        let mut overview = Overview::read(input.reader, input.slide_mpp)?;
        let white = white_point(&overview);
        overview.flatten(&white);
        let tissue = if input.parameters.tissue_everywhere {
            Mask::filled(overview.rgb.width(), overview.rgb.height(), true)
        } else {
            tissue_mask(&overview, &white)
        };
        // What the slide is and what spoils it is judged by the vectors given; pens and folds must not take part in an estimate.
        let given = Deconvolver::new(input.parameters.vectors, white.rgb);
        let stain_kind = stain_kind(&overview, &tissue, &given);
        let quality = QualityMaps::judge(&overview, &tissue, &given);
        let sample = TissueSample::read(input.reader, &overview, &quality.usable, &white, &given)?;
        let own = estimate_vectors(&sample);
        let colours = Deconvolver::new(own.vectors, white.rgb);
        let estimate = input.parameters.estimate_stains.then_some(own);
        let deconvolver = if estimate.is_some() {
            colours.clone()
        } else {
            given
        };
        let outside = input.regions.has_tumour().then(|| {
            sample.only(|p| region_reason(input.regions, p) == Some(ExcludedReason::OutsideTumour))
        });
        let background = background_dab(&sample, outside.as_ref(), deconvolver.vectors());
        input.progress.step();
        let ground = Self {
            grid: overview.grid(),
            white,
            tissue,
            deconvolver,
            colours,
            estimate,
            stain_kind,
            background,
            quality,
        };
        Ok((ground, overview))
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |code, message: &str| {
            warnings.push(Warning {
                code,
                message: message.to_owned(),
            });
        };
        if !self.stain_kind.looks_like_h_dab {
            warn(
                "wrong-stain",
                "this does not look like H-DAB: the colours fit hematoxylin and eosin, or another stain",
            );
        }
        if !self.white.measured {
            warn(
                "no-glass",
                "no clear glass was found: the white point is taken as 255",
            );
        }
        if let Some(estimate) = &self.estimate {
            match (estimate.hematoxylin, estimate.dab) {
                (true, true) => {}
                (true, false) => warn(
                    "stain-vector-default",
                    "too little DAB was found to read its stain vector off the slide: the default is used",
                ),
                (false, true) => warn(
                    "stain-vector-default",
                    "too little hematoxylin was found to read its stain vector off the slide: the default is used",
                ),
                (false, false) => warn(
                    "stain-vector-default",
                    "the stain vectors could not be read off the slide: the defaults are used",
                ),
            }
        }
        if self.tissue.count() == 0 {
            warn("no-tissue", "no tissue was found");
        } else if !self.background.measured {
            warn(
                "no-unstained-tissue",
                "no unstained tissue was found: the DAB background is taken as 0, so haze would read as staining",
            );
        }
        warnings
    }

    /// Judges quality by what the scoring pass saw.
    fn look_closely(&mut self, overview: Overview, blocks: &BlockMap) {
        self.quality.judge_closely(&overview, blocks, &self.colours);
        drop(overview);
    }

    /// Leaves out the cells where quality fails.
    fn leave_out(&self, cells: &mut CellTable) {
        let places = cells.x_px.iter().zip(&cells.y_px);
        for ((&x, &y), excluded) in places.zip(&mut cells.excluded) {
            if excluded.is_none() {
                let (ox, oy) = self.grid.pixel_at(SlidePoint { x, y });
                *excluded = self
                    .quality
                    .reason_at(ox, oy)
                    .and_then(ExcludedReason::from_check);
            }
        }
    }

    fn quality_facts(&self, regions: &Regions, seen: Option<Seen>) -> QualityFacts {
        let pixel = self.grid.pixel_mm2();
        let usable = &self.quality.usable;
        let evaluated = if regions.iter().next().is_none() {
            usable.count()
        } else {
            Mask::from_fn(usable.width(), usable.height(), |x, y| {
                usable.get(x, y) && self.counts_at(regions, x, y)
            })
            .count()
        };
        let (unread_um2, unread_tiles) = seen.map_or((0.0, Vec::new()), |seen| {
            (seen.unread_um2, seen.unread_tiles)
        });
        let unread_mm2 = unread_um2 / 1e6;
        QualityFacts {
            tissue_mm2: self.tissue.count() as f64 * pixel,
            evaluated_mm2: (evaluated as f64 * pixel - unread_mm2).max(0.0),
            excluded_mm2: self.quality.excluded_mm2(self.grid),
            unread_mm2,
            unread_tiles,
        }
    }

    fn counts_at(&self, regions: &Regions, x: u32, y: u32) -> bool {
        let scale = self.grid.slide_scale();
        let point = SlidePoint {
            x: (f64::from(x) + 0.5) * scale.0,
            y: (f64::from(y) + 0.5) * scale.1,
        };
        region_reason(regions, point).is_none()
    }
}

/// Why a place does not count, as far as regions decide.
pub fn region_reason(regions: &Regions, point: SlidePoint) -> Option<ExcludedReason> {
    if regions.contains(RegionRole::Control, point) {
        Some(ExcludedReason::Control)
    } else if regions.contains(RegionRole::Exclude, point) {
        Some(ExcludedReason::ExcludedRegion)
    } else if regions.has_tumour() && !regions.contains(RegionRole::Tumour, point) {
        Some(ExcludedReason::OutsideTumour)
    } else {
        None
    }
}

fn run_patches<'a>(
    input: &ScoreInput<'_>,
    ground: &Ground,
    checkpoint: &'a dyn Checkpoint,
) -> Result<Finished<'a>, CoreError> {
    let grid = PatchGrid::for_segmenter(input.segmenter);
    let patches = wanted_patches(input, ground, &grid);
    input.progress.begin(Stage::Patches, patches.len() as u64);
    let pool = WorkerPool::new(input, ground, &grid);
    let done = working_order(&patches, &grid)
        .into_par_iter()
        .map(|place| {
            let core = patches[place];
            if checkpoint.has(core) {
                input.progress.step();
                return Ok((place, None));
            }
            if input.progress.cancelled() {
                return Err(CoreError::Cancelled);
            }
            let outcome = pool.with(|worker| worker.run(core))?;
            let held = checkpoint.keep(core, outcome).map_err(CoreError::NotKept)?;
            input.progress.step();
            Ok((place, held.map(Box::new)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut finished: Vec<_> = patches.into_iter().map(|core| (core, None)).collect();
    for (place, held) in done {
        finished[place].1 = held;
    }
    Ok(Finished::new(checkpoint, finished))
}

/// In which order patches are worked on: down through strips of the slide, so that most tiles of a halo are in the cache still, which along rows across a large slide they would not be.
fn working_order(patches: &[LevelRect], grid: &PatchGrid) -> Vec<usize> {
    /// Patches across a strip.
    const ACROSS: i64 = 6;
    let core = i64::from(grid.core);
    let mut order: Vec<usize> = (0..patches.len()).collect();
    order.sort_by_key(|&i| {
        let (column, row) = (patches[i].x / core, patches[i].y / core);
        (column / ACROSS, row, column)
    });
    order
}

/// The patch cores that hold tissue and may hold cells that count, row by row; cut to the parts that do, where the segmenter takes smaller patches.
fn wanted_patches(input: &ScoreInput<'_>, ground: &Ground, grid: &PatchGrid) -> Vec<LevelRect> {
    let size = input.reader.size();
    let (sx, sy) = grid.slide_scale(input.slide_mpp);
    let extent =
        |pixels: u32, scale: f64| (f64::from(pixels) / scale / f64::from(grid.core)).ceil() as i64;
    let (columns, rows) = (extent(size.width, sx), extent(size.height, sy));
    let ratio = grid.mpp.get() / OVERVIEW_MPP;
    let mut wanted = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let core = LevelRect {
                x: column * i64::from(grid.core),
                y: row * i64::from(grid.core),
                width: grid.core,
                height: grid.core,
            };
            let from = |v: i64| (v as f64 * ratio).floor() as u32;
            let to = |v: i64| (v as f64 * ratio).ceil() as u32;
            let matters = |part: &LevelRect| {
                let usable = &ground.quality.usable;
                (from(part.y)..to(part.bottom()))
                    .any(|y| (from(part.x)..to(part.right())).any(|x| usable.get(x, y)))
                    && input
                        .regions
                        .may_matter(grid.on_slide(*part, input.slide_mpp))
            };
            let parts = parts_of(core);
            let Some(smallest) = bounds(parts.iter().filter(|part| matters(part))) else {
                continue;
            };
            let patch = LevelSize {
                width: smallest.width + 2 * grid.halo,
                height: smallest.height + 2 * grid.halo,
            };
            wanted.push(if input.segmenter.takes(patch) {
                smallest
            } else {
                core
            });
        }
    }
    wanted
}

/// A large core in squares, row by row: where tissue ends in one of them, the others need not be read.
fn parts_of(core: LevelRect) -> Vec<LevelRect> {
    const PART: u32 = 256;
    if core.width <= PART || !core.width.is_multiple_of(PART) {
        return vec![core];
    }
    let steps = || (0..core.width).step_by(PART as usize).map(i64::from);
    steps()
        .flat_map(|y| {
            steps().map(move |x| LevelRect {
                x: core.x + x,
                y: core.y + y,
                width: PART,
                height: PART,
            })
        })
        .collect()
}

/// The smallest rectangle around others.
fn bounds<'a>(mut parts: impl Iterator<Item = &'a LevelRect>) -> Option<LevelRect> {
    let first = *parts.next()?;
    Some(parts.fold(first, |all, part| {
        let (x, y) = (all.x.min(part.x), all.y.min(part.y));
        LevelRect {
            x,
            y,
            width: (all.right().max(part.right()) - x) as u32,
            height: (all.bottom().max(part.bottom()) - y) as u32,
        }
    }))
}

fn excluded_counts(cells: &CellTable) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for reason in cells.excluded.iter().flatten() {
        *counts.entry(reason.name().to_owned()).or_insert(0) += 1;
    }
    counts
}
