//! Real and reference slides beside the repository; skipped where they are missing.

mod common;

use common::shared_data::shared_data;
use common::{check_reader, difference, read, read_level, rect};
use pantrk_slide::Slide;
use pantrk_space::{LevelSize, RgbBuffer};

#[expect(
    clippy::unwrap_used,
    reason = "a reference that does not open fails the test"
)]
fn png(path: &std::path::Path) -> RgbBuffer {
    let image = image::open(path).unwrap().into_rgb8();
    let size = LevelSize {
        width: image.width(),
        height: image.height(),
    };
    RgbBuffer::from_raw(size, image.into_raw()).unwrap()
}

#[test]
fn cmu_1_small_region() {
    let Some(path) = shared_data("slides/CMU-1-Small-Region.svs") else {
        return;
    };
    let slide = Slide::open(path).unwrap();
    check_reader(&slide);
    assert_eq!(slide.vendor(), "aperio");
    assert_eq!(slide.levels().len(), 1);
    let level = slide.levels()[0];
    assert_eq!((level.size.width, level.size.height), (2220, 2967));
    assert_eq!(level.tile.map(|t| (t.width, t.height)), Some((240, 240)));
    assert!((slide.mpp().unwrap().x.get() - 0.499).abs() < 1e-12);
    assert_eq!(slide.objective_power(), Some(20.0));
    let names: Vec<_> = slide
        .associated_images()
        .iter()
        .map(|i| i.name.as_str())
        .collect();
    assert_eq!(names, ["thumbnail", "label", "macro"]);
    for image in slide.associated_images() {
        assert_eq!(
            slide.read_associated(&image.name).unwrap().size(),
            image.size
        );
    }

    // Stained H&E: red and blue over green, and the thumbnail is the same picture.
    let (whole, gaps) = read_level(&slide, 0);
    assert!(gaps.is_empty());
    let mean = |picture: &RgbBuffer| {
        let mut sums = [0_u64; 3];
        for pixel in picture.as_bytes().chunks_exact(3) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*value);
            }
        }
        sums.map(|sum| sum as f64 / picture.size().area() as f64)
    };
    let found = mean(&whole);
    assert!(
        found[0] > found[1] + 10.0 && found[2] > found[1] + 10.0,
        "{found:?}"
    );
    let thumbnail = mean(&slide.read_associated("thumbnail").unwrap());
    for (a, b) in found.into_iter().zip(thumbnail) {
        assert!((a - b).abs() < 3.0, "{found:?} {thumbnail:?}");
    }
}

#[test]
fn openslide_python_fixtures() {
    if let Some(path) = shared_data("slides/openslide-python_small.svs") {
        let slide = Slide::open(path).unwrap();
        assert_eq!(slide.vendor(), "aperio");
        let (_, gaps) = read(&slide, 0, rect(0, 0, 16, 16));
        assert!(gaps.is_empty(), "{gaps:?}");
        assert_eq!(slide.associated_images().len(), 1);
        slide.read_associated("thumbnail").unwrap();
    }
    if let Some(path) = shared_data("slides/openslide-python_boxes.tiff") {
        let slide = Slide::open(&path).unwrap();
        check_reader(&slide);
        assert_eq!(slide.levels().len(), 4);
        assert_eq!(slide.icc_profile().map(<[u8]>::len), Some(588));
        let mut other = tiff::decoder::Decoder::new(std::fs::File::open(&path).unwrap()).unwrap();
        let tiff::decoder::DecodingResult::U8(theirs) = other.read_image().unwrap() else {
            panic!("8 bits wanted");
        };
        assert!(read_level(&slide, 0).0.as_bytes() == theirs);
    }
}

