//! A whole slide: rendered band by band, written as it is made, truth gathered on the way.
//!
//! **Architecture invariant:** memory holds one band of tiles, the two lower levels as JPEG and the cells; never the slide's pixels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use rayon::prelude::*;

use crate::PhantomError;
use crate::cells::{CellKey, MAX_REACH};
use crate::container::{SlideContainer, SlideFile, TILE};
use crate::geojson::regions;
use crate::render::{Content, Grid, PixelRect, Scene, Scratch, Seen};
use crate::spec::SlideSpec;
use crate::truth::{CellTruth, SlideTruth, Tally, cell_truth};

/// Tiles along one side of a block, which becomes one tile of the next level.
const BLOCK: u32 = 4;

/// One block of 4 x 4 tiles, ready to be written.
struct Block {
    /// Row by row; those beyond the slide are left out.
    tiles: Vec<Tile>,
    /// The tile of level 1.
    level1: Vec<u8>,
    /// RGB of 64 x 64 pixels of level 2.
    level2: Vec<u8>,
    seen: Vec<Seen>,
}

struct Tile {
    column: u32,
    row: u32,
    /// `None` is the glass tile.
    jpeg: Option<Vec<u8>>,
}

/// The tile that all clear glass shares.
struct Glass {
    jpeg: Arc<Vec<u8>>,
    /// Its 64 x 64 pixels on level 1.
    small: Vec<u8>,
}

