//! Zstandard (TIFF 50000), by `ruzstd`.
//!
//! Facts: RFC 8878; libtiff's registration of the number.
//! A frame's checksum, where it has one, is compared.

use ruzstd::decoding::FrameDecoder;

use super::CodecError;

const NAME: &str = "Zstandard";

/// Bytes of history that a frame may ask for; the strongest level of the reference encoder asks for as much.
const MAX_WINDOW: u64 = 128 << 20;

pub(crate) fn decode(input: &[u8], out: &mut [u8]) -> Result<(), CodecError> {
    let wanted = out.len();
    let broken = |what: String| CodecError::Broken { codec: NAME, what };
    // The decoder is other people's code on hostile bytes; a panic inside it costs one tile.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        decoder.decode_all(input, out).map(|found| {
            let stated = decoder.get_checksum_from_data();
            let sound = stated.is_none() || stated == decoder.get_calculated_checksum();
            (found, sound)
        })
    }));
    let (found, sound) = match result {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => return Err(broken(error.to_string())),
        Err(_) => return Err(broken("the decoder gave up".to_owned())),
    };
    if found < wanted {
        return Err(CodecError::Short {
            codec: NAME,
            found,
            wanted,
        });
    }
    if !sound {
        return Err(broken("the checksum does not match".to_owned()));
    }
    Ok(())
}
