//! What cells look like where no region says which are tumour: tumour, lymphocyte or stroma.
//!
//! **Architecture invariant:** a proposal. No score follows it; it stands beside the score with how often it is right.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pantrk_space::SlideMpp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::CellTable;

/// `assets/cells/kinds.toml`.
#[derive(Debug, Clone, Deserialize)]
struct KindsTable {
    version: String,
    neighbourhood_um: f64,
    features: Vec<String>,
    kind: Vec<KindRow>,
    accuracy: Vec<KindAccuracy>,
}

#[derive(Debug, Clone, Deserialize)]
struct KindRow {
    name: String,
    constant: f64,
    coefficients: [f64; FEATURES],
}

/// How often the proposal was right where the truth is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KindAccuracy {
    /// On what.
    pub on: String,
    /// Cells behind it.
    pub cells: u64,
    /// Of the tumour cells, those told, percent.
    pub tumour_told_percent: f64,
    /// Of the other cells, those not taken for tumour, percent.
    pub others_told_percent: f64,
}

/// What the cells of a slide look like, and what the score would be if the proposal were followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellKinds {
    /// Of the table behind it.
    pub version: String,
    /// Cells of each kind.
    pub cells: BTreeMap<String, u64>,
    /// Of the cells that look like tumour, those at 1+ or above in any compartment, percent; `None` without any.
    pub tumour_positive_percent: Option<f64>,
    /// Of the cells that look like tumour; 0 to 300.
    pub tumour_h_score: Option<f64>,
    /// How often it was right where the truth is known.
    pub accuracy: Vec<KindAccuracy>,
}

/// Numbers that describe a cell, as `features` of the table names them.
const FEATURES: usize = 10;

static TABLE: OnceLock<Option<KindsTable>> = OnceLock::new();

fn table() -> Option<&'static KindsTable> {
    let read = || {
        let text = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../assets/cells/kinds.toml"
        ));
        let table: KindsTable = toml::from_str(text).ok()?;
        (table.features.len() == FEATURES && table.kind.len() >= 2).then_some(table)
    };
    TABLE.get_or_init(read).as_ref()
}

impl CellKinds {
    /// Looks at the cells that count; `None` where there are none.
    pub(crate) fn propose(cells: &CellTable, mpp: SlideMpp) -> Option<Self> {
        let table = table()?;
        let counted: Vec<usize> = (0..cells.len()).filter(|&i| cells.is_tumour(i)).collect();
        // Of a million cells, a number each is held and not all that describes them.
        let kinds = of_each(cells, &counted, (mpp, table.neighbourhood_um), |features| {
            most_likely(&table.kind, features)
        });
        let mut counts = vec![0_u64; table.kind.len()];
        let mut grades = [0_u64; 4];
        for (&cell, &kind) in counted.iter().zip(&kinds) {
            let kind = usize::from(kind);
            counts[kind] += 1;
            if kind == 0 {
                grades[usize::from(cells.grade_any(cell).min(3))] += 1;
            }
        }
        let tumour: u64 = grades.iter().sum();
        let share = |n: u64| (tumour > 0).then(|| 100.0 * n as f64 / tumour as f64);
        (!counted.is_empty()).then(|| Self {
            version: table.version.clone(),
            cells: table
                .kind
                .iter()
                .map(|kind| kind.name.clone())
                .zip(counts)
                .collect(),
            tumour_positive_percent: share(tumour - grades[0]),
            tumour_h_score: share(grades[1] + 2 * grades[2] + 3 * grades[3]),
            accuracy: table.accuracy.clone(),
        })
    }
}

fn most_likely(kinds: &[KindRow], features: &[f64; FEATURES]) -> u8 {
    let score = |kind: &KindRow| {
        let terms = kind.coefficients.iter().zip(features);
        kind.constant + terms.map(|(c, f)| c * f).sum::<f64>()
    };
    let mut best = (0, f64::NEG_INFINITY);
    for (k, kind) in kinds.iter().enumerate() {
        let value = score(kind);
        if value > best.1 {
            best = (k as u8, value);
        }
    }
    best.0
}

/// Sums over a cell's neighbours.
#[derive(Debug, Clone, Copy, Default)]
struct Around {
    n: f64,
    ln_area: f64,
    circularity: f64,
    hematoxylin: f64,
    /// Of those whose texture was measured.
    textured: f64,
    texture: f64,
}

impl Around {
    /// By how much a nucleus' texture exceeds its neighbours', as the logarithm of their ratio; 0 where it is not known.
    ///
    /// Focus and optics take from all of a neighbourhood's texture alike, so that a ratio stays what it was.
    fn texture_above(&self, own: f64) -> f64 {
        let near = self.texture / self.textured;
        if own > 0.0 && near > 0.0 {
            (own / near).ln()
        } else {
            0.0
        }
    }
}

