//! A small TIFF writer that can write what no sound encoder would, test pictures, and the suite that every format passes.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(
    clippy::allow_attributes,
    reason = "an unused part in one binary is used in another, so expect would be wrong in one of them"
)]
#![allow(unreachable_pub, reason = "shared between test binaries")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, whose failure is the test's, and whose skipping is told"
)]

pub mod czi;
pub mod mirax;
#[path = "../../../../tests/src/shared_data.rs"]
pub mod shared_data;
pub mod vendors;

use std::path::{Path, PathBuf};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pantrk_slide::Slide;
use pantrk_space::{Gap, GapKind, LevelIndex, LevelRect, LevelSize, RegionReader, RgbBuffer};
use rayon::prelude::*;

pub enum Value {
    Short(Vec<u16>),
    Long(Vec<u32>),
    Long8(Vec<u64>),
    Rational(u32, u32),
    Text(String),
    Bytes(Vec<u8>),
    /// Signed.
    SLong(i32),
    Float(f32),
}

pub type Page = Vec<(u16, Value)>;

/// How a TIFF is written.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub big: bool,
    pub motorola: bool,
}

pub const CLASSIC: Kind = Kind {
    big: false,
    motorola: false,
};

pub const KINDS: [Kind; 4] = [
    CLASSIC,
    Kind {
        big: false,
        motorola: true,
    },
    Kind {
        big: true,
        motorola: false,
    },
    Kind {
        big: true,
        motorola: true,
    },
];

pub struct Writer {
    kind: Kind,
    pub bytes: Vec<u8>,
    link: usize,
}

impl Writer {
    pub fn new(kind: Kind) -> Self {
        let mut writer = Self {
            kind,
            bytes: if kind.motorola { b"MM" } else { b"II" }.to_vec(),
            link: 4,
        };
        writer.number(if kind.big { 43 } else { 42 }, 2);
        if kind.big {
            writer.number(8, 2);
            writer.number(0, 2);
            writer.link = 8;
        }
        writer.number(0, if kind.big { 8 } else { 4 });
        writer
    }

    fn encoded(&self, value: u64, len: usize) -> Vec<u8> {
        let all = value.to_le_bytes();
        let mut out = all[..len].to_vec();
        if self.kind.motorola {
            out.reverse();
        }
        out
    }

    fn number(&mut self, value: u64, len: usize) {
        let encoded = self.encoded(value, len);
        self.bytes.extend(encoded);
    }

    /// Appends data; returns where they lie.
    pub fn data(&mut self, data: &[u8]) -> u64 {
        if self.bytes.len() % 2 == 1 {
            self.bytes.push(0);
        }
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(data);
        at
    }

    /// Overwrites the link to the next directory: the last page then leads to `offset`.
    pub fn link_to(&mut self, offset: u64) {
        let len = if self.kind.big { 8 } else { 4 };
        let encoded = self.encoded(offset, len);
        self.bytes[self.link..self.link + len].copy_from_slice(&encoded);
    }

    /// Appends a directory to the main chain; returns where it lies.
    pub fn page(&mut self, page: Page) -> u64 {
        let at = self.directory(page);
        self.link_to(at);
        self.link = self.bytes.len() - if self.kind.big { 8 } else { 4 };
        at
    }

    /// Writes a directory that nothing leads to yet.
    pub fn directory(&mut self, mut page: Page) -> u64 {
        page.sort_by_key(|(tag, _)| *tag);
        let field = if self.kind.big { 8 } else { 4 };
        let mut entries = Vec::new();
        for (tag, value) in page {
            let (kind, count, bytes) = self.value_bytes(value);
            let mut stored = bytes;
            if stored.len() > field {
                let at = self.data(&stored);
                stored = self.encoded(at, field);
            }
            stored.resize(field, 0);
            entries.push((tag, kind, count, stored));
        }
        let at = self.data(&[]);
        self.number(entries.len() as u64, if self.kind.big { 8 } else { 2 });
        for (tag, kind, count, stored) in entries {
            self.number(u64::from(tag), 2);
            self.number(kind, 2);
            self.number(count, field);
            self.bytes.extend(stored);
        }
        self.number(0, field);
        at
    }

