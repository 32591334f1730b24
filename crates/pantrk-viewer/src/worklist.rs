//! The order of the worklist, and what of it is shown.

use pantrk_core::score::IhcResult;
use pantrk_store::ReviewState;
use pantrk_triage::Action;
use serde::{Deserialize, Serialize};

use crate::state::{Session, WorkItem, WorkSource};

/// By what the worklist is ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SortBy {
    /// What needs confirmation first.
    #[default]
    Action,
    /// By the slide's id.
    Id,
    /// The highest percent first.
    Percent,
    /// By the tumour type.
    Tumour,
    /// What is not reviewed first.
    Review,
}

impl SortBy {
    /// All of them, with their words.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Action, "next step"),
        (Self::Id, "slide"),
        (Self::Percent, "percent"),
        (Self::Tumour, "tumour type"),
        (Self::Review, "review"),
    ];
}

/// What of the worklist is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Filter {
    /// All of it.
    #[default]
    All,
    /// What needs sequencing or another confirmation.
    Confirm,
    /// What a pathologist has to look at, or that has to be stained again.
    Look,
    /// What stops here.
    Stop,
    /// What is not signed.
    Open,
    /// What is signed.
    Signed,
    /// What is not scored, or cannot be read.
    Unscored,
}

impl Filter {
    /// All of them, with their words.
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::All, "all"),
        (Self::Confirm, "needs NGS or confirmation"),
        (Self::Look, "needs a look or a new stain"),
        (Self::Stop, "stops here"),
        (Self::Open, "not signed"),
        (Self::Signed, "signed"),
        (Self::Unscored, "not scored"),
    ];

    fn lets(self, item: &WorkItem, mark: ReviewState) -> bool {
        let action = item.result().map(|result| result.triage.action);
        match self {
            Self::All => true,
            Self::Confirm => matches!(
                action,
                Some(
                    Action::OrderRnaNgs | Action::OrderRnaNgsDirect | Action::ConfirmNgsFishOrRtpcr
                )
            ),
            Self::Look => matches!(action, Some(Action::PathologistReview | Action::RepeatIhc)),
            Self::Stop => action == Some(Action::NoFurtherTesting),
            Self::Open => mark != ReviewState::Signed,
            Self::Signed => mark == ReviewState::Signed,
            Self::Unscored => action.is_none(),
        }
    }
}

/// The places of the worklist that are shown, in their order.
pub(crate) fn shown(session: &Session, (sort, filter): (SortBy, Filter)) -> Vec<usize> {
    let list = &session.worklist;
    let mark = |item: &WorkItem| session.mark(item);
    let words: Vec<String> = session
        .search
        .to_lowercase()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut places: Vec<usize> = (0..list.len())
        .filter(|&i| {
            let item = &list[i];
            filter.lets(item, mark(item)) && (words.is_empty() || holds(item, mark(item), &words))
        })
        .collect();
    places.sort_by(|&a, &b| {
        let (x, y) = (&list[a], &list[b]);
        let by = match sort {
            SortBy::Id => std::cmp::Ordering::Equal,
            SortBy::Action => urgency(x).cmp(&urgency(y)),
            SortBy::Percent => percent(y).total_cmp(&percent(x)),
            SortBy::Tumour => tumour(x).cmp(&tumour(y)),
            SortBy::Review => mark(x).cmp(&mark(y)),
        };
        by.then_with(|| x.id.cmp(&y.id))
    });
    places
}

/// Whether all words stand somewhere in what is known of an entry.
fn holds(item: &WorkItem, mark: ReviewState, words: &[String]) -> bool {
    let mut text = format!("{} {}", item.id, mark.label());
    if let Some(result) = item.result() {
        let triage = &result.triage;
        for part in [
            result.ihc.result.name(),
            triage.action.label(),
            &triage.flag.word,
            &triage.rule,
            triage.tumour_type.as_deref().unwrap_or_default(),
        ] {
            text.push(' ');
            text.push_str(part);
        }
    }
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// What needs confirmation first, what stops last, what is not scored after it.
fn urgency(item: &WorkItem) -> usize {
    match &item.source {
        WorkSource::Broken { .. } => Action::ALL.len(),
        WorkSource::Slide { .. } => Action::ALL.len() + 1,
        WorkSource::Result { result, .. } => Action::ALL
            .iter()
            .position(|action| *action == result.triage.action)
            .unwrap_or(0),
    }
}

fn percent(item: &WorkItem) -> f64 {
    let scores = item.result().and_then(|r| r.compartments.as_ref());
    scores.map_or(-1.0, |scores| scores.any.positive_percent)
}

/// What is not known comes last.
fn tumour(item: &WorkItem) -> (bool, &str) {
    let tumour = item.result().and_then(|r| r.triage.tumour_type.as_deref());
    (tumour.is_none(), tumour.unwrap_or_default())
}

/// The IHC result with its percent.
pub(crate) fn call_text(result: &pantrk_store::SlideResult) -> String {
    let word = match result.ihc.result {
        IhcResult::NotEvaluable => "not evaluable",
        other => other.name(),
    };
    match &result.compartments {
        Some(scores) => format!("{word}, {:.1} %", scores.any.positive_percent),
        None => word.to_owned(),
    }
}
