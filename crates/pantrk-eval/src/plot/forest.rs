//! Forest plots: a row per study or subgroup, its figure and interval drawn and written.

use super::canvas::{Canvas, Lettering};
use super::{Axis, Colour, Side};

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    /// On the left.
    pub label: String,
    /// Value and interval; `None` where there is no figure.
    pub figure: Option<(f64, [f64; 2])>,
    /// On the right: the figure in words, or why there is none.
    pub text: String,
    /// Further right: counts.
    pub counts: String,
    /// How much it weighs, 0 to 1: larger dots.
    pub weight: f64,
    /// A heading without a figure, or a sum that is drawn as a diamond.
    pub kind: RowKind,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowKind {
    /// One of many.
    #[default]
    Part,
    /// One that is assumed rather than measured: a hollow dot.
    Assumed,
    /// All of them together.
    Sum,
    /// A heading.
    Heading,
}

impl ForestRow {
    /// A heading.
    pub fn heading(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            figure: None,
            text: String::new(),
            counts: String::new(),
            weight: 0.0,
            kind: RowKind::Heading,
        }
    }

    /// An estimate, or why there is none.
    pub fn of(label: &str, estimate: &Result<crate::output::Estimate, String>) -> Self {
        let mut row = Self {
            kind: RowKind::Part,
            ..Self::heading(label)
        };
        match estimate {
            Ok(e) => {
                row.figure = Some((e.value, e.interval95.unwrap_or([e.value; 2])));
                row.text = format!("{} ({})", e.value_text(), e.interval_text());
                row.counts = e.count_text();
                row.weight = ((e.n as f64).ln_1p() / 100f64.ln()).clamp(0.15, 1.0);
            }
            Err(why) => row.text.clone_from(why),
        }
        row
    }

    /// The same as the sum of the rows above.
    #[must_use]
    pub const fn as_sum(mut self) -> Self {
        self.kind = RowKind::Sum;
        self
    }
}

/// The plot, a whole page wide, as an `<svg>` element; `reference` is drawn as a dashed line.
pub fn forest(axis: &Axis, rows: &[ForestRow], reference: Option<f64>) -> String {
    const ROW: f64 = 25.0;
    const WIDTH: f64 = 884.0;
    const LEFT: f64 = 270.0;
    const RIGHT: f64 = 620.0;
    let foot = 10.0 + ROW * rows.len() as f64;
    let mut canvas = Canvas::new(WIDTH as u32, (foot + 50.0) as u32);
    let to_x = |v: f64| LEFT + axis.place(v).clamp(0.0, 1.0) * (RIGHT - LEFT);
    for (at, text) in &axis.ticks {
        let x = to_x(*at);
        canvas.grid((x, 6.0), (x, foot));
        canvas.tick((x, foot + 6.0), text, Side::Below);
    }
    canvas.axis_label((f64::midpoint(LEFT, RIGHT), foot + 27.0), &axis.label);
    if let Some(reference) = reference {
        let x = to_x(reference);
        canvas.line(&[(x, 6.0), (x, foot)], Colour::Grey, 1.2, true);
    }
    for (i, row) in rows.iter().enumerate() {
        let y = 10.0 + ROW * (i as f64 + 0.5);
        let (lettering, indent) = match row.kind {
            RowKind::Part | RowKind::Assumed => (Lettering::INK, 12.0),
            RowKind::Sum => (Lettering::BOLD, 12.0),
            RowKind::Heading => (Lettering::BOLD, 0.0),
        };
        canvas.text((indent, y), &row.label, lettering, Side::Right);
        if let Some((value, [low, high])) = row.figure {
            let (x, x0, x1) = (to_x(value), to_x(low), to_x(high));
            if row.kind == RowKind::Sum {
                let diamond = [(x0, y), (x, y - 7.0), (x1, y), (x, y + 7.0), (x0, y)];
                canvas.area(&diamond, Colour::Blue);
                canvas.line(&diamond, Colour::Blue, 1.8, false);
            } else {
                canvas.line(&[(x0, y), (x1, y)], Colour::Blue, 1.8, false);
                canvas.dot(
                    (x, y),
                    Colour::Blue,
                    2.4 + 3.0 * row.weight,
                    row.kind == RowKind::Assumed,
                );
            }
            canvas.text((RIGHT + 22.0, y), &row.text, lettering, Side::Right);
        } else if row.kind != RowKind::Heading {
            canvas.text((RIGHT + 22.0, y), &row.text, Lettering::SOFT, Side::Right);
        }
        canvas.text((WIDTH, y), &row.counts, Lettering::SOFT, Side::Left);
    }
    canvas.finish()
}
