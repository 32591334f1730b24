//! Seeds for `fuzz/`, written where `PANTRK_SEEDS` names a folder: `<folder>/<target>/<name>`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, whose failure is the test's"
)]

use std::fs;
use std::path::Path;

use jpeg_encoder::{ColorType, SamplingFactor};

use crate::bases;
use crate::common::{self, picture, vendors};

/// The fuzz target of a base, and what stands before the file's bytes there.
fn target(base: &str) -> Option<(&'static str, &'static [u8])> {
    let first = base.split('-').next().unwrap_or_default();
    Some(match first {
        "generic" => ("generic_tiff", &[]),
        "aperio" => ("aperio", &[]),
        "ventana" => ("ventana", &[]),
        "leica" => ("leica", &[]),
        "philips" => ("philips", &[]),
        "hamamatsu" => ("hamamatsu", &[]),
        "huron" => ("huron", &[]),
        "trestle" => ("trestle", &[]),
        "ome" => ("ome_tiff", &[]),
        "dicom" => ("dicom", &[]),
        "czi" => ("zeiss", &[]),
        "png" => ("plain_image", &[0]),
        "jpeg" => ("plain_image", &[1]),
        "strips" => ("plain_image", &[2]),
        "mirax" => ("mirax", &[]),
        _ => return None,
    })
}

fn put(root: &Path, target: &str, name: &str, parts: &[&[u8]]) {
    let folder = root.join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), parts.concat()).unwrap();
}

/// Writes a base, changed or not, as a seed of its format and of the probe.
pub(crate) fn slide(root: &Path, base: &str, name: &str, bytes: &[u8]) {
    let Some((target, before)) = target(base) else {
        return;
    };
    if let Some(part) = base.strip_prefix("mirax-") {
        let mut slide = bases::mirax();
        *match part {
            "ini" => &mut slide.ini,
            "index" => &mut slide.index,
            _ => &mut slide.data,
        } = bytes.to_vec();
        let length = |part: &[u8]| u16::try_from(part.len()).unwrap().to_le_bytes();
        let lengths = [length(&slide.ini), length(&slide.index)].concat();
        put(
            root,
            target,
            name,
            &[&lengths, &slide.ini, &slide.index, &slide.data],
        );
        return;
    }
    put(root, target, name, &[before, bytes]);
    if bytes.len() < 100_000 {
        let ending = (name.len() % 12) as u8;
        put(root, "probe", name, &[&[ending], bytes]);
    }
}

/// Writes one sound stream of each kind for each codec.
pub(crate) fn codecs(root: &Path) {
    let truth = picture(vendors::size(64, 48));
    let samples = truth.as_bytes();
    // Colours as the page says RGB; a tile of 64 x 48.
    let before: &[u8] = &[0, 0];
    put(root, "codec_raw", "rgb", &[before, samples]);
    put(root, "codec_lzw", "rgb", &[before, &common::lzw(samples)]);
    put(
        root,
        "codec_deflate",
        "rgb",
        &[before, &common::deflate(samples)],
    );
    put(root, "codec_zstd", "rgb", &[before, &bases::zstd(samples)]);
    put(root, "codec_webp", "rgb", &[before, &bases::webp(samples)]);
    let samplings = [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
    ];
    for (number, sampling) in samplings.into_iter().enumerate() {
        let jpeg = common::jpeg(samples, 64, 48, ColorType::Rgb, sampling);
        put(
            root,
            "codec_jpeg",
            &format!("colour-{number}"),
            &[&[1, 0], &jpeg],
        );
        let mut progressive = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 80);
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(true);
        encoder.set_restart_interval(4);
        encoder.encode(samples, 64, 48, ColorType::Rgb).unwrap();
        put(
            root,
            "codec_jpeg",
            &format!("progressive-{number}"),
            &[&[1, 0], &progressive],
        );
    }
    let grey: Vec<u8> = samples.iter().step_by(3).copied().collect();
    let jpeg = common::jpeg(&grey, 64, 48, ColorType::Luma, SamplingFactor::F_1_1);
    put(root, "codec_jpeg", "grey", &[&[10, 0], &jpeg]);
    for (name, first) in [
        ("ycbcr_422.j2k", 0),
        ("rgb.j2k", 64),
        ("ycbcr.j2k", 0),
        ("grey.j2k", 138),
        ("rgb_transformed.j2k", 128),
        ("ht_lossless.j2c", 128),
        ("ht_lossy.j2c", 128),
        ("ht_grey.j2c", 138),
    ] {
        let stream = bases::data(name);
        put(root, "codec_jpeg2000", name, &[&[first, 2], &stream]);
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jpeg_ls");
    for entry in fs::read_dir(fixtures).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "jls") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let colour = u8::from(name.starts_with("grey"));
            put(
                root,
                "codec_jpeg_ls",
                &name,
                &[&[colour], &fs::read(&path).unwrap()],
            );
        }
    }
    // Run lengths: the header of three segments, each of one long run after another.
    let mut rle: Vec<u8> = [3_u32, 64, 64 + 48, 64 + 96]
        .iter()
        .chain(&[0; 12])
        .flat_map(|value| value.to_le_bytes())
        .collect();
    for plane in 0..3_u8 {
        rle.extend((0..24).flat_map(|run| [129, run * 7 + plane]));
    }
    put(root, "codec_rle", "rgb", &[&[0], &rle]);
}
