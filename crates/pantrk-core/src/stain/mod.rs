//! Stain separation.

mod planes;

pub use planes::StainPlanes;
