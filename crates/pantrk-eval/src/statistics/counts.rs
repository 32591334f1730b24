//! Figures of a 2 x 2 table of test against truth.

use super::proportion::{jeffreys, proportion};
use super::{Undefined, Z95};
use crate::output::Estimate;

/// Test against truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Test positive, truth positive.
    pub tp: u64,
    /// Test positive, truth negative.
    pub fp: u64,
    /// Test negative, truth positive.
    pub fn_: u64,
    /// Test negative, truth negative.
    pub tn: u64,
}

impl Counts {
    /// Counts pairs of (test, truth).
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for (test, truth) in pairs {
            match (test, truth) {
                (true, true) => counts.tp += 1,
                (true, false) => counts.fp += 1,
                (false, true) => counts.fn_ += 1,
                (false, false) => counts.tn += 1,
            }
        }
        counts
    }

    /// All.
    pub const fn n(&self) -> u64 {
        self.positives() + self.negatives()
    }

    /// Truth positive.
    pub const fn positives(&self) -> u64 {
        self.tp + self.fn_
    }

    /// Truth negative.
    pub const fn negatives(&self) -> u64 {
        self.fp + self.tn
    }

    /// Of the truly positive, the share that the test finds.
    ///
    /// # Errors
    /// Without any truly positive.
    pub fn sensitivity(&self) -> Result<Estimate, Undefined> {
        proportion(self.tp, self.positives(), WITH)
    }

    /// Of the truly negative, the share that the test leaves.
    ///
    /// # Errors
    /// Without any truly negative.
    pub fn specificity(&self) -> Result<Estimate, Undefined> {
        proportion(self.tn, self.negatives(), WITHOUT)
    }

    /// Of the test-positive, the share that is truly positive.
    ///
    /// # Errors
    /// Without any test-positive.
    pub fn ppv(&self) -> Result<Estimate, Undefined> {
        proportion(self.tp, self.tp + self.fp, "positive call")
    }

    /// Of the test-negative, the share that is truly negative.
    ///
    /// # Errors
    /// Without any test-negative.
    pub fn npv(&self) -> Result<Estimate, Undefined> {
        proportion(self.tn, self.tn + self.fn_, "negative call")
    }

    /// The share that is right.
    ///
    /// # Errors
    /// Without anything.
    pub fn accuracy(&self) -> Result<Estimate, Undefined> {
        proportion(self.tp + self.tn, self.n(), "slide with both")
    }

    /// sensitivity / (1 - specificity), with the log method's interval (Simel, Samsa and Matchar 1991).
    ///
    /// # Errors
    /// Without both classes, or without a false positive, where it has no upper bound.
    pub fn lr_positive(&self) -> Result<Estimate, Undefined> {
        self.needs_both()?;
        if self.fp == 0 {
            return Err(format!(
                "unbounded: no false positive in {}",
                self.negatives()
            ));
        }
        if self.tp == 0 {
            return Err(format!("zero: no true positive in {}", self.positives()));
        }
        Ok(self.ratio(self.tp, self.fp))
    }

    /// (1 - sensitivity) / specificity, likewise.
    ///
    /// # Errors
    /// Without both classes, or where it is zero or without a bound.
    pub fn lr_negative(&self) -> Result<Estimate, Undefined> {
        self.needs_both()?;
        if self.fn_ == 0 {
            return Err(format!("zero: nothing missed in {}", self.positives()));
        }
        if self.tn == 0 {
            return Err(format!(
                "unbounded: no true negative in {}",
                self.negatives()
            ));
        }
        Ok(self.ratio(self.fn_, self.tn))
    }

    /// Odds of a positive call in the truly positive over those in the truly negative, with Woolf's interval.
    ///
    /// # Errors
    /// With an empty cell.
    pub fn odds_ratio(&self) -> Result<Estimate, Undefined> {
        self.needs_both()?;
        let cells = [self.tp, self.fp, self.fn_, self.tn];
        if cells.contains(&0) {
            return Err("not defined with an empty cell".to_owned());
        }
        let [tp, fp, fn_, tn] = cells.map(|c| c as f64);
        let value = tp * tn / (fp * fn_);
        let se = (1.0 / tp + 1.0 / fp + 1.0 / fn_ + 1.0 / tn).sqrt();
        Ok(ratio_estimate(value, se, self.n()))
    }

    /// sensitivity + specificity - 1, with Newcombe's interval from the two Wilson ones.
    ///
    /// # Errors
    /// Without both classes.
    pub fn youden(&self) -> Result<Estimate, Undefined> {
        let (sens, spec) = (self.sensitivity()?, self.specificity()?);
        let ([a, b], [c, d]) = (ends(&sens), ends(&spec));
        let value = sens.value + spec.value - 1.0;
        let low = value - (sens.value - a).hypot(spec.value - c);
        let high = value + (b - sens.value).hypot(d - spec.value);
        Ok(Estimate::plain(value, Some([low, high]), self.n(), 3))
    }

    /// Jeffreys' intervals of sensitivity and specificity, where they are defined.
    pub fn jeffreys(&self) -> [Option<[f64; 2]>; 2] {
        let of = |k, n| (n > 0).then(|| jeffreys(k, n));
        [of(self.tp, self.positives()), of(self.tn, self.negatives())]
    }

    fn needs_both(&self) -> Result<(), Undefined> {
        if self.positives() == 0 {
            Err(format!("no {WITH}"))
        } else if self.negatives() == 0 {
            Err(format!("no {WITHOUT}"))
        } else {
            Ok(())
        }
    }

    /// (a / positives) / (b / negatives).
    fn ratio(&self, a: u64, b: u64) -> Estimate {
        let (pos, neg) = (self.positives() as f64, self.negatives() as f64);
        let (a, b) = (a as f64, b as f64);
        let value = (a / pos) / (b / neg);
        let se = (1.0 / a - 1.0 / pos + 1.0 / b - 1.0 / neg).sqrt();
        ratio_estimate(value, se, self.n())
    }
}

const WITH: &str = "slide with a fusion";
const WITHOUT: &str = "slide without a fusion";

fn ends(estimate: &Estimate) -> [f64; 2] {
    estimate.interval95.unwrap_or([estimate.value; 2])
}

fn ratio_estimate(value: f64, log_se: f64, n: u64) -> Estimate {
    // Nothing varies where every slide gets the same call, and the log method would claim to know the ratio exactly.
    let varies = log_se > 0.0;
    let factor = (Z95 * log_se).exp();
    let decimals = match value {
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let interval = varies.then_some([value / factor, value * factor]);
    Estimate::plain(value, interval, n, decimals).or_because("every slide gets the same call")
}
