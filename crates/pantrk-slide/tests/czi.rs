//! Zeiss CZI files that the test writes itself: mosaics, reductions, compressions, and bytes changed at random.

mod common;

use std::fs;

use common::czi::{Block, JPEG, JPEG_XR, NONE, ZSTD0, ZSTD1, mosaic, save};
use common::{check_reader, difference, read, read_level, rect};
use pantrk_slide::Slide;
use pantrk_space::GapKind;

#[test]
fn each_compression_gives_the_mosaic_back() {
    let folder = tempfile::tempdir().unwrap();
    let (blocks, pictures) = mosaic();
    for (compression, most) in [(NONE, 0), (ZSTD0, 0), (ZSTD1, 0), (JPEG, 30)] {
        let path = save(folder.path(), "slide.czi", &blocks, compression);
        let slide = Slide::open(path).unwrap();
        assert_eq!(slide.vendor(), "zeiss");
        check_reader(&slide);
        assert_eq!(slide.levels().len(), 2);
        for (level, picture) in pictures.iter().enumerate() {
            let (pixels, gaps) = read_level(&slide, level);
            assert!(gaps.is_empty());
            assert!(difference(&pixels, picture) <= most, "{compression}");
        }
        assert!((slide.mpp().unwrap().y.get() - 0.22).abs() < 1e-9);
        assert_eq!(slide.objective_power(), Some(20.0));
        assert!(!format!("{:?}", slide.properties()).contains("somebody"));
    }
}

#[test]
fn the_later_image_is_on_top_and_open_places_were_not_scanned() {
    let folder = tempfile::tempdir().unwrap();
    let flat = |x: i32, order: i32, value: u8| Block {
        x,
        y: 0,
        size: (64, 64),
        stored: (64, 64),
        order,
        rgb: vec![value; 64 * 64 * 3],
    };
    let blocks = [flat(0, 2, 50), flat(32, 1, 90), flat(160, 3, 120)];
    let slide = Slide::open(save(folder.path(), "a.czi", &blocks, NONE)).unwrap();
    let (pixels, gaps) = read(&slide, 0, rect(0, 0, 224, 64));
    assert_eq!(pixels.pixel(40, 5), [50; 3]);
    assert_eq!(pixels.pixel(70, 5), [90; 3]);
    let open: Vec<_> = gaps.iter().map(|gap| (gap.rect, &gap.kind)).collect();
    assert_eq!(open, [(rect(96, 0, 64, 64), &GapKind::NotScanned)]);
}

#[test]
fn what_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (blocks, _) = mosaic();
    let path = save(folder.path(), "xr.czi", &blocks, JPEG_XR);
    let error = Slide::open(path).unwrap_err().to_string();
    assert!(
        error.contains("JPEG XR") && error.contains("convert"),
        "{error}"
    );
    let reduced: Vec<Block> = blocks.into_iter().filter(|b| b.size != b.stored).collect();
    let path = save(folder.path(), "reduced.czi", &reduced, NONE);
    let error = Slide::open(path).unwrap_err().to_string();
    assert!(error.contains("full size"), "{error}");
}

/// Bytes changed and files cut at random: an error or pixels, never a panic.
#[test]
fn no_change_of_a_byte_panics() {
    let folder = tempfile::tempdir().unwrap();
    let (blocks, _) = mosaic();
    let mut state = 2_463_534_242_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for compression in [ZSTD1, JPEG] {
        let path = save(folder.path(), "slide.czi", &blocks, compression);
        let bytes = fs::read(&path).unwrap();
        let tail = bytes.len() - 2500;
        for round in 0..300 {
            let mut changed = bytes.clone();
            for _ in 0..=round % 3 {
                // The directory at the end, or anywhere.
                let at = if round % 2 == 0 {
                    tail + random() % 2500
                } else {
                    random() % bytes.len()
                };
                changed[at] = random() as u8;
            }
            if round % 8 == 0 {
                changed.truncate(random() % bytes.len());
            }
            fs::write(&path, &changed).unwrap();
            if let Ok(slide) = Slide::open(&path) {
                let size = slide.levels()[0].size;
                read(
                    &slide,
                    0,
                    rect(0, 0, size.width.min(400), size.height.min(300)),
                );
            }
        }
    }
}
