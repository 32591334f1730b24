//! The region classifier of the slide that is open, as data: what it was trained with, and what it says of which part.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use egui::TextureHandle;
use pantrk_core::region_classifier::RegionClassifier;
use pantrk_space::SlideRect;

use crate::drawing::Stroke;

/// Places of 8 um along a tile of the preview.
pub(crate) const PLACES: u32 = 128;
/// The name of regions that a classifier made.
pub(crate) const PROPOSED: &str = "proposed by a classifier";
/// Tiles of the preview that are kept; a tile is 64 KiB.
const MOST_TILES: usize = 600;

/// A square of the preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PlaceTile {
    /// From the left.
    pub(crate) column: u32,
    /// From the top.
    pub(crate) row: u32,
}

/// The places of 8 um of a slide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PlaceGrid {
    /// Along width and height.
    pub(crate) places: (u32, u32),
    /// Level-0 pixels per place along x and y.
    pub(crate) scale: (f64, f64),
}

impl PlaceGrid {
    /// Where some of the places lie on the slide: columns and rows from, and how many.
    pub(crate) fn rect(&self, from: (u32, u32), count: (u32, u32)) -> SlideRect {
        SlideRect {
            x: f64::from(from.0) * self.scale.0,
            y: f64::from(from.1) * self.scale.1,
            width: f64::from(count.0) * self.scale.0,
            height: f64::from(count.1) * self.scale.1,
        }
    }

    /// The places of a tile: columns and rows from, and how many.
    pub(crate) fn places_of(&self, tile: PlaceTile) -> ((u32, u32), (u32, u32)) {
        let along = |tile: u32, all: u32| {
            let from = tile.saturating_mul(PLACES).min(all);
            (from, PLACES.min(all - from))
        };
        let (x, width) = along(tile.column, self.places.0);
        let (y, height) = along(tile.row, self.places.1);
        ((x, y), (width, height))
    }

    /// The tiles that a part of the slide touches, those nearest to its middle first.
    pub(crate) fn tiles_in(&self, area: SlideRect) -> Vec<PlaceTile> {
        let along = |from: f64, length: f64, scale: f64, all: u32| {
            let side = scale * f64::from(PLACES);
            let tiles = f64::from(all.div_ceil(PLACES));
            let first = (from / side).floor().clamp(0.0, tiles) as u32;
            first..((from + length) / side).ceil().clamp(0.0, tiles) as u32
        };
        let columns = along(area.x, area.width, self.scale.0, self.places.0);
        let rows = along(area.y, area.height, self.scale.1, self.places.1);
        let mut tiles: Vec<PlaceTile> = rows
            .flat_map(|row| columns.clone().map(move |column| PlaceTile { column, row }))
            .collect();
        let away = |tile: &PlaceTile| {
            let (from, count) = self.places_of(*tile);
            let rect = self.rect(from, count);
            let dx = rect.x + rect.width / 2.0 - area.x - area.width / 2.0;
            let dy = rect.y + rect.height / 2.0 - area.y - area.height / 2.0;
            dx.hypot(dy)
        };
        tiles.sort_by(|a, b| away(a).total_cmp(&away(b)));
        tiles
    }
}

/// A classifier in use.
pub(crate) struct Model {
    /// A number of its own, so that older previews are known as such.
    pub(crate) number: u64,
    /// The classifier.
    pub(crate) classifier: RegionClassifier,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// Where a classifier comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// From this slide's strokes, in so much time.
    Strokes(Duration),
    /// From a file.
    File(PathBuf),
}

/// A part of the preview.
pub(crate) struct PreviewTile {
    /// The number of the classifier that said so.
    pub(crate) model: u64,
    /// Where it lies.
    pub(crate) rect: SlideRect,
    /// Its classes as colours; `None` without tissue.
    pub(crate) texture: Option<TextureHandle>,
}

/// Regions that are being made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Making {
    /// Square millimetres begun.
    pub(crate) done: u64,
    /// Of so many.
    pub(crate) total: u64,
    /// Set to stop it.
    pub(crate) cancel: Arc<AtomicBool>,
}

