//! A field as a picture: what was found and what is there, drawn over the image.

use std::collections::BTreeSet;

use pantrk_space::{LevelSize, RgbBuffer};

use super::{FieldFiles, LabelImage, Nuclei, SegmentationOptions, read_picture};
use crate::EvalError;
use crate::metrics::{Labels, Overlap, Points, matched_points};

/// Green and magenta differ in lightness for every eye, and neither stain is near them.
const TRUTH: [u8; 3] = [0, 214, 93];
const FOUND: [u8; 3] = [255, 0, 200];
const BOTH: [u8; 3] = [255, 255, 255];
/// Behind labels where there is no image.
const GROUND: [u8; 3] = [24, 27, 32];
const NUCLEUS: [u8; 3] = [74, 80, 90];
/// How much a nucleus that has no partner is tinted.
const TINT: f32 = 0.4;
/// Pixels a side from which a picture is no longer magnified, and beyond which a part of it is shown.
const ENOUGH: u32 = 640;
const MOST: u32 = 1000;

/// What a colour of the pictures says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegendEntry {
    /// RGB.
    pub colour: [u8; 3],
    /// In words.
    pub label: &'static str,
}

/// The colours of [`draw_field`].
pub const PICTURE_LEGEND: [LegendEntry; 3] = [
    LegendEntry {
        colour: TRUTH,
        label: "truth (filled: missed)",
    },
    LegendEntry {
        colour: FOUND,
        label: "prediction (filled: extra)",
    },
    LegendEntry {
        colour: BOTH,
        label: "both outlines",
    },
];

/// The part of a field that is shown, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    /// Each pixel is drawn as so many by so many.
    zoom: u32,
}

/// Draws a field: outlines of prediction and truth, nuclei without a partner tinted; of points, dots.
///
/// A small field is magnified, of a large one the part with most mistakes is shown; nuclei are partners at `IoU` 0.5, points within the distance.
///
/// # Errors
/// If a file cannot be read.
pub fn draw_field(
    files: &FieldFiles,
    options: &SegmentationOptions,
) -> Result<RgbBuffer, EvalError> {
    let predicted = Nuclei::read(&files.predicted, options.mpp)?;
    let truth = Nuclei::read(&files.truth, options.mpp)?;
    let image = files.image.as_deref().map(read_picture).transpose()?;
    let points = [predicted.points(options.mpp)?, truth.points(options.mpp)?];
    let alone = lonely(&predicted, &truth, &points, options)?;
    let size = size_of(&predicted, &truth, image.as_ref(), &points, options);
    let mistakes: Vec<[f64; 2]> = (0..2)
        .flat_map(|k| alone[k].iter().map(move |&i| (k, i)))
        .map(|(k, i)| points[k].as_microns()[i].map(|um| um / options.mpp.get()))
        .collect();
    let window = window(size, &mistakes);
    let mut picture = ground(&predicted, &truth, image.as_ref(), window)?;
    for (k, nuclei) in [&predicted, &truth].into_iter().enumerate() {
        if let Nuclei::Labels(labels) = nuclei {
            tint(&mut picture, labels, &alone[k], window, [FOUND, TRUTH][k])?;
        }
    }
    outlines(&mut picture, [&predicted, &truth], window)?;
    for (k, nuclei) in [&predicted, &truth].into_iter().enumerate() {
        if matches!(nuclei, Nuclei::Points(_)) {
            dots(
                &mut picture,
                &points[k],
                &alone[k],
                options,
                window,
                [FOUND, TRUTH][k],
            );
        }
    }
    Ok(picture)
}

