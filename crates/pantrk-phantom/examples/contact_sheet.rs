//! Puts fields side by side to look at: `contact_sheet OUT.png training|presets SEED SIZE MPP`.

use std::error::Error;

use pantrk_phantom::{FieldSpec, Preset, render_field, training_field};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, what, seed, size, mpp] = arguments.as_slice() else {
        return Err("wanted OUT.png training|presets SEED SIZE MPP".into());
    };
    let (seed, size, mpp): (u64, u32, f64) = (seed.parse()?, size.parse()?, mpp.parse()?);
    let mut pictures = Vec::new();
    if what == "training" {
        for index in 0..12 {
            pictures.push(training_field(seed, index, size, mpp)?.0.rgb);
        }
    } else {
        for (_, preset) in Preset::TABLE {
            let mut slide = preset.spec();
            slide.seed = seed;
            slide.tissue_fraction = 1.0;
            slide.tumour_fraction = 0.8;
            slide.width = 8000;
            slide.height = 8000;
            pictures.push(
                render_field(&FieldSpec {
                    slide,
                    origin_um: [700.0, 700.0],
                    width: size,
                    height: size,
                    mpp,
                })?
                .rgb,
            );
        }
    }
    let (side, columns) = (size as usize, 4);
    let rows = pictures.len().div_ceil(columns);
    let mut sheet = vec![255_u8; columns * side * rows * side * 3];
    for (i, picture) in pictures.iter().enumerate() {
        for y in 0..side {
            let at = ((i / columns * side + y) * columns + i % columns) * side * 3;
            sheet[at..at + side * 3].copy_from_slice(picture.row(y as u32));
        }
    }
    image::save_buffer(
        out,
        &sheet,
        (columns * side) as u32,
        (rows * side) as u32,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(())
}
