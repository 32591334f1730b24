//! `thumbnail.png` and `overlay.png`: the slide small, and the cells on it coloured by grade.

use std::path::Path;

use image::ExtendedColorType;
use pantrk_core::region::RegionRole;
use pantrk_space::{LevelSize, RgbBuffer, SlideMpp, SlidePoint};

use super::canvas::{At, Block, Canvas, write_png};
use super::colormap::{GRADE_COLOURS, grade_label};
use super::heatmap::draw_scale_bar;
use super::text::{Style, Typeface};
use crate::StoreError;
use crate::regions::Region;

/// Below a picture of 520 pixels; a wider one is shown smaller, so its legend grows with it.
const LEGEND: f32 = 64.0;
const LEGEND_TEXT: f32 = 17.0;
const MOST_GROWTH: f32 = 1.8;
/// Half the diameter of a usual tumour nucleus, um.
const NUCLEUS_RADIUS_UM: f64 = 4.0;
/// Smaller dots than this are not seen, pixels.
const SMALLEST_RADIUS: f32 = 0.9;
const LARGEST_RADIUS: f32 = 5.0;
const INK: [u8; 3] = [0x22, 0x26, 0x2b];
/// Outlines of regions, each drawn over a white line so that it shows on any tissue.
const OUTLINES: [(RegionRole, [u8; 3], &str); 3] = [
    (RegionRole::Tumour, [0x0b, 0x7a, 0x5c], "tumour"),
    (RegionRole::Exclude, [0x5a, 0x5f, 0x66], "left out"),
    (RegionRole::Control, [0x8a, 0x3f, 0xb0], "control"),
];

/// What an overlay shows; the cells' columns are of one length.
#[derive(Debug, Clone, Copy)]
pub struct Overlay<'a> {
    /// The whole slide, small.
    pub thumbnail: &'a RgbBuffer,
    /// The size of level 0.
    pub slide: LevelSize,
    /// The pixel size of level 0.
    pub mpp: SlideMpp,
    /// Centroids, level-0 pixels.
    pub x_px: &'a [f64],
    /// Centroids, level-0 pixels.
    pub y_px: &'a [f64],
    /// The highest grade of each cell, 0 to 3.
    pub grades: &'a [u8],
    /// Which cells count; the others are not drawn.
    pub tumour: &'a [bool],
    /// Outlined by what they do.
    pub regions: &'a [Region],
}

/// Writes the thumbnail.
///
/// # Errors
/// If the file cannot be written.
pub fn write_thumbnail(path: &Path, thumbnail: &RgbBuffer) -> Result<(), StoreError> {
    write_png(
        path,
        thumbnail.as_bytes(),
        (thumbnail.width(), thumbnail.height()),
        ExtendedColorType::Rgb8,
    )
}

/// Writes the overlay: a dot for each tumour cell, higher grades above lower ones, the regions' outlines, a legend and a scale bar.
///
/// Where a nucleus is smaller than a dot can be, the dots fade by the same measure, so that a dense field does not read as more than it is.
///
/// # Errors
/// If the columns differ in length, the slide or thumbnail is empty, or the file cannot be written.
pub fn write_overlay(path: &Path, overlay: &Overlay<'_>) -> Result<(), StoreError> {
    let cells = overlay.x_px.len();
    let lengths = [
        overlay.y_px.len(),
        overlay.grades.len(),
        overlay.tumour.len(),
    ];
    if lengths.iter().any(|&n| n != cells) || overlay.slide.area() == 0 {
        return Err(StoreError::Usage {
            what: "an overlay needs columns of one length and a slide with a size".to_owned(),
            found: format!("{cells} x, {lengths:?}, slide {}", overlay.slide),
            wanted: format!("{cells} of each"),
        });
    }
    draw(overlay).write_png(path)
}

fn draw(overlay: &Overlay<'_>) -> Canvas {
    let (width, height) = (overlay.thumbnail.width(), overlay.thumbnail.height());
    let sx = f64::from(width) / f64::from(overlay.slide.width);
    let sy = f64::from(height) / f64::from(overlay.slide.height);
    let place = |p: SlidePoint| At {
        x: (p.x * sx) as f32,
        y: (p.y * sy) as f32,
    };
    let mut canvas = Canvas::with_picture(overlay.thumbnail, width.max(520), height);
    let um_per_pixel = overlay.mpp.x.get() / sx;
    let true_radius = (NUCLEUS_RADIUS_UM / um_per_pixel) as f32;
    let radius = true_radius.clamp(SMALLEST_RADIUS, LARGEST_RADIUS);
    let fade = (true_radius / radius).powi(2).clamp(0.3, 1.0);
    for (grade, &colour) in GRADE_COLOURS.iter().enumerate() {
        let opacity = fade * if grade == 0 { 0.65 } else { 0.95 };
        for i in 0..overlay.x_px.len() {
            if overlay.tumour[i] && usize::from(overlay.grades[i].min(3)) == grade {
                let at = place(SlidePoint {
                    x: overlay.x_px[i],
                    y: overlay.y_px[i],
                });
                canvas.dot(at, radius, colour, opacity);
            }
        }
    }
    for (line, white) in [(4.0, true), (2.0, false)] {
        for region in overlay.regions {
            let Some(&(_, colour, _)) = OUTLINES.iter().find(|o| o.0 == region.role) else {
                continue;
            };
            let colour = if white { [255; 3] } else { colour };
            for ring in region
                .polygons
                .iter()
                .flat_map(|p| std::iter::once(&p.exterior).chain(&p.holes))
            {
                for (i, &from) in ring.iter().enumerate() {
                    let to = ring[(i + 1) % ring.len()];
                    canvas.line(place(from), place(to), line, colour);
                }
            }
        }
    }
    with_legend(&canvas, overlay, um_per_pixel)
}

