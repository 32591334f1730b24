//! `pantrk batch` and `pantrk collect`: what a manifest comes to, and what is skipped, failed, shared and refused.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, beside the tests themselves"
)]

mod cohort;
mod common;

use std::fs;
use std::path::Path;

use cohort::{SLIDES, batch, cohort, events, run, same_results, summary, undisturbed};
use common::{names, pantrk, read_json, shared, text};
use pantrk_store::{SlideState, Worklist};
use serde_json::Value;

/// Slides that came to `event`, in the order of the log.
fn that(log: &str, event: &str) -> Vec<String> {
    let of = events(log).into_iter().filter(|(_, found)| found == event);
    of.map(|(slide, _)| slide).collect()
}

fn json(manifest: &Path, out: &Path, more: &[&str]) -> common::Run {
    run(manifest, out, &[&["--log", "json"], more].concat())
}

#[test]
fn a_cohort_is_scored_and_the_same_again_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let first = json(cohort(), &out, &[]).good();
    assert_eq!(that(&first.stderr, "scored"), SLIDES);
    assert_eq!(names(&out), ["a", "b", "c", "worklist.sqlite"]);
    same_results(&out, &undisturbed().0, "scored twice");
    // Every line of the log says which run it belongs to; stages say how long and how large.
    for line in first.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["time"].is_string(), "{line}");
        assert!(line["run"].is_string(), "{line}");
        if line["event"] == "end" {
            assert!(
                line["seconds"].is_f64() && line["slide"].is_string(),
                "{line}"
            );
            assert!(line["stage"].is_string(), "{line}");
        }
    }
    assert!(first.stdout.contains("scored"), "{}", first.stdout);

    let again = json(cohort(), &out, &["--threads", "2"][..0]).good();
    assert_eq!(that(&again.stderr, "already done"), SLIDES);
    assert_eq!(that(&again.stderr, "scored"), [""; 0]);
    // Anything else voids the result.
    let stricter = ["--thresholds", "0.3,0.5,0.7"];
    let other = json(cohort(), &out, &stricter).good();
    assert_eq!(that(&other.stderr, "scored"), SLIDES);
    let fresh = json(
        cohort(),
        &out,
        &["--thresholds", "0.3,0.5,0.7", "--overwrite"],
    )
    .good();
    assert_eq!(that(&fresh.stderr, "scored"), SLIDES);
    assert_eq!(names(&out), ["a", "b", "c", "worklist.sqlite"]);
}

#[test]
fn the_summary_carries_the_manifests_columns_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    json(cohort(), out, &[]).good();
    let first = summary(out);
    assert!(first == undisturbed().1, "another run");
    assert!(summary(out) == first, "collected again");
    let text = String::from_utf8(first[0].clone()).unwrap();
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains("\"Bern, 12\"") && text.contains("colorectal carcinoma"));
    assert!(!out.join("errors.jsonl").exists());
    // Another column does not void a result, and arrives in the summary.
    let other = cohort().with_file_name("other.csv");
    fs::write(
        &other,
        "slide_path,tumour_type,block\na.svs,colorectal carcinoma,B7\n",
    )
    .unwrap();
    let again = json(&other, out, &[]).good();
    assert_eq!(that(&again.stderr, "already done"), ["a"]);
    let text = String::from_utf8(summary(out)[0].clone()).unwrap();
    assert!(
        text.lines().next().unwrap().ends_with(",block,site"),
        "{text}"
    );
    assert!(text.contains(",B7,"), "{text}");
}

#[test]
fn a_rows_pixel_size_is_its_slides_alone_and_another_voids_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.csv");
    let slide = |id: &str| text(&cohort().with_file_name(format!("{id}.svs"))).to_owned();
    let write = |mpp: &str| {
        let rows = format!("slide_path,mpp\n{},{mpp}\n{},\n", slide("b"), slide("a"));
        fs::write(&manifest, rows).unwrap();
    };
    let out = folder.path().join("out");
    write("0.25");
    json(&manifest, &out, &[]).good();
    let source =
        |id: &str| read_json(&out.join(id).join("result.json"))["slide"]["mpp_source"].clone();
    assert_eq!((source("a"), source("b")), ("file".into(), "given".into()));
    write("0.27");
    let log = json(&manifest, &out, &[]).good().stderr;
    assert_eq!(that(&log, "scored"), ["b"]);
    assert_eq!(that(&log, "already done"), ["a"]);
}

/// A cohort with a slide that is sound, one that is cut short, one that is missing and one with a bad pixel size.
fn mixed(folder: &Path) -> std::path::PathBuf {
    let whole = fs::read(cohort().with_file_name("a.svs")).unwrap();
    fs::write(folder.join("sound.svs"), &whole).unwrap();
    fs::write(folder.join("short.svs"), &whole[..whole.len() / 2]).unwrap();
    let manifest = folder.join("mixed.csv");
    let rows = "slide_path,mpp\nmissing.svs,\nshort.svs,\nsound.svs,\nodd.svs,quarter\n";
    fs::write(&manifest, rows).unwrap();
    manifest
}

