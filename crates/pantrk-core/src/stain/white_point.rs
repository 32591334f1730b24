//! The colour of clear glass on this slide.

use serde::{Deserialize, Serialize};

use crate::overview::Overview;

/// The RGB value of light that met no tissue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WhitePoint {
    /// Red, green, blue; 0 to 255.
    pub rgb: [f64; 3],
    /// Whether enough glass was found to measure it; otherwise `rgb` is 255.
    pub measured: bool,
}

/// Glass is at least this bright in every channel; a darker "glass" would be a smear or a slide that is no brightfield image.
const DARKEST_GLASS: u8 = 180;
/// Glass has hardly any colour: largest minus smallest channel.
const GLASS_CHROMA: u8 = 25;
/// Glass is even: the range of each channel over 3 x 3 overview pixels.
const GLASS_RANGE: u8 = 5;
/// Fewer even pixels than this share of the overview are no measurement.
const LEAST_SHARE: f64 = 0.002;

/// Measures the white point on the overview: the mean of even, bright, colourless pixels near the brightest of them.
pub fn white_point(overview: &Overview) -> WhitePoint {
    let glass = even_bright_pixels(overview);
    let wanted = (overview.pixels() as f64 * LEAST_SHARE).max(9.0);
    if (glass.len() as f64) < wanted {
        return WhitePoint {
            rgb: [255.0; 3],
            measured: false,
        };
    }
    // Pale tissue is even and bright as well; glass is what is brighter still.
    let mut sums: Vec<u16> = glass
        .iter()
        .map(|p| p.iter().map(|&v| u16::from(v)).sum())
        .collect();
    sums.sort_unstable();
    let bright = sums[sums.len() * 9 / 10];
    let near: Vec<_> = glass
        .iter()
        .filter(|p| p.iter().map(|&v| u16::from(v)).sum::<u16>() + 12 >= bright)
        .collect();
    let rgb = std::array::from_fn(|c| {
        near.iter().map(|p| f64::from(p[c])).sum::<f64>() / near.len() as f64
    });
    WhitePoint {
        rgb,
        measured: true,
    }
}

fn even_bright_pixels(overview: &Overview) -> Vec<[u8; 3]> {
    let (width, height) = (overview.rgb.width(), overview.rgb.height());
    let mut glass = Vec::new();
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            if !overview.is_slide(x, y) {
                continue;
            }
            let centre = overview.rgb.pixel(x, y);
            let (low, high) = min_max(centre);
            if low < DARKEST_GLASS || high - low > GLASS_CHROMA {
                continue;
            }
            let even = (0..3).all(|c| {
                let (mut least, mut most) = (u8::MAX, 0);
                for dy in 0..3 {
                    for dx in 0..3 {
                        let value = overview.rgb.pixel(x + dx - 1, y + dy - 1)[c];
                        least = least.min(value);
                        most = most.max(value);
                    }
                }
                most - least <= GLASS_RANGE
            });
            if even {
                glass.push(centre);
            }
        }
    }
    glass
}

fn min_max(rgb: [u8; 3]) -> (u8, u8) {
    let [r, g, b] = rgb;
    (r.min(g).min(b), r.max(g).max(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::tests::overview_from;

    #[test]
    fn glass_beside_pale_tissue() {
        let overview = overview_from(60, 40, |x, _| {
            if x < 20 {
                [243, 241, 238]
            } else {
                [225, 220, 230]
            }
        });
        let white = white_point(&overview);
        assert!(white.measured);
        assert!(
            (white.rgb[0] - 243.0).abs() < 0.5 && (white.rgb[2] - 238.0).abs() < 0.5,
            "{white:?}"
        );
    }

    #[test]
    fn tissue_without_glass_measures_nothing() {
        let overview = overview_from(60, 40, |x, y| [120 + (x * 7 + y * 3) as u8 % 50, 90, 110]);
        let white = white_point(&overview);
        assert!(!white.measured);
        assert!(white.rgb.iter().all(|&v| (v - 255.0).abs() < 1e-9));
    }
}
