//! `OpenSlide` as a second opinion: the same levels, sizes, downsamples, pixel sizes, properties and pixels.
//!
//! Runs where a Python has the packages `openslide-python` and `openslide-bin` (`PANTRK_PYTHON` names it, else `python3`), and prints `skipped` elsewhere.
//! Differences that are meant are in `docs/differences-from-openslide.md` and in [`MEANT`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, whose failure is the test's, and whose skipping is told"
)]

mod common;
#[path = "dicom/writer.rs"]
mod writer;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::mirax;
use common::shared_data::shared_data;
use common::vendors::{self, APERIO, Bif};
use common::{CLASSIC, KINDS, Packing, picture, pyramid, read, rect};
use jpeg_encoder::SamplingFactor;
use pantrk_slide::Slide;
use pantrk_space::{GapKind, LevelRect};
use serde::Deserialize;
use writer::Storage;

/// Properties that differ on purpose: beginnings of their keys.
const MEANT: &[&str] = &[
    // A fingerprint of our own over more of the file.
    "openslide.quickhash-1",
    // Tiles of stacked restart intervals; none where tiles overlap.
    "openslide.level[",
    "openslide.level-count",
    // Two values where the header has a backslash.
    "dicom.SoftwareVersions",
    // A network address within a hospital.
    "dicom.SourceApplicationEntityTitle",
];

/// Parts of DICOM keys that may name a patient or a hospital: not passed on.
const WITHHELD: &[&str] = &[
    "dicom.PatientName",
    "dicom.PatientID",
    "dicom.PatientBirthDate",
    "dicom.PatientSex",
    "dicom.IssuerOfPatientID",
    "dicom.AccessionNumber",
    "dicom.StudyID",
    "dicom.ContainerIdentifier",
    "PhysicianName",
    ".InstitutionName",
    ".InstitutionAddress",
    ".SpecimenIdentifier",
];

#[derive(Deserialize)]
struct Answers {
    version: String,
    slides: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    error: Option<String>,
    #[serde(default)]
    levels: Vec<[u32; 2]>,
    #[serde(default)]
    downsamples: Vec<f64>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
    #[serde(default)]
    associated: BTreeMap<String, [u32; 2]>,
}

/// A region: its place on a level of ours.
struct Region {
    level: usize,
    rect: LevelRect,
}

/// Largest and mean difference of a byte.
type Tolerance = (u8, f64);

struct Subject {
    name: String,
    path: PathBuf,
    /// What two decoders may differ by.
    tolerance: Tolerance,
    /// The same on reduced levels whose images it places on parts of a pixel and resamples.
    resampled: Option<Tolerance>,
    /// Its words where it refuses what is read here.
    refused: Option<&'static str>,
    regions: Vec<Region>,
}

