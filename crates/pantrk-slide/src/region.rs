//! Puts a region together from tiles.
//!
//! **Architecture invariant:** the pixels of a region depend on the file alone, not on the cache, the thread or what was read before.

use std::sync::Arc;

use pantrk_space::{
    Gap, GapKind, LevelIndex, LevelRect, LevelSize, ReadError, RgbBuffer, TileIndex,
};

use crate::cache::{Found, TileCache};
use crate::codecs::Scratch;
use crate::store::{Plan, TileState, TileStore};

/// Outside the slide and where nothing was scanned.
pub(crate) const WHITE: [u8; 3] = [255; 3];

/// Where pixels could not be read; no stain and no glass looks like it.
pub(crate) const UNREADABLE: [u8; 3] = [255, 0, 255];

/// Tiles of one region; real slides need a few thousand, a crafted file could ask for one per pixel.
const MAX_TILES: usize = 1 << 18;

/// Bytes of a row of RGB.
pub(crate) fn bytes_per_row(width: u32) -> usize {
    usize::try_from(width)
        .unwrap_or(usize::MAX)
        .saturating_mul(3)
}

/// Bytes of a tile as RGB.
pub(crate) fn bytes_of(size: LevelSize) -> usize {
    bytes_per_row(size.width).saturating_mul(usize::try_from(size.height).unwrap_or(usize::MAX))
}

/// Where decoded tiles are kept, and under which level; associated images keep none.
pub(crate) type CacheSlot<'a> = Option<(&'a TileCache, LevelIndex)>;

/// Reads `rect` of one store into `out`.
pub(crate) fn read(
    store: &dyn TileStore,
    cache: CacheSlot<'_>,
    rect: LevelRect,
    max_pixels: u64,
    out: &mut RgbBuffer,
) -> Result<Vec<Gap>, ReadError> {
    if rect.area() > max_pixels {
        return Err(ReadError::new(format!(
            "the region {rect} has {} pixels, the limit is {max_pixels}",
            rect.area()
        )));
    }
    out.reset(
        LevelSize {
            width: rect.width,
            height: rect.height,
        },
        WHITE,
    );
    if rect.area() == 0 {
        return Ok(Vec::new());
    }
    let mut gaps = Vec::new();
    let level = LevelRect::of_size(store.size());
    let Some(inside) = rect.intersection(&level) else {
        gaps.push(Gap {
            rect,
            kind: GapKind::OutsideSlide,
        });
        return Ok(gaps);
    };
    outside(rect, inside, &mut gaps);

    let mut reader = Reader {
        store,
        cache,
        rect,
        inside,
        scratch: Scratch::default(),
        whole: Vec::new(),
    };
    let too_many = || {
        ReadError::new(format!(
            "the region {rect} covers more than {MAX_TILES} tiles"
        ))
    };
    if let Some(plan) = store.plan(inside, MAX_TILES) {
        if plan.pieces.len() > MAX_TILES {
            return Err(too_many());
        }
        reader.assemble(&plan, out, &mut gaps);
        return Ok(gaps);
    }
    for (number, tile) in store.tiles_over(inside).enumerate() {
        if number >= MAX_TILES {
            return Err(too_many());
        }
        if let Some(gap) = reader.place(tile, out) {
            gaps.push(gap);
        }
    }
    Ok(gaps)
}

/// The up to four bands of `rect` around `inside`, which lies in it.
fn outside(rect: LevelRect, inside: LevelRect, gaps: &mut Vec<Gap>) {
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
            gaps.push(Gap {
                rect: LevelRect {
                    x: left,
                    y: top,
                    width,
                    height,
                },
                kind: GapKind::OutsideSlide,
            });
        }
    }
}

struct Reader<'a> {
    store: &'a dyn TileStore,
    cache: CacheSlot<'a>,
    /// The region.
    rect: LevelRect,
    /// Its part on the level.
    inside: LevelRect,
    scratch: Scratch,
    /// A decoded tile that is not kept.
    whole: Vec<u8>,
}

