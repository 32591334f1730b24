//! Every named slide of the phantoms: is each compartment measured right, and is the pattern told.

use pantrk_phantom::Preset;

use super::figures::{cells_error, od_error, pattern_right, percent_errors};
use super::{Plan, Sample, Suite};

pub(super) const SUITE: Suite = Suite {
    name: "presets",
    title: "Named patterns, one after the other: percent, optical density and pattern",
    side_px: 2400,
    stains: "default",
    slides: 100,
    quick: 10,
    make,
    figures: |slides| {
        let mut figures = percent_errors(slides, 2.0);
        figures.extend(od_error(slides));
        figures.extend(pattern_right(slides));
        figures.push(cells_error(slides));
        figures
    },
};

fn make(plan: &Plan) -> Vec<Sample> {
    plan.each(|n| {
        let (name, preset) = Preset::TABLE[n as usize % Preset::TABLE.len()];
        Sample {
            label: name.to_owned(),
            tumour_percent: None,
            spec: plan.slide(preset, n),
        }
    })
}
