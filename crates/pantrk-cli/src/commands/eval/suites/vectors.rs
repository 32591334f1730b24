//! Stain vectors that are not those of the default: another lot of chromogen, another scanner.

use pantrk_phantom::{Preset, SlideSpec};

use super::figures::{h_score_of_negatives, pattern_right, percent_errors};
use super::{Plan, Sample, Suite};

/// Patterns in turn, the negative one among them: it is where vectors cannot be read off the slide.
const PRESETS: [(&str, Preset); 4] = [
    ("demo", Preset::Demo),
    ("negative", Preset::Negative),
    ("membrane-tpm3", Preset::MembraneTpm3),
    ("cytoplasm-tpm4", Preset::CytoplasmTpm4),
];
/// Degrees, in turn.
const TURNS: [f64; 4] = [-6.0, 6.0, 3.0, -3.0];

pub(super) const SUITE: Suite = Suite {
    name: "vectors",
    title: "Stain vectors turned by up to 6 degrees either way",
    side_px: 2400,
    stains: "estimate",
    slides: 32,
    quick: 4,
    make,
    figures: |slides| {
        let mut figures = percent_errors(slides, 2.0);
        figures.extend(pattern_right(slides));
        figures.push(h_score_of_negatives(slides));
        figures
    },
};

fn make(plan: &Plan) -> Vec<Sample> {
    plan.each(|n| {
        let (name, preset) = PRESETS[n as usize % PRESETS.len()];
        // Each round of presets starts one turn further on, so that every pair comes up.
        let turn = TURNS[(n as usize + n as usize / PRESETS.len()) % TURNS.len()];
        Sample {
            label: format!("{name} turned {turn:+.0}"),
            tumour_percent: None,
            spec: SlideSpec {
                stain_rotation_degrees: turn,
                ..plan.slide(preset, n)
            },
        }
    })
}
