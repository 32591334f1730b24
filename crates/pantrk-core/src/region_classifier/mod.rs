//! Regions proposed by a classifier that a pathologist trains with a few strokes: tumour, stroma, nerve, muscle, necrosis, or whatever classes are drawn.
//!
//! A random forest (Breiman, Mach Learn 2001;45:5-32) over stain features at three scales says of each place of 8 um which class it looks like.
//! Its features rest on optical densities against the slide's own glass, so a classifier serves slides of the same laboratory and scanner; how well it does on places it was not trained with is measured, and kept in its file.
//!
//! **Architecture invariant:** the same strokes give the same classifier, and the same slide the same regions, for any number of threads.

mod features;
mod outline;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pantrk_space::{LevelRect, RegionReader, SlideMpp, SlidePoint, SlideRect};
use rafor::prelude::*;
use rafor::rf::Classifier as Forest;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::CoreError;
use crate::overview::{Mask, OVERVIEW_MPP, Overview};
use crate::region::Region;
use crate::stain::{StainVectors, WhitePoint, white_point};
use crate::tissue::tissue_mask;
use features::{FEATURES, FeatureTile};

pub use outline::AreaOutline;

/// The schema of a classifier's file.
pub const SCHEMA: &str = "pantrk.region-classifier/1";
/// Places of 8 um along a tile's side.
const TILE: u32 = 128;
/// Fewer places than this say nothing of a class.
const LEAST_PLACES: usize = 30;
/// Of a class with more places than this, every second, third and so on is taken.
const MOST_PLACES: usize = 12_000;
/// Trees, their depth, and the fewest places in a leaf: more of each no longer changes held-out places.
const TREES: usize = 60;
const DEPTH: usize = 12;
const LEAF: usize = 5;
const SEED: u64 = 0x7061_6e74_726b;
/// Votes are averaged over squares of this half width before the most voted class wins, places.
const VOTE_REACH: i64 = 2;
/// Smaller pieces and holes of a class go to what lies around them, mm2.
const LEAST_MM2: f64 = 0.004;

/// A classifier that cannot be trained or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegionClassifierError {
    /// Nothing to tell apart.
    #[error("found strokes of {found} classes, wanted at least 2, such as Tumor and Stroma")]
    FewClasses {
        /// Classes drawn.
        found: usize,
    },
    /// Too little was drawn of a class.
    #[error(
        "class {class:?} has {found} places of 8 um on tissue, wanted at least {LEAST_PLACES}: draw more or wider strokes"
    )]
    FewPlaces {
        /// Its name.
        class: String,
        /// Places under its strokes.
        found: usize,
    },
    /// The file is none of this program's classifiers.
    #[error("this is not a region classifier: {0}")]
    Format(String),
    /// The slide could not be read.
    #[error(transparent)]
    Slide(#[from] CoreError),
}

/// A slide made ready for region classification.
pub struct RegionSlide<'a> {
    reader: &'a dyn RegionReader,
    seen: Arc<RegionSurvey>,
}

/// What a look at the whole slide at low power found; kept by who comes back to the slide.
pub struct RegionSurvey {
    slide_mpp: SlideMpp,
    white: WhitePoint,
    vectors: StainVectors,
    tissue: Mask,
    scale: (f64, f64),
}

