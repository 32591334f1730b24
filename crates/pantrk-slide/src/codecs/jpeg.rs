//! JPEG (TIFF 7, and whole files): what scanners write by `baseline/`, progressive and the rest by `zune-jpeg`.
//!
//! Facts: ITU-T T.81 annex B (markers), TIFF Technical Note 2 (abbreviated streams and `JPEGTables`), the Adobe APP14 segment.
//!
//! The stream is rebuilt before decoding: start of image, the tables it left out, its own segments without `APPn` and COM.
//! So the decoder meets no metadata (profiles, Exif) and takes no colour decision of its own from them; that is made here.
//!
//! Whose word counts on colour, for three components:
//! 1. TIFF's `YCbCr` (photometric 6): transformed.
//! 2. TIFF's RGB (photometric 2): not transformed, unless the stream itself says `YCbCr` by a JFIF or an Adobe segment. Some writers put whole `YCbCr` JPEG files into tiles of "RGB" pages; taken at its word, such a page is green.
//! 3. A JPEG file by itself: the Adobe segment; without one `YCbCr`, unless the components are called R, G, B.
//!
//! Known gaps: four components (CMYK), arithmetic coding, lossless JPEG, 12 bits, unusual subsampling.

use std::collections::BTreeMap;

use pantrk_space::LevelSize;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::baseline::Decoder;
use super::{CodecError, ImageRequest};

const NAME: &str = "JPEG";

/// What stands around the stream about its colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatedColour {
    /// TIFF photometric 6.
    YCbCr,
    /// TIFF photometric 2.
    Rgb,
    /// RGB by a tag that is known to lie: chroma at less than full resolution gives it away.
    RgbUnlessSubsampled,
    /// TIFF photometric 0 or 1.
    Grey,
    /// Nothing; the stream decides.
    Unstated,
}

/// What the application segments say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Hints {
    jfif: bool,
    adobe_transform: Option<u8>,
}

impl Hints {
    fn or(self, other: Self) -> Self {
        Self {
            jfif: self.jfif || other.jfif,
            adobe_transform: self.adobe_transform.or(other.adobe_transform),
        }
    }

    fn note(&mut self, marker: u8, payload: &[u8]) {
        match marker {
            0xe0 if payload.starts_with(b"JFIF\0") => self.jfif = true,
            0xee if payload.starts_with(b"Adobe") => {
                self.adobe_transform = payload.get(11).copied();
            }
            _ => {}
        }
    }
}

/// The tables of an abbreviated stream, ready to be put in front of each tile.
#[derive(Debug, Default)]
pub(crate) struct JpegTables {
    /// Quantization, Huffman and restart segments, without start and end of image.
    segments: Vec<u8>,
    hints: Hints,
}

impl JpegTables {
    /// Reads the value of TIFF's `JPEGTables`.
    pub(crate) fn parse(stream: &[u8]) -> Result<Self, CodecError> {
        let mut tables = Self::default();
        for segment in Segments::new(stream)? {
            let segment = segment?;
            if matches!(segment.marker, 0xdb | 0xc4 | 0xdd) {
                tables.segments.extend_from_slice(segment.whole);
            } else {
                tables.hints.note(segment.marker, segment.payload);
            }
        }
        Ok(tables)
    }
}

/// One marker segment with a length.
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    /// Without marker and length.
    pub(super) payload: &'a [u8],
    /// With marker and length.
    pub(super) whole: &'a [u8],
}

/// Walks the segments from the start of image to the first scan or the end of image.
pub(super) struct Segments<'a> {
    /// What has not been walked; after the scan's marker it begins with that marker.
    pub(super) rest: &'a [u8],
    done: bool,
}

