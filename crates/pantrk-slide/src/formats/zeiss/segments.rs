//! The segments of a CZI file: header, directory of subblocks, metadata, attachments.

use pantrk_space::LevelSize;

use crate::error::Fault;
use crate::source::Source;

pub(super) const FILE: &[u8] = b"ZISRAWFILE\0";
const DIRECTORY: &[u8] = b"ZISRAWDIRECTORY";
const METADATA: &[u8] = b"ZISRAWMETADATA";
const SUBBLOCK: &[u8] = b"ZISRAWSUBBLOCK";
const ATTACHMENT: &[u8] = b"ZISRAWATTACH";
const ATTACHMENT_DIRECTORY: &[u8] = b"ZISRAWATTDIR";
/// Identifier, allocated and used length.
const HEADER: u64 = 32;
/// Bytes of a directory entry before its dimensions, and of a dimension.
const ENTRY: usize = 32;
const DIMENSION: usize = 20;
/// Bytes of a subblock's fixed part, when its entry is not longer.
const SUBBLOCK_FIXED: u64 = 256;
/// Bytes of an entry of the attachment directory.
const ATTACHMENT_ENTRY: usize = 128;

/// One stored image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subblock {
    /// Logical place and size, in pixels of full size.
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) stored: LevelSize,
    /// Its number in the mosaic: the higher is on top.
    pub(super) order: i32,
    pub(super) channel: i32,
    /// Of focal planes, times and the like the first.
    pub(super) is_first_plane: bool,
    pub(super) pixel_type: i32,
    pub(super) compression: i32,
    pub(super) position: u64,
    /// Bytes of its directory entry, which is repeated before its pixels.
    entry_len: u64,
}

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

/// Little-endian numbers out of bytes, at a place.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn i32(&self, at: usize) -> Result<i32, Fault> {
        let bytes = self.0.get(at..).and_then(|bytes| bytes.first_chunk::<4>());
        bytes
            .map(|bytes| i32::from_le_bytes(*bytes))
            .ok_or_else(|| broken("a segment is cut off"))
    }

    fn i64(&self, at: usize) -> Result<i64, Fault> {
        let bytes = self.0.get(at..).and_then(|bytes| bytes.first_chunk::<8>());
        bytes
            .map(|bytes| i64::from_le_bytes(*bytes))
            .ok_or_else(|| broken("a segment is cut off"))
    }

    fn place(&self, at: usize) -> Result<u64, Fault> {
        let value = self.i64(at)?;
        u64::try_from(value)
            .ok()
            .ok_or_else(|| broken(format!("a place of {value}")))
    }
}

impl Subblock {
    pub(super) fn right(&self) -> i64 {
        self.x.saturating_add(i64::from(self.width))
    }

    pub(super) fn bottom(&self) -> i64 {
        self.y.saturating_add(i64::from(self.height))
    }

    /// The power of two by which the stored image is smaller than its place.
    pub(super) fn reduction_exponent(&self) -> Option<u32> {
        let ratio = |logical: u32, stored: u32| f64::from(logical) / f64::from(stored.max(1));
        let (x, y) = (
            ratio(self.width, self.stored.width),
            ratio(self.height, self.stored.height),
        );
        // A narrow image's rounding says less than the longer side's.
        let longer = if self.stored.width >= self.stored.height {
            x
        } else {
            y
        };
        if !(0.9..=70_000.0).contains(&longer) {
            return None;
        }
        (0..=16).min_by(|a, b| {
            let off = |n: u32| (longer.log2() - f64::from(n)).abs();
            off(*a).total_cmp(&off(*b))
        })
    }

    /// Reads the compressed pixels.
    pub(super) fn read(&self, source: &Source, max: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        let data = segment(source, self.position, SUBBLOCK)?;
        source.read_into(out, data, 16)?;
        let head = Bytes(out);
        let metadata_len = u64::try_from(head.i32(0)?)
            .ok()
            .ok_or_else(|| broken("a subblock with metadata of negative length"))?;
        let len = head.place(8)?;
        Fault::within("bytes of one subblock", len, max)?;
        let fixed = SUBBLOCK_FIXED.max(self.entry_len.saturating_add(16));
        let at = data.saturating_add(fixed).saturating_add(metadata_len);
        Ok(source.read_into(out, at, len)?)
    }
}

