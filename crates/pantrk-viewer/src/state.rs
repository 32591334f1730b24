//! What the viewer knows, as data.
//!
//! [`Settings`] are the user's and outlive a slide; the [`Session`] is what is open just now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use egui::TextureHandle;
use pantrk_slide::Slide;
use pantrk_space::{LevelSize, RegionReader as _, SlideMpp, SlidePoint, SlideRect};
use pantrk_store::{HeatmapEntry, SlideResult};

use crate::cell_layer::CellLayer;
use crate::pyramid::{Pyramid, TileKey};
use crate::tile_cache::TileCache;
use crate::view::View;

/// No texture is larger along a side: the least that OpenGL ES 2 hardware of the last years takes.
pub(crate) const MAX_TEXTURE_SIDE: u32 = 2048;

/// What the user chose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// Light, dark, or as the system has it.
    pub(crate) theme: egui::ThemePreference,
    /// Bytes of textures kept of a slide's tiles.
    pub(crate) tile_budget: usize,
    /// How opaque the heatmap is, 0 to 1.
    pub(crate) heatmap_opacity: f32,
    /// Whether cells are drawn.
    pub(crate) show_cells: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: egui::ThemePreference::Dark,
            tile_budget: 256 << 20,
            heatmap_opacity: 0.55,
            show_cells: true,
        }
    }
}

/// What is open just now.
#[derive(Default)]
pub(crate) struct Session {
    /// All that can be opened.
    pub(crate) worklist: Vec<WorkItem>,
    /// Whether folders are still being looked through.
    pub(crate) scanning: bool,
    /// What is open.
    pub(crate) open: Option<OpenItem>,
    /// What went wrong, the oldest first.
    pub(crate) messages: Vec<String>,
}

/// An entry of the worklist.
#[derive(Debug, Clone)]
pub(crate) struct WorkItem {
    /// The slide's id.
    pub(crate) id: String,
    /// Where it comes from.
    pub(crate) source: WorkSource,
}

/// Where an entry of the worklist comes from.
#[derive(Debug, Clone)]
pub(crate) enum WorkSource {
    /// A slide that was not scored, or whose score is not at hand.
    Slide {
        /// The file.
        path: PathBuf,
    },
    /// A scored slide.
    Result {
        /// Its folder.
        folder: PathBuf,
        /// The score.
        result: Arc<SlideResult>,
    },
    /// A folder whose result cannot be read.
    Broken {
        /// Why.
        reason: String,
    },
}

impl WorkItem {
    /// The score, where there is one.
    pub(crate) fn result(&self) -> Option<&SlideResult> {
        match &self.source {
            WorkSource::Result { result, .. } => Some(result),
            WorkSource::Slide { .. } | WorkSource::Broken { .. } => None,
        }
    }
}

/// Something that is read in the background.
#[derive(Debug, Clone, Default)]
pub(crate) enum Load<T> {
    /// Not asked for, or there is none.
    #[default]
    Absent,
    /// On its way.
    Waiting,
    /// There.
    Ready(T),
    /// It could not be read, with the reason.
    Failed(String),
}

impl<T> Load<T> {
    /// What is there.
    pub(crate) const fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            _ => None,
        }
    }
}

/// What is open.
pub(crate) struct OpenItem {
    /// Its place in the worklist.
    pub(crate) index: usize,
    /// A number of its own for each opening, so that late answers to an earlier one are known as such.
    pub(crate) opening: u64,
    /// The slide.
    pub(crate) slide: Load<OpenSlide>,
    /// Shown where the slide cannot be: the picture in the result's folder.
    pub(crate) thumbnail: Option<TextureHandle>,
    /// What is shown; `None` is the whole slide, whatever the window's size.
    pub(crate) view: Option<View>,
    /// What lies under the pointer.
    pub(crate) pointer: Option<SlidePoint>,
    /// The cells.
    pub(crate) cells: Load<CellLayer>,
    /// The maps there are.
    pub(crate) heatmaps: Vec<HeatmapEntry>,
    /// The one that is shown, by its metric.
    pub(crate) heatmap: Option<String>,
    /// Maps by their metric.
    pub(crate) heatmap_pictures: BTreeMap<String, Load<TextureHandle>>,
    /// The slide's tiles.
    pub(crate) tiles: TileCache<TilePicture>,
    /// Tiles that were asked for and have not come.
    pub(crate) pending: BTreeSet<TileKey>,
}

/// An open slide.
pub(crate) struct OpenSlide {
    /// Its pixels.
    pub(crate) reader: Arc<Slide>,
    /// As the canvas shows it.
    pub(crate) pyramid: Pyramid,
    /// The pixel size: the result's where there is one, for it may have been given by hand.
    pub(crate) mpp: Option<SlideMpp>,
}

impl OpenSlide {
    /// The size of level 0.
    pub(crate) fn size(&self) -> LevelSize {
        self.reader.size()
    }
}

/// A tile as the canvas draws it.
pub(crate) struct TilePicture {
    /// Its pixels; `None` where nothing could be read.
    pub(crate) texture: Option<TextureHandle>,
    /// Its places that could not be read.
    pub(crate) holes: Vec<SlideRect>,
}

impl Session {
    /// The entry that is open.
    pub(crate) fn open_item(&self) -> Option<(&WorkItem, &OpenItem)> {
        let open = self.open.as_ref()?;
        Some((self.worklist.get(open.index)?, open))
    }

    /// The score of the entry that is open.
    pub(crate) fn open_result(&self) -> Option<&SlideResult> {
        self.open_item().and_then(|(item, _)| item.result())
    }
}
