//! Hamamatsu NDPI.
//!
//! Scanners: `NanoZoomer` (C9600, S210, S360, SQ, XR).
//! Source of the facts: the private tags 65420 to 65458 as `OpenSlide`, `tifffile` and `ndpitools` document them, and the files themselves.
//! Recognised by: tag 65420 on the first page.
//! Levels: pages whose `SourceLens` (65421) is a magnification; -1 is the macro photograph, -2 a map of the focus. Of several focal planes (`ZOffsetFromSlideCentre`, 65424) the nominal one, at 0, is read.
//! Tiles: each level is one JPEG with restart markers, often larger than JPEG allows, whose intervals `McuStarts` (65426, and 65432 for their upper halves) finds. An interval is part of one row of blocks; intervals below each other are decoded together as one tile.
//! Files beyond 4 GiB: see `TiffFile::is_wide`.
//! Pixel size: `XResolution` and `YResolution`. Origin: the top left of the scan; its place on the glass is in `hamamatsu.XOffsetFromSlideCentre` and `...Y...`, in nanometres.
//! Known gaps: VMS and VMU sets; a level whose intervals are not listed is decoded whole for each region that the cache does not serve.

use std::collections::BTreeMap;
use std::sync::Arc;

use pantrk_space::{LevelSize, TileIndex};

use super::{Candidate, beside};
use crate::codecs::jpeg::{self, StatedColour};
use crate::codecs::jpeg_intervals::{self, IntervalHeaders};
use crate::codecs::{CodecError, ImageRequest, Scratch};
use crate::error::Fault;
use crate::limits::Limits;
use crate::source::Source;
use crate::store::{Associated, Parts, TileState, TileStore, no_tile};
use crate::tiff::page::{TiffPage, is_tiled, size_of};
use crate::tiff::{Directory, TiffFile, resolution, tags};

pub(super) const VENDOR: &str = "hamamatsu";

/// Bytes of JPEG headers in front of the first interval.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Pixels of a tile of stacked intervals: large enough that its headers cost little, small enough that a patch reads little it does not need.
const TILE_PIXELS: u32 = 1 << 17;

pub(super) fn probe(candidate: &Candidate) -> Result<(), String> {
    let Some(tiff) = &candidate.tiff else {
        return Err("not a TIFF file".to_owned());
    };
    if tiff
        .pages
        .first()
        .is_some_and(|page| page.has(tags::NDPI_FORMAT_FLAG))
    {
        return Ok(());
    }
    Err("the first page has no tag 65420".to_owned())
}

pub(super) fn open(candidate: &Candidate) -> Result<Parts, Fault> {
    let (Some(tiff), limits) = (&candidate.tiff, &candidate.limits) else {
        return Err(Fault::Broken("not a TIFF file".to_owned()));
    };
    let mut pages: Vec<(LevelSize, &Directory)> = Vec::new();
    let mut associated: Vec<Associated> = Vec::new();
    for (index, page) in tiff.pages.iter().enumerate() {
        let lens = tiff
            .real(page, tags::NDPI_SOURCE_LENS)?
            .ok_or_else(|| Fault::Broken(format!("page {index} has no SourceLens (tag 65421)")))?;
        if lens > 0.0 {
            let plane = tiff.real(page, tags::NDPI_FOCAL_PLANE)?.unwrap_or(0.0);
            if plane == 0.0 {
                pages.push((size_of(tiff, page)?, page));
            }
        } else if lens > -1.5 && associated.is_empty() {
            associated.push(beside::page_image(tiff, page, "macro", limits)?);
        }
    }
    pages.sort_by_key(|(size, _)| std::cmp::Reverse(size.width));
    if let Some(pair) = pages.windows(2).find(|pair| match pair {
        [(a, _), (b, _)] => b.width >= a.width || b.height >= a.height,
        _ => false,
    }) {
        let sizes: Vec<String> = pair.iter().map(|(size, _)| size.to_string()).collect();
        return Err(Fault::Broken(format!(
            "two levels of the nominal focal plane do not shrink: {}",
            sizes.join(" and ")
        )));
    }
    let Some((_, first)) = pages.first() else {
        return Err(Fault::Broken(
            "no page is a level in the nominal focal plane".to_owned(),
        ));
    };
    let mut properties = BTreeMap::new();
    resolution::add_properties(tiff, first, &mut properties)?;
    let lens = add_properties(tiff, first, &mut properties)?;
    let mut levels = Vec::new();
    for (_, page) in &pages {
        levels.push(level(tiff, page, limits)?);
    }
    Ok(Parts {
        format: "Hamamatsu NDPI".to_owned(),
        levels,
        mpp: resolution::mpp(tiff, first)?.map(|mpp| (mpp, "tiff.XResolution")),
        objective_power: lens,
        associated,
        icc_profile: tiff.bytes(first, tags::ICC_PROFILE)?,
        properties,
    })
}

