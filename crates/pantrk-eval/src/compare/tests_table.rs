//! Paired tests, each on the slides that both runs and the truth have, and Holm's correction over all of them.

use pantrk_core::score::IhcResult;
use pantrk_triage::Action;

use super::Twin;
use crate::cohort::{CohortSettings, SlideFigures};
use crate::output::{Cell, Column, Estimate, Table};
use crate::statistics::agreement::{Square, Weights};
use crate::statistics::paired::{holm, mcnemar_exact, paired_difference};
use crate::statistics::proportion::proportion;
use crate::statistics::ranks::mid_ranks;
use crate::statistics::roc::auc_difference;
use crate::statistics::{NO_RESAMPLES, Undefined, bootstrap};

/// One test's outcome.
struct Outcome {
    first: Cell,
    second: Cell,
    difference: Estimate,
    p: f64,
    method: &'static str,
}

/// A line of the table.
struct Line {
    what: &'static str,
    /// Whether more is better.
    up: bool,
    n: u64,
    outcome: Result<Outcome, Undefined>,
}

pub(super) fn tests(twins: &[Twin<'_>], settings: &CohortSettings) -> Table {
    let lines = lines(twins, settings);
    let p_values: Vec<f64> = lines
        .iter()
        .filter_map(|l| l.outcome.as_ref().ok().map(|o| o.p))
        .collect();
    let mut corrected = holm(&p_values).into_iter();
    let mut table = Table::new(
        "tests",
        "B against A",
        [
            Column::text("what", "What"),
            Column::estimate("a", "A").brief(),
            Column::estimate("b", "B").brief(),
            Column::estimate("difference", "B − A"),
            Column::number("p", "p"),
            Column::number("p_holm", "p, Holm"),
            Column::text("verdict", "Verdict"),
            Column::text("method", "Test"),
        ],
    )
    .on_terminal()
    .with_note(format!(
        "Every test is paired on the slides that both runs have. McNemar's is exact, with Bonett and Price's interval of the difference; areas by DeLong; the others by a paired bootstrap of {} resamples. Holm's correction is over all rows with a p-value; a verdict needs a corrected p below 0.05. Indeterminate calls are {}.",
        bootstrap::RESAMPLES,
        settings.indeterminate.label()
    ));
    for line in lines {
        match line.outcome {
            Ok(o) => {
                let p = corrected.next().unwrap_or(1.0);
                let better = (o.difference.value > 0.0) == line.up;
                let verdict = match (p < 0.05, better) {
                    (true, true) => "B better",
                    (true, false) => "B worse",
                    (false, _) => "no difference shown",
                };
                table.push([
                    Cell::text(line.what),
                    o.first,
                    o.second,
                    o.difference.into(),
                    Cell::PValue(o.p),
                    Cell::PValue(p),
                    Cell::text(verdict),
                    Cell::text(o.method),
                ]);
            }
            Err(why) => {
                let dash = || Cell::text("–");
                table.push([
                    Cell::text(line.what),
                    dash(),
                    dash(),
                    Cell::missing(line.n, why),
                    dash(),
                    dash(),
                    dash(),
                    dash(),
                ]);
            }
        }
    }
    table
}

/// What is ranked.
type Score = fn(&SlideFigures) -> Option<f64>;

fn lines(twins: &[Twin<'_>], settings: &CohortSettings) -> Vec<Line> {
    let call = |s: &SlideFigures| settings.indeterminate.call(s.ihc);
    let goes_on = |s: &SlideFigures| (!s.knows_ngs).then(|| s.action != Action::NoFurtherTesting);
    let of_fusion =
        |wanted: bool, of: &dyn Fn(&SlideFigures) -> Option<bool>| -> Vec<(bool, bool)> {
            twins
                .iter()
                .filter(|t| t.truth.and_then(|t| t.ngs) == Some(wanted))
                .filter_map(|t| Some((of(t.first)? == wanted, of(t.second)? == wanted)))
                .collect()
        };
    let evaluable = twins.iter().map(|t| {
        let can = |s: &SlideFigures| s.ihc != IhcResult::NotEvaluable;
        (can(t.first), can(t.second))
    });
    let read = twins.iter().filter_map(|t| {
        let call = t.truth?.consensus()?;
        Some((t.first.ihc == call, t.second.ihc == call))
    });
    let mut out = vec![
        line(
            "sensitivity of the IHC call",
            true,
            mcnemar(&of_fusion(true, &call)),
        ),
        line(
            "specificity of the IHC call",
            true,
            mcnemar(&of_fusion(false, &call)),
        ),
        line(
            "fusions that the triage sends on",
            true,
            mcnemar(&of_fusion(true, &goes_on)),
        ),
        line(
            "others that the triage stops",
            true,
            mcnemar(&of_fusion(false, &goes_on)),
        ),
    ];
    let scores: [(&'static str, Score); 3] = [
        ("AUC, positive percent", |s| s.percent),
        ("AUC, H-score", |s| s.h_score),
        ("AUC, probability after the stain", |s| {
            s.post_test.filter(|_| !s.knows_ngs)
        }),
    ];
    for (what, of) in scores {
        out.push(line(what, true, areas(twins, of)));
    }
    out.push(line(
        "same call as the readers",
        true,
        mcnemar(&read.collect::<Vec<_>>()),
    ));
    out.push(line(
        "weighted kappa with the readers",
        true,
        kappas(twins, settings.seed),
    ));
    out.push(line(
        "Spearman with the readers' percent",
        true,
        spearmans(twins, settings.seed),
    ));
    out.push(line(
        "mean distance from the readers' percent",
        false,
        errors(twins, settings.seed),
    ));
    out.push(line(
        "evaluable slides",
        true,
        mcnemar(&evaluable.collect::<Vec<_>>()),
    ));
    out
}

type Tested = (u64, Result<Outcome, Undefined>);

fn line(what: &'static str, up: bool, (n, outcome): Tested) -> Line {
    Line {
        what,
        up,
        n,
        outcome,
    }
}

/// (right in A, right in B).
fn mcnemar(pairs: &[(bool, bool)]) -> Tested {
    let n = pairs.len() as u64;
    let count = |of: fn(&(bool, bool)) -> bool| pairs.iter().filter(|p| of(p)).count() as u64;
    let (b, c) = (count(|p| p.0 && !p.1), count(|p| !p.0 && p.1));
    let share = |k: u64| Cell::of(proportion(k, n, "such slide in both runs"), n);
    let outcome = paired_difference(b, c, n).map(|difference| Outcome {
        first: share(count(|p| p.0)),
        second: share(count(|p| p.1)),
        difference,
        p: mcnemar_exact(b, c),
        method: "McNemar, exact",
    });
    (n, outcome)
}

fn areas(twins: &[Twin<'_>], of: fn(&SlideFigures) -> Option<f64>) -> Tested {
    let data: Vec<(f64, f64, bool)> = twins
        .iter()
        .filter_map(|t| Some((of(t.first)?, of(t.second)?, t.truth?.ngs?)))
        .collect();
    let n = data.len() as u64;
    let area = |i: usize| {
        let one: Vec<(f64, bool)> = data
            .iter()
            .map(|d| (if i == 0 { d.0 } else { d.1 }, d.2))
            .collect();
        Cell::of(crate::statistics::roc::auc(&one), n)
    };
    let outcome = auc_difference(&data).map(|d| Outcome {
        first: area(0),
        second: area(1),
        difference: d.difference,
        p: d.p,
        method: "DeLong, paired",
    });
    (n, outcome)
}

/// A paired bootstrap of the difference of a statistic over slides; `of(side, indices)`.
fn by_bootstrap(
    n: usize,
    seed: u64,
    decimals: usize,
    of: impl Fn(usize, &[usize]) -> Option<f64> + Sync,
) -> Tested {
    let count = n as u64;
    let all: Vec<usize> = (0..n).collect();
    let (Some(first), Some(second)) = (of(0, &all), of(1, &all)) else {
        let why = if n == 0 {
            "no slide with a reader's result in both runs"
        } else {
            "not defined on these slides"
        };
        return (count, Err(why.to_owned()));
    };
    let difference = |indices: &[usize]| Some(of(1, indices)? - of(0, indices)?);
    let Some((interval, p)) = bootstrap::difference(n, seed, difference) else {
        return (count, Err("too few slides for a bootstrap".to_owned()));
    };
    let estimate = |side: usize, value| {
        let interval = bootstrap::interval(n, seed, |indices| of(side, indices));
        let why = if interval.is_some() {
            "every resample gives the same"
        } else {
            NO_RESAMPLES
        };
        let interval = interval.filter(|[low, high]| high > low);
        Estimate::plain(value, interval, count, decimals)
            .or_because(why)
            .into()
    };
    let outcome = Outcome {
        first: estimate(0, first),
        second: estimate(1, second),
        difference: Estimate::plain(second - first, Some(interval), count, decimals),
        p,
        method: "paired bootstrap",
    };
    (count, Ok(outcome))
}

const ORDERED: [IhcResult; 3] = [
    IhcResult::Negative,
    IhcResult::Indeterminate,
    IhcResult::Positive,
];

fn kappas(twins: &[Twin<'_>], seed: u64) -> Tested {
    let rank = |r: IhcResult| ORDERED.iter().position(|&o| o == r);
    let data: Vec<[usize; 3]> = twins
        .iter()
        .filter_map(|t| {
            Some([
                rank(t.first.ihc)?,
                rank(t.second.ihc)?,
                rank(t.truth?.consensus()?)?,
            ])
        })
        .collect();
    by_bootstrap(data.len(), seed, 2, |side, indices| {
        let pairs = indices.iter().map(|&i| (data[i][2], data[i][side]));
        let kappa = Square::of(pairs, ORDERED.len())
            .kappa(Weights::Linear)
            .ok()?;
        Some(kappa.value)
    })
}

/// Both percents and the readers'.
fn percents(twins: &[Twin<'_>]) -> Vec<[f64; 3]> {
    let of = |t: &Twin<'_>| {
        Some([
            t.first.percent?,
            t.second.percent?,
            t.truth?.mean_of(|r| r.percent)?,
        ])
    };
    twins.iter().filter_map(of).collect()
}

fn errors(twins: &[Twin<'_>], seed: u64) -> Tested {
    let data = percents(twins);
    by_bootstrap(data.len(), seed, 2, |side, indices| {
        let sum: f64 = indices
            .iter()
            .map(|&i| (data[i][side] - data[i][2]).abs())
            .sum();
        (!indices.is_empty()).then(|| sum / indices.len() as f64)
    })
}

/// Slides are ranked once, not in each resample: the difference is far below the interval's width.
fn spearmans(twins: &[Twin<'_>], seed: u64) -> Tested {
    let data = percents(twins);
    let ranks: [Vec<f64>; 3] = std::array::from_fn(|i| {
        let values: Vec<f64> = data.iter().map(|row| row[i]).collect();
        mid_ranks(&values)
    });
    by_bootstrap(data.len(), seed, 3, |side, indices| {
        let n = indices.len() as f64;
        let (x, y) = (&ranks[side], &ranks[2]);
        let mean = |v: &[f64]| indices.iter().map(|&i| v[i]).sum::<f64>() / n;
        let (mx, my) = (mean(x), mean(y));
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for &i in indices {
            let (dx, dy) = (x[i] - mx, y[i] - my);
            xy += dx * dy;
            xx += dx * dx;
            yy += dy * dy;
        }
        (xx > 0.0 && yy > 0.0 && n >= 4.0).then(|| xy / (xx * yy).sqrt())
    })
}