impl Reader<'_> {
    /// Draws one tile into the region; returns the gap where it has no pixels.
    fn place(&mut self, tile: TileIndex, out: &mut RgbBuffer) -> Option<Gap> {
        let size = self.store.tile_size();
        let (x, y) = self.store.tile_origin(tile)?;
        let stored = LevelRect {
            x,
            y,
            width: size.width,
            height: size.height,
        };
        let part = stored.intersection(&self.inside)?;
        match self.draw(tile, stored, part, out) {
            Ok(TileState::Pixels) => None,
            Ok(TileState::NotScanned) => {
                fill(out, self.rect, part, self.store.background());
                Some(Gap {
                    rect: part,
                    kind: GapKind::NotScanned,
                })
            }
            Err(reason) => {
                fill(out, self.rect, part, UNREADABLE);
                Some(Gap {
                    rect: part,
                    kind: GapKind::Unreadable { tile, reason },
                })
            }
        }
    }

    /// Draws the pieces of a plan, each stored tile decoded once.
    fn assemble(&mut self, plan: &Plan, out: &mut RgbBuffer, gaps: &mut Vec<Gap>) {
        let size = self.store.tile_size();
        for open in &plan.open {
            fill(out, self.rect, *open, self.store.background());
            gaps.push(Gap {
                rect: *open,
                kind: GapKind::NotScanned,
            });
        }
        for pieces in plan.pieces.chunk_by(|a, b| a.tile == b.tile) {
            let Some(first) = pieces.first() else {
                continue;
            };
            let loaded = self.load(first.tile);
            for piece in pieces {
                match &loaded {
                    Ok(Some(pixels)) => {
                        let stored = LevelRect {
                            x: piece.to.x.saturating_sub(i64::from(piece.from.0)),
                            y: piece.to.y.saturating_sub(i64::from(piece.from.1)),
                            width: size.width,
                            height: size.height,
                        };
                        copy(pixels, stored, piece.to, out, self.rect);
                    }
                    Ok(None) => {
                        fill(out, self.rect, piece.to, self.store.background());
                        gaps.push(Gap {
                            rect: piece.to,
                            kind: GapKind::NotScanned,
                        });
                    }
                    Err(reason) => {
                        fill(out, self.rect, piece.to, UNREADABLE);
                        gaps.push(Gap {
                            rect: piece.to,
                            kind: GapKind::Unreadable {
                                tile: piece.tile,
                                reason: reason.clone(),
                            },
                        });
                    }
                }
            }
        }
    }

    /// A whole tile, from the cache or decoded into it; `None` where the file stores none.
    fn load(&mut self, tile: TileIndex) -> Result<Option<Arc<Vec<u8>>>, String> {
        let claim = match self.cache.map(|(cache, level)| cache.find(level, tile)) {
            Some(Found::Pixels(pixels)) => return Ok(Some(pixels)),
            Some(Found::Missing(claim)) => Some(claim),
            None => None,
        };
        let mut pixels = vec![0; bytes_of(self.store.tile_size())];
        let state = self
            .store
            .decode(tile, &mut self.scratch, &mut pixels)
            .map_err(|fault| fault.to_string())?;
        if state == TileState::NotScanned {
            return Ok(None);
        }
        let pixels = Arc::new(pixels);
        if let Some(claim) = claim {
            claim.put(Arc::clone(&pixels));
        }
        Ok(Some(pixels))
    }

    fn draw(
        &mut self,
        tile: TileIndex,
        stored: LevelRect,
        part: LevelRect,
        out: &mut RgbBuffer,
    ) -> Result<TileState, String> {
        // A tile that the region takes in part will be asked for by its neighbours.
        if self.cache.is_some() && part != stored {
            let Some(pixels) = self.load(tile)? else {
                return Ok(TileState::NotScanned);
            };
            copy(&pixels, stored, part, out, self.rect);
            return Ok(TileState::Pixels);
        }
        if let Some((cache, level)) = self.cache
            && let Some(pixels) = cache.get(level, tile)
        {
            copy(&pixels, stored, part, out, self.rect);
            return Ok(TileState::Pixels);
        }
        let len = bytes_of(self.store.tile_size());
        // A tile as wide as the region and wholly inside is a run of whole rows: decoded in place.
        if part == stored && stored.width == self.rect.width {
            let start = offset(self.rect, part.y).saturating_mul(bytes_per_row(self.rect.width));
            let end = start.saturating_add(len);
            if let Some(target) = out.as_bytes_mut().get_mut(start..end) {
                return self
                    .store
                    .decode(tile, &mut self.scratch, target)
                    .map_err(|fault| fault.to_string());
            }
        }
        self.whole.resize(len, 0);
        let state = self
            .store
            .decode(tile, &mut self.scratch, &mut self.whole)
            .map_err(|fault| fault.to_string())?;
        if state == TileState::Pixels {
            copy(&self.whole, stored, part, out, self.rect);
        }
        Ok(state)
    }
}

