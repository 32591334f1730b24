//! The statistics against other implementations' numbers; `fixtures/make_statistics.py` made them.
#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "helpers of tests; a seeded draw must repeat itself to the bit"
)]

use pantrk_eval::output::Estimate;
use pantrk_eval::statistics::agreement::{Square, Weights, fleiss_kappa};
use pantrk_eval::statistics::bland_altman::limits_of_agreement;
use pantrk_eval::statistics::bootstrap;
use pantrk_eval::statistics::calibration::brier;
use pantrk_eval::statistics::correlation::{lin_concordance, pearson, spearman};
use pantrk_eval::statistics::counts::Counts;
use pantrk_eval::statistics::distributions::{
    beta_quantile, f_quantile, normal_p, t_p, t_quantile,
};
use pantrk_eval::statistics::icc::{icc_2_1, icc_3_1};
use pantrk_eval::statistics::paired::{holm, mcnemar_exact};
use pantrk_eval::statistics::pooling::dersimonian_laird;
use pantrk_eval::statistics::proportion::{clopper_pearson, jeffreys, wilson};
use pantrk_eval::statistics::roc::{
    Labelled, Roc, auc, auc_delong, auc_difference, auc_newcombe, average_precision,
    precision_recall,
};
use pantrk_eval::statistics::verification::{Verified, begg_greenes};
use serde_json::Value;

fn fixtures() -> Value {
    serde_json::from_str(include_str!("fixtures/statistics.json")).unwrap()
}

