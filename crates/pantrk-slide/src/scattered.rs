//! Pieces of stored images that lie anywhere on a level; shared by formats that give each image a place of its own.
//!
//! Places are whole pixels: pixels are copied, never resampled.
//!
//! **Architecture invariant:** what is on top follows from the order of the pieces alone.

use pantrk_space::{LevelRect, LevelSize, TileIndex};

use crate::mosaic::subtract;
use crate::store::{Piece, Plan};

/// Pieces and, for each cell of a coarse grid, which of them touch it.
pub(crate) struct Scattered {
    /// In the order of painting: the later is on top.
    pieces: Vec<Piece>,
    cell: u32,
    columns: u32,
    rows: u32,
    /// The first entry in `members` of each cell, and one more.
    starts: Vec<u32>,
    members: Vec<u32>,
}

/// Cells of the grid; coarser cells where a level is large.
const MAX_CELLS: u64 = 1 << 20;

impl Scattered {
    /// Pieces on a level of `size`; `cell` is about a tile's side.
    pub(crate) fn new(size: LevelSize, pieces: Vec<Piece>, cell: u32) -> Self {
        let mut cell = cell.max(64);
        while u64::from(size.width.div_ceil(cell))
            .saturating_mul(u64::from(size.height.div_ceil(cell)))
            > MAX_CELLS
        {
            cell = cell.saturating_mul(2);
        }
        let mut grid = Self {
            pieces,
            cell,
            columns: size.width.div_ceil(cell).max(1),
            rows: size.height.div_ceil(cell).max(1),
            starts: Vec::new(),
            members: Vec::new(),
        };
        let cells = usize::try_from(u64::from(grid.columns).saturating_mul(grid.rows.into()))
            .unwrap_or(usize::MAX);
        let mut starts = vec![0_u32; cells.saturating_add(1)];
        for piece in &grid.pieces {
            for cell in grid.cells_of(piece.to) {
                if let Some(count) = starts.get_mut(cell.saturating_add(1)) {
                    *count = count.saturating_add(1);
                }
            }
        }
        let mut sum = 0_u32;
        for start in &mut starts {
            sum = sum.saturating_add(*start);
            *start = sum;
        }
        let mut members = vec![0; usize::try_from(sum).unwrap_or(0)];
        let mut next = starts.clone();
        for (number, piece) in (0_u32..).zip(&grid.pieces) {
            for cell in grid.cells_of(piece.to) {
                let Some(at) = next.get_mut(cell) else {
                    continue;
                };
                if let Some(member) = usize::try_from(*at).ok().and_then(|at| members.get_mut(at)) {
                    *member = number;
                }
                *at = at.saturating_add(1);
            }
        }
        grid.starts = starts;
        grid.members = members;
        grid
    }

    /// The cells that a rectangle touches.
    fn cells_of(&self, rect: LevelRect) -> impl Iterator<Item = usize> + use<> {
        let span = |from: i64, to: i64, count: u32| {
            let cell = i64::from(self.cell);
            let first = from.max(0).checked_div(cell).unwrap_or(0);
            let last = to
                .saturating_sub(1)
                .checked_div(cell)
                .unwrap_or(0)
                .min(i64::from(count).saturating_sub(1));
            first..last.saturating_add(1)
        };
        let columns = span(rect.x, rect.right(), self.columns);
        let rows = span(rect.y, rect.bottom(), self.rows);
        let width = i64::from(self.columns);
        rows.flat_map(move |row| {
            columns.clone().filter_map(move |column| {
                usize::try_from(row.saturating_mul(width).saturating_add(column)).ok()
            })
        })
    }

    /// What makes up `rect`.
    pub(crate) fn plan(&self, rect: LevelRect, max_pieces: usize) -> Plan {
        let mut numbers: Vec<u32> = Vec::new();
        for cell in self.cells_of(rect) {
            let bounds = (
                self.starts.get(cell),
                self.starts.get(cell.saturating_add(1)),
            );
            if let (Some(&from), Some(&to)) = bounds {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let to = usize::try_from(to).unwrap_or(usize::MAX);
                numbers.extend_from_slice(self.members.get(from..to).unwrap_or_default());
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        let mut plan = Plan {
            pieces: Vec::new(),
            open: vec![rect],
        };
        for number in numbers {
            let piece = usize::try_from(number)
                .ok()
                .and_then(|number| self.pieces.get(number));
            let Some((piece, part)) =
                piece.and_then(|piece| Some((piece, piece.to.intersection(&rect)?)))
            else {
                continue;
            };
            if plan.pieces.len() > max_pieces {
                break;
            }
            plan.open = subtract(&plan.open, part);
            let skip = |part: i64, whole: i64| {
                u32::try_from(part.saturating_sub(whole)).unwrap_or(u32::MAX)
            };
            plan.pieces.push(Piece {
                tile: piece.tile,
                from: (
                    piece.from.0.saturating_add(skip(part.x, piece.to.x)),
                    piece.from.1.saturating_add(skip(part.y, piece.to.y)),
                ),
                to: part,
            });
        }
        plan
    }

    /// The smallest rectangle around all pieces.
    pub(crate) fn hull(&self) -> Option<LevelRect> {
        let left = self.pieces.iter().map(|p| p.to.x).min()?;
        let top = self.pieces.iter().map(|p| p.to.y).min()?;
        let right = self.pieces.iter().map(|p| p.to.right()).max()?;
        let bottom = self.pieces.iter().map(|p| p.to.bottom()).max()?;
        Some(LevelRect {
            x: left,
            y: top,
            width: u32::try_from(right.saturating_sub(left)).ok()?,
            height: u32::try_from(bottom.saturating_sub(top)).ok()?,
        })
    }

    /// Feeds the places to the fingerprint.
    pub(crate) fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        for piece in &self.pieces {
            sink(&piece.tile.column.to_le_bytes());
            sink(&piece.to.x.to_le_bytes());
            sink(&piece.to.y.to_le_bytes());
        }
    }
}

/// The index of stored image `number`: scattered images have no grid, so they stand in one row.
pub(crate) fn image(number: u32) -> TileIndex {
    TileIndex {
        column: number,
        row: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: i64, y: i64, width: u32, height: u32) -> LevelRect {
        LevelRect {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn a_plan_has_the_pieces_of_its_rectangle_and_what_is_open() {
        let size = LevelSize {
            width: 1000,
            height: 800,
        };
        let pieces = [
            rect(0, 0, 300, 300),
            rect(250, 0, 300, 300),
            rect(600, 500, 300, 300),
        ]
        .into_iter()
        .zip(0..)
        .map(|(to, number)| Piece {
            tile: image(number),
            from: (5, 0),
            to,
        })
        .collect();
        let grid = Scattered::new(size, pieces, 100);
        let plan = grid.plan(rect(200, 100, 100, 50), 100);
        let tiles: Vec<u32> = plan.pieces.iter().map(|p| p.tile.column).collect();
        assert_eq!(tiles, [0, 1]);
        assert_eq!(plan.pieces[0].from, (205, 100));
        assert_eq!(plan.pieces[1].to, rect(250, 100, 50, 50));
        assert!(plan.open.is_empty());
        let plan = grid.plan(rect(0, 0, 1000, 800), 100);
        let open: u64 = plan.open.iter().map(LevelRect::area).sum();
        assert_eq!(open, 1000 * 800 - 550 * 300 - 300 * 300);
        assert_eq!(grid.hull(), Some(rect(0, 0, 900, 800)));
    }
}
