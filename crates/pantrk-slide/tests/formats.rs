//! Every compression, byte order and layout, against pictures that the tests draw and against the `tiff` crate.

mod common;

use common::vendors::aperio;
use common::{
    CLASSIC, KINDS, Kind, PACKINGS, Packing, TILE, Value, Writer, check_reader, difference,
    picture, pyramid, read, read_level, rect, tiled_page,
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pantrk_slide::{Limits, Slide};
use pantrk_space::{Gap, LevelIndex, LevelSize, RgbBuffer, TileIndex};

/// JPEG may differ by this much from what was drawn.
const JPEG_TOLERANCE: u8 = 5;

#[test]
fn every_compression_in_every_container() {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        for packing in PACKINGS {
            let (writer, pictures) = pyramid(kind, packing);
            let path = writer.save(folder.path(), "slide.tif");
            let slide = Slide::open(&path).unwrap();
            check_reader(&slide);
            assert_eq!(slide.vendor(), "generic-tiff");
            assert_eq!(slide.levels().len(), 3, "{kind:?} {packing:?}");
            for (level, picture) in pictures.iter().enumerate() {
                let (found, gaps) = read_level(&slide, level);
                assert!(gaps.is_empty(), "{kind:?} {packing:?}: {gaps:?}");
                let allowed = if packing.is_lossless() {
                    0
                } else {
                    JPEG_TOLERANCE
                };
                let off = difference(&found, picture);
                assert!(off <= allowed, "{kind:?} {packing:?} level {level}: {off}");
            }
            let mpp = slide.mpp().unwrap();
            assert!((mpp.x.get() - 0.5).abs() < 1e-12 && (mpp.y.get() - 0.25).abs() < 1e-12);
            assert_eq!(slide.mpp_source(), Some("tiff.XResolution"));
            let properties = slide.properties();
            assert_eq!(properties["openslide.mpp-x"], "0.5");
            assert_eq!(properties["openslide.level[1].downsample"], "2");
            assert_eq!(properties["openslide.level[2].tile-width"], "64");
            assert_eq!(properties["tiff.ResolutionUnit"], "centimeter");
            assert_eq!(properties["tiff.XResolution"], "20000");
        }
    }
}

#[test]
fn the_tiff_crate_sees_the_same_pixels() {
    let folder = tempfile::tempdir().unwrap();
    for kind in KINDS {
        for packing in [
            Packing::None,
            Packing::Deflate,
            Packing::OldDeflatePredicted,
        ] {
            let (writer, _) = pyramid(kind, packing);
            let path = writer.save(folder.path(), "slide.tif");
            let file = std::fs::File::open(&path).unwrap();
            let mut other = tiff::decoder::Decoder::new(std::io::BufReader::new(file)).unwrap();
            let tiff::decoder::DecodingResult::U8(theirs) = other.read_image().unwrap() else {
                panic!("8 bits wanted");
            };
            let (ours, _) = read_level(&Slide::open(&path).unwrap(), 0);
            assert!(ours.as_bytes() == theirs, "{kind:?} {packing:?}");
        }
    }
}

#[test]
fn strips_of_the_tiff_crate_are_read() {
    use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, colortype::RGB8};
    let folder = tempfile::tempdir().unwrap();
    let truth = picture(LevelSize {
        width: 301,
        height: 203,
    });
    for (name, compression) in [
        ("none", Compression::Uncompressed),
        ("LZW", Compression::Lzw),
        ("Deflate", Compression::Deflate(DeflateLevel::Fast)),
    ] {
        for predictor in [Predictor::None, Predictor::Horizontal] {
            // libtiff knows no prediction without compression, this encoder does.
            if name == "none" && !matches!(predictor, Predictor::None) {
                continue;
            }
            let path = folder.path().join("strips.tif");
            let file = std::fs::File::create(&path).unwrap();
            let mut encoder = TiffEncoder::new(file)
                .unwrap()
                .with_compression(compression)
                .with_predictor(predictor);
            let mut image = encoder.new_image::<RGB8>(301, 203).unwrap();
            image.rows_per_strip(17).unwrap();
            image.write_data(truth.as_bytes()).unwrap();
            let slide = Slide::open(&path).unwrap();
            check_reader(&slide);
            assert_eq!(slide.vendor(), "image");
            let (found, gaps) = read_level(&slide, 0);
            assert!(gaps.is_empty(), "{name} {predictor:?}: {gaps:?}");
            assert!(found == truth, "{name} {predictor:?}");
        }
    }
}

