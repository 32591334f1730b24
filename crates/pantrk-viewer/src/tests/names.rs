//! Slides of one name in several folders: each keeps its own review, score and drawing.

use pantrk_store::ReviewState;

use super::*;
use crate::command::{Command, SignCommand};
use crate::worklist::{Filter, SortBy, shown};

/// Hands commands to the next frame and draws it.
fn wish(harness: &mut Harness<'static, Option<Viewer>>, commands: Vec<Command>) {
    let viewer = harness.state_mut().as_mut().unwrap();
    for command in commands {
        viewer.wish(command);
    }
    harness.run_steps(3);
}

fn scanned(harness: &mut Harness<'static, Option<Viewer>>) {
    until(harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
}

/// The row of the slide or result at this place.
fn row(harness: &Harness<'static, Option<Viewer>>, place: &Path) -> usize {
    let mut list = viewer(harness).session.worklist.iter();
    list.position(|item| item.place() == Some(place)).unwrap()
}

/// Opens a row and waits until its review was read and restored.
fn open(harness: &mut Harness<'static, Option<Viewer>>, index: usize) {
    wish(harness, vec![Command::Open(index)]);
    until(harness, "the review", |h| {
        let open = viewer(h).session.open.as_ref();
        open.is_some_and(|open| open.index == index && open.draft.is_some())
    });
}

#[test]
fn a_signature_locks_the_slide_that_was_signed_and_none_of_the_same_name() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let day = dir.path().join("day");
    let other = day.join("other");
    write_result(&day, "demo", &slide, |_| {});
    write_result(&other, "demo", &slide, |_| {});
    let mut harness = harness(std::slice::from_ref(&day), egui::ThemePreference::Dark);
    scanned(&mut harness);
    let first = row(&harness, &day.join("demo"));
    let second = row(&harness, &other.join("demo"));

    open(&mut harness, first);
    wish(
        &mut harness,
        vec![
            Command::Sign(SignCommand::Name("Dr A. Reader".to_owned())),
            Command::Sign(SignCommand::Sign),
        ],
    );
    until(&mut harness, "the signature", |h| {
        viewer(h).session.is_locked()
    });
    open(&mut harness, second);
    let session = &viewer(&harness).session;
    assert!(!session.is_locked());
    let marks = [first, second].map(|index| session.mark(&session.worklist[index]));
    assert_eq!(marks, [ReviewState::Signed, ReviewState::New]);
    let of = |filter| shown(session, (SortBy::Id, filter));
    assert_eq!(
        (of(Filter::Signed), of(Filter::Open)),
        (vec![first], vec![second])
    );
    open(&mut harness, first);
    assert!(viewer(&harness).session.is_locked());
}
