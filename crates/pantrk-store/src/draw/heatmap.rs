//! `heatmaps/*.png` and `heatmaps/index.json`: one map per metric.
//!
//! The map lies in the picture's top left corner, so that pixel (0, 0) is the map's origin on the slide and the index's `um_per_pixel` holds from there; the legend stands to its right, on white. Places without data are transparent.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::canvas::{At, Block, Canvas};
use super::colormap::ColorMap;
use super::text::{Style, Typeface};
use crate::StoreError;
use crate::folder::write_synced;

/// The longest side that a map is magnified to, pixels.
const MAP_SIDE: u32 = 480;
/// The legend's width, pixels.
const LEGEND: u32 = 190;
/// What the legend needs in height, pixels.
const LEGEND_HEIGHT: u32 = 360;
/// The usual height of a scale bar's text, pixels.
pub(super) const SCALE_BAR_TEXT: f32 = 15.0;
const INK: [u8; 3] = [0x22, 0x26, 0x2b];
const FAINT: [u8; 3] = [0x6b, 0x73, 0x7c];
const LINE: [u8; 4] = [0xc9, 0xce, 0xd4, 255];

/// One metric over the slide, on a regular grid.
#[derive(Debug, Clone, Copy)]
pub struct Heatmap<'a> {
    /// Stable, for machines and as the file's name: lower case with underscores, such as `positive_percent`.
    pub metric: &'a str,
    /// For people, such as `Positive tumour cells`.
    pub title: &'a str,
    /// Of the values, such as `%`.
    pub unit: &'a str,
    /// The colours.
    pub colormap: ColorMap,
    /// The values at the ends of the colours; `None` takes the lowest and highest found.
    pub range: Option<[f32; 2]>,
    /// The grid's columns.
    pub columns: u32,
    /// The grid's rows.
    pub rows: u32,
    /// `columns` x `rows` values row by row; NaN where there is no data.
    pub values: &'a [f32],
    /// The grid's top left corner, micrometres from the origin of level 0.
    pub origin_um: [f64; 2],
    /// The side of a grid cell, micrometres.
    pub cell_um: f64,
}

/// `heatmaps/index.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeatmapIndex {
    /// `pantrk.heatmaps/1`.
    pub schema: String,
    /// In the order they were handed in.
    pub maps: Vec<HeatmapEntry>,
}

/// One map of a [`HeatmapIndex`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeatmapEntry {
    /// Beside the index.
    pub file: String,
    /// See [`Heatmap::metric`].
    pub metric: String,
    /// For people.
    pub title: String,
    /// Of `min` and `max`.
    pub unit: String,
    /// The value of the colour map's first colour; `None` where the map holds no data.
    pub min: Option<f64>,
    /// The value of its last colour.
    pub max: Option<f64>,
    /// The colour map's name.
    pub colormap: String,
    /// Where the picture's pixel (0, 0) begins, micrometres from the origin of level 0.
    pub origin_um: [f64; 2],
    /// Micrometres per pixel of the picture.
    pub um_per_pixel: f64,
    /// Columns of the picture that are map; the legend is to their right.
    pub map_width: u32,
    /// Rows of the picture that are map.
    pub map_height: u32,
}

/// Writes `heatmaps/<metric>.png` for each map, and `heatmaps/index.json`, into a slide's folder.
///
/// # Errors
/// If a grid is empty or does not hold `columns` x `rows` values, a metric's name is not safe as a file name, or a file cannot be written.
pub fn write_heatmaps(folder: &Path, maps: &[Heatmap<'_>]) -> Result<HeatmapIndex, StoreError> {
    let folder = folder.join("heatmaps");
    std::fs::create_dir_all(&folder)
        .map_err(|e| StoreError::io("make the folder of the heatmaps", &folder, e))?;
    let mut index = HeatmapIndex {
        schema: "pantrk.heatmaps/1".to_owned(),
        maps: Vec::with_capacity(maps.len()),
    };
    for map in maps {
        check(map)?;
        let (canvas, entry) = draw(map);
        canvas.write_png(&folder.join(&entry.file))?;
        index.maps.push(entry);
    }
    let mut text = serde_json::to_string_pretty(&index)
        .map_err(|e| StoreError::NotSerialisable(format!("the heatmaps' index: {e}")))?;
    text.push('\n');
    write_synced(&folder.join("index.json"), text.as_bytes())?;
    Ok(index)
}

/// Reads `heatmaps/index.json` of a slide's folder; `None` where it has no heatmaps.
///
/// # Errors
/// If the index is there but cannot be read.
pub fn read_heatmap_index(folder: &Path) -> Result<Option<HeatmapIndex>, StoreError> {
    let path = folder.join("heatmaps").join("index.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::io("read the heatmaps' index", &path, e)),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|e| StoreError::Format {
            what: "the heatmaps' index",
            message: e.to_string(),
            path,
        })
}

