//! Golden-brown granules of iron after a bleed.

use super::{Artefact, Place, Shape, Site};
use crate::noise::{Dice, cellular, fbm, smoothstep};

struct Hemosiderin {
    shape: Shape,
    seed: u64,
}

/// Optical density (R, G, B) of a granule: little red is taken, so it stays golden.
const IRON: [f32; 3] = [0.22, 0.72, 1.35];

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let radius = (0.045 * site.small).clamp(18.0, 80.0);
    let radius = radius * Dice::new(site.seed ^ 0x09).between(0.7, 1.3);
    Box::new(Hemosiderin {
        shape: Shape::blob(site, radius, 0.25),
        seed: site.seed,
    })
}

impl Artefact for Hemosiderin {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn shade(&self, place: Place, density: &mut [f32; 3]) {
        if place.distance < 0.0 {
            return;
        }
        let clump = fbm(self.seed ^ 7, place.x / 12.0, place.y / 12.0, 3);
        let grain = cellular(self.seed, place.x / 2.2, place.y / 2.2, 0.4);
        let size = 0.3 + 0.4 * clump + 0.15 * (grain.hash >> 56) as f32 / 255.0;
        let amount = smoothstep(0.12, -0.12, grain.first - size) * place.tissue;
        for (od, colour) in density.iter_mut().zip(IRON) {
            *od += amount * colour;
        }
    }
}
