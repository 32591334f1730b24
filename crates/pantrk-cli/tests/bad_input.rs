//! What cannot be read or is asked for wrongly: one line that says what was found and what to do, the right exit code, nothing half-written.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;

use common::{
    SIZE, command, field, names, pantrk, phantom, read_json, score, slide, square, text,
    tile_spans, tumour,
};

/// A slide that cannot be scored fails with 3 and leaves no folder.
#[track_caller]
fn is_not_read(bytes: &[u8], words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("it.svs"), folder.path().join("out"));
    std::fs::write(&file, bytes).unwrap();
    score(&file, &out, &[]).failed(3, &[words, &["it.svs"]].concat());
    assert_eq!(names(&out), [""; 0]);
}

#[test]
fn what_is_no_slide_is_told_with_what_would_be() {
    is_not_read(b"hello\n", &["not a slide", "aperio: ", "Aperio SVS"]);
    is_not_read(b"", &["not a slide"]);
    // Alone, the first bytes of a PNG or a TIFF are no image either.
    is_not_read(b"\x89PNG\r\n\x1a\n", &[]);
    is_not_read(b"II*\0\x08\0\0\0", &[]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    score(&folder.path().join("absent.svs"), &out, &[]).failed(3, &["absent.svs", "No such file"]);
    score(folder.path(), &out, &[]).failed(3, &["this is a folder"]);
    assert_eq!(names(&out), [""; 0]);
}

#[cfg(feature = "viewer")]
#[test]
fn the_viewer_is_not_opened_on_a_name_that_is_not_there() {
    pantrk(["view", "no-such-slide.svs"]).failed(3, &["no-such-slide.svs"]);
}

#[test]
fn a_truncated_slide_is_not_read_in_part() {
    let whole = std::fs::read(slide()).unwrap();
    // In the pixels of level 0, between two directories, and one byte short.
    for share in [0.2, 0.9, 0.97] {
        let bytes = (whole.len() as f64 * share) as usize;
        is_not_read(&whole[..bytes], &["broken", "copied in part"]);
    }
    is_not_read(&whole[..whole.len() - 1], &[]);
}

#[test]
fn a_slide_without_a_pixel_size_wants_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let (image, out) = (folder.path().join("plain.png"), folder.path().join("out"));
    field(&image, 600, 500);
    score(&image, &out, &[]).failed(2, &["how large its pixels are", "--mpp 0.25", "plain.png"]);
    assert_eq!(names(&out), [""; 0]);
    score(&image, &out, &["--mpp", "0.25"]).good();
    let result = read_json(&out.join("plain/result.json"));
    assert_eq!(result["slide"]["mpp_source"], "given");
    assert_eq!(result["slide"]["mpp_x"], 0.25);
    for bad in ["0", "-1", "nan", "wide"] {
        let mpp = format!("--mpp={bad}");
        score(&image, &out, &[&mpp]).failed(2, &["--mpp", bad, "--help"]);
    }
    // Nuclei cannot be seen at 4 um a pixel.
    score(&image, &out, &["--mpp", "4", "--slide-id", "coarse"]).failed(2, &["4 um"]);
    assert_eq!(names(&out), ["plain"]);
}

#[test]
fn an_output_folder_that_cannot_be_written_is_told_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.txt");
    std::fs::write(&file, "kept").unwrap();
    for out in [&file, &file.join("x"), &file.join("x/y")] {
        score(slide(), out, &[]).failed(2, &["a file stands where a folder is needed", "--out"]);
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"kept");
    let under = file.join("x.png");
    let region = [
        "region",
        text(slide()),
        "--x=0",
        "--y=0",
        "--width=9",
        "--height=9",
    ];
    pantrk(region.into_iter().chain(["--out", text(&under)]))
        .failed(2, &["a file stands where a folder is needed", "x.png"]);
    let nowhere = folder.path().join("nowhere/x.png");
    pantrk(region.into_iter().chain(["--out", text(&nowhere)])).failed(2, &["no such folder"]);
    let phantom = file.join("x.svs");
    pantrk([
        "phantom",
        "slide",
        "--width=600",
        "--height=600",
        "--out",
        text(&phantom),
    ])
    .failed(2, &["file.txt"]);
    // The labels are not written if the cells cannot be.
    let (image, labels) = (
        folder.path().join("a.png"),
        folder.path().join("labels.png"),
    );
    field(&image, 60, 50);
    let segment = [
        "segment",
        text(&image),
        "--mpp=0.25",
        "--out",
        text(&labels),
    ];
    let cells = folder.path().join("nowhere/cells.csv");
    pantrk(segment.into_iter().chain(["--cells", text(&cells)])).failed(2, &["cells.csv"]);
    assert_eq!(names(folder.path()), ["a.png", "file.txt"]);
}

fn with_regions(geojson: &str, out: &Path, more: &[&str]) -> common::Run {
    let folder = tempfile::tempdir().unwrap();
    let regions = folder.path().join("drawn.geojson");
    std::fs::write(&regions, geojson).unwrap();
    score(
        slide(),
        out,
        &[&["--regions", text(&regions)], more].concat(),
    )
}

