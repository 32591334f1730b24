//! What a format hands to the slide: stores of tiles, and facts about the file.

use std::collections::BTreeMap;

use pantrk_space::{Level, LevelRect, LevelSize, RgbBuffer, SlideMpp, TileIndex};

use crate::codecs::Scratch;
use crate::error::Fault;
use crate::source::Source;

/// What a store has at a tile's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TileState {
    /// Pixels; the output is filled.
    Pixels,
    /// The file stores nothing here; the output is as it was.
    NotScanned,
}

/// A rectangle of a stored tile and where it lies on its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) tile: TileIndex,
    /// Its top left corner within the tile, in pixels.
    pub(crate) from: (u32, u32),
    pub(crate) to: LevelRect,
}

/// What makes up a rectangle of a level whose tiles lie on no plain grid.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Pieces of one tile follow each other; where pieces overlap, the later is on top.
    pub(crate) pieces: Vec<Piece>,
    /// Places that no tile covers.
    pub(crate) open: Vec<LevelRect>,
}

/// One level, or one associated image, as tiles.
///
/// Tiles lie on a plain grid, unless [`TileStore::plan`] says where they lie (formats that stitch).
pub(crate) trait TileStore: Send + Sync {
    /// In pixels.
    fn size(&self) -> LevelSize;

    /// The size of every tile that [`TileStore::decode`] fills; strips count as wide tiles.
    fn tile_size(&self) -> LevelSize;

    /// What [`Level::tile`] says: `None` where the file is not tiled.
    fn public_tile_size(&self) -> Option<LevelSize> {
        Some(self.tile_size())
    }

    /// Where a tile's top left corner lies; `None` where there is no such tile.
    fn tile_origin(&self, tile: TileIndex) -> Option<(i64, i64)> {
        let (size, step) = (self.size(), self.tile_size());
        let x = u64::from(tile.column).checked_mul(u64::from(step.width))?;
        let y = u64::from(tile.row).checked_mul(u64::from(step.height))?;
        if x >= u64::from(size.width) || y >= u64::from(size.height) {
            return None;
        }
        Some((i64::try_from(x).ok()?, i64::try_from(y).ok()?))
    }

    /// The tiles that touch `rect`, which lies inside the level, row by row.
    fn tiles_over(&self, rect: LevelRect) -> Box<dyn Iterator<Item = TileIndex>> {
        let step = self.tile_size();
        let columns = span(rect.x, rect.right(), step.width);
        let rows = span(rect.y, rect.bottom(), step.height);
        Box::new(
            rows.flat_map(move |row| columns.clone().map(move |column| TileIndex { column, row })),
        )
    }

    /// What makes up `rect`, which lies inside the level, where tiles lie on no plain grid; stops once there are more than `max_pieces`.
    fn plan(&self, _rect: LevelRect, _max_pieces: usize) -> Option<Plan> {
        None
    }

    /// How much smaller than level 0 this level is, where its size does not say it exactly.
    fn downsample(&self) -> Option<f64> {
        None
    }

    /// The colour shown where nothing was scanned: that of the scanner's empty glass, where the file states it.
    fn background(&self) -> [u8; 3] {
        crate::region::WHITE
    }

