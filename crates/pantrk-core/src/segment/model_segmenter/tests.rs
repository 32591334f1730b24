//! A tiny network whose maps are the picture's red and green channels.

use std::path::Path;

use pantrk_nn::{ModelManifest, Tract, sha256_hex};
use pantrk_space::RgbBuffer;

use super::*;
use crate::stain::StainPlanes;

const TINY: &[u8] = include_bytes!("../../../../pantrk-nn/tests/fixtures/tiny.onnx");
/// More than twice the halo, which is 32 px.
const EDGE: u32 = 72;

/// An embedded network with these outputs and that head.
fn network(weights: &'static [u8], outputs: &str, head: &str) -> Model {
    network_of(EDGE, weights, outputs, head)
}

fn network_of(edge: u32, weights: &'static [u8], outputs: &str, head: &str) -> Model {
    let manifest = format!(
        r#"
name = "tiny"
version = "1"
licence = "MIT OR Apache-2.0"
sha256 = "{}"
intended_stain = "H-DAB"
training_set = "none"
[input]
name = "image"
channels = "rgb"
mpp = 0.5
patch = {edge}
layout = "nchw"
normalisation = {{ kind = "unit" }}
{outputs}
[head]
{head}
"#,
        sha256_hex(weights)
    );
    let path = Path::new("tiny/model.toml");
    let manifest = ModelManifest::parse(&manifest, path).unwrap();
    Model::from_parts(manifest, weights, path, &Tract).unwrap()
}

fn output(name: &str, channels: &str, stride: u32) -> String {
    format!("[[outputs]]\nname = {name:?}\nchannels = {channels}\nstride = {stride}\n")
}

fn model(head: &str, channels: &str) -> Model {
    network(TINY, &output("maps", channels, 1), head)
}

fn segmenter() -> OnnxSegmenter {
    OnnxSegmenter::new(model("kind = \"interior-distance\"", "2")).unwrap()
}

/// Discs drawn as the tiny network wants them: red inside, green the distance to the border.
fn picture(discs: &[(f32, f32, f32)]) -> RgbBuffer {
    let mut bytes = Vec::new();
    for y in 0..EDGE {
        for x in 0..EDGE {
            let depth = discs
                .iter()
                .map(|&(cx, cy, r)| (r - (x as f32 - cx).hypot(y as f32 - cy)) / r)
                .fold(0.0, f32::max);
            let red = if depth > 0.0 { 255 } else { 0 };
            bytes.extend([red, (depth * 255.0) as u8, 0]);
        }
    }
    let size = LevelSize {
        width: EDGE,
        height: EDGE,
    };
    RgbBuffer::from_raw(size, bytes).unwrap()
}

fn segment(worker: &mut dyn SegmentWorker, rgb: &RgbBuffer) -> LabelImage {
    let mut out = LabelImage::default();
    let stains = StainPlanes::default();
    let patch = PatchInput {
        rgb,
        stains: &stains,
    };
    worker.segment(patch, &mut out).unwrap();
    out
}

#[test]
fn pixels_go_through_the_network_into_the_head() {
    let segmenter = segmenter();
    assert_eq!(segmenter.name(), "tiny");
    assert_eq!(segmenter.patch_size().unwrap().width, EDGE);
    let found = segment(
        &mut *segmenter.worker(),
        &picture(&[(20.0, 20.0, 8.0), (40.0, 40.0, 8.0), (54.0, 40.0, 8.0)]),
    );
    assert_eq!(found.count, 3);
    let at = |x: usize, y: usize| found.labels[y * found.width + x];
    assert_eq!(at(20, 20), 1);
    assert_ne!(at(40, 40), at(54, 40));
}

