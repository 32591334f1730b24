//! The reports hold what the result says, and nothing of it as markup.

#[path = "../../pantrk-store/tests/common/mod.rs"]
mod common;

use pantrk_core::cell::{CellKinds, KindAccuracy};
use pantrk_core::score::{ControlAdequacy, ControlScore, IhcResult, WithLeftOut};
use pantrk_report::{
    Cohort, Pictures, ReportOptions, SignOff, TruthRow, render_html, write_report,
};
use pantrk_store::{SlideResult, Warning};
use pantrk_triage::{Action, Case};

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn page(result: &SlideResult, case: &Case, options: &ReportOptions) -> String {
    let page = render_html(result, case, &Pictures::default(), options).unwrap();
    // The template engine writes slashes as entities too.
    page.replace("&#x2f;", "/")
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
        ..ReportOptions::default()
    }
}

/// A case that fills every field of the laboratory.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn case() -> Case {
    Case::from_json(
        r#"{"tumour_type": "colorectal carcinoma", "age_years": 61, "stage": "metastatic",
        "mmr": "deficient", "mlh1": "lost", "braf": "wild-type", "ras": "wild-type", "drivers": [],
        "antibody_clone": "EPR17341", "platform": "BenchMark Ultra", "external_control": "adequate",
        "report": {"patient_name": "Name of patient", "patient_id": "P-1", "date_of_birth": "1960-01-02",
        "sex": "female", "accession": "S21-04711", "block": "B2", "specimen_type": "resection",
        "specimen_origin": "primary", "site": "caecum", "diagnosis": "adenocarcinoma (8140/3)",
        "requested_by": "Oncology", "laboratory": "Pathology", "pathologist": "Dr Example",
        "antibody_vendor": "Vendor", "antibody_lot": "L123", "assay": "ready to use",
        "detection_kit": "Kit", "fixative": "10 % NBF", "fixation_hours": 24,
        "cold_ischaemia_minutes": 35.5, "decalcified": false, "internal_control": "nerve, moderate",
        "scanner": "GT450 17", "remarks": "none at all"}}"#,
    )
    .unwrap()
}

