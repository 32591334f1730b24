//! Tiles: read from the slide, averaged where a level lies between those of the file, made ready for upload.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use egui::{Color32, ColorImage};
use pantrk_space::{LevelRect, RegionReader, RgbBuffer, SlideRect};

use super::{Outbox, Pool, PoolSize};
use crate::error::ViewerError;
use crate::pyramid::{TileKey, TilePlan};
use crate::stain_view::StainView;
use crate::state::Stain;

/// Requests that may wait: enough to keep the workers busy, few enough that a moved view is served at once.
const QUEUE: usize = 12;
/// Most workers: beyond, decoding outruns the upload.
const MAX_WORKERS: usize = 6;
/// Source pixels that are read at once for an averaged tile.
const STRIP_PIXELS: u64 = 4 << 20;

/// A tile to be read.
pub(crate) struct TileRequest {
    /// Which.
    pub(crate) key: TileKey,
    /// Where it lies in the file.
    pub(crate) plan: TilePlan,
    /// The slide.
    pub(crate) reader: Arc<dyn RegionReader>,
    /// One stain alone, or the slide as it is.
    pub(crate) stain: Option<Arc<StainView>>,
}

/// A tile that was read.
pub(crate) struct TileAnswer {
    /// Which.
    pub(crate) key: TileKey,
    /// Its pixels; `None` where nothing could be read.
    pub(crate) image: Option<ColorImage>,
    /// Its places that could not be read.
    pub(crate) holes: Vec<SlideRect>,
    /// In which stain.
    pub(crate) stain: Stain,
}

/// The threads that read tiles, and the number of the opening they work for.
pub(crate) struct TilePool {
    pool: Pool<TileRequest, TileAnswer>,
    /// Of the slide that is open, and of the one beside it.
    openings: [Arc<AtomicU64>; 2],
    /// Requests that may be on their way at once.
    pub(crate) capacity: usize,
}

/// Starts the threads that read tiles.
pub(crate) fn tile_pool(ctx: &egui::Context) -> Result<TilePool, ViewerError> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let threads = cores.saturating_sub(1).clamp(1, MAX_WORKERS);
    let size = PoolSize {
        name: "tiles",
        threads,
        queue: QUEUE,
    };
    let openings = [0; 2].map(|none| Arc::new(AtomicU64::new(none)));
    let current = openings.clone();
    let work = move |request: TileRequest, outbox: &Outbox<TileAnswer>| {
        // Tiles of a slide that is no longer open are wanted by nobody.
        let served = |o: &Arc<AtomicU64>| o.load(Ordering::Relaxed) == request.key.opening;
        if current.iter().any(served) {
            outbox.send(read_tile(&request));
        }
    };
    Ok(TilePool {
        pool: Pool::start(size, ctx, work)?,
        openings,
        capacity: threads + QUEUE,
    })
}

impl TilePool {
    /// From now on only tiles of this opening are read.
    pub(crate) fn serve(&self, opening: u64) {
        self.openings[0].store(opening, Ordering::Relaxed);
        self.serve_beside(0);
    }

    /// And those of this one, which lies beside it; 0 for none.
    pub(crate) fn serve_beside(&self, opening: u64) {
        self.openings[1].store(opening, Ordering::Relaxed);
    }

    /// Whether the request was taken; a full queue drops it, and the next frame asks again.
    pub(crate) fn ask(&self, request: TileRequest) -> bool {
        self.pool.ask(request).is_ok()
    }

    /// The next tile that was read.
    pub(crate) fn take(&self) -> Option<TileAnswer> {
        self.pool.take()
    }
}

/// Reads one tile.
fn read_tile(request: &TileRequest) -> TileAnswer {
    let TilePlan {
        level,
        downsample,
        rect,
        reduce,
    } = request.plan;
    let mut average = Average::new(rect, reduce);
    let mut holes = Vec::new();
    let mut read_any = false;
    let mut pixels = RgbBuffer::new();
    // Whole rows of the tile at a time, so that the memory is bounded however coarse the tile is.
    let rows_at_once = (STRIP_PIXELS / u64::from(rect.width.max(1)) / u64::from(reduce)).max(1);
    let step = (rows_at_once as u32).saturating_mul(reduce);
    let mut done = 0;
    while done < rect.height {
        let strip = LevelRect {
            y: rect.y + i64::from(done),
            height: step.min(rect.height - done),
            ..rect
        };
        match request.reader.read_region(level, strip, &mut pixels) {
            Ok(gaps) => {
                read_any = true;
                average.add(&pixels, done);
                let unread = gaps.iter().filter(|gap| gap.is_unreadable());
                holes.extend(unread.map(|gap| downsample.slide_rect_from_level(gap.rect)));
            }
            Err(_) => holes.push(downsample.slide_rect_from_level(strip)),
        }
        done += strip.height;
    }
    let image = read_any.then(|| {
        let mut image = average.image();
        if let Some(stain) = &request.stain {
            stain.apply(&mut image);
        }
        image
    });
    TileAnswer {
        key: request.key,
        image,
        holes,
        stain: request.stain.as_ref().map_or(Stain::Both, |s| s.stain),
    }
}

/// Sums of square blocks of pixels.
struct Average {
    columns: usize,
    rows: usize,
    reduce: usize,
    sums: Vec<[u32; 4]>,
}

impl Average {
    fn new(rect: LevelRect, reduce: u32) -> Self {
        let columns = rect.width.div_ceil(reduce).max(1) as usize;
        let rows = rect.height.div_ceil(reduce).max(1) as usize;
        Self {
            columns,
            rows,
            reduce: reduce as usize,
            sums: vec![[0; 4]; columns * rows],
        }
    }