#[test]
fn a_hole_in_a_region_is_cut_out() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let (outer, inner) = (square(200, 2000), square(600, 1600));
    with_regions(&tumour(&[&outer, &inner]), out, &["--slide-id", "ring"]).good();
    with_regions(&tumour(&[&outer]), out, &["--slide-id", "whole"]).good();
    with_regions(&tumour(&[&inner]), out, &["--slide-id", "core"]).good();
    let cells = |id: &str| {
        let result = read_json(&out.join(id).join("result.json"));
        assert_eq!(result["tumour_region"], "given");
        result["cells"]["tumour"].as_u64().unwrap()
    };
    let (ring, whole, core) = (cells("ring"), cells("whole"), cells("core"));
    assert!(ring > 100 && core > 100, "{ring}, {core}");
    assert_eq!(ring + core, whole);
}

#[test]
fn regions_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let bow = [
        [200, 200],
        [2000, 2000],
        [2000, 200],
        [200, 2000],
        [200, 200],
    ];
    with_regions(&tumour(&[&bow]), out, &[]).failed(
        2,
        &[
            "feature 1",
            "crosses itself near (1100.0, 1100.0)",
            "drawn.geojson",
        ],
    );
    with_regions(&tumour(&[&square(20_000, 30_000)]), out, &[]).failed(
        2,
        &["outside the slide", "2500 x 2200", "20000", "drawn.geojson"],
    );
    with_regions("{\"type\": \"Feat", out, &[]).failed(2, &["not GeoJSON", "drawn.geojson"]);
    with_regions("{}", out, &[]).failed(2, &["FeatureCollection"]);
    score(slide(), out, &["--regions", "absent.geojson"]).failed(2, &["absent.geojson"]);
    assert_eq!(names(out), [""; 0]);
}

#[test]
fn what_is_unknown_is_named_beside_what_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let bad = |more: &[&str], code: i32, words: &[&str]| {
        score(slide(), out, more).failed(code, words);
    };
    bad(
        &["--tumour-type", "colorectal carcinom"],
        2,
        &["did you mean \"colorectal carcinoma\""],
    );
    bad(
        &["--profile", "h-skore"],
        2,
        &["h-skore", "any-1pct, cantrk, h-score", "score --help"],
    );
    bad(
        &["--thresholds", "0.6,0.4,0.2"],
        2,
        &["0.6,0.4,0.2", "0.2,0.4,0.6"],
    );
    bad(&["--thresholds", "0.2,0.4"], 2, &["three rising numbers"]);
    bad(
        &["--stains", "absent.json"],
        2,
        &["--stains", "absent.json"],
    );
    bad(&["--threads", "0"], 2, &["--threads"]);
    bad(
        &["--model", "absent"],
        4,
        &["nucleus and watershed", "model.toml"],
    );
    bad(
        &["--model", "nucleus", "--device", "cuda"],
        4,
        &["cuda", "--device cpu"],
    );
    bad(&["--colour"], 2, &["--colour", "--help"]);
    let case = folder.path().join("case.json");
    std::fs::write(&case, "{\"tumour_typ\": \"lung\"}").unwrap();
    bad(
        &["--case", text(&case)],
        2,
        &["`tumour_typ`", "`tumour_type`", "case.json"],
    );
    assert_eq!(names(out), ["case.json"]);
    pantrk(["triage", "--ihc", "maybe"]).failed(2, &["maybe", "not-evaluable"]);
    pantrk(["triage", "--ihc", "positive", "--percent", "120"]).failed(2, &["120", "0 to 100"]);
    pantrk(["score", "slide.svs"]).failed(2, &["--out <DIR>", "pantrk score --help"]);
    pantrk(["scor"]).failed(2, &["'scor'", "score"]);
    pantrk(["report", text(folder.path())]).failed(3, &["result.json"]);
}

#[test]
fn weights_with_a_wrong_checksum_are_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (folder.path().join("model"), folder.path().join("out"));
    std::fs::create_dir(&model).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/nucleus");
    for name in ["model.toml", "weights.onnx"] {
        std::fs::copy(source.join(name), model.join(name)).unwrap();
    }
    let mut weights = std::fs::read(model.join("weights.onnx")).unwrap();
    weights.push(0);
    std::fs::write(model.join("weights.onnx"), weights).unwrap();
    score(slide(), &out, &["--model", text(&model)]).failed(
        4,
        &[
            "sha256",
            "the manifest wants",
            "fetch the weights again",
            "weights.onnx",
        ],
    );
    std::fs::remove_file(model.join("model.toml")).unwrap();
    score(slide(), &out, &["--model", text(&model)]).failed(4, &["model.toml"]);
    assert_eq!(names(&out), [""; 0]);
}

