//! One TIFF page as a store of tiles; strips are tiles as wide as the page.
//!
//! Read: 8-bit grey, RGB and RGB with extra samples, chunky or planar, in every compression of `codecs/`.
//! Of a page with several planes in depth (`ImageDepth`), the first is read: the one in nominal focus where the maker says so.
//! Known gaps: a page in one compressed strip is decoded whole for each region that the cache does not serve; palette, CMYK and bilevel pages, other depths, reversed bit order; Orientation is ignored, as `OpenSlide` does, so that coordinates agree.

use std::sync::Arc;

use pantrk_space::{LevelSize, TileIndex};

use super::{Directory, TiffFile, tags};
use crate::codecs::jpeg::StatedColour;
use crate::codecs::samples::{self, Alpha, Meaning};
use crate::codecs::{self, CONVERT, Codec, Decode, DecodeBytes, ImageRequest, JpegTables, Scratch};
use crate::error::Fault;
use crate::fingerprint;
use crate::limits::Limits;
use crate::region::bytes_per_row;
use crate::source::Source;
use crate::store::{TileState, TileStore, no_tile};

/// A page that can be read.
pub(crate) struct TiffPage {
    source: Arc<Source>,
    size: LevelSize,
    chunk: LevelSize,
    tiled: bool,
    columns: u32,
    rows: u32,
    offsets: Vec<u64>,
    byte_counts: Vec<u64>,
    max_chunk_bytes: u64,
    codec: &'static Codec,
    tables: Option<JpegTables>,
    layout: Layout,
}

/// Pixels of the parts that one uncompressed strip is read in.
const SPLIT_PIXELS: u32 = 1 << 17;

/// How samples lie in a chunk.
#[derive(Debug, Clone, Copy)]
struct Layout {
    channels: usize,
    planar: bool,
    predicted: bool,
    meaning: Meaning,
    alpha: Alpha,
    colour: StatedColour,
}

/// Width and height of a page.
pub(crate) fn size_of(tiff: &TiffFile, page: &Directory) -> Result<LevelSize, Fault> {
    let side = |tag, name: &str| -> Result<u32, Fault> {
        let value = tiff
            .number(page, tag)?
            .ok_or_else(|| Fault::Broken(format!("a page has no {name}")))?;
        // 2^31 pixels a side is beyond any scanner, and keeps level coordinates in range.
        u32::try_from(value)
            .ok()
            .filter(|&v| v > 0 && v < 1 << 31)
            .ok_or_else(|| Fault::Broken(format!("a page's {name} is {value}")))
    };
    Ok(LevelSize {
        width: side(tags::IMAGE_WIDTH, "width")?,
        height: side(tags::IMAGE_LENGTH, "height")?,
    })
}

/// Whether a page is cut into tiles.
pub(crate) fn is_tiled(page: &Directory) -> bool {
    page.has(tags::TILE_WIDTH)
}

fn unsupported(what: impl Into<String>) -> Fault {
    Fault::Unsupported {
        what: what.into(),
        advice: CONVERT.to_owned(),
    }
}

