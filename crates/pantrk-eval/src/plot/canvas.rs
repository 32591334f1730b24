//! The few strokes that all plots are made of, over `plotters`' SVG backend.

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color as _, FontFamily, FontStyle, FontTransform, IntoFont as _, RGBAColor, RGBColor,
    ShapeStyle, TextStyle,
};

use super::{Colour, Side};

/// The backend places everything on whole units, so a picture is drawn so many times larger and scaled down by the page.
const SCALE: f64 = 8.0;
/// What the backend divides a font's size by.
const FONT_UNIT: f64 = 1.24;

const GRID: (u8, u8, u8) = (0xe3, 0xe6, 0xea);
const AXIS: (u8, u8, u8) = (0xc7, 0xcc, 0xd2);
const SOFT: (u8, u8, u8) = (0x59, 0x63, 0x6e);

/// A picture under work; coordinates and sizes are pixels of the page, y downwards.
pub(super) struct Canvas {
    size: (u32, u32),
    strokes: Vec<Stroke>,
}

/// One thing to draw, in scaled units.
enum Stroke {
    Path(Vec<(i32, i32)>, ShapeStyle),
    Area(Vec<(i32, i32)>, ShapeStyle),
    Box([(i32, i32); 2], ShapeStyle),
    Circle((i32, i32), i32, ShapeStyle),
    Text((i32, i32), String, TextStyle<'static>),
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lettering {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: (u8, u8, u8),
}

impl Lettering {
    pub(super) const INK: Self = Self {
        size: 12.5,
        bold: false,
        colour: Colour::Ink.rgb(),
    };
    pub(super) const BOLD: Self = Self {
        bold: true,
        ..Self::INK
    };
    pub(super) const SOFT: Self = Self {
        size: 11.5,
        bold: false,
        colour: SOFT,
    };
}

impl Canvas {
    pub(super) const fn new(width: u32, height: u32) -> Self {
        Self {
            size: (width, height),
            strokes: Vec::new(),
        }
    }

    pub(super) fn grid(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.path(&[from, to], stroke(rgb(GRID).to_rgba(), 1.0));
    }

    pub(super) fn axis(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.path(&[from, to], stroke(rgb(AXIS).to_rgba(), 1.0));
    }

    pub(super) fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64, dashed: bool) {
        let style = stroke(rgb(colour.rgb()).to_rgba(), width);
        if dashed {
            for dash in dashes(points, 5.0, 4.0) {
                self.path(&dash, style);
            }
        } else {
            self.path(points, style);
        }
    }

    pub(super) fn area(&mut self, points: &[(f64, f64)], colour: Colour) {
        let style = rgb(colour.rgb()).mix(0.14).filled();
        self.strokes.push(Stroke::Area(
            points.iter().copied().map(scaled).collect(),
            style,
        ));
    }

    pub(super) fn fill(&mut self, corners: [(f64, f64); 2], colour: Colour, opacity: f64) {
        let style = rgb(colour.rgb()).mix(opacity).filled();
        self.strokes.push(Stroke::Box(corners.map(scaled), style));
    }

    /// A dot with a white rim, or its rim alone.
    pub(super) fn dot(&mut self, at: (f64, f64), colour: Colour, radius: f64, hollow: bool) {
        let colour = rgb(colour.rgb());
        let white = rgb((255, 255, 255));
        let (outer, inner) = if hollow {
            (colour, white)
        } else {
            (white, colour)
        };
        let rim = if hollow { radius } else { radius + 0.7 };
        let core = if hollow { radius - 1.4 } else { radius };
        for (r, c) in [(rim, outer), (core, inner)] {
            self.strokes
                .push(Stroke::Circle(scaled(at), units(r), c.filled()));
        }
    }

    pub(super) fn tick(&mut self, at: (f64, f64), text: &str, side: Side) {
        self.text(at, text, Lettering::SOFT, side);
    }

    pub(super) fn axis_label(&mut self, at: (f64, f64), text: &str) {
        self.text(
            at,
            text,
            Lettering {
                size: 12.0,
                ..Lettering::INK
            },
            Side::Below,
        );
    }

    pub(super) fn upright_label(&mut self, at: (f64, f64), text: &str) {
        let style = text_style(
            Lettering {
                size: 12.0,
                ..Lettering::INK
            },
            FontTransform::Rotate270,
        )
        .pos(Pos::new(HPos::Center, VPos::Center));
        self.strokes
            .push(Stroke::Text(scaled(at), text.to_owned(), style));
    }

    /// A word in the colour of what it names, a little apart from its point.
    pub(super) fn label(&mut self, (x, y): (f64, f64), text: &str, colour: Colour, side: Side) {
        const APART: f64 = 8.0;
        let at = match side {
            Side::Right => (x + APART, y),
            Side::Left => (x - APART, y),
            Side::Above => (x, y - APART),
            Side::Below => (x, y + APART),
        };
        let lettering = Lettering {
            colour: colour.rgb(),
            ..Lettering::BOLD
        };
        self.text(at, text, lettering, side);
    }

    pub(super) fn text(&mut self, at: (f64, f64), text: &str, lettering: Lettering, side: Side) {
        let pos = match side {
            Side::Right => Pos::new(HPos::Left, VPos::Center),
            Side::Left => Pos::new(HPos::Right, VPos::Center),
            Side::Above => Pos::new(HPos::Center, VPos::Bottom),
            Side::Below => Pos::new(HPos::Center, VPos::Top),
        };
        let style = text_style(lettering, FontTransform::None).pos(pos);
        self.strokes
            .push(Stroke::Text(scaled(at), text.to_owned(), style));
    }

    /// Centred on a point.
    pub(super) fn centred(&mut self, at: (f64, f64), text: &str, lettering: Lettering) {
        let style =
            text_style(lettering, FontTransform::None).pos(Pos::new(HPos::Center, VPos::Center));
        self.strokes
            .push(Stroke::Text(scaled(at), text.to_owned(), style));
    }

    /// The SVG. Drawing into a text cannot fail; were a stroke refused, it would be missing from the picture alone.
    pub(super) fn finish(self) -> String {
        let mut svg = String::new();
        let size = (
            units(f64::from(self.size.0)) as u32,
            units(f64::from(self.size.1)) as u32,
        );
        {
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            for stroke in &self.strokes {
                drop(draw(&area, stroke));
            }
            drop(area.present());
        }
        svg
    }

    fn path(&mut self, points: &[(f64, f64)], style: ShapeStyle) {
        self.strokes.push(Stroke::Path(
            points.iter().copied().map(scaled).collect(),
            style,
        ));
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(area: &Area<'_>, stroke: &Stroke) -> Result<(), Box<dyn std::error::Error>> {
    match stroke {
        Stroke::Path(points, style) => area.draw(&PathElement::new(points.clone(), *style))?,
        Stroke::Area(points, style) => area.draw(&Polygon::new(points.clone(), *style))?,
        Stroke::Box(corners, style) => area.draw(&Rectangle::new(*corners, *style))?,
        Stroke::Circle(at, radius, style) => area.draw(&Circle::new(*at, *radius, *style))?,
        Stroke::Text(at, text, style) => area.draw(&Text::new(text.clone(), *at, style.clone()))?,
    }
    Ok(())
}

const fn rgb((r, g, b): (u8, u8, u8)) -> RGBColor {
    RGBColor(r, g, b)
}

fn stroke(color: RGBAColor, width: f64) -> ShapeStyle {
    ShapeStyle {
        color,
        filled: false,
        stroke_width: units(width) as u32,
    }
}

fn text_style(lettering: Lettering, transform: FontTransform) -> TextStyle<'static> {
    let style = if lettering.bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let size = lettering.size * SCALE * FONT_UNIT;
    (FontFamily::SansSerif, size, style)
        .into_font()
        .transform(transform)
        .color(&rgb(lettering.colour))
}

fn units(pixels: f64) -> i32 {
    (pixels * SCALE).round() as i32
}

fn scaled((x, y): (f64, f64)) -> (i32, i32) {
    (units(x), units(y))
}

/// The pieces of a line that its dashes cover.
fn dashes(points: &[(f64, f64)], on: f64, off: f64) -> Vec<Vec<(f64, f64)>> {
    let mut out: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut walked = 0.0;
    let mut is_open = false;
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
        let length = (x1 - x0).hypot(y1 - y0);
        let at = |d: f64| (x0 + (x1 - x0) * d / length, y0 + (y1 - y0) * d / length);
        let mut done = 0.0;
        while done < length {
            let phase = walked % (on + off);
            let drawing = phase < on;
            let left = if drawing {
                on - phase
            } else {
                on + off - phase
            };
            let step = left.min(length - done).max(1e-6);
            if drawing {
                if !is_open {
                    out.push(vec![at(done)]);
                }
                if let Some(dash) = out.last_mut() {
                    dash.push(at((done + step).min(length)));
                }
            }
            is_open = drawing && step < left;
            done += step;
            walked += step;
        }
    }
    out
}
