//! Where tissue, tumour, lumens, nerve, muscle and fibres lie: smooth fields over the slide, in um.
//!
//! **Architecture invariant:** a field's value depends on the specification and the place alone.

use crate::noise::{Dice, cellular, fbm, mix, smoothstep};
use crate::spec::{Architecture, SlideSpec};

/// The fields at one place. Distances are in um, positive inside; they are near, not exact.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fields {
    /// Into the tissue.
    pub(crate) tissue: f32,
    /// Into a tumour nest (lumen included).
    pub(crate) tumour: f32,
    /// Into a gland's lumen.
    pub(crate) lumen: f32,
    /// Into a nerve bundle.
    pub(crate) nerve: f32,
    /// Into a bundle of smooth muscle.
    pub(crate) muscle: f32,
    /// Fibres follow the contours of this potential.
    pub(crate) potential: f32,
    /// Lymphocytes stand where this is above 0.
    pub(crate) lymph: f32,
}

impl Fields {
    /// Number of fields.
    pub(crate) const COUNT: usize = 7;

    pub(crate) const fn to_array(self) -> [f32; Self::COUNT] {
        [
            self.tissue,
            self.tumour,
            self.lumen,
            self.nerve,
            self.muscle,
            self.potential,
            self.lymph,
        ]
    }

    pub(crate) const fn from_array(values: [f32; Self::COUNT]) -> Self {
        let [tissue, tumour, lumen, nerve, muscle, potential, lymph] = values;
        Self {
            tissue,
            tumour,
            lumen,
            nerve,
            muscle,
            potential,
            lymph,
        }
    }
}

/// Far from any edge.
const FAR: f32 = 1000.0;

#[derive(Debug, Clone, Copy)]
struct Piece {
    x: f32,
    y: f32,
    rx: f32,
    ry: f32,
}

/// A round structure with a wavy outline and fibres of its own direction.
#[derive(Debug, Clone, Copy)]
struct Bundle {
    x: f32,
    y: f32,
    radius: f32,
    /// Length to width.
    stretch: f32,
    cos: f32,
    sin: f32,
    seed: u64,
}

impl Bundle {
    fn local(&self, x: f32, y: f32) -> (f32, f32) {
        let (dx, dy) = (x - self.x, y - self.y);
        (dx * self.cos + dy * self.sin, dy * self.cos - dx * self.sin)
    }

    fn distance(&self, x: f32, y: f32) -> f32 {
        let (u, v) = self.local(x, y);
        let d = self.radius - (u / self.stretch).hypot(v);
        if d < -self.radius - 60.0 {
            return d;
        }
        let r = self.radius;
        d + 0.16 * r * fbm(self.seed, x / (0.8 * r), y / (0.8 * r), 2)
    }
}

/// The plan of a slide.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    seed: u64,
    architecture: Architecture,
    pieces: Vec<Piece>,
    /// Whole slide is tissue.
    full: bool,
    nerves: Vec<Bundle>,
    muscles: Vec<Bundle>,
    /// The tumour's low-frequency mask counts from here; `None` without tumour.
    mask_from: Option<f32>,
    mask_um: f32,
    lymph_from: f32,
    /// Places of tissue, for whoever must choose one.
    pub(crate) tissue_points: Vec<(f32, f32)>,
}

impl Layout {
    pub(crate) fn new(spec: &SlideSpec) -> Self {
        let seed = mix(spec.seed ^ 0x001A_7017);
        let (width, height) = spec.extent_um();
        let mut layout = Self {
            seed,
            architecture: spec.architecture,
            pieces: pieces(spec, seed),
            full: spec.tissue_fraction >= 0.999,
            nerves: Vec::new(),
            muscles: Vec::new(),
            mask_from: None,
            mask_um: (0.28 * width.max(height)).clamp(250.0, 1500.0),
            // The noise is beyond 0.75 nearly nowhere and below -0.05 about half of the time.
            lymph_from: 0.75 - 0.8 * spec.lymphocytes as f32,
            tissue_points: Vec::new(),
        };
        if spec.lymphocytes <= 0.0 {
            layout.lymph_from = FAR;
        }
        let mut dice = Dice::new(seed ^ 0xB0);
        let small = width.min(height);
        for index in 0..spec.muscles {
            let radius = (0.12 * small).clamp(60.0, 420.0) * dice.between(0.8, 1.2);
            if let Some(bundle) = layout.place(radius, 1.7, &mut dice, (width, height), index) {
                layout.muscles.push(bundle);
            }
        }
        for index in 0..spec.nerves {
            let radius = (0.05 * small).clamp(35.0, 110.0) * dice.between(0.8, 1.2);
            if let Some(bundle) = layout.place(radius, 1.4, &mut dice, (width, height), 50 + index)
            {
                layout.nerves.push(bundle);
            }
        }
        layout.calibrate(spec, (width, height));
        layout
    }

