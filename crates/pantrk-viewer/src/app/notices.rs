//! What the user is told, and the log of it.

use std::time::Instant;

use crate::notice::NoticeKind;

use super::Viewer;

/// What stands before a change that was taken back, and before one that was done again.
pub(super) const UNDO: [&str; 2] = ["Taken back", "Done again"];
/// Lines of the log that are kept.
const MAX_LOG: usize = 2000;

impl Viewer {
    /// Something that was asked for was done.
    pub(super) fn done(&mut self, text: String) {
        self.tell(NoticeKind::Done, text);
    }

    /// Something that is good to know.
    pub(super) fn inform(&mut self, text: String) {
        self.tell(NoticeKind::Information, text);
    }

    /// Something to mind.
    pub(super) fn note(&mut self, text: String) {
        self.tell(NoticeKind::Warning, text);
    }

    /// Something failed.
    pub(super) fn fail(&mut self, text: String) {
        self.tell(NoticeKind::Error, text);
    }

    /// A signed slide was to be changed.
    pub(super) fn refuse_signed(&mut self) {
        self.inform(
            "This slide is signed, so nothing of it changes any more; reopen it first.".to_owned(),
        );
    }

    /// What was taken back or done again: the last of it alone, for what was before is out of date.
    pub(super) fn inform_of_undo(&mut self, what: &str, word: &str) {
        let kind = NoticeKind::Information;
        let text = format!("{what}: {word}");
        self.log(&format!("{}: {text}", kind.word()));
        let is_undo = |text: &str| UNDO.iter().any(|what| text.starts_with(what));
        let notices = &mut self.session.notices;
        notices.replace((kind, text), is_undo, Instant::now());
    }

    /// Tells the user, and keeps it in the log.
    fn tell(&mut self, kind: NoticeKind, text: String) {
        self.log(&format!("{}: {text}", kind.word()));
        self.session.notices.add(kind, text, Instant::now());
    }

    /// Adds a line to the log.
    pub(super) fn log(&mut self, message: &str) {
        let seconds = self.started.elapsed().as_secs();
        let log = &mut self.session.log;
        if log.len() == MAX_LOG {
            log.remove(0);
        }
        log.push(format!(
            "{:02}:{:02}  {message}",
            seconds / 60,
            seconds % 60
        ));
    }

    /// Takes away the notices whose time is over.
    pub(super) fn mind_notices(&mut self, ctx: &egui::Context) {
        if let Some(left) = self.session.notices.pass(Instant::now()) {
            ctx.request_repaint_after(left);
        }
    }
}
