//! `pantrk score`: what a slide's folder holds, when it is made anew, and what a signal leaves.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{command, names, pantrk, phantom, read_json, score, shared, slide, text};
use pantrk_store::SlideResult;
use serde_json::Value;

/// Errors of tests on `value`'s keys name the key.
#[track_caller]
fn has_keys(value: &Value, keys: &str) {
    for key in keys.split_whitespace() {
        assert!(!value[key].is_null(), "no {key} in {value}");
    }
}

/// The default model and regions: the run that the others are held against, made once.
fn scored() -> &'static Path {
    static SCORED: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    SCORED.get_or_init(|| {
        let out = shared().join("scored");
        let run = score(
            slide(),
            &out,
            &with_regions(&["--threads", "1", "--geojson"]),
        )
        .good();
        assert!(run.stderr.is_empty(), "quiet: {}", run.stderr);
        assert!(run.stdout.contains("H-score") && run.stdout.contains("results: "));
        assert_eq!(names(&out), ["phantom"]);
        out.join("phantom")
    })
}

/// The network, a case and the regions of the phantom.
fn with_regions<'a>(more: &[&'a str]) -> Vec<&'a str> {
    static REGIONS: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let regions = REGIONS.get_or_init(|| {
        let path = slide().with_file_name("phantom.regions.geojson");
        text(&path).to_owned()
    });
    let mut args = vec!["--model", "nucleus", "--regions", regions];
    args.extend([
        "--tumour-type",
        "colorectal carcinoma",
        "--clone",
        "EPR17341",
    ]);
    args.extend(more);
    args
}

#[test]
fn a_folder_holds_what_the_contract_says() {
    let folder = scored();
    let mut expected = vec![
        "case.json",
        "cells.geojson.gz",
        "cells.parquet",
        "gallery",
        "heatmaps",
        "overlay.png",
        "regions.geojson",
        "report.html",
    ];
    expected.extend(cfg!(feature = "pdf").then_some("report.pdf"));
    expected.extend(["result.json", "thumbnail.png"]);
    assert_eq!(names(folder), expected);
    let result = read_json(&folder.join("result.json"));
    assert_eq!(result["schema"], "pantrk.result/1");
    has_keys(
        &result,
        "slide run quality stain tumour_region cells compartments pattern profiles ihc triage",
    );
    has_keys(
        &result["slide"],
        "id path vendor fingerprint width height levels mpp_x mpp_y mpp_source objective_power",
    );
    has_keys(
        &result["run"],
        "version parameters parameter_hash model device threads started seconds peak_rss_bytes",
    );
    has_keys(&result["run"]["model"], "name version sha256 runtime");
    has_keys(&result["run"]["seconds"], "total overview patches");
    has_keys(
        &result["quality"],
        "tissue_mm2 evaluated_mm2 excluded_mm2 unread_mm2 unread_tiles warnings",
    );
    has_keys(
        &result["stain"],
        "hematoxylin dab residual background_rgb dab_background_od source",
    );
    has_keys(&result["cells"], "segmented tumour excluded");
    for compartment in ["any", "nucleus", "nuclear_rim", "cytoplasm", "membrane"] {
        has_keys(
            &result["compartments"][compartment],
            "positive_percent percent_1 percent_2 percent_3 h_score mean_dab_od interval95 sensitivity",
        );
    }
    has_keys(
        &result["pattern"],
        "compartments extent clustering gene_hint",
    );
    has_keys(&result["profiles"], "any-1pct cantrk h-score");
    has_keys(&result["ihc"], "result profile intensity reasons");
    has_keys(
        &result["triage"],
        "action flag rule rules reasons pre_test post_test citations table_version",
    );
    assert_eq!(result["tumour_region"], "given");
    assert_eq!(result["slide"]["width"], 2500);
    assert_eq!(result["run"]["threads"], 1);
    assert_eq!(result["ihc"]["result"], "positive");
    // It reads back as the library's own type.
    SlideResult::read(&folder.join("result.json")).unwrap();
}

