//! DICOM slides that the tests write themselves, and real ones where they are at hand.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::arithmetic_side_effects,
    reason = "tests on small pictures"
)]

#[path = "../common/mod.rs"]
mod common;
mod writer;

use std::fs;
use std::path::Path;

use common::{check_reader, difference, picture, read, read_level, rect};
use jpeg_encoder::SamplingFactor;
use pantrk_slide::Slide;
use pantrk_space::{GapKind, LevelSize, RgbBuffer};
use writer::{Storage, Writer};

fn pictures() -> [RgbBuffer; 2] {
    [(300, 200), (150, 100)].map(|(width, height)| picture(LevelSize { width, height }))
}

/// Two levels, a label and an overview.
fn series(folder: &Path, storage: Storage, table: bool) -> [RgbBuffer; 2] {
    let pictures = pictures();
    for (i, (uid, mpp)) in [("1.2.3.4.1", 0.25), ("1.2.3.4.2", 0.5)]
        .into_iter()
        .enumerate()
    {
        let writer = Writer {
            uid,
            storage,
            mpp,
            table,
            ..Writer::default()
        };
        writer.save(&pictures[i], folder, &format!("level{i}.dcm"));
    }
    for (name, image_type, uid) in [
        ("label", "LABEL", "1.2.3.4.3"),
        ("overview", "OVERVIEW", "1.2.3.4.4"),
    ] {
        let writer = Writer {
            uid,
            image_type,
            tile: (40, 30),
            ..Writer::default()
        };
        let small = picture(LevelSize {
            width: 40,
            height: 30,
        });
        writer.save(&small, folder, &format!("{name}.dcm"));
    }
    pictures
}

#[test]
fn each_storage_gives_the_picture_back_by_any_file_of_the_series() {
    for (storage, table, most) in [
        (Storage::Native, true, 0),
        (Storage::NativePlanar, true, 0),
        (Storage::Implicit, true, 0),
        (Storage::Rle, true, 0),
        (Storage::Rle, false, 0),
        (Storage::Jpeg(SamplingFactor::F_1_1), true, 12),
        (Storage::Jpeg(SamplingFactor::F_2_2), false, 24),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let pictures = series(folder.path(), storage, table);
        // A file of another series and one that is no DICOM are left alone.
        let other = Writer {
            series: "9.9.9",
            uid: "9.9.9.1",
            ..Writer::default()
        };
        let elsewhere = tempfile::tempdir().unwrap();
        let stranger = other.save(&pictures[0], elsewhere.path(), "other.dcm");
        fs::copy(stranger, folder.path().join("other.dcm")).unwrap();
        fs::write(folder.path().join("notes.txt"), "text").unwrap();

        let slide = Slide::open(folder.path().join("level0.dcm")).unwrap();
        assert_eq!(slide.vendor(), "dicom");
        assert_eq!(slide.levels().len(), 2, "{storage:?}");
        check_reader(&slide);
        for (level, picture) in pictures.iter().enumerate() {
            let (pixels, gaps) = read_level(&slide, level);
            assert!(gaps.is_empty());
            let found = difference(&pixels, picture);
            assert!(found <= most, "{storage:?}: {found}");
        }
        let names: Vec<&str> = slide
            .associated_images()
            .iter()
            .map(|i| i.name.as_str())
            .collect();
        assert_eq!(names, ["label", "macro"]);
        assert_eq!(slide.read_associated("label").unwrap().width(), 40);
        let mpp = slide.mpp().unwrap();
        assert!((mpp.x.get() - 0.25).abs() < 1e-9 && (mpp.y.get() - 0.25).abs() < 1e-9);
        assert_eq!(slide.objective_power(), Some(20.0));
        assert_eq!(slide.icc_profile(), Some([7_u8; 12].as_slice()));
        assert_eq!(slide.properties()["dicom.ImageType[2]"], "VOLUME");
        let all = format!("{:?}", slide.properties());
        assert!(!all.contains("Phantom"), "no patient in the properties");

        let by_label = Slide::open(folder.path().join("label.dcm")).unwrap();
        assert_eq!(by_label.fingerprint(), slide.fingerprint());
        assert_eq!(by_label.levels(), slide.levels());
    }
}