fn check(map: &Heatmap<'_>) -> Result<(), StoreError> {
    let wanted = u64::from(map.columns) * u64::from(map.rows);
    if wanted == 0
        || map.values.len() as u64 != wanted
        || map.cell_um.is_nan()
        || map.cell_um <= 0.0
    {
        return Err(StoreError::Usage {
            what: format!("the grid of heatmap {:?}", map.metric),
            found: format!("{} values, cells of {} um", map.values.len(), map.cell_um),
            wanted: format!(
                "{} x {}, at least one, of more than 0 um",
                map.columns, map.rows
            ),
        });
    }
    let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if map.metric.is_empty() || !map.metric.chars().all(safe) {
        return Err(StoreError::Usage {
            what: "the metric of a heatmap".to_owned(),
            found: format!("{:?}", map.metric),
            wanted: "lower-case letters, digits, _ and -".to_owned(),
        });
    }
    Ok(())
}

/// The values at the ends of the colours; `None` without data.
fn range_of(map: &Heatmap<'_>) -> Option<[f32; 2]> {
    let finite = || map.values.iter().copied().filter(|v| v.is_finite());
    let low = finite().reduce(f32::min)?;
    let high = finite().reduce(f32::max)?;
    let [low, high] = map.range.unwrap_or([low, high]);
    // A flat map needs some span to have a place on the scale.
    Some(if high > low {
        [low, high]
    } else {
        [low, low + low.abs().max(1.0)]
    })
}

fn draw(map: &Heatmap<'_>) -> (Canvas, HeatmapEntry) {
    let zoom = (MAP_SIDE / map.columns.max(map.rows)).max(1);
    let (width, height) = (map.columns * zoom, map.rows * zoom);
    let mut canvas = Canvas::new(width + LEGEND, height.max(LEGEND_HEIGHT), [255; 4]);
    let range = range_of(map);
    let table = map.colormap.table();
    for row in 0..map.rows {
        for column in 0..map.columns {
            let value = map.values[(row * map.columns + column) as usize];
            let colour = match range {
                Some([low, high]) if value.is_finite() => {
                    let part = ((value - low) / (high - low)).clamp(0.0, 1.0);
                    let [r, g, b] = table[(part * 255.0).round() as usize];
                    [r, g, b, 255]
                }
                _ => [255, 255, 255, 0],
            };
            let block = Block {
                x: column * zoom,
                y: row * zoom,
                width: zoom,
                height: zoom,
            };
            canvas.fill(block, colour);
        }
    }
    let um_per_pixel = map.cell_um / f64::from(zoom);
    draw_legend(&mut canvas, map, range, um_per_pixel);
    let entry = HeatmapEntry {
        file: format!("{}.png", map.metric),
        metric: map.metric.to_owned(),
        title: map.title.to_owned(),
        unit: map.unit.to_owned(),
        min: range.map(|r| f64::from(r[0])),
        max: range.map(|r| f64::from(r[1])),
        colormap: map.colormap.name.to_owned(),
        origin_um: map.origin_um,
        um_per_pixel,
        map_width: width,
        map_height: height,
    };
    (canvas, entry)
}

