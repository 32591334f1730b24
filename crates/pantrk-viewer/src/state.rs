//! What the viewer knows, as data.
//!
//! [`crate::settings::Settings`] are the user's and outlive the session; the [`Session`] is what is open just now.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use egui::TextureHandle;
use pantrk_slide::{Slide, is_address};
use pantrk_space::{LevelSize, RegionReader as _, SlideMpp, SlidePoint, SlideRect};
use pantrk_store::{AuditEntry, HeatmapEntry, ReviewState, SlideResult, SlideReview};

use crate::Given;
use crate::app::Opinion;
use crate::browser::Browser;
use crate::draft::Draft;
use crate::drawing::{Gesture, Tool};
use crate::jobs::{Probe, ScoredCells};
use crate::notice::Notices;
use crate::outlines::Outlines;
use crate::own_step::OwnStep;
use crate::pyramid::{Pyramid, TileKey};
use crate::reading::Mark;
use crate::review::Review;
use crate::stain_view::StainView;
use crate::tile_cache::TileCache;
use crate::tour::Tour;
use crate::training::Training;
use crate::view::View;

/// No texture is larger along a side: the least that OpenGL ES 2 hardware of the last years takes.
pub(crate) const MAX_TEXTURE_SIDE: u32 = 2048;

/// What is to be done before a slide is signed of whose tumour something was not scored.
pub(crate) const UNSCORED_FIRST: &str =
    "Score it again with these regions, or take them back, before you sign.";

/// What is open just now.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing of its own that is there or not"
)]
pub(crate) struct Session {
    /// All that can be opened.
    pub(crate) worklist: Vec<WorkItem>,
    /// Whether folders are still being looked through.
    pub(crate) scanning: bool,
    /// What is open.
    pub(crate) open: Option<OpenItem>,
    /// What the user is told just now.
    pub(crate) notices: Notices,
    /// Whether the window's pixels are awaited, on which no passing notice is to be.
    pub(crate) picturing: bool,
    /// All that was said since the start, the oldest first.
    pub(crate) log: Vec<String>,
    /// Whether the log is shown.
    pub(crate) show_log: bool,
    /// Whether the help sheet is shown.
    pub(crate) help: bool,
    /// The list of files, while something is chosen.
    pub(crate) browser: Option<Browser>,
    /// What the worklist is searched for.
    pub(crate) search: String,
    /// What is kept of the reviews, by the folder of their database and the id in it: slides of one name may be kept in several.
    pub(crate) marks: BTreeMap<PathBuf, BTreeMap<String, Mark>>,
    /// The folder of the database for slides that have no result, if there is one.
    pub(crate) unscored_reviews: Option<PathBuf>,
    /// Small pictures, by the entry's place.
    pub(crate) thumbnails: BTreeMap<PathBuf, Load<TextureHandle>>,
    /// Slides that are being scored or wait for it, by their entry's place.
    pub(crate) scoring: BTreeMap<PathBuf, ScoreJob>,
    /// The place of the entry of which it is asked whether it is to be scored again.
    pub(crate) ask_again: Option<PathBuf>,
    /// Whether slides can be scored from here.
    pub(crate) can_score: bool,
    /// The name of the computer's account, where it is known.
    pub(crate) account: Option<String>,
}

/// A slide that is being scored or waits for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScoreJob {
    /// The slide's id, as it is told.
    pub(crate) id: String,
    /// Whether it is being scored.
    pub(crate) running: bool,
    /// What is being done.
    pub(crate) stage: String,
    /// Steps done.
    pub(crate) done: u64,
    /// Steps in all.
    pub(crate) total: u64,
    /// Set to stop it.
    pub(crate) cancel: Arc<AtomicBool>,
    /// What was said of it since it was put into the queue; taken when its turn comes.
    pub(crate) given: GivenSlot,
}

/// What a person said of a slide that waits to be scored, where that is known better than it is kept.
pub(crate) type GivenSlot = Arc<Mutex<Option<Given>>>;

