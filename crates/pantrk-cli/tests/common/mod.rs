//! Runs the program as users run it; slides are phantoms, made once per test binary.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, compiled into each of them"
)]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test binary uses its own part"
)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// Columns and rows of level 0 of [`slide`].
pub const SIZE: [u32; 2] = [2500, 2200];

/// How a run of the program went.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The run went well; gives what it printed.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// The run failed with `code` and one line on stderr that has all of `words`; gives the line.
    #[track_caller]
    pub fn failed(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "{}", self.stderr);
        assert!(self.stderr.starts_with("pantrk: "), "{}", self.stderr);
        assert!(self.stdout.is_empty(), "{}", self.stdout);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in {:?}",
                self.stderr
            );
        }
        self.stderr
    }
}

/// Runs `pantrk` with these arguments.
pub fn pantrk<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    let output = command(args).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// `pantrk` with these arguments, not started.
pub fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pantrk"));
    command.args(args);
    command
}

/// `pantrk score SLIDE --out OUT --log quiet`, the watershed for speed, and more arguments.
pub fn score(slide: &Path, out: &Path, more: &[&str]) -> Run {
    let mut args = words(&["score", text(slide), "--out", text(out), "--log", "quiet"]);
    if !more.contains(&"--model") {
        args.extend(words(&["--model", "watershed"]));
    }
    args.extend(words(more));
    pantrk(args)
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|&arg| arg.to_owned()).collect()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder that lives as long as the test binary.
pub fn shared() -> &'static Path {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    // Static values are not dropped, so the folder stands where cargo keeps such things and is made anew by the next run.
    SHARED.get_or_init(|| {
        let name = std::env::current_exe().unwrap();
        let name = name.file_stem().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        folder
    })
}

/// A small phantom slide of [`SIZE`], made once; `phantom.regions.geojson` and its truth stand beside it.
pub fn slide() -> &'static Path {
    static SLIDE: OnceLock<PathBuf> = OnceLock::new();
    SLIDE.get_or_init(|| {
        let path = shared().join("phantom.svs");
        phantom(&path, SIZE, 3);
        path
    })
}

/// Makes a phantom slide.
pub fn phantom(path: &Path, [width, height]: [u32; 2], seed: u32) {
    let (width, height, seed) = (width.to_string(), height.to_string(), seed.to_string());
    let mut args = vec!["phantom", "slide", "--tissue-fraction", "0.8"];
    args.extend(["--width", &width, "--height", &height, "--seed", &seed]);
    args.extend(["--out", text(path)]);
    pantrk(args).good();
}

/// A field of the phantom of that size as a plain PNG, with its corner at (500, 500).
pub fn field(path: &Path, width: u32, height: u32) {
    let (width, height) = (width.to_string(), height.to_string());
    let mut args = vec!["region", text(slide()), "--x", "500", "--y", "500"];
    args.extend(["--width", &width, "--height", &height, "--out", text(path)]);
    pantrk(args).good();
}

/// Reads a JSON file.
pub fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Names in a folder, sorted; none if there is no such folder.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// One polygon of class `Tumor`, its rings in level-0 pixels.
pub fn tumour(rings: &[&[[u32; 2]]]) -> String {
    json!({
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": rings},
            "properties": {"classification": {"name": "Tumor"}},
        }],
    })
    .to_string()
}

/// The closed ring of a square.
pub fn square(from: u32, to: u32) -> [[u32; 2]; 5] {
    [[from, from], [to, from], [to, to], [from, to], [from, from]]
}

/// Where a tile of level 0 stands in the file: offset and bytes, read from the TIFF's own directory.
pub fn tile_spans(tiff: &[u8]) -> Vec<(usize, usize)> {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([tiff[at], tiff[at + 1]]));
    let u32_at = |at: usize| u32::from_le_bytes(tiff[at..at + 4].try_into().unwrap()) as usize;
    let u64_at = |at: usize| u64::from_le_bytes(tiff[at..at + 8].try_into().unwrap()) as usize;
    assert_eq!(&tiff[..2], b"II", "phantoms are little-endian");
    let big = u16_at(2) == 43;
    let directory = if big { u64_at(8) } else { u32_at(4) };
    let (entries, first, step) = if big {
        (u64_at(directory), directory + 8, 20)
    } else {
        (u16_at(directory), directory + 2, 12)
    };
    let values = |wanted: usize| -> Vec<usize> {
        let entry = (0..entries)
            .map(|i| first + i * step)
            .find(|&at| u16_at(at) == wanted)
            .unwrap();
        let (count, field) = if big {
            (u64_at(entry + 4), entry + 12)
        } else {
            (u32_at(entry + 4), entry + 8)
        };
        let width = match u16_at(entry + 2) {
            3 => 2,
            4 => 4,
            16 => 8,
            other => panic!("a field type {other} for offsets"),
        };
        let inline = count * width <= if big { 8 } else { 4 };
        let start = match (inline, big) {
            (true, _) => field,
            (false, true) => u64_at(field),
            (false, false) => u32_at(field),
        };
        let value = |at| match width {
            2 => u16_at(at),
            4 => u32_at(at),
            _ => u64_at(at),
        };
        (0..count).map(|i| value(start + i * width)).collect()
    };
    let (offsets, bytes) = (values(324), values(325));
    assert_eq!(offsets.len(), bytes.len());
    offsets.into_iter().zip(bytes).collect()
}