    /// A place for a bundle: in tissue and apart from the bundles that are there.
    fn place(
        &self,
        radius: f32,
        stretch: f32,
        dice: &mut Dice,
        extent: (f32, f32),
        index: u32,
    ) -> Option<Bundle> {
        for _ in 0..200 {
            let (x, y) = (dice.unit() * extent.0, dice.unit() * extent.1);
            let (sin, cos) = (dice.unit() * std::f32::consts::PI).sin_cos();
            let apart = self
                .nerves
                .iter()
                .chain(&self.muscles)
                .all(|b| (b.x - x).hypot(b.y - y) > 1.9 * (b.radius + radius));
            if apart && self.outline(x, y) > radius * 0.8 {
                return Some(Bundle {
                    x,
                    y,
                    radius,
                    stretch,
                    cos,
                    sin,
                    seed: mix(self.seed ^ u64::from(index)),
                });
            }
        }
        None
    }

    /// Sets where the tumour's mask begins, so that tumour covers the share of tissue that is asked for.
    fn calibrate(&mut self, spec: &SlideSpec, extent: (f32, f32)) {
        let mut dice = Dice::new(self.seed ^ 0xCA11);
        let mut masks = Vec::new();
        for _ in 0..6000 {
            let (x, y) = (dice.unit() * extent.0, dice.unit() * extent.1);
            if self.tissue(x, y) > 3.0 {
                self.tissue_points.push((x, y));
                let (nest, _) = self.nest(x, y);
                let bundle = self.nerve(x, y).max(self.muscle(x, y));
                if nest > 0.0 && bundle < -10.0 {
                    masks.push(self.mask(x, y));
                }
            }
        }
        if spec.tumour_fraction <= 0.0 || masks.is_empty() {
            return;
        }
        masks.sort_by(|a, b| b.total_cmp(a));
        let wanted = (spec.tumour_fraction * self.tissue_points.len() as f64) as usize;
        self.mask_from = Some(masks.get(wanted).copied().unwrap_or(-FAR));
    }

    fn mask(&self, x: f32, y: f32) -> f32 {
        fbm(self.seed ^ 0x3A5C, x / self.mask_um, y / self.mask_um, 4)
    }

    fn tissue(&self, x: f32, y: f32) -> f32 {
        let outline = self.outline(x, y);
        if outline > -20.0 {
            outline.min(-self.hole(x, y))
        } else {
            outline
        }
    }

    /// Into a piece of tissue, vessels and tears included.
    fn outline(&self, x: f32, y: f32) -> f32 {
        let mut best = if self.full { FAR } else { -FAR };
        if !self.full {
            for piece in &self.pieces {
                let (u, v) = ((x - piece.x) / piece.rx, (y - piece.y) / piece.ry);
                // An exponent above 2 makes a blunt shape, as cut blocks are.
                let k = (u.abs().powf(2.5) + v.abs().powf(2.5)).powf(0.4);
                let small = piece.rx.min(piece.ry);
                let mut d = (1.0 - k) * small;
                if d > -0.6 * small {
                    let wave = 0.55 * small;
                    d += 0.2 * small * fbm(self.seed ^ 0x7155, x / wave, y / wave, 3);
                    d += 16.0 * fbm(self.seed ^ 0xED6E, x / 110.0, y / 110.0, 3);
                }
                best = best.max(d);
            }
        }
        best
    }

    /// Into a vessel or a tear.
    fn hole(&self, x: f32, y: f32) -> f32 {
        const PITCH: f32 = 330.0;
        let wx = x + 14.0 * fbm(self.seed ^ 0x401E, x / 45.0, y / 45.0, 2);
        let wy = y + 14.0 * fbm(self.seed ^ 0x402E, x / 45.0, y / 45.0, 2);
        let cell = cellular(self.seed ^ 0x403E, wx / PITCH, wy / PITCH, 0.3);
        if (cell.hash >> 40) % 100 < 40 {
            let radius = 9.0 + 30.0 * ((cell.hash >> 50) & 0xFF) as f32 / 255.0;
            radius - cell.first * PITCH
        } else {
            -60.0
        }
    }

    /// Into a nest, and into its lumen, without the mask.
    fn nest(&self, x: f32, y: f32) -> (f32, f32) {
        let (pitch, septum, glands) = match self.architecture {
            Architecture::Sheets | Architecture::Spindle => return (80.0, -80.0),
            Architecture::Nests => (190.0, 9.5, false),
            Architecture::Glands => (150.0, 14.0, true),
        };
        let wx = x + 30.0 * fbm(self.seed ^ 0x11, x / 140.0, y / 140.0, 3);
        let wy = y + 30.0 * fbm(self.seed ^ 0x22, x / 140.0, y / 140.0, 3);
        let cell = cellular(self.seed ^ 0x33, wx / pitch, wy / pitch, 0.42);
        let width = septum * (1.0 + 0.9 * fbm(self.seed ^ 0x44, x / 220.0, y / 220.0, 2));
        let nest = (cell.second - cell.first) * 0.5 * pitch - width;
        let lumen = if glands && !(cell.hash >> 33).is_multiple_of(8) {
            // The epithelium is one or two cells high.
            nest - 23.0 - 8.0 * ((cell.hash >> 44) & 0xFF) as f32 / 255.0
        } else {
            -80.0
        };
        (nest, lumen)
    }