impl ScoreJob {
    /// The share of the stage that is done.
    pub(crate) fn share(&self) -> f32 {
        (self.done as f32 / self.total.max(1) as f32).clamp(0.0, 1.0)
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        if self.running {
            format!("{} {:.0} %", self.stage, 100.0 * self.share())
        } else {
            "waits to be scored".to_owned()
        }
    }
}

/// An entry of the worklist.
#[derive(Debug, Clone)]
pub(crate) struct WorkItem {
    /// The slide's id.
    pub(crate) id: String,
    /// Where it comes from.
    pub(crate) source: WorkSource,
}

/// Where an entry of the worklist comes from.
#[derive(Debug, Clone)]
pub(crate) enum WorkSource {
    /// A slide that was not scored, or whose score is not at hand.
    Slide {
        /// The file.
        path: PathBuf,
    },
    /// A scored slide.
    Result {
        /// Its folder.
        folder: PathBuf,
        /// The score.
        result: Arc<SlideResult>,
    },
    /// A folder whose result cannot be read.
    Broken {
        /// Why.
        reason: String,
    },
}

impl WorkItem {
    /// The score, where there is one.
    pub(crate) fn result(&self) -> Option<&SlideResult> {
        match &self.source {
            WorkSource::Result { result, .. } => Some(result),
            WorkSource::Slide { .. } | WorkSource::Broken { .. } => None,
        }
    }

    /// The result's folder or the slide's file: what tells entries of one name apart.
    pub(crate) fn place(&self) -> Option<&Path> {
        match &self.source {
            WorkSource::Result { folder, .. } => Some(folder),
            WorkSource::Slide { path } => Some(path),
            WorkSource::Broken { .. } => None,
        }
    }

    /// The same from the root on, so that another start from another folder knows it again.
    pub(crate) fn whole_place(&self) -> Option<PathBuf> {
        self.place().map(whole)
    }

    /// The folder whose database keeps the review, and the id in it: beside the results, or in `unscored` where there is no result.
    pub(crate) fn review_place<'a>(
        &'a self,
        unscored: Option<&'a Path>,
    ) -> Option<(&'a Path, Cow<'a, str>)> {
        match &self.source {
            WorkSource::Result { folder, .. } => {
                let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
                let root = parent.unwrap_or_else(|| Path::new("."));
                Some((root, Cow::Borrowed(&self.id)))
            }
            WorkSource::Slide { path } => Some((unscored?, Cow::Owned(file_id(path)))),
            WorkSource::Broken { .. } => None,
        }
    }
}

/// The id under which the review of a file without a result is kept: all of them share one database, and one name may be that of several files.
pub(crate) fn file_id(path: &Path) -> String {
    whole(path).to_string_lossy().into_owned()
}

/// A path from the root on; an address stays what it is.
pub(crate) fn whole(path: &Path) -> PathBuf {
    if is_address(path) {
        return path.to_path_buf();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// What is shown of the slide's stains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stain {
    /// The slide as it is.
    #[default]
    Both,
    /// Hematoxylin alone, by deconvolution.
    Hematoxylin,
    /// DAB alone, by deconvolution.
    Dab,
}

/// Something that is read in the background.
#[derive(Debug, Clone, Default)]
pub(crate) enum Load<T> {
    /// Not asked for, or there is none.
    #[default]
    Absent,
    /// On its way.
    Waiting,
    /// There.
    Ready(T),
    /// It could not be read, with the reason.
    Failed(String),
}

impl<T> Load<T> {
    /// What is there.
    pub(crate) const fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            _ => None,
        }
    }
}

