//! `pantrk batch` disturbed: killed, stopped, out of disk, its slide or folder taken away, and two at once; nothing is lost and the bytes are the same.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, beside the tests themselves"
)]

mod cohort;
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use cohort::{
    SLIDES, batch, cohort, events, large, large_undisturbed, run, same_results, start, summary,
    terminate, undisturbed, wait_for_patches,
};
use common::{names, text};
use pantrk_store::{SlideState, Worklist};

/// A small generator, so that the moments are the same each time.
struct Moments(u64);

impl Moments {
    /// Evenly from 0 to `most`.
    fn next(&mut self, most: Duration) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        most.mul_f64((self.0 >> 33) as f64 / (1_u64 << 31) as f64)
    }
}

#[test]
fn fifty_kills_at_random_moments_cost_no_byte() {
    let (wanted, wanted_summary, took) = undisturbed();
    let folder = tempfile::tempdir().unwrap();
    let mut moments = Moments(2026);
    let (mut kills, mut rounds) = (0, 0);
    while kills < 50 {
        let out = folder.path().join(format!("round-{rounds}"));
        loop {
            let mut child = start(cohort(), &out, &[]);
            std::thread::sleep(moments.next(*took * 3 / 4));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "after {kills} kills");
                break;
            }
            if kills == 50 {
                assert!(child.wait().unwrap().success(), "after the last kill");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            // At any moment a slide's folder is a whole result or not there.
            for id in SLIDES.iter().filter(|id| out.join(id).exists()) {
                assert!(
                    out.join(id).join("result.json").is_file(),
                    "{id} after kill {kills}"
                );
                assert!(!out.join(id).join("checkpoint").exists());
            }
        }
        same_results(&out, wanted, "after kills");
        assert!(summary(&out) == *wanted_summary, "after {kills} kills");
        let left: Vec<String> = names(&out)
            .into_iter()
            .filter(|name| {
                name.contains("partial") || name.contains("claim") || name.contains("old")
            })
            .collect();
        assert_eq!(left, [""; 0], "nothing stays behind");
        rounds += 1;
    }
    println!("50 kills over {rounds} cohorts");
}

#[test]
fn sigterm_inside_a_slide_keeps_its_patches_and_the_bytes_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let mut child = start(large(), out, &[]);
    wait_for_patches(out);
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(out.join("large.partial/checkpoint").exists());
    assert!(!out.join("large.claim").exists() && !out.join("large").exists());
    // Another kind of result does not take it up; the same does.
    let resumed = run(large(), out, &["--log", "plain"]).good();
    assert!(
        resumed.stderr.contains("patches were done before"),
        "{}",
        resumed.stderr
    );
    same_results(out, large_undisturbed(), "resumed");
    assert_eq!(names(out), ["large", "worklist.sqlite"]);

    // The command for one slide keeps what it has done as well.
    let out = folder.path().join("score");
    let slide = large().with_file_name("large.svs");
    let args = ["score", text(&slide), "--out", text(&out), "--threads", "1"];
    let score = |log| {
        let mut command = common::command(args);
        command.args(["--model", "watershed", "--log", log]);
        command
    };
    let mut child = score("quiet").stdout(Stdio::null()).spawn().unwrap();
    wait_for_patches(&out);
    terminate(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let output = score("plain").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("patches were done before"), "{said}");
    let cells = |out: &Path| fs::read(out.join("large/cells.parquet")).unwrap();
    assert!(cells(&out) == cells(folder.path()));
}