#[test]
fn any_number_of_threads_gives_the_same_labels() {
    let segmenter = segmenter();
    let pictures: Vec<RgbBuffer> = (0..4)
        .map(|i| picture(&[(20.0 + i as f32, 20.0, 8.0), (40.0, 30.0 + i as f32, 9.0)]))
        .collect();
    let fresh: Vec<LabelImage> = pictures
        .iter()
        .map(|picture| segment(&mut *segmenter.worker(), picture))
        .collect();
    std::thread::scope(|scope| {
        for first in 0..3 {
            let (segmenter, pictures, fresh) = (&segmenter, &pictures, &fresh);
            scope.spawn(move || {
                let mut worker = segmenter.worker();
                for round in 0..8 {
                    let i = (first + round) % 4;
                    assert_eq!(segment(&mut *worker, &pictures[i]), fresh[i]);
                }
            });
        }
    });
}

#[test]
fn a_patch_of_another_size_is_refused() {
    let size = LevelSize {
        width: 32,
        height: EDGE,
    };
    let rgb = RgbBuffer::filled(size, [0; 3]);
    let stains = StainPlanes::default();
    let patch = PatchInput {
        rgb: &rgb,
        stains: &stains,
    };
    let error = segmenter()
        .worker()
        .segment(patch, &mut LabelImage::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "segmenter tiny got a patch of 32 x 72 px, wanted 72 x 72 px"
    );
}

#[test]
fn heads_that_do_not_fit_are_refused() {
    let refused = |head: &str| {
        OnnxSegmenter::new(model(head, "2"))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused("kind = \"stardist\""),
        "model tiny wants the head \"stardist\", known are interior-distance, interior, star-convex"
    );
    assert_eq!(
        refused("kind = \"interior\""),
        "model tiny gives 2 channels at stride 1, the head interior wants 1 channels at stride 1"
    );
    let text = refused("kind = \"interior-distance\"\nparameters = { sigma = 2 }");
    assert!(text.contains("`sigma`"), "{text}");
}

#[test]
fn a_patch_that_is_all_halo_is_refused() {
    let made = |edge| {
        let outputs = output("maps", "2", 1);
        let model = network_of(edge, TINY, &outputs, "kind = \"interior-distance\"");
        OnnxSegmenter::new(model)
    };
    assert_eq!(
        made(64).unwrap_err().to_string(),
        "model tiny has patches of 64 px (input.patch in model.toml), wanted more than 64 px: a halo of 32 px on both sides is only looked at"
    );
    assert!(made(65).is_ok());
}

#[test]
fn the_model_on_board_has_its_head() {
    let segmenter = OnnxSegmenter::new(Model::embedded().unwrap()).unwrap();
    assert!((segmenter.mpp().get() - 0.5).abs() < 1e-9);
}

#[test]
fn a_stardist_network_runs_through_its_head() {
    const STARDIST: &[u8] = include_bytes!("../../../../pantrk-nn/tests/fixtures/stardist.onnx");
    let outputs = output("prob", "1", 2) + &output("dist", "32", 2);
    let model = network(STARDIST, &outputs, "kind = \"star-convex\"");
    let segmenter = OnnxSegmenter::new(model).unwrap();
    let mut pixel = 1_u32;
    let bytes = (0..EDGE * EDGE * 3).map(|_| {
        pixel = pixel.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (pixel >> 24) as u8
    });
    let size = LevelSize {
        width: EDGE,
        height: EDGE,
    };
    let rgb = RgbBuffer::from_raw(size, bytes.collect()).unwrap();
    let mut worker = segmenter.worker();
    let found = segment(&mut *worker, &rgb);
    assert_eq!((found.width, found.height), (EDGE as usize, EDGE as usize));
    // Rays of 5 to 7 px: polygons of some 110 px, packed as the overlap allows.
    assert!((10..=75).contains(&found.count), "{}", found.count);
    for label in 1..=found.count {
        let area = found.labels.iter().filter(|&&l| l == label).count();
        assert!((40..=200).contains(&area), "label {label}: {area} px");
    }
    assert_eq!(segment(&mut *worker, &rgb), found);
}
