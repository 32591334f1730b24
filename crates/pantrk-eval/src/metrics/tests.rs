use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SIDE: usize = 6;

fn metric(name: &str, predicted: &[u32], truth: &[u32]) -> Option<f64> {
    let columns = SIDE.min(predicted.len());
    let rows = predicted.len() / columns;
    let predicted = Labels::new(columns, rows, predicted).unwrap();
    let truth = Labels::new(columns, rows, truth).unwrap();
    let overlap = Overlap::new(predicted, truth).unwrap();
    let metric = METRICS.iter().find(|m| m.name == name).unwrap();
    metric.compute(&overlap)
}

/// Pixels of one instance.
fn pixels(labels: &[u32], label: u32) -> BTreeSet<usize> {
    (0..labels.len()).filter(|&i| labels[i] == label).collect()
}

fn instances(labels: &[u32]) -> Vec<BTreeSet<usize>> {
    let all: BTreeSet<u32> = labels.iter().copied().filter(|&l| l > 0).collect();
    all.into_iter().map(|label| pixels(labels, label)).collect()
}

fn iou(a: &BTreeSet<usize>, b: &BTreeSet<usize>) -> f64 {
    a.intersection(b).count() as f64 / a.union(b).count() as f64
}

/// The most pairs that any one-to-one assignment reaches, by trying all of them.
fn best_matching(predicted: &[BTreeSet<usize>], truth: &[BTreeSet<usize>], at: f64) -> usize {
    let Some((first, rest)) = truth.split_first() else {
        return 0;
    };
    let mut best = best_matching(predicted, rest, at);
    for i in 0..predicted.len() {
        if iou(&predicted[i], first) >= at {
            let mut left = predicted.to_vec();
            left.remove(i);
            best = best.max(1 + best_matching(&left, rest, at));
        }
    }
    best
}

