//! How long the viewer takes, frame by frame, without a window: for the benches.
//!
//! The time of a frame is the update (jobs drained, commands run, all panels and the canvas laid out) and egui's own tessellation; what a driver does with the triangles is not in it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pantrk_core::score::{Scorer, ScorerCells, Thresholds};
use pantrk_store::{CellTable, SlideResult};

use crate::app::{Start, Viewer, view_along};
use crate::cell_layer::CellLayer;
use crate::command::{Command, ReviewCommand};
use crate::error::ViewerError;
use crate::jobs::{ScoredCells, scored_mpp};
use crate::outlines::{Field, Outlined};
use crate::state::Load;

/// The window's size, points.
const SIZE: egui::Vec2 = egui::vec2(1440.0, 900.0);
/// Frames along the way.
const FRAMES: u32 = 240;
/// Frames of the way from near.
const NEAR_FRAMES: u32 = 130;
/// Longer than this nothing is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// From the wish to open the slide to the first picture of it, coarse, milliseconds.
    pub first_picture_ms: f64,
    /// To the picture as sharp as the screen, milliseconds.
    pub sharp_ms: f64,
    /// Update of each frame along the way, milliseconds.
    pub update_ms: Vec<f64>,
    /// Tessellation of each frame along the way, milliseconds.
    pub tessellate_ms: Vec<f64>,
    /// From the moved threshold to score and action in hand, milliseconds; with cells alone.
    pub regrade_ms: Vec<f64>,
    /// Update and tessellation of each frame of a way through cells with their outlines, as through a 20x objective, milliseconds; with cells alone.
    pub near_ms: Vec<f64>,
}

/// Opens a slide as `opens` times in one process, then goes along the fixed way with `cells` cells over it.
///
/// The first opening is cold, the last warm; the figures of the way and of grading are of the last.
/// `result` is the `result.json` of any scored slide: with cells it lends the facts that a score needs.
///
/// # Errors
/// If the slide cannot be shown, or nothing comes for two minutes.
pub fn measure(
    slide: &Path,
    result: Option<&SlideResult>,
    cells: usize,
    opens: usize,
) -> Result<Vec<Measured>, ViewerError> {
    let ctx = egui::Context::default();
    let folder = match result {
        Some(result) => Some(folder_of(slide, result)?),
        None => None,
    };
    let path = folder.clone().unwrap_or_else(|| slide.to_path_buf());
    let wake = Arc::new((Mutex::new(false), Condvar::new()));
    let waker = Arc::clone(&wake);
    ctx.set_request_repaint_callback(move |_| {
        *waker.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        waker.1.notify_all();
    });
    let mut bench = Bench {
        viewer: Viewer::new(&ctx, Start::default())?,
        ctx,
        time: 0.0,
        wake,
    };
    // The window is there before a slide is opened: its fonts are laid out once.
    for _ in 0..5 {
        bench.frame();
    }
    bench.viewer.scan_paths(&[path]);
    let mut all = Vec::new();
    for open in 0..opens.max(1) {
        let mut measured = Measured::default();
        bench.opening(open, &mut measured)?;
        if open + 1 == opens.max(1) {
            if let Some(result) = result.filter(|_| cells > 0) {
                bench.put_cells(result, cells)?;
                bench.regrade(&mut measured)?;
                bench.near(&mut measured);
            }
            bench.along_the_way(&mut measured);
        }
        all.push(measured);
    }
    drop(bench);
    if let Some(folder) = folder {
        drop(std::fs::remove_dir_all(folder));
    }
    Ok(all)
}