/// The region classifier of the slide that is open.
#[derive(Default)]
pub(crate) struct Training {
    /// The slide's places, once it was looked at.
    pub(crate) grid: Option<PlaceGrid>,
    /// The classifier.
    pub(crate) model: Option<Arc<Model>>,
    /// Why there is none, or none of the strokes as they are.
    pub(crate) problem: Option<String>,
    /// What it says, as far as it was looked at.
    pub(crate) tiles: BTreeMap<PlaceTile, PreviewTile>,
    /// Tiles in view that are not there, the most wanted first.
    pub(crate) wanted: Vec<PlaceTile>,
    /// Whether the worker is at work for this slide.
    pub(crate) working: Option<Work>,
    /// Regions that are to be made, or are.
    pub(crate) making: Option<Making>,
    /// The strokes' revision that was trained with, or found wanting.
    pub(crate) trained: Option<u64>,
    /// When strokes were found that were not trained with.
    pub(crate) changed: Option<(u64, Instant)>,
    /// Whether to train without being shown.
    pub(crate) forced: bool,
    /// Whether a part could not be looked at, so that the preview is given up.
    pub(crate) broken: bool,
}

/// What the worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// It trains.
    Train,
    /// It looks at parts in view.
    Preview,
    /// It looks at the whole slide.
    Regions,
}

impl Training {
    /// Puts another classifier in use.
    pub(crate) fn take_model(&mut self, classifier: RegionClassifier, origin: Origin) {
        let number = self.model.as_ref().map_or(0, |m| m.number) + 1;
        self.model = Some(Arc::new(Model {
            number,
            classifier,
            origin,
        }));
        self.problem = None;
        self.broken = false;
        self.wanted.clear();
    }

    /// No classifier any more.
    pub(crate) fn drop_model(&mut self) {
        self.tiles.clear();
        self.wanted.clear();
        self.model = None;
    }

    /// Takes a part of the preview; where there are too many, those that no view asked for go.
    pub(crate) fn take_tile(&mut self, tile: PlaceTile, preview: PreviewTile) {
        self.wanted.retain(|wanted| *wanted != tile);
        self.tiles.insert(tile, preview);
        while self.tiles.len() > MOST_TILES {
            let model = self.model.as_ref().map_or(0, |m| m.number);
            let stale = self.tiles.iter().find(|(_, t)| t.model != model);
            let Some(goes) = stale.or_else(|| self.tiles.iter().next()).map(|(k, _)| *k) else {
                return;
            };
            self.tiles.remove(&goes);
        }
    }

    /// Whether what the classifier says of this part is there and of now.
    pub(crate) fn has(&self, tile: PlaceTile) -> bool {
        let model = self.model.as_ref().map(|m| m.number);
        self.tiles.get(&tile).map(|t| t.model) == model
    }
}

/// Classes with their strokes, in the order in which they were painted first.
pub(crate) fn stroke_counts(strokes: &[Stroke]) -> Vec<(&str, usize)> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for stroke in strokes {
        match counts.iter_mut().find(|(class, _)| *class == stroke.class) {
            Some((_, n)) => *n += 1,
            None => counts.push((&stroke.class, 1)),
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: PlaceGrid = PlaceGrid {
        places: (300, 130),
        scale: (32.0, 31.5),
    };

    #[test]
    fn tiles_cover_the_slide_and_the_last_are_cut() {
        let all = GRID.tiles_in(SlideRect {
            x: -50.0,
            y: 0.0,
            width: 1e6,
            height: 1e6,
        });
        assert_eq!(all.len(), 6);
        let places: u32 = all
            .iter()
            .map(|&tile| GRID.places_of(tile).1)
            .map(|(width, height)| width * height)
            .sum();
        assert_eq!(places, 300 * 130);
        let last = PlaceTile { column: 2, row: 1 };
        assert_eq!(GRID.places_of(last), ((256, 128), (44, 2)));
    }

    #[test]
    fn the_middle_comes_first() {
        let area = SlideRect {
            x: 4_200.0,
            y: 100.0,
            width: 3_900.0,
            height: 3_800.0,
        };
        let tiles = GRID.tiles_in(area);
        assert_eq!(tiles[0], PlaceTile { column: 1, row: 0 });
        assert_eq!(tiles.len(), 1);
    }
}