#[test]
fn jpeg_of_every_subsampling() {
    let folder = tempfile::tempdir().unwrap();
    for sampling in [
        SamplingFactor::R_4_4_4,
        SamplingFactor::R_4_2_2,
        SamplingFactor::R_4_2_0,
        SamplingFactor::R_4_4_0,
        SamplingFactor::R_4_1_1,
    ] {
        let (writer, pictures) = pyramid(CLASSIC, Packing::Jpeg(sampling));
        let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
        let (found, gaps) = read_level(&slide, 0);
        assert!(gaps.is_empty());
        // Colours are kept at half or a quarter of the resolution, over slopes of one grey value a pixel.
        let off = difference(&found, &pictures[0]);
        assert!(off <= 8, "{sampling:?}: {off}");
    }
    // The decoder makes wrong pixels of these; a gap is better.
    for sampling in [
        SamplingFactor::R_4_1_0,
        SamplingFactor::R_4_4_1,
        SamplingFactor::R_4_2_1,
    ] {
        let (writer, _) = pyramid(CLASSIC, Packing::Jpeg(sampling));
        let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
        let (_, gaps) = read_level(&slide, 0);
        assert!(gaps.len() == 25 && gaps.iter().all(Gap::is_unreadable));
    }
}

#[test]
fn jpeg_of_sizes_that_are_no_whole_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.jpg");
    for (width, height) in [(301, 203), (17, 33), (9, 7), (1, 1), (640, 1)] {
        let truth = picture(LevelSize { width, height });
        for sampling in [
            SamplingFactor::R_4_4_4,
            SamplingFactor::R_4_2_0,
            SamplingFactor::R_4_2_2,
        ] {
            let packed = common::jpeg(truth.as_bytes(), width, height, ColorType::Rgb, sampling);
            std::fs::write(&path, packed).unwrap();
            let (found, _) = read_level(&Slide::open(&path).unwrap(), 0);
            // Small pictures of all colours are steep, so half the colours are lost in them.
            let allowed = if width > 100 && height > 100 { 8 } else { 60 };
            let off = difference(&found, &truth);
            assert!(off <= allowed, "{width} x {height} {sampling:?}: {off}");
        }
    }
}

/// One tile of 64 x 48 as a page of its own, from whatever bytes.
fn one_tile(packed: &[u8], tags: Vec<(u16, Value)>) -> Writer {
    let mut writer = Writer::new(CLASSIC);
    let at = writer.data(packed);
    let mut page = vec![
        (256, Value::Long(vec![TILE.0])),
        (257, Value::Long(vec![TILE.1])),
        (322, Value::Short(vec![TILE.0 as u16])),
        (323, Value::Short(vec![TILE.1 as u16])),
        (324, Value::Long(vec![at as u32])),
        (325, Value::Long(vec![packed.len() as u32])),
    ];
    page.extend(tags);
    writer.page(page);
    writer
}

fn jpeg_tags(photometric: u16, channels: u16) -> Vec<(u16, Value)> {
    vec![
        (258, Value::Short(vec![8; usize::from(channels)])),
        (259, Value::Short(vec![7])),
        (262, Value::Short(vec![photometric])),
        (277, Value::Short(vec![channels])),
    ]
}

fn small_picture() -> RgbBuffer {
    picture(LevelSize {
        width: TILE.0,
        height: TILE.1,
    })
}