/// Adds `hamamatsu.*`; returns the objective's power.
fn add_properties(
    tiff: &TiffFile,
    page: &Directory,
    properties: &mut BTreeMap<String, String>,
) -> Result<Option<f64>, Fault> {
    if let Some(text) = tiff.text(page, tags::NDPI_PROPERTIES)? {
        for line in text.lines() {
            if let Some((key, value)) = line.split_once('=') {
                properties.insert(format!("hamamatsu.{}", key.trim()), value.trim().to_owned());
            }
        }
    }
    let lens = tiff.real(page, tags::NDPI_SOURCE_LENS)?;
    for (tag, name) in [
        (tags::NDPI_SOURCE_LENS, "SourceLens"),
        (tags::NDPI_X_OFFSET, "XOffsetFromSlideCentre"),
        (tags::NDPI_Y_OFFSET, "YOffsetFromSlideCentre"),
        (tags::NDPI_FOCAL_PLANE, "ZOffsetFromSlideCentre"),
    ] {
        if let Some(value) = tiff.real(page, tag)? {
            properties.insert(format!("hamamatsu.{name}"), value.to_string());
        }
    }
    if let Some(text) = tiff.text(page, tags::NDPI_REFERENCE)? {
        properties.insert("hamamatsu.Reference".to_owned(), text);
    }
    Ok(lens.filter(|lens| *lens > 0.0))
}

fn level(tiff: &TiffFile, page: &Directory, limits: &Limits) -> Result<Box<dyn TileStore>, Fault> {
    if is_tiled(page) {
        return Err(Fault::Broken(
            "an NDPI level in tiles, one strip is wanted".to_owned(),
        ));
    }
    if let Some(level) = Intervals::new(tiff, page, limits)? {
        return Ok(Box::new(level));
    }
    Ok(Box::new(TiffPage::new(tiff, page, limits)?))
}

/// A level read by its restart intervals.
struct Intervals {
    source: Arc<Source>,
    size: LevelSize,
    headers: IntervalHeaders,
    /// Intervals across the level, and down.
    columns: u32,
    rows: u32,
    /// Intervals that are stacked in one tile.
    stack: u32,
    /// Where in the file each interval begins, and where the last one ends.
    starts: Vec<u64>,
    max_bytes: u64,
}

impl Intervals {
    /// `None` where the page does not list its intervals, or has none that fit its width.
    fn new(tiff: &TiffFile, page: &Directory, limits: &Limits) -> Result<Option<Self>, Fault> {
        const JPEG: u64 = 7;
        let Some(low) = tiff.numbers(page, tags::NDPI_MCU_STARTS)? else {
            return Ok(None);
        };
        if tiff.number(page, tags::COMPRESSION)? != Some(JPEG) {
            return Ok(None);
        }
        let size = size_of(tiff, page)?;
        let number = |tag, name: &str| {
            tiff.number(page, tag)?
                .ok_or_else(|| Fault::Broken(format!("a level has no {name}")))
        };
        let start = number(tags::STRIP_OFFSETS, "StripOffsets")?;
        let len = number(tags::STRIP_BYTE_COUNTS, "StripByteCounts")?;
        let end = start.saturating_add(len);
        let file_len = tiff.source().len();
        if end > file_len {
            return Err(Fault::Broken(format!(
                "a level of {len} bytes at {start} reaches beyond the file's end at {file_len}"
            )));
        }
        let high = tiff.numbers(page, tags::NDPI_MCU_STARTS_HIGH)?;
        let mut starts = Vec::with_capacity(low.len().saturating_add(1));
        for (index, low) in low.iter().enumerate() {
            let high = high.as_ref().and_then(|high| high.get(index)).copied();
            let offset = (high.unwrap_or(0) << 32) | low;
            let at = start.saturating_add(offset);
            if at > end || starts.last().is_some_and(|last| *last > at) {
                return Err(Fault::Broken(format!(
                    "restart interval {index} begins at {offset} of a level of {len} bytes"
                )));
            }
            starts.push(at);
        }
        let Some(header_len) = starts.first().map(|first| first.saturating_sub(start)) else {
            return Ok(None);
        };
        starts.push(end);
        Fault::within("bytes of a level's headers", header_len, MAX_HEADER_BYTES)?;
        let mut bytes = Vec::new();
        tiff.source().read_into(&mut bytes, start, header_len)?;
        let headers = IntervalHeaders::parse(&bytes)
            .map_err(|error| Fault::Broken(format!("a level's headers: {error}")))?;

        let unit = headers.unit();
        let units = size.width.div_ceil(unit.width);
        let rows = size.height.div_ceil(unit.height);
        let interval = headers.interval();
        if interval == 0 || units.checked_rem(interval) != Some(0) {
            return Ok(None);
        }
        let columns = units.checked_div(interval).unwrap_or(1);
        let wanted = u64::from(columns).saturating_mul(u64::from(rows));
        if (low.len() as u64) != wanted {
            return Err(Fault::Broken(format!(
                "{} restart intervals are listed, {wanted} make up a level of {size}",
                low.len()
            )));
        }
        let row_pixels = interval
            .saturating_mul(unit.width)
            .saturating_mul(unit.height);
        let stack = TILE_PIXELS.checked_div(row_pixels).unwrap_or(1);
        Ok(Some(Self {
            source: Arc::clone(tiff.source()),
            size,
            headers,
            columns,
            rows,
            stack: stack.clamp(1, 64).min(rows),
            starts,
            max_bytes: limits.max_tile_bytes,
        }))
    }

