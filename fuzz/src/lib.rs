//! What the fuzz targets share: bytes become a slide, which is opened with small limits and read.
//!
//! A target fails on a panic, on a hang, on memory without bound, and where the same region gives other pixels the second time, when its tiles come from the cache.
//!
//! Codecs are private to the reader, so they are met as users' files meet them: as the one tile of a TIFF page, or the one frame of a DICOM image.

use std::path::PathBuf;
use std::sync::{Mutex, Once, OnceLock};

use pantrk_slide::{Limits, Slide};
use pantrk_space::RegionReader as _;
use pantrk_space::{LevelIndex, LevelRect, RgbBuffer};

/// Sides of what is read of a level.
const REGION: u32 = 192;
/// Levels that are read.
const LEVELS: usize = 6;

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_ifds = 64;
    limits.max_metadata_bytes = 1 << 20;
    limits.max_region_pixels = 1 << 20;
    limits.max_tile_pixels = 1 << 18;
    limits.max_tile_bytes = 1 << 20;
    limits.max_plain_side = 2048;
    limits.max_plain_pixels = 1 << 20;
    limits
}

/// A folder of this process alone, in memory where the system has such a place.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let folder = base.join(format!("pantrk-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the slide");
        folder
    })
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("a place for the slide");
    path
}

/// Opens a file of this name and content, and reads from all that opens.
pub fn slide(name: &str, bytes: &[u8]) {
    let path = write(name, bytes);
    loud(|| {
        if let Ok(slide) = Slide::open_with_limits(path, limits()) {
            read(&slide);
        }
    });
}

/// Opens a file of this name and content, and no more.
pub fn probe(name: &str, bytes: &[u8]) {
    let path = write(name, bytes);
    loud(|| drop(Slide::open_with_limits(path, limits())));
}

/// Runs `work`; a panic that leaves it is told and ends the process.
///
/// The reader itself turns panics of foreign decoders into errors, and libFuzzer's own hook would end the process on those too.
fn loud(work: impl FnOnce()) {
    static LAST: Mutex<String> = Mutex::new(String::new());
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            if let Ok(mut last) = LAST.lock() {
                *last = info.to_string();
            }
        }));
    });
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
        eprintln!(
            "{}",
            LAST.lock()
                .map_or_else(|_| String::new(), |last| last.clone())
        );
        std::process::abort();
    }
}

/// A MIRAX slide of three files; the lengths of the first two stand before them, two bytes each.
pub fn mirax(bytes: &[u8]) {
    let Some((lengths, rest)) = bytes.split_at_checked(4) else {
        return;
    };
    let length = |at: usize| usize::from(u16::from_le_bytes([lengths[at], lengths[at + 1]]));
    let (ini, rest) = rest.split_at(length(0).min(rest.len()));
    let (index, data) = rest.split_at(length(2).min(rest.len()));
    std::fs::create_dir_all(folder().join("slide")).expect("a folder for the slide");
    write("slide/Slidedat.ini", ini);
    write("slide/Index.dat", index);
    write("slide/Data0000.dat", data);
    slide("slide.mrxs", b"\xff\xd8\xff\xd9");
}

fn read(slide: &Slide) {
    let (mut first, mut again) = (RgbBuffer::new(), RgbBuffer::new());
    for (index, level) in slide.levels().iter().enumerate().take(LEVELS) {
        let right = i64::from(level.size.width) - i64::from(REGION) / 2;
        let bottom = i64::from(level.size.height) - i64::from(REGION) / 2;
        // The corner where all levels begin, over the edge, and across tiles.
        for (x, y) in [(0, 0), (right, bottom), (right / 3, bottom / 2)] {
            let rect = LevelRect {
                x,
                y,
                width: REGION,
                height: REGION,
            };
            let level = LevelIndex(index);
            let gaps = slide.read_region(level, rect, &mut first);
            let same = slide.read_region(level, rect, &mut again);
            if let (Ok(gaps), Ok(same)) = (gaps, same) {
                assert_eq!(gaps, same, "the gaps differ the second time");
                assert!(first == again, "the pixels differ the second time");
            }
        }
    }
    for image in slide.associated_images() {
        drop(slide.read_associated(&image.name));
    }
}

/// Tile sizes of [`tile`], by the input's second byte.
const SIDES: [(u16, u16); 4] = [(64, 48), (16, 16), (256, 256), (80, 32)];

