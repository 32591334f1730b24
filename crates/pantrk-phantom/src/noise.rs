//! Noise as pure functions of a seed and a place, and tileable textures of it.
//!
//! **Architecture invariant:** nothing here keeps state between calls; the same seed and place give the same bits on any thread.

/// A well mixed 64-bit value (the finaliser of `SplitMix64`).
pub(crate) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The hash of a place on an integer lattice.
pub(crate) const fn hash2(seed: u64, x: i32, y: i32) -> u64 {
    let place = ((x as u32 as u64) << 32) | (y as u32 as u64);
    mix(seed ^ place.wrapping_mul(0xD6E8_FEB8_6659_FD93))
}

/// A short stream of random numbers that starts from a hash.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform between two values.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in [-1, 1).
    pub(crate) fn signed(&mut self) -> f32 {
        self.unit() * 2.0 - 1.0
    }

    /// Near normal: the sum of three uniform values, scaled to a deviation of 1, never beyond 3.
    pub(crate) fn bell(&mut self) -> f32 {
        self.signed() + self.signed() + self.signed()
    }

    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// A whole number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f32) as usize).min(count.saturating_sub(1))
    }
}

fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(crate) fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The slope of the lattice point towards the offset, one of eight directions.
fn slope(hash: u64, dx: f32, dy: f32) -> f32 {
    const DIAGONAL: f32 = std::f32::consts::FRAC_1_SQRT_2;
    match hash >> 61 {
        0 => dx,
        1 => -dx,
        2 => dy,
        3 => -dy,
        4 => (dx + dy) * DIAGONAL,
        5 => (dx - dy) * DIAGONAL,
        6 => (dy - dx) * DIAGONAL,
        _ => -(dx + dy) * DIAGONAL,
    }
}

/// Gradient noise of wavelength about 1, about -1 to 1, mean 0; with `period`, the lattice repeats after that many cells.
fn gradient_noise(seed: u64, x: f32, y: f32, period: Option<i32>) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (dx, dy) = (x - fx, y - fy);
    let (x0, y0) = (fx as i32, fy as i32);
    let wrap = |v: i32| period.map_or(v, |p| v.rem_euclid(p));
    let (xa, xb, ya, yb) = (wrap(x0), wrap(x0 + 1), wrap(y0), wrap(y0 + 1));
    let top_left = slope(hash2(seed, xa, ya), dx, dy);
    let top_right = slope(hash2(seed, xb, ya), dx - 1.0, dy);
    let bottom_left = slope(hash2(seed, xa, yb), dx, dy - 1.0);
    let bottom_right = slope(hash2(seed, xb, yb), dx - 1.0, dy - 1.0);
    let (u, v) = (fade(dx), fade(dy));
    let top = top_left + (top_right - top_left) * u;
    let bottom = bottom_left + (bottom_right - bottom_left) * u;
    (top + (bottom - top) * v) * std::f32::consts::SQRT_2
}

/// Sum of octaves of gradient noise, each of half the wavelength and half the height; about -1 to 1.
pub(crate) fn fbm(seed: u64, x: f32, y: f32, octaves: u32) -> f32 {
    let (mut sum, mut scale, mut height) = (0.0, 1.0, 1.0);
    for octave in 0..octaves {
        // The shift keeps the octaves' lattices from meeting at the origin.
        let shift = octave as f32 * 17.31;
        let layer = seed.wrapping_add(u64::from(octave) * 0x51_7CC1);
        sum += height * gradient_noise(layer, x * scale + shift, y * scale - shift, None);
        scale *= 2.0;
        height *= 0.5;
    }
    sum
}

/// The two nearest points of a jittered lattice of spacing 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cellular {
    /// Distance to the nearest point, in lattice spacings.
    pub(crate) first: f32,
    /// Distance to the second nearest.
    pub(crate) second: f32,
    /// The nearest point's own random value.
    pub(crate) hash: u64,
}

