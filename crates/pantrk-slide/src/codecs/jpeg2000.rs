//! JPEG 2000 (TIFF 33003, 33004, 33005, 34712, DICOM; raw codestreams and JP2 files), by `hayro-jpeg2000`; High-Throughput JPEG 2000 by `dicom-toolkit-jpeg2000`, a fork of it that has the other block coder.
//!
//! Facts: ITU-T T.800 annexes A (markers) and G (component transforms); T.814 annex A (what a high-throughput stream says of itself); Aperio's numbers as `OpenSlide` documents them.
//!
//! Whose word counts on colour, for three components:
//! 1. A component transform in the stream: the components come out as RGB.
//! 2. Otherwise the file around the stream: 33003 and photometric 6 are `YCbCr`, 33005 and photometric 2 RGB.
//!
//! The decoder takes subsampled second and third components for `YCbCr` and turns them into RGB by itself, those of full size never.
//! So the sampling is read here first, and `YCbCr` of full size is transformed here (BT.601, full range, as in JFIF).
//!
//! Known gaps: four components, more than 8 bits a sample; high-throughput streams with subsampled components or less than 8 bits.

use dicom_toolkit_jpeg2000 as ht;
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use pantrk_space::LevelSize;

use super::jpeg::StatedColour;
use super::{CodecError, ImageRequest};

const NAME: &str = "JPEG 2000";

fn broken(what: impl Into<String>) -> CodecError {
    CodecError::Broken {
        codec: NAME,
        what: what.into(),
    }
}

fn unsupported(what: &str) -> CodecError {
    CodecError::Unsupported(format!("a JPEG 2000 of {what}"))
}

/// What the main header says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    size: LevelSize,
    /// Horizontal and vertical step of each component's samples.
    steps: Vec<(u8, u8)>,
    bits: u8,
    /// Whether the components were transformed from RGB.
    transformed: bool,
    /// Whether blocks are coded as Part 15 has it.
    high_throughput: bool,
}

impl Header {
    /// Reads SIZ and COD of a codestream, bare or in a JP2 file.
    fn parse(input: &[u8]) -> Result<Self, CodecError> {
        let mut rest = codestream(input)?;
        let mut header = None;
        loop {
            let [0xff, marker, high, low, after @ ..] = rest else {
                return Err(broken("the main header is cut off"));
            };
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            let body_len = len.checked_sub(2).ok_or_else(|| broken("a bad marker"))?;
            let (body, next) = after
                .split_at_checked(body_len)
                .ok_or_else(|| broken("the main header is cut off"))?;
            match (marker, &mut header) {
                (0x51, None) => header = Some(Self::from_siz(body)?),
                // The second of four bytes has the bit of Part 15.
                (0x50, Some(header)) => {
                    header.high_throughput |= body.get(1).is_some_and(|parts| parts & 2 != 0);
                }
                (0x52, Some(header)) => {
                    header.transformed = body.get(4).is_some_and(|&transform| transform != 0);
                    header.high_throughput |= body.get(8).is_some_and(|style| style & 0x40 != 0);
                    return Ok(header.clone());
                }
                (0x90 | 0x93 | 0xd9, _) => return Err(broken("no coding style")),
                (_, None) => return Err(broken("no image size")),
                _ => {}
            }
            rest = next;
        }
    }

    fn from_siz(body: &[u8]) -> Result<Self, CodecError> {
        let short = || broken("the image size is cut off");
        let number = |at: usize| -> Result<u32, CodecError> {
            let bytes = body
                .get(at..at.saturating_add(4))
                .and_then(|bytes| bytes.first_chunk::<4>())
                .ok_or_else(short)?;
            Ok(u32::from_be_bytes(*bytes))
        };
        let side = |end: usize, start: usize| -> Result<u32, CodecError> {
            let (end, start) = (number(end)?, number(start)?);
            end.checked_sub(start)
                .filter(|&side| side > 0)
                .ok_or_else(|| broken(format!("the image goes from {start} to {end}")))
        };
        let count = body.get(34..36).ok_or_else(short)?;
        let count = usize::from(u16::from_be_bytes([
            count.first().copied().unwrap_or(0),
            count.last().copied().unwrap_or(0),
        ]));
        let (specs, _) = body.get(36..).unwrap_or_default().as_chunks::<3>();
        if count == 0 || specs.len() < count {
            return Err(broken(format!(
                "{count} components, {} described",
                specs.len()
            )));
        }
        let specs = specs.get(..count).unwrap_or_default();
        let mut bits = 0;
        for [depth, ..] in specs {
            if depth & 0x80 != 0 {
                return Err(unsupported("signed samples"));
            }
            bits = bits.max((depth & 0x7f).saturating_add(1));
        }
        Ok(Self {
            size: LevelSize {
                width: side(2, 10)?,
                height: side(6, 14)?,
            },
            steps: specs.iter().map(|[_, x, y]| (*x, *y)).collect(),
            bits,
            transformed: false,
            high_throughput: false,
        })
    }
}

