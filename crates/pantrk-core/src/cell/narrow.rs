//! Narrow cytoplasm beside a stained membrane, settled by the slide's own clear one.
//!
//! Where less than some 1.5 um lies between nucleus and membrane, what is read there is the membrane's in part, 46 % of it give or take 31 on phantoms, which no correction cell by cell undoes.
//! As ranks such readings are of use still: the most stained of the narrow ones gets what the most stained of the clear ones beside a like membrane has, and so on down, so that both have one distribution.
//! Left out, these cells would be missing among the stained ones; taken as read, a twentieth of all cells read 3+ in place of 2+.

use super::{BesideMembrane, CellTable};
use crate::score::Compartment;

const CYTOPLASM: usize = Compartment::Cytoplasm as usize;
const MEMBRANE: usize = Compartment::Membrane as usize;
/// Fewer clear cells than this tell nothing of the narrow ones.
const LEAST_CLEAR: usize = 100;
/// Nor do they where they are not so many times as many: then lines are chance, as among granules, and the narrow ones the rule.
const TIMES_AS_MANY: usize = 2;
/// Clear cells in a class of like membranes, at least; and so many classes at most.
const LEAST_IN_CLASS: usize = 30;
const MOST_CLASSES: usize = 10;

/// Gives narrow cytoplasm the densities of the counted cells' clear one, rank by rank among cells with like membranes; returns how many cells it concerned.
///
/// The column that says which are narrow is used up.
pub(crate) fn settle_narrow_cytoplasm(cells: &mut CellTable) -> u64 {
    let beside = std::mem::take(&mut cells.beside_membrane);
    let [cytoplasm, membrane] = [CYTOPLASM, MEMBRANE].map(|k| &cells.dab_od[k]);
    let of = |which: BesideMembrane| {
        let both = cytoplasm.iter().zip(membrane);
        let known = both.map(|(a, b)| a.is_finite() && b.is_finite());
        let chosen = (0..).zip(&beside).zip(known);
        chosen.filter_map(move |((cell, &b), known)| (b == which && known).then_some(cell))
    };
    let mut clear: Vec<usize> = of(BesideMembrane::Clear)
        .filter(|&cell| cells.is_tumour(cell))
        .collect();
    let mut narrow: Vec<usize> = of(BesideMembrane::Narrow).collect();
    if clear.len() < LEAST_CLEAR || clear.len() < TIMES_AS_MANY * narrow.len() {
        return 0;
    }
    // Of equal densities the cell that comes first in the table goes first.
    let by = |column: &[f32], list: &mut [usize]| {
        list.sort_unstable_by(|&a, &b| column[a].total_cmp(&column[b]).then(a.cmp(&b)));
    };
    by(membrane, &mut clear);
    by(membrane, &mut narrow);
    let classes = (clear.len() / LEAST_IN_CLASS).clamp(1, MOST_CLASSES);
    let mut settled = Vec::with_capacity(narrow.len());
    let mut rest = narrow.as_mut_slice();
    for class in 0..classes {
        let next = (class + 1) * clear.len() / classes;
        // The last class has no end.
        let end = clear.get(next).map_or(rest.len(), |&first| {
            rest.partition_point(|&cell| membrane[cell] < membrane[first])
        });
        let (here, after) = rest.split_at_mut(end);
        rest = after;
        by(cytoplasm, here);
        let clear = &clear[class * clear.len() / classes..next];
        let mut ods: Vec<f32> = clear.iter().map(|&cell| cytoplasm[cell]).collect();
        ods.sort_unstable_by(f32::total_cmp);
        let of = here.len() as f64;
        let ranked = (0..).zip(here.iter());
        settled.extend(
            ranked.map(|(rank, &cell)| (cell, quantile(&ods, (f64::from(rank) + 0.5) / of))),
        );
    }
    let column = &mut cells.dab_od[CYTOPLASM];
    for &(cell, od) in &settled {
        column[cell] = od;
    }
    settled.len() as u64
}

/// A quantile of sorted values, at least one, between the two that lie nearest; `at` is between 0 and 1.
fn quantile(sorted: &[f32], at: f64) -> f32 {
    let last = sorted.len() - 1;
    let place = (at * sorted.len() as f64 - 0.5).clamp(0.0, last as f64);
    let below = place.floor() as usize;
    let [low, high] = [sorted[below], sorted[last.min(below + 1)]];
    low + (high - low) * (place - below as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clear cells with cytoplasm of 0.30 to 0.50 beside weak membranes and 0.40 higher beside strong ones, and as many narrow ones as asked, read 0.2 too high and twice as spread.
    fn cells(clear: usize, narrow: usize) -> CellTable {
        let mut cells = CellTable::default();
        let mut add = |beside, k: usize, of: usize, [od, spread]: [f32; 2]| {
            let share = (k / 2) as f32 / (of / 2) as f32;
            let higher = if k % 2 == 1 { 0.4 } else { 0.0 };
            // Membranes differ a little, whatever the cytoplasm has.
            let other = ((k / 2) * 37 % 50) as f32 / 1000.0;
            cells.x_px.push(0.0);
            cells.excluded.push(None);
            cells.beside_membrane.push(beside);
            cells.dab_od[CYTOPLASM].push(od + spread * share + higher);
            cells.dab_od[MEMBRANE].push(0.8 + higher + other);
        };
        for k in 0..clear {
            add(BesideMembrane::Clear, k, clear, [0.3, 0.2]);
        }
        for k in 0..narrow {
            add(BesideMembrane::Narrow, k, narrow, [0.5, 0.4]);
        }
        cells
    }

    #[test]
    fn narrow_cytoplasm_gets_what_clear_one_beside_a_like_membrane_has() {
        let mut table = cells(400, 100);
        assert_eq!(settle_narrow_cytoplasm(&mut table), 100);
        assert!(table.beside_membrane.is_empty());
        let before = cells(400, 100);
        let [after, before] = [table, before].map(|t| t.dab_od[CYTOPLASM].clone());
        assert_eq!(after[..400], before[..400]);
        for strong in [0, 1] {
            let of = |ods: &[f32]| -> Vec<f32> {
                let mut ods: Vec<f32> = ods.iter().copied().skip(strong).step_by(2).collect();
                ods.sort_unstable_by(f32::total_cmp);
                ods
            };
            let [clear, narrow] = [&after[..400], &after[400..]].map(of);
            for (k, od) in narrow.iter().enumerate() {
                let wanted = clear[4 * k + 2];
                assert!((od - wanted).abs() < 0.02, "{od} in place of {wanted}");
            }
        }
    }

    #[test]
    fn few_clear_cells_say_nothing() {
        for (clear, narrow) in [(90, 10), (150, 90)] {
            let mut table = cells(clear, narrow);
            assert_eq!(settle_narrow_cytoplasm(&mut table), 0);
            assert_eq!(table.dab_od, cells(clear, narrow).dab_od);
        }
    }

    #[test]
    fn cells_that_do_not_count_lend_nothing() {
        let mut table = cells(400, 100);
        table.excluded[..350].fill(Some(crate::cell::ExcludedReason::OutsideTumour));
        assert_eq!(settle_narrow_cytoplasm(&mut table), 0);
    }
}
