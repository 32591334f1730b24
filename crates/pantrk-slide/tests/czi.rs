//! Zeiss CZI files that the test writes itself: mosaics, reductions, compressions, and bytes changed at random.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot write its file must fail"
)]

mod common;

use std::fs;
use std::path::Path;

use common::{check_reader, crop, difference, picture, read, read_level, rect};
use pantrk_slide::Slide;
use pantrk_space::{GapKind, LevelSize, RgbBuffer};

const NONE: i32 = 0;
const JPEG: i32 = 1;
const JPEG_XR: i32 = 4;
const ZSTD0: i32 = 5;
const ZSTD1: i32 = 6;

/// A stored image: place and size on the slide, stored size, and pixels as red, green, blue.
struct Block {
    x: i32,
    y: i32,
    size: (i32, i32),
    stored: (i32, i32),
    order: i32,
    rgb: Vec<u8>,
}

fn pack(block: &Block, compression: i32) -> Vec<u8> {
    let bgr: Vec<u8> = block
        .rgb
        .chunks_exact(3)
        .flat_map(|p| [p[2], p[1], p[0]])
        .collect();
    let zstd = |bytes: &[u8]| {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    };
    match compression {
        JPEG => {
            let mut out = Vec::new();
            let (w, h) = (block.stored.0 as u16, block.stored.1 as u16);
            jpeg_encoder::Encoder::new(&mut out, 95)
                .encode(&block.rgb, w, h, jpeg_encoder::ColorType::Rgb)
                .unwrap();
            out
        }
        ZSTD0 => zstd(&bgr),
        ZSTD1 => [vec![3, 1, 0], zstd(&bgr)].concat(),
        _ => bgr,
    }
}

fn entry(block: &Block, position: u64, compression: i32) -> Vec<u8> {
    let mut out = b"DV".to_vec();
    out.extend(3_i32.to_le_bytes());
    out.extend(position.to_le_bytes());
    out.extend(0_i32.to_le_bytes());
    out.extend(compression.to_le_bytes());
    out.extend([0; 6]);
    out.extend(4_i32.to_le_bytes());
    let dimensions = [
        (b"X", block.x, block.size.0, block.stored.0),
        (b"Y", block.y, block.size.1, block.stored.1),
        (b"C", 0, 1, 1),
        (b"M", block.order, 1, 1),
    ];
    for (name, start, size, stored) in dimensions {
        out.extend([name[0], 0, 0, 0]);
        out.extend(start.to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend(0_f32.to_le_bytes());
        out.extend(stored.to_le_bytes());
    }
    out
}

fn segment(file: &mut Vec<u8>, id: &str, data: &[u8]) -> u64 {
    let at = file.len() as u64;
    let mut name = id.as_bytes().to_vec();
    name.resize(16, 0);
    file.extend(name);
    let len = data.len().next_multiple_of(32);
    file.extend((len as u64).to_le_bytes());
    file.extend((data.len() as u64).to_le_bytes());
    file.extend(data);
    file.resize(at as usize + 32 + len, 0);
    at
}

fn save(folder: &Path, name: &str, blocks: &[Block], compression: i32) -> std::path::PathBuf {
    let mut file = Vec::new();
    segment(&mut file, "ZISRAWFILE", &[0; 512]);
    let mut entries = Vec::new();
    for block in blocks {
        let pixels = pack(block, compression);
        let position = file.len() as u64;
        let repeated = entry(block, position, compression);
        let mut data = Vec::new();
        data.extend(0_i32.to_le_bytes());
        data.extend(0_i32.to_le_bytes());
        data.extend((pixels.len() as u64).to_le_bytes());
        data.extend(&repeated);
        data.resize(256, 0);
        data.extend(&pixels);
        segment(&mut file, "ZISRAWSUBBLOCK", &data);
        entries.extend(repeated);
    }
    let xml = r#"<ImageDocument><Metadata><Information><Instrument><Objectives><Objective><NominalMagnification>20</NominalMagnification></Objective></Objectives></Instrument><User><DisplayName>somebody</DisplayName></User></Information><Scaling><Items><Distance Id="X"><Value>2.2e-07</Value></Distance><Distance Id="Y"><Value>2.2e-07</Value></Distance></Items></Scaling></Metadata></ImageDocument>"#;
    let mut metadata = (xml.len() as i32).to_le_bytes().to_vec();
    metadata.resize(256, 0);
    metadata.extend(xml.as_bytes());
    let metadata = segment(&mut file, "ZISRAWMETADATA", &metadata);
    let mut directory = (blocks.len() as i32).to_le_bytes().to_vec();
    directory.resize(128, 0);
    directory.extend(entries);
    let directory = segment(&mut file, "ZISRAWDIRECTORY", &directory);
    file[32..36].copy_from_slice(&1_i32.to_le_bytes());
    file[84..92].copy_from_slice(&directory.to_le_bytes());
    file[92..100].copy_from_slice(&metadata.to_le_bytes());
    let path = folder.join(name);
    fs::write(&path, file).unwrap();
    path
}

/// Two levels of a picture, in overlapping images, somewhere on the slide.
fn mosaic() -> (Vec<Block>, [RgbBuffer; 2]) {
    let pictures =
        [(300, 200), (150, 100)].map(|(width, height)| picture(LevelSize { width, height }));
    let mut blocks = Vec::new();
    for (reduction, picture) in [1, 2].into_iter().zip(&pictures) {
        let mut order = 0;
        for y in (0..picture.height()).step_by(80) {
            for x in (0..picture.width()).step_by(90) {
                let width = (picture.width() - x).min(100);
                let height = (picture.height() - y).min(90);
                blocks.push(Block {
                    x: -5000 + x as i32 * reduction,
                    y: 700 + y as i32 * reduction,
                    size: (width as i32 * reduction, height as i32 * reduction),
                    stored: (width as i32, height as i32),
                    order,
                    rgb: crop(picture, x, y, width, height),
                });
                order += 1;
            }
        }
    }
    (blocks, pictures)
}

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
