//! The cover slip's edge across the slide: a dark, unsharp line that bends light away.

use super::{Artefact, Place, Shape, Site};
use crate::noise::Dice;

struct CoverslipEdge(Shape);

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let mut dice = Dice::new(site.seed ^ 0x0C);
    let half = (0.012 * site.small).clamp(7.0, 26.0) * dice.between(0.8, 1.2);
    let (sin, cos) = (0.15 * dice.signed()).sin_cos();
    let reach = 0.9 * site.small;
    let points = [-1.0, -0.5, 0.0, 0.5, 1.0]
        .map(|t: f32| (site.x + t * reach * cos, site.y + t * reach * sin))
        .to_vec();
    Box::new(CoverslipEdge(Shape::Stroke {
        points,
        half,
        seed: site.seed,
    }))
}

impl Artefact for CoverslipEdge {
    fn shape(&self) -> &Shape {
        &self.0
    }

    fn shade(&self, place: Place, density: &mut [f32; 3]) {
        let d = place.distance;
        let line = 0.55 * (-((d - 6.0) / 5.0).powi(2)).exp();
        let fringe = 0.2 * (-((d - 1.0) / 2.0).powi(2)).exp();
        for od in density.iter_mut() {
            *od += line + fringe;
        }
    }

    fn defocuses(&self) -> bool {
        true
    }
}
