//! The score as it would be: other thresholds, regions, corrections and case facts, from the cells that are stored.
//!
//! Nothing is segmented here. The cells are laid out once for each opening; what changes after that is one pass over them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pantrk_core::cell::ExcludedReason;
use pantrk_core::pipeline::region_reason;
use pantrk_core::region::{RegionRole, Regions};
use pantrk_core::score::{Compartment, IhcResult, ScoreContext, Scorer, SlideScore, Thresholds};
use pantrk_space::{SlideMpp, SlidePoint};
use pantrk_store::{PatternFacts, SlideResult, TumourRegion, Warning};
use pantrk_triage::{Case, IhcFinding, Triage, decide, gene_hint};

use super::{Outbox, Pool, PoolSize};
use crate::cell_layer::CellLayer;
use crate::drawing::{UNSCORED, Unscored};
use crate::error::ViewerError;
use crate::review::{Correction, Corrections};

/// Parts of the histogram.
pub(crate) const BINS: usize = 120;
/// Where the histogram's last part begins to hold all that is above (OD).
pub(crate) const TOP_OD: f32 = 1.2;

/// The cells of one opening.
pub(crate) struct ScoredCells {
    /// For drawing.
    pub(crate) layer: CellLayer,
    /// For scoring; only the worker locks it.
    work: Mutex<Work>,
}

impl ScoredCells {
    /// From the table's columns.
    pub(crate) fn new(layer: CellLayer, scorer: Scorer) -> Self {
        Self {
            layer,
            work: Mutex::new(Work {
                scorer,
                mask: None,
                looked: false,
                slide_reason: None,
                triage: None,
                histogram: None,
            }),
        }
    }
}

/// What the worker keeps between requests.
struct Work {
    scorer: Scorer,
    /// The regions and corrections that the mask was made with, and what became of the cells.
    mask: Option<(MaskKey, Arc<Counted>)>,
    /// Whether it was looked at what follows.
    looked: bool,
    /// Why the slide cannot be evaluated whatever its cells.
    slide_reason: Option<String>,
    triage: Option<(Case, IhcFinding, Triage)>,
    histogram: Option<(HistogramKey, Arc<Vec<u32>>)>,
}

/// The revisions of regions and corrections.
type MaskKey = (u64, u64);
type HistogramKey = (MaskKey, Option<Compartment>);

/// Which cells count, and why the others do not.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// By row: why a cell does not count.
    pub(crate) reasons: Vec<Option<ExcludedReason>>,
    /// Cells left out, by the reason.
    pub(crate) excluded: BTreeMap<String, u64>,
}

impl Counted {
    /// Whether the cell of this row counts.
    pub(crate) fn counts(&self, row: u32) -> bool {
        self.reasons.get(row as usize).is_some_and(Option::is_none)
    }
}

/// The regions that decide which cells count.
#[derive(Debug, Clone, Default)]
pub(crate) struct RegionSet {
    /// Grows with each change.
    pub(crate) revision: u64,
    /// As scoring takes them.
    pub(crate) regions: Regions,
    /// Whether they differ from those that the slide was scored with.
    pub(crate) changed: bool,
    /// Whether a classifier made all tumour regions.
    pub(crate) classified: bool,
    /// Whether those are known; if not, what they left out stays left out unless it is drawn in.
    pub(crate) base_known: bool,
    /// What of the tumour was not scored.
    pub(crate) unscored: Option<Unscored>,
}

/// What is to be scored.
pub(crate) struct LiveRequest {
    /// The opening.
    pub(crate) opening: u64,
    /// Of the review; the answer bears it.
    pub(crate) revision: u64,
    /// The cells.
    pub(crate) cells: Arc<ScoredCells>,
    /// As it was scored.
    pub(crate) scored: Arc<SlideResult>,
    /// The pixel size that it was scored with.
    pub(crate) mpp: SlideMpp,
    /// By which cells are graded now.
    pub(crate) thresholds: Thresholds,
    /// Whose histogram is wanted; `None` for the highest per cell.
    pub(crate) compartment: Option<Compartment>,
    /// The regions now.
    pub(crate) regions: Arc<RegionSet>,
    /// The corrected cells now.
    pub(crate) corrections: Arc<Corrections>,
    /// The case's facts now.
    pub(crate) case: Case,
}

