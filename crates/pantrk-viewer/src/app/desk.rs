//! Commands about the window, the worklist and the settings; and the tour.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use egui::ColorImage;
use pantrk_store::ReviewState;

use crate::command::Command;
use crate::jobs::{FileAnswer, FileRequest, LibraryRequest, ThumbnailSource};
use crate::state::{Load, OpenItem, WorkSource};
use crate::tour::{self, Tour};
use crate::training::Origin;
use crate::view::View;
use crate::worklist::shown_with;

use super::Viewer;

/// The window's pixels, once they were asked for and have come.
pub(super) type PictureSlot = Arc<Mutex<Option<Arc<ColorImage>>>>;

/// Between two looks at what is to be kept.
const EVERY: Duration = Duration::from_secs(4);

impl Viewer {
    /// Runs a command that needs nothing open; gives back what does.
    pub(super) fn desk_command(
        &mut self,
        ctx: &egui::Context,
        command: Command,
    ) -> Option<Command> {
        let settings = &mut self.settings;
        let session = &mut self.session;
        match command {
            Command::Open(index) => self.open(index),
            Command::Step(by) => self.step(by),
            Command::NextCase => self.next_case(),
            Command::Theme(theme) => {
                settings.theme = theme;
                ctx.set_theme(theme);
            }
            Command::FontScale(scale) => {
                settings.font_scale = scale;
                ctx.set_zoom_factor(scale);
            }
            Command::HeatmapOpacity(opacity) => settings.heatmap_opacity = opacity,
            Command::CellOpacity(opacity) => settings.cell_opacity = opacity,
            Command::RegionOpacity(opacity) => settings.region_opacity = opacity,
            Command::PreviewOpacity(opacity) => settings.preview_opacity = opacity,
            Command::ShowCells(show) => settings.show_cells = show,
            Command::ShowRegions(show) => settings.show_regions = show,
            Command::LayerDetails(show) => settings.layer_details = show,
            Command::Sort(sort) => settings.sort = sort,
            Command::Filter(filter) => settings.filter = filter,
            Command::Search(search) => session.search = search,
            Command::Help(help) => session.help = help,
            Command::Log(log) => session.show_log = log,
            Command::Dismiss(id) => session.notices.dismiss(id),
            Command::DismissAll => session.notices.dismiss_all(),
            Command::HoldNotice(id) => session.notices.hold(id, Instant::now()),
            Command::WantThumbnail(index) => self.want_thumbnail(index),
            Command::OpenAddress(address) => {
                if let Err(error) = open_address(&address) {
                    self.fail(format!("The browser did not open ({error}): {address}"));
                }
            }
            Command::SavePicture => self.save_picture(ctx),
            Command::Browse(command) => self.browse_command(ctx, command),
            Command::ScoreAll => self.score_all(),
            Command::Score(index) => self.score(index..index + 1),
            Command::ScoreAgain(index) => self.ask_again(index),
            Command::AnswerAgain(again) => self.answer_again(again),
            Command::CancelScoring(path) => self.cancel_scoring(&path),
            other => return Some(other),
        }
        None
    }

    /// Opens a row further down the worklist, as it is shown.
    fn step(&mut self, by: i32) {
        let order = (self.settings.sort, self.settings.filter);
        let session = &self.session;
        let now = session.open.as_ref().map(|open| open.index);
        // With what is open, which a review may have taken out of what the filter lets through.
        let places = shown_with(session, order, now);
        let at = now.and_then(|now| places.iter().position(|&place| place == now));
        let next = match at {
            Some(at) => (at as i64 + i64::from(by)).clamp(0, places.len() as i64 - 1) as usize,
            None => 0,
        };
        if let Some(&index) = places.get(next)
            && Some(index) != now
        {
            self.open(index);
        }
    }

    /// Opens the next case of the worklist that is not signed, as the list is shown; from its end it goes on at its beginning.
    fn next_case(&mut self) {
        let order = (self.settings.sort, self.settings.filter);
        let session = &self.session;
        let now = session.open.as_ref().map(|open| open.index);
        let places = shown_with(session, order, now);
        let at = now.and_then(|now| places.iter().position(|&place| place == now));
        let after = at.map_or(0, |at| at + 1);
        let waits = |index: &usize| {
            let item = &session.worklist[*index];
            Some(*index) != now
                && item.result().is_some()
                && session.mark(item) != ReviewState::Signed
        };
        let round = places[after..].iter().chain(&places[..after]).copied();
        match round.into_iter().find(waits) {
            Some(index) => self.open(index),
            None => self.inform("No other case of this list waits for a signature.".to_owned()),
        }
    }

