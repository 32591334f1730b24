//! The head of the board's model: an interior map and a distance map.
//!
//! Map 0 is the logit of lying inside a nucleus; map 1 the distance to the nucleus' border, divided by its maximum in that nucleus.
//! The interior is the mask; the distance map, lightly smoothed, is the relief whose basins are the nuclei.
//! Because the distance is normalised per nucleus, small and large nuclei make equally high peaks and one seed threshold serves both.

use pantrk_space::MicronsPerPixel;
use serde::Deserialize;

use super::{Head, HeadWorker, Maps, area_range, logit, parameters_from_table, within};
use crate::segment::LabelImage;
use crate::segment::morphology::{BasinRules, Basins, Gaussian, Holes};
use crate::segment::shape::pixels_from_um2;
use crate::widest::on_widest;

/// Levels that the distance's 0 to 1 is cut into.
const LEVELS: f32 = 1000.0;

/// What `head.parameters` may hold.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parameters {
    /// Probability above which a pixel is inside.
    interior_threshold: f64,
    /// Distance (0 to 1) that a peak must reach to seed a nucleus.
    seed_threshold: f64,
    /// Distance (0 to 1) that a peak must rise above the pass to a higher one.
    seed_depth: f64,
    /// Standard deviation of the smoothing of the distance, in pixels.
    seed_smoothing: f64,
    /// Holes in the mask up to this area are filled.
    max_hole_um2: f64,
    /// Smaller nuclei are dropped.
    min_area_um2: f64,
    /// Larger nuclei are dropped.
    max_area_um2: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            interior_threshold: 0.5,
            seed_threshold: 0.4,
            seed_depth: 0.1,
            seed_smoothing: 1.0,
            max_hole_um2: 10.0,
            min_area_um2: 10.0,
            max_area_um2: 400.0,
        }
    }
}

pub(super) fn build(table: &toml::Table, mpp: MicronsPerPixel) -> Result<Box<dyn Head>, String> {
    let parameters: Parameters = parameters_from_table(table)?;
    within(
        "interior_threshold",
        parameters.interior_threshold,
        0.001,
        0.999,
    )?;
    within("seed_threshold", parameters.seed_threshold, 0.0, 1.0)?;
    within("seed_depth", parameters.seed_depth, 0.0, 1.0)?;
    within("seed_smoothing", parameters.seed_smoothing, 0.0, 10.0)?;
    within("max_hole_um2", parameters.max_hole_um2, 0.0, 1e6)?;
    area_range(parameters.min_area_um2, parameters.max_area_um2)?;
    Ok(Box::new(InteriorDistance { parameters, mpp }))
}

struct InteriorDistance {
    parameters: Parameters,
    mpp: MicronsPerPixel,
}

impl Head for InteriorDistance {
    fn worker(&self) -> Box<dyn HeadWorker> {
        let Self { parameters, mpp } = self;
        let to_level = |distance: f64| (distance * f64::from(LEVELS)).round() as u16;
        Box::new(Worker {
            interior_logit: logit(parameters.interior_threshold),
            hole_area: pixels_from_um2(parameters.max_hole_um2, *mpp),
            rules: BasinRules {
                // Level 1 is a distance of 0.
                min_peak: 1 + to_level(parameters.seed_threshold),
                min_depth: to_level(parameters.seed_depth),
                min_area: pixels_from_um2(parameters.min_area_um2, *mpp).max(1),
                max_area: pixels_from_um2(parameters.max_area_um2, *mpp),
            },
            smoothing: Gaussian::new(parameters.seed_smoothing),
            relief: Vec::new(),
            mask: Vec::new(),
            levels: Vec::new(),
            holes: Holes::default(),
            basins: Basins::default(),
        })
    }
}

struct Worker {
    interior_logit: f32,
    hole_area: u32,
    rules: BasinRules,
    smoothing: Gaussian,
    relief: Vec<f32>,
    mask: Vec<u8>,
    levels: Vec<u16>,
    holes: Holes,
    basins: Basins,
}

impl HeadWorker for Worker {
    fn label(&mut self, maps: Maps<'_>, out: &mut LabelImage) {
        out.width = maps.width;
        out.height = maps.height;
        let (interior, distance) = (maps.channel(0), maps.channel(1));
        let threshold = self.interior_logit;
        self.mask.resize(interior.len(), 0);
        on_widest(
            #[inline(always)]
            || {
                for (mask, &logit) in self.mask.iter_mut().zip(interior) {
                    *mask = u8::from(logit > threshold);
                }
            },
        );
        self.holes.fill(&mut self.mask, maps.width, self.hole_area);
        self.relief.resize(distance.len(), 0.0);
        on_widest(
            #[inline(always)]
            || {
                // A regression leaves 0 to 1 a little.
                for (relief, &distance) in self.relief.iter_mut().zip(distance) {
                    *relief = distance.clamp(0.0, 1.0);
                }
            },
        );
        self.smoothing.smooth(&mut self.relief, maps.width);
        self.levels.resize(distance.len(), 0);
        let reliefs = self.relief.iter().zip(&self.mask);
        on_widest(
            #[inline(always)]
            || {
                // Level 1 is a distance of 0; through i32, because that cast is one instruction for many pixels.
                for (to, (&relief, &inside)) in self.levels.iter_mut().zip(reliefs) {
                    let level = (relief * LEVELS + 1.5) as i32 as u16;
                    *to = if inside == 0 { 0 } else { level };
                }
            },
        );
        out.count = self
            .basins
            .split(&self.levels, maps.width, self.rules, &mut out.labels);
    }
}

#[cfg(test)]
mod tests;
