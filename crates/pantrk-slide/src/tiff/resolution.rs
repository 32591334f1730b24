//! Resolution and text tags as properties, and the pixel size they give.

use std::collections::BTreeMap;

use pantrk_space::{MicronsPerPixel, PixelsPerMicron, SlideMpp};

use super::{Directory, TiffError, TiffFile, tags};

/// A pixel above this many micrometres comes from a print resolution (72 to 600 dots per inch), which programs write without having measured anything.
const LARGEST_SCANNED_PIXEL_UM: f64 = 20.0;

const MICRONS_PER_INCH: f64 = 25_400.0;
const MICRONS_PER_CENTIMETRE: f64 = 10_000.0;

/// Adds `tiff.*` under OpenSlide's names.
pub(crate) fn add_properties(
    tiff: &TiffFile,
    page: &Directory,
    properties: &mut BTreeMap<String, String>,
) -> Result<(), TiffError> {
    for (tag, name) in [
        (tags::IMAGE_DESCRIPTION, "tiff.ImageDescription"),
        (tags::MAKE, "tiff.Make"),
        (tags::MODEL, "tiff.Model"),
        (tags::SOFTWARE, "tiff.Software"),
        (tags::DATE_TIME, "tiff.DateTime"),
        (tags::ARTIST, "tiff.Artist"),
        (tags::HOST_COMPUTER, "tiff.HostComputer"),
        (tags::COPYRIGHT, "tiff.Copyright"),
        (tags::DOCUMENT_NAME, "tiff.DocumentName"),
    ] {
        if let Some(text) = tiff.text(page, tag)? {
            properties.insert(name.to_owned(), text);
        }
    }
    for (tag, name) in [
        (tags::X_RESOLUTION, "tiff.XResolution"),
        (tags::Y_RESOLUTION, "tiff.YResolution"),
        (tags::X_POSITION, "tiff.XPosition"),
        (tags::Y_POSITION, "tiff.YPosition"),
    ] {
        if let Some(value) = tiff.real(page, tag)? {
            properties.insert(name.to_owned(), value.to_string());
        }
    }
    let unit = match tiff.number(page, tags::RESOLUTION_UNIT)? {
        // A missing tag means inch.
        None | Some(2) => "inch",
        Some(1) => "none",
        Some(3) => "centimeter",
        Some(_) => "unknown",
    };
    properties.insert("tiff.ResolutionUnit".to_owned(), unit.to_owned());
    Ok(())
}

/// The pixel size by the resolution tags; `None` where they are missing, without unit, zero, or not of a scanner.
pub(crate) fn mpp(tiff: &TiffFile, page: &Directory) -> Result<Option<SlideMpp>, TiffError> {
    let microns_per_unit = match tiff.number(page, tags::RESOLUTION_UNIT)? {
        None | Some(2) => MICRONS_PER_INCH,
        Some(3) => MICRONS_PER_CENTIMETRE,
        Some(_) => return Ok(None),
    };
    let size = |tag| -> Result<Option<MicronsPerPixel>, TiffError> {
        Ok(tiff
            .real(page, tag)?
            .and_then(|resolution| PixelsPerMicron::new(resolution / microns_per_unit))
            .and_then(PixelsPerMicron::microns_per_pixel)
            .filter(|mpp| mpp.get() <= LARGEST_SCANNED_PIXEL_UM))
    };
    Ok(
        match (size(tags::X_RESOLUTION)?, size(tags::Y_RESOLUTION)?) {
            (Some(x), Some(y)) => Some(SlideMpp { x, y }),
            _ => None,
        },
    )
}
