//! The optical-density planes of one patch.

use pantrk_space::LevelSize;

/// Optical densities (log10) of one patch, one value per pixel and stain, row by row.
///
/// Stain ODs are not clipped: a pixel bluer than hematoxylin has a negative DAB OD.
#[derive(Debug, Clone, Default)]
pub struct StainPlanes {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Hematoxylin OD.
    pub hematoxylin: Vec<f32>,
    /// DAB OD, background not taken off.
    pub dab: Vec<f32>,
    /// Residual OD.
    pub residual: Vec<f32>,
}

impl StainPlanes {
    /// Makes the planes `size` large, keeping their memory; values are unspecified.
    pub fn resize(&mut self, size: LevelSize) {
        self.width = size.width as usize;
        self.height = size.height as usize;
        let pixels = self.width * self.height;
        self.hematoxylin.resize(pixels, 0.0);
        self.dab.resize(pixels, 0.0);
        self.residual.resize(pixels, 0.0);
    }
}
