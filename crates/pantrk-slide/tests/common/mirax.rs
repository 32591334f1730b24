//! MIRAX slides: photographs that overlap, each of a colour of its own, on two levels.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, whose failure is the test's"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pantrk_space::RgbBuffer;

use super::picture;
use super::vendors::size;

const ID: &str = "0123456789ABCDEF0123456789ABCDEF";
/// Images across and down.
const IMAGES: (u32, u32) = (4, 4);
/// Sides of a stored image, on each level.
const SIDE: u32 = 64;
/// Pixels by which photographs overlap.
const OVERLAP: u32 = 8;

/// The files of a slide.
pub struct Mirax {
    pub ini: Vec<u8>,
    pub index: Vec<u8>,
    pub data: Vec<u8>,
}

/// How a slide is made.
#[derive(Clone, Copy)]
pub struct Made {
    /// Images along a side of a photograph.
    pub divisions: u32,
    /// Whether a table says where the photographs lie.
    pub positions: bool,
}

fn png(image: &RgbBuffer) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_raw(image.width(), image.height(), image.as_bytes().to_vec())
        .unwrap()
        .write_to(&mut out, image::ImageFormat::Png)
        .unwrap();
    out.into_inner()
}

/// The picture with a colour that depends on the number, so that overlaps show which image is on top.
fn image(number: u32) -> RgbBuffer {
    let mut bytes = picture(size(SIDE, SIDE)).into_bytes();
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = byte.wrapping_add((number * (11 + at as u32 % 3 * 40)) as u8);
    }
    RgbBuffer::from_raw(size(SIDE, SIDE), bytes).unwrap()
}

/// Where a photograph lies, in pixels of level 0 (even, so that level 1 has whole pixels).
fn place(made: Made, column: u32, row: u32) -> (i32, i32) {
    let step = SIDE * made.divisions - OVERLAP;
    let shift = |n: u32| (n * 7 % 3 * 2) as i32;
    (
        (column * step) as i32 + shift(row),
        (row * step) as i32 + shift(column),
    )
}

impl Mirax {
    pub fn new(made: Made) -> Self {
        let mut data = b"data of the slide".to_vec();
        let mut store = |bytes: &[u8]| {
            let at = data.len() as u32;
            data.extend(bytes);
            (at, bytes.len() as u32)
        };
        // Level 1 holds four of level 0's images in each of its own.
        let levels: Vec<Vec<(u32, u32, u32)>> = [1, 2]
            .map(|reduction: u32| {
                let mut entries = Vec::new();
                for y in (0..IMAGES.1).step_by(reduction as usize) {
                    for x in (0..IMAGES.0).step_by(reduction as usize) {
                        let number = y * IMAGES.0 + x;
                        let (at, len) = store(&png(&image(number + reduction)));
                        entries.push((number, at, len));
                    }
                }
                entries
            })
            .into();
        let (across, down) = (IMAGES.0 / made.divisions, IMAGES.1 / made.divisions);
        let mut table = Vec::new();
        for row in 0..down {
            for column in 0..across {
                let (x, y) = place(made, column, row);
                table.push(0_u8);
                table.extend(x.to_le_bytes());
                table.extend(y.to_le_bytes());
            }
        }
        let table = store(&table);
        Self {
            ini: ini(made).into_bytes(),
            index: index(&levels, made.positions.then_some(table)),
            data,
        }
    }

    /// Writes `name.mrxs` and the folder beside it.
    pub fn save(&self, folder: &Path, name: &str) -> PathBuf {
        let beside = folder.join(name);
        std::fs::create_dir_all(&beside).unwrap();
        std::fs::write(beside.join("Slidedat.ini"), &self.ini).unwrap();
        std::fs::write(beside.join("Index.dat"), &self.index).unwrap();
        std::fs::write(beside.join("Data0000.dat"), &self.data).unwrap();
        let path = folder.join(format!("{name}.mrxs"));
        std::fs::write(&path, b"\xff\xd8\xff\xd9").unwrap();
        path
    }
}

fn ini(made: Made) -> String {
    let mut out = format!(
        "\u{feff}[GENERAL]\r\nSLIDE_VERSION = 01.02\r\nSLIDE_ID = {ID}\r\nIMAGENUMBER_X = {}\r\nIMAGENUMBER_Y = {}\r\nOBJECTIVE_MAGNIFICATION = 20\r\nCameraImageDivisionsPerSide = {}\r\n",
        IMAGES.0, IMAGES.1, made.divisions
    );
    out.push_str("[HIERARCHICAL]\r\nHIER_COUNT = 1\r\nINDEXFILE = Index.dat\r\nHIER_0_NAME = Slide zoom level\r\nHIER_0_COUNT = 2\r\n");
    for level in 0..2 {
        write!(out, "HIER_0_VAL_{level} = ZoomLevel_{level}\r\nHIER_0_VAL_{level}_SECTION = LAYER_0_LEVEL_{level}_SECTION\r\n").unwrap();
    }
    if made.positions {
        out.push_str("NONHIER_COUNT = 1\r\nNONHIER_0_NAME = VIMSLIDE_POSITION_BUFFER\r\nNONHIER_0_COUNT = 1\r\nNONHIER_0_VAL_0 = default\r\nNONHIER_0_VAL_0_SECTION = POSITIONS\r\n");
    } else {
        out.push_str("NONHIER_COUNT = 0\r\n");
    }
    out.push_str("[DATAFILE]\r\nFILE_COUNT = 1\r\nFILE_0 = Data0000.dat\r\n");
    for level in 0..2_u32 {
        write!(out, "[LAYER_0_LEVEL_{level}_SECTION]\r\nOVERLAP_X = {}\r\nOVERLAP_Y = {}\r\nMICROMETER_PER_PIXEL_X = {mpp}\r\nMICROMETER_PER_PIXEL_Y = {mpp}\r\nIMAGE_FORMAT = PNG\r\nIMAGE_FILL_COLOR_BGR = 14741744\r\nDIGITIZER_WIDTH = {SIDE}\r\nDIGITIZER_HEIGHT = {SIDE}\r\nIMAGE_CONCAT_FACTOR = {level}\r\n",
            OVERLAP >> level, OVERLAP >> level, mpp = 0.25 * f64::from(1 + level)).unwrap();
    }
    out
}

fn index(levels: &[Vec<(u32, u32, u32)>], table: Option<(u32, u32)>) -> Vec<u8> {
    let mut out = format!("01.02{ID}").into_bytes();
    let root = out.len();
    out.resize(root + 8, 0);
    let put = |out: &mut Vec<u8>, at: usize, value: usize| {
        out[at..at + 4].copy_from_slice(&(value as u32).to_le_bytes());
    };
    let words = |out: &mut Vec<u8>, words: &[u32]| {
        let at = out.len();
        out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        at
    };
    let pointers = words(&mut out, &vec![0; levels.len()]);
    put(&mut out, root, pointers);
    for (number, entries) in levels.iter().enumerate() {
        let record = out.len();
        put(&mut out, pointers + number * 4, record);
        words(&mut out, &[0, record as u32 + 8, entries.len() as u32, 0]);
        for &(image, at, len) in entries {
            words(&mut out, &[image, at, len, 0]);
        }
    }
    let others = words(&mut out, &[0]);
    put(&mut out, root + 4, others);
    if let Some((at, len)) = table {
        let record = out.len();
        put(&mut out, others, record);
        words(&mut out, &[0, record as u32 + 8, 1, 0, 0, 0, at, len, 0]);
    }
    out
}
