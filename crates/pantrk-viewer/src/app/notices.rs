//! What the user is told, and the log of it.

use std::time::Instant;

use crate::notice::NoticeKind;

use super::Viewer;

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
