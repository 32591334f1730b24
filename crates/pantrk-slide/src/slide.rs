//! The slide: what a format found, behind the trait that everybody reads through.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pantrk_space::{
    Gap, GapKind, Level, LevelIndex, LevelRect, LevelSize, MicronsPerPixel, ReadError,
    RegionReader, RgbBuffer, SlideMpp, TileIndex,
};

use crate::cache::TileCache;
use crate::codecs::Scratch;
use crate::error::{Fault, SlideError};
use crate::formats;
use crate::limits::Limits;
use crate::region;
use crate::source::Source;
use crate::store::{Parts, TileState, levels_of, whole_rect};

/// Decoded tiles kept by default, in bytes.
const DEFAULT_CACHE_BYTES: usize = 32 << 20;

/// A picture beside the pyramid: the label, the macro photograph, a thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociatedImage {
    /// As OpenSlide calls it: `label`, `macro`, `thumbnail`.
    pub name: String,
    /// In its own pixels.
    pub size: LevelSize,
}

/// An open slide, readable from any number of threads at once.
///
/// ```no_run
/// use pantrk_slide::Slide;
/// use pantrk_space::{LevelIndex, LevelRect, RegionReader as _, RgbBuffer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let slide = Slide::open("slide.svs")?;
/// let mut pixels = RgbBuffer::new();
/// let rect = LevelRect { x: 0, y: 0, width: 512, height: 512 };
/// let gaps = slide.read_region(LevelIndex(0), rect, &mut pixels)?;
/// # Ok(())
/// # }
/// ```
pub struct Slide {
    path: PathBuf,
    vendor: &'static str,
    parts: Parts,
    levels: Vec<Level>,
    properties: BTreeMap<String, String>,
    associated: Vec<AssociatedImage>,
    fingerprint: String,
    limits: Limits,
    cache: TileCache,
}

impl fmt::Debug for Slide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slide")
            .field("path", &self.path)
            .field("vendor", &self.vendor)
            .field("levels", &self.levels)
            .field("mpp", &self.parts.mpp)
            .finish_non_exhaustive()
    }
}

impl Slide {
    /// Opens a slide with the default [`Limits`]; a folder is opened if it holds one DICOM slide.
    ///
    /// In builds with the feature `cloud` the path may be an address: `https://host/slide.svs`, `s3://bucket/slide.svs` (credentials and endpoint from the environment, `AWS_*`).
    ///
    /// # Errors
    /// If the file cannot be read, no format knows it, or it breaks its format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SlideError> {
        Self::open_with_limits(path, Limits::default())
    }

    /// Opens a slide with given limits.
    ///
    /// # Errors
    /// Those of [`Slide::open`].
    pub fn open_with_limits(path: impl AsRef<Path>, limits: Limits) -> Result<Self, SlideError> {
        let path = path.as_ref();
        let io = |source| SlideError::Io {
            path: path.to_path_buf(),
            source,
        };
        let file = if path.is_dir() {
            formats::file_in(path, &limits)?
        } else {
            path.to_path_buf()
        };
        let source = Arc::new(Source::open(&file).map_err(io)?);
        let (vendor, parts) = formats::open(&source, &limits)?;
        let levels = levels_of(&parts.levels);
        if levels.is_empty() {
            return Err(Fault::Broken("the slide has no levels".to_owned()).in_file(path, vendor));
        }
        let fingerprint = crate::fingerprint::of(&source, &parts.levels).map_err(io)?;
        let associated = parts
            .associated
            .iter()
            .map(|image| AssociatedImage {
                name: image.name.clone(),
                size: image.size,
            })
            .collect();
        let properties = shared_properties(vendor, &parts, &levels);
        Ok(Self {
            path: path.to_path_buf(),
            vendor,
            parts,
            levels,
            properties,
            associated,
            fingerprint,
            limits,
            cache: TileCache::new(DEFAULT_CACHE_BYTES),
        })
    }

    /// The same slide with an empty tile cache of another size; 0 keeps nothing.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache = TileCache::new(bytes);
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The format's short name, as in `openslide.vendor`: `aperio`, `generic-tiff`, `image`.
    pub fn vendor(&self) -> &'static str {
        self.vendor
    }

    /// The format's name for people.
    pub fn format(&self) -> &str {
        &self.parts.format
    }

    /// What the file says about itself, under the keys that OpenSlide made common.
    pub fn properties(&self) -> &BTreeMap<String, String> {
        &self.properties
    }

    /// All levels, the sharpest first; never empty.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// The pixel size of level 0, where the file gives it; never a guess.
    pub fn mpp(&self) -> Option<SlideMpp> {
        self.parts.mpp.map(|(mpp, _)| mpp)
    }

    /// Which property the pixel size came from: `aperio.MPP`, `tiff.XResolution`.
    pub fn mpp_source(&self) -> Option<&str> {
        self.parts.mpp.map(|(_, source)| source)
    }

    /// The objective's magnification; for people, never to compute with.
    pub fn objective_power(&self) -> Option<f64> {
        self.parts.objective_power
    }

    /// The pictures beside the pyramid.
    pub fn associated_images(&self) -> &[AssociatedImage] {
        &self.associated
    }

    /// Reads one of [`Slide::associated_images`] whole.
    ///
    /// # Errors
    /// If there is none of this name, it is over the limit, or any part of it cannot be read.
    pub fn read_associated(&self, name: &str) -> Result<RgbBuffer, SlideError> {
        let Some(image) = self.parts.associated.iter().find(|i| i.name == name) else {
            let names: Vec<&str> = self.associated.iter().map(|i| i.name.as_str()).collect();
            return Err(self.usage(format!(
                "there is no image named {name:?}, there are [{}]",
                names.join(", ")
            )));
        };
        let fault = |fault: Fault| fault.in_file(&self.path, self.vendor);
        let store = image.store.as_deref().map_err(|(what, advice)| {
            fault(Fault::Unsupported {
                what: what.clone(),
                advice: advice.clone(),
            })
        })?;
        Fault::within(
            "pixels of an associated image",
            image.size.area(),
            self.limits.max_region_pixels,
        )
        .map_err(fault)?;
        let mut out = RgbBuffer::new();
        let max = self.limits.max_region_pixels;
        let gaps = region::read(store, None, whole_rect(store), max, &mut out)
            .map_err(|error| fault(Fault::Broken(error.to_string())))?;
        for gap in gaps {
            if let GapKind::Unreadable { reason, .. } = gap.kind {
                return Err(fault(Fault::Broken(format!("image {name:?}: {reason}"))));
            }
        }
        Ok(out)
    }

    /// The colour profile of level 0.
    pub fn icc_profile(&self) -> Option<&[u8]> {
        self.parts.icc_profile.as_deref()
    }

    /// A cheap identity of the file's content as 64 hexadecimal digits.
    ///
    /// SHA-256 over the length, the tile tables and sampled blocks: the same for each copy of the file, whatever its name.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Reads one stored tile, whole, past the cache; its part beyond the level's edge may hold anything.
    ///
    /// `None` where there are pixels, [`GapKind::NotScanned`] where the file stores none.
    ///
    /// # Errors
    /// If level or tile do not exist, or the tile cannot be read.
    pub fn read_tile(
        &self,
        level: LevelIndex,
        tile: TileIndex,
        out: &mut RgbBuffer,
    ) -> Result<Option<GapKind>, SlideError> {
        let Some(store) = self.parts.levels.get(level.0) else {
            return Err(self.usage(self.no_level(level)));
        };
        let size = store.tile_size();
        if out.size() != size {
            out.reset(size, region::WHITE);
        }
        match store.decode(tile, &mut Scratch::default(), out.as_bytes_mut()) {
            Ok(TileState::Pixels) => Ok(None),
            Ok(TileState::NotScanned) => {
                out.reset(size, store.background());
                Ok(Some(GapKind::NotScanned))
            }
            Err(fault) => {
                out.reset(size, region::UNREADABLE);
                Err(fault.in_file(&self.path, self.vendor))
            }
        }
    }

    fn no_level(&self, level: LevelIndex) -> String {
        format!("there is no level {level}, there are {}", self.levels.len())
    }

    fn usage(&self, what: String) -> SlideError {
        SlideError::Usage {
            path: self.path.clone(),
            what,
        }
    }
}

