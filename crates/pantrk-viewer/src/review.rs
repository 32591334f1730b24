//! What a person does with a scored slide: thresholds, case facts, regions, corrected cells, and how far the review is.

use std::collections::BTreeMap;
use std::sync::Arc;

use pantrk_core::region::RegionRole;
use pantrk_core::score::{Compartment, ScoringTable, Thresholds};
use pantrk_space::{MicronsPerPixel, SlideMpp};
use pantrk_store::{Region, SlideResult, TumourRegion};
use pantrk_triage::Case;
use serde::{Deserialize, Serialize};

use crate::drawing::{self, Drawing};
use crate::history::{History, Hold, Step};
use crate::jobs::{LiveAnswer, LiveRequest, RegionSet, ScoredCells, scored_mpp};
use crate::training::PROPOSED;

/// What a person says of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Correction {
    /// It is no tumour cell, so it does not count.
    NotTumour,
    /// It is of this grade, 0 to 3.
    Grade(u8),
}

impl Correction {
    /// The grade, where one was given.
    pub(crate) const fn grade(self) -> Option<u8> {
        match self {
            Self::NotTumour => None,
            Self::Grade(grade) => Some(grade),
        }
    }

    /// In words.
    pub(crate) fn label(self) -> String {
        match self {
            Self::NotTumour => "not a tumour cell".to_owned(),
            Self::Grade(0) => "negative".to_owned(),
            Self::Grade(grade) => format!("{grade}+"),
        }
    }
}

/// All corrected cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Corrections {
    /// Grows with each change.
    pub(crate) revision: u64,
    /// By the row in the cell table.
    pub(crate) cells: BTreeMap<u32, Correction>,
}

/// The review of the slide that is open.
pub(crate) struct Review {
    /// By which cells are graded now.
    pub(crate) thresholds: Thresholds,
    /// By which the slide was scored.
    pub(crate) scored_thresholds: Thresholds,
    /// Whose histogram is shown; `None` for the highest per cell.
    pub(crate) compartment: Option<Compartment>,
    /// The facts now.
    pub(crate) case: Case,
    /// The facts that the slide was scored with.
    pub(crate) scored_case: Case,
    /// Corrected cells.
    pub(crate) corrections: Arc<Corrections>,
    /// Regions, rulers and points.
    pub(crate) drawing: Drawing,
    /// The pixel size that a person gave, where the file does not say it.
    pub(crate) given_mpp: Option<MicronsPerPixel>,
    /// The pixel size of a score that looked for cells within tumour regions alone.
    scored_within: Option<SlideMpp>,
    /// The drawing's areas as scoring takes them.
    pub(crate) regions: Arc<RegionSet>,
    /// The last answer.
    pub(crate) live: Option<LiveAnswer>,
    /// Grows with each change of the above.
    pub(crate) revision: u64,
    /// The revision that was asked for last.
    asked: Option<u64>,
    /// What undo takes back.
    history: History,
    /// What holds the changes of this moment together.
    pub(crate) hold: Option<Hold>,
}

/// The sides of a step.
const BEFORE: usize = 0;
const AFTER: usize = 1;

impl Review {
    /// Nothing changed yet.
    pub(crate) fn new(scored: Option<&SlideResult>) -> Self {
        let thresholds = scored
            .and_then(thresholds_of)
            .unwrap_or_else(|| ScoringTable::embedded().thresholds());
        let case = scored.and_then(case_of).unwrap_or_default();
        Self {
            thresholds,
            scored_thresholds: thresholds,
            compartment: None,
            scored_case: case.clone(),
            case,
            corrections: Arc::default(),
            drawing: Drawing::default(),
            given_mpp: None,
            scored_within: scored
                .filter(|result| result.tumour_region != TumourRegion::None)
                .and_then(scored_mpp),
            regions: Arc::default(),
            live: None,
            revision: 0,
            asked: None,
            history: History::default(),
            hold: None,
        }
    }

    /// Whether anything differs from what was scored.
    pub(crate) fn is_changed(&self) -> bool {
        !self.changes().is_empty()
    }

