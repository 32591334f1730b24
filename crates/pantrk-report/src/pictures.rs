//! The pictures of a slide's folder, as data URIs.

use std::io::ErrorKind;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pantrk_store::read_heatmap_index;
use serde::Serialize;

use crate::ReportError;

/// The pictures that a report shows; each as a `data:` URI.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pictures {
    /// `thumbnail.png`, where there is one.
    pub thumbnail: Option<String>,
    /// `overlay.png`, where there is one.
    pub overlay: Option<String>,
    /// The heatmaps in the order of their index.
    pub heatmaps: Vec<MapPicture>,
}

/// A heatmap of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapPicture {
    /// What it shows.
    pub title: String,
    /// As a `data:` URI.
    pub uri: String,
}

impl Pictures {
    /// Reads what there is in a slide's folder; a picture that is not there is left out.
    ///
    /// # Errors
    /// If a picture is there but cannot be read, or the heatmaps' index names one that is not there.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let mut pictures = Self {
            thumbnail: optional(&folder.join("thumbnail.png"))?,
            overlay: optional(&folder.join("overlay.png"))?,
            heatmaps: Vec::new(),
        };
        for map in read_heatmap_index(folder)?.map_or_else(Vec::new, |index| index.maps) {
            pictures.heatmaps.push(MapPicture {
                title: map.title,
                uri: data_uri(&folder.join("heatmaps").join(&map.file)).map_err(
                    |(action, path, source)| ReportError::Io {
                        action,
                        path,
                        source,
                    },
                )?,
            });
        }
        Ok(pictures)
    }
}

type Failure = (&'static str, std::path::PathBuf, std::io::Error);

fn data_uri(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|e| ("read a picture", path.to_owned(), e))?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(bytes)))
}

fn optional(path: &Path) -> Result<Option<String>, ReportError> {
    match data_uri(path) {
        Ok(uri) => Ok(Some(uri)),
        Err((_, _, e)) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err((action, path, source)) => Err(ReportError::Io {
            action,
            path,
            source,
        }),
    }
}
