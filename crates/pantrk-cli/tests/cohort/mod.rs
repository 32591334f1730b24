//! A small cohort of phantoms, and what a batch makes of it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, compiled into each of them"
)]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test binary uses its own part"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use pantrk_store::SlideResult;
use serde_json::Value;

use super::common::{Run, command, pantrk, phantom, shared, text};

/// Slides of [`cohort`].
pub const SLIDES: [&str; 3] = ["a", "b", "c"];

/// A manifest of three small phantoms, made once.
pub fn cohort() -> &'static Path {
    static COHORT: OnceLock<PathBuf> = OnceLock::new();
    COHORT.get_or_init(|| {
        let folder = shared().join("cohort");
        fs::create_dir_all(&folder).unwrap();
        let mut rows = "slide_path,tumour_type,site\n".to_owned();
        for (id, seed) in SLIDES.iter().zip(11..) {
            phantom(&folder.join(format!("{id}.svs")), [800, 700], seed);
            let row = format!("{id}.svs,colorectal carcinoma,\"Bern, {seed}\"\n");
            rows.push_str(&row);
        }
        let manifest = folder.join("manifest.csv");
        fs::write(&manifest, rows).unwrap();
        manifest
    })
}

/// A phantom that takes a while, made once, and its manifest.
pub fn large() -> &'static Path {
    static LARGE: OnceLock<PathBuf> = OnceLock::new();
    LARGE.get_or_init(|| {
        let folder = shared().join("large");
        fs::create_dir_all(&folder).unwrap();
        phantom(&folder.join("large.svs"), [3200, 2800], 21);
        let manifest = folder.join("manifest.tsv");
        fs::write(&manifest, "slide_path\tsite\nlarge.svs\tBern\n").unwrap();
        manifest
    })
}

/// `pantrk batch MANIFEST --out OUT` with the watershed on one thread, and more arguments; not started.
pub fn batch(manifest: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = command(["batch", text(manifest), "--out", text(out)]);
    // Pictures take longer than these slides themselves.
    command
        .args(["--model", "watershed", "--threads", "1", "--skip-heatmaps"])
        .args(more);
    command
}

/// Runs it.
pub fn run(manifest: &Path, out: &Path, more: &[&str]) -> Run {
    let output = batch(manifest, out, more).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Starts it, its words thrown away.
pub fn start(manifest: &Path, out: &Path, more: &[&str]) -> Child {
    batch(manifest, out, more)
        .args(["--log", "quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The events of a JSON log: slide and what became of it.
pub fn events(log: &str) -> Vec<(String, String)> {
    let lines = log
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    lines
        .filter_map(|line| {
            let word = |key: &str| line[key].as_str().map(str::to_owned);
            let stage = line["stage"].as_str().filter(|_| line["error"].is_null());
            stage.is_none().then_some((word("slide")?, word("event")?))
        })
        .collect()
}

/// Every file of the slides' folders below `out`, without what may differ from run to run.
pub fn results(out: &Path) -> Files {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(out).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            add(&folder, out, &mut files);
        }
    }
    files
}

fn add(folder: &Path, out: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add(&path, out, files);
            continue;
        }
        let mut bytes = fs::read(&path).unwrap();
        let result = || SlideResult::read(&folder.join("result.json")).unwrap();
        match path.file_name().unwrap().to_str().unwrap() {
            "result.json" => {
                bytes = result().without_run_facts().to_json().unwrap().into_bytes();
            }
            "report.html" => {
                let started = result().run.started.unwrap();
                let page = String::from_utf8(bytes).unwrap();
                // As people read it: 2026-01-31 23:59 UTC.
                let minute = format!("{} {}", &started[..10], &started[11..16]);
                bytes = page.replace(&started, "").replace(&minute, "").into_bytes();
            }
            "report.pdf" => {
                // The run's time is packed into it with all else; the same words stand in the page.
                let whole =
                    bytes.starts_with(b"%PDF-") && bytes.trim_ascii_end().ends_with(b"%%EOF");
                bytes = vec![u8::from(whole)];
            }
            _ => {}
        }
        files.insert(path.strip_prefix(out).unwrap().to_path_buf(), bytes);
    }
}

/// The results are the same, file by file; `why` stands in the message.
#[track_caller]
pub fn same_results(out: &Path, wanted: &Files, why: &str) {
    let found = results(out);
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(wanted), "{why}");
    for (name, bytes) in wanted {
        assert!(found[name] == *bytes, "{} differs: {why}", name.display());
    }
}

/// `summary.csv` and `summary.parquet`.
pub type Summary = [Vec<u8>; 2];

/// The summary's bytes after `pantrk collect`.
pub fn summary(out: &Path) -> Summary {
    pantrk(["collect", text(out)]).good();
    ["summary.csv", "summary.parquet"].map(|name| fs::read(out.join(name)).unwrap())
}

/// Files by their name below the results folder.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The cohort scored without disturbance: results and summary, made once.
pub fn undisturbed() -> &'static (Files, Summary, Duration) {
    static DONE: OnceLock<(Files, Summary, Duration)> = OnceLock::new();
    DONE.get_or_init(|| {
        let out = shared().join("undisturbed");
        let since = Instant::now();
        run(cohort(), &out, &["--log", "quiet"]).good();
        let took = since.elapsed();
        (results(&out), summary(&out), took)
    })
}

/// The large slide scored without disturbance, made once.
pub fn large_undisturbed() -> &'static Files {
    static DONE: OnceLock<Files> = OnceLock::new();
    DONE.get_or_init(|| {
        let out = shared().join("large-undisturbed");
        run(large(), &out, &["--log", "quiet"]).good();
        results(&out)
    })
}

/// Waits until it is so, at most half a minute.
pub fn wait_until(what: &str, so: impl Fn() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until some patches of the large slide are kept in its checkpoint.
pub fn wait_for_patches(out: &Path) {
    let checkpoint = out.join("large.partial/checkpoint");
    wait_until("no checkpoint", || {
        fs::metadata(&checkpoint).is_ok_and(|m| m.len() > 4000)
    });
}

/// Sends SIGTERM.
pub fn terminate(child: &Child) {
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}