    /// Adds a strip whose first row is row `top` of the tile.
    fn add(&mut self, pixels: &RgbBuffer, top: u32) {
        for y in 0..pixels.height() {
            let row = (top + y) as usize / self.reduce;
            let Some(sums) = self
                .sums
                .get_mut(row * self.columns..(row + 1) * self.columns)
            else {
                return;
            };
            let blocks = pixels.row(y).chunks(3 * self.reduce);
            for (sum, block) in sums.iter_mut().zip(blocks) {
                for pixel in block.as_chunks::<3>().0 {
                    sum[0] += u32::from(pixel[0]);
                    sum[1] += u32::from(pixel[1]);
                    sum[2] += u32::from(pixel[2]);
                    sum[3] += 1;
                }
            }
        }
    }

    fn image(&self) -> ColorImage {
        let pixels = self
            .sums
            .iter()
            .map(|&[r, g, b, n]| {
                let mean = |sum: u32| ((sum + n / 2) / n.max(1)) as u8;
                Color32::from_rgb(mean(r), mean(g), mean(b))
            })
            .collect();
        ColorImage::new([self.columns, self.rows], pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pyramid::Pyramid;
    use pantrk_space::{
        Downsample, Gap, GapKind, Level, LevelIndex, LevelSize, ReadError, SlideMpp, TileIndex,
    };
    use std::sync::{Condvar, Mutex};

    /// A slide whose pixel (x, y) is (x % 256, y % 256, 7); reading waits until the gate is open.
    struct Ramp {
        levels: Vec<Level>,
        gate: (Mutex<bool>, Condvar),
        unread: Option<LevelRect>,
    }

    impl Ramp {
        fn new(side: u32, open: bool, unread: Option<LevelRect>) -> Arc<Self> {
            Arc::new(Self {
                levels: vec![Level {
                    size: LevelSize {
                        width: side,
                        height: side,
                    },
                    downsample: Downsample::ONE,
                    tile: None,
                }],
                gate: (Mutex::new(open), Condvar::new()),
                unread,
            })
        }
    }

    impl RegionReader for Ramp {
        fn levels(&self) -> &[Level] {
            &self.levels
        }

        fn mpp(&self) -> Option<SlideMpp> {
            None
        }

        fn read_region(
            &self,
            _: LevelIndex,
            rect: LevelRect,
            out: &mut RgbBuffer,
        ) -> Result<Vec<Gap>, ReadError> {
            let mut open = self.gate.0.lock().unwrap();
            while !*open {
                open = self.gate.1.wait(open).unwrap();
            }
            let size = LevelSize {
                width: rect.width,
                height: rect.height,
            };
            out.reset(size, [0; 3]);
            for y in 0..rect.height {
                for (x, pixel) in out.row_mut(y).as_chunks_mut::<3>().0.iter_mut().enumerate() {
                    let at = |v: i64| (v % 256) as u8;
                    *pixel = [at(rect.x + x as i64), at(rect.y + i64::from(y)), 7];
                }
            }
            let unread = self.unread.and_then(|hole| hole.intersection(&rect));
            Ok(unread
                .map(|rect| Gap {
                    rect,
                    kind: GapKind::Unreadable {
                        tile: TileIndex { column: 0, row: 0 },
                        reason: "cut off".to_owned(),
                    },
                })
                .into_iter()
                .collect())
        }
    }

    fn request(reader: &Arc<Ramp>, level: usize, column: u32) -> TileRequest {
        let key = TileKey {
            opening: 1,
            level,
            row: 0,
            column,
        };
        TileRequest {
            key,
            plan: Pyramid::new(&reader.levels).plan(key).unwrap(),
            reader: Arc::<Ramp>::clone(reader),
            stain: None,
        }
    }

    #[test]
    fn a_full_queue_drops_and_never_waits() {
        let ctx = egui::Context::default();
        let pool = tile_pool(&ctx).unwrap();
        pool.serve(1);
        let slide = Ramp::new(1 << 20, false, None);
        let started = std::time::Instant::now();
        let mut taken = 0;
        for column in 0..1_000 {
            taken += usize::from(pool.ask(request(&slide, 0, column)));
        }
        assert!(started.elapsed().as_secs() < 5, "asking must not wait");
        assert!((QUEUE..=pool.capacity).contains(&taken), "{taken} of 1000");
        *slide.gate.0.lock().unwrap() = true;
        slide.gate.1.notify_all();
        let mut come = 0;
        while come < taken {
            match pool.take() {
                Some(tile) => {
                    assert_eq!(tile.image.unwrap().size, [512, 512]);
                    come += 1;
                }
                None => std::thread::yield_now(),
            }
        }
        // There is room again.
        assert!(pool.ask(request(&slide, 0, 1)));
    }

    #[test]
    fn a_halved_tile_is_the_mean_of_its_pixels_whatever_the_strips() {
        let slide = Ramp::new(3_000, true, None);
        let tile = read_tile(&request(&slide, 3, 0));
        let image = tile.image.unwrap();
        // 3000 / 8 = 375; the columns 8 to 15 have the mean 11.5.
        assert_eq!(image.size, [375, 375]);
        let pixel = image.pixels[375 * 2 + 1];
        assert_eq!((pixel.r(), pixel.g(), pixel.b()), (12, 20, 7));
        assert!(tile.holes.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_a_hole_in_its_place() {
        let hole = LevelRect {
            x: 1_100,
            y: 40,
            width: 300,
            height: 256,
        };
        let slide = Ramp::new(3_000, true, Some(hole));
        let tile = read_tile(&request(&slide, 1, 1));
        // Level 1's second tile begins at 1024 on the slide.
        let wanted = SlideRect {
            x: 1_100.0,
            y: 40.0,
            width: 300.0,
            height: 256.0,
        };
        assert_eq!(tile.holes, [wanted]);
    }
}
