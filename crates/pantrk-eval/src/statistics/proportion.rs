//! Intervals of a proportion.

use super::distributions::beta_quantile;
use super::{Undefined, Z95};
use crate::output::Estimate;

/// Wilson's score interval.
pub fn wilson(k: u64, n: u64) -> [f64; 2] {
    let (x, n) = (k as f64, n as f64);
    let p = x / n;
    let z2 = Z95 * Z95;
    let centre = (x + z2 / 2.0) / (n + z2);
    let half = Z95 / (n + z2) * (n * p * (1.0 - p) + z2 / 4.0).sqrt();
    // At the ends the bound is exact; the root leaves a last digit.
    let low = if k == 0 { 0.0 } else { centre - half };
    let high = if x >= n { 1.0 } else { centre + half };
    [low.max(0.0), high.min(1.0)]
}

/// Jeffreys' interval: the equal tails of Beta(k + 1/2, n - k + 1/2), closed at an end that was reached (Brown, Cai and `DasGupta` 2001).
pub fn jeffreys(k: u64, n: u64) -> [f64; 2] {
    let (a, b) = (k as f64 + 0.5, (n - k) as f64 + 0.5);
    [
        if k == 0 {
            0.0
        } else {
            beta_quantile(0.025, a, b)
        },
        if k == n {
            1.0
        } else {
            beta_quantile(0.975, a, b)
        },
    ]
}

/// Clopper and Pearson's exact interval.
pub fn clopper_pearson(k: u64, n: u64) -> [f64; 2] {
    let (x, rest) = (k as f64, (n - k) as f64);
    [
        if k == 0 {
            0.0
        } else {
            beta_quantile(0.025, x, rest + 1.0)
        },
        if k == n {
            1.0
        } else {
            beta_quantile(0.975, x + 1.0, rest)
        },
    ]
}

/// A proportion with Wilson's interval.
///
/// # Errors
/// With none to count; `of` names what there is none of, such as "slide with a fusion".
pub fn proportion(k: u64, n: u64, of: &str) -> Result<Estimate, Undefined> {
    if n == 0 {
        Err(format!("no {of}"))
    } else {
        Ok(Estimate::proportion(k, n, wilson(k, n)))
    }
}