#[test]
fn a_folder_is_a_slide_if_it_holds_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = Slide::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("folder") && error.contains("wanted"),
        "{error}"
    );
    series(folder.path(), Storage::Native, true);
    let slide = Slide::open(folder.path()).unwrap();
    assert_eq!(slide.levels().len(), 2);
    let other = Writer {
        series: "9.9.9",
        uid: "9.9.9.1",
        ..Writer::default()
    };
    other.save(&pictures()[0], folder.path(), "other.dcm");
    let error = Slide::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("other.dcm"), "{error}");
}

#[test]
fn a_place_without_a_frame_was_not_scanned() {
    let folder = tempfile::tempdir().unwrap();
    let [picture, _] = pictures();
    let mut writer = Writer {
        sparse: true,
        ..Writer::default()
    };
    // In no order, and two are missing.
    writer.frames = writer.all_frames(&picture);
    writer.frames.reverse();
    writer.frames.retain(|frame| ![7, 12].contains(frame));
    let path = writer.save(&picture, folder.path(), "sparse.dcm");
    let slide = Slide::open(path).unwrap();
    let (pixels, gaps) = read_level(&slide, 0);
    let rects: Vec<_> = gaps.iter().map(|gap| gap.rect).collect();
    assert_eq!(rects, [rect(128, 48, 64, 48), rect(128, 96, 64, 48)]);
    assert!(gaps.iter().all(|gap| gap.kind == GapKind::NotScanned));
    assert_eq!(pixels.pixel(130, 50), [255; 3]);
    assert_eq!(pixels.pixel(127, 50), picture.pixel(127, 50));
    assert_eq!(pixels.pixel(299, 199), picture.pixel(299, 199));
}

#[test]
fn the_parts_of_a_concatenation_are_one_level() {
    let folder = tempfile::tempdir().unwrap();
    let [picture, _] = pictures();
    let all = Writer::default().all_frames(&picture);
    let mut paths = Vec::new();
    for (i, range) in [0..9, 9..20, 20..all.len()].into_iter().enumerate() {
        let uid = format!("1.2.3.4.1.{i}");
        let writer = Writer {
            uid: &uid,
            part: Some(("1.2.3.4.99", range.start as u32, 3)),
            frames: all[range].to_vec(),
            ..Writer::default()
        };
        paths.push(writer.save(&picture, folder.path(), &format!("part{i}.dcm")));
    }
    let slide = Slide::open(&paths[1]).unwrap();
    check_reader(&slide);
    let (pixels, gaps) = read_level(&slide, 0);
    assert!(gaps.is_empty());
    assert_eq!(difference(&pixels, &picture), 0);
    fs::remove_file(&paths[2]).unwrap();
    let error = Slide::open(&paths[0]).unwrap_err().to_string();
    assert!(error.contains("2 of the 3 files"), "{error}");
}

/// Converters write `RGB` over streams that are `YCbCr`, and the other way round.
#[test]
fn the_stream_is_believed_on_its_colours() {
    for (photometric, sampling) in [
        ("RGB", SamplingFactor::F_2_2),
        ("RGB", SamplingFactor::F_1_1),
        ("YBR_FULL_422", SamplingFactor::F_2_1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let [picture, _] = pictures();
        let writer = Writer {
            photometric,
            storage: Storage::Jpeg(sampling),
            ..Writer::default()
        };
        let path = writer.save(&picture, folder.path(), "slide.dcm");
        let (pixels, _) = read_level(&Slide::open(path).unwrap(), 0);
        let found = difference(&pixels, &picture);
        assert!(found <= 24, "{photometric} {sampling:?}: {found}");
    }
}

#[test]
fn high_throughput_frames_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(LevelSize {
        width: 64,
        height: 48,
    });
    for (name, photometric) in [("ht_lossless.j2c", "YBR_RCT"), ("ht_lossy.j2c", "YBR_ICT")] {
        let writer = Writer {
            photometric,
            storage: Storage::HighThroughput(name),
            ..Writer::default()
        };
        let slide = Slide::open(writer.save(&picture, folder.path(), "slide.dcm")).unwrap();
        check_reader(&slide);
        let (pixels, gaps) = read_level(&slide, 0);
        assert!(gaps.is_empty(), "{name}: {gaps:?}");
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let (truth, most) = match name {
            "ht_lossless.j2c" => (picture.as_bytes().to_vec(), 1),
            // OpenJPEG's reconstruction: a decoder may place a value anywhere within its step.
            _ => (fs::read(data.join("ht_lossy.raw")).unwrap(), 5),
        };
        let off = pixels.as_bytes().iter().zip(&truth);
        let off = off.map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(most), "{name}: {off:?}");
    }
}