impl std::fmt::Debug for RegionSurvey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegionSurvey")
            .field("white", &self.white)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RegionSlide<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegionSlide")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl<'a> RegionSlide<'a> {
    /// Reads the slide at low power: its glass and its tissue.
    ///
    /// # Errors
    /// If the slide cannot be read as a whole.
    pub fn survey(reader: &'a dyn RegionReader, slide_mpp: SlideMpp) -> Result<Self, CoreError> {
        let mut overview = Overview::read(reader, slide_mpp)?;
        let white = white_point(&overview);
        overview.flatten(&white);
        let tissue = tissue_mask(&overview, &white);
        Ok(Self {
            reader,
            seen: Arc::new(RegionSurvey {
                slide_mpp,
                white,
                vectors: StainVectors::h_dab_default(),
                scale: overview.grid().slide_scale(),
                tissue,
            }),
        })
    }

    /// A slide that was surveyed before.
    pub fn seen_before(reader: &'a dyn RegionReader, seen: &Arc<RegionSurvey>) -> Self {
        Self {
            reader,
            seen: Arc::clone(seen),
        }
    }

    /// What the survey found.
    pub fn seen(&self) -> &Arc<RegionSurvey> {
        &self.seen
    }

    /// Places of 8 um along width and height.
    fn size(&self) -> (u32, u32) {
        self.seen.size()
    }

    /// The whole slide, level-0 pixels.
    pub fn whole(&self) -> SlideRect {
        let (width, height) = self.size();
        SlideRect {
            x: 0.0,
            y: 0.0,
            width: f64::from(width) * self.seen.scale.0,
            height: f64::from(height) * self.seen.scale.1,
        }
    }

    /// The places that a rectangle of level-0 pixels touches.
    fn places(&self, rect: SlideRect) -> LevelRect {
        let (width, height) = self.size();
        let from = |v: f64, scale: f64| (v / scale).floor().max(0.0) as i64;
        let to = |v: f64, scale: f64, most: u32| ((v / scale).ceil() as i64).min(i64::from(most));
        let scale = self.seen.scale;
        let (x, y) = (from(rect.x, scale.0), from(rect.y, scale.1));
        LevelRect {
            x,
            y,
            width: (to(rect.x + rect.width, scale.0, width) - x).max(0) as u32,
            height: (to(rect.y + rect.height, scale.1, height) - y).max(0) as u32,
        }
    }

    fn middle_of(&self, x: i64, y: i64) -> SlidePoint {
        SlidePoint {
            x: (x as f64 + 0.5) * self.seen.scale.0,
            y: (y as f64 + 0.5) * self.seen.scale.1,
        }
    }

    fn is_tissue(&self, x: i64, y: i64) -> bool {
        x >= 0 && y >= 0 && self.seen.tissue.get(x as u32, y as u32)
    }
}

impl RegionSurvey {
    /// Places of 8 um along width and height.
    pub fn size(&self) -> (u32, u32) {
        (self.tissue.width(), self.tissue.height())
    }

    /// Level-0 pixels per place along x and y.
    pub const fn scale(&self) -> (f64, f64) {
        self.scale
    }
}

/// Tiles that cover a rectangle of places, cut to it.
fn tiles(rect: LevelRect) -> Vec<LevelRect> {
    let mut tiles = Vec::new();
    for y in (0..rect.height).step_by(TILE as usize) {
        for x in (0..rect.width).step_by(TILE as usize) {
            tiles.push(LevelRect {
                x: rect.x + i64::from(x),
                y: rect.y + i64::from(y),
                width: TILE.min(rect.width - x),
                height: TILE.min(rect.height - y),
            });
        }
    }
    tiles
}

/// What was drawn: places with their class, gathered from one or more slides.
#[derive(Debug, Clone, Default)]
pub struct TrainingPlaces {
    classes: Vec<String>,
    features: Vec<[f32; FEATURES]>,
    labels: Vec<usize>,
    /// The stroke that each place lies under.
    strokes: Vec<usize>,
    next_stroke: usize,
}

impl TrainingPlaces {
    /// Adds the strokes of a slide: a class's name and its area.
    ///
    /// # Errors
    /// If the slide cannot be read there.
    pub fn add(
        &mut self,
        slide: &RegionSlide<'_>,
        strokes: &[(String, Region)],
    ) -> Result<(), CoreError> {
        for (class, area) in strokes {
            let label = self.label(class);
            let rect = slide.places(area.bounds());
            let found = tiles(rect)
                .into_par_iter()
                .map(|tile| {
                    let inside = |x: u32, y: u32| {
                        let (x, y) = (tile.x + i64::from(x), tile.y + i64::from(y));
                        slide.is_tissue(x, y) && area.contains(slide.middle_of(x, y))
                    };
                    let wanted: Vec<(u32, u32)> = (0..tile.height)
                        .flat_map(|y| (0..tile.width).map(move |x| (x, y)))
                        .filter(|&(x, y)| inside(x, y))
                        .collect();
                    if wanted.is_empty() {
                        return Ok(Vec::new());
                    }
                    let read = FeatureTile::read(slide, tile)?;
                    let of = |&(x, y): &(u32, u32)| read.at(x as usize, y as usize).copied();
                    Ok(wanted.iter().filter_map(of).collect())
                })
                .collect::<Result<Vec<Vec<_>>, CoreError>>()?;
            for features in found.into_iter().flatten() {
                self.features.push(features);
                self.labels.push(label);
                self.strokes.push(self.next_stroke);
            }
            self.next_stroke += 1;
        }
        Ok(())
    }

