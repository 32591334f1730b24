//! The pyramid as the canvas sees it: the slide's levels with halved ones between them, cut into tiles.
//!
//! Slides come with levels far apart (4, 16, 64) or with one only. Halved levels between them keep a tile at about one texel per screen pixel; each is averaged from the next sharper level of the file by a whole number of its pixels.

use pantrk_space::{Downsample, Level, LevelIndex, LevelRect, LevelSize, SlideRect};

/// The side of a tile in its own pixels: on the screen it takes between half of that and all of it.
pub(crate) const TILE: u32 = 512;
/// Most tiles that one screen may ask for; a larger screen gets a coarser level.
const MAX_TILES_ON_SCREEN: u64 = 160;

/// A tile of one opened slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TileKey {
    /// Which opening of a slide it belongs to.
    pub(crate) opening: u64,
    /// Of the [`Pyramid`], 0 is the sharpest.
    pub(crate) level: usize,
    /// From the top.
    pub(crate) row: u32,
    /// From the left.
    pub(crate) column: u32,
}

/// One level of the [`Pyramid`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PyramidLevel {
    /// The level of the file that it is made from.
    source: LevelIndex,
    source_size: LevelSize,
    source_downsample: Downsample,
    /// Pixels of the source along one pixel of this level.
    reduce: u32,
    /// Tiles from left to right.
    columns: u32,
    /// Tiles from top to bottom.
    rows: u32,
}

impl PyramidLevel {
    fn new(index: usize, level: &Level, reduce: u32) -> Self {
        let tiles = |pixels: u32| pixels.div_ceil(reduce.saturating_mul(TILE)).max(1);
        Self {
            source: LevelIndex(index),
            source_size: level.size,
            source_downsample: level.downsample,
            reduce,
            columns: tiles(level.size.width),
            rows: tiles(level.size.height),
        }
    }

    /// Level-0 pixels along one pixel of this level.
    fn downsample(&self) -> f64 {
        self.source_downsample.get() * f64::from(self.reduce)
    }

    /// Level-0 pixels along a tile.
    fn tile_side(&self) -> f64 {
        self.downsample() * f64::from(TILE)
    }
}

/// What has to be read for a tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TilePlan {
    /// The level of the file.
    pub(crate) level: LevelIndex,
    /// Its downsample.
    pub(crate) downsample: Downsample,
    /// In that level's pixels, inside the level.
    pub(crate) rect: LevelRect,
    /// Pixels to average along each axis.
    pub(crate) reduce: u32,
}

/// All levels, the sharpest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pyramid {
    levels: Vec<PyramidLevel>,
}

impl Pyramid {
    /// The file's levels with halved ones between them, down to one tile for the whole slide.
    pub(crate) fn new(levels: &[Level]) -> Self {
        let mut all: Vec<PyramidLevel> = Vec::new();
        for (index, level) in levels.iter().enumerate() {
            let already = all.last().map_or(0.0, PyramidLevel::downsample);
            // A file may repeat a level, or hold one that is hardly coarser.
            if level.downsample.get() < already * 1.2 {
                continue;
            }
            let next = levels
                .get(index + 1..)
                .unwrap_or_default()
                .iter()
                .map(|l| l.downsample.get())
                .find(|&d| d >= level.downsample.get() * 1.2);
            let mut reduce = 1;
            loop {
                let made = PyramidLevel::new(index, level, reduce);
                all.push(made);
                reduce *= 2;
                let downsample = level.downsample.get() * f64::from(reduce);
                let go_on = match next {
                    // Three quarters of the next level is as good as the next level.
                    Some(next) => downsample < next * 0.75,
                    None => made.columns > 1 || made.rows > 1,
                };
                if !go_on {
                    break;
                }
            }
        }
        Self { levels: all }
    }

    /// The place of the coarsest level.
    pub(crate) fn coarsest(&self) -> usize {
        self.levels.len().saturating_sub(1)
    }

    /// The level to show `visible` with, at `pixels` screen pixels per level-0 pixel: the coarsest that is at least as sharp as the screen.
    pub(crate) fn level_for(&self, pixels: f64, visible: SlideRect) -> usize {
        // Half a percent coarser is what was meant: 4.00012 for 4.
        let wanted = 1.005 / pixels;
        let mut level = self
            .levels
            .iter()
            .rposition(|l| l.downsample() <= wanted)
            .unwrap_or(0);
        while level < self.coarsest() && self.count_in(level, visible) > MAX_TILES_ON_SCREEN {
            level += 1;
        }
        level
    }

    fn count_in(&self, level: usize, area: SlideRect) -> u64 {
        self.range_in(level, area).map_or(0, |(columns, rows)| {
            u64::from(columns.end - columns.start) * u64::from(rows.end - rows.start)
        })
    }

    fn range_in(
        &self,
        level: usize,
        area: SlideRect,
    ) -> Option<(std::ops::Range<u32>, std::ops::Range<u32>)> {
        let level = self.levels.get(level)?;
        let range = |from: f64, length: f64, tiles: u32| {
            let first = (from / level.tile_side())
                .floor()
                .clamp(0.0, f64::from(tiles));
            let end = ((from + length) / level.tile_side())
                .ceil()
                .clamp(first, f64::from(tiles));
            first as u32..end as u32
        };
        Some((
            range(area.x, area.width, level.columns),
            range(area.y, area.height, level.rows),
        ))
    }

