//! The frame: drain the jobs, run the commands, draw.

mod browsing;
mod desk;
mod drawing;
mod film;
mod layout;
mod notices;
mod outlining;
mod reviewing;
mod scoring;
mod signing;
mod training;

pub(crate) use film::view_along;
pub(crate) use signing::Opinion;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use egui::{ColorImage, TextureHandle, TextureOptions};
use pantrk_slide::{Slide, is_address};
use pantrk_space::{RegionReader, SlidePoint};

use crate::command::{Command, Commands};
use crate::error::ViewerError;
use crate::jobs::{
    FileAnswer, FileRequest, LibraryAnswer, LibraryRequest, LiveAnswer, LiveRequest, OutlineAnswer,
    OutlineRequest, Pool, Probe, ProbeRequest, ReviewAnswer, ReviewRequest, ScoringAnswer,
    ScoringRequest, SlideSource, TileAnswer, TilePool, TileRequest, TrainingAnswer,
    TrainingRequest, file_pool, library_pool, live_pool, outline_pool, probe_pool, review_pool,
    scan_pool, scored_mpp, scoring_pool, tile_pool, training_pool,
};
use crate::outlines::Outlines;
#[cfg(test)]
use crate::panels::PanelContext;
use crate::pyramid::{Pyramid, TileKey};
use crate::review::Review;
use crate::settings::{self, Settings};
use crate::stain_view::StainView;
use crate::state::{
    Beside, KeptReview, Load, OpenItem, OpenSlide, Session, Stain, TilePicture, WorkItem,
    WorkSource, whole,
};
use crate::tile_cache::TileCache;
use crate::tokens;
use crate::training::Training;
use crate::{SlideScorer, ViewerOptions};
use desk::PictureSlot;
use film::{Film, Outcome};

/// Tiles that one frame uploads: more would make panning stutter.
const UPLOADS_PER_FRAME: usize = 8;
/// Answers of the library that one frame takes.
const ANSWERS_PER_FRAME: usize = 64;
/// The window's first size, in points.
const WINDOW: [f32; 2] = [1440.0, 900.0];

/// Opens the window and returns when it is closed.
pub(crate) fn run(options: ViewerOptions) -> Result<(), ViewerError> {
    if let Some(path) = options
        .paths
        .iter()
        .find(|path| !path.exists() && !is_address(path))
    {
        return Err(ViewerError::NotFound { path: path.clone() });
    }
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("pantrk")
            .with_app_id("pantrk")
            .with_inner_size(WINDOW)
            .with_min_inner_size([900.0, 560.0]),
        ..Default::default()
    };
    let outcome = Outcome::default();
    let result = Arc::clone(&outcome);
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        let film = options.screenshot.map(|path| Film::new(path, result));
        // What is only photographed neither reads nor changes the user's settings.
        let settings_path = match film {
            Some(_) => None,
            None => settings::usual_place(),
        };
        let start = Start {
            paths: options.paths,
            scorer: options.scorer,
            settings_path,
            account: settings::account(),
        };
        let mut viewer = Viewer::new(&creation.egui_ctx, start)?;
        viewer.film = film;
        Ok(Box::new(viewer))
    });
    eframe::run_native("pantrk", native, create).map_err(|error| ViewerError::Window {
        message: error.to_string(),
    })?;
    let outcome = outcome
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    outcome.unwrap_or(Ok(()))
}

