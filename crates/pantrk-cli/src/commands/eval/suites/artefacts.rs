//! What else may lie on a slide: is it found, is good tissue kept, and does the score stay right.

use pantrk_phantom::{ArtefactKind, Preset, SlideSpec};

use super::figures::{artefact_figures, percent_errors};
use super::{Plan, Sample, Suite};

pub(super) const SUITE: Suite = Suite {
    name: "artefacts",
    title: "Each artefact of the phantoms: area found, good tissue lost, score kept",
    side_px: 2400,
    stains: "default",
    slides: 5 * ArtefactKind::ALL.len() as u32,
    quick: ArtefactKind::ALL.len() as u32,
    make,
    figures: |slides| {
        let mut figures = artefact_figures(slides);
        figures.extend(percent_errors(slides, 2.0));
        figures
    },
};

fn make(plan: &Plan) -> Vec<Sample> {
    plan.each(|n| {
        let kind = ArtefactKind::ALL[n as usize % ArtefactKind::ALL.len()];
        Sample {
            label: kind.name().to_owned(),
            tumour_percent: None,
            spec: SlideSpec {
                artefacts: vec![kind],
                // Mostly tumour, so that the artefact lies where scoring looks.
                tumour_fraction: 0.85,
                nerves: 0,
                muscles: 0,
                ..plan.slide(Preset::Demo, n)
            },
        }
    })
}