/// Places, among the points of prediction and truth, of those without a partner.
fn lonely(
    predicted: &Nuclei,
    truth: &Nuclei,
    points: &[Points; 2],
    options: &SegmentationOptions,
) -> Result<[BTreeSet<usize>; 2], EvalError> {
    let mut alone = [
        (0..points[0].len()).collect::<BTreeSet<_>>(),
        (0..points[1].len()).collect(),
    ];
    if let (Nuclei::Labels(p), Nuclei::Labels(t)) = (predicted, truth) {
        let overlap = Overlap::new(p.labels()?, t.labels()?)?;
        // Centroids stand by rising label, as the maps do.
        let place =
            |label: u32, sizes: &std::collections::BTreeMap<u32, u64>| sizes.range(..label).count();
        for pair in overlap.matches(0.5) {
            alone[0].remove(&place(pair.predicted, &overlap.predicted));
            alone[1].remove(&place(pair.truth, &overlap.truth));
        }
    } else {
        for [p, t] in matched_points(&points[0], &points[1], options.within) {
            alone[0].remove(&p);
            alone[1].remove(&t);
        }
    }
    Ok(alone)
}

/// The field's size: that of its images, or what holds all points.
fn size_of(
    predicted: &Nuclei,
    truth: &Nuclei,
    image: Option<&RgbBuffer>,
    points: &[Points; 2],
    options: &SegmentationOptions,
) -> LevelSize {
    for nuclei in [truth, predicted] {
        if let Nuclei::Labels(labels) = nuclei {
            return labels.size();
        }
    }
    if let Some(image) = image {
        return image.size();
    }
    let reach = |axis: usize| {
        let um = points.iter().flat_map(Points::as_microns).map(|p| p[axis]);
        let pixels = um.fold(0.0, f64::max) / options.mpp.get();
        (pixels.ceil() + 8.0).clamp(16.0, 1e5) as u32
    };
    LevelSize {
        width: reach(0),
        height: reach(1),
    }
}

/// All of a small field, magnified; of a large one the part that holds most mistakes.
fn window(size: LevelSize, mistakes: &[[f64; 2]]) -> Window {
    let long = size.width.max(size.height).max(1);
    let mut window = Window {
        x: 0,
        y: 0,
        width: size.width.min(MOST),
        height: size.height.min(MOST),
        zoom: (ENOUGH.div_ceil(long)).clamp(1, 8),
    };
    let steps = |whole: u32, part: u32| {
        let last = whole - part;
        (0..=last.div_ceil(MOST / 4)).map(move |i| (i * (MOST / 4)).min(last))
    };
    let mut most = 0;
    for y in steps(size.height, window.height) {
        for x in steps(size.width, window.width) {
            let inside = |p: &&[f64; 2]| {
                let (dx, dy) = (p[0] - f64::from(x), p[1] - f64::from(y));
                (0.0..f64::from(window.width)).contains(&dx)
                    && (0.0..f64::from(window.height)).contains(&dy)
            };
            let count = mistakes.iter().filter(inside).count();
            if count > most {
                most = count;
                (window.x, window.y) = (x, y);
            }
        }
    }
    window
}

impl Window {
    fn size(self) -> LevelSize {
        LevelSize {
            width: self.width * self.zoom,
            height: self.height * self.zoom,
        }
    }

    /// The field's pixel under a pixel of the picture.
    const fn field(self, x: u32, y: u32) -> (u32, u32) {
        (self.x + x / self.zoom, self.y + y / self.zoom)
    }
}

fn ground(
    predicted: &Nuclei,
    truth: &Nuclei,
    image: Option<&RgbBuffer>,
    window: Window,
) -> Result<RgbBuffer, EvalError> {
    let mut picture = RgbBuffer::filled(window.size(), GROUND);
    let mut labels = Vec::new();
    for nuclei in [predicted, truth] {
        if let Nuclei::Labels(image) = nuclei {
            labels.push(image.labels()?);
        }
    }
    for y in 0..picture.height() {
        for x in 0..picture.width() {
            let (column, row) = window.field(x, y);
            let colour = match image {
                Some(image) if column < image.width() && row < image.height() => {
                    image.pixel(column, row)
                }
                _ if labels
                    .iter()
                    .any(|l| l.at(column as usize, row as usize) > 0) =>
                {
                    NUCLEUS
                }
                _ => continue,
            };
            set(&mut picture, x, y, colour, 1.0);
        }
    }
    Ok(picture)
}