/// The score as it would be.
#[derive(Clone)]
pub(crate) struct LiveAnswer {
    /// The opening.
    pub(crate) opening: u64,
    /// Of the request.
    pub(crate) revision: u64,
    /// The result with score and decision as they would be.
    pub(crate) result: Arc<SlideResult>,
    /// Cells by their density, [`BINS`] parts of 0 to [`TOP_OD`].
    pub(crate) histogram: Arc<Vec<u32>>,
    /// Which cells count.
    pub(crate) counted: Arc<Counted>,
    /// Why the case's facts cannot be, if so; the decision is then the one before.
    pub(crate) problem: Option<String>,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Starts the thread that scores; the passes over the cells use all cores.
pub(crate) fn live_pool(ctx: &egui::Context) -> Result<Pool<LiveRequest, LiveAnswer>, ViewerError> {
    let size = PoolSize {
        name: "live",
        threads: 1,
        queue: 1,
    };
    Pool::start(size, ctx, |request, outbox: &Outbox<LiveAnswer>| {
        outbox.send(answer(&request));
    })
}

/// Scores once.
pub(crate) fn answer(request: &LiveRequest) -> LiveAnswer {
    let started = Instant::now();
    let mut work = request
        .cells
        .work
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let counted = work.counted(request);
    let context = work.context(request);
    let score = work.scorer.score(&context);
    let (triage, problem) = work.triage(request, &score);
    let key = (mask_key(request), request.compartment);
    let histogram = match &work.histogram {
        Some((of, bins)) if *of == key => Arc::clone(bins),
        _ => {
            let bins = work.scorer.histogram(request.compartment, BINS, TOP_OD);
            let bins = Arc::new(bins);
            work.histogram = Some((key, Arc::clone(&bins)));
            bins
        }
    };
    LiveAnswer {
        opening: request.opening,
        revision: request.revision,
        result: Arc::new(result(request, score, triage, &counted)),
        histogram,
        counted,
        problem,
        took: started.elapsed(),
    }
}

fn mask_key(request: &LiveRequest) -> MaskKey {
    (request.regions.revision, request.corrections.revision)
}

impl Work {
    /// Which cells count; worked out anew only where regions or corrections changed.
    fn counted(&mut self, request: &LiveRequest) -> Arc<Counted> {
        let key = mask_key(request);
        if let Some((of, counted)) = &self.mask
            && *of == key
        {
            return Arc::clone(counted);
        }
        let counted = Arc::new(count(request));
        self.scorer
            .set_excluded(|row| counted.reasons.get(row as usize).copied().flatten());
        self.scorer
            .set_grades(|row| request.corrections.cells.get(&row)?.grade());
        self.mask = Some((key, Arc::clone(&counted)));
        counted
    }

    fn context(&mut self, request: &LiveRequest) -> ScoreContext {
        let scored = &request.scored;
        let regions = &request.regions;
        let mut context = ScoreContext {
            mpp: request.mpp,
            thresholds: request.thresholds,
            profile: scored.ihc.profile.clone(),
            has_tumour_region: regions.regions.has_tumour()
                || (!regions.base_known && scored.tumour_region != TumourRegion::None),
            not_evaluable: None,
        };
        if !self.looked {
            self.looked = true;
            // Cells enough and yet not evaluable: then the slide itself is the reason.
            let refused = scored.ihc.result == IhcResult::NotEvaluable
                && self.scorer.score(&context).ihc.result != IhcResult::NotEvaluable;
            if refused {
                self.slide_reason = scored.ihc.reasons.first().cloned();
            }
        }
        context.not_evaluable.clone_from(&self.slide_reason);
        context
    }