#[test]
fn the_files_beside_the_result_are_what_their_names_say() {
    let folder = scored();
    let starts = |name: &str, magic: &[u8]| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        assert!(bytes.starts_with(magic), "{name}");
        bytes
    };
    starts("cells.parquet", b"PAR1");
    starts("cells.geojson.gz", &[0x1f, 0x8b]);
    starts("thumbnail.png", b"\x89PNG");
    starts("overlay.png", b"\x89PNG");
    let report = String::from_utf8(starts("report.html", b"<!")).unwrap();
    assert!(report.contains("research use"));
    let index = read_json(&folder.join("heatmaps/index.json"));
    let listed = index.to_string();
    let maps: Vec<_> = names(&folder.join("heatmaps"))
        .into_iter()
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "png"))
        .collect();
    assert!(maps.len() >= 4, "{maps:?}");
    for map in maps {
        assert!(listed.contains(&map), "{map} is not in {listed}");
        starts(&format!("heatmaps/{map}"), b"\x89PNG");
    }
}

#[test]
fn the_score_is_near_what_was_painted() {
    let result = read_json(&scored().join("result.json"));
    let truth = read_json(&slide().with_file_name("phantom.truth.json"));
    let wanted = truth["score"]["any"]["positive_percent"].as_f64().unwrap();
    let found = result["compartments"]["any"]["positive_percent"]
        .as_f64()
        .unwrap();
    // About 1000 cells: three standard errors are 4.5 points.
    assert!((found - wanted).abs() < 6.0, "{found} % for {wanted} %");
}

#[test]
fn two_threads_give_the_bytes_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let more = with_regions(&["--threads", "2", "--geojson"]);
    score(slide(), folder.path(), &more).good();
    let two = folder.path().join("phantom");
    for name in [
        "cells.parquet",
        "cells.geojson.gz",
        "thumbnail.png",
        "overlay.png",
    ] {
        let bytes = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(bytes(scored()) == bytes(&two), "{name} differs");
    }
    let result = |folder: &Path| {
        let result = SlideResult::read(&folder.join("result.json")).unwrap();
        assert!(result.run.threads.is_some());
        result.without_run_facts().to_json().unwrap()
    };
    assert_eq!(result(scored()), result(&two));
}

#[test]
fn the_same_again_is_skipped_and_anything_else_voids_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let facts = || {
        let run = read_json(&out.join("phantom/result.json"))["run"].clone();
        (
            run["started"].to_string(),
            run["parameter_hash"].to_string(),
        )
    };
    let again = |more: &[&str]| score(slide(), out, more).good().stdout;
    assert!(!again(&["--skip-heatmaps"]).contains("already done"));
    let first = facts();
    assert!(again(&["--skip-heatmaps"]).contains("already done; --overwrite"));
    // More threads are no other result.
    assert!(again(&["--skip-heatmaps", "--threads", "1"]).contains("already done"));
    assert_eq!(facts(), first);
    assert!(!again(&["--skip-heatmaps", "--overwrite"]).contains("already done"));
    let second = facts();
    assert_ne!(second.0, first.0);
    assert_eq!(second.1, first.1);
    let stricter = ["--skip-heatmaps", "--thresholds", "0.3,0.5,0.7"];
    assert!(!again(&stricter).contains("already done"));
    assert_ne!(facts().1, first.1);
    assert!(again(&stricter).contains("already done"));
    assert!(!again(&["--skip-heatmaps", "--tumour-type", "COADREAD"]).contains("already done"));
    assert_eq!(names(out), ["phantom"]);
    assert!(!names(&out.join("phantom")).contains(&"heatmaps".to_owned()));
    // A result that was damaged is no result.
    std::fs::write(out.join("phantom/result.json"), "{").unwrap();
    assert!(!again(&["--skip-heatmaps", "--tumour-type", "COADREAD"]).contains("already done"));
}

