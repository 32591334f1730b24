//! The figures that suites share, each from the measured slides beside their truth.

use pantrk_core::score::{Compartment, CompartmentScore, IhcResult, Texture};
use pantrk_eval::metrics::Ratio;
use pantrk_eval::statistics::bootstrap;
use pantrk_eval::statistics::proportion::wilson;
use pantrk_phantom::{CompartmentTruth, Level, ScoreTruth};
use pantrk_store::SlideResult;

use super::super::phantoms::Measured;

/// Where the randomness of resampled slides starts.
const SEED: u64 = 1;
/// Below this share of stained cells, percent, no pattern can be asked for.
const PATTERN_FROM_PERCENT: f64 = 3.0;

/// What a figure is held to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) enum Aim {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// From the first to the second.
    Between(f64, f64),
    /// No bar; less is better.
    Less,
    /// No bar; more is better.
    More,
}

impl Aim {
    /// Whether a value is where it should be; `None` without a bar.
    pub(in super::super) fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(bar) => Some(value <= bar),
            Self::AtLeast(bar) => Some(value >= bar),
            Self::Between(low, high) => Some((low..=high).contains(&value)),
            Self::Less | Self::More => None,
        }
    }

    /// How bad a value is: the more, the worse.
    pub(in super::super) fn badness(self, value: f64) -> f64 {
        match self {
            Self::AtMost(_) | Self::Less => value,
            Self::AtLeast(_) | Self::More => -value,
            Self::Between(low, high) => (low - value).max(value - high).max(0.0),
        }
    }

    /// The bar in words; empty without one.
    pub(in super::super) fn words(self) -> String {
        match self {
            Self::AtMost(bar) => format!("at most {bar}"),
            Self::AtLeast(bar) => format!("at least {bar}"),
            Self::Between(low, high) => format!("{low} to {high}"),
            Self::Less | Self::More => String::new(),
        }
    }
}

/// One figure of a suite.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct SuiteFigure {
    /// As the baseline knows it.
    pub(in super::super) name: String,
    /// What it says, with its unit.
    pub(in super::super) description: String,
    /// `None` where no slide has it.
    pub(in super::super) value: Option<f64>,
    pub(in super::super) interval95: Option<[f64; 2]>,
    /// Slides behind it.
    pub(in super::super) n: u64,
    /// Decimals for people.
    pub(in super::super) decimals: usize,
    pub(in super::super) aim: Aim,
}

impl SuiteFigure {
    /// The largest of some values.
    fn largest(name: &str, description: &str, values: &[f64], decimals: usize, aim: Aim) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            value: values.iter().copied().reduce(f64::max),
            interval95: None,
            n: values.len() as u64,
            decimals,
            aim,
        }
    }

    /// The mean of some values, with its interval over resampled slides.
    fn mean(name: &str, description: &str, values: &[f64], decimals: usize) -> Self {
        let ratios: Vec<Ratio> = values.iter().map(|&v| Ratio::new(v, 1.0)).collect();
        let value = Ratio::pooled(ratios.iter().copied()).value();
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            value,
            interval95: resampled(&ratios),
            n: values.len() as u64,
            decimals,
            aim: Aim::Less,
        }
    }

    /// The share of slides of which something holds, percent, with Wilson's interval.
    fn share(name: &str, description: &str, holds: &[bool], aim: Aim) -> Self {
        let n = holds.len() as u64;
        let k = holds.iter().filter(|&&h| h).count() as u64;
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            value: (n > 0).then(|| 100.0 * k as f64 / n as f64),
            interval95: (n > 0).then(|| wilson(k, n).map(|p| 100.0 * p)),
            n,
            decimals: 1,
            aim,
        }
    }
}

/// The 95 % interval of a pooled ratio over resampled slides; one slide alone has none.
fn resampled(ratios: &[Ratio]) -> Option<[f64; 2]> {
    if ratios.len() < 2 {
        return None;
    }
    let of = |draw: &[usize]| Ratio::pooled(draw.iter().map(|&i| ratios[i])).value();
    bootstrap::interval(ratios.len(), SEED, of)
}

