//! Sensitivity and specificity where not every slide was sequenced (Begg and Greenes 1983).

use super::{Undefined, Z95, logit, sigmoid};
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
/// Intervals by the delta method on the logit scale.
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
    let of = |value: f64, variance: Option<f64>| {
        let interval = variance.map(|v| {
            let half = Z95 * v.sqrt();
            [sigmoid(logit(value) - half), sigmoid(logit(value) + half)]
        });
        Estimate::probability(value, interval, positive.sequenced() + negative.sequenced())
    };
    let with = t * p + (1.0 - t) * q;
    let without = t * (1.0 - p) + (1.0 - t) * (1.0 - q);
    if with <= 0.0 || without <= 0.0 {
        return Err("not estimable: the sequenced slides are of one class only".to_owned());
    }
    // logit(sens) = logit(t) + ln p - ln q, so its variance is a sum of three.
    let calls = 1.0 / (n * t) + 1.0 / (n * (1.0 - t));
    let log_variance = |k: u64, of: u64| (k > 0).then(|| 1.0 / k as f64 - 1.0 / of as f64);
    let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b + calls);
    let sens = sum(
        log_variance(positive.with, positive.sequenced()),
        log_variance(negative.with, negative.sequenced()),
    );
    let spec = sum(
        log_variance(positive.without, positive.sequenced()),
        log_variance(negative.without, negative.sequenced()),
    );
    Ok([
        of(t * p / with, sens),
        of((1.0 - t) * (1.0 - q) / without, spec),
    ])
}