/// What the viewer starts from.
#[derive(Default)]
pub(crate) struct Start {
    /// What is opened.
    pub(crate) paths: Vec<PathBuf>,
    /// What scores slides.
    pub(crate) scorer: Option<Arc<dyn SlideScorer>>,
    /// Where settings are kept, if anywhere.
    pub(crate) settings_path: Option<PathBuf>,
    /// The name of the computer's account, where it is known.
    pub(crate) account: Option<String>,
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
    live: Pool<LiveRequest, LiveAnswer>,
    probe: Pool<ProbeRequest, Probe>,
    files: Pool<FileRequest, FileAnswer>,
    reviews: Pool<ReviewRequest, ReviewAnswer>,
    training: Pool<TrainingRequest, TrainingAnswer>,
    outlining: Option<Pool<OutlineRequest, OutlineAnswer>>,
    /// Folders whose reviews were asked for.
    marked: BTreeSet<PathBuf>,
    picture: PictureSlot,
    /// Where the picture that was asked for goes, where a name was chosen.
    picture_path: Option<PathBuf>,
    settings_path: Option<PathBuf>,
    kept_settings: Option<Settings>,
    started: Instant,
    /// When settings and reviews are looked at next, since the start.
    next_minding: Duration,
    scoring: Option<Pool<ScoringRequest, ScoringAnswer>>,
    film: Option<Film>,
    /// Whether the last session is opened again.
    restores: bool,
    /// How many openings there were.
    openings: u64,
}

impl eframe::App for Viewer {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.frame(ui);
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // The pools end after they did what they were asked.
        self.keep_review();
        self.keep_settings();
    }
}

impl Viewer {
    /// Starts the workers and the scan of the paths.
    pub(crate) fn new(ctx: &egui::Context, start: Start) -> Result<Self, ViewerError> {
        let Start {
            paths,
            scorer,
            settings_path,
            account,
        } = start;
        let settings = settings_path
            .as_deref()
            .map(Settings::read)
            .unwrap_or_default();
        tokens::apply(ctx);
        ctx.set_theme(settings.theme);
        if (settings.font_scale - 1.0).abs() > 1e-3 {
            ctx.set_zoom_factor(settings.font_scale);
        }
        let viewer_settings = settings.clone();
        let mut viewer = Self {
            settings,
            session: Session::default(),
            commands: Commands::default(),
            scan: scan_pool(ctx)?,
            library: library_pool(ctx)?,
            tiles: tile_pool(ctx)?,
            live: live_pool(ctx)?,
            probe: probe_pool(ctx)?,
            files: file_pool(ctx)?,
            reviews: review_pool(ctx)?,
            training: training_pool(ctx)?,
            outlining: match &scorer {
                Some(scorer) => Some(outline_pool(ctx, Arc::clone(scorer))?),
                None => None,
            },
            marked: BTreeSet::new(),
            picture: PictureSlot::default(),
            picture_path: None,
            kept_settings: settings_path.as_ref().map(|_| viewer_settings),
            settings_path,
            started: Instant::now(),
            next_minding: Duration::ZERO,
            scoring: match scorer {
                Some(scorer) => Some(scoring_pool(ctx, scorer)?),
                None => None,
            },
            film: None,
            restores: paths.is_empty(),
            openings: 0,
        };
        viewer.session.can_score = viewer.scoring.is_some();
        viewer.session.account = account;
        let kept = viewer.settings_path.as_deref().and_then(Path::parent);
        viewer.session.unscored_reviews = kept.map(Path::to_path_buf);
        // Without paths the last session is opened again.
        let last = viewer.settings.last_paths.clone();
        let paths = if paths.is_empty() { last } else { paths };
        let there: Vec<PathBuf> = paths
            .iter()
            .filter(|p| p.exists() || is_address(p))
            .cloned()
            .collect();
        if !there.is_empty() {
            viewer.settings.last_paths.clear();
            viewer.scan_paths(&there);
        }
        Ok(viewer)
    }

    /// Looks through more paths; what is found is added to the worklist.
    pub(crate) fn scan_paths(&mut self, paths: &[PathBuf]) {
        for path in paths {
            let whole = whole(path);
            if !self.settings.last_paths.contains(&whole) {
                self.settings.last_paths.push(whole);
            }
        }
        let request = LibraryRequest::Scan(paths.to_vec());
        self.session.scanning = self.scan.ask(request).is_ok();
    }