/// Where the content of a segment begins.
fn segment(source: &Source, at: u64, wanted: &[u8]) -> Result<u64, Fault> {
    let mut id = Vec::new();
    source
        .read_into(&mut id, at, HEADER)
        .ok()
        .ok_or_else(|| broken(format!("a segment at {at}, beyond the file's end")))?;
    if !id.starts_with(wanted) {
        return Err(broken(format!(
            "no {} at {at}",
            String::from_utf8_lossy(wanted)
        )));
    }
    Ok(at.saturating_add(HEADER))
}

/// What the header and the directory say.
pub(super) struct Directory {
    pub(super) subblocks: Vec<Subblock>,
    metadata: u64,
    attachments: u64,
}

impl Directory {
    pub(super) fn read(source: &Source, max_bytes: u64) -> Result<Self, Fault> {
        let data = segment(source, 0, FILE)?;
        let mut head = Vec::new();
        source.read_into(&mut head, data, 80)?;
        let bytes = Bytes(&head);
        let part = bytes.i32(48)?;
        if part != 0 {
            return Err(Fault::Unsupported {
                what: format!("part {part} of a CZI file in several parts"),
                advice: "save it as one file in ZEN".to_owned(),
            });
        }
        let directory = bytes.place(52)?;
        let (metadata, attachments) = (bytes.place(60)?, bytes.place(72)?);
        let at = segment(source, directory, DIRECTORY)?;
        let mut fixed = Vec::new();
        source.read_into(&mut fixed, at, 128)?;
        let count = Bytes(&fixed).i32(0)?;
        let count = usize::try_from(count)
            .ok()
            .ok_or_else(|| broken(format!("a directory of {count} subblocks")))?;
        // An entry has one dimension at least.
        let least = (count as u64).saturating_mul(ENTRY.saturating_add(DIMENSION) as u64);
        let start = at.saturating_add(128);
        let left = source.len().saturating_sub(start);
        if least > left {
            return Err(broken(format!(
                "a directory of {count} subblocks in {left} bytes"
            )));
        }
        Fault::within("bytes of the CZI directory", least, max_bytes)?;
        let most = (count as u64)
            .saturating_mul(ENTRY.saturating_add(DIMENSION.saturating_mul(16)) as u64);
        let mut table = Vec::new();
        source.read_into(&mut table, start, most.min(left).min(max_bytes))?;
        let mut subblocks = Vec::with_capacity(count);
        let mut rest = table.as_slice();
        for _ in 0..count {
            let (subblock, after) = entry(rest)?;
            subblocks.push(subblock);
            rest = after;
        }
        Ok(Self {
            subblocks,
            metadata,
            attachments,
        })
    }

    /// The XML of the metadata.
    pub(super) fn metadata(&self, source: &Source, max: u64) -> Result<Option<String>, Fault> {
        if self.metadata == 0 {
            return Ok(None);
        }
        let at = segment(source, self.metadata, METADATA)?;
        let mut bytes = Vec::new();
        source.read_into(&mut bytes, at, 4)?;
        let len = Bytes(&bytes).i32(0)?;
        let len = u64::try_from(len)
            .ok()
            .ok_or_else(|| broken(format!("metadata of {len} bytes")))?;
        Fault::within("bytes of CZI metadata", len, max)?;
        source
            .read_into(&mut bytes, at.saturating_add(256), len)
            .ok()
            .ok_or_else(|| broken(format!("metadata of {len} bytes reach beyond the end")))?;
        Ok(Some(
            String::from_utf8_lossy(&bytes)
                .trim_end_matches('\0')
                .to_owned(),
        ))
    }

