//! What spoils a slide, one file each; [`MAKERS`] is the table.

mod blur;
mod bubble;
mod coverslip_edge;
mod fold;
mod hemosiderin;
mod pen;
mod pigment;
mod precipitate;
mod red_cells;

use crate::layout::Layout;
use crate::noise::{Dice, fbm, mix};
use crate::spec::{ArtefactKind, SlideSpec};

/// One artefact on a slide.
pub(crate) trait Artefact: Send + Sync {
    /// Its outline.
    fn shape(&self) -> &Shape;

    /// Changes the optical density (R, G, B) of a pixel; `distance` is how far inside it lies in um, `tissue` how much of it is tissue (0 to 1).
    fn shade(&self, place: Place, density: &mut [f32; 3]);

    /// Nothing under it can be seen, so that nuclei there carry no label.
    fn hides(&self) -> bool {
        false
    }

    /// It takes the focus away.
    fn defocuses(&self) -> bool {
        false
    }
}

/// A pixel as an artefact sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Place in um.
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// How far inside the artefact, in um; negative outside.
    pub(crate) distance: f32,
    /// How much of the pixel is tissue, 0 to 1.
    pub(crate) tissue: f32,
}

type Maker = fn(Site) -> Box<dyn Artefact>;

const MAKERS: [(ArtefactKind, Maker); 9] = [
    (ArtefactKind::Fold, fold::make),
    (ArtefactKind::Pen, pen::make),
    (ArtefactKind::Pigment, pigment::make),
    (ArtefactKind::Blur, blur::make),
    (ArtefactKind::Bubble, bubble::make),
    (ArtefactKind::RedCells, red_cells::make),
    (ArtefactKind::Hemosiderin, hemosiderin::make),
    (ArtefactKind::Precipitate, precipitate::make),
    (ArtefactKind::CoverslipEdge, coverslip_edge::make),
];

/// Where an artefact is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    x: f32,
    y: f32,
    /// The smaller side of the slide in um, to which sizes are held.
    small: f32,
    seed: u64,
}

/// An outline in um.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// A line of a width that varies a little.
    Stroke {
        points: Vec<(f32, f32)>,
        half: f32,
        seed: u64,
    },
    /// A patch with a wavy edge.
    Blob {
        x: f32,
        y: f32,
        radius: f32,
        /// Depth of the waves relative to the radius.
        wave: f32,
        seed: u64,
    },
}

impl Shape {
    /// A gently curved line through the site.
    fn stroke(site: Site, length: f32, half: f32) -> Self {
        let mut dice = Dice::new(site.seed);
        let (sin, cos) = (dice.unit() * std::f32::consts::PI).sin_cos();
        let bend = dice.between(0.06, 0.16) * length;
        let points = (0..=24)
            .map(|i| {
                let t = i as f32 / 12.0 - 1.0;
                let (u, v) = (t * 0.5 * length, bend * (2.6 * t).sin());
                (site.x + u * cos - v * sin, site.y + u * sin + v * cos)
            })
            .collect();
        Self::Stroke {
            points,
            half,
            seed: site.seed,
        }
    }

    fn blob(site: Site, radius: f32, wave: f32) -> Self {
        Self::Blob {
            x: site.x,
            y: site.y,
            radius,
            wave,
            seed: site.seed,
        }
    }

    /// How far inside a place lies, in um; negative outside.
    pub(crate) fn distance(&self, x: f32, y: f32) -> f32 {
        match self {
            Self::Stroke { points, half, seed } => {
                let mut nearest = f32::MAX;
                for pair in points.windows(2) {
                    let (ax, ay) = pair[0];
                    let (bx, by) = (pair[1].0 - ax, pair[1].1 - ay);
                    let t = ((x - ax) * bx + (y - ay) * by) / (bx * bx + by * by).max(1e-6);
                    let t = t.clamp(0.0, 1.0);
                    let (dx, dy) = (x - ax - t * bx, y - ay - t * by);
                    nearest = nearest.min(dx * dx + dy * dy);
                }
                let nearest = nearest.sqrt();
                let wave = (3.0 * half).max(20.0);
                half * (1.0 + 0.3 * fbm(*seed, x / wave, y / wave, 3)) - nearest
            }
            Self::Blob {
                x: cx,
                y: cy,
                radius,
                wave,
                seed,
            } => {
                let length = 0.8 * radius;
                radius * (1.0 + wave * fbm(*seed, x / length, y / length, 3))
                    - ((x - cx) * (x - cx) + (y - cy) * (y - cy)).sqrt()
            }
        }
    }

    /// Whether any place within `radius` (um) of this one may be less than `margin` um outside.
    pub(crate) fn is_near(&self, x: f32, y: f32, radius: f32, margin: f32) -> bool {
        // The wavy edge may bulge by this much between the two places.
        let slack = match self {
            Self::Stroke { half, .. } => 0.9 * half,
            Self::Blob { radius, .. } => 0.6 * radius,
        };
        self.distance(x, y) > -(radius + margin + slack)
    }

    /// Left, top, right, bottom in um, with the given margin.
    pub(crate) fn bounds(&self, margin: f32) -> [f32; 4] {
        let (points, reach) = match self {
            Self::Stroke { points, half, .. } => (points.clone(), half * 1.6),
            Self::Blob { x, y, radius, .. } => (vec![(*x, *y)], radius * 1.4),
        };
        let reach = reach + margin;
        points
            .iter()
            .fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |b, &(x, y)| {
                [
                    b[0].min(x - reach),
                    b[1].min(y - reach),
                    b[2].max(x + reach),
                    b[3].max(y + reach),
                ]
            })
    }
}

/// The artefacts of a slide, each on tissue.
pub(crate) fn place(spec: &SlideSpec, layout: &Layout) -> Vec<(ArtefactKind, Box<dyn Artefact>)> {
    let (width, height) = spec.extent_um();
    let mut dice = Dice::new(mix(spec.seed ^ 0xA47E));
    let mut placed = Vec::new();
    for (i, &kind) in spec.artefacts.iter().enumerate() {
        let points = &layout.tissue_points;
        let (x, y) = if points.is_empty() {
            (width * 0.5, height * 0.5)
        } else {
            points[dice.below(points.len())]
        };
        let site = Site {
            x,
            y,
            small: width.min(height),
            seed: mix(spec.seed ^ (i as u64) << 20 ^ 0xA7),
        };
        if let Some((_, make)) = MAKERS.iter().find(|(k, _)| *k == kind) {
            placed.push((kind, make(site)));
        }
    }
    placed
}
