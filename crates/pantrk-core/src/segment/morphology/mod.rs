//! Shapes in binary and grey images: components, distances, basins, smoothing, opening.
//!
//! Written for patches that fit a core's cache and are done by the thousand: flat arrays, no allocation after the first patch of a size.
//! Connected means along pixel edges (4 neighbours) everywhere.
//!
//! **Architecture invariant:** nothing here allocates per pixel, and no result depends on what a buffer held before.
//!
//! **Architecture invariant:** ties are settled by raster order within one connected piece alone, so a piece that lies whole in two patches comes out the same in both.

mod basins;
mod components;
mod distance;
mod gaussian;
mod opening;

pub use basins::{BasinRules, Basins};
pub use components::{Components, Holes};
pub use distance::SquaredDistance;
pub use gaussian::Gaussian;
pub use opening::Opening;

#[cfg(test)]
mod tests;
