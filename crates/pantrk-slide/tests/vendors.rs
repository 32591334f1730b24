//! Each maker's format, written by the tests and read back against the pictures that were drawn.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, whose failure is the test's"
)]

mod common;

use common::vendors::{
    APERIO, BIG, Bif, SCN_PLACES, aperio, aperio_jpeg2000, hamamatsu, huron, leica, ndpi_level,
    ome, philips, size, trestle, ventana, ventana_areas,
};
use common::{
    CLASSIC, TILE, Value, Writer, check_reader, difference, picture, read, read_level, rect,
    tiled_page,
};
use pantrk_slide::{Slide, SlideError};
use pantrk_space::{Gap, GapKind, LevelIndex, RgbBuffer, TileIndex};

/// JPEG may differ by this much from what was drawn.
const JPEG_TOLERANCE: u8 = 5;

fn open(writer: &Writer, name: &str) -> Slide {
    let folder = tempfile::tempdir().unwrap();
    Slide::open(writer.save(folder.path(), name)).unwrap()
}

fn part(picture: &RgbBuffer, x: u32, y: u32, width: u32, height: u32) -> RgbBuffer {
    RgbBuffer::from_raw(
        size(width, height),
        common::crop(picture, x, y, width, height),
    )
    .unwrap()
}

#[test]
fn frames_of_a_bif_are_stitched_on_every_level() {
    for bif in [Bif::Iscan, Bif::Dp, Bif::DpStitched] {
        let (writer, truths) = ventana(bif);
        let slide = open(&writer, "slide.bif");
        check_reader(&slide);
        assert_eq!((slide.vendor(), slide.format()), ("ventana", "Ventana BIF"));
        assert_eq!(slide.levels().len(), 3);
        for (level, truth) in truths.iter().enumerate() {
            let downsample = slide.levels()[level].downsample.get();
            assert!((downsample - f64::from(1 << level)).abs() < 1e-12);
            let (found, gaps) = read_level(&slide, level);
            assert!(gaps.is_empty(), "{gaps:?}");
            assert_eq!(found.size(), truth.size(), "level {level}");
            // Means of means are rounded twice.
            assert!(difference(&found, truth) <= 1, "level {level}");
        }
        assert!((slide.mpp().unwrap().y.get() - 0.465).abs() < 1e-12);
        assert_eq!(slide.mpp_source(), Some("ventana.ScanRes"));
        assert_eq!(slide.objective_power(), Some(20.0));
        assert_eq!(slide.properties()["ventana.ScanWhitePoint"], "235");
        assert_eq!(
            slide.properties()["openslide.region[0].width"],
            bif.size().width.to_string()
        );
        assert!(!slide.properties().contains_key("openslide.bounds-x"));
        let photograph = slide.read_associated("macro").unwrap();
        assert!(photograph == picture(size(40, 120)));
    }
}

#[test]
fn a_bif_under_another_name_is_still_one() {
    let (writer, _) = ventana(Bif::Iscan);
    assert_eq!(open(&writer, "slide.tif").vendor(), "ventana");
}

