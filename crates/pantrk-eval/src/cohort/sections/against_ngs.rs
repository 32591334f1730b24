//! Calls and scores against sequencing.

use pantrk_triage::Evidence;

use super::{Made, Part, scores};
use crate::cohort::{Cohort, Indeterminate, Joined};
use crate::output::{Block, Cell, Column, Estimate, Figure, Section, Table};
use crate::plot::{Axis, Colour, Plot, Side};
use crate::statistics::counts::Counts;
use crate::statistics::roc::{Labelled, Roc, auc, average_precision, precision_recall};
use crate::statistics::{NO_RESAMPLES, Undefined, bootstrap};

pub(super) const PART: Part = Part {
    title: "Against sequencing",
    make: |cohort, evidence| Ok(make(cohort, evidence)),
};

/// What is scored, by name.
type Score = (&'static str, &'static str, fn(&Joined) -> Option<f64>);

const SCORES: [Score; 3] = [
    ("percent", "positive percent", |s| s.result.percent),
    ("h_score", "H-score", |s| s.result.h_score),
    ("post_test", "probability after the stain", Joined::stated),
];

fn make(cohort: &Cohort, _evidence: &Evidence) -> Made {
    if cohort.sequenced().next().is_none() {
        return Made::Nothing("no slide of the truth has an ngs_result".to_owned());
    }
    let section = Section::new(PART.title)
        .with(accuracy(cohort))
        .with(by_handling(cohort))
        .with(Block::Figures(vec![roc_figure(cohort), pr_figure(cohort)]))
        .with(areas(cohort));
    Made::Section(section)
}

fn jeffreys_cell(interval: Option<[f64; 2]>) -> Cell {
    interval.map_or_else(
        || Cell::text(""),
        |[low, high]| Cell::text(format!("{:.1} to {:.1}", low * 100.0, high * 100.0)),
    )
}

