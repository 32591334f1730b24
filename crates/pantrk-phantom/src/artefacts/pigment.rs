//! Brown-black granules in tissue: melanin, carbon or formalin pigment, which a stain separation reads as DAB.

use super::{Artefact, Place, Shape, Site};
use crate::noise::{Dice, cellular, fbm, smoothstep};

struct Pigment {
    shape: Shape,
    colour: [f32; 3],
    seed: u64,
}

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let mut dice = Dice::new(site.seed ^ 3);
    let radius = (0.05 * site.small).clamp(18.0, 90.0) * dice.between(0.7, 1.3);
    let colour = if dice.chance(0.5) {
        [0.75, 1.0, 1.25]
    } else {
        [1.2, 1.3, 1.3]
    };
    Box::new(Pigment {
        shape: Shape::blob(site, radius, 0.25),
        colour,
        seed: site.seed,
    })
}

impl Artefact for Pigment {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn shade(&self, place: Place, density: &mut [f32; 3]) {
        if place.distance < 0.0 {
            return;
        }
        let clump = fbm(self.seed ^ 7, place.x / 14.0, place.y / 14.0, 3);
        let grain = cellular(self.seed, place.x / 1.5, place.y / 1.5, 0.4);
        let size = 0.02 + 0.42 * clump + 0.12 * (grain.hash >> 56) as f32 / 255.0;
        let amount = smoothstep(0.12, -0.12, grain.first - size) * place.tissue;
        for (od, colour) in density.iter_mut().zip(self.colour) {
            *od += amount * colour;
        }
    }
}
