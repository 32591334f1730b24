//! One DICOM file of a slide: what its header says.
//!
//! Facts: DICOM PS3.3 A.32.8 (VL Whole Slide Microscopy Image), C.8.12.4 (whole slide microscopy image), C.7.6.16 (functional groups), C.7.6.17 (dimension organization), C.8.12.5 (optical path); PS3.6 (names).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dicom_core::{
    DataDictionary as _, PrimitiveValue, Tag, VR, dictionary::DataDictionaryEntry as _,
};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_object::file::ReadPreamble;
use dicom_object::{FileMetaTable, InMemDicomObject, OpenFileOptions};
use pantrk_space::{LevelSize, MicronsPerPixel, SlideMpp};

use super::frames::Frames;
use super::pixels::{Pixels, Syntax};
use super::walk::{Position, Walked, walk};
use crate::error::Fault;
use crate::limits::Limits;
use crate::source::Source;

/// Frames of one file; the largest scans at 256 px a side have some 400,000.
const MAX_FRAMES: usize = 2_000_000;
/// Characters of a value that is passed on as a property.
const MAX_PROPERTY: usize = 1024;
/// Properties of one file.
const MAX_PROPERTIES: usize = 2000;

/// Which picture of a slide an instance is (the third value of `ImageType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Volume,
    Label,
    Overview,
    Thumbnail,
    /// A projection or something that is not of the standard.
    Other,
}

impl Kind {
    fn of(object: &InMemDicomObject) -> Self {
        match texts(object, tags::IMAGE_TYPE).get(2).map(String::as_str) {
            Some("VOLUME") => Self::Volume,
            Some("LABEL") => Self::Label,
            Some("OVERVIEW") => Self::Overview,
            Some("THUMBNAIL") => Self::Thumbnail,
            _ => Self::Other,
        }
    }
}

/// Where in a set of files an instance stands that was cut because of its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) whole: String,
    pub(super) first_frame: u64,
    /// How many parts there are, where the file says so.
    pub(super) parts: Option<u64>,
}

impl Part {
    fn of(object: &InMemDicomObject) -> Option<Self> {
        let count = |tag: Tag| integer(object, tag).and_then(|n| u64::try_from(n).ok());
        Some(Self {
            whole: text(object, tags::CONCATENATION_UID)?,
            first_frame: count(tags::CONCATENATION_FRAME_OFFSET_NUMBER).unwrap_or(0),
            parts: count(tags::IN_CONCATENATION_TOTAL_NUMBER),
        })
    }
}

/// One file.
pub(super) struct Instance {
    pub(super) uid: String,
    pub(super) kind: Kind,
    pub(super) size: LevelSize,
    pub(super) tile: LevelSize,
    /// Whether all places have a frame, in order; otherwise the frames say where they lie.
    pub(super) is_full: bool,
    pub(super) positions: Vec<Position>,
    pub(super) frames: Frames,
    pub(super) pixels: Pixels,
    pub(super) mpp: Option<SlideMpp>,
    pub(super) objective_power: Option<f64>,
    pub(super) icc_profile: Option<Vec<u8>>,
    pub(super) part: Option<Part>,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) source: Arc<Source>,
}

/// What an instance is before it is read in full.
pub(super) struct Identity {
    pub(super) series: String,
    pub(super) is_slide: bool,
    pub(super) class: String,
}

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

/// A parsed header and what the walk found.
pub(super) struct Header {
    walked: Walked,
    object: InMemDicomObject,
    /// The file meta information as properties.
    meta: BTreeMap<String, String>,
    source: Arc<Source>,
}

impl Header {
    /// Reads everything before the pixels.
    pub(super) fn read(source: &Arc<Source>, limits: &Limits) -> Result<Self, Fault> {
        let walked = walk(source, limits.max_metadata_bytes, MAX_FRAMES)?;
        // The parser meets lengths that were checked; a panic in it costs this file alone.
        let parsed = catch_unwind(AssertUnwindSafe(|| {
            OpenFileOptions::new()
                .read_preamble(ReadPreamble::Always)
                .from_reader(walked.header.as_slice())
        }));
        let object = match parsed {
            Ok(Ok(object)) => object,
            Ok(Err(error)) => return Err(broken(chain(&error))),
            Err(_) => return Err(broken("the header cannot be parsed")),
        };
        let meta = describe_meta(object.meta());
        Ok(Self {
            walked,
            object: object.into_inner(),
            meta,
            source: Arc::clone(source),
        })
    }