    fn want_thumbnail(&mut self, index: usize) {
        let Some(item) = self.session.worklist.get(index) else {
            return;
        };
        let (Some(place), Some(source)) = (item.place(), ThumbnailSource::of(item)) else {
            return;
        };
        if self.session.thumbnails.contains_key(place) {
            return;
        }
        let place = place.to_path_buf();
        let request = LibraryRequest::WorklistThumbnail {
            place: place.clone(),
            source,
        };
        // A full queue is asked again by a later frame.
        if self.scan.ask(request).is_ok() {
            self.session.thumbnails.insert(place, Load::Waiting);
        }
    }

    /// Goes so many fields further in the tour, which begins where there is none.
    pub(super) fn tour(&mut self, by: i32) {
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        match &mut open.tour {
            Some(tour) if !tour.fields.is_empty() => {
                let n = tour.fields.len() as i64;
                tour.at = (tour.at as i64 + i64::from(by)).rem_euclid(n) as usize;
            }
            _ => begin_tour(open, tour::FieldKind::Hottest),
        }
        look_at_field(open);
    }

    /// Leads through fields of the next kind.
    pub(super) fn next_tour(&mut self) {
        let Some(open) = self.session.open.as_mut() else {
            return;
        };
        let kind = match &open.tour {
            Some(tour) => tour.kind.next(),
            None => tour::FieldKind::Hottest,
        };
        begin_tour(open, kind);
        look_at_field(open);
    }

    /// Asks the window for its pixels; what lies on the canvas is saved when they come.
    pub(super) fn save_picture(&mut self, ctx: &egui::Context) {
        self.session.picturing = true;
        let slot = Arc::clone(&self.picture);
        let waker = ctx.clone();
        let callback = egui::ScreenshotCallback::new(move |image| {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(image);
            waker.request_repaint();
        });
        ctx.send_viewport_cmd(egui::ViewportCommand::Screenshot(callback));
    }

    /// The window's pixels came.
    pub(super) fn take_picture(&mut self, ctx: &egui::Context) {
        // The painter fills it between frames, so the lock is free.
        let Ok(mut slot) = self.picture.try_lock() else {
            return;
        };
        let Some(image) = slot.take() else { return };
        drop(slot);
        self.session.picturing = false;
        let chosen = self.picture_path.take();
        let replace = chosen.is_some();
        let path = chosen.or_else(|| self.export_path("view.png"));
        let (Some(path), Some(open)) = (path, &self.session.open) else {
            return;
        };
        let scale = ctx.pixels_per_point();
        let rect = open.canvas;
        let part = [rect.left(), rect.top(), rect.width(), rect.height()]
            .map(|points| (points * scale).round().max(0.0) as usize);
        self.ask_files(FileRequest::Picture {
            image,
            part,
            path,
            replace,
        });
    }

    /// Where what is exported of the open slide goes: beside the results' folders, not into them, for scoring again replaces those.
    pub(super) fn export_path(&self, what: &str) -> Option<PathBuf> {
        let (item, _) = self.session.open_item()?;
        let root = match &item.source {
            WorkSource::Result { folder, .. } => folder.parent(),
            WorkSource::Slide { path } => path.parent(),
            WorkSource::Broken { .. } => None,
        }?;
        Some(root.join("reviews").join(format!("{}-{what}", item.id)))
    }

    pub(super) fn export_shapes(&mut self) {
        let open = self.session.open.as_ref();
        let strokes = open.is_some_and(|o| o.review.drawing.shapes().iter().any(|s| s.trains));
        if strokes && let Some(path) = self.export_path("strokes.geojson") {
            // Apart: they are no regions. `pantrk regions train` takes them.
            self.save_shapes(path, true);
        }
        if let Some(path) = self.export_path("regions.geojson") {
            self.save_shapes(path, false);
        }
    }