    /// Adds what was gathered elsewhere, so that strokes that did not change need not be read again.
    pub fn append(&mut self, other: &Self) {
        let labels: Vec<usize> = other.classes.iter().map(|c| self.label(c)).collect();
        self.features.extend_from_slice(&other.features);
        let known = other.labels.iter().map(|&label| labels[label]);
        self.labels.extend(known);
        let first = self.next_stroke;
        self.strokes.extend(other.strokes.iter().map(|s| s + first));
        self.next_stroke += other.next_stroke;
    }

    fn label(&mut self, class: &str) -> usize {
        let known = self.classes.iter().position(|name| name == class);
        known.unwrap_or_else(|| {
            self.classes.push(class.to_owned());
            self.classes.len() - 1
        })
    }

    /// Places of each class, thinned where there are very many.
    fn chosen(&self) -> Result<Vec<Vec<usize>>, RegionClassifierError> {
        if self.classes.len() < 2 {
            return Err(RegionClassifierError::FewClasses {
                found: self.classes.len(),
            });
        }
        let mut chosen = vec![Vec::new(); self.classes.len()];
        for (place, &label) in self.labels.iter().enumerate() {
            chosen[label].push(place);
        }
        for (class, places) in self.classes.iter().zip(&mut chosen) {
            if places.len() < LEAST_PLACES {
                return Err(RegionClassifierError::FewPlaces {
                    class: class.clone(),
                    found: places.len(),
                });
            }
            let step = places.len().div_ceil(MOST_PLACES);
            *places = places.iter().copied().step_by(step).collect();
        }
        Ok(chosen)
    }

    fn forest(&self, chosen: &[Vec<usize>]) -> Forest {
        let (mut data, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (label, places) in chosen.iter().enumerate() {
            for &place in places {
                data.extend_from_slice(&self.features[place]);
                targets.push(label as i64);
                // Every class weighs the same, however much was drawn of it.
                weights.push(1000.0 / places.len() as f32);
            }
        }
        let mut trainer = Forest::trainer();
        trainer
            .with_max_depth(DEPTH)
            .with_min_samples_leaf(LEAF)
            .with_seed(SEED)
            .with_weights(&weights)
            .with_trees(TREES)
            // One thread: the order of the trees is the order of the sums.
            .with_threads(1);
        trainer.train(&data, &targets)
    }

    /// Per class, the share of places told right by forests that were trained without the half of the strokes that the place belongs to; of a class with one stroke, without the half of that stroke.
    fn held_out(&self, chosen: &[Vec<usize>]) -> Vec<ClassAccuracy> {
        let half_of = |label: usize, nth: usize, places: &[usize]| {
            let mut strokes: Vec<usize> = places.iter().map(|&p| self.strokes[p]).collect();
            strokes.dedup();
            let own = strokes.iter().position(|&s| s == self.strokes[places[nth]]);
            match own {
                Some(own) if strokes.len() > 1 => own % 2,
                // Halves, not every other place: neighbours look alike.
                _ => usize::from(2 * nth >= places.len()) ^ (label & 1),
            }
        };
        let mut right = vec![0_usize; chosen.len()];
        for half in 0..2 {
            let part = |keep: bool| -> Vec<Vec<usize>> {
                let of = |(label, places): (usize, &Vec<usize>)| {
                    let kept = (0..places.len())
                        .filter(|&nth| (half_of(label, nth, places) == half) != keep);
                    kept.map(|nth| places[nth]).collect()
                };
                chosen.iter().enumerate().map(of).collect()
            };
            let (train, test) = (part(true), part(false));
            if train.iter().any(Vec::is_empty) {
                continue;
            }
            let forest = self.forest(&train);
            for (label, places) in test.iter().enumerate() {
                let data: Vec<f32> = places.iter().flat_map(|&p| self.features[p]).collect();
                if !data.is_empty() {
                    let said = forest.predict(&data, 1);
                    right[label] += said.iter().filter(|&&l| l == label as i64).count();
                }
            }
        }
        let of = |((class, places), right): ((&String, &Vec<usize>), usize)| ClassAccuracy {
            class: class.clone(),
            places: places.len() as u64,
            held_out_right_percent: 100.0 * right as f64 / places.len() as f64,
        };
        let pairs = self.classes.iter().zip(chosen).zip(right);
        pairs.map(of).collect()
    }

    /// Trains a classifier.
    ///
    /// # Errors
    /// If fewer than two classes were drawn, or too little of one.
    pub fn train(&self) -> Result<RegionClassifier, RegionClassifierError> {
        let chosen = self.chosen()?;
        let forest = self.forest(&chosen);
        Ok(RegionClassifier {
            schema: SCHEMA.to_owned(),
            classes: self.held_out(&chosen),
            features: features::names(),
            checksum: checksum(&forest)?,
            forest,
        })
    }
}

/// A class that a classifier knows, and how well it tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassAccuracy {
    /// Its name, as regions have it: `Tumor`, `Stroma`, `Nerve`.
    pub class: String,
    /// Places of 8 um it was trained with.
    pub places: u64,
    /// Of them told right when the forest had not seen their strokes, percent.
    pub held_out_right_percent: f64,
}

