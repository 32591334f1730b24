//! TIFF and `BigTIFF` directories, parsed once per file and shared by all probes.
//!
//! Layout facts: TIFF 6.0 (Adobe, 1992) sections 2 and 15; `BigTIFF` (`AWare` Systems' description, as libtiff 4 writes it); TIFF Technical Note 1 for `SubIFDs`.
//!
//! **Architecture invariant:** entries keep only where their values lie; values are read on demand, against a budget, and never beyond the file's end.

pub(crate) mod page;
pub(crate) mod resolution;
pub(crate) mod tags;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use crate::limits::Limits;
use crate::source::Source;

/// What is wrong with a directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TiffError {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The magic is another's.
    #[error("{0}")]
    NotTiff(String),
    #[error("{0}")]
    Broken(String),
    #[error("{what}: found {found}, the limit is {limit}")]
    Limits {
        what: &'static str,
        found: u64,
        limit: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endian {
    Little,
    Big,
}

impl Endian {
    /// Up to eight bytes as a number.
    fn number(self, bytes: &[u8]) -> u64 {
        let push = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, push),
            Self::Big => bytes.iter().fold(0, push),
        }
    }
}

impl Endian {
    /// Values of `size` bytes each; the common sizes are spelt out, because tile tables have hundreds of thousands.
    fn numbers(self, bytes: &[u8], size: usize) -> Vec<u64> {
        match (size, self) {
            (4, Self::Little) => {
                let (values, _) = bytes.as_chunks::<4>();
                values
                    .iter()
                    .map(|v| u32::from_le_bytes(*v).into())
                    .collect()
            }
            (8, Self::Little) => {
                let (values, _) = bytes.as_chunks::<8>();
                values.iter().map(|v| u64::from_le_bytes(*v)).collect()
            }
            (4, Self::Big) => {
                let (values, _) = bytes.as_chunks::<4>();
                values
                    .iter()
                    .map(|v| u32::from_be_bytes(*v).into())
                    .collect()
            }
            (8, Self::Big) => {
                let (values, _) = bytes.as_chunks::<8>();
                values.iter().map(|v| u64::from_be_bytes(*v)).collect()
            }
            _ => bytes
                .chunks_exact(size.max(1))
                .map(|value| self.number(value))
                .collect(),
        }
    }
}

/// Where one tag's values lie.
#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: u16,
    count: u64,
    /// The value field itself, as it stands in the file.
    field: [u8; 8],
}

/// Bytes of one value of a TIFF field type; 0 for a type that nobody defined.
fn kind_size(kind: u16) -> u64 {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 0,
    }
}

/// One image file directory.
#[derive(Debug)]
pub(crate) struct Directory {
    entries: BTreeMap<u16, Entry>,
    /// Directories below this one.
    pub(crate) children: Vec<Directory>,
}

impl Directory {
    pub(crate) fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }
}

/// A parsed TIFF file.
pub(crate) struct TiffFile {
    source: Arc<Source>,
    endian: Endian,
    big: bool,
    /// Hamamatsu's way beyond 4 GiB: see [`TiffFile::is_wide`].
    wide: bool,
    /// The main chain.
    pub(crate) pages: Vec<Directory>,
    /// Metadata bytes that may still be read.
    budget: Cell<u64>,
    budget_whole: u64,
    max_ifds: usize,
}

/// Reading state while the chain is walked.
struct Walk {
    seen: BTreeSet<u64>,
}

