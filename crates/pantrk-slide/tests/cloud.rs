//! Slides on servers: a web server with ranges, and S3 as moto has it; what is read is the same as from disk, and requests are counted.
//!
//! Needs the feature `cloud` and Python (`PANTRK_PYTHON` names it, else `python3`), for S3 with the package `moto[server]`; prints `skipped` elsewhere.

#[cfg(feature = "cloud")]
mod common;

/// Without the feature an address is refused with what to do.
#[cfg(not(feature = "cloud"))]
#[test]
fn an_address_is_refused_with_what_to_do() {
    for address in ["https://localhost/slide.svs", "s3://bucket/slide.svs"] {
        let error = pantrk_slide::Slide::open(address).unwrap_err().to_string();
        assert!(
            error.contains("feature `cloud`") && error.contains(address),
            "{error}"
        );
    }
}

#[cfg(feature = "cloud")]
mod cloud {
    #![expect(
        clippy::unwrap_used,
        reason = "helpers of tests, whose failure is the test's"
    )]
    #![allow(
        clippy::allow_attributes,
        clippy::print_stdout,
        reason = "a test tells what it skips and what it counted"
    )]

    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};

    use pantrk_slide::Slide;
    use pantrk_space::{GapKind, LevelSize, RgbBuffer};
    use rayon::prelude::*;

    use super::common::{CLASSIC, Packing, Writer, picture, read, read_level, rect, tiled_page};

    /// The address that the test of S3 hands to itself.
    const ADDRESS: &str = "PANTRK_TEST_ADDRESS";

    /// A server that ends with the test.
    struct Server {
        child: Child,
        address: String,
        /// What it prints: its address, then a line for each request.
        told: tempfile::NamedTempFile,
    }

    impl Server {
        /// `None` where Python or a package is missing.
        fn start(kind: &str, folder: &Path) -> Option<Self> {
            let python =
                std::env::var_os("PANTRK_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloud/serve.py");
            let told = tempfile::NamedTempFile::new().unwrap();
            let mut child = Command::new(python)
                .arg(script)
                .arg(kind)
                .arg(folder)
                .stdin(Stdio::piped())
                .stdout(told.reopen().unwrap())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            loop {
                let text = fs::read_to_string(told.path()).unwrap();
                if let Some((address, _)) = text.split_once('\n') {
                    let address = address.to_owned();
                    return Some(Self {
                        child,
                        address,
                        told,
                    });
                }
                if child.try_wait().unwrap().is_some() {
                    return None;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }

        /// Requests so far, and the bytes that were sent.
        fn counted(&self) -> (usize, u64) {
            let text = fs::read_to_string(self.told.path()).unwrap();
            let bytes: Vec<u64> = text
                .lines()
                .skip(1)
                .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
                .collect();
            (bytes.len(), bytes.iter().sum())
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }

    /// A slide of some 9 MB in 130 rows of tiles.
    fn slide(folder: &Path) -> RgbBuffer {
        let truth = picture(LevelSize {
            width: 2000,
            height: 1500,
        });
        let mut writer = Writer::new(CLASSIC);
        let page = tiled_page(&mut writer, &truth, Packing::None, |_, at, len| (at, len));
        let mut page = page;
        page.push((254, super::common::Value::Long(vec![0])));
        writer.page(page);
        writer.save(folder, "slide.tif");
        truth
    }

    #[test]
    fn a_web_server_gives_the_same_pixels_in_few_requests() {
        let folder = tempfile::tempdir().unwrap();
        let truth = slide(folder.path());
        let len = fs::metadata(folder.path().join("slide.tif")).unwrap().len();
        let Some(server) = Server::start("http", folder.path()) else {
            println!("skipped: no Python to serve files with");
            return;
        };
        let address = format!("{}/slide.tif", server.address);
        let slide = Slide::open(&address).unwrap();
        let (opened, _) = server.counted();
        let local = Slide::open(folder.path().join("slide.tif")).unwrap();
        assert_eq!(slide.fingerprint(), local.fingerprint());
        assert_eq!(slide.levels(), local.levels());

        // Four threads, each a band of its own.
        (0..4_u32).into_par_iter().for_each(|band| {
            let (pixels, gaps) = read(&slide, 0, rect(0, i64::from(band) * 375, 2000, 375));
            assert!(gaps.is_empty());
            let skip = band as usize * 375 * 6000;
            assert_eq!(pixels.as_bytes(), &truth.as_bytes()[skip..][..375 * 6000]);
        });
        let (read_once, bytes) = server.counted();
        // Each byte once, and far fewer requests than the 1,024 tiles.
        assert!(bytes <= len, "{bytes} of {len}");
        assert!(read_once < 110, "{read_once} requests");
        read_level(&slide, 0);
        assert_eq!(server.counted().0, read_once);
        println!(
            "{opened} requests to open, {read_once} to read 1,024 tiles, {bytes} of {len} bytes"
        );
    }

    #[test]
    fn reading_in_order_takes_a_request_for_many_tiles() {
        let folder = tempfile::tempdir().unwrap();
        slide(folder.path());
        let Some(server) = Server::start("http", folder.path()) else {
            println!("skipped: no Python to serve files with");
            return;
        };
        let slide = Slide::open(format!("{}/slide.tif", server.address)).unwrap();
        let (opened, _) = server.counted();
        for y in (0..1500).step_by(48) {
            for x in (0..2000).step_by(64) {
                read(&slide, 0, rect(x, y, 64, 48));
            }
        }
        let requests = server.counted().0 - opened;
        println!("{requests} requests for 1,024 tiles one after the other");
        // The samples of the fingerprint part the file into 16 stretches.
        assert!(requests <= 40, "{requests}");
    }

    #[test]
    fn what_a_server_cannot_give_is_an_error_or_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        slide(folder.path());
        let Some(server) = Server::start("http", folder.path()) else {
            println!("skipped: no Python to serve files with");
            return;
        };
        let error = Slide::open(format!("{}/none.tif", server.address)).unwrap_err();
        assert!(
            error.to_string().contains("nothing at this address"),
            "{error}"
        );

        fs::copy(
            folder.path().join("slide.tif"),
            folder.path().join("slide.mrxs"),
        )
        .unwrap();
        let error = Slide::open(format!("{}/slide.mrxs", server.address)).unwrap_err();
        assert!(error.to_string().contains("several files"), "{error}");

        let slide = Slide::open(format!("{}/slide.tif", server.address)).unwrap();
        let path = folder.path().join("slide.tif");
        let mut bytes = fs::read(&path).unwrap();
        bytes.push(0);
        fs::write(&path, bytes).unwrap();
        let (_, gaps) = read_level(&slide, 0);
        let reason = gaps.iter().find_map(|gap| match &gap.kind {
            GapKind::Unreadable { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert!(reason.unwrap().contains("changed on the server"));
    }

    /// S3 takes its credentials from the environment, which a test may not change for itself.
    #[test]
    fn s3_gives_the_same_pixels() {
        let folder = tempfile::tempdir().unwrap();
        slide(folder.path());
        let Some(server) = Server::start("s3", folder.path()) else {
            println!("skipped: no Python with moto[server] to serve S3 with");
            return;
        };
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cloud::the_slide_at_the_address", "--nocapture"])
            .env(ADDRESS, "s3://slides/slide.tif")
            .env("AWS_ENDPOINT", &server.address)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}{errors}");
        assert!(told.contains("read whole"), "{told}");
        println!("S3: {} requests", server.counted().0);
    }

    /// The other half of [`s3_gives_the_same_pixels`].
    #[test]
    fn the_slide_at_the_address() {
        let Some(address) = std::env::var_os(ADDRESS) else {
            return;
        };
        let slide = Slide::open(address).unwrap();
        let (pixels, gaps) = read_level(&slide, 0);
        assert!(gaps.is_empty());
        let truth = picture(pixels.size());
        assert!(pixels == truth);
        println!("read whole");
    }
}
