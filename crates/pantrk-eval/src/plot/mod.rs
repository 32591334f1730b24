//! Plots as SVG: points, lines and bands in one coordinate system, labelled in place.
//!
//! Colours are Okabe and Ito's, darkened for white paper, and never the only difference: lines differ in dash, points in fill, and labels stand beside what they name.

mod canvas;
mod forest;
mod matrix;
mod shift;

use canvas::Canvas;
pub use forest::{ForestRow, RowKind, forest};
pub use matrix::confusion_matrix;
pub use shift::{Ranged, ShiftRow, shifts};

/// A colour that colour-blind people tell from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// The first of everything.
    Blue,
    /// The second.
    Vermillion,
    /// The third.
    Green,
    /// The fourth.
    Purple,
    /// The fifth.
    Orange,
    /// What is there for comparison.
    Grey,
    /// Text and truth.
    Ink,
}

impl Colour {
    /// In the order in which series take them.
    pub const SERIES: [Self; 5] = [
        Self::Blue,
        Self::Vermillion,
        Self::Green,
        Self::Purple,
        Self::Orange,
    ];

    const fn rgb(self) -> (u8, u8, u8) {
        match self {
            Self::Blue => (0x00, 0x56, 0x8a),
            Self::Vermillion => (0xc0, 0x4d, 0x00),
            Self::Green => (0x00, 0x7a, 0x5a),
            Self::Purple => (0xa8, 0x48, 0x7f),
            Self::Orange => (0xb8, 0x74, 0x00),
            Self::Grey => (0x8a, 0x94, 0x9e),
            Self::Ink => (0x1d, 0x23, 0x29),
        }
    }
}

/// Where a label stands from its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the right of it, centred on its height.
    Right,
    /// To the left of it.
    Left,
    /// Above it.
    Above,
    /// Below it.
    Below,
}

/// What is drawn, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line through points.
    Line {
        /// x, y.
        points: Vec<(f64, f64)>,
        /// Its colour.
        colour: Colour,
        /// Pixels.
        width: f64,
        /// Whether it is dashed.
        dashed: bool,
    },
    /// A filled area.
    Area {
        /// Its corners.
        points: Vec<(f64, f64)>,
        /// Its colour, drawn faintly.
        colour: Colour,
    },
    /// Points.
    Dots {
        /// x, y.
        points: Vec<(f64, f64)>,
        /// Their colour.
        colour: Colour,
        /// Radius in pixels.
        radius: f64,
        /// Whether only the rim is drawn.
        hollow: bool,
    },
    /// A word.
    Label {
        /// x, y.
        at: (f64, f64),
        /// The word.
        text: String,
        /// Its colour.
        colour: Colour,
        /// Where it stands from the point.
        side: Side,
    },
}

/// How an axis is laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    label: String,
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
    log: bool,
}

impl Axis {
    /// A plain axis with some round ticks; an empty range is widened.
    pub fn linear(label: &str, from: f64, to: f64) -> Self {
        let (from, to) = if to > from {
            (from, to)
        } else {
            (from - 1.0, from + 1.0)
        };
        let step = round_step((to - from) / 5.0);
        let first = (from / step - 1e-9).ceil() as i64;
        let last = (to / step + 1e-9).floor() as i64;
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let ticks = (first..=last)
            .map(|i| {
                let at = i as f64 * step;
                (at, format!("{at:.decimals$}").replace('-', "\u{2212}"))
            })
            .collect();
        Self {
            label: label.to_owned(),
            from,
            to,
            ticks,
            log: false,
        }
    }

    /// An axis without ticks, from 0 to `to`, for rows that carry their own labels.
    pub fn blank(to: f64) -> Self {
        Self {
            label: String::new(),
            from: 0.0,
            to,
            ticks: Vec::new(),
            log: false,
        }
    }

