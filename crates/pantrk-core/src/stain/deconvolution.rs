//! Colour deconvolution at memory speed: a 256-entry table per channel and stain, then six additions a pixel.

use pantrk_space::RgbBuffer;

use super::density::ChannelDensity;
use super::{StainPlanes, StainVectors};

/// Takes 8-bit RGB to stain optical densities.
///
/// The product of the inverse matrix with the optical density is linear in each channel's density, so each of the nine products is a table look-up.
#[derive(Debug, Clone)]
pub struct Deconvolver {
    /// For red, green, blue: value -> contribution to hematoxylin, DAB, residual (and a zero for alignment).
    tables: Box<[[[f32; 4]; 256]; 3]>,
    /// Optical density per channel, for what is averaged before it is separated.
    pub(super) density: Box<[ChannelDensity; 3]>,
    /// Rows are channels, columns stains.
    pub(super) inverse: [[f32; 3]; 3],
    vectors: StainVectors,
    background: [f64; 3],
}

impl Deconvolver {
    /// For stains `vectors` and the RGB value of clear glass, `background` (each above 1, at most 255).
    pub fn new(vectors: StainVectors, background: [f64; 3]) -> Self {
        let inverse = vectors.inverse();
        let mut tables = Box::new([[[0.0_f32; 4]; 256]; 3]);
        for ((table, row), &white) in tables.iter_mut().zip(&inverse).zip(&background) {
            for (value, entry) in table.iter_mut().enumerate() {
                let od = optical_density(value as u8, white);
                for (slot, &factor) in entry.iter_mut().zip(row) {
                    *slot = (od * factor) as f32;
                }
            }
        }
        Self {
            tables,
            density: Box::new(background.map(ChannelDensity::new)),
            inverse: inverse.map(|row| row.map(|v| v as f32)),
            vectors,
            background,
        }
    }

    /// The stains it separates.
    pub fn vectors(&self) -> &StainVectors {
        &self.vectors
    }

    /// The RGB value of clear glass.
    pub fn background(&self) -> [f64; 3] {
        self.background
    }

    /// Hematoxylin, DAB and residual OD of one pixel.
    #[inline]
    pub fn pixel(&self, rgb: [u8; 3]) -> [f32; 3] {
        let [red, green, blue] = &*self.tables;
        let r = &red[rgb[0] as usize];
        let g = &green[rgb[1] as usize];
        let b = &blue[rgb[2] as usize];
        // No closure: it would be called for each stain.
        [r[0] + g[0] + b[0], r[1] + g[1] + b[1], r[2] + g[2] + b[2]]
    }

    /// All pixels of `rgb` into `planes`, which become as large.
    pub fn separate(&self, rgb: &RgbBuffer, planes: &mut StainPlanes) {
        planes.resize(rgb.size());
        let stains = planes
            .hematoxylin
            .iter_mut()
            .zip(&mut planes.dab)
            .zip(&mut planes.residual);
        for (pixel, ((h, d), r)) in rgb.as_bytes().chunks_exact(3).zip(stains) {
            let [hematoxylin, dab, residual] = self.pixel([pixel[0], pixel[1], pixel[2]]);
            *h = hematoxylin;
            *d = dab;
            *r = residual;
        }
    }
}

/// The optical density (log10) of one channel: -log10(max(value, 1) / white), not below 0.
pub(crate) fn optical_density(value: u8, white: f64) -> f64 {
    (-(f64::from(value.max(1)) / white).log10()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::LevelSize;

    /// RGB, hematoxylin, DAB, residual: computed in double precision by another program from QuPath's default H-DAB vectors, background 255.
    const GOLDEN: [([u8; 3], [f64; 3]); 16] = [
        ([255, 255, 255], [0.0, 0.0, 0.0]),
        ([0, 0, 0], [2.34515, 2.01140, 0.53423]),
        ([1, 1, 1], [2.34515, 2.01140, 0.53423]),
        ([128, 128, 128], [0.29169, 0.25018, 0.06645]),
        ([225, 196, 178], [0.00052, 0.20056, 0.00006]),
        ([199, 151, 125], [0.00150, 0.39786, -0.00060]),
        ([176, 116, 87], [-0.00022, 0.60106, -0.00097]),
        ([137, 69, 43], [0.00457, 0.99270, -0.00056]),
        ([104, 97, 171], [0.59864, -0.00035, -0.00028]),
        ([144, 121, 146], [0.29907, 0.19996, -0.00059]),
        ([94, 67, 89], [0.50120, 0.40123, -0.00145]),
        ([112, 72, 71], [0.29771, 0.60200, 0.00228]),
        ([160, 120, 80], [0.00627, 0.62697, 0.04672]),
        ([139, 69, 19], [-0.32885, 1.53342, 0.10251]),
        ([60, 70, 140], [0.90453, -0.03258, 0.07616]),
        ([254, 0, 0], [-0.56130, 3.68807, -0.98814]),
    ];

    #[test]
    fn the_golden_table_is_met() {
        let deconvolver = Deconvolver::new(StainVectors::h_dab_default(), [255.0; 3]);
        for (rgb, wanted) in GOLDEN {
            for (found, wanted) in deconvolver.pixel(rgb).iter().zip(wanted) {
                assert!(
                    (f64::from(*found) - wanted).abs() < 5e-5,
                    "{rgb:?}: {found} for {wanted}"
                );
            }
        }
    }

    #[test]
    fn optical_densities_of_single_values() {
        for (value, wanted) in [
            (254, 0.001_706),
            (250, 0.008_600),
            (240, 0.026_329),
            (200, 0.105_510),
            (150, 0.230_449),
            (100, 0.406_540),
            (50, 0.707_570),
            (10, 1.406_540),
            (1, 2.406_540),
            (0, 2.406_540),
        ] {
            assert!(
                (optical_density(value, 255.0) - wanted).abs() < 5e-7,
                "{value}"
            );
        }
        // Brighter than glass is glass.
        assert!(optical_density(250, 240.0) == 0.0);
    }

    #[test]
    fn planes_hold_what_pixels_give() {
        let deconvolver = Deconvolver::new(StainVectors::h_dab_default(), [243.0, 242.0, 240.0]);
        let bytes: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let size = LevelSize {
            width: 7,
            height: 5,
        };
        let rgb = RgbBuffer::from_raw(size, bytes).unwrap();
        let mut planes = StainPlanes::default();
        deconvolver.separate(&rgb, &mut planes);
        for y in 0..5 {
            for x in 0..7 {
                let i = y * 7 + x;
                let one = deconvolver.pixel(rgb.pixel(x as u32, y as u32));
                let plane = [planes.hematoxylin[i], planes.dab[i], planes.residual[i]];
                assert_eq!(one.map(f32::to_bits), plane.map(f32::to_bits));
            }
        }
    }
}