/// A trained classifier; its file is this, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegionClassifier {
    /// [`SCHEMA`].
    schema: String,
    /// The classes it tells apart.
    pub classes: Vec<ClassAccuracy>,
    /// What it looks at.
    features: Vec<String>,
    /// Of the forest, against damage.
    checksum: String,
    forest: Forest,
}

/// Fowler, Noll and Vo's 64-bit hash of the forest as JSON.
fn checksum(forest: &Forest) -> Result<String, RegionClassifierError> {
    let text =
        serde_json::to_string(forest).map_err(|e| RegionClassifierError::Format(e.to_string()))?;
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Ok(format!("{hash:016x}"))
}

impl RegionClassifier {
    /// The file's text.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, RegionClassifierError> {
        serde_json::to_string(self).map_err(|e| RegionClassifierError::Format(e.to_string()))
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// If it is no classifier of this version, or damaged.
    pub fn from_json(text: &str) -> Result<Self, RegionClassifierError> {
        let bad = RegionClassifierError::Format;
        let own: Self = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        if own.schema != SCHEMA {
            return Err(bad(format!(
                "found schema {:?}, wanted {SCHEMA:?}",
                own.schema
            )));
        }
        if own.features != features::names() {
            return Err(bad(
                "it looks at other features than this version measures: train it again".to_owned(),
            ));
        }
        let classes = own.forest.get_decode_table().len();
        if checksum(&own.forest)? != own.checksum
            || own.forest.num_features() != FEATURES
            || classes != own.classes.len()
        {
            return Err(bad(
                "its forest is damaged: copy it again, or train it again".to_owned(),
            ));
        }
        Ok(own)
    }

    /// What each place of a rectangle of level-0 pixels looks like; small enough a rectangle is a preview while strokes are drawn.
    ///
    /// Runs on the current rayon pool.
    ///
    /// # Errors
    /// If the slide cannot be read there.
    pub fn predict(&self, slide: &RegionSlide<'_>, area: SlideRect) -> Result<ClassMap, CoreError> {
        self.predict_watched(slide, area, &|_, _| true)
    }