impl RegionReader for Slide {
    fn levels(&self) -> &[Level] {
        self.levels()
    }

    fn mpp(&self) -> Option<SlideMpp> {
        self.mpp()
    }

    fn read_region(
        &self,
        level: LevelIndex,
        rect: LevelRect,
        out: &mut RgbBuffer,
    ) -> Result<Vec<Gap>, ReadError> {
        let Some(store) = self.parts.levels.get(level.0) else {
            return Err(ReadError::new(self.no_level(level)));
        };
        let cache = Some((&self.cache, level));
        region::read(
            store.as_ref(),
            cache,
            rect,
            self.limits.max_region_pixels,
            out,
        )
    }
}

/// The keys that every format shares, added to the vendor's own.
fn shared_properties(
    vendor: &'static str,
    parts: &Parts,
    levels: &[Level],
) -> BTreeMap<String, String> {
    let mut all = parts.properties.clone();
    let mut put = |key: String, value: String| {
        all.insert(key, value);
    };
    put("openslide.vendor".to_owned(), vendor.to_owned());
    put("openslide.level-count".to_owned(), levels.len().to_string());
    for (i, level) in levels.iter().enumerate() {
        let mut of_level = |name: &str, value: String| {
            put(format!("openslide.level[{i}].{name}"), value);
        };
        of_level("width", level.size.width.to_string());
        of_level("height", level.size.height.to_string());
        of_level("downsample", level.downsample.get().to_string());
        if let Some(tile) = level.tile {
            of_level("tile-width", tile.width.to_string());
            of_level("tile-height", tile.height.to_string());
        }
    }
    if let Some((mpp, _)) = parts.mpp {
        let text = |mpp: MicronsPerPixel| mpp.get().to_string();
        put("openslide.mpp-x".to_owned(), text(mpp.x));
        put("openslide.mpp-y".to_owned(), text(mpp.y));
    }
    if let Some(power) = parts.objective_power {
        put("openslide.objective-power".to_owned(), power.to_string());
    }
    if let Some(icc) = &parts.icc_profile {
        put("openslide.icc-size".to_owned(), icc.len().to_string());
    }
    for image in &parts.associated {
        let key = |what: &str| format!("openslide.associated.{}.{what}", image.name);
        put(key("width"), image.size.width.to_string());
        put(key("height"), image.size.height.to_string());
    }
    all
}
