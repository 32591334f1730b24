//! The page holds what the result says, and nothing of it as markup.

#[path = "../../pantrk-store/tests/common/mod.rs"]
mod common;

use pantrk_report::{Pictures, ReportOptions, TruthRow, render_report, write_report};
use pantrk_store::Warning;

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn page(result: &pantrk_store::SlideResult, options: &ReportOptions) -> String {
    render_report(result, &Pictures::default(), options).unwrap()
}

fn truth() -> ReportOptions {
    ReportOptions {
        truth: vec![
            TruthRow {
                figure: "nucleus, positive %".to_owned(),
                measured: "33.5".to_owned(),
                truth: "34.0".to_owned(),
                difference: "-0.5".to_owned(),
                bar: "5.0".to_owned(),
                within: true,
            },
            TruthRow {
                figure: "action".to_owned(),
                measured: "order-rna-ngs".to_owned(),
                truth: "pathologist-review".to_owned(),
                difference: String::new(),
                bar: String::new(),
                within: false,
            },
        ],
        note: Some("This slide is a digital phantom, not tissue.".to_owned()),
    }
}

#[test]
fn the_page_says_what_the_result_says() {
    let result = common::sample();
    // The template engine writes slashes as entities too.
    let page = page(&result, &ReportOptions::default()).replace("&#x2f;", "/");
    for text in [
        "S21-04711_B2_panTRK",
        "Order RNA-based NGS",
        "sequence",
        "39.1",
        "131\u{202f}422",
        "nuclear rim",
        "Gene hint",
        "LMNA-NTRK1",
        "One tile (0.04 mm2) could not be read",
        "0.20 / 0.40 / 0.60 DAB OD (log10",
        "0.31 %",
        "4.2 %",
        "not a diagnosis",
        "Study two, 2021",
        "R10",
    ] {
        assert!(page.contains(text), "{text:?} is missing");
    }
    assert!(!page.contains("Score beside the truth"));
    // Nothing is fetched from anywhere.
    for outside in ["<script", "<link", "src=\"http", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn what_comes_from_a_user_is_escaped() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut result = common::sample();
    result.slide.id = evil.to_owned();
    result.slide.path = evil.to_owned();
    result.triage.reasons.push(evil.to_owned());
    result.triage.flag.icon = evil.to_owned();
    result.quality.warnings.push(Warning::new("x", evil));
    result.quality.excluded_mm2.insert(evil.to_owned(), 1.0);
    let mut options = truth();
    options.note = Some(evil.to_owned());
    options.truth[0].figure = evil.to_owned();
    let page = page(&result, &options);
    assert!(!page.contains("<script>"));
    assert!(page.matches("&lt;script&gt;").count() >= 7);
}

#[test]
fn a_slide_that_cannot_be_read_has_a_page_too() {
    let page = page(&common::not_evaluable(), &ReportOptions::default());
    assert!(page.contains("41 tumour cells, wanted at least 100."));
    assert!(page.contains("not evaluable") && !page.contains("NaN"));
}

#[test]
fn the_page_is_written_with_its_pictures() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thumbnail.png"), b"\x89PNG").unwrap();
    let path = write_report(&common::sample(), dir.path(), &truth()).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains("data:image/png;base64,iVBORw=="));
    assert!(page.contains("Score beside the truth") && page.contains("digital phantom"));
    std::fs::create_dir(dir.path().join("heatmaps")).unwrap();
    std::fs::write(dir.path().join("heatmaps/index.json"), b"{").unwrap();
    assert!(write_report(&common::sample(), dir.path(), &truth()).is_err());
}