#[test]
fn jpeg_colours_follow_page_and_stream() {
    let folder = tempfile::tempdir().unwrap();
    let truth = small_picture();
    let encode = |colour| {
        common::jpeg(
            truth.as_bytes(),
            TILE.0,
            TILE.1,
            colour,
            SamplingFactor::F_1_1,
        )
    };
    let without_jfif = |jpeg: &[u8]| {
        // Length of the JFIF segment that the encoder always writes.
        let len = usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]]));
        [&jpeg[..2], &jpeg[4 + len..]].concat()
    };
    let with_adobe = |jpeg: &[u8], transform: u8| {
        let mut out = jpeg[..2].to_vec();
        out.extend([0xff, 0xee, 0, 14]);
        out.extend(b"Adobe\0\x64\0\0\0\0");
        out.push(transform);
        out.extend(&without_jfif(jpeg)[2..]);
        out
    };
    let (ycbcr, raw) = (encode(ColorType::Rgb), encode(ColorType::Ycbcr));
    for (name, bytes, photometric) in [
        ("YCbCr page, JFIF", ycbcr.clone(), 6),
        ("YCbCr page, nothing", without_jfif(&ycbcr), 6),
        ("YCbCr page, Adobe says otherwise", with_adobe(&ycbcr, 0), 6),
        ("RGB page, nothing", without_jfif(&raw), 2),
        ("RGB page, Adobe agrees", with_adobe(&raw, 0), 2),
        ("RGB page, JFIF contradicts", ycbcr.clone(), 2),
        ("RGB page, Adobe contradicts", with_adobe(&ycbcr, 1), 2),
    ] {
        let writer = one_tile(&bytes, jpeg_tags(photometric, 3));
        let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
        let (found, gaps) = read_level(&slide, 0);
        assert!(gaps.is_empty(), "{name}: {gaps:?}");
        let off = difference(&found, &truth);
        assert!(off <= JPEG_TOLERANCE, "{name}: {off}");
    }
}

#[test]
fn jpeg_grey_progressive_and_with_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let truth = small_picture();
    let grey: Vec<u8> = truth.as_bytes().chunks(3).map(|p| p[0]).collect();
    let packed = common::jpeg(
        &grey,
        TILE.0,
        TILE.1,
        ColorType::Luma,
        SamplingFactor::F_1_1,
    );
    let slide =
        Slide::open(one_tile(&packed, jpeg_tags(1, 1)).save(folder.path(), "grey.tif")).unwrap();
    let (found, gaps) = read_level(&slide, 0);
    assert!(gaps.is_empty(), "{gaps:?}");
    for (pixel, grey) in found.as_bytes().chunks(3).zip(&grey) {
        assert!(pixel[0].abs_diff(*grey) <= 3 && pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    }
    for way in [
        "progressive",
        "restarts",
        "one scan a component",
        "rubbish behind",
    ] {
        let mut packed = Vec::new();
        let mut encoder = Encoder::new(&mut packed, 97);
        match way {
            "progressive" => encoder.set_progressive(true),
            "restarts" => encoder.set_restart_interval(3),
            "one scan a component" => encoder.set_optimized_huffman_tables(true),
            _ => {}
        }
        encoder
            .encode(
                truth.as_bytes(),
                TILE.0 as u16,
                TILE.1 as u16,
                ColorType::Rgb,
            )
            .unwrap();
        if way == "rubbish behind" {
            packed.extend([0; 100]);
        }
        let path = one_tile(&packed, jpeg_tags(6, 3)).save(folder.path(), "slide.tif");
        let (found, gaps) = read_level(&Slide::open(path).unwrap(), 0);
        assert!(gaps.is_empty(), "{way}: {gaps:?}");
        let off = difference(&found, &truth);
        assert!(off <= JPEG_TOLERANCE, "{way}: {off}");
    }
}

