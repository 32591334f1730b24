//! Tissue folded over itself: two layers, so twice the density, with a dark crease.

use super::{Artefact, Place, Shape, Site};
use crate::noise::{Dice, smoothstep};

struct Fold(Shape);

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let mut dice = Dice::new(site.seed ^ 1);
    let length = (0.4 * site.small).min(1200.0) * dice.between(0.6, 1.0);
    let half = (0.02 * site.small).clamp(6.0, 28.0) * dice.between(0.7, 1.2);
    Box::new(Fold(Shape::stroke(site, length, half)))
}

impl Artefact for Fold {
    fn shape(&self) -> &Shape {
        &self.0
    }

    fn shade(&self, place: Place, density: &mut [f32; 3]) {
        let layers = 1.0 + 1.1 * smoothstep(-1.0, 2.0, place.distance);
        let crease = 0.35 * (-(place.distance - 1.5).powi(2) / 5.0).exp();
        for (c, od) in density.iter_mut().enumerate() {
            let tint = [0.9, 1.0, 0.9][c];
            *od = *od * layers + tint * place.tissue * (crease + 0.08 * (layers - 1.0));
        }
    }
}