fn draw_legend(canvas: &mut Canvas, map: &Heatmap<'_>, range: Option<[f32; 2]>, um_per_pixel: f64) {
    let face = Typeface::new();
    let left = canvas.width - LEGEND + 20;
    let style = |size, colour| Style { size, colour };
    let mut y = 18.0;
    let x = left as f32;
    for line in face.wrap(map.title, 19.0, LEGEND as f32 - 30.0) {
        face.draw(canvas, &line, At { x, y }, style(19.0, INK));
        y += 22.0;
    }
    face.draw(canvas, map.unit, At { x, y }, style(16.0, FAINT));
    y += 22.0;
    let bar = Block {
        x: left,
        y: y as u32,
        width: 22,
        height: 150,
    };
    if let Some([low, high]) = range {
        let table = map.colormap.table();
        for i in 0..bar.height {
            let place = (bar.height - 1 - i) as usize * 255 / (bar.height as usize - 1);
            let [r, g, b] = table[place];
            let row = Block {
                y: bar.y + i,
                height: 1,
                ..bar
            };
            canvas.fill(row, [r, g, b, 255]);
        }
        canvas.frame(bar, LINE);
        for (value, label) in ticks(f64::from(low), f64::from(high)) {
            let part = (value - f64::from(low)) / f64::from(high - low);
            let at = bar.y as f32 + (1.0 - part as f32) * (bar.height as f32 - 1.0) + 0.5;
            let from = At {
                x: (bar.x + bar.width) as f32 + 0.5,
                y: at,
            };
            canvas.line(
                from,
                At {
                    x: from.x + 5.0,
                    ..from
                },
                1.0,
                FAINT,
            );
            let place = At {
                x: from.x + 11.0,
                y: at,
            };
            face.draw(canvas, &label, place, style(16.0, INK));
        }
    } else {
        face.draw(canvas, "no data", At { x, y: y + 10.0 }, style(16.0, INK));
    }
    let mut y = (bar.y + bar.height) as f32 + 24.0;
    let swatch = Block {
        x: left,
        y: y as u32 - 8,
        width: 22,
        height: 14,
    };
    canvas.fill(swatch, [255, 255, 255, 0]);
    canvas.frame(swatch, LINE);
    let beside = At {
        x: x + 33.0,
        y: y - 1.0,
    };
    face.draw(canvas, "not measured", beside, style(15.0, FAINT));
    y += 30.0;
    draw_scale_bar(canvas, &face, At { x, y }, um_per_pixel, SCALE_BAR_TEXT);
}

/// A bar of a round length with its label below, `at` its left end.
pub(super) fn draw_scale_bar(
    canvas: &mut Canvas,
    face: &Typeface,
    at: At,
    um_per_pixel: f64,
    size: f32,
) {
    let scale = size / SCALE_BAR_TEXT;
    let (um, label) = round_length(120.0 * f64::from(scale) * um_per_pixel);
    let end = At {
        x: at.x + (um / um_per_pixel) as f32,
        y: at.y,
    };
    canvas.line(at, end, 2.0 * scale, INK);
    for x in [at.x, end.x] {
        let (top, foot) = (at.y - 4.0 * scale, at.y + 4.0 * scale);
        canvas.line(At { x, y: top }, At { x, y: foot }, 1.5 * scale, INK);
    }
    let style = Style { size, colour: INK };
    let below = At {
        x: at.x,
        y: at.y + 15.0 * scale,
    };
    face.draw(canvas, &label, below, style);
}

/// The greatest of 1, 2, 5 x 10^n micrometres that is not above `most`, and how it is written.
pub(super) fn round_length(most: f64) -> (f64, String) {
    let unit = 10_f64.powf(most.log10().floor());
    let um = [5.0, 2.0, 1.0]
        .into_iter()
        .map(|f| f * unit)
        .find(|&um| um <= most * 1.000_001)
        .unwrap_or(unit);
    let label = if um >= 1000.0 {
        format!("{} mm", um / 1000.0)
    } else {
        format!("{um} µm")
    };
    (um, label)
}