#[test]
fn failed_slides_are_listed_and_do_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = mixed(folder.path());
    let out = folder.path().join("out");
    let first = json(&manifest, &out, &[]);
    assert_eq!(first.code, Some(1), "{first:?}");
    assert_eq!(that(&first.stderr, "scored"), ["sound"]);
    assert_eq!(that(&first.stderr, "failed"), ["missing", "short", "odd"]);
    let list = fs::read_to_string(out.join("errors.jsonl")).unwrap();
    let failed: Vec<Value> = list
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let of = |key: &str| -> Vec<&str> { failed.iter().map(|f| f[key].as_str().unwrap()).collect() };
    assert_eq!(of("slide_id"), ["missing", "odd", "short"]);
    assert_eq!(of("stage"), ["inputs"; 3]);
    assert!(
        of("error")[1].contains("line 5") && of("error")[1].contains("quarter"),
        "{list}"
    );
    let collected = pantrk(["collect", text(&out)]);
    assert_eq!(collected.code, Some(1));
    assert!(
        collected.stderr.contains("short: failed: "),
        "{}",
        collected.stderr
    );
    let table = fs::read_to_string(out.join("summary.csv")).unwrap();
    assert_eq!(table.matches(",failed,").count(), 3, "{table}");

    let on_the_list = |id: &str| {
        let list = Worklist::open_read_only(&out.join("worklist.sqlite")).unwrap();
        let slide = list.slide(id).unwrap().unwrap();
        (slide.state, slide.error.is_some())
    };
    assert_eq!(on_the_list("short"), (SlideState::Failed, true));
    assert_eq!(on_the_list("sound"), (SlideState::Done, false));
    let quiet = run(&manifest, &folder.path().join("quiet"), &["--log", "quiet"]);
    assert_eq!(quiet.stderr.lines().count(), 3, "{}", quiet.stderr);

    // What failed is not tried again, and has failed still.
    let again = json(&manifest, &out, &[]);
    assert_eq!(again.code, Some(1));
    assert_eq!(that(&again.stderr, "already done"), ["sound"]);
    assert_eq!(
        that(&again.stderr, "failed before"),
        ["missing", "short", "odd"]
    );
    let retried = json(&manifest, &out, &["--retry-failed"]);
    assert_eq!(that(&retried.stderr, "failed"), ["missing", "short", "odd"]);
    // A file that is another by now is tried without being asked for.
    let whole = fs::read(folder.path().join("sound.svs")).unwrap();
    fs::write(folder.path().join("short.svs"), &whole).unwrap();
    fs::write(folder.path().join("missing.svs"), &whole).unwrap();
    let mended = json(&manifest, &out, &[]);
    assert_eq!(that(&mended.stderr, "scored"), ["missing", "short"]);
    let list = fs::read_to_string(out.join("errors.jsonl")).unwrap();
    assert_eq!(list.lines().count(), 1, "{list}");
    assert!(list.contains("\"attempts\":2"), "{list}");
    assert_eq!(on_the_list("short"), (SlideState::Done, false));

    let fast = json(
        &manifest,
        &folder.path().join("fast"),
        &["--fail-fast", "--retry-failed"],
    );
    assert_eq!(fast.code, Some(1));
    assert_eq!(that(&fast.stderr, "scored").len(), 3);
    fs::remove_file(folder.path().join("missing.svs")).unwrap();
    let fast = json(&manifest, &folder.path().join("faster"), &["--fail-fast"]);
    assert_eq!(fast.code, Some(1));
    assert_eq!(that(&fast.stderr, "failed"), ["missing"]);
    assert_eq!(that(&fast.stderr, "scored"), [""; 0]);
    assert!(fast.stdout.contains("not tried"), "{}", fast.stdout);
}

#[test]
fn where_nothing_can_be_read_the_exit_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("m.csv");
    fs::write(&manifest, "slide_path\nnone.svs\nnothing.svs\n").unwrap();
    let out = folder.path().join("out");
    let all = run(&manifest, &out, &["--log", "plain"]);
    assert_eq!(all.code, Some(3), "{all:?}");
    assert!(
        all.stderr.contains("line 3: there is no slide file"),
        "{}",
        all.stderr
    );
    run(&folder.path().join("no.csv"), &out, &[]).failed(3, &["no.csv"]);
    pantrk(["collect", text(&folder.path().join("nowhere"))]).failed(3, &["nowhere"]);
    pantrk(["collect", text(folder.path())]).failed(3, &["has been scored"]);
}

