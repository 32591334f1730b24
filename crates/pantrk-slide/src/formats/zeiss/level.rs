//! Subblocks of one reduction as a level.

use std::sync::Arc;

use pantrk_space::{LevelRect, LevelSize, TileIndex};

use super::segments::Subblock;
use crate::codecs::jpeg::{self, StatedColour};
use crate::codecs::{CodecError, ImageRequest, Scratch, zstd};
use crate::error::Fault;
use crate::limits::Limits;
use crate::scattered::{Scattered, image};
use crate::source::Source;
use crate::store::{Piece, Plan, TileState, TileStore, no_tile};

/// Kinds of pixels that are read: 8-bit grey, and blue, green, red.
const GREY8: i32 = 0;
const BGR24: i32 = 3;

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

/// How a subblock's pixels are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Jpeg,
    /// A Zstandard frame.
    Zstd0,
    /// The same after a small header.
    Zstd1,
}

impl Packing {
    fn of(number: i32) -> Result<Self, Fault> {
        let what = match number {
            0 => return Ok(Self::None),
            1 => return Ok(Self::Jpeg),
            5 => return Ok(Self::Zstd0),
            6 => return Ok(Self::Zstd1),
            2 => "LZW".to_owned(),
            4 => "JPEG XR".to_owned(),
            other => format!("compression {other}"),
        };
        Err(Fault::Unsupported {
            what: format!("a CZI file in {what}"),
            advice: "save it from ZEN with Zstandard or JPEG, or convert it to a pyramidal TIFF"
                .to_owned(),
        })
    }
}

/// A level.
pub(super) struct CziLevel {
    source: Arc<Source>,
    size: LevelSize,
    tile: LevelSize,
    blocks: Vec<(Subblock, Packing)>,
    placed: Scattered,
    scale: f64,
    max_bytes: u64,
}

impl CziLevel {
    /// The subblocks that are reduced by `2^exponent`, on a slide that begins at `origin` and has `whole` pixels.
    pub(super) fn new(
        source: &Arc<Source>,
        exponent: u32,
        origin: (i64, i64),
        whole: (i64, i64),
        mut blocks: Vec<Subblock>,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        blocks.sort_by_key(|block| (block.order, block.position));
        let reduction = 1_i64
            .checked_shl(exponent)
            .ok_or_else(|| broken("a level that is reduced too far"))?;
        let side = |pixels: i64| {
            let reduced = pixels.checked_div(reduction).unwrap_or(0).max(1);
            u32::try_from(reduced)
                .ok()
                .filter(|&side| side < 1 << 31)
                .ok_or_else(|| broken(format!("a slide of {pixels} pixels along a side")))
        };
        let size = LevelSize {
            width: side(whole.0)?,
            height: side(whole.1)?,
        };
        let mut tile = LevelSize {
            width: 0,
            height: 0,
        };
        let bounds = LevelRect::of_size(size);
        let mut pieces = Vec::new();
        let mut packed = Vec::with_capacity(blocks.len());
        for (number, block) in (0_u32..).zip(blocks) {
            if !matches!(block.pixel_type, GREY8 | BGR24) {
                return Err(Fault::Unsupported {
                    what: format!(
                        "a CZI file with pixels of kind {} (only 8 bits a sample are read)",
                        block.pixel_type
                    ),
                    advice: "export it with 8 bits a channel".to_owned(),
                });
            }
            tile.width = tile.width.max(block.stored.width);
            tile.height = tile.height.max(block.stored.height);
            let reduced = |place: i64, origin: i64| {
                let place = place.saturating_sub(origin).saturating_add(reduction / 2);
                place.checked_div(reduction).unwrap_or(0)
            };
            let to = LevelRect {
                x: reduced(block.x, origin.0),
                y: reduced(block.y, origin.1),
                width: block.stored.width,
                height: block.stored.height,
            };
            if let Some(inside) = to.intersection(&bounds) {
                let skip =
                    |inside: i64, to: i64| u32::try_from(inside.saturating_sub(to)).unwrap_or(0);
                pieces.push(Piece {
                    tile: image(number),
                    from: (skip(inside.x, to.x), skip(inside.y, to.y)),
                    to: inside,
                });
            }
            packed.push((block, Packing::of(block.compression)?));
        }
        Fault::within(
            "pixels of one subblock",
            tile.area(),
            limits.max_tile_pixels,
        )?;
        Ok(Self {
            source: Arc::clone(source),
            size,
            tile,
            blocks: packed,
            placed: Scattered::new(size, pieces, tile.width.min(2048)),
            scale: 2.0_f64.powi(i32::try_from(exponent).unwrap_or(0)),
            max_bytes: limits.max_tile_bytes,
        })
    }
}