/// Cellular noise; `jitter` is how far a point may lie from its cell's centre (at most 0.5).
pub(crate) fn cellular(seed: u64, x: f32, y: f32, jitter: f32) -> Cellular {
    let (x0, y0) = (x.floor() as i32, y.floor() as i32);
    let mut found = Cellular {
        first: f32::MAX,
        second: f32::MAX,
        hash: 0,
    };
    for cy in y0 - 1..=y0 + 1 {
        for cx in x0 - 1..=x0 + 1 {
            let hash = hash2(seed, cx, cy);
            let jx = (hash & 0xFFFF) as f32 * (2.0 / 65536.0) - 1.0;
            let jy = ((hash >> 16) & 0xFFFF) as f32 * (2.0 / 65536.0) - 1.0;
            let dx = cx as f32 + 0.5 + jx * jitter - x;
            let dy = cy as f32 + 0.5 + jy * jitter - y;
            let d = dx * dx + dy * dy;
            if d < found.first {
                found.second = found.first;
                found.first = d;
                found.hash = hash;
            } else if d < found.second {
                found.second = d;
            }
        }
    }
    found.first = found.first.sqrt();
    found.second = found.second.sqrt();
    found
}

/// Side of a texture in texels; a power of two, so that wrapping is a mask.
const SIDE: usize = 512;
const MASK: i32 = SIDE as i32 - 1;

/// Four tileable noises side by side, each of mean 0 and deviation 1.
pub(crate) struct Texture {
    texels: Vec<[f32; 4]>,
    per_um: f32,
}

impl Texture {
    /// Each channel is a sum of octaves `(wavelength in um, weight)` over texels of `texel_um`.
    pub(crate) fn new(seed: u64, texel_um: f32, channels: [&[(f32, f32)]; 4]) -> Self {
        let mut texels = vec![[0.0_f32; 4]; SIDE * SIDE];
        let extent = SIDE as f32 * texel_um;
        for (c, octaves) in channels.iter().enumerate() {
            for (o, &(wavelength, weight)) in octaves.iter().enumerate() {
                let period = (extent / wavelength).round().max(1.0);
                let step = period / SIDE as f32;
                let layer = mix(seed ^ ((c as u64) << 8) ^ o as u64);
                for (i, texel) in texels.iter_mut().enumerate() {
                    let (x, y) = ((i % SIDE) as f32 * step, (i / SIDE) as f32 * step);
                    // The offset moves texels off the lattice points, where gradient noise is always 0.
                    let value = gradient_noise(layer, x + 0.37, y + 0.61, Some(period as i32));
                    texel[c] += weight * value;
                }
            }
            let count = (SIDE * SIDE) as f64;
            let mean = texels.iter().map(|t| f64::from(t[c])).sum::<f64>() / count;
            let variance = texels
                .iter()
                .map(|t| (f64::from(t[c]) - mean).powi(2))
                .sum::<f64>()
                / count;
            let scale = 1.0 / variance.sqrt().max(1e-9);
            for texel in &mut texels {
                texel[c] = ((f64::from(texel[c]) - mean) * scale) as f32;
            }
        }
        Self {
            texels,
            per_um: 1.0 / texel_um,
        }
    }

    /// The four noises at a place (um), linear between texels.
    #[inline]
    pub(crate) fn at(&self, x: f32, y: f32) -> [f32; 4] {
        let (tx, ty) = (x * self.per_um, y * self.per_um);
        let (fx, fy) = (tx.floor(), ty.floor());
        let (u, v) = (tx - fx, ty - fy);
        let (x0, y0) = (fx as i32 & MASK, fy as i32 & MASK);
        let (x1, y1) = ((x0 + 1) & MASK, (y0 + 1) & MASK);
        let (top, bottom) = (y0 as usize * SIDE, y1 as usize * SIDE);
        let a = &self.texels[top + x0 as usize];
        let b = &self.texels[top + x1 as usize];
        let c = &self.texels[bottom + x0 as usize];
        let d = &self.texels[bottom + x1 as usize];
        let mut out = [0.0; 4];
        for i in 0..4 {
            let upper = a[i] + (b[i] - a[i]) * u;
            let lower = c[i] + (d[i] - c[i]) * u;
            out[i] = upper + (lower - upper) * v;
        }
        out
    }
}

