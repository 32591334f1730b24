//! From a mask to nuclei by shape alone: holes filled, then the distance transform's basins.

use super::LabelImage;
use super::morphology::{BasinRules, Basins, Holes, SquaredDistance};

/// Levels per pixel of distance; fine enough that rounding never decides a split.
const LEVELS_PER_PX: f32 = 16.0;
/// No nucleus is this deep, and the buckets stay few.
const HIGHEST_LEVEL: f32 = 4095.0;

/// When a mask's pieces are nuclei, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShapeRules {
    /// Holes up to this area are filled.
    pub(super) hole_area: u32,
    /// How much thicker than the neck between them two parts must be.
    pub(super) split_depth: f32,
    /// Smaller pieces are dropped.
    pub(super) min_area: u32,
    /// Larger pieces are dropped.
    pub(super) max_area: u32,
}

/// An area in pixels, rounded.
pub(super) fn pixels_from_um2(area_um2: f64, mpp: pantrk_space::MicronsPerPixel) -> u32 {
    // The cast saturates: an endless upper limit stays one.
    (area_um2 / (mpp.get() * mpp.get())).round() as u32
}

/// Buffers for splitting masks.
#[derive(Debug, Default)]
pub(super) struct ShapeSplit {
    holes: Holes,
    distance: SquaredDistance,
    squared: Vec<u32>,
    levels: Vec<u16>,
    basins: Basins,
}

impl ShapeSplit {
    /// Labels the nuclei of `mask` into `out`, whose size is set; fills the mask's holes.
    pub(super) fn split(&mut self, mask: &mut [u8], rules: ShapeRules, out: &mut LabelImage) {
        self.holes.fill(mask, out.width, rules.hole_area);
        self.distance.transform(mask, out.width, &mut self.squared);
        self.levels.clear();
        self.levels.extend(self.squared.iter().map(|&squared| {
            // Through i32, because that cast is one instruction for many pixels.
            ((squared as f32).sqrt() * LEVELS_PER_PX).min(HIGHEST_LEVEL) as i32 as u16
        }));
        let basins = BasinRules {
            min_peak: 1,
            min_depth: (rules.split_depth * LEVELS_PER_PX).max(1.0) as u16,
            min_area: rules.min_area,
            max_area: rules.max_area,
        };
        out.count = self
            .basins
            .split(&self.levels, out.width, basins, &mut out.labels);
    }
}
