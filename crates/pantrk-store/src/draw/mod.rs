//! Pictures: colour maps, text, heatmaps, thumbnail and overlay.
//!
//! **Architecture invariant:** the same values give the same pixels on every machine; fonts and colours are on board.

mod canvas;
mod captioned;
mod colormap;
mod gallery;
mod heatmap;
mod overlay;
mod text;

pub use captioned::{Caption, write_captioned};
pub use colormap::{COLOR_MAPS, ColorMap, GRADE_COLOURS, grade_label};
pub use gallery::{GalleryEntry, GalleryIndex, read_gallery_index, write_gallery};
pub use heatmap::{Heatmap, HeatmapEntry, HeatmapIndex, read_heatmap_index, write_heatmaps};
pub use overlay::{Overlay, write_overlay, write_thumbnail};
