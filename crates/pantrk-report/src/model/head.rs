//! The head of a report: what was signed first, and then what the program says.

use pantrk_store::SlideResult;
use pantrk_triage::Flag;

use super::{Mark, decision, flag_colour, ihc_mark, score};
use crate::SignOff;
use crate::numbers::{pct, words};

/// Next step and IHC result, each with its title and what stands behind it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) step_title: &'static str,
    pub(super) flag: Mark,
    pub(super) action: String,
    pub(super) decided_by: String,
    pub(super) ihc_title: &'static str,
    pub(super) ihc: Mark,
    pub(super) ihc_detail: String,
    /// Of the part with rules and reasons, which are the program's.
    pub(super) why_title: String,
}

impl Head {
    pub(super) fn new(result: &SlideResult, signed: Option<&SignOff>) -> Self {
        let triage = &result.triage;
        let mut head = Self {
            step_title: "Suggested next step",
            flag: flag_mark(&triage.flag),
            action: triage.action.label().to_owned(),
            decided_by: decision::decided_by(triage),
            ihc_title: "IHC result",
            ihc: ihc_mark(result.ihc.result),
            ihc_detail: score::ihc_detail(result),
            why_title: "Why this next step".to_owned(),
        };
        let Some(signed) = signed else {
            return head;
        };
        head.step_title = "Signed next step";
        head.ihc_title = "IHC result, signed";
        if signed.result != result.ihc.result {
            head.ihc = ihc_mark(signed.result);
            head.ihc_detail = format!("the program read: {}", program_call(result));
        }
        if signed.action != triage.action || signed.result != result.ihc.result {
            let suggested = format!("{} (rule {})", triage.flag.word, triage.rule);
            head.flag = flag_mark(&signed.action.flag());
            signed.action.label().clone_into(&mut head.action);
            let by = match &signed.rule {
                Some(rule) => format!("By rule {rule} for the signed result"),
                None => "Chosen by the pathologist".to_owned(),
            };
            head.decided_by = format!("{by}; the program suggested: {suggested}");
            head.why_title = format!("Why the program suggested: {}", triage.flag.word);
        }
        head
    }
}

fn flag_mark(flag: &Flag) -> Mark {
    Mark {
        word: flag.word.clone(),
        icon: flag.icon.clone(),
        colour: flag_colour(&flag.colour).to_owned(),
    }
}

/// The program's verdict with its percent.
fn program_call(result: &SlideResult) -> String {
    let word = words(result.ihc.result.name());
    match &result.compartments {
        Some(scores) => format!("{word}, {} %", pct(scores.any.positive_percent)),
        None => word,
    }
}