/// Tileable round granules, 0 to 1, on a jittered lattice so that their number hardly varies from cell to cell.
pub(crate) struct Granules {
    texels: Vec<f32>,
    /// The mean over the texture.
    pub(crate) mean: f32,
}

impl Granules {
    const TEXEL_UM: f32 = 0.125;
    const PER_SIDE: i32 = 44;

    pub(crate) fn new(seed: u64) -> Self {
        let pitch = SIDE as f32 / Self::PER_SIDE as f32;
        let mut texels = vec![0.0_f32; SIDE * SIDE];
        for gy in 0..Self::PER_SIDE {
            for gx in 0..Self::PER_SIDE {
                let mut dice = Dice::new(hash2(seed, gx, gy));
                let cx = (gx as f32 + 0.5 + 0.27 * dice.signed()) * pitch;
                let cy = (gy as f32 + 0.5 + 0.27 * dice.signed()) * pitch;
                let radius = dice.between(0.34, 0.56) / Self::TEXEL_UM;
                let reach = radius.ceil() as i32 + 2;
                for y in -reach..=reach {
                    for x in -reach..=reach {
                        let (px, py) = (cx.floor() as i32 + x, cy.floor() as i32 + y);
                        let distance = (px as f32 - cx).hypot(py as f32 - cy);
                        let value = smoothstep(radius + 0.8, radius - 0.8, distance);
                        let i = (py & MASK) as usize * SIDE + (px & MASK) as usize;
                        texels[i] = texels[i].max(value);
                    }
                }
            }
        }
        let mean = texels.iter().map(|&t| f64::from(t)).sum::<f64>() / (SIDE * SIDE) as f64;
        Self {
            texels,
            mean: mean as f32,
        }
    }

    #[inline]
    pub(crate) fn at(&self, x: f32, y: f32) -> f32 {
        let tx = (x / Self::TEXEL_UM).floor() as i32 & MASK;
        let ty = (y / Self::TEXEL_UM).floor() as i32 & MASK;
        self.texels[ty as usize * SIDE + tx as usize]
    }
}

/// Length of [`Strands`] in entries; a power of two.
const STRANDS: usize = 4096;

/// Noise along one line, for fibres: a sum of wavelengths over a potential in um.
pub(crate) struct Strands(Vec<f32>);

impl Strands {
    const STEP_UM: f32 = 0.25;

    pub(crate) fn new(seed: u64) -> Self {
        let extent = STRANDS as f32 * Self::STEP_UM;
        let mut values = vec![0.0_f32; STRANDS];
        for (o, (wavelength, weight)) in [(14.0, 0.7), (5.5, 0.8), (2.3, 0.7), (1.2, 0.35)]
            .into_iter()
            .enumerate()
        {
            let period = (extent / wavelength as f32).round();
            for (i, value) in values.iter_mut().enumerate() {
                let x = i as f32 / STRANDS as f32 * period;
                *value += weight
                    * gradient_noise(mix(seed ^ o as u64), x + 0.37, 0.5, Some(period as i32));
            }
        }
        Self(values)
    }

    #[inline]
    pub(crate) fn at(&self, potential: f32) -> f32 {
        let t = potential / Self::STEP_UM;
        let floor = t.floor();
        let i = floor as i32 as usize & (STRANDS - 1);
        let a = self.0[i];
        let b = self.0[(i + 1) & (STRANDS - 1)];
        a + (b - a) * (t - floor)
    }
}
