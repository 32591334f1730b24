//! Text on a canvas: one typeface (Ubuntu Light, from egui's fonts), laid out on one line.

use ab_glyph::{Font as _, FontRef, ScaleFont as _, point};
use epaint_default_fonts::UBUNTU_LIGHT;

use super::canvas::{At, Canvas};

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    /// Height of a line, pixels.
    pub(super) size: f32,
    pub(super) colour: [u8; 3],
}

/// The typeface, parsed once per picture; without it (it is on board, so never) pictures have no text.
pub(super) struct Typeface(Option<FontRef<'static>>);

impl Typeface {
    pub(super) fn new() -> Self {
        Self(FontRef::try_from_slice(UBUNTU_LIGHT).ok())
    }

    /// The width of a text, pixels.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let Some(font) = &self.0 else {
            return 0.0;
        };
        let font = font.as_scaled(size);
        let mut width = 0.0;
        let mut before = None;
        for c in text.chars() {
            let id = font.glyph_id(c);
            if let Some(before) = before {
                width += font.kern(before, id);
            }
            width += font.h_advance(id);
            before = Some(id);
        }
        width
    }

    /// Draws a text; `at` is the left end of its line's vertical middle.
    pub(super) fn draw(&self, canvas: &mut Canvas, text: &str, at: At, style: Style) {
        let Some(face) = &self.0 else {
            return;
        };
        let font = face.as_scaled(style.size);
        // Digits and capitals look centred when the middle of their height is.
        let baseline = at.y + font.ascent() * 0.36;
        let mut x = at.x;
        let mut before = None;
        for c in text.chars() {
            let id = font.glyph_id(c);
            if let Some(before) = before {
                x += font.kern(before, id);
            }
            let glyph = id.with_scale_and_position(style.size, point(x, baseline));
            if let Some(outline) = face.outline_glyph(glyph) {
                let bounds = outline.px_bounds();
                outline.draw(|dx, dy, cover| {
                    canvas.blend(
                        bounds.min.x as i64 + i64::from(dx),
                        bounds.min.y as i64 + i64::from(dy),
                        style.colour,
                        // The light face reads better a touch stronger.
                        (cover * 1.35).min(1.0),
                    );
                });
            }
            x += font.h_advance(id);
            before = Some(id);
        }
    }

    /// Breaks a text at its spaces into lines of at most `width` pixels.
    pub(super) fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), size) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    /// Whether the typeface has a picture for every character.
    #[cfg(test)]
    pub(super) fn covers(&self, text: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|font| text.chars().all(|c| font.glyph_id(c).0 != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_typeface_has_what_legends_need() {
        let face = Typeface::new();
        assert!(face.covers("Positive cells (%), 1+ 2+ 3+, um µm mm² –"));
        assert!(face.width("mm", 14.0) > face.width("m", 14.0) * 1.5);
    }

    #[test]
    fn text_leaves_ink_where_it_is_put() {
        let mut canvas = Canvas::new(200, 30, [255; 4]);
        let style = Style {
            size: 20.0,
            colour: [0; 3],
        };
        Typeface::new().draw(&mut canvas, "3+", At { x: 100.0, y: 15.0 }, style);
        let mut ink = 0;
        for y in 0..30 {
            for x in 0..200 {
                if canvas.pixel(x, y)[0] < 128 {
                    ink += 1;
                    assert!((100..125).contains(&x) && (5..26).contains(&y), "{x}, {y}");
                }
            }
        }
        assert!(ink > 20, "{ink}");
    }

    #[test]
    fn lines_are_broken_at_spaces() {
        let face = Typeface::new();
        let lines = face.wrap("Positive tumour cells per square", 14.0, 90.0);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), "Positive tumour cells per square");
        assert!(lines.iter().all(|l| face.width(l, 14.0) <= 90.0));
    }
}