/// Undoes what stands around and within a Zstandard stream of the second kind: a header, and bytes that were parted into low and high ones.
fn zstd1(input: &[u8], out: &mut [u8]) -> Result<(), Fault> {
    let (header, is_parted) = match input {
        [1, ..] => (1, false),
        [3, 1, flags, ..] => (3, flags & 1 == 1),
        _ => return Err(broken("a Zstandard subblock with an unknown header")),
    };
    if is_parted {
        return Err(broken("bytes parted into low and high in pixels of 8 bits"));
    }
    let stream = input.get(header..).unwrap_or_default();
    zstd::decode(stream, out).map_err(|error| reason(&error))
}

fn reason(error: &CodecError) -> Fault {
    broken(error.to_string())
}

impl TileStore for CziLevel {
    fn size(&self) -> LevelSize {
        self.size
    }

    fn tile_size(&self) -> LevelSize {
        self.tile
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
        let Some((block, packing)) = self.blocks.get(number).filter(|_| tile.row == 0) else {
            return Err(no_tile(tile));
        };
        block.read(&self.source, self.max_bytes, &mut scratch.compressed)?;
        let stored = block.stored;
        let channels = if block.pixel_type == GREY8 { 1 } else { 3 };
        let pixels = usize::try_from(stored.area()).unwrap_or(usize::MAX);
        let len = pixels.saturating_mul(if *packing == Packing::Jpeg {
            3
        } else {
            channels
        });
        scratch.samples.clear();
        scratch.samples.resize(len, 0);
        match packing {
            Packing::None => {
                let held = scratch
                    .compressed
                    .get(..len)
                    .ok_or_else(|| broken("a subblock is cut off"))?;
                scratch.samples.copy_from_slice(held);
            }
            Packing::Zstd0 => {
                zstd::decode(&scratch.compressed, &mut scratch.samples)
                    .map_err(|error| reason(&error))?;
            }
            Packing::Zstd1 => zstd1(&scratch.compressed, &mut scratch.samples)?,
            Packing::Jpeg => {
                let request = ImageRequest {
                    stored,
                    needed: stored,
                    colour: StatedColour::Unstated,
                    tables: None,
                };
                let (compressed, samples) = (&scratch.compressed, &mut scratch.samples);
                jpeg::decode(&request, compressed, &mut scratch.stream, samples)
                    .map_err(|error| reason(&error))?;
            }
        }
        // Subblocks are of many sizes: each fills the top left corner of what the largest needs.
        let side = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let target_stride = side(self.tile.width).saturating_mul(3);
        let (is_grey, is_jpeg) = (
            channels == 1 && *packing != Packing::Jpeg,
            *packing == Packing::Jpeg,
        );
        let per_pixel = if is_grey { 1 } else { 3 };
        let source_stride = side(stored.width).saturating_mul(per_pixel);
        for (target, source) in out
            .chunks_exact_mut(target_stride.max(1))
            .zip(scratch.samples.chunks_exact(source_stride.max(1)))
        {
            let (target, _) = target.as_chunks_mut::<3>();
            for (pixel, samples) in target.iter_mut().zip(source.chunks_exact(per_pixel)) {
                *pixel = match samples {
                    [value] => [*value; 3],
                    [r, g, b] if is_jpeg => [*r, *g, *b],
                    [b, g, r] => [*r, *g, *b],
                    _ => *pixel,
                };
            }
        }
        Ok(TileState::Pixels)
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.size.width.to_le_bytes());
        sink(&self.size.height.to_le_bytes());
        for (block, _) in &self.blocks {
            sink(&block.position.to_le_bytes());
        }
        self.placed.identify(sink);
    }
}
