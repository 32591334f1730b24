//! The colour of clear glass on this slide, and how it drifts from one end to the other.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::overview::Overview;

/// The RGB value of light that met no tissue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WhitePoint {
    /// Red, green, blue; 0 to 255; the mean over the slide's glass.
    pub rgb: [f64; 3],
    /// Whether enough glass was found to measure it; otherwise `rgb` is 255.
    pub measured: bool,
    /// How it changes over the slide; `None` where it is even, or where too little glass was found to tell.
    pub drift: Option<WhiteDrift>,
}

/// Terms of a surface of second degree: 1, u, v, u2, uv, v2.
const TERMS: usize = 6;

/// A smooth surface over the slide, one per channel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WhiteDrift {
    surface: [[f64; TERMS]; 3],
    /// The surface is not trusted beyond what was seen on glass, per channel.
    range: [[f64; 2]; 3],
}

impl WhiteDrift {
    /// The glass at a place, given as shares of the slide's width and height (0 to 1).
    pub fn at(&self, u: f64, v: f64) -> [f64; 3] {
        let terms = terms(u, v);
        std::array::from_fn(|c| {
            let value: f64 = terms.iter().zip(self.surface[c]).map(|(t, k)| t * k).sum();
            value.clamp(self.range[c][0], self.range[c][1])
        })
    }

    /// Brightest less darkest glass, the mean of the channels, grey levels.
    pub fn span(&self) -> f64 {
        self.range.iter().map(|[low, high]| high - low).sum::<f64>() / 3.0
    }
}

impl WhitePoint {
    /// The glass at a place, given as shares of the slide's width and height (0 to 1).
    pub fn at(&self, u: f64, v: f64) -> [f64; 3] {
        self.drift.map_or(self.rgb, |drift| drift.at(u, v))
    }
}

/// Glass is at least this bright in every channel; a darker "glass" would be a smear or a slide that is no brightfield image.
const DARKEST_GLASS: u8 = 180;
/// Glass has hardly any colour: largest minus smallest channel.
const GLASS_CHROMA: u8 = 25;
/// Glass is even: the range of each channel over 3 x 3 overview pixels.
const GLASS_RANGE: u8 = 5;
/// Fewer even pixels than this share of the overview are no measurement.
const LEAST_SHARE: f64 = 0.002;
/// For the drift the overview is cut into this many parts a side.
const PARTS: u32 = 16;
/// A part counts with this many pixels of glass.
const LEAST_IN_PART: usize = 8;
/// Glass that strays further from a smooth surface than this (one deviation, grey levels) does not drift: something lies on it.
const ROUGHEST: f64 = 1.0;
/// A drift of less than this many grey levels is none.
const LEAST_DRIFT: f64 = 1.0;

/// Measures the white point on the overview: the mean of even, bright, colourless pixels near the brightest of them.
pub fn white_point(overview: &Overview) -> WhitePoint {
    let glass = even_bright_pixels(overview);
    let wanted = (overview.pixels() as f64 * LEAST_SHARE).max(9.0);
    if (glass.len() as f64) < wanted {
        return WhitePoint {
            rgb: [255.0; 3],
            measured: false,
            drift: None,
        };
    }
    // Pale tissue is even and bright as well; glass is what is brighter still.
    let near = brightest(&glass.iter().map(|g| g.rgb).collect::<Vec<_>>());
    if let Some((rgb, drift)) = drift(&parts(overview, &glass)) {
        return WhitePoint {
            rgb,
            measured: true,
            drift: Some(drift),
        };
    }
    WhitePoint {
        rgb: near,
        measured: true,
        drift: None,
    }
}

/// The mean of the pixels near the brightest tenth.
fn brightest(pixels: &[[u8; 3]]) -> [f64; 3] {
    let sum = |p: &[u8; 3]| p.iter().map(|&v| u16::from(v)).sum::<u16>();
    let mut sums: Vec<u16> = pixels.iter().map(sum).collect();
    sums.sort_unstable();
    let bright = sums[sums.len() * 9 / 10];
    let near: Vec<_> = pixels.iter().filter(|p| sum(p) + 12 >= bright).collect();
    std::array::from_fn(|c| near.iter().map(|p| f64::from(p[c])).sum::<f64>() / near.len() as f64)
}

