//! The sound slides that cases change and fuzzing begins with.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, whose failure is the test's"
)]

use std::fs;
use std::path::Path;

use jpeg_encoder::SamplingFactor;

use crate::common::mirax::{self, Mirax};
use crate::common::vendors::{self, APERIO, Bif};
use crate::common::{self, CLASSIC, Kind, Packing, Value, Writer, czi, picture, pyramid};
use crate::writer::{self, Storage};

pub(crate) type Base = (&'static str, &'static str, fn() -> Vec<u8>);

/// The sound slides: name, file name, and how they are made.
pub(crate) fn bases() -> Vec<Base> {
    const fn kind((big, motorola): (bool, bool)) -> Kind {
        Kind { big, motorola }
    }
    vec![
        ("generic", "slide.tif", || {
            pyramid(CLASSIC, Packing::LzwPredicted).0.bytes
        }),
        ("generic-big", "slide.tif", || {
            pyramid(kind((true, false)), Packing::Deflate).0.bytes
        }),
        ("generic-motorola", "slide.tif", || {
            pyramid(kind((false, true)), Packing::OldDeflatePredicted)
                .0
                .bytes
        }),
        ("generic-big-motorola", "slide.tif", || {
            pyramid(kind((true, true)), Packing::None).0.bytes
        }),
        ("generic-jpeg", "slide.tif", || {
            pyramid(CLASSIC, Packing::Jpeg(SamplingFactor::R_4_2_0))
                .0
                .bytes
        }),
        ("generic-jpeg-tables", "slide.tif", || {
            pyramid(CLASSIC, Packing::JpegRgb).0.bytes
        }),
        ("generic-webp", "slide.tif", || one_level(50001, webp)),
        ("generic-zstd", "slide.tif", || one_level(50000, zstd)),
        ("aperio", "slide.svs", || vendors::aperio(APERIO).0.bytes),
        ("aperio-33003", "slide.svs", || {
            vendors::aperio_jpeg2000(33003, 6, &data("ycbcr_422.j2k")).bytes
        }),
        ("aperio-33005", "slide.svs", || {
            vendors::aperio_jpeg2000(33005, 2, &data("rgb.j2k")).bytes
        }),
        ("ventana-iscan", "slide.bif", || {
            vendors::ventana(Bif::Iscan).0.bytes
        }),
        ("ventana-dp", "slide.bif", || {
            vendors::ventana(Bif::Dp).0.bytes
        }),
        ("ventana-dp-stitched", "slide.bif", || {
            vendors::ventana(Bif::DpStitched).0.bytes
        }),
        ("ventana-areas", "slide.bif", || {
            let areas = [((1, 1), (2, 2), (0, 500)), ((4, 3), (3, 1), (300, 20))];
            vendors::ventana_areas("iScan HT", &areas).0.bytes
        }),
        ("leica", "slide.scn", || vendors::leica().0.bytes),
        ("philips", "slide.tiff", || vendors::philips().0.bytes),
        ("hamamatsu", "slide.ndpi", || vendors::hamamatsu().0.bytes),
        ("huron", "slide.tif", || vendors::huron().0.bytes),
        ("trestle", "slide.tif", || vendors::trestle().0.bytes),
        ("ome", "slide.ome.tif", || vendors::ome(CLASSIC, 1).0.bytes),
        ("ome-planes", "slide.ome.tif", || {
            vendors::ome(kind((true, false)), 4).0.bytes
        }),
        ("jpeg", "field.jpg", || {
            let truth = picture(vendors::size(70, 50));
            let sampling = SamplingFactor::R_4_2_0;
            common::jpeg(
                truth.as_bytes(),
                70,
                50,
                jpeg_encoder::ColorType::Rgb,
                sampling,
            )
        }),
        ("png", "field.png", png),
        ("strips", "field.tif", || {
            let mut writer = Writer::new(CLASSIC);
            let page = vendors::strips(&mut writer, Packing::LzwPredicted, vendors::size(70, 50));
            writer.page(page);
            writer.bytes
        }),
        ("mirax-ini", "slide.mrxs", || mirax().ini),
        ("mirax-index", "slide.mrxs", || mirax().index),
        ("mirax-data", "slide.mrxs", || mirax().data),
        ("dicom", "slide.dcm", || dicom(Storage::Native, false)),
        ("dicom-implicit", "slide.dcm", || {
            dicom(Storage::Implicit, false)
        }),
        ("dicom-sparse", "slide.dcm", || dicom(Storage::Rle, true)),
        ("dicom-jpeg", "slide.dcm", || {
            dicom(Storage::Jpeg(SamplingFactor::F_1_1), false)
        }),
        ("dicom-htj2k", "slide.dcm", || {
            dicom_of(Storage::HighThroughput("ht_lossless.j2c"), false, (64, 48))
        }),
        ("czi", "slide.czi", || czi(czi::NONE)),
        ("czi-jpeg", "slide.czi", || czi(czi::JPEG)),
        ("czi-zstd", "slide.czi", || czi(czi::ZSTD1)),
        ("text", "slide.txt", || {
            b"no slide at all, just a line of text".to_vec()
        }),
    ]
}