#[test]
fn grey_inverted_grey_alpha_and_planes() {
    let folder = tempfile::tempdir().unwrap();
    let truth = small_picture();
    let plane = |c: usize| -> Vec<u8> { truth.as_bytes().chunks(3).map(|p| p[c]).collect() };
    let tags = |photometric: u16, channels: u16, extra: Option<u16>| {
        let mut tags = vec![
            (258, Value::Short(vec![8; usize::from(channels)])),
            (259, Value::Short(vec![8])),
            (262, Value::Short(vec![photometric])),
            (277, Value::Short(vec![channels])),
            (317, Value::Short(vec![2])),
        ];
        tags.extend(extra.map(|e| (338, Value::Short(vec![e]))));
        tags
    };
    let pack = |samples: &[u8], channels: usize| {
        Packing::OldDeflatePredicted.pack(samples, TILE.0, TILE.1, channels)
    };
    let open = |writer: Writer| {
        let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
        let (found, gaps) = read_level(&slide, 0);
        assert!(gaps.is_empty(), "{gaps:?}");
        found
    };

    let grey = open(one_tile(&pack(&plane(1), 1), tags(1, 1, None)));
    let inverted = open(one_tile(&pack(&plane(1), 1), tags(0, 1, None)));
    for (i, value) in plane(1).into_iter().enumerate() {
        assert_eq!(grey.as_bytes()[i * 3..][..3], [value; 3]);
        assert_eq!(inverted.as_bytes()[i * 3..][..3], [255 - value; 3]);
    }

    let rgba: Vec<u8> = truth
        .as_bytes()
        .chunks(3)
        .enumerate()
        .flat_map(|(i, p)| [p[0], p[1], p[2], if i % 2 == 0 { 255 } else { 0 }])
        .collect();
    let unassociated = open(one_tile(&pack(&rgba, 4), tags(2, 4, Some(2))));
    let unspecified = open(one_tile(&pack(&rgba, 4), tags(2, 4, Some(0))));
    assert!(unspecified == truth);
    assert_eq!(unassociated.pixel(2, 0), truth.pixel(2, 0));
    assert_eq!(unassociated.pixel(3, 0), [255; 3]);

    let mut writer = Writer::new(CLASSIC);
    let packed: Vec<Vec<u8>> = (0..3).map(|c| pack(&plane(c), 1)).collect();
    let offsets = packed.iter().map(|p| writer.data(p) as u32).collect();
    let mut page = tags(2, 3, None);
    page.extend([
        (256, Value::Long(vec![TILE.0])),
        (257, Value::Long(vec![TILE.1])),
        (284, Value::Short(vec![2])),
        (322, Value::Short(vec![TILE.0 as u16])),
        (323, Value::Short(vec![TILE.1 as u16])),
        (324, Value::Long(offsets)),
        (
            325,
            Value::Long(packed.iter().map(|p| p.len() as u32).collect()),
        ),
    ]);
    writer.page(page);
    assert!(open(writer) == truth);
}

#[test]
fn levels_in_sub_directories() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [(300, 200), (150, 100), (75, 50)];
    let pictures: Vec<RgbBuffer> = sizes
        .into_iter()
        .map(|(width, height)| picture(LevelSize { width, height }))
        .collect();
    for kind in KINDS {
        let mut writer = Writer::new(kind);
        let children: Vec<u64> = pictures[1..]
            .iter()
            .map(|picture| {
                let page = tiled_page(&mut writer, picture, Packing::Lzw, |_, at, len| (at, len));
                writer.directory(page)
            })
            .collect();
        let mut page = tiled_page(&mut writer, &pictures[0], Packing::Lzw, |_, at, len| {
            (at, len)
        });
        page.push((
            330,
            Value::Long(children.iter().map(|&c| c as u32).collect()),
        ));
        writer.page(page);
        let slide = Slide::open(writer.save(folder.path(), "slide.ome.tif")).unwrap();
        assert_eq!(slide.levels().len(), 3);
        for (level, picture) in pictures.iter().enumerate() {
            assert!(&read_level(&slide, level).0 == picture);
        }
    }
}