impl<'a> Segments<'a> {
    pub(super) fn new(stream: &'a [u8]) -> Result<Self, CodecError> {
        match stream {
            [0xff, 0xd8, rest @ ..] => Ok(Self { rest, done: false }),
            _ => Err(broken("no start of image")),
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        // Fill bytes may stand before a marker.
        while let [0xff, 0xff, ..] = self.rest {
            self.rest = self.rest.get(1..)?;
        }
        match self.rest {
            [] | [0xff, 0xda | 0xd9, ..] => {
                self.done = true;
                None
            }
            [
                0xff,
                marker @ (0xc0..=0xcf | 0xdb..=0xdf | 0xe0..=0xef | 0xfe),
                high,
                low,
                ..,
            ] => {
                let len = usize::from(u16::from_be_bytes([*high, *low])).saturating_add(2);
                let Some((whole, rest)) = self.rest.split_at_checked(len) else {
                    self.done = true;
                    return Some(Err(broken("the headers are cut off")));
                };
                self.rest = rest;
                Some(Ok(Segment {
                    marker: *marker,
                    payload: whole.get(4..).unwrap_or_default(),
                    whole,
                }))
            }
            [found, ..] => {
                self.done = true;
                Some(Err(broken(&format!(
                    "{found:#04x} where a marker is wanted"
                ))))
            }
        }
    }
}

/// The colour profile that a JPEG file carries in parts, as ICC.1 annex B has it; `None` where there is none, or not all of it.
pub(crate) fn icc_profile(stream: &[u8]) -> Option<Vec<u8>> {
    let mut parts: BTreeMap<u8, &[u8]> = BTreeMap::new();
    let mut count = None;
    for segment in Segments::new(stream).ok()? {
        let segment = segment.ok()?;
        let part = match segment.marker {
            0xe2 => segment.payload.strip_prefix(b"ICC_PROFILE\0"),
            _ => None,
        };
        let Some([number, of, part @ ..]) = part else {
            continue;
        };
        if *count.get_or_insert(*of) != *of || parts.insert(*number, part).is_some() {
            return None;
        }
    }
    let all: Vec<u8> = (1..=count?).collect();
    if !parts.keys().eq(&all) {
        return None;
    }
    Some(parts.into_values().flatten().copied().collect())
}

pub(super) fn broken(what: &str) -> CodecError {
    CodecError::Broken {
        codec: NAME,
        what: what.to_owned(),
    }
}

/// What the frame header says.
#[derive(Debug, Clone, Copy)]
struct Frame {
    size: LevelSize,
    components: u8,
    ids_are_rgb: bool,
    is_subsampled: bool,
    sampling_is_known: bool,
}

/// How the first of three components is sampled, horizontal and vertical factor in one byte, the others once.
///
/// Only these are let through: of others, the decoder makes wrong pixels without a word (4 x 2 and 1 x 4 in baseline streams, `zune-jpeg` 0.5.15).
const KNOWN_SAMPLINGS: [u8; 5] = [0x11, 0x21, 0x12, 0x22, 0x41];

impl Frame {
    fn parse(payload: &[u8]) -> Option<Self> {
        let [_precision, h1, h0, w1, w0, components, specs @ ..] = payload else {
            return None;
        };
        let (specs, _) = specs.as_chunks::<3>();
        let is_subsampled = matches!(specs, [[_, first, _], [_, second, _], _] if first != second);
        let (ids_are_rgb, sampling_is_known) = match specs {
            [[a, first, _], [b, second, _], [c, third, _]] => (
                [*a, *b, *c] == *b"RGB",
                KNOWN_SAMPLINGS.contains(first) && (*second, *third) == (0x11, 0x11),
            ),
            // A scan of one component has no use for its factors.
            [_] => (false, true),
            _ => (false, false),
        };
        Some(Self {
            size: LevelSize {
                width: u32::from(u16::from_be_bytes([*w1, *w0])),
                height: u32::from(u16::from_be_bytes([*h1, *h0])),
            },
            components: *components,
            ids_are_rgb,
            is_subsampled,
            sampling_is_known,
        })
    }
}

/// Rebuilds the stream into `out`; returns its frame and what its segments say on colour.
fn assemble(
    input: &[u8],
    tables: Option<&JpegTables>,
    out: &mut Vec<u8>,
) -> Result<(Frame, Hints), CodecError> {
    out.clear();
    out.extend_from_slice(&[0xff, 0xd8]);
    let mut hints = Hints::default();
    if let Some(tables) = tables {
        out.extend_from_slice(&tables.segments);
    }
    let mut frame = None;
    let mut segments = Segments::new(input)?;
    for segment in &mut segments {
        let segment = segment?;
        match segment.marker {
            0xe0..=0xef | 0xfe => hints.note(segment.marker, segment.payload),
            // Frame headers; the other three of the range are tables and an extension.
            0xc0..=0xcf if !matches!(segment.marker, 0xc4 | 0xc8 | 0xcc) => {
                frame = Frame::parse(segment.payload);
                out.extend_from_slice(segment.whole);
            }
            _ => out.extend_from_slice(segment.whole),
        }
    }
    let scans = segments.rest;
    if !scans.starts_with(&[0xff, 0xda]) {
        return Err(broken("no scan"));
    }
    // The decoder makes up what a cut stream lacks, so the end must be there.
    // In a scan 0xff is always followed by a zero, a restart or the end.
    if !scans.windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
        return Err(broken("the stream is cut off, its end marker is missing"));
    }
    out.extend_from_slice(scans);
    let frame = frame.ok_or_else(|| broken("no frame header"))?;
    Ok((frame, hints.or(tables.map(|t| t.hints).unwrap_or_default())))
}

