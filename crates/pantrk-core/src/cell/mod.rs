//! Cells: from nucleus instances to compartments and one row of numbers per cell.

mod contour;
mod expand;
mod fill;
mod kinds;
mod layers;
mod measure;
mod narrow;
mod outline;
mod table;

pub use contour::trace_contours;
pub use expand::Expansion;
pub use fill::fill_ring;
pub use kinds::{CellKinds, KindAccuracy};
pub use measure::{BesideMembrane, CellMeasurer, CellRecord, Measuring};
pub(crate) use narrow::settle_narrow_cytoplasm;
pub use outline::OutlineFitter;
pub use table::{CellTable, ExcludedReason};
