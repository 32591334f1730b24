//! Baseline JPEG, the kind that scanners write, decoded here: 8 bits, Huffman codes, one scan of all components.
//!
//! Pixels are those of libjpeg and so of `OpenSlide`, bit for bit: the same transform, the same filter for halved chroma, the same rounding.
//! Everything else (progressive, arithmetic, several scans) is another decoder's; [`Decoder::new`] says so by `None`.
//!
//! Vectors: the loops are plain Rust, compiled for each width of vectors and chosen when the program runs; nothing here names an instruction.
//!
//! Pictures are decoded at full size alone: half size would be light averaged before, which costs fine stain up to 0.09 OD (`docs/half-size-decode.md`).
//!
//! Facts: ITU-T T.81, annexes A, B, F; JFIF 1.02 for the colours.
#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::inline_always,
    reason = "places are masked or bounded by the arrays' sizes, arithmetic wraps, and samples are clamped; what is inlined is compiled with the caller's vectors"
)]

mod bits;
mod colour;
mod transform;

use std::cell::RefCell;
use std::num::Wrapping;

use fearless_simd::{Level, Simd, dispatch};

use super::CodecError;
use super::jpeg::{Segments, broken};
use bits::{Bits, Clean, Table};
use colour::Plane;

/// Where the coefficient of each number stands in its block, row by row.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Bytes of planes that a thread keeps for its next picture.
const KEPT: usize = 4 << 20;

/// A component as the headers say it.
#[derive(Debug, Clone, Copy, Default)]
struct Component {
    id: u8,
    /// Sampling factors.
    across: usize,
    down: usize,
    quantization: usize,
    dc: usize,
    ac: usize,
}

/// A baseline picture whose headers are read.
pub(super) struct Decoder<'a> {
    width: usize,
    height: usize,
    components: Vec<Component>,
    /// In the order of the stream.
    quantization: [Option<[Wrapping<i16>; 64]>; 4],
    /// Payloads of the segments that define Huffman tables.
    huffman: Vec<&'a [u8]>,
    restart_interval: usize,
    scan: &'a [u8],
}

/// What a thread keeps from picture to picture.
struct Room {
    /// The definitions that `dc` and `ac` were made of.
    defined_by: Vec<u8>,
    dc: [Table; 4],
    ac: [Table; 4],
    clean: Clean,
    planes: [Plane; 3],
    sums: Vec<u16>,
    rows: [Vec<u8>; 2],
}

thread_local! {
    static ROOM: RefCell<Box<Room>> = RefCell::new(Box::new(Room {
        defined_by: Vec::new(),
        dc: [const { Table::empty() }; 4],
        ac: [const { Table::empty() }; 4],
        clean: Clean::default(),
        planes: Default::default(),
        sums: Vec::new(),
        rows: Default::default(),
    }));
}

