//! Where the level-0 tiles of a phantom lie in its file, for the program that only decodes.

use std::fmt::Write as _;
use std::path::Path;

use pantrk_slide::Slide;
use tiff::decoder::{Decoder, Limits};
use tiff::tags::Tag;

/// The tiles of level 0 as the file has them, row by row.
#[derive(Debug)]
pub struct TileTable {
    /// Where each begins, bytes.
    pub offsets: Vec<u64>,
    lengths: Vec<u64>,
    /// JPEG tables that all share.
    tables: Vec<u8>,
    /// Tiles across.
    pub columns: u32,
    /// Rows of tiles.
    pub rows: u32,
    /// Pixels along a tile's side.
    pub side: u32,
}

impl TileTable {
    /// Reads it from the slide's file.
    ///
    /// # Errors
    /// If the slide is not tiled or its file cannot be read, as a sentence.
    pub fn of(slide: &Slide) -> Result<Self, String> {
        let level = slide.levels().first().ok_or("no level")?;
        let tile = level.tile.ok_or("the phantom is not tiled")?;
        let file = std::fs::File::open(slide.path()).map_err(|e| e.to_string())?;
        let mut decoder = Decoder::new(std::io::BufReader::new(file))
            .map_err(|e| e.to_string())?
            .with_limits(Limits::unlimited());
        let mut numbers = |tag| decoder.get_tag_u64_vec(tag).map_err(|e| e.to_string());
        Ok(Self {
            offsets: numbers(Tag::TileOffsets)?,
            lengths: numbers(Tag::TileByteCounts)?,
            tables: decoder
                .get_tag_u8_vec(Tag::Unknown(347))
                .unwrap_or_default(),
            columns: level.size.width.div_ceil(tile.width),
            rows: level.size.height.div_ceil(tile.height),
            side: tile.width,
        })
    }

    /// The place of a tile in the table.
    pub fn index(&self, column: u32, row: u32) -> usize {
        row as usize * self.columns as usize + column as usize
    }

    /// Writes these tiles, by column and row, as `turbo/decode_tiles.c` wants them.
    ///
    /// # Errors
    /// If the file cannot be written, as a sentence.
    pub fn write_plan(&self, tiles: &[(u32, u32)], path: &Path) -> Result<(), String> {
        let mut text = format!("{} {}\n", self.tables.len(), self.side);
        for byte in &self.tables {
            write!(text, "{byte} ").map_err(|e| e.to_string())?;
        }
        text.push('\n');
        for (column, row) in tiles {
            let i = self.index(*column, *row);
            writeln!(text, "{} {}", self.offsets[i], self.lengths[i]).map_err(|e| e.to_string())?;
        }
        std::fs::write(path, text).map_err(|e| e.to_string())
    }
}
