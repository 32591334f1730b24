//! How a cohort's figures are spread.

use pantrk_core::score::{IhcResult, ScoringTable};
use pantrk_store::SlideResult;

use super::Drawing;
use crate::drawings::{INK, LINE, SOFT, Text, put, svg};
use crate::model::ihc_mark;
use crate::numbers::num;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 38.0;
const FOOT: f64 = 40.0;
const TOP: f64 = 14.0;
const ORDER: [IhcResult; 3] = [
    IhcResult::Negative,
    IhcResult::Indeterminate,
    IhcResult::Positive,
];

pub(super) fn all(slides: &[&SlideResult]) -> Vec<Drawing> {
    let scored: Vec<_> = slides
        .iter()
        .filter_map(|s| Some((s.compartments.as_ref()?.any, s.ihc.result)))
        .collect();
    if scored.is_empty() {
        return Vec::new();
    }
    let percents: Vec<_> = scored
        .iter()
        .map(|(a, r)| (a.positive_percent, *r))
        .collect();
    let h_scores: Vec<_> = scored.iter().map(|(a, r)| (a.h_score, *r)).collect();
    let cells: Vec<_> = slides
        .iter()
        .map(|s| (s.cells.tumour as f64, s.ihc.result))
        .collect();
    let table = ScoringTable::embedded();
    vec![
        Drawing {
            title: "Positive tumour cells, any compartment",
            svg: histogram(
                &percents,
                &[0.1, 0.3, 1.0, 3.0, 10.0, 30.0],
                "percent",
                Some(table.any_cutoff_percent()),
            ),
        },
        Drawing {
            title: "H-score, any compartment",
            svg: histogram(
                &h_scores,
                &[1.0, 5.0, 10.0, 30.0, 60.0, 100.0, 150.0, 200.0],
                "H-score",
                None,
            ),
        },
        Drawing {
            title: "Tumour cells",
            svg: histogram(
                &cells,
                &[
                    table.least_cells() as f64,
                    table.cells_for_one_percent() as f64,
                    2e3,
                    1e4,
                    5e4,
                    2e5,
                ],
                "cells",
                None,
            ),
        },
    ]
}

/// Slides per class of a figure, stacked by result; `bounds` part the classes, a value at a bound is above it.
fn histogram(
    values: &[(f64, IhcResult)],
    bounds: &[f64],
    unit: &str,
    cutoff: Option<f64>,
) -> String {
    let classes = bounds.len() + 1;
    let mut counts = vec![[0_usize; 4]; classes];
    for (value, result) in values {
        let class = bounds.iter().filter(|b| value >= b).count();
        let kind = ORDER.iter().position(|r| r == result).unwrap_or(3);
        counts[class][kind] += 1;
    }
    let most = counts
        .iter()
        .map(|c| c.iter().sum::<usize>())
        .max()
        .unwrap_or(0)
        .max(1);
    let step = (WIDTH - LEFT - 8.0) / classes as f64;
    let height = HEIGHT - FOOT - TOP;
    let mut out = svg(WIDTH, HEIGHT, &format!("slides by {unit}"));
    for tick in ticks(most) {
        let y = TOP + height * (1.0 - tick as f64 / most as f64);
        put(
            &mut out,
            format_args!(
                "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{LINE}\"/>",
                WIDTH - 8.0
            ),
        );
        label(&mut out, LEFT - 6.0, y + 4.0, &tick.to_string(), "end");
    }
    for (i, class) in counts.iter().enumerate() {
        let x = LEFT + step * i as f64;
        let mut y = TOP + height;
        for (kind, &n) in class.iter().enumerate() {
            let part = height * n as f64 / most as f64;
            y -= part;
            if n > 0 {
                let colour = ORDER
                    .get(kind)
                    .map_or("#c3c9cf".to_owned(), |&r| bar_colour(r).to_owned());
                put(
                    &mut out,
                    format_args!(
                        "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{part:.1}\" fill=\"{colour}\"/>",
                        x + 1.5,
                        step - 3.0
                    ),
                );
            }
        }
    }
    for (i, bound) in bounds.iter().enumerate() {
        let x = LEFT + step * (i + 1) as f64;
        let at_cutoff = cutoff.is_some_and(|c| (c - bound).abs() < 1e-9);
        if at_cutoff {
            put(
                &mut out,
                format_args!(
                    "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{:.1}\" stroke=\"{INK}\" stroke-dasharray=\"3 3\"/>",
                    TOP - 8.0,
                    TOP + height
                ),
            );
        }
        label(&mut out, x, TOP + height + 15.0, &short(*bound), "middle");
    }
    let legend = values.iter().any(|v| v.1 == IhcResult::NotEvaluable);
    let mut x = LEFT;
    for (name, colour) in ORDER
        .iter()
        .map(|&r| (ihc_mark(r).word, bar_colour(r)))
        .chain(legend.then(|| ("not evaluable".to_owned(), "#c3c9cf")))
    {
        put(
            &mut out,
            format_args!(
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\" fill=\"{colour}\"/>",
                HEIGHT - 13.0
            ),
        );
        label(&mut out, x + 13.0, HEIGHT - 5.0, &name, "start");
        x += 26.0 + 6.3 * name.len() as f64;
    }
    label(&mut out, WIDTH - 8.0, HEIGHT - 5.0, unit, "end");
    out.push_str("</svg>");
    out
}

const fn bar_colour(result: IhcResult) -> &'static str {
    match result {
        IhcResult::Negative => "#a9b8c4",
        IhcResult::Indeterminate => "#4a90b5",
        IhcResult::Positive => "#c05a12",
        IhcResult::NotEvaluable => "#c3c9cf",
    }
}

fn label(out: &mut String, x: f64, y: f64, text: &str, anchor: &'static str) {
    Text {
        x,
        y,
        what: text,
        anchor,
        fill: SOFT,
        size: 11.0,
        bold: false,
    }
    .put(out);
}

fn short(value: f64) -> String {
    if value >= 1000.0 {
        format!("{}k", num(value / 1000.0, 0))
    } else {
        num(value, usize::from(value.fract() != 0.0))
    }
}

/// At most five whole numbers from 0, evenly spaced by 1, 2, 10, 20, 100 and so on.
fn ticks(most: usize) -> Vec<usize> {
    let mut step = 1;
    while most / step > 4 {
        step *= if step.to_string().starts_with('2') {
            5
        } else {
            2
        };
    }
    (0..=most).step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_reach_the_top() {
        for most in [1, 3, 7, 12, 49, 130, 999, 20_000] {
            let ticks = ticks(most);
            assert!((2..=5).contains(&ticks.len()), "{most}: {ticks:?}");
            assert_eq!(ticks[0], 0);
        }
    }

    #[test]
    fn a_value_at_a_bound_is_above_it() {
        let svg = histogram(&[(1.0, IhcResult::Positive)], &[1.0], "percent", Some(1.0));
        // The only bar is in the right half.
        let x: f64 = svg
            .split("<rect x=\"")
            .nth(1)
            .and_then(|s| s.split('"').next())
            .unwrap()
            .parse()
            .unwrap();
        assert!(x > LEFT + (WIDTH - LEFT) / 2.0 - 8.0, "{x}");
    }
}