#[test]
fn what_lies_between_areas_was_not_scanned() {
    // Two areas of 2 x 2 and 3 x 1 tiles on a page of 8 x 6.
    let areas = [((1, 1), (2, 2), (0, 0)), ((4, 3), (3, 1), (0, 0))];
    let (writer, truth) = ventana_areas("VENTANA DP 600", &areas);
    let slide = open(&writer, "slide.bif");
    let (w, h) = TILE;
    assert_eq!(slide.levels()[0].size, size(7 * w, 4 * h));
    let (found, gaps) = read_level(&slide, 0);
    let covered = u64::from(w * h) * 7;
    let all = slide.levels()[0].size.area();
    assert_eq!(
        gaps.iter().map(|g| g.rect.area()).sum::<u64>(),
        all - covered
    );
    assert!(gaps.iter().all(|gap| gap.kind == GapKind::NotScanned));
    // Nothing is drawn outside the areas; inside, the page's own pixels.
    assert_eq!(found.pixel(0, 0), [230; 3]);
    assert_eq!(found.pixel(4 * w, 3 * h - 1), [230; 3]);
    for (x, y) in [
        (w, h),
        (3 * w - 1, 3 * h - 1),
        (4 * w, 3 * h),
        (7 * w - 1, 4 * h - 1),
    ] {
        assert_eq!(found.pixel(x, y), truth.pixel(x, y), "{x} {y}");
    }
    let properties = slide.properties();
    assert_eq!(properties["openslide.bounds-x"], w.to_string());
    assert_eq!(properties["openslide.bounds-width"], (6 * w).to_string());
    assert_eq!(properties["openslide.region[1].y"], (3 * h).to_string());

    // The older scanners place areas by themselves, counted from below.
    let areas = [((0, 0), (2, 2), (10, 500)), ((4, 3), (3, 1), (300, 20))];
    let (writer, truth) = ventana_areas("iScan HT", &areas);
    let slide = open(&writer, "slide.bif");
    check_parts(&slide);
    let found = read(&slide, 0, rect(10, 0, 2 * w, 2 * h)).0;
    assert!(found == part(&truth, 0, 0, 2 * w, 2 * h));
    // Tops: 500 + 96 - (500 + 96) = 0, and 596 - (20 + 48) = 528.
    let found = read(&slide, 0, rect(300, 528, 3 * w, h)).0;
    assert!(found == part(&truth, 4 * w, 3 * h, 3 * w, h));
    assert_eq!(slide.levels()[0].size, size(300 + 3 * w, 528 + h));
}

/// Parts of a region with open places agree with the whole.
fn check_parts(slide: &Slide) {
    let level = slide.levels()[0].size;
    let (whole, gaps) = read_level(slide, 0);
    let open: u64 = gaps.iter().map(|gap| gap.rect.area()).sum();
    let mut found = 0;
    for y in (0..level.height).step_by(71) {
        for x in (0..level.width).step_by(83) {
            let (w, h) = (83.min(level.width - x), 71.min(level.height - y));
            let (part_found, gaps) = read(slide, 0, rect(i64::from(x), i64::from(y), w, h));
            assert!(part_found == part(&whole, x, y, w, h));
            found += gaps.iter().map(|gap| gap.rect.area()).sum::<u64>();
        }
    }
    assert_eq!(found, open);
}

