//! Light through stained tissue: the Beer-Lambert law, scanner blur and sensor noise.

use crate::noise::{Dice, mix};
use crate::spec::SlideSpec;

/// Hematoxylin's optical density in R, G, B per unit of stain (the field's default vector for H-DAB).
pub const HEMATOXYLIN: [f64; 3] = [0.651_11, 0.701_19, 0.290_49];
/// DAB's.
pub const DAB: [f64; 3] = [0.269_17, 0.568_24, 0.777_59];

/// The unit vector across two stains.
fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    let c = [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ];
    let length = c.iter().map(|v| v * v).sum::<f64>().sqrt();
    c.map(|v| v / length)
}

/// Hematoxylin, DAB and residual vectors, the stains turned by `degrees` in their common plane, DAB by `dab_degrees` more.
pub fn stain_vectors(degrees: f64, dab_degrees: f64) -> [[f64; 3]; 3] {
    let normal = cross(HEMATOXYLIN, DAB);
    let turned = |v: [f64; 3], degrees: f64| {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let side = cross(normal, v);
        [0, 1, 2].map(|i| v[i] * cos + side[i] * sin)
    };
    [
        turned(HEMATOXYLIN, degrees),
        turned(DAB, degrees + dab_degrees),
        normal,
    ]
}

/// Entries of the transmission table, which covers optical densities from 0 to [`MAX_OD`].
const STEPS: usize = 8192;
const MAX_OD: f32 = 4.0;
/// Side of the square of noise that repeats over the slide; a tile's side, so that glass tiles are alike.
const NOISE_SIDE: usize = 256;

/// From stain to grey levels.
pub(crate) struct Optics {
    vectors: [[f32; 3]; 3],
    /// Transmission over optical density, per channel with the white point.
    tables: [Vec<f32>; 3],
    white: [f32; 3],
    noise: Vec<[f32; 3]>,
    blur_um: f32,
    drift: [f32; 2],
    extent_um: (f32, f32),
}

impl Optics {
    pub(crate) fn new(spec: &SlideSpec) -> Self {
        let white = spec.white.map(|w| w as f32);
        let table = |white: f32| {
            (0..=STEPS)
                .map(|i| {
                    let od = i as f32 * MAX_OD / STEPS as f32;
                    white * 10.0_f32.powf(-od)
                })
                .collect()
        };
        let mut dice = Dice::new(mix(spec.seed ^ 0x5E45));
        let noise = (0..NOISE_SIDE * NOISE_SIDE)
            .map(|_| {
                let shared = dice.bell();
                [0; 3].map(|_| spec.noise as f32 * (0.7 * shared + 0.7 * dice.bell()))
            })
            .collect();
        Self {
            vectors: stain_vectors(spec.stain_rotation_degrees, spec.dab_rotation_degrees)
                .map(|v| v.map(|c| c as f32)),
            drift: spec.white_drift.map(|d| d as f32),
            extent_um: spec.extent_um(),
            tables: white.map(table),
            white,
            noise,
            blur_um: spec.blur_um as f32,
        }
    }

    /// Optical density in R, G, B of amounts of hematoxylin, DAB and residual.
    #[inline]
    pub(crate) fn density(&self, h: f32, d: f32, r: f32) -> [f32; 3] {
        let [vh, vd, vr] = &self.vectors;
        [0, 1, 2].map(|c| h * vh[c] + d * vd[c] + r * vr[c])
    }

    /// Light that comes through, in grey levels.
    #[inline]
    pub(crate) fn transmit(&self, density: [f32; 3]) -> [f32; 3] {
        const SCALE: f32 = STEPS as f32 / MAX_OD;
        let index = density.map(|od| ((od.max(0.0) * SCALE + 0.5) as usize).min(STEPS));
        [
            self.tables[0][index[0]],
            self.tables[1][index[1]],
            self.tables[2][index[2]],
        ]
    }

    /// Whether the light is the same all over the slide.
    pub(crate) fn is_even(&self) -> bool {
        self.drift.iter().all(|d| d.abs() < 1e-6)
    }

    /// How much brighter than the slide's middle a place (um) is lit, as factors of R, G, B.
    pub(crate) fn lighting(&self, x: f32, y: f32) -> [f32; 3] {
        let levels = self.drift[0] * (x / self.extent_um.0 - 0.5)
            + self.drift[1] * (y / self.extent_um.1 - 0.5);
        self.white.map(|white| 1.0 + levels / white)
    }

    pub(crate) const fn white(&self) -> [f32; 3] {
        self.white
    }

    /// Weight of each neighbour and number of passes of a three-tap blur that makes the scanner's blur.
    pub(crate) fn blur(&self, mpp: f32) -> (f32, usize) {
        let variance = (self.blur_um / mpp).powi(2).min(1.0);
        if variance > 0.45 {
            (variance / 4.0, 2)
        } else {
            (variance / 2.0, 1)
        }
    }

    /// The sensor's noise at a pixel.
    #[inline]
    pub(crate) fn noise(&self, x: i64, y: i64) -> [f32; 3] {
        let side = NOISE_SIDE as i64;
        let i = y.rem_euclid(side) as usize * NOISE_SIDE + x.rem_euclid(side) as usize;
        self.noise[i]
    }
}

/// Blurs an interleaved float image in place, `passes` times, with weights (w, 1 - 2w, w) along both axes; a border of `passes` pixels becomes unusable.
pub(crate) fn blur3(
    image: &mut [[f32; 3]],
    scratch: &mut Vec<[f32; 3]>,
    width: usize,
    w: f32,
    passes: usize,
) {
    if w <= 0.0 || width < 3 || image.len() < 3 * width {
        return;
    }
    let centre = 1.0 - 2.0 * w;
    scratch.resize(image.len(), [0.0; 3]);
    for _ in 0..passes {
        for (out, row) in scratch
            .chunks_exact_mut(width)
            .zip(image.chunks_exact(width))
        {
            out[0] = row[0];
            out[width - 1] = row[width - 1];
            for (o, p) in out[1..].iter_mut().zip(row.windows(3)) {
                for c in 0..3 {
                    o[c] = centre * p[1][c] + w * (p[0][c] + p[2][c]);
                }
            }
        }
        let rows = image.len() / width;
        for y in 1..rows - 1 {
            let (above, here, below) = (
                &scratch[(y - 1) * width..y * width],
                &scratch[y * width..(y + 1) * width],
                &scratch[(y + 1) * width..(y + 2) * width],
            );
            let out = &mut image[y * width..(y + 1) * width];
            for (((o, a), h), b) in out.iter_mut().zip(above).zip(here).zip(below) {
                for c in 0..3 {
                    o[c] = centre * h[c] + w * (a[c] + b[c]);
                }
            }
        }
    }
}