#[test]
fn the_page_says_what_the_result_says() {
    let page = page(
        &common::sample(),
        &Case::default(),
        &ReportOptions::default(),
    );
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
        "2026-03-02 09:14 UTC",
        "total 5 of 15",
        "Sign-off",
    ] {
        assert!(page.contains(text), "{text:?} is missing");
    }
    assert!(!page.contains("Score beside the truth"));
    // Nothing is fetched from anywhere.
    for outside in ["<script", "<link", "src=\"http", "url(http", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn every_field_of_the_laboratory_is_on_the_page_and_what_is_missing_is_a_line() {
    let full = page(&common::sample(), &case(), &ReportOptions::default());
    for text in [
        "Name of patient",
        "P-1",
        "1960-01-02",
        "female",
        "61 years",
        "S21-04711",
        "B2",
        "resection",
        "primary",
        "caecum",
        "adenocarcinoma (8140/3)",
        "Oncology",
        "Dr Example",
        "EPR17341",
        "Vendor",
        "L123",
        "ready to use",
        "BenchMark Ultra",
        "Kit",
        "10 % NBF",
        "24 h",
        "35.5 min",
        "adequate",
        "nerve, moderate",
        "metastatic",
        "deficient",
        "lost",
        "wild type",
        "looked for, none found",
        "GT450 17",
        "none at all",
    ] {
        assert!(full.contains(text), "{text:?} is missing");
    }
    let blank = |page: &str| page.matches("class=\"blank\"").count();
    let empty = page(
        &common::sample(),
        &Case::default(),
        &ReportOptions::default(),
    );
    assert!(
        blank(&empty) > 25 && blank(&full) <= 4,
        "{} {}",
        blank(&empty),
        blank(&full)
    );
}

#[test]
fn what_was_left_out_what_the_control_says_and_what_cells_look_like_are_said() {
    let mut result = common::sample();
    result.quality.with_left_out = Some(WithLeftOut {
        tumour_cells: 1234,
        positive_percent: 37.5,
        h_score: 88.0,
    });
    result.control = Some(ControlScore {
        cells: 420,
        positive_percent: 91.5,
        h_score: 181.0,
        mean_positive_grade: 2.0,
        adequacy: ControlAdequacy::Adequate,
    });
    result.cell_kinds = Some(CellKinds {
        version: "table 7".to_owned(),
        cells: [("tumour".to_owned(), 900), ("lymphocyte".to_owned(), 100)].into(),
        tumour_positive_percent: Some(52.5),
        tumour_h_score: Some(99.0),
        accuracy: vec![KindAccuracy {
            on: "cells of a study".to_owned(),
            cells: 230,
            tumour_told_percent: 5.0,
            others_told_percent: 96.3,
        }],
    });
    let page = page(&result, &case(), &ReportOptions::default());
    for text in [
        "37.5 % positive, H-score 88, on 1234 tumour cells",
        "adequate: 91.5 % of 420 cells positive, H-score 181",
        "What the cells look like",
        "table 7",
        "<td>lymphocyte</td><td>100</td><td>10.0</td>",
        "52.5 % would be positive, H-score 99",
        "cells of a study</td><td>230</td><td>5.0</td><td>96.3</td>",
    ] {
        assert!(page.contains(text), "{text:?} is missing");
    }
}

#[test]
fn a_signature_stands_in_its_block() {
    let options = ReportOptions {
        sign_off: Some(SignOff {
            name: "Dr Example".to_owned(),
            time: "2026-03-03T10:00:00Z".to_owned(),
            result: IhcResult::NotEvaluable,
            action: Action::RepeatIhc,
            rule: Some("R1".to_owned()),
            reason: Some("crushed tissue".to_owned()),
        }),
        ..ReportOptions::default()
    };
    let page = page(&common::sample(), &case(), &options);
    for text in [
        "crushed tissue",
        "differs",
        "2026-03-03 10:00 UTC",
        "not evaluable",
        "Signed by Dr Example on 2026-03-03 10:00 UTC: IHC not evaluable, next step repeat, other than the program read it (crushed tissue).",
    ] {
        assert!(page.contains(text), "{text}");
    }
    // What was signed stands at the head, and what the program says beside it.
    let head = page.split("class=\"action\"").nth(1).unwrap();
    let head = head.split("</section>").next().unwrap();
    let places = [
        "Signed next step: repeat",
        "By rule R1 for the signed result; the program suggested: sequence (rule R7)",
        "IHC result, signed",
        "not evaluable",
        "the program read: positive, 39.1 %",
    ]
    .map(|text| head.find(text).unwrap_or_else(|| panic!("{text}: {head}")));
    assert!(places.is_sorted(), "{places:?}");
    assert!(!page.contains("Suggested next step"));
    assert!(page.contains("<h2>Why the program suggested: sequence</h2>"));
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
    let mut case = case();
    case.platform = Some(evil.to_owned());
    let page = page(&result, &case, &options);
    assert!(!page.contains("<script>"));
    assert!(page.matches("&lt;script&gt;").count() >= 8);
}

#[test]
fn a_slide_that_cannot_be_read_has_a_page_too() {
    let page = page(
        &common::not_evaluable(),
        &Case::default(),
        &ReportOptions::default(),
    );
    assert!(page.contains("41 tumour cells, wanted at least 100."));
    // The typefaces above the body are letters of any kind.
    let body = page.split("</style>").last().unwrap();
    assert!(body.contains("not evaluable") && !body.contains("NaN"));
}

#[test]
fn the_reports_are_written_with_their_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let picture = image::RgbImage::from_pixel(40, 30, image::Rgb([200, 180, 160]));
    picture.save(dir.path().join("thumbnail.png")).unwrap();
    let written = write_report(&common::sample(), dir.path(), &truth()).unwrap();
    let page = std::fs::read_to_string(&written.html).unwrap();
    assert!(page.contains("src=\"data:image/jpeg;base64,/9j/"));
    assert!(page.contains("Score beside the truth") && page.contains("digital phantom"));
    assert_eq!(written.pdf.is_some(), cfg!(feature = "pdf"));
    std::fs::create_dir(dir.path().join("heatmaps")).unwrap();
    std::fs::write(dir.path().join("heatmaps/index.json"), b"{").unwrap();
    assert!(write_report(&common::sample(), dir.path(), &truth()).is_err());
}

