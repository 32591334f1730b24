//! A patch that is out of focus.

use super::{Artefact, Place, Shape, Site};
use crate::noise::Dice;

struct Blur(Shape);

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let radius = (0.1 * site.small).clamp(25.0, 260.0);
    let radius = radius * Dice::new(site.seed ^ 4).between(0.7, 1.2);
    Box::new(Blur(Shape::blob(site, radius, 0.2)))
}

impl Artefact for Blur {
    fn shape(&self) -> &Shape {
        &self.0
    }

    fn shade(&self, _place: Place, _density: &mut [f32; 3]) {}

    fn defocuses(&self) -> bool {
        true
    }
}
