//! Slides and results: looked for in folders, opened, and their layers read.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Color32, ColorImage};
use pantrk_core::score::{Scorer, ScorerCells};
use pantrk_slide::{Slide, is_address};
use pantrk_space::{
    LevelIndex, LevelRect, LevelSize, MicronsPerPixel, RegionReader as _, RgbBuffer, SlideMpp,
};
use pantrk_store::{
    CellTable, HeatmapEntry, SlidePlace, SlideResult, TumourRegion, read_cells, read_heatmap_index,
    slide_id_from_path, slide_place,
};

use super::{Outbox, Pool, PoolSize, ScoredCells, database};
use crate::RESULTS_BESIDE;
use crate::cell_layer::CellLayer;
use crate::error::ViewerError;
use crate::state::{MAX_TEXTURE_SIDE, WorkItem, WorkSource, whole};

/// How deep folders are looked through for results.
const MAX_DEPTH: usize = 6;
/// What makes a folder a result.
pub(super) const RESULT: &str = "result.json";
/// The longer side of a picture in the worklist, pixels.
const WORKLIST_SIDE: u32 = 160;
/// Most pixels of a level that is read for such a picture.
const COARSE_PIXELS: u64 = 16 << 20;
/// Most pixels of a slide's own small picture.
const PREVIEW_PIXELS: u64 = 4 << 20;
/// The regions that a slide was scored with, in its result's folder.
pub(super) const REGIONS: &str = "regions.geojson";

/// What can be asked of the library.
pub(crate) enum LibraryRequest {
    /// All slides and results of these paths.
    Scan(Vec<PathBuf>),
    /// A slide, and what its result's folder holds beside it.
    Open {
        /// The opening.
        opening: u64,
        /// Where the slide may be, and the result's folder.
        source: SlideSource,
    },
    /// A slide to lie beside the one that is open.
    Beside {
        /// Its opening.
        opening: u64,
        /// Where it may be.
        source: SlideSource,
    },
    /// A small picture for the worklist.
    WorklistThumbnail {
        /// The entry's place.
        place: PathBuf,
        /// Where it may be found.
        source: ThumbnailSource,
    },
    /// The picture of one heatmap.
    Heatmap {
        /// The opening.
        opening: u64,
        /// The result's folder.
        folder: PathBuf,
        /// Which.
        entry: HeatmapEntry,
    },
}

/// Where the files of something that is opened are.
pub(crate) struct SlideSource {
    /// Where the slide may be, the likeliest first.
    candidates: Vec<PathBuf>,
    /// In whose folders it is sought by its name, where it is in none of these places: what lies beside the results.
    beside: Option<PathBuf>,
    /// The result's folder.
    folder: Option<PathBuf>,
    /// The pixel size that it was scored with.
    mpp: Option<SlideMpp>,
    /// Whether it was scored without regions, so that no file of them is missing.
    without_regions: bool,
}

impl SlideSource {
    /// Of an entry of the worklist; `None` for a broken one. `slides` is the folder in which a slide lay last.
    pub(crate) fn of(item: &WorkItem, slides: Option<&Path>) -> Option<Self> {
        match &item.source {
            WorkSource::Broken { .. } => None,
            WorkSource::Slide { path } => Some(Self {
                candidates: vec![path.clone()],
                beside: None,
                folder: None,
                mpp: None,
                without_regions: false,
            }),
            WorkSource::Result { folder, result } => {
                let slide = Path::new(&result.slide.path);
                let mut places = candidates(folder, slide);
                for folder in slides.into_iter().flat_map(|s| s.ancestors().take(2)) {
                    places.extend(below(folder, slide));
                }
                let root = whole(folder)
                    .parent()
                    .and_then(Path::parent)
                    .map(Path::to_path_buf);
                Some(Self {
                    candidates: places,
                    beside: root.filter(|_| !is_address(slide)),
                    folder: Some(folder.clone()),
                    mpp: scored_mpp(result),
                    without_regions: scored_without_regions(result),
                })
            }
        }
    }

