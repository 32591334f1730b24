//! Broken, sparse, cut and absurd files: gaps and errors, never a panic and never made-up pixels.

mod common;

use common::{
    CLASSIC, KINDS, PACKINGS, Packing, TILE, Value, Writer, picture, pyramid, read, read_level,
    rect, tiled_page,
};
use jpeg_encoder::SamplingFactor;
use pantrk_slide::{Limits, Slide, SlideError};
use pantrk_space::{GapKind, LevelIndex, LevelSize, RegionReader as _, RgbBuffer, TileIndex};

const WHITE: [u8; 3] = [255; 3];
const MAGENTA: [u8; 3] = [255, 0, 255];

fn size() -> LevelSize {
    LevelSize {
        width: 300,
        height: 200,
    }
}

/// One level of 5 x 5 tiles; `each` changes the tile tables.
fn slide_with(packing: Packing, each: impl Fn(usize, u64, u64) -> (u64, u64)) -> Writer {
    let mut writer = Writer::new(CLASSIC);
    let page = tiled_page(&mut writer, &picture(size()), packing, each);
    writer.page(page);
    writer
}

#[test]
fn absent_tiles_are_not_scanned() {
    let folder = tempfile::tempdir().unwrap();
    let writer = slide_with(Packing::Deflate, |i, at, len| match i {
        6 => (0, 0),
        7 => (at, 0),
        _ => (at, len),
    });
    let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
    let (pixels, gaps) = read_level(&slide, 0);
    let expected: Vec<_> = [64, 128].map(|x| rect(x, 48, 64, 48)).into();
    assert_eq!(gaps.iter().map(|g| g.rect).collect::<Vec<_>>(), expected);
    assert!(gaps.iter().all(|g| g.kind == GapKind::NotScanned));
    assert_eq!(pixels.pixel(64, 48), WHITE);
    assert_eq!(pixels.pixel(191, 95), WHITE);
    let truth = picture(size());
    assert_eq!(pixels.pixel(63, 48), truth.pixel(63, 48));
    assert_eq!(pixels.pixel(192, 96), truth.pixel(192, 96));
    let mut out = RgbBuffer::new();
    let tile = TileIndex { column: 1, row: 1 };
    let found = slide.read_tile(LevelIndex(0), tile, &mut out).unwrap();
    assert_eq!(found, Some(GapKind::NotScanned));
    // A region as wide as the tile is decoded in place; the same holds there.
    let (pixels, gaps) = read(&slide, 0, rect(64, 0, 64, 144));
    assert_eq!(gaps.len(), 1);
    assert_eq!(pixels.pixel(0, 48), WHITE);
}

#[test]
fn broken_tiles_are_unreadable_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for packing in PACKINGS {
        if packing == Packing::None {
            // Any bytes are pixels.
            continue;
        }
        let found = std::cell::Cell::new((0, 0));
        let mut writer = slide_with(packing, |i, at, len| {
            if i == 8 {
                found.set((at, len));
            }
            (at, len)
        });
        let (at, len) = found.get();
        for byte in &mut writer.bytes[at as usize..(at + len) as usize] {
            *byte = 0xff;
        }
        let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
        let (pixels, gaps) = read_level(&slide, 0);
        assert_eq!(gaps.len(), 1, "{packing:?}");
        assert_eq!(gaps[0].rect, rect(192, 48, 64, 48));
        let GapKind::Unreadable { tile, reason } = &gaps[0].kind else {
            panic!("{packing:?}: {:?}", gaps[0]);
        };
        assert_eq!(*tile, TileIndex { column: 3, row: 1 });
        assert!(!reason.is_empty() && !reason.ends_with('.'), "{reason}");
        assert_eq!(pixels.pixel(192, 48), MAGENTA);
        assert_eq!(pixels.pixel(255, 95), MAGENTA);
        let off = pixels.pixel(191, 48)[0].abs_diff(picture(size()).pixel(191, 48)[0]);
        assert!(off <= 5, "{packing:?}");
        let mut out = RgbBuffer::new();
        assert!(slide.read_tile(LevelIndex(0), *tile, &mut out).is_err());
    }
}

#[test]
fn a_cut_tile_is_never_completed() {
    let folder = tempfile::tempdir().unwrap();
    let packings = [
        Packing::None,
        Packing::LzwPredicted,
        Packing::Deflate,
        Packing::Jpeg(SamplingFactor::F_1_1),
        Packing::Jpeg(SamplingFactor::R_4_2_0),
        Packing::JpegRgb,
    ];
    for packing in packings {
        for share in [1, 5, 50, 90, 99] {
            let writer = slide_with(packing, |i, at, len| {
                (
                    at,
                    if i == 0 {
                        (len * share / 100).max(1)
                    } else {
                        len
                    },
                )
            });
            let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
            let (_, gaps) = read(&slide, 0, rect(0, 0, TILE.0, TILE.1));
            assert!(
                gaps.len() == 1 && gaps[0].is_unreadable(),
                "{packing:?} {share} %: {gaps:?}"
            );
        }
    }
}