    /// JPEG attachments that are pictures of the slide.
    pub(super) fn attachments(
        &self,
        source: &Source,
        max: u64,
    ) -> Result<Vec<(&'static str, Vec<u8>)>, Fault> {
        let mut found = Vec::new();
        if self.attachments == 0 {
            return Ok(found);
        }
        let at = segment(source, self.attachments, ATTACHMENT_DIRECTORY)?;
        let mut bytes = Vec::new();
        source.read_into(&mut bytes, at, 4)?;
        let count = u64::try_from(Bytes(&bytes).i32(0)?).unwrap_or(0).min(256);
        let len = count.saturating_mul(ATTACHMENT_ENTRY as u64);
        let mut table = Vec::new();
        source.read_into(&mut table, at.saturating_add(256), len)?;
        let (rows, _) = table.as_chunks::<ATTACHMENT_ENTRY>();
        for row in rows {
            let name_field = row.get(48..).unwrap_or_default();
            let name = match name_field.split(|&b| b == 0).next() {
                Some(b"Thumbnail") => "thumbnail",
                _ => continue,
            };
            if row.get(40..43) != Some(b"JPG".as_slice()) {
                continue;
            }
            let place = Bytes(row).place(12)?;
            let data = segment(source, place, ATTACHMENT)?;
            source.read_into(&mut bytes, data, 4)?;
            let len = u64::try_from(Bytes(&bytes).i32(0)?).unwrap_or(0);
            Fault::within("bytes of a CZI attachment", len, max)?;
            source.read_into(&mut bytes, data.saturating_add(256), len)?;
            found.push((name, std::mem::take(&mut bytes)));
        }
        Ok(found)
    }
}

/// Reads a directory entry; returns what follows it.
fn entry(bytes: &[u8]) -> Result<(Subblock, &[u8]), Fault> {
    if !bytes.starts_with(b"DV") {
        return Err(broken("a directory entry that does not begin with DV"));
    }
    let fields = Bytes(bytes);
    let count = fields.i32(28)?;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| (1..=16).contains(count))
        .ok_or_else(|| broken(format!("a subblock of {count} dimensions")))?;
    let len = ENTRY.saturating_add(count.saturating_mul(DIMENSION));
    let (whole, rest) = bytes
        .split_at_checked(len)
        .ok_or_else(|| broken("the directory is cut off"))?;
    let mut block = Subblock {
        x: 0,
        y: 0,
        width: 0,
        height: 0,
        stored: LevelSize {
            width: 0,
            height: 0,
        },
        order: 0,
        channel: 0,
        is_first_plane: true,
        pixel_type: fields.i32(2)?,
        position: fields.place(6)?,
        compression: fields.i32(18)?,
        entry_len: len as u64,
    };
    let (dimensions, _) = whole
        .get(ENTRY..)
        .unwrap_or_default()
        .as_chunks::<DIMENSION>();
    for dimension in dimensions {
        let fields = Bytes(dimension);
        let (start, size, stored) = (fields.i32(4)?, fields.i32(8)?, fields.i32(16)?);
        let side = |value: i32| {
            u32::try_from(value)
                .ok()
                .filter(|&value| value > 0)
                .ok_or_else(|| broken(format!("a subblock with a side of {value}")))
        };
        match dimension.first() {
            Some(b'X') => {
                block.x = i64::from(start);
                block.width = side(size)?;
                block.stored.width = side(if stored == 0 { size } else { stored })?;
            }
            Some(b'Y') => {
                block.y = i64::from(start);
                block.height = side(size)?;
                block.stored.height = side(if stored == 0 { size } else { stored })?;
            }
            Some(b'M') => block.order = start,
            Some(b'C') => block.channel = start,
            // Scenes are places on the slide.
            Some(b'S') => {}
            _ => block.is_first_plane &= start == 0,
        }
    }
    if block.stored.area() == 0 {
        return Err(broken("a subblock without width or height"));
    }
    Ok((block, rest))
}
