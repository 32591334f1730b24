//! Slides around the 1 % cut-off: are intervals honest, and are calls right.

use pantrk_phantom::{Preset, SlideSpec, StainExtent};

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
            slides
                .iter()
                .filter(|s| (100.0 * s.sample.spec.positive_fraction - percent).abs() < 1e-9)
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
        Sample {
            label: format!("{percent} %, {}", format!("{extent:?}").to_lowercase()),
            spec: SlideSpec {
                positive_fraction: percent / 100.0,
                extent,
                // Stain of all strengths: the call must not hang on the grade.
                grade_mix: [0.5, 0.3, 0.2],
                ..plan.slide(Preset::Scattered, n)
            },
        }
    })
}