#[test]
fn a_cut_file_is_an_error_or_has_gaps() {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let (writer, _) = pyramid(kind, Packing::LzwPredicted);
        let mut opened = 0;
        for len in (0..writer.bytes.len()).step_by(997) {
            let path = folder.path().join("cut.tif");
            std::fs::write(&path, &writer.bytes[..len]).unwrap();
            // The last directory lies at the end, so every cut breaks the chain.
            match Slide::open(&path) {
                Ok(_) => opened += 1,
                Err(error) => assert!(!error.to_string().contains('\n')),
            }
        }
        assert_eq!(opened, 0, "{kind:?}");
    }
    // Directories in front, tiles cut off behind.
    let mut writer = slide_with(Packing::None, |_, at, len| (at, len));
    let moved = writer.bytes.len() as u64 + 100;
    let mut page = tiled_page(
        &mut writer,
        &picture(size()),
        Packing::None,
        move |i, at, len| (if i < 20 { at } else { moved + 10_000_000 }, len),
    );
    page.retain(|(tag, _)| *tag != 254);
    writer.link_to(0);
    let at = writer.directory(page);
    let mut first = Writer::new(CLASSIC);
    first.bytes = writer.bytes.clone();
    first.bytes[4..8].copy_from_slice(&(at as u32).to_le_bytes());
    let slide = Slide::open(first.save(folder.path(), "cut.tif")).unwrap();
    let (_, gaps) = read_level(&slide, 0);
    assert_eq!(gaps.iter().filter(|g| g.is_unreadable()).count(), 5);
    let GapKind::Unreadable { reason, .. } = &gaps[0].kind else {
        panic!("{gaps:?}");
    };
    assert!(reason.contains("beyond the file's end"), "{reason}");
}

#[test]
fn directory_loops_are_found() {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let mut writer = Writer::new(kind);
        let page = tiled_page(&mut writer, &picture(size()), Packing::Lzw, |_, at, len| {
            (at, len)
        });
        let first = writer.page(page);
        writer.link_to(first);
        let error = Slide::open(writer.save(folder.path(), "loop.tif")).unwrap_err();
        assert!(matches!(error, SlideError::Broken { .. }), "{error}");
        assert!(error.to_string().contains("comes back"), "{error}");
    }
}

#[test]
fn absurd_sizes_meet_limits() {
    let folder = tempfile::tempdir().unwrap();
    let open = |tags: Vec<(u16, Value)>| {
        let mut writer = Writer::new(CLASSIC);
        let mut page = tiled_page(
            &mut writer,
            &picture(size()),
            Packing::None,
            |_, at, len| (at, len),
        );
        for (tag, value) in tags {
            page.retain(|(t, _)| *t != tag);
            page.push((tag, value));
        }
        writer.page(page);
        Slide::open(writer.save(folder.path(), "absurd.tif")).unwrap_err()
    };
    for (tag, value) in [
        (256, 0),
        (257, 0),
        (256, u32::MAX),
        (322, 0),
        (256, 2_000_000_000),
    ] {
        let error = open(vec![(tag, Value::Long(vec![value]))]);
        assert!(
            matches!(error, SlideError::Broken { .. }),
            "{tag} {value}: {error}"
        );
    }
    let error = open(vec![
        (322, Value::Long(vec![1 << 30])),
        (323, Value::Long(vec![1 << 30])),
    ]);
    assert!(matches!(error, SlideError::Limits { .. }), "{error}");
    let error = open(vec![(277, Value::Short(vec![0]))]);
    assert!(matches!(error, SlideError::Broken { .. }), "{error}");
    let error = open(vec![(258, Value::Short(vec![16, 16, 16]))]);
    assert!(matches!(error, SlideError::Unsupported { .. }), "{error}");

    // A tag that claims more values than the file has bytes.
    let (mut writer, _) = pyramid(CLASSIC, Packing::None);
    let at = writer
        .bytes
        .windows(4)
        .rposition(|w| w == [0x44, 1, 4, 0])
        .unwrap();
    writer.bytes[at + 4..at + 8].fill(0xff);
    let error = Slide::open(writer.save(folder.path(), "absurd.tif")).unwrap_err();
    assert!(matches!(error, SlideError::Broken { .. }), "{error}");
}

#[test]
fn tiles_too_small_to_be_tiles_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(CLASSIC);
    let mut page = tiled_page(
        &mut writer,
        &picture(size()),
        Packing::None,
        |_, at, len| (at, len),
    );
    page.retain(|(tag, _)| *tag != 322);
    page.push((322, Value::Short(vec![1])));
    writer.page(page);
    let error = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap_err();
    assert!(matches!(error, SlideError::Broken { .. }), "{error}");
}

