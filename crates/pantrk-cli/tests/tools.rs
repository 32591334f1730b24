//! The commands around scoring: info, region, segment, triage, models, doctor, phantom.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;

use common::{field, names, pantrk, read_json, shared, slide, text};
use serde_json::Value;

#[test]
fn info_speaks_openslide() {
    let run = pantrk(["info", text(slide()), "--json"]).good();
    let info: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(info["vendor"], "aperio");
    assert_eq!([&info["width"], &info["height"]], [2500, 2200]);
    assert_eq!(info["mpp_x"], 0.25);
    let properties = &info["properties"];
    let levels = info["levels"].as_array().unwrap().len();
    assert!(levels >= 2);
    assert_eq!(properties["openslide.vendor"], "aperio");
    assert_eq!(properties["openslide.level-count"], levels.to_string());
    assert_eq!(properties["openslide.level[0].width"], "2500");
    assert_eq!(properties["openslide.level[0].height"], "2200");
    assert_eq!(properties["openslide.level[0].tile-width"], "256");
    assert_eq!(properties["openslide.mpp-x"], "0.25");
    assert_eq!(properties["openslide.objective-power"], "40");
    assert_eq!(properties["aperio.AppMag"], "40");
    let words = pantrk(["info", text(slide())]).good().stdout;
    assert!(
        words.contains("2500 x 2200") && words.contains("0.25 x 0.25 um"),
        "{words}"
    );
}

#[test]
fn a_region_is_cut_out_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("region.png");
    let region = |level: &str, x: &str, y: &str, width: &str, height: &str| {
        pantrk([
            "region",
            text(slide()),
            "--level",
            level,
            "--x",
            x,
            "--y",
            y,
            "--width",
            width,
            "--height",
            height,
            "--out",
            text(&out),
        ])
    };
    region("0", "100", "200", "300", "40").good();
    let whole = image::open(&out).unwrap().into_rgb8();
    assert_eq!(whole.dimensions(), (300, 40));
    region("0", "150", "210", "20", "10").good();
    let part = image::open(&out).unwrap().into_rgb8();
    for (x, y, pixel) in part.enumerate_pixels() {
        assert_eq!(pixel, whole.get_pixel(x + 50, y + 10), "at {x}, {y}");
    }
    // The size is in pixels of the level, the corner in those of level 0.
    region("1", "400", "400", "100", "100").good();
    assert_eq!(image::image_dimensions(&out).unwrap(), (100, 100));
    std::fs::remove_file(&out).unwrap();
    region("0", "50000", "0", "10", "10").failed(2, &["outside level 0", "2500 x 2200"]);
    region("0", "-11", "0", "10", "10").failed(2, &["outside level 0"]);
    region("9", "0", "0", "10", "10").failed(2, &["no level 9", "levels 0 to"]);
    region("0", "0", "0", "0", "10").failed(2, &["--width"]);
    region("0", "0", "0", "4000000000", "4000000000").failed(2, &["pixels, the limit is"]);
    assert_eq!(names(folder.path()), [""; 0]);
}

/// Segments an image at 0.25 um; checks that labels and rows agree, and gives how many there are.
fn nuclei(image: &Path, model: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (labels, cells) = (
        folder.path().join("labels.png"),
        folder.path().join("cells.csv"),
    );
    let run = pantrk([
        "segment",
        text(image),
        "--mpp",
        "0.25",
        "--model",
        model,
        "--out",
        text(&labels),
        "--cells",
        text(&cells),
    ])
    .good();
    assert_eq!(names(folder.path()), ["cells.csv", "labels.png"]);
    let csv = std::fs::read_to_string(&cells).unwrap();
    let mut rows = csv.lines();
    let head: Vec<_> = rows.next().unwrap().split(',').collect();
    for column in ["x", "y", "area_um2", "nucleus_dab_od", "positive"] {
        assert!(head.contains(&column), "{head:?}");
    }
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(',').collect()).collect();
    assert!(
        run.stdout.starts_with(&format!("{} nuclei", rows.len())),
        "{}",
        run.stdout
    );
    let image::DynamicImage::ImageLuma16(picture) = image::open(&labels).unwrap() else {
        panic!("the labels are not 16-bit grey");
    };
    assert_eq!(
        picture.dimensions(),
        image::image_dimensions(image).unwrap()
    );
    let mut pixels = vec![0_u32; rows.len() + 1];
    for label in picture.pixels() {
        pixels[usize::from(label[0])] += 1;
    }
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row[0], (i + 1).to_string());
        assert!(pixels[i + 1] > 0, "no pixel has label {}", i + 1);
        // Pixels of 0.0625 um2, against the area of the same nucleus.
        let area: f64 = row[head.iter().position(|c| *c == "area_um2").unwrap()]
            .parse()
            .unwrap();
        let drawn = f64::from(pixels[i + 1]) * 0.0625;
        assert!(
            (0.5..2.0).contains(&(drawn / area)),
            "{drawn} for {area} um2"
        );
    }
    rows.len()
}