/// A result's compartments beside their truth: any, then in the order of [`Compartment::ALL`].
pub(in super::super) fn beside<'a>(
    result: &'a SlideResult,
    truth: &'a ScoreTruth,
) -> Option<[(&'a CompartmentScore, &'a CompartmentTruth); 5]> {
    let scores = result.compartments.as_ref()?;
    Some([
        (&scores.any, &truth.any),
        (&scores.nucleus, &truth.nucleus),
        (&scores.nuclear_rim, &truth.nuclear_rim),
        (&scores.cytoplasm, &truth.cytoplasm),
        (&scores.membrane, &truth.membrane),
    ])
}

/// Errors of the positive percent and of each grade's percent, the largest compartment of each slide; and slides without a score.
pub(super) fn percent_errors(slides: &[&Measured], bar_points: f64) -> Vec<SuiteFigure> {
    let worst = |error: &dyn Fn(&CompartmentScore, &CompartmentTruth) -> f64| -> Vec<f64> {
        slides
            .iter()
            .filter_map(|slide| beside(&slide.result, &slide.truth))
            .map(|pairs| pairs.iter().map(|(m, t)| error(m, t)).fold(0.0, f64::max))
            .collect()
    };
    let positive = worst(&|m, t| (m.positive_percent - t.positive_percent).abs());
    let grades = worst(&|m, t| {
        [
            m.percent_1 - t.percent_1,
            m.percent_2 - t.percent_2,
            m.percent_3 - t.percent_3,
        ]
        .iter()
        .fold(0.0, |worst: f64, d| worst.max(d.abs()))
    });
    let without = slides
        .iter()
        .filter(|s| s.result.compartments.is_none())
        .count();
    vec![
        SuiteFigure::largest(
            "positive_percent_worst",
            "largest error of a positive percent, points",
            &positive,
            2,
            Aim::AtMost(bar_points),
        ),
        SuiteFigure::mean(
            "positive_percent_mean",
            "a slide's largest error of a positive percent, points, mean",
            &positive,
            2,
        ),
        SuiteFigure::largest(
            "grade_percent_worst",
            "largest error of a 1+, 2+ or 3+ percent, points",
            &grades,
            2,
            Aim::AtMost(bar_points),
        ),
        SuiteFigure::mean(
            "grade_percent_mean",
            "a slide's largest error of a 1+, 2+ or 3+ percent, points, mean",
            &grades,
            2,
        ),
        SuiteFigure {
            n: slides.len() as u64,
            ..SuiteFigure::largest(
                "not_evaluable",
                "slides without a score",
                &[without as f64],
                0,
                Aim::AtMost(0.0),
            )
        },
    ]
}

/// Errors of the mean optical density of tumour cells.
pub(super) fn od_error(slides: &[&Measured]) -> Vec<SuiteFigure> {
    let errors: Vec<f64> = slides
        .iter()
        .filter_map(|slide| {
            let scores = slide.result.compartments.as_ref()?;
            let errors = Compartment::ALL.into_iter().zip(slide.truth_od);
            errors
                .filter_map(|(c, truth)| Some((scores.get(c).mean_dab_od - truth?).abs()))
                .reduce(f64::max)
        })
        .collect();
    vec![
        SuiteFigure::largest(
            "od_worst",
            "largest error of a compartment's mean DAB OD",
            &errors,
            3,
            Aim::AtMost(0.03),
        ),
        SuiteFigure::mean(
            "od_mean",
            "a slide's largest error of a mean DAB OD, mean",
            &errors,
            3,
        ),
    ]
}

