//! The frame: drain the jobs, run the commands, draw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use egui::{ColorImage, TextureHandle, TextureOptions};
use pantrk_slide::Slide;
use pantrk_space::{MicronsPerPixel, RegionReader, SlideMpp};
use pantrk_store::SlideResult;

use crate::canvas;
use crate::command::{Command, Commands};
use crate::error::ViewerError;
use crate::jobs::{
    LibraryAnswer, LibraryRequest, Pool, SlideSource, TileAnswer, TilePool, TileRequest,
    library_pool, scan_pool, tile_pool,
};
use crate::panels::{self, PanelContext, Place};
use crate::pyramid::{Pyramid, TileKey};
use crate::state::{Load, OpenItem, OpenSlide, Session, Settings, TilePicture, WorkSource};
use crate::tile_cache::TileCache;
use crate::tokens;

/// Tiles that one frame uploads: more would make panning stutter.
const UPLOADS_PER_FRAME: usize = 8;
/// Answers of the library that one frame takes.
const ANSWERS_PER_FRAME: usize = 64;
/// Messages that are kept.
const MAX_MESSAGES: usize = 5;
/// The window's first size, in points.
const WINDOW: [f32; 2] = [1440.0, 900.0];

/// Opens the window and returns when it is closed.
pub(crate) fn run(paths: &[PathBuf]) -> Result<(), ViewerError> {
    if let Some(path) = paths.iter().find(|path| !path.exists()) {
        return Err(ViewerError::NotFound { path: path.clone() });
    }
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("pantrk")
            .with_app_id("pantrk")
            .with_inner_size(WINDOW)
            .with_min_inner_size([900.0, 560.0]),
        ..Default::default()
    };
    let paths = paths.to_vec();
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        let viewer = Viewer::new(&creation.egui_ctx, &paths)?;
        Ok(Box::new(viewer))
    });
    eframe::run_native("pantrk", options, create).map_err(|error| ViewerError::Window {
        message: error.to_string(),
    })
}

/// The whole viewer.
pub(crate) struct Viewer {
    settings: Settings,
    /// Read by the tests, changed by commands and answers alone.
    pub(crate) session: Session,
    commands: Commands,
    scan: Pool<LibraryRequest, LibraryAnswer>,
    library: Pool<LibraryRequest, LibraryAnswer>,
    tiles: TilePool,
    /// How many openings there were.
    openings: u64,
}

impl eframe::App for Viewer {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.frame(ui);
    }
}

impl Viewer {
    /// Starts the workers and the scan of `paths`.
    pub(crate) fn new(ctx: &egui::Context, paths: &[PathBuf]) -> Result<Self, ViewerError> {
        let settings = Settings::default();
        tokens::apply(ctx);
        ctx.set_theme(settings.theme);
        let mut viewer = Self {
            settings,
            session: Session::default(),
            commands: Commands::default(),
            scan: scan_pool(ctx)?,
            library: library_pool(ctx)?,
            tiles: tile_pool(ctx)?,
            openings: 0,
        };
        if !paths.is_empty() {
            let request = LibraryRequest::Scan(paths.to_vec());
            viewer.session.scanning = viewer.scan.ask(request).is_ok();
        }
        Ok(viewer)
    }

    /// One frame.
    pub(crate) fn frame(&mut self, ui: &mut egui::Ui) {
        let ctx = ui.ctx().clone();
        self.drain(&ctx);
        for command in self.commands.take() {
            self.run_command(&ctx, command);
        }
        self.draw(ui);
        if self.commands.ask_for_frame() {
            ctx.request_repaint();
        }
    }

    fn draw(&mut self, ui: &mut egui::Ui) {
        let context = PanelContext {
            settings: &self.settings,
            session: &self.session,
            tile_capacity: self.tiles.capacity,
        };
        let out = &mut self.commands;
        egui::Panel::top("top").show(ui, |ui| panels::show(ui, Place::Top, &context, out));
        egui::Panel::bottom("bottom").show(ui, |ui| panels::show(ui, Place::Bottom, &context, out));
        egui::Panel::left("left")
            .default_size(264.0)
            .size_range(200.0..=460.0)
            .show(ui, |ui| {
                egui::Panel::bottom("left_bottom")
                    .resizable(false)
                    .show(ui, |ui| {
                        panels::show(ui, Place::LeftBottom, &context, out);
                    });
                panels::show(ui, Place::Left, &context, out);
            });
        if self.session.open_result().is_some() {
            egui::Panel::right("right")
                .default_size(412.0)
                .size_range(340.0..=620.0)
                .show(ui, |ui| panels::show(ui, Place::Right, &context, out));
        }
        egui::CentralPanel::no_frame().show(ui, |ui| canvas::canvas_ui(ui, &context, out));
    }

