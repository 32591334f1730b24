//! Trestle TIFF.
//!
//! Scanners: Trestle `MedMicro`, of the 2000s.
//! Source of the facts: what OpenSlide documents of the format, with which levels, properties and pixels agree.
//! Recognised by: a `Software` tag that begins with "`MedScan`", an ImageDescription, and no page that is not tiled.
//! Levels: the pages in their order, each smaller than the one before.
//! Stitching: neighbouring tiles of a level overlap by two numbers of `OverlapsXY`, across and down, a pair for each level; levels without a pair do not overlap. The tile to the right or below lies on top.
//! Pixel size: `XResolution` and `YResolution`, which hold micrometres per pixel here and not pixels per unit. Values above 20 micrometres are left out, as those of print resolutions are elsewhere.
//! The photograph of the slide is the JPEG file beside it that ends in `.Full`.
//! Known gaps: overlaps that single tiles may have of their own (`.tif-Nb` files beside the slide).

use std::collections::BTreeMap;

use pantrk_space::{LevelSize, MicronsPerPixel, SlideMpp};

use super::{Candidate, beside};
use crate::error::Fault;
use crate::limits::Limits;
use crate::mosaic::{Area, Axis, Mosaic, Sheet};
use crate::source::Source;
use crate::store::{Associated, Parts, TileStore};
use crate::tiff::page::{TiffPage, is_tiled};
use crate::tiff::{Directory, TiffFile, resolution, tags};
use crate::xml::decimal;

pub(super) const VENDOR: &str = "trestle";

/// Micrometres; no scanner has larger pixels.
const LARGEST_PIXEL_UM: f64 = 20.0;

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    let Some(tiff) = &candidate.tiff else {
        return Err("not a TIFF file".to_owned());
    };
    let Some(page) = tiff.pages.first() else {
        return Err("no TIFF directory".to_owned());
    };
    let text = |tag| tiff.text(page, tag).map_err(|error| error.to_string());
    if !text(tags::SOFTWARE)?.is_some_and(|software| software.starts_with("MedScan")) {
        return Err("Software does not begin with \"MedScan\"".to_owned());
    }
    if text(tags::IMAGE_DESCRIPTION)?.is_none() {
        return Err("no ImageDescription".to_owned());
    }
    if !tiff.pages.iter().all(is_tiled) {
        return Err("a page is not tiled".to_owned());
    }
    Ok(())
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let (Some(tiff), limits) = (&candidate.tiff, &candidate.limits) else {
        return Err(Fault::Broken("not a TIFF file".to_owned()));
    };
    let page = tiff
        .pages
        .first()
        .ok_or_else(|| Fault::Broken("no TIFF directory".to_owned()))?;
    let mut properties = BTreeMap::new();
    resolution::add_properties(tiff, page, &mut properties)?;
    let description = tiff
        .text(page, tags::IMAGE_DESCRIPTION)?
        .unwrap_or_default();
    for (key, value) in fields(&description) {
        properties.insert(format!("trestle.{key}"), value.to_owned());
    }
    properties.insert("openslide.comment".to_owned(), description);
    let background = properties
        .get("trestle.Background Color")
        .and_then(|text| Some((text.to_uppercase(), colour(text)?)));
    if let Some((text, _)) = &background {
        properties.insert("openslide.background-color".to_owned(), text.clone());
    }
    let overlaps = properties
        .get("trestle.OverlapsXY")
        .map_or_else(|| Ok(Vec::new()), |text| pairs(text))?;
    let mut levels: Vec<Box<dyn TileStore>> = Vec::new();
    for (index, page) in tiff.pages.iter().enumerate() {
        let overlap = overlaps.get(index).copied().unwrap_or_default();
        let glass = background.as_ref().map(|(_, colour)| *colour);
        let level = level(tiff, page, overlap, glass, limits)?;
        let size = level.size();
        if let Some(before) = levels.last().map(|level| level.size())
            && (size.width >= before.width || size.height > before.height)
        {
            return Err(Fault::Broken(format!(
                "level {index} is {size} and the level before it {before}"
            )));
        }
        levels.push(level);
    }
    let microns = |tag| -> Result<Option<MicronsPerPixel>, Fault> {
        Ok(tiff
            .real(page, tag)?
            .filter(|um| *um <= LARGEST_PIXEL_UM)
            .and_then(MicronsPerPixel::new))
    };
    let mpp = microns(tags::X_RESOLUTION)?
        .zip(microns(tags::Y_RESOLUTION)?)
        .map(|(x, y)| (SlideMpp { x, y }, "tiff.XResolution"));
    let objective_power = properties
        .get("trestle.Objective Power")
        .and_then(|text| decimal(text))
        .filter(|power| *power > 0.0);
    Ok(Parts {
        format: "Trestle TIFF".to_owned(),
        levels,
        properties,
        mpp,
        objective_power,
        associated: photograph(&candidate.source, limits).into_iter().collect(),
        icc_profile: tiff.bytes(page, tags::ICC_PROFILE)?,
    })
}

