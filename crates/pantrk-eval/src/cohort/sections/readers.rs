//! Agreement with readers, and of readers with each other.

use pantrk_core::score::IhcResult;
use pantrk_triage::Evidence;

use super::{Made, Part};
use crate::cohort::{Cohort, Joined, Reading};
use crate::output::{Block, Cell, Column, Estimate, Figure, Section, Table};
use crate::plot::{Axis, Colour, Plot, Side, confusion_matrix, thinned};
use crate::statistics::NO_RESAMPLES;
use crate::statistics::agreement::{Square, Weights, fleiss_kappa};
use crate::statistics::bland_altman::limits_of_agreement;
use crate::statistics::bootstrap;
use crate::statistics::correlation::{Pair, lin_concordance, pearson, spearman};
use crate::statistics::icc::{icc_2_1, icc_3_1};
use crate::statistics::proportion::proportion;

pub(super) const PART: Part = Part {
    title: "Against readers",
    make: |cohort, evidence| Ok(make(cohort, evidence)),
};

/// The calls that are ordered, from negative to positive; slides that either cannot read are left out.
const ORDERED: [IhcResult; 3] = [
    IhcResult::Negative,
    IhcResult::Indeterminate,
    IhcResult::Positive,
];

/// Points of a scatter on the page.
const DOTS: usize = 1200;

fn rank(result: IhcResult) -> Option<usize> {
    ORDERED.iter().position(|&r| r == result)
}

/// Two who read the same slides: the first is whom the second is held against.
struct Duo {
    name: String,
    kind: &'static str,
    calls: Vec<(usize, usize)>,
    percents: Vec<Pair>,
    h_scores: Vec<Pair>,
}

impl Duo {
    fn new<'a>(
        name: String,
        kind: &'static str,
        slides: impl Iterator<Item = (&'a Seen, &'a Seen)>,
    ) -> Self {
        let mut duo = Self {
            name,
            kind,
            calls: Vec::new(),
            percents: Vec::new(),
            h_scores: Vec::new(),
        };
        for (a, b) in slides {
            duo.calls.extend(a.call.zip(b.call));
            duo.percents.extend(a.percent.zip(b.percent));
            duo.h_scores.extend(a.h_score.zip(b.h_score));
        }
        duo
    }
}

/// What someone says of a slide.
#[derive(Default)]
struct Seen {
    call: Option<usize>,
    percent: Option<f64>,
    h_score: Option<f64>,
}

fn seen_by_reader(reading: Option<&Reading>) -> Seen {
    reading.map_or_else(Seen::default, |r| Seen {
        call: r.result.and_then(rank),
        percent: r.percent,
        h_score: r.h_score,
    })
}

fn seen_by_program(slide: &Joined) -> Seen {
    Seen {
        call: rank(slide.result.ihc),
        percent: slide.result.percent,
        h_score: slide.result.h_score,
    }
}

fn seen_by_all(slide: &Joined) -> Seen {
    Seen {
        call: slide.truth.consensus().and_then(rank),
        percent: slide.truth.mean_of(|r| r.percent),
        h_score: slide.truth.mean_of(|r| r.h_score),
    }
}

/// pantrk against the readers together, against each, and each pair of readers.
fn duos(cohort: &Cohort) -> Vec<Duo> {
    let program: Vec<Seen> = cohort.slides.iter().map(seen_by_program).collect();
    let together: Vec<Seen> = cohort.slides.iter().map(seen_by_all).collect();
    let each: Vec<(&String, Vec<Seen>)> = cohort
        .readers
        .iter()
        .map(|reader| {
            let seen = cohort
                .slides
                .iter()
                .map(|s| seen_by_reader(s.truth.by(reader)));
            (reader, seen.collect())
        })
        .collect();
    let mut out = Vec::new();
    if each.len() > 1 {
        out.push(Duo::new(
            "readers together, pantrk".to_owned(),
            "reader-algorithm",
            together.iter().zip(&program),
        ));
    }
    for (reader, seen) in &each {
        out.push(Duo::new(
            format!("{reader}, pantrk"),
            "reader-algorithm",
            seen.iter().zip(&program),
        ));
    }
    for (i, (a, seen_a)) in each.iter().enumerate() {
        for (b, seen_b) in &each[i + 1..] {
            out.push(Duo::new(
                format!("{a}, {b}"),
                "reader-reader",
                seen_a.iter().zip(seen_b),
            ));
        }
    }
    out
}