/// How far `y` lies below the top of `rect`.
fn offset(rect: LevelRect, y: i64) -> usize {
    usize::try_from(y.saturating_sub(rect.y)).unwrap_or(0)
}

/// Bytes from the left edge of `rect` to `x`.
fn bytes_to(rect: LevelRect, x: i64) -> usize {
    usize::try_from(x.saturating_sub(rect.x))
        .unwrap_or(0)
        .saturating_mul(3)
}

/// Copies `part` out of a tile into a region.
fn copy(pixels: &[u8], stored: LevelRect, part: LevelRect, out: &mut RgbBuffer, rect: LevelRect) {
    let len = bytes_per_row(part.width);
    let source_rows = pixels
        .chunks_exact(bytes_per_row(stored.width).max(1))
        .skip(offset(stored, part.y));
    let (from, to) = (bytes_to(stored, part.x), bytes_to(rect, part.x));
    for (target, source) in rows_of(out, rect, part).zip(source_rows) {
        let source = source.get(from..from.saturating_add(len));
        let target = target.get_mut(to..to.saturating_add(len));
        if let (Some(source), Some(target)) = (source, target) {
            target.copy_from_slice(source);
        }
    }
}

/// Paints `part` of a region.
fn fill(out: &mut RgbBuffer, rect: LevelRect, part: LevelRect, colour: [u8; 3]) {
    let to = bytes_to(rect, part.x);
    let end = to.saturating_add(bytes_per_row(part.width));
    for row in rows_of(out, rect, part) {
        let (pixels, _) = row
            .get_mut(to..end)
            .unwrap_or_default()
            .as_chunks_mut::<3>();
        pixels.fill(colour);
    }
}

/// The rows of a region that `part` covers.
fn rows_of(
    out: &mut RgbBuffer,
    rect: LevelRect,
    part: LevelRect,
) -> impl Iterator<Item = &mut [u8]> {
    let stride = bytes_per_row(out.width()).max(1);
    out.as_bytes_mut()
        .chunks_exact_mut(stride)
        .skip(offset(rect, part.y))
        .take(usize::try_from(part.height).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_outside_cover_each_pixel_once() {
        let rect = LevelRect {
            x: -3,
            y: -2,
            width: 20,
            height: 15,
        };
        let level = LevelRect {
            x: 0,
            y: 0,
            width: 9,
            height: 7,
        };
        let inside = rect.intersection(&level).unwrap();
        let mut gaps = Vec::new();
        outside(rect, inside, &mut gaps);
        assert_eq!(gaps.len(), 4);
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                let times = gaps
                    .iter()
                    .filter(|gap| {
                        x >= gap.rect.x
                            && x < gap.rect.right()
                            && y >= gap.rect.y
                            && y < gap.rect.bottom()
                    })
                    .count();
                let on_level = x >= 0 && y >= 0 && x < 9 && y < 7;
                assert_eq!(times, usize::from(!on_level), "{x} {y}");
            }
        }
    }
}
