//! Stain separation: optical density, stain vectors, white point and the slide's DAB background.
//!
//! Colour deconvolution after Ruifrok and Johnston (Anal Quant Cytol Histol 2001;23:291-299): the optical density of a pixel is a sum of stain vectors, each times its stain's density, so the densities are the inverse matrix times the optical density.
//! All optical densities are log10, OD = -log10(max(v, 1) / background), not below 0; stain densities are not clipped.

mod background;
mod deconvolution;
mod density;
mod estimate;
mod macenko;
mod planes;
mod sample;
mod vectors;
mod white_point;

pub use background::{BackgroundDab, background_dab};
pub use deconvolution::Deconvolver;
pub(crate) use deconvolution::optical_density;
pub use estimate::{StainEstimate, estimate_vectors};
pub use macenko::{MacenkoOptions, macenko_pca};
pub use planes::StainPlanes;
pub use sample::TissueSample;
pub use vectors::{StainVectorError, StainVectors};
pub use white_point::{WhiteDrift, WhitePoint, white_point};