    fn nerve(&self, x: f32, y: f32) -> f32 {
        self.nerves
            .iter()
            .map(|b| b.distance(x, y))
            .fold(-FAR, f32::max)
    }

    fn muscle(&self, x: f32, y: f32) -> f32 {
        self.muscles
            .iter()
            .map(|b| b.distance(x, y))
            .fold(-FAR, f32::max)
    }

    /// The fibres' potential outside bundles, or inside the bundle that holds the place.
    fn potential(&self, x: f32, y: f32, fields: &Fields) -> f32 {
        let bundle = if fields.nerve > 0.0 {
            self.nerves.iter().find(|b| b.distance(x, y) > 0.0)
        } else if fields.muscle > 0.0 {
            self.muscles.iter().find(|b| b.distance(x, y) > 0.0)
        } else {
            None
        };
        if let Some(bundle) = bundle {
            let (u, v) = bundle.local(x, y);
            return if fields.nerve > 0.0 {
                // Nerve fibres run in waves.
                v + 4.0 * (u / 11.0 + v / 60.0).sin()
            } else {
                v + 20.0 * fbm(bundle.seed, x / 120.0, y / 120.0, 2)
            };
        }
        let wave = 230.0 * fbm(self.seed ^ 0xF1B3, x / 380.0, y / 380.0, 3);
        let drift = 0.8 * (x * 0.4 + y);
        // Near nests the fibres run along the nest.
        let near = smoothstep(-45.0, -5.0, fields.tumour);
        (wave + drift) * (1.0 - 0.6 * near) + 1.1 * near * fields.tumour
    }

    /// All fields at a place.
    pub(crate) fn at(&self, x: f32, y: f32) -> Fields {
        let tissue = self.tissue(x, y);
        let mut fields = Fields {
            tissue,
            tumour: -80.0,
            lumen: -80.0,
            nerve: -80.0,
            muscle: -80.0,
            potential: 0.0,
            lymph: -1.0,
        };
        if tissue < -40.0 {
            return fields;
        }
        fields.nerve = self.nerve(x, y);
        fields.muscle = self.muscle(x, y);
        if let Some(from) = self.mask_from {
            let mask = (self.mask(x, y) - from) * self.mask_um * 0.4;
            if mask > -80.0 {
                let (nest, lumen) = self.nest(x, y);
                let bundle = -fields.nerve.max(fields.muscle) - 10.0;
                fields.tumour = nest.min(mask).min(bundle).min(tissue - 5.0).max(-80.0);
                fields.lumen = lumen.min(fields.tumour - 12.0);
            }
        }
        fields.potential = self.potential(x, y, &fields);
        fields.lymph = fbm(self.seed ^ 0x17F, x / 170.0, y / 170.0, 3) - self.lymph_from;
        fields
    }

    /// The direction (unit vector) of the fibres at a place.
    pub(crate) fn fibre_direction(&self, x: f32, y: f32) -> (f32, f32) {
        let (gx, gy) = gradient(|x, y| self.at(x, y).potential, x, y);
        (-gy, gx)
    }

    /// The direction (unit vector) towards the inside of the nest.
    pub(crate) fn inwards(&self, x: f32, y: f32) -> (f32, f32) {
        gradient(|x, y| self.nest(x, y).0, x, y)
    }
}

/// The unit vector of steepest rise, by differences over 4 um.
fn gradient(field: impl Fn(f32, f32) -> f32, x: f32, y: f32) -> (f32, f32) {
    let dx = field(x + 2.0, y) - field(x - 2.0, y);
    let dy = field(x, y + 2.0) - field(x, y - 2.0);
    let length = dx.hypot(dy);
    if length < 1e-6 {
        (1.0, 0.0)
    } else {
        (dx / length, dy / length)
    }
}

fn pieces(spec: &SlideSpec, seed: u64) -> Vec<Piece> {
    let (width, height) = spec.extent_um();
    let count = spec.pieces.max(1);
    let mut dice = Dice::new(seed ^ 0x91EC);
    let slot = width / count as f32;
    let scale = (spec.tissue_fraction as f32 / 3.35).sqrt();
    if spec.pieces == 0 || spec.tissue_fraction <= 0.0 {
        return Vec::new();
    }
    (0..count)
        .map(|i| Piece {
            x: (i as f32 + 0.5 + 0.04 * dice.signed()) * slot,
            y: height * (0.5 + 0.04 * dice.signed()),
            rx: slot * scale * dice.between(0.94, 1.06),
            ry: height * scale * dice.between(0.94, 1.06),
        })
        .collect()
}