/// Two small images that overlap a good deal: the prediction is the truth with changed pixels.
fn images() -> impl Strategy<Value = (Vec<u32>, Vec<u32>)> {
    let truth = prop::collection::vec(0_u32..5, SIDE * SIDE);
    let changes = prop::collection::vec(prop::option::weighted(0.25, 0_u32..6), SIDE * SIDE);
    (truth, changes).prop_map(|(truth, changes)| {
        let predicted = truth
            .iter()
            .zip(changes)
            .map(|(&t, change)| change.unwrap_or(t))
            .collect();
        (predicted, truth)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn matching_agrees_with_trying_every_assignment((predicted, truth) in images()) {
        let (p, t) = (instances(&predicted), instances(&truth));
        for (name, at) in [("f1_iou50", 0.5), ("f1_iou70", 0.7)] {
            let wanted = (p.len() + t.len() > 0)
                .then(|| 2.0 * best_matching(&p, &t, at) as f64 / (p.len() + t.len()) as f64);
            prop_assert_eq!(metric(name, &predicted, &truth), wanted);
        }
    }

    #[test]
    fn the_others_agree_with_their_definitions((predicted, truth) in images()) {
        let (p, t) = (instances(&predicted), instances(&truth));
        prop_assume!(!p.is_empty() && !t.is_empty());
        let close = |name: &str, wanted: f64| {
            let found = metric(name, &predicted, &truth).unwrap();
            prop_assert!((found - wanted).abs() < 1e-12, "{}: {} {}", name, found, wanted);
            Ok(())
        };
        let pairs: Vec<f64> = p.iter().flat_map(|a| t.iter().map(move |b| iou(a, b)))
            .filter(|&v| v > 0.5).collect();
        let sum: f64 = pairs.iter().sum();
        let misses = (p.len() - pairs.len() + t.len() - pairs.len()) as f64;
        close("pq", sum / (pairs.len() as f64 + misses / 2.0))?;
        close("count_ratio", p.len() as f64 / t.len() as f64)?;
        let on = |labels: &[u32]| -> BTreeSet<usize> {
            (0..labels.len()).filter(|&i| labels[i] > 0).collect()
        };
        let (a, b) = (on(&predicted), on(&truth));
        close("dice", 2.0 * a.intersection(&b).count() as f64 / (a.len() + b.len()) as f64)?;
    }

    #[test]
    fn the_aggregated_index_agrees_with_its_definition((predicted, truth) in images()) {
        let (p, t) = (instances(&predicted), instances(&truth));
        let mut used = BTreeSet::new();
        let (mut shared, mut union) = (0, 0);
        for truth in &t {
            let mut best: Option<usize> = None;
            for (i, candidate) in p.iter().enumerate() {
                let value = iou(candidate, truth);
                if value > best.map_or(0.0, |b| iou(&p[b], truth)) {
                    best = Some(i);
                }
            }
            if let Some(i) = best {
                used.insert(i);
                shared += p[i].intersection(truth).count();
                union += p[i].union(truth).count();
            } else {
                union += truth.len();
            }
        }
        union += p.iter().enumerate().filter(|(i, _)| !used.contains(i)).map(|(_, a)| a.len()).sum::<usize>();
        let wanted = (union > 0).then(|| shared as f64 / union as f64);
        prop_assert_eq!(metric("aji", &predicted, &truth), wanted);
    }
}

/// The most pairs of points within the distance, by trying every assignment.
fn best_pairs(predicted: &[[f64; 2]], truth: &[[f64; 2]], within: f64) -> usize {
    let Some((first, rest)) = truth.split_first() else {
        return 0;
    };
    let mut best = best_pairs(predicted, rest, within);
    for i in 0..predicted.len() {
        if (predicted[i][0] - first[0]).hypot(predicted[i][1] - first[1]) <= within {
            let mut left = predicted.to_vec();
            left.remove(i);
            best = best.max(1 + best_pairs(&left, rest, within));
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn points_are_matched_as_well_as_any_assignment_would(
        predicted in prop::collection::vec(prop::array::uniform2(-4_i32..8), 0..7),
        truth in prop::collection::vec(prop::array::uniform2(-4_i32..8), 0..7),
    ) {
        // Whole numbers, so that some pairs are exactly as far apart as is allowed.
        let um = |points: &[[i32; 2]]| points.iter().map(|p| p.map(f64::from)).collect::<Vec<_>>();
        let (p, t) = (um(&predicted), um(&truth));
        let found = matched_points(
            &Points::from_microns(p.clone()),
            &Points::from_microns(t.clone()),
            pantrk_space::Microns::new(3.0),
        );
        prop_assert_eq!(found.len(), best_pairs(&p, &t, 3.0));
        let mut once = (BTreeSet::new(), BTreeSet::new());
        for [i, j] in found {
            prop_assert!((p[i][0] - t[j][0]).hypot(p[i][1] - t[j][1]) <= 3.0);
            prop_assert!(once.0.insert(i) && once.1.insert(j));
        }
    }
}

#[test]
fn a_worked_example() {
    // Two true nuclei of 4 pixels; one is found whole, one is cut in two, one is made up.
    let truth = [1, 1, 1, 1, 0, 0, 2, 2, 2, 2, 0, 0];
    let found = [7, 7, 7, 7, 0, 9, 3, 3, 4, 4, 0, 9];
    let value = |name| metric(name, &found, &truth).unwrap();
    // Nucleus 7 matches 1 at IoU 1; nuclei 3 and 4 each match 2 at exactly 0.5, but only one may.
    assert!((value("f1_iou50") - 2.0 * 2.0 / 6.0).abs() < 1e-12);
    assert!((value("f1_iou70") - 2.0 / 6.0).abs() < 1e-12);
    assert!((value("pq") - 2.0 * 1.0 / 6.0).abs() < 1e-12);
    assert!((value("aji") - 6.0 / (8.0 + 2.0 + 2.0)).abs() < 1e-12);
    assert!((value("count_ratio") - 2.0).abs() < 1e-12);
    assert!((value("dice") - 16.0 / 18.0).abs() < 1e-12);
    assert!((value("precision_iou50") - 0.5).abs() < 1e-12);
    assert!((value("recall_iou50") - 1.0).abs() < 1e-12);
}

#[test]
fn perfect_and_empty_images() {
    let labels = [0, 1, 1, 2, 2, 0];
    for m in METRICS {
        let value = metric(m.name, &labels, &labels).unwrap();
        assert!((value - 1.0).abs() < 1e-12, "{}: {value}", m.name);
        assert_eq!(metric(m.name, &[0; 6], &[0; 6]), None, "{}", m.name);
    }
    assert_eq!(metric("dice", &[0; 6], &labels), Some(0.0));
    assert!(Labels::new(2, 2, &labels).is_err());
    let small = Labels::new(2, 3, &labels).unwrap();
    let wide = Labels::new(3, 2, &labels).unwrap();
    assert!(Overlap::new(small, wide).is_err());
}