/// Whether the leading compartment and the texture are told; and whether all compartments are.
pub(super) fn pattern_right(slides: &[&Measured]) -> Vec<SuiteFigure> {
    let (mut leading, mut whole) = (Vec::new(), Vec::new());
    for slide in slides {
        if slide.truth.any.positive_percent < PATTERN_FROM_PERCENT {
            continue;
        }
        let pattern = slide.sample.spec.pattern;
        let levels = [
            pattern.nucleus,
            pattern.nuclear_rim,
            pattern.cytoplasm,
            pattern.membrane,
        ];
        let of = |wanted: &dyn Fn(Level) -> bool| -> Vec<Compartment> {
            let pairs = Compartment::ALL.into_iter().zip(levels);
            pairs.filter(|(_, l)| wanted(*l)).map(|(c, _)| c).collect()
        };
        let texture = if pattern.granular {
            Texture::Granular
        } else {
            Texture::Smooth
        };
        let found = slide.result.pattern.as_ref().map(|facts| &facts.pattern);
        let mut compartments = found.map_or_else(Vec::new, |p| p.compartments.clone());
        let right = found.is_some_and(|p| p.texture == Some(texture))
            && compartments
                .first()
                .is_some_and(|c| of(&|l| l == Level::Full).contains(c));
        leading.push(right);
        compartments.sort_unstable();
        whole.push(right && compartments == of(&|l| l != Level::Off));
    }
    vec![
        SuiteFigure::share(
            "pattern_leading",
            "slides whose leading compartment and texture are told, %",
            &leading,
            Aim::AtLeast(95.0),
        ),
        SuiteFigure::share(
            "pattern_whole",
            "slides of which every stained compartment is told and no other, %",
            &whole,
            Aim::More,
        ),
    ]
}

/// How far the number of tumour cells is off.
pub(super) fn cells_error(slides: &[&Measured]) -> SuiteFigure {
    let errors: Vec<f64> = slides
        .iter()
        .filter(|slide| slide.truth.tumour_cells > 0)
        .map(|slide| {
            let truth = slide.truth.tumour_cells as f64;
            100.0 * (slide.result.cells.tumour as f64 - truth).abs() / truth
        })
        .collect();
    SuiteFigure::largest(
        "tumour_cells_worst",
        "largest error of the number of tumour cells, %",
        &errors,
        1,
        Aim::AtMost(10.0),
    )
}

/// The largest H-score of slides on which nothing stains.
pub(super) fn h_score_of_negatives(slides: &[&Measured]) -> SuiteFigure {
    let scores: Vec<f64> = slides
        .iter()
        .filter(|slide| slide.sample.spec.positive_fraction <= 0.0)
        .filter_map(|slide| Some(slide.result.compartments.as_ref()?.any.h_score))
        .collect();
    SuiteFigure::largest(
        "negative_h_score_worst",
        "largest H-score of a negative slide",
        &scores,
        1,
        Aim::AtMost(5.0),
    )
}

fn is_positive(slide: &Measured) -> bool {
    slide.result.ihc.result == IhcResult::Positive
}

/// The share of slides called positive that should not be.
pub(super) fn called_positive(slides: &[&Measured], which: &str, bar_percent: f64) -> SuiteFigure {
    let called: Vec<bool> = slides.iter().map(|slide| is_positive(slide)).collect();
    SuiteFigure::share(
        "falsely_positive",
        &format!("{which} called positive, %"),
        &called,
        Aim::AtMost(bar_percent),
    )
}

/// The share of slides called positive that should be.
pub(super) fn found_positive(slides: &[&Measured], which: &str, bar_percent: f64) -> SuiteFigure {
    let called: Vec<bool> = slides.iter().map(|slide| is_positive(slide)).collect();
    SuiteFigure::share(
        "truly_positive",
        &format!("{which} called positive, %"),
        &called,
        Aim::AtLeast(bar_percent),
    )
}

