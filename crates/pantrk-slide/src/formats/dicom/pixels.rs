//! From the bytes of a frame to RGB.
//!
//! Facts: DICOM PS3.5 annex A.4 and table 8.2-1 (transfer syntaxes), PS3.3 C.7.6.3.1.2 (photometric interpretations).
//!
//! A compressed stream knows its own colours better than the tag beside it: converters write `RGB` over `YCbCr` JPEGs and the other way round, and a reader that believes the tag shows green slides.

use dicom_dictionary_std::uids;
use pantrk_space::LevelSize;

use crate::codecs::jpeg::{self, StatedColour};
use crate::codecs::samples::{self, Alpha, Meaning};
use crate::codecs::{CodecError, ImageRequest, Scratch, jpeg_ls, jpeg2000, rle};
use crate::error::Fault;

/// How frames are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Native,
    Jpeg,
    Jpeg2000,
    JpegLs,
    Rle,
}

/// Transfer syntaxes that are known and not read.
const REFUSED: &[(&str, &str)] = &[
    (uids::JPEG_LOSSLESS, "lossless JPEG"),
    (uids::JPEG_LOSSLESS_SV1, "lossless JPEG"),
    (uids::JPEGXL, "JPEG XL"),
    (uids::JPEGXL_LOSSLESS, "JPEG XL"),
    (uids::JPEGXLJPEG_RECOMPRESSION, "JPEG XL"),
];

impl Syntax {
    pub(super) fn of(uid: &str) -> Result<Self, Fault> {
        match uid {
            uids::IMPLICIT_VR_LITTLE_ENDIAN | uids::EXPLICIT_VR_LITTLE_ENDIAN => Ok(Self::Native),
            uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT => Ok(Self::Jpeg),
            uids::JPEG2000_LOSSLESS
            | uids::JPEG2000
            | uids::HTJ2K_LOSSLESS
            | uids::HTJ2K_LOSSLESS_RPCL
            | uids::HTJ2K => Ok(Self::Jpeg2000),
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Ok(Self::JpegLs),
            uids::RLE_LOSSLESS => Ok(Self::Rle),
            other => {
                let name = REFUSED
                    .iter()
                    .find(|(uid, _)| *uid == other)
                    .map_or("a compression", |(_, name)| *name);
                Err(unsupported(format!(
                    "a DICOM slide in {name} (transfer syntax {other})"
                )))
            }
        }
    }
}

fn unsupported(what: impl Into<String>) -> Fault {
    Fault::Unsupported {
        what: what.into(),
        advice: super::CONVERT.to_owned(),
    }
}

/// How the samples of an instance lie and what they mean.
#[derive(Debug, Clone)]
pub(super) struct Pixels {
    pub(super) syntax: Syntax,
    pub(super) samples: usize,
    pub(super) photometric: String,
    /// Whether each sample has a plane of its own.
    pub(super) planar: bool,
    pub(super) tile: LevelSize,
}

impl Pixels {
    /// Refuses what [`Pixels::decode`] cannot turn into RGB.
    pub(super) fn check(&self, bits: i64) -> Result<(), Fault> {
        if bits != 8 {
            return Err(unsupported(format!(
                "a DICOM slide of {bits} bits a sample"
            )));
        }
        match (self.samples, self.photometric.as_str()) {
            (1, "MONOCHROME1" | "MONOCHROME2")
            | (3, "RGB" | "YBR_FULL" | "YBR_ICT" | "YBR_RCT") => Ok(()),
            (3, "YBR_FULL_422") if self.syntax != Syntax::Native => Ok(()),
            (samples, photometric) => Err(unsupported(format!(
                "a DICOM slide of {samples} samples a pixel in {photometric:?}"
            ))),
        }
    }

    /// Bytes of an uncompressed frame.
    pub(super) fn native_len(&self) -> u64 {
        self.tile.area().saturating_mul(self.samples as u64)
    }

    /// Turns a frame's bytes into RGB.
    pub(super) fn decode(&self, scratch: &mut Scratch, out: &mut [u8]) -> Result<(), Fault> {
        let reason = |error: CodecError| Fault::Broken(error.to_string());
        let pixels = usize::try_from(self.tile.area()).unwrap_or(usize::MAX);
        let len = pixels.saturating_mul(self.samples);
        let Scratch {
            compressed,
            stream,
            samples,
        } = scratch;
        match self.syntax {
            Syntax::Jpeg => {
                let request = ImageRequest {
                    stored: self.tile,
                    needed: self.tile,
                    colour: match self.photometric.as_str() {
                        "RGB" => StatedColour::RgbUnlessSubsampled,
                        "MONOCHROME1" | "MONOCHROME2" => StatedColour::Grey,
                        _ => StatedColour::Unstated,
                    },
                    tables: None,
                };
                jpeg::decode(&request, compressed, stream, out).map_err(reason)?;
                invert_if(self.photometric == "MONOCHROME1", out);
                return Ok(());
            }
            Syntax::Jpeg2000 => {
                let request = ImageRequest {
                    stored: self.tile,
                    needed: self.tile,
                    // A component transform is undone by the decoder, whatever the tag says.
                    colour: match self.photometric.as_str() {
                        "YBR_FULL" | "YBR_FULL_422" => StatedColour::YCbCr,
                        "MONOCHROME1" | "MONOCHROME2" => StatedColour::Grey,
                        _ => StatedColour::Rgb,
                    },
                    tables: None,
                };
                jpeg2000::decode(&request, compressed, stream, out).map_err(reason)?;
                invert_if(self.photometric == "MONOCHROME1", out);
                return Ok(());
            }
            Syntax::JpegLs => {
                samples.clear();
                samples.resize(len, 0);
                jpeg_ls::decode(compressed, self.tile, self.samples, samples).map_err(reason)?;
            }
            Syntax::Rle => {
                stream.clear();
                stream.resize(len, 0);
                rle::decode_planes(compressed, self.samples, stream).map_err(reason)?;
                from_planes(stream, pixels, self.samples, samples);
            }
            Syntax::Native => {
                let held = compressed
                    .get(..len)
                    .ok_or_else(|| Fault::Broken("a frame is cut off".to_owned()))?;
                if self.planar && self.samples > 1 {
                    from_planes(held, pixels, self.samples, samples);
                } else {
                    samples.clear();
                    samples.extend_from_slice(held);
                }
            }
        }
        let meaning = match self.photometric.as_str() {
            "MONOCHROME1" => Meaning::InvertedGrey,
            "MONOCHROME2" => Meaning::Grey,
            _ => Meaning::Rgb,
        };
        samples::to_rgb(samples, self.samples, meaning, Alpha::None, out);
        if self.photometric == "YBR_FULL" {
            samples::rgb_from_ycbcr(out);
        }
        Ok(())
    }
}

/// Grey values of which 0 is white.
fn invert_if(inverted: bool, out: &mut [u8]) {
    if inverted {
        for value in out {
            *value = 255_u8.wrapping_sub(*value);
        }
    }
}

/// Interleaves whole planes.
fn from_planes(planes: &[u8], pixels: usize, channels: usize, samples: &mut Vec<u8>) {
    samples.clear();
    samples.resize(pixels.saturating_mul(channels), 0);
    for (channel, plane) in planes.chunks_exact(pixels.max(1)).enumerate() {
        samples::interleave(plane, channel, channels, samples);
    }
}
