//! Files that the viewer writes: pictures of the view, regions; and those that it reads for drawing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::ColorImage;
use pantrk_core::region_classifier::RegionClassifier;
use pantrk_report::{Pictures, ReportOptions, render_html};
use pantrk_space::LevelSize;
use pantrk_store::SlideResult;
use pantrk_triage::Case;

use super::{Outbox, Pool, PoolSize};
use crate::browser::FolderEntry;
use crate::drawing::{Shape, geojson};
use crate::error::ViewerError;
use crate::training::Model;

/// What is to be written or read.
pub(crate) enum FileRequest {
    /// A picture of the window, or a part of it.
    Picture {
        /// All of the window's pixels.
        image: Arc<ColorImage>,
        /// The part, in pixels: left, top, width, height.
        part: [usize; 4],
        /// Where to.
        path: PathBuf,
        /// Whether a file that is there is replaced; else a number is put before the ending.
        replace: bool,
    },
    /// What is in this folder.
    List(PathBuf),
    /// Shapes as GeoJSON.
    Shapes {
        /// All of them.
        shapes: Vec<Shape>,
        /// Where to.
        path: PathBuf,
    },
    /// The report of a slide as it is reviewed.
    Report(Box<ReportRequest>),
    /// The settings.
    Settings {
        /// As they are kept.
        text: String,
        /// Where.
        path: PathBuf,
    },
    /// A region classifier to a file.
    SaveClassifier {
        /// The classifier.
        model: Arc<Model>,
        /// Where to.
        path: PathBuf,
    },
    /// A region classifier from a file.
    LoadClassifier {
        /// The opening that it is for.
        opening: u64,
        /// The file.
        path: PathBuf,
    },
    /// Shapes from a file.
    Import {
        /// The opening that they are for.
        opening: u64,
        /// The file.
        path: PathBuf,
        /// The slide's size.
        size: LevelSize,
    },
}

/// A report that is wanted.
pub(crate) struct ReportRequest {
    /// With the changes of the review.
    pub(crate) result: SlideResult,
    /// The facts of the case as they are now.
    pub(crate) case: Case,
    /// The result's folder, which holds the pictures.
    pub(crate) folder: PathBuf,
    /// What changed since it was scored, and who signed.
    pub(crate) options: ReportOptions,
    /// Where to; the ending is put by what is written.
    pub(crate) path: PathBuf,
}

/// What came of it.
pub(crate) enum FileAnswer {
    /// What was done, or why it was not, in words.
    Said(Result<String, String>),
    /// What is in a folder, or why that is not known.
    Listing {
        /// The folder.
        folder: PathBuf,
        /// Folders first, each by name.
        entries: Result<Vec<FolderEntry>, String>,
    },
    /// A region classifier.
    Classifier {
        /// The opening that it is for.
        opening: u64,
        /// The file.
        path: PathBuf,
        /// What was in it.
        classifier: Box<RegionClassifier>,
    },
    /// The shapes of a file.
    Shapes {
        /// The opening that they are for.
        opening: u64,
        /// The file.
        path: PathBuf,
        /// What was in it.
        shapes: Vec<Shape>,
    },
}

/// Starts the thread that writes.
pub(crate) fn file_pool(ctx: &egui::Context) -> Result<Pool<FileRequest, FileAnswer>, ViewerError> {
    let size = PoolSize {
        name: "files",
        threads: 1,
        queue: 8,
    };
    Pool::start(size, ctx, |request, outbox: &Outbox<FileAnswer>| {
        outbox.send(match request {
            FileRequest::Report(request) => FileAnswer::Said(match report(&request) {
                Ok(path) => Ok(format!("The report was written: {}", path.display())),
                Err(error) => Err(format!("The report could not be written: {error}")),
            }),
            FileRequest::Settings { text, path } => match write_beside(&path, text.as_bytes()) {
                Ok(()) => return,
                Err(error) => FileAnswer::Said(Err(format!(
                    "The settings could not be kept ({error}): {}",
                    path.display()
                ))),
            },
            FileRequest::List(folder) => FileAnswer::Listing {
                entries: entries(&folder),
                folder,
            },
            FileRequest::Picture {
                image,
                part,
                path,
                replace,
            } => {
                let path = if replace { path } else { free(&path) };
                FileAnswer::Said(match picture(&image, part, &path) {
                    Ok(()) => Ok(format!("The view was saved: {}", path.display())),
                    Err(error) => Err(format!("The view could not be saved: {error}")),
                })
            }
            FileRequest::Shapes { shapes, path } => {
                let text = geojson::to_geojson(&shapes).to_string();
                FileAnswer::Said(match write_beside(&path, text.as_bytes()) {
                    Ok(()) => Ok(format!(
                        "{} shapes were written as GeoJSON: {}",
                        shapes.len(),
                        path.display()
                    )),
                    Err(error) => Err(format!(
                        "The regions could not be written ({error}): {}",
                        path.display()
                    )),
                })
            }
            FileRequest::SaveClassifier { model, path } => {
                FileAnswer::Said(match save_classifier(&model, &path) {
                    Ok(()) => Ok(format!(
                        "The region classifier was saved: {}",
                        path.display()
                    )),
                    Err(error) => Err(format!(
                        "The region classifier could not be saved ({error}): {}",
                        path.display()
                    )),
                })
            }
            FileRequest::LoadClassifier { opening, path } => match load_classifier(&path) {
                Ok(classifier) => FileAnswer::Classifier {
                    opening,
                    path,
                    classifier: Box::new(classifier),
                },
                Err(error) => FileAnswer::Said(Err(not_taken(&path, &error))),
            },
            FileRequest::Import {
                opening,
                path,
                size,
            } => match read_shapes(&path, size) {
                // Dropped on the window, a classifier comes this way too.
                Err(_) if is_classifier(&path) => match load_classifier(&path) {
                    Ok(classifier) => FileAnswer::Classifier {
                        opening,
                        path,
                        classifier: Box::new(classifier),
                    },
                    Err(error) => FileAnswer::Said(Err(not_taken(&path, &error))),
                },
                Ok(shapes) => FileAnswer::Shapes {
                    opening,
                    path,
                    shapes,
                },
                Err(error) => FileAnswer::Said(Err(format!(
                    "The regions were not taken ({error}): {}",
                    path.display()
                ))),
            },
        });
    })
}

