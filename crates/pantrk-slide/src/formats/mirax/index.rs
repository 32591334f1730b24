//! `Index.dat`: in which data file, and where, each stored image lies.
//!
//! Facts: OpenSlide's description of the format (openslide.org/formats/mirax).
//! After the version and the slide's identifier stand two pointers: to the table of hierarchical records (zoom levels) and to that of the others (positions, label, macro).

use std::sync::Arc;

use crate::error::Fault;
use crate::source::Source;

const VERSION: &[u8] = b"01.02";
/// Stored images of one level.
const MAX_ENTRIES: usize = 20_000_000;

/// A stretch of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) file: u32,
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// A stored image of a level: its number in level 0's grid of images, and where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) image: u32,
    pub(super) stretch: Stretch,
}

/// An open index file.
pub(super) struct IndexFile {
    source: Arc<Source>,
    hierarchical: u64,
}

fn broken(what: impl Into<String>) -> Fault {
    Fault::Broken(format!("Index.dat: {}", what.into()))
}

impl IndexFile {
    pub(super) fn open(source: Arc<Source>, slide_id: &str) -> Result<Self, Fault> {
        let mut head = Vec::new();
        let len = VERSION.len().saturating_add(slide_id.len());
        source.read_into(&mut head, 0, (len as u64).min(source.len()))?;
        if !head.starts_with(VERSION) {
            return Err(broken(format!(
                "the version is not {}",
                String::from_utf8_lossy(VERSION)
            )));
        }
        if head.get(VERSION.len()..) != Some(slide_id.as_bytes()) {
            return Err(broken("it belongs to another slide than Slidedat.ini"));
        }
        Ok(Self {
            source,
            hierarchical: len as u64,
        })
    }

    fn words<const N: usize>(&self, at: u64) -> Result<[i64; N], Fault> {
        let mut bytes = vec![0; N.saturating_mul(4)];
        let end = at.saturating_add(bytes.len() as u64);
        if end > self.source.len() {
            return Err(broken(format!("a pointer to {at}, beyond its end")));
        }
        self.source.read_exact_at(&mut bytes, at)?;
        let (words, _) = bytes.as_chunks::<4>();
        let mut out = [0; N];
        for (target, word) in out.iter_mut().zip(words) {
            *target = i64::from(i32::from_le_bytes(*word));
        }
        Ok(out)
    }

    fn pointer(&self, at: u64) -> Result<u64, Fault> {
        let [value] = self.words::<1>(at)?;
        u64::try_from(value)
            .ok()
            .ok_or_else(|| broken(format!("a pointer of {value}")))
    }

    /// The first page of a record.
    fn record(&self, root: u64, number: u32) -> Result<u64, Fault> {
        let table = self.pointer(root)?;
        let record = self.pointer(table.saturating_add(u64::from(number).saturating_mul(4)))?;
        let [zero, page] = self.words::<2>(record)?;
        if zero != 0 {
            return Err(broken(format!("record {number} begins with {zero}, not 0")));
        }
        u64::try_from(page)
            .ok()
            .ok_or_else(|| broken(format!("a page at {page}")))
    }

    /// The stored images of a zoom level.
    pub(super) fn level(&self, record: u32, max_image: u32) -> Result<Vec<Entry>, Fault> {
        let mut page = self.record(self.hierarchical, record)?;
        let mut entries = Vec::new();
        while page != 0 {
            let [count, next] = self.words::<2>(page)?;
            let count = usize::try_from(count)
                .ok()
                .ok_or_else(|| broken(format!("a page of {count} entries")))?;
            let total = entries.len().saturating_add(count);
            // Together they are no longer than the file, unless they lie over each other or lead back.
            let most = usize::try_from(self.source.len() >> 4).unwrap_or(usize::MAX);
            if total > most {
                return Err(broken(format!(
                    "its pages go in a circle or have more than the {most} entries that fit in it"
                )));
            }
            Fault::within("images of a MIRAX level", total as u64, MAX_ENTRIES as u64)?;
            let mut bytes = Vec::new();
            let at = page.saturating_add(8);
            self.source
                .read_into(&mut bytes, at, (count as u64).saturating_mul(16))
                .ok()
                .ok_or_else(|| broken(format!("a page at {page} reaches beyond its end")))?;
            let (rows, _) = bytes.as_chunks::<16>();
            for row in rows {
                let entry = entry(row)?;
                if entry.image >= max_image {
                    return Err(broken(format!("image {} of {max_image}", entry.image)));
                }
                entries.push(entry);
            }
            let next = u64::try_from(next)
                .ok()
                .ok_or_else(|| broken(format!("a page at {next}")))?;
            // Pages are written one after the other; one that points back is a loop.
            if next != 0 && next <= page && count == 0 {
                return Err(broken("its pages go in a circle"));
            }
            page = next;
        }
        Ok(entries)
    }

    /// The stretch that another record names: a photograph or a table.
    pub(super) fn other(&self, record: u32) -> Result<Stretch, Fault> {
        let page = self.record(self.hierarchical.saturating_add(4), record)?;
        let [count, _, _, _, offset, len, file] = self.words::<7>(page)?;
        if count < 1 {
            return Err(broken(format!("record {record} is empty")));
        }
        stretch(offset, len, file)
    }
}

fn entry(row: &[u8; 16]) -> Result<Entry, Fault> {
    let (words, _) = row.as_chunks::<4>();
    let [image, offset, len, file] = words else {
        return Err(broken("an entry is cut off"));
    };
    let value = |word: &[u8; 4]| i64::from(i32::from_le_bytes(*word));
    let number = value(image);
    Ok(Entry {
        image: u32::try_from(number)
            .ok()
            .ok_or_else(|| broken(format!("image {number}")))?,
        stretch: stretch(value(offset), value(len), value(file))?,
    })
}

fn stretch(offset: i64, len: i64, file: i64) -> Result<Stretch, Fault> {
    let lies = || broken(format!("{len} bytes at {offset} of data file {file}"));
    Ok(Stretch {
        file: u32::try_from(file).ok().ok_or_else(&lies)?,
        offset: u64::try_from(offset).ok().ok_or_else(&lies)?,
        len: u64::try_from(len).ok().ok_or_else(lies)?,
    })
}
