//! What is said of a slide: by the program, and by the pathologist who reviews it.
//!
//! **Architecture invariant:** the worklist shows, sorts, filters and searches by [`Session::said`] alone, so that no row keeps what a review has changed.

use pantrk_core::score::IhcResult;
use pantrk_store::{ReviewState, SlideResult, SlideReview};
use pantrk_triage::{Action, Case, TumourTypes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::Opinion;
use crate::review::Review;
use crate::state::{OpenItem, Session, WorkItem};

/// Percents that differ by less are shown alike.
const SAME_PERCENT: f64 = 0.05;

/// An IHC result as people read it.
pub(crate) const fn ihc_word(result: IhcResult) -> &'static str {
    match result {
        IhcResult::NotEvaluable => "not evaluable",
        other => other.name(),
    }
}

/// What is said of a slide, as short as a row of the worklist has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading<'a> {
    /// The IHC result.
    pub(crate) result: IhcResult,
    /// Percent of the tumour cells, any compartment; `None` where not evaluable.
    pub(crate) percent: Option<f64>,
    /// The tumour type's id.
    pub(crate) tumour_type: Option<&'a str>,
    /// What to do next.
    pub(crate) action: Action,
    /// The rule that decided; empty where a person did.
    pub(crate) rule: &'a str,
}

impl<'a> Reading<'a> {
    /// Of a result, or of what a review would make of it.
    pub(crate) fn of(result: &'a SlideResult) -> Self {
        let scores = result.compartments.as_ref();
        Self {
            result: result.ihc.result,
            percent: scores.map(|scores| scores.any.positive_percent),
            tumour_type: result.triage.tumour_type.as_deref(),
            action: result.triage.action,
            rule: &result.triage.rule,
        }
    }

    /// The IHC result with its percent.
    pub(crate) fn call_text(&self) -> String {
        let word = ihc_word(self.result);
        match self.percent {
            Some(percent) => format!("{word}, {percent:.1} %"),
            None => word.to_owned(),
        }
    }

    /// Whether a row would say the same of both.
    fn is_alike(&self, other: &Self) -> bool {
        let percents = match (self.percent, other.percent) {
            (Some(a), Some(b)) => (a - b).abs() < SAME_PERCENT,
            (a, b) => a.is_none() && b.is_none(),
        };
        percents
            && self.result == other.result
            && self.tumour_type == other.tumour_type
            && self.action == other.action
    }
}

/// What a row says, and what the program said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// As it stands in the review; the program's where nobody changed it.
    pub(crate) now: Reading<'a>,
    /// By the program.
    pub(crate) program: Reading<'a>,
}

impl Said<'_> {
    /// Whether it is the pathologist's own and not the program's.
    pub(crate) fn is_own(&self) -> bool {
        !self.now.is_alike(&self.program)
    }
}

/// The figures of a review as they were worked out, kept with it: nothing but an open slide works them out again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    result: IhcResult,
    percent: Option<f64>,
    tumour_type: Option<String>,
    action: Action,
    rule: String,
}

impl Figures {
    /// Of a review; `None` where nothing differs from the score, and until what differs was worked out.
    pub(crate) fn of(review: &Review) -> Option<Self> {
        let live = review.live.as_ref();
        let current = live.is_some_and(|live| live.revision == review.revision);
        let reading = Reading::of(review.live_result().filter(|_| current)?);
        Some(Self {
            result: reading.result,
            percent: reading.percent,
            tumour_type: reading.tumour_type.map(str::to_owned),
            action: reading.action,
            rule: reading.rule.to_owned(),
        })
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            result: self.result,
            percent: self.percent,
            tumour_type: self.tumour_type.as_deref(),
            action: self.action,
            rule: &self.rule,
        }
    }
}

/// How far a review is, and what a person made of the slide in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Mark {
    /// How far it is.
    pub(crate) state: ReviewState,
    /// Who changed it last.
    pub(crate) reviewer: String,
    /// The person's own IHC result where it is not the one that was worked out.
    result: Option<IhcResult>,
    /// The person's own next step, likewise.
    action: Option<Action>,
    /// The rule by which the signed step follows the signed result; empty where a person chose the step.
    rule: Option<String>,
    /// As they stood when it was signed, else when it was kept.
    figures: Option<Figures>,
    /// The case in the review; `None` where none was kept.
    case: Option<KeptCase>,
    /// Identity of the slide's file and of the result's parameters.
    identity: [Option<String>; 2],
}

/// What of a kept case is looked at.
#[derive(Debug, Clone, PartialEq)]
struct KeptCase {
    tumour_type: Option<String>,
}

/// What of a kept draft is looked at.
#[derive(Default, Deserialize)]
struct DraftHead {
    case: Option<Case>,
    figures: Option<Figures>,
}

/// What of a signed result is looked at.
#[derive(Deserialize)]
struct SignedHead {
    any: Option<AnyHead>,
    ihc: IhcHead,
    action: Action,
    rule: String,
    #[serde(default)]
    tumour_type: Option<String>,
    #[serde(default)]
    parameter_hash: Option<String>,
    #[serde(default)]
    own: Option<OwnHead>,
}

