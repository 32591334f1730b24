//! Ventana (Roche) BIF, and the TIFF that its software exports.
//!
//! Scanners: VENTANA DP 200 and DP 600; iScan Coreo and iScan HT before them.
//! Source of the facts: Roche's "BIF image file format for digital pathology" (version 1.0, 2020) for the DP scanners; for the older ones the properties and placing that `OpenSlide` documents, with which positions agree.
//! Recognised by: an `iScan` element in the XMP of the first page (some have a `Metadata` element around it), or the ending `.bif`.
//! Levels: pages whose ImageDescription holds `level=` and `mag=`, in that order; magnifications give the downsamples.
//! Stitching: the XMP of level 0 names areas of interest (AOI), grids of camera frames, one frame a tile. Frames overlap by what `TileJointInfo` says for pairs of neighbours, which are numbered from the bottom left, there and back. The frame to the right or below lies on top.
//! - iScan (`RIGHT`, `UP`): all frames step by the mean of all joints, weighted by their confidence; an area lies at `Pos-X` and `Pos-Y`, the latter counted from below. Single frames may be off by a few pixels.
//! - DP (`LEFT`): each gap between two columns or rows has its own overlap, out of the joints that are flagged as joined; an area lies at its `AoiOrigin`.
//!
//! Reduced levels hold the downsampled frames with their overlaps, so each tile is cut into frames again; a level whose page is as large as the stitched slide is taken as stitched already.
//! Focal planes: in a volume scan the planes follow each other in the tile tables; the first is the nominal one and is read.
//! Pixel size: `ScanRes`, for both axes. Origin: the top left of the topmost and leftmost place that an area may have, not of the slide's glass.
//! Empty tiles and what lies between areas were not scanned; they are shown in the grey of `ScanWhitePoint`.
//! Known gaps: the probability image is not offered; the order of tiles that `Frame` elements could give is taken to be TIFF's; no real DP file with several AOIs was to be had.

use std::collections::BTreeMap;

use pantrk_space::{LevelSize, MicronsPerPixel, SlideMpp};
use roxmltree::Node;

use super::{Candidate, beside};
use crate::error::Fault;
use crate::limits::Limits;
use crate::mosaic::{Area, Axis, Mosaic, Sheet};
use crate::store::{Associated, Parts, TileStore};
use crate::tiff::page::{TiffPage, is_tiled};
use crate::tiff::{Directory, TiffFile, resolution, tags};
use crate::xml::{self, decimal};

pub(super) const VENDOR: &str = "ventana";

/// Pages that may carry the `iScan` element.
const FRONT_PAGES: usize = 8;

/// Areas of interest on one slide; scanners offer some dozens.
const MAX_AREAS: usize = 1024;

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    let Some(tiff) = &candidate.tiff else {
        return Err("not a TIFF file".to_owned());
    };
    if candidate.extension == "bif" || iscan_text(tiff).is_some() {
        return Ok(());
    }
    Err("no iScan element in the XMP of the first pages".to_owned())
}