#[test]
fn the_largest_page_is_level_0_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(CLASSIC);
    for (width, height) in [(150, 100), (300, 200), (75, 50)] {
        let picture = picture(LevelSize { width, height });
        let mut page = tiled_page(&mut writer, &picture, Packing::Lzw, |_, at, len| (at, len));
        page.push((282, Value::Rational(width * 100, 1)));
        page.push((283, Value::Rational(width * 100, 1)));
        page.push((296, Value::Short(vec![3])));
        writer.page(page);
    }
    let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
    check_reader(&slide);
    let widths: Vec<u32> = slide.levels().iter().map(|l| l.size.width).collect();
    assert_eq!(widths, [300, 150, 75]);
    // 30,000 pixels a centimetre.
    assert!((slide.mpp().unwrap().x.get() - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn an_aperio_slide_with_all_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, truth) = aperio(
        "Aperio Image Library v1\r\n300x200 (64x48) JPEG/RGB|AppMag = 40|MPP = 0,2520|Filename = a b",
    );
    let slide = Slide::open(writer.save(folder.path(), "slide.svs")).unwrap();
    check_reader(&slide);
    assert_eq!((slide.vendor(), slide.format()), ("aperio", "Aperio SVS"));
    assert_eq!(slide.levels().len(), 2);
    assert!(difference(&read_level(&slide, 0).0, &truth) <= JPEG_TOLERANCE);
    assert!((slide.mpp().unwrap().x.get() - 0.252).abs() < 1e-12);
    assert_eq!(slide.mpp_source(), Some("aperio.MPP"));
    assert_eq!(slide.objective_power(), Some(40.0));
    assert_eq!(slide.properties()["aperio.Filename"], "a b");
    assert_eq!(slide.properties()["openslide.objective-power"], "40");
    assert_eq!(slide.icc_profile(), Some(&[1, 2, 3, 4, 5][..]));
    let names: Vec<_> = slide
        .associated_images()
        .iter()
        .map(|i| (i.name.as_str(), i.size.width, i.size.height))
        .collect();
    assert_eq!(
        names,
        [("thumbnail", 96, 64), ("label", 40, 50), ("macro", 120, 41)]
    );
    for (name, allowed) in [("thumbnail", JPEG_TOLERANCE), ("label", 0), ("macro", 16)] {
        let found = slide.read_associated(name).unwrap();
        let off = difference(&found, &picture(found.size()));
        assert!(off <= allowed, "{name}: {off}");
    }
    let error = slide.read_associated("barcode").unwrap_err().to_string();
    assert!(error.contains("thumbnail, label, macro"), "{error}");
}

#[test]
fn without_a_pixel_size_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _) = aperio("Aperio Image Library v1\r\n300x200|AppMag = 40|MPP = ");
    let slide = Slide::open(writer.save(folder.path(), "slide.svs")).unwrap();
    assert!(slide.mpp().is_none() && slide.mpp_source().is_none());
    assert!(!slide.properties().contains_key("openslide.mpp-x"));
    for (x, unit) in [
        ((20_000, 0), 3),
        ((0, 1), 3),
        ((20_000, 1), 1),
        ((300, 1), 2),
    ] {
        let mut writer = Writer::new(CLASSIC);
        let mut page = tiled_page(
            &mut writer,
            &small_picture(),
            Packing::None,
            |_, at, len| (at, len),
        );
        page.push((282, Value::Rational(x.0, x.1)));
        page.push((283, Value::Rational(x.0, x.1)));
        page.push((296, Value::Short(vec![unit])));
        writer.page(page);
        let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
        assert!(slide.mpp().is_none(), "{x:?} {unit}");
    }
}