    /// The tiles of a level that touch `area`, those near its middle first.
    pub(crate) fn tiles_in(&self, opening: u64, level: usize, area: SlideRect) -> Vec<TileKey> {
        let Some((columns, rows)) = self.range_in(level, area) else {
            return Vec::new();
        };
        let mut keys: Vec<TileKey> = rows
            .flat_map(|row| {
                columns.clone().map(move |column| TileKey {
                    opening,
                    level,
                    row,
                    column,
                })
            })
            .collect();
        let side = self.levels.get(level).map_or(1.0, PyramidLevel::tile_side);
        let middle = (
            (area.x + area.width / 2.0) / side - 0.5,
            (area.y + area.height / 2.0) / side - 0.5,
        );
        keys.sort_by(|a, b| {
            let away = |k: &TileKey| {
                (f64::from(k.column) - middle.0).powi(2) + (f64::from(k.row) - middle.1).powi(2)
            };
            away(a).total_cmp(&away(b))
        });
        keys
    }

    /// What has to be read for a tile; `None` where there is no such tile.
    pub(crate) fn plan(&self, key: TileKey) -> Option<TilePlan> {
        let level = self.levels.get(key.level)?;
        let side = level.reduce.checked_mul(TILE)?;
        let wanted = LevelRect {
            x: i64::from(key.column) * i64::from(side),
            y: i64::from(key.row) * i64::from(side),
            width: side,
            height: side,
        };
        Some(TilePlan {
            level: level.source,
            downsample: level.source_downsample,
            rect: wanted.intersection(&LevelRect::of_size(level.source_size))?,
            reduce: level.reduce,
        })
    }

    /// The slide area of a tile; `None` where there is no such tile.
    pub(crate) fn area(&self, key: TileKey) -> Option<SlideRect> {
        let plan = self.plan(key)?;
        Some(plan.downsample.slide_rect_from_level(plan.rect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(width: u32, height: u32, downsample: f64) -> Level {
        Level {
            size: LevelSize { width, height },
            downsample: Downsample::new(downsample).unwrap(),
            tile: None,
        }
    }

    fn downsamples(pyramid: &Pyramid) -> Vec<f64> {
        pyramid
            .levels
            .iter()
            .map(PyramidLevel::downsample)
            .collect()
    }

    #[test]
    fn gaps_between_levels_are_filled_by_halves() {
        let pyramid = Pyramid::new(&[
            level(46_000, 32_914, 1.0),
            level(11_500, 8_228, 4.000_12),
            level(2_875, 2_057, 16.000_5),
        ]);
        let found = downsamples(&pyramid);
        let wanted = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found / wanted - 1.0).abs() < 1e-4, "{found} {wanted}");
        }
        let top = pyramid.levels.last().unwrap();
        assert_eq!((top.columns, top.rows), (1, 1));
    }

    #[test]
    fn a_level_that_repeats_another_is_left_out() {
        let pyramid = Pyramid::new(&[level(400, 400, 1.0), level(400, 400, 1.0)]);
        assert_eq!(downsamples(&pyramid), [1.0]);
    }

    #[test]
    fn a_tile_takes_between_half_of_its_pixels_and_all_of_them() {
        let pyramid = Pyramid::new(&[level(100_000, 100_000, 1.0)]);
        let visible = SlideRect {
            x: 0.0,
            y: 0.0,
            width: 10.0,
            height: 10.0,
        };
        for pixels in [0.9, 0.5, 0.3, 0.1, 0.013, 0.006] {
            let level = pyramid.level_for(pixels, visible);
            let on_screen = pyramid.levels[level].tile_side() * pixels;
            assert!(
                (256.0..=515.0).contains(&on_screen),
                "{pixels}: {on_screen}"
            );
        }
        assert_eq!(pyramid.level_for(20.0, visible), 0);
    }

    #[test]
    fn the_tiles_of_a_level_cover_it_once() {
        let pyramid = Pyramid::new(&[level(1_300, 700, 1.0)]);
        let all = SlideRect {
            x: -50.0,
            y: -50.0,
            width: 5_000.0,
            height: 5_000.0,
        };
        for index in 0..=pyramid.coarsest() {
            let keys = pyramid.tiles_in(7, index, all);
            let covered: u64 = keys
                .iter()
                .map(|&k| pyramid.plan(k).unwrap().rect.area())
                .sum();
            assert_eq!(covered, 1_300 * 700, "level {index}");
        }
    }

    #[test]
    fn a_huge_screen_gets_a_coarser_level() {
        let pyramid = Pyramid::new(&[level(200_000, 200_000, 1.0)]);
        let visible = SlideRect {
            x: 0.0,
            y: 0.0,
            width: 100_000.0,
            height: 100_000.0,
        };
        let level = pyramid.level_for(1.0, visible);
        assert!(pyramid.tiles_in(0, level, visible).len() as u64 <= MAX_TILES_ON_SCREEN);
    }
}
