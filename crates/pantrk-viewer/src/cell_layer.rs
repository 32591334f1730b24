//! The cells of a slide, ordered so that those of a part of the slide are found at once.

use std::ops::Range;

use pantrk_core::cell::ExcludedReason;
use pantrk_space::{SlidePoint, SlideRect};
use pantrk_store::CellTable;

/// Level-0 pixels along a bin.
const BIN: f64 = 1024.0;

/// All cells as columns, bin by bin; a place is where a cell stands in them, a row is its number in the table.
#[derive(Debug, Default)]
pub(crate) struct CellLayer {
    /// Centres, level-0 pixels.
    at: Vec<[f32; 2]>,
    /// Mean DAB OD per compartment, NaN where nothing was measured.
    od: Vec<[f32; 4]>,
    rows: Vec<u32>,
    /// Radii of discs as large as the nucleus and the cell, um.
    radii_um: Vec<[f32; 2]>,
    /// Chance by cell with its bits turned round: the cells of a bin rise by it, so that any thinning is the start of the bin.
    lots: Vec<u32>,
    columns: usize,
    /// Where each bin begins, and the end.
    starts: Vec<usize>,
    /// By row: why the run that made the table left the cell out.
    reasons: Vec<Option<ExcludedReason>>,
}

impl CellLayer {
    /// The cells of a table; those whose place is not a number or left of the slide are left out.
    pub(crate) fn new(table: &CellTable) -> Self {
        let bin = |row: usize| {
            let (x, y) = (f64::from(table.x_px[row]), f64::from(table.y_px[row]));
            (x >= 0.0 && y >= 0.0 && x.is_finite() && y.is_finite())
                .then_some(((y / BIN) as usize, (x / BIN) as usize))
        };
        let mut order: Vec<((usize, usize), u32, u32)> = (0..table.x_px.len())
            .filter_map(|row| Some((bin(row)?, lot(row as u32), row as u32)))
            .collect();
        order.sort_unstable();
        let columns = order.iter().map(|(bin, ..)| bin.1 + 1).max().unwrap_or(0);
        let bin_rows = order.last().map_or(0, |(bin, ..)| bin.0 + 1);
        let mut starts = vec![0; columns * bin_rows + 1];
        for ((row, column), ..) in &order {
            starts[row * columns + column + 1] += 1;
        }
        for bin in 1..starts.len() {
            starts[bin] += starts[bin - 1];
        }
        let of = |row: u32| row as usize;
        let radius = |area: Option<&f32>| {
            let area = area.copied().unwrap_or(f32::NAN);
            (area / std::f32::consts::PI).max(0.0).sqrt()
        };
        Self {
            at: order
                .iter()
                .map(|o| [table.x_px[of(o.2)], table.y_px[of(o.2)]])
                .collect(),
            od: order
                .iter()
                .map(|o| table.dab_od.each_ref().map(|c| c[of(o.2)]))
                .collect(),
            radii_um: order
                .iter()
                .map(|o| {
                    [
                        radius(table.nucleus_area_um2.get(of(o.2))),
                        radius(table.cell_area_um2.get(of(o.2))),
                    ]
                })
                .collect(),
            rows: order.iter().map(|o| o.2).collect(),
            lots: order.iter().map(|o| o.1).collect(),
            columns,
            starts,
            reasons: reasons(table),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// The centre of the cell at a place.
    pub(crate) fn at(&self, place: usize) -> SlidePoint {
        let [x, y] = self.at[place];
        SlidePoint {
            x: f64::from(x),
            y: f64::from(y),
        }
    }

    /// DAB OD per compartment of the cell at a place.
    pub(crate) fn od(&self, place: usize) -> [f32; 4] {
        self.od[place]
    }

    /// The radii of nucleus and cell at a place, um.
    pub(crate) fn radii_um(&self, place: usize) -> [f32; 2] {
        self.radii_um[place]
    }

    /// The row of the cell at a place.
    pub(crate) fn row(&self, place: usize) -> u32 {
        self.rows[place]
    }

    /// By row, why a cell was left out when the slide was scored.
    pub(crate) fn reasons(&self) -> &[Option<ExcludedReason>] {
        &self.reasons
    }

    /// Calls `each` with the row and the centre of every cell.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32, SlidePoint)) {
        for place in 0..self.len() {
            each(self.row(place), self.at(place));
        }
    }

    /// The places of the cells in `area`, thinned to about `most` at the most; with the part that is shown, one in so many.
    pub(crate) fn in_area(&self, area: SlideRect, most: usize) -> (Vec<usize>, u32) {
        let bins = self.bins(area);
        let near: usize = bins.iter().map(Range::len).sum();
        // A power of two, and the start of each bin: zooming in adds cells and takes none away.
        let mut one_in: u32 = 1;
        while near / one_in as usize > most && one_in < 1 << 20 {
            one_in *= 2;
        }
        let below = u32::MAX / one_in;
        let shown = bins
            .into_iter()
            .flat_map(|bin| {
                let end = bin.start + self.lots[bin.clone()].partition_point(|&lot| lot <= below);
                bin.start..end
            })
            .filter(|&place| area.contains(self.at(place)))
            .collect();
        (shown, one_in)
    }

    /// The cell nearest to a point, not farther away than `reach` level-0 pixels.
    pub(crate) fn nearest(&self, to: SlidePoint, reach: f64) -> Option<usize> {
        let area = SlideRect {
            x: to.x - reach,
            y: to.y - reach,
            width: 2.0 * reach,
            height: 2.0 * reach,
        };
        let away = |place: usize| {
            let at = self.at(place);
            (at.x - to.x).hypot(at.y - to.y)
        };
        let (places, _) = self.in_area(area, usize::MAX);
        places
            .into_iter()
            .map(|place| (away(place), place))
            .filter(|(away, _)| *away <= reach)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, place)| place)
    }

    /// The bins that touch `area`, as ranges of places.
    fn bins(&self, area: SlideRect) -> Vec<Range<usize>> {
        if self.columns == 0 {
            return Vec::new();
        }
        let rows = (self.starts.len() - 1) / self.columns;
        let bins = |from: f64, length: f64, all: usize| {
            let first = (from / BIN).floor().clamp(0.0, all as f64) as usize;
            let end = ((from + length) / BIN).ceil().clamp(0.0, all as f64) as usize;
            first..end.max(first)
        };
        let columns = bins(area.x, area.width, self.columns);
        bins(area.y, area.height, rows)
            .flat_map(|row| {
                columns
                    .clone()
                    .map(move |column| row * self.columns + column)
            })
            .filter_map(|bin| Some(*self.starts.get(bin)?..*self.starts.get(bin + 1)?))
            .filter(|range| !range.is_empty())
            .collect()
    }
}

