//! Receiver operating characteristic and precision-recall.

use super::distributions::normal_p;
use super::proportion::wilson;
use super::ranks::mid_ranks;
use super::{Undefined, Z95, logit, sigmoid};
use crate::output::Estimate;

/// A scored thing and whether it is truly positive.
pub type Labelled = (f64, bool);

/// What a threshold makes of the scores: at or above it is positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// The threshold, one of the scores.
    pub threshold: f64,
    /// True positives.
    pub tp: u64,
    /// False positives.
    pub fp: u64,
}

/// The curve: a point for each distinct score, the strictest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Roc {
    /// The points; the corner (0, 0) is not among them.
    pub points: Vec<RocPoint>,
    /// Truly positive.
    pub positives: u64,
    /// Truly negative.
    pub negatives: u64,
}

impl Roc {
    /// # Errors
    /// Without both classes.
    pub fn new(data: &[Labelled]) -> Result<Self, Undefined> {
        both_classes(data)?;
        let mut sorted = data.to_vec();
        sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut points: Vec<RocPoint> = Vec::new();
        let (mut tp, mut fp) = (0, 0);
        for (score, positive) in sorted {
            if positive {
                tp += 1;
            } else {
                fp += 1;
            }
            match points.last_mut() {
                // Zero and minus zero are one threshold.
                Some(last) if last.threshold <= score => (last.tp, last.fp) = (tp, fp),
                _ => points.push(RocPoint {
                    threshold: score,
                    tp,
                    fp,
                }),
            }
        }
        Ok(Self {
            points,
            positives: tp,
            negatives: fp,
        })
    }

    /// (false positive rate, sensitivity) from corner to corner.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let rates = self.points.iter().map(|p| {
            (
                p.fp as f64 / self.negatives as f64,
                p.tp as f64 / self.positives as f64,
            )
        });
        std::iter::once((0.0, 0.0)).chain(rates).collect()
    }

    /// The lower and upper border of a band: at each point the Wilson limits of both rates, the worse pair and the better pair.
    pub fn band(&self) -> [Vec<(f64, f64)>; 2] {
        let corner = RocPoint {
            threshold: f64::INFINITY,
            tp: 0,
            fp: 0,
        };
        let all = std::iter::once(&corner).chain(&self.points);
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for point in all {
            let [t0, t1] = wilson(point.tp, self.positives);
            let [f0, f1] = wilson(point.fp, self.negatives);
            low.push((f1, t0));
            high.push((f0, t1));
        }
        low.insert(0, (0.0, 0.0));
        low.push((1.0, low.last().map_or(0.0, |p| p.1)));
        high.push((1.0, 1.0));
        [low, high]
    }

    /// The threshold with the largest sensitivity + specificity - 1; of equal ones the strictest.
    pub fn best(&self) -> Option<RocPoint> {
        let youden = |p: &RocPoint| {
            p.tp as f64 / self.positives as f64 - p.fp as f64 / self.negatives as f64
        };
        let mut best: Option<RocPoint> = None;
        for point in &self.points {
            if best.is_none_or(|b| youden(point) > youden(&b)) {
                best = Some(*point);
            }
        }
        best
    }
}

fn both_classes(data: &[Labelled]) -> Result<(u64, u64), Undefined> {
    let positives = data.iter().filter(|(_, positive)| *positive).count() as u64;
    let negatives = data.len() as u64 - positives;
    match (positives, negatives) {
        (0, 0) => Err("no slide with both a score and a truth".to_owned()),
        (0, n) => Err(format!("one class only: all {n} without a fusion")),
        (n, 0) => Err(format!("one class only: all {n} with a fusion")),
        both => Ok(both),
    }
}

/// The parts of `DeLong`'s variance: for each positive and each negative the share of the other class that it beats.
struct Placements {
    auc: f64,
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

/// By mid-ranks, as Sun and Xu 2014: n log n rather than the product of the classes.
fn placements(data: &[Labelled]) -> Placements {
    let part = |class: bool| -> Vec<f64> {
        let of_class = data.iter().filter(|(_, positive)| *positive == class);
        of_class.map(|(score, _)| *score).collect()
    };
    let (pos, neg) = (part(true), part(false));
    let all: Vec<f64> = pos.iter().chain(&neg).copied().collect();
    let ranks = mid_ranks(&all);
    let (among_all_pos, among_all_neg) = ranks.split_at(pos.len());
    let (m, n) = (pos.len() as f64, neg.len() as f64);
    let own_pos = mid_ranks(&pos);
    let own_neg = mid_ranks(&neg);
    let positives: Vec<f64> = among_all_pos
        .iter()
        .zip(&own_pos)
        .map(|(r, own)| (r - own) / n)
        .collect();
    let negatives = among_all_neg
        .iter()
        .zip(&own_neg)
        .map(|(r, own)| 1.0 - (r - own) / m)
        .collect();
    Placements {
        auc: positives.iter().sum::<f64>() / m,
        positives,
        negatives,
    }
}

/// Sample covariance; zero with a single value.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    if a.len() < 2 {
        return 0.0;
    }
    let (ma, mb) = (super::mean(a), super::mean(b));
    let sum: f64 = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    sum / (a.len() - 1) as f64
}

