//! Confusion matrices.

use super::canvas::{Canvas, Lettering};
use super::{Colour, Side};

/// Counts of two readings, half a page wide, as an `<svg>` element: a row per word of the first, a column per word of the second; a cell is as dark as its share of the row.
pub fn confusion_matrix(
    [row_title, column_title]: [&str; 2],
    [rows, columns]: [&[&str]; 2],
    count: impl Fn(usize, usize) -> u64,
) -> String {
    const WIDTH: f64 = 428.0;
    const LEFT: f64 = 130.0;
    const TOP: f64 = 50.0;
    const ROW: f64 = 54.0;
    // Two scales of their own have no diagonal to agree on.
    let is_square = rows.iter().any(|word| columns.contains(word));
    let cell = (WIDTH - LEFT) / columns.len().max(1) as f64;
    let mut canvas = Canvas::new(WIDTH as u32, (TOP + ROW * rows.len() as f64 + 8.0) as u32);
    canvas.centred(
        (LEFT + (WIDTH - LEFT) / 2.0, 10.0),
        column_title,
        Lettering::INK,
    );
    canvas.text((0.0, 32.0), row_title, Lettering::INK, Side::Right);
    for (j, word) in columns.iter().enumerate() {
        canvas.centred(
            (LEFT + cell * (j as f64 + 0.5), 32.0),
            word,
            Lettering::SOFT,
        );
    }
    for (i, word) in rows.iter().enumerate() {
        let y = TOP + ROW * i as f64;
        canvas.text((0.0, y + ROW / 2.0), word, Lettering::SOFT, Side::Right);
        let total: u64 = (0..columns.len()).map(|j| count(i, j)).sum();
        for j in 0..columns.len() {
            let x = LEFT + cell * j as f64;
            let share = count(i, j) as f64 / total.max(1) as f64;
            let agrees = !is_square || rows.get(i) == columns.get(j);
            let colour = if agrees {
                Colour::Blue
            } else {
                Colour::Vermillion
            };
            canvas.fill(
                [(x + 1.5, y + 1.5), (x + cell - 1.5, y + ROW - 1.5)],
                colour,
                0.05 + 0.75 * share,
            );
            // White on dark, ink on pale.
            let text = if share > 0.5 {
                (255, 255, 255)
            } else {
                Colour::Ink.rgb()
            };
            let lettering = Lettering {
                size: 15.0,
                colour: text,
                ..Lettering::BOLD
            };
            canvas.centred(
                (x + cell / 2.0, y + ROW / 2.0),
                &count(i, j).to_string(),
                lettering,
            );
        }
    }
    canvas.finish()
}
