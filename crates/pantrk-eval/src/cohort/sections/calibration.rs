//! Whether the stated probability of a fusion comes true.

use pantrk_triage::Evidence;

use super::{Made, Part, scores};
use crate::cohort::{Cohort, Joined};
use crate::output::{Cell, Column, Estimate, Figure, Section, Table};
use crate::plot::{Axis, Colour, Plot};
use crate::statistics::calibration::{brier, groups};
use crate::statistics::roc::Labelled;
use crate::statistics::{NO_RESAMPLES, Undefined, bootstrap};

pub(super) const PART: Part = Part {
    title: "Calibration",
    make: |cohort, evidence| Ok(make(cohort, evidence)),
};

const GROUPS: usize = 8;

fn make(cohort: &Cohort, _evidence: &Evidence) -> Made {
    let data = scores(cohort, Joined::stated);
    if data.is_empty() {
        return Made::Nothing(
            "no sequenced slide states a probability that did not know the answer".to_owned(),
        );
    }
    let groups = groups(&data, GROUPS);
    let mut table = Table::new(
        "calibration",
        "Stated against observed probability of a fusion",
        [
            Column::text("group", "Group"),
            Column::number("stated", "Mean stated (0 to 1)"),
            Column::estimate("observed", "Observed"),
        ],
    )
    .with_note("Slides with alike stated probabilities are put together, about as many in each group. A cohort picked for its fusions has more of them than the prevalences that the probabilities rest on; then the observed shares lie above the stated ones, and that is no fault of the rule.");
    for (i, group) in groups.iter().enumerate() {
        table.push([
            Cell::text((i + 1).to_string()),
            Cell::Number(group.stated, 4),
            Estimate::proportion(group.true_, group.n, group.interval95).into(),
        ]);
    }
    let observed = data.iter().filter(|(_, fusion)| *fusion).count() as f64;
    let expected: f64 = data.iter().map(|(p, _)| p).sum();
    let mut whole = Table::new(
        "calibration_overall",
        "Over all slides",
        [
            Column::text("measure", "Measure"),
            Column::estimate("value", "Value"),
        ],
    );
    let n = data.len() as u64;
    whole.push([
        Cell::text("observed over expected fusions"),
        if expected > 0.0 {
            Estimate::plain(
                observed / expected,
                Some(poisson_ratio(observed, expected)),
                n,
                2,
            )
            .into()
        } else {
            Cell::missing(n, "no fusion expected")
        },
    ]);
    whole.push([
        Cell::text("Brier score (0 is perfect)"),
        Cell::of(brier_estimate(&data, cohort.settings.seed), n),
    ]);
    let mut plot = Plot::half(
        Axis::rare("stated probability"),
        Axis::share("observed share"),
    );
    let diagonal = (0..=60)
        .map(|i| 10f64.powf(-4.0 + f64::from(i) / 15.0))
        .map(|p| (p, p))
        .collect();
    plot.dashed(diagonal, Colour::Grey);
    for group in &groups {
        let [low, high] = group.interval95;
        plot.line(
            vec![(group.stated, low), (group.stated, high)],
            Colour::Blue,
        );
    }
    plot.beads(
        groups
            .iter()
            .map(|g| (g.stated, g.true_ as f64 / g.n as f64))
            .collect(),
        Colour::Blue,
    );
    let figure = Figure::svg(
        "calibration",
        "Stated probability (logarithmic, for fusions are rare) against the share that came true, with Wilson intervals; on the dashed line both are equal.",
        plot.to_svg(),
    );
    let spread = distribution(&data);
    let section = Section::new(PART.title)
        .with(crate::output::Block::Figures(vec![figure, spread]))
        .with(table)
        .with(whole);
    Made::Section(section)
}

/// The Brier score with a bootstrap over slides.
fn brier_estimate(data: &[Labelled], seed: u64) -> Result<Estimate, Undefined> {
    let value = brier(data)?;
    let errors: Vec<f64> = data
        .iter()
        .map(|&(p, fusion)| (p - f64::from(u8::from(fusion))).powi(2))
        .collect();
    let interval = bootstrap::interval(data.len(), seed, |indices| {
        Some(indices.iter().map(|&i| errors[i]).sum::<f64>() / indices.len() as f64)
    });
    Ok(Estimate::plain(value, interval, data.len() as u64, 4).or_because(NO_RESAMPLES))
}

/// Byar's interval of a Poisson count, over what was expected.
fn poisson_ratio(observed: f64, expected: f64) -> [f64; 2] {
    // Within about a percent of the exact interval from one event on.
    let z = crate::statistics::Z95;
    let bound = |k: f64, sign: f64| {
        if k <= 0.0 {
            0.0
        } else {
            k * (1.0 - 1.0 / (9.0 * k) + sign * z / (3.0 * k.sqrt())).powi(3)
        }
    };
    [
        bound(observed, -1.0) / expected,
        bound(observed + 1.0, 1.0) / expected,
    ]
}

/// The stated probabilities of the fused and the others, as shares at or below.
fn distribution(data: &[(f64, bool)]) -> Figure {
    let caption = "How the stated probability lies in slides with and without a fusion: the share of slides at or below it.";
    let mut plot = Plot::half(
        Axis::rare("stated probability"),
        Axis::share("slides at or below"),
    );
    for (fusion, colour, name) in [
        (true, Colour::Vermillion, "fusion"),
        (false, Colour::Blue, "no fusion"),
    ] {
        let mut values: Vec<f64> = data.iter().filter(|d| d.1 == fusion).map(|d| d.0).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let mut steps = vec![(1e-4, 0.0)];
        for (i, value) in values.iter().enumerate() {
            steps.push((*value, i as f64 / n));
            steps.push((*value, (i + 1) as f64 / n));
        }
        steps.push((1.0, 1.0));
        if values.is_empty() {
            continue;
        }
        // To the left of its curve, where that is steep; the fused lie lower.
        let height = if fusion { 0.6 } else { 0.92 };
        let at = values[((height * n) as usize).min(values.len() - 1)];
        plot.line(crate::plot::thinned(&steps, 400), colour);
        let text = format!("{name}, n = {}", values.len());
        plot.label((at, height), text, colour, crate::plot::Side::Left);
    }
    Figure::svg("stated_distribution", caption, plot.to_svg())
}
