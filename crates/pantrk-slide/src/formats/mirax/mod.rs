//! 3DHISTECH MIRAX: `slide.mrxs` beside a folder `slide/` with `Slidedat.ini`, `Index.dat` and data files.
//!
//! Written by: 3DHISTECH Pannoramic scanners, Zeiss MIRAX.
//! Source of the facts: OpenSlide's description of the format (openslide.org/formats/mirax).
//! Recognised by: the ending `.mrxs` and the folder beside it.
//! Levels: those of `Slide zoom level`. A camera photograph is stored in one or more images; photographs overlap, and where each lies comes from the position table or, without one, from the nominal overlap. Images of reduced levels hold several photographs, which are placed one by one.
//! Origin: the top left corner of the first photograph's nominal grid, as in `OpenSlide`; `openslide.bounds-*` is the scanned part.
//! Pixel size: `MICROMETER_PER_PIXEL_X` and `_Y` of level 0.
//! Known gaps: images in BMP, focal planes, fluorescence channels; places of reduced levels are rounded to whole pixels where `OpenSlide` resamples.

mod index;
mod ini;
mod level;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pantrk_space::{LevelSize, MicronsPerPixel, SlideMpp};

use index::{Entry, IndexFile, Stretch};
use ini::Ini;
use level::{Grid, MiraxLevel};

use super::{Candidate, beside};
use crate::codecs::deflate;
use crate::error::Fault;
use crate::limits::Limits;
use crate::source::Source;
use crate::store::{Associated, Parts, TileStore};

pub(super) const VENDOR: &str = "mirax";

const GENERAL: &str = "GENERAL";
const HIERARCHICAL: &str = "HIERARCHICAL";
/// Bytes of `Slidedat.ini`; real ones have some tens of kilobytes.
const MAX_INI: u64 = 8 << 20;
/// Bytes of an entry of the position table: a flag, x and y.
const POSITION: usize = 9;

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

fn folder(candidate: &Candidate) -> PathBuf {
    candidate.source.path().with_extension("")
}

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    if candidate.extension == "mrxs" {
        Ok(())
    } else {
        Err("the name does not end in .mrxs".to_owned())
    }
}

/// A slide's files.
struct Files {
    ini: Ini,
    index: IndexFile,
    data: Vec<Arc<Source>>,
}

impl Files {
    fn open(candidate: &Candidate) -> Result<Self, Fault> {
        let folder = folder(candidate);
        let file = |name: &str| -> Result<Arc<Source>, Fault> {
            // A name from the file stays in its folder.
            if name.contains(['/', '\\']) || name.starts_with("..") {
                return Err(broken(format!("a file named {name:?}")));
            }
            let path = folder.join(name);
            Source::open(&path)
                .map(Arc::new)
                .map_err(|error| broken(format!("{} cannot be read ({error})", path.display())))
        };
        let slidedat = file("Slidedat.ini")?;
        Fault::within("bytes of Slidedat.ini", slidedat.len(), MAX_INI)?;
        let mut bytes = Vec::new();
        slidedat.read_into(&mut bytes, 0, slidedat.len())?;
        let ini = Ini::parse(&String::from_utf8_lossy(&bytes));
        let id = ini.text(GENERAL, "SLIDE_ID")?;
        let index = IndexFile::open(file(ini.text(HIERARCHICAL, "INDEXFILE")?)?, id)?;
        let count = ini.count("DATAFILE", "FILE_COUNT", (1, 10_000))?;
        let data = (0..count)
            .map(|i| file(ini.text("DATAFILE", &format!("FILE_{i}"))?))
            .collect::<Result<_, _>>()?;
        Ok(Self { ini, index, data })
    }

    fn bytes(&self, stretch: Stretch, max: u64) -> Result<Vec<u8>, Fault> {
        let source = usize::try_from(stretch.file)
            .ok()
            .and_then(|file| self.data.get(file))
            .ok_or_else(|| broken(format!("there is no data file {}", stretch.file)))?;
        Fault::within("bytes of a MIRAX record", stretch.len, max)?;
        if stretch.offset.saturating_add(stretch.len) > source.len() {
            return Err(broken(format!(
                "data file {} ends at {}, and {} bytes at {} are wanted of it",
                stretch.file,
                source.len(),
                stretch.len,
                stretch.offset
            )));
        }
        let mut bytes = Vec::new();
        source.read_into(&mut bytes, stretch.offset, stretch.len)?;
        Ok(bytes)
    }

