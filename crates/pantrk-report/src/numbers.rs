//! Numbers as people read them; what was not measured is a dash.

use minijinja::Value;

/// Stands for a number that is not there.
const MISSING: &str = "–";

fn float(value: &Value) -> Option<f64> {
    f64::try_from(value.clone()).ok().filter(|v| v.is_finite())
}

/// A number with a fixed number of decimals and thousands parted by thin spaces.
pub(crate) fn num(value: &Value, decimals: Option<usize>) -> String {
    float(value).map_or_else(
        || MISSING.to_owned(),
        |value| grouped(value, decimals.unwrap_or(0)),
    )
}

fn grouped(value: f64, decimals: usize) -> String {
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

/// A percentage (0 to 100) without its sign: one decimal, two below 1, so that a 1 % cut-off can be read.
pub(crate) fn pct(value: &Value) -> String {
    float(value).map_or_else(
        || MISSING.to_owned(),
        |value| {
            let near_zero = value.abs() < 2.0 && value != 0.0;
            grouped(value, if near_zero { 2 } else { 1 })
        },
    )
}

/// A probability (0 to 1) as a percentage with its sign and two significant digits.
pub(crate) fn prob(value: &Value) -> String {
    float(value).map_or_else(|| MISSING.to_owned(), probability_text)
}

/// See [`prob`].
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
pub(crate) fn words(value: &Value) -> String {
    hyphens_out(&value.to_string())
}

/// See [`words`].
pub(crate) fn hyphens_out(name: &str) -> String {
    name.replace(['_', '-'], " ")
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
        ] {
            assert_eq!(num(&Value::from(value), Some(decimals)), text);
        }
        assert_eq!(num(&Value::from(()), Some(1)), MISSING);
        assert_eq!(num(&Value::UNDEFINED, None), MISSING);
        assert_eq!(num(&Value::from(f64::NAN), None), MISSING);
    }

    #[test]
    fn percentages_near_the_cut_off_have_two_decimals() {
        let text = |v: f64| pct(&Value::from(v));
        assert_eq!(
            [
                text(0.0),
                text(0.994),
                text(1.004),
                text(42.04),
                text(100.0)
            ],
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
}
