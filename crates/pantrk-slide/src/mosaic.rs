//! Levels whose stored tiles overlap, leave places open, or come from several pages.
//!
//! A level is one or more areas; an area is a grid of cells, each with its own place. A cell is a stored tile, or the part of one that one camera frame fills: reduced levels of stitching scanners hold, in each tile, frames that still overlap.
//! Places are whole pixels of the level: pixels are copied, never resampled.
//!
//! **Architecture invariant:** within an area a cell ends where the next one begins, so what is on top does not depend on the order of reading.

use pantrk_space::{LevelRect, LevelSize, TileIndex};

use crate::codecs::Scratch;
use crate::error::Fault;
use crate::region::WHITE;
use crate::store::{Piece, Plan, TileState, TileStore, no_tile};

/// The places of an area's cells along one axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// Where each cell begins on the level, ascending.
    starts: Vec<i64>,
    /// Where the last pixel of the area ends.
    end: i64,
    /// The first cell's number on its page.
    first: u32,
    /// Cells along a stored tile.
    per_tile: u32,
    /// Pixels along a stored tile.
    tile: u32,
}

/// A cell along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    /// The stored tile's number along the axis.
    tile: u32,
    /// The first pixel within the tile.
    from: u32,
    /// Where it lies on the level, up to where the next cell begins.
    start: i64,
    end: i64,
}

impl Axis {
    /// Cells that begin at `starts`, which are put in order, the first being cell `first` of its page.
    ///
    /// `per_tile` cells share a stored tile of `tile` pixels.
    pub(crate) fn new(starts: Vec<i64>, first: u32, per_tile: u32, tile: u32) -> Self {
        let mut axis = Self {
            starts,
            end: i64::MAX,
            first,
            per_tile: per_tile.max(1),
            tile,
        };
        axis.starts.sort_unstable();
        let last = axis.starts.len().saturating_sub(1);
        axis.end = axis.cell(last).map_or(0, |cell| cell.end);
        axis
    }

    /// The same with nothing beyond `end`.
    pub(crate) fn cut_at(mut self, end: i64) -> Self {
        self.end = self.end.min(end);
        self
    }

    /// Stored tiles side by side, from `start` on.
    pub(crate) fn regular(start: i64, tiles: u32, tile: u32) -> Self {
        let starts = (0..i64::from(tiles))
            .map(|n| start.saturating_add(n.saturating_mul(i64::from(tile))))
            .collect();
        Self::new(starts, 0, 1, tile)
    }

    pub(crate) fn start(&self) -> i64 {
        self.starts.first().copied().unwrap_or(0)
    }

    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    fn cell(&self, index: usize) -> Option<Cell> {
        let start = *self.starts.get(index)?;
        let number = u64::from(self.first).saturating_add(u64::try_from(index).ok()?);
        let per_tile = u64::from(self.per_tile);
        let part = number.checked_rem(per_tile)?;
        let border = |part: u64| {
            part.saturating_mul(u64::from(self.tile))
                .checked_div(per_tile)
                .and_then(|pixel| u32::try_from(pixel).ok())
        };
        let (from, to) = (border(part)?, border(part.saturating_add(1))?);
        let mut end = start.saturating_add(i64::from(to.saturating_sub(from)));
        if let Some(next) = self.starts.get(index.saturating_add(1)) {
            end = end.min(*next);
        }
        Some(Cell {
            tile: u32::try_from(number.checked_div(per_tile)?).ok()?,
            from,
            start,
            end: end.min(self.end),
        })
    }

    /// The cells that touch pixels `from..to`, cut to them.
    fn over(&self, from: i64, to: i64) -> Vec<Cell> {
        let begin = self
            .starts
            .partition_point(|start| *start <= from)
            .saturating_sub(1);
        (begin..self.starts.len())
            .map_while(|index| self.cell(index).filter(|cell| cell.start < to))
            .filter_map(|mut cell| {
                let skip = from.saturating_sub(cell.start).max(0);
                cell.from = cell.from.saturating_add(u32::try_from(skip).ok()?);
                cell.start = cell.start.max(from);
                cell.end = cell.end.min(to);
                (cell.start < cell.end).then_some(cell)
            })
            .collect()
    }

    /// The places between cells within `from..to`.
    fn gaps(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let mut gaps = Vec::new();
        let mut reached = from.max(self.start());
        for cell in self.over(from, to) {
            if cell.start > reached {
                gaps.push((reached, cell.start));
            }
            reached = reached.max(cell.end);
        }
        if reached < to.min(self.end) {
            gaps.push((reached, to.min(self.end)));
        }
        gaps
    }
}

