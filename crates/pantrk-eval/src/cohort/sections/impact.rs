//! What a screen spares and what it misses at stated prevalences, and the decision curve.

use pantrk_triage::{Evidence, PublishedEstimate};

use super::{Made, Part, scores};
use crate::EvalError;
use crate::cohort::{Cohort, Joined};
use crate::output::{Block, Cell, Column, Estimate, Figure, Section, Table};
use crate::plot::{Axis, Colour, Plot, Side};
use crate::statistics::counts::Counts;
use crate::statistics::decision::{impact, net_benefit, net_benefit_at, predictive_values};

pub(super) const PART: Part = Part {
    title: "Tests saved and fusions missed",
    make,
};

/// Tumours that the figures are told for.
const TUMOURS: f64 = 1000.0;

/// Of the decision curves' logarithmic axis.
const TICKS: [f64; 8] = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3];

/// How frequent fusions are taken to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Prevalence {
    /// Of what.
    pub label: String,
    /// 0 to 1.
    pub value: f64,
    /// Where it comes from.
    pub source: String,
}

impl From<&PublishedEstimate> for Prevalence {
    fn from(row: &PublishedEstimate) -> Self {
        Self {
            label: row.what.clone(),
            value: row.p,
            source: format!("{}, {}", row.study, row.certainty.label()),
        }
    }
}

/// Those given, or that of all solid tumours and of every tumour type in the cohort that has one.
fn prevalences(cohort: &Cohort, evidence: &Evidence) -> Result<Vec<Prevalence>, EvalError> {
    if !cohort.settings.prevalences.is_empty() {
        let given = cohort.settings.prevalences.iter().map(|&value| Prevalence {
            label: format!("{} %", (value * 1e6).round() / 1e4),
            value,
            source: "given with --prevalence".to_owned(),
        });
        return Ok(given.collect());
    }
    let published = evidence.published_prevalences()?;
    let types = evidence.tumour_types();
    let mut ids = vec!["all-solid".to_owned()];
    for slide in &cohort.slides {
        let name = slide
            .truth
            .tumour_type
            .as_ref()
            .or(slide.result.tumour_type.as_ref());
        let id = name.and_then(|name| types.find(name).ok()?.prevalence_id());
        if let Some(id) = id.filter(|id| !ids.iter().any(|known| known == id)) {
            ids.push(id.to_owned());
        }
    }
    let mut out: Vec<Prevalence> = published
        .iter()
        .filter(|row| ids.contains(&row.id))
        .map(Prevalence::from)
        .collect();
    // The first is that of all tumours, the others by how frequent fusions are.
    out.sort_by(|a, b| a.value.total_cmp(&b.value));
    if let Some(all) = published.iter().find(|row| row.id == "all-solid") {
        let all = Prevalence::from(all);
        out.retain(|p| *p != all);
        out.insert(0, all);
    }
    Ok(out)
}

fn make(cohort: &Cohort, evidence: &Evidence) -> Result<Made, EvalError> {
    let calls = Counts::of(cohort.calls());
    if let Err(why) = cohort.verified() {
        return Ok(Made::Nothing(why));
    }
    let triage = Counts::of(
        cohort
            .sequenced()
            .filter_map(|(s, f)| Some((s.goes_on()?, f))),
    );
    if calls.sensitivity().is_err() || calls.specificity().is_err() {
        return Ok(Made::Nothing(
            "needs sequenced slides with and without a fusion".to_owned(),
        ));
    }
    let prevalences = prevalences(cohort, evidence)?;
    let mut table = Table::new(
        "impact",
        &format!("Of {TUMOURS} tumours, against sequencing all of them"),
        [
            Column::text("prevalence", "Prevalence of fusions"),
            Column::text("screen", "Screen"),
            Column::estimate("tests_saved", "NGS tests saved"),
            Column::estimate("fusions_missed", "Fusions missed"),
            Column::number("fusions", "Fusions there are"),
            Column::estimate("tests_per_fusion", "NGS tests per fusion found"),
            Column::estimate("ppv", "PPV there"),
            Column::text("source", "Source of the prevalence"),
        ],
    )
    .with_note("Sensitivity and specificity are this cohort's, taken to hold at other prevalences; intervals carry the worse ends of both. A triage that asks for review or a repeat does not count as saved.");
    for prevalence in &prevalences {
        for (name, counts) in [("IHC call", &calls), ("triage", &triage)] {
            let (Ok(sens), Ok(spec)) = (counts.sensitivity(), counts.specificity()) else {
                continue;
            };
            let made = impact(TUMOURS, prevalence.value, &sens, &spec);
            let [after, _] = predictive_values(prevalence.value, sens.value, spec.value);
            table.push([
                Cell::text(format!(
                    "{}: {}",
                    prevalence.label,
                    percent(prevalence.value)
                )),
                Cell::text(name),
                made.saved.into(),
                made.missed.into(),
                Cell::Number(TUMOURS * prevalence.value, 1),
                made.tests_per_fusion
                    .map_or_else(|| Cell::missing(counts.n(), "none found"), Cell::from),
                after.map_or_else(
                    || Cell::missing(0, "no positive call"),
                    |p| ppv(prevalence.value, p, [&sens, &spec]),
                ),
                Cell::text(&prevalence.source),
            ]);
        }
    }
    let section = Section::new(PART.title)
        .with(table)
        .with(Block::Figures(vec![
            curve(cohort, None),
            curve(cohort, prevalences.first()),
        ]));
    Ok(Made::Section(section))
}