/// A small generator with a fixed seed, so that the same regions come each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % n.max(1)
    }
}

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("PANTRK_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    let found = Command::new(&python)
        .args(["-c", "import openslide"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    println!("skipped: no Python with openslide-python and openslide-bin");
    None
}

/// Regions on all levels: random ones, at the edges, beyond them.
///
/// `OpenSlide` resamples where a region does not begin on a whole pixel of its level, so levels of odd downsamples are asked for from their corner alone.
fn regions(slide: &Slide, draw: &mut Draw) -> Vec<Region> {
    let mut out = Vec::new();
    for (level, facts) in slide.levels().iter().enumerate() {
        let (width, height) = (facts.size.width, facts.size.height);
        let mut add = |x: i64, y: i64, w: u32, h: u32| {
            out.push(Region {
                level,
                rect: rect(x, y, w.min(700), h.min(700)),
            });
        };
        add(0, 0, width, height);
        if (facts.downsample.get().fract()).abs() > 1e-9 {
            continue;
        }
        let (w, h) = (i64::from(width), i64::from(height));
        add(w - 40, h - 30, 100, 90);
        add(-20, -10, 60, 50);
        let bounds = |key: &str, otherwise: i64| -> i64 {
            let number = slide.properties().get(&format!("openslide.bounds-{key}"));
            let number = number.and_then(|text| text.parse::<f64>().ok());
            number.map_or(otherwise, |n| (n / facts.downsample.get()) as i64)
        };
        let (left, top) = (bounds("x", 0), bounds("y", 0));
        let (bw, bh) = (bounds("width", w), bounds("height", h));
        for _ in 0..6 {
            let (x, y) = (left + draw.below(bw), top + draw.below(bh));
            add(x, y, 1 + draw.below(300) as u32, 1 + draw.below(200) as u32);
        }
    }
    out
}

const EXACT: Tolerance = (0, 0.0);
/// Baseline JPEG: both decoders round alike.
const JPEG: Tolerance = EXACT;

impl Subject {
    fn new(name: &str, path: PathBuf, tolerance: Tolerance, draw: &mut Draw) -> Self {
        let resampled = match name {
            "leica.scn" => Some((10, 1.0)),
            // Edges of brown on white at an eighth of the size, half a pixel aside.
            "slides/synthetic/ventana_iscan_legacy_overlap.bif" => Some((90, 6.0)),
            _ => None,
        };
        let refused = match name {
            "lzw-false-true.tif" | "deflate-false-true.tif" | "jpeg-false-true.tif" => {
                Some("Unsupported or missing image file")
            }
            "dicom-implicit" | "dicom-rle" | "dicom-htj2k" => Some("Unsupported transfer syntax"),
            "dicom-planar" => Some("PlanarConfiguration value 1"),
            "areas.bif" => Some("Couldn't find tile joint info"),
            _ => None,
        };
        Self {
            name: name.to_owned(),
            regions: regions(&Slide::open(&path).unwrap(), draw),
            path,
            tolerance,
            resampled,
            refused,
        }
    }
}

/// Slides of one file that the tests write.
fn single_files() -> Vec<(String, Vec<u8>, Tolerance)> {
    let mut made: Vec<(String, Vec<u8>, Tolerance)> = Vec::new();
    for kind in KINDS {
        for (name, packing, tolerance) in [
            ("lzw", Packing::LzwPredicted, EXACT),
            ("deflate", Packing::Deflate, EXACT),
            ("jpeg", Packing::Jpeg(SamplingFactor::F_1_1), JPEG),
        ] {
            let name = format!("{name}-{}-{}.tif", kind.big, kind.motorola);
            made.push((name, pyramid(kind, packing).0.bytes, tolerance));
        }
    }
    let data = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name);
        std::fs::read(path).unwrap()
    };
    let half_colours = Packing::Jpeg(SamplingFactor::R_4_2_0);
    made.extend([
        (
            "420.tif".to_owned(),
            pyramid(CLASSIC, half_colours).0.bytes,
            JPEG,
        ),
        (
            "aperio.svs".to_owned(),
            vendors::aperio(APERIO).0.bytes,
            JPEG,
        ),
        (
            "33003.svs".to_owned(),
            vendors::aperio_jpeg2000(33003, 6, &data("ycbcr_422.j2k")).bytes,
            (2, 1.0),
        ),
        (
            "33005.svs".to_owned(),
            vendors::aperio_jpeg2000(33005, 2, &data("rgb.j2k")).bytes,
            (1, 0.1),
        ),
        (
            "iscan.bif".to_owned(),
            vendors::ventana(Bif::Iscan).0.bytes,
            EXACT,
        ),
        (
            "areas.bif".to_owned(),
            vendors::ventana_areas(
                "iScan HT",
                &[((1, 1), (2, 2), (0, 500)), ((4, 3), (3, 1), (300, 20))],
            )
            .0
            .bytes,
            EXACT,
        ),
        ("leica.scn".to_owned(), vendors::leica().0.bytes, EXACT),
        ("huron.tif".to_owned(), vendors::huron().0.bytes, EXACT),
        ("trestle.tif".to_owned(), vendors::trestle().0.bytes, EXACT),
        ("philips.tiff".to_owned(), vendors::philips().0.bytes, EXACT),
        (
            "hamamatsu.ndpi".to_owned(),
            vendors::hamamatsu().0.bytes,
            JPEG,
        ),
    ]);
    made
}