#[test]
fn the_nominal_plane_of_a_volume_is_read() {
    // Two planes of 2 x 2 tiles: the tables list the nominal one first.
    let truth = picture(size(2 * TILE.0, 2 * TILE.1));
    let other = RgbBuffer::filled(truth.size(), [1, 2, 3]);
    let mut writer = Writer::new(BIG);
    let mut front = common::vendors::strips(&mut writer, common::Packing::None, size(20, 20));
    front.push((
        700,
        Value::Bytes(br#"<iScan ScanRes="0.25" Z-layers="2"/>"#.to_vec()),
    ));
    writer.page(front);
    let mut tables = [Vec::new(), Vec::new()];
    let mut page = Vec::new();
    for plane in [&truth, &other] {
        page = tiled_page(
            &mut writer,
            plane,
            common::Packing::Deflate,
            |_, at, len| (at, len),
        );
        for (tag, value) in &page {
            if let (324 | 325, Value::Long8(values)) = (tag, value) {
                tables[usize::from(*tag - 324)].extend(values);
            }
        }
    }
    page.retain(|(tag, _)| !matches!(tag, 324 | 325));
    let [offsets, counts] = tables;
    page.push((324, Value::Long8(offsets)));
    page.push((325, Value::Long8(counts)));
    page.push((32997, Value::Short(vec![2])));
    page.push((270, Value::Text("level=0 mag=40".to_owned())));
    writer.page(page);
    let slide = open(&writer, "slide.bif");
    assert_eq!(slide.properties()["ventana.focal-plane-count"], "2");
    assert!(read_level(&slide, 0).0 == truth);
}

#[test]
fn a_stitched_tile_is_never_invented() {
    let (mut writer, _) = ventana(Bif::Iscan);
    // Break the tile in the middle of level 0: its compressed bytes become ones.
    let slide = open(&writer, "slide.bif");
    let (whole, _) = read_level(&slide, 0);
    drop(slide);
    let zlib: Vec<usize> = (0..writer.bytes.len() - 1)
        .filter(|&at| writer.bytes[at..].starts_with(&[0x78, 0x01]))
        .collect();
    let at = zlib[8];
    writer.bytes[at + 2..at + 30].fill(0xff);
    let slide = open(&writer, "slide.bif");
    let (found, gaps) = read_level(&slide, 0);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let GapKind::Unreadable { tile, .. } = &gaps[0].kind else {
        panic!("{gaps:?}");
    };
    assert_eq!(*tile, TileIndex { column: 2, row: 1 });
    let gap = gaps[0].rect;
    assert_eq!((gap.x, gap.y), (112, 36));
    assert_eq!(found.pixel(112, 36), [255, 0, 255]);
    assert_eq!(found.pixel(111, 36), whole.pixel(111, 36));
    let mut out = RgbBuffer::new();
    assert!(slide.read_tile(LevelIndex(0), *tile, &mut out).is_err());
}

#[test]
fn images_lie_on_the_scn_s_slide() {
    let (writer, truths) = leica();
    let slide = open(&writer, "slide.scn");
    assert_eq!((slide.vendor(), slide.format()), ("leica", "Leica SCN"));
    assert_eq!(slide.levels().len(), 2);
    assert_eq!(slide.levels()[0].size, size(1600, 1200));
    assert_eq!(slide.levels()[1].size, size(800, 600));
    for (truth, (x, y)) in truths.iter().zip(SCN_PLACES) {
        let (found, gaps) = read(
            &slide,
            0,
            rect(i64::from(x), i64::from(y), truth.width(), truth.height()),
        );
        assert!(gaps.is_empty(), "{gaps:?}");
        assert!(found == *truth);
        let half = common::vendors::halved(truth);
        // 801 / 2 is no whole pixel: the image begins in the next one.
        let at = rect(
            i64::from(x.div_ceil(2)),
            i64::from(y.div_ceil(2)),
            half.width(),
            half.height(),
        );
        let (found, gaps) = read(&slide, 1, at);
        assert!(gaps.is_empty() && found == half);
    }
    check_parts(&slide);
    let properties = slide.properties();
    for (key, value) in [
        ("openslide.bounds-x", "400"),
        ("openslide.bounds-y", "300"),
        ("openslide.bounds-width", "551"),
        ("openslide.bounds-height", "500"),
        ("openslide.region[1].x", "801"),
        ("openslide.barcode", "A17"),
        ("leica.device-model", "Leica SCN400"),
        ("leica.objective", "20"),
        ("leica.collection-count", "1"),
    ] {
        assert_eq!(
            properties.get(key).map(String::as_str),
            Some(value),
            "{key}"
        );
    }
    assert!((slide.mpp().unwrap().x.get() - 0.5).abs() < 1e-12);
    assert_eq!(slide.objective_power(), Some(20.0));
    assert!(slide.read_associated("macro").unwrap() == picture(size(80, 60)));
}

#[test]
fn a_philips_level_is_as_large_as_its_spacing_says() {
    let (writer, truths) = philips();
    let slide = open(&writer, "slide.tiff");
    assert_eq!(
        (slide.vendor(), slide.format()),
        ("philips", "Philips TIFF")
    );
    for (level, truth) in truths.iter().enumerate() {
        assert_eq!(slide.levels()[level].size, truth.size());
        let downsample = slide.levels()[level].downsample.get();
        assert!((downsample - f64::from(1 << level)).abs() < 1e-12);
        let (found, gaps) = read_level(&slide, level);
        if level == 0 {
            let at = |column: i64| rect(column * 64, 4 * 48, 64, 48);
            assert_eq!(
                gaps.iter().map(|g| g.rect).collect::<Vec<_>>(),
                [at(3), at(4)]
            );
            assert!(gaps.iter().all(|gap| gap.kind == GapKind::NotScanned));
            assert_eq!(found.pixel(3 * 64, 4 * 48), [255; 3]);
            let above = rect(0, 0, truth.width(), 4 * 48);
            assert!(read(&slide, 0, above).0 == part(truth, 0, 0, truth.width(), 4 * 48));
        } else {
            assert!(gaps.is_empty() && found == *truth, "level {level}");
        }
    }
    let mpp = slide.mpp().unwrap();
    assert!((mpp.x.get() - 0.25).abs() < 1e-12);
    assert_eq!(slide.mpp_source(), Some("philips.DICOM_PIXEL_SPACING"));
    assert_eq!(slide.properties()["philips.DICOM_MANUFACTURER"], "PHILIPS");
    let label = slide.read_associated("label").unwrap();
    assert!(difference(&label, &picture(size(24, 16))) < 60);
    assert!(slide.read_associated("macro").unwrap() == picture(size(48, 30)));
    assert!(
        !slide
            .properties()
            .keys()
            .any(|key| key.contains("IMAGE_DATA"))
    );
}

#[test]
fn an_ndpi_is_read_by_its_restart_intervals() {
    let (writer, truths) = hamamatsu();
    let slide = open(&writer, "slide.ndpi");
    check_reader(&slide);
    assert_eq!(
        (slide.vendor(), slide.format()),
        ("hamamatsu", "Hamamatsu NDPI")
    );
    assert_eq!(slide.levels().len(), 2);
    for (level, truth) in truths.iter().enumerate() {
        let (found, gaps) = read_level(&slide, level);
        assert!(gaps.is_empty(), "{gaps:?}");
        let off = difference(&found, truth);
        assert!(off <= JPEG_TOLERANCE, "level {level}: {off}");
    }
    assert_eq!(slide.levels()[0].tile.map(|tile| tile.width), Some(64));
    assert!((slide.mpp().unwrap().x.get() - 0.25).abs() < 1e-12);
    assert_eq!(slide.objective_power(), Some(40.0));
    assert_eq!(
        slide.properties()["hamamatsu.XOffsetFromSlideCentre"],
        "-12000"
    );
    assert_eq!(slide.properties()["hamamatsu.fine.focus.pitch"], "250");
    let names: Vec<_> = slide
        .associated_images()
        .iter()
        .map(|i| i.name.as_str())
        .collect();
    assert_eq!(names, ["macro"]);
}

#[test]
fn a_broken_interval_costs_its_tile_alone() {
    let (mut writer, truths) = hamamatsu();
    // The fifth restart marker of level 0 becomes another.
    let marker = writer
        .bytes
        .windows(2)
        .position(|w| w == [0xff, 0xd4])
        .unwrap();
    writer.bytes[marker + 1] = 0xd5;
    let slide = open(&writer, "slide.ndpi");
    let (found, gaps) = read_level(&slide, 0);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].is_unreadable());
    let untouched = rect(64, 0, 192, 200);
    let (rest, gaps) = read(&slide, 0, untouched);
    assert!(gaps.is_empty());
    assert!(difference(&rest, &part(&truths[0], 64, 0, 192, 200)) <= JPEG_TOLERANCE);
    assert_eq!(found.pixel(0, 0), [255, 0, 255]);
}

