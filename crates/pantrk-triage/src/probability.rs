//! Uncertain probabilities and Bayes' rule over them.
//!
//! A probability is carried as a distribution on the log-odds scale: there Bayes' rule is a sum of three terms (prior, sensitivity, specificity), and small and large probabilities are equally well resolved.
//! Distributions are tabulated by quadrature and combined on a grid of equally likely nodes; nothing is drawn at random.
//!
//! Rejected: the inverse beta function of `statrs`, whose bisection stops at about 1e-5 of the unit interval, which is as large as the probabilities here.

/// Points of a tabulated density.
const TABLE: usize = 2001;
/// Equally likely nodes per input of Bayes' rule; 31 cubed is enough for two digits of a 95 % interval.
const NODES: usize = 31;
/// Distance, in standard deviations, beyond which a density is nothing.
const FAR: f64 = 10.0;
/// Nats of a tail that decays exponentially, beyond which it is nothing.
const FAINT: f64 = 20.0;

/// An uncertain probability.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    point: f64,
    /// Log-odds, rising, and the cumulated probability there.
    logits: Vec<f64>,
    cumulated: Vec<f64>,
}

impl Distribution {
    /// The Jeffreys posterior of `k` of `n`; the point is its mean.
    pub(crate) fn jeffreys(k: f64, n: f64) -> Option<Self> {
        Self::beta(k + 0.5, n - k + 0.5)
    }

    /// Beta; the point is its mean.
    pub(crate) fn beta(alpha: f64, beta: f64) -> Option<Self> {
        if !(alpha > 0.0 && beta > 0.0 && alpha.is_finite() && beta.is_finite()) {
            return None;
        }
        let middle = (alpha / beta).ln();
        let spread = FAR * (1.0 / alpha + 1.0 / beta).sqrt();
        let low = middle - spread.max(FAINT / alpha);
        let high = middle + spread.max(FAINT / beta);
        // The density of the log-odds z of a beta is e^(alpha z) / (1 + e^z)^(alpha + beta), up to a factor.
        let log_density = |z: f64| alpha * z - (alpha + beta) * softplus(z);
        Self::tabulated(alpha / (alpha + beta), low, high, log_density)
    }

    /// The beta with this mean whose 95 % interval is as wide as the one given.
    pub(crate) fn beta_from_interval(mean: f64, low: f64, high: f64) -> Option<Self> {
        let wanted = high - low;
        if !(mean > 0.0 && mean < 1.0 && low >= 0.0 && high <= 1.0 && low < mean && mean < high) {
            return None;
        }
        let made = |log_n: f64| Self::beta(mean * log_n.exp(), (1.0 - mean) * log_n.exp());
        // The width falls as the weight grows, so halving finds it; below a weight of about 2 it need not.
        let (mut few, mut many) = (2f64.ln(), 1e9_f64.ln());
        for _ in 0..40 {
            let middle = f64::midpoint(few, many);
            let [a, b] = made(middle)?.interval95();
            if b - a > wanted {
                few = middle;
            } else {
                many = middle;
            }
        }
        made(f64::midpoint(few, many))
    }

    /// Normal on the log-odds scale around `point`, with 95 % within `factor` of its odds either way.
    pub(crate) fn logit_normal(point: f64, factor: f64) -> Option<Self> {
        if !(point > 0.0 && point < 1.0 && factor > 1.0 && factor.is_finite()) {
            return None;
        }
        let middle = logit(point);
        let sd = factor.ln() / TWO_SIDED_95;
        let log_density = |z: f64| -0.5 * ((z - middle) / sd).powi(2);
        Self::tabulated(point, middle - FAR * sd, middle + FAR * sd, log_density)
    }

    /// Even on the log-odds scale from `low` to `high`; the point is the middle of that scale.
    pub(crate) fn logit_uniform(low: f64, high: f64) -> Option<Self> {
        if !(low > 0.0 && low < high && high < 1.0) {
            return None;
        }
        let (a, b) = (logit(low), logit(high));
        Self::tabulated(sigmoid(f64::midpoint(a, b)), a, b, |_| 0.0)
    }

    /// The same with another point.
    pub(crate) fn with_point(mut self, point: f64) -> Self {
        self.point = point;
        self
    }

    fn tabulated(
        point: f64,
        low: f64,
        high: f64,
        log_density: impl Fn(f64) -> f64,
    ) -> Option<Self> {
        let step = (high - low) / (TABLE - 1) as f64;
        let logits: Vec<f64> = (0..TABLE).map(|i| low + step * i as f64).collect();
        let logs: Vec<f64> = logits.iter().map(|&z| log_density(z)).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        let mut before = None;
        let mut cumulated = Vec::with_capacity(TABLE);
        for log in logs {
            let density = (log - top).exp();
            if let Some(before) = before {
                total += f64::midpoint(before, density);
            }
            before = Some(density);
            cumulated.push(total);
        }
        if !(total.is_finite() && total > 0.0) {
            return None;
        }
        for value in &mut cumulated {
            *value /= total;
        }
        Some(Self {
            point,
            logits,
            cumulated,
        })
    }

