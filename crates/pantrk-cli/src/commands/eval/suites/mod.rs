//! Suites of phantom slides: what each makes, and the figures it is judged by.
//!
//! A new suite is one file here and one row in [`SUITES`].

mod artefacts;
mod cut_off;
mod figures;
mod negatives;
mod presets;
mod vectors;
mod white_point;

use pantrk_phantom::{Preset, SlideSpec};

pub(super) use figures::{Aim, SuiteFigure, beside};

use super::phantoms::Measured;

/// One suite.
pub(super) struct Suite {
    /// As `--suite` takes it and tables show it.
    pub(super) name: &'static str,
    /// What it asks, for people.
    pub(super) title: &'static str,
    /// Columns and rows of its slides; a bar means little on fewer cells.
    pub(super) side_px: u32,
    /// Stain vectors, as `score --stains` takes them.
    pub(super) stains: &'static str,
    /// Slides of a full run.
    pub(super) slides: u32,
    /// Slides of a quick run, the one that the continuous integration makes.
    pub(super) quick: u32,
    /// The slides, exactly as many as the plan asks for; a small number must still span what the suite is about.
    pub(super) make: fn(&Plan) -> Vec<Sample>,
    /// The figures of the measured slides.
    pub(super) figures: fn(&[&Measured]) -> Vec<SuiteFigure>,
}

/// All suites, in the order in which they run.
pub(super) static SUITES: [Suite; 6] = [
    presets::SUITE,
    negatives::SUITE,
    vectors::SUITE,
    white_point::SUITE,
    artefacts::SUITE,
    cut_off::SUITE,
];

/// How many slides, how large, and where their randomness starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) slides: u32,
    pub(super) side_px: u32,
    pub(super) seed: u64,
}

impl Plan {
    /// The `n`th slide of a preset: full of tissue, most of it tumour, so that a small slide holds many cells.
    fn slide(&self, preset: Preset, n: u32) -> SlideSpec {
        SlideSpec {
            width: self.side_px,
            height: self.side_px,
            tissue_fraction: 0.8,
            tumour_fraction: 0.6,
            // Far apart, so that suites and seeds share no slide by accident.
            seed: self.seed.wrapping_mul(10_007).wrapping_add(u64::from(n)),
            ..preset.spec()
        }
    }

    /// Slides by number.
    fn each(&self, make: impl Fn(u32) -> Sample) -> Vec<Sample> {
        (0..self.slides).map(make).collect()
    }

    /// The `n`th of the plan's slides as a place from 0 (the first) to 1 (the last).
    fn place(&self, n: u32) -> f64 {
        f64::from(n) / f64::from(self.slides.saturating_sub(1).max(1))
    }
}

/// A slide to make.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// What it is, in a few words.
    pub(super) label: String,
    /// Stained cells of the tumour that the slide is a sample of, percent; `None` where the slide is all there is.
    pub(super) tumour_percent: Option<f64>,
    pub(super) spec: SlideSpec,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_makes_what_the_plan_asks_for() {
        let mut names = std::collections::BTreeSet::new();
        for suite in &SUITES {
            assert!(names.insert(suite.name), "{} twice", suite.name);
            for slides in [1, suite.quick, suite.slides] {
                let plan = Plan {
                    slides,
                    side_px: suite.side_px,
                    seed: 1,
                };
                let samples = (suite.make)(&plan);
                assert_eq!(samples.len(), slides as usize, "{}", suite.name);
                for sample in &samples {
                    sample.spec.check().unwrap();
                }
            }
            assert!(suite.quick <= suite.slides, "{}", suite.name);
        }
    }
}