    pub(super) fn identity(&self) -> Identity {
        let class = text(&self.object, tags::SOP_CLASS_UID).unwrap_or_default();
        Identity {
            series: text(&self.object, tags::SERIES_INSTANCE_UID).unwrap_or_default(),
            is_slide: class == uids::VL_WHOLE_SLIDE_MICROSCOPY_IMAGE_STORAGE,
            class,
        }
    }

    /// Reads the rest of an instance that is of a slide.
    pub(super) fn into_instance(self) -> Result<Instance, Fault> {
        let Self {
            walked,
            object,
            meta,
            source,
        } = self;
        let kind = Kind::of(&object);
        let side = |tag: Tag, name: &str| -> Result<u32, Fault> {
            let value =
                integer(&object, tag).ok_or_else(|| broken(format!("the file has no {name}")))?;
            u32::try_from(value)
                .ok()
                .filter(|&v| v > 0 && v < 1 << 31)
                .ok_or_else(|| broken(format!("{name} is {value}")))
        };
        let tile = LevelSize {
            width: side(tags::COLUMNS, "Columns")?,
            height: side(tags::ROWS, "Rows")?,
        };
        let size = LevelSize {
            width: side(tags::TOTAL_PIXEL_MATRIX_COLUMNS, "TotalPixelMatrixColumns")?,
            height: side(tags::TOTAL_PIXEL_MATRIX_ROWS, "TotalPixelMatrixRows")?,
        };
        let count = match integer(&object, tags::NUMBER_OF_FRAMES) {
            None => 1,
            Some(count) => u64::try_from(count)
                .ok()
                .filter(|&count| count > 0 && count <= MAX_FRAMES as u64)
                .ok_or_else(|| broken(format!("NumberOfFrames is {count}")))?,
        };
        let pixels = Pixels {
            syntax: Syntax::of(&walked.transfer_syntax)?,
            samples: usize::try_from(integer(&object, tags::SAMPLES_PER_PIXEL).unwrap_or(1))
                .unwrap_or(0),
            photometric: text(&object, tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default(),
            planar: integer(&object, tags::PLANAR_CONFIGURATION) == Some(1),
            tile,
        };
        let bits = integer(&object, tags::BITS_ALLOCATED).unwrap_or(8);
        pixels.check(bits)?;
        let Some(data) = walked.pixels else {
            return Err(broken("the file has no pixels"));
        };
        let frames = if pixels.syntax == Syntax::Native {
            let len = pixels.native_len();
            Frames::native(Arc::clone(&source), data, len, count)?
        } else {
            let extended = bytes(&object, tags::EXTENDED_OFFSET_TABLE);
            Frames::encapsulated(Arc::clone(&source), data, count, extended.as_deref())?
        };
        let organization = text(&object, tags::DIMENSION_ORGANIZATION_TYPE).unwrap_or_default();
        let is_full = match organization.as_str() {
            "TILED_FULL" => true,
            "TILED_SPARSE" => false,
            // Old files say nothing; frames without places can only be all of them.
            _ => walked.positions.is_empty(),
        };
        if !is_full && walked.positions.len() as u64 != count {
            return Err(broken(format!(
                "{} places for {count} frames",
                walked.positions.len()
            )));
        }
        let optical_path = first_item(&object, tags::OPTICAL_PATH_SEQUENCE);
        let mut properties = meta;
        describe(&object, "dicom", 0, &mut properties);
        Ok(Instance {
            uid: text(&object, tags::SOP_INSTANCE_UID)
                .ok_or_else(|| broken("the file has no SOPInstanceUID"))?,
            kind,
            size,
            tile,
            is_full,
            positions: walked.positions,
            frames,
            pixels,
            mpp: mpp(&object),
            objective_power: optical_path.and_then(|path| number(path, tags::OBJECTIVE_LENS_POWER)),
            icc_profile: optical_path
                .and_then(|path| bytes(path, tags::ICC_PROFILE))
                .or_else(|| bytes(&object, tags::ICC_PROFILE)),
            part: Part::of(&object),
            properties,
            source,
        })
    }
}

/// Pixel size from the shared functional groups: `PixelSpacing` is in mm, between rows first.
fn mpp(object: &InMemDicomObject) -> Option<SlideMpp> {
    let groups = first_item(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)?;
    let measures = first_item(groups, tags::PIXEL_MEASURES_SEQUENCE)?;
    let spacing = measures.get(tags::PIXEL_SPACING)?.to_multi_float64().ok()?;
    let [between_rows, between_columns] = spacing.as_slice() else {
        return None;
    };
    Some(SlideMpp {
        x: MicronsPerPixel::new(between_columns * 1000.0)?,
        y: MicronsPerPixel::new(between_rows * 1000.0)?,
    })
}

fn trimmed(value: &str) -> &str {
    value.trim_matches(['\0', ' '])
}

fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let value = object.get(tag)?.to_str().ok()?;
    let value = trimmed(&value);
    (!value.is_empty()).then(|| value.to_owned())
}