#[test]
fn plain_images_are_slides_of_one_level() {
    let folder = tempfile::tempdir().unwrap();
    let truth = picture(LevelSize {
        width: 700,
        height: 530,
    });
    let as_image = image::RgbImage::from_raw(700, 530, truth.as_bytes().to_vec()).unwrap();
    let png = folder.path().join("field.png");
    as_image.save(&png).unwrap();
    let tif = folder.path().join("field.tif");
    as_image.save(&tif).unwrap();
    let jpg = folder.path().join("field.jpg");
    let packed = common::jpeg(
        truth.as_bytes(),
        700,
        530,
        ColorType::Rgb,
        SamplingFactor::F_1_1,
    );
    std::fs::write(&jpg, &packed).unwrap();
    for (path, allowed) in [(&png, 0), (&tif, 0), (&jpg, JPEG_TOLERANCE)] {
        let slide = Slide::open(path).unwrap();
        check_reader(&slide);
        assert_eq!(slide.vendor(), "image");
        assert_eq!(slide.levels().len(), 1);
        assert!(slide.levels()[0].tile.is_none());
        assert!(slide.mpp().is_none());
        let off = difference(&read_level(&slide, 0).0, &truth);
        assert!(off <= allowed, "{}: {off}", path.display());
    }
    // A profile in two parts, in no order; without one of them there is none.
    let part = |number: u8, data: &[u8]| {
        let len = (data.len() + 16) as u16;
        let head = [&[0xff, 0xe2], &len.to_be_bytes()[..], b"ICC_PROFILE\0"].concat();
        [&head[..], &[number, 2], data].concat()
    };
    let (first, second) = (part(1, b"colours"), part(2, b" of a camera"));
    for (parts, profile) in [
        (
            [&second[..], &first],
            Some(b"colours of a camera".as_slice()),
        ),
        ([&first[..], &[]], None),
        ([&first[..], &first], None),
    ] {
        std::fs::write(&jpg, [&packed[..2], &parts.concat(), &packed[2..]].concat()).unwrap();
        assert_eq!(Slide::open(&jpg).unwrap().icc_profile(), profile);
    }
    // The decoder makes up what a cut JPEG lacks; a slide must not.
    std::fs::write(&jpg, &packed[..packed.len() / 2]).unwrap();
    assert!(Slide::open(&jpg).is_err());
}

#[test]
fn one_uncompressed_strip_is_read_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let truth = picture(LevelSize {
        width: 700,
        height: 530,
    });
    let mut writer = Writer::new(CLASSIC);
    let at = writer.data(truth.as_bytes());
    let mut page = Packing::None.tags();
    page.extend([
        (256, Value::Long(vec![700])),
        (257, Value::Long(vec![530])),
        (258, Value::Short(vec![8, 8, 8])),
        (273, Value::Long(vec![at as u32])),
        (277, Value::Short(vec![3])),
        (279, Value::Long(vec![700 * 530 * 3])),
    ]);
    writer.page(page);
    let path = writer.save(folder.path(), "field.tif");
    // The strip has 371,000 pixels; read whole it would be over this limit.
    let mut limits = Limits::default();
    limits.max_tile_pixels = 300_000;
    let slide = Slide::open_with_limits(path, limits).unwrap();
    check_reader(&slide);
    assert!(read_level(&slide, 0).0 == truth);
}

#[test]
fn the_cache_changes_no_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _) = pyramid(CLASSIC, Packing::JpegRgb);
    let path = writer.save(folder.path(), "slide.tif");
    let area = rect(10, 10, 200, 150);
    let sizes = [0, 10_000, 64 << 20];
    let found: Vec<RgbBuffer> = sizes
        .iter()
        .map(|&bytes| {
            let slide = Slide::open(&path).unwrap().with_cache_bytes(bytes);
            let first = read(&slide, 0, area).0;
            assert!(first == read(&slide, 0, area).0);
            first
        })
        .collect();
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_tile_is_what_the_region_shows() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _) = pyramid(
        Kind {
            big: true,
            motorola: true,
        },
        Packing::LzwPredicted,
    );
    let slide = Slide::open(writer.save(folder.path(), "slide.tif")).unwrap();
    let mut tile = RgbBuffer::new();
    let index = TileIndex { column: 2, row: 1 };
    assert!(
        slide
            .read_tile(LevelIndex(0), index, &mut tile)
            .unwrap()
            .is_none()
    );
    assert!(tile == read(&slide, 0, rect(128, 48, 64, 48)).0);
    let beyond = TileIndex { column: 5, row: 0 };
    assert!(slide.read_tile(LevelIndex(0), beyond, &mut tile).is_err());
}

#[test]
fn the_fingerprint_is_of_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = pyramid(CLASSIC, Packing::None);
    let first = Slide::open(writer.save(folder.path(), "a.tif"))
        .unwrap()
        .fingerprint();
    let copy = Slide::open(writer.save(folder.path(), "b.tiff"))
        .unwrap()
        .fingerprint();
    assert_eq!(first, copy);
    writer.bytes[100] ^= 1;
    let changed = Slide::open(writer.save(folder.path(), "a.tif"))
        .unwrap()
        .fingerprint();
    assert_ne!(first, changed);
}
