//! `pantrk report`: again without the slide, with new facts, and of a cohort.

mod common;

use std::path::{Path, PathBuf};

use common::{names, pantrk, read_json, score, shared, slide, text};

const CASE: &str = r#"{"tumour_type": "colorectal carcinoma", "antibody_clone": "EPR17341",
    "report": {"patient_name": "Name of patient", "block": "B2"}}"#;

/// A slide that was scored with [`CASE`], copied so that each test may change it.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn scored(name: &str) -> PathBuf {
    static SCORED: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let first = SCORED.get_or_init(|| {
        let case = shared().join("case.json");
        std::fs::write(&case, CASE).unwrap();
        let out = shared().join("scored");
        score(slide(), &out, &["--case", text(&case)]).good();
        out.join("phantom")
    });
    let copy = shared().join(name).join("phantom");
    copy_folder(first, &copy);
    copy
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (source, target) = (from.join(&name), to.join(&name));
        if source.is_dir() {
            copy_folder(&source, &target);
        } else {
            std::fs::copy(source, target).unwrap();
        }
    }
}

#[test]
fn the_gallery_shows_each_kind_and_its_pictures_are_there() {
    let folder = scored("gallery");
    let index = read_json(&folder.join("gallery/index.json"));
    let fields = index["fields"].as_array().unwrap();
    assert!((6..=12).contains(&fields.len()), "{}", fields.len());
    for kind in ["hottest", "borderline", "typical-negative"] {
        assert!(fields.iter().any(|f| f["kind"] == kind), "{kind}");
    }
    let percent = |f: &serde_json::Value| f["positive_percent"].as_f64().unwrap();
    let of = |kind: &str| fields.iter().find(|f| f["kind"] == kind).unwrap();
    assert!(percent(of("hottest")) > percent(of("typical-negative")));
    for field in fields {
        let file = folder.join("gallery").join(field["file"].as_str().unwrap());
        let picture = image::open(file).unwrap();
        assert_eq!((picture.width(), picture.height()), (512, 512));
    }
}

#[test]
fn a_patients_name_is_in_the_report_alone() {
    let folder = scored("patient");
    let holds = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        String::from_utf8_lossy(&bytes).contains("Name of patient")
    };
    assert!(holds("report.html") && holds("case.json"));
    assert!(!holds("result.json"));
}

#[test]
fn a_sequencing_result_that_comes_back_changes_the_decision_and_not_the_score() {
    let folder = scored("ngs");
    let before = read_json(&folder.join("result.json"));
    let case = shared().join("ngs-case.json");
    std::fs::write(
        &case,
        r#"{"ngs": {"method": "rna", "result": "fusion-detected", "gene": "NTRK3", "partner": "ETV6",
            "frame": "in", "kinase_domain": true, "rna_quality": "pass"}, "report": {"block": "B3"}}"#,
    )
    .unwrap();
    let run = pantrk(["report", text(&folder), "--case", text(&case)]).good();
    assert!(run.stdout.contains("report.html"));
    let after = read_json(&folder.join("result.json"));
    assert_eq!(after["triage"]["ngs"]["gene"], "NTRK3");
    assert!(after["triage"]["concordance"]["verdict"].is_string());
    assert_eq!(after["compartments"], before["compartments"]);
    assert_ne!(
        after["run"]["parameter_hash"],
        before["run"]["parameter_hash"]
    );
    // Facts and fields that the new file does not name stay.
    let case = &after["run"]["parameters"]["case"];
    assert_eq!(case["tumour_type"], "colorectal carcinoma");
    let kept = read_json(&folder.join("case.json"));
    assert_eq!(kept["report"]["patient_name"], "Name of patient");
    assert_eq!(kept["report"]["block"], "B3");
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("ETV6::NTRK3") && page.contains("B3"));
    // The same again writes the same.
    let first = std::fs::read(folder.join("result.json")).unwrap();
    pantrk(["report", text(&folder)]).good();
    assert_eq!(
        std::fs::read_to_string(folder.join("report.html")).unwrap(),
        page
    );
    assert_eq!(std::fs::read(folder.join("result.json")).unwrap(), first);
}

#[test]
fn a_cohort_has_one_report() {
    let folder = scored("cohort");
    let cohort = folder.parent().unwrap();
    std::fs::write(
        cohort.join("errors.jsonl"),
        "{\"slide_id\": \"gone\", \"error\": \"the file is not there\"}\n",
    )
    .unwrap();
    pantrk(["report", "--cohort", text(cohort)]).good();
    let page = std::fs::read_to_string(cohort.join("cohort.html")).unwrap();
    assert!(page.contains("phantom/report.html") || page.contains("phantom&#x2f;report.html"));
    assert!(page.contains("the file is not there"));
    assert_eq!(cohort.join("cohort.pdf").is_file(), cfg!(feature = "pdf"));
    pantrk(["report", "--cohort", text(&shared().join("nowhere"))]).failed(3, &["nowhere"]);
}