/// What is open.
pub(crate) struct OpenItem {
    /// Its place in the worklist.
    pub(crate) index: usize,
    /// A number of its own for each opening, so that late answers to an earlier one are known as such.
    pub(crate) opening: u64,
    /// The slide.
    pub(crate) slide: Load<OpenSlide>,
    /// Shown where the slide cannot be: the picture in the result's folder.
    pub(crate) thumbnail: Option<TextureHandle>,
    /// The slide's own small picture, shown until its coarsest tile is there.
    pub(crate) preview: Option<TextureHandle>,
    /// What is shown; `None` is the whole slide, whatever the window's size.
    pub(crate) view: Option<View>,
    /// What lies under the pointer.
    pub(crate) pointer: Option<SlidePoint>,
    /// The cells.
    pub(crate) cells: Load<Arc<ScoredCells>>,
    /// What a person does with it.
    pub(crate) review: Review,
    /// The review as it was when the slide was scored while it was open, until it is known what was kept of it.
    pub(crate) before: Option<Box<Review>>,
    /// The tour through its fields, once it was begun.
    pub(crate) tour: Option<Tour>,
    /// A stroke under way.
    pub(crate) gesture: Option<Gesture>,
    /// The colour under the pointer.
    pub(crate) probe: Option<Probe>,
    /// What is shown of the stains.
    pub(crate) stain: Stain,
    /// What makes one stain of the slide; `None` for the slide as it is.
    pub(crate) stain_view: Option<Arc<StainView>>,
    /// The way that the view went last, level-0 pixels: there tiles are read ahead.
    pub(crate) motion: (f64, f64),
    /// Quarter turns clockwise.
    pub(crate) turns: u8,
    /// What was looked at closely, by the middle of the view and the um along its shorter side.
    pub(crate) trail: Vec<SlideRect>,
    /// What was added to the trail last, or was found there.
    pub(crate) seen_last: Option<SlideRect>,
    /// Whether the stroke under way takes away.
    pub(crate) erasing: bool,
    /// The whole slide on the canvas as it is now.
    pub(crate) fitted: Option<View>,
    /// A second slide beside it.
    pub(crate) beside: Option<Beside>,
    /// The review as it is kept in the worklist.
    pub(crate) kept: KeptReview,
    /// What the person says of the slide as a whole.
    pub(crate) opinion: Opinion,
    /// The next step by the rules for what the person says of the stain.
    pub(crate) own_step: Option<OwnStep>,
    /// Whether all files of the opening were read.
    pub(crate) all_read: bool,
    /// The review under work as it was kept last; `None` until it is known what was kept before.
    pub(crate) draft: Option<Draft>,
    /// The revision of the review that was kept last.
    pub(crate) kept_revision: u64,
    /// Where the canvas is in the window.
    pub(crate) canvas: egui::Rect,
    /// The cell that was clicked, by its place in the layer.
    pub(crate) chosen_cell: Option<usize>,
    /// The maps there are.
    pub(crate) heatmaps: Vec<HeatmapEntry>,
    /// The one that is shown, by its metric.
    pub(crate) heatmap: Option<String>,
    /// Maps by their metric.
    pub(crate) heatmap_pictures: BTreeMap<String, Load<TextureHandle>>,
    /// The slide's tiles.
    pub(crate) tiles: TileCache<TilePicture>,
    /// Tiles that were asked for and have not come.
    pub(crate) pending: BTreeSet<TileKey>,
    /// The region classifier.
    pub(crate) training: Training,
    /// The outlines of the cells in view.
    pub(crate) outlines: Outlines,
}

/// A second slide beside the first.
pub(crate) struct Beside {
    /// A number of its own, so that its tiles are known as such.
    pub(crate) opening: u64,
    /// Its place in the worklist.
    pub(crate) index: usize,
    /// Its id.
    pub(crate) name: String,
    /// The slide.
    pub(crate) slide: Load<OpenSlide>,
    /// Its tiles.
    pub(crate) tiles: TileCache<TilePicture>,
    /// Tiles that were asked for and have not come.
    pub(crate) pending: BTreeSet<TileKey>,
    /// By how much it lies apart from the first, um.
    pub(crate) offset_um: (f64, f64),
}

