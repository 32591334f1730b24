//! Against real SQLite files.

use std::fs;

use super::*;
use crate::Warning;

fn scored(id: &str, percent: f64) -> WorklistSlide {
    WorklistSlide {
        state: SlideState::Done,
        result_folder: Some(id.to_owned()),
        thumbnail: Some(format!("{id}/thumbnail.png")),
        positive_percent: Some(percent),
        h_score: Some(percent * 1.5),
        tumour_cells: Some(1234),
        ihc_result: Some("positive".to_owned()),
        action: Some("order-rna-ngs".to_owned()),
        flag: Some(pantrk_triage::Action::OrderRnaNgs.flag()),
        warnings: vec![Warning::new("no-glass", "no clear \"glass\" was found")],
        model: Some(WorklistModel {
            name: "watershed".to_owned(),
            version: "1".to_owned(),
            sha256: None,
        }),
        manifest_columns: vec![("site".to_owned(), "Zürich, 2".to_owned())],
        ..WorklistSlide::waiting(id, format!("slides/{id}.svs"))
    }
}

#[test]
fn rows_come_back_as_they_were_put_and_by_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WORKLIST_FILE);
    let mut list = Worklist::open(&path).unwrap();
    let failed = WorklistSlide::failed("a-2", "a-2.svs", "cut short");
    list.put(&[scored("b-1", 12.5), failed.clone()]).unwrap();
    let reader = Worklist::open_read_only(&path).unwrap();
    assert_eq!(reader.slides().unwrap(), [failed, scored("b-1", 12.5)]);
    assert_eq!(reader.slide("b-1").unwrap(), Some(scored("b-1", 12.5)));
    assert_eq!(reader.slide("none").unwrap(), None);
    assert_eq!(reader.folder(), folder.path());
}

#[test]
fn what_waits_does_not_take_a_result_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut list = Worklist::open(&folder.path().join(WORKLIST_FILE)).unwrap();
    list.put(&[scored("b-1", 12.5)]).unwrap();
    let rows = ["a", "b-1"].map(|id| WorklistSlide::waiting(id, "x.svs"));
    list.enqueue(&rows).unwrap();
    assert_eq!(list.slide("b-1").unwrap(), Some(scored("b-1", 12.5)));
    assert_eq!(list.slide("a").unwrap().unwrap().state, SlideState::Waiting);
}

#[test]
fn a_reader_sees_whole_states_while_another_connection_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WORKLIST_FILE);
    let mut writer = Worklist::open(&path).unwrap();
    writer.put(&[scored("s", 1.0)]).unwrap();
    let reader = Worklist::open_read_only(&path).unwrap();
    let before = reader.data_version().unwrap();
    writer
        .write("write the worklist", |transaction| {
            transaction.execute("UPDATE slides SET positive_percent = 2.0", [])?;
            // In the middle of the write the reader is neither kept waiting nor shown half of it.
            let seen = reader.slide("s").unwrap().unwrap();
            assert_eq!(seen.positive_percent, Some(1.0));
            Ok(())
        })
        .unwrap();
    assert_eq!(
        reader.slide("s").unwrap().unwrap().positive_percent,
        Some(2.0)
    );
    assert_ne!(reader.data_version().unwrap(), before);
}

#[test]
fn the_same_rows_again_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WORKLIST_FILE);
    let rows = [
        scored("a", 3.0),
        WorklistSlide::failed("b", "b.svs", "gone"),
    ];
    let put = || {
        let mut list = Worklist::open(&path).unwrap();
        list.put(&rows).unwrap();
        drop(list);
        fs::read(&path).unwrap()
    };
    assert!(put() == put());
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "the log is folded in at the end: {names:?}");
}

#[test]
fn what_is_no_worklist_of_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(other);
    let bytes = fs::read(&path).unwrap();
    let error = Worklist::open(&path).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
    assert!(fs::read(&path).unwrap() == bytes);

    let newer = folder.path().join("newer.sqlite");
    drop(Worklist::open(&newer).unwrap());
    let connection = Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    for error in [Worklist::open(&newer), Worklist::open_read_only(&newer)] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("999"), "{error}");
    }

    let text = folder.path().join("text.sqlite");
    fs::write(
        &text,
        "no database, but long enough to be taken for one".repeat(9),
    )
    .unwrap();
    let error = Worklist::open(&text).unwrap_err().to_string();
    assert!(error.contains("not a SQLite database"), "{error}");
    let error = Worklist::open_read_only(&folder.path().join("none")).unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[test]
fn many_may_open_it_first() {
    let folder = tempfile::tempdir().unwrap();
    // The window in which two first openings disturb one another is short: many tries find it.
    for attempt in 0..40 {
        let path = folder.path().join(format!("{attempt}.sqlite"));
        let start = std::sync::Barrier::new(6);
        std::thread::scope(|scope| {
            for i in 0..6 {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut list = Worklist::open(path).unwrap();
                    list.put(&[scored(&format!("s{i}"), f64::from(i))]).unwrap();
                });
            }
        });
        let list = Worklist::open_read_only(&path).unwrap();
        assert_eq!(list.slides().unwrap().len(), 6);
    }
}