    /// From 0 to 100 % for values of 0 to 1.
    pub fn share(label: &str) -> Self {
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
        let ticks = ticks.map(|t| (t, format!("{:.0} %", t * 100.0))).to_vec();
        Self {
            label: label.to_owned(),
            from: 0.0,
            to: 1.0,
            ticks,
            log: false,
        }
    }

    /// A logarithmic axis with the ticks given; values below its start lie at the start.
    pub fn log(label: &str, from: f64, to: f64, ticks: &[(f64, &str)]) -> Self {
        let ticks = ticks
            .iter()
            .map(|&(at, text)| (at, text.to_owned()))
            .collect();
        Self {
            label: label.to_owned(),
            from,
            to,
            ticks,
            log: true,
        }
    }

    /// Probabilities from 0.01 % to 100 %.
    pub fn rare(label: &str) -> Self {
        const TICKS: [(f64, &str); 5] = [
            (1e-4, "0.01 %"),
            (1e-3, "0.1 %"),
            (1e-2, "1 %"),
            (1e-1, "10 %"),
            (1.0, "100 %"),
        ];
        Self::log(label, 1e-4, 1.0, &TICKS)
    }

    /// Where a value lies, 0 at the start and 1 at the end.
    fn place(&self, value: f64) -> f64 {
        if self.log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        }
    }
}

/// 1, 2 or 5 times a power of ten, at or above `step`.
fn round_step(step: f64) -> f64 {
    let unit = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| f * unit >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * unit
}

/// A plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Along the bottom.
    pub x: Axis,
    /// Along the left.
    pub y: Axis,
    /// Pixels as shown on a page 884 wide.
    pub width: u32,
    /// Likewise.
    pub height: u32,
    /// Pixels left free on the right for labels.
    pub right: u32,
    /// What is drawn.
    pub marks: Vec<Mark>,
}

impl Plot {
    /// Half a page wide.
    pub fn half(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            width: 428,
            height: 360,
            right: 14,
            marks: Vec::new(),
        }
    }

    /// A whole page wide.
    pub fn whole(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            width: 884,
            height: 340,
            right: 14,
            marks: Vec::new(),
        }
    }

    /// A solid line.
    pub fn line(&mut self, points: Vec<(f64, f64)>, colour: Colour) {
        self.marks.push(Mark::Line {
            points,
            colour,
            width: 2.0,
            dashed: false,
        });
    }

    /// A thin dashed line, for what is compared with.
    pub fn dashed(&mut self, points: Vec<(f64, f64)>, colour: Colour) {
        self.marks.push(Mark::Line {
            points,
            colour,
            width: 1.2,
            dashed: true,
        });
    }

    /// A faint area.
    pub fn area(&mut self, points: Vec<(f64, f64)>, colour: Colour) {
        self.marks.push(Mark::Area { points, colour });
    }

    /// Small dots.
    pub fn dots(&mut self, points: Vec<(f64, f64)>, colour: Colour) {
        self.marks.push(Mark::Dots {
            points,
            colour,
            radius: 2.6,
            hollow: false,
        });
    }

    /// Larger dots with a white rim, for few.
    pub fn beads(&mut self, points: Vec<(f64, f64)>, colour: Colour) {
        self.marks.push(Mark::Dots {
            points,
            colour,
            radius: 4.2,
            hollow: false,
        });
    }

    /// A word beside a point.
    pub fn label(&mut self, at: (f64, f64), text: impl Into<String>, colour: Colour, side: Side) {
        self.marks.push(Mark::Label {
            at,
            text: text.into(),
            colour,
            side,
        });
    }

    /// As an `<svg>` element.
    pub fn to_svg(&self) -> String {
        let mut canvas = Canvas::new(self.width, self.height);
        let (left, top) = (58.0, 10.0);
        let right = f64::from(self.width) - f64::from(self.right);
        let bottom = f64::from(self.height) - 50.0;
        let to_x = |v: f64| left + self.x.place(v) * (right - left);
        let to_y = |v: f64| bottom - self.y.place(v) * (bottom - top);
        let put = |&(x, y): &(f64, f64)| (to_x(x), to_y(y));
        for (at, text) in &self.y.ticks {
            let y = to_y(*at);
            canvas.grid((left, y), (right, y));
            canvas.tick((left - 8.0, y), text, Side::Left);
        }
        canvas.axis((left, bottom), (right, bottom));
        for (at, text) in &self.x.ticks {
            let x = to_x(*at);
            canvas.axis((x, bottom), (x, bottom + 4.0));
            canvas.tick((x, bottom + 7.0), text, Side::Below);
        }
        canvas.axis_label((f64::midpoint(left, right), bottom + 28.0), &self.x.label);
        canvas.upright_label((12.0, f64::midpoint(top, bottom)), &self.y.label);
        for mark in &self.marks {
            match mark {
                Mark::Line {
                    points,
                    colour,
                    width,
                    dashed,
                } => {
                    canvas.line(
                        &points.iter().map(put).collect::<Vec<_>>(),
                        *colour,
                        *width,
                        *dashed,
                    );
                }
                Mark::Area { points, colour } => {
                    canvas.area(&points.iter().map(put).collect::<Vec<_>>(), *colour);
                }
                Mark::Dots {
                    points,
                    colour,
                    radius,
                    hollow,
                } => {
                    for point in points {
                        canvas.dot(put(point), *colour, *radius, *hollow);
                    }
                }
                Mark::Label {
                    at,
                    text,
                    colour,
                    side,
                } => {
                    canvas.label(put(at), text, *colour, *side);
                }
            }
        }
        canvas.finish()
    }
}