/// How often the 95 % interval of the positive percent holds the truth of the tumour, and how far the percent is from the slide's own.
pub(super) fn coverage(slides: &[&Measured]) -> Vec<SuiteFigure> {
    let (mut tumour, mut errors) = (Vec::new(), Vec::new());
    for slide in slides {
        let Some(scores) = &slide.result.compartments else {
            continue;
        };
        let truth = slide.truth.any.positive_percent;
        let [low, high] = scores.any.interval95;
        let share = slide.sample.tumour_percent.unwrap_or(truth);
        tumour.push((low..=high).contains(&share));
        errors.push((scores.any.positive_percent - truth).abs());
    }
    vec![
        SuiteFigure::share(
            "interval_holds_truth",
            "slides whose 95 % interval holds the percent of the tumour that they are a sample of, %",
            &tumour,
            Aim::Between(90.0, 99.0),
        ),
        SuiteFigure::largest(
            "positive_percent_worst",
            "largest error of the positive percent, points",
            &errors,
            2,
            Aim::AtMost(2.0),
        ),
        SuiteFigure::mean(
            "positive_percent_mean",
            "error of the positive percent, points, mean",
            &errors,
            2,
        ),
    ]
}

/// Per kind: the share of the artefact's area on tissue that is left out; and over all slides the share of clear tumour that is lost.
pub(super) fn artefact_figures(slides: &[&Measured]) -> Vec<SuiteFigure> {
    let mut figures = Vec::new();
    for kind in pantrk_phantom::ArtefactKind::ALL {
        let of_kind: Vec<Ratio> = slides
            .iter()
            .filter(|slide| slide.sample.spec.artefacts == [kind])
            .map(|slide| Ratio::new(slide.area.artefact_found, slide.area.artefact))
            .filter(|ratio| ratio.whole > 0.0)
            .collect();
        figures.push(SuiteFigure {
            name: format!("found_{}", kind.name().to_lowercase()),
            description: format!("tissue under {} that is left out, %", kind.name()),
            value: Ratio::pooled(of_kind.iter().copied())
                .value()
                .map(|v| 100.0 * v),
            interval95: resampled(&of_kind).map(|bounds| bounds.map(|v| 100.0 * v)),
            n: of_kind.len() as u64,
            decimals: 1,
            aim: Aim::AtLeast(90.0),
        });
    }
    let lost: Vec<f64> = slides
        .iter()
        .filter(|slide| slide.area.clear > 0.0)
        .map(|slide| 100.0 * slide.area.clear_lost / slide.area.clear)
        .collect();
    figures.push(SuiteFigure::largest(
        "good_tissue_lost_worst",
        "clear tumour that is left out, %, worst slide",
        &lost,
        2,
        Aim::AtMost(2.0),
    ));
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_say_what_is_met_and_what_is_worse() {
        assert_eq!(Aim::AtMost(2.0).is_met(2.0), Some(true));
        assert_eq!(Aim::AtLeast(95.0).is_met(94.9), Some(false));
        assert_eq!(Aim::Between(90.0, 99.0).is_met(100.0), Some(false));
        assert_eq!(Aim::Less.is_met(3.0), None);
        for (aim, good, bad) in [
            (Aim::AtMost(2.0), 1.0, 3.0),
            (Aim::Less, 1.0, 3.0),
            (Aim::AtLeast(95.0), 99.0, 90.0),
            (Aim::Between(90.0, 99.0), 95.0, 100.0),
            (Aim::Between(90.0, 99.0), 91.0, 80.0),
        ] {
            assert!(aim.badness(good) < aim.badness(bad), "{aim:?}");
        }
    }

    #[test]
    fn figures_without_slides_have_no_value() {
        let figures = [
            percent_errors(&[], 2.0),
            od_error(&[]),
            pattern_right(&[]),
            artefact_figures(&[]),
        ];
        for figure in figures
            .iter()
            .flatten()
            .filter(|f| f.name != "not_evaluable")
        {
            assert_eq!((figure.value, figure.n), (None, 0), "{}", figure.name);
        }
    }
}