/// A folder that makes a result of this slide.
fn folder_of(slide: &Path, result: &SlideResult) -> Result<PathBuf, ViewerError> {
    let trouble = |message: String| ViewerError::Measure { message };
    let folder = std::env::temp_dir().join(format!("pantrk-measure-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| trouble(e.to_string()))?;
    let mut result = result.clone();
    let open = pantrk_slide::Slide::open(slide).map_err(|e| trouble(e.to_string()))?;
    result.slide.path = slide.display().to_string();
    result.slide.fingerprint = open.fingerprint();
    let text = result.to_json().map_err(|e| trouble(e.to_string()))?;
    std::fs::write(folder.join("result.json"), text).map_err(|e| trouble(e.to_string()))?;
    Ok(folder)
}

struct Bench {
    viewer: Viewer,
    ctx: egui::Context,
    time: f64,
    /// Set when a frame is asked for, as a window is woken.
    wake: Arc<(Mutex<bool>, Condvar)>,
}

/// A window would draw at least this often while something is under way.
const TICK: Duration = Duration::from_millis(16);

impl Bench {
    /// One frame; the milliseconds of update and tessellation.
    fn frame(&mut self) -> (f64, f64) {
        self.time += 1.0 / 60.0;
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, SIZE)),
            time: Some(self.time),
            ..egui::RawInput::default()
        };
        let started = Instant::now();
        let viewer = &mut self.viewer;
        let mut output = self.ctx.run_ui(input, |ui| viewer.frame(ui));
        let update = ms(started.elapsed());
        let started = Instant::now();
        let shapes = std::mem::take(&mut output.shapes);
        let parts = self.ctx.tessellate(shapes, output.pixels_per_point);
        let tessellate = ms(started.elapsed());
        drop(parts);
        // Nothing is painted, so nothing has to be uploaded.
        output.textures_delta.clear();
        (update, tessellate)
    }

    fn until(&mut self, done: impl Fn(&Viewer) -> bool) -> Result<f64, ViewerError> {
        let started = Instant::now();
        while !done(&self.viewer) {
            if started.elapsed() > PATIENCE {
                return Err(ViewerError::Measure {
                    message: "nothing came for two minutes".to_owned(),
                });
            }
            self.frame();
            if !done(&self.viewer) {
                self.wait();
            }
        }
        Ok(ms(started.elapsed()))
    }

    /// Until a frame is asked for, or it is time for one.
    fn wait(&self) {
        let asked = self.wake.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut asked, _) = self
            .wake
            .1
            .wait_timeout_while(asked, TICK, |asked| !*asked)
            .unwrap_or_else(PoisonError::into_inner);
        *asked = false;
    }

    fn opening(&mut self, which: usize, measured: &mut Measured) -> Result<(), ViewerError> {
        let before = self.viewer.session.open.as_ref().map_or(0, |o| o.opening);
        if which > 0 {
            self.viewer.wish(Command::Open(0));
        }
        let fresh = |viewer: &Viewer| {
            let open = viewer.session.open.as_ref();
            open.filter(|open| open.opening > before && open.fitted.is_some())
                .map(|open| {
                    let first = open.preview.is_some() || open.tiles.len() > 0;
                    // Asked for in the frame after the slide is there, so none pending is not yet all.
                    (first, open.tiles.len() > 0 && open.pending.is_empty())
                })
        };
        measured.first_picture_ms = self.until(|v| fresh(v).is_some_and(|(first, _)| first))?;
        let rest = self.until(|v| fresh(v).is_some_and(|(_, all)| all))?;
        measured.sharp_ms = measured.first_picture_ms + rest;
        Ok(())
    }

    /// Cells strewn over the slide, of mixed stain.
    fn put_cells(&mut self, result: &SlideResult, cells: usize) -> Result<(), ViewerError> {
        if scored_mpp(result).is_none() {
            return Err(ViewerError::Measure {
                message: "the result names no pixel size".to_owned(),
            });
        }
        if let Some(open) = self.viewer.session.open.as_mut() {
            let size = open.slide.ready().map(crate::state::OpenSlide::size);
            let side = size.map_or(60_000, |size| size.width.min(size.height));
            open.cells = Load::Ready(Arc::new(strewn(cells, f64::from(side))));
            open.view = None;
        }
        self.until(|v| {
            let open = v.session.open.as_ref();
            open.is_some_and(|open| open.review.live.is_some())
        })?;
        Ok(())
    }

    /// Thresholds moved again and again, as by a hand on the slider.
    fn regrade(&mut self, measured: &mut Measured) -> Result<(), ViewerError> {
        for step in 0..12_u8 {
            let low = 0.15 + 0.01 * f32::from(step);
            let Some(thresholds) = Thresholds::new([low, 0.4, 0.6]) else {
                continue;
            };
            let started = Instant::now();
            self.viewer
                .wish(Command::Review(ReviewCommand::Thresholds(thresholds)));
            self.frame();
            self.until(|v| {
                let review = v.session.review();
                review.is_some_and(|r| {
                    r.live
                        .as_ref()
                        .is_some_and(|live| live.revision == r.revision)
                })
            })?;
            measured.regrade_ms.push(ms(started.elapsed()));
        }
        self.viewer
            .wish(Command::Review(ReviewCommand::ResetThresholds));
        self.frame();
        Ok(())
    }

    /// Across the slide as through a 20x objective, each cell in view with outlines.
    fn near(&mut self, measured: &mut Measured) {
        for frame in 0..NEAR_FRAMES {
            let Some(open) = self.viewer.session.open.as_mut() else {
                return;
            };
            let (Some(fitted), Some(mpp)) =
                (open.fitted, open.slide.ready().and_then(|slide| slide.mpp))
            else {
                return;
            };
            // 20x shows half a micrometre per point.
            let mut view = crate::view::View {
                points_per_pixel: mpp.mean().get() / 0.5,
                ..fitted
            };
            view.centre.x += f64::from(frame) * 24.0;
            view.centre.y += f64::from(frame) * 7.0;
            open.outlines.possible = true;
            open.outlines.field_size = Some((1024.0, 1024.0));
            for field in open.outlines.wanted.clone() {
                let cells = open.cells.ready().map(|cells| circles(&cells.layer, field));
                open.outlines.take(field, cells.unwrap_or_default());
            }
            self.viewer.wish(Command::Look(view));
            let (update, tessellate) = self.frame();
            // The first frames ask for what the others draw.
            if frame > 10 {
                measured.near_ms.push(update + tessellate);
            }
            let left = Duration::from_millis(16)
                .saturating_sub(Duration::from_secs_f64((update + tessellate) / 1e3));
            std::thread::sleep(left);
        }
    }

    fn along_the_way(&mut self, measured: &mut Measured) {
        for frame in 0..FRAMES {
            let open = self.viewer.session.open.as_ref();
            let Some(fitted) = open.and_then(|open| open.fitted) else {
                return;
            };
            let share = f64::from(frame) / f64::from(FRAMES - 1);
            self.viewer.wish(Command::Look(view_along(fitted, share)));
            let (update, tessellate) = self.frame();
            measured.update_ms.push(update);
            measured.tessellate_ms.push(tessellate);
            // The rest of a sixtieth of a second belongs to the workers.
            let left = Duration::from_millis(16)
                .saturating_sub(Duration::from_secs_f64((update + tessellate) / 1e3));
            std::thread::sleep(left);
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Outlines of all cells of a field of 1024 pixels, with as many corners as real ones.
fn circles(layer: &CellLayer, (column, row): Field) -> Vec<Outlined> {
    let area = pantrk_space::SlideRect {
        x: f64::from(column) * 1024.0,
        y: f64::from(row) * 1024.0,
        width: 1024.0,
        height: 1024.0,
    };
    let ring = |corners: u8, radius: f32| {
        let angle = |i: u8| f32::from(i) / f32::from(corners) * std::f32::consts::TAU;
        let corner = |i| [radius * angle(i).cos(), radius * angle(i).sin()];
        (0..corners).map(corner).collect()
    };
    let (places, _) = layer.in_area(area, usize::MAX);
    let outlined = places.into_iter().map(|place| Outlined {
        place,
        nucleus: ring(14, 16.0),
        cell: ring(16, 30.0),
    });
    outlined.collect()
}

/// Cells at places and of stains that look like chance and are the same on every run.
fn strewn(cells: usize, side: f64) -> ScoredCells {
    let mixed = |i: usize, salt: u64| {
        let mut bits = (i as u64 + salt * 0x0100_0000).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits ^= bits >> 31;
        bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (bits >> 40) as f32 / (1_u64 << 24) as f32
    };
    let mut table = CellTable::default();
    for i in 0..cells {
        let place = |salt| (f64::from(mixed(i, salt)) * side * 0.9 + side * 0.05) as f32;
        table.x_px.push(place(1));
        table.y_px.push(place(2));
        table.nucleus_area_um2.push(40.0 + 30.0 * mixed(i, 3));
        table.cell_area_um2.push(120.0 + 60.0 * mixed(i, 4));
        for (column, salt) in table.dab_od.iter_mut().zip(5..) {
            column.push(0.8 * mixed(i, salt).powi(2));
        }
        table.cytoplasm_granularity.push(mixed(i, 9));
        table.tumour.push(i % 10 != 0);
    }
    let columns = ScorerCells {
        x_px: &table.x_px,
        y_px: &table.y_px,
        dab_od: table.dab_od.each_ref().map(Vec::as_slice),
        cytoplasm_granularity: &table.cytoplasm_granularity,
    };
    let scorer = Scorer::new(&columns);
    ScoredCells::new(CellLayer::new(&table), scorer)
}
