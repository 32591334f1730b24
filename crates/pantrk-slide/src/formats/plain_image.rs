//! Plain images as slides of one level: PNG, JPEG, and TIFF in strips.
//!
//! Written by: cameras, screenshots, exports of a field of view.
//! Source of the facts: the PNG and JPEG standards through their decoders, TIFF 6.0.
//! Recognised by: the first bytes; for TIFF, a first page that is not tiled.
//! Levels: the picture. PNG and JPEG are decoded whole when opened and stay in memory; TIFF is read strip by strip.
//! Pixel size: the resolution tags of TIFF; for PNG and JPEG there is none, because their densities are for print and screen.
//! Known gaps: Exif orientation; PNG of 16 bits loses its low bits.

use std::collections::BTreeMap;
use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits as ImageLimits};
use pantrk_space::{LevelSize, RgbBuffer};

use super::Candidate;
use crate::codecs::jpeg::{self, StatedColour};
use crate::codecs::samples::{self, Alpha, Meaning};
use crate::codecs::{CodecError, ImageRequest};
use crate::error::Fault;
use crate::limits::Limits;
use crate::region::bytes_of;
use crate::store::{MemoryStore, Parts, TileStore};
use crate::tiff::page::TiffPage;
use crate::tiff::{resolution, tags};

pub(super) const VENDOR: &str = "image";

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    if candidate.tiff.is_some()
        || candidate.head.starts_with(PNG)
        || candidate.head.starts_with(JPEG)
    {
        return Ok(());
    }
    Err("neither PNG, JPEG nor TIFF by its first bytes".to_owned())
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    if candidate.tiff.is_some() {
        return open_tiff(candidate);
    }
    let limits = &candidate.limits;
    // A picture of the largest size allowed never needs more than its raw bytes to be stored.
    let len = candidate.source.len();
    Fault::within(
        "bytes of an image file",
        len,
        limits.max_plain_pixels.saturating_mul(4),
    )?;
    let mut bytes = Vec::new();
    candidate.source.read_into(&mut bytes, 0, len)?;
    let (format, pixels, icc_profile) = if candidate.head.starts_with(PNG) {
        let (pixels, icc) = read_png(&bytes, limits)?;
        ("PNG image", pixels, icc)
    } else {
        (
            "JPEG image",
            read_jpeg(&bytes, limits)?,
            jpeg::icc_profile(&bytes),
        )
    };
    Ok(Parts {
        format: format.to_owned(),
        levels: vec![Box::new(MemoryStore::new(pixels)) as Box<dyn TileStore>],
        properties: BTreeMap::new(),
        mpp: None,
        objective_power: None,
        associated: Vec::new(),
        icc_profile,
    })
}

fn open_tiff(candidate: &Candidate) -> Result<Parts, Fault> {
    let Some((tiff, page)) = candidate
        .tiff
        .as_ref()
        .and_then(|tiff| Some((tiff, tiff.pages.first()?)))
    else {
        return Err(Fault::Broken("no TIFF directory".to_owned()));
    };
    let store = TiffPage::new(tiff, page, &candidate.limits)?;
    let mut properties = BTreeMap::new();
    resolution::add_properties(tiff, page, &mut properties)?;
    Ok(Parts {
        format: "TIFF image".to_owned(),
        levels: vec![Box::new(store) as Box<dyn TileStore>],
        properties,
        mpp: resolution::mpp(tiff, page)?.map(|mpp| (mpp, "tiff.XResolution")),
        objective_power: None,
        associated: Vec::new(),
        icc_profile: tiff.bytes(page, tags::ICC_PROFILE)?,
    })
}

fn check_size(size: LevelSize, limits: &Limits) -> Result<(), Fault> {
    let side = u64::from(size.width.max(size.height));
    let max_side = u64::from(limits.max_plain_side);
    Fault::within("pixels along a side of an image", side, max_side)?;
    Fault::within("pixels of an image", size.area(), limits.max_plain_pixels)
}

type Profile = Option<Vec<u8>>;

fn read_png(bytes: &[u8], limits: &Limits) -> Result<(RgbBuffer, Profile), Fault> {
    let broken = |error: image::ImageError| Fault::Broken(error.to_string());
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut bounds = ImageLimits::default();
    bounds.max_alloc = Some(limits.max_plain_pixels.saturating_mul(8));
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let size = LevelSize { width, height };
    check_size(size, limits)?;
    let icc = decoder.icc_profile().map_err(broken)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let data = if picture.color().has_alpha() {
        let rgba = picture.into_rgba8();
        let mut data = vec![0; bytes_of(size)];
        samples::to_rgb(&rgba, 4, Meaning::Rgb, Alpha::Unassociated, &mut data);
        data
    } else {
        picture.into_rgb8().into_raw()
    };
    let pixels = RgbBuffer::from_raw(size, data)
        .ok_or_else(|| Fault::Broken("the PNG holds less than its size".to_owned()))?;
    Ok((pixels, icc))
}

fn read_jpeg(bytes: &[u8], limits: &Limits) -> Result<RgbBuffer, Fault> {
    let fault = |error: CodecError| match error {
        CodecError::Unsupported(what) => Fault::Unsupported {
            what,
            advice: "convert it to an RGB JPEG or PNG".to_owned(),
        },
        other => Fault::Broken(other.to_string()),
    };
    let size = jpeg::picture_size(bytes).map_err(fault)?;
    check_size(size, limits)?;
    let mut data = vec![0; bytes_of(size)];
    let request = ImageRequest {
        stored: size,
        needed: size,
        colour: StatedColour::Unstated,
        tables: None,
    };
    jpeg::decode(&request, bytes, &mut Vec::new(), &mut data).map_err(fault)?;
    RgbBuffer::from_raw(size, data)
        .ok_or_else(|| Fault::Broken("the JPEG holds less than its size".to_owned()))
}
