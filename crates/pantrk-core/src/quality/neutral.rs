//! Light lost without colour: shadows, edges and creases take all colours alike, which no mixture of hematoxylin and DAB does.

use super::CloseLook;
use super::pen::density_length;

/// Of an overview pixel: how far its optical density lies off the stains' plane on the neutral side, against the slide's usual, and the length of the density.
pub(super) struct Neutral<'a> {
    look: &'a CloseLook<'a>,
    usual: f32,
}

impl<'a> Neutral<'a> {
    /// Takes the usual off all tissue.
    pub(super) fn measure(look: &'a CloseLook<'a>) -> Self {
        let mut neutral = Self { look, usual: 0.0 };
        let mut all = Vec::new();
        for y in 0..look.tissue.height() {
            for x in 0..look.tissue.width() {
                all.extend(neutral.stains(x, y).map(|stains| stains[2]));
            }
        }
        if !all.is_empty() {
            let middle = all.len() / 2;
            neutral.usual = *all.select_nth_unstable_by(middle, f32::total_cmp).1;
        }
        neutral
    }

    /// Off the plane, and the length of the density; `None` outside tissue.
    pub(super) fn at(&self, x: u32, y: u32) -> Option<[f32; 2]> {
        let stains = self.stains(x, y)?;
        let length = density_length(self.look.colours, stains);
        Some([stains[2] - self.usual, length])
    }

    fn stains(&self, x: u32, y: u32) -> Option<[f32; 3]> {
        let look = self.look;
        (look.tissue.get(x, y) && look.overview.is_slide(x, y))
            .then(|| look.colours.pixel(look.overview.rgb.pixel(x, y)))
    }
}
