//! `gallery/*.jpg` and `gallery/index.json`: the fields that tell most, with the outlines of their nuclei.
//!
//! They are cut when the slide is scored, so that a report can be made again without the slide.

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use pantrk_core::pipeline::TellingField;
use serde::{Deserialize, Serialize};

use super::canvas::{At, Block, Canvas};
use super::colormap::GRADE_COLOURS;
use super::heatmap::round_length;
use super::text::{Style, Typeface};
use crate::StoreError;
use crate::folder::write_synced;

/// Of the pictures; at this quality outlines keep their edges.
const JPEG_QUALITY: u8 = 90;
/// Of an outline, pixels.
const LINE: f32 = 1.7;
/// Nuclei that do not count.
const NOT_COUNTED: [u8; 3] = [0x8a, 0x94, 0x9e];
const UNREAD: [[u8; 4]; 2] = [[0xd5, 0xd9, 0xde, 255], [0xb8, 0xbe, 0xc5, 255]];

/// `gallery/index.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GalleryIndex {
    /// `pantrk.gallery/1`.
    pub schema: String,
    /// Hottest first, then borderline, then typical negative.
    pub fields: Vec<GalleryEntry>,
}

/// One field of a [`GalleryIndex`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GalleryEntry {
    /// Beside the index.
    pub file: String,
    /// `hottest`, `borderline` or `typical-negative`.
    pub kind: String,
    /// The field's top left corner, level-0 pixels.
    pub x_px: f64,
    /// See `x_px`.
    pub y_px: f64,
    /// Level-0 pixels.
    pub width_px: f64,
    /// Level-0 pixels.
    pub height_px: f64,
    /// Micrometres per pixel of the picture.
    pub um_per_pixel: f64,
    /// Tumour cells in the field.
    pub tumour_cells: u32,
    /// Of them positive, 0 to 100.
    pub positive_percent: f64,
    /// Of them with a call that moving the thresholds by 0.05 OD would change, 0 to 100.
    pub near_threshold_percent: f64,
}

/// Writes `gallery/` into a slide's folder.
///
/// # Errors
/// If a picture is empty or a file cannot be written.
pub fn write_gallery(folder: &Path, fields: &[TellingField]) -> Result<GalleryIndex, StoreError> {
    let folder = folder.join("gallery");
    std::fs::create_dir_all(&folder)
        .map_err(|e| StoreError::io("make the folder of the gallery", &folder, e))?;
    let mut index = GalleryIndex {
        schema: "pantrk.gallery/1".to_owned(),
        fields: Vec::with_capacity(fields.len()),
    };
    for (number, field) in (1..).zip(fields) {
        let file = format!("{number:02}-{}.jpg", field.kind.name());
        let path = folder.join(&file);
        write_synced(&path, &jpeg(&draw(field), &path)?)?;
        index.fields.push(GalleryEntry {
            file,
            kind: field.kind.name().to_owned(),
            x_px: field.rect.x,
            y_px: field.rect.y,
            width_px: field.rect.width,
            height_px: field.rect.height,
            um_per_pixel: field.um_per_pixel,
            tumour_cells: field.tumour_cells,
            positive_percent: field.positive_percent,
            near_threshold_percent: field.near_threshold_percent,
        });
    }
    let mut text = serde_json::to_string_pretty(&index)
        .map_err(|e| StoreError::NotSerialisable(format!("the gallery's index: {e}")))?;
    text.push('\n');
    write_synced(&folder.join("index.json"), text.as_bytes())?;
    Ok(index)
}

/// Reads the gallery's index of a slide's folder; `None` where there is no gallery.
///
/// # Errors
/// If the index is there but cannot be read.
pub fn read_gallery_index(folder: &Path) -> Result<Option<GalleryIndex>, StoreError> {
    let path = folder.join("gallery").join("index.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::io("read the gallery's index", &path, e)),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|e| StoreError::Format {
            what: "the gallery's index",
            message: e.to_string(),
            path,
        })
}

fn draw(field: &TellingField) -> Canvas {
    let picture = &field.picture;
    let (width, height) = (picture.width(), picture.height());
    let mut canvas = Canvas::with_picture(picture, width, height);
    for gap in &field.unread {
        hatch(&mut canvas, gap);
    }
    // Counted nuclei above the others.
    for counted in [false, true] {
        for outline in field
            .outlines
            .iter()
            .filter(|o| o.grade.is_some() == counted)
        {
            let colour = outline.grade.map_or(NOT_COUNTED, |grade| {
                GRADE_COLOURS[usize::from(grade.min(3))]
            });
            let ring = &outline.ring;
            for (i, from) in ring.iter().enumerate() {
                let to = ring[(i + 1) % ring.len()];
                let at = |p: &[f32; 2]| At { x: p[0], y: p[1] };
                canvas.line(at(from), at(&to), LINE, colour);
            }
        }
    }
    scale_bar(&mut canvas, field.um_per_pixel);
    canvas
}

