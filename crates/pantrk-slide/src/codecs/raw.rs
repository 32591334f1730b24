//! No compression (TIFF 1).

use super::CodecError;

pub(crate) fn decode(input: &[u8], out: &mut [u8]) -> Result<(), CodecError> {
    let pixels = input.get(..out.len()).ok_or(CodecError::Short {
        codec: "uncompressed",
        found: input.len(),
        wanted: out.len(),
    })?;
    out.copy_from_slice(pixels);
    Ok(())
}