/// The slides that tests write, and those beside the repository.
fn subjects(folder: &Path) -> Vec<Subject> {
    let mut draw = Draw(11);
    let mut out = Vec::new();
    for (name, bytes, tolerance) in single_files() {
        let path = folder.join(&name);
        std::fs::write(&path, bytes).unwrap();
        out.push(Subject::new(&name, path, tolerance, &mut draw));
    }
    for (divisions, positions) in [(1, false), (1, true), (2, false), (2, true)] {
        let name = format!("mirax-{divisions}-{positions}");
        let made = mirax::Made {
            divisions,
            positions,
        };
        let path = mirax::Mirax::new(made).save(folder, &name);
        out.push(Subject::new(&name, path, EXACT, &mut draw));
    }
    for (name, storage, sparse) in [
        ("dicom-native", Storage::Native, false),
        ("dicom-implicit", Storage::Implicit, false),
        ("dicom-planar", Storage::NativePlanar, false),
        ("dicom-sparse", Storage::Native, true),
        ("dicom-rle", Storage::Rle, false),
        ("dicom-jpeg", Storage::Jpeg(SamplingFactor::F_1_1), false),
        (
            "dicom-htj2k",
            Storage::HighThroughput("ht_lossless.j2c"),
            false,
        ),
    ] {
        // Files beside each other would be looked through for a series.
        let own = folder.join(name);
        std::fs::create_dir(&own).unwrap();
        let writer = writer::Writer {
            storage,
            sparse,
            photometric: match storage {
                Storage::Jpeg(_) => "YBR_FULL_422",
                _ => "RGB",
            },
            ..writer::Writer::default()
        };
        let size = match storage {
            Storage::HighThroughput(_) => vendors::size(64, 48),
            _ => vendors::size(300, 200),
        };
        let path = writer.save(&picture(size), &own, "a.dcm");
        let tolerance = match storage {
            Storage::Jpeg(_) => JPEG,
            _ => EXACT,
        };
        out.push(Subject::new(name, path, tolerance, &mut draw));
    }
    for (name, tolerance) in [
        ("slides/CMU-1-Small-Region.svs", JPEG),
        ("slides/openslide-python_small.svs", JPEG),
        ("slides/openslide-python_boxes.tiff", EXACT),
        ("slides/test3-DAPI-2-387.ndpi", JPEG),
        ("slides/synthetic/generic_pyr_jpeg.tif", JPEG),
        ("slides/synthetic/generic_pyr_zstd.tif", EXACT),
        ("slides/synthetic/ventana_iscan_legacy_overlap.bif", JPEG),
        ("slides/synthetic/leica_scn400.scn", JPEG),
        ("slides/synthetic/philips.tiff", JPEG),
        ("slides/synthetic/mirax_synth.mrxs", JPEG),
        ("slides/dicom/ezwsi_multiframe_camelyon.dcm", JPEG),
        ("slides/dicom/openslide-python_boxes_0.dcm", JPEG),
        ("slides/dicom/highdicom/sm_image.dcm", EXACT),
        ("slides/dicom/highdicom/sm_image_control.dcm", EXACT),
        ("slides/dicom/highdicom/sm_image_dots.dcm", EXACT),
        ("slides/dicom/highdicom/sm_image_numbers.dcm", EXACT),
    ] {
        if let Some(path) = shared_data(name) {
            out.push(Subject::new(name, path, tolerance, &mut draw));
        }
    }
    out
}