/// What is there of a slide's pixels.
pub(crate) struct TileView<'a> {
    /// Whose.
    pub(crate) opening: u64,
    /// The tiles.
    pub(crate) tiles: &'a TileCache<TilePicture>,
    /// Those on their way.
    pub(crate) pending: &'a BTreeSet<TileKey>,
    /// The way that the view went last, level-0 pixels.
    pub(crate) motion: (f64, f64),
    /// What is shown where no tile is.
    pub(crate) preview: Option<egui::TextureId>,
}

impl Beside {
    /// Its tiles.
    pub(crate) const fn tile_view(&self) -> TileView<'_> {
        TileView {
            opening: self.opening,
            tiles: &self.tiles,
            pending: &self.pending,
            motion: (0.0, 0.0),
            preview: None,
        }
    }
}

/// A review as it is kept in the worklist.
#[derive(Debug, Default)]
pub(crate) struct KeptReview {
    /// None where nobody looked at the slide.
    pub(crate) review: Option<Box<SlideReview>>,
    /// What was kept of the slide before it had a result, until it is taken over.
    pub(crate) before: Option<Box<SlideReview>>,
    /// Who did what, the newest first.
    pub(crate) trail: Vec<AuditEntry>,
    /// Whether the database answered.
    pub(crate) loaded: bool,
    /// Whether what was kept is in the review.
    pub(crate) restored: bool,
    /// Whether the figures of what was kept were not worked out when it was.
    pub(crate) owes_figures: bool,
}

/// Places of the trail that are kept.
const TRAIL: usize = 2000;

impl OpenItem {
    /// Its tiles.
    pub(crate) fn tile_view(&self) -> TileView<'_> {
        // One stain alone is not what the small picture shows.
        let preview = self.preview.as_ref().filter(|_| self.stain == Stain::Both);
        TileView {
            opening: self.opening,
            tiles: &self.tiles,
            pending: &self.pending,
            motion: self.motion,
            preview: preview.map(TextureHandle::id),
        }
    }

    /// What a person said of the pixel size of a slide without a result counts where the file does not say it.
    pub(crate) fn take_pixel_size(&mut self) {
        if let Load::Ready(slide) = &mut self.slide {
            let given = self.review.given_mpp.map(SlideMpp::square);
            slide.mpp = slide.reader.mpp().or(given);
        }
    }

    /// Adds to the trail what was looked at, unless most of it was there already.
    pub(crate) fn see(&mut self, area: SlideRect) {
        self.seen_last = Some(area);
        let middle = SlidePoint {
            x: area.x + area.width / 2.0,
            y: area.y + area.height / 2.0,
        };
        let known = self.trail.iter().rev().any(|seen| {
            let (x, y) = (seen.x + seen.width / 2.0, seen.y + seen.height / 2.0);
            seen.width < area.width * 1.2
                && (x - middle.x).abs() < area.width / 6.0
                && (y - middle.y).abs() < area.height / 6.0
        });
        if !known && self.trail.len() < TRAIL {
            self.trail.push(area);
        }
    }

    /// Looks elsewhere.
    pub(crate) fn look(&mut self, view: View) {
        let before = self.view.or(self.fitted);
        self.motion = match before {
            Some(b) if (b.points_per_pixel - view.points_per_pixel).abs() < 1e-12 => {
                (view.centre.x - b.centre.x, view.centre.y - b.centre.y)
            }
            _ => (0.0, 0.0),
        };
        self.view = Some(view);
    }

    /// Turns the slide by a quarter; what is in the middle stays there.
    pub(crate) fn turn(&mut self) {
        self.turns = (self.turns + 1) % 4;
        if let Some(view) = &mut self.view {
            view.turns = self.turns;
        }
    }
}

/// An open slide.
pub(crate) struct OpenSlide {
    /// Its pixels.
    pub(crate) reader: Arc<Slide>,
    /// As the canvas shows it.
    pub(crate) pyramid: Pyramid,
    /// The pixel size: the result's where there is one, for it may have been given by hand.
    pub(crate) mpp: Option<SlideMpp>,
}

