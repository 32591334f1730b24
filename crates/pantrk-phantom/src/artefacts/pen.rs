//! A line of a marker over glass and tissue.

use super::{Artefact, Place, Shape, Site};
use crate::noise::{Dice, fbm, smoothstep};

struct Pen {
    shape: Shape,
    ink: [f32; 3],
    seed: u64,
}

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let mut dice = Dice::new(site.seed ^ 2);
    let length = 0.7 * site.small * dice.between(0.6, 1.0);
    let half = (0.025 * site.small).clamp(10.0, 120.0) * dice.between(0.7, 1.2);
    // Blue, green, black and red.
    let inks = [
        [1.0, 0.62, 0.12],
        [0.95, 0.22, 0.75],
        [1.1, 1.05, 1.0],
        [0.1, 0.9, 0.7],
    ];
    Box::new(Pen {
        shape: Shape::stroke(site, length, half),
        ink: inks[dice.below(inks.len())],
        seed: site.seed,
    })
}

impl Artefact for Pen {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn shade(&self, place: Place, density: &mut [f32; 3]) {
        // Ink gathers along the edge of a line.
        let edge = 0.3 * (-((place.distance - 4.0) / 5.0).powi(2)).exp();
        let patchy = 0.85 + 0.25 * fbm(self.seed, place.x / 60.0, place.y / 60.0, 3);
        let ink = smoothstep(-1.0, 2.5, place.distance) * (patchy + edge);
        for (od, colour) in density.iter_mut().zip(self.ink) {
            *od += ink * colour;
        }
    }

    fn hides(&self) -> bool {
        true
    }
}
