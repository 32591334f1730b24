//! One zoom level: stored images cut into photographs and placed.

use std::sync::Arc;

use pantrk_space::{LevelRect, LevelSize, TileIndex};

use super::index::{Entry, Stretch};
use crate::codecs::jpeg::{self, StatedColour};
use crate::codecs::{CodecError, ImageRequest, Scratch};
use crate::error::Fault;
use crate::scattered::{Scattered, image};
use crate::source::Source;
use crate::store::{Piece, Plan, TileState, TileStore, no_tile};

/// Compressed bytes of one image.
const MAX_IMAGE_BYTES: u64 = 64 << 20;

/// How images and photographs lie on level 0.
pub(super) struct Grid {
    /// Images along each side.
    pub(super) across: u32,
    pub(super) down: u32,
    /// Images along a side of a photograph.
    pub(super) divisions: u32,
    pub(super) image: LevelSize,
    /// Pixels by which photographs overlap, nominally.
    pub(super) overlap: (f64, f64),
    /// Where each photograph lies, row by row.
    pub(super) positions: Option<Vec<(i32, i32)>>,
}

impl Grid {
    fn photographs_across(&self) -> u32 {
        self.across.div_ceil(self.divisions)
    }

    pub(super) fn photographs(&self) -> usize {
        let down = self.down.div_ceil(self.divisions);
        let all = u64::from(self.photographs_across()).saturating_mul(u64::from(down));
        usize::try_from(all).unwrap_or(usize::MAX)
    }

    /// Where image `x`, `y` lies on level 0; `None` where its photograph was not taken.
    fn place(&self, x: u32, y: u32) -> Option<(f64, f64)> {
        let (column, row) = (
            x.checked_div(self.divisions)?,
            y.checked_div(self.divisions)?,
        );
        let within = |image: u32, photograph: u32, side: u32| {
            let first = photograph.saturating_mul(self.divisions);
            f64::from(image.saturating_sub(first)) * f64::from(side)
        };
        let (dx, dy) = (
            within(x, column, self.image.width),
            within(y, row, self.image.height),
        );
        let (left, top) = if let Some(positions) = &self.positions {
            let number = u64::from(row)
                .saturating_mul(u64::from(self.photographs_across()))
                .saturating_add(u64::from(column));
            let &(x, y) = positions.get(usize::try_from(number).ok()?)?;
            // The table holds zeros for photographs that were not taken.
            if (x, y) == (0, 0) && number != 0 {
                return None;
            }
            (f64::from(x), f64::from(y))
        } else {
            let step =
                |side: u32, overlap: f64| f64::from(side) * f64::from(self.divisions) - overlap;
            (
                f64::from(column) * step(self.image.width, self.overlap.0),
                f64::from(row) * step(self.image.height, self.overlap.1),
            )
        };
        Some((left + dx, top + dy))
    }

    /// Level 0's size by the nominal grid.
    fn size(&self) -> (f64, f64) {
        let along = |images: u32, side: u32, overlap: f64| {
            let joints = images.saturating_sub(1).checked_div(self.divisions);
            f64::from(images) * f64::from(side) - f64::from(joints.unwrap_or(0)) * overlap
        };
        (
            along(self.across, self.image.width, self.overlap.0),
            along(self.down, self.image.height, self.overlap.1),
        )
    }
}

/// A zoom level.
pub(super) struct MiraxLevel {
    size: LevelSize,
    stored: LevelSize,
    images: Vec<Stretch>,
    placed: Scattered,
    data: Vec<Arc<Source>>,
    scale: f64,
}

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

/// The whole number nearest to a place on a level.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float becomes the nearest value of the type, and places are far below its ends"
)]
fn nearest(place: f64) -> i64 {
    place.round() as i64
}