/// The XMP that holds the `iScan` element; a tag that cannot be read does not.
fn iscan_text(tiff: &TiffFile) -> Option<String> {
    tiff.pages.iter().take(FRONT_PAGES).find_map(|page| {
        let text = tiff.text(page, tags::XMP).ok().flatten()?;
        text.contains("<iScan").then_some(text)
    })
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let (Some(tiff), limits) = (&candidate.tiff, &candidate.limits) else {
        return Err(Fault::Broken("not a TIFF file".to_owned()));
    };
    let mut properties = iscan_properties(tiff)?;
    let pages = level_pages(tiff)?;
    let Some((_, first)) = pages.first() else {
        return Err(Fault::Broken(
            "no page's ImageDescription names a level".to_owned(),
        ));
    };
    let glass = properties
        .get("ventana.ScanWhitePoint")
        .and_then(|text| text.parse::<u8>().ok())
        .unwrap_or(255);
    let levels = match tiff.text(first, tags::XMP)? {
        Some(text) => {
            let page = TiffPage::new(tiff, first, limits)?;
            let newer = properties
                .get("ventana.ScannerModel")
                .is_some_and(|model| model.starts_with("VENTANA DP"));
            let layout = Layout::parse(&text, &page, newer)?;
            layout.add_properties(&mut properties);
            layout.levels(tiff, &pages, [glass; 3], limits)?
        }
        // The exported TIFF has neither areas nor overlaps.
        None => plain_levels(tiff, &pages, limits)?,
    };
    if let Some(planes) = tiff.number(first, tags::IMAGE_DEPTH)?.filter(|n| *n > 1) {
        properties.insert("ventana.focal-plane-count".to_owned(), planes.to_string());
    }
    resolution::add_properties(tiff, first, &mut properties)?;
    if let Some(text) = properties.get("tiff.ImageDescription").cloned() {
        properties.insert("openslide.comment".to_owned(), text);
    }
    let number = |key: &str| properties.get(key).and_then(|text| decimal(text));
    let mpp = number("ventana.ScanRes")
        .and_then(MicronsPerPixel::new)
        .map(|mpp| (SlideMpp::square(mpp), "ventana.ScanRes"));
    let objective_power = number("ventana.Magnification").filter(|power| *power > 0.0);
    Ok(Parts {
        format: "Ventana BIF".to_owned(),
        levels,
        mpp,
        objective_power,
        associated: associated_images(tiff, limits)?,
        icc_profile: tiff
            .bytes(first, tags::ICC_PROFILE)?
            .filter(|profile| !profile.is_empty()),
        properties,
    })
}

/// The attributes of the `iScan` element as `ventana.*`.
fn iscan_properties(tiff: &TiffFile) -> Result<BTreeMap<String, String>, Fault> {
    let text = iscan_text(tiff).ok_or_else(|| {
        Fault::Broken("no iScan element in the XMP of the first pages".to_owned())
    })?;
    let document = xml::parse(&text, "the scanner's description")?;
    let iscan = xml::descendant(document.root_element(), "iScan")
        .ok_or_else(|| Fault::Broken("no iScan element in the XMP".to_owned()))?;
    Ok(iscan
        .attributes()
        .filter(|attribute| !attribute.value().is_empty())
        .map(|attribute| {
            (
                format!("ventana.{}", attribute.name()),
                attribute.value().to_owned(),
            )
        })
        .collect())
}