/// The picture with the legend below it.
fn with_legend(picture: &Canvas, overlay: &Overlay<'_>, um_per_pixel: f64) -> Canvas {
    let scale = (picture.width as f32 / 520.0).clamp(1.0, MOST_GROWTH);
    let mut canvas = picture.extended((LEGEND * scale) as u32);
    let face = Typeface::new();
    let style = Style {
        size: LEGEND_TEXT * scale,
        colour: INK,
    };
    let top = picture.height;
    canvas.fill(
        Block {
            x: 0,
            y: top,
            width: canvas.width,
            height: 1,
        },
        [0xc9, 0xce, 0xd4, 255],
    );
    let mut x = 16.0 * scale;
    let y = top as f32 + 20.0 * scale;
    for (grade, colour) in (0_u8..).zip(GRADE_COLOURS) {
        canvas.dot(At { x, y }, 5.5 * scale, colour, 1.0);
        let label = grade_label(grade);
        let beside = At {
            x: x + 11.0 * scale,
            y,
        };
        face.draw(&mut canvas, label, beside, style);
        x = beside.x + face.width(label, style.size) + 20.0 * scale;
    }
    let y = top as f32 + 46.0 * scale;
    let mut x = 11.0 * scale;
    for (role, colour, label) in OUTLINES {
        if overlay.regions.iter().any(|r| r.role == role) {
            let end = At {
                x: x + 14.0 * scale,
                y,
            };
            canvas.line(At { x, y }, end, 2.5 * scale, colour);
            let beside = At {
                x: end.x + 7.0 * scale,
                y,
            };
            face.draw(&mut canvas, label, beside, style);
            x = beside.x + face.width(label, style.size) + 18.0 * scale;
        }
    }
    let at = At {
        x: canvas.width as f32 - 140.0 * scale,
        y: top as f32 + 20.0 * scale,
    };
    draw_scale_bar(&mut canvas, &face, at, um_per_pixel, 15.0 * scale);
    canvas
}

#[cfg(test)]
mod tests {
    use pantrk_space::MicronsPerPixel;

    use super::*;
    use crate::RegionPolygon;

    fn overlay<'a>(thumbnail: &'a RgbBuffer, regions: &'a [Region]) -> Overlay<'a> {
        Overlay {
            thumbnail,
            slide: LevelSize {
                width: 2400,
                height: 1200,
            },
            mpp: SlideMpp::square(MicronsPerPixel::new(0.5).unwrap()),
            x_px: &[400.0, 800.0, 1200.0, 1600.0],
            y_px: &[400.0, 400.0, 400.0, 400.0],
            grades: &[0, 1, 3, 2],
            tumour: &[true, true, true, false],
            regions,
        }
    }

    fn grey() -> RgbBuffer {
        let size = LevelSize {
            width: 600,
            height: 300,
        };
        RgbBuffer::filled(size, [230; 3])
    }

    #[test]
    fn cells_lie_where_they_are_in_their_grades_colour() {
        let thumbnail = grey();
        let canvas = draw(&overlay(&thumbnail, &[]));
        let near = |x: u32, y: u32, colour: [u8; 3]| {
            (canvas.pixel(x, y).into_iter().zip(colour)).all(|(a, b)| a.abs_diff(b) < 20)
        };
        assert!(
            near(200, 100, GRADE_COLOURS[1]),
            "{:?}",
            canvas.pixel(200, 100)
        );
        assert!(near(300, 100, GRADE_COLOURS[3]));
        // A cell that does not count is not drawn.
        assert!(near(400, 100, [230; 3]));
        let legend = (LEGEND * 600.0 / 520.0) as u32;
        assert_eq!(canvas.height, 300 + legend);
    }

    #[test]
    fn regions_are_outlined_even_beyond_the_slide() {
        let corner = |x: f64, y: f64| SlidePoint { x, y };
        let regions = [Region {
            role: RegionRole::Tumour,
            class: "Tumor".to_owned(),
            name: None,
            polygons: vec![RegionPolygon {
                exterior: vec![
                    corner(-1e7, 600.0),
                    corner(1e7, 600.0),
                    corner(1e7, 1e7),
                    corner(-1e7, 1e7),
                ],
                holes: Vec::new(),
            }],
        }];
        let thumbnail = grey();
        let canvas = draw(&overlay(&thumbnail, &regions));
        let [r, g, b, _] = canvas.pixel(300, 150);
        assert!(r < 100 && g > r && b > r, "{r} {g} {b}");
        assert_eq!(canvas.pixel(300, 140)[..3], [230; 3]);
    }

    #[test]
    fn the_pictures_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let thumbnail = grey();
        let path = dir.path().join("overlay.png");
        write_overlay(&path, &overlay(&thumbnail, &[])).unwrap();
        assert_eq!(image::open(&path).unwrap().width(), 600);
        write_thumbnail(&path, &thumbnail).unwrap();
        assert_eq!(image::open(&path).unwrap().height(), 300);
        let short = Overlay {
            grades: &[],
            ..overlay(&thumbnail, &[])
        };
        assert!(write_overlay(&path, &short).is_err());
    }
}
