//! Differences of two readings (Bland and Altman 1986, 1999).

use super::correlation::Pair;
use super::distributions::t_quantile;
use super::{Undefined, Z95, mean, squares};
use crate::output::Estimate;

/// Bias and limits of agreement of second less first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The mean difference.
    pub bias: Estimate,
    /// Standard deviation of the differences.
    pub sd: f64,
    /// Bias - 1.96 sd.
    pub lower: Estimate,
    /// Bias + 1.96 sd.
    pub upper: Estimate,
}

/// With t intervals; the limits' standard error is that of Bland and Altman 1999.
///
/// # Errors
/// With fewer than three pairs.
pub fn limits_of_agreement(pairs: &[Pair]) -> Result<Limits, Undefined> {
    if pairs.len() < 3 {
        return Err(format!(
            "needs 3 slides read by both, found {}",
            pairs.len()
        ));
    }
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| b - a).collect();
    let n = differences.len() as f64;
    let bias = mean(&differences);
    let sd = (squares(&differences) / (n - 1.0)).sqrt();
    let t = t_quantile(0.975, n - 1.0);
    let around = |value: f64, se: f64| {
        Estimate::plain(
            value,
            Some([value - t * se, value + t * se]),
            pairs.len() as u64,
            1,
        )
    };
    let limit_se = sd * (1.0 / n + Z95 * Z95 / (2.0 * (n - 1.0))).sqrt();
    Ok(Limits {
        bias: around(bias, sd / n.sqrt()),
        sd,
        lower: around(bias - Z95 * sd, limit_se),
        upper: around(bias + Z95 * sd, limit_se),
    })
}