/// The input's bytes as the one tile of a TIFF page of this compression; two bytes before them choose colours and tile size.
pub fn tile(compression: u16, input: &[u8]) {
    let [colour, sides, tile @ ..] = input else {
        return;
    };
    let (width, height) = SIDES[usize::from(sides % 4)];
    let channels: u16 = if colour & 8 == 0 { 3 } else { 1 };
    let photometric = [2_u16, 6, 1, 0][usize::from(colour % 4)];
    let predictor = 1 + u16::from(colour & 16 != 0);
    let planar = 1 + u16::from(colour & 32 != 0);
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    // Every value stands in its entry, but for the three depths of colour.
    let entries: [(u16, u16, u32, u32); 13] = [
        (256, 3, 1, width.into()),
        (257, 3, 1, height.into()),
        (258, 3, channels.into(), if channels == 1 { 8 } else { 170 }),
        (259, 3, 1, compression.into()),
        (262, 3, 1, photometric.into()),
        (277, 3, 1, channels.into()),
        (284, 3, 1, planar.into()),
        (317, 3, 1, predictor.into()),
        (322, 3, 1, width.into()),
        (323, 3, 1, height.into()),
        (324, 4, 1, 176),
        (325, 4, 1, tile.len() as u32),
        (338, 3, 1, 0),
    ];
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend([8, 0, 8, 0, 8, 0]);
    debug_assert_eq!(file.len(), 176);
    file.extend(tile);
    slide("tile.tif", &file);
}

/// The input's bytes as the one frame of a DICOM image of this transfer syntax; the byte before them says grey or colour.
pub fn frame(transfer_syntax: &str, input: &[u8]) {
    let [colour, frame @ ..] = input else {
        return;
    };
    let samples: u16 = if colour & 1 == 0 { 3 } else { 1 };
    let photometric: &[u8] = match (samples, colour & 2) {
        (1, _) => b"MONOCHROME2 ",
        (_, 0) => b"RGB ",
        _ => b"YBR_FULL",
    };
    let mut meta = Vec::new();
    element(&mut meta, (2, 2), *b"UI", b"1.2.840.10008.5.1.4.1.1.77.1.6");
    element(&mut meta, (2, 3), *b"UI", b"1.2.3.4");
    element(&mut meta, (2, 0x10), *b"UI", transfer_syntax.as_bytes());
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    element(
        &mut file,
        (2, 0),
        *b"UL",
        &(meta.len() as u32).to_le_bytes(),
    );
    file.extend(meta);
    let short = |value: u16| value.to_le_bytes();
    let long = |value: u32| value.to_le_bytes();
    element(
        &mut file,
        (8, 8),
        *b"CS",
        b"ORIGINAL\\PRIMARY\\VOLUME\\NONE",
    );
    element(
        &mut file,
        (8, 0x16),
        *b"UI",
        b"1.2.840.10008.5.1.4.1.1.77.1.6",
    );
    element(&mut file, (8, 0x18), *b"UI", b"1.2.3.4");
    element(&mut file, (8, 0x60), *b"CS", b"SM");
    element(&mut file, (0x20, 0xe), *b"UI", b"1.2.3.5");
    element(&mut file, (0x20, 0x9311), *b"CS", b"TILED_FULL");
    element(&mut file, (0x28, 2), *b"US", &short(samples));
    element(&mut file, (0x28, 4), *b"CS", photometric);
    element(&mut file, (0x28, 6), *b"US", &short(0));
    element(&mut file, (0x28, 8), *b"IS", b"1");
    element(&mut file, (0x28, 0x10), *b"US", &short(48));
    element(&mut file, (0x28, 0x11), *b"US", &short(64));
    element(&mut file, (0x28, 0x100), *b"US", &short(8));
    element(&mut file, (0x28, 0x101), *b"US", &short(8));
    element(&mut file, (0x28, 0x102), *b"US", &short(7));
    element(&mut file, (0x28, 0x103), *b"US", &short(0));
    element(&mut file, (0x48, 6), *b"UL", &long(64));
    element(&mut file, (0x48, 7), *b"UL", &long(48));
    // Pixel data: of unknown length, an empty offset table, the frame, the end.
    file.extend([
        0xe0, 0x7f, 0x10, 0, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff,
    ]);
    file.extend([0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0]);
    file.extend([0xfe, 0xff, 0, 0xe0]);
    file.extend(long(frame.len().next_multiple_of(2) as u32));
    file.extend(frame);
    if frame.len() % 2 == 1 {
        file.push(0);
    }
    file.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    slide("frame.dcm", &file);
}

/// One element in explicit little-endian form.
fn element(out: &mut Vec<u8>, (group, number): (u16, u16), vr: [u8; 2], value: &[u8]) {
    out.extend(group.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(vr);
    out.extend((value.len().next_multiple_of(2) as u16).to_le_bytes());
    out.extend(value);
    if value.len() % 2 == 1 {
        out.push(if vr == *b"UI" { 0 } else { b' ' });
    }
}