#[test]
fn limits_are_the_callers() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _) = pyramid(CLASSIC, Packing::None);
    let path = writer.save(folder.path(), "slide.tif");
    let mut limits = Limits::default();
    limits.max_ifds = 2;
    let error = Slide::open_with_limits(&path, limits).unwrap_err();
    assert!(
        matches!(
            error,
            SlideError::Limits {
                found: 3,
                limit: 2,
                ..
            }
        ),
        "{error}"
    );
    let mut limits = Limits::default();
    limits.max_metadata_bytes = 400;
    let error = Slide::open_with_limits(&path, limits).unwrap_err();
    assert!(matches!(error, SlideError::Limits { .. }), "{error}");
    let mut limits = Limits::default();
    limits.max_region_pixels = 1000;
    let slide = Slide::open_with_limits(&path, limits).unwrap();
    let mut out = RgbBuffer::new();
    let error = slide
        .read_region(LevelIndex(0), rect(0, 0, 40, 26), &mut out)
        .unwrap_err();
    assert!(error.to_string().contains("1040"), "{error}");
}

#[test]
fn what_is_no_slide_is_told_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for content in [
        &b""[..],
        b"I",
        b"hello, this is no slide",
        b"II*\0",
        b"MM\0*\0\0\0\x08",
    ] {
        std::fs::write(&path, content).unwrap();
        let error = Slide::open(&path).unwrap_err().to_string();
        assert!(
            !error.contains('\n') && error.contains("notes.txt"),
            "{error}"
        );
    }
    std::fs::write(&path, b"hello, this is no slide").unwrap();
    let SlideError::NotRecognized { reasons, .. } = Slide::open(&path).unwrap_err() else {
        panic!("another error wanted");
    };
    let tried: Vec<_> = reasons.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        tried,
        [
            "aperio",
            "ventana",
            "leica",
            "philips",
            "hamamatsu",
            "huron",
            "trestle",
            "ome-tiff",
            "dicom",
            "mirax",
            "zeiss",
            "generic-tiff",
            "image"
        ]
    );
    assert!(matches!(
        Slide::open(folder.path().join("missing.svs")),
        Err(SlideError::Io { .. })
    ));
    assert!(matches!(
        Slide::open(folder.path()),
        Err(SlideError::Broken { .. })
    ));
}

#[test]
fn known_formats_that_are_not_read_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, vendor) in [
        ("a.isyntax", &b"<DataObject"[..], "isyntax"),
        ("a.vsi", b"II*\0\x08\0\0\0\x01\0", "olympus-vsi"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        match Slide::open(&path).unwrap_err() {
            SlideError::Unsupported {
                vendor: found,
                advice,
                ..
            } => {
                assert_eq!(found, vendor);
                assert!(
                    advice.contains("convert") || advice.contains("export"),
                    "{advice}"
                );
            }
            // A VSI file whose TIFF part is cut is a broken TIFF first.
            error => assert_eq!(vendor, "olympus-vsi", "{error}"),
        }
    }
    for compression in [34934, 34925, 50002] {
        let mut writer = Writer::new(CLASSIC);
        let mut page = tiled_page(
            &mut writer,
            &picture(size()),
            Packing::None,
            |_, at, len| (at, len),
        );
        page.retain(|(tag, _)| *tag != 259);
        page.push((259, Value::Short(vec![compression])));
        writer.page(page);
        let error = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap_err();
        assert!(matches!(error, SlideError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains("convert"), "{error}");
    }
}

/// A small generator with a fixed seed, so that the same files come each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn no_changed_byte_makes_it_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.tif");
    let mut draw = Draw(7);
    for kind in KINDS {
        for packing in [Packing::JpegRgb, Packing::LzwPredicted] {
            let (writer, _) = pyramid(kind, packing);
            for _ in 0..60 {
                let mut bytes = writer.bytes.clone();
                for _ in 0..=draw.below(4) {
                    // Half of the changes hit the directories, which lie at the end of each level.
                    let from = if draw.below(2) == 0 {
                        bytes.len().saturating_sub(1200)
                    } else {
                        0
                    };
                    let at = from + draw.below(bytes.len() - from);
                    bytes[at] = draw.below(256) as u8;
                }
                std::fs::write(&path, &bytes).unwrap();
                let Ok(slide) = Slide::open(&path) else {
                    continue;
                };
                let mut out = RgbBuffer::new();
                for level in 0..slide.levels().len() {
                    let area = rect(-5, -5, 320, 220);
                    let found = slide.read_region(LevelIndex(level), area, &mut out);
                    assert!(found.is_ok(), "{found:?}");
                }
            }
        }
    }
}