/// The codestream behind its start marker; of a JP2 file, that in its first `jp2c` box.
fn codestream(input: &[u8]) -> Result<&[u8], CodecError> {
    let mut rest = input;
    if !rest.starts_with(&[0, 0, 0, 12, b'j', b'P', b' ', b' ']) {
        return rest
            .strip_prefix(&[0xff, 0x4f])
            .ok_or_else(|| broken("no start of codestream"));
    }
    loop {
        let [a, b, c, d, kind @ ..] = rest else {
            return Err(broken("no codestream in the JP2 file"));
        };
        let len = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
        if let Some(body) = kind.strip_prefix(b"jp2c") {
            return body
                .strip_prefix(&[0xff, 0x4f])
                .ok_or_else(|| broken("no start of codestream"));
        }
        // Boxes of 64-bit length hold no header of a tile.
        if len < 8 {
            return Err(broken("no codestream in the JP2 file"));
        }
        rest = rest.get(len..).unwrap_or_default();
    }
}

/// Colours as the page says.
pub(crate) fn decode(
    request: &ImageRequest<'_>,
    input: &[u8],
    scratch: &mut Vec<u8>,
    out: &mut [u8],
) -> Result<(), CodecError> {
    run(request, request.colour, input, scratch, out)
}

/// Aperio 33003.
pub(crate) fn decode_ycbcr(
    request: &ImageRequest<'_>,
    input: &[u8],
    scratch: &mut Vec<u8>,
    out: &mut [u8],
) -> Result<(), CodecError> {
    run(request, StatedColour::YCbCr, input, scratch, out)
}

/// Aperio 33005.
pub(crate) fn decode_rgb(
    request: &ImageRequest<'_>,
    input: &[u8],
    scratch: &mut Vec<u8>,
    out: &mut [u8],
) -> Result<(), CodecError> {
    run(request, StatedColour::Rgb, input, scratch, out)
}

fn run(
    request: &ImageRequest<'_>,
    colour: StatedColour,
    input: &[u8],
    scratch: &mut Vec<u8>,
    out: &mut [u8],
) -> Result<(), CodecError> {
    let header = Header::parse(input)?;
    if header.size != request.stored {
        return Err(broken(format!(
            "the picture is {}, its tile {}",
            header.size, request.stored
        )));
    }
    if header.bits > 8 {
        return Err(unsupported("more than 8 bits a sample"));
    }
    let grey = match header.steps.as_slice() {
        [_] => true,
        [_, _, _] => false,
        other => {
            return Err(unsupported(&format!("{} components", other.len())));
        }
    };
    let full = header.steps.iter().all(|step| *step == (1, 1));
    let converts = !grey && !full;
    if converts {
        // Only what the decoder itself takes for YCbCr, and only where that is right.
        let known = matches!(header.steps.as_slice(), [(1, 1), (2, 1 | 2), cr] if Some(cr) == header.steps.get(1));
        if !known {
            return Err(unsupported("unusual subsampling"));
        }
        if colour == StatedColour::Rgb {
            return Err(unsupported("subsampled RGB"));
        }
    }
    if header.high_throughput && (converts || header.bits != 8) {
        return Err(unsupported(
            "the high-throughput kind with subsampled components or other than 8 bits",
        ));
    }
    // The decoders are other people's code on hostile bytes; a panic inside them costs one tile.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let samples: &mut [u8] = if grey {
            scratch.clear();
            scratch.resize(out.len().checked_div(3).unwrap_or(0), 0);
            scratch
        } else {
            out
        };
        if header.high_throughput {
            high_throughput(input, samples)
        } else {
            classic(input, if grey { 1 } else { 3 }, samples)
        }
    }));
    result.unwrap_or_else(|_| Err(broken("the decoder gave up")))?;
    let (rgb, _) = out.as_chunks_mut::<3>();
    if grey {
        for (pixel, value) in rgb.iter_mut().zip(scratch.iter()) {
            *pixel = [*value; 3];
        }
    } else if full && !header.transformed && colour == StatedColour::YCbCr {
        for pixel in rgb {
            *pixel = rgb_from_ycbcr(*pixel);
        }
    }
    Ok(())
}