    /// Reads intervals `first..=last` of the file, which follow each other.
    fn fetch(&self, first: u64, last: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        let at = |index: u64| {
            usize::try_from(index)
                .ok()
                .and_then(|index| self.starts.get(index))
                .copied()
                .unwrap_or(0)
        };
        let (start, end) = (at(first), at(last.saturating_add(1)));
        let len = end.saturating_sub(start);
        Fault::within("bytes of one tile", len, self.max_bytes)?;
        self.source.read_into(out, start, len)?;
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn fault(error: CodecError) -> Fault {
    Fault::Broken(error.to_string())
}

impl TileStore for Intervals {
    fn size(&self) -> LevelSize {
        self.size
    }

    fn tile_size(&self) -> LevelSize {
        let unit = self.headers.unit();
        LevelSize {
            width: self.headers.interval().saturating_mul(unit.width),
            height: self.stack.saturating_mul(unit.height),
        }
    }

    fn decode(
        &self,
        tile: TileIndex,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault> {
        let first_row = tile.row.saturating_mul(self.stack);
        if tile.column >= self.columns || first_row >= self.rows {
            return Err(no_tile(tile));
        }
        let rows = self.stack.min(self.rows.saturating_sub(first_row));
        let frame = self
            .headers
            .begin(rows, &mut scratch.compressed)
            .map_err(fault)?;
        let all = u64::from(self.columns).saturating_mul(u64::from(self.rows));
        let number = |row: u32| {
            u64::from(first_row.saturating_add(row))
                .saturating_mul(u64::from(self.columns))
                .saturating_add(u64::from(tile.column))
        };
        if self.columns == 1 {
            // They lie behind each other: one read for all.
            self.fetch(
                number(0),
                number(rows.saturating_sub(1)),
                &mut scratch.samples,
            )?;
        }
        let base = self
            .starts
            .get(usize::try_from(number(0)).unwrap_or(usize::MAX));
        let base = base.copied().unwrap_or(0);
        for row in 0..rows {
            let number = number(row);
            let data = if self.columns == 1 {
                let index = usize::try_from(number).unwrap_or(usize::MAX);
                let at = |index: usize| {
                    let start = self.starts.get(index).copied().unwrap_or(base);
                    usize::try_from(start.saturating_sub(base)).unwrap_or(usize::MAX)
                };
                let range = at(index)..at(index.saturating_add(1));
                scratch.samples.get(range).unwrap_or_default()
            } else {
                self.fetch(number, number, &mut scratch.samples)?;
                scratch.samples.as_slice()
            };
            jpeg_intervals::add(data, (number, all), (row, rows), &mut scratch.compressed)
                .map_err(fault)?;
        }
        let request = ImageRequest {
            stored: self.tile_size(),
            needed: frame,
            // The page's own word on colours is wrong in some files.
            colour: StatedColour::Unstated,
            tables: None,
        };
        jpeg::decode(&request, &scratch.compressed, &mut scratch.stream, out).map_err(fault)?;
        Ok(TileState::Pixels)
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.size.width.to_le_bytes());
        sink(&self.size.height.to_le_bytes());
        sink(&crate::fingerprint::fold(&self.starts).to_le_bytes());
    }
}
