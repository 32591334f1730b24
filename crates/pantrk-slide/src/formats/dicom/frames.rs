//! Where the frames of an instance lie in its file.
//!
//! Facts: DICOM PS3.5 annex A.4 (encapsulated pixels, basic offset table), PS3.3 C.7.6.3.1.8 (extended offset table).

use std::sync::Arc;

use super::walk::PixelData;
use crate::error::Fault;
use crate::source::Source;

/// The frames of one file.
pub(super) struct Frames {
    source: Arc<Source>,
    index: Index,
}

enum Index {
    /// Uncompressed: frames of one length, one after the other.
    Native { offset: u64, len: u64, count: u64 },
    /// Encapsulated: the first byte of each frame's first item header, and the end of its last item.
    Items(Vec<(u64, u64)>),
}

const ITEM: [u8; 4] = [0xfe, 0xff, 0x00, 0xe0];
const SEQUENCE_END: [u8; 4] = [0xfe, 0xff, 0xdd, 0xe0];
/// Tag and length of an item.
const ITEM_HEADER: u64 = 8;
/// Headers fetched at a time where items must be hopped over.
const HOP: u64 = 4 << 10;

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(what.into())
}

/// Item headers, read with as few calls as their distance allows.
struct Hopper<'a> {
    source: &'a Source,
    window: Vec<u8>,
    window_at: u64,
}

impl Hopper<'_> {
    /// The length of the item at `at`; `None` at the end of the sequence.
    fn item(&mut self, at: u64) -> Result<Option<u64>, Fault> {
        let held = |window: &[u8], offset: Option<u64>| {
            let from = usize::try_from(offset?).ok()?;
            window.get(from..)?.first_chunk::<8>().copied()
        };
        let header = if let Some(header) = held(&self.window, at.checked_sub(self.window_at)) {
            header
        } else {
            let left = self.source.len().saturating_sub(at);
            self.source.read_into(&mut self.window, at, left.min(HOP))?;
            self.window_at = at;
            held(&self.window, Some(0))
                .ok_or_else(|| broken("the encapsulated pixels have no end"))?
        };
        let [t0, t1, t2, t3, l0, l1, l2, l3] = header;
        let len = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        match [t0, t1, t2, t3] {
            ITEM => {
                let end = at.saturating_add(ITEM_HEADER).saturating_add(len);
                if end > self.source.len() {
                    return Err(broken(format!(
                        "an item of {len} bytes at {at} reaches beyond the file's end at {}",
                        self.source.len()
                    )));
                }
                Ok(Some(len))
            }
            SEQUENCE_END => Ok(None),
            other => Err(broken(format!(
                "{other:02x?} at {at} where an item of the pixels is wanted"
            ))),
        }
    }
}

impl Frames {
    /// Uncompressed frames of `len` bytes.
    pub(super) fn native(
        source: Arc<Source>,
        pixels: PixelData,
        len: u64,
        count: u64,
    ) -> Result<Self, Fault> {
        let Some(held) = pixels.len else {
            return Err(broken("uncompressed pixels of undefined length"));
        };
        let wanted = len.saturating_mul(count);
        let end = pixels.offset.saturating_add(wanted);
        let held = held.min(source.len().saturating_sub(pixels.offset));
        if held < wanted || end > source.len() {
            return Err(broken(format!(
                "{held} bytes of pixels, {wanted} wanted for {count} frames"
            )));
        }
        Ok(Self {
            source,
            index: Index::Native {
                offset: pixels.offset,
                len,
                count,
            },
        })
    }

    /// Encapsulated frames, found by the extended or the basic offset table, or else item by item.
    ///
    /// `extended` holds the offsets of the extended table, 64 bits each, little endian.
    pub(super) fn encapsulated(
        source: Arc<Source>,
        pixels: PixelData,
        count: u64,
        extended: Option<&[u8]>,
    ) -> Result<Self, Fault> {
        if pixels.len.is_some() {
            return Err(broken("compressed pixels that are not encapsulated"));
        }
        let mut hopper = Hopper {
            source: &source,
            window: Vec::new(),
            window_at: 0,
        };
        let Some(table_len) = hopper.item(pixels.offset)? else {
            return Err(broken("no offset table before the frames"));
        };
        let table_at = pixels.offset.saturating_add(ITEM_HEADER);
        let first = table_at.saturating_add(table_len);
        let count_len = usize::try_from(count).unwrap_or(usize::MAX);
        let mut starts: Vec<u64> = Vec::new();
        if let Some(extended) = extended {
            let (values, _) = extended.as_chunks::<8>();
            starts.extend(values.iter().map(|v| u64::from_le_bytes(*v)));
        } else if table_len > 0 {
            let mut bytes = Vec::new();
            source.read_into(&mut bytes, table_at, table_len)?;
            let (values, _) = bytes.as_chunks::<4>();
            starts.extend(values.iter().map(|v| u64::from(u32::from_le_bytes(*v))));
            // Offsets of 32 bits that fell below the one before have wrapped at 4 GiB, or lie.
            if !starts.is_sorted_by(|a, b| a < b) {
                starts.clear();
            }
        }
        if !starts.is_empty() && starts.len() != count_len {
            return Err(broken(format!(
                "{} offsets for {count} frames",
                starts.len()
            )));
        }
        let items = if starts.is_empty() {
            hop(&mut hopper, first, count)?
        } else {
            spans(&source, first, &starts)?
        };
        Ok(Self {
            index: Index::Items(items),
            source,
        })
    }