/// Renders a slide into `path` and returns its truth; `progress` is called with tiles done and tiles in all, from any thread.
///
/// The file is written beside `path` and renamed when whole.
///
/// # Errors
/// [`PhantomError::Spec`] if the specification is out of range, [`PhantomError::Write`] or [`PhantomError::Encode`] if the file cannot be written.
pub fn write_slide(
    spec: &SlideSpec,
    path: &Path,
    container: SlideContainer,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<SlideTruth, PhantomError> {
    let scene = Scene::new(spec)?;
    let part = beside(path);
    let written = write_all(&scene, &part, container, progress);
    let truth = match written {
        Ok(truth) => truth,
        Err(error) => {
            // The first error is the one to tell; a part that cannot be removed does no harm.
            drop(std::fs::remove_file(&part));
            return Err(error);
        }
    };
    std::fs::rename(&part, path).map_err(|e| PhantomError::write(path, e))?;
    Ok(truth)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    path.with_file_name(name)
}

fn write_all(
    scene: &Scene,
    path: &Path,
    container: SlideContainer,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<SlideTruth, PhantomError> {
    let spec = &scene.spec;
    let (columns, rows) = (spec.width.div_ceil(TILE), spec.height.div_ceil(TILE));
    let total = u64::from(columns) * u64::from(rows);
    let done = AtomicU64::new(0);
    let glass = glass_tile(scene, path)?;
    let mut file = SlideFile::create(spec, path, container)?;
    let mut level1 = Vec::new();
    let size2 = ((spec.width / 16).max(1), (spec.height / 16).max(1));
    let mut level2 = vec![255_u8; size2.0 as usize * size2.1 as usize * 3];
    let mut open = BTreeMap::new();
    let mut gathered = Gathered::new(scene);
    for band in 0..rows.div_ceil(BLOCK) {
        let blocks: Vec<Block> = (0..columns.div_ceil(BLOCK))
            .into_par_iter()
            .map_init(Scratch::default, |scratch, column| {
                let block = render_block(scene, (column, band), &glass, scratch, path)?;
                let count = block.tiles.len() as u64;
                let now = done.fetch_add(count, Ordering::Relaxed) + count;
                progress(now, total);
                Ok(block)
            })
            .collect::<Result<_, PhantomError>>()?;
        let mut row_tiles: Vec<Tile> = Vec::new();
        for (column, block) in blocks.into_iter().enumerate() {
            row_tiles.extend(block.tiles);
            level1.push(block.level1);
            paste(
                &mut level2,
                size2,
                (column as u32 * 64, band * 64),
                &block.level2,
            );
            for seen in block.seen {
                merge(&mut open, seen);
            }
        }
        // Tiles lie in the file as readers go through them: row by row.
        row_tiles.sort_by_key(|tile| (tile.row, tile.column));
        for tile in &row_tiles {
            let bytes = tile.jpeg.as_ref().unwrap_or(&glass.jpeg);
            file.push_tile(bytes, tile.jpeg.is_none())?;
        }
        let bottom = (f64::from((band + 1) * BLOCK * TILE) * spec.mpp) as f32 - MAX_REACH - 1.0;
        gathered.close(&mut open, bottom);
    }
    gathered.close(&mut open, f32::MAX);
    file.finish_level0()?;
    finish_levels(spec, path, file, &level1, &level2, size2)?;
    Ok(gathered.truth(regions(scene)))
}

fn finish_levels(
    spec: &SlideSpec,
    path: &Path,
    mut file: SlideFile,
    level1: &[Vec<u8>],
    level2: &[u8],
    size2: (u32, u32),
) -> Result<(), PhantomError> {
    let thumbnail = thumbnail(level2, size2);
    let jpeg = encode(&thumbnail.0, thumbnail.1, spec.jpeg_quality, path)?;
    file.push_thumbnail(&jpeg, thumbnail.1)?;
    let size1 = ((spec.width / 4).max(1), (spec.height / 4).max(1));
    // Blocks that hold only the last one to three columns or rows have no pixel of level 1.
    let columns1 = size1.0.div_ceil(TILE);
    let stored = spec.width.div_ceil(TILE).div_ceil(BLOCK);
    let wanted = level1
        .iter()
        .enumerate()
        .filter(|(i, _)| {
            (*i as u32 % stored) < columns1 && (*i as u32 / stored) < size1.1.div_ceil(TILE)
        })
        .map(|(_, jpeg)| jpeg.as_slice());
    file.push_level(size1, wanted)?;
    let tiles2: Vec<Vec<u8>> = (0..size2.1.div_ceil(TILE))
        .flat_map(|row| (0..size2.0.div_ceil(TILE)).map(move |column| (column, row)))
        .map(|(column, row)| {
            let tile = cut(level2, size2, (column * TILE, row * TILE));
            encode(&tile, (TILE, TILE), spec.jpeg_quality, path)
        })
        .collect::<Result<_, _>>()?;
    file.push_level(size2, tiles2.iter().map(Vec::as_slice))?;
    file.finish()
}

const fn grid(spec: &SlideSpec) -> Grid {
    Grid { mpp: spec.mpp }
}

fn glass_tile(scene: &Scene, path: &Path) -> Result<Glass, PhantomError> {
    let side = TILE as usize;
    let rgb = scene.glass(side);
    let jpeg = encode(&rgb, (TILE, TILE), scene.spec.jpeg_quality, path)?;
    Ok(Glass {
        jpeg: Arc::new(jpeg),
        small: quarter(&rgb, side),
    })
}

fn render_block(
    scene: &Scene,
    (block_column, block_row): (u32, u32),
    glass: &Glass,
    scratch: &mut Scratch,
    path: &Path,
) -> Result<Block, PhantomError> {
    let spec = &scene.spec;
    let side = TILE as usize;
    let small = side / BLOCK as usize;
    let mut block = Block {
        tiles: Vec::with_capacity(16),
        level1: Vec::new(),
        level2: Vec::new(),
        seen: Vec::new(),
    };
    let mut level1: Vec<u8> = scene
        .white()
        .iter()
        .map(|&w| w as u8)
        .cycle()
        .take(side * side * 3)
        .collect();
    let mut padded = vec![0_u8; side * side * 3];
    for (dx, dy) in (0..BLOCK).flat_map(|dy| (0..BLOCK).map(move |dx| (dx, dy))) {
        let (column, row) = (block_column * BLOCK + dx, block_row * BLOCK + dy);
        let (x, y) = (column * TILE, row * TILE);
        if x >= spec.width || y >= spec.height {
            continue;
        }
        let rect = PixelRect {
            x: i64::from(x),
            y: i64::from(y),
            width: (spec.width - x).min(TILE) as usize,
            height: (spec.height - y).min(TILE) as usize,
        };
        let content = scene.render(grid(spec), rect, scratch, true);
        let mut tile = Tile {
            column,
            row,
            jpeg: None,
        };
        if content == Content::Tissue {
            pad(&scratch.rgb, rect, &mut padded);
            tile.jpeg = Some(encode(&padded, (TILE, TILE), spec.jpeg_quality, path)?);
            block.seen.append(&mut scratch.seen);
        }
        let quarter = if content == Content::Tissue {
            &quarter(&padded, side)
        } else {
            &glass.small
        };
        for (i, line) in quarter.chunks_exact(small * 3).enumerate() {
            let at = ((dy as usize * small + i) * side + dx as usize * small) * 3;
            level1[at..at + small * 3].copy_from_slice(line);
        }
        block.tiles.push(tile);
    }
    block.level2 = quarter(&level1, side);
    block.level1 = encode(&level1, (TILE, TILE), spec.jpeg_quality, path)?;
    Ok(block)
}

/// Fills a tile, its last column and row repeated where the slide ends.
fn pad(rgb: &[u8], rect: PixelRect, out: &mut [u8]) {
    let side = TILE as usize;
    for (y, line) in out.chunks_exact_mut(side * 3).enumerate() {
        let from = &rgb[y.min(rect.height - 1) * rect.width * 3..][..rect.width * 3];
        line[..from.len()].copy_from_slice(from);
        for x in rect.width..side {
            line.copy_within((rect.width - 1) * 3..rect.width * 3, x * 3);
        }
    }
}

/// The means of 4 x 4 pixels of a square picture.
fn quarter(rgb: &[u8], side: usize) -> Vec<u8> {
    let small = side / 4;
    let mut out = Vec::with_capacity(small * small * 3);
    for y in 0..small {
        for x in 0..small {
            let mut sums = [0_u32; 3];
            for row in y * 4..y * 4 + 4 {
                let start = (row * side + x * 4) * 3;
                for pixel in rgb[start..start + 12].chunks_exact(3) {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(value);
                    }
                }
            }
            out.extend(sums.map(|sum| ((sum + 8) / 16) as u8));
        }
    }
    out
}

fn encode(rgb: &[u8], size: (u32, u32), quality: u8, path: &Path) -> Result<Vec<u8>, PhantomError> {
    let mut bytes = Vec::with_capacity(32 << 10);
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_1);
    encoder
        .encode(rgb, size.0 as u16, size.1 as u16, ColorType::Rgb)
        .map_err(|e| PhantomError::encode(path, e))?;
    Ok(bytes)
}