/// What of the person's own words is looked at beside the database's columns.
#[derive(Deserialize)]
struct OwnHead {
    rule: Option<String>,
}

#[derive(Deserialize)]
struct AnyHead {
    positive_percent: f64,
}

#[derive(Deserialize)]
struct IhcHead {
    result: IhcResult,
}

impl Mark {
    /// Of a review as it is kept.
    pub(crate) fn of(review: &SlideReview) -> Self {
        let draft = review.draft.as_deref();
        // One of another version says nothing here; opening the slide tells that it cannot be read.
        let draft: DraftHead = draft
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let case = draft.case.map(|case| KeptCase {
            tumour_type: case.tumour_type.map(known_type),
        });
        let mut mark = Self {
            state: review.state,
            reviewer: review.reviewer.clone(),
            figures: draft.figures,
            case,
            identity: [review.fingerprint.clone(), review.parameter_hash.clone()],
            ..Self::default()
        };
        // After a reopening the signature's words do not count any more.
        if matches!(review.state, ReviewState::Signed | ReviewState::Returned) {
            mark.take_words(review);
        }
        mark
    }

    /// What was said with the signature, or when the case went back.
    fn take_words(&mut self, review: &SlideReview) {
        let signed = review.signed_result.as_deref();
        let signed: Option<SignedHead> = signed.and_then(|text| serde_json::from_str(text).ok());
        self.result = named(review.own_result.as_deref());
        self.action = named(review.own_action.as_deref());
        let Some(signed) = signed else { return };
        self.result = self.result.filter(|own| *own != signed.ihc.result);
        self.action = self.action.filter(|own| *own != signed.action);
        self.rule = signed.own.map(|own| own.rule.unwrap_or_default());
        if review.state != ReviewState::Signed {
            return;
        }
        let of_case = self.case.as_ref().and_then(|case| case.tumour_type.clone());
        self.figures = Some(Figures {
            result: signed.ihc.result,
            percent: signed.any.map(|any| any.positive_percent),
            tumour_type: signed.tumour_type.or(of_case),
            action: signed.action,
            rule: signed.rule,
        });
        if signed.parameter_hash.is_some() {
            self.identity[1] = signed.parameter_hash;
        }
    }

    /// The words of a signature as the form has them: `None` where the person agreed.
    pub(crate) fn opinion(&self, signed: &SlideReview) -> Opinion {
        Opinion {
            result: self.result,
            // A step that follows by a rule follows it again; one that was chosen stays chosen.
            action: match self.rule.as_deref() {
                Some("") => named(signed.own_action.as_deref()),
                Some(_) => None,
                None => self.action,
            },
            reason: signed.reason.clone().unwrap_or_default(),
        }
    }

    /// Whether the slide was scored anew, or is another file, since the review was kept.
    pub(crate) fn is_before(&self, result: &SlideResult) -> bool {
        let now = [&result.slide.fingerprint, &result.run.parameter_hash];
        let kept = self.identity.iter().zip(now);
        kept.into_iter()
            .any(|(kept, now)| kept.as_ref().is_some_and(|kept| kept != now))
    }

    /// What a row says by this review.
    fn reading<'a>(&'a self, result: &'a SlideResult) -> Reading<'a> {
        // Cells of another run give other figures; those of a signature stand as they were signed.
        let holds = self.state == ReviewState::Signed || !self.is_before(result);
        if let Some(figures) = self.figures.as_ref().filter(|_| holds) {
            return figures.reading();
        }
        let mut reading = Reading::of(result);
        // A result that does not hold its case says more than a case that nobody filled in.
        let told = |case: &KeptCase| {
            case.tumour_type.is_some() || result.run.parameters.contains_key("case")
        };
        if let Some(case) = self.case.as_ref().filter(|case| told(case)) {
            reading.tumour_type = case.tumour_type.as_deref();
        }
        reading
    }

    /// Puts the person's own words in the place of what was worked out.
    fn speak<'a>(&'a self, reading: &mut Reading<'a>) {
        reading.result = self.result.unwrap_or(reading.result);
        if let Some(action) = self.action {
            reading.action = action;
            reading.rule = "";
        }
        if let Some(rule) = &self.rule {
            reading.rule = rule;
        }
    }
}

/// What stands under a signature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Signed<'a> {
    /// By the person who signed.
    pub(crate) own: Reading<'a>,
    /// By the program, as it stood beside it.
    pub(crate) computed: Reading<'a>,
}

impl Signed<'_> {
    /// Whether the person says otherwise than the program.
    pub(crate) fn differs(&self) -> bool {
        !self.own.is_alike(&self.computed)
    }
}

/// A value by its name in the database.
fn named<T: for<'de> Deserialize<'de>>(name: Option<&str>) -> Option<T> {
    serde_json::from_value(Value::String(name?.to_owned())).ok()
}

