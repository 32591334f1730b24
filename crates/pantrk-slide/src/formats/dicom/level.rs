//! One level: the frames of one instance, or of the parts of a concatenation, on their grid.

use std::collections::BTreeMap;

use pantrk_space::{LevelSize, TileIndex};

use super::instance::Instance;
use crate::codecs::Scratch;
use crate::error::Fault;
use crate::source::Source;
use crate::store::{TileState, TileStore, no_tile};

/// Compressed bytes of one frame.
const MAX_FRAME_BYTES: u64 = 256 << 20;

/// Where a tile is stored.
#[derive(Debug, Clone, Copy)]
struct Place {
    part: usize,
    frame: u64,
}

/// A level of a DICOM slide.
pub(super) struct DicomLevel {
    parts: Vec<Instance>,
    size: LevelSize,
    tile: LevelSize,
    columns: u32,
    rows: u32,
    /// The places of sparse frames; `None` where all are there in order.
    sparse: Option<BTreeMap<(u32, u32), Place>>,
    /// The first frame of each part in the whole.
    firsts: Vec<u64>,
}

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

impl DicomLevel {
    pub(super) fn new(mut parts: Vec<Instance>) -> Result<Self, Fault> {
        parts.sort_by_key(|part| part.part.as_ref().map_or(0, |p| p.first_frame));
        let Some(first) = parts.first() else {
            return Err(broken("a level without files"));
        };
        let (size, tile, is_full) = (first.size, first.tile, first.is_full);
        if let Some(wanted) = first.part.as_ref().and_then(|part| part.parts)
            && wanted != parts.len() as u64
        {
            return Err(broken(format!(
                "{} of the {wanted} files of a concatenation are there",
                parts.len()
            )));
        }
        let mut firsts = Vec::new();
        let mut count = 0_u64;
        for part in &parts {
            let begins = part.part.as_ref().map_or(0, |p| p.first_frame);
            if begins != count || part.size != size || part.tile != tile {
                return Err(broken(format!(
                    "a part of a concatenation begins at frame {begins}, {count} wanted"
                )));
            }
            firsts.push(begins);
            count = count.saturating_add(part.frames.count());
        }
        let columns = size.width.div_ceil(tile.width);
        let rows = size.height.div_ceil(tile.height);
        let sparse = if is_full {
            let wanted = u64::from(columns).saturating_mul(u64::from(rows));
            // Further focal planes and optical paths follow the first.
            if count < wanted {
                return Err(broken(format!("{count} frames, {wanted} wanted")));
            }
            None
        } else {
            Some(places(&parts, tile)?)
        };
        Ok(Self {
            parts,
            size,
            tile,
            columns,
            rows,
            sparse,
            firsts,
        })
    }

    fn place(&self, tile: TileIndex) -> Option<Place> {
        if let Some(sparse) = &self.sparse {
            return sparse.get(&(tile.column, tile.row)).copied();
        }
        let frame = u64::from(tile.row)
            .saturating_mul(u64::from(self.columns))
            .saturating_add(u64::from(tile.column));
        let part = self
            .firsts
            .partition_point(|&first| first <= frame)
            .saturating_sub(1);
        let first = self.firsts.get(part)?;
        Some(Place {
            part,
            frame: frame.saturating_sub(*first),
        })
    }
}

/// The grid places of frames that say where they lie; of several on one place (focal planes) the first counts.
fn places(parts: &[Instance], tile: LevelSize) -> Result<BTreeMap<(u32, u32), Place>, Fault> {
    let mut places = BTreeMap::new();
    for (part, instance) in parts.iter().enumerate() {
        for (frame, position) in (0_u64..).zip(&instance.positions) {
            let on_grid = |place: Option<i32>, step: u32| {
                // Places count from 1.
                let place = u32::try_from(place?.checked_sub(1)?).ok()?;
                (place.checked_rem(step)? == 0)
                    .then(|| place.checked_div(step))
                    .flatten()
            };
            let (column, row) = (
                on_grid(position.column, tile.width),
                on_grid(position.row, tile.height),
            );
            let (Some(column), Some(row)) = (column, row) else {
                return Err(Fault::Unsupported {
                    what: format!(
                        "a sparse DICOM slide whose frame {frame} does not lie on its grid ({:?}, {:?})",
                        position.column, position.row
                    ),
                    advice: super::CONVERT.to_owned(),
                });
            };
            places.entry((column, row)).or_insert(Place { part, frame });
        }
    }
    Ok(places)
}

impl TileStore for DicomLevel {
    fn size(&self) -> LevelSize {
        self.size
    }

    fn tile_size(&self) -> LevelSize {
        self.tile
    }

    fn decode(
        &self,
        tile: TileIndex,
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<TileState, Fault> {
        if tile.column >= self.columns || tile.row >= self.rows {
            return Err(no_tile(tile));
        }
        let Some(place) = self.place(tile) else {
            return Ok(TileState::NotScanned);
        };
        let part = self
            .parts
            .get(place.part)
            .ok_or_else(|| broken("a frame in a file that there is not"))?;
        part.frames.read(
            place.frame,
            MAX_FRAME_BYTES,
            &mut scratch.samples,
            &mut scratch.compressed,
        )?;
        part.pixels.decode(scratch, out)?;
        Ok(TileState::Pixels)
    }

    fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        for number in [
            self.size.width,
            self.size.height,
            self.tile.width,
            self.tile.height,
        ] {
            sink(&number.to_le_bytes());
        }
        for part in &self.parts {
            sink(part.uid.as_bytes());
            part.frames.identify(sink);
        }
    }

    fn main_source(&self) -> Option<&Source> {
        self.parts.first().map(|part| part.source.as_ref())
    }
}
