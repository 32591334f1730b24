//! Files that the viewer writes: pictures of the view, regions; and those that it reads for drawing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::ColorImage;
use pantrk_report::{Pictures, ReportOptions, render_html};
use pantrk_space::LevelSize;
use pantrk_store::SlideResult;
use pantrk_triage::Case;

use super::{Outbox, Pool, PoolSize};
use crate::drawing::{Shape, geojson};
use crate::error::ViewerError;

/// What is to be written or read.
pub(crate) enum FileRequest {
    /// A picture of the window, or a part of it.
    Picture {
        /// All of the window's pixels.
        image: Arc<ColorImage>,
        /// The part, in pixels: left, top, width, height.
        part: [usize; 4],
        /// Where to; a number is put before the ending where it is taken.
        path: PathBuf,
    },
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
    /// Written, or not, in words.
    Said(String),
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
                Ok(path) => format!("The report was written: {}", path.display()),
                Err(error) => format!("The report could not be written: {error}"),
            }),
            FileRequest::Settings { text, path } => match write_beside(&path, text.as_bytes()) {
                Ok(()) => return,
                Err(error) => FileAnswer::Said(format!(
                    "The settings could not be kept ({error}): {}",
                    path.display()
                )),
            },
            FileRequest::Picture { image, part, path } => {
                FileAnswer::Said(match picture(&image, part, &path) {
                    Ok(path) => format!("The view was saved: {}", path.display()),
                    Err(error) => format!("The view could not be saved: {error}"),
                })
            }
            FileRequest::Shapes { shapes, path } => {
                let text = geojson::to_geojson(&shapes).to_string();
                FileAnswer::Said(match write_beside(&path, text.as_bytes()) {
                    Ok(()) => format!(
                        "{} shapes were written as GeoJSON: {}",
                        shapes.len(),
                        path.display()
                    ),
                    Err(error) => format!(
                        "The regions could not be written ({error}): {}",
                        path.display()
                    ),
                })
            }
            FileRequest::Import {
                opening,
                path,
                size,
            } => match read_shapes(&path, size) {
                Ok(shapes) => FileAnswer::Shapes {
                    opening,
                    path,
                    shapes,
                },
                Err(error) => FileAnswer::Said(format!(
                    "The regions were not taken ({error}): {}",
                    path.display()
                )),
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

/// Saves a part of a picture as PNG; gives the path that was free.
fn picture(
    image: &ColorImage,
    [left, top, width, height]: [usize; 4],
    path: &Path,
) -> Result<PathBuf, String> {
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
    let path = free(path);
    write_beside(&path, &png).map_err(|e| format!("{e}: {}", path.display()))?;
    Ok(path)
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
        let first = picture(&image, [5, 2, 6, 4], &path).unwrap();
        let second = picture(&image, [5, 2, 600, 4], &path).unwrap();
        assert_eq!(first, path);
        assert_eq!(second, dir.path().join("views/S1-2.png"));
        let read = image::open(first).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), (6, 4));
        assert_eq!(read.get_pixel(0, 0).0, [45, 7, 9]);
        assert_eq!(image::open(second).unwrap().width(), 15);
    }
}
