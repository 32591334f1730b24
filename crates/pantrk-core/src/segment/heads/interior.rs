//! A head for foreign networks that give an interior map alone: the mask is split by its shape.

use pantrk_space::MicronsPerPixel;
use serde::Deserialize;

use super::{Head, HeadWorker, Maps, area_range, logit, parameters_from_table, within};
use crate::segment::LabelImage;
use crate::segment::shape::{ShapeRules, ShapeSplit, pixels_from_um2};

/// What `head.parameters` may hold.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parameters {
    /// Probability above which a pixel is inside.
    interior_threshold: f64,
    /// How much thicker (in radius) than the neck between them two parts of a piece must be to be two nuclei.
    split_depth_um: f64,
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
            split_depth_um: 0.5,
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
    within("split_depth_um", parameters.split_depth_um, 0.0, 10.0)?;
    within("max_hole_um2", parameters.max_hole_um2, 0.0, 1e6)?;
    area_range(parameters.min_area_um2, parameters.max_area_um2)?;
    Ok(Box::new(Interior {
        interior_logit: logit(parameters.interior_threshold),
        rules: ShapeRules {
            hole_area: pixels_from_um2(parameters.max_hole_um2, mpp),
            split_depth: (parameters.split_depth_um / mpp.get()) as f32,
            min_area: pixels_from_um2(parameters.min_area_um2, mpp).max(1),
            max_area: pixels_from_um2(parameters.max_area_um2, mpp),
        },
    }))
}

struct Interior {
    interior_logit: f32,
    rules: ShapeRules,
}

impl Head for Interior {
    fn worker(&self) -> Box<dyn HeadWorker> {
        Box::new(Worker {
            interior_logit: self.interior_logit,
            rules: self.rules,
            mask: Vec::new(),
            shape: ShapeSplit::default(),
        })
    }
}

struct Worker {
    interior_logit: f32,
    rules: ShapeRules,
    mask: Vec<u8>,
    shape: ShapeSplit,
}

impl HeadWorker for Worker {
    fn label(&mut self, maps: Maps<'_>, out: &mut LabelImage) {
        out.width = maps.width;
        out.height = maps.height;
        let threshold = self.interior_logit;
        self.mask.clear();
        self.mask.extend(
            maps.channel(0)
                .iter()
                .map(|&logit| u8::from(logit > threshold)),
        );
        self.shape.split(&mut self.mask, self.rules, out);
    }
}