    fn value_bytes(&self, value: Value) -> (u64, u64, Vec<u8>) {
        let flat = |values: Vec<u64>, len: usize| -> Vec<u8> {
            values
                .into_iter()
                .flat_map(|v| self.encoded(v, len))
                .collect()
        };
        match value {
            Value::Short(v) => (
                3,
                v.len() as u64,
                flat(v.into_iter().map(u64::from).collect(), 2),
            ),
            Value::Long(v) => (
                4,
                v.len() as u64,
                flat(v.into_iter().map(u64::from).collect(), 4),
            ),
            Value::Long8(v) => (16, v.len() as u64, flat(v, 8)),
            Value::Rational(n, d) => (5, 1, flat(vec![u64::from(n), u64::from(d)], 4)),
            Value::Text(text) => {
                let mut bytes = text.as_bytes().to_vec();
                bytes.push(0);
                (2, bytes.len() as u64, bytes)
            }
            Value::Bytes(bytes) => (7, bytes.len() as u64, bytes),
            Value::SLong(v) => (9, 1, self.encoded(u64::from(v as u32), 4)),
            Value::Float(v) => (11, 1, self.encoded(u64::from(v.to_bits()), 4)),
        }
    }

    pub fn save(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, &self.bytes).unwrap();
        path
    }
}

/// A smooth picture of many colours; JPEG keeps it well, and each place looks different.
pub fn picture(size: LevelSize) -> RgbBuffer {
    let mut out = RgbBuffer::filled(size, [0; 3]);
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    for y in 0..size.height {
        let row = out.row_mut(y);
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let (u, v) = (x as f64 / w, f64::from(y) / h);
            let wave = ((u * 7.0).sin() * (v * 5.0).cos() + 1.0) * 0.5;
            pixel[0] = (40.0 + 200.0 * u) as u8;
            pixel[1] = (230.0 - 180.0 * v) as u8;
            pixel[2] = (60.0 + 150.0 * wave) as u8;
        }
    }
    out
}

/// A rectangle of a picture, in whole tiles: places beyond the edge repeat it.
pub fn crop(picture: &RgbBuffer, x: u32, y: u32, width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for row in y..y + height {
        for column in x..x + width {
            let at = picture.pixel(
                column.min(picture.width() - 1),
                row.min(picture.height() - 1),
            );
            out.extend(at);
        }
    }
    out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    None,
    Lzw,
    LzwPredicted,
    Deflate,
    OldDeflatePredicted,
    /// Transformed, in whole files with tables.
    Jpeg(SamplingFactor),
    /// Not transformed, tables in their own tag.
    JpegRgb,
}

pub const PACKINGS: [Packing; 7] = [
    Packing::None,
    Packing::Lzw,
    Packing::LzwPredicted,
    Packing::Deflate,
    Packing::OldDeflatePredicted,
    Packing::Jpeg(SamplingFactor::F_1_1),
    Packing::JpegRgb,
];

impl Packing {
    pub fn is_lossless(self) -> bool {
        !matches!(self, Self::Jpeg(_) | Self::JpegRgb)
    }

    pub fn tags(self) -> Page {
        let (compression, photometric, predictor) = match self {
            Self::None => (1, 2, 1),
            Self::Lzw => (5, 2, 1),
            Self::LzwPredicted => (5, 2, 2),
            Self::Deflate => (8, 2, 1),
            Self::OldDeflatePredicted => (32946, 2, 2),
            Self::Jpeg(_) => (7, 6, 1),
            Self::JpegRgb => (7, 2, 1),
        };
        vec![
            (259, Value::Short(vec![compression])),
            (262, Value::Short(vec![photometric])),
            (317, Value::Short(vec![predictor])),
        ]
    }

    pub fn pack(self, samples: &[u8], width: u32, height: u32, channels: usize) -> Vec<u8> {
        match self {
            Self::None => samples.to_vec(),
            Self::Lzw => lzw(samples),
            Self::LzwPredicted => lzw(&predicted(samples, width as usize, channels)),
            Self::Deflate => deflate(samples),
            Self::OldDeflatePredicted => deflate(&predicted(samples, width as usize, channels)),
            Self::Jpeg(sampling) => jpeg(samples, width, height, ColorType::Rgb, sampling),
            Self::JpegRgb => {
                // Handed in as if transformed already: the components are the colours.
                let whole = jpeg(
                    samples,
                    width,
                    height,
                    ColorType::Ycbcr,
                    SamplingFactor::F_1_1,
                );
                split_tables(&whole).1
            }
        }
    }

    /// The value of `JPEGTables`.
    pub fn tables(self) -> Option<Vec<u8>> {
        (self == Self::JpegRgb).then(|| {
            let any = jpeg(
                &[0; 8 * 8 * 3],
                8,
                8,
                ColorType::Ycbcr,
                SamplingFactor::F_1_1,
            );
            split_tables(&any).0
        })
    }
}

pub fn lzw(samples: &[u8]) -> Vec<u8> {
    weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
        .encode(samples)
        .unwrap()
}

