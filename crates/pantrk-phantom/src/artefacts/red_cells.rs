//! A pool of red blood cells, whose hemoglobin is yellower than DAB.

use super::{Artefact, Place, Shape, Site};
use crate::noise::{Dice, cellular, smoothstep};

struct RedCells {
    shape: Shape,
    seed: u64,
}

/// Optical density (R, G, B) of a cell's middle.
const HEMOGLOBIN: [f32; 3] = [0.07, 0.36, 0.52];

pub(super) fn make(site: Site) -> Box<dyn Artefact> {
    let radius = (0.06 * site.small).clamp(22.0, 140.0);
    let radius = radius * Dice::new(site.seed ^ 0x08).between(0.7, 1.2);
    Box::new(RedCells {
        shape: Shape::blob(site, radius, 0.2),
        seed: site.seed,
    })
}

impl Artefact for RedCells {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn shade(&self, place: Place, density: &mut [f32; 3]) {
        let inside = smoothstep(-0.5, 0.5, place.distance);
        if inside <= 0.0 {
            return;
        }
        // Discs of about 7 um, close together.
        let disc = cellular(self.seed, place.x / 6.2, place.y / 6.2, 0.3);
        let amount = smoothstep(0.62, 0.5, disc.first);
        let rim = 1.0 - 0.25 * smoothstep(0.35, 0.0, disc.first);
        let strength = 0.85 + 0.3 * (disc.hash >> 56) as f32 / 255.0;
        for (od, colour) in density.iter_mut().zip(HEMOGLOBIN) {
            *od = *od * (1.0 - inside) + inside * (amount * rim * strength * colour + 0.01);
        }
    }

    fn hides(&self) -> bool {
        true
    }
}
