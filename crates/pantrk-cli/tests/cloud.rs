//! Slides on servers through the program: read where it is built with the feature `cloud`, else refused by name.
//!
//! The servers are real ones, in Python (`PANTRK_PYTHON` names it, else `python3`; for S3 with the package `moto[server]`); prints `skipped` where they are missing.
#![cfg_attr(
    feature = "cloud",
    expect(
        clippy::unwrap_used,
        reason = "helpers of tests, beside the tests themselves"
    )
)]

mod cohort;
mod common;

use std::fs;

use common::text;

/// What a manifest calls an address is one, not a file beside the manifest; what else it names is a file.
#[test]
fn a_manifest_s_address_is_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("night.csv");
    // Port 1 of this machine answers nobody.
    let address = "http://127.0.0.1:1/far/slide.svs";
    fs::write(
        &manifest,
        format!(
            "slide_path,slide_id,regions\n{address},far,\nnear.svs,near,s3://bucket/a.geojson\n"
        ),
    )
    .unwrap();
    let out = folder.path().join("out");
    let run = cohort::run(&manifest, &out, &["--log", "plain"]);
    // Nothing could be read.
    assert_eq!(run.code, Some(3), "{run:?}");
    let told = format!("{}{}", run.stdout, run.stderr);
    assert!(!told.contains("panicked"), "{told}");
    assert!(!told.contains("no slide file http"), "{told}");
    assert!(told.contains("there is no slide file"), "{told}");
    assert!(told.contains("regions file is on a server"), "{told}");
    let error = common::read_json(&out.join("far.error.json"));
    assert_eq!(error["slide_path"], address);
    let message = error["error"].as_str().unwrap();
    let wanted = if cfg!(feature = "cloud") {
        "127.0.0.1"
    } else {
        "feature `cloud`"
    };
    assert!(message.contains(wanted), "{message}");
    // Another build or a server that is back may read it.
    assert_eq!(error["retry"], true);
    assert_eq!(error["slide_id"], "far");
}

#[cfg(not(feature = "cloud"))]
#[test]
fn without_the_feature_an_address_is_refused_by_name() {
    use common::pantrk;

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for address in [
        "https://localhost/slide.svs",
        "HTTP://localhost/slide.svs",
        "s3://bucket/slide.svs",
    ] {
        for args in [
            vec!["info", address],
            vec!["score", address, "--out", text(&out), "--log", "quiet"],
        ] {
            let line = pantrk(args).failed(3, &["feature `cloud`", "--features cloud", address]);
            assert!(!line.contains("no such file"), "{line}");
        }
    }
    assert!(!out.join("slide").exists());
}

#[cfg(feature = "cloud")]
mod read {
    use std::io::{BufRead as _, BufReader};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::common::{self, Run, command, pantrk, read_json, slide, text};
    use super::{cohort, fs};

    /// A server that ends with the test.
    struct Server {
        child: Child,
        address: String,
    }

    impl Server {
        /// `None` where Python or a package is missing.
        fn start(kind: &str, folder: &Path) -> Option<Self> {
            let python = std::env::var_os("PANTRK_PYTHON").unwrap_or_else(|| "python3".into());
            let script =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../pantrk-slide/tests/cloud/serve.py");
            let mut child = Command::new(python)
                .arg(script)
                .args([kind.as_ref(), folder.as_os_str()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let Some(Ok(address)) = lines.next() else {
                drop(child.kill());
                drop(child.wait());
                println!("skipped: no Python to serve {kind} with");
                return None;
            };
            // The requests it tells of are nobody's here, but must be taken off its hands.
            std::thread::spawn(move || lines.for_each(drop));
            Some(Self { child, address })
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }

    /// The facts and figures of a result that do not depend on the run or on where the slide lies.
    fn figures(folder: &Path) -> serde_json::Value {
        let mut result = read_json(&folder.join("result.json"));
        for place in ["run", "slide"] {
            assert!(result[place].is_object(), "{place}");
        }
        let object = result.as_object_mut().unwrap();
        object.remove("run");
        let slide = object["slide"].as_object_mut().unwrap();
        assert!(slide.remove("path").is_some());
        result
    }

    #[test]
    fn an_address_gives_the_result_that_the_file_gives() {
        let folder = tempfile::tempdir().unwrap();
        let served = folder.path().join("served");
        fs::create_dir(&served).unwrap();
        fs::copy(slide(), served.join("phantom.svs")).unwrap();
        let Some(server) = Server::start("http", &served) else {
            return;
        };
        let address = format!("{}/phantom.svs", server.address);

        let info = pantrk(["info", &address]).good();
        let local = pantrk(["info", text(slide())]).good();
        let rest = |told: &str| told.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(rest(&info.stdout), rest(&local.stdout));

        let far = folder.path().join("far");
        let near = folder.path().join("near");
        common::score(Path::new(&address), &far, &[]).good();
        common::score(slide(), &near, &[]).good();
        assert_eq!(
            figures(&far.join("phantom")),
            figures(&near.join("phantom"))
        );
        let cells = |out: &Path| fs::read(out.join("phantom/cells.parquet")).unwrap();
        assert!(cells(&far) == cells(&near), "the cells differ");
        let result = read_json(&far.join("phantom/result.json"));
        assert_eq!(result["slide"]["path"], address.as_str());

        // A manifest may name files and addresses beside each other.
        let manifest = folder.path().join("night.csv");
        fs::write(
            &manifest,
            format!(
                "slide_path,slide_id\n{address},far\n{},near\n{}/gone.svs,gone\n",
                text(slide()),
                server.address
            ),
        )
        .unwrap();
        let out = folder.path().join("night");
        let night = cohort::run(&manifest, &out, &["--log", "quiet"]);
        assert_eq!(night.code, Some(1), "{night:?}");
        assert!(out.join("far/result.json").exists() && out.join("near/result.json").exists());
        let error = read_json(&out.join("gone.error.json"));
        let message = error["error"].as_str().unwrap();
        assert!(message.contains("nothing at this address"), "{message}");
    }

    #[test]
    fn what_would_leak_a_secret_is_refused() {
        for (address, words) in [
            (
                "http://me:pw@127.0.0.1:1/slide.svs",
                "user name or password",
            ),
            (
                "http://127.0.0.1:1/slide.svs?X-Amz-Signature=1",
                "signed link",
            ),
        ] {
            pantrk(["info", address]).failed(3, &[words]);
        }
    }

    #[test]
    fn a_bucket_s_slide_is_read() {
        let Some(server) = Server::start("s3", slide().parent().unwrap()) else {
            return;
        };
        let output = command(["info", "s3://slides/phantom.svs"])
            .env("AWS_ENDPOINT", &server.address)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .output()
            .unwrap();
        let run = Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(run.good().stdout.contains("2500"));
    }
}