    pub(super) fn take_file(&mut self, answer: FileAnswer) {
        match answer {
            FileAnswer::Said(Ok(text)) => self.done(text),
            FileAnswer::Said(Err(text)) => self.fail(text),
            FileAnswer::Listing { folder, entries } => {
                let browser = self.session.browser.as_mut();
                if let Some(browser) = browser.filter(|b| b.folder == folder) {
                    browser.entries = super::load_from(entries);
                }
            }
            FileAnswer::Classifier {
                opening,
                path,
                classifier,
            } => {
                if let Some(open) = self.opened(opening) {
                    // The strokes that are there were not trained with; they wait for the next.
                    open.training.trained = Some(open.review.drawing.stroke_revision);
                    open.training.take_model(*classifier, Origin::File(path));
                }
            }
            FileAnswer::Shapes {
                opening,
                path,
                shapes,
            } => {
                let locked = self.session.is_locked();
                let n = shapes.len();
                if let Some(open) = self.opened(opening)
                    && !locked
                {
                    open.review.drawing.add("import", shapes);
                    open.review.take_regions();
                }
                if locked {
                    self.note(format!(
                        "The slide is signed; nothing was taken from {}",
                        path.display()
                    ));
                } else {
                    self.done(format!("{n} shapes were taken from {}", path.display()));
                }
            }
        }
    }

    /// Files dropped on the window: GeoJSON is drawn, all else is opened.
    pub(super) fn take_dropped(&mut self, ctx: &egui::Context) {
        let dropped: Vec<PathBuf> = ctx.input(|i| {
            i.raw
                .dropped_files
                .iter()
                .map(|file| file.path().to_path_buf())
                .collect()
        });
        let (regions, others): (Vec<_>, Vec<_>) = dropped.into_iter().partition(|path| {
            path.extension().is_some_and(|e| {
                e.eq_ignore_ascii_case("geojson") || e.eq_ignore_ascii_case("json")
            })
        });
        for path in regions {
            self.import_regions(path);
        }
        if !others.is_empty() {
            self.scan_paths(&others);
        }
    }

    /// What is to be done from time to time.
    pub(super) fn mind_time(&mut self, ctx: &egui::Context) {
        let now = self.started.elapsed();
        if now < self.next_minding {
            // Asked for in every frame: one that comes a little early would else be the last for as long as no hand moves.
            ctx.request_repaint_after(self.next_minding.saturating_sub(now));
            return;
        }
        self.next_minding = now + EVERY;
        self.settings.font_scale = ctx.zoom_factor();
        self.keep_settings();
        self.keep_review();
        ctx.request_repaint_after(EVERY);
    }

    /// Keeps the settings, if there is a place for them and they changed.
    pub(super) fn keep_settings(&mut self) {
        let Some(path) = &self.settings_path else {
            return;
        };
        if self.kept_settings.as_ref() == Some(&self.settings) {
            return;
        }
        let request = FileRequest::Settings {
            text: self.settings.to_json(),
            path: path.clone(),
        };
        if self.files.ask(request).is_ok() {
            self.kept_settings = Some(self.settings.clone());
        }
    }
}

/// Hands an address to the system's browser.
fn open_address(address: &str) -> std::io::Result<()> {
    let (program, before): (&str, &[&str]) = if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else if cfg!(target_os = "macos") {
        ("open", &[])
    } else {
        ("xdg-open", &[])
    };
    // Only the web: nothing that a table holds may start anything else.
    if !address.starts_with("https://") && !address.starts_with("http://") {
        return Err(std::io::Error::other("it is no web address"));
    }
    let mut child = std::process::Command::new(program)
        .args(before)
        .arg(address)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    // It ends by itself; asked once, so that one that failed at once is not left behind.
    child.try_wait().map(drop)
}

fn begin_tour(open: &mut OpenItem, kind: tour::FieldKind) {
    let (Some(cells), Some(mpp)) = (
        open.cells.ready(),
        open.slide.ready().and_then(|slide| slide.mpp),
    ) else {
        return;
    };
    let counted = open.review.live.as_ref().map(|live| &*live.counted);
    let fields = tour::fields(kind, (&cells.layer, counted), open.review.thresholds, mpp);
    open.tour = Some(Tour {
        kind,
        fields,
        at: 0,
    });
}

/// Shows the field of the tour that its turn is.
fn look_at_field(open: &mut OpenItem) {
    let Some(mpp) = open.slide.ready().and_then(|slide| slide.mpp) else {
        return;
    };
    let field = open.tour.as_ref().and_then(|tour| tour.fields.get(tour.at));
    if let (Some(field), Some(fitted)) = (field, open.fitted) {
        // So that the field takes about half of the canvas.
        let points_per_pixel = mpp.mean().get() / tour::FIELD_UM * 420.0;
        open.look(View {
            centre: field.centre,
            points_per_pixel,
            ..fitted
        });
    }
}
