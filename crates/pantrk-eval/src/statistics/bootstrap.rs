//! Bootstrap intervals, the same for any number of threads.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Resamples that an interval is taken from.
pub const RESAMPLES: u64 = 2000;

/// The percentile interval of a statistic over resampled indices of `0..n`.
///
/// Each resample has its own stream of the seed, so the order in which they are drawn does not matter.
/// Resamples on which the statistic is not defined are left out; `None` if that is more than one in ten.
pub fn interval(
    n: usize,
    seed: u64,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
) -> Option<[f64; 2]> {
    stratified(&[n], seed, statistic)
}

/// The percentile interval of a difference and its two-sided p: twice the share of resamples on the far side of zero, and never below that of one resample.
pub fn difference(
    n: usize,
    seed: u64,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
) -> Option<([f64; 2], f64)> {
    let values = resamples(&[n], seed, statistic)?;
    let count = values.len() as f64;
    let side = |of: fn(f64) -> bool| values.iter().filter(|v| of(**v)).count() as f64;
    let fewer = side(|v| v <= 0.0).min(side(|v| v >= 0.0));
    let p = (2.0 * (fewer + 1.0) / (count + 1.0)).min(1.0);
    Some((ends(&values), p))
}

/// The same as [`interval`], drawn within strata: the first `strata[0]` indices, the next `strata[1]`, and so on, each as often as they are.
pub fn stratified(
    strata: &[usize],
    seed: u64,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
) -> Option<[f64; 2]> {
    resamples(strata, seed, statistic).map(|values| ends(&values))
}

fn ends(sorted: &[f64]) -> [f64; 2] {
    [quantile(sorted, 0.025), quantile(sorted, 0.975)]
}

/// The statistic on every resample, sorted.
fn resamples(
    strata: &[usize],
    seed: u64,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
) -> Option<Vec<f64>> {
    let n: usize = strata.iter().sum();
    if n == 0 {
        return None;
    }
    let mut values: Vec<f64> = (0..RESAMPLES)
        .into_par_iter()
        .map_init(
            || Vec::with_capacity(n),
            |indices, resample| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(resample);
                indices.clear();
                let mut start = 0;
                for &size in strata {
                    indices.extend((0..size).map(|_| start + rng.random_range(0..size)));
                    start += size;
                }
                statistic(indices)
            },
        )
        .filter_map(|value| value.filter(|v| v.is_finite()))
        .collect();
    if (values.len() as u64) * 10 < RESAMPLES * 9 {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    Some(values)
}

/// A quantile of sorted values, straight between two of them.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len().saturating_sub(1)) as f64;
    let below = at.floor() as usize;
    let of = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
    let (a, b) = (
        of(below),
        of((below + 1).min(sorted.len().saturating_sub(1))),
    );
    a + (b - a) * (at - at.floor())
}
