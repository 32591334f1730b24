//! Correlation and concordance of two readings.

use super::ranks::mid_ranks;
use super::{Undefined, Z95, mean, squares};
use crate::output::Estimate;

/// A pair of readings of one slide.
pub type Pair = (f64, f64);

fn split(pairs: &[Pair]) -> Result<(Vec<f64>, Vec<f64>), Undefined> {
    if pairs.len() < 4 {
        return Err(format!(
            "needs 4 slides read by both, found {}",
            pairs.len()
        ));
    }
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    for (values, which) in [(&a, "first"), (&b, "second")] {
        if squares(values) <= 0.0 {
            return Err(format!(
                "not defined: the {which} reads every slide the same"
            ));
        }
    }
    Ok((a, b))
}

fn product_moment(a: &[f64], b: &[f64]) -> f64 {
    let (ma, mb) = (mean(a), mean(b));
    let cross: f64 = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    (cross / (squares(a) * squares(b)).sqrt()).clamp(-1.0, 1.0)
}

/// Why Fisher's transformation gives no interval at -1 and 1.
const ON_A_LINE: &str = "at exactly 1 or -1 it has no width";

/// `None` at -1 and 1, where the transformation has no width to give.
fn fisher(r: f64, se: f64) -> Option<[f64; 2]> {
    (r.abs() < 1.0).then(|| [-Z95, Z95].map(|z| (r.atanh() + z * se).tanh()))
}

/// Pearson's r with Fisher's interval.
///
/// # Errors
/// With too few pairs or a constant side.
pub fn pearson(pairs: &[Pair]) -> Result<Estimate, Undefined> {
    let (a, b) = split(pairs)?;
    let r = product_moment(&a, &b);
    let interval = fisher(r, 1.0 / (pairs.len() as f64 - 3.0).sqrt());
    Ok(Estimate::plain(r, interval, pairs.len() as u64, 3).or_because(ON_A_LINE))
}

/// Spearman's rho with the interval of Bonett and Wright (2000).
///
/// # Errors
/// With too few pairs or a constant side.
pub fn spearman(pairs: &[Pair]) -> Result<Estimate, Undefined> {
    let (a, b) = split(pairs)?;
    let r = product_moment(&mid_ranks(&a), &mid_ranks(&b));
    let n = pairs.len() as f64;
    let interval = fisher(r, ((1.0 + r * r / 2.0) / (n - 3.0)).sqrt());
    Ok(Estimate::plain(r, interval, pairs.len() as u64, 3).or_because(ON_A_LINE))
}

/// Lin's concordance correlation (1989) with the interval of its inverse hyperbolic tangent (correction of 2000).
///
/// # Errors
/// With too few pairs or a constant side.
pub fn lin_concordance(pairs: &[Pair]) -> Result<Estimate, Undefined> {
    let (a, b) = split(pairs)?;
    let n = pairs.len() as f64;
    let (ma, mb) = (mean(&a), mean(&b));
    let (va, vb) = (squares(&a) / n, squares(&b) / n);
    let cross: f64 = a
        .iter()
        .zip(&b)
        .map(|(x, y)| (x - ma) * (y - mb))
        .sum::<f64>()
        / n;
    let ccc = 2.0 * cross / (va + vb + (ma - mb).powi(2));
    let r = product_moment(&a, &b);
    let interval = if ccc.abs() >= 1.0 || r == 0.0 {
        None
    } else {
        let shift2 = (ma - mb).powi(2) / (va * vb).sqrt();
        let rest = 1.0 - ccc * ccc;
        let variance = ((1.0 - r * r) * ccc.powi(2) / (rest * r * r)
            + 2.0 * ccc.powi(3) * (1.0 - ccc) * shift2 / (r * rest.powi(2))
            - ccc.powi(4) * shift2.powi(2) / (2.0 * r * r * rest.powi(2)))
            / (n - 2.0);
        fisher(ccc, variance.max(0.0).sqrt())
    };
    let why = if ccc.abs() >= 1.0 {
        ON_A_LINE
    } else {
        "the two do not correlate at all"
    };
    Ok(Estimate::plain(ccc, interval, pairs.len() as u64, 3).or_because(why))
}