    /// The slide.
    fn open(&self) -> Result<Arc<Slide>, String> {
        let path = self.path()?;
        Slide::open(&path).map(Arc::new).map_err(|e| e.to_string())
    }

    /// The first place where the slide is.
    pub(super) fn path(&self) -> Result<PathBuf, String> {
        let mut places = self.candidates.clone();
        // A DICOM slide may be a folder.
        let is_there = |path: &PathBuf| path.exists() || is_address(path);
        if !places.iter().any(is_there)
            && let (Some(root), Some(name)) =
                (&self.beside, places.first().and_then(|p| p.file_name()))
        {
            let folders = folders_in(root).into_iter();
            let found: Vec<PathBuf> = folders.map(|folder| folder.join(name)).collect();
            places.extend(found);
        }
        let found = places.iter().find(|path| is_there(path)).cloned();
        found.ok_or_else(|| not_there(&places))
    }
}

/// Whether a run had no regions at all, drawn or proposed.
fn scored_without_regions(result: &SlideResult) -> bool {
    let none_given = match result.run.parameters.get("regions_sha256") {
        Some(digest) => digest.is_null(),
        None => result.tumour_region == TumourRegion::None,
    };
    none_given && result.region_classifier.is_none()
}

/// The pixel size that a score was made with.
pub(crate) fn scored_mpp(result: &SlideResult) -> Option<SlideMpp> {
    Some(SlideMpp {
        x: MicronsPerPixel::new(result.slide.mpp_x)?,
        y: MicronsPerPixel::new(result.slide.mpp_y)?,
    })
}

/// Where a small picture of a slide may be found.
pub(crate) enum ThumbnailSource {
    /// In a result's folder.
    Folder(PathBuf),
    /// In the slide's file.
    Slide(PathBuf),
}

impl ThumbnailSource {
    /// Of an entry of the worklist; `None` for a broken one.
    pub(crate) fn of(item: &WorkItem) -> Option<Self> {
        match &item.source {
            WorkSource::Result { folder, .. } => Some(Self::Folder(folder.clone())),
            WorkSource::Slide { path } => Some(Self::Slide(path.clone())),
            WorkSource::Broken { .. } => None,
        }
    }

    fn picture(&self) -> Option<ColorImage> {
        match self {
            Self::Folder(folder) => {
                let picture = read_png(&folder.join("thumbnail.png")).ok()?;
                Some(texture_image(
                    picture.thumbnail(WORKLIST_SIDE, WORKLIST_SIDE),
                ))
            }
            Self::Slide(path) => slide_thumbnail(path),
        }
    }
}

/// The slide's own small picture, else its coarsest level, small; nothing where that level is too large to be read in passing.
fn slide_thumbnail(path: &Path) -> Option<ColorImage> {
    let slide = Slide::open(path).ok()?;
    if let Some(picture) = own_picture(&slide) {
        return Some(texture_image(
            picture.thumbnail(WORKLIST_SIDE, WORKLIST_SIDE),
        ));
    }
    let (index, level) = slide.levels().iter().enumerate().next_back()?;
    if level.size.area() > COARSE_PIXELS {
        return None;
    }
    let mut pixels = RgbBuffer::new();
    slide
        .read_region(
            LevelIndex(index),
            LevelRect::of_size(level.size),
            &mut pixels,
        )
        .ok()?;
    let bytes = pixels.as_bytes().to_vec();
    let picture = image::RgbImage::from_raw(level.size.width, level.size.height, bytes)?;
    let picture = image::DynamicImage::ImageRgb8(picture);
    Some(texture_image(
        picture.thumbnail(WORKLIST_SIDE, WORKLIST_SIDE),
    ))
}

