//! Air under the cover slip: a dark rim that bends light away, and a pale, unsharp inside.

use super::{Artefact, Place, Shape, Site};
use crate::noise::{Dice, smoothstep};

struct Bubble(Shape);

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let radius = (0.08 * site.small).clamp(25.0, 220.0);
    let radius = radius * Dice::new(site.seed ^ 5).between(0.7, 1.3);
    Box::new(Bubble(Shape::blob(site, radius, 0.04)))
}

impl Artefact for Bubble {
    fn shape(&self) -> &Shape {
        &self.0
    }

    fn shade(&self, place: Place, density: &mut [f32; 3]) {
        let d = place.distance;
        let inside = smoothstep(-1.0, 3.0, d);
        let rim = 0.75 * (-((d - 4.0) / 3.5).powi(2)).exp();
        let second = 0.15 * (-((d - 14.0) / 3.0).powi(2)).exp();
        for od in density.iter_mut() {
            *od = *od * (1.0 - 0.45 * inside) + 0.05 * inside + rim + second;
        }
    }

    fn defocuses(&self) -> bool {
        true
    }
}