#[test]
fn an_ndpi_beyond_four_gigabytes() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    // Hamamatsu's extension: links of eight bytes, upper halves behind the directory.
    let truth = picture(size(256, 200));
    let mut small = Writer::new(CLASSIC);
    let page = ndpi_level(&mut small, &truth, false);
    let (mut strip, mut starts, mut len) = (0, Vec::new(), 0);
    for (tag, value) in &page {
        match (tag, value) {
            (273, Value::Long(v)) => strip = v[0] as usize,
            (279, Value::Long(v)) => len = v[0],
            (65426, Value::Long(v)) => starts.clone_from(v),
            _ => {}
        }
    }
    let stream = &small.bytes[strip..strip + len as usize];
    let (data_at, starts_at, directory_at) = (5_u64 << 30, (5_u64 << 30) + (1 << 20), 6_u64 << 30);
    let entries: Vec<(u16, u16, u32, u64)> = vec![
        (256, 4, 1, 256),
        (257, 4, 1, 200),
        (259, 3, 1, 7),
        (273, 4, 1, data_at),
        (279, 4, 1, u64::from(len)),
        (65420, 3, 1, 1),
        (65421, 11, 1, u64::from(40.0_f32.to_bits())),
        (65426, 4, starts.len() as u32, starts_at),
    ];
    let mut directory = (entries.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, count, value) in &entries {
        directory.extend(tag.to_le_bytes());
        directory.extend(kind.to_le_bytes());
        directory.extend(count.to_le_bytes());
        directory.extend((*value as u32).to_le_bytes());
    }
    directory.extend(0_u64.to_le_bytes());
    for (_, _, _, value) in &entries {
        directory.extend(((value >> 32) as u32).to_le_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.ndpi");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut put = |at: u64, bytes: &[u8]| {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(bytes).unwrap();
    };
    put(0, b"II*\0");
    put(4, &directory_at.to_le_bytes());
    put(data_at, stream);
    let table: Vec<u8> = starts
        .iter()
        .flat_map(|start| start.to_le_bytes())
        .collect();
    put(starts_at, &table);
    put(directory_at, &directory);
    let slide = Slide::open(&path).unwrap();
    assert_eq!(slide.vendor(), "hamamatsu");
    let (found, gaps) = read_level(&slide, 0);
    assert!(gaps.is_empty(), "{gaps:?}");
    assert!(difference(&found, &truth) <= JPEG_TOLERANCE);
}