/// At most so many of the points, evenly taken, so that a page stays small; order and ends are kept.
pub fn thinned(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most || most < 2 {
        return points.to_vec();
    }
    (0..most)
        .map(|i| points[i * (points.len() - 1) / (most - 1)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        let labels = |axis: &Axis| axis.ticks.iter().map(|t| t.1.clone()).collect::<Vec<_>>();
        assert_eq!(
            labels(&Axis::linear("", 0.0, 300.0)),
            ["0", "100", "200", "300"]
        );
        assert_eq!(
            labels(&Axis::linear("", -0.5, 0.5)),
            ["\u{2212}0.4", "\u{2212}0.2", "0.0", "0.2", "0.4"]
        );
        assert!(labels(&Axis::linear("", 3.0, 3.0)).len() > 2);
        let rare = Axis::rare("");
        assert!((rare.place(0.01) - 0.5).abs() < 1e-12);
        assert!(rare.place(0.0).abs() < 1e-12);
    }

    #[test]
    fn a_plot_is_one_svg_and_its_words_are_escaped() {
        let mut plot = Plot::half(Axis::share("<x>"), Axis::share("y"));
        plot.line(vec![(0.0, 0.0), (1.0, 1.0)], Colour::Blue);
        plot.dashed(vec![(0.0, 0.0), (1.0, 1.0)], Colour::Grey);
        plot.area(vec![(0.0, 0.0), (1.0, 1.0), (1.0, 0.0)], Colour::Blue);
        plot.beads(vec![(0.5, 0.5)], Colour::Green);
        plot.label((0.5, 0.5), "a & b", Colour::Green, Side::Right);
        let svg = plot.to_svg();
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
            "{svg}"
        );
        assert!(
            svg.contains("&lt;x&gt;") && svg.contains("a &amp; b"),
            "{svg}"
        );
        assert_eq!(svg, plot.to_svg());
    }

    #[test]
    fn thinning_keeps_ends() {
        let points: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), 0.0)).collect();
        let few = thinned(&points, 10);
        assert_eq!((few.len(), few[0].0, few[9].0), (10, 0.0, 99.0));
        assert_eq!(thinned(&points, 1000).len(), 100);
    }
}