/// A grid of cells.
#[derive(Debug, Clone)]
pub(crate) struct Area {
    /// Which of the mosaic's pages it is cut from.
    pub(crate) page: usize,
    pub(crate) columns: Axis,
    pub(crate) rows: Axis,
}

impl Area {
    /// The rectangle that its cells lie in.
    pub(crate) fn hull(&self) -> LevelRect {
        let side = |axis: &Axis| {
            u32::try_from(axis.end().saturating_sub(axis.start()).max(0)).unwrap_or(u32::MAX)
        };
        LevelRect {
            x: self.columns.start(),
            y: self.rows.start(),
            width: side(&self.columns),
            height: side(&self.rows),
        }
    }
}

/// A page of stored tiles and how many rows of tiles it has.
pub(crate) struct Sheet {
    pub(crate) store: Box<dyn TileStore>,
    pub(crate) rows: u32,
}

/// A level put together from areas.
pub(crate) struct Mosaic {
    size: LevelSize,
    tile: LevelSize,
    sheets: Vec<Sheet>,
    areas: Vec<Area>,
    downsample: Option<f64>,
    background: [u8; 3],
}

impl Mosaic {
    /// A level of `size` out of `areas`, which are painted in their order.
    ///
    /// All pages must have tiles of one size.
    pub(crate) fn new(
        size: LevelSize,
        sheets: Vec<Sheet>,
        areas: Vec<Area>,
    ) -> Result<Self, Fault> {
        let mut sizes = sheets.iter().map(|sheet| sheet.store.tile_size());
        let tile = sizes
            .next()
            .ok_or_else(|| Fault::Broken("a level without pages".to_owned()))?;
        if let Some(other) = sizes.find(|size| *size != tile) {
            return Err(Fault::Broken(format!(
                "tiles of {tile} and of {other} on one level"
            )));
        }
        Ok(Self {
            size,
            tile,
            sheets,
            areas,
            downsample: None,
            background: WHITE,
        })
    }

    pub(crate) fn with_downsample(mut self, downsample: f64) -> Self {
        self.downsample = Some(downsample);
        self
    }

    pub(crate) fn with_background(mut self, background: [u8; 3]) -> Self {
        self.background = background;
        self
    }

    /// The first row of tiles of a page, counting those of the pages before it.
    fn first_row(&self, page: usize) -> u32 {
        self.sheets
            .iter()
            .take(page)
            .fold(0, |sum, sheet| sum.saturating_add(sheet.rows))
    }

    fn add_pieces(&self, area: &Area, rect: LevelRect, max_pieces: usize, out: &mut Vec<Piece>) {
        let columns = area.columns.over(rect.x, rect.right());
        let rows = area.rows.over(rect.y, rect.bottom());
        let first_row = self.first_row(area.page);
        let length = |cell: &Cell| u32::try_from(cell.end.saturating_sub(cell.start)).unwrap_or(0);
        for rows in rows.chunk_by(|a, b| a.tile == b.tile) {
            for columns in columns.chunk_by(|a, b| a.tile == b.tile) {
                for row in rows {
                    for column in columns {
                        if out.len() > max_pieces {
                            return;
                        }
                        out.push(Piece {
                            tile: TileIndex {
                                column: column.tile,
                                row: row.tile.saturating_add(first_row),
                            },
                            from: (column.from, row.from),
                            to: LevelRect {
                                x: column.start,
                                y: row.start,
                                width: length(column),
                                height: length(row),
                            },
                        });
                    }
                }
            }
        }
    }

    /// What no area covers of `rect`.
    fn open(&self, rect: LevelRect) -> Vec<LevelRect> {
        let mut open = vec![rect];
        for area in &self.areas {
            open = subtract(&open, area.hull());
        }
        for (index, area) in self.areas.iter().enumerate() {
            let Some(part) = area.hull().intersection(&rect) else {
                continue;
            };
            let mut strips: Vec<LevelRect> = Vec::new();
            for (left, right) in area.columns.gaps(part.x, part.right()) {
                strips.push(LevelRect {
                    x: left,
                    width: u32::try_from(right.saturating_sub(left)).unwrap_or(0),
                    ..part
                });
            }
            let columns = strips.clone();
            for (top, bottom) in area.rows.gaps(part.y, part.bottom()) {
                let row = LevelRect {
                    y: top,
                    height: u32::try_from(bottom.saturating_sub(top)).unwrap_or(0),
                    ..part
                };
                strips.extend(
                    columns
                        .iter()
                        .fold(vec![row], |row, hole| subtract(&row, *hole)),
                );
            }
            for (other, cover) in self.areas.iter().enumerate() {
                if other != index && !strips.is_empty() {
                    strips = subtract(&strips, cover.hull());
                }
            }
            open.extend(strips);
        }
        open
    }
}

