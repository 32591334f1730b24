//! A picture with a strip of words and colours below it.

use std::path::Path;

use pantrk_space::RgbBuffer;

use super::canvas::{At, Block, Canvas};
use super::text::{Style, Typeface};
use crate::StoreError;

/// Pixels.
const MARGIN: f32 = 10.0;
const LINE: f32 = 22.0;
const SIZE: f32 = 15.0;
const SWATCH: u32 = 12;
/// A narrower picture gets white to its right, so that the words have room.
const NARROWEST: u32 = 420;
const INK: [u8; 3] = [32, 36, 42];

/// What stands below a picture.
#[derive(Debug, Clone, Copy)]
pub struct Caption<'a> {
    /// The first lines.
    pub title: &'a str,
    /// Colours and what they say.
    pub entries: &'a [([u8; 3], &'a str)],
}

/// Writes a picture with its caption below it as PNG; the same values give the same bytes.
///
/// # Errors
/// If the file cannot be written.
pub fn write_captioned(
    path: &Path,
    picture: &RgbBuffer,
    caption: &Caption<'_>,
) -> Result<(), StoreError> {
    let face = Typeface::new();
    let width = picture.width().max(NARROWEST);
    let room = width as f32 - 2.0 * MARGIN;
    let titles = face.wrap(caption.title, SIZE, room);
    let rows = entry_rows(&face, caption, room);
    let lines = titles.len() + rows.len();
    let strip = (lines as f32 * LINE + MARGIN) as u32;
    let mut canvas = Canvas::with_picture(picture, width, picture.height()).extended(strip);
    let style = Style {
        size: SIZE,
        colour: INK,
    };
    let mut y = picture.height() as f32 + f32::midpoint(MARGIN, LINE);
    for line in &titles {
        face.draw(&mut canvas, line, At { x: MARGIN, y }, style);
        y += LINE;
    }
    for row in rows {
        for (x, colour, label) in row {
            let block = Block {
                x: x as u32,
                y: (y - SWATCH as f32 / 2.0) as u32,
                width: SWATCH,
                height: SWATCH,
            };
            let [r, g, b] = colour;
            canvas.fill(block, [r, g, b, 255]);
            canvas.frame(block, [120, 124, 130, 255]);
            let x = x + SWATCH as f32 + 6.0;
            face.draw(&mut canvas, label, At { x, y }, style);
        }
        y += LINE;
    }
    canvas.write_png(path)
}

/// The entries in lines that fit, each with its left end.
fn entry_rows<'a>(
    face: &Typeface,
    caption: &Caption<'a>,
    room: f32,
) -> Vec<Vec<(f32, [u8; 3], &'a str)>> {
    let mut rows: Vec<Vec<(f32, [u8; 3], &str)>> = Vec::new();
    let mut x = 0.0;
    for &(colour, label) in caption.entries {
        let width = SWATCH as f32 + 6.0 + face.width(label, SIZE);
        match rows.last_mut() {
            Some(row) if x + width <= room => row.push((MARGIN + x, colour, label)),
            _ => {
                x = 0.0;
                rows.push(vec![(MARGIN, colour, label)]);
            }
        }
        x += width + 18.0;
    }
    rows
}

#[cfg(test)]
mod tests {
    use pantrk_space::LevelSize;

    use super::*;

    #[test]
    fn the_picture_stays_and_the_words_stand_below() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let size = LevelSize {
            width: 50,
            height: 40,
        };
        let picture = RgbBuffer::filled(size, [10, 200, 30]);
        let caption = Caption {
            title: "a field: F1 0.50",
            entries: &[([255, 0, 0], "one"), ([0, 0, 255], "two")],
        };
        write_captioned(&path, &picture, &caption).unwrap();
        let image = image::open(&path).unwrap().into_rgb8();
        assert_eq!(image.dimensions(), (NARROWEST, 40 + 54));
        assert_eq!(image.get_pixel(49, 39).0, [10, 200, 30]);
        let has = |colour: [u8; 3]| {
            image
                .pixels()
                .skip(40 * NARROWEST as usize)
                .any(|p| p.0 == colour)
        };
        assert!(has([255, 0, 0]) && has([0, 0, 255]) && image.pixels().any(|p| p.0[0] < 60));
    }
}
