//! What a scored slide leaves on disk: its folder with `result.json`, `cells.parquet`, heatmaps, pictures and GeoJSON, the worklist over many of them, and the regions that come in.
//!
//! **Architecture invariant:** the bytes of a file depend on the values alone, not on the clock, the machine or the number of threads.
//!
//! **Architecture invariant:** nothing here scores; figures are written as they are handed in.
#![forbid(unsafe_code)]

mod arrow_schema;
mod cells;
mod cells_geojson;
mod checkpoint;
mod claim;
mod draw;
mod error;
mod failed;
mod file_system;
mod folder;
mod regions;
mod result;
mod slide_place;
mod summary;
mod worklist;

pub use cells::{CELLS_SCHEMA, CellColumns, CellTable, read_cells, write_cells};
pub use cells_geojson::{CellShape, CellsGeoJson};
pub use checkpoint::CheckpointFile;
pub use claim::{
    Claim, ClaimHolder, ClaimSign, Claimed, claim_sign, clear_stale_claim, host_name, is_claimed,
};
pub use draw::{
    COLOR_MAPS, Caption, ColorMap, GRADE_COLOURS, GalleryEntry, GalleryIndex, Heatmap,
    HeatmapEntry, HeatmapIndex, Overlay, grade_label, read_gallery_index, read_heatmap_index,
    write_captioned, write_gallery, write_heatmaps, write_overlay, write_thumbnail,
};
pub use error::StoreError;
pub use failed::{ERROR_SCHEMA, ERRORS_FILE, SlideFailure, write_errors};
pub use file_system::is_network;
pub use folder::{
    RunFolder, read_manifest_columns, safe_slide_id, slide_id_from_path, write_manifest_columns,
};
pub use regions::{
    Region, RegionPolygon, parse_regions, read_regions, regions_geojson, scoring_regions,
};
pub use result::{
    CellCounts, ModelFacts, MppSource, PatternFacts, Quality, RegionClassifierFacts, RunFacts,
    SCHEMA, SlideFacts, SlideResult, StainFacts, TumourRegion, UnreadTile, Warning,
};
pub use slide_place::{SlidePlace, slide_place};
pub use summary::{Collected, SUMMARY_SCHEMA, collect};
pub use worklist::{
    AuditChange, AuditEntry, DraftSave, ReviewState, ScoredRun, SignOff, SlideReview, SlideState,
    Stamp, WORKLIST_FILE, WORKLIST_SCHEMA, Worklist, WorklistModel, WorklistSlide,
};