    fn drain(&mut self, ctx: &egui::Context) {
        let mut answers = 0;
        while answers < ANSWERS_PER_FRAME
            && let Some(answer) = self.scan.take().or_else(|| self.library.take())
        {
            self.take_answer(ctx, answer);
            answers += 1;
        }
        let mut uploads = 0;
        while uploads < UPLOADS_PER_FRAME
            && let Some(tile) = self.tiles.take()
        {
            self.take_tile(ctx, tile);
            uploads += 1;
        }
        if answers == ANSWERS_PER_FRAME || uploads == UPLOADS_PER_FRAME {
            // There may be more.
            ctx.request_repaint();
        }
    }

    fn take_answer(&mut self, ctx: &egui::Context, answer: LibraryAnswer) {
        match answer {
            LibraryAnswer::Item(item) => self.session.worklist.push(item),
            LibraryAnswer::Trouble(message) => self.say(message),
            LibraryAnswer::ScanDone => {
                self.session.scanning = false;
                // With one entry there is nothing to choose.
                if self.session.worklist.len() == 1 && self.session.open.is_none() {
                    self.open(0);
                }
            }
            LibraryAnswer::Slide { opening, slide } => self.take_slide(opening, slide),
            LibraryAnswer::Cells { opening, cells } => {
                if let Some(open) = self.opened(opening) {
                    open.cells = load_from(cells);
                }
            }
            LibraryAnswer::Heatmaps { opening, entries } => {
                if let Some(open) = self.opened(opening) {
                    open.heatmaps = entries;
                }
            }
            LibraryAnswer::Heatmap {
                opening,
                metric,
                picture,
            } => {
                if let Some(open) = self.opened(opening) {
                    let texture = picture.map(|picture| upload(ctx, &metric, picture));
                    open.heatmap_pictures.insert(metric, load_from(texture));
                }
            }
            LibraryAnswer::Thumbnail { opening, picture } => {
                if let Some(open) = self.opened(opening) {
                    open.thumbnail = Some(upload(ctx, "thumbnail", picture));
                }
            }
        }
    }

    fn take_slide(&mut self, opening: u64, slide: Result<Arc<Slide>, String>) {
        let scored = self.session.open_result().map(|result| {
            let facts = &result.slide;
            (given_mpp(result), facts.fingerprint.clone())
        });
        let Some(open) = self.opened(opening) else {
            return;
        };
        let mut other_file = false;
        open.slide = match slide {
            Err(reason) => Load::Failed(reason),
            Ok(reader) => {
                let (given, fingerprint) = scored.unzip();
                other_file = fingerprint.is_some_and(|wanted| wanted != reader.fingerprint());
                Load::Ready(OpenSlide {
                    pyramid: Pyramid::new(reader.levels()),
                    mpp: given.flatten().or_else(|| reader.mpp()),
                    reader,
                })
            }
        };
        if other_file {
            self.say(
                "The slide file is not the one that was scored: its contents differ. Figures, cells and heatmaps may not belong to these pixels."
                    .to_owned(),
            );
        }
    }

    fn take_tile(&mut self, ctx: &egui::Context, tile: TileAnswer) {
        let TileAnswer { key, image, holes } = tile;
        let Some(open) = self.opened(key.opening) else {
            return;
        };
        open.pending.remove(&key);
        // An empty tile still counts, or unreadable slides would fill the memory with holes.
        let bytes = image
            .as_ref()
            .map_or(1 << 10, |image| image.pixels.len() * 4);
        let texture = image.map(|image| upload(ctx, "tile", image));
        open.tiles
            .insert(key, TilePicture { texture, holes }, bytes);
    }

    /// What is open, if it is still that opening.
    fn opened(&mut self, opening: u64) -> Option<&mut OpenItem> {
        self.session
            .open
            .as_mut()
            .filter(|open| open.opening == opening)
    }

    fn say(&mut self, message: String) {
        if self.session.messages.contains(&message) {
            return;
        }
        if self.session.messages.len() == MAX_MESSAGES {
            self.session.messages.remove(0);
        }
        self.session.messages.push(message);
    }