    /// As [`RegionClassifier::predict`]; `go_on` is told before each square millimetre how many of how many were begun, and asked whether to go on.
    ///
    /// Without it the places that are left look like no tissue.
    ///
    /// # Errors
    /// If the slide cannot be read there.
    pub fn predict_watched(
        &self,
        slide: &RegionSlide<'_>,
        area: SlideRect,
        go_on: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<ClassMap, CoreError> {
        let rect = slide.places(area);
        let cut = tiles(rect);
        let (all, done) = (cut.len() as u64, AtomicU64::new(0));
        let stopped = AtomicBool::new(false);
        let classes = self.classes.len();
        let voted = cut
            .into_par_iter()
            .map(|tile| {
                let before = done.fetch_add(1, Ordering::Relaxed);
                if stopped.load(Ordering::Relaxed) || !go_on(before, all) {
                    stopped.store(true, Ordering::Relaxed);
                    return Ok((tile, Vec::new(), Vec::new()));
                }
                let places = (0..tile.height).flat_map(|y| (0..tile.width).map(move |x| (x, y)));
                let tissue: Vec<(u32, u32)> = places
                    .filter(|&(x, y)| slide.is_tissue(tile.x + i64::from(x), tile.y + i64::from(y)))
                    .collect();
                if tissue.is_empty() {
                    return Ok((tile, Vec::new(), Vec::new()));
                }
                let read = FeatureTile::read(slide, tile)?;
                let (mut at, mut data) = (Vec::new(), Vec::new());
                for (x, y) in tissue {
                    if let Some(features) = read.at(x as usize, y as usize) {
                        at.push((x, y));
                        data.extend_from_slice(features);
                    }
                }
                let votes = if data.is_empty() {
                    Vec::new()
                } else {
                    self.forest.proba(&data, 1)
                };
                Ok((tile, at, votes))
            })
            .collect::<Result<Vec<_>, CoreError>>()?;
        let (width, height) = (rect.width as usize, rect.height as usize);
        let mut votes = vec![0.0_f32; width * height * classes];
        for (tile, at, values) in voted {
            for ((x, y), value) in at.into_iter().zip(values.chunks_exact(classes)) {
                let column = (tile.x - rect.x) as usize + x as usize;
                let row = (tile.y - rect.y) as usize + y as usize;
                votes[(row * width + column) * classes..][..classes].copy_from_slice(value);
            }
        }
        Ok(ClassMap::from_votes(
            rect,
            slide.seen.scale,
            self.classes.iter().map(|c| c.class.clone()).collect(),
            &votes,
        ))
    }
}

/// Which class each place looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassMap {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The first place's corner, level-0 pixels.
    pub origin: SlidePoint,
    /// Level-0 pixels per place along x and y.
    pub scale: (f64, f64),
    /// Per place, row by row, 1 + the index of its class; 0 where there is no tissue, or it could not be read.
    pub class: Vec<u8>,
    /// The share of votes for that class, 0 to 1.
    pub confidence: Vec<f32>,
}

impl ClassMap {
    fn from_votes(rect: LevelRect, scale: (f64, f64), classes: Vec<String>, votes: &[f32]) -> Self {
        let (w, h, n) = (i64::from(rect.width), i64::from(rect.height), classes.len());
        let at = |x: i64, y: i64| &votes[((y * w + x) as usize) * n..][..n];
        let seen = |x: i64, y: i64| at(x, y).iter().sum::<f32>() > 0.5;
        let (mut class, mut confidence) = (Vec::new(), Vec::new());
        let mut sums = vec![0.0_f32; n];
        for y in 0..h {
            for x in 0..w {
                if !seen(x, y) {
                    class.push(0);
                    confidence.push(0.0);
                    continue;
                }
                sums.fill(0.0);
                for v in (y - VOTE_REACH).max(0)..=(y + VOTE_REACH).min(h - 1) {
                    for u in (x - VOTE_REACH).max(0)..=(x + VOTE_REACH).min(w - 1) {
                        for (sum, vote) in sums.iter_mut().zip(at(u, v)) {
                            *sum += vote;
                        }
                    }
                }
                let mut best = 0;
                for k in 1..n {
                    if sums[k] > sums[best] {
                        best = k;
                    }
                }
                class.push(best as u8 + 1);
                confidence.push(sums[best] / sums.iter().sum::<f32>().max(1e-6));
            }
        }
        Self {
            classes,
            width: rect.width,
            height: rect.height,
            origin: SlidePoint {
                x: rect.x as f64 * scale.0,
                y: rect.y as f64 * scale.1,
            },
            scale,
            class,
            confidence,
        }
    }

    /// The area of a class, mm2.
    pub fn area_mm2(&self, class: usize) -> f64 {
        let own = class as u8 + 1;
        let places: u64 = self.class.iter().map(|&c| u64::from(c == own)).sum();
        places as f64 * OVERVIEW_MPP * OVERVIEW_MPP / 1e6
    }

    /// The outlines of a class, level-0 pixels; small pieces and small holes are left out.
    pub fn outlines(&self, class: usize) -> Vec<AreaOutline> {
        let own = class as u8 + 1;
        let least = (LEAST_MM2 * 1e6 / (OVERVIEW_MPP * OVERVIEW_MPP)) as usize;
        let mask = Mask::from_fn(self.width, self.height, |x, y| {
            self.class[(y * self.width + x) as usize] == own
        })
        .without_small(true, least)
        .without_small(false, least);
        let mut outlines = outline::outlines(&mask, self.scale);
        let rings = outlines
            .iter_mut()
            .flat_map(|area| std::iter::once(&mut area.exterior).chain(&mut area.holes));
        for point in rings.flatten() {
            point.x += self.origin.x;
            point.y += self.origin.y;
        }
        outlines
    }
}

#[cfg(test)]
mod tests;