impl TiffPage {
    pub(crate) fn new(tiff: &TiffFile, page: &Directory, limits: &Limits) -> Result<Self, Fault> {
        let size = size_of(tiff, page)?;
        let tiled = is_tiled(page);
        let mut chunk = chunk_size(tiff, page, size)?;
        let compression = tiff.number(page, tags::COMPRESSION)?.unwrap_or(1);
        let codec = codecs::by_tag(compression).map_err(unsupported)?;
        let layout = layout(tiff, page, codec)?;
        // One uncompressed strip, as ImageJ writes it, can be read in parts.
        // The file must hold it: the number of parts is then bounded by the file's length.
        let bytes = size.area().saturating_mul(layout.channels as u64);
        let is_held = bytes <= tiff.source().len();
        let split = !tiled && chunk == size && compression == 1 && !layout.planar && is_held;
        if split {
            let rows = SPLIT_PIXELS.checked_div(size.width).unwrap_or(1);
            chunk.height = rows.clamp(1, size.height);
        }
        Fault::within("pixels of one tile", chunk.area(), limits.max_tile_pixels)?;
        let columns = size.width.div_ceil(chunk.width);
        let rows = size.height.div_ceil(chunk.height);

        let (offset_tag, count_tag) = if tiled {
            (tags::TILE_OFFSETS, tags::TILE_BYTE_COUNTS)
        } else {
            (tags::STRIP_OFFSETS, tags::STRIP_BYTE_COUNTS)
        };
        let chunks = u64::from(columns).saturating_mul(u64::from(rows));
        let planes = if layout.planar { layout.channels } else { 1 };
        let wanted = if split {
            1
        } else {
            chunks.saturating_mul(planes as u64)
        };
        let table = |tag, name: &str| -> Result<Vec<u64>, Fault> {
            let values = tiff.numbers(page, tag)?.unwrap_or_default();
            if (values.len() as u64) < wanted {
                return Err(Fault::Broken(format!(
                    "{} {name} for {wanted} tiles or strips",
                    values.len()
                )));
            }
            Ok(values)
        };
        let mut offsets = table(offset_tag, "offsets")?;
        let mut byte_counts = table(count_tag, "byte counts")?;
        if split {
            let row_bytes = u64::from(size.width).saturating_mul(layout.channels as u64);
            let step = row_bytes.saturating_mul(u64::from(chunk.height));
            (offsets, byte_counts) = split_strip(&offsets, &byte_counts, chunks, step);
        }

        let tables = match tiff.bytes(page, tags::JPEG_TABLES)? {
            Some(stream) if matches!(codec.decode, Decode::Image(_)) => {
                Some(JpegTables::parse(&stream).map_err(|error| Fault::Broken(error.to_string()))?)
            }
            _ => None,
        };
        Ok(Self {
            source: Arc::clone(tiff.source()),
            size,
            chunk,
            tiled,
            columns,
            rows,
            offsets,
            byte_counts,
            max_chunk_bytes: limits.max_tile_bytes,
            codec,
            tables,
            layout,
        })
    }

    /// Columns and rows of tiles.
    pub(crate) fn grid(&self) -> (u32, u32) {
        (self.columns, self.rows)
    }

    /// The same page without what lies beyond `size` to the right and below, where its maker pads.
    pub(crate) fn cut_to(mut self, size: LevelSize) -> Self {
        self.size = LevelSize {
            width: size.width.clamp(1, self.size.width),
            height: size.height.clamp(1, self.size.height),
        };
        self
    }

    /// Reads the bytes of a chunk; `false` where the file stores none.
    fn fetch(&self, chunk: usize, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let (Some(&offset), Some(&len)) = (self.offsets.get(chunk), self.byte_counts.get(chunk))
        else {
            return Err(Fault::Broken(format!("no entry for tile {chunk}")));
        };
        if offset == 0 || len == 0 {
            return Ok(false);
        }
        Fault::within("bytes of one tile", len, self.max_chunk_bytes)?;
        self.source.read_into(out, offset, len)?;
        Ok(true)
    }

    /// How much of the tile must hold pixels: the last strip is cut, tiles are not, but their part beyond the page is nobody's.
    fn needed(&self, tile: TileIndex) -> LevelSize {
        let left = |all: u32, index: u32, step: u32| {
            all.saturating_sub(index.saturating_mul(step)).min(step)
        };
        LevelSize {
            width: left(self.size.width, tile.column, self.chunk.width),
            height: left(self.size.height, tile.row, self.chunk.height),
        }
    }

