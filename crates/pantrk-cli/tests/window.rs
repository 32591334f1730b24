//! The viewer in a real window, on a display that no screen shows.
#![cfg(all(target_os = "linux", feature = "viewer"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot look must fail")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A display of its own; `None` where there is no Xvfb.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn start() -> Option<Self> {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1600x1000x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let out = server.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        Some(Self {
            server,
            name: format!(":{}", line.trim()),
        })
    }

    /// Runs the program on this display, drawn by the processor.
    fn pantrk(&self, arguments: &[&Path]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_pantrk"))
            .args(arguments)
            .env("DISPLAY", &self.name)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env_remove("WAYLAND_DISPLAY")
            .output()
            .unwrap()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// Different colours in some columns of a picture, without its top and its foot, in steps of 16.
fn colours(picture: &image::RgbImage, [left, right]: [u32; 2], height: u32) -> usize {
    let mut seen = std::collections::BTreeSet::new();
    for y in height / 12..height * 2 / 3 {
        for x in left..right {
            seen.insert(picture.get_pixel(x, y).0.map(|v| v / 16));
        }
    }
    seen.len()
}

/// Where the README's picture is to be written, if it is wanted.
const README: &str = "PANTRK_README_PICTURE";

/// A scored phantom: a small one by the watershed, or the demo with the network for the README.
fn scored(dir: &Path, readme: bool) -> PathBuf {
    let out = dir.join("out");
    if readme {
        let folder = dir.join("demo");
        common::pantrk(["demo", "--out", common::text(&folder)]).good();
        return folder;
    }
    let slide = dir.join("phantom.svs");
    common::phantom(&slide, common::SIZE, 3);
    common::score(&slide, &out, &["--tumour-type", "thyroid carcinoma"]).good();
    out
}

#[test]
fn a_window_opens_on_a_scored_slide_pans_zooms_and_is_not_blank() {
    let Some(display) = Display::start() else {
        eprintln!("skipped: there is no Xvfb; tests/system-packages.txt names it");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let readme = std::env::var_os(README);
    let picture = match &readme {
        // From the repository's root, wherever cargo runs the test.
        Some(path) => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path),
        None => dir.path().join("window.png"),
    };
    let results = scored(dir.path(), readme.is_some());
    let output = display.pantrk(&[
        Path::new("view"),
        &results,
        Path::new("--screenshot"),
        &picture,
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let shown = image::open(&picture).unwrap().into_rgb8();
    assert!(
        shown.width() >= 1000 && shown.height() >= 600,
        "{:?}",
        shown.dimensions()
    );
    let (width, height) = shown.dimensions();
    // The slide is in the middle, the worklist at its left, the next step and its reasons at its right.
    for (part, columns, least) in [
        ("where tissue should be", [width / 3, width / 2], 40),
        ("in the worklist", [0, width / 6], 12),
        ("where the next step should be", [width * 3 / 4, width], 12),
    ] {
        let found = colours(&shown, columns, height);
        assert!(found > least, "only {found} colours {part}");
    }
}

#[test]
fn a_picture_of_no_slide_is_an_error_and_no_picture() {
    let Some(display) = Display::start() else {
        eprintln!("skipped: there is no Xvfb; tests/system-packages.txt names it");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.svs");
    std::fs::write(&broken, b"this is no slide").unwrap();
    let picture = dir.path().join("window.png");
    let output = display.pantrk(&[
        Path::new("view"),
        &broken,
        Path::new("--screenshot"),
        &picture,
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("no screenshot was made"), "{said}");
    assert!(!picture.exists());
}
