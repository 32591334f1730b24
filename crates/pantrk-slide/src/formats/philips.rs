//! Philips TIFF.
//!
//! Scanners: Philips Ultra Fast Scanner and `IntelliSite`; the TIFF that the Philips system exports (its own iSyntax files are refused).
//! Source of the facts: the XML and pages of such files as `OpenSlide` and `tifffile` document them.
//! Recognised by: `Software` beginning with "Philips" and an ImageDescription that is the XML of a `DPUfsImport` object.
//! Levels: the tiled pages. Their sizes are padded to whole tiles, each level by itself; the pixel spacings in the XML say how much smaller a level really is, so a level is as large as level 0 by that factor. Level 0 keeps its padding: the XML does not tell the scanned width.
//! Sparse: tiles of length zero lie outside the regions of interest; they were not scanned.
//! Pixel size: `DICOM_PIXEL_SPACING` of the slide image, in millimetres, the row's first. Origin: the top left of level 0.
//! Pictures beside: pages whose ImageDescription begins with "Label" or "Macro", or JPEG files within the XML.
//! Known gaps: more than one slide image in a file; an objective's power is not stated.

use std::collections::BTreeMap;

use base64::Engine as _;
use pantrk_space::{LevelSize, MicronsPerPixel, SlideMpp};
use roxmltree::Node;

use super::{Candidate, beside};
use crate::error::Fault;
use crate::limits::Limits;
use crate::store::{Associated, Parts, TileStore};
use crate::tiff::page::{TiffPage, is_tiled};
use crate::tiff::{TiffFile, resolution, tags};
use crate::xml;

pub(super) const VENDOR: &str = "philips";

const SCANNED_IMAGES: &str = "PIM_DP_SCANNED_IMAGES";
const IMAGE_TYPE: &str = "PIM_DP_IMAGE_TYPE";
const IMAGE_DATA: &str = "PIM_DP_IMAGE_DATA";
const REPRESENTATIONS: &str = "PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE";
const SPACING: &str = "DICOM_PIXEL_SPACING";

/// Properties out of the XML; real files have some hundreds.
const MAX_PROPERTIES: usize = 10_000;

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    let Some(tiff) = &candidate.tiff else {
        return Err("not a TIFF file".to_owned());
    };
    let Some(page) = tiff.pages.first() else {
        return Err("no TIFF directory".to_owned());
    };
    let text = |tag| {
        tiff.text(page, tag)
            .map_err(|error| error.to_string())
            .map(Option::unwrap_or_default)
    };
    if !text(tags::SOFTWARE)?.starts_with("Philips") {
        return Err("Software does not begin with \"Philips\"".to_owned());
    }
    if !text(tags::IMAGE_DESCRIPTION)?.contains("DPUfsImport") {
        return Err("ImageDescription is not a DPUfsImport object".to_owned());
    }
    Ok(())
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
    let document = xml::parse(&text, "the slide's description")?;
    let root = document.root_element();
    if root.attribute("ObjectType") != Some("DPUfsImport") {
        return Err(Fault::Broken(
            "the XML is not a DPUfsImport object".to_owned(),
        ));
    }
    let images = objects(root, SCANNED_IMAGES);
    let slides: Vec<_> = images
        .iter()
        .filter(|image| value(**image, IMAGE_TYPE).as_deref() == Some("WSI"))
        .collect();
    let [slide] = slides.as_slice() else {
        return Err(Fault::Broken(format!(
            "the XML has {} slide images, one is wanted",
            slides.len()
        )));
    };
    let spacings = spacings(**slide)?;
    let levels = levels(tiff, &spacings, limits)?;

    let mut properties = BTreeMap::new();
    resolution::add_properties(tiff, first, &mut properties)?;
    // The XML is given in parts below.
    properties.remove("tiff.ImageDescription");
    add_properties(root, "philips", false, &mut properties);
    add_properties(**slide, "philips", true, &mut properties);

    let stated = value(**slide, SPACING)
        .map(|text| spacing(&text))
        .transpose()?;
    let mpp = stated
        .or_else(|| spacings.first().copied())
        .and_then(|(x, y)| {
            let mpp = |millimetres: f64| MicronsPerPixel::new(millimetres * 1000.0);
            Some((
                SlideMpp {
                    x: mpp(x)?,
                    y: mpp(y)?,
                },
                "philips.DICOM_PIXEL_SPACING",
            ))
        });
    Ok(Parts {
        format: "Philips TIFF".to_owned(),
        levels,
        properties,
        mpp,
        objective_power: None,
        associated: associated_images(tiff, &images, limits)?,
        icc_profile: tiff.bytes(first, tags::ICC_PROFILE)?,
    })
}

