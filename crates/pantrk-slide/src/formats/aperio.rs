//! Aperio SVS (and its `.tif` twins).
//!
//! Scanners: Aperio `ScanScope` and Leica AT2, GT 450; SVS that other makers' software exports.
//! Source of the facts: Aperio's "Digital Slides and Third-Party Data Interchange" (2008), the properties that OpenSlide documents for the vendor, and the files themselves.
//! Recognised by: a first TIFF page that is tiled and whose ImageDescription begins with "Aperio".
//! Levels: the first page and every tiled page of the same shape. The label and the macro photograph are striped pages named in the second line of their ImageDescription, or by `NewSubfileType` 1 and 9; the thumbnail is the striped page after the first.
//! Pixel size: `MPP` in the first ImageDescription, for both axes; a decimal comma is read as a point. Without it there is none: the resolution tags of these files are not filled in.
//! Tiles: JPEG, or JPEG 2000 as `YCbCr` (33003) or RGB (33005).
//! Known gaps: focal planes beyond the first; a tile of zero length is reported as not scanned on every level, although on reduced levels the scanner may just have failed to write it.

use std::collections::BTreeMap;

use pantrk_space::{MicronsPerPixel, SlideMpp};

use super::pyramid::{self, Pages};
use super::{Candidate, beside};
use crate::error::Fault;
use crate::limits::Limits;
use crate::store::{Associated, Parts};
use crate::tiff::page::is_tiled;
use crate::tiff::{Directory, TiffFile, resolution, tags};
use crate::xml::decimal;

pub(super) const VENDOR: &str = "aperio";

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    let Some(tiff) = &candidate.tiff else {
        return Err("not a TIFF file".to_owned());
    };
    let Some(page) = tiff.pages.first() else {
        return Err("no TIFF directory".to_owned());
    };
    let description = tiff
        .text(page, tags::IMAGE_DESCRIPTION)
        .map_err(|error| error.to_string())?
        .unwrap_or_default();
    if !description.starts_with("Aperio") {
        return Err("ImageDescription does not begin with \"Aperio\"".to_owned());
    }
    if !is_tiled(page) {
        return Err("the first page is not tiled".to_owned());
    }
    Ok(())
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let (Some(tiff), limits) = (&candidate.tiff, &candidate.limits) else {
        return Err(Fault::Broken("not a TIFF file".to_owned()));
    };
    let Pages {
        first: page,
        tiled,
        striped,
    } = pyramid::parted(tiff)?;
    let levels = pyramid::levels(tiff, &tiled, limits)?;

    let mut properties = BTreeMap::new();
    resolution::add_properties(tiff, page, &mut properties)?;
    let description = tiff
        .text(page, tags::IMAGE_DESCRIPTION)?
        .unwrap_or_default();
    for (key, value) in fields(&description) {
        properties.insert(format!("aperio.{key}"), value);
    }
    let number = |key: &str| properties.get(key).and_then(|text| decimal(text));
    let mpp = number("aperio.MPP")
        .and_then(MicronsPerPixel::new)
        .map(|mpp| (SlideMpp::square(mpp), "aperio.MPP"));
    let objective_power = number("aperio.AppMag").filter(|power| *power > 0.0);
    properties.insert("openslide.comment".to_owned(), description);

    let mut associated: Vec<Associated> = Vec::new();
    for (index, page) in striped {
        if let Some(image) = associated_image(tiff, index, page, limits)?
            && associated.iter().all(|known| known.name != image.name)
        {
            associated.push(image);
        }
    }
    Ok(Parts {
        format: "Aperio SVS".to_owned(),
        levels,
        properties,
        mpp,
        objective_power,
        associated,
        icc_profile: tiff.bytes(page, tags::ICC_PROFILE)?,
    })
}

/// The `key = value` pairs between the bars of an ImageDescription.
fn fields(description: &str) -> impl Iterator<Item = (String, String)> {
    description.split('|').skip(1).filter_map(|field| {
        let (key, value) = field.split_once('=')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    })
}

fn associated_image(
    tiff: &TiffFile,
    index: usize,
    page: &Directory,
    limits: &Limits,
) -> Result<Option<Associated>, Fault> {
    let description = tiff
        .text(page, tags::IMAGE_DESCRIPTION)?
        .unwrap_or_default();
    let word = description
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().next())
        .unwrap_or_default();
    let name = match (word, tiff.number(page, tags::NEW_SUBFILE_TYPE)?) {
        ("label" | "macro", _) => word,
        (_, Some(1)) => "label",
        (_, Some(9)) => "macro",
        _ if index == 1 => "thumbnail",
        _ => return Ok(None),
    };
    beside::page_image(tiff, page, name, limits).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_between_bars() {
        let text = "Aperio Image Library v11.2.1 \r\n46000x32914 (256x256) JPEG/RGB Q=30|AppMag = 20|MPP = 0,4990|Title = a = b";
        let found: Vec<_> = fields(text).collect();
        assert_eq!(found[0], ("AppMag".to_owned(), "20".to_owned()));
        assert_eq!(decimal(&found[1].1), Some(0.499));
        assert_eq!(found[2].1, "a = b");
        assert_eq!(decimal("inf"), None);
        assert_eq!(decimal("0.25 um"), None);
    }
}