#[test]
fn two_processes_on_one_manifest_do_each_slide_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut children = Vec::new();
    for _ in 0..2 {
        let child = batch(cohort(), &out, &["--log", "json"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        children.push(child);
    }
    // Whoever looks at the worklist meanwhile is neither kept waiting nor shown nonsense.
    let list = out.join("worklist.sqlite");
    let (mut looks, mut seen) = (0, BTreeSet::new());
    while children.iter_mut().any(|c| c.try_wait().unwrap().is_none()) {
        if list.is_file()
            && let Ok(list) = Worklist::open_read_only(&list)
        {
            for slide in list.slides().unwrap() {
                assert_eq!(slide.state == SlideState::Done, slide.action.is_some());
                seen.insert(slide.state);
            }
            looks += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        looks > 3 && seen.contains(&SlideState::Running),
        "{looks} {seen:?}"
    );
    let mut scored = BTreeMap::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}");
        for (slide, event) in events(&log) {
            if event == "scored" {
                *scored.entry(slide).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(scored, SLIDES.map(|id| (id.to_owned(), 1)).into());
    same_results(&out, &undisturbed().0, "two processes");
    // Where a reader is the last to leave, SQLite's own files stay beside the database.
    let mut left = names(&out);
    left.retain(|name| !name.starts_with("worklist.sqlite-"));
    assert_eq!(left, ["a", "b", "c", "worklist.sqlite"]);
}

#[test]
fn a_claim_of_a_silent_machine_is_taken_over_and_a_living_one_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let claim = out.join("b.claim");
    let silent = serde_json::json!({
        "host": "node-9", "pid": 77, "boot": "another", "pid_namespace": "another",
        "pid_started": "1", "heartbeat_s": 0.3, "nonce": "x",
    });
    fs::write(&claim, format!("{silent}\nbeat {:020}\n", 4)).unwrap();
    let log = run(cohort(), out, &["--log", "json"]).good().stderr;
    let of = |log: &str, event: &str| {
        let found = events(log).into_iter().filter(|(_, e)| e == event);
        found.map(|(slide, _)| slide).collect::<Vec<_>>()
    };
    // Its turn came late, or its owner had shown no life for long by then.
    let mut scored = of(&log, "scored");
    scored.sort();
    assert_eq!(scored, SLIDES);
    assert!(!claim.exists());
    same_results(out, &undisturbed().0, "taken over");

    let out = out.join("other");
    let mut first = start(large(), &out, &[]);
    wait_for_patches(&out);
    let log = run(large(), &out, &["--log", "json"]).good().stderr;
    let done_meanwhile = of(&log, "already done") == ["large"];
    assert!(
        done_meanwhile || of(&log, "elsewhere") == ["large"],
        "{log}"
    );
    assert!(first.wait().unwrap().success());
    same_results(&out, large_undisturbed(), "left to the first");
}

#[test]
fn a_slide_that_vanishes_is_an_error_and_goes_on_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["large.svs", "manifest.tsv"] {
        fs::copy(large().with_file_name(name), at(name)).unwrap();
    }
    let out = at("out");
    let mut child = start(&at("manifest.tsv"), &out, &[]);
    wait_for_patches(&out);
    fs::rename(at("large.svs"), at("away.svs")).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let list = fs::read_to_string(out.join("errors.jsonl")).unwrap();
    assert!(list.contains("removed while it was scored"), "{list}");
    fs::rename(at("away.svs"), at("large.svs")).unwrap();
    let again = run(&at("manifest.tsv"), &out, &["--log", "plain"]).good();
    assert!(
        again.stderr.contains("patches were done before"),
        "{}",
        again.stderr
    );
    assert_eq!(names(&out), ["large", "worklist.sqlite"]);
    let cells = |out: &Path| fs::read(out.join("large/cells.parquet")).unwrap();
    assert!(cells(&out) == large_undisturbed()[Path::new("large/cells.parquet")]);
}

#[test]
fn an_output_folder_that_vanishes_ends_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (out, away) = (folder.path().join("out"), folder.path().join("away"));
    let child = batch(large(), &out, &["--log", "plain", "--heartbeat", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_patches(&out);
    fs::rename(&out, &away).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the output folder is gone"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(!out.exists());
    fs::rename(&away, &out).unwrap();
    run(large(), &out, &["--log", "quiet"]).good();
    same_results(&out, large_undisturbed(), "put back");
}

/// A file system of its own, as small as it is told; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(kib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).status());
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let (wanted, wanted_summary, _) = undisturbed();
    let size = |id: &str| {
        let of = wanted.iter().filter(|(name, _)| name.starts_with(id));
        of.map(|(_, bytes)| bytes.len() as u32 / 1024 + 4)
            .sum::<u32>()
    };
    // Room for the first slide and a part of the second, beside the worklist.
    let Some(disk) = SmallDisk::new(size("a") + size("b") / 2 + 300) else {
        return println!("skipped: no right to mount a small file system");
    };
    let out = disk.path().join("out");
    let full = run(cohort(), &out, &["--log", "plain"]);
    assert_eq!(full.code, Some(1), "{full:?}");
    assert!(
        full.stderr.contains("full") || full.stderr.contains("No space left"),
        "{}",
        full.stderr
    );
    assert!(full.stderr.contains("the batch stops"), "{}", full.stderr);
    assert!(!full.stderr.contains("panicked"), "{}", full.stderr);
    for id in SLIDES.iter().filter(|id| out.join(id).exists()) {
        assert!(out.join(id).join("result.json").is_file());
    }
    assert!(out.join("a").exists(), "{full:?}");
    // More room, and it goes on.
    let grown = Command::new("mount")
        .args(["-o", "remount,size=64m"])
        .arg(disk.path())
        .status()
        .unwrap();
    assert!(grown.success());
    let more = run(cohort(), &out, &["--log", "plain"]).good();
    assert!(more.stderr.contains("already done"), "{}", more.stderr);
    same_results(&out, wanted, "after the disk was full");
    assert!(summary(&out) == *wanted_summary);
}

#[test]
fn a_claim_file_made_long_ago_by_nobody_known_does_not_bar_a_slide() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    // As a full disk or a power cut leaves it: empty.
    let claim = out.join("a.claim");
    fs::write(&claim, "").unwrap();
    let file = fs::OpenOptions::new().write(true).open(&claim).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_mins(10))
        .unwrap();
    run(cohort(), out, &["--log", "quiet"]).good();
    same_results(out, &undisturbed().0, "an empty claim");
}