/// The objects in the array that an attribute of `object` holds.
fn objects<'a, 'input>(object: Node<'a, 'input>, name: &str) -> Vec<Node<'a, 'input>> {
    let array = attribute(object, name).and_then(|node| xml::child(node, "Array"));
    array
        .map(|array| xml::children(array, "DataObject").collect())
        .unwrap_or_default()
}

fn attribute<'a, 'input>(object: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    xml::children(object, "Attribute").find(|node| node.attribute("Name") == Some(name))
}

fn value(object: Node<'_, '_>, name: &str) -> Option<String> {
    attribute(object, name)
        .and_then(|node| node.text())
        .map(|text| text.trim().to_owned())
}

/// Horizontal and vertical spacing in millimetres out of `"vertical" "horizontal"`.
fn spacing(text: &str) -> Result<(f64, f64), Fault> {
    let plain = text.replace('"', " ");
    let numbers: Vec<f64> = plain.split_whitespace().filter_map(xml::decimal).collect();
    match numbers.as_slice() {
        [row, column] if *row > 0.0 && *column > 0.0 => Ok((*column, *row)),
        _ => Err(Fault::Broken(format!(
            "{SPACING} is {:?}, two lengths in millimetres are wanted",
            text.chars().take(60).collect::<String>()
        ))),
    }
}

/// The spacing of each level.
fn spacings(slide: Node<'_, '_>) -> Result<Vec<(f64, f64)>, Fault> {
    objects(slide, REPRESENTATIONS)
        .into_iter()
        .map(|object| {
            let text = value(object, SPACING)
                .ok_or_else(|| Fault::Broken(format!("a level has no {SPACING} in the XML")))?;
            spacing(&text)
        })
        .collect()
}

fn levels(
    tiff: &TiffFile,
    spacings: &[(f64, f64)],
    limits: &Limits,
) -> Result<Vec<Box<dyn TileStore>>, Fault> {
    let pages: Vec<_> = tiff.pages.iter().filter(|page| is_tiled(page)).collect();
    let Some((x0, y0)) = spacings
        .first()
        .copied()
        .filter(|_| pages.len() == spacings.len())
    else {
        return Err(Fault::Broken(format!(
            "{} levels and {} pixel spacings in the XML",
            pages.len(),
            spacings.len()
        )));
    };
    let mut levels: Vec<Box<dyn TileStore>> = Vec::new();
    let mut size0: Option<LevelSize> = None;
    let mut before = 0.5;
    for (index, (page, (x, y))) in pages.into_iter().zip(spacings).enumerate() {
        if index > 0 && tiff.number(page, tags::NEW_SUBFILE_TYPE)?.unwrap_or(0) & 1 == 0 {
            return Err(Fault::Broken(format!(
                "the page of level {index} is not marked as reduced"
            )));
        }
        let page = TiffPage::new(tiff, page, limits)?;
        let whole = *size0.get_or_insert(page.size());
        // Real factors are powers of two; spacings are rounded decimals.
        let factor = f64::midpoint(x / x0, y / y0).round();
        if factor <= before {
            return Err(Fault::Broken(format!(
                "level {index} is {factor} times smaller than level 0, more than {before} is wanted"
            )));
        }
        before = factor;
        let side = |side: u32| pixels(f64::from(side) / factor).max(1);
        let wanted = LevelSize {
            width: side(whole.width),
            height: side(whole.height),
        };
        if wanted.width > page.size().width || wanted.height > page.size().height {
            return Err(Fault::Broken(format!(
                "the page of level {index} is {}, {wanted} by its spacing",
                page.size()
            )));
        }
        levels.push(Box::new(Level {
            page: page.cut_to(wanted),
            factor,
        }));
    }
    Ok(levels)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a side of level 0 by a factor of at least 1"
)]
fn pixels(side: f64) -> u32 {
    side.floor() as u32
}