impl OpenSlide {
    /// The size of level 0.
    pub(crate) fn size(&self) -> LevelSize {
        self.reader.size()
    }
}

/// A tile as the canvas draws it.
pub(crate) struct TilePicture {
    /// Its pixels; `None` where nothing could be read.
    pub(crate) texture: Option<TextureHandle>,
    /// Its places that could not be read.
    pub(crate) holes: Vec<SlideRect>,
}

impl Session {
    /// The entry that is open.
    pub(crate) fn open_item(&self) -> Option<(&WorkItem, &OpenItem)> {
        let open = self.open.as_ref()?;
        Some((self.worklist.get(open.index)?, open))
    }

    /// The score of the entry that is open: as it would be where something was changed, else as it was scored.
    pub(crate) fn open_result(&self) -> Option<&SlideResult> {
        let (item, open) = self.open_item()?;
        open.review.live_result().or_else(|| item.result())
    }

    /// Whether what is open is signed, so that nothing of it changes any more.
    pub(crate) fn is_locked(&self) -> bool {
        self.open_item().is_some_and(|(item, open)| {
            let kept = open.kept.review.as_ref().map(|review| review.state);
            // Until its own review was read, and where that fails, what the list says of it.
            let state = if open.kept.loaded {
                kept.unwrap_or_default()
            } else {
                self.mark(item)
            };
            state == ReviewState::Signed
        })
    }

    /// The tool in hand where this one was `chosen`: a signed case is only looked at.
    pub(crate) fn tool(&self, chosen: Tool) -> Tool {
        if self.is_locked() { Tool::Move } else { chosen }
    }

    /// Under whose name changes are kept: that of who uses the desk, else of the computer's account.
    pub(crate) fn who<'a>(&'a self, reviewer: &'a str) -> &'a str {
        let named = Some(reviewer.trim()).filter(|name| !name.is_empty());
        named.or(self.account.as_deref()).unwrap_or("not named")
    }

    /// What stands in the way of signing what is open, in words.
    pub(crate) fn unsignable(&self) -> Option<String> {
        let place = self.open_item().and_then(|(item, _)| item.place());
        if place.is_some_and(|place| self.scoring.contains_key(place)) {
            return Some(
                "It is being scored again: sign when that is done, or cancel it.".to_owned(),
            );
        }
        let unscored = self.review()?.unscored()?;
        Some(format!("{unscored} {UNSCORED_FIRST}"))
    }

    /// Whether something of the drawn tumour was not scored.
    pub(crate) fn lacks_cells(&self) -> bool {
        self.review().is_some_and(|r| r.regions.unscored.is_some())
    }

    /// Whether an entry is a slide without a score that does not wait for one.
    pub(crate) fn can_be_scored(&self, index: usize) -> bool {
        self.can_be_asked_for(index, |source| matches!(source, WorkSource::Slide { .. }))
    }

    /// Whether an entry is a scored slide that does not wait to be scored again.
    pub(crate) fn can_be_scored_again(&self, index: usize) -> bool {
        self.can_be_asked_for(index, |source| matches!(source, WorkSource::Result { .. }))
    }

    fn can_be_asked_for(&self, index: usize, is_it: fn(&WorkSource) -> bool) -> bool {
        let item = self.worklist.get(index).filter(|item| is_it(&item.source));
        let place = item.and_then(WorkItem::place);
        self.can_score && place.is_some_and(|place| !self.scoring.contains_key(place))
    }

    /// Whether something lies over the window that the keys are for.
    pub(crate) fn is_covered(&self) -> bool {
        self.browser.is_some() || self.help || self.ask_again.is_some()
    }

    /// The review of what is open.
    pub(crate) fn review(&self) -> Option<&Review> {
        self.open.as_ref().map(|open| &open.review)
    }
}