pub fn deflate(samples: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(samples).unwrap();
    encoder.finish().unwrap()
}

pub fn predicted(samples: &[u8], width: usize, channels: usize) -> Vec<u8> {
    let mut out = samples.to_vec();
    for row in out.chunks_exact_mut(width * channels) {
        for i in (channels..row.len()).rev() {
            row[i] = row[i].wrapping_sub(row[i - channels]);
        }
    }
    out
}

pub fn jpeg(
    samples: &[u8],
    width: u32,
    height: u32,
    colour: ColorType,
    sampling: SamplingFactor,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 97);
    encoder.set_sampling_factor(sampling);
    encoder
        .encode(samples, width as u16, height as u16, colour)
        .unwrap();
    out
}

/// Parts a JPEG into its tables (with an Adobe segment that says "not transformed") and the abbreviated rest, both without JFIF.
pub fn split_tables(jpeg: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut tables = vec![0xff, 0xd8, 0xff, 0xee, 0, 14];
    tables.extend(b"Adobe\0\x64\0\0\0\0\0");
    let mut rest = vec![0xff, 0xd8];
    let mut at = 2;
    while jpeg[at + 1] != 0xda {
        let len = 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        let segment = &jpeg[at..at + len];
        match jpeg[at + 1] {
            0xdb | 0xc4 => tables.extend(segment),
            0xe0..=0xef => {}
            _ => rest.extend(segment),
        }
        at += len;
    }
    rest.extend(&jpeg[at..]);
    tables.extend([0xff, 0xd9]);
    (tables, rest)
}

pub const TILE: (u32, u32) = (64, 48);

/// The tags of a tiled RGB page over `picture`, whose tiles are written at once.
///
/// `each` may change a tile's place and length in the tables.
pub fn tiled_page(
    writer: &mut Writer,
    picture: &RgbBuffer,
    packing: Packing,
    each: impl Fn(usize, u64, u64) -> (u64, u64),
) -> Page {
    let (tw, th) = TILE;
    let (columns, rows) = (picture.width().div_ceil(tw), picture.height().div_ceil(th));
    let tiles: Vec<Vec<u8>> = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (column, row)))
        .map(|(column, row)| crop(picture, column * tw, row * th, tw, th))
        .collect();
    page_of_tiles(writer, picture.size(), &tiles, packing, each)
}

/// The same of tiles whose samples are at hand, row by row.
pub fn page_of_tiles(
    writer: &mut Writer,
    size: LevelSize,
    tiles: &[Vec<u8>],
    packing: Packing,
    each: impl Fn(usize, u64, u64) -> (u64, u64),
) -> Page {
    let packed: Vec<Vec<u8>> = tiles
        .iter()
        .map(|samples| packing.pack(samples, TILE.0, TILE.1, 3))
        .collect();
    let mut page = packing.tags();
    if let Some(tables) = packing.tables() {
        page.push((347, Value::Bytes(tables)));
    }
    page.extend(page_of_packed(writer, size, &packed, each));
    page
}

/// The same of tiles that are packed already, without the tags of their compression.
pub fn page_of_packed(
    writer: &mut Writer,
    size: LevelSize,
    packed: &[Vec<u8>],
    each: impl Fn(usize, u64, u64) -> (u64, u64),
) -> Page {
    let (mut offsets, mut counts) = (Vec::new(), Vec::new());
    for packed in packed {
        let at = writer.data(packed);
        let (at, len) = each(offsets.len(), at, packed.len() as u64);
        offsets.push(at);
        counts.push(len);
    }
    let mut page = vec![
        (256, Value::Long(vec![size.width])),
        (257, Value::Long(vec![size.height])),
        (258, Value::Short(vec![8, 8, 8])),
        (277, Value::Short(vec![3])),
        (284, Value::Short(vec![1])),
        (322, Value::Short(vec![TILE.0 as u16])),
        (323, Value::Short(vec![TILE.1 as u16])),
    ];
    if writer.kind.big {
        page.push((324, Value::Long8(offsets)));
        page.push((325, Value::Long8(counts)));
    } else {
        let low = |v: Vec<u64>| Value::Long(v.into_iter().map(|v| v as u32).collect());
        page.push((324, low(offsets)));
        page.push((325, low(counts)));
    }
    page
}

