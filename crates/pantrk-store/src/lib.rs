//! What a scored slide leaves on disk: its folder with `result.json`, `cells.parquet`, heatmaps, pictures and GeoJSON, and the regions that come in.
//!
//! **Architecture invariant:** the bytes of a file depend on the values alone, not on the clock, the machine or the number of threads.
//!
//! **Architecture invariant:** nothing here scores; figures are written as they are handed in.
#![forbid(unsafe_code)]

mod cells;
mod cells_geojson;
mod draw;
mod error;
mod folder;
mod regions;
mod result;

pub use cells::{CELLS_SCHEMA, CellColumns, CellTable, read_cells, write_cells};
pub use cells_geojson::{CellShape, CellsGeoJson};
pub use draw::{
    COLOR_MAPS, ColorMap, GRADE_COLOURS, GalleryEntry, GalleryIndex, Heatmap, HeatmapEntry,
    HeatmapIndex, Overlay, grade_label, read_gallery_index, read_heatmap_index, write_gallery,
    write_heatmaps, write_overlay, write_thumbnail,
};
pub use error::StoreError;
pub use folder::{RunFolder, safe_slide_id, slide_id_from_path};
pub use regions::{Region, RegionPolygon, parse_regions, read_regions, scoring_regions};
pub use result::{
    CellCounts, ModelFacts, MppSource, PatternFacts, Quality, RunFacts, SCHEMA, SlideFacts,
    SlideResult, StainFacts, TumourRegion, UnreadTile, Warning,
};
