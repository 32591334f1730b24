//! Net benefit (Vickers and Elkin 2006) and what a screen spares and misses.

use crate::output::Estimate;

/// Net benefit per thing at a threshold probability: true positives less false positives at the odds of the threshold.
pub fn net_benefit(tp: f64, fp: f64, n: f64, threshold: f64) -> f64 {
    tp / n - fp / n * threshold / (1.0 - threshold)
}

/// The same from rates, at a prevalence that is not the cohort's.
pub fn net_benefit_at(prevalence: f64, sensitivity: f64, specificity: f64, threshold: f64) -> f64 {
    let false_positive = (1.0 - prevalence) * (1.0 - specificity);
    prevalence * sensitivity - false_positive * threshold / (1.0 - threshold)
}

/// What a screen does to so many tumours, against sequencing all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impact {
    /// NGS tests that are not needed.
    pub saved: Estimate,
    /// Fusions that are missed.
    pub missed: Estimate,
    /// NGS tests for each fusion found.
    pub tests_per_fusion: Option<Estimate>,
}

/// Of `tumours` at a prevalence; the intervals carry those of sensitivity and specificity, the worse ends together.
pub fn impact(
    tumours: f64,
    prevalence: f64,
    sensitivity: &Estimate,
    specificity: &Estimate,
) -> Impact {
    let [s0, s1] = sensitivity.interval95.unwrap_or([sensitivity.value; 2]);
    let [t0, t1] = specificity.interval95.unwrap_or([specificity.value; 2]);
    let saved =
        |sens: f64, spec: f64| tumours * (prevalence * (1.0 - sens) + (1.0 - prevalence) * spec);
    let missed = |sens: f64| tumours * prevalence * (1.0 - sens);
    let (sens, spec) = (sensitivity.value, specificity.value);
    let n = sensitivity.n + specificity.n;
    let per_fusion = |sens: f64, spec: f64| {
        let found = tumours * prevalence * sens;
        (found > 0.0).then(|| (tumours - saved(sens, spec)) / found)
    };
    let interval = per_fusion(s1, t1)
        .zip(per_fusion(s0, t0))
        .map(|(best, worst)| [best, worst]);
    Impact {
        saved: Estimate::plain(
            saved(sens, spec),
            Some([saved(s1, t0), saved(s0, t1)]),
            n,
            0,
        ),
        missed: Estimate::plain(
            missed(sens),
            Some([missed(s1), missed(s0)]),
            sensitivity.n,
            2,
        ),
        tests_per_fusion: per_fusion(sens, spec).map(|value| {
            Estimate::plain(value, interval, n, 1).or_because("perhaps none would be found")
        }),
    }
}

/// The predictive values at a prevalence that is not the cohort's, by Bayes' rule: after a positive and after a negative.
pub fn predictive_values(prevalence: f64, sensitivity: f64, specificity: f64) -> [Option<f64>; 2] {
    let ratio = |part: f64, rest: f64| (part + rest > 0.0).then(|| part / (part + rest));
    [
        ratio(
            prevalence * sensitivity,
            (1.0 - prevalence) * (1.0 - specificity),
        ),
        ratio(
            prevalence * (1.0 - sensitivity),
            (1.0 - prevalence) * specificity,
        ),
    ]
}