/// Kappa of pantrk with the readers together.
pub(super) fn headline(cohort: &Cohort) -> Cell {
    let pairs = cohort
        .slides
        .iter()
        .filter_map(|s| Some((rank(s.truth.consensus()?)?, rank(s.result.ihc)?)));
    let square = Square::of(pairs, ORDERED.len());
    if cohort.readers.is_empty() {
        return Cell::missing(0, "no reader in the truth");
    }
    Cell::of(square.kappa(Weights::Linear), square.n())
}

fn make(cohort: &Cohort, _evidence: &Evidence) -> Made {
    if cohort.readers.is_empty() {
        return Made::Nothing("no slide of the truth has a reader's result".to_owned());
    }
    let duos = duos(cohort);
    let mut section = Section::new(PART.title);
    if duos.iter().any(|d| !d.calls.is_empty()) {
        section = section.with(calls_table(&duos));
        if let Some(several) = several_readers(cohort) {
            section = section.with(several);
        }
    }
    for (name, label, of) in [
        (
            "percent",
            "positive percent",
            (|d: &Duo| &d.percents) as fn(&Duo) -> &Vec<Pair>,
        ),
        ("h_score", "H-score", |d| &d.h_scores),
    ] {
        if duos.iter().any(|d| !of(d).is_empty()) {
            section = section.with(numbers_table(cohort, &duos, (name, label), of));
        }
    }
    let Some(first) = duos.first() else {
        return Made::Section(section);
    };
    let mut figures = vec![calls_figure(first)];
    figures.push(scatter(first, &first.percents));
    figures.push(bland_altman(first, &first.percents));
    if let Some(figure) = kappas(&duos) {
        figures.push(figure);
    }
    section.blocks.insert(0, Block::Figures(figures));
    Made::Section(section)
}

fn calls_table(duos: &[Duo]) -> Table {
    let mut table = Table::new(
        "agreement_calls",
        "Agreement on the call",
        [
            Column::text("pair", "Pair"),
            Column::text("kind", "Kind"),
            Column::estimate("agreement", "Same call").brief(),
            Column::estimate("kappa", "Cohen's kappa").brief(),
            Column::estimate("kappa_linear", "Weighted, linear"),
            Column::estimate("kappa_quadratic", "Weighted, quadratic").brief(),
            Column::estimate("positive_agreement", "Positive agreement").brief(),
            Column::estimate("negative_agreement", "Negative agreement").brief(),
        ],
    )
    .on_terminal()
    .with_note("Calls are negative, indeterminate, positive, in that order; slides that either side calls not evaluable are left out. Kappa is low where nearly all slides get one call, even if the two agree; then read the positive and negative agreement: of those that the first calls so, the share that the second calls so.");
    for duo in duos {
        let square = Square::of(duo.calls.iter().copied(), ORDERED.len());
        let n = square.n();
        let kappa = |weights| Cell::of(square.kappa(weights), n);
        let share = |call: usize, word: &str| {
            let all: u64 = (0..ORDERED.len()).map(|j| square.count(call, j)).sum();
            Cell::of(
                proportion(
                    square.count(call, call),
                    all,
                    &format!("{word} call of the first"),
                ),
                0,
            )
        };
        table.push([
            Cell::text(&duo.name),
            Cell::text(duo.kind),
            Cell::of(proportion(square.agreeing(), n, "slide called by both"), 0),
            kappa(Weights::None),
            kappa(Weights::Linear),
            kappa(Weights::Quadratic),
            share(2, "positive"),
            share(0, "negative"),
        ]);
    }
    table
}

