//! The cells of a slide, ordered so that those of a part of the slide are found at once.

use std::ops::Range;

use pantrk_space::{SlidePoint, SlideRect};
use pantrk_store::CellTable;

/// Level-0 pixels along a bin.
const BIN: f64 = 1024.0;

/// A cell as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    /// Its centre.
    pub(crate) at: SlidePoint,
    /// The highest grade of any compartment, 0 to 3.
    pub(crate) grade: u8,
    /// Whether the scores count it.
    pub(crate) counted: bool,
    /// Chance by cell, so that thinning keeps the mix.
    lot: u32,
}

/// All cells, bin by bin.
#[derive(Debug, Default)]
pub(crate) struct CellLayer {
    cells: Vec<Cell>,
    columns: usize,
    /// Where each bin begins in `cells`, and the end.
    starts: Vec<usize>,
}

impl CellLayer {
    /// The cells of a table; those whose place is not a number or left of the slide are left out.
    pub(crate) fn new(table: &CellTable) -> Self {
        let mut binned: Vec<((usize, usize), Cell)> = Vec::with_capacity(table.len());
        let columns = table.x_px.iter().zip(&table.y_px);
        let facts = table.grade_any.iter().zip(&table.tumour);
        for (id, ((&x, &y), (&grade, &counted))) in columns.zip(facts).enumerate() {
            let at = SlidePoint {
                x: f64::from(x),
                y: f64::from(y),
            };
            if !(at.x >= 0.0 && at.y >= 0.0 && at.x.is_finite() && at.y.is_finite()) {
                continue;
            }
            let cell = Cell {
                at,
                grade,
                counted,
                lot: lot(id as u32),
            };
            binned.push((((at.y / BIN) as usize, (at.x / BIN) as usize), cell));
        }
        let columns = binned.iter().map(|((_, c), _)| c + 1).max().unwrap_or(0);
        let rows = binned.iter().map(|((r, _), _)| r + 1).max().unwrap_or(0);
        binned.sort_by_key(|&(bin, _)| bin);
        let mut starts = vec![0; columns * rows + 1];
        for ((row, column), _) in &binned {
            starts[row * columns + column + 1] += 1;
        }
        for bin in 1..starts.len() {
            starts[bin] += starts[bin - 1];
        }
        Self {
            cells: binned.into_iter().map(|(_, cell)| cell).collect(),
            columns,
            starts,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The cells in `area`, thinned to about `most` at the most; with the part that is shown, one in so many.
    pub(crate) fn in_area(&self, area: SlideRect, most: usize) -> (Vec<Cell>, u32) {
        let ranges = self.ranges(area);
        let near: usize = ranges.iter().map(Range::len).sum();
        // A power of two, and the low bits of the lot: zooming in adds cells and takes none away.
        let mut one_in: u32 = 1;
        while near / one_in as usize > most && one_in < 1 << 20 {
            one_in *= 2;
        }
        let shown = ranges
            .into_iter()
            .filter_map(|range| self.cells.get(range))
            .flatten()
            .filter(|cell| cell.lot % one_in == 0 && area.contains(cell.at))
            .copied()
            .collect();
        (shown, one_in)
    }

    /// The stretches of `cells` whose bins touch `area`, a row of bins each.
    fn ranges(&self, area: SlideRect) -> Vec<Range<usize>> {
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
            .filter_map(|row| {
                let start = *self.starts.get(row * self.columns + columns.start)?;
                let end = *self.starts.get(row * self.columns + columns.end)?;
                Some(start..end)
            })
            .collect()
    }
}

/// Well-mixed bits of a cell's number, the same on every run.
fn lot(id: u32) -> u32 {
    let mut bits = id.wrapping_mul(0x9e37_79b9);
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x85eb_ca6b);
    bits ^ (bits >> 13)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(cells: usize) -> CellLayer {
        let mut table = CellTable::default();
        for i in 0..cells {
            table.x_px.push((i * 37 % 9_001) as f32);
            table.y_px.push((i * 91 % 7_003) as f32);
            table.grade_any.push((i % 4) as u8);
            table.tumour.push(i % 10 != 0);
        }
        CellLayer::new(&table)
    }

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
        let all = SlideRect {
            x: -1e6,
            y: -1e6,
            width: 1e7,
            height: 1e7,
        };
        let (few, one_in) = layer.in_area(all, 5_000);
        assert_eq!(one_in, 8);
        assert!((4_500..5_500).contains(&few.len()), "{}", few.len());
        for grade in 0..4 {
            let count = few.iter().filter(|c| c.grade == grade).count();
            assert!((1_100..1_400).contains(&count), "grade {grade}: {count}");
        }
        let (more, _) = layer.in_area(all, 10_000);
        assert!(few.iter().all(|c| more.contains(c)));
    }

    #[test]
    fn no_cells_is_fine() {
        let area = SlideRect {
            x: 0.0,
            y: 0.0,
            width: 1.0,
            height: 1.0,
        };
        assert!(layer(0).in_area(area, 10).0.is_empty());
    }
}
