//! Scores of a slide: what is counted, in which compartment, by which profile.
//!
//! The types here are what the triage, the result file and the report speak; their field names are those of `result.json`.

mod arranged;
mod bootstrap;
mod control;
mod noise;
mod pattern;
#[cfg(test)]
mod plain;
pub mod profiles;
mod scorer;
mod summary;
mod table;
mod tally;
mod types;

use std::collections::BTreeMap;

use pantrk_space::SlideMpp;

use crate::cell::CellTable;
use arranged::Arranged;
use profiles::PROFILES;
use summary::Counts;

pub use control::{ControlAdequacy, ControlScore, WithLeftOut, score_control, score_with_left_out};
pub use scorer::{Scorer, ScorerCells};
pub use table::ScoringTable;
pub use types::{
    Compartment, CompartmentScore, CompartmentScores, Extent, IhcCall, IhcResult, Intensity,
    Pattern, ProfileCall, Texture, Thresholds,
};

/// What is known of a slide besides its cells when it is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreContext {
    /// Of level 0, to place cells in um.
    pub mpp: SlideMpp,
    /// By which cells are graded.
    pub thresholds: Thresholds,
    /// The profile whose call becomes the slide's.
    pub profile: String,
    /// Whether regions say where the tumour is.
    pub has_tumour_region: bool,
    /// Why the slide cannot be evaluated whatever its cells, as a sentence.
    pub not_evaluable: Option<String>,
}

/// A slide's score.
#[derive(Debug, Clone, PartialEq)]
pub struct SlideScore {
    /// Tumour cells counted.
    pub tumour_cells: u64,
    /// `None` where the slide is not evaluable.
    pub compartments: Option<CompartmentScores>,
    /// `None` where the slide is not evaluable.
    pub pattern: Option<Pattern>,
    /// Every profile's call, by name.
    pub profiles: BTreeMap<String, ProfileCall>,
    /// The chosen profile's call, with what overrides it.
    pub ihc: IhcCall,
}

/// Scores the cells of a table by the context's thresholds.
///
/// An unknown profile name falls back to the first of [`PROFILES`]; callers check names first.
pub fn score_cells(cells: &CellTable, context: &ScoreContext) -> SlideScore {
    score_arranged(&Arranged::new(cells, context.mpp), cells, context)
}

/// Scores cells that are arranged already; `cells` is the table that they come from.
fn score_arranged(arranged: &Arranged, cells: &CellTable, context: &ScoreContext) -> SlideScore {
    let table = ScoringTable::embedded();
    let delta = table.sensitivity_od();
    let counts = summary::count_arranged(arranged, cells, context.thresholds, delta);
    if let Some(reason) = why_not_evaluable(&counts, context, table) {
        return not_evaluable(&counts, context, reason);
    }
    let profiles: BTreeMap<_, _> = PROFILES
        .iter()
        .map(|p| (p.name.to_owned(), (p.call)(&counts, table)))
        .collect();
    let median_grain = || arranged.median_grain(cells, context.thresholds);
    let pattern = pattern::pattern(&counts, table, median_grain);
    let ihc = overall(&counts, &profiles, &pattern, context);
    SlideScore {
        tumour_cells: counts.cells,
        compartments: Some(counts.scores),
        pattern: Some(pattern),
        profiles,
        ihc,
    }
}

/// What the compartments would score if the slide's DAB background, `background_od`, were not taken off.
pub fn score_uncorrected(
    cells: &CellTable,
    background_od: f32,
    thresholds: Thresholds,
    mpp: SlideMpp,
) -> CompartmentScores {
    let arranged = Arranged::raised(cells, mpp, background_od);
    let delta = ScoringTable::embedded().sensitivity_od();
    summary::count_arranged(&arranged, cells, thresholds, delta).scores
}

fn why_not_evaluable(
    counts: &Counts,
    context: &ScoreContext,
    table: &ScoringTable,
) -> Option<String> {
    let needed = table.adequacy.not_evaluable_below;
    context.not_evaluable.clone().or_else(|| {
        (counts.cells < needed).then(|| {
            format!(
                "{} tumour cells were found; at least {needed} are needed",
                counts.cells
            )
        })
    })
}

fn not_evaluable(counts: &Counts, context: &ScoreContext, reason: String) -> SlideScore {
    let table = ScoringTable::embedded();
    let profiles = PROFILES
        .iter()
        .map(|p| {
            let call = ProfileCall {
                result: IhcResult::NotEvaluable,
                value: None,
                interval95: None,
                sensitivity: None,
                parts: BTreeMap::new(),
                reasons: vec![reason.clone()],
                ..(p.call)(counts, table)
            };
            (p.name.to_owned(), call)
        })
        .collect();
    SlideScore {
        tumour_cells: counts.cells,
        compartments: None,
        pattern: None,
        profiles,
        ihc: IhcCall {
            result: IhcResult::NotEvaluable,
            profile: context.profile.clone(),
            intensity: None,
            extent: None,
            reasons: vec![reason],
        },
    }
}

/// The chosen profile's call; without a tumour region, positive cells in few places may be anything that stains.
fn overall(
    counts: &Counts,
    profiles: &BTreeMap<String, ProfileCall>,
    pattern: &Pattern,
    context: &ScoreContext,
) -> IhcCall {
    let chosen = profiles
        .get(&context.profile)
        .or_else(|| profiles.get(PROFILES[0].name));
    let (mut result, mut reasons) = chosen.map_or((IhcResult::NotEvaluable, Vec::new()), |call| {
        (call.result, call.reasons.clone())
    });
    if !context.has_tumour_region {
        reasons.push("no tumour region was given: every cell in tissue counts".to_owned());
        if result == IhcResult::Positive && pattern.extent == Extent::Focal {
            result = IhcResult::Indeterminate;
            reasons.push(
                "the stained cells lie in few places, and without a region they may be nerve, muscle or other tissue that stains (indeterminate-no-region)"
                    .to_owned(),
            );
        }
    }
    let stains = pattern.extent != Extent::None;
    IhcCall {
        result,
        profile: context.profile.clone(),
        intensity: stains.then(|| intensity(&counts.scores.any)),
        extent: Some(pattern.extent),
        reasons,
    }
}

/// By the mean grade of the stained cells.
fn intensity(any: &CompartmentScore) -> Intensity {
    let row = &ScoringTable::embedded().intensity;
    match any.h_score / any.positive_percent.max(1e-9) {
        mean if mean >= row.strong_from => Intensity::Strong,
        mean if mean >= row.moderate_from => Intensity::Moderate,
        _ => Intensity::Weak,
    }
}