#[test]
fn levels_and_planes_of_an_ome_tiff() {
    for kind in common::KINDS {
        for planes in [1, 4] {
            let (writer, truths) = ome(kind, planes);
            let slide = open(&writer, "slide.ome.tif");
            check_reader(&slide);
            assert_eq!((slide.vendor(), slide.format()), ("ome-tiff", "OME-TIFF"));
            assert_eq!(slide.levels().len(), 3);
            for (level, truth) in truths.iter().enumerate() {
                assert!(read_level(&slide, level).0 == *truth, "level {level}");
            }
            let mpp = slide.mpp().unwrap();
            assert!((mpp.x.get() - 0.25).abs() < 1e-12 && (mpp.y.get() - 0.25).abs() < 1e-12);
            assert_eq!(slide.objective_power(), Some(40.0));
            assert!(slide.read_associated("label").unwrap() == picture(size(40, 50)));
            let plane = slide.properties().get("ome.plane-z").map(String::as_str);
            assert_eq!(plane, (planes == 4).then_some("2"));
        }
    }
}

#[test]
fn a_huron_slide_with_all_it_has() {
    let (writer, truths) = huron();
    let slide = open(&writer, "slide.tif");
    assert_eq!((slide.vendor(), slide.format()), ("huron", "Huron TIFF"));
    check_reader(&slide);
    for (level, truth) in truths.iter().enumerate() {
        let (found, gaps) = read_level(&slide, level);
        assert!(gaps.is_empty() && found == *truth, "level {level}");
    }
    let mpp = slide.mpp().unwrap();
    assert!((mpp.x.get() - 0.4).abs() < 1e-12 && (mpp.y.get() - 0.5).abs() < 1e-12);
    assert_eq!(slide.icc_profile(), Some([1, 2, 3, 4, 5].as_slice()));
    assert_eq!(slide.properties()["huron.Scanner"], "TissueScope LE120");
    for (name, side) in [
        ("thumbnail", (96, 64)),
        ("label", (40, 50)),
        ("macro", (120, 41)),
    ] {
        let truth = picture(size(side.0, side.1));
        assert!(slide.read_associated(name).unwrap() == truth, "{name}");
    }
}

