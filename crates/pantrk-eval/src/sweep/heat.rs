//! A grid of figures as coloured squares, each with its number.

use pantrk_store::ColorMap;
use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{
    Color as _, DrawingArea, DrawingBackend, IntoDrawingArea as _, IntoFont as _, RGBColor,
    Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Pixels.
const SQUARE: (i32, i32) = (66, 34);
const LEFT: i32 = 92;
const TOP: i32 = 16;
const BELOW: i32 = 58;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(38, 43, 51);

/// What is drawn: `values` row by row, 0 to 1, `None` where there is none.
pub(super) struct Heat<'a> {
    pub(super) columns: &'a [String],
    pub(super) rows: &'a [String],
    pub(super) values: &'a [Option<f64>],
    pub(super) labels: &'a [String],
    pub(super) column_title: &'a str,
    pub(super) row_title: &'a str,
}

/// The picture as an `<svg>` element.
///
/// # Errors
/// What the drawing says, in words.
pub(super) fn draw(heat: &Heat<'_>) -> Result<String, String> {
    let width = LEFT + SQUARE.0 * heat.columns.len() as i32 + 16;
    let height = TOP + SQUARE.1 * heat.rows.len() as i32 + BELOW;
    let mut svg = String::new();
    let size = (width as u32, height as u32);
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    paint(&area, heat).map_err(|e| e.to_string())?;
    area.present().map_err(|e| e.to_string())?;
    drop(area);
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failed<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn paint<'a>(area: &Area<'a>, heat: &Heat<'_>) -> Result<(), Failed<'a>> {
    let style = |size: i32, colour: RGBColor, h: HPos| {
        (FONT, size)
            .into_font()
            .color(&colour)
            .pos(Pos::new(h, VPos::Center))
    };
    let colours = ColorMap::CIVIDIS.table();
    let bottom = TOP + SQUARE.1 * heat.rows.len() as i32;
    for (r, row) in heat.rows.iter().enumerate() {
        let y = TOP + SQUARE.1 * r as i32;
        let middle = y + SQUARE.1 / 2;
        area.draw(&Text::new(
            row.clone(),
            (LEFT - 8, middle),
            style(13, INK, HPos::Right),
        ))?;
        for c in 0..heat.columns.len() {
            let x = LEFT + SQUARE.0 * c as i32;
            let place = r * heat.columns.len() + c;
            let value = heat.values.get(place).copied().flatten();
            let colour = value.map_or([235, 237, 240], |v| {
                colours[(v.clamp(0.0, 1.0) * 255.0).round() as usize]
            });
            let [red, green, blue] = colour;
            let fill = RGBColor(red, green, blue);
            area.draw(&Rectangle::new(
                [(x, y), (x + SQUARE.0 - 2, y + SQUARE.1 - 2)],
                fill.filled(),
            ))?;
            let label = heat.labels.get(place).cloned().unwrap_or_default();
            let at = (x + SQUARE.0 / 2 - 1, middle - 1);
            area.draw(&Text::new(
                label,
                at,
                style(13, ink_on(colour), HPos::Center),
            ))?;
        }
    }
    for (c, column) in heat.columns.iter().enumerate() {
        let x = LEFT + SQUARE.0 * c as i32 + SQUARE.0 / 2;
        area.draw(&Text::new(
            column.clone(),
            (x, bottom + 12),
            style(13, INK, HPos::Center),
        ))?;
    }
    let middle = LEFT + SQUARE.0 * heat.columns.len() as i32 / 2;
    area.draw(&Text::new(
        heat.column_title.to_owned(),
        (middle, bottom + 36),
        style(13, INK, HPos::Center),
    ))?;
    area.draw(&Text::new(
        heat.row_title.to_owned(),
        (8, bottom + 12),
        style(12, INK, HPos::Left),
    ))?;
    Ok(())
}

/// Dark on light squares, light on dark ones.
fn ink_on([r, g, b]: [u8; 3]) -> RGBColor {
    let light = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
    if light > 130.0 {
        RGBColor(0, 0, 0)
    } else {
        RGBColor(255, 255, 255)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_square_has_its_number() {
        let words = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        let svg = draw(&Heat {
            columns: &words(&["1", "5"]),
            rows: &words(&["0.10", "0.20"]),
            values: &[Some(0.0), Some(1.0), Some(0.5), None],
            labels: &words(&["a1", "b2", "c3", "–"]),
            column_title: "cut-off (%)",
            row_title: "1+ from",
        })
        .unwrap();
        assert!(svg.starts_with("<svg"));
        for word in ["a1", "b2", "c3", "0.10", "cut-off (%)"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}