/// A tumour type's id, as the decision has it; what is not known stays as it was written.
fn known_type(text: String) -> String {
    let types = TumourTypes::embedded().ok();
    let found = types.and_then(|types| Some(types.find(&text).ok()?.id.clone()));
    found.unwrap_or(text)
}

impl Session {
    /// What is kept of the review of an entry.
    pub(crate) fn kept_mark(&self, item: &WorkItem) -> Option<&Mark> {
        let (root, id) = item.review_place(self.unscored_reviews.as_deref())?;
        self.marks.get(root)?.get(&*id)
    }

    /// How far the review of an entry is.
    pub(crate) fn mark(&self, item: &WorkItem) -> ReviewState {
        self.kept_mark(item)
            .map_or_else(ReviewState::default, |mark| mark.state)
    }

    /// What a row says of a scored slide: as it stands in the review, also while that is under the hand.
    pub(crate) fn said<'a>(&'a self, item: &'a WorkItem) -> Option<Said<'a>> {
        let result = item.result()?;
        let program = Reading::of(result);
        let mark = self.kept_mark(item);
        let signed = mark.is_some_and(|mark| mark.state == ReviewState::Signed);
        let open = self.under_work(item).filter(|_| !signed);
        let mut now = match open.and_then(|open| Some((open, open.review.live.as_ref()?))) {
            // The other marks are of what was kept, which lies a few seconds behind.
            Some((open, _)) => Reading::of(open.review.live_result().unwrap_or(result)),
            None => mark.map_or(program, |mark| mark.reading(result)),
        };
        if let Some(mark) = mark {
            mark.speak(&mut now);
        }
        Some(Said { now, program })
    }

    /// What stands under the signature of what is open, if it is signed.
    pub(crate) fn signed(&self) -> Option<Signed<'_>> {
        let (item, _) = self.open_item().filter(|_| self.is_locked())?;
        let result = item.result()?;
        let mark = self.kept_mark(item);
        let mark = mark.filter(|mark| mark.state == ReviewState::Signed)?;
        let computed = mark.reading(result);
        let mut own = computed;
        mark.speak(&mut own);
        // The percent is the program's, and stands behind a result that the person does not share.
        own.percent = own.percent.filter(|_| own.result == computed.result);
        Some(Signed { own, computed })
    }

    /// The tumour type of an entry: that of its case where it is not scored yet.
    pub(crate) fn tumour_type<'a>(&'a self, item: &'a WorkItem) -> Option<&'a str> {
        if let Some(said) = self.said(item) {
            return said.now.tumour_type;
        }
        match self.under_work(item) {
            Some(open) => open.review.case.tumour_type.as_deref(),
            None => self.kept_mark(item)?.case.as_ref()?.tumour_type.as_deref(),
        }
    }

    /// The opening of an entry, once what was kept of its review is in it.
    fn under_work(&self, item: &WorkItem) -> Option<&OpenItem> {
        let (open_item, open) = self.open_item()?;
        let same = item.id == open_item.id && item.place() == open_item.place();
        (same && open.draft.is_some()).then_some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept(state: ReviewState, own: [&str; 2], draft: &Value) -> SlideReview {
        SlideReview {
            state,
            reviewer: "Dr A. Reader".to_owned(),
            draft: Some(draft.to_string()),
            own_result: Some(own[0].to_owned()),
            own_action: Some(own[1].to_owned()),
            signed_result: Some(
                json!({
                    "any": { "positive_percent": 12.0 },
                    "ihc": { "result": "positive" },
                    "action": "order-rna-ngs",
                    "rule": "R7",
                })
                .to_string(),
            ),
            ..SlideReview::default()
        }
    }

    #[test]
    fn what_was_signed_is_the_figures_of_that_day_and_the_words_that_differ() {
        let draft = json!({ "case": { "tumour_type": "CRC" } });
        let own = ["negative", "order-rna-ngs"];
        let mark = Mark::of(&kept(ReviewState::Signed, own, &draft));
        assert_eq!(
            (mark.result, mark.action),
            (Some(IhcResult::Negative), None)
        );
        let figures = mark.figures.as_ref().unwrap();
        assert_eq!(figures.percent, Some(12.0));
        assert_eq!(figures.rule, "R7");

        // Opened again, the signature does not speak any more.
        let mark = Mark::of(&kept(ReviewState::InReview, own, &draft));
        assert_eq!(
            (mark.result, mark.action, &mark.figures),
            (None, None, &None)
        );
    }

    #[test]
    fn the_type_of_a_kept_case_is_named_as_the_decision_names_it() {
        let of = |draft: Value| {
            let own = ["positive", "order-rna-ngs"];
            let mark = Mark::of(&kept(ReviewState::InReview, own, &draft));
            mark.case.map(|case| case.tumour_type)
        };
        let id = Some(Some("colorectal-carcinoma".to_owned()));
        assert_eq!(
            of(json!({ "case": { "tumour_type": "Colorectal carcinoma" } })),
            id
        );
        assert_eq!(of(json!({ "case": {} })), Some(None));
        assert_eq!(of(json!({ "case": { "made_up": 1 } })), None);
    }
}
