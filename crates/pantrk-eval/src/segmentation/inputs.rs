//! Folders of label images and points: which files belong together, and what is in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageReader};
use pantrk_space::{LevelSize, MicronsPerPixel, RgbBuffer};

use crate::EvalError;
use crate::metrics::{Labels, Points};

/// Endings by which folders tell label files from the pictures beside them; the name without it is the field's.
const ENDINGS: [&str; 14] = [
    "labels",
    "label",
    "masks",
    "mask",
    "instances",
    "instance",
    "nuclei",
    "cells",
    "points",
    "truth",
    "gt",
    "prediction",
    "predictions",
    "pred",
];
/// Files that may hold labels.
const IMAGES: [&str; 3] = ["png", "tif", "tiff"];
/// Names of the columns of a point, in the order in which they are looked for, and whether they are in um.
const COLUMNS: [([&str; 2], bool); 3] = [
    (["x", "y"], false),
    (["x_px", "y_px"], false),
    (["x_um", "y_um"], true),
];

/// A prediction and its truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFiles {
    /// The field's name: that of the files, without endings such as `_labels`.
    pub name: String,
    /// Label image or points.
    pub predicted: PathBuf,
    /// Label image or points.
    pub truth: PathBuf,
    /// The picture itself, where there is one.
    pub image: Option<PathBuf>,
}

/// What two folders hold for each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paired {
    /// By name.
    pub fields: Vec<FieldFiles>,
    /// Truths that no prediction belongs to, by name.
    pub without_prediction: Vec<String>,
    /// Predictions that no truth belongs to, by name.
    pub without_truth: Vec<String>,
}

/// Pairs the files of two folders by name; pictures are taken from `images`.
///
/// # Errors
/// If a folder cannot be read, holds no label image or table of points, holds two that could be meant, or the folders have no name in common.
pub fn pair_folders(
    predicted: &Path,
    truth: &Path,
    images: Option<&Path>,
) -> Result<Paired, EvalError> {
    let found = label_files(predicted)?;
    let wanted = label_files(truth)?;
    let pictures = images.map_or_else(|| Ok(BTreeMap::new()), pictures)?;
    let mut paired = Paired::default();
    for (name, truth) in &wanted {
        match found.get(name) {
            Some(predicted) => paired.fields.push(FieldFiles {
                name: name.clone(),
                predicted: predicted.clone(),
                truth: truth.clone(),
                image: pictures.get(name).cloned(),
            }),
            None => paired.without_prediction.push(name.clone()),
        }
    }
    let extra = found.keys().filter(|name| !wanted.contains_key(*name));
    paired.without_truth = extra.cloned().collect();
    if paired.fields.is_empty() {
        let first =
            |files: &BTreeMap<String, PathBuf>| files.keys().next().cloned().unwrap_or_default();
        return Err(EvalError::Folder {
            message: format!(
                "no prediction has the name of a truth: found {:?} among predictions, wanted {:?}",
                first(&found),
                first(&wanted)
            ),
            path: predicted.to_owned(),
        });
    }
    Ok(paired)
}

/// A file's name in the folder, without its extension and label endings; and whether it had one.
fn field_name(path: &Path) -> (String, bool) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut name: &str = &stem;
    'ending: loop {
        for ending in ENDINGS {
            let Some(start) = name.len().checked_sub(ending.len()) else {
                continue;
            };
            let (Some(head), Some(tail)) = (name.get(..start), name.get(start..)) else {
                continue;
            };
            let head_without = head.strip_suffix(['_', '-', '.', ' ']);
            if let Some(shorter) = head_without
                && !shorter.is_empty()
                && tail.eq_ignore_ascii_case(ending)
            {
                name = shorter;
                continue 'ending;
            }
        }
        return (name.to_owned(), name.len() < stem.len());
    }
}