/// A slide of several files, of which a case changes one.
pub(crate) fn mirax() -> Mirax {
    Mirax::new(mirax::Made {
        divisions: 1,
        positions: true,
    })
}

/// Writes a base's changed file, and for MIRAX the sound ones beside it.
pub(crate) fn save(base: &str, bytes: &[u8], path: &Path) {
    let Some(part) = base.strip_prefix("mirax-") else {
        fs::write(path, bytes).unwrap();
        return;
    };
    let mut slide = mirax();
    let changed = match part {
        "ini" => &mut slide.ini,
        "index" => &mut slide.index,
        _ => &mut slide.data,
    };
    *changed = bytes.to_vec();
    slide.save(path.parent().unwrap(), "slide");
}

fn czi(compression: i32) -> Vec<u8> {
    czi::file(&czi::mosaic().0, compression)
}

fn dicom(storage: Storage, sparse: bool) -> Vec<u8> {
    dicom_of(storage, sparse, (150, 100))
}

fn dicom_of(storage: Storage, sparse: bool, (width, height): (u32, u32)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer::Writer {
        storage,
        sparse,
        ..writer::Writer::default()
    };
    let path = writer.save(
        &picture(vendors::size(width, height)),
        folder.path(),
        "a.dcm",
    );
    fs::read(path).unwrap()
}

pub(crate) fn data(name: &str) -> Vec<u8> {
    fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name),
    )
    .unwrap()
}

pub(crate) fn png() -> Vec<u8> {
    let truth = picture(vendors::size(70, 50));
    let mut out = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_raw(70, 50, truth.into_bytes())
        .unwrap()
        .write_to(&mut out, image::ImageFormat::Png)
        .unwrap();
    out.into_inner()
}

fn one_level(compression: u16, pack: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let truth = picture(vendors::size(128, 96));
    let mut writer = Writer::new(CLASSIC);
    let tiles: Vec<Vec<u8>> = [(0, 0), (64, 0), (0, 48), (64, 48)]
        .into_iter()
        .map(|(x, y)| pack(&common::crop(&truth, x, y, 64, 48)))
        .collect();
    let mut page =
        common::page_of_packed(&mut writer, truth.size(), &tiles, |_, at, len| (at, len));
    page.push((259, Value::Short(vec![compression])));
    page.push((262, Value::Short(vec![2])));
    writer.page(page);
    writer.bytes
}

pub(crate) fn webp(samples: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    image_webp::WebPEncoder::new(&mut out)
        .encode(samples, 64, 48, image_webp::ColorType::Rgb8)
        .unwrap();
    out
}

pub(crate) fn zstd(samples: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(samples, ruzstd::encoding::CompressionLevel::Fastest)
}
