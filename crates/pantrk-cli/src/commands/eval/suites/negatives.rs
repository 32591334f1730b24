//! Slides without a stained tumour cell under more and more haze: does scoring invent stain.

use pantrk_phantom::{Preset, SlideSpec};

use super::figures::{called_positive, h_score_of_negatives};
use super::{Plan, Sample, Suite};

/// The densest haze (DAB optical density).
const MOST: f64 = 0.10;

pub(super) const SUITE: Suite = Suite {
    name: "negatives",
    title: "Negative slides with haze 0 to 0.10 OD",
    side_px: 2400,
    stains: "default",
    slides: 22,
    quick: 3,
    make,
    figures: |slides| {
        vec![
            h_score_of_negatives(slides),
            called_positive(slides, "negative slides", 2.0),
        ]
    },
};

fn make(plan: &Plan) -> Vec<Sample> {
    plan.each(|n| {
        let haze = MOST * plan.place(n);
        Sample {
            label: format!("haze {haze:.3}"),
            tumour_percent: None,
            spec: SlideSpec {
                haze,
                ..plan.slide(Preset::Negative, n)
            },
        }
    })
}
