//! The counts of [`super::arranged`], [`super::bootstrap`] and [`super::noise`] the plainest way, cell by cell: what they are held to.

use std::collections::BTreeMap;

use pantrk_space::{MicronsPerPixel, SlideMpp};
use proptest::prelude::*;

use super::arranged::{Arranged, CYTOPLASM, MEMBRANE, NUCLEUS, RIM, with_highest};
use super::bootstrap::{blocks, plain_draws};
use super::noise::plain_rate;
use super::summary::count_arranged;
use super::tally::{ANY, SLOTS, Tally};
use super::{ScoreContext, Scorer, Thresholds, score_cells};
use crate::cell::{CellTable, ExcludedReason};

const DELTA: f32 = 0.05;

fn mpp() -> SlideMpp {
    SlideMpp::square(MicronsPerPixel::new(0.5).unwrap())
}

/// A cell of the test: place, densities, granularity, why it is left out, a person's grade.
type Cell = ((f64, f64), [f32; 4], f32, Option<u8>, Option<u8>);

fn cell(side_px: f64) -> impl Strategy<Value = Cell> {
    // Values on a grid, so that some hit a threshold exactly.
    let od = prop_oneof![
        8 => (-20_i16..90).prop_map(|v| f32::from(v) / 100.0),
        1 => Just(f32::NAN),
    ];
    let left_out = prop_oneof![6 => Just(None), 2 => Just(Some(0)), 1 => Just(Some(1))];
    let fixed = prop_oneof![9 => Just(None), 1 => (0_u8..4).prop_map(Some)];
    let place = (0.0..side_px, 0.0..side_px);
    (
        place,
        [od.clone(), od.clone(), od.clone(), od],
        0.0_f32..1.5,
        left_out,
        fixed,
    )
}

fn table(cells: &[Cell]) -> CellTable {
    let mut table = CellTable::default();
    for &((x, y), od, grain, left_out, fixed) in cells {
        table.x_px.push(x);
        table.y_px.push(y);
        for (column, od) in table.dab_od.iter_mut().zip(od) {
            column.push(od);
        }
        table.cytoplasm_granularity.push(grain);
        table.fixed_grades.push(fixed.unwrap_or(u8::MAX));
        table.excluded.push(left_out.map(|n| match n {
            0 => ExcludedReason::OutsideTumour,
            _ => ExcludedReason::Pen,
        }));
    }
    table
}

fn tally(cells: &CellTable, rows: &[usize], by: Thresholds) -> Tally {
    let mut tally = Tally::default();
    for &i in rows {
        tally.add(with_highest(cells.grades_at(i, by)));
    }
    tally
}

fn clustering(cells: &CellTable, rows: &[usize], by: Thresholds) -> Option<f64> {
    let mut squares: BTreeMap<(i64, i64), (f64, f64)> = BTreeMap::new();
    for &i in rows {
        let key = [cells.x_px[i], cells.y_px[i]].map(|px| (px * 0.5 / 100.0) as i64);
        let square = squares.entry((key[0], key[1])).or_default();
        square.0 += 1.0;
        square.1 += f64::from(u8::from(with_highest(cells.grades_at(i, by))[ANY] > 0));
    }
    let sum = |of: fn(f64, f64) -> f64| squares.values().map(|&(n, y)| of(n, y)).sum::<f64>();
    let (pairs, near) = (sum(|_, y| y * (y - 1.0)), sum(|n, y| y * (n - 1.0)));
    let share = sum(|_, y| y) / rows.len().max(1) as f64;
    (near > 0.0 && share > 0.0).then(|| pairs / near / share)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    values.iter().sum::<f64>() / (values.len() as f64).max(1.0)
}

