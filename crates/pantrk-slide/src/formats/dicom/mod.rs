//! DICOM VL Whole Slide Microscopy: one series is one slide.
//!
//! Written by: Leica GT 450 DX, 3DHISTECH, Roche DP 600, Philips and others by export; wsidicomizer, Google's and IDC's converters.
//! Source of the facts: DICOM PS3.3 A.32.8, PS3.5, PS3.10 (the sections stand beside the code), OpenSlide's documentation of its DICOM reader.
//! Recognised by: the word `DICM` at byte 128 and the class VL Whole Slide Microscopy Image. A folder, or any one file of the series, finds the others among the files beside it.
//! Levels: the instances of type VOLUME, by size; the parts of a concatenation are one level. LABEL, OVERVIEW and THUMBNAIL are `label`, `macro` and `thumbnail`.
//! Frames: `TILED_FULL` in order (of several focal planes or optical paths the first), `TILED_SPARSE` by their places; a place without a frame was not scanned.
//! Pixel size: `PixelSpacing` of the shared functional groups.
//! Known gaps: frames that do not lie on their grid, 16 bits, big-endian and deflated files, lossless JPEG. What names a patient is not passed on.

mod frames;
mod instance;
mod level;
mod pixels;
mod walk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use instance::{Header, Instance, Kind};
use level::DicomLevel;
use pantrk_space::LevelSize;

use super::Candidate;
use crate::error::Fault;
use crate::limits::Limits;
use crate::source::Source;
use crate::store::{Associated, Parts, TileStore};

pub(super) const VENDOR: &str = "dicom";

/// What to do about a file that is not read.
const CONVERT: &str = "convert the series to a pyramidal TIFF (wsidicomizer, bfconvert)";

/// Files of a folder that are looked at.
const MAX_FILES: usize = 10_000;

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    if is_dicom(&candidate.head) {
        Ok(())
    } else {
        Err("no DICM at byte 128".to_owned())
    }
}

fn is_dicom(head: &[u8]) -> bool {
    head.get(128..132) == Some(b"DICM")
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let header = Header::read(&candidate.source, &candidate.limits)?;
    let identity = header.identity();
    if !identity.is_slide {
        return Err(Fault::Unsupported {
            what: format!(
                "a DICOM file that is not a whole slide image (its class is {})",
                identity.class
            ),
            advice: "give a file or folder of a VL Whole Slide Microscopy series".to_owned(),
        });
    }
    let mut instances = vec![header.into_instance()?];
    let path = candidate.source.path();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    for beside in files_of(folder.unwrap_or(Path::new(".")))? {
        if is_same_file(&beside, path) {
            continue;
        }
        if let Some(instance) = of_series(&beside, &identity.series, &candidate.limits)? {
            instances.push(instance);
        }
    }
    parts(instances)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    a.file_name() == b.file_name()
}

/// The files of a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().is_file() {
            files.push(entry.path());
            Fault::within(
                "files beside a DICOM file",
                files.len() as u64,
                MAX_FILES as u64,
            )?;
        }
    }
    files.sort();
    Ok(files)
}

/// A file's source, if it is DICOM.
fn dicom_source(path: &Path) -> Option<Arc<Source>> {
    let source = Source::open(path).ok()?;
    let mut head = [0; 132];
    source.read_exact_at(&mut head, 0).ok()?;
    is_dicom(&head).then(|| Arc::new(source))
}

/// Reads `path` if it is of the series; a broken file that names the series is an error, since a level would be missing without a word.
fn of_series(path: &Path, series: &str, limits: &Limits) -> Result<Option<Instance>, Fault> {
    let Some(source) = dicom_source(path) else {
        return Ok(None);
    };
    let in_file = |fault: Fault| match fault {
        Fault::Broken(what) => Fault::Broken(format!("{what} (in {})", path.display())),
        other => other,
    };
    match Header::read(&source, limits) {
        Ok(header) => {
            let identity = header.identity();
            if identity.series == series && identity.is_slide {
                return header.into_instance().map(Some).map_err(in_file);
            }
            Ok(None)
        }
        Err(fault) => {
            let mut head = Vec::new();
            source.read_into(&mut head, 0, source.len().min(1 << 16))?;
            let names_it = head
                .windows(series.len().max(1))
                .any(|w| w == series.as_bytes());
            if names_it {
                Err(in_file(fault))
            } else {
                Ok(None)
            }
        }
    }
}

