//! Region classifiers between files, slides and results: what `regions` and `score` share.

use std::path::Path;

use pantrk_core::region::{Region, RegionRole};
use pantrk_core::region_classifier::{RegionClassifier, RegionSlide};
use pantrk_nn::sha256_hex;
use pantrk_slide::Slide;
use pantrk_space::{RegionReader as _, SlideMpp};
use pantrk_store::{RegionClassifierFacts, RegionPolygon};

use crate::failure::{Exit, Failure, OrExit as _};

/// A classifier with the digest of its file.
pub(crate) struct LoadedClassifier {
    pub(crate) classifier: RegionClassifier,
    pub(crate) sha256: String,
}

/// Reads a classifier's file.
pub(crate) fn load(path: &Path) -> Result<LoadedClassifier, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Failure::usage(format!(
            "cannot read the region classifier ({e}): {}",
            path.display()
        ))
    })?;
    let classifier = RegionClassifier::from_json(&text)
        .map_err(|e| Failure::usage(format!("{e}: {}", path.display())))?;
    Ok(LoadedClassifier {
        classifier,
        sha256: sha256_hex(text.as_bytes()),
    })
}

/// The drawn areas with their classes, as training takes them.
pub(crate) fn strokes(
    drawn: &[pantrk_store::Region],
    path: &Path,
) -> Result<Vec<(String, Region)>, Failure> {
    let mut named = Vec::new();
    for region in drawn {
        let class = region.class.trim();
        if class.is_empty() {
            return Err(Failure::usage(format!(
                "a stroke has no class; give each one, such as Tumor or Stroma: {}",
                path.display()
            )));
        }
        named.extend(region.polygons.iter().map(|polygon| {
            let mut rings = vec![polygon.exterior.clone()];
            rings.extend(polygon.holes.iter().cloned());
            (class.to_owned(), Region::new(region.role, &rings))
        }));
    }
    Ok(named)
}

/// What a classifier makes of a slide.
pub(crate) struct Proposed {
    pub(crate) regions: Vec<pantrk_store::Region>,
    pub(crate) facts: RegionClassifierFacts,
}

/// The regions that a classifier proposes, on the current rayon pool.
pub(crate) fn propose(
    loaded: &LoadedClassifier,
    slide: &Slide,
    mpp: SlideMpp,
) -> Result<Proposed, Failure> {
    let surveyed = RegionSlide::survey(slide, mpp).or_exit(Exit::NothingRead)?;
    let map = loaded
        .classifier
        .predict(&surveyed, surveyed.whole())
        .or_exit(Exit::NothingRead)?;
    let size = slide.size();
    let on_slide = |p: &mut pantrk_space::SlidePoint| {
        p.x = p.x.min(f64::from(size.width));
        p.y = p.y.min(f64::from(size.height));
    };
    let (mut regions, mut areas_mm2) = (Vec::new(), std::collections::BTreeMap::new());
    for (k, class) in map.classes.iter().enumerate() {
        let polygons: Vec<RegionPolygon> = map
            .outlines(k)
            .into_iter()
            .map(|mut area| {
                area.exterior.iter_mut().for_each(on_slide);
                area.holes.iter_mut().flatten().for_each(on_slide);
                RegionPolygon {
                    exterior: area.exterior,
                    holes: area.holes,
                }
            })
            .collect();
        areas_mm2.insert(class.clone(), map.area_mm2(k));
        if !polygons.is_empty() {
            regions.push(pantrk_store::Region {
                role: RegionRole::from_class(class),
                class: class.clone(),
                name: Some("proposed by a classifier".to_owned()),
                polygons,
            });
        }
    }
    Ok(Proposed {
        regions,
        facts: RegionClassifierFacts {
            sha256: loaded.sha256.clone(),
            classes: loaded.classifier.classes.clone(),
            areas_mm2,
        },
    })
}