/// A pyramid of three levels with resolution tags of 0.5 and 0.25 um/px.
pub fn pyramid(kind: Kind, packing: Packing) -> (Writer, Vec<RgbBuffer>) {
    let pictures: Vec<RgbBuffer> = [(300, 200), (150, 100), (75, 50)]
        .into_iter()
        .map(|(width, height)| self::picture(LevelSize { width, height }))
        .collect();
    let mut writer = Writer::new(kind);
    for (i, picture) in pictures.iter().enumerate() {
        let mut page = tiled_page(&mut writer, picture, packing, |_, at, len| (at, len));
        page.push((254, Value::Long(vec![u32::from(i > 0)])));
        page.push((282, Value::Rational(20_000, 1)));
        page.push((283, Value::Rational(40_000, 1)));
        page.push((296, Value::Short(vec![3])));
        writer.page(page);
    }
    (writer, pictures)
}

pub fn read(slide: &dyn RegionReader, level: usize, rect: LevelRect) -> (RgbBuffer, Vec<Gap>) {
    let mut out = RgbBuffer::new();
    let gaps = slide
        .read_region(LevelIndex(level), rect, &mut out)
        .unwrap();
    assert_eq!((out.width(), out.height()), (rect.width, rect.height));
    (out, gaps)
}

pub fn read_level(slide: &dyn RegionReader, level: usize) -> (RgbBuffer, Vec<Gap>) {
    let size = slide.levels()[level].size;
    read(slide, level, LevelRect::of_size(size))
}

/// The largest difference of any byte.
pub fn difference(a: &RgbBuffer, b: &RgbBuffer) -> u8 {
    assert_eq!(a.size(), b.size());
    a.as_bytes()
        .iter()
        .zip(b.as_bytes())
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap_or(0)
}

pub fn rect(x: i64, y: i64, width: u32, height: u32) -> LevelRect {
    LevelRect {
        x,
        y,
        width,
        height,
    }
}

/// Where the slide was scanned, in pixels of level 0: `openslide.bounds-*`, or all of it.
fn scanned(slide: &Slide) -> LevelRect {
    let number = |key: &str| -> Option<i64> {
        slide
            .properties()
            .get(&format!("openslide.bounds-{key}"))?
            .parse()
            .ok()
    };
    let bounds = || {
        Some(rect(
            number("x")?,
            number("y")?,
            number("width")?.try_into().ok()?,
            number("height")?.try_into().ok()?,
        ))
    };
    bounds().unwrap_or_else(|| LevelRect::of_size(slide.levels()[0].size))
}

/// The same rectangle on another level, a pixel smaller on each side where it was rounded.
fn on_level(area: LevelRect, downsample: f64) -> LevelRect {
    let from = |at: i64| (at as f64 / downsample).ceil() as i64;
    let to = |at: i64| (at as f64 / downsample).floor() as i64;
    let (x, y) = (from(area.x), from(area.y));
    let side = |end: i64, start: i64| (to(end) - start).max(1) as u32;
    rect(x, y, side(area.right(), x), side(area.bottom(), y))
}

/// What every reader must keep to, whatever the format.
pub fn check_reader(slide: &Slide) {
    check_regions(slide);
    check_levels_agree(slide, scanned(slide));
}