/// The rectangles without what `hole` covers of them.
pub(crate) fn subtract(rects: &[LevelRect], hole: LevelRect) -> Vec<LevelRect> {
    let mut out = Vec::new();
    for rect in rects {
        let Some(inside) = rect.intersection(&hole) else {
            out.push(*rect);
            continue;
        };
        let bands = [
            (rect.x, rect.y, rect.right(), inside.y),
            (rect.x, inside.bottom(), rect.right(), rect.bottom()),
            (rect.x, inside.y, inside.x, inside.bottom()),
            (inside.right(), inside.y, rect.right(), inside.bottom()),
        ];
        for (left, top, right, bottom) in bands {
            let width = u32::try_from(right.saturating_sub(left)).unwrap_or(0);
            let height = u32::try_from(bottom.saturating_sub(top)).unwrap_or(0);
            if width > 0 && height > 0 {
                out.push(LevelRect {
                    x: left,
                    y: top,
                    width,
                    height,
                });
            }
        }
    }
    out
}

impl TileStore for Mosaic {
    fn size(&self) -> LevelSize {
        self.size
    }

    fn tile_size(&self) -> LevelSize {
        self.tile
    }

    /// Stored tiles do not lie side by side, so nobody may walk them as if they did.
    fn public_tile_size(&self) -> Option<LevelSize> {
        None
    }

    fn plan(&self, rect: LevelRect, max_pieces: usize) -> Option<Plan> {
        let mut pieces = Vec::new();
        for area in &self.areas {
            self.add_pieces(area, rect, max_pieces, &mut pieces);
        }
        Some(Plan {
            pieces,
            open: self.open(rect),
        })
    }

    fn downsample(&self) -> Option<f64> {
        self.downsample
    }

    fn background(&self) -> [u8; 3] {
        self.background
    }

    fn decode(
        &self,
        tile: TileIndex,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault> {
        let mut row = tile.row;
        for sheet in &self.sheets {
            if row < sheet.rows {
                let on_page = TileIndex { row, ..tile };
                return sheet.store.decode(on_page, scratch, out);
            }
            row = row.saturating_sub(sheet.rows);
        }
        Err(no_tile(tile))
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.size.width.to_le_bytes());
        sink(&self.size.height.to_le_bytes());
        for area in &self.areas {
            sink(&area.columns.start().to_le_bytes());
            sink(&area.rows.start().to_le_bytes());
        }
        for sheet in &self.sheets {
            sheet.store.identify(sink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_end_where_the_next_begins() {
        // Two tiles of 100 pixels in halves of 50, which overlap by 10.
        let axis = Axis::new(vec![0, 40, 80, 120], 0, 2, 100);
        assert_eq!(axis.end(), 170);
        let cells = axis.over(35, 130);
        let found: Vec<_> = cells
            .iter()
            .map(|c| (c.tile, c.from, c.start, c.end))
            .collect();
        assert_eq!(
            found,
            [
                (0, 35, 35, 40),
                (0, 50, 40, 80),
                (1, 0, 80, 120),
                (1, 50, 120, 130)
            ]
        );
        assert!(axis.gaps(0, 170).is_empty());
    }

    #[test]
    fn places_between_cells_are_found() {
        let axis = Axis::new(vec![10, 120], 0, 1, 100).cut_at(200);
        assert_eq!(axis.gaps(0, 300), [(110, 120)]);
        assert_eq!(axis.over(0, 10), []);
        assert_eq!(axis.over(110, 120), []);
        assert_eq!(axis.over(150, 400).len(), 1);
        assert_eq!(axis.end(), 200);
    }

    #[test]
    fn what_is_left_of_a_rectangle() {
        let rect = |x, y, width, height| LevelRect {
            x,
            y,
            width,
            height,
        };
        let left = subtract(&[rect(0, 0, 10, 10)], rect(2, 3, 4, 4));
        assert_eq!(left.iter().map(LevelRect::area).sum::<u64>(), 84);
        assert!(subtract(&left, rect(-1, -1, 20, 20)).is_empty());
    }
}
