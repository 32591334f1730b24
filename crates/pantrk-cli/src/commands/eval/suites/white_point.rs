//! Light that differs from scanner to scanner.

use pantrk_phantom::{Preset, SlideSpec};

use super::figures::{h_score_of_negatives, percent_errors};
use super::{Plan, Sample, Suite};

/// Grey levels of glass, from the darkest slide to the brightest.
const DARKEST: f64 = 235.0;
const BRIGHTEST: f64 = 250.0;
/// Grey levels by which glass brightens to the right and downwards, in turn.
const DRIFTS: [[f64; 2]; 4] = [[8.0, 0.0], [-6.0, 6.0], [0.0, -8.0], [0.0, 0.0]];
const PRESETS: [(&str, Preset); 3] = [
    ("demo", Preset::Demo),
    ("negative", Preset::Negative),
    ("rim-lmna", Preset::RimLmna),
];

pub(super) const SUITE: Suite = Suite {
    name: "white-point",
    title: "Glass of 235 to 250 grey levels that drifts across the slide",
    side_px: 2400,
    stains: "default",
    slides: 24,
    quick: 3,
    make,
    figures: |slides| {
        let mut figures = percent_errors(slides, 2.0);
        figures.push(h_score_of_negatives(slides));
        figures
    },
};

fn make(plan: &Plan) -> Vec<Sample> {
    plan.each(|n| {
        let (name, preset) = PRESETS[n as usize % PRESETS.len()];
        let white = DARKEST + (BRIGHTEST - DARKEST) * plan.place(n);
        Sample {
            label: format!("{name} on {white:.0}"),
            tumour_percent: None,
            spec: SlideSpec {
                // A little blue, as white balances are.
                white: [white - 1.0, white - 1.5, white + 1.0],
                white_drift: DRIFTS[n as usize % DRIFTS.len()],
                ..plan.slide(preset, n)
            },
        }
    })
}