/// Name, figure, Jeffreys' interval.
type Row = (&'static str, Result<Estimate, Undefined>, Option<[f64; 2]>);

fn accuracy(cohort: &Cohort) -> Table {
    let counts = Counts::of(cohort.calls());
    let mut table = Table::new(
        "accuracy",
        "The IHC call against sequencing",
        [
            Column::text("measure", "Measure"),
            Column::estimate("value", "Value, 95 % interval, counts"),
            Column::text("jeffreys", "Jeffreys interval"),
        ],
    )
    .on_terminal()
    .with_note(format!(
        "Indeterminate calls are {}; slides that are not evaluable have no call. Proportions with Wilson and Jeffreys intervals, likelihood ratios with the log method, the odds ratio with Woolf's, Youden's index with Newcombe's.",
        cohort.settings.indeterminate.label()
    ))
    .with_note("The predictive values hold at this cohort's own share of fusions; at other prevalences see the section on tests saved and fusions missed.");
    let [sens, spec] = counts.jeffreys();
    let n = counts.n();
    let rows: [Row; 9] = [
        ("sensitivity", counts.sensitivity(), sens),
        ("specificity", counts.specificity(), spec),
        (
            "positive predictive value",
            counts.ppv(),
            jeffreys_of(counts.tp, counts.tp + counts.fp),
        ),
        (
            "negative predictive value",
            counts.npv(),
            jeffreys_of(counts.tn, counts.tn + counts.fn_),
        ),
        (
            "accuracy",
            counts.accuracy(),
            jeffreys_of(counts.tp + counts.tn, n),
        ),
        ("positive likelihood ratio", counts.lr_positive(), None),
        ("negative likelihood ratio", counts.lr_negative(), None),
        ("diagnostic odds ratio", counts.odds_ratio(), None),
        ("Youden's index", counts.youden(), None),
    ];
    // The positive predictive value alone needs no sequenced negative.
    let verified = cohort.verified();
    for (name, value, jeffreys) in rows {
        let (value, jeffreys) = match &verified {
            Err(why) if name != "positive predictive value" => (Err(why.clone()), None),
            _ => (value, jeffreys),
        };
        table.push([
            Cell::text(name),
            Cell::of(value, n),
            jeffreys_cell(jeffreys),
        ]);
    }
    table
}

fn jeffreys_of(k: u64, n: u64) -> Option<[f64; 2]> {
    (n > 0).then(|| crate::statistics::proportion::jeffreys(k, n))
}

/// What the handling of indeterminate calls changes, and what the triage makes of the same slides.
fn by_handling(cohort: &Cohort) -> Table {
    let mut table = Table::new(
        "accuracy_by_handling",
        "What indeterminate calls change",
        [
            Column::text("test", "Test"),
            Column::estimate("sensitivity", "Sensitivity"),
            Column::estimate("specificity", "Specificity"),
            Column::estimate("ppv", "PPV"),
            Column::estimate("npv", "NPV"),
        ],
    )
    .with_note(
        "The triage counts as positive where its next step is anything but no further testing.",
    );
    let verified = cohort.verified();
    let mut row = |name: String, counts: Counts| {
        let told = |value: Result<Estimate, Undefined>| verified.clone().and(value);
        table.push([
            Cell::text(name),
            Cell::of(told(counts.sensitivity()), 0),
            Cell::of(told(counts.specificity()), 0),
            Cell::of(counts.ppv(), 0),
            Cell::of(told(counts.npv()), 0),
        ]);
    };
    for way in Indeterminate::ALL {
        let pairs = cohort
            .sequenced()
            .filter_map(|(s, f)| Some((way.call(s.result.ihc)?, f)));
        row(
            format!("IHC call, indeterminate {}", way.label()),
            Counts::of(pairs),
        );
    }
    let pairs = cohort
        .sequenced()
        .filter_map(|(s, f)| Some((s.goes_on()?, f)));
    row("triage: next step".to_owned(), Counts::of(pairs));
    table
}

fn areas(cohort: &Cohort) -> Table {
    let mut table = Table::new(
        "areas",
        "How well the scores rank fusions first",
        [
            Column::text("score", "Score"),
            Column::estimate("auc", "AUC"),
            Column::estimate("average_precision", "Average precision"),
            Column::estimate("best_threshold", "Threshold of the best Youden index"),
        ],
    )
    .with_note(format!(
        "AUC with DeLong's interval on the logit scale, and Newcombe's where that has no width; average precision and threshold with a bootstrap of {} resamples within the classes. A threshold chosen on the slides it is judged on is too good: confirm it on others.",
        bootstrap::RESAMPLES
    ));
    for (_, name, of) in SCORES {
        let data = scores(cohort, of);
        let n = data.len() as u64;
        let verified = cohort.verified();
        let ranked = verified
            .clone()
            .and_then(|()| Ranked::new(&data, cohort.settings.seed));
        table.push([
            Cell::text(name),
            Cell::of(verified.and_then(|()| auc(&data)), n),
            Cell::of(ranked.clone().map(|r| r.average_precision), n),
            Cell::of(ranked.map(|r| r.best_threshold), n),
        ]);
    }
    table
}

/// Two figures of a score that have no formula for their interval.
#[derive(Clone)]
struct Ranked {
    average_precision: Estimate,
    best_threshold: Estimate,
}

impl Ranked {
    /// With bootstraps within the classes; slides are sorted once and resampled by weight.
    fn new(data: &[Labelled], seed: u64) -> Result<Self, Undefined> {
        let roc = Roc::new(data)?;
        let mut sorted = data.to_vec();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let place = |class: bool| -> Vec<usize> {
            (0..sorted.len())
                .filter(|&i| sorted[i].1 == class)
                .collect()
        };
        let (pos, neg) = (place(true), place(false));
        let places: Vec<usize> = pos.iter().chain(&neg).copied().collect();
        let interval = |of: fn(&[Labelled], &[u32]) -> Option<f64>| {
            bootstrap::stratified(&[pos.len(), neg.len()], seed, |indices| {
                let mut weights = vec![0_u32; sorted.len()];
                for &i in indices {
                    weights[places[i]] += 1;
                }
                of(&sorted, &weights)
            })
        };
        let n = data.len() as u64;
        let best = roc.best().ok_or("no slide with a score")?;
        Ok(Self {
            average_precision: Estimate::plain(
                average_precision(&roc),
                interval(weighted_precision),
                n,
                3,
            )
            .or_because(NO_RESAMPLES),
            best_threshold: Estimate::plain(best.threshold, interval(weighted_best), n, 3)
                .or_because(NO_RESAMPLES),
        })
    }
}

/// Calls `visit` with score, true and false positives after each distinct score, the highest first; each of the sorted data stands `weights` times.
fn weighted_steps(sorted: &[Labelled], weights: &[u32], mut visit: impl FnMut(f64, u64, u64)) {
    let (mut tp, mut fp) = (0_u64, 0_u64);
    for (i, (&(score, positive), &weight)) in sorted.iter().zip(weights).enumerate() {
        if positive {
            tp += u64::from(weight);
        } else {
            fp += u64::from(weight);
        }
        let is_last_of_ties = sorted.get(i + 1).is_none_or(|next| next.0 < score);
        if is_last_of_ties {
            visit(score, tp, fp);
        }
    }
}

/// Average precision of sorted data in which each stands so many times.
fn weighted_precision(sorted: &[Labelled], weights: &[u32]) -> Option<f64> {
    let (mut before, mut sum) = (0_u64, 0.0);
    weighted_steps(sorted, weights, |_, tp, fp| {
        if tp + fp > 0 {
            sum += (tp - before) as f64 * (tp as f64 / (tp + fp) as f64);
            before = tp;
        }
    });
    (before > 0).then(|| sum / before as f64)
}

/// The threshold of the best Youden index of sorted data in which each stands so many times; of equal ones the strictest.
fn weighted_best(sorted: &[Labelled], weights: &[u32]) -> Option<f64> {
    let of_class = |class: bool| {
        let weighed = sorted.iter().zip(weights).filter(|(d, _)| d.1 == class);
        weighed.map(|(_, &w)| u64::from(w)).sum::<u64>() as f64
    };
    let (positives, negatives) = (of_class(true), of_class(false));
    if positives <= 0.0 || negatives <= 0.0 {
        return None;
    }
    let mut best: Option<(f64, f64)> = None;
    weighted_steps(sorted, weights, |score, tp, fp| {
        let youden = tp as f64 / positives - fp as f64 / negatives;
        if best.is_none_or(|(most, _)| youden > most) {
            best = Some((youden, score));
        }
    });
    best.map(|(_, score)| score)
}

/// Points of a curve on the page; more cannot be told apart.
const CURVE_POINTS: usize = 400;

fn roc_figure(cohort: &Cohort) -> Figure {
    let caption = "ROC: a step for each distinct score, with the 95 % band of its Wilson limits; dots mark cut-offs of the positive percent.";
    let data = scores(cohort, |s| s.result.percent);
    let roc = match cohort.verified().and_then(|()| Roc::new(&data)) {
        Ok(roc) => roc,
        Err(why) => return Figure::missing("roc", caption, why),
    };
    let mut plot = Plot::half(Axis::share("1 − specificity"), Axis::share("sensitivity"));
    let [low, high] = roc.band();
    let mut band = crate::plot::thinned(&high, CURVE_POINTS);
    band.extend(crate::plot::thinned(&low, CURVE_POINTS).into_iter().rev());
    plot.area(band, Colour::Blue);
    plot.dashed(vec![(0.0, 0.0), (1.0, 1.0)], Colour::Grey);
    let h_score = scores(cohort, |s| s.result.h_score);
    if let Ok(other) = Roc::new(&h_score) {
        plot.dashed(
            crate::plot::thinned(&other.curve(), CURVE_POINTS),
            Colour::Vermillion,
        );
    }
    plot.line(
        crate::plot::thinned(&roc.curve(), CURVE_POINTS),
        Colour::Blue,
    );
    let mut last = -1.0;
    for cutoff in [50.0, 10.0, 1.0] {
        // The strictest point that still calls everything at or above the cut-off.
        let point = roc.points.iter().rfind(|p| p.threshold >= cutoff);
        if let Some(point) = point {
            let at = (
                point.fp as f64 / roc.negatives as f64,
                point.tp as f64 / roc.positives as f64,
            );
            plot.beads(vec![at], Colour::Blue);
            // Of two that lie together the second is named below the first.
            let below = if at.0 - last < 0.1 { 0.1 } else { 0.045 };
            last = at.0;
            let text = format!("{cutoff:.0} %");
            plot.label(
                (at.0 + 0.005, at.1 - below),
                text,
                Colour::Blue,
                Side::Right,
            );
        }
    }
    let area = |data: &[Labelled]| {
        auc(data).map_or_else(
            |why| why,
            |e| format!("{} ({})", e.value_text(), e.interval_text()),
        )
    };
    plot.label(
        (0.21, 0.16),
        format!("— positive percent {}", area(&data)),
        Colour::Blue,
        Side::Right,
    );
    plot.label(
        (0.21, 0.09),
        format!("- - H-score {}", area(&h_score)),
        Colour::Vermillion,
        Side::Right,
    );
    Figure::svg("roc", caption, plot.to_svg())
}

fn pr_figure(cohort: &Cohort) -> Figure {
    let caption = "Precision and recall of the positive percent; the dashed line is the share of fusions among the sequenced, which a score without worth would give.";
    let data = scores(cohort, |s| s.result.percent);
    let roc = match cohort.verified().and_then(|()| Roc::new(&data)) {
        Ok(roc) => roc,
        Err(why) => return Figure::missing("precision_recall", caption, why),
    };
    let mut plot = Plot::half(
        Axis::share("recall (sensitivity)"),
        Axis::share("precision (PPV)"),
    );
    let share = roc.positives as f64 / (roc.positives + roc.negatives) as f64;
    plot.dashed(vec![(0.0, share), (1.0, share)], Colour::Grey);
    plot.line(
        crate::plot::thinned(&precision_recall(&roc), CURVE_POINTS),
        Colour::Blue,
    );
    let text = format!("average precision {:.3}", average_precision(&roc));
    plot.label(
        (0.04, share.max(0.06) - 0.06 + 0.10),
        text,
        Colour::Blue,
        Side::Right,
    );
    Figure::svg("precision_recall", caption, plot.to_svg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighing_each_once_gives_the_plain_figures_and_twice_the_same() {
        let data: Vec<Labelled> = (0..60_u32)
            .map(|i| (f64::from(i * 17 % 23), (i * i) % 7 < 2))
            .collect();
        let roc = Roc::new(&data).unwrap();
        let mut sorted = data.clone();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        for weight in [1, 2] {
            let weights = vec![weight; sorted.len()];
            let precision = weighted_precision(&sorted, &weights).unwrap();
            assert!((precision - average_precision(&roc)).abs() < 1e-12);
            let best = weighted_best(&sorted, &weights).unwrap();
            assert!((best - roc.best().unwrap().threshold).abs() < 1e-12);
        }
        let of_one_class = vec![0; sorted.len()];
        assert!(weighted_best(&sorted, &of_one_class).is_none());
    }

    #[test]
    fn figures_without_a_formula_have_a_bootstrap() {
        let data: Vec<Labelled> = (0..80_u32)
            .map(|i| (f64::from(i * 31 % 79), i % 4 == 0 && i > 20))
            .collect();
        let ranked = Ranked::new(&data, 1).unwrap();
        for figure in [ranked.average_precision, ranked.best_threshold] {
            let [low, high] = figure.interval95.unwrap();
            assert!(low <= figure.value && figure.value <= high, "{figure:?}");
        }
        assert_eq!(
            Ranked::new(&data, 1).unwrap().best_threshold,
            ranked.best_threshold
        );
    }
}