/// A page whose downsample is stated and not to be had from its size.
struct Level {
    page: TiffPage,
    factor: f64,
}

impl TileStore for Level {
    fn size(&self) -> LevelSize {
        self.page.size()
    }

    fn tile_size(&self) -> LevelSize {
        self.page.tile_size()
    }

    fn downsample(&self) -> Option<f64> {
        Some(self.factor)
    }

    fn decode(
        &self,
        tile: pantrk_space::TileIndex,
        scratch: &mut crate::codecs::Scratch,
        out: &mut [u8],
    ) -> Result<crate::store::TileState, Fault> {
        self.page.decode(tile, scratch, out)
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        self.page.identify(sink);
    }
}

/// The attributes that hold a value, those of each level under its number.
fn add_properties(
    object: Node<'_, '_>,
    prefix: &str,
    with_levels: bool,
    properties: &mut BTreeMap<String, String>,
) {
    for node in xml::children(object, "Attribute") {
        let Some(name) = node.attribute("Name") else {
            continue;
        };
        if properties.len() >= MAX_PROPERTIES {
            return;
        }
        if name == REPRESENTATIONS && with_levels {
            for (index, level) in objects(object, name).into_iter().enumerate() {
                // One step down and no further, however deep a file nests them.
                add_properties(
                    level,
                    &format!("{prefix}.{name}[{index}]"),
                    false,
                    properties,
                );
            }
        } else if name != IMAGE_DATA && !node.children().any(|child| child.is_element()) {
            let text = node.text().unwrap_or_default().trim().to_owned();
            properties.insert(format!("{prefix}.{name}"), text);
        }
    }
}

fn associated_images(
    tiff: &TiffFile,
    images: &[Node<'_, '_>],
    limits: &Limits,
) -> Result<Vec<Associated>, Fault> {
    let mut found: Vec<Associated> = Vec::new();
    for page in tiff.pages.iter().filter(|page| !is_tiled(page)) {
        let text = tiff
            .text(page, tags::IMAGE_DESCRIPTION)?
            .unwrap_or_default();
        for (start, name) in [("Label", "label"), ("Macro", "macro")] {
            if text.starts_with(start) && found.iter().all(|image| image.name != name) {
                found.push(beside::page_image(tiff, page, name, limits)?);
            }
        }
    }
    for (kind, name) in [("LABELIMAGE", "label"), ("MACROIMAGE", "macro")] {
        if found.iter().any(|image| image.name == name) {
            continue;
        }
        let data = images
            .iter()
            .find(|image| value(**image, IMAGE_TYPE).as_deref() == Some(kind))
            .and_then(|image| attribute(*image, IMAGE_DATA))
            .and_then(|node| node.text());
        // A broken photograph is no reason to refuse the slide.
        let bytes = data.and_then(|text| {
            let plain: String = text.split_whitespace().collect();
            base64::engine::general_purpose::STANDARD.decode(plain).ok()
        });
        found.extend(bytes.and_then(|bytes| beside::jpeg_image(bytes, name, limits)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacing_is_row_then_column() {
        assert_eq!(spacing("\"0.0003\" \"0.0002\"").unwrap(), (0.0002, 0.0003));
        for bad in ["", "\"0.1\"", "\"0\" \"1\"", "a b", "1 2 3"] {
            assert!(spacing(bad).is_err(), "{bad}");
        }
    }
}