    pub(super) fn count(&self) -> u64 {
        match &self.index {
            Index::Native { count, .. } => *count,
            Index::Items(items) => items.len() as u64,
        }
    }

    /// Reads the bytes of a frame, the fragments of a compressed one put together.
    pub(super) fn read(
        &self,
        frame: u64,
        max_bytes: u64,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        match &self.index {
            Index::Native { offset, len, count } => {
                if frame >= *count {
                    return Err(broken(format!("no frame {frame}, there are {count}")));
                }
                let at = offset.saturating_add(frame.saturating_mul(*len));
                Ok(self.source.read_into(out, at, *len)?)
            }
            Index::Items(items) => {
                let span = usize::try_from(frame).ok().and_then(|i| items.get(i));
                let &(start, end) = span.ok_or_else(|| {
                    broken(format!("no frame {frame}, there are {}", items.len()))
                })?;
                let len = end.saturating_sub(start);
                Fault::within("bytes of one frame", len, max_bytes)?;
                self.source.read_into(scratch, start, len)?;
                fragments(scratch, out)
            }
        }
    }

    /// Feeds what identifies the frames.
    pub(super) fn identify(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(&self.source.len().to_le_bytes());
        match &self.index {
            Index::Native { offset, len, count } => {
                for number in [offset, len, count] {
                    sink(&number.to_le_bytes());
                }
            }
            Index::Items(items) => {
                for (start, end) in items {
                    sink(&start.to_le_bytes());
                    sink(&end.to_le_bytes());
                }
            }
        }
    }
}

/// Joins the items of one frame.
fn fragments(mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    out.clear();
    while let Some((header, rest)) = input.split_first_chunk::<8>() {
        let [t0, t1, t2, t3, l0, l1, l2, l3] = *header;
        if [t0, t1, t2, t3] == SEQUENCE_END {
            break;
        }
        if [t0, t1, t2, t3] != ITEM {
            return Err(broken("a frame does not begin with an item"));
        }
        let len = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let Some((fragment, rest)) = rest.split_at_checked(len) else {
            return Err(broken("a fragment reaches beyond its frame"));
        };
        out.extend_from_slice(fragment);
        input = rest;
    }
    if out.is_empty() {
        return Err(broken("an empty frame"));
    }
    Ok(())
}

/// Without a table each frame must be one item.
fn hop(hopper: &mut Hopper<'_>, first: u64, count: u64) -> Result<Vec<(u64, u64)>, Fault> {
    let mut items = Vec::new();
    let mut at = first;
    while let Some(len) = hopper.item(at)? {
        let end = at.saturating_add(ITEM_HEADER).saturating_add(len);
        items.push((at, end));
        at = end;
        if items.len() as u64 > count && count > 1 {
            return Err(Fault::Unsupported {
                what: format!(
                    "frames in several fragments without an offset table ({count} frames)"
                ),
                advice: super::CONVERT.to_owned(),
            });
        }
    }
    // One frame may have any number of fragments: there is nothing to tell apart.
    if count == 1
        && let (Some(first), Some(last)) = (items.first().copied(), items.last().copied())
    {
        return Ok(vec![(first.0, last.1)]);
    }
    if items.len() as u64 != count {
        return Err(broken(format!("{} items for {count} frames", items.len())));
    }
    Ok(items)
}

/// Start and end of each frame from the table's starts.
fn spans(source: &Source, first: u64, starts: &[u64]) -> Result<Vec<(u64, u64)>, Fault> {
    let mut spans = Vec::with_capacity(starts.len());
    for (i, start) in starts.iter().enumerate() {
        let from = first.saturating_add(*start);
        let to = match starts.get(i.saturating_add(1)) {
            Some(next) => first.saturating_add(*next),
            // The last frame ends at the sequence's end, which its reading finds; the file bounds it.
            None => last_end(source, from)?,
        };
        if from >= to || to > source.len() {
            return Err(broken(format!("frame {i} lies at {from}..{to}")));
        }
        spans.push((from, to));
    }
    Ok(spans)
}

/// Hops from the last frame's first item to the end of the sequence.
fn last_end(source: &Source, from: u64) -> Result<u64, Fault> {
    let mut hopper = Hopper {
        source,
        window: Vec::new(),
        window_at: 0,
    };
    let mut at = from;
    while let Some(len) = hopper.item(at)? {
        at = at.saturating_add(ITEM_HEADER).saturating_add(len);
    }
    Ok(at)
}