/// What the library answers.
pub(crate) enum LibraryAnswer {
    /// An entry for the worklist.
    Item(WorkItem),
    /// A path could not be looked at.
    Trouble(String),
    /// All paths were looked at.
    ScanDone,
    /// The slide, or why there is none.
    Slide {
        /// The opening.
        opening: u64,
        /// The slide.
        slide: Result<Arc<Slide>, String>,
    },
    /// The slide to lie beside, or why there is none.
    Beside {
        /// Its opening.
        opening: u64,
        /// The slide, and the pixel size that it was scored with.
        slide: Result<(Arc<Slide>, Option<SlideMpp>), String>,
    },
    /// The slide's own small picture, until its tiles are there.
    Preview {
        /// The opening.
        opening: u64,
        /// The whole slide.
        picture: ColorImage,
    },
    /// The cells, or why there are none; not sent where the result has no table.
    Cells {
        /// The opening.
        opening: u64,
        /// The cells.
        cells: Result<Arc<ScoredCells>, String>,
    },
    /// The regions that the slide was scored with.
    Regions {
        /// The opening.
        opening: u64,
        /// GeoJSON as it stands in the folder.
        text: String,
    },
    /// It was scored without any.
    NoRegions {
        /// The opening.
        opening: u64,
    },
    /// All of an opening was read.
    AllRead {
        /// The opening.
        opening: u64,
    },
    /// The heatmaps that there are.
    Heatmaps {
        /// The opening.
        opening: u64,
        /// In the index's order.
        entries: Vec<HeatmapEntry>,
    },
    /// A heatmap's map, without its legend.
    Heatmap {
        /// The opening.
        opening: u64,
        /// Which.
        metric: String,
        /// Its pixels.
        picture: Result<ColorImage, String>,
    },
    /// A small picture for the worklist; `None` where there is none.
    WorklistThumbnail {
        /// The entry's place.
        place: PathBuf,
        /// Its pixels.
        picture: Option<ColorImage>,
    },
    /// The result's picture of the whole slide, for want of the slide itself.
    Thumbnail {
        /// The opening.
        opening: u64,
        /// Its pixels.
        picture: ColorImage,
    },
}

/// Starts the thread that looks through folders.
pub(crate) fn scan_pool(
    ctx: &egui::Context,
) -> Result<Pool<LibraryRequest, LibraryAnswer>, ViewerError> {
    start("scan", ctx)
}

/// Starts the thread that opens slides and reads layers; apart from the scan, so that a large archive keeps nobody waiting.
pub(crate) fn library_pool(
    ctx: &egui::Context,
) -> Result<Pool<LibraryRequest, LibraryAnswer>, ViewerError> {
    start("library", ctx)
}

fn start(
    name: &'static str,
    ctx: &egui::Context,
) -> Result<Pool<LibraryRequest, LibraryAnswer>, ViewerError> {
    let size = PoolSize {
        name,
        threads: 1,
        queue: 16,
    };
    Pool::start(size, ctx, |request, outbox| match request {
        LibraryRequest::Scan(paths) => scan(&paths, outbox),
        LibraryRequest::Open { opening, source } => {
            open(opening, &source, outbox);
            outbox.send(LibraryAnswer::AllRead { opening });
        }
        LibraryRequest::Beside { opening, source } => {
            let slide = source.open().map(|slide| (slide, source.mpp));
            outbox.send(LibraryAnswer::Beside { opening, slide });
        }
        LibraryRequest::WorklistThumbnail { place, source } => {
            let picture = source.picture();
            outbox.send(LibraryAnswer::WorklistThumbnail { place, picture });
        }
        LibraryRequest::Heatmap {
            opening,
            folder,
            entry,
        } => {
            let picture = heatmap_picture(&folder, &entry);
            outbox.send(LibraryAnswer::Heatmap {
                opening,
                metric: entry.metric,
                picture,
            });
        }
    })
}

/// Where a result's slide may be: as given, and beside the result for folders that were moved.
fn candidates(folder: &Path, slide: &Path) -> Vec<PathBuf> {
    let mut all = vec![slide.to_path_buf()];
    // From the root on: started in the results' folder, that has a parent too.
    for parent in whole(folder).ancestors().take(3) {
        all.extend(below(parent, slide));
    }
    all
}

/// In a folder, by the way to it that the result names and by the name alone.
fn below(folder: &Path, slide: &Path) -> [PathBuf; 2] {
    let name = slide.file_name().unwrap_or(slide.as_os_str());
    [folder.join(slide), folder.join(name)]
}

