//! The reports' own drawings as SVG: stacked grades, probabilities with their intervals, and what a cohort shows.
//!
//! Page and PDF show the same drawings, so every colour and typeface stands in the drawing itself and not in a style sheet.

use pantrk_core::score::CompartmentScore;
use pantrk_store::GRADE_COLOURS;

use crate::numbers::probability_text;

/// Of all text.
pub(crate) const INK: &str = "#1d2329";
/// Of what is beside the point.
pub(crate) const SOFT: &str = "#59636e";
/// Of grid lines.
pub(crate) const LINE: &str = "#dfe3e7";
/// The one accent colour.
pub(crate) const ACCENT: &str = "#0b5a7d";
/// The accent, pale.
pub(crate) const ACCENT_PALE: &str = "#b7d3e0";

/// Opens a drawing of that size.
pub(crate) fn svg(width: f64, height: f64, label: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{}\" font-family=\"Inter\" font-size=\"13\">",
        escape(label)
    )
}

/// One piece of text of a drawing.
pub(crate) struct Text<'a> {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) what: &'a str,
    /// `start`, `middle` or `end`.
    pub(crate) anchor: &'static str,
    pub(crate) fill: &'a str,
    pub(crate) size: f64,
    pub(crate) bold: bool,
}

impl Text<'_> {
    pub(crate) fn put(&self, svg: &mut String) {
        let weight = if self.bold { 600 } else { 400 };
        put(
            svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\" fill=\"{}\" font-size=\"{}\" font-weight=\"{weight}\">{}</text>",
                self.x,
                self.y,
                self.anchor,
                self.fill,
                self.size,
                escape(self.what)
            ),
        );
    }
}

/// Adds to a drawing.
pub(crate) fn put(svg: &mut String, what: std::fmt::Arguments<'_>) {
    svg.push_str(&what.to_string());
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The colours of the grades, negative first, as CSS colours.
pub(crate) fn grade_colours() -> [String; 4] {
    GRADE_COLOURS.map(hex)
}

/// A bar of 100 %: 3+, 2+ and 1+ from the left, the rest unfilled.
pub(crate) fn grade_bar(score: &CompartmentScore) -> String {
    const WIDTH: f64 = 120.0;
    let label = format!(
        "3+ {:.1} %, 2+ {:.1} %, 1+ {:.1} %",
        score.percent_3, score.percent_2, score.percent_1
    );
    let mut out = svg(WIDTH, 12.0, &label);
    put(
        &mut out,
        format_args!("<rect width=\"{WIDTH}\" height=\"12\" rx=\"2\" fill=\"#e6e9ec\"/>"),
    );
    let mut x = 0.0;
    for (percent, grade) in [
        (score.percent_3, 3),
        (score.percent_2, 2),
        (score.percent_1, 1),
    ] {
        let width = percent.clamp(0.0, 100.0) / 100.0 * WIDTH;
        if width > 0.0 {
            put(
                &mut out,
                format_args!(
                    "<rect x=\"{x:.2}\" width=\"{:.2}\" height=\"12\" fill=\"{}\"/>",
                    width.max(0.6),
                    hex(GRADE_COLOURS[grade])
                ),
            );
        }
        x += width;
    }
    out.push_str("</svg>");
    out
}

/// One row of [`probability_bars`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProbabilityRow {
    /// On the left, at most some 30 characters.
    pub(crate) label: String,
    /// 0 to 1.
    pub(crate) p: f64,
    /// 95 % interval.
    pub(crate) interval95: [f64; 2],
    /// Whether it is for a stain that this slide does not show.
    pub(crate) hypothetical: bool,
}

const LOWEST: f64 = 1e-4;

/// Where a probability lies on the logarithmic axis, 0 to 1.
fn place(p: f64) -> f64 {
    1.0 - p.clamp(LOWEST, 1.0).log10() / LOWEST.log10()
}

/// Probabilities with their intervals on one logarithmic axis from 0.01 % to 100 %: fusions are rare, and on a plain axis every prior would sit at zero.
pub(crate) fn probability_bars(rows: &[ProbabilityRow]) -> String {
    const LEFT: f64 = 190.0;
    const SPAN: f64 = 350.0;
    const ROW: f64 = 34.0;
    const WIDTH: f64 = 760.0;
    let foot = 8.0 + ROW * rows.len() as f64;
    let x = |p: f64| LEFT + place(p) * SPAN;
    let mut out = svg(
        WIDTH,
        foot + 26.0,
        "probability of an NTRK fusion, with 95 % intervals",
    );
    for (p, text) in [
        (1e-4, "0.01 %"),
        (1e-3, "0.1 %"),
        (1e-2, "1 %"),
        (1e-1, "10 %"),
        (1.0, "100 %"),
    ] {
        let x = x(p);
        put(
            &mut out,
            format_args!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"4\" y2=\"{foot}\" stroke=\"{LINE}\"/>"
            ),
        );
        Text {
            x,
            y: foot + 17.0,
            what: text,
            anchor: "middle",
            fill: SOFT,
            size: 11.5,
            bold: false,
        }
        .put(&mut out);
    }
    for (i, row) in rows.iter().enumerate() {
        let y = 8.0 + ROW * (i as f64 + 0.5);
        probability_row(&mut out, row, y, &x, LEFT + SPAN + 14.0);
    }
    out.push_str("</svg>");
    out
}

fn probability_row(
    out: &mut String,
    row: &ProbabilityRow,
    y: f64,
    x: &dyn Fn(f64) -> f64,
    value_x: f64,
) {
    let [low, high] = row.interval95;
    let (from, to) = (x(low), x(high));
    let (bar, dot, ink) = if row.hypothetical {
        ("#e6e9ed", "#ffffff", SOFT)
    } else {
        (ACCENT_PALE, ACCENT, INK)
    };
    let edge = if row.hypothetical { "#8a949e" } else { ACCENT };
    put(
        out,
        format_args!(
            "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" rx=\"6\" fill=\"{bar}\"/>\
             <circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{dot}\" stroke=\"{edge}\" stroke-width=\"1.6\"/>",
            y - 6.0,
            (to - from).max(3.0),
            x(row.p),
        ),
    );
    Text {
        x: 0.0,
        y: y + 4.5,
        what: &row.label,
        anchor: "start",
        fill: ink,
        size: 13.0,
        bold: false,
    }
    .put(out);
    put(
        out,
        format_args!(
            "<text x=\"{value_x:.1}\" y=\"{:.1}\" fill=\"{SOFT}\" font-size=\"13\">\
             <tspan fill=\"{ink}\" font-weight=\"600\">{}</tspan> ({} to {})</text>",
            y + 4.5,
            escape(&probability_text(row.p)),
            escape(&probability_text(low)),
            escape(&probability_text(high)),
        ),
    );
}

/// Text for markup.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_is_logarithmic_and_ends_at_its_ends() {
        assert!((place(1.0) - 1.0).abs() < 1e-12);
        assert!(place(0.0).abs() < 1e-12);
        assert!((place(0.01) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn labels_are_escaped() {
        let svg = probability_bars(&[ProbabilityRow {
            label: "<script>".to_owned(),
            p: 0.1,
            interval95: [0.05, 0.2],
            hypothetical: false,
        }]);
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
    }
}