/// Copies a 64 x 64 block into level 2, as far as it lies inside.
fn paste(level: &mut [u8], size: (u32, u32), at: (u32, u32), block: &[u8]) {
    for (y, line) in (at.1..size.1).zip(block.chunks_exact(64 * 3)) {
        let width = (size.0.saturating_sub(at.0)).min(64) as usize * 3;
        let start = (y as usize * size.0 as usize + at.0 as usize) * 3;
        level[start..start + width].copy_from_slice(&line[..width]);
    }
}

/// A tile of a level that lies in memory, padded with its edge.
fn cut(level: &[u8], size: (u32, u32), at: (u32, u32)) -> Vec<u8> {
    let mut out = Vec::with_capacity((TILE * TILE * 3) as usize);
    for y in at.1..at.1 + TILE {
        for x in at.0..at.0 + TILE {
            let (x, y) = (x.min(size.0 - 1) as usize, y.min(size.1 - 1) as usize);
            let i = (y * size.0 as usize + x) * 3;
            out.extend_from_slice(&level[i..i + 3]);
        }
    }
    out
}

/// Level 2, made smaller by a whole factor until it is at most 1024 pixels wide and high.
fn thumbnail(level: &[u8], size: (u32, u32)) -> (Vec<u8>, (u32, u32)) {
    let factor = size.0.max(size.1).div_ceil(1024).max(1);
    let small = ((size.0 / factor).max(1), (size.1 / factor).max(1));
    let mut out = Vec::with_capacity(small.0 as usize * small.1 as usize * 3);
    for y in 0..small.1 {
        for x in 0..small.0 {
            let mut sums = [0_u32; 3];
            for row in y * factor..(y + 1) * factor {
                for column in x * factor..(x + 1) * factor {
                    let i = (row as usize * size.0 as usize + column as usize) * 3;
                    for c in 0..3 {
                        sums[c] += u32::from(level[i + c]);
                    }
                }
            }
            let area = factor * factor;
            out.extend(sums.map(|sum| ((sum + area / 2) / area) as u8));
        }
    }
    (out, small)
}

fn merge(open: &mut BTreeMap<CellKey, Seen>, seen: Seen) {
    match open.get_mut(&seen.key) {
        Some(known) => known.sums.add(&seen.sums),
        None => {
            open.insert(seen.key, seen);
        }
    }
}

/// Cells that are whole, and the score they make.
struct Gathered<'a> {
    scene: &'a Scene,
    cells: Vec<CellTruth>,
    clear: Tally,
    all: Tally,
}

impl<'a> Gathered<'a> {
    const fn new(scene: &'a Scene) -> Self {
        Self {
            scene,
            cells: Vec::new(),
            clear: Tally::new(),
            all: Tally::new(),
        }
    }

    /// Takes the cells that no later band can touch: those whose nucleus lies above `bottom_um`.
    fn close(&mut self, open: &mut BTreeMap<CellKey, Seen>, bottom_um: f32) {
        let grid = grid(&self.scene.spec);
        let whole: Vec<Seen> = open
            .extract_if(.., |_, seen| seen.y_um < bottom_um)
            .map(|(_, seen)| seen)
            .collect();
        for seen in whole {
            let id = self.cells.len() as u32 + 1;
            let thresholds = self.scene.spec.thresholds;
            let Some(mut cell) =
                cell_truth(id, seen.kind, seen.granular, &seen.sums, grid, thresholds)
            else {
                continue;
            };
            cell.clear_of_artefacts = self.scene.is_clear(cell.x_um as f32, cell.y_um as f32);
            if cell.kind == crate::CellKind::Tumour {
                self.all.add(&cell);
                if cell.clear_of_artefacts {
                    self.clear.add(&cell);
                }
            }
            self.cells.push(cell);
        }
    }

    fn truth(self, regions: serde_json::Value) -> SlideTruth {
        SlideTruth::new(
            &self.scene.spec,
            self.clear.score(),
            self.all.score(),
            self.cells,
            regions,
        )
    }
}
