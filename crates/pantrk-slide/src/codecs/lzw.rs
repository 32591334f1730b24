//! LZW (TIFF 5): most significant bit first, code width grows one code early (TIFF 6.0 section 13).
//!
//! Known gap: the bit-reversed streams of TIFF writers before 1992.

use weezl::{BitOrder, LzwStatus, decode::Decoder};

use super::CodecError;

const NAME: &str = "LZW";

pub(crate) fn decode(input: &[u8], out: &mut [u8]) -> Result<(), CodecError> {
    let wanted = out.len();
    let mut decoder = Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let (mut input, mut rest) = (input, out);
    while !rest.is_empty() {
        let result = decoder.decode_bytes(input, rest);
        input = input.get(result.consumed_in..).unwrap_or_default();
        rest = rest.get_mut(result.consumed_out..).unwrap_or_default();
        match result.status {
            Ok(LzwStatus::Ok) if result.consumed_in > 0 || result.consumed_out > 0 => {}
            Ok(_) => break,
            Err(error) => {
                return Err(CodecError::Broken {
                    codec: NAME,
                    what: error.to_string(),
                });
            }
        }
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(CodecError::Short {
            codec: NAME,
            found: wanted.saturating_sub(rest.len()),
            wanted,
        })
    }
}