/// Whether three components are `YCbCr`; the rules stand at the head of the file.
fn is_ycbcr(stated: StatedColour, hints: Hints, frame: Frame) -> bool {
    let ids_are_rgb = frame.ids_are_rgb;
    match stated {
        StatedColour::YCbCr => true,
        StatedColour::RgbUnlessSubsampled => match hints.adobe_transform {
            Some(transform) => transform != 0,
            None => hints.jfif || (frame.is_subsampled && !ids_are_rgb),
        },
        StatedColour::Rgb | StatedColour::Grey => match hints.adobe_transform {
            Some(transform) => transform != 0,
            None => hints.jfif,
        },
        StatedColour::Unstated => match hints.adobe_transform {
            Some(transform) => transform != 0,
            None => hints.jfif || !ids_are_rgb,
        },
    }
}

/// The size of the picture in a JPEG file, without decoding it.
pub(crate) fn picture_size(input: &[u8]) -> Result<LevelSize, CodecError> {
    for segment in Segments::new(input)? {
        let segment = segment?;
        if matches!(segment.marker, 0xc0..=0xcf) && !matches!(segment.marker, 0xc4 | 0xc8 | 0xcc) {
            return Frame::parse(segment.payload)
                .map(|frame| frame.size)
                .ok_or_else(|| broken("the frame header is cut off"));
        }
    }
    Err(broken("no frame header"))
}

