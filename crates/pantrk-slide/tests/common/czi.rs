//! Zeiss CZI files: mosaics of overlapping images, in each compression that is read.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, whose failure is the test's"
)]

use std::path::{Path, PathBuf};

use pantrk_space::{LevelSize, RgbBuffer};

use super::{crop, picture};

pub const NONE: i32 = 0;
pub const JPEG: i32 = 1;
pub const JPEG_XR: i32 = 4;
pub const ZSTD0: i32 = 5;
pub const ZSTD1: i32 = 6;

/// A stored image: place and size on the slide, stored size, and pixels as red, green, blue.
pub struct Block {
    pub x: i32,
    pub y: i32,
    pub size: (i32, i32),
    pub stored: (i32, i32),
    pub order: i32,
    pub rgb: Vec<u8>,
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

/// A file of these images.
pub fn file(blocks: &[Block], compression: i32) -> Vec<u8> {
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
    file
}

/// Writes a file of these images.
pub fn save(folder: &Path, name: &str, blocks: &[Block], compression: i32) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, file(blocks, compression)).unwrap();
    path
}

/// Two levels of a picture, in overlapping images, somewhere on the slide.
pub fn mosaic() -> (Vec<Block>, [RgbBuffer; 2]) {
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
