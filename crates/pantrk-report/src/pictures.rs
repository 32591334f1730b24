//! The pictures of a slide's folder, as both reports show them.

use std::io::{Cursor, ErrorKind};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use pantrk_store::{GalleryEntry, read_gallery_index, read_heatmap_index};
use serde::Serialize;

use crate::ReportError;
use crate::numbers::{num, pct};

/// Of photographs that the folder holds without loss; a report of some MB can be mailed.
const JPEG_QUALITY: u8 = 88;

/// The pictures that a report shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pictures {
    files: Vec<Picture>,
    maps: Vec<MapShown>,
    gallery: Vec<GalleryEntry>,
}

/// One picture as it is put into a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) name: String,
    pub(crate) mime: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Picture {
    pub(crate) fn data_uri(&self) -> String {
        format!("data:{};base64,{}", self.mime, STANDARD.encode(&self.bytes))
    }
}

/// Which pictures there are, by the names of their files.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Shown {
    thumbnail: Option<String>,
    overlay: Option<String>,
    maps: Vec<MapShown>,
    gallery: Vec<GalleryRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MapShown {
    title: String,
    file: String,
}

/// The fields of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct GalleryRow {
    title: &'static str,
    about: &'static str,
    fields: Vec<FieldShown>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct FieldShown {
    file: String,
    caption: String,
    place: String,
}

const TYPICAL_NEGATIVE: &str = "typical-negative";
/// A field with more stained cells than this cannot be shown as unstained.
const UNSTAINED_PERCENT: f64 = 5.0;

/// The kinds of fields in the order of the report, with their titles and what they are.
const KINDS: [(&str, &str, &str); 3] = [
    ("hottest", "Hottest", "the strongest stain on the slide"),
    (
        "borderline",
        "Borderline",
        "the most cells whose call hangs on the threshold",
    ),
    (
        TYPICAL_NEGATIVE,
        "Typical negative",
        "as the unstained tumour usually looks here",
    ),
];

const THUMBNAIL: &str = "thumbnail";
const OVERLAY: &str = "overlay";

impl Pictures {
    /// Reads what there is in a slide's folder; a picture that is not there is left out.
    ///
    /// # Errors
    /// If a picture is there but cannot be read, or an index names one that is not there.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let mut pictures = Self::default();
        for name in [THUMBNAIL, OVERLAY] {
            if let Some(bytes) = optional(&folder.join(format!("{name}.png")))? {
                pictures.files.push(photograph(name, bytes));
            }
        }
        for map in read_heatmap_index(folder)?.map_or_else(Vec::new, |index| index.maps) {
            let file = format!("heatmaps/{}", map.file);
            pictures.add(folder, &file, "image/png")?;
            pictures.maps.push(MapShown {
                title: map.title,
                file,
            });
        }
        for mut field in read_gallery_index(folder)?.map_or_else(Vec::new, |index| index.fields) {
            field.file = format!("gallery/{}", field.file);
            pictures.add(folder, &field.file, "image/jpeg")?;
            pictures.gallery.push(field);
        }
        Ok(pictures)
    }

    fn add(&mut self, folder: &Path, file: &str, mime: &'static str) -> Result<(), ReportError> {
        let path = folder.join(file);
        let bytes = std::fs::read(&path).map_err(|source| ReportError::Io {
            action: "read a picture",
            path,
            source,
        })?;
        self.files.push(Picture {
            name: file.to_owned(),
            mime,
            bytes,
        });
        Ok(())
    }

    pub(crate) fn files(&self) -> &[Picture] {
        &self.files
    }

    pub(crate) fn shown(&self) -> Shown {
        let named = |name: &str| {
            let file = self.files.iter().find(|f| f.name.starts_with(name));
            file.map(|f| f.name.clone())
        };
        let row = |(kind, title, about): (&str, &'static str, &'static str)| {
            let fields = self.gallery.iter().filter(|f| f.kind == kind);
            let fields: Vec<&GalleryEntry> = fields.collect();
            let stained = |f: &&GalleryEntry| f.positive_percent > UNSTAINED_PERCENT;
            let (title, about) = if kind == TYPICAL_NEGATIVE && fields.iter().any(stained) {
                (
                    "Least stained",
                    "no more fields of this slide are free of stain",
                )
            } else {
                (title, about)
            };
            GalleryRow {
                title,
                about,
                fields: fields.into_iter().map(shown_field).collect(),
            }
        };
        Shown {
            thumbnail: named(THUMBNAIL),
            overlay: named(OVERLAY),
            maps: self.maps.clone(),
            gallery: KINDS
                .into_iter()
                .map(row)
                .filter(|row| !row.fields.is_empty())
                .collect(),
        }
    }
}

fn shown_field(field: &GalleryEntry) -> FieldShown {
    let caption = if field.kind == "borderline" {
        format!(
            "{} % positive; {} % near the threshold",
            pct(field.positive_percent),
            num(field.near_threshold_percent, 0)
        )
    } else {
        format!(
            "{} % of {} cells positive",
            pct(field.positive_percent),
            field.tumour_cells
        )
    };
    FieldShown {
        file: field.file.clone(),
        caption,
        place: format!("x {}, y {} px", num(field.x_px, 0), num(field.y_px, 0)),
    }
}

/// A photograph small enough for a report; what cannot be decoded is shown as it is.
fn photograph(name: &str, png: Vec<u8>) -> Picture {
    let small = image::load_from_memory(&png).ok().and_then(|picture| {
        let mut bytes = Cursor::new(Vec::new());
        let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
        picture.to_rgb8().write_with_encoder(encoder).ok()?;
        Some(bytes.into_inner())
    });
    match small {
        Some(bytes) => Picture {
            name: format!("{name}.jpg"),
            mime: "image/jpeg",
            bytes,
        },
        None => Picture {
            name: format!("{name}.png"),
            mime: "image/png",
            bytes: png,
        },
    }
}

fn optional(path: &Path) -> Result<Option<Vec<u8>>, ReportError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReportError::Io {
            action: "read a picture",
            path: path.to_owned(),
            source,
        }),
    }
}