impl TiffFile {
    /// Parses all directories.
    pub(crate) fn parse(source: Arc<Source>, limits: &Limits) -> Result<Self, TiffError> {
        let mut head = [0; 16];
        let head_len = usize::try_from(source.len().min(16)).unwrap_or(16);
        let (head, _) = head.split_at_mut(head_len);
        source.read_exact_at(head, 0)?;
        let endian = match head.get(..2) {
            Some(b"II") => Endian::Little,
            Some(b"MM") => Endian::Big,
            _ => return Err(TiffError::NotTiff("no TIFF byte order mark".to_owned())),
        };
        let field = |from: usize, to: usize| {
            head.get(from..to)
                .map(|bytes| endian.number(bytes))
                .ok_or_else(|| TiffError::Broken("the TIFF header is cut off".to_owned()))
        };
        let big = match field(2, 4)? {
            42 => false,
            43 => true,
            other => {
                return Err(TiffError::NotTiff(format!(
                    "TIFF version {other}, 42 or 43 wanted"
                )));
            }
        };
        if big && field(4, 8)? != if endian == Endian::Little { 8 } else { 8 << 16 } {
            return Err(TiffError::Broken(
                "the BigTIFF header does not say 8-byte offsets".to_owned(),
            ));
        }
        let mut first = if big { field(8, 16)? } else { field(4, 8)? };
        let long = field(4, 12).unwrap_or(0);
        let mut file = Self {
            source,
            endian,
            big,
            wide: false,
            pages: Vec::new(),
            budget: Cell::new(limits.max_metadata_bytes),
            budget_whole: limits.max_metadata_bytes,
            max_ifds: limits.max_ifds,
        };
        if file.is_wide(long) {
            file.wide = true;
            first = long;
        }
        let mut walk = Walk {
            seen: BTreeSet::new(),
        };
        file.pages = file.chain(first, &mut walk)?;
        if file.pages.is_empty() {
            return Err(TiffError::Broken("the TIFF has no directory".to_owned()));
        }
        Ok(file)
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Whether this is an NDPI file of more than 4 GiB, whose first directory is at `first`.
    ///
    /// Such a file is a classic TIFF with links of eight bytes; after a directory's link stand the upper four bytes of each entry's value or offset.
    /// Smaller NDPI files have zeros there and need no care.
    fn is_wide(&self, first: u64) -> bool {
        if self.big || self.endian == Endian::Big || u32::try_from(self.source.len()).is_ok() {
            return false;
        }
        let mut walk = Walk {
            seen: BTreeSet::new(),
        };
        self.directory(first, &mut walk)
            .is_ok_and(|(page, _)| page.has(tags::NDPI_FORMAT_FLAG))
    }

    fn spend(&self, bytes: u64) -> Result<(), TiffError> {
        match self.budget.get().checked_sub(bytes) {
            Some(left) => {
                self.budget.set(left);
                Ok(())
            }
            None => Err(TiffError::Limits {
                what: "bytes of metadata",
                found: self
                    .budget_whole
                    .saturating_sub(self.budget.get())
                    .saturating_add(bytes),
                limit: self.budget_whole,
            }),
        }
    }

    fn chain(&self, first: u64, walk: &mut Walk) -> Result<Vec<Directory>, TiffError> {
        let mut pages = Vec::new();
        let mut offset = first;
        while offset != 0 {
            let (mut page, next) = self.directory(offset, walk)?;
            // SubIFDs of SubIFDs have no reader; one step down is as far as pyramids go.
            for child in self.numbers(&page, tags::SUB_IFDS)?.unwrap_or_default() {
                if child != 0 {
                    page.children.push(self.directory(child, walk)?.0);
                }
            }
            pages.push(page);
            offset = next;
        }
        Ok(pages)
    }

    fn directory(&self, offset: u64, walk: &mut Walk) -> Result<(Directory, u64), TiffError> {
        if !walk.seen.insert(offset) {
            return Err(TiffError::Broken(format!(
                "the directory chain comes back to offset {offset}"
            )));
        }
        if walk.seen.len() > self.max_ifds {
            return Err(TiffError::Limits {
                what: "TIFF directories",
                found: walk.seen.len() as u64,
                limit: self.max_ifds as u64,
            });
        }
        let (count_len, entry_len, field_at, next_len) = if self.big {
            (8_u64, 20_usize, 12_usize, 8_u64)
        } else if self.wide {
            (2, 12, 8, 8)
        } else {
            (2, 12, 8, 4)
        };
        let mut bytes = Vec::new();
        self.read_at(&mut bytes, offset, count_len)?;
        let count = self.endian.number(&bytes);
        // The format allows 65,535 entries; real directories have some dozens.
        if count > 65_535 {
            return Err(TiffError::Broken(format!(
                "a directory of {count} entries at offset {offset}"
            )));
        }
        let table_len = count.saturating_mul(entry_len as u64);
        let upper_len = if self.wide {
            count.saturating_mul(4)
        } else {
            0
        };
        let body = table_len.saturating_add(next_len).saturating_add(upper_len);
        self.read_at(&mut bytes, offset.saturating_add(count_len), body)?;

        let mut entries = BTreeMap::new();
        let as_len = |len: u64| usize::try_from(len).unwrap_or(usize::MAX);
        let (table, rest) = bytes.split_at(as_len(table_len).min(bytes.len()));
        let (next, upper) = rest.split_at(as_len(next_len).min(rest.len()));
        let mut upper = upper.chunks_exact(4);
        for raw in table.chunks_exact(entry_len) {
            let number = |from: usize, to: usize| {
                raw.get(from..to)
                    .map_or(0, |bytes| self.endian.number(bytes))
            };
            let (Ok(tag), Ok(kind)) = (u16::try_from(number(0, 2)), u16::try_from(number(2, 4)))
            else {
                continue;
            };
            let mut field = [0; 8];
            for (to, from) in field
                .iter_mut()
                .zip(raw.get(field_at..).unwrap_or_default())
            {
                *to = *from;
            }
            if let (Some(upper), Some(half)) = (upper.next(), field.get_mut(4..)) {
                half.copy_from_slice(upper);
            }
            let entry = Entry {
                kind,
                count: number(4, field_at),
                field,
            };
            // A tag that stands twice: the first counts, as in libtiff.
            entries.entry(tag).or_insert(entry);
        }
        let directory = Directory {
            entries,
            children: Vec::new(),
        };
        Ok((directory, self.endian.number(next)))
    }

    fn read_at(&self, out: &mut Vec<u8>, offset: u64, len: u64) -> Result<(), TiffError> {
        let end = offset.checked_add(len);
        if end.is_none_or(|end| end > self.source.len()) {
            return Err(TiffError::Broken(format!(
                "{len} bytes of the directory at {offset} lie beyond the file's end at {}",
                self.source.len()
            )));
        }
        self.spend(len)?;
        self.source.read_into(out, offset, len)?;
        Ok(())
    }

    /// The raw bytes of a tag's values.
    pub(crate) fn bytes(
        &self,
        directory: &Directory,
        tag: u16,
    ) -> Result<Option<Vec<u8>>, TiffError> {
        let Some(entry) = directory.entries.get(&tag) else {
            return Ok(None);
        };
        let len = kind_size(entry.kind)
            .checked_mul(entry.count)
            .ok_or_else(|| TiffError::Broken(format!("tag {tag} has {} values", entry.count)))?;
        let field_len = if self.big { 8 } else { 4 };
        let field = entry.field.get(..field_len).unwrap_or_default();
        if len <= field.len() as u64 {
            let len = usize::try_from(len).unwrap_or(0);
            return Ok(field.get(..len).map(<[u8]>::to_vec));
        }
        let offset = if self.wide { &entry.field[..] } else { field };
        let mut out = Vec::new();
        self.read_at(&mut out, self.endian.number(offset), len)?;
        Ok(Some(out))
    }

    /// A tag's values as unsigned numbers; `None` where the tag is missing.
    pub(crate) fn numbers(
        &self,
        directory: &Directory,
        tag: u16,
    ) -> Result<Option<Vec<u64>>, TiffError> {
        let Some(entry) = directory.entries.get(&tag) else {
            return Ok(None);
        };
        let size = match entry.kind {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            other => {
                return Err(TiffError::Broken(format!(
                    "tag {tag} is of field type {other}, whole numbers wanted"
                )));
            }
        };
        if self.wide && size == 4 && entry.count == 1 {
            return Ok(Some(vec![self.endian.number(&entry.field)]));
        }
        let bytes = self.bytes(directory, tag)?.unwrap_or_default();
        Ok(Some(self.endian.numbers(&bytes, size)))
    }

    /// A tag's first value.
    pub(crate) fn number(&self, directory: &Directory, tag: u16) -> Result<Option<u64>, TiffError> {
        Ok(self
            .numbers(directory, tag)?
            .and_then(|values| values.first().copied()))
    }

    /// Text up to its first NUL, without trailing white space; bytes that are not UTF-8 are read as Latin-1, as scanners' software writes it.
    pub(crate) fn text(
        &self,
        directory: &Directory,
        tag: u16,
    ) -> Result<Option<String>, TiffError> {
        let Some(bytes) = self.bytes(directory, tag)? else {
            return Ok(None);
        };
        let bytes = bytes.split(|&b| b == 0).next().unwrap_or_default();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        };
        Ok(Some(text.trim_end().to_owned()))
    }