pub(crate) fn decode(
    request: &ImageRequest<'_>,
    input: &[u8],
    stream: &mut Vec<u8>,
    out: &mut [u8],
) -> Result<(), CodecError> {
    let (frame, hints) = assemble(input, request.tables, stream)?;
    let (stored, needed) = (request.stored, request.needed);
    if frame.size.width < needed.width || frame.size.height < needed.height {
        return Err(broken(&format!(
            "the picture is {}, {needed} wanted",
            frame.size
        )));
    }
    // Encoders round up to whole blocks at most.
    if frame.size.width > stored.width.saturating_add(64)
        || frame.size.height > stored.height.saturating_add(64)
    {
        return Err(broken(&format!(
            "the picture is {}, its tile {stored}",
            frame.size
        )));
    }
    let colour = match frame.components {
        1 => ColorSpace::RGB,
        3 if is_ycbcr(request.colour, hints, frame) => ColorSpace::RGB,
        // Components as they are: asked for the space that the decoder takes them for, it does not transform.
        3 if frame.ids_are_rgb => ColorSpace::RGB,
        3 => ColorSpace::YCbCr,
        n => {
            return Err(CodecError::Unsupported(format!("a JPEG of {n} components")));
        }
    };
    if !frame.sampling_is_known {
        return Err(CodecError::Unsupported(
            "a JPEG of unusual subsampling (other than 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1)"
                .to_owned(),
        ));
    }
    let side = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let is_transformed = frame.components == 3 && is_ycbcr(request.colour, hints, frame);
    let baseline = Decoder::new(stream);
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(side(frame.size.width))
        .set_max_height(side(frame.size.height))
        .jpeg_set_out_colorspace(colour);
    let run = |out: &mut [u8]| match &baseline {
        Some(decoder) => decoder.decode(is_transformed, out),
        None => run(stream, options, out),
    };
    if frame.size == stored {
        return run(out);
    }
    let frame_stride = crate::region::bytes_per_row(frame.size.width);
    let mut picture = vec![0; frame_stride.saturating_mul(side(frame.size.height))];
    run(&mut picture)?;
    let stride = crate::region::bytes_per_row(stored.width);
    for (target, source) in out
        .chunks_exact_mut(stride.max(1))
        .zip(picture.chunks_exact(frame_stride.max(1)))
    {
        for (t, s) in target.iter_mut().zip(source) {
            *t = *s;
        }
    }
    Ok(())
}

/// Runs the decoder; a panic inside it costs one tile, not the program.
fn run(stream: &[u8], options: DecoderOptions, out: &mut [u8]) -> Result<(), CodecError> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        JpegDecoder::new_with_options(ZCursor::new(stream), options).decode_into(out)
    }));
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(broken(&format!("{error:?}"))),
        Err(_) => Err(broken("the decoder gave up")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_page_unless_the_stream_contradicts() {
        let none = Hints::default();
        let adobe = |t| Hints {
            jfif: false,
            adobe_transform: Some(t),
        };
        let jfif = Hints {
            jfif: true,
            adobe_transform: None,
        };
        let frame = |ids_are_rgb, is_subsampled| Frame {
            size: LevelSize {
                width: 8,
                height: 8,
            },
            components: 3,
            ids_are_rgb,
            is_subsampled,
            sampling_is_known: true,
        };
        let plain = frame(false, false);
        let (tagged, halved) = (StatedColour::RgbUnlessSubsampled, frame(false, true));
        assert!(!is_ycbcr(tagged, none, plain));
        assert!(is_ycbcr(tagged, none, halved));
        assert!(!is_ycbcr(tagged, adobe(0), halved));
        assert!(!is_ycbcr(StatedColour::Rgb, none, halved));
        assert!(is_ycbcr(StatedColour::YCbCr, adobe(0), plain));
        assert!(!is_ycbcr(StatedColour::Rgb, none, plain));
        assert!(!is_ycbcr(StatedColour::Rgb, adobe(0), plain));
        assert!(is_ycbcr(StatedColour::Rgb, adobe(1), plain));
        assert!(is_ycbcr(StatedColour::Rgb, jfif, plain));
        assert!(is_ycbcr(StatedColour::Unstated, none, plain));
        assert!(!is_ycbcr(StatedColour::Unstated, none, frame(true, false)));
    }

    #[test]
    fn tables_are_kept_without_their_frame() {
        let stream = [
            0xff, 0xd8, // start
            0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, 0, // Adobe
            0xff, 0xdb, 0, 4, 7, 7, // tables
            0xff, 0xd9,
        ];
        let tables = JpegTables::parse(&stream).unwrap();
        assert_eq!(tables.segments, [0xff, 0xdb, 0, 4, 7, 7]);
        assert_eq!(tables.hints.adobe_transform, Some(0));
        assert!(JpegTables::parse(&stream[1..]).is_err());
        assert!(JpegTables::parse(&[0xff, 0xd8, 0xff, 0xdb, 0, 40, 1]).is_err());
    }
}