    /// The figure to state.
    pub(crate) const fn point(&self) -> f64 {
        self.point
    }

    /// Log-odds at the cumulated probability `u`, 0 to 1.
    fn logit_quantile(&self, u: f64) -> f64 {
        let above = self.cumulated.partition_point(|&c| c < u);
        let at = |i: usize| {
            (
                self.cumulated.get(i).copied().unwrap_or(u),
                self.logits.get(i).copied().unwrap_or(0.0),
            )
        };
        let (c1, z1) = at(above.min(TABLE - 1));
        let (c0, z0) = at(above.min(TABLE - 1).saturating_sub(1));
        if c1 > c0 {
            z0 + (z1 - z0) * ((u - c0) / (c1 - c0)).clamp(0.0, 1.0)
        } else {
            z1
        }
    }

    /// 95 % interval, equal tails.
    pub(crate) fn interval95(&self) -> [f64; 2] {
        TAILS_95.map(|u| sigmoid(self.logit_quantile(u)))
    }

    /// Equally likely log-odds.
    fn nodes(&self) -> Vec<f64> {
        (0..NODES)
            .map(|i| self.logit_quantile((i as f64 + 0.5) / NODES as f64))
            .collect()
    }
}

/// The tails that a 95 % interval leaves out.
const TAILS_95: [f64; 2] = [0.025, 0.975];
/// The standard normal's 97.5 % quantile.
const TWO_SIDED_95: f64 = 1.959_963_984_540_054;

/// Bayes' rule: the probability after a positive and after a negative test.
pub(crate) fn bayes(prior: f64, sensitivity: f64, specificity: f64) -> [f64; 2] {
    let positive = prior * sensitivity;
    let positive_all = positive + (1.0 - prior) * (1.0 - specificity);
    let negative = prior * (1.0 - sensitivity);
    let negative_all = negative + (1.0 - prior) * specificity;
    [positive / positive_all, negative / negative_all]
}

/// 95 % intervals after a positive and after a negative test.
pub(crate) fn bayes_intervals(
    prior: &Distribution,
    sensitivity: &Distribution,
    specificity: &Distribution,
) -> [[f64; 2]; 2] {
    let priors = prior.nodes();
    // With z the log-odds of s: ln s = -softplus(-z) and ln(1 - s) = -softplus(z).
    let interval = |of_sensitivity: f64, of_specificity: f64| {
        let sens: Vec<f64> = sensitivity
            .nodes()
            .into_iter()
            .map(|z| -softplus(of_sensitivity * z))
            .collect();
        let spec: Vec<f64> = specificity
            .nodes()
            .into_iter()
            .map(|z| softplus(of_specificity * z))
            .collect();
        let mut all = Vec::with_capacity(NODES.pow(3));
        for p in &priors {
            for s in &sens {
                for t in &spec {
                    all.push(p + s + t);
                }
            }
        }
        quantiles95(&mut all).map(sigmoid)
    };
    [interval(-1.0, 1.0), interval(1.0, -1.0)]
}

/// The 2.5 % and 97.5 % order statistics.
fn quantiles95(values: &mut [f64]) -> [f64; 2] {
    let last = values.len().saturating_sub(1);
    TAILS_95.map(|u| {
        let at = ((last as f64) * u).round() as usize;
        *values.select_nth_unstable_by(at, f64::total_cmp).1
    })
}

/// ln(1 + e^z), without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        z.exp() / (1.0 + z.exp())
    }
}

/// A probability as people read it: `"52 %"`, `"4.4 %"`, and below 1 % `"1 in 340"`, each to two digits.
pub fn text_from_probability(p: f64) -> String {
    // From here on a percentage is easier to read than one in so many.
    const PERCENT_FROM: f64 = 0.01;
    if !p.is_finite() {
        return "unknown".to_owned();
    }
    let percent = p * 100.0;
    if p >= 0.995 {
        if percent >= 99.95 {
            "over 99.9 %".to_owned()
        } else {
            format!("{percent:.1} %")
        }
    } else if p >= 0.0995 {
        format!("{percent:.0} %")
    } else if p >= PERCENT_FROM {
        format!("{percent:.1} %")
    } else if p <= 1e-7 {
        "below 1 in 10 million".to_owned()
    } else {
        format!("1 in {}", grouped(two_digits(1.0 / p)))
    }
}

fn two_digits(value: f64) -> u64 {
    let unit = 10f64.powf((value.log10().floor() - 1.0).max(0.0));
    ((value / unit).round() * unit).round() as u64
}