/// Folders that are looked into for a slide that is nowhere else.
const MOST_FOLDERS: usize = 200;

/// The folders in a folder, by their names.
fn folders_in(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let folders = entries.map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = folders
        .filter(|path| path.is_dir() && !is_passing(path))
        .collect();
    folders.sort();
    folders.truncate(MOST_FOLDERS);
    folders
}

/// That a slide is in none of these places, and what to do.
fn not_there(places: &[PathBuf]) -> String {
    let mut folders: Vec<String> = Vec::new();
    for folder in places
        .iter()
        .filter_map(|place| whole(place).parent().map(Path::to_path_buf))
    {
        let folder = folder.display().to_string();
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let wanted = places.first().map(|place| place.display().to_string());
    format!(
        "the slide file is not there: {}. It was sought in {}. Open the folder that holds it (File, Open slides), then choose this case again",
        wanted.unwrap_or_default(),
        folders.join(", ")
    )
}

/// Endings of files that are slides wherever they lie; plain pictures are opened only where they are named.
const SLIDE_ENDINGS: [&str; 9] = [
    "svs", "bif", "ndpi", "scn", "mrxs", "czi", "tif", "tiff", "isyntax",
];
/// A folder with files of this ending is one slide.
const DICOM_ENDING: &str = "dcm";

/// A look through folders.
pub(super) struct Scan<'a> {
    outbox: &'a Outbox<LibraryAnswer>,
    /// The slides of the results that were found, as the file system has them.
    scored: BTreeSet<PathBuf>,
    /// Slides that were found, with their ids.
    pub(super) slides: Vec<(String, PathBuf)>,
    /// The folders of the results that were told, as the file system has them.
    told: BTreeSet<PathBuf>,
}

fn scan(paths: &[PathBuf], outbox: &Outbox<LibraryAnswer>) {
    let mut scan = Scan {
        outbox,
        scored: BTreeSet::new(),
        slides: Vec::new(),
        told: BTreeSet::new(),
    };
    let wanted = paths.iter().all(|path| scan.path(path)) && scan.unscored();
    if wanted {
        outbox.send(LibraryAnswer::ScanDone);
    }
}