/// The area under the curve and `DeLong`'s standard error.
///
/// # Errors
/// Without both classes.
pub fn auc_delong(data: &[Labelled]) -> Result<(f64, f64), Undefined> {
    both_classes(data)?;
    let p = placements(data);
    let variance = covariance(&p.positives, &p.positives) / p.positives.len() as f64
        + covariance(&p.negatives, &p.negatives) / p.negatives.len() as f64;
    Ok((p.auc, variance.sqrt()))
}

/// The area under the curve with its interval: `DeLong`'s on the logit scale, and where that has no width (perfect separation, a single positive) Newcombe's.
///
/// # Errors
/// Without both classes.
pub fn auc(data: &[Labelled]) -> Result<Estimate, Undefined> {
    let (positives, negatives) = both_classes(data)?;
    let (auc, se) = auc_delong(data)?;
    let inside = auc > 0.0 && auc < 1.0 && positives > 1 && negatives > 1;
    let interval = if inside && se > 0.0 {
        let (centre, half) = (logit(auc), Z95 * se / (auc * (1.0 - auc)));
        [sigmoid(centre - half), sigmoid(centre + half)]
    } else {
        auc_newcombe(auc, positives, negatives)
    };
    Ok(Estimate::plain(
        auc,
        Some(interval),
        positives + negatives,
        3,
    ))
}

/// Newcombe's interval of an area (2006, method 5): the areas whose own Hanley-McNeil standard error puts `auc` at 95 %.
pub fn auc_newcombe(auc: f64, positives: u64, negatives: u64) -> [f64; 2] {
    let (m, n) = (positives as f64, negatives as f64);
    let half = f64::midpoint(m, n) - 1.0;
    let se = |t: f64| {
        let spread = 1.0 + half * ((1.0 - t) / (2.0 - t) + t / (1.0 + t));
        (t * (1.0 - t) * spread / (m * n)).sqrt()
    };
    let bound = |mut inner: f64, mut outer: f64| {
        for _ in 0..200 {
            let middle = f64::midpoint(inner, outer);
            if (auc - middle).abs() <= Z95 * se(middle) {
                inner = middle;
            } else {
                outer = middle;
            }
        }
        f64::midpoint(inner, outer)
    };
    let low = if auc > 0.0 { bound(auc, 0.0) } else { 0.0 };
    let high = if auc < 1.0 { bound(auc, 1.0) } else { 1.0 };
    [low, high]
}

/// Two areas on the same things.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AucDifference {
    /// Of the first score.
    pub first: f64,
    /// Of the second.
    pub second: f64,
    /// Second less first.
    pub difference: Estimate,
    /// Two-sided.
    pub p: f64,
}

/// `DeLong`'s paired test: `data` are (first score, second score, truly positive).
///
/// # Errors
/// Without both classes.
pub fn auc_difference(data: &[(f64, f64, bool)]) -> Result<AucDifference, Undefined> {
    let first: Vec<Labelled> = data.iter().map(|&(a, _, l)| (a, l)).collect();
    let second: Vec<Labelled> = data.iter().map(|&(_, b, l)| (b, l)).collect();
    both_classes(&first)?;
    let (a, b) = (placements(&first), placements(&second));
    let of = |x: &[f64], y: &[f64]| {
        (covariance(x, x) + covariance(y, y) - 2.0 * covariance(x, y)) / x.len() as f64
    };
    let variance = of(&a.positives, &b.positives) + of(&a.negatives, &b.negatives);
    let se = variance.max(0.0).sqrt();
    let value = b.auc - a.auc;
    let p = if se > 1e-12 {
        normal_p(value / se)
    } else if value.abs() < 1e-12 {
        1.0
    } else {
        return Err("the areas differ without any spread; too few slides for a test".to_owned());
    };
    let interval = [value - Z95 * se, value + Z95 * se];
    Ok(AucDifference {
        first: a.auc,
        second: b.auc,
        difference: Estimate::plain(value, Some(interval), data.len() as u64, 3),
        p,
    })
}

/// (recall, precision) at each distinct score, the strictest first.
pub fn precision_recall(roc: &Roc) -> Vec<(f64, f64)> {
    let of = |p: &RocPoint| {
        (
            p.tp as f64 / roc.positives as f64,
            p.tp as f64 / (p.tp + p.fp) as f64,
        )
    };
    roc.points.iter().map(of).collect()
}

/// The mean precision over the recall steps.
pub fn average_precision(roc: &Roc) -> f64 {
    let mut before = 0.0;
    let mut sum = 0.0;
    for (recall, precision) in precision_recall(roc) {
        sum += (recall - before) * precision;
        before = recall;
    }
    sum
}