#[test]
fn generic_pyramids_match_their_truth() {
    // JPEG at its writer's quality differs from the truth by what the encoder lost, so a mean is asked for too.
    for (name, allowed) in [
        ("generic_pyr_lzw_predictor.tif", 0),
        ("generic_pyr_deflate_big.tif", 0),
        ("ome_subifd_lzw.ome.tiff", 0),
        ("ome_subifd_deflate.ome.tiff", 0),
        ("generic_pyr_jpeg.tif", 255),
        ("generic_pyr_zstd.tif", 0),
        ("generic_pyr_webp.tif", 255),
        ("ome_subifd_j2k.ome.tiff", 255),
    ] {
        let Some(path) = shared_data(&format!("slides/synthetic/{name}")) else {
            continue;
        };
        let slide = Slide::open(&path).unwrap();
        check_reader(&slide);
        assert_eq!(slide.levels().len(), 4, "{name}");
        let wanted = if name.starts_with("ome") { 0.25 } else { 0.5 };
        assert!(
            (slide.mpp().unwrap().x.get() - wanted).abs() < 1e-9,
            "{name}"
        );
        let truth = png(&path.with_file_name(format!("{name}.truth.png")));
        let (found, gaps) = read_level(&slide, 0);
        assert!(gaps.is_empty());
        assert!(difference(&found, &truth) <= allowed, "{name}");
        let mean = mean_difference(&found, &truth);
        assert!(mean < 6.0, "{name}: {mean}");
    }
}

#[test]
fn vendors_slides_match_their_truth() {
    // The truth is the picture before the encoder, so a mean tells more than the largest difference.
    for (name, vendor, mpp, origin, levels) in [
        (
            "ventana_iscan_legacy_overlap.bif",
            "ventana",
            0.465,
            (0, 0),
            4,
        ),
        ("ventana_dp200_overlap.bif", "ventana", 0.465, (0, 0), 4),
        ("leica_scn400.scn", "leica", 0.5, (8000, 24_000), 2),
        ("philips.tiff", "philips", 0.25, (0, 0), 4),
        ("mirax_synth.mrxs", "mirax", 0.5, (0, 0), 3),
    ] {
        let Some(path) = shared_data(&format!("slides/synthetic/{name}")) else {
            continue;
        };
        let slide = Slide::open(&path).unwrap();
        check_reader(&slide);
        assert_eq!(slide.vendor(), vendor);
        assert_eq!(slide.levels().len(), levels, "{name}");
        assert!((slide.mpp().unwrap().x.get() - mpp).abs() < 1e-9);
        for image in slide.associated_images() {
            slide.read_associated(&image.name).unwrap();
        }
        let truth = png(&path.with_file_name(format!("{name}.truth.png")));
        let (width, height) = (truth.width(), truth.height());
        let (found, gaps) = read(&slide, 0, rect(origin.0, origin.1, width, height));
        assert!(gaps.is_empty(), "{name}: {gaps:?}");
        let mean = mean_difference(&found, &truth);
        assert!(mean < 4.0, "{name}: {mean}");
    }
}

#[test]
fn a_real_ndpi() {
    let Some(path) = shared_data("slides/test3-DAPI-2-387.ndpi") else {
        return;
    };
    let slide = Slide::open(path).unwrap();
    check_reader(&slide);
    assert_eq!(slide.vendor(), "hamamatsu");
    assert_eq!(slide.levels().len(), 4);
    assert!((slide.mpp().unwrap().x.get() - 0.228_175).abs() < 1e-6);
    assert_eq!(slide.objective_power(), Some(40.0));
    assert_eq!(
        slide.properties()["hamamatsu.YOffsetFromSlideCentre"],
        "-96063"
    );
    assert_eq!(slide.read_associated("macro").unwrap().width(), 1188);
}

fn mean_difference(a: &RgbBuffer, b: &RgbBuffer) -> f64 {
    let sum: u64 = a
        .as_bytes()
        .iter()
        .zip(b.as_bytes())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.as_bytes().len() as f64
}

#[test]
fn what_a_czi_holds_is_read_or_refused_by_name() {
    let Some(folder) = shared_data("slides/czi") else {
        return;
    };
    let slide = Slide::open(folder.join("100x100.czi")).unwrap();
    check_reader(&slide);
    assert_eq!(slide.vendor(), "zeiss");
    assert!((slide.mpp().unwrap().x.get() - 0.1).abs() < 1e-9);
    for name in ["newCZI_compressed.czi", "S3_1Pos_2Mosaic_T1_Z1_CH1.czi"] {
        let error = Slide::open(folder.join(name)).unwrap_err().to_string();
        assert!(error.contains("8 bits"), "{name}: {error}");
    }
}