#[test]
fn tiles_of_a_trestle_slide_overlap() {
    let (writer, truths) = trestle();
    let folder = tempfile::tempdir().unwrap();
    let path = writer.save(folder.path(), "slide.tif");
    let slide = Slide::open(&path).unwrap();
    assert_eq!(
        (slide.vendor(), slide.format()),
        ("trestle", "Trestle TIFF")
    );
    check_reader(&slide);
    for (level, truth) in truths.iter().enumerate() {
        let (found, gaps) = read_level(&slide, level);
        assert_eq!(slide.levels()[level].size, truth.size());
        assert!(gaps.is_empty() && found == *truth, "level {level}");
    }
    let mpp = slide.mpp().unwrap();
    assert!((mpp.x.get() - 0.3).abs() < 1e-12 && (mpp.y.get() - 0.31).abs() < 1e-12);
    assert_eq!(slide.objective_power(), Some(20.0));
    let properties = slide.properties();
    assert_eq!(properties["trestle.White Balance"], "CCCCCC");
    assert_eq!(properties["openslide.background-color"], "E6DCC8");
    assert!(slide.associated_images().is_empty());

    // The photograph is a file beside the slide.
    let photograph = picture(size(60, 40));
    let jpeg = common::jpeg(
        photograph.as_bytes(),
        60,
        40,
        jpeg_encoder::ColorType::Rgb,
        jpeg_encoder::SamplingFactor::F_1_1,
    );
    std::fs::write(folder.path().join("slide.Full"), jpeg).unwrap();
    let found = Slide::open(&path).unwrap().read_associated("macro");
    assert!(difference(&found.unwrap(), &photograph) <= JPEG_TOLERANCE);
    std::fs::write(folder.path().join("slide.Full"), "no picture").unwrap();
    assert!(Slide::open(&path).unwrap().associated_images().is_empty());
}

#[test]
fn jpeg2000_tiles_in_both_of_aperio_s_ways() {
    let truth = picture(size(TILE.0, TILE.1));
    let file = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name);
        std::fs::read(path).unwrap()
    };
    // Lossless but for YCbCr's rounding, and its halved colours over slopes of three grey values a pixel.
    for (name, compression, photometric, allowed) in [
        ("rgb.j2k", 33005, 2, 1),
        ("rgb_transformed.j2k", 33005, 2, 1),
        ("rgb_transformed.j2k", 34712, 2, 1),
        ("ycbcr.j2k", 33003, 2, 3),
        ("ycbcr.j2k", 34712, 6, 3),
        ("ycbcr_422.j2k", 33003, 2, 12),
        // High throughput, whatever the number around it.
        ("ht_lossless.j2c", 34712, 2, 1),
        ("ht_lossless.j2c", 33005, 2, 1),
    ] {
        let writer = aperio_jpeg2000(compression, photometric, &file(name));
        let slide = open(&writer, "slide.svs");
        check_reader(&slide);
        assert_eq!(slide.vendor(), "aperio");
        for (x, y) in [(0, 0), (64, 48)] {
            let (found, gaps) = read(&slide, 0, rect(x, y, TILE.0, TILE.1));
            assert!(gaps.is_empty(), "{name}: {gaps:?}");
            let off = difference(&found, &truth);
            assert!(off <= allowed, "{name} as {compression}: {off}");
        }
    }
    // What is not known is a gap, not wrong colours.
    let writer = aperio_jpeg2000(33005, 2, &file("ycbcr_422.j2k"));
    let (_, gaps) = read_level(&open(&writer, "slide.svs"), 0);
    assert!(
        gaps.len() == 4 && gaps.iter().all(Gap::is_unreadable),
        "{gaps:?}"
    );
    // A cut stream is never completed.
    for name in ["rgb.j2k", "ycbcr_422.j2k", "ht_lossless.j2c"] {
        let whole = file(name);
        for share in [1, 10, 50, 90, 99] {
            let cut = &whole[..whole.len() * share / 100];
            let (_, gaps) = read_level(&open(&aperio_jpeg2000(33003, 6, cut), "slide.svs"), 0);
            assert!(
                gaps.iter().all(Gap::is_unreadable) && gaps.len() == 4,
                "{name} {share}: {gaps:?}"
            );
        }
    }
}