    /// Decodes byte-oriented chunks: all samples of `tile` into `out` as RGB.
    fn decode_bytes(
        &self,
        decode: DecodeBytes,
        (first_chunk, chunks_per_plane): (usize, usize),
        stored: LevelSize,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault> {
        let layout = self.layout;
        let width = usize::try_from(stored.width).unwrap_or(usize::MAX);
        let pixels = usize::try_from(stored.area()).unwrap_or(usize::MAX);
        let predicted = layout.predicted && self.codec.predicts;
        let as_is = layout.channels == 3 && layout.meaning == Meaning::Rgb && !layout.planar;
        if as_is {
            let Some(out) = out.get_mut(..pixels.saturating_mul(3)) else {
                return Err(Fault::Broken("a tile larger than its page says".to_owned()));
            };
            if !self.fetch(first_chunk, &mut scratch.compressed)? {
                return Ok(TileState::NotScanned);
            }
            decode(&scratch.compressed, out).map_err(reason)?;
            if predicted {
                samples::undo_horizontal_prediction(out, width, 3);
            }
            return Ok(TileState::Pixels);
        }
        let all = pixels.saturating_mul(layout.channels);
        scratch.samples.clear();
        scratch.samples.resize(all, 0);
        if layout.planar {
            scratch.stream.clear();
            scratch.stream.resize(pixels, 0);
            for channel in 0..layout.channels {
                let chunk = channel
                    .saturating_mul(chunks_per_plane)
                    .saturating_add(first_chunk);
                if !self.fetch(chunk, &mut scratch.compressed)? {
                    return Ok(TileState::NotScanned);
                }
                decode(&scratch.compressed, &mut scratch.stream).map_err(reason)?;
                if predicted {
                    samples::undo_horizontal_prediction(&mut scratch.stream, width, 1);
                }
                samples::interleave(
                    &scratch.stream,
                    channel,
                    layout.channels,
                    &mut scratch.samples,
                );
            }
        } else {
            if !self.fetch(first_chunk, &mut scratch.compressed)? {
                return Ok(TileState::NotScanned);
            }
            decode(&scratch.compressed, &mut scratch.samples).map_err(reason)?;
            if predicted {
                samples::undo_horizontal_prediction(&mut scratch.samples, width, layout.channels);
            }
        }
        samples::to_rgb(
            &scratch.samples,
            layout.channels,
            layout.meaning,
            layout.alpha,
            out,
        );
        Ok(TileState::Pixels)
    }
}

/// Cuts one strip into `parts` of `step` bytes; what the strip does not hold is left to be found short.
fn split_strip(offsets: &[u64], counts: &[u64], parts: u64, step: u64) -> (Vec<u64>, Vec<u64>) {
    let whole = |table: &[u64]| table.first().copied().unwrap_or(0);
    let (start, len) = (whole(offsets), whole(counts));
    if start == 0 || len == 0 {
        return (0..parts).map(|_| (0, 0)).unzip();
    }
    (0..parts)
        .map(|part| {
            let skip = part.saturating_mul(step);
            // A part that begins beyond the strip's end keeps one byte, so that it is short and not sparse.
            let left = len.saturating_sub(skip).min(step).max(1);
            (start.saturating_add(skip), left)
        })
        .unzip()
}

fn reason(error: codecs::CodecError) -> Fault {
    match error {
        codecs::CodecError::Unsupported(what) => unsupported(what),
        other => Fault::Broken(other.to_string()),
    }
}

fn chunk_size(tiff: &TiffFile, page: &Directory, size: LevelSize) -> Result<LevelSize, Fault> {
    if !is_tiled(page) {
        let rows = tiff
            .number(page, tags::ROWS_PER_STRIP)?
            .and_then(|rows| u32::try_from(rows).ok())
            .filter(|&rows| rows > 0)
            .map_or(size.height, |rows| rows.min(size.height));
        return Ok(LevelSize {
            width: size.width,
            height: rows,
        });
    }
    let side = |tag, name: &str| -> Result<u32, Fault> {
        let value = tiff.number(page, tag)?.unwrap_or(0);
        u32::try_from(value)
            .ok()
            // TIFF 6.0 wants multiples of 16; what is below is no tiling but a way to ask for much.
            .filter(|&v| v >= 16)
            .ok_or_else(|| Fault::Broken(format!("a page's tile {name} is {value}")))
    };
    Ok(LevelSize {
        width: side(tags::TILE_WIDTH, "width")?,
        height: side(tags::TILE_LENGTH, "height")?,
    })
}

fn layout(tiff: &TiffFile, page: &Directory, codec: &Codec) -> Result<Layout, Fault> {
    let number = |tag, default: u64| -> Result<u64, Fault> {
        Ok(tiff.number(page, tag)?.unwrap_or(default))
    };
    let channels = number(tags::SAMPLES_PER_PIXEL, 1)?;
    let bits = tiff
        .numbers(page, tags::BITS_PER_SAMPLE)?
        .unwrap_or_else(|| vec![1]);
    if let Some(other) = bits.iter().find(|&&b| b != 8) {
        return Err(unsupported(format!("a TIFF page of {other} bits a sample")));
    }
    let format = number(tags::SAMPLE_FORMAT, 1)?;
    if format != 1 {
        return Err(unsupported(format!("TIFF sample format {format}")));
    }
    if number(tags::FILL_ORDER, 1)? != 1 {
        return Err(unsupported("a TIFF page of reversed bit order"));
    }
    let planar = match number(tags::PLANAR_CONFIGURATION, 1)? {
        2 => channels > 1,
        _ => false,
    };
    let is_image = matches!(codec.decode, Decode::Image(_));
    if planar && is_image {
        return Err(unsupported(
            "a page of compressed pictures in separate planes",
        ));
    }
    let predicted = match number(tags::PREDICTOR, 1)? {
        1 => false,
        2 => true,
        other if codec.predicts => {
            return Err(unsupported(format!("TIFF predictor {other}")));
        }
        _ => false,
    };
    let photometric = number(tags::PHOTOMETRIC, if channels >= 3 { 2 } else { 1 })?;
    let (meaning, colour, colours) = match photometric {
        0 => (Meaning::InvertedGrey, StatedColour::Grey, 1),
        1 => (Meaning::Grey, StatedColour::Grey, 1),
        2 => (Meaning::Rgb, StatedColour::Rgb, 3),
        6 if is_image => (Meaning::Rgb, StatedColour::YCbCr, 3),
        6 => return Err(unsupported("a YCbCr page that is not JPEG")),
        3 => return Err(unsupported("a page of palette colours")),
        5 => return Err(unsupported("a CMYK page")),
        other => return Err(unsupported(format!("TIFF photometric {other}"))),
    };
    if channels < colours || channels > 16 {
        return Err(Fault::Broken(format!(
            "{channels} samples a pixel, at least {colours} wanted"
        )));
    }
    let alpha = if channels > colours {
        match number(tags::EXTRA_SAMPLES, 0)? {
            1 => Alpha::Associated,
            2 => Alpha::Unassociated,
            _ => Alpha::None,
        }
    } else {
        Alpha::None
    };
    Ok(Layout {
        channels: usize::try_from(channels).unwrap_or(16),
        planar,
        predicted,
        meaning,
        alpha,
        colour,
    })
}

impl TileStore for TiffPage {
    fn size(&self) -> LevelSize {
        self.size
    }