fn percent(p: f64) -> String {
    pantrk_triage::text_from_probability(p)
}

/// The PPV at a prevalence, its interval from the worse ends together.
fn ppv(prevalence: f64, value: f64, [sens, spec]: [&Estimate; 2]) -> Cell {
    let ends = |e: &Estimate| e.interval95.unwrap_or([e.value; 2]);
    let ([s0, s1], [t0, t1]) = (ends(sens), ends(spec));
    let at = |s: f64, t: f64| predictive_values(prevalence, s, t)[0].unwrap_or(value);
    Estimate::probability(value, Some([at(s0, t0), at(s1, t1)]), sens.n + spec.n).into()
}

/// Net benefit of sequencing by the stated probability, by the call, by the triage, of all and of none.
fn curve(cohort: &Cohort, at: Option<&Prevalence>) -> Figure {
    let name = if at.is_some() {
        "decision_curve_prevalence"
    } else {
        "decision_curve"
    };
    let caption = at.map_or_else(
        || "Decision curve at this cohort's share of fusions: net true positives per 1,000 tumours when a fusion is worth sequencing from this probability on.".to_owned(),
        |p| format!("The same at a prevalence of {} ({}), from this cohort's sensitivity and specificity.", percent(p.value), p.label),
    );
    let data = scores(cohort, Joined::stated);
    let calls = Counts::of(cohort.calls());
    let triage = Counts::of(
        cohort
            .sequenced()
            .filter_map(|(s, f)| Some((s.goes_on()?, f))),
    );
    let (positives, n) = (calls.positives() as f64, calls.n() as f64);
    let prevalence = at.map_or(positives / n, |p| p.value);
    // From a tenth of the prevalence on, within a probability of one half.
    let from = (prevalence / 10.0).max(1e-4);
    let to = 0.5_f64.min((prevalence * 20.0).max(0.01));
    let steps = 120;
    let thresholds: Vec<f64> = (0..=steps)
        .map(|i| from * (to / from).powf(f64::from(i) / f64::from(steps)))
        .collect();
    let benefit = |counts: &Counts, t: f64| {
        let (pos, neg) = (counts.positives() as f64, counts.negatives() as f64);
        if pos == 0.0 || neg == 0.0 {
            return None;
        }
        let (sens, spec) = (counts.tp as f64 / pos, counts.tn as f64 / neg);
        Some(TUMOURS * net_benefit_at(prevalence, sens, spec, t))
    };
    let by_probability = |t: f64| {
        let counts = Counts::of(data.iter().map(|&(p, f)| (p >= t, f)));
        benefit(&counts, t)
    };
    let all = |t: f64| Some(TUMOURS * net_benefit(prevalence, 1.0 - prevalence, 1.0, t));
    let top = TUMOURS * prevalence;
    let ticks: Vec<(f64, String)> = TICKS
        .into_iter()
        .filter(|t| (from * 0.999..=to * 1.001).contains(t))
        .map(|t| (t, format!("{} %", (t * 1e4).round() / 100.0)))
        .collect();
    let ticks: Vec<(f64, &str)> = ticks.iter().map(|(t, s)| (*t, s.as_str())).collect();
    let mut plot = Plot::half(
        Axis::log("threshold probability", from, to, &ticks),
        Axis::linear("net benefit per 1,000", -0.15 * top, 1.08 * top),
    );
    plot.right = 112;
    plot.dashed(vec![(from, 0.0), (to, 0.0)], Colour::Grey);
    let mut key = vec![("- - sequence none", Colour::Grey)];
    let mut series =
        |of: &dyn Fn(f64) -> Option<f64>, name: &'static str, colour: Colour, is_dashed: bool| {
            let points: Vec<(f64, f64)> = thresholds
                .iter()
                .filter_map(|&t| Some((t, of(t)?)))
                .take_while(|(_, y)| *y >= -0.15 * top)
                .collect();
            if points.is_empty() {
                return;
            }
            key.push((name, colour));
            if is_dashed {
                plot.dashed(points, colour);
            } else {
                plot.line(points, colour);
            }
        };
    series(&all, "- - sequence all", Colour::Ink, true);
    series(&by_probability, "- - probability", Colour::Green, true);
    series(
        &|t| benefit(&triage, t),
        "— triage",
        Colour::Vermillion,
        false,
    );
    series(&|t| benefit(&calls, t), "— IHC call", Colour::Blue, false);
    // The curves meet and cross, so their names stand in a column beside them.
    for (i, (name, colour)) in key.into_iter().rev().enumerate() {
        let y = top * (1.02 - 0.085 * i as f64);
        plot.label((to, y), name, colour, Side::Right);
    }
    Figure::svg(name, caption, plot.to_svg())
}