    /// The number of a record that is no level, by its name and the name of its value.
    fn other(&self, name: &str, value: &str) -> Result<Option<u32>, Fault> {
        let count = self.ini.count(HIERARCHICAL, "NONHIER_COUNT", (0, 10_000))?;
        let mut record = 0_u32;
        for i in 0..count {
            let values =
                self.ini
                    .count(HIERARCHICAL, &format!("NONHIER_{i}_COUNT"), (0, 10_000))?;
            let here = self.ini.text(HIERARCHICAL, &format!("NONHIER_{i}_NAME"))?;
            if here == name {
                for j in 0..values {
                    let key = format!("NONHIER_{i}_VAL_{j}");
                    if self.ini.text(HIERARCHICAL, &key)? == value {
                        return Ok(Some(record.saturating_add(j)));
                    }
                }
            }
            record = record.saturating_add(values);
        }
        Ok(None)
    }

    /// The first record and the number of the zoom levels.
    fn zoom_levels(&self) -> Result<(u32, String, u32), Fault> {
        let count = self.ini.count(HIERARCHICAL, "HIER_COUNT", (1, 1000))?;
        let mut record = 0_u32;
        for i in 0..count {
            let values = self
                .ini
                .count(HIERARCHICAL, &format!("HIER_{i}_COUNT"), (0, 1000))?;
            if self.ini.text(HIERARCHICAL, &format!("HIER_{i}_NAME"))? == "Slide zoom level" {
                return Ok((record, format!("HIER_{i}"), values.min(32)));
            }
            record = record.saturating_add(values);
        }
        Err(broken("Slidedat.ini has no zoom levels"))
    }