#[test]
fn what_cannot_begin_is_told_before_any_slide() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |text: &str, words: &[&str]| {
        let manifest = folder.path().join("bad.csv");
        fs::write(&manifest, text).unwrap();
        run(&manifest, &out, &[]).failed(2, words);
    };
    refused("path\na.svs\n", &["slide_path", "bad.csv"]);
    refused("slide_path\nx/a.svs\ny/a.svs\n", &["lines 2, 3", "slide a"]);
    refused("slide_path\n", &["no rows"]);
    run(cohort(), &out, &["--device", "cuda"]).failed(4, &["cuda", "--device cpu"]);
    run(cohort(), &out, &["--shard", "4/3"]).failed(2, &["4/3"]);
    let model = folder.path().join("model");
    let args = [
        "batch",
        text(cohort()),
        "--out",
        text(&out),
        "--model",
        text(&model),
    ];
    pantrk(args).failed(4, &["no model"]);
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    run(cohort(), &file.join("out"), &[]).failed(2, &["--out"]);
    assert!(!out.exists());
}

#[test]
fn parts_make_the_whole_and_slurm_tasks_are_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (parts, tasks) = (folder.path().join("parts"), folder.path().join("tasks"));
    let mut of_part = Vec::new();
    for part in ["1/3", "2/3", "3/3"] {
        let log = json(cohort(), &parts, &["--shard", part]).good().stderr;
        of_part.push(that(&log, "scored"));
        assert_eq!(that(&log, "already done"), [""; 0]);
    }
    let mut all = of_part.concat();
    all.sort();
    assert_eq!(all, SLIDES);
    same_results(&parts, &undisturbed().0, "three parts");
    assert!(summary(&parts) == undisturbed().1);
    for (task, part) in ["5", "7", "9"].into_iter().zip(of_part) {
        let mut command = batch(cohort(), &tasks, &["--log", "json"]);
        command.env("SLURM_ARRAY_TASK_ID", task);
        command.env("SLURM_ARRAY_TASK_COUNT", "3");
        command.env("SLURM_ARRAY_TASK_MIN", "5");
        command.env("SLURM_ARRAY_TASK_STEP", "2");
        let log = command.output().unwrap().stderr;
        assert_eq!(that(&String::from_utf8(log).unwrap(), "scored"), part);
    }
}

#[test]
fn a_slide_id_that_is_made_safe_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let slide = folder.path().join("S12 345 #2.svs");
    fs::copy(cohort().with_file_name("a.svs"), &slide).unwrap();
    let manifest = folder.path().join("m.csv");
    fs::write(&manifest, "slide_path\nS12 345 #2.svs\n").unwrap();
    let out = folder.path().join("out");
    let found = run(&manifest, &out, &["--log", "plain"]).good();
    assert!(
        found
            .stderr
            .contains("S12_345__2: the folder's name for \"S12 345 #2\""),
        "{}",
        found.stderr
    );
    assert!(out.join("S12_345__2/result.json").exists());
    let args = [
        "score",
        text(&slide),
        "--out",
        text(&out),
        "--model",
        "watershed",
        "--skip-heatmaps",
    ];
    let found = pantrk(args).good();
    assert!(found.stderr.contains("S12 345 #2"), "{}", found.stderr);
    assert!(found.stdout.contains("already done"), "{}", found.stdout);
}

#[cfg(unix)]
#[test]
fn without_home_display_or_rights_only_the_output_is_written() {
    let tool = |name: &str| Path::new("/usr/bin").join(name);
    let root = fs::metadata("/proc/self").is_ok_and(|m| {
        use std::os::unix::fs::MetadataExt as _;
        m.uid() == 0
    });
    if !root || !tool("setpriv").exists() {
        return println!("skipped: not root, or no setpriv");
    }
    // A place that nobody may read and not write, but for one folder.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let open = |path: &Path, mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    open(folder.path(), 0o755);
    for name in ["a.svs", "manifest.csv"] {
        fs::copy(cohort().with_file_name(name), folder.path().join(name)).unwrap();
    }
    fs::write(
        folder.path().join("one.csv"),
        "slide_path,site\na.svs,Bern\n",
    )
    .unwrap();
    let program = folder.path().join("pantrk");
    fs::copy(env!("CARGO_BIN_EXE_pantrk"), &program).unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    open(&out, 0o777);
    let before = names(folder.path());
    let output = std::process::Command::new(tool("setpriv"))
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&program)
        .args(["batch", "one.csv", "--out", "out", "--model", "watershed"])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("warning: the worklist"), "{said}");
    assert_eq!(names(folder.path()), before);
    assert_eq!(names(&out), ["a", "worklist.sqlite"]);
    assert_eq!(
        read_json(&out.join("a/result.json"))["slide"]["path"],
        "a.svs"
    );
    assert!(shared().exists());
}