fn tint(
    picture: &mut RgbBuffer,
    image: &LabelImage,
    alone: &BTreeSet<usize>,
    window: Window,
    colour: [u8; 3],
) -> Result<(), EvalError> {
    let labels = image.labels()?;
    let all: Vec<u32> = labels.centroids().into_keys().collect();
    let tinted: BTreeSet<u32> = alone.iter().filter_map(|&i| all.get(i).copied()).collect();
    for y in 0..picture.height() {
        for x in 0..picture.width() {
            let (column, row) = window.field(x, y);
            let label = labels.at(column as usize, row as usize);
            if label > 0 && tinted.contains(&label) {
                set(picture, x, y, colour, TINT);
            }
        }
    }
    Ok(())
}

fn outlines(
    picture: &mut RgbBuffer,
    nuclei: [&Nuclei; 2],
    window: Window,
) -> Result<(), EvalError> {
    let mut labels: [Option<Labels<'_>>; 2] = [None, None];
    for (k, nuclei) in nuclei.into_iter().enumerate() {
        if let Nuclei::Labels(image) = nuclei {
            labels[k] = Some(image.labels()?);
        }
    }
    for y in 0..picture.height() {
        for x in 0..picture.width() {
            let edge = labels.map(|l| l.is_some_and(|l| is_edge(&l, window, x, y)));
            let colour = match edge {
                [true, true] => BOTH,
                [true, false] => FOUND,
                [false, true] => TRUTH,
                [false, false] => continue,
            };
            set(picture, x, y, colour, 1.0);
        }
    }
    Ok(())
}

/// Whether a pixel of the picture lies in a nucleus and beside something else; lines are two pixels wide where the field is magnified.
fn is_edge(labels: &Labels<'_>, window: Window, x: u32, y: u32) -> bool {
    let at = |x: i64, y: i64| {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return 0;
        };
        let (column, row) = window.field(x, y);
        labels.at(column as usize, row as usize)
    };
    let (x, y) = (i64::from(x), i64::from(y));
    let own = at(x, y);
    let width = if window.zoom > 1 { 2 } else { 1 };
    own > 0
        && (1..=width).any(|d| {
            at(x - d, y) != own || at(x + d, y) != own || at(x, y - d) != own || at(x, y + d) != own
        })
}

/// Points as rings, filled where they have no partner.
fn dots(
    picture: &mut RgbBuffer,
    points: &Points,
    alone: &BTreeSet<usize>,
    options: &SegmentationOptions,
    window: Window,
    colour: [u8; 3],
) {
    let scale = f64::from(window.zoom) / options.mpp.get();
    let radius = 4.5;
    for (i, um) in points.as_microns().iter().enumerate() {
        let x = um[0] * scale - f64::from(window.x * window.zoom);
        let y = um[1] * scale - f64::from(window.y * window.zoom);
        for row in (y - radius).floor() as i64..=(y + radius).ceil() as i64 {
            for column in (x - radius).floor() as i64..=(x + radius).ceil() as i64 {
                let distance = (column as f64 + 0.5 - x).hypot(row as f64 + 0.5 - y);
                let inside = distance <= radius && (alone.contains(&i) || distance > radius - 2.0);
                if let (true, Ok(column), Ok(row)) =
                    (inside, u32::try_from(column), u32::try_from(row))
                {
                    set(picture, column, row, colour, 1.0);
                }
            }
        }
    }
}

fn set(picture: &mut RgbBuffer, x: u32, y: u32, colour: [u8; 3], opacity: f32) {
    if x >= picture.width() || y >= picture.height() {
        return;
    }
    let start = x as usize * 3;
    for (old, new) in picture.row_mut(y)[start..start + 3].iter_mut().zip(colour) {
        let value = f32::from(*old) + (f32::from(new) - f32::from(*old)) * opacity;
        *old = value.round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_with_most_mistakes_is_shown() {
        let size = LevelSize {
            width: 3000,
            height: 900,
        };
        let shown = window(size, &[[2900.0, 10.0], [2950.0, 800.0], [5.0, 5.0]]);
        assert_eq!((shown.width, shown.height, shown.zoom), (1000, 900, 1));
        assert!(shown.x >= 1950 && shown.y == 0, "{shown:?}");
        let small = LevelSize {
            width: 100,
            height: 60,
        };
        assert_eq!(window(small, &[]).zoom, 7);
    }
}