/// Writes the page, and the PDF where the program was built with it; gives the one to be looked at.
fn report(request: &ReportRequest) -> Result<PathBuf, String> {
    let pictures = Pictures::read(&request.folder).map_err(|e| e.to_string())?;
    let html = render_html(&request.result, &request.case, &pictures, &request.options)
        .map_err(|e| e.to_string())?;
    let path = request.path.with_extension("html");
    write_beside(&path, html.as_bytes()).map_err(|e| e.to_string())?;
    #[cfg(feature = "pdf")]
    let path = {
        let pdf =
            pantrk_report::render_pdf(&request.result, &request.case, &pictures, &request.options)
                .map_err(|e| e.to_string())?;
        let path = request.path.with_extension("pdf");
        write_beside(&path, &pdf).map_err(|e| e.to_string())?;
        path
    };
    Ok(path)
}

fn save_classifier(model: &Model, path: &Path) -> Result<(), String> {
    let text = model.classifier.to_json().map_err(|e| e.to_string())?;
    write_beside(path, text.as_bytes()).map_err(|e| e.to_string())
}

fn load_classifier(path: &Path) -> Result<RegionClassifier, String> {
    let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
    RegionClassifier::from_json(&text).map_err(|e| e.to_string())
}

fn not_taken(path: &Path, error: &str) -> String {
    format!(
        "The region classifier was not taken ({error}): {}",
        path.display()
    )
}

/// Whether a file calls itself a region classifier, of whatever version.
fn is_classifier(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0; 200];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut start));
    let text = String::from_utf8_lossy(start.get(..read.unwrap_or(0)).unwrap_or_default());
    text.contains("pantrk.region-classifier/")
}

fn read_shapes(path: &Path, size: LevelSize) -> Result<Vec<Shape>, String> {
    let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
    geojson::from_geojson(&text, size).map_err(|e| e.to_string())
}

/// Writes a file beside and renames it into place.
pub(crate) fn write_beside(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    fs::write(&beside, bytes)?;
    fs::rename(&beside, path)
}

/// What is in a folder, hidden things aside: folders first, each by name.
fn entries(folder: &Path) -> Result<Vec<FolderEntry>, String> {
    let read = fs::read_dir(folder)
        .map_err(|e| format!("the folder cannot be read ({e}): {}", folder.display()))?;
    let entry = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Through links: a folder that is linked to can be gone into.
        let facts = fs::metadata(entry.path()).ok()?;
        let is_folder = facts.is_dir();
        (!name.starts_with('.')).then_some(FolderEntry {
            name,
            is_folder,
            bytes: if is_folder { 0 } else { facts.len() },
        })
    };
    let mut all: Vec<FolderEntry> = read.filter_map(Result::ok).filter_map(entry).collect();
    all.sort_by_cached_key(|e| (!e.is_folder, e.name.to_lowercase(), e.name.clone()));
    Ok(all)
}

/// Saves a part of a picture as PNG.
fn picture(
    image: &ColorImage,
    [left, top, width, height]: [usize; 4],
    path: &Path,
) -> Result<(), String> {
    let [columns, rows] = image.size;
    let (right, bottom) = ((left + width).min(columns), (top + height).min(rows));
    let mut bytes = Vec::with_capacity(width * height * 3);
    for y in top.min(rows)..bottom {
        for x in left.min(columns)..right {
            let pixel = image.pixels[y * columns + x];
            bytes.extend([pixel.r(), pixel.g(), pixel.b()]);
        }
    }
    let size = (right.saturating_sub(left), bottom.saturating_sub(top));
    let picture = image::RgbImage::from_raw(size.0 as u32, size.1 as u32, bytes)
        .ok_or("the window has no such part")?;
    let mut png = Vec::new();
    picture
        .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
        .map_err(|e| e.to_string())?;
    write_beside(path, &png).map_err(|e| format!("{e}: {}", path.display()))
}

/// The path, or with a number before its ending where it is taken.
fn free(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    (2..1000)
        .map(|n| path.with_file_name(format!("{stem}-{n}.{ending}")))
        .fold(None, |found, next| {
            found.or_else(|| (!next.exists()).then_some(next))
        })
        .filter(|_| path.exists())
        .unwrap_or_else(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::Color32;

    #[test]
    fn a_part_of_the_window_is_saved_under_a_free_name() {
        let dir = tempfile::tempdir().unwrap();
        let pixels = (0..20 * 10).map(|i| Color32::from_rgb(i as u8, 7, 9));
        let image = ColorImage::new([20, 10], pixels.collect());
        let path = dir.path().join("views/S1.png");
        let first = free(&path);
        picture(&image, [5, 2, 6, 4], &first).unwrap();
        let second = free(&path);
        picture(&image, [5, 2, 600, 4], &second).unwrap();
        assert_eq!(first, path);
        assert_eq!(second, dir.path().join("views/S1-2.png"));
        let read = image::open(first).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), (6, 4));
        assert_eq!(read.get_pixel(0, 0).0, [45, 7, 9]);
        assert_eq!(image::open(second).unwrap().width(), 15);
    }
}
