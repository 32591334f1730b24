//! OME-TIFF.
//!
//! Written by: Bio-Formats and bfconvert, QuPath, `vips`, `tifffile`, scanners that export it.
//! Source of the facts: the OME-TIFF specification (6.x): OME-XML in the first ImageDescription, `TiffData` elements that say which page holds which plane, pyramid levels in `SubIFDs`.
//! Recognised by: an ImageDescription that holds an `OME` element.
//! Levels: the page of the largest image's plane, then its `SubIFDs`; without any, reduced pages of the main chain, as writers before 2019 put them.
//! Focal planes: `DimensionOrder` and `TiffData` find the plane. Nothing in the XML calls a plane nominal, so of several the middle one is read (`ome.plane-z`).
//! Pixel size: `PhysicalSizeX` and `PhysicalSizeY` with their units, and without them the resolution tags. Origin: the top left of the image.
//! Pictures beside: images named label, macro or thumbnail.
//! Known gaps: channels in planes of their own (fluorescence); more than 8 bits a sample; files of a set (`BinaryOnly`, or `TiffData` in another file).

use std::collections::BTreeMap;

use pantrk_space::{MicronsPerPixel, SlideMpp};
use roxmltree::Node;

use super::{Candidate, beside, pyramid};
use crate::error::Fault;
use crate::limits::Limits;
use crate::store::{Associated, Parts};
use crate::tiff::page::is_tiled;
use crate::tiff::{Directory, TiffFile, resolution, tags};
use crate::xml;

pub(super) const VENDOR: &str = "ome-tiff";

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    let Some(tiff) = &candidate.tiff else {
        return Err("not a TIFF file".to_owned());
    };
    let Some(page) = tiff.pages.first() else {
        return Err("no TIFF directory".to_owned());
    };
    let text = tiff
        .text(page, tags::IMAGE_DESCRIPTION)
        .map_err(|error| error.to_string())?
        .unwrap_or_default();
    if text.contains("<OME ") || text.contains("<OME:OME ") {
        return Ok(());
    }
    Err("ImageDescription holds no OME element".to_owned())
}

/// One image of the XML.
struct Image {
    name: String,
    pixels: u64,
    /// The page of the plane to read.
    page: usize,
    /// The plane's number in depth, and of how many.
    plane: (u64, u64),
    channels: u64,
    mpp: Option<SlideMpp>,
    elsewhere: bool,
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let (Some(tiff), limits) = (&candidate.tiff, &candidate.limits) else {
        return Err(Fault::Broken("not a TIFF file".to_owned()));
    };
    let first = tiff
        .pages
        .first()
        .ok_or_else(|| Fault::Broken("no TIFF directory".to_owned()))?;
    let text = tiff
        .text(first, tags::IMAGE_DESCRIPTION)?
        .unwrap_or_default();
    let document = xml::parse(&text, "the OME-XML")?;
    let root = document.root_element();
    if xml::child(root, "BinaryOnly").is_some() {
        return Err(in_a_set());
    }
    let images = xml::children(root, "Image")
        .map(Image::parse)
        .collect::<Result<Vec<_>, _>>()?;
    let main = images
        .iter()
        .filter(|image| image.beside().is_none())
        .max_by_key(|image| image.pixels)
        .ok_or_else(|| Fault::Broken("the OME-XML describes no image".to_owned()))?;
    if main.elsewhere {
        return Err(in_a_set());
    }
    if main.channels > 1 {
        return Err(Fault::Unsupported {
            what: format!(
                "an OME-TIFF of {} channels in planes of their own",
                main.channels
            ),
            advice: "export it as 8-bit RGB, if it is brightfield".to_owned(),
        });
    }
    let page = page_of(tiff, main.page)?;
    let mut pages: Vec<&Directory> = std::iter::once(page).chain(&page.children).collect();
    if page.children.is_empty() {
        let taken: Vec<usize> = images.iter().map(|image| image.page).collect();
        let others = tiff.pages.iter().enumerate();
        pages.extend(
            others
                .filter(|(index, page)| !taken.contains(index) && is_tiled(page))
                .map(|(_, page)| page),
        );
    }
    let levels = pyramid::levels(tiff, &pages, limits)?;