/// What could not be read is neither white nor tissue.
fn hatch(canvas: &mut Canvas, gap: &pantrk_space::LevelRect) {
    let cut = |v: i64, most: u32| v.clamp(0, i64::from(most)) as u32;
    for y in cut(gap.y, canvas.height)..cut(gap.bottom(), canvas.height) {
        for x in cut(gap.x, canvas.width)..cut(gap.right(), canvas.width) {
            let block = Block {
                x,
                y,
                width: 1,
                height: 1,
            };
            canvas.fill(block, UNREAD[((x + y) / 6 % 2) as usize]);
        }
    }
}

fn scale_bar(canvas: &mut Canvas, um_per_pixel: f64) {
    let (um, label) = round_length(f64::from(canvas.width) * 0.3 * um_per_pixel);
    let length = (um / um_per_pixel) as f32;
    let style = Style {
        size: 22.0,
        colour: [0x1d, 0x23, 0x29],
    };
    let face = Typeface::new();
    let wide = face.width(&label, style.size).max(length) + 20.0;
    let top = canvas.height.saturating_sub(48);
    for y in top..canvas.height {
        for x in 0..(wide as u32).min(canvas.width) {
            canvas.blend(i64::from(x), i64::from(y), [255; 3], 0.82);
        }
    }
    let y = canvas.height as f32 - 10.0;
    canvas.line(
        At { x: 10.0, y },
        At {
            x: 10.0 + length,
            y,
        },
        3.0,
        style.colour,
    );
    face.draw(
        canvas,
        &label,
        At {
            x: 10.0,
            y: y - 18.0,
        },
        style,
    );
}

fn jpeg(canvas: &Canvas, path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let rgb = canvas.rgb();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode(
            &rgb,
            canvas.width,
            canvas.height,
            image::ExtendedColorType::Rgb8,
        )
        .map_err(|source| StoreError::Picture {
            path: path.to_owned(),
            source,
        })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use pantrk_core::pipeline::{FieldKind, NucleusOutline};
    use pantrk_space::{LevelRect, LevelSize, RgbBuffer, SlideRect};

    use super::*;

    fn field() -> TellingField {
        let size = LevelSize {
            width: 512,
            height: 512,
        };
        let square = |x: f32, grade| NucleusOutline {
            ring: vec![[x, 100.0], [x + 40.0, 100.0], [x + 40.0, 140.0], [x, 140.0]],
            grade,
        };
        TellingField {
            kind: FieldKind::Borderline,
            rect: SlideRect {
                x: 1024.0,
                y: 2048.0,
                width: 512.0,
                height: 512.0,
            },
            tumour_cells: 120,
            positive_percent: 12.5,
            near_threshold_percent: 40.0,
            picture: RgbBuffer::filled(size, [240, 230, 220]),
            um_per_pixel: 0.25,
            unread: vec![LevelRect {
                x: 400,
                y: -20,
                width: 500,
                height: 60,
            }],
            outlines: vec![square(100.0, Some(2)), square(200.0, None)],
        }
    }

    #[test]
    fn outlines_have_their_grades_colours_and_gaps_are_hatched() {
        let canvas = draw(&field());
        let near = |p: [u8; 4], c: [u8; 3]| p.iter().zip(c).all(|(a, b)| a.abs_diff(b) < 40);
        assert!(near(canvas.pixel(120, 100), GRADE_COLOURS[2]));
        assert!(near(canvas.pixel(220, 100), NOT_COUNTED));
        assert!(near(canvas.pixel(300, 300), [240, 230, 220]));
        assert!(UNREAD.contains(&canvas.pixel(450, 10)));
    }

    #[test]
    fn a_gallery_is_written_and_its_index_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_gallery_index(dir.path()).unwrap().is_none());
        let written = write_gallery(dir.path(), &[field()]).unwrap();
        assert_eq!(read_gallery_index(dir.path()).unwrap(), Some(written));
        let path = dir.path().join("gallery/01-borderline.jpg");
        assert_eq!(image::open(path).unwrap().width(), 512);
    }
}