type Pack<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn webp_and_zstandard_tiles() {
    let truth = picture(size(2 * TILE.0, TILE.1));
    let tiles: Vec<Vec<u8>> = (0..2)
        .map(|column| common::crop(&truth, column * TILE.0, 0, TILE.0, TILE.1))
        .collect();
    let webp = |samples: &[u8]| {
        let mut out = Vec::new();
        image_webp::WebPEncoder::new(&mut out)
            .encode(samples, TILE.0, TILE.1, image_webp::ColorType::Rgb8)
            .unwrap();
        out
    };
    let zstd = |samples: &[u8]| {
        ruzstd::encoding::compress_to_vec(samples, ruzstd::encoding::CompressionLevel::Fastest)
    };
    let predicted = |samples: &[u8]| zstd(&common::predicted(samples, TILE.0 as usize, 3));
    let ways: [(u16, u16, Pack<'_>); 4] = [
        (50001, 1, &webp),
        (34927, 1, &webp),
        (50000, 1, &zstd),
        (50000, 2, &predicted),
    ];
    for (compression, predictor, pack) in ways {
        for share in [100, 99, 60, 5] {
            let packed: Vec<Vec<u8>> = tiles
                .iter()
                .enumerate()
                .map(|(index, samples)| {
                    let mut packed = pack(samples);
                    if index == 1 {
                        packed.truncate(packed.len() * share / 100);
                    }
                    packed
                })
                .collect();
            let mut writer = Writer::new(CLASSIC);
            let mut page =
                common::page_of_packed(&mut writer, truth.size(), &packed, |_, at, len| (at, len));
            page.push((259, Value::Short(vec![compression])));
            page.push((262, Value::Short(vec![2])));
            page.push((317, Value::Short(vec![predictor])));
            writer.page(page);
            let slide = open(&writer, "slide.tif");
            let (found, gaps) = read_level(&slide, 0);
            if share == 100 {
                check_reader(&slide);
                assert!(gaps.is_empty() && found == truth, "{compression}: {gaps:?}");
            } else {
                assert!(
                    gaps.len() == 1 && gaps[0].is_unreadable(),
                    "{compression} {share}: {gaps:?}"
                );
            }
        }
    }
}

#[test]
fn a_scanner_s_label_needs_no_description() {
    // The GT 450 writes neither; the kind of page tells them apart.
    let (writer, _) = aperio(APERIO);
    let slide = open(&writer, "slide.svs");
    let names: Vec<_> = slide
        .associated_images()
        .iter()
        .map(|i| i.name.as_str())
        .collect();
    assert_eq!(names, ["thumbnail", "label", "macro"]);
}

#[test]
fn deep_xml_is_refused_and_not_recursed_into() {
    let deep = format!("{}{}", "<a>".repeat(200_000), "</a>".repeat(200_000));
    let mut writer = Writer::new(BIG);
    let mut page = tiled_page(
        &mut writer,
        &picture(size(64, 48)),
        common::Packing::None,
        |_, at, len| (at, len),
    );
    page.push((
        700,
        Value::Bytes(format!("<iScan>{deep}</iScan>").into_bytes()),
    ));
    writer.page(page);
    let folder = tempfile::tempdir().unwrap();
    let error = Slide::open(writer.save(folder.path(), "deep.bif")).unwrap_err();
    assert!(matches!(error, SlideError::Broken { .. }), "{error}");
}
