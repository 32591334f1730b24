//! What to do next where the pathologist's own IHC result is another than the program's: decided anew, by the same rules and on the same facts.

use pantrk_core::score::IhcResult;
use pantrk_store::SlideResult;
use pantrk_triage::{Action, Case, IhcFinding, decide};

use crate::state::OpenItem;

/// What it was decided on.
#[derive(Debug, Clone, PartialEq)]
struct Facts {
    result: IhcResult,
    tumour_cells: u64,
    case: Case,
}

/// A step and the rule that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decided {
    action: Action,
    rule: String,
}

/// The step for the pathologist's own result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnStep {
    on: Facts,
    /// Why the rules decide nothing, where they do not.
    decided: Result<Decided, String>,
}

impl OwnStep {
    fn on(facts: Facts) -> Self {
        // How much stains, and how strongly, is what the person does not agree with.
        let finding = IhcFinding {
            tumour_cells: Some(facts.tumour_cells),
            ..IhcFinding::new(facts.result)
        };
        let decided = decide(&facts.case, &finding).map(|triage| Decided {
            action: triage.action,
            rule: triage.rule,
        });
        Self {
            on: facts,
            decided: decided.map_err(|error| error.to_string()),
        }
    }
}

/// The step that goes with what the pathologist says of the stain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proposed<'a> {
    /// The step.
    pub(crate) action: Action,
    /// The rule that asks for it.
    pub(crate) rule: &'a str,
    /// Whether it was decided anew, on the pathologist's own result.
    pub(crate) anew: bool,
}

impl OpenItem {
    /// The pathologist's own result, where it is not the computed one.
    fn own_result(&self, computed: IhcResult) -> Option<IhcResult> {
        self.opinion.result.filter(|own| *own != computed)
    }

    /// Decides anew where the pathologist's result, the cells or the case are others than before.
    pub(crate) fn decide_anew(&mut self, computed: IhcResult, tumour_cells: u64) {
        let Some(result) = self.own_result(computed) else {
            self.own_step = None;
            return;
        };
        let case = &self.review.case;
        let is_same =
            |on: &Facts| on.result == result && on.tumour_cells == tumour_cells && on.case == *case;
        if self.own_step.as_ref().is_none_or(|step| !is_same(&step.on)) {
            self.own_step = Some(OwnStep::on(Facts {
                result,
                tumour_cells,
                case: case.clone(),
            }));
        }
    }

    /// The step that is signed unless the pathologist chooses another.
    ///
    /// # Errors
    /// If the rules decide nothing on the pathologist's own result; why.
    pub(crate) fn proposed<'a>(
        &'a self,
        computed: &'a SlideResult,
    ) -> Result<Proposed<'a>, &'a str> {
        match (&self.own_step, self.own_result(computed.ihc.result)) {
            (Some(step), Some(_)) => match &step.decided {
                Ok(decided) => Ok(Proposed {
                    action: decided.action,
                    rule: &decided.rule,
                    anew: true,
                }),
                Err(why) => Err(why),
            },
            _ => Ok(Proposed {
                action: computed.triage.action,
                rule: &computed.triage.rule,
                anew: false,
            }),
        }
    }
}