/// Each says whether anybody still listens.
impl Scan<'_> {
    fn path(&mut self, path: &Path) -> bool {
        if path.is_dir() {
            self.folder(path, 0)
        } else if path.file_name() == Some(OsStr::new(RESULT)) {
            let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
            self.result(&folder)
        } else if path.extension().is_some_and(|e| e == "sqlite") {
            database::list(self, path)
        } else {
            self.slide(slide_id_from_path(path), path.to_path_buf())
        }
    }

    /// A slide, or its result where it was scored from a worklist before.
    fn slide(&mut self, id: String, path: PathBuf) -> bool {
        let beside = path.with_file_name(RESULTS_BESIDE);
        let this = path.canonicalize().ok();
        let is_of = |folder: &Path, result: &SlideResult| {
            let places = candidates(folder, Path::new(&result.slide.path));
            let mut places = places.iter().filter_map(|place| place.canonicalize().ok());
            places.any(|place| this.as_ref() == Some(&place))
        };
        if let SlidePlace::Scored(id) = slide_place(&beside, &path, is_of) {
            return self.result(&beside.join(id));
        }
        // One that cannot be read may be the slide's, and says why; told once, the slide is one to be scored.
        let own = beside.join(&id);
        if own.join(RESULT).is_file()
            && !self.is_told(&own)
            && SlideResult::read(&own.join(RESULT)).is_err()
        {
            return self.result(&own);
        }
        let source = WorkSource::Slide { path };
        self.outbox
            .send(LibraryAnswer::Item(WorkItem { id, source }))
    }

    fn is_told(&self, folder: &Path) -> bool {
        let folder = folder.canonicalize();
        folder.is_ok_and(|folder| self.told.contains(&folder))
    }

    pub(super) fn result(&mut self, folder: &Path) -> bool {
        // Once, where two of the paths lead to it.
        if let Ok(known) = folder.canonicalize()
            && !self.told.insert(known)
        {
            return true;
        }
        let item = read_result(folder);
        if let Some(result) = item.result() {
            let places = candidates(folder, Path::new(&result.slide.path));
            let there = places.iter().find(|path| path.exists());
            self.scored
                .extend(there.and_then(|path| path.canonicalize().ok()));
        }
        self.outbox.send(LibraryAnswer::Item(item))
    }

    /// How many results and slides were found.
    pub(super) fn count(&self) -> usize {
        self.told.len() + self.slides.len()
    }

    /// What could not be looked at.
    pub(super) fn trouble(&self, message: String) -> bool {
        self.outbox.send(LibraryAnswer::Trouble(message))
    }

    pub(super) fn folder(&mut self, folder: &Path, depth: usize) -> bool {
        if folder.join(RESULT).is_file() {
            return self.result(folder);
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("could not look through {}: {error}", folder.display());
                return self.outbox.send(LibraryAnswer::Trouble(message));
            }
        };
        let mut all: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| !is_passing(path))
            .collect();
        all.sort();
        let (folders, files): (Vec<_>, Vec<_>) = all.into_iter().partition(|path| path.is_dir());
        let ends = |path: &Path, endings: &[&str]| {
            let ending = path.extension().unwrap_or_default();
            endings.iter().any(|e| ending.eq_ignore_ascii_case(e))
        };
        if files.iter().any(|path| ends(path, &[DICOM_ENDING])) {
            let id = slide_id_from_path(folder);
            self.slides.push((id, folder.to_path_buf()));
        }
        let slides = files.into_iter().filter(|path| ends(path, &SLIDE_ENDINGS));
        self.slides
            .extend(slides.map(|path| (slide_id_from_path(&path), path)));
        depth >= MAX_DEPTH || folders.iter().all(|folder| self.folder(folder, depth + 1))
    }

    /// The slides that no result was found of.
    fn unscored(&mut self) -> bool {
        let slides = std::mem::take(&mut self.slides);
        slides.into_iter().all(|(id, path)| {
            let known = path.canonicalize();
            // Once, where two of the paths lead to it.
            known.is_ok_and(|known| !self.scored.insert(known)) || self.slide(id, path)
        })
    }
}

/// What belongs to runs that are not finished, and what is hidden.
fn is_passing(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with(".partial") || name.ends_with(".old")
}

/// The entry of a result's folder.
pub(crate) fn read_result(folder: &Path) -> WorkItem {
    match SlideResult::read(&folder.join(RESULT)) {
        Ok(result) => WorkItem {
            id: result.slide.id.clone(),
            source: WorkSource::Result {
                folder: folder.to_path_buf(),
                result: Arc::new(result),
            },
        },
        Err(error) => WorkItem {
            id: slide_id_from_path(folder),
            source: WorkSource::Broken {
                reason: error.to_string(),
            },
        },
    }
}

fn open(opening: u64, source: &SlideSource, outbox: &Outbox<LibraryAnswer>) {
    let slide = source.open();
    let missing = slide.is_err();
    let there = slide.as_ref().ok().map(Arc::clone);
    outbox.send(LibraryAnswer::Slide { opening, slide });
    if let Some(picture) = there.as_deref().and_then(preview) {
        outbox.send(LibraryAnswer::Preview { opening, picture });
    }
    let Some(folder) = &source.folder else {
        return;
    };
    if missing {
        let pictures = ["overlay.png", "thumbnail.png"];
        let picture = pictures
            .iter()
            .find_map(|name| picture_of(&folder.join(name)).ok());
        if let Some(picture) = picture {
            outbox.send(LibraryAnswer::Thumbnail { opening, picture });
        }
    }
    match read_heatmap_index(folder) {
        Ok(index) => {
            let entries = index.map_or_else(Vec::new, |index| index.maps);
            outbox.send(LibraryAnswer::Heatmaps { opening, entries });
        }
        Err(error) => {
            outbox.send(LibraryAnswer::Trouble(error.to_string()));
        }
    }
    if let Ok(text) = fs::read_to_string(folder.join(REGIONS)) {
        outbox.send(LibraryAnswer::Regions { opening, text });
    } else if source.without_regions {
        outbox.send(LibraryAnswer::NoRegions { opening });
    }
    let cells = folder.join("cells.parquet");
    if cells.is_file() {
        let cells = match source.mpp {
            Some(_) => read_cells(&cells)
                .map(|table| Arc::new(scored_cells(&table)))
                .map_err(|error| error.to_string()),
            None => Err("the result names no pixel size, so its cells cannot be placed".to_owned()),
        };
        outbox.send(LibraryAnswer::Cells { opening, cells });
    }
}