/// The pages that are levels, each with how much smaller it is than level 0.
fn level_pages(tiff: &TiffFile) -> Result<Vec<(f64, &Directory)>, Fault> {
    let mut found: Vec<(i64, f64, &Directory)> = Vec::new();
    for page in &tiff.pages {
        let text = tiff
            .text(page, tags::IMAGE_DESCRIPTION)?
            .unwrap_or_default();
        if !text.contains("level=") {
            continue;
        }
        let field = |key: &str| {
            text.split_whitespace()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let (level, magnification) = (field("level"), field("mag"));
        let parsed = level
            .and_then(|level| level.parse::<i64>().ok())
            .zip(magnification.and_then(decimal).filter(|mag| *mag > 0.0));
        let Some((level, magnification)) = parsed else {
            return Err(Fault::Broken(format!(
                "ImageDescription is {text:?}, a level and a magnification are wanted"
            )));
        };
        let wanted = i64::try_from(found.len()).unwrap_or(i64::MAX);
        if level != wanted {
            return Err(Fault::Broken(format!(
                "found level {level} where level {wanted} is wanted"
            )));
        }
        if let Some((_, before, _)) = found.last()
            && magnification >= *before
        {
            return Err(Fault::Broken(format!(
                "level {level} has magnification {magnification}, the level before it {before}"
            )));
        }
        if !is_tiled(page) {
            return Err(Fault::Broken(format!("level {level} is not tiled")));
        }
        found.push((level, magnification, page));
    }
    let first = found
        .first()
        .map_or(1.0, |(_, magnification, _)| *magnification);
    Ok(found
        .into_iter()
        .map(|(_, magnification, page)| (first / magnification, page))
        .collect())
}

fn plain_levels(
    tiff: &TiffFile,
    pages: &[(f64, &Directory)],
    limits: &Limits,
) -> Result<Vec<Box<dyn TileStore>>, Fault> {
    pages
        .iter()
        .map(|(_, page)| {
            TiffPage::new(tiff, page, limits).map(|page| Box::new(page) as Box<dyn TileStore>)
        })
        .collect()
}

fn associated_images(tiff: &TiffFile, limits: &Limits) -> Result<Vec<Associated>, Fault> {
    let mut images: Vec<Associated> = Vec::new();
    for page in &tiff.pages {
        let name = match tiff.text(page, tags::IMAGE_DESCRIPTION)?.as_deref() {
            Some("Label Image" | "Label_Image") => "macro",
            Some("Thumbnail") => "thumbnail",
            _ => continue,
        };
        if images.iter().all(|image| image.name != name) {
            images.push(beside::page_image(tiff, page, name, limits)?);
        }
    }
    Ok(images)
}

/// Where the frames of one area lie on level 0.
struct Frames {
    /// The area's place on the page, in tiles.
    first: (u32, u32),
    /// Left edge of each column and top edge of each row, in pixels.
    columns: Vec<f64>,
    rows: Vec<f64>,
}

/// Where all frames lie.
struct Layout {
    tile: LevelSize,
    /// Columns and rows of tiles on level 0.
    grid: (u32, u32),
    areas: Vec<Frames>,
}

/// One area as the header describes it.
struct Described {
    first: (u32, u32),
    size: (u32, u32),
    position: (f64, f64),
    joints: Vec<Joint>,
}

/// How much two neighbours overlap.
struct Joint {
    /// Whether they are side by side, not one above the other.
    side_by_side: bool,
    /// The column or row that the overlap comes before.
    before: u32,
    overlap: f64,
    confidence: f64,
    joined: bool,
}

impl Layout {
    fn parse(text: &str, page: &TiffPage, newer: bool) -> Result<Self, Fault> {
        let document = xml::parse(text, "the description of level 0")?;
        let root = document.root_element();
        let infos: Vec<_> = xml::child(root, "SlideStitchInfo")
            .map(|node| xml::children(node, "ImageInfo").collect())
            .unwrap_or_default();
        let origins: Vec<_> = xml::child(root, "AoiOrigin")
            .map(|node| node.children().filter(Node::is_element).collect())
            .unwrap_or_default();
        if infos.is_empty() || infos.len() != origins.len() {
            return Err(Fault::Broken(format!(
                "{} areas are described and {} have an origin",
                infos.len(),
                origins.len()
            )));
        }
        if infos.len() > MAX_AREAS {
            return Err(Fault::Broken(format!(
                "{} areas, at most {MAX_AREAS} are wanted",
                infos.len()
            )));
        }
        let (tile, grid) = (page.tile_size(), page.grid());
        let mut areas = Vec::new();
        for (info, origin) in infos.into_iter().zip(origins) {
            if xml::whole(info, "AOIScanned")? != 0 {
                areas.push(Described::parse(info, origin, tile, grid)?);
            }
        }
        if areas.is_empty() {
            return Err(Fault::Broken("no area was scanned".to_owned()));
        }
        let areas = if newer {
            areas.iter().map(|area| area.by_gap(tile)).collect()
        } else {
            by_mean(&areas, tile)
        };
        Ok(Self { tile, grid, areas })
    }

    /// Where the frames end, in pixels of level 0.
    fn end(&self) -> (f64, f64) {
        let end = |axis: fn(&Frames) -> &Vec<f64>, tile: u32| {
            self.areas
                .iter()
                .filter_map(|area| axis(area).last())
                .fold(0.0, |end: f64, start| end.max(start + f64::from(tile)))
        };
        (
            end(|area| &area.columns, self.tile.width),
            end(|area| &area.rows, self.tile.height),
        )
    }

    fn levels(
        &self,
        tiff: &TiffFile,
        pages: &[(f64, &Directory)],
        glass: [u8; 3],
        limits: &Limits,
    ) -> Result<Vec<Box<dyn TileStore>>, Fault> {
        let mut levels: Vec<Box<dyn TileStore>> = Vec::new();
        for (downsample, page) in pages {
            let page = TiffPage::new(tiff, page, limits)?;
            let level = self.level(page, *downsample)?;
            levels.push(Box::new(
                level.with_downsample(*downsample).with_background(glass),
            ));
        }
        Ok(levels)
    }

    fn level(&self, page: TiffPage, downsample: f64) -> Result<Mosaic, Fault> {
        let (columns, rows) = page.grid();
        let tile = page.tile_size();
        let (right, bottom) = self.end();
        let size = LevelSize {
            width: side(right / downsample)?,
            height: side(bottom / downsample)?,
        };
        let page_size = page.size();
        let sheet = Sheet {
            store: Box::new(page),
            rows,
        };
        if downsample > 1.0 && self.is_stitched(page_size, size, downsample) {
            let area = Area {
                page: 0,
                columns: Axis::regular(0, columns, tile.width),
                rows: Axis::regular(0, rows, tile.height),
            };
            let size = LevelSize {
                width: size.width.min(page_size.width),
                height: size.height.min(page_size.height),
            };
            return Mosaic::new(size, vec![sheet], vec![area]);
        }
        if tile != self.tile {
            return Err(Fault::Broken(format!(
                "tiles of {tile} on a level, of {} on level 0",
                self.tile
            )));
        }
        let per_tile = whole_downsample(downsample, tile)?;
        let axis = |starts: &[f64], first: u32, tile: u32| {
            let starts = starts.iter().map(|at| pixel(at / downsample)).collect();
            Axis::new(starts, first, per_tile, tile)
        };
        let areas = self
            .areas
            .iter()
            .map(|area| Area {
                page: 0,
                columns: axis(&area.columns, area.first.0, tile.width),
                rows: axis(&area.rows, area.first.1, tile.height),
            })
            .collect();
        Mosaic::new(size, vec![sheet], areas)
    }

    /// Whether a reduced level's page has the size of the stitched slide and not that of the frames side by side.
    fn is_stitched(&self, page: LevelSize, stitched: LevelSize, downsample: f64) -> bool {
        let raw = |tiles: u32, tile: u32| f64::from(tiles) * f64::from(tile) / downsample;
        let near = |found: u32, wanted: f64| (f64::from(found) - wanted).abs() <= 2.0;
        let raw = (
            raw(self.grid.0, self.tile.width),
            raw(self.grid.1, self.tile.height),
        );
        near(page.width, f64::from(stitched.width))
            && near(page.height, f64::from(stitched.height))
            && !(near(page.width, raw.0) && near(page.height, raw.1))
    }

    /// `openslide.region[i].*`, and the bounds where the areas leave a margin.
    fn add_properties(&self, properties: &mut BTreeMap<String, String>) {
        let mut hull: Option<[f64; 4]> = None;
        for (index, area) in self.areas.iter().enumerate() {
            let (Some(x), Some(y)) = (area.columns.first(), area.rows.first()) else {
                continue;
            };
            let right = area.columns.last().unwrap_or(x) + f64::from(self.tile.width);
            let bottom = area.rows.last().unwrap_or(y) + f64::from(self.tile.height);
            for (key, value) in [
                ("x", x.floor()),
                ("y", y.floor()),
                ("width", (right - x).ceil()),
                ("height", (bottom - y).ceil()),
            ] {
                properties.insert(
                    format!("openslide.region[{index}].{key}"),
                    value.to_string(),
                );
            }
            let [left, top, far, low] = hull.unwrap_or([*x, *y, right, bottom]);
            hull = Some([left.min(*x), top.min(*y), far.max(right), low.max(bottom)]);
        }
        if let Some([x, y, right, bottom]) = hull
            && (x > 0.0 || y > 0.0)
        {
            for (key, value) in [
                ("x", x.floor()),
                ("y", y.floor()),
                ("width", (right - x).ceil()),
                ("height", (bottom - y).ceil()),
            ] {
                properties.insert(format!("openslide.bounds-{key}"), value.to_string());
            }
        }
    }
}

impl Described {
    fn parse(
        info: Node<'_, '_>,
        origin: Node<'_, '_>,
        tile: LevelSize,
        grid: (u32, u32),
    ) -> Result<Self, Fault> {
        let (width, height) = (xml::whole(info, "Width")?, xml::whole(info, "Height")?);
        if (width, height) != (i64::from(tile.width), i64::from(tile.height)) {
            return Err(Fault::Broken(format!(
                "an area has frames of {width} x {height} px, the tiles are {tile}"
            )));
        }
        let axis = |origin_name: &str, count_name: &str, tile: u32, tiles: u32| {
            let start = xml::whole(origin, origin_name)?;
            let tile = i64::from(tile);
            if start.checked_rem(tile) != Some(0) {
                return Err(Fault::Broken(format!(
                    "{origin_name} is {start}, a multiple of {tile} is wanted"
                )));
            }
            let first = start.checked_div(tile).and_then(|n| u32::try_from(n).ok());
            let count = u32::try_from(xml::whole(info, count_name)?).ok();
            match (first, count) {
                (Some(first), Some(count))
                    if count > 0 && first.checked_add(count).is_some_and(|end| end <= tiles) =>
                {
                    Ok((first, count, start))
                }
                _ => Err(Fault::Broken(format!(
                    "an area of {count_name} {} at {origin_name} {start} lies outside the {tiles} tiles of its page",
                    info.attribute(count_name).unwrap_or_default()
                ))),
            }
        };
        let (first_column, columns, x) = axis("OriginX", "NumCols", tile.width, grid.0)?;
        let (first_row, rows, y) = axis("OriginY", "NumRows", tile.height, grid.1)?;
        let position = |name: &str, origin: i64| match info.attribute(name) {
            Some(_) => xml::real(info, name).map(f64::trunc),
            None => Ok(float(origin)),
        };
        let mut area = Self {
            first: (first_column, first_row),
            size: (columns, rows),
            position: (position("Pos-X", x)?, position("Pos-Y", y)?),
            joints: Vec::new(),
        };
        for node in xml::children(info, "TileJointInfo") {
            let joint = area.joint(node, tile)?;
            area.joints.push(joint);
        }
        Ok(area)
    }

    /// Column and row of a frame's number: rows from the bottom up, every second one from right to left.
    fn place(&self, node: Node<'_, '_>, name: &str) -> Result<(u32, u32), Fault> {
        let (columns, rows) = self.size;
        let all = u64::from(columns).saturating_mul(u64::from(rows));
        let number = xml::whole(node, name)?;
        let index = u64::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1))
            .filter(|index| *index < all)
            .ok_or_else(|| Fault::Broken(format!("{name} is {number}, 1 to {all} is wanted")))?;
        let along = |index: u64| index.checked_rem(u64::from(columns));
        let column = along(index)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0);
        let row = index.checked_div(u64::from(columns));
        let row = row.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let back = |n: u32, all: u32| all.saturating_sub(1).saturating_sub(n);
        let column = if row & 1 == 1 {
            back(column, columns)
        } else {
            column
        };
        Ok((column, back(row, rows)))
    }

    fn joint(&self, node: Node<'_, '_>, tile: LevelSize) -> Result<Joint, Fault> {
        let (one, two) = (self.place(node, "Tile1")?, self.place(node, "Tile2")?);
        let direction = node.attribute("Direction").unwrap_or_default();
        let side_by_side = match direction {
            "LEFT" | "RIGHT" => true,
            "UP" | "DOWN" => false,
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(Fault::Broken(format!(
                    "Direction is {other:?}, LEFT, RIGHT, UP or DOWN is wanted"
                )));
            }
        };
        let (column_step, row_step) = (one.0.abs_diff(two.0), one.1.abs_diff(two.1));
        let wanted = if side_by_side { (1, 0) } else { (0, 1) };
        if (column_step, row_step) != wanted {
            return Err(Fault::Broken(format!(
                "frames in columns {} and {}, rows {} and {} are joined as {direction}, and are no such neighbours",
                one.0, two.0, one.1, two.1
            )));
        }
        let (name, side) = if side_by_side {
            ("OverlapX", tile.width)
        } else {
            ("OverlapY", tile.height)
        };
        let overlap = xml::real(node, name)?;
        // More than half a frame is no overlap of a scanner, and a step must stay ahead.
        if overlap.abs() > f64::from(side) / 2.0 {
            return Err(Fault::Broken(format!(
                "{name} is {overlap}, at most half of {side} is wanted"
            )));
        }
        let confidence = xml::whole(node, "Confidence")?;
        if !(0..=100).contains(&confidence) {
            return Err(Fault::Broken(format!(
                "Confidence is {confidence}, 0 to 100 is wanted"
            )));
        }
        Ok(Joint {
            side_by_side,
            before: if side_by_side {
                one.0.max(two.0)
            } else {
                one.1.max(two.1)
            },
            overlap,
            confidence: float(confidence),
            joined: node
                .attribute("FlagJoined")
                .is_none_or(|flag| flag.trim() != "0"),
        })
    }

    /// The newer scanners: an overlap for each gap.
    fn by_gap(&self, tile: LevelSize) -> Frames {
        let axis = |side_by_side: bool, count: u32, tile: u32, first: u32| {
            let mut sums = vec![(0.0, 0.0); usize::try_from(count).unwrap_or(0)];
            for joint in &self.joints {
                if joint.side_by_side == side_by_side
                    && joint.joined
                    && let Some(sum) = usize::try_from(joint.before)
                        .ok()
                        .and_then(|before| sums.get_mut(before))
                {
                    sum.0 += joint.overlap * joint.confidence;
                    sum.1 += joint.confidence;
                }
            }
            let mut at = f64::from(first) * f64::from(tile);
            let mut starts = Vec::with_capacity(sums.len());
            for (index, (sum, weight)) in sums.into_iter().enumerate() {
                if index > 0 {
                    let overlap: f64 = if weight > 0.0 { sum / weight } else { 0.0 };
                    at += f64::from(tile) - overlap.round();
                }
                starts.push(at);
            }
            starts
        };
        Frames {
            first: self.first,
            columns: axis(true, self.size.0, tile.width, self.first.0),
            rows: axis(false, self.size.1, tile.height, self.first.1),
        }
    }
}