#[test]
fn segment_gives_a_label_for_each_row() {
    let path = shared().join("field.png");
    field(&path, 401, 333);
    for model in ["nucleus", "watershed"] {
        let count = nuclei(&path, model);
        assert!((20..200).contains(&count), "{count} by {model}");
    }
    let jpeg = path.with_extension("jpg");
    image::open(&path).unwrap().into_rgb8().save(&jpeg).unwrap();
    assert!(nuclei(&jpeg, "watershed") >= 20);
    let out = path.with_extension("labels.png");
    let args = ["segment", text(&path), "--out", text(&out), "--mpp", "0.5"];
    let wish = ["--model", "watershed", "--runtime", "ort"];
    pantrk(args.into_iter().chain(wish)).failed(4, &["watershed is no network", "--runtime"]);
    assert!(!out.exists());
}

#[test]
fn segment_takes_any_size() {
    for (width, height) in [(37, 53), (1, 1), (3, 200), (319, 1)] {
        let path = shared().join(format!("{width}x{height}.png"));
        field(&path, width, height);
        for model in ["nucleus", "watershed"] {
            nuclei(&path, model);
        }
    }
}

/// Neither in flat colours nor along the image's edge, beyond which white would look like one.
#[test]
fn no_nucleus_is_seen_in_what_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let (image, out) = (
        folder.path().join("flat.png"),
        folder.path().join("labels.png"),
    );
    for colour in [
        [255, 255, 255],
        [200, 200, 200],
        [90, 90, 160],
        [150, 150, 200],
        [140, 90, 50],
    ] {
        let flat = image::RgbImage::from_pixel(600, 600, image::Rgb(colour));
        flat.save(&image).unwrap();
        let args = ["segment", text(&image), "--mpp", "0.5", "--out", text(&out)];
        let said = pantrk(args).good().stdout;
        assert!(said.starts_with("0 nuclei"), "{colour:?}: {said}");
    }
}

#[test]
fn segment_without_a_pixel_size_wants_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let (image, out) = (
        folder.path().join("plain.png"),
        folder.path().join("labels.png"),
    );
    field(&image, 40, 30);
    pantrk(["segment", text(&image), "--out", text(&out)])
        .failed(2, &["how large its pixels are", "--mpp 0.25", "plain.png"]);
    assert_eq!(names(folder.path()), ["plain.png"]);
}

#[test]
fn triage_in_words_and_as_json() {
    let facts = [
        "triage",
        "--tumour-type",
        "secretory carcinoma of the breast",
        "--ihc",
        "negative",
    ];
    let words = pantrk(facts).good().stdout;
    assert!(
        words.contains("RNA-based NGS") && words.contains("research use"),
        "{words}"
    );
    let run = pantrk(facts.into_iter().chain(["--json"])).good();
    let triage: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(triage["action"], "order-rna-ngs");
    assert_eq!(triage["rule"], "R2");
    let p = triage["pre_test"]["p"].as_f64().unwrap();
    assert!((0.5..=1.0).contains(&p), "{p}");
    assert!(!triage["citations"].as_array().unwrap().is_empty());
    // A case file says the same, and a flag wins over it.
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("case.json");
    std::fs::write(
        &case,
        "{\"tumour_type\": \"secretory carcinoma of the breast\"}",
    )
    .unwrap();
    let from_case = [
        "triage",
        "--case",
        text(&case),
        "--ihc",
        "negative",
        "--json",
    ];
    assert_eq!(pantrk(from_case).good().stdout, run.stdout);
    let colon = pantrk(from_case.into_iter().chain(["--tumour-type", "COADREAD"])).good();
    assert_ne!(colon.stdout, run.stdout);
}