    let mut properties = BTreeMap::new();
    resolution::add_properties(tiff, page, &mut properties)?;
    properties.insert("openslide.comment".to_owned(), text.clone());
    properties.insert("ome.image-name".to_owned(), main.name.clone());
    if main.plane.1 > 1 {
        properties.insert("ome.plane-z".to_owned(), main.plane.0.to_string());
        properties.insert("ome.plane-z-count".to_owned(), main.plane.1.to_string());
    }
    let mpp = match main.mpp {
        Some(mpp) => Some((mpp, "ome.PhysicalSizeX")),
        None => resolution::mpp(tiff, page)?.map(|mpp| (mpp, "tiff.XResolution")),
    };
    Ok(Parts {
        format: "OME-TIFF".to_owned(),
        levels,
        properties,
        mpp,
        objective_power: xml::descendant(root, "Objective")
            .and_then(|node| node.attribute("NominalMagnification"))
            .and_then(xml::decimal)
            .filter(|power| *power > 0.0),
        associated: associated_images(tiff, &images, limits)?,
        icc_profile: tiff.bytes(page, tags::ICC_PROFILE)?,
    })
}

fn in_a_set() -> Fault {
    Fault::Unsupported {
        what: "an OME-TIFF whose planes are in several files".to_owned(),
        advice: "join them into one pyramidal file (bfconvert)".to_owned(),
    }
}

fn page_of(tiff: &TiffFile, index: usize) -> Result<&Directory, Fault> {
    tiff.pages.get(index).ok_or_else(|| {
        Fault::Broken(format!(
            "the OME-XML names page {index}, there are {}",
            tiff.pages.len()
        ))
    })
}

impl Image {
    fn parse(node: Node<'_, '_>) -> Result<Self, Fault> {
        let pixels = xml::child(node, "Pixels")
            .ok_or_else(|| Fault::Broken("an image of the OME-XML has no Pixels".to_owned()))?;
        let size = |name: &str| -> Result<u64, Fault> {
            let value = xml::whole(pixels, name)?;
            u64::try_from(value)
                .ok()
                .filter(|value| (1..1 << 31).contains(value))
                .ok_or_else(|| Fault::Broken(format!("{name} is {value} in the OME-XML")))
        };
        let (depth, times) = (size("SizeZ")?, size("SizeT")?);
        // Samples of one channel share a plane: RGB is one channel of three.
        let channels = match xml::children(pixels, "Channel").count() {
            0 => size("SizeC")?,
            count => count as u64,
        };
        let planes = Planes {
            order: pixels.attribute("DimensionOrder").unwrap_or("XYCZT"),
            channels,
            depth,
            times,
        };
        let z = depth.checked_div(2).unwrap_or(0);
        let (page, elsewhere) = planes.page(pixels, planes.index(0, z, 0)?)?;
        Ok(Self {
            name: node.attribute("Name").unwrap_or_default().to_owned(),
            pixels: size("SizeX")?.saturating_mul(size("SizeY")?),
            page,
            plane: (z, depth),
            channels,
            mpp: physical_size(pixels),
            elsewhere,
        })
    }

    /// What this image is called if it is a picture beside the slide.
    fn beside(&self) -> Option<&'static str> {
        let name = self.name.trim().to_lowercase();
        let name = name.strip_suffix(" image").unwrap_or(&name);
        ["label", "macro", "thumbnail"]
            .into_iter()
            .find(|known| name == *known)
    }
}

/// How planes are counted.
struct Planes<'a> {
    order: &'a str,
    channels: u64,
    depth: u64,
    times: u64,
}

impl Planes<'_> {
    /// The number of a plane in `DimensionOrder`.
    fn index(&self, c: u64, z: u64, t: u64) -> Result<u64, Fault> {
        let dimensions = self.order.strip_prefix("XY").unwrap_or_default();
        let (mut index, mut step) = (0_u64, 1_u64);
        let mut seen = String::new();
        for dimension in dimensions.chars() {
            let (at, count) = match dimension {
                'C' => (c, self.channels),
                'Z' => (z, self.depth),
                'T' => (t, self.times),
                _ => break,
            };
            seen.push(dimension);
            index = index.saturating_add(at.saturating_mul(step));
            step = step.saturating_mul(count);
        }
        let mut sorted: Vec<char> = seen.chars().collect();
        sorted.sort_unstable();
        if sorted != ['C', 'T', 'Z'] {
            return Err(Fault::Broken(format!(
                "DimensionOrder is {:?}, XY and then C, Z and T are wanted",
                self.order.chars().take(20).collect::<String>()
            )));
        }
        Ok(index)
    }

    /// The page of plane `wanted`, and whether it is in another file.
    fn page(&self, pixels: Node<'_, '_>, wanted: u64) -> Result<(usize, bool), Fault> {
        let mut any = false;
        for data in xml::children(pixels, "TiffData") {
            any = true;
            let number = |name: &str| -> Result<Option<u64>, Fault> {
                if !data.has_attribute(name) {
                    return Ok(None);
                }
                let value = xml::whole(data, name)?;
                u64::try_from(value).map(Some).map_err(|error| {
                    Fault::Broken(format!("{name} is {value} in the OME-XML: {error}"))
                })
            };
            let ifd = number("IFD")?;
            let first = self.index(
                number("FirstC")?.unwrap_or(0),
                number("FirstZ")?.unwrap_or(0),
                number("FirstT")?.unwrap_or(0),
            )?;
            // One plane where a page is named, all where none is.
            let count = number("PlaneCount")?.unwrap_or(if ifd.is_some() { 1 } else { u64::MAX });
            let Some(skip) = wanted.checked_sub(first).filter(|skip| *skip < count) else {
                continue;
            };
            let page = ifd.unwrap_or(0).saturating_add(skip);
            // Writers also name the file itself here; its page is then sound.
            let named = xml::child(data, "UUID").is_some_and(|uuid| uuid.has_attribute("FileName"));
            let several = xml::children(pixels, "TiffData")
                .filter_map(|data| xml::child(data, "UUID")?.attribute("FileName"))
                .any(|name| {
                    xml::child(data, "UUID").and_then(|uuid| uuid.attribute("FileName"))
                        != Some(name)
                });
            let page = usize::try_from(page).unwrap_or(usize::MAX);
            return Ok((page, named && several));
        }
        if any {
            return Err(Fault::Broken(format!(
                "no TiffData of the OME-XML holds plane {wanted}"
            )));
        }
        Ok((usize::try_from(wanted).unwrap_or(usize::MAX), false))
    }
}

