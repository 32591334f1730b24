//! Slides around the 1 % cut-off: are intervals honest, and are calls right.
//!
//! An interval says what the tumour could be of which the slide is a sample.
//! So each slide is one: how many of its cells stain is drawn, and the truth that the interval must hold is the share they were drawn with.

use pantrk_phantom::{Preset, SlideSpec, StainExtent};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::figures::{called_positive, coverage, found_positive};
use super::{Plan, Sample, Suite};

/// Shares of stained cells, percent, in turn; the first two are those that a call is held to.
const PERCENTS: [f64; 6] = [0.0, 3.0, 1.0, 0.5, 2.0, 1.5];
/// How the stained cells lie, changed with each round of percents: cells that lie together say less.
const EXTENTS: [StainExtent; 3] = [
    StainExtent::Scattered,
    StainExtent::Focal,
    StainExtent::Diffuse,
];

/// Tumour cells on a square millimetre of these slides, by which the draw is as wide as it should be.
const CELLS_PER_MM2: f64 = 3600.0;

pub(super) const SUITE: Suite = Suite {
    name: "cut-off",
    title: "Slides of 0 to 3 % stained cells: intervals and calls",
    side_px: 3000,
    stains: "default",
    slides: 200,
    quick: 4,
    make,
    figures: |slides| {
        let near = |percent: f64| {
            let is_near = |of: f64| (of - percent).abs() < 1e-9;
            slides
                .iter()
                .filter(|s| s.sample.tumour_percent.is_some_and(is_near))
                .copied()
                .collect::<Vec<_>>()
        };
        let mut figures = coverage(slides);
        figures.push(called_positive(&near(PERCENTS[0]), "slides of 0 %", 2.0));
        figures.push(found_positive(&near(PERCENTS[1]), "slides of 3 %", 95.0));
        figures
    },
};

fn make(plan: &Plan) -> Vec<Sample> {
    plan.each(|n| {
        let percent = PERCENTS[n as usize % PERCENTS.len()];
        let extent = EXTENTS[n as usize / PERCENTS.len() % EXTENTS.len()];
        let slide = plan.slide(Preset::Scattered, n);
        let (width, height) = slide.extent_um();
        let cells = CELLS_PER_MM2 * f64::from(width) * f64::from(height) / 1e6;
        Sample {
            label: format!("{percent} %, {}", format!("{extent:?}").to_lowercase()),
            tumour_percent: Some(percent),
            spec: SlideSpec {
                positive_fraction: drawn(percent / 100.0, cells as u32, slide.seed),
                extent,
                // Stain of all strengths: the call must not hang on the grade.
                grade_mix: [0.5, 0.3, 0.2],
                ..slide
            },
        }
    })
}

/// The share of stained cells among that many, each of which stains with this probability.
fn drawn(probability: f64, cells: u32, seed: u64) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let stained = (0..cells).filter(|_| random.random_bool(probability));
    stained.count() as f64 / f64::from(cells.max(1))
}
