//! What the user is told: what was done, what is good to know, what to mind, what failed.

use std::time::{Duration, Instant};

/// How weighty a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeKind {
    /// Something that was asked for was done.
    Done,
    /// Good to know.
    Information,
    /// Something to mind.
    Warning,
    /// Something failed.
    Error,
}

impl NoticeKind {
    /// What stands before the notice, so that the colour never stands alone.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Information => "Information",
            Self::Warning => "Warning",
            Self::Error => "Error",
        }
    }

    /// How long it is shown; `None` until it is dismissed.
    pub(crate) const fn lasts(self) -> Option<Duration> {
        match self {
            Self::Done => Some(Duration::from_secs(6)),
            Self::Information => Some(Duration::from_secs(9)),
            Self::Warning | Self::Error => None,
        }
    }
}

/// Something that the user is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Its own, never used again.
    pub(crate) id: u64,
    /// How weighty.
    pub(crate) kind: NoticeKind,
    /// In words, with what to do.
    pub(crate) text: String,
    /// Since when it is shown, or when the pointer lay on it last.
    pub(crate) since: Instant,
}

/// Most notices that go by themselves that are shown at once.
const PASSING: usize = 3;
/// Most that are shown at once, before the oldest is left to the log.
const MOST: usize = 40;

/// What is shown just now, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    list: Vec<Notice>,
    next: u64,
}

impl Notices {
    /// Shows a notice; one that is there already is shown from now on.
    pub(crate) fn add(&mut self, kind: NoticeKind, text: String, now: Instant) {
        self.list
            .retain(|notice| notice.kind != kind || notice.text != text);
        if kind.lasts().is_some() {
            while self.passing().count() >= PASSING {
                let oldest = self.list.iter().position(|n| n.kind.lasts().is_some());
                drop(oldest.map(|place| self.list.remove(place)));
            }
        }
        if self.list.len() >= MOST {
            self.list.remove(0);
        }
        self.next += 1;
        self.list.push(Notice {
            id: self.next,
            kind,
            text,
            since: now,
        });
    }

    /// The same in the place of the last of its kind, which `is_of_kind` knows by its text: one thing that goes on is told in one place.
    pub(crate) fn replace(
        &mut self,
        (kind, text): (NoticeKind, String),
        is_of_kind: impl Fn(&str) -> bool,
        now: Instant,
    ) {
        self.list
            .retain(|notice| notice.kind != kind || !is_of_kind(&notice.text));
        self.add(kind, text, now);
    }

    /// Those that go by themselves.
    pub(crate) fn passing(&self) -> impl Iterator<Item = &Notice> {
        self.list.iter().filter(|n| n.kind.lasts().is_some())
    }

    /// Those that stay until they are dismissed.
    pub(crate) fn staying(&self) -> impl DoubleEndedIterator<Item = &Notice> {
        self.list.iter().filter(|n| n.kind.lasts().is_none())
    }

    /// Takes one away.
    pub(crate) fn dismiss(&mut self, id: u64) {
        self.list.retain(|notice| notice.id != id);
    }

    /// Takes away all that would stay.
    pub(crate) fn dismiss_all(&mut self) {
        self.list.retain(|notice| notice.kind.lasts().is_some());
    }

    /// The pointer lies on it: it stays for as long again.
    pub(crate) fn hold(&mut self, id: u64, now: Instant) {
        for notice in self.list.iter_mut().filter(|notice| notice.id == id) {
            notice.since = now;
        }
    }

    /// Makes all of them older, for the tests.
    #[cfg(test)]
    pub(crate) fn age(&mut self, by: Duration) {
        for notice in &mut self.list {
            notice.since -= by;
        }
    }

    /// Takes those away whose time is over; how long until the next goes.
    pub(crate) fn pass(&mut self, now: Instant) -> Option<Duration> {
        let left = |notice: &Notice| {
            let shown = now.saturating_duration_since(notice.since);
            notice.kind.lasts().map(|lasts| lasts.saturating_sub(shown))
        };
        self.list.retain(|n| left(n) != Some(Duration::ZERO));
        self.list.iter().filter_map(left).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_goes_and_what_failed_stays() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut notices = Notices::default();
        notices.add(NoticeKind::Done, "saved".to_owned(), start);
        notices.add(NoticeKind::Error, "not saved".to_owned(), start);
        assert_eq!(notices.pass(after(2)), Some(Duration::from_secs(4)));
        let id = notices.passing().next().unwrap().id;
        notices.hold(id, after(5));
        notices.pass(after(10));
        assert_eq!(notices.passing().count(), 1, "held by the pointer");
        assert_eq!(notices.pass(after(11)), None);
        assert_eq!(notices.passing().count(), 0);
        notices.pass(after(100_000));
        assert_eq!(notices.staying().count(), 1);
        notices.dismiss_all();
        assert_eq!(notices.staying().count(), 0);
    }

    #[test]
    fn one_thing_that_goes_on_is_told_in_one_place() {
        let now = Instant::now();
        let mut notices = Notices::default();
        notices.add(NoticeKind::Information, "a".to_owned(), now);
        for text in ["undone: 1", "undone: 2"] {
            let notice = (NoticeKind::Information, text.to_owned());
            notices.replace(notice, |text| text.starts_with("undone"), now);
        }
        let texts: Vec<&str> = notices.passing().map(|n| n.text.as_str()).collect();
        assert_eq!(texts, ["a", "undone: 2"]);
    }

    #[test]
    fn the_same_is_told_once_and_few_pass_at_once() {
        let now = Instant::now();
        let mut notices = Notices::default();
        for text in ["a", "b", "a", "c", "d"] {
            notices.add(NoticeKind::Done, text.to_owned(), now);
        }
        let texts: Vec<&str> = notices.passing().map(|n| n.text.as_str()).collect();
        assert_eq!(texts, ["a", "c", "d"]);
    }
}