    fn tile_size(&self) -> LevelSize {
        self.chunk
    }

    fn public_tile_size(&self) -> Option<LevelSize> {
        self.tiled.then_some(self.chunk)
    }

    fn decode(
        &self,
        tile: TileIndex,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault> {
        if tile.column >= self.columns || tile.row >= self.rows {
            return Err(no_tile(tile));
        }
        let as_index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let first_chunk = as_index(
            u64::from(tile.row)
                .saturating_mul(u64::from(self.columns))
                .saturating_add(u64::from(tile.column)),
        );
        let per_plane = as_index(u64::from(self.columns).saturating_mul(u64::from(self.rows)));
        let needed = self.needed(tile);
        match self.codec.decode {
            Decode::Bytes(decode) => {
                let stored = if self.tiled { self.chunk } else { needed };
                self.decode_bytes(decode, (first_chunk, per_plane), stored, scratch, out)
            }
            Decode::Image(decode) => {
                if !self.fetch(first_chunk, &mut scratch.compressed)? {
                    return Ok(TileState::NotScanned);
                }
                let request = ImageRequest {
                    stored: self.chunk,
                    needed,
                    colour: self.layout.colour,
                    tables: self.tables.as_ref(),
                };
                let len = bytes_per_row(self.chunk.width)
                    .saturating_mul(usize::try_from(self.chunk.height).unwrap_or(usize::MAX));
                let out = out
                    .get_mut(..len)
                    .ok_or_else(|| Fault::Broken("a tile larger than its page says".to_owned()))?;
                decode(&request, &scratch.compressed, &mut scratch.stream, out).map_err(reason)?;
                Ok(TileState::Pixels)
            }
        }
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        for number in [
            self.size.width,
            self.size.height,
            self.chunk.width,
            self.chunk.height,
        ] {
            sink(&number.to_le_bytes());
        }
        // Folded first: hashing each of a million entries by itself would take longer than opening.
        for table in [&self.offsets, &self.byte_counts] {
            sink(&fingerprint::fold(table).to_le_bytes());
        }
    }
}
