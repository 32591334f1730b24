//! WebP (TIFF 50001, and 34927 of older writers), lossy and lossless, by `image-webp`.
//!
//! Facts: RFC 9649; libtiff's registration of the number.
//! Known gaps: animations are refused; the embedded profile is not looked at, the page's counts.

use std::io::Cursor;

use image_webp::WebPDecoder;
use pantrk_space::LevelSize;

use super::samples::{self, Alpha, Meaning};
use super::{CodecError, ImageRequest};

const NAME: &str = "WebP";

pub(crate) fn decode(
    request: &ImageRequest<'_>,
    input: &[u8],
    scratch: &mut Vec<u8>,
    out: &mut [u8],
) -> Result<(), CodecError> {
    let broken = |what: String| CodecError::Broken { codec: NAME, what };
    // The decoder is other people's code on hostile bytes; a panic inside it costs one tile.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut decoder =
            WebPDecoder::new(Cursor::new(input)).map_err(|error| broken(error.to_string()))?;
        let (width, height) = decoder.dimensions();
        let size = LevelSize { width, height };
        if size != request.stored {
            return Err(broken(format!(
                "the picture is {size}, its tile {}",
                request.stored
            )));
        }
        if decoder.is_animated() {
            return Err(CodecError::Unsupported("an animated WebP tile".to_owned()));
        }
        decoder.set_memory_limit(out.len().saturating_mul(8).saturating_add(1 << 20));
        if !decoder.has_alpha() {
            return decoder
                .read_image(out)
                .map_err(|error| broken(error.to_string()));
        }
        scratch.clear();
        scratch.resize(decoder.output_buffer_size().unwrap_or(0), 0);
        decoder
            .read_image(scratch)
            .map_err(|error| broken(error.to_string()))?;
        samples::to_rgb(scratch, 4, Meaning::Rgb, Alpha::Unassociated, out);
        Ok(())
    }));
    result.unwrap_or_else(|_| Err(broken("the decoder gave up".to_owned())))
}
