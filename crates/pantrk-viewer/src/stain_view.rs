//! One stain of a slide alone, as it would look under the microscope.

use egui::{Color32, ColorImage};
use pantrk_core::stain::{Deconvolver, StainVectors};
use pantrk_store::StainFacts;

use crate::state::Stain;

/// Densities from 0 to this are shown; beyond, it is dark anyway (OD).
const TOP: f32 = 2.5;
/// Shades of one stain.
const SHADES: usize = 512;

/// Takes a picture's pixels to one stain.
pub(crate) struct StainView {
    /// Which.
    pub(crate) stain: Stain,
    deconvolver: Deconvolver,
    shades: Vec<Color32>,
}

impl StainView {
    /// For a slide that was scored with these facts, or by the field's default vectors on clear glass.
    pub(crate) fn new(stain: Stain, facts: Option<&StainFacts>) -> Self {
        let deconvolver = deconvolver(facts);
        let vectors = *deconvolver.vectors();
        let vector = match stain {
            Stain::Dab => vectors.dab,
            Stain::Both | Stain::Hematoxylin => vectors.hematoxylin,
        };
        let shade = |i: usize| {
            let od = f64::from(TOP) * i as f64 / (SHADES - 1) as f64;
            let [r, g, b] = vector.map(|part| (255.0 * 10_f64.powf(-od * part)).round() as u8);
            Color32::from_rgb(r, g, b)
        };
        Self {
            stain,
            deconvolver,
            shades: (0..SHADES).map(shade).collect(),
        }
    }

    /// The picture in this stain alone.
    pub(crate) fn apply(&self, image: &mut ColorImage) {
        let channel = match self.stain {
            Stain::Both => return,
            Stain::Hematoxylin => 0,
            Stain::Dab => 1,
        };
        let scale = (SHADES - 1) as f32 / TOP;
        for pixel in &mut image.pixels {
            let od = self.deconvolver.pixel([pixel.r(), pixel.g(), pixel.b()])[channel];
            let shade = (od * scale).clamp(0.0, (SHADES - 1) as f32) as usize;
            *pixel = self.shades[shade];
        }
    }
}

/// The deconvolution that a slide was scored with, or the field's default.
pub(crate) fn deconvolver(facts: Option<&StainFacts>) -> Deconvolver {
    let given = facts.and_then(|f| {
        let white = f.background_rgb;
        let usable = white.iter().all(|v| *v > 1.0 && *v <= 255.0);
        let vectors = StainVectors::new(f.hematoxylin, f.dab).ok()?;
        usable.then_some((vectors, white))
    });
    let (vectors, white) = given.unwrap_or((StainVectors::h_dab_default(), [255.0; 3]));
    Deconvolver::new(vectors, white)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stain_alone_loses_the_other() {
        // Of 0.30 hematoxylin and 0.20 DAB, by QuPath's default vectors.
        let mixed = Color32::from_rgb(144, 121, 146);
        let shown = |stain| {
            let mut image = ColorImage::new([1, 1], vec![mixed]);
            StainView::new(stain, None).apply(&mut image);
            image.pixels[0]
        };
        // 255 x 10^(-0.3 x vector) and 255 x 10^(-0.2 x vector).
        let near = |a: Color32, b: [u8; 3]| {
            let b = Color32::from_rgb(b[0], b[1], b[2]);
            [(a.r(), b.r()), (a.g(), b.g()), (a.b(), b.b())]
                .iter()
                .all(|(x, y)| x.abs_diff(*y) <= 2)
        };
        assert!(near(shown(Stain::Hematoxylin), [163, 157, 209]));
        assert!(near(shown(Stain::Dab), [225, 196, 178]));
        assert_eq!(shown(Stain::Both), mixed);
    }
}