/// The `key=value` pairs between semicolons.
fn fields(description: &str) -> impl Iterator<Item = (&str, &str)> {
    description.split(';').filter_map(|field| {
        let (key, value) = field.split_once('=')?;
        Some((key.trim(), value.trim()))
    })
}

/// `RRGGBB` in hexadecimal digits.
fn colour(text: &str) -> Option<[u8; 3]> {
    let is_hex = text.len() == 6 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let [_, r, g, b] = u32::from_str_radix(is_hex.then_some(text)?, 16)
        .ok()?
        .to_be_bytes();
    Some([r, g, b])
}

/// Overlaps across and down, a pair for each level.
fn pairs(text: &str) -> Result<Vec<(u32, u32)>, Fault> {
    let wanted = || {
        Fault::Broken(format!(
            "OverlapsXY is {text:?}, pairs of whole numbers of pixels are wanted"
        ))
    };
    let numbers: Vec<u32> = text
        .split_whitespace()
        .map(|word| word.parse().map_err(|_error| wanted()))
        .collect::<Result<_, _>>()?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wanted());
    }
    Ok(pairs
        .iter()
        .map(|[across, down]| (*across, *down))
        .collect())
}

fn level(
    tiff: &TiffFile,
    page: &Directory,
    overlap: (u32, u32),
    glass: Option<[u8; 3]>,
    limits: &Limits,
) -> Result<Box<dyn TileStore>, Fault> {
    let page = TiffPage::new(tiff, page, limits)?;
    if overlap == (0, 0) {
        return Ok(Box::new(page));
    }
    let (columns, rows) = page.grid();
    let (tile, size) = (page.tile_size(), page.size());
    let (width, columns) = side(size.width, columns, tile.width, overlap.0)?;
    let (height, axis_rows) = side(size.height, rows, tile.height, overlap.1)?;
    let sheet = Sheet {
        store: Box::new(page),
        rows,
    };
    let area = Area {
        page: 0,
        columns,
        rows: axis_rows,
    };
    let level = Mosaic::new(LevelSize { width, height }, vec![sheet], vec![area])?;
    Ok(Box::new(match glass {
        Some(glass) => level.with_background(glass),
        None => level,
    }))
}

/// Pixels along one side of a level, and where its tiles begin.
fn side(stored: u32, tiles: u32, tile: u32, overlap: u32) -> Result<(u32, Axis), Fault> {
    let bad = || {
        Fault::Broken(format!(
            "tiles of {tile} pixels that overlap by {overlap} on a side of {stored} pixels"
        ))
    };
    let step = tile
        .checked_sub(overlap)
        .filter(|step| *step > 0)
        .ok_or_else(bad)?;
    let joints = tiles.saturating_sub(1);
    let side = joints
        .checked_mul(overlap)
        .and_then(|lost| stored.checked_sub(lost))
        .filter(|side| *side > 0)
        .ok_or_else(bad)?;
    let starts = (0..i64::from(tiles))
        .map(|n| n.saturating_mul(i64::from(step)))
        .collect();
    Ok((side, Axis::new(starts, 0, 1, tile).cut_at(side.into())))
}

/// The photograph in the file beside the slide; one that cannot be read is none.
fn photograph(source: &Source, limits: &Limits) -> Option<Associated> {
    if source.is_remote() {
        return None;
    }
    let file = Source::open(&source.path().with_extension("Full")).ok()?;
    if file.len() > limits.max_tile_bytes {
        return None;
    }
    let mut bytes = Vec::new();
    file.read_into(&mut bytes, 0, file.len()).ok()?;
    beside::jpeg_image(bytes, "macro", limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_come_in_pairs() {
        assert_eq!(pairs(" 64 60 32 30").unwrap(), [(64, 60), (32, 30)]);
        assert!(pairs("").unwrap().is_empty());
        for text in ["64", "64 -1", "64 6.5", "64 x"] {
            assert!(pairs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_side_loses_each_joint() {
        let (side, axis) = super::side(182, 4, 48, 8).unwrap();
        assert_eq!((side, axis.start(), axis.end()), (158, 0, 158));
        assert!(super::side(182, 4, 48, 48).is_err());
        assert!(super::side(100, 4, 48, 40).is_err());
    }

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(colour("E6e600"), Some([0xe6, 0xe6, 0]));
        for text in ["E6E6E", "+E6E6E", "E6E6EG", ""] {
            assert_eq!(colour(text), None, "{text}");
        }
    }
}