/// What `kind` says of each cell, by the numbers that describe it.
fn of_each(
    cells: &CellTable,
    counted: &[usize],
    (mpp, reach_um): (SlideMpp, f64),
    kind: impl Fn(&[f64; FEATURES]) -> u8 + Sync,
) -> Vec<u8> {
    let place = |i: usize| (cells.x_px[i] * mpp.x.get(), cells.y_px[i] * mpp.y.get());
    let square = |i: usize| {
        let (x, y) = place(i);
        ((x / reach_um).floor() as i64, (y / reach_um).floor() as i64)
    };
    let mut squares: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for &i in counted {
        squares.entry(square(i)).or_default().push(i);
    }
    let ln_area = |i: usize| f64::from(cells.nucleus_area_um2[i].max(1.0)).ln();
    let own = |column: &[f32], i: usize| f64::from(column[i]);
    let around = |i: usize| {
        let ((x, y), (column, row)) = (place(i), square(i));
        let mut sums = Around::default();
        for c in column - 1..=column + 1 {
            for r in row - 1..=row + 1 {
                for &other in squares.get(&(c, r)).map_or(&[][..], Vec::as_slice) {
                    let (u, v) = place(other);
                    if other != i && (u - x).powi(2) + (v - y).powi(2) <= reach_um.powi(2) {
                        sums.n += 1.0;
                        sums.ln_area += ln_area(other);
                        sums.circularity += own(&cells.circularity, other);
                        sums.hematoxylin += own(&cells.nucleus_hematoxylin_od, other);
                        let texture = own(&cells.nucleus_hematoxylin_cv, other);
                        if texture.is_finite() {
                            sums.textured += 1.0;
                            sums.texture += texture;
                        }
                    }
                }
            }
        }
        sums
    };
    counted
        .par_iter()
        .map(|&i| {
            let sums = around(i);
            let mean = |sum: f64, own: f64| if sums.n > 0.0 { sum / sums.n } else { own };
            let (area, round) = (ln_area(i), own(&cells.circularity, i));
            let hematoxylin = own(&cells.nucleus_hematoxylin_od, i);
            let near_area = mean(sums.ln_area, area);
            kind(&[
                area,
                round,
                hematoxylin - mean(sums.hematoxylin, hematoxylin),
                f64::from(cells.cell_area_um2[i].max(1.0)).ln() - area,
                sums.n.ln_1p(),
                near_area,
                mean(sums.circularity, round),
                area - near_area,
                area * area / 10.0,
                sums.texture_above(own(&cells.nucleus_hematoxylin_cv, i)),
            ])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Thresholds;
    use pantrk_space::MicronsPerPixel;

    /// A sheet of cells on a lattice: size of the nucleus (um2), circularity, hematoxylin, cell size, spacing (um).
    fn sheet(area: f32, round: f32, hematoxylin: f32, cell: f32, pitch: f64) -> CellTable {
        let mut cells = CellTable::default();
        for i in 0..400 {
            cells.x_px.push(f64::from(i % 20) * pitch);
            cells.y_px.push(f64::from(i / 20) * pitch);
            cells.nucleus_area_um2.push(area);
            cells.circularity.push(round);
            cells.cell_area_um2.push(cell);
            cells.nucleus_hematoxylin_od.push(hematoxylin);
            cells
                .nucleus_hematoxylin_cv
                .push(if i % 7 == 0 { f32::NAN } else { 0.2 });
            for (k, column) in cells.dab_od.iter_mut().enumerate() {
                column.push(if k == 2 && i % 4 == 0 { 0.5 } else { 0.0 });
            }
            cells.excluded.push(None);
        }
        cells.regrade(Thresholds::new([0.2, 0.4, 0.6]).unwrap());
        cells
    }

    fn proposed(cells: &CellTable) -> CellKinds {
        let mpp = SlideMpp::square(MicronsPerPixel::new(1.0).unwrap());
        CellKinds::propose(cells, mpp).unwrap()
    }

    #[test]
    fn the_table_is_sound() {
        let table = table().unwrap();
        assert_eq!(table.kind[0].name, "tumour");
        assert!(table.accuracy.len() >= 2);
    }

    #[test]
    fn large_round_nuclei_are_tumour_and_thin_ones_far_apart_stroma() {
        let tumour = proposed(&sheet(52.0, 0.92, 0.4, 120.0, 11.0));
        assert_eq!(tumour.cells["tumour"], 400);
        assert!((tumour.tumour_positive_percent.unwrap() - 25.0).abs() < 1e-9);
        assert!((tumour.tumour_h_score.unwrap() - 50.0).abs() < 1e-9);
        let stroma = proposed(&sheet(32.0, 0.6, 0.43, 200.0, 22.0));
        assert_eq!(stroma.cells["stroma"], 400);
        assert_eq!(stroma.tumour_positive_percent, None);
    }

    #[test]
    fn texture_is_held_against_the_neighbours_and_unknown_is_neutral() {
        let around = |textured, texture| Around {
            textured,
            texture,
            ..Around::default()
        };
        let above = around(4.0, 0.8).texture_above(0.4);
        assert!((above - 2.0_f64.ln()).abs() < 1e-12, "{above}");
        for (around, own) in [
            (around(4.0, 0.8), f64::NAN),
            (around(0.0, 0.0), 0.4),
            (around(3.0, 0.0), 0.4),
        ] {
            assert!(around.texture_above(own).abs() < 1e-12);
        }
    }

    #[test]
    fn without_cells_nothing_is_proposed() {
        let mpp = SlideMpp::square(MicronsPerPixel::new(1.0).unwrap());
        assert_eq!(CellKinds::propose(&CellTable::default(), mpp), None);
    }
}