/// Holds all counts of the arranged cells to the plain ones.
fn check(cells: &CellTable, by: Thresholds) {
    let rows: Vec<usize> = (0..cells.len()).filter(|&i| cells.is_tumour(i)).collect();
    let arranged = Arranged::new(cells, mpp());
    let counts = count_arranged(&arranged, cells, by, DELTA);
    assert_eq!(counts.tally, tally(cells, &rows, by));
    let moved = [-DELTA, DELTA].map(|d| tally(cells, &rows, by.shifted(d)));
    assert_eq!(counts.moved, moved);
    assert_eq!(counts.clustering, clustering(cells, &rows, by));

    // The bootstrap's blocks.
    let places: Vec<[f64; 2]> = rows
        .iter()
        .map(|&i| [cells.x_px[i] * 0.5, cells.y_px[i] * 0.5])
        .collect();
    let (of, n) = blocks(&places);
    let mut of_blocks = vec![Vec::new(); n];
    for (&row, &block) in rows.iter().zip(&of) {
        of_blocks[block as usize].push(row);
    }
    let tallies: Vec<Tally> = of_blocks
        .iter()
        .map(|rows| tally(cells, rows, by))
        .collect();
    assert_eq!(arranged.grade(cells, by, DELTA).blocks, tallies);
    assert_eq!(counts.replicates.draws(), plain_draws(&tallies));

    // What unstained cells read, and the sums over stained ones; a cell that a person graded may have no density.
    let fixed = rows.iter().any(|&i| cells.is_fixed(i));
    let [weak, ..] = by.values();
    let od = |slot: usize, i: usize| match slot {
        ANY => cells.dab_od.iter().map(|c| c[i]).fold(f32::NAN, f32::max),
        k => cells.dab_od[k][i],
    };
    let all = |rows: &[usize], slot: usize| -> Vec<f32> {
        let of = rows.iter().map(|&i| od(slot, i));
        of.filter(|v| v.is_finite()).collect()
    };
    let is_outside = |i: &usize| cells.excluded[*i] == Some(ExcludedReason::OutsideTumour);
    let outside: Vec<usize> = (0..cells.len()).filter(is_outside).collect();
    for slot in 0..SLOTS {
        let mut rate = plain_rate(all(&rows, slot), weak);
        let outside = all(&outside, slot);
        if outside.len() >= 500 {
            let stained = outside.iter().filter(|&&od| od >= weak).count();
            rate = rate.min(stained as f64 / outside.len() as f64);
        }
        let found = counts.noise.percent(slot);
        // The list holds differences of single precision.
        let wanted = 100.0 * rate;
        assert!(
            (found - wanted).abs() <= 1e-6 * (1.0 + wanted),
            "{slot}: {found} {wanted}"
        );
    }
    for (k, sums) in counts.stained.iter().enumerate() {
        let stained = |i: &&usize| cells.grades_at(**i, by)[k] > 0;
        let rows: Vec<usize> = rows.iter().filter(stained).copied().collect();
        assert_eq!(sums.cells, rows.len() as u64);
        let excess = rows.iter().map(|&i| {
            let [nucleus, rim, cytoplasm, membrane] =
                [NUCLEUS, RIM, CYTOPLASM, MEMBRANE].map(|k| od(k, i));
            f64::from(match k {
                RIM => rim - nucleus.max(cytoplasm),
                MEMBRANE => membrane - cytoplasm,
                _ => f32::NAN,
            })
        });
        // Within a block it is added up in single precision.
        let found = sums.mean_excess();
        let wanted = mean(excess);
        assert!((found - wanted).abs() < 1e-5, "{k}: {found} {wanted}");
        let od = mean(rows.iter().map(|&i| f64::from(od(k, i))));
        let found = sums.mean_od();
        assert!((found - od).abs() < 1e-5 || fixed, "{k}: {found} {od}");
        if k == CYTOPLASM {
            let mut grains: Vec<f32> = rows
                .iter()
                .map(|&i| cells.cytoplasm_granularity[i])
                .collect();
            grains.sort_by(f32::total_cmp);
            let median = grains.get(grains.len() / 2).copied();
            assert_eq!(arranged.median_grain(cells, by), median);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pass_over_columns_counts_what_a_walk_over_cells_counts(
        // From a few fields to more blocks than are drawn from.
        cells in prop_oneof![
            prop::collection::vec(cell(400.0), 0..700),
            prop::collection::vec(cell(9_000.0), 1_500..4_000),
        ],
        weak in 5_u8..40,
        steps in (1_u8..30, 1_u8..30),
    ) {
        let cells = table(&cells);
        let of = |hundredths: u8| f32::from(hundredths) / 100.0;
        let values = [weak, weak + steps.0, weak + steps.0 + steps.1].map(of);
        check(&cells, Thresholds::new(values).unwrap());
    }

    #[test]
    fn cells_scored_again_and_again_read_as_cells_scored_once(
        cells in prop::collection::vec(cell(5_000.0), 300..1_500),
        weak in prop::collection::vec(5_u8..60, 1..4),
    ) {
        let table = table(&cells);
        let mut scorer = Scorer::of(table.clone());
        for weak in weak {
            let weak = f32::from(weak) / 100.0;
            let context = ScoreContext {
                mpp: mpp(),
                thresholds: Thresholds::new([weak, weak + 0.2, weak + 0.4]).unwrap(),
                profile: "any-1pct".to_owned(),
                has_tumour_region: true,
                not_evaluable: None,
            };
            prop_assert_eq!(scorer.score(&context), score_cells(&table, &context));
        }
    }
}
