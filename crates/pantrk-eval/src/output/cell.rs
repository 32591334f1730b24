//! Figures with their n and interval, and the cells of tables.

use serde_json::{Value, json};

/// What a figure's number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A probability, 0 to 1 in the files; people read it in percent.
    Probability,
    /// A number as it is, with so many decimals for people.
    Plain(usize),
}

/// A figure with its 95 % interval and the number of things it was worked out from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its 95 % interval; `None` where no method gives one.
    pub interval95: Option<[f64; 2]>,
    /// Why there is no interval, in a few words.
    pub no_interval: Option<&'static str>,
    /// From how many: slides, pairs, images, nuclei; 0 for a published figure without counts.
    pub n: u64,
    /// Of a proportion, how many of the n.
    pub k: Option<u64>,
    /// What the number means.
    pub unit: Unit,
}

impl Estimate {
    /// A proportion of counts.
    pub fn proportion(k: u64, n: u64, interval95: [f64; 2]) -> Self {
        Self {
            value: k as f64 / n as f64,
            interval95: Some(interval95),
            no_interval: None,
            n,
            k: Some(k),
            unit: Unit::Probability,
        }
    }

    /// A plain number with so many decimals for people.
    pub const fn plain(value: f64, interval95: Option<[f64; 2]>, n: u64, decimals: usize) -> Self {
        Self {
            value,
            interval95,
            no_interval: None,
            n,
            k: None,
            unit: Unit::Plain(decimals),
        }
    }

    /// A probability that is not a plain proportion.
    pub const fn probability(value: f64, interval95: Option<[f64; 2]>, n: u64) -> Self {
        Self {
            value,
            interval95,
            no_interval: None,
            n,
            k: None,
            unit: Unit::Probability,
        }
    }

    /// Says why there is no interval, where there is none.
    #[must_use]
    pub const fn or_because(mut self, why: &'static str) -> Self {
        if self.interval95.is_none() {
            self.no_interval = Some(why);
        }
        self
    }

    /// The figure alone, as people read it.
    pub fn value_text(&self) -> String {
        number_text(self.value, self.unit)
    }

    /// The interval, as people read it, or why there is none.
    pub fn interval_text(&self) -> String {
        self.interval95.map_or_else(
            || {
                let why = self.no_interval_text();
                format!("no interval: {why}")
            },
            |[low, high]| {
                format!(
                    "{} to {}",
                    bare_text(low, self.unit),
                    bare_text(high, self.unit)
                )
            },
        )
    }

    fn no_interval_text(&self) -> &'static str {
        self.no_interval.unwrap_or("not known")
    }

    /// `k/n`, or `n = ...`.
    pub fn count_text(&self) -> String {
        match self.k {
            Some(k) => format!("{}/{}", grouped(k), grouped(self.n)),
            None if self.n == 0 => String::new(),
            None => format!("n = {}", grouped(self.n)),
        }
    }
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// How many.
    Count(u64),
    /// A number, with so many decimals for people.
    Number(f64, usize),
    /// A p-value.
    PValue(f64),
    /// A figure with n and interval.
    Estimate(Estimate),
    /// No figure: from how many it would have been, and why there is none.
    Missing {
        /// From how many.
        n: u64,
        /// Why, in a few words.
        why: String,
    },
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// No figure, and why.
    pub fn missing(n: u64, why: impl Into<String>) -> Self {
        Self::Missing { n, why: why.into() }
    }

    /// A figure, or why there is none.
    pub fn of(estimate: Result<Estimate, String>, n: u64) -> Self {
        estimate.map_or_else(|why| Self::missing(n, why), Self::from)
    }

    /// As `eval.json` has it.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Count(n) => json!(n),
            Self::Number(value, _) | Self::PValue(value) => json!(value),
            Self::Estimate(e) => {
                let mut object = json!({ "value": e.value, "interval95": e.interval95, "n": e.n });
                if let Some(fields) = object.as_object_mut() {
                    if let Some(k) = e.k {
                        fields.insert("k".to_owned(), json!(k));
                    }
                    if e.interval95.is_none() {
                        fields.insert("no_interval".to_owned(), json!(e.no_interval_text()));
                    }
                }
                object
            }
            Self::Missing { n, why } => json!({ "value": null, "n": n, "why": why }),
        }
    }

    /// Whether every number in it is finite.
    pub(super) fn is_finite(&self) -> bool {
        match self {
            Self::Number(value, _) | Self::PValue(value) => value.is_finite(),
            Self::Estimate(e) => {
                e.value.is_finite() && e.interval95.iter().flatten().all(|v| v.is_finite())
            }
            Self::Text(_) | Self::Count(_) | Self::Missing { .. } => true,
        }
    }

    /// On one line of the terminal.
    pub(super) fn to_line(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(n) => grouped(*n),
            Self::Number(value, decimals) => bare_text(*value, Unit::Plain(*decimals)),
            Self::PValue(p) => p_text(*p),
            Self::Estimate(e) => {
                let mut text = e.value_text();
                for (open, part, close) in
                    [('(', e.interval_text(), ')'), ('[', e.count_text(), ']')]
                {
                    if !part.is_empty() {
                        text.extend([' ', open]);
                        text.push_str(&part);
                        text.push(close);
                    }
                }
                text
            }
            Self::Missing { why, .. } => why.clone(),
        }
    }
}

impl From<Estimate> for Cell {
    /// A number that is none becomes a missing figure.
    fn from(estimate: Estimate) -> Self {
        let cell = Self::Estimate(estimate);
        if cell.is_finite() {
            cell
        } else {
            Self::missing(estimate.n, "not defined on these data")
        }
    }
}

fn number_text(value: f64, unit: Unit) -> String {
    let text = bare_text(value, unit);
    match unit {
        Unit::Probability => format!("{text} %"),
        Unit::Plain(_) => text,
    }
}

/// Without the percent sign; percents have one decimal, two near their ends.
fn bare_text(value: f64, unit: Unit) -> String {
    let (value, decimals) = match unit {
        Unit::Probability => {
            let percent = value * 100.0;
            let near_end = percent != 0.0 && percent.abs() < 2.0;
            (percent, if near_end { 2 } else { 1 })
        }
        Unit::Plain(decimals) => (value, decimals),
    };
    let text = format!("{value:.decimals$}");
    // "-0.00" is a zero.
    let is_zero = !text.bytes().any(|b| b.is_ascii_digit() && b != b'0');
    if is_zero {
        text.trim_start_matches('-').to_owned()
    } else {
        text.replace('-', "\u{2212}")
    }
}

/// A p-value: three decimals, or below 0.001.
pub(super) fn p_text(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

/// Thousands apart by commas, from 10,000 on.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
