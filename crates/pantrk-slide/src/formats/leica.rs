//! Leica SCN.
//!
//! Scanners: Leica SCN400 and SCN400 F, Versa.
//! Source of the facts: the XML and pages of such files as `OpenSlide` documents them, with which the placing of images and the sizes of levels agree.
//! Recognised by: a first page that is tiled and whose ImageDescription is XML in Leica's namespace of 2010.
//! Levels: the XML places images on the slide in nanometres; those taken in brightfield that do not cover the whole slide are the main images, and their sizes in pixels name the pages. Several main images of one resolution lie on one plane. The level is the whole slide, so most of it is empty: `openslide.bounds-*` and `openslide.region[i].*` say where the images are.
//! Focal planes: plane 0 (`z`) is read.
//! Pixel size: `XResolution` and `YResolution` of the first main page in centimetres, and without them the XML's nanometres by its pixels. Origin: the top left of the slide.
//! Known gaps: fluorescence images; main images of different resolution; of several collections the first that holds a brightfield main image is read (`leica.collection-count` tells how many there are); the barcode stays as it is written in namespaces before 2010/10/01.

use std::collections::BTreeMap;

use base64::Engine as _;
use pantrk_space::{LevelRect, LevelSize, MicronsPerPixel, SlideMpp};
use roxmltree::Node;

use super::{Candidate, beside};
use crate::error::Fault;
use crate::limits::Limits;
use crate::mosaic::{Area, Axis, Mosaic, Sheet};
use crate::store::{Associated, Parts, TileStore};
use crate::tiff::page::{TiffPage, is_tiled};
use crate::tiff::{Directory, TiffFile, resolution, tags};
use crate::xml;

pub(super) const VENDOR: &str = "leica";

const NAMESPACE: &str = "http://www.leica-microsystems.com/scn/2010/";

/// In this namespace the barcode is base64.
const NAMESPACE_OCTOBER: &str = "http://www.leica-microsystems.com/scn/2010/10/01";

/// Main images on one slide.
const MAX_IMAGES: usize = 1024;

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
    if !description.contains(NAMESPACE) {
        return Err("ImageDescription does not name Leica's namespace".to_owned());
    }
    if !is_tiled(page) {
        return Err("the first page is not tiled".to_owned());
    }
    Ok(())
}

/// One image of the XML.
struct Image {
    /// Place and size on the slide, in nanometres.
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    brightfield: bool,
    covers_slide: bool,
    objective: Option<String>,
    facts: Vec<(&'static str, String)>,
    /// The largest first.
    dimensions: Vec<Dimension>,
}

/// One resolution of an image.
struct Dimension {
    page: usize,
    width: f64,
    height: f64,
}

impl Dimension {
    fn nanometres_per_pixel(&self, image: &Image) -> f64 {
        image.width / self.width
    }
}

/// The slide that the images lie on.
struct Collection {
    width: f64,
    height: f64,
    barcode: Option<String>,
    images: Vec<Image>,
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
    let collections: Vec<_> = xml::children(root, "collection").collect();
    let mut chosen = None;
    for node in &collections {
        let collection = Collection::parse(*node)?;
        if collection.mains().next().is_some() {
            chosen = Some(collection);
            break;
        }
    }
    let collection = chosen.ok_or_else(|| Fault::Unsupported {
        what: format!(
            "a Leica slide without a brightfield image ({} collections)",
            collections.len()
        ),
        advice: "export the brightfield scan from the maker's software".to_owned(),
    })?;
    let mains: Vec<&Image> = collection.mains().collect();
    check_alike(&mains)?;
    let main = mains
        .first()
        .ok_or_else(|| Fault::Broken("no main image".to_owned()))?;
    let (levels, rects) = levels(tiff, &collection, &mains, limits)?;

