//! Tiled pyramidal TIFF and `BigTIFF` of no particular maker.
//!
//! Written by: libvips, tifffile, GDAL, scanners that export TIFF.
//! Source of the facts: TIFF 6.0, TIFF Technical Notes 1 and 2, `BigTIFF` as libtiff 4 reads it.
//! Recognised by: a first page that is tiled.
//! Levels: the largest tiled page; then its `SubIFDs`, and the tiled pages of the main chain that are smaller and of the same shape (most writers mark them by bit 0 of `NewSubfileType`, some do not, so the shape decides).
//! Pixel size: `XResolution` and `YResolution` with `ResolutionUnit` inch or centimetre. Values that mean pixels above 20 micrometres are print resolutions that nobody measured, and are left out.
//! Known gaps: images in channels of their own; more than one slide in a file.

use std::collections::BTreeMap;

use super::{Candidate, pyramid};
use crate::error::Fault;
use crate::store::Parts;
use crate::tiff::page::{is_tiled, size_of};
use crate::tiff::{Directory, resolution, tags};

pub(super) const VENDOR: &str = "generic-tiff";

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    let Some(tiff) = &candidate.tiff else {
        return Err("not a TIFF file".to_owned());
    };
    if !tiff.pages.first().is_some_and(is_tiled) {
        return Err("the first page is not tiled".to_owned());
    }
    Ok(())
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let Some(tiff) = &candidate.tiff else {
        return Err(Fault::Broken("not a TIFF file".to_owned()));
    };
    // Most writers put the sharpest page first; the size says it of all.
    let mut tiled = Vec::new();
    for page in tiff.pages.iter().filter(|page| is_tiled(page)) {
        tiled.push((size_of(tiff, page)?, page));
    }
    tiled.sort_by_key(|(size, _)| std::cmp::Reverse(size.area()));
    let ((_, page), others) = tiled
        .split_first()
        .ok_or_else(|| Fault::Broken("no page is tiled".to_owned()))?;
    let pages: Vec<&Directory> = std::iter::once(*page)
        .chain(page.children.iter().filter(|page| is_tiled(page)))
        .chain(others.iter().map(|(_, page)| *page))
        .collect();
    let levels = pyramid::levels(tiff, &pages, &candidate.limits)?;

    let mut properties = BTreeMap::new();
    resolution::add_properties(tiff, page, &mut properties)?;
    if let Some(text) = properties.get("tiff.ImageDescription").cloned() {
        properties.insert("openslide.comment".to_owned(), text);
    }
    Ok(Parts {
        format: "generic tiled TIFF".to_owned(),
        levels,
        properties,
        mpp: resolution::mpp(tiff, page)?.map(|mpp| (mpp, "tiff.XResolution")),
        objective_power: None,
        associated: Vec::new(),
        icc_profile: tiff.bytes(page, tags::ICC_PROFILE)?,
    })
}
