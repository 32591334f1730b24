//! Huron TIFF.
//!
//! Scanners: Huron `TissueScope` (LE, LE120, iQ, PE).
//! Source of the facts: what OpenSlide documents of the format, with which levels, properties and pixels agree.
//! Recognised by: a first TIFF page that is tiled and whose `Make` begins with "Huron".
//! Levels: the first page and every tiled page of the same shape. The thumbnail is the striped page after the first; the label and the macro photograph are striped pages of `NewSubfileType` 1 and 9.
//! Pixel size: `XResolution` and `YResolution` with their unit.
//! Known gaps: focal planes and fluorescence channels, whose files were not to be had.

use std::collections::BTreeMap;

use super::pyramid::{self, Pages};
use super::{Candidate, beside};
use crate::error::Fault;
use crate::store::{Associated, Parts};
use crate::tiff::page::is_tiled;
use crate::tiff::{resolution, tags};

pub(super) const VENDOR: &str = "huron";

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    let Some(tiff) = &candidate.tiff else {
        return Err("not a TIFF file".to_owned());
    };
    let Some(page) = tiff.pages.first() else {
        return Err("no TIFF directory".to_owned());
    };
    let make = tiff
        .text(page, tags::MAKE)
        .map_err(|error| error.to_string())?;
    if !make.is_some_and(|make| make.starts_with("Huron")) {
        return Err("Make does not begin with \"Huron\"".to_owned());
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
    for line in description.lines() {
        if let Some((key, value)) = line.split_once('=') {
            properties.insert(format!("huron.{}", key.trim()), value.trim().to_owned());
        }
    }
    let mut associated: Vec<Associated> = Vec::new();
    for (index, page) in striped {
        let name = match tiff.number(page, tags::NEW_SUBFILE_TYPE)? {
            Some(1) => "label",
            Some(9) => "macro",
            _ if index == 1 => "thumbnail",
            _ => continue,
        };
        if associated.iter().all(|known| known.name != name) {
            associated.push(beside::page_image(tiff, page, name, limits)?);
        }
    }
    Ok(Parts {
        format: "Huron TIFF".to_owned(),
        levels,
        properties,
        mpp: resolution::mpp(tiff, page)?.map(|mpp| (mpp, "tiff.XResolution")),
        objective_power: None,
        associated,
        icc_profile: tiff.bytes(page, tags::ICC_PROFILE)?,
    })
}