/// A folder's files with one of these extensions, sorted.
fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, EvalError> {
    let io = |source| EvalError::Io {
        action: "read the folder",
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        if extension.is_some_and(|e| extensions.contains(&e.as_str())) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// A folder's label images and tables of points, by field.
///
/// Where some files carry an ending such as `_labels`, the others are pictures or notes beside them.
fn label_files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, EvalError> {
    let mut extensions = IMAGES.to_vec();
    extensions.push("csv");
    let named: Vec<(PathBuf, String, bool)> = files(folder, &extensions)?
        .into_iter()
        .map(|path| {
            let (name, ending) = field_name(&path);
            (path, name, ending)
        })
        .collect();
    let any_ending = named.iter().any(|(_, _, ending)| *ending);
    let mut by_name: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (path, name, ending) in named {
        if ending || !any_ending {
            by_name.entry(name).or_default().push(path);
        }
    }
    if by_name.is_empty() {
        return Err(EvalError::Folder {
            message: "it holds no label image (png, tif) and no table of points (csv)".to_owned(),
            path: folder.to_owned(),
        });
    }
    by_name
        .into_iter()
        .map(|(name, paths)| Ok((name.clone(), the_one(folder, &name, paths)?)))
        .collect()
}

/// Of the files of one field, the labels: pictures in colour stand back, and labels say more than points.
fn the_one(folder: &Path, name: &str, mut paths: Vec<PathBuf>) -> Result<PathBuf, EvalError> {
    if paths.len() > 1 {
        let is_table = |path: &PathBuf| {
            path.extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("csv"))
        };
        let (tables, images): (Vec<_>, Vec<_>) = paths.into_iter().partition(is_table);
        let grey: Vec<PathBuf> = images.into_iter().filter(|path| is_grey(path)).collect();
        paths = if grey.is_empty() { tables } else { grey };
    }
    match paths.as_slice() {
        [path] => Ok(path.clone()),
        _ => Err(EvalError::Folder {
            message: format!(
                "{} files could be the labels of {name:?}; keep one, or end its name in _labels",
                paths.len()
            ),
            path: folder.to_owned(),
        }),
    }
}

fn is_grey(path: &Path) -> bool {
    use image::ImageDecoder as _;
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let decoder = reader.ok().and_then(|r| r.into_decoder().ok());
    decoder.is_some_and(|d| !d.color_type().has_color())
}

/// The pictures of a folder: those without a label ending.
fn pictures(folder: &Path) -> Result<BTreeMap<String, PathBuf>, EvalError> {
    let mut extensions = IMAGES.to_vec();
    extensions.extend(["jpg", "jpeg"]);
    let named = files(folder, &extensions)?.into_iter().map(|path| {
        let (name, ending) = field_name(&path);
        (name, ending, path)
    });
    Ok(named
        .filter(|(_, ending, _)| !ending)
        .map(|(name, _, path)| (name, path))
        .collect())
}

/// What one file says.
#[derive(Debug, Clone, PartialEq)]
pub enum Nuclei {
    /// A label image.
    Labels(LabelImage),
    /// Centres alone.
    Points(Points),
}

/// A label image in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelImage {
    size: LevelSize,
    pixels: Vec<u32>,
}

impl LabelImage {
    /// Columns and rows.
    pub const fn size(&self) -> LevelSize {
        self.size
    }

    /// As metrics take it.
    ///
    /// # Errors
    /// Never for an image that was read.
    pub fn labels(&self) -> Result<Labels<'_>, EvalError> {
        Labels::new(
            self.size.width as usize,
            self.size.height as usize,
            &self.pixels,
        )
    }

    /// Reads a PNG or TIFF of 8 or 16 bit grey.
    ///
    /// # Errors
    /// If the file cannot be read, or is a picture in colour.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let broken = |message: String| EvalError::Format {
            what: "the label image",
            message,
            path: path.to_owned(),
        };
        let image = open(path, "the label image")?;
        let size = LevelSize {
            width: image.width(),
            height: image.height(),
        };
        let pixels: Vec<u32> = match image {
            DynamicImage::ImageLuma8(grey) => grey.into_raw().into_iter().map(u32::from).collect(),
            DynamicImage::ImageLuma16(grey) => grey.into_raw().into_iter().map(u32::from).collect(),
            other => {
                return Err(broken(format!(
                    "found pixels of {:?}, wanted 8 or 16 bit grey with one number for each nucleus",
                    other.color()
                )));
            }
        };
        Ok(Self { size, pixels })
    }
}

fn open(path: &Path, what: &'static str) -> Result<DynamicImage, EvalError> {
    let io = |source| EvalError::Io {
        action: "read the image",
        path: path.to_owned(),
        source,
    };
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(io)?;
    reader.decode().map_err(|e| EvalError::Format {
        what,
        message: e.to_string(),
        path: path.to_owned(),
    })
}

/// Reads a picture in colour or grey.
///
/// # Errors
/// If it cannot be read.
pub fn read_picture(path: &Path) -> Result<RgbBuffer, EvalError> {
    let image = open(path, "the picture")?.into_rgb8();
    let size = LevelSize {
        width: image.width(),
        height: image.height(),
    };
    RgbBuffer::from_raw(size, image.into_raw()).ok_or_else(|| EvalError::Format {
        what: "the picture",
        message: "it has no pixels".to_owned(),
        path: path.to_owned(),
    })
}

impl Nuclei {
    /// Reads a label image or, of a `.csv`, points: columns `x,y` or `x_px,y_px` in pixels, or `x_um,y_um`.
    ///
    /// # Errors
    /// If the file cannot be read or is neither.
    pub fn read(path: &Path, mpp: MicronsPerPixel) -> Result<Self, EvalError> {
        if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("csv"))
        {
            read_points(path, mpp).map(Self::Points)
        } else {
            LabelImage::read(path).map(Self::Labels)
        }
    }

    /// The centres.
    ///
    /// # Errors
    /// Never for nuclei that were read.
    pub fn points(&self, mpp: MicronsPerPixel) -> Result<Points, EvalError> {
        match self {
            Self::Labels(image) => Ok(Points::centroids(image.labels()?, mpp)),
            Self::Points(points) => Ok(points.clone()),
        }
    }
}