    /// A rational or floating tag as a number; `None` where it is missing or its denominator is zero.
    pub(crate) fn real(&self, directory: &Directory, tag: u16) -> Result<Option<f64>, TiffError> {
        let Some(entry) = directory.entries.get(&tag) else {
            return Ok(None);
        };
        let bytes = self.bytes(directory, tag)?.unwrap_or_default();
        let low = |n: u64| u32::try_from(n & u64::from(u32::MAX)).unwrap_or(0);
        Ok(match entry.kind {
            5 => {
                let numerator = bytes.get(..4).map(|b| low(self.endian.number(b)));
                let denominator = bytes.get(4..8).map(|b| low(self.endian.number(b)));
                match (numerator, denominator) {
                    (Some(n), Some(d)) if d != 0 => Some(f64::from(n) / f64::from(d)),
                    _ => None,
                }
            }
            11 => bytes
                .get(..4)
                .map(|b| f64::from(f32::from_bits(low(self.endian.number(b))))),
            12 => bytes
                .get(..8)
                .map(|b| f64::from_bits(self.endian.number(b))),
            1 | 3 | 4 => self
                .number(directory, tag)?
                .map(|value| f64::from(low(value))),
            9 => bytes
                .first_chunk::<4>()
                .map(|b| match self.endian {
                    Endian::Little => i32::from_le_bytes(*b),
                    Endian::Big => i32::from_be_bytes(*b),
                })
                .map(f64::from),
            _ => None,
        })
    }
}