#[test]
fn the_result_of_another_slide_of_the_same_name_is_spared() {
    let folder = tempfile::tempdir().unwrap();
    let slides = ["monday", "tuesday"].map(|day| folder.path().join(day).join("S1.svs"));
    for (slide, seed) in slides.iter().zip([7, 8]) {
        std::fs::create_dir(slide.parent().unwrap()).unwrap();
        phantom(slide, [700, 600], seed);
    }
    let out = folder.path().join("out");
    let quick = ["--skip-heatmaps"];
    let of = |id: &str| read_json(&out.join(id).join("result.json"))["slide"]["path"].clone();
    score(&slides[0], &out, &quick).good();
    for more in [&quick[..], &["--skip-heatmaps", "--overwrite"]] {
        let monday = text(&slides[0]);
        let words = ["result of another slide", monday, "--slide-id S1-2"];
        score(&slides[1], &out, more).failed(2, &words);
    }
    assert_eq!(of("S1"), text(&slides[0]));
    let named = [&quick[..], &["--slide-id", "S1-2"]].concat();
    score(&slides[1], &out, &named).good();
    assert_eq!(of("S1-2"), text(&slides[1]));
    // The slide's own is made anew, wherever it was moved.
    let moved = folder.path().join("S1.svs");
    std::fs::rename(&slides[0], &moved).unwrap();
    score(&moved, &out, &["--skip-heatmaps", "--overwrite"]).good();
    assert_eq!(of("S1"), text(&moved));
}

#[test]
fn progress_goes_to_stderr_and_the_table_to_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let run = |log: &str| {
        let out = folder.path().join(log);
        pantrk([
            "score",
            text(slide()),
            "--out",
            text(&out),
            "--log",
            log,
            "--model",
            "watershed",
        ])
        .good()
    };
    let plain = run("plain");
    assert!(
        plain.stderr.contains("phantom: patches 0/"),
        "{}",
        plain.stderr
    );
    assert!(
        plain.stderr.contains("no region of class Tumor"),
        "{}",
        plain.stderr
    );
    assert!(!plain.stdout.contains("patches"), "{}", plain.stdout);
    let json = run("json");
    for line in json.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["slide"], "phantom");
    }
    assert!(json.stderr.lines().count() >= 4, "{}", json.stderr);
    let quiet = run("quiet");
    assert_eq!(quiet.stderr, "");
    for other in [&plain, &json] {
        let table = |text: &str| text.rsplit_once("results: ").unwrap().0.to_owned();
        assert_eq!(table(&quiet.stdout), table(&other.stdout));
    }
}

#[test]
fn sigterm_leaves_a_checkpoint_and_no_half_result() {
    let folder = tempfile::tempdir().unwrap();
    let (large, out) = (folder.path().join("large.svs"), folder.path().join("out"));
    phantom(&large, [6000, 5000], 5);
    let mut child = command([
        "score",
        text(&large),
        "--out",
        text(&out),
        "--log",
        "plain",
        "--threads",
        "1",
    ])
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    // The folder under work is there as soon as the work begins.
    let since = Instant::now();
    let partial = out.join("large.partial");
    while !partial.exists() && since.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    let code = child.wait().unwrap().code();
    if code == Some(0) {
        // A machine that scores it within the wait has a whole result, and nothing to stop.
        assert!(out.join("large/result.json").exists());
        println!("skipped: the slide was scored before the signal");
    } else {
        assert!(sent.success());
        assert_eq!(code, Some(130));
        assert_eq!(names(&out), ["large.partial"]);
        assert_eq!(names(&partial), ["checkpoint"]);
    }
}

#[test]
fn what_a_killed_run_left_does_not_stand_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let left = out.join("phantom.partial");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("stray.png"), "cut short").unwrap();
    score(slide(), out, &[]).good();
    assert_eq!(names(out), ["phantom"]);
    assert!(!out.join("phantom/stray.png").exists());
    // Its report can be written again, and is the same.
    let report = out.join("phantom/report.html");
    let before = std::fs::read(&report).unwrap();
    std::fs::remove_file(&report).unwrap();
    pantrk(["report", text(&out.join("phantom"))]).good();
    assert!(std::fs::read(&report).unwrap() == before);
}

/// The demo at full size: every compartment within 3 points of the true positive percent and 10 of the H-score, the right pattern, the right action; the program itself ends with 1 where a row is outside.
#[test]
fn the_demo_is_within_its_bars() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let run = pantrk(["demo", "--log", "quiet", "--out", text(&out)]).good();
    assert!(
        run.stdout.contains("cytoplasm, positive %"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains(" NO"), "{}", run.stdout);
    assert!(out.join("demo/report.html").is_file());
}
