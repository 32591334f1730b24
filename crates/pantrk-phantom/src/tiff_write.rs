//! A small TIFF and BigTIFF writer: data first, directories as they become known.
//!
//! Directories must be written after their tiles, whose number of bytes nobody knows before; so only the chain of directories is patched.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};

/// The values of a tag.
pub(crate) enum Bytes<'a> {
    Short(&'a [u16]),
    Long(&'a [u32]),
    Rational([u32; 2]),
    /// Offsets or lengths: 4 bytes in TIFF, 8 in BigTIFF.
    Offsets(&'a [u64]),
}

enum Value {
    Plain(u16, u64, Vec<u8>),
    Offsets(Vec<u64>),
}

/// A directory in the making; tags are kept in order.
#[derive(Default)]
pub(crate) struct Directory(BTreeMap<u16, Value>);

impl Directory {
    pub(crate) fn put(&mut self, tag: u16, bytes: &Bytes<'_>) {
        let value = match *bytes {
            Bytes::Short(v) => Value::Plain(
                3,
                v.len() as u64,
                v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            Bytes::Long(v) => Value::Plain(
                4,
                v.len() as u64,
                v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            Bytes::Rational(v) => {
                Value::Plain(5, 1, v.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            Bytes::Offsets(v) => Value::Offsets(v.to_vec()),
        };
        self.0.insert(tag, value);
    }

    pub(crate) fn text(&mut self, tag: u16, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.0
            .insert(tag, Value::Plain(2, bytes.len() as u64, bytes));
    }
}

/// A little-endian TIFF file.
pub(crate) struct TiffFile<W: Write + Seek> {
    out: W,
    big: bool,
    position: u64,
    /// Where the offset of the next directory belongs.
    chain: u64,
}

impl<W: Write + Seek> TiffFile<W> {
    pub(crate) fn new(mut out: W, big: bool) -> io::Result<Self> {
        let (header, chain): (&[u8], u64) = if big {
            (b"II\x2B\0\x08\0\0\0\0\0\0\0\0\0\0\0", 8)
        } else {
            (b"II\x2A\0\0\0\0\0", 4)
        };
        out.write_all(header)?;
        Ok(Self {
            out,
            big,
            position: header.len() as u64,
            chain,
        })
    }

    /// Appends bytes at an even offset and returns it.
    pub(crate) fn write_data(&mut self, bytes: &[u8]) -> io::Result<u64> {
        if self.position & 1 == 1 {
            self.out.write_all(&[0])?;
            self.position += 1;
        }
        let offset = self.position;
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        if !self.big && self.position > u64::from(u32::MAX) {
            return Err(io::Error::other("a classic TIFF cannot pass 4 GiB"));
        }
        Ok(offset)
    }

    fn number(&self, value: u64) -> Vec<u8> {
        if self.big {
            value.to_le_bytes().to_vec()
        } else {
            (value as u32).to_le_bytes().to_vec()
        }
    }

    pub(crate) fn write_directory(&mut self, directory: &Directory) -> io::Result<()> {
        let inline = if self.big { 8 } else { 4 };
        let mut entries = Vec::new();
        for (tag, value) in &directory.0 {
            let (kind, count, bytes) = match value {
                Value::Plain(kind, count, bytes) => (*kind, *count, bytes.clone()),
                Value::Offsets(values) => {
                    let kind = if self.big { 16 } else { 4 };
                    let bytes = values.iter().flat_map(|&v| self.number(v)).collect();
                    (kind, values.len() as u64, bytes)
                }
            };
            let mut field = if bytes.len() <= inline {
                bytes
            } else {
                let offset = self.write_data(&bytes)?;
                self.number(offset)
            };
            field.resize(inline, 0);
            entries.extend_from_slice(&tag.to_le_bytes());
            entries.extend_from_slice(&kind.to_le_bytes());
            entries.extend(self.number(count));
            entries.extend(field);
        }
        let count = directory.0.len() as u64;
        let mut bytes = if self.big {
            count.to_le_bytes().to_vec()
        } else {
            (count as u16).to_le_bytes().to_vec()
        };
        bytes.extend(entries);
        let next = bytes.len() as u64;
        bytes.extend(self.number(0));
        let offset = self.write_data(&bytes)?;
        let link = self.number(offset);
        self.out.seek(SeekFrom::Start(self.chain))?;
        self.out.write_all(&link)?;
        self.out.seek(SeekFrom::Start(self.position))?;
        self.chain = offset + next;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}