#[test]
fn a_cohort_is_ordered_by_need_and_names_its_failures() {
    let dir = tempfile::tempdir().unwrap();
    let scored = |id: &str, action: &str, flag: &str| {
        let mut result = common::sample();
        id.clone_into(&mut result.slide.id);
        result.triage.action = serde_json::from_value(action.into()).unwrap();
        flag.clone_into(&mut result.triage.flag.word);
        let folder = dir.path().join(id);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("result.json"), result.to_json().unwrap()).unwrap();
    };
    scored("a-calm", "no-further-testing", "stop");
    scored("b-urgent", "order-rna-ngs", "sequence");
    scored("c.partial", "order-rna-ngs", "unfinished");
    let broken = dir.path().join("d-broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("result.json"), "{").unwrap();
    std::fs::write(
        dir.path().join("errors.jsonl"),
        "{\"slide_id\": \"e-gone\", \"error\": \"the file is not there\"}\nno JSON\n{\"slide_id\": \"a-calm\", \"error\": \"outdated\"}\n",
    )
    .unwrap();
    let cohort = Cohort::read(dir.path()).unwrap();
    let failed: Vec<_> = cohort.failures.iter().map(|f| f.slide.as_str()).collect();
    assert_eq!(failed, ["d-broken", "e-gone"]);
    let options = ReportOptions::default();
    let written = pantrk_report::write_cohort_report(&cohort, dir.path(), &options).unwrap();
    let page = std::fs::read_to_string(&written.html).unwrap();
    let (urgent, calm) = (page.find(">b-urgent<"), page.find(">a-calm<"));
    assert!(urgent.unwrap() < calm.unwrap());
    assert!(page.contains("the file is not there") && !page.contains("unfinished"));
    let empty = tempfile::tempdir().unwrap();
    assert!(Cohort::read(empty.path()).is_err());
}

#[cfg(feature = "pdf")]
mod pdf {
    use pantrk_report::{Paper, render_pdf};

    use super::*;

    #[expect(clippy::unwrap_used, reason = "a helper of tests")]
    fn set(result: &SlideResult, options: &ReportOptions) -> Vec<u8> {
        render_pdf(result, &case(), &Pictures::default(), options).unwrap()
    }

    #[test]
    fn the_same_result_gives_the_same_bytes_of_pdf_a() {
        let result = common::sample();
        let one = set(&result, &truth());
        assert_eq!(one, set(&result, &truth()));
        assert!(one.starts_with(b"%PDF-1."));
        let text = String::from_utf8_lossy(&one);
        assert!(text.contains("<pdfaid:part>2</pdfaid:part>"));
        // The run's time, not the clock's.
        assert!(text.contains("2026-03-02T09:14:05"));
    }

    #[test]
    fn names_in_other_scripts_and_letter_paper_are_set() {
        let mut result = common::sample();
        result.slide.id = "検体_7_#let_x=1_*bold*_$y$".to_owned();
        let options = ReportOptions {
            paper: Paper::Letter,
            ..ReportOptions::default()
        };
        let pdf = set(&result, &options);
        assert!(String::from_utf8_lossy(&pdf).contains("[0 0 612 792]"));
        set(&common::not_evaluable(), &ReportOptions::default());
    }
}
