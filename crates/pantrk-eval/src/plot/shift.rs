//! How a probability moves: before a test, after a positive, after a negative one.

use super::canvas::{Canvas, Lettering};
use super::{Axis, Colour, Side};

/// A figure and its interval.
pub type Ranged = (f64, [f64; 2]);

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftRow {
    /// On the left.
    pub label: String,
    /// Before the test.
    pub before: Option<Ranged>,
    /// After a positive.
    pub if_positive: Option<Ranged>,
    /// After a negative.
    pub if_negative: Option<Ranged>,
}

/// The plot, a whole page wide, as an `<svg>` element; `names` are those of before, positive and negative.
pub fn shifts(axis: &Axis, rows: &[ShiftRow], names: [&str; 3]) -> String {
    const ROW: f64 = 27.0;
    const HEAD: f64 = 34.0;
    const WIDTH: f64 = 884.0;
    const LEFT: f64 = 290.0;
    const RIGHT: f64 = 866.0;
    let foot = HEAD + ROW * rows.len() as f64;
    let mut canvas = Canvas::new(WIDTH as u32, (foot + 50.0) as u32);
    let to_x = |v: f64| LEFT + axis.place(v).clamp(0.0, 1.0) * (RIGHT - LEFT);
    for (at, text) in &axis.ticks {
        let x = to_x(*at);
        canvas.grid((x, HEAD - 4.0), (x, foot));
        canvas.tick((x, foot + 6.0), text, Side::Below);
    }
    canvas.axis_label((f64::midpoint(LEFT, RIGHT), foot + 27.0), &axis.label);
    let series = [
        (Colour::Blue, false, 4.5),
        (Colour::Grey, true, 0.0),
        (Colour::Vermillion, false, -4.5),
    ];
    // The key stands above, in the order of the marks from left to right.
    for (i, (name, (colour, hollow, _))) in [names[2], names[0], names[1]]
        .iter()
        .zip(series)
        .enumerate()
    {
        let x = LEFT + 190.0 * i as f64;
        canvas.dot((x + 6.0, 13.0), colour, 4.2, hollow);
        canvas.text(
            (x + 16.0, 13.0),
            name,
            Lettering {
                colour: colour.rgb(),
                ..Lettering::BOLD
            },
            Side::Right,
        );
    }
    for (i, row) in rows.iter().enumerate() {
        let y = HEAD + ROW * (i as f64 + 0.5);
        canvas.text((0.0, y), &row.label, Lettering::INK, Side::Right);
        let figures = [row.if_negative, row.before, row.if_positive];
        for (figure, (colour, hollow, shift)) in figures.into_iter().zip(series) {
            if let Some((value, [low, high])) = figure {
                let y = y + shift;
                canvas.line(&[(to_x(low), y), (to_x(high), y)], colour, 1.6, false);
                canvas.dot((to_x(value), y), colour, 3.6, hollow);
            }
        }
    }
    canvas.finish()
}