/// All readers at once: Fleiss' kappa and the intraclass correlations.
fn several_readers(cohort: &Cohort) -> Option<Table> {
    if cohort.readers.len() < 2 {
        return None;
    }
    let mut table = Table::new(
        "agreement_readers",
        "All readers at once",
        [Column::text("measure", "Measure"), Column::estimate("value", "Value")],
    )
    .with_note("Fleiss' kappa with a bootstrap over slides; intraclass correlations of single readings, on slides that every reader measured.");
    let items: Vec<[u64; ORDERED.len()]> = cohort
        .slides
        .iter()
        .map(|slide| {
            let mut item = [0; ORDERED.len()];
            for reader in &cohort.readers {
                if let Some(call) = seen_by_reader(slide.truth.by(reader)).call {
                    item[call] += 1;
                }
            }
            item
        })
        .filter(|item| item.iter().sum::<u64>() >= 2)
        .collect();
    let n = items.len() as u64;
    let kappa = fleiss_kappa(&items).map(|value| {
        let interval = bootstrap::interval(items.len(), cohort.settings.seed, |indices| {
            let sample: Vec<[u64; ORDERED.len()]> = indices.iter().map(|&i| items[i]).collect();
            fleiss_kappa(&sample).ok()
        });
        Estimate::plain(value, interval, n, 2).or_because(NO_RESAMPLES)
    });
    table.push([Cell::text("Fleiss' kappa on the call"), Cell::of(kappa, n)]);
    for (label, of) in [
        (
            "positive percent",
            (|s: &Seen| s.percent) as fn(&Seen) -> Option<f64>,
        ),
        ("H-score", |s| s.h_score),
    ] {
        let rows: Vec<Vec<f64>> = cohort
            .slides
            .iter()
            .filter_map(|slide| {
                let each = cohort.readers.iter();
                each.map(|reader| of(&seen_by_reader(slide.truth.by(reader))))
                    .collect()
            })
            .collect();
        if !rows.is_empty() {
            let n = rows.len() as u64;
            table.push([
                Cell::text(format!("ICC(2,1), {label}")),
                Cell::of(icc_2_1(&rows), n),
            ]);
            table.push([
                Cell::text(format!("ICC(3,1), {label}")),
                Cell::of(icc_3_1(&rows), n),
            ]);
        }
    }
    Some(table)
}

fn numbers_table(
    cohort: &Cohort,
    duos: &[Duo],
    (name, label): (&str, &str),
    of: fn(&Duo) -> &Vec<Pair>,
) -> Table {
    let mut table = Table::new(
        &format!("agreement_{name}"),
        &format!("Agreement on the {label}"),
        [
            Column::text("pair", "Pair"),
            Column::estimate("spearman", "Spearman"),
            Column::estimate("pearson", "Pearson"),
            Column::estimate("lin", "Lin's concordance"),
            Column::estimate("icc_2_1", "ICC(2,1)"),
            Column::estimate("icc_3_1", "ICC(3,1)"),
            Column::estimate("bias", "Bias"),
            Column::estimate("lower", "Lower limit"),
            Column::estimate("upper", "Upper limit"),
            Column::estimate("mae", "Mean absolute difference"),
        ],
    )
    .with_note(format!(
        "Bias is second less first, in points of the {label}; limits of agreement (Bland and Altman) hold 95 % of the differences. Spearman with the interval of Bonett and Wright, Lin's with Fisher's transformation, ICC with F intervals, the mean absolute difference with a bootstrap."
    ));
    for duo in duos {
        let pairs = of(duo);
        let n = pairs.len() as u64;
        let rows: Vec<Vec<f64>> = pairs.iter().map(|&(a, b)| vec![a, b]).collect();
        let limits = limits_of_agreement(pairs);
        table.push([
            Cell::text(&duo.name),
            Cell::of(spearman(pairs), n),
            Cell::of(pearson(pairs), n),
            Cell::of(lin_concordance(pairs), n),
            Cell::of(icc_2_1(&rows), n),
            Cell::of(icc_3_1(&rows), n),
            Cell::of(limits.clone().map(|l| l.bias), n),
            Cell::of(limits.clone().map(|l| l.lower), n),
            Cell::of(limits.map(|l| l.upper), n),
            Cell::of(mean_difference(pairs, cohort.settings.seed), n),
        ]);
    }
    table
}

fn mean_difference(pairs: &[Pair], seed: u64) -> Result<Estimate, String> {
    if pairs.is_empty() {
        return Err("no slide measured by both".to_owned());
    }
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| (b - a).abs()).collect();
    let mean = |indices: &[usize]| {
        Some(indices.iter().map(|&i| differences[i]).sum::<f64>() / indices.len() as f64)
    };
    let interval = bootstrap::interval(differences.len(), seed, mean);
    Ok(Estimate::plain(
        crate::statistics::mean(&differences),
        interval,
        pairs.len() as u64,
        1,
    )
    .or_because(NO_RESAMPLES))
}

fn calls_figure(duo: &Duo) -> Figure {
    let caption = format!("Calls of {}: the first in rows.", duo.name);
    if duo.calls.is_empty() {
        return Figure::missing("calls_by_reader", caption, "no call by both");
    }
    let square = Square::of(duo.calls.iter().copied(), ORDERED.len());
    let words = ORDERED.map(IhcResult::name);
    Figure::svg(
        "calls_by_reader",
        caption,
        confusion_matrix(["readers", "pantrk"], [&words, &words], |i, j| {
            square.count(i, j)
        }),
    )
}

fn drawn(pairs: &[Pair]) -> String {
    if pairs.len() > DOTS {
        format!(" {DOTS} of {} slides are drawn.", pairs.len())
    } else {
        String::new()
    }
}