fn ask(python: &Path, folder: &Path, subjects: &[Subject]) -> Answers {
    let requests: Vec<serde_json::Value> = subjects
        .iter()
        .enumerate()
        .map(|(index, subject)| {
            let out = folder.join(format!("regions-{index}"));
            std::fs::create_dir(&out).unwrap();
            let slide = Slide::open(&subject.path).unwrap();
            let regions: Vec<_> = subject
                .regions
                .iter()
                .map(|region| {
                    let downsample = slide.levels()[region.level].downsample.get();
                    let at = |level: i64| (level as f64 * downsample).round() as i64;
                    serde_json::json!([
                        at(region.rect.x),
                        at(region.rect.y),
                        region.level,
                        region.rect.width,
                        region.rect.height
                    ])
                })
                .collect();
            serde_json::json!({"path": subject.path, "out": out, "regions": regions})
        })
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openslide/oracle.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(serde_json::to_string(&requests).unwrap().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The same text, or the same number.
fn alike(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-6 * a.abs().max(b.abs()),
        _ => a.trim() == b.trim(),
    }
}

/// What differs between our slide and the answer.
fn compare(subject: &Subject, answer: &Answer, folder: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    match (&answer.error, subject.refused) {
        (None, None) => {}
        (Some(error), Some(words)) if error.contains(words) => return wrong,
        (error, words) => return vec![format!("OpenSlide says {error:?}, {words:?} expected")],
    }
    let slide = Slide::open(&subject.path).unwrap();
    let ours: Vec<[u32; 2]> = slide
        .levels()
        .iter()
        .map(|level| [level.size.width, level.size.height])
        .collect();
    // Levels that it scales down itself come after the stored ones.
    let is_ndpi = slide.vendor() == "hamamatsu";
    let theirs = if is_ndpi {
        &answer.levels[..ours.len()]
    } else {
        &answer.levels[..]
    };
    if ours != theirs {
        return vec![format!("levels {ours:?}, theirs {theirs:?}")];
    }
    for (level, theirs) in slide.levels().iter().zip(&answer.downsamples) {
        let ours = level.downsample.get();
        if (ours - theirs).abs() > 1e-9 * theirs {
            wrong.push(format!("downsample {ours}, theirs {theirs}"));
        }
    }
    for (key, theirs) in &answer.properties {
        if MEANT.iter().any(|meant| key.starts_with(meant)) {
            continue;
        }
        // A barcode that is not in base64, which it decodes all the same.
        if theirs.contains('\u{fffd}') {
            continue;
        }
        let ours = slide.properties().get(key);
        if WITHHELD.iter().any(|part| key.contains(part)) {
            if ours.is_some() {
                wrong.push(format!("{key} is passed on"));
            }
            continue;
        }
        // A print resolution is no pixel size.
        let is_print =
            key.starts_with("openslide.mpp") && theirs.parse::<f64>().is_ok_and(|mpp| mpp > 20.0);
        if !is_print && !ours.is_some_and(|ours| alike(ours, theirs)) {
            wrong.push(format!("{key} is {ours:?}, theirs {theirs:?}"));
        }
    }
    for (name, [width, height]) in &answer.associated {
        let found = slide
            .associated_images()
            .iter()
            .find(|image| image.name == *name);
        let size = found.map(|image| (image.size.width, image.size.height));
        if size != Some((*width, *height)) {
            wrong.push(format!(
                "image {name} is {size:?}, theirs {width} x {height}"
            ));
        }
    }
    for (number, region) in subject.regions.iter().enumerate() {
        let theirs = std::fs::read(folder.join(format!("{number}.rgba"))).unwrap();
        wrong.extend(compare_region(&slide, subject, region, &theirs));
    }
    wrong
}

fn compare_region(
    slide: &Slide,
    subject: &Subject,
    region: &Region,
    theirs: &[u8],
) -> Option<String> {
    let (ours, gaps) = read(slide, region.level, region.rect);
    let mut is_gap = vec![false; (region.rect.width * region.rect.height) as usize];
    for gap in &gaps {
        assert!(!gap.is_unreadable(), "{gap:?}");
        if matches!(gap.kind, GapKind::OutsideSlide | GapKind::NotScanned) {
            for y in gap.rect.y..gap.rect.bottom() {
                for x in gap.rect.x..gap.rect.right() {
                    let at = (y - region.rect.y) * i64::from(region.rect.width) + x - region.rect.x;
                    is_gap[at as usize] = true;
                }
            }
        }
    }
    let is_resampled = subject.resampled.is_some() && region.level > 0;
    // It draws photographs that reach over a level's edge.
    let reaches_over = slide.vendor() == "mirax";
    // It leaves out a last row of restart intervals that the level's height cuts.
    let height = slide.levels()[region.level].size.height;
    let cut_from = match slide.vendor() {
        "hamamatsu" => height - height % 8,
        _ => height,
    };
    let (mut largest, mut sum, mut count, mut strange) = (0_u8, 0.0, 0_u32, 0_u32);
    for (at, ((ours, theirs), gap)) in ours
        .as_bytes()
        .chunks_exact(3)
        .zip(theirs.chunks_exact(4))
        .zip(&is_gap)
        .enumerate()
    {
        let y = region.rect.y + at as i64 / i64::from(region.rect.width);
        match (theirs[3], gap) {
            (255, false) => {
                for (a, b) in ours.iter().zip(theirs) {
                    let off = a.abs_diff(*b);
                    largest = largest.max(off);
                    sum += f64::from(off);
                }
                count += 3;
            }
            // It draws nothing where we say that nothing was scanned.
            (0, true) => {}
            (_, true) if reaches_over => {}
            (0, false) if y >= i64::from(cut_from) => {}
            _ => strange += 1,
        }
    }
    let mean = sum / f64::from(count.max(1));
    let (max, allowed) = match subject.resampled {
        Some(tolerance) if region.level > 0 => tolerance,
        _ => subject.tolerance,
    };
    // A resampled edge lies half a pixel aside.
    let edges = if is_resampled {
        region.rect.width + region.rect.height
    } else {
        0
    };
    (largest > max || mean > allowed || strange > edges).then(|| {
        format!(
            "level {} {}: largest difference {largest}, mean {mean:.3}, {strange} pixels drawn by one alone",
            region.level, region.rect
        )
    })
}

#[test]
fn openslide_sees_the_same() {
    let Some(python) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let subjects = subjects(folder.path());
    let answers = ask(&python, folder.path(), &subjects);
    let mut wrong = Vec::new();
    for (index, (subject, answer)) in subjects.iter().zip(&answers.slides).enumerate() {
        let regions = folder.path().join(format!("regions-{index}"));
        let found = compare(subject, answer, &regions);
        wrong.extend(
            found
                .into_iter()
                .map(|what| format!("{}: {what}", subject.name)),
        );
    }
    println!(
        "{} slides beside OpenSlide {}",
        subjects.len(),
        answers.version
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
