//! The region classifier at work: trained with strokes, asked about the parts in view, or about the whole slide.
//!
//! It has threads of its own, one fewer than there are cores, so that grading and drawing go on beside it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use egui::{Color32, ColorImage};
use geo::MultiPolygon;
use pantrk_core::region::{Region, RegionRole};
use pantrk_core::region_classifier::{
    AreaOutline, ClassMap, RegionClassifier, RegionSlide, RegionSurvey, TrainingPlaces,
};
use pantrk_space::{LevelSize, RegionReader, SlideMpp, SlidePoint, SlideRect};

use super::{Outbox, Pool, PoolSize};
use crate::drawing::{Shape, Stroke, class_colour, geometry};
use crate::error::ViewerError;
use crate::training::{Model, PROPOSED, PlaceGrid, PlaceTile};

/// Places beside a tile whose votes count in it.
const RIM: u32 = 2;

/// The slide that is looked at.
#[derive(Clone)]
pub(crate) struct TrainedSlide {
    /// The opening.
    pub(crate) opening: u64,
    /// Its pixels.
    pub(crate) reader: Arc<dyn RegionReader>,
    /// Its pixel size.
    pub(crate) mpp: SlideMpp,
}

/// What is to be done.
pub(crate) struct TrainingRequest {
    /// The slide.
    pub(crate) slide: TrainedSlide,
    /// What.
    pub(crate) task: TrainingTask,
}

/// What is to be done with a slide.
pub(crate) enum TrainingTask {
    /// Train with these strokes.
    Train {
        /// Of the strokes; the answer bears it.
        revision: u64,
        /// All of them.
        strokes: Vec<Stroke>,
    },
    /// Look at these parts; without any, say where the places lie.
    Preview {
        /// With this classifier.
        model: Arc<Model>,
        /// The most wanted first.
        tiles: Vec<PlaceTile>,
    },
    /// Make regions of the whole slide.
    Regions {
        /// With this classifier.
        model: Arc<Model>,
        /// Set to stop it.
        cancel: Arc<AtomicBool>,
    },
}

/// What came of it.
pub(crate) struct TrainingAnswer {
    /// The opening.
    pub(crate) opening: u64,
    /// What.
    pub(crate) outcome: TrainingOutcome,
}

/// What came of a task.
pub(crate) enum TrainingOutcome {
    /// Where the slide's places lie.
    Grid(PlaceGrid),
    /// A classifier, or why there is none.
    Trained {
        /// Of the strokes.
        revision: u64,
        /// The classifier.
        classifier: Result<Box<RegionClassifier>, String>,
        /// How long it took.
        took: Duration,
    },
    /// A part of the preview.
    Tile {
        /// Which.
        tile: PlaceTile,
        /// The classifier's number.
        model: u64,
        /// Where it lies.
        rect: SlideRect,
        /// Its classes as colours; `None` without tissue.
        image: Option<ColorImage>,
    },
    /// How far the whole slide is.
    Progress {
        /// Square millimetres begun.
        done: u64,
        /// Of so many.
        total: u64,
    },
    /// The regions of the whole slide; `None` where it was stopped.
    Regions(Option<Vec<Shape>>),
    /// A task is done, whatever came of it.
    Done,
    /// Something could not be read.
    Trouble(String),
}

/// What the worker keeps of the slide that it looked at last.
struct Kept {
    opening: u64,
    survey: Arc<RegionSurvey>,
    /// By stroke: where it was, and what lies under it.
    strokes: BTreeMap<u64, (Stroke, TrainingPlaces)>,
}

/// Starts the thread that trains.
pub(crate) fn training_pool(
    ctx: &egui::Context,
) -> Result<Pool<TrainingRequest, TrainingAnswer>, ViewerError> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(cores.saturating_sub(1).max(1))
        .thread_name(|n| format!("training-{n}"))
        .build()
        .map_err(|e| ViewerError::Thread {
            source: std::io::Error::other(e),
        })?;
    let (threads, kept) = (Arc::new(threads), Arc::new(Mutex::new(None)));
    let size = PoolSize {
        name: "training",
        threads: 1,
        queue: 1,
    };
    Pool::start(
        size,
        ctx,
        move |request: TrainingRequest, outbox: &Outbox<TrainingAnswer>| {
            let opening = request.slide.opening;
            let send = |outcome| outbox.send(TrainingAnswer { opening, outcome });
            threads.install(|| {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(text) = work(&request, &mut kept, outbox) {
                    send(TrainingOutcome::Trouble(text));
                }
            });
            send(TrainingOutcome::Done);
        },
    )
}

