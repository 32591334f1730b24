//! The worked table of the evidence (section 4c): prior, P(fusion | positive), one in how many after a negative.
//!
//! The printed figures were computed with sensitivities and specificities rounded to two or three digits, so 5 % is their rounding; a percentage is met when it rounds to the printed one.

use pantrk_core::score::IhcResult;

use super::*;
use crate::finding::IhcFinding;
use crate::{Braf, Case, Mlh1, Mmr, decide};

fn case(tumour: &str) -> Case {
    Case {
        tumour_type: Some(tumour.to_owned()),
        antibody_clone: Some("EPR17341".to_owned()),
        ..Case::default()
    }
}

fn aged(tumour: &str, age: f64) -> Case {
    Case {
        age_years: Some(age),
        ..case(tumour)
    }
}

#[track_caller]
fn near(found: f64, printed: f64, half_digit: f64) {
    let tolerance = (0.05 * printed).max(half_digit);
    assert!(
        (found - printed).abs() <= tolerance,
        "{found} for {printed} +- {tolerance}"
    );
}

/// Percent after a positive, one in how many after a negative (0: not estimable).
#[track_caller]
fn check(case: &Case, positive: f64, half_digit: f64, one_in: f64) {
    let triage = decide(case, &IhcFinding::new(IhcResult::Positive)).unwrap();
    let post = triage.post_test.unwrap();
    near(post.p * 100.0, positive, half_digit);
    let [low, high] = post.interval95;
    assert!(low <= post.p && post.p <= high && high <= 1.0);
    match post.if_negative {
        Some(negative) => {
            near(
                1.0 / negative.p,
                one_in,
                if one_in < 10.0 { 0.5 } else { 0.0 },
            );
            let after = decide(case, &IhcFinding::new(IhcResult::Negative)).unwrap();
            assert_eq!(after.post_test.unwrap().p.to_bits(), negative.p.to_bits());
        }
        None => assert!(one_in < 0.5),
    }
}

#[test]
fn the_worked_table_is_met() {
    check(&case("lung-non-small-cell-carcinoma"), 4.4, 0.05, 3300.0);
    check(&case("colorectal-carcinoma"), 10.0, 0.5, 2200.0);
    check(&case("breast-carcinoma"), 2.3, 0.05, 540.0);
    check(&case("thyroid-carcinoma"), 52.0, 0.5, 200.0);
    check(&case("melanoma"), 9.0, 0.5, 2500.0);
    check(&case("atypical-spitz-tumour"), 60.0, 0.5, 0.0);
    check(&case("salivary-carcinoma"), 9.0, 0.5, 63.0);
    check(&case("salivary-secretory-carcinoma"), 99.9, 0.2, 4.0);
    check(&case("soft-tissue-sarcoma"), 6.5, 0.05, 137.0);
    check(&case("infantile-fibrosarcoma"), 99.7, 0.05, 1.0 / 0.45);
    check(&case("glioma"), 1.2, 0.05, 300.0);
    check(&aged("glioma", 8.0), 5.9, 0.05, 129.0);
}

#[test]
fn colorectal_contexts_are_met() {
    let mlh1_lost = Case {
        mmr: Some(Mmr::Deficient),
        mlh1: Some(Mlh1::Lost),
        braf: Some(Braf::WildType),
        ..case("crc")
    };
    // The printed 71 % goes with the specificity of Solomon, the 93 % with that of Chou.
    check(&mlh1_lost, 71.0, 0.5, 105.0);
    let triage = decide(&mlh1_lost, &IhcFinding::new(IhcResult::Positive)).unwrap();
    assert!(
        triage
            .reasons
            .iter()
            .any(|r| r.contains("71 %") && r.contains("93 %")),
        "{:?}",
        triage.reasons
    );
    let rest = Case {
        mlh1: Some(Mlh1::Retained),
        ..case("crc")
    };
    check(&rest, 62.0, 0.5, 26_000.0);
}

#[test]
fn the_unselected_colorectal_figure_shows_both_specificities() {
    let triage = decide(&case("crc"), &IhcFinding::new(IhcResult::Positive)).unwrap();
    let said = triage
        .reasons
        .iter()
        .find(|r| r.contains("whose specificity"))
        .unwrap();
    assert!(said.contains("10 %") && said.contains("95 %"), "{said}");
    let [low, high] = triage.post_test.unwrap().interval95;
    assert!(low < 0.06 && high > 0.95, "{low} {high}");
}

