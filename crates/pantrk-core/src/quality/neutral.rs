//! Light lost without colour: shadows, edges and creases take all colours alike, which no mixture of hematoxylin and DAB does.

use super::CloseLook;
use super::pen::density_length;

/// Of an overview pixel: how far its optical density lies off the stains' plane on the neutral side, against the slide's usual, and the length of the density.
pub(super) struct Neutral {
    width: usize,
    values: Vec<Option<[f32; 2]>>,
}

impl Neutral {
    /// Measures all tissue.
    pub(super) fn measure(look: &CloseLook<'_>) -> Self {
        let (width, height) = (look.tissue.width(), look.tissue.height());
        let mut values = vec![None; width as usize * height as usize];
        let mut usual = Vec::new();
        for y in 0..height {
            for x in 0..width {
                if look.tissue.get(x, y) && look.overview.is_slide(x, y) {
                    let stains = look.colours.pixel(look.overview.rgb.pixel(x, y));
                    let length = density_length(look.colours, stains);
                    values[y as usize * width as usize + x as usize] = Some([stains[2], length]);
                    usual.push(stains[2]);
                }
            }
        }
        usual.sort_unstable_by(f32::total_cmp);
        let median = usual.get(usual.len() / 2).copied().unwrap_or(0.0);
        for [off, _] in values.iter_mut().flatten() {
            *off -= median;
        }
        Self {
            width: width as usize,
            values,
        }
    }

    /// Off the plane, and the length of the density; `None` outside tissue.
    pub(super) fn at(&self, x: u32, y: u32) -> Option<[f32; 2]> {
        self.values[y as usize * self.width + x as usize]
    }
}