    fn triage(&mut self, request: &LiveRequest, score: &SlideScore) -> (Triage, Option<String>) {
        let percent = score.compartments.as_ref().map(|c| c.any.positive_percent);
        let finding = IhcFinding::from_call(&score.ihc, percent, Some(score.tumour_cells));
        if let Some((case, of, triage)) = &self.triage
            && *case == request.case
            && *of == finding
        {
            return (triage.clone(), None);
        }
        match decide(&request.case, &finding) {
            Ok(triage) => {
                self.triage = Some((request.case.clone(), finding, triage.clone()));
                (triage, None)
            }
            Err(error) => {
                let before = self.triage.as_ref().map(|(.., triage)| triage.clone());
                let triage = before.unwrap_or_else(|| request.scored.triage.clone());
                (triage, Some(error.to_string()))
            }
        }
    }
}

/// Whether each cell counts, by what the run found and what a person drew and corrected.
fn count(request: &LiveRequest) -> Counted {
    let set = &request.regions;
    let reasons = request.cells.layer.reasons();
    let mut now: Vec<Option<ExcludedReason>> = reasons.to_vec();
    if set.changed {
        request.cells.layer.for_each(|row, at| {
            let place = row as usize;
            now[place] = match reasons[place] {
                // What a quality check marked is not brought back by a region.
                Some(reason) if !is_of_regions(reason) => Some(reason),
                _ if set.base_known => region_reason(&set.regions, at),
                before => beside_unknown(&set.regions, at, before),
            };
        });
    }
    let mut excluded = BTreeMap::new();
    for reason in now.iter().flatten() {
        *excluded.entry(reason.name().to_owned()).or_insert(0) += 1;
    }
    let mut corrected = 0;
    for (&row, correction) in &request.corrections.cells {
        if *correction == Correction::NotTumour
            && let Some(reason) = now.get_mut(row as usize)
        {
            corrected += u64::from(reason.is_none());
            // Not one outside the tumour: those tell how unstained cells read.
            *reason = reason.or(Some(ExcludedReason::ExcludedRegion));
        }
    }
    if corrected > 0 {
        excluded.insert("corrected-not-tumour".to_owned(), corrected);
    }
    Counted {
        reasons: now,
        excluded,
    }
}

fn is_of_regions(reason: ExcludedReason) -> bool {
    matches!(
        reason,
        ExcludedReason::OutsideTumour | ExcludedReason::ExcludedRegion | ExcludedReason::Control
    )
}

/// The regions of the run are not known: what is drawn adds to them and takes from them.
fn beside_unknown(
    drawn: &Regions,
    at: SlidePoint,
    before: Option<ExcludedReason>,
) -> Option<ExcludedReason> {
    match region_reason(drawn, at) {
        Some(ExcludedReason::OutsideTumour) => before,
        Some(reason) => Some(reason),
        None if drawn.contains(RegionRole::Tumour, at) => None,
        None => before,
    }
}

/// The scored result with what would change.
fn result(
    request: &LiveRequest,
    score: SlideScore,
    triage: Triage,
    counted: &Counted,
) -> SlideResult {
    let mut result = SlideResult::clone(&request.scored);
    result.cells.tumour = score.tumour_cells;
    result.cells.excluded.clone_from(&counted.excluded);
    if request.regions.changed {
        result.tumour_region = if request.regions.classified {
            TumourRegion::Classified
        } else if request.regions.regions.has_tumour() {
            TumourRegion::Given
        } else if request.regions.base_known {
            TumourRegion::None
        } else {
            result.tumour_region
        };
    }
    if let Some(unscored) = request.regions.unscored {
        let text = unscored.text(request.mpp);
        result.quality.warnings.push(Warning::new(UNSCORED, text));
    }
    result.compartments = score.compartments;
    result.pattern = score.pattern.map(|pattern| PatternFacts {
        gene_hint: gene_hint(&pattern),
        pattern,
    });
    result.profiles = score.profiles;
    result.ihc = score.ihc;
    result.triage = triage;
    result
}