fn rows(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    rows(value).iter().map(number).collect()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn labels(value: &Value) -> Vec<bool> {
    rows(value).iter().map(|v| v.as_bool().unwrap()).collect()
}

#[track_caller]
fn close(found: f64, wanted: f64) {
    let error = (found - wanted).abs();
    assert!(
        error <= 1e-9 || error <= 1e-9 * wanted.abs(),
        "{found} for {wanted}"
    );
}

#[track_caller]
fn all_close(found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (f, w) in found.iter().zip(wanted) {
        close(*f, *w);
    }
}

/// Value, low and high.
#[track_caller]
fn same(estimate: &Estimate, wanted: &Value) {
    let [low, high] = estimate.interval95.unwrap();
    all_close(&[estimate.value, low, high], &numbers(wanted));
}

#[test]
fn quantiles_and_tails_are_those_of_scipy() {
    let quantiles = &fixtures()["quantiles"];
    for row in rows(&quantiles["beta"]) {
        let [p, a, b, x] = numbers(row).try_into().unwrap();
        close(beta_quantile(p, a, b), x);
    }
    for row in rows(&quantiles["t"]) {
        let [p, df, x] = numbers(row).try_into().unwrap();
        close(t_quantile(p, df), x);
    }
    for row in rows(&quantiles["f"]) {
        let [p, a, b, x] = numbers(row).try_into().unwrap();
        close(f_quantile(p, a, b), x);
    }
    for row in rows(&quantiles["normal_p"]) {
        let [z, p] = numbers(row).try_into().unwrap();
        close(normal_p(z), p);
    }
    for row in rows(&quantiles["t_p"]) {
        let [t, df, p] = numbers(row).try_into().unwrap();
        close(t_p(t, df), p);
    }
}

#[test]
fn intervals_of_proportions_are_those_of_statsmodels() {
    for row in rows(&fixtures()["proportions"]) {
        let (k, n) = (count(&row["k"]), count(&row["n"]));
        all_close(&wilson(k, n), &numbers(&row["wilson"]));
        all_close(&clopper_pearson(k, n), &numbers(&row["clopper_pearson"]));
        let (found, wanted) = (jeffreys(k, n), numbers(&row["jeffreys"]));
        // Where nothing or everything was counted the interval is closed at that end; statsmodels leaves a sliver.
        close(found[0], if k == 0 { 0.0 } else { wanted[0] });
        close(found[1], if k == n { 1.0 } else { wanted[1] });
    }
}

#[test]
fn ratios_of_a_two_by_two_table_are_those_of_statsmodels() {
    for row in rows(&fixtures()["two_by_two"]) {
        let [tp, fp, fn_, tn] = rows(&row["counts"])
            .iter()
            .map(count)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let counts = Counts { tp, fp, fn_, tn };
        same(&counts.lr_positive().unwrap(), &row["lr_positive"]);
        same(&counts.lr_negative().unwrap(), &row["lr_negative"]);
        same(&counts.odds_ratio().unwrap(), &row["odds_ratio"]);
        same(&counts.youden().unwrap(), &row["youden"]);
    }
}

#[test]
fn curves_and_areas_are_those_of_scikit_learn_and_of_pair_counting() {
    for row in rows(&fixtures()["roc"]) {
        let (first, second) = (numbers(&row["first"]), numbers(&row["second"]));
        let labels = labels(&row["labels"]);
        let data: Vec<Labelled> = first.iter().copied().zip(labels.iter().copied()).collect();
        let roc = Roc::new(&data).unwrap();
        let (fpr, tpr): (Vec<f64>, Vec<f64>) = roc.curve().into_iter().unzip();
        all_close(&fpr, &numbers(&row["fpr"]));
        all_close(&tpr, &numbers(&row["tpr"]));
        let thresholds: Vec<f64> = roc.points.iter().map(|p| p.threshold).collect();
        all_close(&thresholds, &numbers(&row["thresholds"]));
        // scikit-learn's curve ends where all positives are found.
        let (recall, precision) = (numbers(&row["recall"]), numbers(&row["precision"]));
        let found: (Vec<f64>, Vec<f64>) = precision_recall(&roc).into_iter().unzip();
        all_close(&found.0[..recall.len()], &recall);
        all_close(&found.1[..precision.len()], &precision);
        close(average_precision(&roc), number(&row["average_precision"]));
        let (area, se) = auc_delong(&data).unwrap();
        close(area, number(&row["auc"]));
        close(se, number(&row["se"]));
        let (m, n) = (roc.positives, roc.negatives);
        all_close(&auc_newcombe(area, m, n), &numbers(&row["newcombe"]));
        let [low, high] = auc(&data).unwrap().interval95.unwrap();
        assert!(0.0 <= low && low <= area && area <= high && high <= 1.0 && low < high);
        let paired: Vec<(f64, f64, bool)> = first
            .iter()
            .zip(&second)
            .zip(&labels)
            .map(|((&a, &b), &l)| (a, b, l))
            .collect();
        if let Some(p) = row["p"].as_f64() {
            let difference = auc_difference(&paired).unwrap();
            close(difference.second, number(&row["auc_second"]));
            close(difference.p, p);
        }
    }
}

#[test]
fn kappas_are_those_of_statsmodels() {
    let kappa = &fixtures()["kappa"];
    for row in rows(&kappa["cohen"]) {
        let table: Vec<Vec<u64>> = rows(&row["table"])
            .iter()
            .map(|r| rows(r).iter().map(count).collect())
            .collect();
        let size = table.len();
        let pairs = (0..size).flat_map(|i| {
            let row = &table[i];
            (0..size).flat_map(move |j| (0..row[j]).map(move |_| (i, j)))
        });
        let square = Square::of(pairs, size);
        for (name, weights) in [
            ("none", Weights::None),
            ("linear", Weights::Linear),
            ("quadratic", Weights::Quadratic),
        ] {
            let found = square.kappa(weights).unwrap();
            let [value, se] = numbers(&row[name]).try_into().unwrap();
            close(found.value, value);
            let z = 1.959_963_984_540_054;
            let wanted = [(value - z * se).max(-1.0), (value + z * se).min(1.0)];
            let interval = found.interval95.unwrap();
            if se == 0.0 {
                // All agree: the textbook's interval has no width, ours has.
                assert!(interval[0] < 1.0 && interval[1] == 1.0, "{interval:?}");
                continue;
            }
            // A root of a difference of nearly equal sums.
            assert!(
                interval
                    .iter()
                    .zip(wanted)
                    .all(|(f, w)| (f - w).abs() < 1e-7)
            );
            if se > 1e-6 {
                all_close(&interval, &wanted);
            }
        }
    }
    let items: Vec<Vec<u64>> = rows(&kappa["fleiss"]["items"])
        .iter()
        .map(|r| rows(r).iter().map(count).collect())
        .collect();
    close(
        fleiss_kappa(&items).unwrap(),
        number(&kappa["fleiss"]["kappa"]),
    );
}

#[test]
fn intraclass_correlations_are_those_of_pingouin() {
    for row in rows(&fixtures()["icc"]) {
        let table: Vec<Vec<f64>> = rows(&row["table"]).iter().map(numbers).collect();
        for (name, found) in [("icc2", icc_2_1(&table)), ("icc3", icc_3_1(&table))] {
            let found = found.unwrap();
            close(found.value, number(&row[name]));
            let interval = found.interval95.unwrap();
            all_close(&interval, &numbers(&row[format!("{name}_interval")]));
            // The package's own intervals have two decimals.
            for (f, w) in interval
                .iter()
                .zip(numbers(&row[format!("{name}_rounded")]))
            {
                assert!((f - w).abs() <= 0.005_001, "{name}: {f} for {w}");
            }
        }
    }
}

#[test]
fn correlations_and_limits_of_agreement_are_those_of_scipy() {
    for row in rows(&fixtures()["pairs"]) {
        let pairs: Vec<(f64, f64)> = numbers(&row["a"])
            .into_iter()
            .zip(numbers(&row["b"]))
            .collect();
        same(&pearson(&pairs).unwrap(), &row["pearson"]);
        same(&spearman(&pairs).unwrap(), &row["spearman"]);
        same(&lin_concordance(&pairs).unwrap(), &row["lin"]);
        let limits = limits_of_agreement(&pairs).unwrap();
        same(&limits.bias, &row["bias"]);
        close(limits.sd, number(&row["sd"]));
        same(&limits.lower, &row["lower"]);
        same(&limits.upper, &row["upper"]);
    }
}

#[test]
fn paired_tests_are_those_of_statsmodels() {
    let paired = &fixtures()["paired"];
    for row in rows(&paired["mcnemar"]) {
        close(
            mcnemar_exact(count(&row[0]), count(&row[1])),
            number(&row[2]),
        );
    }
    for row in rows(&paired["holm"]) {
        all_close(&holm(&numbers(&row[0])), &numbers(&row[1]));
    }
}

#[test]
fn the_correction_for_verification_agrees_with_numerical_derivatives() {
    for row in rows(&fixtures()["begg_greenes"]) {
        let [s, r, u, v, n1, n0] = rows(&row["cells"])
            .iter()
            .map(count)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let positive = Verified {
            all: n1,
            with: s,
            without: r,
        };
        let negative = Verified {
            all: n0,
            with: u,
            without: v,
        };
        let found = begg_greenes(positive, negative).unwrap();
        for (estimate, name) in found.iter().zip(["sensitivity", "specificity"]) {
            let wanted = numbers(&row[name]);
            close(estimate.value, wanted[0]);
            // Derivatives by differences are good to some eight digits.
            let interval = estimate.interval95.unwrap();
            assert!(
                interval
                    .iter()
                    .zip(&wanted[1..])
                    .all(|(f, w)| (f - w).abs() < 1e-7)
            );
        }
    }
}

#[test]
fn the_correction_for_verification_has_an_interval_where_nothing_was_missed() {
    let positive = Verified {
        all: 30,
        with: 12,
        without: 8,
    };
    let negative = Verified {
        all: 300,
        with: 0,
        without: 40,
    };
    let [sensitivity, specificity] = begg_greenes(positive, negative).unwrap();
    let [low, high] = sensitivity.interval95.unwrap();
    // None of 40 leaves room for some 7 % of 300, as many as were found.
    assert!(sensitivity.value == 1.0 && high == 1.0);
    assert!((0.3..0.8).contains(&low), "{low}");
    let [low, high] = specificity.interval95.unwrap();
    assert!(low < specificity.value && specificity.value < high);
}

#[test]
fn pooling_and_the_brier_score_are_those_of_statsmodels_and_scikit_learn() {
    for row in rows(&fixtures()["pooling"]) {
        let studies: Vec<(u64, u64)> = rows(&row["studies"])
            .iter()
            .map(|s| (count(&s[0]), count(&s[1])))
            .collect();
        let pooled = dersimonian_laird(&studies).unwrap();
        same(&pooled.estimate, &row["pooled"]);
        close(pooled.tau2, number(&row["tau2"]));
        close(pooled.q, number(&row["q"]));
        close(pooled.i2, number(&row["i2"]));
    }
    let row = &fixtures()["brier"];
    let data: Vec<Labelled> = numbers(&row["p"])
        .into_iter()
        .zip(labels(&row["labels"]))
        .collect();
    close(brier(&data).unwrap(), number(&row["brier"]));
}

#[test]
fn the_bootstrap_agrees_with_scipy_within_monte_carlo_error_and_repeats_itself() {
    let row = &fixtures()["bootstrap"];
    let x = numbers(&row["x"]);
    let mean =
        |indices: &[usize]| Some(indices.iter().map(|&i| x[i]).sum::<f64>() / indices.len() as f64);
    let found = bootstrap::interval(x.len(), 7, mean).unwrap();
    let se = number(&row["standard_error"]);
    for (f, w) in found.iter().zip(numbers(&row["mean_interval"])) {
        // The standard error of a 2.5 % quantile of 2000 draws is about 0.06 of theirs.
        assert!((f - w).abs() < 0.25 * se, "{f} for {w}");
    }
    let one_thread = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap()
        .install(|| bootstrap::interval(x.len(), 7, mean).unwrap());
    assert_eq!(found, one_thread);
    assert_ne!(found, bootstrap::interval(x.len(), 8, mean).unwrap());
}

#[test]
fn what_is_not_defined_says_so_in_words() {
    let words = [
        Roc::new(&[(0.1, true), (0.2, true)]).unwrap_err(),
        auc(&[]).unwrap_err(),
        Counts {
            tp: 0,
            fp: 0,
            fn_: 0,
            tn: 3,
        }
        .sensitivity()
        .unwrap_err(),
        Counts {
            tp: 3,
            fp: 0,
            fn_: 1,
            tn: 3,
        }
        .lr_positive()
        .unwrap_err(),
        Square::of([(0, 0), (0, 0)], 2)
            .kappa(Weights::None)
            .unwrap_err(),
        Square::of([], 2).kappa(Weights::Linear).unwrap_err(),
        fleiss_kappa(&[[1_u64, 0], [0, 0]]).unwrap_err(),
        spearman(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0), (1.0, 4.0)]).unwrap_err(),
        lin_concordance(&[(1.0, 1.0)]).unwrap_err(),
        icc_2_1(&[vec![1.0, 1.0], vec![1.0, 1.0], vec![1.0, 1.0]]).unwrap_err(),
        limits_of_agreement(&[]).unwrap_err(),
        dersimonian_laird(&[(1, 2)]).unwrap_err(),
        begg_greenes(
            Verified {
                all: 3,
                with: 2,
                without: 1,
            },
            Verified {
                all: 9,
                ..Verified::default()
            },
        )
        .unwrap_err(),
        brier(&[]).unwrap_err(),
    ];
    for text in words {
        assert!(text.len() > 5 && !text.contains("NaN"), "{text}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn labelled() -> impl Strategy<Value = Vec<(i32, bool)>> {
        prop::collection::vec((-20..20_i32, any::<bool>()), 2..60)
    }

    fn as_data(data: &[(i32, bool)]) -> Vec<Labelled> {
        data.iter().map(|&(x, l)| (f64::from(x), l)).collect()
    }

    proptest! {
        #[test]
        fn an_area_is_bounded_turns_with_the_labels_and_ignores_order(data in labelled()) {
            let straight = as_data(&data);
            let turned: Vec<Labelled> = straight.iter().map(|&(x, l)| (x, !l)).collect();
            let backwards: Vec<Labelled> = straight.iter().rev().copied().collect();
            let scaled: Vec<Labelled> = straight.iter().map(|&(x, l)| (x.exp(), l)).collect();
            if let Ok((area, se)) = auc_delong(&straight) {
                prop_assert!((0.0..=1.0).contains(&area) && se >= 0.0);
                prop_assert!((auc_delong(&turned).unwrap().0 + area - 1.0).abs() < 1e-12);
                prop_assert!((auc_delong(&backwards).unwrap().0 - area).abs() < 1e-12);
                prop_assert!((auc_delong(&scaled).unwrap().0 - area).abs() < 1e-12);
                let ap = average_precision(&Roc::new(&straight).unwrap());
                prop_assert!(ap > 0.0 && ap <= 1.0 + 1e-12);
                let [low, high] = auc(&straight).unwrap().interval95.unwrap();
                prop_assert!(0.0 <= low && low <= area + 1e-12 && area <= high + 1e-12 && high <= 1.0);
            }
        }

        #[test]
        fn agreement_is_symmetric_bounded_and_whole_with_oneself(
            pairs in prop::collection::vec((0..4_usize, 0..4_usize), 1..50),
        ) {
            let turned = pairs.iter().map(|&(a, b)| (b, a));
            let same = pairs.iter().map(|&(a, _)| (a, a));
            for weights in [Weights::None, Weights::Linear, Weights::Quadratic] {
                let of = Square::of(pairs.iter().copied(), 4).kappa(weights);
                match (of, Square::of(turned.clone(), 4).kappa(weights)) {
                    (Ok(a), Ok(b)) => {
                        prop_assert!((a.value - b.value).abs() < 1e-12);
                        prop_assert!(a.value <= 1.0 + 1e-12 && a.value >= -1.0 - 1e-12);
                    }
                    (a, b) => prop_assert_eq!(a.is_err(), b.is_err()),
                }
                if let Ok(whole) = Square::of(same.clone(), 4).kappa(weights) {
                    prop_assert!((whole.value - 1.0).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn correlations_are_symmetric_and_concordance_never_exceeds_them(
            pairs in prop::collection::vec((0..100_i32, 0..100_i32), 4..40),
        ) {
            let pairs: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).collect();
            let turned: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| (b, a)).collect();
            for measure in [pearson, spearman, lin_concordance] {
                match (measure(&pairs), measure(&turned)) {
                    (Ok(a), Ok(b)) => prop_assert!((a.value - b.value).abs() < 1e-9),
                    (a, b) => prop_assert_eq!(a.is_err(), b.is_err()),
                }
            }
            if let (Ok(r), Ok(ccc)) = (pearson(&pairs), lin_concordance(&pairs)) {
                prop_assert!(ccc.value.abs() <= r.value.abs() + 1e-12);
            }
        }

        #[test]
        fn intervals_hold_their_proportion_and_stay_within_bounds(n in 1..5000_u64, share in 0.0..=1.0_f64) {
            let k = ((n as f64) * share).round() as u64;
            let p = k as f64 / n as f64;
            for [low, high] in [wilson(k, n), jeffreys(k, n), clopper_pearson(k, n)] {
                prop_assert!(0.0 <= low && low <= p && p <= high && high <= 1.0 && low < high);
            }
        }
    }
}