impl MiraxLevel {
    /// A level reduced by `2^exponent` against level 0, with images of `stored` pixels.
    pub(super) fn new(
        grid: &Grid,
        exponent: u32,
        stored: LevelSize,
        entries: Vec<Entry>,
        data: &[Arc<Source>],
    ) -> Result<Self, Fault> {
        let reduction = 1_u32
            .checked_shl(exponent)
            .ok_or_else(|| broken("a level that is reduced too far"))?;
        let scale = f64::from(reduction);
        let (width, height) = grid.size();
        let side = |pixels: f64| {
            u32::try_from(nearest((pixels / scale).floor()).max(0)).unwrap_or(u32::MAX)
        };
        let size = LevelSize {
            width: side(width),
            height: side(height),
        };
        // Images of a photograph are reduced with it; beyond that an image holds several photographs.
        let per_image = reduction.checked_div(grid.divisions).unwrap_or(1).max(1);
        let step = reduction.min(grid.divisions);
        let part = LevelSize {
            width: stored.width.checked_div(per_image).unwrap_or(0),
            height: stored.height.checked_div(per_image).unwrap_or(0),
        };
        if part.area() == 0 {
            return Err(broken("a level whose photographs have no pixels"));
        }
        let whole = LevelRect::of_size(size);
        let mut pieces = Vec::new();
        let mut images = Vec::with_capacity(entries.len());
        for (number, entry) in (0_u32..).zip(entries) {
            let (Some(x), Some(y)) = (
                entry.image.checked_rem(grid.across),
                entry.image.checked_div(grid.across),
            ) else {
                continue;
            };
            if x.checked_rem(reduction) != Some(0) || y.checked_rem(reduction) != Some(0) {
                return Err(broken(format!(
                    "image {x}, {y} on a level that is reduced by {reduction}"
                )));
            }
            images.push(entry.stretch);
            for row in 0..per_image {
                for column in 0..per_image {
                    let at =
                        |image: u32, part: u32| image.saturating_add(part.saturating_mul(step));
                    let (x, y) = (at(x, column), at(y, row));
                    if x >= grid.across || y >= grid.down {
                        continue;
                    }
                    let Some((left, top)) = grid.place(x, y) else {
                        continue;
                    };
                    let to = LevelRect {
                        x: nearest(left / scale),
                        y: nearest(top / scale),
                        width: part.width,
                        height: part.height,
                    };
                    let Some(inside) = to.intersection(&whole) else {
                        continue;
                    };
                    let from = |part: u32, side: u32, inside: i64, to: i64| {
                        let skipped = u32::try_from(inside.saturating_sub(to)).unwrap_or(0);
                        part.saturating_mul(side).saturating_add(skipped)
                    };
                    let piece = Piece {
                        tile: image(number),
                        from: (
                            from(column, part.width, inside.x, to.x),
                            from(row, part.height, inside.y, to.y),
                        ),
                        to: inside,
                    };
                    pieces.push(((y, x), piece));
                }
            }
        }
        // Photographs lie over each other row by row, on every level, whatever the order they are stored in.
        pieces.sort_by_key(|(order, _)| *order);
        let pieces = pieces.into_iter().map(|(_, piece)| piece).collect();
        Ok(Self {
            size,
            stored,
            images,
            placed: Scattered::new(size, pieces, stored.width),
            data: data.to_vec(),
            scale,
        })
    }

    /// What was scanned.
    pub(super) fn hull(&self) -> Option<LevelRect> {
        self.placed.hull()
    }
}

impl TileStore for MiraxLevel {
    fn size(&self) -> LevelSize {
        self.size
    }

    fn tile_size(&self) -> LevelSize {
        self.stored
    }

    fn public_tile_size(&self) -> Option<LevelSize> {
        None
    }

    fn plan(&self, rect: LevelRect, max_pieces: usize) -> Option<Plan> {
        Some(self.placed.plan(rect, max_pieces))
    }

    fn downsample(&self) -> Option<f64> {
        Some(self.scale)
    }

    fn decode(
        &self,
        tile: TileIndex,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault> {
        let number = usize::try_from(tile.column).unwrap_or(usize::MAX);
        let Some(stretch) = self.images.get(number).filter(|_| tile.row == 0) else {
            return Err(no_tile(tile));
        };
        let source = usize::try_from(stretch.file)
            .ok()
            .and_then(|file| self.data.get(file))
            .ok_or_else(|| broken(format!("there is no data file {}", stretch.file)))?;
        Fault::within("bytes of one image", stretch.len, MAX_IMAGE_BYTES)?;
        source.read_into(&mut scratch.compressed, stretch.offset, stretch.len)?;
        let reason = |error: CodecError| broken(error.to_string());
        if scratch.compressed.starts_with(b"\x89PNG") {
            return png(&scratch.compressed, self.stored, out).map(|()| TileState::Pixels);
        }
        let request = ImageRequest {
            stored: self.stored,
            needed: self.stored,
            colour: StatedColour::Unstated,
            tables: None,
        };
        jpeg::decode(&request, &scratch.compressed, &mut scratch.stream, out).map_err(reason)?;
        Ok(TileState::Pixels)
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.size.width.to_le_bytes());
        sink(&self.size.height.to_le_bytes());
        for stretch in &self.images {
            sink(&stretch.file.to_le_bytes());
            sink(&stretch.offset.to_le_bytes());
            sink(&stretch.len.to_le_bytes());
        }
        self.placed.identify(sink);
    }

    fn main_source(&self) -> Option<&Source> {
        self.data.first().map(AsRef::as_ref)
    }
}

/// Decodes a PNG of the wanted size.
fn png(bytes: &[u8], stored: LevelSize, out: &mut [u8]) -> Result<(), Fault> {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(stored.width);
    limits.max_image_height = Some(stored.height);
    let mut reader =
        image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Png);
    reader.limits(limits);
    let picture = reader
        .decode()
        .map_err(|error| broken(error.to_string()))?
        .into_rgb8();
    if picture.dimensions() != (stored.width, stored.height) || picture.len() != out.len() {
        return Err(broken(format!(
            "an image of {:?} pixels, {stored} wanted",
            picture.dimensions()
        )));
    }
    out.copy_from_slice(&picture);
    Ok(())
}
