//! Compressions, one file and one row each.
//!
//! A new codec is a file here and a row in [`CODECS`]; a compression that is known but not read is a row in [`REFUSED`] with what to do instead.
//!
//! **Architecture invariant:** a codec sees bytes and sizes, never a file or a vendor. It fills its output whole or returns an error; a short result is an error, because the rest would be invented pixels.

mod baseline;
pub(crate) mod deflate;
pub(crate) mod jpeg;
pub(crate) mod jpeg2000;
pub(crate) mod jpeg_intervals;
pub(crate) mod jpeg_ls;
pub(crate) mod lzw;
pub(crate) mod raw;
pub(crate) mod rle;
pub(crate) mod samples;
pub(crate) mod webp;
pub(crate) mod zstd;

use pantrk_space::LevelSize;

pub(crate) use jpeg::JpegTables;

/// Why a tile's bytes give no pixels; the text becomes the reason of a gap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("the {codec} data end after {found} of {wanted} bytes")]
    Short {
        codec: &'static str,
        found: usize,
        wanted: usize,
    },
    #[error("the {codec} data are broken: {what}")]
    Broken { codec: &'static str, what: String },
    #[error("{0} cannot be read")]
    Unsupported(String),
}

/// Buffers that are kept from tile to tile of one region.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// What the file holds.
    pub(crate) compressed: Vec<u8>,
    /// A codec's assembled input.
    pub(crate) stream: Vec<u8>,
    /// Samples before they become RGB.
    pub(crate) samples: Vec<u8>,
}

/// What a codec of pictures must produce.
pub(crate) struct ImageRequest<'a> {
    /// Rows in the output are this wide, and there are this many.
    pub(crate) stored: LevelSize,
    /// At least this much of the top left corner must hold pixels.
    pub(crate) needed: LevelSize,
    /// What the file around the stream says about its colours.
    pub(crate) colour: jpeg::StatedColour,
    /// Tables that the stream leaves out.
    pub(crate) tables: Option<&'a JpegTables>,
}

pub(crate) type DecodeBytes = fn(&[u8], &mut [u8]) -> Result<(), CodecError>;
pub(crate) type DecodeImage =
    fn(&ImageRequest<'_>, &[u8], &mut Vec<u8>, &mut [u8]) -> Result<(), CodecError>;

/// How a codec works.
#[derive(Clone, Copy)]
pub(crate) enum Decode {
    /// Bytes in, the samples' bytes out; prediction and colours are the caller's.
    Bytes(DecodeBytes),
    /// A picture with its own colours in, RGB out; the vector is scratch space.
    Image(DecodeImage),
}

/// A compression that is read.
pub(crate) struct Codec {
    /// Its TIFF compression numbers.
    pub(crate) tags: &'static [u64],
    pub(crate) decode: Decode,
    /// Whether TIFF's Predictor tag applies.
    pub(crate) predicts: bool,
}

/// All codecs.
pub(crate) static CODECS: &[Codec] = &[
    Codec {
        tags: &[1],
        decode: Decode::Bytes(raw::decode),
        predicts: false,
    },
    Codec {
        tags: &[5],
        decode: Decode::Bytes(lzw::decode),
        predicts: true,
    },
    Codec {
        tags: &[7],
        decode: Decode::Image(jpeg::decode),
        predicts: false,
    },
    Codec {
        tags: &[8, 32946],
        decode: Decode::Bytes(deflate::decode),
        predicts: true,
    },
    // Aperio's numbers say the colours too; 34712 leaves them to the page.
    Codec {
        tags: &[33003],
        decode: Decode::Image(jpeg2000::decode_ycbcr),
        predicts: false,
    },
    Codec {
        tags: &[33004, 33005],
        decode: Decode::Image(jpeg2000::decode_rgb),
        predicts: false,
    },
    Codec {
        tags: &[34712],
        decode: Decode::Image(jpeg2000::decode),
        predicts: false,
    },
    Codec {
        tags: &[50000],
        decode: Decode::Bytes(zstd::decode),
        predicts: true,
    },
    Codec {
        tags: &[50001, 34927],
        decode: Decode::Image(webp::decode),
        predicts: false,
    },
];

/// Compressions that are known and refused, by TIFF number.
pub(crate) static REFUSED: &[(&[u64], &str)] = &[
    (&[2, 3, 4], "fax compression of bilevel pages"),
    (&[6], "old-style JPEG compression"),
    (&[32773], "PackBits compression"),
    (&[34887], "LERC compression"),
    (&[34925], "LZMA compression"),
    (&[22610, 34934], "JPEG XR compression"),
    (&[50002, 52546], "JPEG XL compression"),
];

/// What to do about a compression that is not read.
pub(crate) const CONVERT: &str =
    "convert the slide to a pyramidal TIFF with JPEG or Deflate tiles (vips tiffsave, bfconvert)";

/// The codec of a TIFF compression number, or what that number stands for.
pub(crate) fn by_tag(tag: u64) -> Result<&'static Codec, String> {
    if let Some(codec) = CODECS.iter().find(|codec| codec.tags.contains(&tag)) {
        return Ok(codec);
    }
    Err(REFUSED
        .iter()
        .find(|(tags, _)| tags.contains(&tag))
        .map_or_else(
            || format!("TIFF compression {tag}"),
            |(_, name)| (*name).to_owned(),
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_stands_twice() {
        let mut all: Vec<u64> = CODECS.iter().flat_map(|c| c.tags).copied().collect();
        all.extend(REFUSED.iter().flat_map(|(tags, _)| *tags));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