/// Thousands apart by commas.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use statrs::function::beta::beta_reg;

    use super::*;

    fn close(found: f64, wanted: f64, relative: f64) {
        assert!(
            (found / wanted - 1.0).abs() <= relative,
            "{found} for {wanted}"
        );
    }

    #[test]
    fn the_tabulated_beta_agrees_with_the_incomplete_beta_function() {
        for (a, b) in [
            (0.5, 4.5),
            (3.5, 0.5),
            (9.5, 1.5),
            (2.5, 40.0),
            (1.5, 416.5),
        ] {
            let distribution = Distribution::beta(a, b).unwrap();
            for u in [0.025, 0.2, 0.5, 0.8, 0.975] {
                let x = sigmoid(distribution.logit_quantile(u));
                // Near 1 the argument itself has lost its digits.
                if x < 1.0 - 1e-9 {
                    assert!((beta_reg(a, b, x) - u).abs() < 2e-3, "{a} {b} {u}: {x}");
                }
            }
        }
    }

    #[test]
    fn jeffreys_intervals_are_those_of_the_literature() {
        // Computed apart and printed in the evidence, percent.
        for (k, n, low, high) in [
            (889.0_f64, 295_676.0, 0.28, 0.32),
            (9.0, 4569.0, 0.10, 0.36),
            (15.0, 240.0, 3.7, 9.9),
            (8.0, 152.0, 2.5, 9.7),
            (16.0, 688.0, 1.4, 3.7),
            (25.0, 25.0, 91.0, 100.0),
            (13.0, 25.0, 33.0, 71.0),
            (68.0, 72.0, 87.0, 98.0),
            (65.0, 83.0, 69.0, 86.0),
            (678.0, 699.0, 95.5, 98.1),
            (17.0, 45.0, 25.0, 52.0),
        ] {
            let [a, b] = Distribution::jeffreys(k, n).unwrap().interval95();
            let digits = match k as u32 {
                9 | 889 => 0.006,
                25 | 13 | 68 | 65 | 17 => 0.6,
                _ => 0.06,
            };
            assert!((a * 100.0 - low).abs() <= digits, "{k}/{n}: {a} {low}");
            assert!((b * 100.0 - high).abs() <= digits, "{k}/{n}: {b} {high}");
        }
    }

    #[test]
    fn a_beta_from_an_interval_has_its_mean_and_width() {
        for (mean, low, high) in [
            (0.0026, 0.0015, 0.0036),
            (0.006, 0.0, 0.015),
            (0.906, 0.67, 1.0),
            (0.215, 0.13, 0.32),
        ] {
            let distribution = Distribution::beta_from_interval(mean, low, high).unwrap();
            close(distribution.point(), mean, 1e-9);
            let [a, b] = distribution.interval95();
            close(b - a, high - low, 0.02);
        }
        assert!(Distribution::beta_from_interval(0.2, 0.3, 0.4).is_none());
    }

    /// A small generator with a published recurrence (splitmix64), so that the check shares nothing with the grid.
    struct Draws(u64);

    impl Draws {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    #[test]
    fn the_grid_agrees_with_random_draws() {
        let prior = Distribution::jeffreys(16.0, 688.0).unwrap();
        let sens = Distribution::jeffreys(8.0, 10.0).unwrap();
        let spec = Distribution::jeffreys(29.0, 39.0).unwrap();
        let mut draws = Draws(7);
        let mut after: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..200_000 {
            let mut of = |d: &Distribution| sigmoid(d.logit_quantile(draws.uniform()));
            let [plus, minus] = bayes(of(&prior), of(&sens), of(&spec));
            after[0].push(plus);
            after[1].push(minus);
        }
        let grid = bayes_intervals(&prior, &sens, &spec);
        for (values, interval) in after.iter_mut().zip(grid) {
            let drawn = quantiles95(values);
            close(interval[0], drawn[0], 0.05);
            close(interval[1], drawn[1], 0.05);
        }
    }

    #[test]
    fn a_range_is_its_own_interval_nearly() {
        let distribution = Distribution::logit_uniform(0.05, 0.26).unwrap();
        let [a, b] = distribution.interval95();
        assert!(a > 0.05 && a < 0.055 && b < 0.26 && b > 0.24);
        assert!(Distribution::logit_uniform(0.3, 0.2).is_none());
        let [a, b] = Distribution::logit_normal(0.01, 2.0).unwrap().interval95();
        close(a, 0.005, 0.02);
        close(b, 0.0198, 0.02);
    }

    #[test]
    fn probabilities_read_well() {
        for (p, text) in [
            (0.0, "below 1 in 10 million"),
            (1.0 / 26_431.0, "1 in 26,000"),
            (1.0 / 339.6, "1 in 340"),
            (0.0444, "4.4 %"),
            (0.101, "10 %"),
            (0.52, "52 %"),
            (0.9972, "99.7 %"),
            (0.999_9, "over 99.9 %"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(text_from_probability(p), text);
        }
    }
}
