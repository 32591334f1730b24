//! The report's own drawings as inline SVG: stacked grades, and probabilities with their intervals.

use pantrk_core::score::CompartmentScore;
use pantrk_store::GRADE_COLOURS;

use crate::numbers::probability_text;

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
    let mut x = 0.0;
    let mut parts = String::new();
    for (percent, grade) in [
        (score.percent_3, 3),
        (score.percent_2, 2),
        (score.percent_1, 1),
    ] {
        let width = percent.clamp(0.0, 100.0) / 100.0 * WIDTH;
        if width > 0.0 {
            let shown = width.max(0.6);
            let colour = hex(GRADE_COLOURS[grade]);
            let part = format!(
                "<rect x=\"{x:.2}\" width=\"{shown:.2}\" height=\"12\" fill=\"{colour}\"/>"
            );
            parts.push_str(&part);
        }
        x += width;
    }
    format!(
        "<svg class=\"gradebar\" viewBox=\"0 0 {WIDTH} 12\" width=\"{WIDTH}\" height=\"12\" role=\"img\" \
         aria-label=\"3+ {:.1} %, 2+ {:.1} %, 1+ {:.1} %\">\
         <rect width=\"{WIDTH}\" height=\"12\" rx=\"2\" fill=\"#e9ecef\"/>{parts}</svg>",
        score.percent_3, score.percent_2, score.percent_1
    )
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
    const SPAN: f64 = 380.0;
    const ROW: f64 = 34.0;
    const WIDTH: f64 = 760.0;
    let foot = 8.0 + ROW * rows.len() as f64;
    let height = foot + 26.0;
    let x = |p: f64| LEFT + place(p) * SPAN;
    let mut svg = format!(
        "<svg class=\"prob\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"probability of an NTRK fusion, with 95 % intervals\">"
    );
    let mut put = |text: String| svg.push_str(&text);
    for (p, label) in [
        (1e-4, "0.01 %"),
        (1e-3, "0.1 %"),
        (1e-2, "1 %"),
        (1e-1, "10 %"),
        (1.0, "100 %"),
    ] {
        let x = x(p);
        put(format!(
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"4\" y2=\"{foot}\" class=\"grid\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" class=\"tick\" text-anchor=\"middle\">{label}</text>",
            foot + 17.0
        ));
    }
    for (i, row) in rows.iter().enumerate() {
        let y = 8.0 + ROW * (i as f64 + 0.5);
        let class = if row.hypothetical { "what-if" } else { "known" };
        let [low, high] = row.interval95;
        let (from, to) = (x(low), x(high));
        put(format!(
            "<g class=\"{class}\"><text x=\"0\" y=\"{:.1}\" class=\"label\">{}</text>\
             <rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" rx=\"6\" class=\"interval\"/>\
             <circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"5\" class=\"point\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" class=\"value\">{} <tspan class=\"range\">({} to {})</tspan></text></g>",
            y + 4.5,
            escape(&row.label),
            y - 6.0,
            (to - from).max(3.0),
            x(row.p),
            LEFT + SPAN + 14.0,
            y + 4.5,
            escape(&probability_text(row.p)),
            escape(&probability_text(low)),
            escape(&probability_text(high)),
        ));
    }
    svg.push_str("</svg>");
    svg
}

/// Text for markup.
fn escape(text: &str) -> String {
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
