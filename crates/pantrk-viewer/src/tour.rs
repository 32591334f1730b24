//! The fields that a tour leads through: the hottest, the borderline and some negative ones by chance.
//!
//! A field is a square of 0.3 mm with its counted cells; fields of a kind do not overlap, for they lie on a grid.

use std::collections::BTreeMap;

use pantrk_core::score::Thresholds;
use pantrk_space::{SlideMpp, SlidePoint};

use crate::cell_layer::CellLayer;
use crate::jobs::Counted;

/// Side of a field, um: what a 20x objective shows on a small screen.
pub(crate) const FIELD_UM: f64 = 300.0;
/// Fields of each kind.
const MOST: usize = 24;
/// Fields with fewer cells say little.
const FEW: u32 = 20;
/// And those with fewer than this share of the median field's are a strip along an edge.
const LEAST_SHARE: f64 = 0.4;
/// Up to this share of stained cells a field is negative: what chance stains is no finding.
const NEGATIVE: f64 = 0.01;
/// How near to the lowest threshold a cell is borderline (OD).
const BORDER_OD: f32 = 0.05;

/// What a field is shown for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// The largest share of stained cells, weighed by their grade.
    #[default]
    Hottest,
    /// The largest share of cells near the lowest threshold.
    Borderline,
    /// Negative fields, drawn by chance: where a missed stain would be found.
    Negative,
}

impl FieldKind {
    /// In words.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Hottest => "hottest",
            Self::Borderline => "borderline",
            Self::Negative => "random negative",
        }
    }

    /// The one after it.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Hottest => Self::Borderline,
            Self::Borderline => Self::Negative,
            Self::Negative => Self::Hottest,
        }
    }
}

/// A tour under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tour {
    /// Of which fields.
    pub(crate) kind: FieldKind,
    /// Their middles, in order.
    pub(crate) fields: Vec<Field>,
    /// The one that is shown.
    pub(crate) at: usize,
}

/// A field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Field {
    /// Its middle.
    pub(crate) centre: SlidePoint,
    /// Its counted cells.
    pub(crate) cells: u32,
    /// Stained ones.
    pub(crate) positive: u32,
    /// Near the lowest threshold.
    borderline: u32,
    /// Sum of grades.
    weight: u32,
}

/// The fields of one kind.
pub(crate) fn fields(
    kind: FieldKind,
    (layer, counted): (&CellLayer, Option<&Counted>),
    thresholds: Thresholds,
    mpp: SlideMpp,
) -> Vec<Field> {
    let (side_x, side_y) = (FIELD_UM / mpp.x.get(), FIELD_UM / mpp.y.get());
    let low = thresholds.values()[0];
    let mut grid: BTreeMap<(u32, u32), Field> = BTreeMap::new();
    for place in 0..layer.len() {
        let row = layer.row(place) as usize;
        let counts = counted.map_or_else(
            || layer.reasons().get(row).is_some_and(Option::is_none),
            |counted| counted.counts(row as u32),
        );
        if !counts {
            continue;
        }
        let at = layer.at(place);
        let key = ((at.y / side_y) as u32, (at.x / side_x) as u32);
        let field = grid.entry(key).or_insert_with(|| Field {
            centre: SlidePoint {
                x: (f64::from(key.1) + 0.5) * side_x,
                y: (f64::from(key.0) + 0.5) * side_y,
            },
            cells: 0,
            positive: 0,
            borderline: 0,
            weight: 0,
        });
        let top = layer.od(place).into_iter().fold(f32::NAN, f32::max);
        let grade = thresholds.grade(top);
        field.cells += 1;
        field.positive += u32::from(grade > 0);
        field.weight += u32::from(grade);
        field.borderline += u32::from((top - low).abs() <= BORDER_OD);
    }
    let share = |part: u32, field: &Field| f64::from(part) / f64::from(field.cells);
    let least = least_cells(grid.values().map(|f| f.cells));
    let enough = grid.into_iter().filter(|(_, f)| f.cells >= least);
    let mut ranked: Vec<(f64, Field)> = match kind {
        FieldKind::Hottest => enough
            .filter(|(_, f)| f.positive > 0)
            .map(|(_, f)| (share(f.weight, &f), f))
            .collect(),
        FieldKind::Borderline => enough
            .filter(|(_, f)| f.borderline > 0)
            .map(|(_, f)| (share(f.borderline, &f), f))
            .collect(),
        FieldKind::Negative => enough
            .filter(|(_, f)| share(f.positive, f) <= NEGATIVE)
            .map(|(key, f)| (chance(key), f))
            .collect(),
    };
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.into_iter().take(MOST).map(|(_, f)| f).collect()
}

/// How many cells a field needs, by how many the fields have.
fn least_cells(cells: impl Iterator<Item = u32>) -> u32 {
    let mut cells: Vec<u32> = cells.filter(|&n| n >= FEW).collect();
    cells.sort_unstable();
    let median = cells.get(cells.len() / 2).copied().unwrap_or(FEW);
    FEW.max((LEAST_SHARE * f64::from(median)) as u32)
}

/// A number from 0 to 1 for a field, the same on every run.
fn chance((row, column): (u32, u32)) -> f64 {
    let mut bits = u64::from(row) << 32 | u64::from(column);
    bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits ^= bits >> 29;
    bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::MicronsPerPixel;
    use pantrk_store::CellTable;

    #[test]
    fn each_kind_finds_its_fields() {
        let mut table = CellTable::default();
        // Three fields of 60 cells, one strong, one near the threshold, one negative, and the strongest along an edge.
        for (field, od, cells) in [
            (0_u8, 0.9_f32, 60_u8),
            (1, 0.21, 60),
            (2, 0.02, 60),
            (3, 1.2, 22),
        ] {
            for i in 0..cells {
                table
                    .x_px
                    .push(f32::from(field) * 600.0 + 50.0 + f32::from(i));
                table.y_px.push(100.0);
                for column in &mut table.dab_od {
                    column.push(od);
                }
                table.tumour.push(true);
            }
        }
        let layer = CellLayer::new(&table);
        let mpp = SlideMpp::square(MicronsPerPixel::new(0.5).unwrap());
        let thresholds = Thresholds::new([0.2, 0.4, 0.6]).unwrap();
        let found = |kind| fields(kind, (&layer, None), thresholds, mpp);
        let x = |fields: &[Field]| fields.iter().map(|f| f.centre.x).collect::<Vec<_>>();
        assert_eq!(x(&found(FieldKind::Hottest)), [300.0, 900.0]);
        assert_eq!(x(&found(FieldKind::Borderline)), [900.0]);
        assert_eq!(x(&found(FieldKind::Negative)), [1500.0]);
        assert_eq!(found(FieldKind::Hottest)[0].positive, 60);
    }
}