/// The slide's own small picture, if it is one of the whole slide: it is there long before the coarsest level is decoded.
fn preview(slide: &Slide) -> Option<ColorImage> {
    own_picture(slide).map(texture_image)
}

/// The associated image `thumbnail`, if it has the slide's shape.
fn own_picture(slide: &Slide) -> Option<image::DynamicImage> {
    let image = slide
        .associated_images()
        .iter()
        .find(|image| image.name == "thumbnail")?;
    let (small, whole) = (image.size, slide.size());
    if small.area() > PREVIEW_PIXELS || small.area() == 0 {
        return None;
    }
    let shape = |size: LevelSize| f64::from(size.width) / f64::from(size.height.max(1));
    // A pixel of rounding along the shorter side.
    let off = (shape(small) / shape(whole) - 1.0).abs() * f64::from(small.width.min(small.height));
    if off > 2.0 {
        return None;
    }
    let pixels = slide.read_associated("thumbnail").ok()?;
    let size = pixels.size();
    let bytes = pixels.as_bytes().to_vec();
    let picture = image::RgbImage::from_raw(size.width, size.height, bytes)?;
    Some(image::DynamicImage::ImageRgb8(picture))
}

/// The table's columns laid out for drawing and for scoring.
fn scored_cells(table: &CellTable) -> ScoredCells {
    let columns = ScorerCells {
        x_px: &table.x_px,
        y_px: &table.y_px,
        dab_od: table.dab_od.each_ref().map(Vec::as_slice),
        cytoplasm_granularity: &table.cytoplasm_granularity,
    };
    let scorer = Scorer::new(&columns);
    ScoredCells::new(CellLayer::new(table), scorer)
}

/// A picture that fits into a texture.
fn picture_of(path: &Path) -> Result<ColorImage, String> {
    Ok(texture_image(read_png(path)?))
}

fn read_png(path: &Path) -> Result<image::DynamicImage, String> {
    image::open(path).map_err(|e| format!("could not read the picture {}: {e}", path.display()))
}

/// The part of a heatmap's picture that is map.
fn heatmap_picture(folder: &Path, entry: &HeatmapEntry) -> Result<ColorImage, String> {
    // The name comes from a file: it must not lead out of the folder.
    let name = Path::new(&entry.file)
        .file_name()
        .ok_or_else(|| format!("the heatmap {:?} names no file", entry.metric))?;
    let path = folder.join("heatmaps").join(name);
    let picture = read_png(&path)?;
    if entry.map_width > picture.width() || entry.map_height > picture.height() {
        return Err(format!(
            "the map is said to be {} x {}, the picture has {} x {}: {}",
            entry.map_width,
            entry.map_height,
            picture.width(),
            picture.height(),
            path.display()
        ));
    }
    Ok(texture_image(picture.crop_imm(
        0,
        0,
        entry.map_width,
        entry.map_height,
    )))
}

/// The picture's pixels, made smaller where a texture could not hold them.
fn texture_image(picture: image::DynamicImage) -> ColorImage {
    let picture = if picture.width().max(picture.height()) > MAX_TEXTURE_SIDE {
        picture.thumbnail(MAX_TEXTURE_SIDE, MAX_TEXTURE_SIDE)
    } else {
        picture
    };
    let rgba = picture.into_rgba8();
    let size = [rgba.width() as usize, rgba.height() as usize];
    let pixels = rgba
        .pixels()
        .map(|p| Color32::from_rgba_unmultiplied(p[0], p[1], p[2], p[3]))
        .collect();
    ColorImage::new(size, pixels)
}