    let main_page = main
        .dimensions
        .first()
        .map(|dimension| page_of(tiff, dimension.page))
        .transpose()?
        .unwrap_or(first);
    let mut properties = BTreeMap::new();
    resolution::add_properties(tiff, main_page, &mut properties)?;
    // The XML is the whole slide's and is given in parts below.
    properties.remove("tiff.ImageDescription");
    for (key, value) in &main.facts {
        properties.insert(format!("leica.{key}"), value.clone());
    }
    if let Some(barcode) = &collection.barcode {
        let october = root.tag_name().namespace() == Some(NAMESPACE_OCTOBER);
        let barcode = decoded(barcode, october);
        properties.insert("leica.barcode".to_owned(), barcode.clone());
        properties.insert("openslide.barcode".to_owned(), barcode);
    }
    properties.insert(
        "leica.collection-count".to_owned(),
        collections.len().to_string(),
    );
    add_regions(&rects, &mut properties);
    Ok(Parts {
        format: "Leica SCN".to_owned(),
        levels,
        mpp: pixel_size(tiff, main_page, main)?,
        objective_power: main
            .objective
            .as_deref()
            .and_then(xml::decimal)
            .filter(|power| *power > 0.0),
        associated: macro_image(tiff, &collection, limits)?,
        icc_profile: tiff.bytes(main_page, tags::ICC_PROFILE)?,
        properties,
    })
}

fn page_of(tiff: &TiffFile, index: usize) -> Result<&Directory, Fault> {
    tiff.pages.get(index).ok_or_else(|| {
        Fault::Broken(format!(
            "the XML names page {index}, there are {}",
            tiff.pages.len()
        ))
    })
}

fn decoded(barcode: &str, is_base64: bool) -> String {
    if !is_base64 {
        return barcode.to_owned();
    }
    // Padding is often left out.
    let trimmed = barcode.trim_end_matches('=');
    base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(trimmed)
        .map_or_else(
            |_| barcode.to_owned(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
}

impl Collection {
    fn parse(node: Node<'_, '_>) -> Result<Self, Fault> {
        let (width, height) = (length(node, "sizeX")?, length(node, "sizeY")?);
        let mut collection = Self {
            width,
            height,
            barcode: xml::child_text(node, "barcode"),
            images: Vec::new(),
        };
        for image in xml::children(node, "image") {
            if collection.images.len() >= MAX_IMAGES {
                return Err(Fault::Broken(format!(
                    "more than {MAX_IMAGES} images on a slide"
                )));
            }
            collection.images.push(Image::parse(image, width, height)?);
        }
        Ok(collection)
    }

    fn mains(&self) -> impl Iterator<Item = &Image> {
        self.images
            .iter()
            .filter(|image| image.brightfield && !image.covers_slide)
    }
}

/// A length above zero in nanometres.
fn length(node: Node<'_, '_>, name: &str) -> Result<f64, Fault> {
    let value = xml::real(node, name)?;
    if value <= 0.0 {
        return Err(Fault::Broken(format!(
            "attribute {name} of element {} is {value}, a length is wanted",
            node.tag_name().name()
        )));
    }
    Ok(value)
}

impl Image {
    fn parse(node: Node<'_, '_>, slide_width: f64, slide_height: f64) -> Result<Self, Fault> {
        let view = xml::child(node, "view")
            .ok_or_else(|| Fault::Broken("an image has no view".to_owned()))?;
        let (width, height) = (length(view, "sizeX")?, length(view, "sizeY")?);
        let (left, top) = (xml::real(view, "offsetX")?, xml::real(view, "offsetY")?);
        let settings = xml::child(node, "scanSettings");
        let setting = |group: &str, name: &str| {
            settings
                .and_then(|node| xml::child(node, group))
                .and_then(|node| xml::child_text(node, name))
        };
        let objective = setting("objectiveSettings", "objective");
        let source = setting("illuminationSettings", "illuminationSource");
        let device = |name: &str| {
            xml::child(node, "device")
                .and_then(|device| device.attribute(name))
                .map(str::to_owned)
        };
        let facts = [
            (
                "aperture",
                setting("illuminationSettings", "numericalAperture"),
            ),
            ("creation-date", xml::child_text(node, "creationDate")),
            ("device-model", device("model")),
            ("device-version", device("version")),
            ("illumination-source", source.clone()),
            ("objective", objective.clone()),
        ];
        let mut image = Self {
            left,
            top,
            width,
            height,
            brightfield: source.is_none_or(|source| source == "brightfield"),
            // Whole nanometres, so half of one tells them apart.
            covers_slide: [left, top, width - slide_width, height - slide_height]
                .iter()
                .all(|difference| difference.abs() < 0.5),
            objective,
            facts: facts
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
            dimensions: Vec::new(),
        };
        let pixels = xml::child(node, "pixels")
            .ok_or_else(|| Fault::Broken("an image has no pixels".to_owned()))?;
        for dimension in xml::children(pixels, "dimension") {
            // Other focal planes and channels.
            let beside = |name: &str| dimension.attribute(name).is_some_and(|n| n.trim() != "0");
            if beside("z") || beside("c") {
                continue;
            }
            let page = xml::whole(dimension, "ifd")?;
            image.dimensions.push(Dimension {
                page: usize::try_from(page).map_err(|error| {
                    Fault::Broken(format!("the XML names page {page}: {error}"))
                })?,
                width: length(dimension, "sizeX")?,
                height: length(dimension, "sizeY")?,
            });
        }
        if image.dimensions.is_empty() {
            return Err(Fault::Broken("an image has no dimensions".to_owned()));
        }
        image.dimensions.sort_by(|a, b| b.width.total_cmp(&a.width));
        Ok(image)
    }
}

/// Images can lie on one plane only if their resolutions match.
fn check_alike(mains: &[&Image]) -> Result<(), Fault> {
    let Some((first, others)) = mains.split_first() else {
        return Ok(());
    };
    for other in others {
        let alike = other.objective == first.objective
            && other.dimensions.len() == first.dimensions.len()
            && other
                .dimensions
                .iter()
                .zip(&first.dimensions)
                .all(|(a, b)| {
                    let (a, b) = (a.nanometres_per_pixel(other), b.nanometres_per_pixel(first));
                    // Rounding to pixels moves the resolution of small pages.
                    ((a - b) / b).abs() <= 0.02
                });
        if !alike {
            return Err(Fault::Unsupported {
                what: "a Leica slide whose images differ in resolution".to_owned(),
                advice: "export each image as a slide of its own".to_owned(),
            });
        }
    }
    Ok(())
}

type Levels = (Vec<Box<dyn TileStore>>, Vec<LevelRect>);

/// The levels, and where the images lie on level 0.
fn levels(
    tiff: &TiffFile,
    collection: &Collection,
    mains: &[&Image],
    limits: &Limits,
) -> Result<Levels, Fault> {
    let count = mains.first().map_or(0, |image| image.dimensions.len());
    let mut levels: Vec<Box<dyn TileStore>> = Vec::new();
    let mut rects = Vec::new();
    for index in 0..count {
        let dimensions: Vec<(&Image, &Dimension)> = mains
            .iter()
            .filter_map(|image| Some((*image, image.dimensions.get(index)?)))
            .collect();
        // The finest of the images' resolutions, as they differ by rounding.
        let scale = dimensions
            .iter()
            .map(|(image, dimension)| dimension.nanometres_per_pixel(image))
            .fold(f64::INFINITY, f64::min);
        let (mut sheets, mut areas) = (Vec::new(), Vec::new());
        for (image, dimension) in dimensions {
            let page = TiffPage::new(tiff, page_of(tiff, dimension.page)?, limits)?;
            let (size, tile, (columns, rows)) = (page.size(), page.tile_size(), page.grid());
            let (x, y) = (place(image.left / scale)?, place(image.top / scale)?);
            let axis = |start: i64, tiles: u32, tile: u32, side: u32| {
                Axis::regular(start, tiles, tile).cut_at(start.saturating_add(i64::from(side)))
            };
            areas.push(Area {
                page: sheets.len(),
                columns: axis(x, columns, tile.width, size.width),
                rows: axis(y, rows, tile.height, size.height),
            });
            sheets.push(Sheet {
                store: Box::new(page),
                rows,
            });
        }
        if index == 0 {
            rects = areas.iter().map(Area::hull).collect();
        }
        let size = LevelSize {
            width: side(collection.width / scale)?,
            height: side(collection.height / scale)?,
        };
        levels.push(Box::new(Mosaic::new(size, sheets, areas)?));
    }
    Ok((levels, rects))
}

fn side(pixels: f64) -> Result<u32, Fault> {
    u32::try_from(whole_pixel(pixels))
        .ok()
        .filter(|side| *side > 0 && *side < 1 << 31)
        .ok_or_else(|| Fault::Broken(format!("a level of {pixels} pixels a side")))
}

/// Where an image begins; a part of a pixel counts as one, as `OpenSlide` places it.
fn place(pixels: f64) -> Result<i64, Fault> {
    if pixels.abs() < f64::from(1_u32 << 31) {
        return Ok(whole_pixel(pixels));
    }
    Err(Fault::Broken(format!("an image at pixel {pixels}")))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and what is out of range is found by the caller"
)]
fn whole_pixel(at: f64) -> i64 {
    at.ceil() as i64
}

type PixelSize = Option<(SlideMpp, &'static str)>;

fn pixel_size(tiff: &TiffFile, page: &Directory, image: &Image) -> Result<PixelSize, Fault> {
    const CENTIMETRE: u64 = 3;
    if tiff.number(page, tags::RESOLUTION_UNIT)? == Some(CENTIMETRE)
        && let Some(mpp) = resolution::mpp(tiff, page)?
    {
        return Ok(Some((mpp, "tiff.XResolution")));
    }
    Ok(image.dimensions.first().and_then(|dimension| {
        let mpp = |nanometres: f64, pixels: f64| MicronsPerPixel::new(nanometres / pixels / 1000.0);
        let x = mpp(image.width, dimension.width)?;
        let y = mpp(image.height, dimension.height)?;
        Some((SlideMpp { x, y }, "leica view"))
    }))
}

fn macro_image(
    tiff: &TiffFile,
    collection: &Collection,
    limits: &Limits,
) -> Result<Vec<Associated>, Fault> {
    let found = collection
        .images
        .iter()
        .find(|image| image.brightfield && image.covers_slide)
        .and_then(|image| image.dimensions.first());
    match found {
        Some(dimension) => {
            let page = page_of(tiff, dimension.page)?;
            Ok(vec![beside::page_image(tiff, page, "macro", limits)?])
        }
        None => Ok(Vec::new()),
    }
}

fn add_regions(rects: &[LevelRect], properties: &mut BTreeMap<String, String>) {
    let Some(first) = rects.first() else {
        return;
    };
    let mut put = |prefix: &str, rect: [i64; 4]| {
        for (key, value) in ["x", "y", "width", "height"].into_iter().zip(rect) {
            properties.insert(format!("openslide.{prefix}{key}"), value.to_string());
        }
    };
    let (mut left, mut top) = (first.x, first.y);
    let (mut right, mut bottom) = (first.right(), first.bottom());
    for (index, rect) in rects.iter().enumerate() {
        let size = [i64::from(rect.width), i64::from(rect.height)];
        put(
            &format!("region[{index}]."),
            [rect.x, rect.y, size[0], size[1]],
        );
        (left, top) = (left.min(rect.x), top.min(rect.y));
        (right, bottom) = (right.max(rect.right()), bottom.max(rect.bottom()));
    }
    let size = [right.saturating_sub(left), bottom.saturating_sub(top)];
    put("bounds-", [left, top, size[0], size[1]]);
}