    /// Fills `out` (three bytes per pixel of [`TileStore::tile_size`]) with the pixels of `tile`.
    ///
    /// Pixels beyond the level's edge may hold anything. The error is the reason of the gap.
    fn decode(
        &self,
        tile: TileIndex,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault>;

    /// Feeds what identifies the stored data (sizes, places in the file) to the fingerprint.
    fn identify(&self, sink: &mut dyn FnMut(&[u8]));

    /// The file that holds the pixels, where it is not the one that was opened (formats of several files).
    fn main_source(&self) -> Option<&Source> {
        None
    }
}

/// The tile numbers along one axis that touch pixels `from..to`.
fn span(from: i64, to: i64, step: u32) -> std::ops::Range<u32> {
    let step = i64::from(step.max(1));
    let first = from.max(0).checked_div(step).unwrap_or(0);
    let last = to
        .saturating_sub(1)
        .checked_div(step)
        .unwrap_or(0)
        .saturating_add(1);
    let clamp = |v: i64| u32::try_from(v.max(0)).unwrap_or(u32::MAX);
    clamp(first)..clamp(last)
}

/// A picture beside the pyramid.
pub(crate) struct Associated {
    pub(crate) name: String,
    pub(crate) size: LevelSize,
    /// The pixels, or what about them cannot be read and what to do.
    pub(crate) store: Result<Box<dyn TileStore>, (String, String)>,
}

/// A whole slide, as a format's `open` returns it.
pub(crate) struct Parts {
    /// For people: "Aperio SVS".
    pub(crate) format: String,
    /// The sharpest first, never empty.
    pub(crate) levels: Vec<Box<dyn TileStore>>,
    /// The vendor's own keys; those of OpenSlide that all formats share are added by the slide.
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) mpp: Option<(SlideMpp, &'static str)>,
    pub(crate) objective_power: Option<f64>,
    pub(crate) associated: Vec<Associated>,
    pub(crate) icc_profile: Option<Vec<u8>>,
}

/// Reads one whole store.
pub(crate) fn whole_rect(store: &dyn TileStore) -> LevelRect {
    LevelRect::of_size(store.size())
}

/// The public face of the levels: sizes, and downsamples as the format says or as the mean of both axes.
pub(crate) fn levels_of(stores: &[Box<dyn TileStore>]) -> Vec<Level> {
    let Some(size0) = stores.first().map(|store| store.size()) else {
        return Vec::new();
    };
    stores
        .iter()
        .map(|store| {
            let size = store.size();
            let x = f64::from(size0.width) / f64::from(size.width.max(1));
            let y = f64::from(size0.height) / f64::from(size.height.max(1));
            Level {
                size,
                downsample: store
                    .downsample()
                    .and_then(pantrk_space::Downsample::new)
                    .or_else(|| pantrk_space::Downsample::new(f64::midpoint(x, y)))
                    .unwrap_or(pantrk_space::Downsample::ONE),
                tile: store.public_tile_size(),
            }
        })
        .collect()
}

/// A store whose pixels are in memory already, for images that are decoded whole.
pub(crate) struct MemoryStore {
    pixels: RgbBuffer,
}

impl MemoryStore {
    /// Small enough that a patch copies little it does not need.
    const TILE: u32 = 512;

    pub(crate) fn new(pixels: RgbBuffer) -> Self {
        Self { pixels }
    }
}

impl TileStore for MemoryStore {
    fn size(&self) -> LevelSize {
        self.pixels.size()
    }

    fn tile_size(&self) -> LevelSize {
        LevelSize {
            width: Self::TILE,
            height: Self::TILE,
        }
    }

    fn public_tile_size(&self) -> Option<LevelSize> {
        None
    }

    fn decode(
        &self,
        tile: TileIndex,
        _scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault> {
        let (x, y) = self.tile_origin(tile).ok_or_else(|| no_tile(tile))?;
        let source_stride = crate::region::bytes_per_row(self.pixels.width());
        let left = usize::try_from(x).unwrap_or(usize::MAX).saturating_mul(3);
        let top = usize::try_from(y).unwrap_or(usize::MAX);
        let rows = self
            .pixels
            .as_bytes()
            .chunks_exact(source_stride.max(1))
            .skip(top);
        let stride = crate::region::bytes_per_row(Self::TILE);
        for (target, source) in out.chunks_exact_mut(stride).zip(rows) {
            let source = source.get(left..).unwrap_or_default();
            for (t, s) in target.iter_mut().zip(source) {
                *t = *s;
            }
        }
        Ok(TileState::Pixels)
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.pixels.width().to_le_bytes());
        sink(&self.pixels.height().to_le_bytes());
    }
}

/// The fault of asking for a tile that is not on the level.
pub(crate) fn no_tile(tile: TileIndex) -> Fault {
    Fault::Broken(format!(
        "there is no tile in column {} and row {}",
        tile.column, tile.row
    ))
}