    /// Adds a command to those of the next frame.
    pub(crate) fn wish(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// One frame.
    pub(crate) fn frame(&mut self, ui: &mut egui::Ui) {
        let ctx = ui.ctx().clone();
        self.drain(&ctx);
        for command in self.commands.take() {
            self.run_command(&ctx, command);
        }
        self.restore();
        self.ask_for_score();
        self.decide_anew();
        self.mind_training(&ctx);
        self.ask_for_outlines();
        self.mind_time(&ctx);
        self.mind_notices(&ctx);
        self.film(&ctx);
        self.mind_hold(&ctx);
        self.draw(ui);
        if self.commands.ask_for_frame() {
            ctx.request_repaint();
        }
    }

    /// What panels and canvas look at.
    #[cfg(test)]
    pub(crate) fn context(&self) -> PanelContext<'_> {
        PanelContext {
            settings: &self.settings,
            session: &self.session,
            tile_capacity: self.tiles.capacity,
            keys: true,
        }
    }

    fn drain(&mut self, ctx: &egui::Context) {
        let mut answers = 0;
        while answers < ANSWERS_PER_FRAME
            && let Some(answer) = self.scan.take().or_else(|| self.library.take())
        {
            self.take_answer(ctx, answer);
            answers += 1;
        }
        while let Some(answer) = self.live.take() {
            self.take_score(answer);
        }
        while let Some(answer) = self.files.take() {
            self.take_file(answer);
        }
        while let Some(answer) = self.reviews.take() {
            self.take_review(answer);
        }
        while let Some(answer) = self.training.take() {
            self.take_training(ctx, answer);
        }
        self.take_outlines();
        self.take_scoring();
        self.take_picture(ctx);
        self.take_dropped(ctx);
        while let Some(probe) = self.probe.take() {
            if let Some(open) = self.opened(probe.opening) {
                open.probe = Some(probe);
            }
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
            LibraryAnswer::Item(item) => {
                self.want_marks(&item);
                if let WorkSource::Slide { path } = &item.source {
                    self.settings.keep_slide_folder(path);
                }
                self.session.worklist.push(item);
            }
            LibraryAnswer::AllRead { opening } => self.all_read(opening),
            LibraryAnswer::Trouble(message) => self.fail(message),
            LibraryAnswer::ScanDone => {
                self.session.scanning = false;
                self.open_first();
            }
            LibraryAnswer::Slide { opening, slide } => self.take_slide(opening, slide),
            LibraryAnswer::Beside { opening, slide } => {
                if let Some(beside) = self.beside(opening) {
                    beside.slide = load_from(slide.map(|(reader, given)| OpenSlide {
                        pyramid: Pyramid::new(reader.levels()),
                        mpp: given.or_else(|| reader.mpp()),
                        reader,
                    }));
                }
            }
            LibraryAnswer::Cells { opening, cells } => {
                if let Some(open) = self.opened(opening) {
                    open.cells = load_from(cells);
                }
            }
            LibraryAnswer::Regions { opening, text } => self.take_regions(opening, &text),
            LibraryAnswer::NoRegions { opening } => {
                if let Some(open) = self.opened(opening) {
                    open.review.drawing.set_base(Vec::new());
                    open.review.take_regions();
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
            LibraryAnswer::WorklistThumbnail { place, picture } => {
                let load = match picture {
                    Some(picture) => Load::Ready(upload(ctx, "worklist", picture)),
                    None => Load::Failed("no picture".to_owned()),
                };
                self.session.thumbnails.insert(place, load);
            }
            LibraryAnswer::Preview { opening, picture } => {
                if let Some(open) = self.opened(opening) {
                    open.preview = Some(upload(ctx, "preview", picture));
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
            (scored_mpp(result), facts.fingerprint.clone())
        });
        if let Ok(slide) = &slide {
            self.settings.keep_slide_folder(slide.path());
        }
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
            self.note(
                "The slide file is not the one that was scored: its contents differ. Figures, cells and heatmaps may not belong to these pixels."
                    .to_owned(),
            );
        }
    }

    fn take_tile(&mut self, ctx: &egui::Context, tile: TileAnswer) {
        let TileAnswer {
            key,
            image,
            holes,
            stain,
        } = tile;
        if let Some(beside) = self.beside(key.opening) {
            beside.pending.remove(&key);
            let bytes = image.as_ref().map_or(1 << 10, |i| i.pixels.len() * 4);
            let texture = image.map(|image| upload(ctx, "tile", image));
            beside
                .tiles
                .insert(key, TilePicture { texture, holes }, bytes);
            return;
        }
        let Some(open) = self.opened(key.opening) else {
            return;
        };
        if stain != open.stain {
            return;
        }
        open.pending.remove(&key);
        // An empty tile still counts, or unreadable slides would fill the memory with holes.
        let bytes = image
            .as_ref()
            .map_or(1 << 10, |image| image.pixels.len() * 4);
        let texture = image.map(|image| upload(ctx, "tile", image));
        open.tiles
            .insert(key, TilePicture { texture, holes }, bytes);
    }

    /// With one entry there is nothing to choose; and a session that is restored goes on where it was.
    fn open_first(&mut self) {
        if self.session.open.is_some() {
            return;
        }
        let list = &self.session.worklist;
        let settings = &self.settings;
        let at = |is: &dyn Fn(&WorkItem) -> bool| list.iter().position(is);
        let by_place = settings.last_place.as_deref();
        let by_place =
            by_place.and_then(|last| at(&|item| item.whole_place().as_deref() == Some(last)));
        // Settings of before name the slide alone, which says which it is where one bears the name.
        let by_id = settings.last_open.as_ref();
        let by_id = by_id.and_then(|id| {
            at(&|item| item.id == *id)
                .filter(|&first| list[first + 1..].iter().all(|item| item.id != *id))
        });
        let last = by_place.or(by_id).filter(|_| self.restores);
        if let Some(index) = last.or((list.len() == 1).then_some(0)) {
            self.open(index);
        }
    }

    /// What is open, if it is still that opening.
    fn opened(&mut self, opening: u64) -> Option<&mut OpenItem> {
        self.session
            .open
            .as_mut()
            .filter(|open| open.opening == opening)
    }

    fn run_command(&mut self, ctx: &egui::Context, command: Command) {
        let Some(command) = self.desk_command(ctx, command) else {
            return;
        };
        // The others are about what is open.
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        match command {
            Command::Look(view) => open.look(view),
            Command::Fit => open.view = None,
            Command::Fitted(view, rect) => {
                open.fitted = Some(view);
                open.canvas = rect;
            }
            Command::Seen(area) => open.see(area),
            Command::Turn => open.turn(),
            Command::Beside(index) => self.show_beside(index),
            Command::ShiftBeside(x, y) => {
                if let Some(beside) = &mut open.beside {
                    beside.offset_um.0 += x;
                    beside.offset_um.1 += y;
                }
            }
            Command::Point(pointer) => self.point(pointer),
            Command::ShowStain(stain) => self.show_stain(stain),
            Command::ShowHeatmap(metric) => self.show_heatmap(metric),
            Command::Tiles { drawn, wanted } => self.request_tiles(&drawn, &wanted),
            Command::Draw(command) => self.draw_command(command),
            Command::Review(command) => self.review_command(command),
            Command::Sign(command) => self.sign_command(command),
            Command::Train(command) => self.train_command(command),
            Command::WantOutlines(fields) => {
                open.outlines.wanted = fields;
                open.outlines.asked = true;
            }
            Command::Tour(by) => self.tour(by),
            Command::TourKind => self.next_tour(),
            _ => {}
        }
    }

    fn open(&mut self, index: usize) {
        self.keep_review();
        self.stop_making();
        let Some(item) = self.session.worklist.get(index) else {
            return;
        };
        let slides = self.settings.slide_folder.as_deref();
        let Some(source) = SlideSource::of(item, slides) else {
            if let WorkSource::Broken { reason } = &item.source {
                let reason = reason.clone();
                self.fail(reason);
            }
            return;
        };
        let review = Review::new(item.result());
        self.settings.last_open = Some(item.id.clone());
        self.settings.last_place = item.whole_place();
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
            preview: None,
            view: None,
            pointer: None,
            cells: Load::Absent,
            review,
            before: None,
            tour: None,
            gesture: None,
            probe: None,
            stain: Stain::Both,
            stain_view: None,
            motion: (0.0, 0.0),
            turns: 0,
            trail: Vec::new(),
            seen_last: None,
            erasing: false,
            fitted: None,
            beside: None,
            kept: KeptReview::default(),
            opinion: Opinion::default(),
            own_step: None,
            all_read: false,
            draft: None,
            kept_revision: 0,
            canvas: egui::Rect::NOTHING,
            chosen_cell: None,
            heatmaps: Vec::new(),
            heatmap: None,
            heatmap_pictures: BTreeMap::new(),
            tiles: TileCache::new(self.settings.tile_budget),
            pending: BTreeSet::new(),
            training: Training::default(),
            outlines: Outlines::new(self.outlining.is_some()),
        });
        self.want_review();
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

    /// The pointer moved; a place that finds the worker busy is passed over, the next one is asked for.
    fn point(&mut self, pointer: Option<SlidePoint>) {
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        open.pointer = pointer;
        if let (Some(at), Some(slide)) = (pointer, open.slide.ready()) {
            let request = ProbeRequest {
                opening: open.opening,
                at,
                reader: Arc::<Slide>::clone(&slide.reader) as Arc<dyn RegionReader>,
            };
            drop(self.probe.ask(request));
        }
    }

    /// Tiles of another stain are other tiles: they are read and deconvolved anew.
    fn show_stain(&mut self, stain: Stain) {
        let budget = self.settings.tile_budget;
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        if open.stain == stain {
            return;
        }
        open.stain = stain;
        let facts = self
            .session
            .worklist
            .get(open.index)
            .and_then(WorkItem::result)
            .map(|result| &result.stain);
        open.stain_view = (stain != Stain::Both).then(|| Arc::new(StainView::new(stain, facts)));
        open.tiles = TileCache::new(budget);
        open.pending.clear();
    }

    fn request_tiles(&mut self, drawn: &[TileKey], wanted: &[TileKey]) {
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        for &key in drawn {
            match &mut open.beside {
                Some(beside) if beside.opening == key.opening => beside.tiles.touch(key),
                _ => open.tiles.touch(key),
            }
        }
        for &key in wanted {
            let (slide, pending, stain) = match &mut open.beside {
                Some(beside) if beside.opening == key.opening => {
                    (&beside.slide, &mut beside.pending, None)
                }
                _ if key.opening == open.opening => {
                    (&open.slide, &mut open.pending, open.stain_view.clone())
                }
                _ => continue,
            };
            let Some(slide) = slide.ready() else { continue };
            if pending.contains(&key) {
                continue;
            }
            let Some(plan) = slide.pyramid.plan(key) else {
                continue;
            };
            let request = TileRequest {
                key,
                plan,
                reader: Arc::<Slide>::clone(&slide.reader) as Arc<dyn RegionReader>,
                stain,
            };
            if !self.tiles.ask(request) {
                // Dropped; the frame after the next finished tile asks again.
                return;
            }
            pending.insert(key);
        }
    }

    /// Shows a second slide beside what is open, or none.
    fn show_beside(&mut self, index: Option<usize>) {
        let budget = self.settings.tile_budget / 2;
        let item = index.and_then(|index| Some((index, self.session.worklist.get(index)?)));
        let slides = self.settings.slide_folder.as_deref();
        let chosen = item.and_then(|(index, item)| {
            Some((index, SlideSource::of(item, slides)?, item.id.clone()))
        });
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        open.beside = None;
        let Some((index, source, name)) = chosen else {
            self.tiles.serve_beside(0);
            return;
        };
        self.openings += 1;
        let opening = self.openings;
        self.tiles.serve_beside(opening);
        let asked = self.library.ask(LibraryRequest::Beside { opening, source });
        open.beside = Some(Beside {
            opening,
            index,
            name,
            slide: match asked {
                Ok(()) => Load::Waiting,
                Err(_) => Load::Failed("too much is being opened at once".to_owned()),
            },
            tiles: TileCache::new(budget),
            pending: BTreeSet::new(),
            offset_um: (0.0, 0.0),
        });
    }

    /// The second slide, if it is still that one.
    fn beside(&mut self, opening: u64) -> Option<&mut Beside> {
        let open = self.session.open.as_mut()?;
        open.beside.as_mut().filter(|b| b.opening == opening)
    }
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