#[test]
fn models_are_listed_and_checked() {
    let list = pantrk(["models", "list"]).good().stdout;
    for word in ["nucleus", "watershed", "interior-distance"] {
        assert!(list.contains(word), "{list}");
    }
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/nucleus/weights.onnx");
    let check = pantrk(["models", "check", text(&weights)]).good().stdout;
    for word in [
        "sha256",
        "input    image",
        "output   maps",
        "runs     in direct",
        "fits     head = \"interior-distance\"",
        "it can be used",
    ] {
        assert!(check.contains(word), "no {word:?} in {check}");
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pantrk-nn/tests/fixtures");
    let rays = fixtures.join("stardist.onnx");
    let check = pantrk(["models", "check", text(&rays)]).good().stdout;
    for word in [
        "output prob: 1 channel at stride 2",
        "output dist: 32 channels at stride 2",
        "fits     head = \"star-convex\"",
    ] {
        assert!(check.contains(word), "no {word:?} in {check}");
    }
    // A network that runs and cannot be used: one of its weights, 20, made infinite.
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(fixtures.join("tiny.onnx")).unwrap();
    let weight = 20.0_f32.to_le_bytes();
    let at = bytes.windows(4).position(|four| four == weight).unwrap();
    bytes[at..at + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let odd = folder.path().join("odd.onnx");
    std::fs::write(&odd, bytes).unwrap();
    let unusable = |args: &[&str], word: &str| {
        let check = pantrk(args.iter().copied());
        assert_eq!(check.code, Some(4), "{check:?}");
        assert!(check.stdout.contains(word), "{}", check.stdout);
    };
    let odd = ["models", "check", text(&odd)];
    unusable(&odd, "runs     in");
    unusable(&odd, "it cannot be used as it is");
    let uneven = ["models", "check", text(&weights), "--patch", "250"];
    unusable(
        &uneven,
        "runs     not here: the model's patch (--patch) is 250 px",
    );
    unusable(&uneven, "a multiple of 8 px");
    let broken = folder.path().join("broken.onnx");
    std::fs::write(&broken, &std::fs::read(&weights).unwrap()[..1000]).unwrap();
    pantrk(["models", "check", text(&broken)])
        .failed(3, &["not a valid ONNX model", "broken.onnx"]);
    let absent = folder.path().join("absent.onnx");
    pantrk(["models", "check", text(&absent)]).failed(3, &["absent.onnx"]);
}

#[test]
fn doctor_finds_a_sound_machine_and_a_bad_output_folder() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("results");
    let run = pantrk(["doctor", "--out", text(&new)]).good();
    assert!(!run.stdout.contains("FAILED"), "{}", run.stdout);
    assert!(run.stdout.contains("writable"), "{}", run.stdout);
    assert_eq!(names(folder.path()), [""; 0]);
    let file = folder.path().join("file.txt");
    std::fs::write(&file, "").unwrap();
    let run = pantrk(["doctor", "--out", text(&file.join("x"))]);
    assert_eq!(run.code, Some(4), "{run:?}");
    assert!(
        run.stdout.contains("FAILED") && run.stdout.contains("file.txt"),
        "{}",
        run.stdout
    );
}

#[test]
fn phantom_fields_come_with_labels() {
    let folder = tempfile::tempdir().unwrap();
    let fields = |name: &str| {
        let out = folder.path().join(name);
        pantrk([
            "phantom",
            "fields",
            "--count",
            "2",
            "--size",
            "64",
            "--seed",
            "4",
            "--out",
            text(&out),
        ])
        .good();
        out
    };
    let (first, second) = (fields("a"), fields("b"));
    let found = names(&first);
    let pictures: Vec<_> = found
        .iter()
        .filter(|n| Path::new(n).extension().is_some_and(|e| e == "png"))
        .collect();
    assert_eq!(pictures.len(), 4, "{found:?}");
    for name in &found {
        let bytes = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(bytes(&first) == bytes(&second), "{name} differs");
    }
    let picture = image::open(first.join(pictures[0])).unwrap();
    assert_eq!((picture.width(), picture.height()), (64, 64));
    pantrk([
        "phantom",
        "slide",
        "--width=6",
        "--out",
        text(&folder.path().join("x.svs")),
    ])
    .failed(2, &["width is 6", "wanted"]);
    assert_eq!(names(folder.path()), ["a", "b"]);
}

#[test]
fn the_truth_stands_beside_a_phantom() {
    let truth = read_json(&slide().with_file_name("phantom.truth.json"));
    assert!(truth["score"]["tumour_cells"].as_u64().unwrap() > 500);
    for name in ["phantom.truth.cells.csv", "phantom.regions.geojson"] {
        assert!(slide().with_file_name(name).exists(), "{name}");
    }
    assert!(!slide().with_file_name("phantom.svs.partial").exists());
}