/// Interleaved samples by the block coder of Part 1.
fn classic(input: &[u8], channels: usize, out: &mut [u8]) -> Result<(), CodecError> {
    let settings = DecodeSettings {
        strict: true,
        ..DecodeSettings::default()
    };
    let image = Image::new(input, &settings).map_err(|error| broken(error.to_string()))?;
    let mut context = DecoderContext::default();
    let decoded = image
        .decode(&mut context)
        .map_err(|error| broken(error.to_string()))?;
    let components = decoded.components();
    let pixels = out.len().checked_div(channels).unwrap_or(0);
    if components.len() != channels || components.iter().any(|c| c.samples().len() != pixels) {
        return Err(broken("the components are not of the picture's size"));
    }
    decoded.store_u8_into(out);
    Ok(())
}

/// Interleaved samples by the block coder of Part 15.
fn high_throughput(input: &[u8], out: &mut [u8]) -> Result<(), CodecError> {
    let settings = ht::DecodeSettings {
        strict: true,
        ..ht::DecodeSettings::default()
    };
    let image = ht::Image::new(input, &settings).map_err(|error| broken(error.to_string()))?;
    let decoded = image
        .decode_native()
        .map_err(|error| broken(error.to_string()))?;
    if decoded.bytes_per_sample != 1 || decoded.data.len() != out.len() {
        return Err(broken("the components are not of the picture's size"));
    }
    out.copy_from_slice(&decoded.data);
    Ok(())
}

/// BT.601 in full range.
fn rgb_from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
    .map(to_byte)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte first"
)]
fn to_byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn siz(width: u32, height: u32, specs: &[[u8; 3]]) -> Vec<u8> {
        let mut out = vec![0xff, 0x4f, 0xff, 0x51];
        let len = specs.as_flattened().len().saturating_add(38);
        out.extend(u16::try_from(len).unwrap().to_be_bytes());
        out.extend([0, 0]);
        for side in [width, height, 0, 0, width, height, 0, 0] {
            out.extend(side.to_be_bytes());
        }
        out.extend(u16::try_from(specs.len()).unwrap().to_be_bytes());
        out.extend(specs.as_flattened());
        out
    }

    #[test]
    fn the_main_header_is_read() {
        let mut stream = siz(240, 200, &[[7, 1, 1], [7, 2, 1], [7, 2, 1]]);
        stream.extend([0xff, 0x52, 0, 7, 0, 0, 0, 1, 1]);
        let header = Header::parse(&stream).unwrap();
        assert_eq!((header.size.width, header.size.height), (240, 200));
        assert_eq!(header.steps, [(1, 1), (2, 1), (2, 1)]);
        assert_eq!((header.bits, header.transformed), (8, true));
        for len in 0..stream.len() {
            assert!(Header::parse(&stream[..len]).is_err(), "{len}");
        }
        assert!(Header::parse(&siz(0, 5, &[[7, 1, 1]])).is_err());
        assert!(Header::parse(&siz(5, 5, &[])).is_err());
        assert!(Header::parse(&siz(5, 5, &[[0x87, 1, 1]])).is_err());
    }

    #[test]
    fn high_throughput_streams_name_themselves() {
        let grey = include_bytes!("../../tests/data/ht_grey.j2c");
        let header = Header::parse(grey).unwrap();
        assert!(header.high_throughput && header.steps == [(1, 1)]);
        let classic = include_bytes!("../../tests/data/grey.j2k");
        assert!(!Header::parse(classic).unwrap().high_throughput);
        let request = ImageRequest {
            stored: header.size,
            needed: header.size,
            colour: StatedColour::Grey,
            tables: None,
        };
        let (mut found, mut wanted) = (vec![0; 64 * 48 * 3], vec![1; 64 * 48 * 3]);
        decode(&request, grey, &mut Vec::new(), &mut found).unwrap();
        decode(&request, classic, &mut Vec::new(), &mut wanted).unwrap();
        assert_eq!(found, wanted);
    }

    #[test]
    fn colours_are_those_of_jfif() {
        assert_eq!(rgb_from_ycbcr([255, 128, 128]), [255; 3]);
        assert_eq!(rgb_from_ycbcr([0, 128, 128]), [0; 3]);
        assert_eq!(rgb_from_ycbcr([76, 85, 255]), [254, 0, 0]);
    }
}
