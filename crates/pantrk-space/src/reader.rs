//! The trait between those who read slides and those who look at them.

use crate::{Downsample, LevelIndex, LevelRect, LevelSize, RgbBuffer, SlideMpp, TileIndex};

/// One level of a pyramid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// In this level's pixels.
    pub size: LevelSize,
    /// Against level 0.
    pub downsample: Downsample,
    /// Of a stored tile, where the level is tiled.
    pub tile: Option<LevelSize>,
}

/// Why a place of a region holds no pixels of the slide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapKind {
    /// Beyond the level's edge.
    OutsideSlide,
    /// The file says that the scanner stored nothing here (a sparse tile): glass, by the format's rules.
    NotScanned,
    /// The file should hold pixels here, but they could not be read.
    Unreadable {
        /// The stored tile.
        tile: TileIndex,
        /// What went wrong, as a sentence without full stop.
        reason: String,
    },
}

/// A place of a region that holds no pixels of the slide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// In the level's pixels, cut to the region that was asked for.
    pub rect: LevelRect,
    /// Why.
    pub kind: GapKind,
}

impl Gap {
    /// Whether pixels that should be there are missing.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.kind, GapKind::Unreadable { .. })
    }
}

/// A region that could not be read at all.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ReadError {
    /// An error with a message that says what was found and what was wanted.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// The same, with the error below it.
    pub fn with_source(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            message: message.into(),
            source: Some(source.into()),
        }
    }
}

/// Pixels of a pyramid, readable from many threads at once.
pub trait RegionReader: Send + Sync {
    /// All levels, the sharpest first; never empty.
    fn levels(&self) -> &[Level];

    /// The pixel size of level 0, where the file (or the user) gives it; never a guess.
    fn mpp(&self) -> Option<SlideMpp>;

    /// Reads `rect` (in the pixels of `level`) into `out`, which becomes `rect` large.
    ///
    /// Places outside the slide and places that the scanner did not store are white; unreadable places are magenta.
    /// All of them are returned, because their pixels are not the slide's.
    ///
    /// # Errors
    /// If the level does not exist, the region is larger than the reader's limit, or the file is gone.
    fn read_region(
        &self,
        level: LevelIndex,
        rect: LevelRect,
        out: &mut RgbBuffer,
    ) -> Result<Vec<Gap>, ReadError>;

    /// The size of level 0.
    fn size(&self) -> LevelSize {
        self.levels().first().map_or(
            LevelSize {
                width: 0,
                height: 0,
            },
            |level| level.size,
        )
    }

    /// The coarsest level that is at least as sharp as `downsample`.
    fn best_level_for(&self, downsample: f64) -> LevelIndex {
        // A level that is coarser by less than half a percent is the one that was meant: 4.00012 for 4.
        let wanted = downsample * 1.005;
        let index = self
            .levels()
            .iter()
            .rposition(|level| level.downsample.get() <= wanted)
            .unwrap_or(0);
        LevelIndex(index)
    }
}
