//! How many slides a validation needs.

use super::proportion::wilson;

/// The most discordant of `n` at which the share that agrees still reaches `wanted`.
pub fn allowed_discordant(n: u64, wanted: f64) -> Option<u64> {
    // A last digit must not cost a slide: 57 of 60 is 95 %.
    let least = (wanted * n as f64 - 1e-9).ceil().max(0.0) as u64;
    (least <= n && n > 0).then(|| n - least)
}

/// The most discordant of `n` at which the lower end of Wilson's interval still reaches `wanted`.
pub fn allowed_discordant_with_interval(n: u64, wanted: f64) -> Option<u64> {
    (0..=n)
        .take_while(|&discordant| n > 0 && wilson(n - discordant, n)[0] >= wanted)
        .last()
}

/// The fewest slides with which, at a true agreement, the lower end of Wilson's interval is expected to reach `wanted`; `None` beyond 100,000 or where the truth is no better than that.
pub fn slides_needed(true_agreement: f64, wanted: f64) -> Option<u64> {
    if true_agreement <= wanted {
        return None;
    }
    (1..=100_000).find(|&n| {
        let agreeing = (true_agreement * n as f64).round() as u64;
        wilson(agreeing.min(n), n)[0] >= wanted
    })
}