/// The file by which a folder's only slide is opened.
pub(super) fn file_in(folder: &Path, limits: &Limits) -> Result<PathBuf, Fault> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut dicom_files = 0_usize;
    for path in files_of(folder)? {
        let Some(source) = dicom_source(&path) else {
            continue;
        };
        dicom_files = dicom_files.saturating_add(1);
        let Ok(header) = Header::read(&source, limits) else {
            continue;
        };
        let identity = header.identity();
        if identity.is_slide {
            found.entry(identity.series).or_insert(path);
        }
    }
    let mut paths = found.into_values();
    match (paths.next(), paths.next()) {
        (Some(path), None) => Ok(path),
        (None, _) => Err(Fault::Broken(format!(
            "this is a folder with {dicom_files} DICOM files, none of which is a whole slide image; a slide file or a folder with one DICOM slide is wanted"
        ))),
        (Some(first), Some(second)) => {
            let names: Vec<String> = [first, second]
                .into_iter()
                .chain(paths)
                .take(8)
                .map(|path| path.display().to_string())
                .collect();
            Err(Fault::Unsupported {
                what: format!("a folder with {} DICOM slides", names.len()),
                advice: format!("name a file of one of them: {}", names.join(", ")),
            })
        }
    }
}

/// Groups the instances of a series into levels and associated images.
fn parts(instances: Vec<Instance>) -> Result<Parts, Fault> {
    let mut groups: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
    for instance in instances {
        let key = instance
            .part
            .as_ref()
            .map_or_else(|| instance.uid.clone(), |part| part.whole.clone());
        let group = groups.entry(key).or_default();
        // The same instance twice in a folder is a copy.
        if group.iter().all(|i| i.uid != instance.uid) {
            group.push(instance);
        }
    }
    let mut levels: Vec<(Level, DicomLevel)> = Vec::new();
    let mut associated = Vec::new();
    let mut profiles = BTreeMap::new();
    for group in groups.into_values() {
        let facts = Level::of(&group)?;
        let kind = facts.kind;
        let name = match kind {
            Kind::Volume => {
                levels.push((facts, DicomLevel::new(group)?));
                continue;
            }
            Kind::Label => "label",
            Kind::Overview => "macro",
            Kind::Thumbnail => "thumbnail",
            Kind::Other => continue,
        };
        if let Some(profile) = &facts.icc_profile {
            profiles.insert(
                format!("openslide.associated.{name}.icc-size"),
                profile.len().to_string(),
            );
        }
        associated.push(Associated {
            name: name.to_owned(),
            size: facts.size,
            store: Ok(Box::new(DicomLevel::new(group)?)),
        });
    }
    associated.sort_by(|a, b| a.name.cmp(&b.name));
    associated.dedup_by(|a, b| a.name == b.name);
    levels.sort_by_key(|(facts, _)| std::cmp::Reverse(facts.size.width));
    for pair in levels.windows(2) {
        if let [(a, _), (b, _)] = pair
            && a.size == b.size
        {
            return Err(Fault::Unsupported {
                what: format!("a series with two images of {}", a.size),
                advice: "keep the files of one focal plane and one scan in the folder".to_owned(),
            });
        }
    }
    let Some((sharpest, _)) = levels.first_mut() else {
        return Err(Fault::Broken(
            "the series has no image of type VOLUME".to_owned(),
        ));
    };
    sharpest.properties.append(&mut profiles);
    Ok(Parts {
        format: "DICOM whole slide image".to_owned(),
        mpp: sharpest.mpp.map(|mpp| (mpp, "dicom.PixelSpacing")),
        objective_power: sharpest.objective_power,
        icc_profile: sharpest.icc_profile.take(),
        properties: std::mem::take(&mut sharpest.properties),
        levels: levels
            .into_iter()
            .map(|(_, level)| Box::new(level) as Box<dyn TileStore>)
            .collect(),
        associated,
    })
}

/// What the slide keeps of a level's header.
struct Level {
    kind: Kind,
    size: LevelSize,
    mpp: Option<pantrk_space::SlideMpp>,
    objective_power: Option<f64>,
    icc_profile: Option<Vec<u8>>,
    properties: BTreeMap<String, String>,
}

impl Level {
    fn of(group: &[Instance]) -> Result<Self, Fault> {
        let first = group
            .first()
            .ok_or_else(|| Fault::Broken("a level without files".to_owned()))?;
        Ok(Self {
            kind: first.kind,
            size: first.size,
            mpp: first.mpp,
            objective_power: first.objective_power,
            icc_profile: first.icc_profile.clone(),
            properties: first.properties.clone(),
        })
    }
}