/// Rows whose prior or specificity is one end of a range, by the table's own estimates.
#[test]
fn ends_of_ranges_are_met() {
    let evidence = Evidence::embedded().unwrap();
    let point = |id: &str| {
        evidence
            .accuracy_estimate(id)
            .unwrap()
            .accuracy()
            .unwrap()
            .point()
    };
    let (sens, spec) = (point("thyroid-sens-solomon"), point("thyroid-spec-solomon"));
    for (prior, positive, one_in) in [(0.05, 70.0, 90.0), (0.26, 94.0, 14.0)] {
        let [plus, minus] = bayes(prior, sens, spec);
        near(plus * 100.0, positive, 0.5);
        near(1.0 / minus, one_in, 0.5);
    }
    let [plus, minus] = bayes(
        0.0026,
        point("colon-sens-solomon"),
        point("colon-spec-chou"),
    );
    near(plus * 100.0, 95.0, 0.5);
    near(1.0 / minus, 2250.0, 0.0);
    let [plus, minus] = bayes(0.003, point("routine-sens"), point("routine-spec"));
    near(plus * 100.0, 1.4, 0.05);
    near(1.0 / minus, 1200.0, 0.0);
}

#[test]
fn the_young_thyroid_prior_is_a_range() {
    let triage = decide(
        &aged("thyroid-carcinoma", 15.0),
        &IhcFinding::new(IhcResult::Negative),
    )
    .unwrap();
    let [low, high] = triage.pre_test.unwrap().interval95;
    assert!(
        low > 0.049 && low < 0.06 && high > 0.23 && high < 0.26,
        "{low} {high}"
    );
    // The series in which IHC found none of four must reach into the interval.
    let post = triage.post_test.unwrap();
    assert!(post.interval95[1] > 0.15);
    // But a stain must not speak against a fusion because of it.
    assert!(post.if_positive.interval95[0] > low);
}

#[test]
fn an_unknown_clone_warns_and_widens() {
    let known = decide(&case("lung"), &IhcFinding::new(IhcResult::Positive)).unwrap();
    for clone in [None, Some("EPR99999".to_owned())] {
        let unknown = Case {
            antibody_clone: clone,
            ..case("lung")
        };
        let unknown = decide(&unknown, &IhcFinding::new(IhcResult::Positive)).unwrap();
        assert!(unknown.warnings.iter().any(|w| w.contains("clone")));
        let (a, b) = (
            known.post_test.as_ref().unwrap(),
            unknown.post_test.unwrap(),
        );
        assert_eq!(a.p.to_bits(), b.p.to_bits());
        assert!(b.interval95[0] < a.interval95[0]);
    }
    assert!(!known.warnings.iter().any(|w| w.contains("clone")));
}

#[test]
fn other_clones_never_use_the_figures_of_epr17341() {
    let with = |tumour: &str, clone: &str| {
        let case = Case {
            antibody_clone: Some(clone.to_owned()),
            ..case(tumour)
        };
        decide(&case, &IhcFinding::new(IhcResult::Positive)).unwrap()
    };
    let outside = with("lung", "EP1058Y");
    assert!(outside.post_test.is_none() && outside.pre_test.is_some());
    assert!(outside.warnings.iter().any(|w| w.contains("not measured")));
    assert!(
        with("infantile-fibrosarcoma", "EP1058Y")
            .post_test
            .is_some()
    );
    assert!(with("glioma", "A7H6R").post_test.is_none());
    let own = with("lung", "A7H6R").post_test.unwrap();
    assert!(own.source.contains("A7H6R") && !own.source.contains("Solomon"));
    assert!(own.assumption);
}

#[test]
fn an_indeterminate_stain_gives_both_ends() {
    let triage = decide(&case("breast"), &IhcFinding::new(IhcResult::Indeterminate)).unwrap();
    let post = triage.post_test.unwrap();
    let negative = post.if_negative.unwrap();
    assert_eq!(post.p.to_bits(), triage.pre_test.unwrap().p.to_bits());
    assert_eq!(
        post.interval95[0].to_bits(),
        negative.interval95[0].to_bits()
    );
    assert_eq!(
        post.interval95[1].to_bits(),
        post.if_positive.interval95[1].to_bits()
    );
}

#[test]
fn no_prevalence_gives_no_probability() {
    let triage = decide(
        &case("uterine-fibrosarcoma-like-sarcoma"),
        &IhcFinding::new(IhcResult::Positive),
    )
    .unwrap();
    assert!(triage.pre_test.is_none() && triage.post_test.is_none());
}

#[test]
fn routine_care_widens() {
    let expert = decide(&case("lung"), &IhcFinding::new(IhcResult::Positive)).unwrap();
    let routine = Case {
        setting: Some(Setting::RoutineLaboratory),
        ..case("lung")
    };
    let routine = decide(&routine, &IhcFinding::new(IhcResult::Positive)).unwrap();
    assert!(routine.post_test.unwrap().interval95[0] < expert.post_test.unwrap().interval95[0]);
}