    /// What differs from what was scored, in words.
    pub(crate) fn changes(&self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.thresholds != self.scored_thresholds {
            let [a, b, c] = self.thresholds.values();
            changes.push(format!("thresholds {a:.2}, {b:.2}, {c:.2} OD"));
        }
        if self.regions.changed {
            changes.push("regions".to_owned());
        }
        match self.corrections.cells.len() {
            0 => {}
            1 => changes.push("1 corrected cell".to_owned()),
            n => changes.push(format!("{n} corrected cells")),
        }
        if self.case != self.scored_case {
            changes.push("case facts".to_owned());
        }
        changes
    }

    /// What of the drawn tumour was not scored, in words.
    pub(crate) fn unscored(&self) -> Option<String> {
        Some(self.regions.unscored?.text(self.scored_within?))
    }

    /// The result as it would be, where something differs and it was worked out.
    pub(crate) fn live_result(&self) -> Option<&SlideResult> {
        let live = self.live.as_ref()?;
        self.is_changed().then_some(&*live.result)
    }

    /// Something changed.
    pub(crate) fn touch(&mut self) {
        self.revision += 1;
    }

    /// Grades by other thresholds, as a step that undo takes back.
    pub(crate) fn set_thresholds(&mut self, thresholds: Thresholds) {
        let step = Step::Thresholds([self.thresholds, thresholds]);
        self.thresholds = thresholds;
        self.did(step);
    }

    /// Decides on other facts, as a step that undo takes back.
    pub(crate) fn set_case(&mut self, case: Case) {
        let before = std::mem::replace(&mut self.case, case);
        let step = Step::Case(Box::new([before, self.case.clone()]));
        self.did(step);
    }

    /// Corrects a cell, or takes its correction back, as a step that undo takes back.
    pub(crate) fn set_correction(&mut self, row: u32, correction: Option<Correction>) {
        let step = Step::Correction(row, [self.correction(row), correction]);
        self.correct(row, correction);
        self.did(step);
    }

    fn did(&mut self, step: Step) {
        self.history.record(step, self.hold);
        if self.history.last_undone().is_none() {
            self.drawing.forget_undone();
        }
        self.touch();
    }

    /// What undo would take back, in words.
    pub(crate) fn can_undo(&self) -> Option<String> {
        let step = self.history.last_done()?;
        Some(step.word(self.drawing.can_undo()))
    }

    /// What redo would do again, in words.
    pub(crate) fn can_redo(&self) -> Option<String> {
        let step = self.history.last_undone()?;
        Some(step.word(self.drawing.can_redo()))
    }

    /// Takes the last change back; what it was, in words.
    pub(crate) fn undo(&mut self) -> Option<String> {
        let word = self.can_undo()?;
        let step = self.history.undo()?;
        self.go(&step, BEFORE);
        Some(word)
    }

    /// Does what was taken back again; what it is, in words.
    pub(crate) fn redo(&mut self) -> Option<String> {
        let word = self.can_redo()?;
        let step = self.history.redo()?;
        self.go(&step, AFTER);
        Some(word)
    }

    /// Makes it as it was on one side of a step.
    fn go(&mut self, step: &Step, side: usize) {
        match step {
            Step::Drawn => {
                if side == BEFORE {
                    self.drawing.undo();
                } else {
                    self.drawing.redo();
                }
                self.take_regions();
            }
            Step::Thresholds(sides) => self.thresholds = sides[side],
            Step::Case(sides) => self.case = sides[side].clone(),
            Step::Correction(row, sides) => self.correct(*row, sides[side]),
        }
        self.touch();
    }

    /// Undo does not go behind what is there now: it was signed, or kept another day.
    pub(crate) fn seal(&mut self) {
        self.drawing.seal();
        self.history.seal();
    }

