//! Digital phantoms of pan-TRK slides (H-DAB) with exact truth: whole slides, fields and training material.
//!
//! A phantom is light through painted stain: `RGB = white x 10^-(H h + D d + residual)`.
//! Truth is summed from the painted DAB optical density, before blur and noise, over each cell's own pixels; the haze that lies on all tissue is not part of it.
//!
//! **Architecture invariant:** every pixel and every cell is a pure function of the specification and its place, so the same specification gives the same bytes for any number of threads and any cut into tiles.
#![forbid(unsafe_code)]

mod artefacts;
mod cells;
mod container;
mod contour;
mod error;
mod field;
mod geojson;
mod layout;
mod noise;
mod optics;
mod presets;
mod render;
mod slide;
mod spec;
mod tiff_write;
mod training;
mod truth;

pub use cells::CellKind;
pub use container::SlideContainer;
pub use error::PhantomError;
pub use field::{Field, render_field};
pub use optics::{DAB, HEMATOXYLIN, stain_vectors};
pub use presets::Preset;
pub use slide::write_slide;
pub use spec::{
    Architecture, ArtefactKind, FieldSpec, Level, SlideSpec, StainExtent, StainPattern,
};
pub use training::{training_field, write_training_fields};
pub use truth::{CellTruth, CompartmentTruth, ScoreTruth, SlideTruth};
