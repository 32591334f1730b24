//! Pooling of proportions from several studies.

use super::{Undefined, Z95, logit, sigmoid};
use crate::output::Estimate;

/// Random-effects pooling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pooled {
    /// The pooled proportion; its n is that of all studies.
    pub estimate: Estimate,
    /// Variance between studies, on the logit scale.
    pub tau2: f64,
    /// Cochran's Q.
    pub q: f64,
    /// Share of the variation that is not chance, 0 to 1.
    pub i2: f64,
}

/// Random effects on the logit scale by `DerSimonian` and Laird (1986); every study gets half a count on both sides, for studies in which all or none stained.
///
/// # Errors
/// With fewer than two studies.
pub fn dersimonian_laird(studies: &[(u64, u64)]) -> Result<Pooled, Undefined> {
    let used: Vec<(u64, u64)> = studies.iter().copied().filter(|&(_, n)| n > 0).collect();
    if used.len() < 2 {
        return Err(format!("needs two studies, found {}", used.len()));
    }
    let effects: Vec<(f64, f64)> = used
        .iter()
        .map(|&(k, n)| {
            let (a, b) = (k as f64 + 0.5, (n - k) as f64 + 0.5);
            (logit(a / (a + b)), 1.0 / a + 1.0 / b)
        })
        .collect();
    let weighted = |tau2: f64| {
        let weights = effects.iter().map(|(_, v)| 1.0 / (v + tau2));
        let total: f64 = weights.clone().sum();
        let mean = weights.zip(&effects).map(|(w, (e, _))| w * e).sum::<f64>() / total;
        (mean, total)
    };
    let (fixed, total) = weighted(0.0);
    let q: f64 = effects.iter().map(|(e, v)| (e - fixed).powi(2) / v).sum();
    let df = (effects.len() - 1) as f64;
    let squares: f64 = effects.iter().map(|(_, v)| v.powi(-2)).sum();
    let tau2 = ((q - df) / (total - squares / total)).max(0.0);
    let (mean, weight) = weighted(tau2);
    let half = Z95 / weight.sqrt();
    let n = used.iter().map(|&(_, n)| n).sum();
    Ok(Pooled {
        estimate: Estimate::probability(
            sigmoid(mean),
            Some([sigmoid(mean - half), sigmoid(mean + half)]),
            n,
        ),
        tau2,
        q,
        i2: if q > df { (q - df) / q } else { 0.0 },
    })
}