/// The reasons by row; one that this version does not know counts as left out by a check.
fn reasons(table: &CellTable) -> Vec<Option<ExcludedReason>> {
    let known = |name: &str| {
        ExcludedReason::ALL
            .into_iter()
            .find(|reason| reason.name() == name)
            .unwrap_or(ExcludedReason::OutsideTissue)
    };
    (0..table.x_px.len())
        .map(|row| {
            let reason = table.excluded_reason.get(row).and_then(Option::as_deref);
            match reason {
                Some(name) => Some(known(name)),
                None => (!table.tumour[row]).then_some(ExcludedReason::OutsideTumour),
            }
        })
        .collect()
}

/// Well-mixed bits of a cell's number, the same on every run.
fn lot(id: u32) -> u32 {
    let mut bits = id.wrapping_mul(0x9e37_79b9);
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x85eb_ca6b);
    (bits ^ (bits >> 13)).reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(cells: usize) -> CellLayer {
        let mut table = CellTable::default();
        for i in 0..cells {
            table.x_px.push((i * 37 % 9_001) as f32);
            table.y_px.push((i * 91 % 7_003) as f32);
            for column in &mut table.dab_od {
                column.push((i % 4) as f32);
            }
            table.tumour.push(i % 10 != 0);
        }
        CellLayer::new(&table)
    }

    const ALL: SlideRect = SlideRect {
        x: -1e6,
        y: -1e6,
        width: 1e7,
        height: 1e7,
    };

    #[test]
    fn an_area_gives_the_cells_in_it() {
        let layer = layer(5_000);
        let area = SlideRect {
            x: 1_500.0,
            y: 900.0,
            width: 2_000.0,
            height: 3_100.0,
        };
        let wanted = (0..5_000)
            .filter(|i| {
                let (x, y) = (i * 37 % 9_001, i * 91 % 7_003);
                (1_500..3_500).contains(&x) && (900..4_000).contains(&y)
            })
            .count();
        let (found, one_in) = layer.in_area(area, usize::MAX);
        assert_eq!((found.len(), one_in), (wanted, 1));
        assert!(wanted > 100);
    }

    #[test]
    fn thinning_keeps_the_mix_and_is_nested() {
        let layer = layer(40_000);
        let (few, one_in) = layer.in_area(ALL, 5_000);
        assert_eq!(one_in, 8);
        assert!((4_500..5_500).contains(&few.len()), "{}", few.len());
        for grade in 0..4_u8 {
            let count = few
                .iter()
                .filter(|&&place| layer.od(place)[0] as u8 == grade)
                .count();
            assert!((1_100..1_400).contains(&count), "grade {grade}: {count}");
        }
        let (more, _) = layer.in_area(ALL, 10_000);
        assert!(few.iter().all(|place| more.contains(place)));
    }

    #[test]
    fn the_nearest_cell_is_found_within_reach_only() {
        let layer = layer(500);
        let mut wanted = (f64::MAX, 0);
        let to = SlidePoint { x: 300.0, y: 300.0 };
        layer.for_each(|row, at| {
            let away = (at.x - to.x).hypot(at.y - to.y);
            if away < wanted.0 {
                wanted = (away, row);
            }
        });
        let found = layer.nearest(to, 2_000.0).map(|place| layer.row(place));
        assert_eq!(found, Some(wanted.1));
        assert_eq!(layer.nearest(to, wanted.0 / 2.0), None);
    }

    #[test]
    fn no_cells_is_fine() {
        assert!(layer(0).in_area(ALL, 10).0.is_empty());
    }
}
