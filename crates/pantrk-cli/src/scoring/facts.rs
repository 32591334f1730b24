//! What `result.json` says of a scored slide.

use pantrk_core::pipeline::SlideAnalysis;
use pantrk_space::RegionReader as _;
use pantrk_store::{
    CellCounts, PatternFacts, Quality, RunFacts, SlideFacts, SlideResult, StainFacts, TumourRegion,
    UnreadTile, Warning,
};
use pantrk_triage::{Triage, gene_hint};

use super::{Job, Prepared};

/// Natural logarithm of the ratio from which two pixel sizes disagree: about 10 %.
const MPP_DISAGREES: f64 = 0.1;
pub(super) fn assemble(
    job: &Job<'_>,
    prepared: &Prepared,
    analysis: &SlideAnalysis,
    run: RunFacts,
    triage: Triage,
) -> SlideResult {
    let slide = &prepared.slide;
    let size = slide.size();
    let score = &analysis.score;
    let quality = &analysis.quality;
    SlideResult {
        schema: pantrk_store::SCHEMA.to_owned(),
        slide: SlideFacts {
            id: job.slide_id.clone(),
            path: job.slide_path.display().to_string(),
            vendor: slide.vendor().to_owned(),
            fingerprint: slide.fingerprint(),
            width: size.width,
            height: size.height,
            levels: slide.levels().len() as u32,
            mpp_x: prepared.mpp.x.get(),
            mpp_y: prepared.mpp.y.get(),
            mpp_source: prepared.mpp_source,
            objective_power: slide.objective_power(),
        },
        run,
        quality: Quality {
            tissue_mm2: quality.tissue_mm2,
            evaluated_mm2: quality.evaluated_mm2,
            excluded_mm2: quality.excluded_mm2.clone(),
            unread_mm2: quality.unread_mm2,
            unread_tiles: quality
                .unread_tiles
                .iter()
                .map(|t| UnreadTile {
                    level: t.level.0 as u32,
                    column: t.tile.column,
                    row: t.tile.row,
                    reason: t.reason.clone(),
                })
                .collect(),
            warnings: warnings(prepared, analysis),
            with_left_out: analysis.with_left_out,
        },
        stain: StainFacts {
            hematoxylin: analysis.vectors.hematoxylin,
            dab: analysis.vectors.dab,
            residual: analysis.vectors.residual,
            background_rgb: analysis.white_point.rgb,
            dab_background_od: analysis.background.od,
            source: stain_source(prepared, analysis).to_owned(),
            background_drift: analysis.white_point.drift.map_or(0.0, |drift| drift.span()),
            dab_background_source: match analysis.background {
                b if b.internal_negative => "internal-negative-tissue",
                b if b.measured => "least-stained-tissue",
                _ => "none",
            }
            .to_owned(),
            uncorrected: analysis.uncorrected,
        },
        tumour_region: match (&prepared.region_facts, prepared.regions.has_tumour()) {
            (Some(_), true) => TumourRegion::Classified,
            (None, true) => TumourRegion::Given,
            (_, false) => TumourRegion::None,
        },
        region_classifier: prepared.region_facts.clone(),
        cell_kinds: analysis.cell_kinds.clone(),
        cells: CellCounts {
            segmented: analysis.cells.len() as u64,
            tumour: score.tumour_cells,
            excluded: analysis.excluded.clone(),
            narrow_cytoplasm: analysis.narrow_cytoplasm,
        },
        compartments: score.compartments,
        pattern: score.pattern.as_ref().map(|pattern| PatternFacts {
            gene_hint: gene_hint(pattern),
            pattern: pattern.clone(),
        }),
        control: analysis.control,
        profiles: score.profiles.clone(),
        ihc: score.ihc.clone(),
        triage,
    }
}

/// Where the vectors used come from, as in `result.json`.
fn stain_source(prepared: &Prepared, analysis: &SlideAnalysis) -> &'static str {
    match analysis.stain_estimate.map(|e| (e.hematoxylin, e.dab)) {
        None => prepared.stains.source,
        Some((true, true)) => "estimated",
        Some((true, false)) => "estimated-hematoxylin",
        Some((false, true)) => "estimated-dab",
        Some((false, false)) => "default",
    }
}

pub(super) fn warnings(prepared: &Prepared, analysis: &SlideAnalysis) -> Vec<Warning> {
    let found = analysis.warnings.iter();
    let found = found.map(|w| Warning::new(w.code, w.message.clone()));
    found
        .chain(mpp_warning(prepared))
        .chain(proposal_warning(prepared))
        .collect()
}

/// Regions that nobody drew are said to be so.
fn proposal_warning(prepared: &Prepared) -> Option<Warning> {
    let facts = prepared.region_facts.as_ref()?;
    let told = facts
        .classes
        .iter()
        .map(|class| format!("{} {:.0} %", class.class, class.held_out_right_percent));
    let told: Vec<String> = told.collect();
    Some(Warning::new(
        "proposed-regions",
        format!(
            "the regions were proposed by a classifier and seen by nobody: look at them before trusting the score (told right of held-out training places: {})",
            told.join(", ")
        ),
    ))
}

/// A pixel size that the user gave against the file's own is worth a second look.
fn mpp_warning(prepared: &Prepared) -> Option<Warning> {
    let (given, file) = (
        prepared.mpp.mean().get(),
        prepared.slide.mpp()?.mean().get(),
    );
    ((given / file).ln().abs() > MPP_DISAGREES).then(|| {
        Warning::new(
            "mpp-differs",
            format!("the pixel size given is {given} um, the file says {file} um"),
        )
    })
}