fn work(
    request: &TrainingRequest,
    kept: &mut Option<Kept>,
    outbox: &Outbox<TrainingAnswer>,
) -> Result<(), String> {
    let TrainedSlide {
        opening,
        reader,
        mpp,
    } = &request.slide;
    let opening = *opening;
    let send = |outcome| outbox.send(TrainingAnswer { opening, outcome });
    let known = kept.take().filter(|kept| kept.opening == opening);
    let kept = if let Some(known) = known {
        kept.insert(known)
    } else {
        let slide = RegionSlide::survey(&**reader, *mpp).map_err(|e| e.to_string())?;
        kept.insert(Kept {
            opening,
            survey: Arc::clone(slide.seen()),
            strokes: BTreeMap::new(),
        })
    };
    let grid = PlaceGrid {
        places: kept.survey.size(),
        scale: kept.survey.scale(),
    };
    send(TrainingOutcome::Grid(grid));
    let slide = RegionSlide::seen_before(&**reader, &kept.survey);
    match &request.task {
        TrainingTask::Train { revision, strokes } => {
            let started = Instant::now();
            let classifier = train(&slide, strokes, &mut kept.strokes);
            send(TrainingOutcome::Trained {
                revision: *revision,
                classifier: classifier.map(Box::new),
                took: started.elapsed(),
            });
        }
        TrainingTask::Preview { model, tiles } => {
            for &tile in tiles {
                let image = preview(&model.classifier, &slide, (grid, tile))?;
                let (from, count) = grid.places_of(tile);
                let tile = TrainingOutcome::Tile {
                    tile,
                    model: model.number,
                    rect: grid.rect(from, count),
                    image,
                };
                if !send(tile) || outbox.is_closed() {
                    break;
                }
            }
        }
        TrainingTask::Regions { model, cancel } => {
            let go_on = |done, total| {
                outbox.try_send(TrainingAnswer {
                    opening,
                    outcome: TrainingOutcome::Progress { done, total },
                });
                !cancel.load(Ordering::Relaxed) && !outbox.is_closed()
            };
            let map = model
                .classifier
                .predict_watched(&slide, slide.whole(), &go_on)
                .map_err(|e| e.to_string())?;
            let stopped = cancel.load(Ordering::Relaxed);
            let size = reader.size();
            let shapes = (!stopped).then(|| shapes(&map, size));
            send(TrainingOutcome::Regions(shapes));
        }
    }
    Ok(())
}

/// Only what is new under the strokes is read.
fn train(
    slide: &RegionSlide<'_>,
    strokes: &[Stroke],
    kept: &mut BTreeMap<u64, (Stroke, TrainingPlaces)>,
) -> Result<RegionClassifier, String> {
    kept.retain(|id, (before, _)| strokes.iter().any(|s| s.id == *id && s == before));
    let mut all = TrainingPlaces::default();
    for stroke in strokes {
        let (_, places) = match kept.entry(stroke.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let mut places = TrainingPlaces::default();
                let read = places.add(slide, &areas(stroke));
                read.map_err(|e| e.to_string())?;
                free.insert((stroke.clone(), places))
            }
        };
        all.append(places);
    }
    all.train().map_err(|e| e.to_string())
}

/// A stroke's parts as training takes them.
fn areas(stroke: &Stroke) -> Vec<(String, Region)> {
    let ring = |line: &geo::LineString| -> Vec<SlidePoint> {
        let corners = line.0.len().saturating_sub(1);
        let open = line.0.iter().take(corners);
        open.map(|&c| geometry::point(c)).collect()
    };
    stroke
        .area
        .iter()
        .map(|part| {
            let rings = std::iter::once(part.exterior()).chain(part.interiors());
            let rings: Vec<Vec<SlidePoint>> = rings.map(ring).collect();
            let area = Region::new(RegionRole::Neutral, &rings);
            (stroke.class.trim().to_owned(), area)
        })
        .collect()
}

/// What a tile's places look like, as colours: the class's, the fainter the less sure.
fn preview(
    classifier: &RegionClassifier,
    slide: &RegionSlide<'_>,
    (grid, tile): (PlaceGrid, PlaceTile),
) -> Result<Option<ColorImage>, String> {
    let ((x, y), (width, height)) = grid.places_of(tile);
    // With a rim, whose votes count in the tile; and from middle to middle of the places, so that no rounding adds one.
    let (left, top) = (x.saturating_sub(RIM), y.saturating_sub(RIM));
    let right = (x + width + RIM).min(grid.places.0);
    let bottom = (y + height + RIM).min(grid.places.1);
    let whole = grid.rect((left, top), (right - left, bottom - top));
    let area = SlideRect {
        x: whole.x + grid.scale.0 / 2.0,
        y: whole.y + grid.scale.1 / 2.0,
        width: whole.width - grid.scale.0,
        height: whole.height - grid.scale.1,
    };
    let map = classifier
        .predict(slide, area)
        .map_err(|error| error.to_string())?;
    let colours: Vec<Color32> = map.classes.iter().map(|c| class_colour(c)).collect();
    let least = 1.0 / colours.len().max(1) as f32;
    let mut image = ColorImage::filled([width as usize, height as usize], Color32::TRANSPARENT);
    let mut any = false;
    for row in 0..height.min(map.height) {
        for column in 0..width.min(map.width) {
            let at = ((row + y - top) * map.width + column + x - left) as usize;
            let (Some(&class), Some(&sure)) = (map.class.get(at), map.confidence.get(at)) else {
                continue;
            };
            let Some(colour) = colours.get(usize::from(class).wrapping_sub(1)) else {
                continue;
            };
            any = true;
            let sure = ((sure - least) / (1.0 - least)).clamp(0.0, 1.0);
            let place = (row * width + column) as usize;
            image.pixels[place] = colour.gamma_multiply(0.35 + 0.65 * sure);
        }
    }
    Ok(any.then_some(image))
}

/// A region per class, cut to the slide.
fn shapes(map: &ClassMap, size: LevelSize) -> Vec<Shape> {
    let (right, bottom) = (f64::from(size.width), f64::from(size.height));
    let ring = |points: &[SlidePoint]| {
        let corners = points.iter().map(|p| geo::Coord {
            x: p.x.min(right),
            y: p.y.min(bottom),
        });
        geo::LineString::from(corners.collect::<Vec<_>>())
    };
    let polygon = |area: &AreaOutline| {
        let holes = area.holes.iter().map(|hole| ring(hole)).collect();
        geo::Polygon::new(ring(&area.exterior), holes)
    };
    let of_class = |(k, class): (usize, &String)| {
        let parts: Vec<geo::Polygon> = map.outlines(k).iter().map(polygon).collect();
        (!parts.is_empty()).then(|| Shape {
            name: PROPOSED.to_owned(),
            ..Shape::of_class(class, MultiPolygon::new(parts))
        })
    };
    map.classes
        .iter()
        .enumerate()
        .filter_map(of_class)
        .collect()
}