fn read_points(path: &Path, mpp: MicronsPerPixel) -> Result<Points, EvalError> {
    let broken = |message: String| EvalError::Format {
        what: "the table of points",
        message,
        path: path.to_owned(),
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|e| broken(e.to_string()))?;
    let head = reader.headers().map_err(|e| broken(e.to_string()))?.clone();
    let place = |name: &str| {
        head.iter()
            .position(|h| h.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
    };
    let columns = COLUMNS.iter().find_map(|(names, in_um)| {
        let [x, y] = names.map(place);
        Some((x?, y?, *in_um))
    });
    let Some((x, y, in_um)) = columns else {
        let found: Vec<&str> = head.iter().collect();
        return Err(broken(format!(
            "found columns {}, wanted x and y (pixels), or x_um and y_um",
            found.join(", ")
        )));
    };
    let scale = if in_um { 1.0 } else { mpp.get() };
    let mut um = Vec::new();
    for (i, row) in reader.records().enumerate() {
        let row = row.map_err(|e| broken(e.to_string()))?;
        let number = |column: usize| {
            let text = row.get(column).unwrap_or_default();
            let value = text.parse::<f64>().ok().filter(|v| v.is_finite());
            value.ok_or_else(|| broken(format!("row {} holds {text:?}, wanted a number", i + 1)))
        };
        um.push([number(x)? * scale, number(y)? * scale]);
    }
    Ok(Points::from_microns(um))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_endings() {
        for (file, name) in [
            ("a.png", "a"),
            ("a_labels.png", "a"),
            ("a-GT.tif", "a"),
            ("a_pred_labels.png", "a"),
            ("a.labels.png", "a"),
            ("labels.png", "labels"),
            ("_labels.png", "_labels"),
            ("slabels.png", "slabels"),
            ("field_07_cells.csv", "field_07"),
            ("ü_mask.png", "ü"),
        ] {
            assert_eq!(field_name(Path::new(file)).0, name, "{file}");
        }
    }

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    #[test]
    fn pictures_beside_labels_stand_back() {
        let truth = folder(&[
            ("a.png", b""),
            ("a_labels.png", b""),
            ("a_classes.csv", b""),
            ("b_labels.png", b""),
            ("b.jpg", b""),
        ]);
        let found = folder(&[("a.png", b""), ("c.png", b"")]);
        let paired = pair_folders(found.path(), truth.path(), Some(truth.path())).unwrap();
        assert_eq!(paired.fields.len(), 1);
        assert_eq!(paired.fields[0].truth, truth.path().join("a_labels.png"));
        assert_eq!(paired.fields[0].image, Some(truth.path().join("a.png")));
        assert_eq!(paired.without_prediction, ["b"]);
        assert_eq!(paired.without_truth, ["c"]);
    }

    #[test]
    fn folders_without_pairs_say_what_they_hold() {
        let (a, b) = (folder(&[("a.png", b"")]), folder(&[("b.png", b"")]));
        let error = pair_folders(a.path(), b.path(), None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("\"a\"") && error.contains("\"b\""),
            "{error}"
        );
        let empty = folder(&[("notes.txt", b"")]);
        let error = pair_folders(empty.path(), b.path(), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no label image"), "{error}");
        let two = folder(&[("a_mask.csv", b""), ("a_labels.csv", b"")]);
        let error = pair_folders(two.path(), b.path(), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("2 files could be"), "{error}");
    }

    #[test]
    fn points_are_read_in_pixels_or_um() {
        let mpp = MicronsPerPixel::new(0.5).unwrap();
        let read = |text: &str| {
            let folder = folder(&[("p.csv", text.as_bytes())]);
            let path = folder.path().join("p.csv");
            Nuclei::read(&path, mpp)
                .and_then(|n| n.points(mpp))
                .map_err(|e| e.to_string())
        };
        for text in [
            "label,X,Y\n1,4, 6\n",
            "x_um,y_um\n2,3\n",
            "\u{feff}x,y\n4,6\n",
        ] {
            assert_eq!(read(text).unwrap().as_microns(), [[2.0, 3.0]], "{text}");
        }
        assert!(read("x,y\n").unwrap().is_empty());
        for (text, word) in [
            ("a,b\n1,2\n", "found columns a, b"),
            ("x,y\n1,\n", "row 1 holds \"\""),
            ("x,y\nNaN,1\n", "\"NaN\""),
            ("x,y\n1,2,3\n", "fields"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
