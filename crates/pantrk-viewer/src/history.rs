//! What undo takes back in a review: thresholds, case facts, corrected cells and what is drawn, in the order in which it was done.
//!
//! The drawing keeps its own edits; here stands only when their turn is.

use pantrk_core::score::Thresholds;
use pantrk_triage::Case;

use crate::drawing::Drawing;
use crate::review::Correction;

/// What holds changes together that are one to the person: a drag of the mouse, or a field that keeps the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The press of a mouse button that began then, as the bits of the time.
    Press(u64),
    /// The focus of this field.
    Focus(egui::Id),
}

/// One change, either way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// An edit of the drawing, which keeps it.
    Drawn,
    /// The thresholds before and after.
    Thresholds([Thresholds; 2]),
    /// The facts before and after.
    Case(Box<[Case; 2]>),
    /// The cell's row, and its correction before and after.
    Correction(u32, [Option<Correction>; 2]),
}

impl Step {
    /// In words, where the drawing does not say it.
    pub(crate) fn word(&self, drawn: Option<&'static str>) -> String {
        match self {
            Self::Drawn => drawn.unwrap_or("draw").to_owned(),
            Self::Thresholds(_) => "thresholds".to_owned(),
            Self::Case(_) => "case facts".to_owned(),
            Self::Correction(row, _) => format!("correction of cell {row}"),
        }
    }

    /// As one step with what came after it, where both are of one kind and place.
    fn with(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (Self::Thresholds([before, _]), Self::Thresholds([_, after])) => {
                Some(Self::Thresholds([*before, *after]))
            }
            (Self::Case(first), Self::Case(second)) => {
                Some(Self::Case(Box::new([first[0].clone(), second[1].clone()])))
            }
            _ => None,
        }
    }

    /// Whether it changes nothing.
    fn is_idle(&self) -> bool {
        match self {
            Self::Drawn => false,
            Self::Thresholds([before, after]) => before == after,
            Self::Case(pair) => pair[0] == pair[1],
            Self::Correction(_, [before, after]) => before == after,
        }
    }
}

/// Of those that are `drawn`, keeps the last so many, and all others.
fn keep_last<T>(list: &mut Vec<T>, most: usize, drawn: impl Fn(&T) -> bool) {
    let mut left = list.iter().filter(|step| drawn(step)).count();
    list.retain(|step| {
        let forgotten = drawn(step) && left > most;
        left -= usize::from(forgotten);
        !forgotten
    });
}

/// All that was done and taken back since the review was opened, or signed.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    done: Vec<(Step, Option<Hold>)>,
    undone: Vec<Step>,
    /// Edits of the drawing that stand in here.
    drawn: u64,
}

impl History {
    /// Something was done.
    pub(crate) fn record(&mut self, step: Step, hold: Option<Hold>) {
        if step.is_idle() {
            return;
        }
        self.undone.clear();
        let last = self
            .done
            .last_mut()
            .filter(|(_, held)| hold.is_some() && *held == hold);
        match last.and_then(|(last, _)| Some((last.with(&step)?, last))) {
            Some((joined, last)) if !joined.is_idle() => *last = joined,
            Some(_) => drop(self.done.pop()),
            None => self.done.push((step, hold)),
        }
    }

    /// The drawing may have changed, or have begun anew.
    pub(crate) fn follow(&mut self, drawing: &Drawing) {
        let new = drawing.made - self.drawn;
        self.drawn = drawing.made;
        if new > 0 {
            self.undone.clear();
        }
        for _ in 0..new {
            self.done.push((Step::Drawn, None));
        }
        // Edits that the drawing forgot cannot be taken back.
        let [kept, taken] = drawing.depth();
        keep_last(&mut self.done, kept, |(step, _)| *step == Step::Drawn);
        keep_last(&mut self.undone, taken, |step| *step == Step::Drawn);
    }

    /// What undo would take back.
    pub(crate) fn last_done(&self) -> Option<&Step> {
        self.done.last().map(|(step, _)| step)
    }

    /// What redo would do again.
    pub(crate) fn last_undone(&self) -> Option<&Step> {
        self.undone.last()
    }

    /// Takes the last step back, as far as it stands here.
    pub(crate) fn undo(&mut self) -> Option<Step> {
        let (step, _) = self.done.pop()?;
        self.undone.push(step.clone());
        Some(step)
    }

    /// Does the last step that was taken back again, as far as it stands here.
    pub(crate) fn redo(&mut self) -> Option<Step> {
        let step = self.undone.pop()?;
        self.done.push((step.clone(), None));
        Some(step)
    }

    /// Of a slide that was scored since: corrections name cells that are no more.
    #[must_use]
    pub(crate) fn after_scoring(mut self) -> Self {
        let stays = |step: &Step| !matches!(step, Step::Correction(..));
        self.done.retain(|(step, _)| stays(step));
        self.undone.retain(stays);
        self
    }

    /// Undo does not go behind this point any more.
    pub(crate) fn seal(&mut self) {
        self.done.clear();
        self.undone.clear();
    }
}
