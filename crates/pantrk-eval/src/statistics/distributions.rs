//! Quantiles and tails of the distributions that the intervals use.
//!
//! The incomplete beta function is that of `statrs`; its inverse is our own, because that of `statrs` stops at about 1e-5.

use statrs::function::beta::{beta_reg, ln_beta};
use statrs::function::erf::erfc;

/// The `x` below which a beta distribution has the probability `p`.
///
/// Newton's steps kept inside a shrinking bracket; `a` and `b` above zero, `p` from 0 to 1.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    let log_scale = ln_beta(a, b);
    let mut x = a / (a + b);
    for _ in 0..300 {
        let difference = beta_reg(a, b, x) - p;
        if difference > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let density = ((a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p() - log_scale).exp();
        let newton = x - difference / density;
        let next = if newton.is_finite() && newton > low && newton < high {
            newton
        } else if low > 0.0 && high / low > 4.0 {
            // Far out in a tail the magnitude is found before the digits.
            (low * high).sqrt()
        } else {
            f64::midpoint(low, high)
        };
        if (next - x).abs() <= 1e-15 * x.abs() || high - low <= f64::EPSILON * low {
            return next;
        }
        x = next;
    }
    x
}

/// The quantile of Student's t with `df` degrees of freedom, for `p` above 0.5.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    // t^2 / (df + t^2) is beta(1/2, df/2); the complement keeps its digits for large t.
    let rest = beta_quantile(2.0 * (1.0 - p), df / 2.0, 0.5);
    (df * (1.0 - rest) / rest).sqrt()
}

/// The quantile of F with `d1` and `d2` degrees of freedom.
pub fn f_quantile(p: f64, d1: f64, d2: f64) -> f64 {
    let x = beta_quantile(p, d1 / 2.0, d2 / 2.0);
    let rest = beta_quantile(1.0 - p, d2 / 2.0, d1 / 2.0);
    d2 * x / (d1 * rest)
}

/// Two-sided p-value of a standard normal deviate.
pub fn normal_p(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Two-sided p-value of Student's t.
pub fn t_p(t: f64, df: f64) -> f64 {
    let x = df / (df + t * t);
    if x >= 1.0 {
        1.0
    } else {
        beta_reg(df / 2.0, 0.5, x)
    }
}

/// Probability of at most `k` successes in `n` trials of probability `p`.
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        1.0
    } else if p >= 1.0 {
        0.0
    } else {
        beta_reg((n - k) as f64, k as f64 + 1.0, 1.0 - p)
    }
}
