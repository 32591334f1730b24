//! Deflate in a zlib wrapper (TIFF 8, and 32946 of older writers).

use flate2::{Decompress, FlushDecompress};

use super::CodecError;

const NAME: &str = "Deflate";

pub(crate) fn decode(input: &[u8], out: &mut [u8]) -> Result<(), CodecError> {
    let wanted = out.len();
    let broken = |error: flate2::DecompressError| CodecError::Broken {
        codec: NAME,
        what: error.to_string(),
    };
    let mut inflate = Decompress::new(true);
    inflate
        .decompress(input, out, FlushDecompress::Finish)
        .map_err(broken)?;
    let found = usize::try_from(inflate.total_out()).unwrap_or(usize::MAX);
    if found < wanted {
        return Err(CodecError::Short {
            codec: NAME,
            found,
            wanted,
        });
    }
    // The output is full before the checksum is read; one step more compares it.
    // A stream that holds more than the tile is let through: some writers pad.
    let read = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
    if let Some(rest) = input.get(read..).filter(|rest| !rest.is_empty()) {
        inflate
            .decompress(rest, &mut [0; 1], FlushDecompress::Finish)
            .map_err(broken)?;
    }
    Ok(())
}
