//! Writes one picture of a TIFF slide as PNG: `picture_of SLIDE INDEX OUT.png`.

use std::error::Error;
use std::fs::File;

use tiff::decoder::{Decoder, DecodingResult};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [slide, index, out] = arguments.as_slice() else {
        return Err("wanted SLIDE INDEX OUT.png".into());
    };
    let mut decoder = Decoder::new(File::open(slide)?)?;
    decoder.seek_to_image(index.parse()?)?;
    let (width, height) = decoder.dimensions()?;
    let colours = decoder.colortype()?;
    let DecodingResult::U8(mut pixels) = decoder.read_image()? else {
        return Err("wanted 8 bits per channel".into());
    };
    if matches!(colours, tiff::ColorType::YCbCr(_)) {
        for pixel in pixels.chunks_exact_mut(3) {
            let [y, b, r] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
            let (b, r) = (b - 128.0, r - 128.0);
            let rgb = [
                y + 1.402 * r,
                y - 0.344_14 * b - 0.714_14 * r,
                y + 1.772 * b,
            ];
            pixel.copy_from_slice(&rgb.map(|v| (v + 0.5) as u8));
        }
    }
    image::save_buffer(out, &pixels, width, height, image::ExtendedColorType::Rgb8)?;
    Ok(())
}