fn texts(object: &InMemDicomObject, tag: Tag) -> Vec<String> {
    object
        .get(tag)
        .and_then(|element| element.to_multi_str().ok())
        .map(|values| values.iter().map(|v| trimmed(v).to_owned()).collect())
        .unwrap_or_default()
}

fn integer(object: &InMemDicomObject, tag: Tag) -> Option<i64> {
    object.get(tag)?.to_int::<i64>().ok()
}

fn number(object: &InMemDicomObject, tag: Tag) -> Option<f64> {
    object
        .get(tag)?
        .to_float64()
        .ok()
        .filter(|value| value.is_finite())
}

fn bytes(object: &InMemDicomObject, tag: Tag) -> Option<Vec<u8>> {
    let value = object.get(tag)?.to_bytes().ok()?;
    (!value.is_empty()).then(|| value.into_owned())
}

fn first_item(object: &InMemDicomObject, tag: Tag) -> Option<&InMemDicomObject> {
    object.get(tag)?.items()?.first()
}

/// An error with what is below it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(": ");
        text.push_str(&error.to_string());
        below = error.source();
    }
    text
}

/// Whether an element may say who the patient is; those are not passed on.
fn is_identifying(tag: Tag, vr: VR) -> bool {
    tag.group() == 0x0010
        || vr == VR::PN
        || matches!(
            tag,
            tags::ACCESSION_NUMBER
                | tags::STUDY_ID
                | tags::INSTITUTION_NAME
                | tags::INSTITUTION_ADDRESS
                | tags::CONTAINER_IDENTIFIER
                | tags::SPECIMEN_IDENTIFIER
                | tags::LABEL_TEXT
                | tags::BARCODE_VALUE
        )
}

/// What the file meta information says of the file; the network addresses in it are not passed on.
fn describe_meta(meta: &FileMetaTable) -> BTreeMap<String, String> {
    [
        (
            "MediaStorageSOPClassUID",
            Some(meta.media_storage_sop_class_uid()),
        ),
        (
            "MediaStorageSOPInstanceUID",
            Some(meta.media_storage_sop_instance_uid()),
        ),
        ("TransferSyntaxUID", Some(meta.transfer_syntax())),
        (
            "ImplementationClassUID",
            Some(meta.implementation_class_uid()),
        ),
        (
            "ImplementationVersionName",
            meta.implementation_version_name(),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        let value = value.filter(|value| value.len() <= MAX_PROPERTY)?;
        Some((format!("dicom.{name}"), trimmed(value).to_owned()))
    })
    .collect()
}

/// The header as properties under the names of the dictionary, as `OpenSlide` writes them.
fn describe(
    object: &InMemDicomObject,
    prefix: &str,
    depth: usize,
    properties: &mut BTreeMap<String, String>,
) {
    for element in object {
        let tag = element.header().tag;
        if is_identifying(tag, element.vr()) || properties.len() >= MAX_PROPERTIES {
            continue;
        }
        let Some(entry) = StandardDataDictionary.by_tag(tag) else {
            continue;
        };
        let key = format!("{prefix}.{}", entry.alias());
        if let Some(items) = element.items() {
            if depth < 4 {
                for (i, item) in items.iter().enumerate() {
                    let prefix = format!("{key}[{i}]");
                    describe(item, &prefix, depth.saturating_add(1), properties);
                }
            }
            continue;
        }
        if matches!(
            element.vr(),
            VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW | VR::UN
        ) {
            continue;
        }
        if let Some(PrimitiveValue::Tags(pointers)) = element.value().primitive() {
            let halves = pointers.iter().flat_map(|tag| [tag.group(), tag.element()]);
            for (i, half) in halves.enumerate().take(16) {
                properties.insert(format!("{key}[{i}]"), half.to_string());
            }
            continue;
        }
        let Ok(values) = element.to_multi_str() else {
            continue;
        };
        match values.as_ref() {
            [value] if value.len() <= MAX_PROPERTY => {
                properties.insert(key, trimmed(value).to_owned());
            }
            [] => {
                properties.insert(key, String::new());
            }
            [_] => {}
            values => {
                for (i, value) in values.iter().enumerate().take(16) {
                    properties.insert(format!("{key}[{i}]"), trimmed(value).to_owned());
                }
            }
        }
    }
}
