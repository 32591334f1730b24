//! Folders of made-up results, and what is made of them.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, beside the tests themselves"
)]

mod common;

use std::fs;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};

use common::{not_evaluable, sample};
use pantrk_store::{
    ERROR_SCHEMA, SlideFailure, SlideState, WORKLIST_FILE, Worklist, collect,
    write_manifest_columns,
};

fn done(out: &Path, id: &str) {
    let mut result = if id == "d1" {
        not_evaluable()
    } else {
        sample()
    };
    id.clone_into(&mut result.slide.id);
    let folder = out.join(id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("result.json"), result.to_json().unwrap()).unwrap();
}

fn failed(out: &Path, id: &str, error: &str) {
    SlideFailure {
        schema: ERROR_SCHEMA.to_owned(),
        slide_id: id.to_owned(),
        slide_path: format!("slides/{id}.svs"),
        stage: "inputs".to_owned(),
        error: error.to_owned(),
        retry: false,
        has_result: false,
        attempts: 1,
        request: String::new(),
        run_id: "run".to_owned(),
        time: "2026-01-01T00:00:00Z".to_owned(),
        manifest_columns: vec![("state".to_owned(), "Bern".to_owned())],
    }
    .write(out)
    .unwrap();
}

fn cohort() -> tempfile::TempDir {
    let out = tempfile::tempdir().unwrap();
    done(out.path(), "b");
    done(out.path(), "a");
    let columns = [("site".to_owned(), "Zürich, \"2\"\nNord".to_owned())];
    write_manifest_columns(&out.path().join("a"), &columns).unwrap();
    failed(out.path(), "c", "the file was cut short; copy it again");
    // Not results, or not yet.
    fs::create_dir(out.path().join("d.partial")).unwrap();
    fs::create_dir(out.path().join("notes")).unwrap();
    out
}

fn rows(out: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(out.join("summary.csv"))
        .unwrap();
    reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn each_slide_is_one_row_and_failed_ones_say_why() {
    let out = cohort();
    let found = collect(out.path()).unwrap();
    assert_eq!(found.done, 2);
    let error = "the file was cut short; copy it again".to_owned();
    assert_eq!(found.failed, [("c".to_owned(), error.clone())]);
    assert_eq!(found.unfinished, ["d"]);
    assert_eq!(found.mixed, [""; 0]);
    let rows = rows(out.path());
    let at = |row: usize, name: &str| {
        let column = rows[0].iter().position(|head| head == name).unwrap();
        rows[row][column].clone()
    };
    let ids: Vec<String> = (1..rows.len()).map(|row| at(row, "slide_id")).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let states: Vec<String> = (1..rows.len()).map(|row| at(row, "state")).collect();
    assert_eq!(states, ["done", "done", "failed"]);
    assert_eq!(at(3, "error"), error);
    assert_eq!(at(3, "slide_path"), "slides/c.svs");
    assert_eq!(at(3, "positive_percent"), "");
    let wanted = sample();
    let percent = wanted.compartments.unwrap().any.positive_percent;
    assert_eq!(at(1, "positive_percent"), percent.to_string());
    assert_eq!(at(2, "action"), wanted.triage.action.name());
    // A column of the manifest keeps its value, and its name where that is free.
    assert_eq!(at(1, "site"), "Zürich, \"2\" Nord");
    assert_eq!(at(3, "manifest_state"), "Bern");
    let errors = fs::read_to_string(out.path().join("errors.jsonl")).unwrap();
    assert_eq!(errors.lines().count(), 1);
}

#[test]
fn parquet_and_worklist_say_the_same() {
    let out = cohort();
    collect(out.path()).unwrap();
    let file = fs::File::open(out.path().join("summary.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 3);
    let text = rows[2].to_string();
    assert!(text.contains("state: \"failed\""), "{text}");
    assert!(text.contains("positive_percent: null"), "{text}");
    let list = Worklist::open_read_only(&out.path().join(WORKLIST_FILE)).unwrap();
    let slides = list.slides().unwrap();
    assert_eq!(slides.len(), 3);
    assert_eq!(slides[0].result_folder.as_deref(), Some("a"));
    assert_eq!(
        slides[1].positive_percent,
        Some(sample().compartments.unwrap().any.positive_percent)
    );
    assert_eq!(slides[2].state, SlideState::Failed);
    assert!(slides[2].error.is_some());
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let (one, two) = (cohort(), cohort());
    let files = [
        "summary.csv",
        "summary.parquet",
        "errors.jsonl",
        WORKLIST_FILE,
    ];
    let bytes = |out: &Path| files.map(|name| fs::read(out.join(name)).unwrap());
    collect(one.path()).unwrap();
    let first = bytes(one.path());
    collect(one.path()).unwrap();
    assert!(bytes(one.path()) == first, "collected again");
    collect(two.path()).unwrap();
    assert!(bytes(two.path()) == first, "collected elsewhere");
}

#[test]
fn a_slide_scored_since_is_no_failure_and_a_vanished_one_waits() {
    let out = cohort();
    collect(out.path()).unwrap();
    SlideFailure::clear(out.path(), "c").unwrap();
    done(out.path(), "c");
    fs::remove_dir_all(out.path().join("b")).unwrap();
    let found = collect(out.path()).unwrap();
    assert_eq!((found.done, found.failed.len()), (2, 0));
    assert!(!out.path().join("errors.jsonl").exists());
    let list = Worklist::open_read_only(&out.path().join(WORKLIST_FILE)).unwrap();
    let states: Vec<_> = list.slides().unwrap().iter().map(|s| s.state).collect();
    assert_eq!(
        states,
        [SlideState::Done, SlideState::Waiting, SlideState::Done]
    );
}

#[test]
fn what_is_not_evaluable_has_a_row_without_figures() {
    let out = tempfile::tempdir().unwrap();
    done(out.path(), "d1");
    assert_eq!(collect(out.path()).unwrap().done, 1);
    let list = Worklist::open_read_only(&out.path().join(WORKLIST_FILE)).unwrap();
    let slide = list.slide("d1").unwrap().unwrap();
    assert_eq!(slide.ihc_result.as_deref(), Some("not-evaluable"));
    assert_eq!(
        (slide.positive_percent, slide.tumour_cells),
        (None, Some(41))
    );
}

#[test]
fn what_was_scored_in_two_ways_is_said() {
    let out = tempfile::tempdir().unwrap();
    done(out.path(), "a");
    let mut other = sample();
    "0.9.0".clone_into(&mut other.run.version);
    fs::create_dir(out.path().join("b")).unwrap();
    fs::write(out.path().join("b/result.json"), other.to_json().unwrap()).unwrap();
    fs::create_dir(out.path().join("c")).unwrap();
    fs::write(out.path().join("c/result.json"), "{").unwrap();
    let found = collect(out.path()).unwrap();
    assert_eq!(found.mixed, ["program versions: 0.1.0 | 0.9.0"]);
    assert_eq!(found.done, 2);
    assert!(found.failed[0].1.contains("cannot be read"), "{found:?}");
}

#[test]
fn ten_thousand_slides_are_read_in_parallel_and_listed_once() {
    let out = tempfile::tempdir().unwrap();
    for i in 0..500 {
        done(out.path(), &format!("s{i:05}"));
    }
    let found = collect(out.path()).unwrap();
    assert_eq!(found.done, 500);
    assert_eq!(rows(out.path()).len(), 501);
}