#[test]
fn what_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let [picture, _] = pictures();
    let writer = Writer {
        frames: (0..10).collect(),
        ..Writer::default()
    };
    let path = writer.save(&picture, folder.path(), "short.dcm");
    let error = Slide::open(&path).unwrap_err().to_string();
    assert!(error.contains("10 frames, 25 wanted"), "{error}");
    let whole = Writer::default().save(&picture, folder.path(), "short.dcm");
    let bytes = fs::read(&whole).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 200]).unwrap();
    let error = Slide::open(&path).unwrap_err().to_string();
    assert!(error.contains("bytes of pixels"), "{error}");
    let writer = Writer {
        image_type: "LABEL",
        ..Writer::default()
    };
    writer.save(&picture, folder.path(), "short.dcm");
    let error = Slide::open(&path).unwrap_err().to_string();
    assert!(error.contains("no image of type VOLUME"), "{error}");
}

/// Bytes changed and files cut at random: an error or pixels, never a panic, never much memory.
#[test]
fn no_change_of_a_byte_panics() {
    let folder = tempfile::tempdir().unwrap();
    let small = picture(LevelSize {
        width: 90,
        height: 70,
    });
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for storage in [Storage::Rle, Storage::Native, Storage::Implicit] {
        let writer = Writer {
            storage,
            sparse: storage != Storage::Native,
            ..Writer::default()
        };
        let path = writer.save(&small, folder.path(), "slide.dcm");
        let bytes = fs::read(&path).unwrap();
        let header = bytes.len().min(1600);
        for round in 0..400 {
            let mut changed = bytes.clone();
            for _ in 0..=round % 3 {
                let at = 132 + random() % (header - 132);
                changed[at] = random() as u8;
            }
            if round % 8 == 0 {
                changed.truncate(random() % bytes.len());
            }
            fs::write(&path, &changed).unwrap();
            if let Ok(slide) = Slide::open(&path) {
                let size = slide.levels()[0].size;
                let (w, h) = (size.width.min(200), size.height.min(200));
                read(&slide, 0, rect(0, 0, w, h));
            }
        }
    }
}

/// Real files: the same pixels uncompressed and in JPEG-LS, and a scan in JPEG.
#[test]
fn real_files_are_read() {
    let Some(folder) = common::shared_data::shared_data("slides/dicom") else {
        return;
    };
    let path = |name: &str| folder.join("highdicom").join(name);
    let plain = Slide::open(path("sm_image.dcm")).unwrap();
    check_reader(&plain);
    let (wanted, _) = read_level(&plain, 0);
    for name in ["sm_image_jpegls.dcm", "sm_image_jpegls_nobot.dcm"] {
        let slide = Slide::open(path(name)).unwrap();
        assert_eq!(read_level(&slide, 0).0, wanted, "{name}");
    }
    let deep = Slide::open(path("sm_image_grayscale.dcm"))
        .unwrap_err()
        .to_string();
    assert!(deep.contains("16 bits"), "{deep}");
    let mask = Slide::open(path("seg_image_sm_control.dcm"))
        .unwrap_err()
        .to_string();
    assert!(mask.contains("not a whole slide image"), "{mask}");
    let scan = Slide::open(folder.join("ezwsi_multiframe_camelyon.dcm")).unwrap();
    check_reader(&scan);
    assert_eq!(scan.levels()[0].size.width, 1152);
}