fn scatter(duo: &Duo, pairs: &[Pair]) -> Figure {
    let caption = format!(
        "Positive percent of {}; on the dashed line both are equal.{}",
        duo.name,
        drawn(pairs)
    );
    if pairs.is_empty() {
        return Figure::missing("score_by_reader", caption, "no percent by both");
    }
    let mut plot = Plot::half(
        Axis::linear("readers' positive percent", 0.0, 100.0),
        Axis::linear("pantrk's positive percent", 0.0, 100.0),
    );
    plot.dashed(vec![(0.0, 0.0), (100.0, 100.0)], Colour::Grey);
    plot.dots(thinned(pairs, DOTS), Colour::Blue);
    if let Ok(rho) = spearman(pairs) {
        let text = format!("Spearman {} ({})", rho.value_text(), rho.interval_text());
        plot.label((3.0, 96.0), text, Colour::Ink, Side::Right);
    }
    Figure::svg("score_by_reader", caption, plot.to_svg())
}

fn bland_altman(duo: &Duo, pairs: &[Pair]) -> Figure {
    let caption = format!(
        "Differences of {} in percent points (second less first), with bias and 95 % limits of agreement.{}",
        duo.name,
        drawn(pairs)
    );
    let limits = match limits_of_agreement(pairs) {
        Ok(limits) => limits,
        Err(why) => return Figure::missing("bland_altman", caption, why),
    };
    let points: Vec<(f64, f64)> = pairs
        .iter()
        .map(|(a, b)| (f64::midpoint(*a, *b), b - a))
        .collect();
    let reach = points.iter().map(|p| p.1.abs()).fold(
        limits.upper.value.abs().max(limits.lower.value.abs()),
        f64::max,
    );
    let mut plot = Plot::half(
        Axis::linear("mean of both, positive percent", 0.0, 100.0),
        Axis::linear(
            "difference, percent points",
            -1.1 * reach - 0.5,
            1.1 * reach + 0.5,
        ),
    );
    plot.right = 80;
    plot.line(vec![(0.0, 0.0), (100.0, 0.0)], Colour::Grey);
    for (line, colour, name) in [
        (limits.upper, Colour::Vermillion, ""),
        (limits.bias, Colour::Blue, "bias "),
        (limits.lower, Colour::Vermillion, ""),
    ] {
        let y = line.value;
        if let Some([low, high]) = line.interval95 {
            plot.area(
                vec![(0.0, low), (100.0, low), (100.0, high), (0.0, high)],
                colour,
            );
        }
        plot.dashed(vec![(0.0, y), (100.0, y)], colour);
        plot.label(
            (99.0, y),
            format!("{name}{}", line.value_text()),
            colour,
            Side::Right,
        );
    }
    plot.dots(thinned(&points, DOTS), Colour::Ink);
    Figure::svg("bland_altman", caption, plot.to_svg())
}

/// Kappa of every pair side by side, so that reader-algorithm stands beside reader-reader.
fn kappas(duos: &[Duo]) -> Option<Figure> {
    const SHOWN: usize = 14;
    let rows: Vec<(&Duo, Estimate)> = duos
        .iter()
        .filter_map(|duo| {
            let square = Square::of(duo.calls.iter().copied(), ORDERED.len());
            Some((duo, square.kappa(Weights::Linear).ok()?))
        })
        .take(SHOWN)
        .collect();
    let least = rows
        .iter()
        .filter_map(|(_, e)| e.interval95)
        .map(|i| i[0])
        .fold(0.0, f64::min);
    let n = rows.len();
    if n == 0 {
        return None;
    }
    let mut plot = Plot::half(
        Axis::linear("linearly weighted kappa", least, 1.0),
        Axis::blank(n as f64),
    );
    plot.height = (n as u32 * 34 + 76).max(140);
    for (i, (duo, kappa)) in rows.iter().enumerate() {
        let y = n as f64 - i as f64 - 0.5;
        let colour = if duo.kind == "reader-reader" {
            Colour::Grey
        } else {
            Colour::Blue
        };
        let [low, high] = kappa.interval95.unwrap_or([kappa.value; 2]);
        plot.line(vec![(low, y), (high, y)], colour);
        plot.beads(vec![(kappa.value, y)], colour);
        let text = format!("{}  {}", duo.name, kappa.value_text());
        plot.label((least, y + 0.36), text, colour, Side::Right);
    }
    Some(Figure::svg(
        "kappa_by_pair",
        "Agreement of each pair: pantrk with readers in blue, readers with each other in grey.",
        plot.to_svg(),
    ))
}