/// The phantom with the bytes of these tiles of level 0 set to zero.
fn with_broken_tiles(path: &Path, broken: &[usize]) {
    let mut bytes = std::fs::read(slide()).unwrap();
    let spans = tile_spans(&bytes);
    assert_eq!(
        spans.len() as u32,
        SIZE[0].div_ceil(256) * SIZE[1].div_ceil(256)
    );
    for &tile in broken {
        let (offset, length) = spans[tile];
        bytes[offset..offset + length].fill(0);
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_slide_with_unreadable_tiles_is_scored_on_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("holed.svs"), folder.path().join("out"));
    // Two neighbours in the fifth row of ten columns, in the middle of the tissue.
    with_broken_tiles(&file, &[44, 45]);
    score(&file, &out, &[]).good();
    score(slide(), &out, &["--slide-id", "whole"]).good();
    assert_eq!(names(&out), ["holed", "whole"]);
    let result = read_json(&out.join("holed/result.json"));
    let whole = read_json(&out.join("whole/result.json"));
    assert_eq!(whole["quality"]["unread_mm2"], 0.0);
    let quality = &result["quality"];
    let tiles: Vec<_> = quality["unread_tiles"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|tile| tile["level"] == 0)
        .map(|tile| {
            (
                tile["column"].as_u64().unwrap(),
                tile["row"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(tiles, [(4, 4), (5, 4)]);
    // Two tiles of 256 px of 0.25 um are 0.0082 mm2.
    let unread = quality["unread_mm2"].as_f64().unwrap();
    assert!((0.004..=0.02).contains(&unread), "{unread} mm2");
    let codes: Vec<_> = quality["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"unread-tiles"), "{codes:?}");
    let cells = |result: &serde_json::Value| result["cells"]["tumour"].as_u64().unwrap();
    let (found, all) = (cells(&result), cells(&whole));
    assert!(
        found < all && found * 10 > all * 8,
        "{found} of {all} cells"
    );
    assert!(
        std::fs::read_to_string(out.join("holed/report.html"))
            .unwrap()
            .contains("unread")
    );
    // A picture of the place says so too, and is not white there.
    let picture = folder.path().join("holed.png");
    let run = pantrk([
        "region",
        text(&file),
        "--x=1024",
        "--y=1024",
        "--width=64",
        "--height=64",
        "--out",
        text(&picture),
    ]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("tile 4, 4"), "{}", run.stderr);
}

#[test]
fn a_slide_of_which_no_tile_decodes_gives_no_score() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("dark.svs"), folder.path().join("out"));
    let all: Vec<usize> = (0..tile_spans(&std::fs::read(slide()).unwrap()).len()).collect();
    with_broken_tiles(&file, &all);
    // The result says what is unread; the exit code that there was nothing to read.
    assert_eq!(score(&file, &out, &[]).code, Some(3));
    let result = read_json(&out.join("dark/result.json"));
    assert_eq!(result["ihc"]["result"], "not-evaluable");
    assert_eq!(result["cells"]["segmented"], 0);
    assert!(result["compartments"].is_null());
    // The phantom's 2500 x 2200 px of 0.25 um are 0.344 mm2, most of it tissue.
    let unread = result["quality"]["unread_mm2"].as_f64().unwrap();
    assert!((0.2..=0.37).contains(&unread), "{unread} mm2");
}

#[test]
fn a_phantom_cut_short_by_a_signal_does_not_pass_for_a_slide() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.svs");
    let mut child = command([
        "phantom",
        "slide",
        "--width=60000",
        "--height=60000",
        "--out",
        text(&path),
    ])
    .stderr(std::process::Stdio::null())
    .stdout(std::process::Stdio::null())
    .spawn()
    .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    let kill = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!path.exists());
    // The same seed gives the same bytes, whatever the file's name.
    let again = folder.path().join("again.svs");
    phantom(&again, SIZE, 3);
    assert!(std::fs::read(again).unwrap() == std::fs::read(slide()).unwrap());
}

#[test]
fn an_input_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.svs");
    std::fs::copy(slide(), &copy).unwrap();
    let before = std::fs::read(&copy).unwrap();
    let out = text(&copy);
    pantrk([
        "region",
        out,
        "--x=0",
        "--y=0",
        "--width=64",
        "--height=64",
        "--out",
        out,
    ])
    .failed(2, &["overwrite the input"]);
    assert_eq!(std::fs::read(&copy).unwrap(), before);
}

#[test]
fn regions_far_beyond_the_slide_are_an_error_and_not_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("far.geojson");
    for far in ["1e11", "1e300"] {
        std::fs::write(
            &file,
            format!(
                r#"{{"type":"Feature","properties":{{"classification":{{"name":"Tumor"}}}},"geometry":{{"type":"Polygon","coordinates":[[[0,0],[500,0],[500,{far}],[0,0]]]}}}}"#
            ),
        )
        .unwrap();
        let out = folder.path().join("out");
        score(slide(), &out, &["--regions", text(&file)]).failed(2, &["far beyond the slide"]);
        assert!(!out.exists());
    }
}

#[test]
fn a_stain_that_contradicts_itself_is_not_decided_on() {
    for more in [
        ["--percent", "80"],
        ["--intensity", "strong"],
        ["--extent", "diffuse"],
    ] {
        let facts = ["triage", "--tumour-type", "colon", "--ihc", "negative"];
        pantrk(facts.into_iter().chain(more)).failed(2, &["contradict", more[0]]);
    }
}
