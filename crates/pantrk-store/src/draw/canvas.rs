//! An RGBA picture with the few shapes that maps and overlays need, anti-aliased.

use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use pantrk_space::RgbBuffer;

use crate::StoreError;
use crate::folder::write_synced;

/// RGBA, 8 bit each, row by row.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    data: Vec<u8>,
}

/// A place on a canvas, in pixels; the centre of the first pixel is (0.5, 0.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct At {
    pub(super) x: f32,
    pub(super) y: f32,
}

/// A block of a canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, colour: [u8; 4]) -> Self {
        let pixels = width as usize * height as usize;
        Self {
            width,
            height,
            data: colour.repeat(pixels),
        }
    }

    /// The buffer's pixels in the top left corner, white around them.
    pub(super) fn with_picture(picture: &RgbBuffer, width: u32, height: u32) -> Self {
        let mut canvas = Self::new(width, height, [255; 4]);
        for y in 0..picture.height().min(height) {
            let start = y as usize * width as usize * 4;
            let columns = picture.width().min(width) as usize;
            let row = &mut canvas.data[start..start + columns * 4];
            for (out, rgb) in row.chunks_exact_mut(4).zip(picture.row(y).chunks_exact(3)) {
                out[..3].copy_from_slice(rgb);
            }
        }
        canvas
    }

    /// The same picture with white rows below it.
    pub(super) fn extended(&self, rows: u32) -> Self {
        let mut canvas = self.clone();
        canvas.height += rows;
        let size = canvas.width as usize * canvas.height as usize * 4;
        canvas.data.resize(size, 255);
        canvas
    }

    /// Sets a block to a colour, without blending.
    pub(super) fn fill(&mut self, block: Block, colour: [u8; 4]) {
        let right = block.x.saturating_add(block.width).min(self.width);
        let bottom = block.y.saturating_add(block.height).min(self.height);
        for y in block.y..bottom {
            for x in block.x..right {
                let i = self.offset(x, y);
                self.data[i..i + 4].copy_from_slice(&colour);
            }
        }
    }

    /// The border of a block, one pixel wide, inside it.
    pub(super) fn frame(&mut self, block: Block, colour: [u8; 4]) {
        let Block {
            x,
            y,
            width,
            height,
        } = block;
        for (y, height) in [(y, 1), (y + height.saturating_sub(1), 1)] {
            self.fill(
                Block {
                    x,
                    y,
                    width,
                    height,
                },
                colour,
            );
        }
        for x in [x, x + width.saturating_sub(1)] {
            self.fill(
                Block {
                    x,
                    y,
                    width: 1,
                    height,
                },
                colour,
            );
        }
    }

    /// Lays a colour over one pixel.
    pub(super) fn blend(&mut self, x: i64, y: i64, colour: [u8; 3], opacity: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return;
        };
        if x >= self.width || y >= self.height || opacity <= 0.0 {
            return;
        }
        let i = self.offset(x, y);
        let opacity = opacity.min(1.0);
        for (out, new) in self.data[i..i + 3].iter_mut().zip(colour) {
            let old = f32::from(*out);
            *out = (old + (f32::from(new) - old) * opacity).round() as u8;
        }
        let alpha = f32::from(self.data[i + 3]);
        self.data[i + 3] = (alpha + (255.0 - alpha) * opacity).round() as u8;
    }

    /// A filled circle.
    pub(super) fn dot(&mut self, at: At, radius: f32, colour: [u8; 3], opacity: f32) {
        self.cover(at, at, radius, |canvas, x, y, cover| {
            canvas.blend(x, y, colour, cover * opacity);
        });
    }

    /// A line with round ends.
    pub(super) fn line(&mut self, from: At, to: At, width: f32, colour: [u8; 3]) {
        self.cover(from, to, width / 2.0, |canvas, x, y, cover| {
            canvas.blend(x, y, colour, cover);
        });
    }

    /// Calls `paint` with the coverage of each pixel within `radius` of the segment.
    fn cover(&mut self, from: At, to: At, radius: f32, paint: impl Fn(&mut Self, i64, i64, f32)) {
        let reach = radius + 1.0;
        // Cut to the canvas: outlines may run far beyond it.
        let low = |a: f32, b: f32| (a.min(b) - reach).floor().max(0.0) as i64;
        let high =
            |a: f32, b: f32, size: u32| ((a.max(b) + reach).ceil() as i64).min(i64::from(size) - 1);
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let length2 = dx * dx + dy * dy;
        for y in low(from.y, to.y)..=high(from.y, to.y, self.height) {
            for x in low(from.x, to.x)..=high(from.x, to.x, self.width) {
                let (px, py) = (x as f32 + 0.5 - from.x, y as f32 + 0.5 - from.y);
                let t = if length2 > 0.0 {
                    ((px * dx + py * dy) / length2).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                let distance = (px - t * dx).hypot(py - t * dy);
                let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
                if cover > 0.0 {
                    paint(self, x, y, cover);
                }
            }
        }
    }

    fn offset(&self, x: u32, y: u32) -> usize {
        (y as usize * self.width as usize + x as usize) * 4
    }

    /// One pixel, RGBA.
    #[cfg(test)]
    pub(super) fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let i = self.offset(x, y);
        [0, 1, 2, 3].map(|c| self.data[i + c])
    }

    /// The colours alone, row by row.
    pub(super) fn rgb(&self) -> Vec<u8> {
        self.data
            .chunks_exact(4)
            .flat_map(|p| [p[0], p[1], p[2]])
            .collect()
    }

    /// Writes the picture as PNG, without the alpha channel where nothing is transparent.
    pub(super) fn write_png(&self, path: &Path) -> Result<(), StoreError> {
        if self.data.chunks_exact(4).all(|p| p[3] == 255) {
            return write_png(
                path,
                &self.rgb(),
                (self.width, self.height),
                ExtendedColorType::Rgb8,
            );
        }
        write_png(
            path,
            &self.data,
            (self.width, self.height),
            ExtendedColorType::Rgba8,
        )
    }
}

/// Writes pixels as PNG; the same pixels give the same bytes.
pub(super) fn write_png(
    path: &Path,
    data: &[u8],
    (width, height): (u32, u32),
    colour: ExtendedColorType,
) -> Result<(), StoreError> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(data, width, height, colour)
        .map_err(|source| StoreError::Picture {
            path: path.to_owned(),
            source,
        })?;
    write_synced(path, &bytes)
}