/// The older scanners: one step for all frames of the slide, positions counted from below.
fn by_mean(areas: &[Described], tile: LevelSize) -> Vec<Frames> {
    let step = |side_by_side: bool, tile: u32| {
        let (mut sum, mut weight) = (0.0, 0.0);
        for joint in areas.iter().flat_map(|area| &area.joints) {
            if joint.side_by_side == side_by_side {
                sum += joint.overlap * joint.confidence;
                weight += joint.confidence;
            }
        }
        f64::from(tile) - if weight > 0.0 { sum / weight } else { 0.0 }
    };
    let (step_x, step_y) = (step(true, tile.width), step(false, tile.height));
    let height = |area: &Described| {
        (f64::from(area.size.1.saturating_sub(1)) * step_y + f64::from(tile.height)).trunc()
    };
    let top = areas
        .iter()
        .map(|area| area.position.1 + height(area))
        .fold(0.0, f64::max);
    let starts = |first: f64, step: f64, count: u32| {
        (0..count).map(|n| first + f64::from(n) * step).collect()
    };
    areas
        .iter()
        .map(|area| Frames {
            first: area.first,
            columns: starts(area.position.0, step_x, area.size.0),
            rows: starts(top - area.position.1 - height(area), step_y, area.size.1),
        })
        .collect()
}

/// A level's width or height out of where its pixels end.
fn side(end: f64) -> Result<u32, Fault> {
    let pixels = pixel(end.ceil());
    u32::try_from(pixels)
        .ok()
        .filter(|side| *side > 0 && *side < 1 << 31)
        .ok_or_else(|| Fault::Broken(format!("a level of {pixels} pixels a side")))
}

/// Frames along a stored tile of a reduced level.
fn whole_downsample(downsample: f64, tile: LevelSize) -> Result<u32, Fault> {
    let most = f64::from(tile.width.min(tile.height));
    if downsample.fract().abs() > 1e-6 || downsample > most {
        return Err(Fault::Broken(format!(
            "a level is {downsample} times smaller than level 0, a whole number up to {most} is wanted"
        )));
    }
    Ok(u32::try_from(pixel(downsample)).unwrap_or(1).max(1))
}

/// The nearest whole pixel.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and what is out of range is found by the caller"
)]
fn pixel(at: f64) -> i64 {
    at.round() as i64
}

/// A number from a header; all that are let through are small.
fn float(value: i64) -> f64 {
    i32::try_from(value).map_or(f64::MAX, f64::from)
}