/// The ends and the round values between them that keep some distance.
fn ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let span = high - low;
    let rough = span / 4.0;
    let unit = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|f| f * unit)
        .find(|&s| s >= rough * 0.999_999)
        .unwrap_or(unit);
    let digits = (1.0 - step.log10()).floor().clamp(0.0, 6.0) as usize;
    let mut values = vec![low];
    let mut value = (low / step).ceil() * step;
    while value < high {
        if value - low > span * 0.1 && high - value > span * 0.1 {
            values.push(value);
        }
        value += step;
    }
    values.push(high);
    let ends = [low, high];
    values
        .into_iter()
        .map(|value| {
            // The ends are rarely round; rounded like the others they would say what is not there.
            let at_end = ends.iter().any(|&end| (end - value).abs() < span * 1e-9);
            let digits = if at_end { digits + 1 } else { digits };
            let text = format!("{value:.digits$}");
            let text = if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            };
            let text = if text == "-0" { "0".to_owned() } else { text };
            (value, text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32]) -> Heatmap<'_> {
        Heatmap {
            metric: "positive_percent",
            title: "Positive tumour cells",
            unit: "%",
            colormap: ColorMap::DAB,
            range: Some([0.0, 100.0]),
            columns: 3,
            rows: 2,
            values,
            origin_um: [100.0, 200.0],
            cell_um: 50.0,
        }
    }

    #[test]
    fn colours_follow_the_values_and_blanks_are_transparent() {
        let values = [0.0, 50.0, 100.0, f32::NAN, 150.0, -5.0];
        let (canvas, entry) = draw(&map(&values));
        let table = ColorMap::DAB.table();
        assert_eq!((entry.map_width, entry.map_height), (480, 320));
        assert!((entry.um_per_pixel - 50.0 / 160.0).abs() < 1e-12);
        for (x, y, place) in [
            (0, 0, 0),
            (200, 10, 128),
            (479, 159, 255),
            (200, 319, 255),
            (479, 319, 0),
        ] {
            assert_eq!(canvas.pixel(x, y)[..3], table[place], "{x} {y}");
            assert_eq!(canvas.pixel(x, y)[3], 255);
        }
        assert_eq!(canvas.pixel(10, 200)[3], 0);
        assert!((480..canvas.width).any(|x| canvas.pixel(x, 18)[0] < 90));
    }

    #[test]
    fn the_index_is_read_back_and_bytes_repeat() {
        let dir = tempfile::tempdir().unwrap();
        let values = [1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0];
        let index = write_heatmaps(dir.path(), &[map(&values)]).unwrap();
        assert_eq!(read_heatmap_index(dir.path()).unwrap(), Some(index));
        let file = dir.path().join("heatmaps/positive_percent.png");
        let first = std::fs::read(&file).unwrap();
        write_heatmaps(dir.path(), &[map(&values)]).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), first);
        assert_eq!(read_heatmap_index(&dir.path().join("no")).unwrap(), None);
    }

    #[test]
    fn maps_without_data_or_with_wrong_sizes() {
        let dir = tempfile::tempdir().unwrap();
        let index = write_heatmaps(dir.path(), &[map(&[f32::NAN; 6])]).unwrap();
        assert_eq!(index.maps[0].min, None);
        assert!(write_heatmaps(dir.path(), &[map(&[1.0; 5])]).is_err());
        let values = [1.0; 6];
        let escaping = Heatmap {
            metric: "../x",
            ..map(&values)
        };
        assert!(write_heatmaps(dir.path(), &[escaping]).is_err());
    }

    #[test]
    fn ticks_are_round_and_end_at_the_ends() {
        let labels = |low, high| -> Vec<String> {
            ticks(low, high)
                .into_iter()
                .map(|(_, label)| label)
                .collect()
        };
        assert_eq!(labels(0.0, 100.0), ["0", "50", "100"]);
        assert_eq!(labels(0.0, 0.8), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(0.05, 0.55).last().unwrap(), "0.55");
        assert_eq!(labels(-0.1, 0.1).first().unwrap(), "-0.1");
        assert_eq!(labels(0.0, 4321.0).last().unwrap(), "4321");
        assert_eq!(round_length(730.0), (500.0, "500 µm".to_owned()));
        assert_eq!(round_length(2000.0), (2000.0, "2 mm".to_owned()));
    }
}