/// The same of a slide whose levels are different pictures.
pub fn check_regions(slide: &Slide) {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(slide);

    let levels = slide.levels();
    assert!(!levels.is_empty());
    assert!((levels[0].downsample.get() - 1.0).abs() < 1e-9);
    for pair in levels.windows(2) {
        assert!(pair[1].size.area() < pair[0].size.area(), "levels shrink");
        assert!(pair[1].downsample > pair[0].downsample);
    }
    assert_eq!(slide.fingerprint().len(), 64);
    assert_eq!(slide.properties()["openslide.vendor"], slide.vendor());
    let scanned = scanned(slide);

    for (i, level) in levels.iter().enumerate() {
        let size = level.size;
        let area = on_level(scanned, level.downsample.get());
        // At most this much, so that a large slide is not read whole.
        let (w, h) = (area.width.min(700), area.height.min(600));
        let (whole, gaps) = read(slide, i, rect(area.x, area.y, w, h));
        let is_open = |gap: &Gap| gap.kind == GapKind::NotScanned;
        assert!(gaps.iter().all(is_open), "level {i}: {gaps:?}");
        let open: u64 = gaps.iter().map(|gap| gap.rect.area()).sum();

        // Parts of odd sizes, read by many threads, give the same pixels.
        let step = (97, 61);
        let parts: Vec<(u32, u32)> = (0..h.div_ceil(step.1))
            .flat_map(|r| (0..w.div_ceil(step.0)).map(move |c| (c * step.0, r * step.1)))
            .collect();
        let open_in_parts = parts.par_iter().map(|&(x, y)| {
            let (pw, ph) = (step.0.min(w - x), step.1.min(h - y));
            let at = rect(area.x + i64::from(x), area.y + i64::from(y), pw, ph);
            let (part, gaps) = read(slide, i, at);
            assert!(gaps.iter().all(is_open), "level {i}: {gaps:?}");
            for row in 0..ph {
                let from = x as usize * 3;
                assert_eq!(
                    part.row(row),
                    &whole.row(y + row)[from..from + pw as usize * 3],
                    "level {i}, part at {x} {y}, row {row}"
                );
            }
            gaps.iter().map(|gap| gap.rect.area()).sum::<u64>()
        });
        assert_eq!(open_in_parts.sum::<u64>(), open, "level {i}");

        // Over the corner: one pixel of slide, the rest outside and white.
        let corner = rect(i64::from(size.width) - 1, i64::from(size.height) - 1, 3, 2);
        let (pixels, gaps) = read(slide, i, corner);
        let outside = gaps.iter().filter(|g| g.kind == GapKind::OutsideSlide);
        assert_eq!(outside.map(|g| g.rect.area()).sum::<u64>(), 5);
        assert_eq!(pixels.pixel(2, 1), [255; 3]);
        let (_, gaps) = read(slide, i, rect(-50, -50, 10, 10));
        assert_eq!(gaps.len(), 1);
        assert_eq!(gaps[0].rect.area(), 100);
    }

    let mut out = RgbBuffer::new();
    let no_level = LevelIndex(levels.len());
    assert!(
        slide
            .read_region(no_level, rect(0, 0, 1, 1), &mut out)
            .is_err()
    );
    let huge = rect(0, 0, u32::MAX, u32::MAX);
    assert!(slide.read_region(LevelIndex(0), huge, &mut out).is_err());
}

/// Each reduced level shows what level 0 shows: means of the blocks that a pixel of the level covers, over up to 128 x 128 pixels in the middle.
///
/// Writers filter differently, and JPEG loses some, so single pixels may be off and the mean may not.
fn check_levels_agree(slide: &Slide, scanned: LevelRect) {
    for (index, level) in slide.levels().iter().enumerate().skip(1) {
        let downsample = level.downsample.get();
        let area = on_level(scanned, downsample);
        let side = (2048.0 / downsample).ceil().clamp(1.0, 128.0) as u32;
        let (w, h) = (area.width.min(side), area.height.min(side));
        let middle = |start: i64, all: u32, part: u32| start + i64::from((all - part) / 2);
        let (left, top) = (
            middle(area.x, area.width, w),
            middle(area.y, area.height, h),
        );
        let (found, open) = read(slide, index, rect(left, top, w, h));
        let from = |at: i64| (at as f64 * downsample).round() as i64;
        let under = rect(
            from(left),
            from(top),
            (from(left + i64::from(w)) - from(left)) as u32,
            (from(top + i64::from(h)) - from(top)) as u32,
        );
        let (whole, open_under) = read(slide, 0, under);
        let (mut sum, mut count) = (0.0, 0.0);
        for y in 0..h {
            for x in 0..w {
                // What was not scanned on one of both levels shows nothing.
                let (column, row) = (left + i64::from(x), top + i64::from(y));
                let under_it = rect(
                    from(column),
                    from(row),
                    1 + downsample.ceil() as u32,
                    1 + downsample.ceil() as u32,
                );
                if open
                    .iter()
                    .any(|gap| gap.rect.intersection(&rect(column, row, 1, 1)).is_some())
                    || open_under
                        .iter()
                        .any(|gap| gap.rect.intersection(&under_it).is_some())
                {
                    continue;
                }
                let span = |at: i64, origin: i64| {
                    let start = (from(at) - origin) as u32;
                    start..((from(at + 1) - origin) as u32).max(start + 1)
                };
                let columns = span(left + i64::from(x), under.x);
                let rows = span(top + i64::from(y), under.y);
                let mut means = [0.0; 3];
                let mut pixels = 0.0;
                for row in rows {
                    for column in columns.clone() {
                        let at =
                            whole.pixel(column.min(whole.width() - 1), row.min(whole.height() - 1));
                        for (mean, value) in means.iter_mut().zip(at) {
                            *mean += f64::from(value);
                        }
                        pixels += 1.0;
                    }
                }
                for (mean, value) in means.into_iter().zip(found.pixel(x, y)) {
                    sum += (mean / pixels - f64::from(value)).abs();
                    count += 1.0;
                }
            }
        }
        let mean: f64 = sum / f64::max(count, 1.0);
        assert!(
            mean < 6.0,
            "level {index} is off from level 0 by {mean:.2} in the mean"
        );
    }
}
