//! The order of the worklist, and what of it is shown.

use std::cmp::Ordering;

use pantrk_store::ReviewState;
use pantrk_triage::Action;
use serde::{Deserialize, Serialize};

use crate::reading::Reading;
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

    fn lets(self, entry: &Entry<'_>) -> bool {
        let action = entry.reading.map(|reading| reading.action);
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
            Self::Open => entry.mark != ReviewState::Signed,
            Self::Signed => entry.mark == ReviewState::Signed,
            Self::Unscored => action.is_none(),
        }
    }
}

/// An entry with what is said of it now.
struct Entry<'a> {
    index: usize,
    item: &'a WorkItem,
    mark: ReviewState,
    reading: Option<Reading<'a>>,
    tumour: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn of(session: &'a Session, index: usize, item: &'a WorkItem) -> Self {
        Self {
            index,
            item,
            mark: session.mark(item),
            reading: session.said(item).map(|said| said.now),
            tumour: session.tumour_type(item),
        }
    }

    /// Whether all words stand somewhere in what is known of it.
    fn holds(&self, words: &[String]) -> bool {
        let mut text = format!("{} {}", self.item.id, self.mark.label());
        let mut add = |part: &str| {
            text.push(' ');
            text.push_str(part);
        };
        if let Some(reading) = self.reading {
            for part in [
                reading.result.name(),
                reading.action.label(),
                &reading.action.flag().word,
                reading.rule,
            ] {
                add(part);
            }
        }
        add(self.tumour.unwrap_or_default());
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word))
    }

    /// What needs confirmation first, what stops last, what is not scored after it.
    fn urgency(&self) -> usize {
        let Some(reading) = self.reading else {
            let broken = matches!(self.item.source, WorkSource::Broken { .. });
            return Action::ALL.len() + usize::from(!broken);
        };
        let mut actions = Action::ALL.iter();
        actions.position(|a| *a == reading.action).unwrap_or(0)
    }

    fn percent(&self) -> f64 {
        self.reading.and_then(|r| r.percent).unwrap_or(-1.0)
    }

    /// Which comes first.
    fn order(&self, other: &Self, sort: SortBy) -> Ordering {
        let by = match sort {
            SortBy::Id => Ordering::Equal,
            SortBy::Action => self.urgency().cmp(&other.urgency()),
            SortBy::Percent => other.percent().total_cmp(&self.percent()),
            // What is not known comes last.
            SortBy::Tumour => {
                let key = |entry: &Self| (entry.tumour.is_none(), entry.tumour.unwrap_or_default());
                key(self).cmp(&key(other))
            }
            SortBy::Review => self.mark.cmp(&other.mark),
        };
        by.then_with(|| self.item.id.cmp(&other.item.id))
    }
}

/// The places of the worklist that are shown, in their order.
pub(crate) fn shown(session: &Session, order: (SortBy, Filter)) -> Vec<usize> {
    shown_with(session, order, None)
}

/// The same with one entry more, where a search or a filter hides it.
pub(crate) fn shown_with(
    session: &Session,
    (sort, filter): (SortBy, Filter),
    also: Option<usize>,
) -> Vec<usize> {
    let search = session.search.to_lowercase();
    let words: Vec<String> = search.split_whitespace().map(str::to_owned).collect();
    let entries = session.worklist.iter().enumerate();
    let mut shown: Vec<Entry<'_>> = entries
        .map(|(index, item)| Entry::of(session, index, item))
        .filter(|entry| {
            let wanted = filter.lets(entry) && (words.is_empty() || entry.holds(&words));
            wanted || also == Some(entry.index)
        })
        .collect();
    shown.sort_by(|a, b| a.order(b, sort));
    shown.into_iter().map(|entry| entry.index).collect()
}
