//! Sensitivity and specificity where not every slide was sequenced (Begg and Greenes 1983).

use super::bootstrap::quantile;
use super::distributions::beta_quantile;
use super::{Undefined, Z95, sigmoid};
use crate::output::Estimate;

/// One call's slides: how many in all, and of those sequenced how many with and without a fusion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verified {
    /// With this call, sequenced or not.
    pub all: u64,
    /// Sequenced, with a fusion.
    pub with: u64,
    /// Sequenced, without one.
    pub without: u64,
}

impl Verified {
    /// How many were sequenced.
    pub const fn sequenced(&self) -> u64 {
        self.with + self.without
    }
}

/// Corrected sensitivity and specificity.
///
/// The share of fusions among the sequenced of each call is taken for all of that call; right if, given the call, chance or recorded facts alone decided what was sequenced.
/// Intervals by the delta method on the logit scale; with an empty cell from the Jeffreys posteriors, widened to the point where that is 0 or 1.
///
/// # Errors
/// Where no slide of a call was sequenced, or the sequenced of both calls show one class only.
pub fn begg_greenes(positive: Verified, negative: Verified) -> Result<[Estimate; 2], Undefined> {
    for (call, name) in [(positive, "positive"), (negative, "negative")] {
        if call.sequenced() == 0 {
            return Err(format!("not estimable: no IHC-{name} slide was sequenced"));
        }
    }
    let n = (positive.all + negative.all) as f64;
    let t = positive.all as f64 / n;
    let p = positive.with as f64 / positive.sequenced() as f64;
    let q = negative.with as f64 / negative.sequenced() as f64;
    let with = t * p + (1.0 - t) * q;
    let without = t * (1.0 - p) + (1.0 - t) * (1.0 - q);
    if with <= 0.0 || without <= 0.0 {
        return Err("not estimable: the sequenced slides are of one class only".to_owned());
    }
    let cells = [
        (positive.with, positive.without),
        (negative.with, negative.without),
    ];
    let intervals = if cells.iter().any(|&(a, b)| a == 0 || b == 0) {
        by_quadrature(positive, negative)
    } else {
        by_delta([t, p, q], positive, negative)
    };
    let of = |value: f64, [low, high]: [f64; 2]| {
        let interval = [low.min(value), high.max(value)];
        let n = positive.sequenced() + negative.sequenced();
        Estimate::probability(value, Some(interval), n)
    };
    Ok([
        of(t * p / with, intervals[0]),
        of((1.0 - t) * (1.0 - q) / without, intervals[1]),
    ])
}

/// logit(sensitivity) = logit(t) + ln p - ln q, so its variance is a sum of three; likewise for the specificity.
fn by_delta([t, p, q]: [f64; 3], positive: Verified, negative: Verified) -> [[f64; 2]; 2] {
    let n = (positive.all + negative.all) as f64;
    let calls = 1.0 / (n * t) + 1.0 / (n * (1.0 - t));
    let log_variance = |k: u64, of: u64| 1.0 / k as f64 - 1.0 / of as f64;
    let around = |odds: f64, variance: f64| {
        let half = Z95 * (variance + calls).sqrt();
        [sigmoid(odds.ln() - half), sigmoid(odds.ln() + half)]
    };
    let (np, nn) = (positive.sequenced(), negative.sequenced());
    let sens = log_variance(positive.with, np) + log_variance(negative.with, nn);
    let spec = log_variance(positive.without, np) + log_variance(negative.without, nn);
    [
        around(t * p / ((1.0 - t) * q), sens),
        around((1.0 - t) * (1.0 - q) / (t * (1.0 - p)), spec),
    ]
}

/// With an empty cell the logit has no variance: the equal tails over a grid of equally likely nodes of the three Jeffreys posteriors.
fn by_quadrature(positive: Verified, negative: Verified) -> [[f64; 2]; 2] {
    const NODES: u32 = 41;
    let nodes = |k: u64, rest: u64| -> Vec<f64> {
        let (a, b) = (k as f64 + 0.5, rest as f64 + 0.5);
        let place = |i| (f64::from(i) + 0.5) / f64::from(NODES);
        (0..NODES).map(|i| beta_quantile(place(i), a, b)).collect()
    };
    let calls = nodes(positive.all, negative.all);
    let after_positive = nodes(positive.with, positive.without);
    let after_negative = nodes(negative.with, negative.without);
    let (mut sens, mut spec) = (Vec::new(), Vec::new());
    for t in &calls {
        for p in &after_positive {
            for q in &after_negative {
                let with = t * p + (1.0 - t) * q;
                sens.push(t * p / with);
                spec.push((1.0 - t) * (1.0 - q) / (1.0 - with));
            }
        }
    }
    [sens, spec].map(|mut values| {
        values.sort_unstable_by(f64::total_cmp);
        [quantile(&values, 0.025), quantile(&values, 0.975)]
    })
}