struct Glass {
    x: u32,
    y: u32,
    rgb: [u8; 3],
}

/// The glass of one part of the overview.
struct Part {
    column: u32,
    row: u32,
    /// Shares of width and height.
    place: [f64; 2],
    rgb: [f64; 3],
}

fn parts(overview: &Overview, glass: &[Glass]) -> Vec<Part> {
    let (width, height) = (overview.rgb.width(), overview.rgb.height());
    let mut found: Vec<Vec<&Glass>> = Vec::new();
    found.resize_with((PARTS * PARTS) as usize, Vec::new);
    for pixel in glass {
        let (column, row) = (pixel.x * PARTS / width, pixel.y * PARTS / height);
        found[(row * PARTS + column) as usize].push(pixel);
    }
    let parts = found.iter().enumerate().filter_map(|(i, pixels)| {
        if pixels.len() < LEAST_IN_PART {
            return None;
        }
        let mean = |of: fn(&Glass) -> f64, extent: u32| {
            let sum: f64 = pixels.iter().map(|p| of(p) + 0.5).sum();
            sum / pixels.len() as f64 / f64::from(extent)
        };
        Some(Part {
            column: i as u32 % PARTS,
            row: i as u32 / PARTS,
            place: [
                mean(|p| f64::from(p.x), width),
                mean(|p| f64::from(p.y), height),
            ],
            rgb: brightest(&pixels.iter().map(|p| p.rgb).collect::<Vec<_>>()),
        })
    });
    parts.collect()
}

fn terms(u: f64, v: f64) -> [f64; TERMS] {
    let (u, v) = (2.0 * u - 1.0, 2.0 * v - 1.0);
    [1.0, u, v, u * u, u * v, v * v]
}

/// A smooth surface through the brightest parts; those that lie well below it hold pale tissue and are dropped.
fn drift(parts: &[Part]) -> Option<([f64; 3], WhiteDrift)> {
    let mut kept: Vec<&Part> = parts.iter().collect();
    let grey = |part: &Part| part.rgb.iter().sum::<f64>() / 3.0;
    for _ in 0..12 {
        let used = used_terms(&kept)?;
        let surface = fit(&kept, used, grey)?;
        let residual = |part: &Part| grey(part) - value(&surface, part.place);
        let mut sizes: Vec<f64> = kept.iter().map(|p| residual(p).abs()).collect();
        sizes.sort_unstable_by(f64::total_cmp);
        let limit = (3.0 * sizes[sizes.len() / 2]).max(1.0);
        let before = kept.len();
        kept.retain(|part| residual(part) > -limit);
        if kept.len() == before {
            break;
        }
    }
    let used = used_terms(&kept)?;
    let grey_surface = fit(&kept, used, grey)?;
    let squares = kept
        .iter()
        .map(|p| (grey(p) - value(&grey_surface, p.place)).powi(2));
    if (squares.sum::<f64>() / kept.len() as f64).sqrt() > ROUGHEST {
        return None;
    }
    let mut surface = [[0.0; TERMS]; 3];
    let mut range = [[0.0; 2]; 3];
    for c in 0..3 {
        surface[c] = fit(&kept, used, |part| part.rgb[c])?;
        let values = kept.iter().map(|p| value(&surface[c], p.place));
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        range[c] = [low - 1.0, high + 1.0];
    }
    let drift = WhiteDrift { surface, range };
    let rgb =
        std::array::from_fn(|c| kept.iter().map(|p| p.rgb[c]).sum::<f64>() / kept.len() as f64);
    (drift.span() - 2.0 >= LEAST_DRIFT).then_some((rgb, drift))
}

fn value(surface: &[f64; TERMS], place: [f64; 2]) -> f64 {
    let terms = terms(place[0], place[1]);
    terms.iter().zip(surface).map(|(t, k)| t * k).sum()
}