    fn run_command(&mut self, ctx: &egui::Context, command: Command) {
        let open = self.session.open.as_mut();
        match (command, open) {
            (Command::Open(index), _) => self.open(index),
            (Command::Theme(theme), _) => {
                self.settings.theme = theme;
                ctx.set_theme(theme);
            }
            (Command::HeatmapOpacity(opacity), _) => self.settings.heatmap_opacity = opacity,
            (Command::ShowCells(show), _) => self.settings.show_cells = show,
            (Command::Dismiss(index), _) => {
                if index < self.session.messages.len() {
                    self.session.messages.remove(index);
                }
            }
            (Command::Look(view), Some(open)) => open.view = Some(view),
            (Command::Fit, Some(open)) => open.view = None,
            (Command::Point(pointer), Some(open)) => open.pointer = pointer,
            (Command::ShowHeatmap(metric), Some(_)) => self.show_heatmap(metric),
            (Command::Tiles { drawn, wanted }, Some(_)) => self.request_tiles(&drawn, &wanted),
            (
                Command::Look(_)
                | Command::Fit
                | Command::Point(_)
                | Command::ShowHeatmap(_)
                | Command::Tiles { .. },
                None,
            ) => {}
        }
    }

    fn open(&mut self, index: usize) {
        let Some(item) = self.session.worklist.get(index) else {
            return;
        };
        let Some(source) = SlideSource::of(item) else {
            if let WorkSource::Broken { reason } = &item.source {
                let reason = reason.clone();
                self.say(reason);
            }
            return;
        };
        self.openings += 1;
        let opening = self.openings;
        self.tiles.serve(opening);
        let asked = self.library.ask(LibraryRequest::Open { opening, source });
        let slide = match asked {
            Ok(()) => Load::Waiting,
            Err(_) => Load::Failed("too much is being opened at once; click again".to_owned()),
        };
        self.session.open = Some(OpenItem {
            index,
            opening,
            slide,
            thumbnail: None,
            view: None,
            pointer: None,
            cells: Load::Absent,
            heatmaps: Vec::new(),
            heatmap: None,
            heatmap_pictures: BTreeMap::new(),
            tiles: TileCache::new(self.settings.tile_budget),
            pending: BTreeSet::new(),
        });
    }

    fn show_heatmap(&mut self, metric: Option<String>) {
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        open.heatmap = None;
        let Some(metric) = metric else {
            return;
        };
        let Some(entry) = open.heatmaps.iter().find(|e| e.metric == metric) else {
            return;
        };
        open.heatmap = Some(metric.clone());
        if open.heatmap_pictures.contains_key(&metric) {
            return;
        }
        let source = self
            .session
            .worklist
            .get(open.index)
            .map(|item| &item.source);
        let Some(WorkSource::Result { folder, .. }) = source else {
            return;
        };
        let request = LibraryRequest::Heatmap {
            opening: open.opening,
            folder: folder.clone(),
            entry: entry.clone(),
        };
        let load = match self.library.ask(request) {
            Ok(()) => Load::Waiting,
            Err(_) => Load::Failed("too much is being read at once; choose it again".to_owned()),
        };
        open.heatmap_pictures.insert(metric, load);
    }

    fn request_tiles(&mut self, drawn: &[TileKey], wanted: &[TileKey]) {
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        for &key in drawn {
            open.tiles.touch(key);
        }
        let Some(slide) = open.slide.ready() else {
            return;
        };
        for &key in wanted {
            if key.opening != open.opening || open.pending.contains(&key) {
                continue;
            }
            let Some(plan) = slide.pyramid.plan(key) else {
                continue;
            };
            let request = TileRequest {
                key,
                plan,
                reader: Arc::<Slide>::clone(&slide.reader) as Arc<dyn RegionReader>,
            };
            if !self.tiles.ask(request) {
                // Dropped; the frame after the next finished tile asks again.
                return;
            }
            open.pending.insert(key);
        }
    }
}

/// The pixel size that the score was made with.
fn given_mpp(result: &SlideResult) -> Option<SlideMpp> {
    Some(SlideMpp {
        x: MicronsPerPixel::new(result.slide.mpp_x)?,
        y: MicronsPerPixel::new(result.slide.mpp_y)?,
    })
}

fn load_from<T>(result: Result<T, String>) -> Load<T> {
    match result {
        Ok(value) => Load::Ready(value),
        Err(reason) => Load::Failed(reason),
    }
}

fn upload(ctx: &egui::Context, name: &str, picture: ColorImage) -> TextureHandle {
    ctx.load_texture(name, picture, TextureOptions::LINEAR)
}