    /// Goes on where a review of the same slide was when the slide was scored: what was done there can still be taken back, if nothing came between.
    pub(crate) fn go_on_from(&mut self, before: Self) {
        if self.drawing.is_alike(&before.drawing)
            && self.case == before.case
            && self.thresholds == before.thresholds
        {
            self.drawing.go_on_from(before.drawing);
            self.history = before.history.after_scoring();
            self.take_regions();
        }
    }

    /// The drawing changed: its areas become the regions.
    pub(crate) fn take_regions(&mut self) {
        self.history.follow(&self.drawing);
        let drawn = self.drawing.regions();
        let changed = self.drawing.areas_changed();
        let within = self.scored_within.filter(|_| changed);
        let unscored = within.and_then(|mpp| {
            let base = self.drawing.scored_regions();
            drawing::unscored(base.as_ref(), self.drawing.shapes(), mpp)
        });
        self.regions = Arc::new(RegionSet {
            revision: self.regions.revision + 1,
            regions: pantrk_store::scoring_regions(&drawn),
            changed,
            classified: is_classified(&drawn),
            base_known: self.drawing.base_known,
            unscored,
        });
        self.touch();
    }

    /// Corrects a cell, or takes its correction back.
    pub(crate) fn correct(&mut self, row: u32, correction: Option<Correction>) {
        let corrections = Arc::make_mut(&mut self.corrections);
        match correction {
            Some(correction) => corrections.cells.insert(row, correction),
            None => corrections.cells.remove(&row),
        };
        corrections.revision += 1;
        self.touch();
    }

    /// Puts other corrections in the place of all.
    pub(crate) fn set_corrections(&mut self, cells: BTreeMap<u32, Correction>) {
        let corrections = Arc::make_mut(&mut self.corrections);
        corrections.cells = cells;
        corrections.revision += 1;
        self.touch();
    }

    /// What to ask the worker for next, if anything: one request is on its way at a time, and the last change wins.
    pub(crate) fn request(
        &self,
        opening: u64,
        cells: &Arc<ScoredCells>,
        scored: &Arc<SlideResult>,
        mpp: SlideMpp,
    ) -> Option<LiveRequest> {
        let answered = self.live.as_ref().map(|live| live.revision);
        if self.asked == Some(self.revision) || self.asked != answered {
            return None;
        }
        Some(LiveRequest {
            opening,
            revision: self.revision,
            cells: Arc::clone(cells),
            scored: Arc::clone(scored),
            mpp,
            thresholds: self.thresholds,
            compartment: self.compartment,
            regions: Arc::clone(&self.regions),
            corrections: Arc::clone(&self.corrections),
            case: self.case.clone(),
        })
    }

    /// The worker took the request of this revision.
    pub(crate) fn asked(&mut self, revision: u64) {
        self.asked = Some(revision);
    }

    /// Whether an answer is on its way.
    pub(crate) fn is_waiting(&self) -> bool {
        self.asked != self.live.as_ref().map(|live| live.revision)
    }

    /// Whether the grade that a cell has now comes from a person; the correction then.
    pub(crate) fn correction(&self, row: u32) -> Option<Correction> {
        self.corrections.cells.get(&row).copied()
    }
}

/// Whether there are tumour regions and a classifier made them all.
fn is_classified(drawn: &[Region]) -> bool {
    let tumour = drawn.iter().filter(|r| r.role == RegionRole::Tumour);
    let mut made = tumour.map(|region| region.name.as_deref() == Some(PROPOSED));
    made.next() == Some(true) && made.all(|by_classifier| by_classifier)
}

/// The thresholds that a slide was scored with.
fn thresholds_of(result: &SlideResult) -> Option<Thresholds> {
    let list = result.run.parameters.get("thresholds")?.as_array()?;
    let values: Vec<f32> = list
        .iter()
        .filter_map(|v| v.as_f64().map(|v| v as f32))
        .collect();
    Thresholds::new(values.try_into().ok()?)
}

/// The case's facts that a slide was scored with.
pub(crate) fn case_of(result: &SlideResult) -> Option<Case> {
    let case = result.run.parameters.get("case")?;
    serde_json::from_value(case.clone()).ok()
}