impl<'a> Decoder<'a> {
    /// Reads the headers; `None` where the stream is not baseline or its headers are not sound, which another decoder tells better.
    pub(super) fn new(stream: &'a [u8]) -> Option<Self> {
        let mut decoder = Self {
            width: 0,
            height: 0,
            components: Vec::new(),
            quantization: [None; 4],
            huffman: Vec::new(),
            restart_interval: 0,
            scan: &[],
        };
        let mut segments = Segments::new(stream).ok()?;
        for segment in &mut segments {
            let segment = segment.ok()?;
            match segment.marker {
                0xdb => decoder.quantizations(segment.payload)?,
                0xc4 => decoder.huffman.push(segment.payload),
                0xc0 | 0xc1 => decoder.frame(segment.payload)?,
                0xdd => {
                    let [high, low] = segment.payload else {
                        return None;
                    };
                    decoder.restart_interval = u16::from_be_bytes([*high, *low]).into();
                }
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
        decoder.scan_header(segments.rest)?;
        Some(decoder)
    }

    fn quantizations(&mut self, mut payload: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = payload {
            let table = self.quantization.get_mut(usize::from(head & 15))?;
            let mut values = [Wrapping(0); 64];
            if head >> 4 == 0 {
                let (bytes, rest) = rest.split_first_chunk::<64>()?;
                for (value, byte) in values.iter_mut().zip(bytes) {
                    *value = Wrapping(i16::from(*byte));
                }
                payload = rest;
            } else {
                let (bytes, rest) = rest.split_first_chunk::<128>()?;
                let (pairs, _) = bytes.as_chunks::<2>();
                for (value, pair) in values.iter_mut().zip(pairs) {
                    *value = Wrapping(i16::from_be_bytes(*pair));
                }
                payload = rest;
            }
            *table = Some(values);
        }
        Some(())
    }

    fn frame(&mut self, payload: &[u8]) -> Option<()> {
        let [8, h1, h0, w1, w0, count @ (1 | 3), specs @ ..] = payload else {
            return None;
        };
        if !self.components.is_empty() || specs.len() != usize::from(*count) * 3 {
            return None;
        }
        self.width = u16::from_be_bytes([*w1, *w0]).into();
        self.height = u16::from_be_bytes([*h1, *h0]).into();
        let (specs, _) = specs.as_chunks::<3>();
        for [id, sampling, quantization] in specs {
            // The factors of a single component mean nothing.
            let sampling = if *count == 1 { 0x11 } else { *sampling };
            self.components.push(Component {
                id: *id,
                across: usize::from(sampling >> 4),
                down: usize::from(sampling & 15),
                quantization: usize::from(*quantization),
                ..Component::default()
            });
        }
        let sampled: Vec<_> = self.components.iter().map(|c| (c.across, c.down)).collect();
        let is_known = match sampled.as_slice() {
            [(1, 1)] => true,
            [first, (1, 1), (1, 1)] => matches!(first, (1 | 2 | 4, 1) | (1 | 2, 2)),
            _ => false,
        };
        (is_known && self.width > 0 && self.height > 0).then_some(())
    }

    fn scan_header(&mut self, scan: &'a [u8]) -> Option<()> {
        let [0xff, 0xda, high, low, rest @ ..] = scan else {
            return None;
        };
        let len = usize::from(u16::from_be_bytes([*high, *low])).checked_sub(2)?;
        let (header, scan) = rest.split_at_checked(len)?;
        let [count, specs @ ..] = header else {
            return None;
        };
        let (specs, end) = specs.as_chunks::<2>();
        let is_whole = usize::from(*count) == self.components.len()
            && specs.len() == self.components.len() + 1;
        // The last pair and the byte after it: all coefficients, in one go.
        if !is_whole || self.components.is_empty() || specs.last() != Some(&[0, 63]) || end != [0] {
            return None;
        }
        for (component, [id, tables]) in self.components.iter_mut().zip(specs) {
            if component.id != *id {
                return None;
            }
            (component.dc, component.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            let is_defined = self.quantization.get(component.quantization)?.is_some();
            if !is_defined || component.dc > 3 || component.ac > 3 {
                return None;
            }
        }
        self.scan = scan;
        Some(())
    }

    /// Decodes into `out`, three bytes a pixel, as many pixels as the frame says.
    pub(super) fn decode(&self, is_ycbcr: bool, out: &mut [u8]) -> Result<(), CodecError> {
        ROOM.with_borrow_mut(|room| {
            let result = self.decode_in(room, is_ycbcr, out);
            for plane in &mut room.planes {
                if plane.samples.len() > KEPT {
                    *plane = Plane::default();
                }
            }
            result
        })
    }

    fn decode_in(&self, room: &mut Room, is_ycbcr: bool, out: &mut [u8]) -> Result<(), CodecError> {
        room.define(&self.huffman)?;
        if !room.clean.fill(self.scan) {
            return Err(broken("restart markers do not count up"));
        }
        let first = self.components.first().copied().unwrap_or_default();
        // Minimum coded units across and down.
        let columns = self.width.div_ceil(8 * first.across.max(1));
        let rows = self.height.div_ceil(8 * first.down.max(1));
        for (plane, component) in room.planes.iter_mut().zip(&self.components) {
            plane.stride = columns * component.across * 8;
            plane.width = (self.width * component.across).div_ceil(first.across.max(1));
            plane.height = (self.height * component.down).div_ceil(first.down.max(1));
            // Each block is written, so what is left from before may stay.
            plane
                .samples
                .resize(plane.stride * rows * component.down * 8, 0);
        }
        let level = Level::new();
        let fault = dispatch!(level, simd => self.scan(simd, (columns, rows), room));
        if let Some(fault) = fault {
            return Err(broken(fault));
        }
        dispatch!(level, simd => self.colours(simd, is_ycbcr, room, out));
        Ok(())
    }

    /// From bits to samples; returns what is wrong.
    #[inline(always)]
    fn scan<S: Simd>(
        &self,
        simd: S,
        (columns, rows): (usize, usize),
        room: &mut Room,
    ) -> Option<&'static str> {
        const CUT: &str = "the stream is cut off";
        let units = columns * rows;
        let interval = if self.restart_interval == 0 {
            units
        } else {
            self.restart_interval
        };
        let mut means = [Wrapping(0_i16); 3];
        let Room {
            dc,
            ac,
            clean,
            planes,
            ..
        } = room;
        let Some(mut bits) = clean.interval(0) else {
            return Some(CUT);
        };
        let (mut left, mut intervals) = (interval, 1);
        for row in 0..rows {
            for column in 0..columns {
                if left == 0 {
                    if bits.is_overrun() {
                        return Some(CUT);
                    }
                    let Some(next) = clean.interval(intervals) else {
                        return Some("restart intervals are missing");
                    };
                    bits = next;
                    intervals += 1;
                    left = interval;
                    means = [Wrapping(0); 3];
                }
                left -= 1;
                for ((component, plane), mean) in self
                    .components
                    .iter()
                    .zip(planes.iter_mut())
                    .zip(&mut means)
                {
                    let Some(quantization) = &self.quantization[component.quantization & 3] else {
                        return Some("no quantization table");
                    };
                    let (dc, ac) = (&dc[component.dc & 3], &ac[component.ac & 3]);
                    for y in 0..component.down {
                        for x in 0..component.across {
                            let top = (row * component.down + y) * 8;
                            let at = top * plane.stride + (column * component.across + x) * 8;
                            let Some(target) = plane.samples.get_mut(at..) else {
                                return Some(CUT);
                            };
                            let decoded = block(
                                simd,
                                &mut bits,
                                (dc, ac),
                                quantization,
                                mean,
                                (target, plane.stride),
                            );
                            if decoded.is_none() {
                                return Some("an unknown code");
                            }
                        }
                    }
                }
            }
            if bits.is_overrun() {
                return Some(CUT);
            }
        }
        None
    }

    /// From samples to RGB.
    #[inline(always)]
    fn colours<S: Simd>(&self, _: S, is_ycbcr: bool, room: &mut Room, out: &mut [u8]) {
        let first = self.components.first().copied().unwrap_or_default();
        let Room {
            planes, sums, rows, ..
        } = room;
        for (y, out) in out
            .chunks_exact_mut((self.width * 3).max(1))
            .take(self.height)
            .enumerate()
        {
            let [a, b, c] = &*planes;
            let [second, third] = rows;
            let luma = a.row(y);
            if self.components.len() == 1 {
                colour::interleave([luma; 3], out);
                continue;
            }
            let reduction = (first.across, first.down);
            let b = colour::enlarged(b, reduction, y, sums, second);
            let c = colour::enlarged(c, reduction, y, sums, third);
            if is_ycbcr {
                colour::to_rgb([luma, b, c], out);
            } else {
                colour::interleave([luma, b, c], out);
            }
        }
    }
}

impl Room {
    /// Makes the Huffman tables, unless they are those of the picture before.
    fn define(&mut self, definitions: &[&[u8]]) -> Result<(), CodecError> {
        let mut known = self.defined_by.as_slice();
        let is_same = definitions.iter().all(|definition| {
            let rest = known.strip_prefix(*definition);
            known = rest.unwrap_or_default();
            rest.is_some()
        });
        if is_same && known.is_empty() && !definitions.is_empty() {
            return Ok(());
        }
        // Of tables that are not defined no code is known.
        self.defined_by.clear();
        for table in self.dc.iter_mut().chain(&mut self.ac) {
            *table = Table::empty();
        }
        let wrong = || broken("a Huffman table that does not hold");
        for definition in definitions {
            let mut rest = *definition;
            while let [head, after @ ..] = rest {
                let (counts, after) = after.split_first_chunk::<16>().ok_or_else(wrong)?;
                let total = counts.iter().map(|&n| usize::from(n)).sum();
                let (symbols, after) = after.split_at_checked(total).ok_or_else(wrong)?;
                let tables = if head >> 4 == 0 {
                    &mut self.dc
                } else {
                    &mut self.ac
                };
                let table = tables.get_mut(usize::from(head & 15)).ok_or_else(wrong)?;
                table.build(counts, symbols).ok_or_else(wrong)?;
                rest = after;
            }
        }
        for definition in definitions {
            self.defined_by.extend_from_slice(definition);
        }
        Ok(())
    }
}

/// Decodes one block into samples; `None` for a code that is not known or runs beyond the block.
#[inline(always)]
fn block<S: Simd>(
    simd: S,
    bits: &mut Bits<'_>,
    (dc, ac): (&Table, &Table),
    quantization: &[Wrapping<i16>; 64],
    mean: &mut Wrapping<i16>,
    (out, stride): (&mut [u8], usize),
) -> Option<()> {
    let mut coefficients = [[0_i16; 8]; 8];
    *mean += Wrapping(bits.symbol(dc)?.value);
    let flat = coefficients.as_flattened_mut();
    flat[0] = (*mean * quantization[0]).0;
    let mut number = 1;
    let mut last = 0;
    while number < 64 {
        let symbol = bits.symbol(ac)?;
        if symbol.end {
            break;
        }
        number += symbol.run as usize;
        let place = usize::from(*ZIGZAG.get(number)?);
        flat[place & 63] = (Wrapping(symbol.value) * quantization[number & 63]).0;
        last = number;
        number += 1;
    }
    if last == 0 {
        transform::flat(coefficients[0][0], out, stride);
    } else {
        transform::block(simd, &coefficients, out, stride);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn fixtures() -> impl Iterator<Item = (String, Vec<u8>, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg");
        std::fs::read_dir(folder).unwrap().filter_map(|entry| {
            let path = entry.unwrap().path();
            let is_jpeg = path.extension().is_some_and(|ending| ending == "jpg");
            let read = |path: &Path| std::fs::read(path).unwrap();
            is_jpeg.then(|| {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                (name, read(&path), read(&path.with_extension("rgb")))
            })
        })
    }

    #[test]
    fn pixels_are_those_of_libjpeg() {
        let mut count = 0;
        for (name, jpeg, wanted) in fixtures() {
            let decoder = Decoder::new(&jpeg).unwrap();
            let mut out = vec![0; wanted.len()];
            decoder.decode(true, &mut out).unwrap();
            let most = out.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max();
            assert_eq!(most, Some(0), "{name}");
            count += 1;
        }
        assert_eq!(count, 7);
    }

    #[test]
    fn a_cut_stream_and_changed_bytes_are_errors_or_pixels() {
        let mut state = 88_172_645_463_325_252_u64;
        for (_, jpeg, wanted) in fixtures() {
            let mut out = vec![0; wanted.len()];
            for cut in (0..jpeg.len()).step_by(31) {
                if let Some(decoder) = Decoder::new(&jpeg[..cut]) {
                    assert!(decoder.decode(true, &mut out).is_err(), "{cut}");
                }
            }
            for _ in 0..300 {
                let mut changed = jpeg.clone();
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let at = state as usize % changed.len();
                changed[at] = (state >> 40) as u8;
                if let Some(decoder) = Decoder::new(&changed)
                    && decoder.width * decoder.height * 3 == out.len()
                {
                    drop(decoder.decode(true, &mut out));
                }
            }
        }
    }
}
