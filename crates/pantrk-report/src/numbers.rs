//! Numbers as people read them; what was not measured is a dash.

/// Stands for a number that is not there.
pub(crate) const MISSING: &str = "–";

/// A number with a fixed number of decimals and thousands parted by thin spaces.
pub(crate) fn num(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    if value < 0.0 && text.bytes().any(|b| b.is_ascii_digit() && b != b'0') {
        out.push('\u{2212}');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) && whole.len() > 4 {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A count.
pub(crate) fn count(n: u64) -> String {
    num(n as f64, 0)
}

/// A percentage (0 to 100) without its sign: one decimal, two below 2, so that a 1 % cut-off can be read.
pub(crate) fn pct(value: f64) -> String {
    let near_zero = value.abs() < 2.0 && value != 0.0;
    num(value, if near_zero { 2 } else { 1 })
}

/// An interval of percentages.
pub(crate) fn pct_range([low, high]: [f64; 2]) -> String {
    format!("{} to {}", pct(low), pct(high))
}

/// A probability (0 to 1) as a percentage with its sign and two significant digits.
pub(crate) fn probability_text(p: f64) -> String {
    let percent = p * 100.0;
    if percent <= 0.0 {
        "0 %".to_owned()
    } else if percent < 0.01 {
        "< 0.01 %".to_owned()
    } else if percent > 99.9 {
        "> 99.9 %".to_owned()
    } else {
        let decimals = if percent < 0.1 {
            3
        } else if percent < 1.0 {
            2
        } else {
            usize::from(!(10.0..=99.0).contains(&percent))
        };
        format!("{percent:.decimals$} %")
    }
}

/// `nuclear_rim`, `not-evaluable`: names of fields and codes as words.
pub(crate) fn words(name: &str) -> String {
    name.replace(['_', '-'], " ")
}

/// A time as RFC 3339 has it, to the minute: `2026-03-02 09:14 UTC`; what is no time stays as it is.
pub(crate) fn minute(time: &str) -> String {
    time.parse::<jiff::Timestamp>().map_or_else(
        |_| time.to_owned(),
        |t| t.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// A text as a sentence: its first letter large, a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let mut out: String = letters
        .next()
        .map(|c| c.to_uppercase().collect())
        .unwrap_or_default();
    out.push_str(letters.as_str());
    if !out.ends_with(['.', '!', '?', ':']) {
        out.push('.');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded() {
        for (value, decimals, text) in [
            (1_234_567.0, 0, "1\u{202f}234\u{202f}567"),
            (1234.5, 1, "1234.5"),
            (-0.04, 1, "0.0"),
            (-3.25, 2, "\u{2212}3.25"),
            (0.0, 0, "0"),
            (f64::NAN, 0, MISSING),
        ] {
            assert_eq!(num(value, decimals), text);
        }
    }

    #[test]
    fn percentages_near_the_cut_off_have_two_decimals() {
        assert_eq!(
            [0.0, 0.994, 1.004, 42.04, 100.0].map(pct),
            ["0.0", "0.99", "1.00", "42.0", "100.0"]
        );
    }

    #[test]
    fn probabilities_keep_two_digits_and_never_reach_certainty() {
        for (p, text) in [
            (0.000_05, "< 0.01 %"),
            (0.0031, "0.31 %"),
            (0.042, "4.2 %"),
            (0.42, "42 %"),
            (0.9995, "> 99.9 %"),
        ] {
            assert_eq!(probability_text(p), text);
        }
    }

    #[test]
    fn times_are_given_to_the_minute() {
        let text = minute("2026-03-02T09:14:05.123456789Z");
        assert_eq!(text, "2026-03-02 09:14 UTC");
        assert_eq!(minute("yesterday"), "yesterday");
    }

    #[test]
    fn sentences_begin_large_and_end() {
        assert_eq!(sentence("the call hangs"), "The call hangs.");
        assert_eq!(sentence(" Done. "), "Done.");
    }
}