fn physical_size(pixels: Node<'_, '_>) -> Option<SlideMpp> {
    let size = |name: &str, unit: &str| {
        let microns = match pixels.attribute(unit).unwrap_or("µm") {
            // Micro sign, and Greek mu.
            "µm" | "μm" => 1.0,
            "nm" => 1e-3,
            "mm" => 1e3,
            "cm" => 1e4,
            "m" => 1e6,
            _ => return None,
        };
        let value = xml::decimal(pixels.attribute(name)?)?;
        MicronsPerPixel::new(value * microns)
    };
    Some(SlideMpp {
        x: size("PhysicalSizeX", "PhysicalSizeXUnit")?,
        y: size("PhysicalSizeY", "PhysicalSizeYUnit")?,
    })
}

fn associated_images(
    tiff: &TiffFile,
    images: &[Image],
    limits: &Limits,
) -> Result<Vec<Associated>, Fault> {
    let mut found: Vec<Associated> = Vec::new();
    for image in images {
        if let Some(name) = image.beside()
            && !image.elsewhere
            && found.iter().all(|known| known.name != name)
        {
            let page = page_of(tiff, image.page)?;
            found.push(beside::page_image(tiff, page, name, limits)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_counted_in_their_order() {
        let planes = |order| Planes {
            order,
            channels: 2,
            depth: 5,
            times: 3,
        };
        assert_eq!(planes("XYCZT").index(1, 4, 2).unwrap(), 1 + 2 * 4 + 10 * 2);
        assert_eq!(planes("XYZCT").index(1, 4, 2).unwrap(), 4 + 5 + 10 * 2);
        assert_eq!(planes("XYTZC").index(1, 4, 2).unwrap(), 2 + 3 * 4 + 15);
        for bad in ["", "XY", "XYCZ", "XYCCT", "CZTXY"] {
            assert!(planes(bad).index(0, 0, 0).is_err(), "{bad}");
        }
    }

    #[test]
    fn tiff_data_finds_the_page() {
        let planes = Planes {
            order: "XYCZT",
            channels: 1,
            depth: 5,
            times: 1,
        };
        let page = |text: &str| {
            let document = xml::parse(text, "it").unwrap();
            planes.page(document.root_element(), 2)
        };
        assert_eq!(page("<P/>").unwrap(), (2, false));
        assert_eq!(page("<P><TiffData/></P>").unwrap(), (2, false));
        let each = r#"<P><TiffData IFD="7" FirstZ="1"/><TiffData IFD="3" FirstZ="2"/></P>"#;
        assert_eq!(page(each).unwrap(), (3, false));
        let run = r#"<P><TiffData IFD="4" PlaneCount="5"/></P>"#;
        assert_eq!(page(run).unwrap(), (6, false));
        assert!(page(r#"<P><TiffData IFD="4"/></P>"#).is_err());
        let set = r#"<P><TiffData IFD="0" FirstZ="0"><UUID FileName="a">x</UUID></TiffData>
            <TiffData IFD="0" FirstZ="2"><UUID FileName="b">y</UUID></TiffData></P>"#;
        assert_eq!(page(set).unwrap(), (0, true));
    }
}
