//! DAB that fell out of solution: dark clumps on tissue and glass alike, that belong to no cell.

use super::{Artefact, Place, Shape, Site};
use crate::noise::{Dice, cellular, fbm, smoothstep};
use crate::optics::DAB;

struct Precipitate {
    shape: Shape,
    seed: u64,
}

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let radius = (0.05 * site.small).clamp(20.0, 110.0);
    let radius = radius * Dice::new(site.seed ^ 0x0A).between(0.7, 1.3);
    Box::new(Precipitate {
        shape: Shape::blob(site, radius, 0.25),
        seed: site.seed,
    })
}

impl Artefact for Precipitate {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn shade(&self, place: Place, density: &mut [f32; 3]) {
        if place.distance < 0.0 {
            return;
        }
        let ragged = fbm(self.seed ^ 0x0B, place.x / 3.0, place.y / 3.0, 2);
        let clump = cellular(self.seed, place.x / 11.0, place.y / 11.0, 0.45);
        let size = 0.16 + 0.3 * (clump.hash >> 56) as f32 / 255.0 + 0.1 * ragged;
        let amount = 2.0 * smoothstep(0.05, -0.05, clump.first - size);
        for (od, colour) in density.iter_mut().zip(DAB) {
            *od += amount * colour as f32;
        }
    }
}