/// How many terms the parts can bear: all, the plane's three, or none.
fn used_terms(parts: &[&Part]) -> Option<usize> {
    let spread = |of: fn(&Part) -> u32| {
        let mut values: Vec<u32> = parts.iter().map(|p| of(p)).collect();
        values.sort_unstable();
        values.dedup();
        let reach = values.last().zip(values.first()).map_or(0, |(b, a)| b - a);
        (values.len(), reach)
    };
    let ((columns, wide), (rows, high)) = (spread(|p| p.column), spread(|p| p.row));
    if parts.len() >= 24 && columns.min(rows) >= 6 && wide.min(high) >= PARTS * 2 / 3 {
        Some(TERMS)
    } else if parts.len() >= 8 && columns.min(rows) >= 3 && wide.min(high) >= PARTS / 3 {
        Some(3)
    } else {
        None
    }
}

/// Least squares by the normal equations; `None` if they are singular.
#[expect(
    clippy::needless_range_loop,
    reason = "rows of one matrix change each other"
)]
fn fit(parts: &[&Part], used: usize, of: impl Fn(&Part) -> f64) -> Option<[f64; TERMS]> {
    let mut matrix = [[0.0; TERMS + 1]; TERMS];
    for part in parts {
        let t = terms(part.place[0], part.place[1]);
        for i in 0..used {
            for j in 0..used {
                matrix[i][j] += t[i] * t[j];
            }
            matrix[i][TERMS] += t[i] * of(part);
        }
    }
    for i in 0..used {
        let pivot = (i..used).max_by(|&a, &b| matrix[a][i].abs().total_cmp(&matrix[b][i].abs()))?;
        matrix.swap(i, pivot);
        if matrix[i][i].abs() < 1e-9 {
            return None;
        }
        for row in 0..used {
            if row != i {
                let factor = matrix[row][i] / matrix[i][i];
                for column in i..=TERMS {
                    matrix[row][column] -= factor * matrix[i][column];
                }
            }
        }
    }
    let solved = |i: usize| matrix[i][TERMS] / matrix[i][i];
    Some(std::array::from_fn(
        |i| {
            if i < used { solved(i) } else { 0.0 }
        },
    ))
}

fn even_bright_pixels(overview: &Overview) -> Vec<Glass> {
    let last = overview.rgb.height().saturating_sub(1);
    (1..last.max(1))
        .into_par_iter()
        .flat_map_iter(|y| even_bright_in_row(overview, y))
        .collect()
}

fn even_bright_in_row(overview: &Overview, y: u32) -> Vec<Glass> {
    let mut glass = Vec::new();
    for x in 1..overview.rgb.width().saturating_sub(1) {
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
            glass.push(Glass { x, y, rgb: centre });
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
        assert!(white.measured && white.drift.is_none());
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

    #[test]
    fn drifting_glass_is_followed_around_tissue() {
        // Vignetting and a slope, 235 to 250, around tissue in the middle, part of it pale and even.
        let glass = |x: u32, y: u32| {
            let (u, v) = (f64::from(x) / 320.0, f64::from(y) / 240.0);
            238.0 + 9.0 * u + 3.0 * v - 8.0 * ((u - 0.5).powi(2) + (v - 0.5).powi(2))
        };
        let overview = overview_from(320, 240, |x, y| {
            let level = glass(x, y);
            if (80..250).contains(&x) && (70..190).contains(&y) {
                let pale = if x < 120 {
                    12.0
                } else {
                    f64::from(40 + (x * 7 + y * 13) % 30)
                };
                [(level - pale) as u8; 3]
            } else {
                [(level + 0.5) as u8; 3]
            }
        });
        let white = white_point(&overview);
        let drift = white.drift.unwrap();
        for (x, y) in [
            (10, 10),
            (310, 10),
            (10, 230),
            (310, 230),
            (160, 120),
            (100, 120),
        ] {
            let found = drift.at(f64::from(x) / 320.0, f64::from(y) / 240.0)[1];
            assert!(
                (found - glass(x, y)).abs() < 1.0,
                "{x} {y}: {found} {}",
                glass(x, y)
            );
        }
    }

    #[test]
    fn even_glass_has_no_drift() {
        let overview = overview_from(320, 240, |x, y| {
            let noise = ((x * 37 + y * 91) % 3) as u8;
            if (80..250).contains(&x) && (70..190).contains(&y) {
                [150, 140, 190].map(|v| v + noise)
            } else {
                [243, 242, 240].map(|v| v - 1 + noise)
            }
        });
        assert!(white_point(&overview).drift.is_none());
    }
}
