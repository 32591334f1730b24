//! Paired tests and the correction for several of them.

use super::distributions::binomial_cdf;
use super::{Undefined, Z95};
use crate::output::Estimate;

/// Mc Nemar's exact test: two-sided p of `b` against `c` discordant pairs.
pub fn mcnemar_exact(b: u64, c: u64) -> f64 {
    let n = b + c;
    if n == 0 {
        return 1.0;
    }
    (2.0 * binomial_cdf(b.min(c), n, 0.5)).min(1.0)
}

/// The difference of two paired proportions, (c - b) / n, where `b` are right in the first alone and `c` in the second alone, with the interval of Bonett and Price (2012).
///
/// # Errors
/// Without pairs.
pub fn paired_difference(b: u64, c: u64, n: u64) -> Result<Estimate, Undefined> {
    if n == 0 {
        return Err("no slide in both".to_owned());
    }
    let (bf, cf, nf) = (b as f64, c as f64, n as f64);
    let (p12, p21) = ((bf + 1.0) / (nf + 2.0), (cf + 1.0) / (nf + 2.0));
    let half = Z95 * ((p12 + p21 - (p21 - p12).powi(2)) / (nf + 2.0)).sqrt();
    let centre = p21 - p12;
    let interval = [(centre - half).max(-1.0), (centre + half).min(1.0)];
    Ok(Estimate::probability((cf - bf) / nf, Some(interval), n))
}

/// Holm's step-down correction, in the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (step, &i) in order.iter().enumerate() {
        let factor = (p_values.len() - step) as f64;
        largest = largest.max((p_values[i] * factor).min(1.0));
        corrected[i] = largest;
    }
    corrected
}