    /// Where each camera photograph lies on level 0; `None` where the slide says nothing.
    fn positions(&self, photographs: usize) -> Result<Option<Vec<(i32, i32)>>, Fault> {
        let len = photographs.saturating_mul(POSITION);
        let max = 256 << 20;
        Fault::within("bytes of the position table", len as u64, max)?;
        let bytes = if let Some(record) = self.other("VIMSLIDE_POSITION_BUFFER", "default")? {
            self.bytes(self.index.other(record)?, max)?
        } else if let Some(record) =
            self.other("StitchingIntensityLayer", "StitchingIntensityLevel")?
        {
            let packed = self.bytes(self.index.other(record)?, max)?;
            let mut bytes = vec![0; len];
            deflate::decode(&packed, &mut bytes)
                .map_err(|error| broken(format!("the position table: {error}")))?;
            bytes
        } else {
            return Ok(None);
        };
        if bytes.len() != len {
            return Err(broken(format!(
                "the position table has {} bytes, {len} wanted",
                bytes.len()
            )));
        }
        let (rows, _) = bytes.as_chunks::<POSITION>();
        rows.iter()
            .map(|[flag, x0, x1, x2, x3, y0, y1, y2, y3]| {
                if flag & 0xfe != 0 {
                    return Err(broken(format!("a position with the flag {flag:#x}")));
                }
                Ok((
                    i32::from_le_bytes([*x0, *x1, *x2, *x3]),
                    i32::from_le_bytes([*y0, *y1, *y2, *y3]),
                ))
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn associated(&self, limits: &Limits) -> Result<Vec<Associated>, Fault> {
        let mut images = Vec::new();
        for (value, name) in [
            ("ScanDataLayer_SlideBarcode", "label"),
            ("ScanDataLayer_WholeSlide", "macro"),
            ("ScanDataLayer_SlideThumbnail", "thumbnail"),
        ] {
            if let Some(record) = self.other("Scan data layer", value)? {
                let stretch = self.index.other(record)?;
                let bytes = self.bytes(stretch, limits.max_tile_bytes)?;
                images.extend(beside::jpeg_image(bytes, name, limits));
            }
        }
        Ok(images)
    }
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let files = Files::open(candidate)?;
    let ini = &files.ini;
    let (first_record, prefix, count) = files.zoom_levels()?;
    let side = (1, 100_000);
    let across = ini.count(GENERAL, "IMAGENUMBER_X", side)?;
    let down = ini.count(GENERAL, "IMAGENUMBER_Y", side)?;
    let images = across
        .checked_mul(down)
        .filter(|&images| images <= 50_000_000)
        .ok_or_else(|| broken(format!("{across} x {down} images")))?;
    let divisions = match ini.text(GENERAL, "CameraImageDivisionsPerSide") {
        Ok(_) => ini.count(GENERAL, "CameraImageDivisionsPerSide", (1, 64))?,
        Err(_) => 1,
    };
    let section = |level: u32| {
        let key = format!("{prefix}_VAL_{level}_SECTION");
        ini.text(HIERARCHICAL, &key).map(str::to_owned)
    };
    let first = section(0)?;
    let pixels = |section: &str, key: &str| ini.count(section, key, (1, 16_384));
    let overlap = |key: &str| -> Result<f64, Fault> {
        let value: f64 = ini.number(&first, key)?;
        if value.is_finite() && (0.0..100_000.0).contains(&value) {
            Ok(value)
        } else {
            Err(broken(format!("{key} is {value}")))
        }
    };
    let image = LevelSize {
        width: pixels(&first, "DIGITIZER_WIDTH")?,
        height: pixels(&first, "DIGITIZER_HEIGHT")?,
    };
    let mut grid = Grid {
        across,
        down,
        divisions,
        image,
        overlap: (overlap("OVERLAP_X")?, overlap("OVERLAP_Y")?),
        positions: None,
    };
    grid.positions = files.positions(grid.photographs())?;
    let mut levels: Vec<Box<dyn TileStore>> = Vec::new();
    let mut properties = ini.properties();
    let mut exponent = 0_u32;
    for number in 0..count {
        let section = section(number)?;
        exponent = exponent.saturating_add(ini.count(&section, "IMAGE_CONCAT_FACTOR", (0, 16))?);
        if exponent > 16 {
            return Err(broken(format!("level {number} is reduced by 2^{exponent}")));
        }
        let format = ini.text(&section, "IMAGE_FORMAT")?;
        if !matches!(format, "JPEG" | "PNG") {
            return Err(Fault::Unsupported {
                what: format!("a MIRAX slide with images in {format}"),
                advice: "export it as a pyramidal TIFF from SlideConverter".to_owned(),
            });
        }
        let stored = LevelSize {
            width: pixels(&section, "DIGITIZER_WIDTH")?,
            height: pixels(&section, "DIGITIZER_HEIGHT")?,
        };
        let entries: Vec<Entry> = files
            .index
            .level(first_record.saturating_add(number), images)?;
        let level = MiraxLevel::new(&grid, exponent, stored, entries, &files.data)?;
        if number == 0 {
            add_background(ini, &section, &mut properties);
            add_bounds(&level, &mut properties);
        }
        if level.size().area() > 0 {
            levels.push(Box::new(level));
        }
    }
    let mpp = |key: &str| ini.number(&first, key).ok().and_then(MicronsPerPixel::new);
    let mpp = mpp("MICROMETER_PER_PIXEL_X").zip(mpp("MICROMETER_PER_PIXEL_Y"));
    Ok(Parts {
        format: "3DHISTECH MIRAX".to_owned(),
        levels,
        mpp: mpp.map(|(x, y)| (SlideMpp { x, y }, "mirax.MICROMETER_PER_PIXEL_X")),
        objective_power: ini.number(GENERAL, "OBJECTIVE_MAGNIFICATION").ok(),
        associated: files.associated(&candidate.limits)?,
        icc_profile: None,
        properties,
    })
}

/// The colour of empty glass; the file has blue in the highest byte, the property red first.
fn add_background(ini: &Ini, section: &str, properties: &mut BTreeMap<String, String>) {
    let Ok(colour) = ini.number::<u32>(section, "IMAGE_FILL_COLOR_BGR") else {
        return;
    };
    let [_, blue, green, red] = colour.to_be_bytes();
    properties.insert(
        "openslide.background-color".to_owned(),
        format!("{red:02X}{green:02X}{blue:02X}"),
    );
}

fn add_bounds(level: &MiraxLevel, properties: &mut BTreeMap<String, String>) {
    let Some(hull) = level.hull() else {
        return;
    };
    let values = [
        ("x", hull.x.to_string()),
        ("y", hull.y.to_string()),
        ("width", hull.width.to_string()),
        ("height", hull.height.to_string()),
    ];
    for (name, value) in values {
        properties.insert(format!("openslide.bounds-{name}"), value);
    }
}
