//! Models loaded from folders, run, and refused.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which may panic and say what they skip"
)]

mod common;

use std::path::Path;

use common::{MAPS, manifest_text, shared_data};

use pantrk_nn::{InputSource, Model, ModelError, ModelManifest, Tract, check_onnx, sha256_hex};
use pantrk_space::{LevelSize, RgbBuffer};

const TINY: &[u8] = include_bytes!("fixtures/tiny.onnx");
const TINY_NHWC: &[u8] = include_bytes!("fixtures/tiny-nhwc.onnx");

/// A manifest that fits the tiny networks.
fn manifest(weights: &[u8], layout: &str) -> String {
    manifest_text(weights, layout, MAPS, "interior-distance")
}

fn folder(manifest: &str, weights: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("weights.onnx"), weights).unwrap();
    folder
}

fn refused(manifest: &str, weights: &[u8]) -> ModelError {
    let folder = folder(manifest, weights);
    let error = Model::load_dir(folder.path()).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
    error
}

/// Every pixel another colour.
fn picture() -> RgbBuffer {
    let bytes = (0..32 * 32 * 3u32).map(|i| (i * 7 % 251) as u8).collect();
    let size = LevelSize {
        width: 32,
        height: 32,
    };
    RgbBuffer::from_raw(size, bytes).unwrap()
}

#[test]
fn both_layouts_give_planes_of_the_known_maps() {
    let picture = picture();
    for (weights, layout) in [(TINY, "nchw"), (TINY_NHWC, "nhwc")] {
        let folder = folder(&manifest(weights, layout), weights);
        let mut worker = Model::load_dir(folder.path()).unwrap().worker();
        assert!(worker.output(0).is_empty());
        let source = InputSource {
            rgb: &picture,
            hematoxylin: &[],
        };
        worker.run_patch(source).unwrap();
        let maps = worker.output(0);
        assert_eq!(maps.len(), 2 * 32 * 32);
        for (i, rgb) in picture.as_bytes().chunks_exact(3).enumerate() {
            let logit = 20.0 * (f32::from(rgb[0]) / 255.0 - 0.5);
            let distance = f32::from(rgb[1]) / 255.0;
            assert!((maps[i] - logit).abs() < 1e-4, "{layout} {i}");
            assert!((maps[1024 + i] - distance).abs() < 1e-5, "{layout} {i}");
        }
        assert!(worker.output(1).is_empty());
    }
}

#[test]
fn threads_and_reused_workers_give_the_same_bits() {
    let model = Model::embedded().unwrap();
    let values: Vec<Vec<f32>> = (0..3u32)
        .map(|seed| {
            (0..model.manifest().input.values() as u32)
                .map(|i| {
                    (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 16_777_216.0
                })
                .collect()
        })
        .collect();
    let fresh: Vec<Vec<f32>> = values
        .iter()
        .map(|values| {
            let mut worker = model.worker();
            worker.run(values).unwrap();
            worker.output(0).to_vec()
        })
        .collect();
    assert_ne!(fresh[0], fresh[1]);
    std::thread::scope(|scope| {
        for first in 0..2 {
            let (model, values, fresh) = (&model, &values, &fresh);
            scope.spawn(move || {
                let mut worker = model.worker();
                for round in 0..3 {
                    let i = (first + round) % 3;
                    worker.run(&values[i]).unwrap();
                    assert_eq!(worker.output(0), fresh[i]);
                }
            });
        }
    });
}

#[test]
fn other_weights_than_the_manifests_are_refused() {
    let wanted = sha256_hex(TINY);
    let error = refused(&manifest(TINY, "nchw"), TINY_NHWC);
    assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&wanted) && text.contains(&sha256_hex(TINY_NHWC)),
        "{text}"
    );
    assert!(text.ends_with("weights.onnx"), "{text}");
}

#[test]
fn a_network_that_is_not_the_manifests_is_refused() {
    let good = manifest(TINY, "nchw");
    for (from, to, found, wanted) in [
        (
            "name = \"image\"",
            "name = \"pixels\"",
            "image float32",
            "pixels",
        ),
        (
            "name = \"maps\"",
            "name = \"logits\"",
            "maps float32",
            "logits",
        ),
        (
            "channels = 2",
            "channels = 3",
            "[1, 2, 32, 32]",
            "[1, 3, 32, 32]",
        ),
        (
            "stride = 1",
            "stride = 2",
            "[1, 2, 32, 32]",
            "[1, 2, 16, 16]",
        ),
        ("\"nchw\"", "\"nhwc\"", "[1, 3, h, w]", "[1, 32, 32, 3]"),
    ] {
        let error = refused(&good.replace(from, to), TINY);
        assert!(matches!(error, ModelError::Mismatch { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(found) && text.contains(wanted), "{text}");
    }
}

#[test]
fn a_patch_that_the_network_cannot_halve_as_often_as_it_does_is_refused_when_loaded() {
    let on_board = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/nucleus");
    let weights = std::fs::read(on_board.join("weights.onnx")).unwrap();
    let manifest = std::fs::read_to_string(on_board.join("model.toml")).unwrap();
    let patch = Model::embedded_manifest().unwrap().input.patch;
    let from = format!("patch = {patch}");
    assert!(manifest.contains(&from), "{from}");
    let error = refused(&manifest.replace(&from, "patch = 300"), &weights);
    assert!(matches!(error, ModelError::Mismatch { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("input.patch in model.toml) is 300 px, wanted a multiple of 8 px")
            && text.contains("such as 296 or 304"),
        "{text}"
    );
    let folder = folder(&manifest.replace(&from, "patch = 304"), &weights);
    Model::load_dir(folder.path()).unwrap();
}

#[test]
fn a_wrong_number_of_values_is_refused() {
    let folder = folder(&manifest(TINY, "nchw"), TINY);
    let mut worker = Model::load_dir(folder.path()).unwrap().worker();
    let error = worker.run(&[0.0; 5]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the input has 5 values, model tiny wants 3072"
    );
    // Infinity times zero: the network's own output is not a number.
    let error = worker.run(&[f32::INFINITY; 3072]).unwrap_err();
    assert!(matches!(error, ModelError::NotFinite { .. }), "{error}");
}

#[test]
fn missing_files_are_named() {
    let empty = tempfile::tempdir().unwrap();
    let error = Model::load_dir(empty.path()).unwrap_err();
    assert!(error.to_string().ends_with("model.toml"), "{error}");
    std::fs::write(empty.path().join("model.toml"), manifest(TINY, "nchw")).unwrap();
    let error = Model::load_dir(empty.path()).unwrap_err();
    assert!(error.to_string().ends_with("weights.onnx"), "{error}");
}

#[test]
fn a_report_says_what_the_file_is() {
    let folder = folder("", TINY);
    let report = check_onnx(&folder.path().join("weights.onnx"), 64, &Tract).unwrap();
    assert_eq!(report.opset, Some(13));
    assert_eq!(report.inputs[0].to_string(), "image float32 [1, 3, h, w]");
    assert_eq!(report.outputs[0].to_string(), "maps float32 [1, 2, h, w]");
    assert_eq!(report.sha256, sha256_hex(TINY));
    let trial = report.trial.unwrap();
    assert_eq!(trial.input_shape, [1, 3, 64, 64]);
    assert_eq!(trial.output_channels(0), Some(2));
    assert!(trial.finite);

    std::fs::write(folder.path().join("last.onnx"), TINY_NHWC).unwrap();
    let report = check_onnx(&folder.path().join("last.onnx"), 64, &Tract).unwrap();
    let trial = report.trial.unwrap();
    assert_eq!(trial.input_shape, [1, 64, 64, 3]);
    assert_eq!(trial.output_channels(0), Some(2));
}

#[test]
fn a_broken_file_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.onnx");
    let renamed: Vec<u8> = {
        // The output's name alone is changed, so nothing gives it.
        let mut bytes = TINY.to_vec();
        let last = bytes.windows(4).rposition(|w| w == b"maps").unwrap();
        bytes[last] = b'n';
        bytes
    };
    for (what, bytes) in [
        ("empty", Vec::new()),
        (
            "text",
            b"this is not a network, it is a sentence\n".to_vec(),
        ),
        ("a png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        ("truncated", TINY[..TINY.len() / 2].to_vec()),
        ("an output that nothing gives", renamed),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = check_onnx(&path, 64, &Tract).unwrap_err();
        assert!(matches!(error, ModelError::Onnx { .. }), "{what}: {error}");
        let text = error.to_string();
        assert!(
            !text.contains('\n') && text.ends_with("broken.onnx"),
            "{what}: {text}"
        );
    }
}

/// No byte of a model file may take the program down, whatever it says.
#[test]
fn a_changed_byte_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.onnx");
    for place in 0..TINY.len() {
        for change in [0x01, 0x80] {
            let mut bytes = TINY.to_vec();
            bytes[place] ^= change;
            std::fs::write(&path, bytes).unwrap();
            // Many changes are harmless, such as one of a weight.
            drop(check_onnx(&path, 16, &Tract));
        }
    }
}

#[test]
fn the_model_on_board_loads() {
    let model = Model::embedded().unwrap();
    assert_eq!(model.manifest(), &Model::embedded_manifest().unwrap());
    // On a processor without fused multiply-add, tract runs it.
    assert!(matches!(model.runtime(), "direct" | "tract"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/nucleus");
    let from_disk = Model::load_dir(&folder).unwrap();
    assert_eq!(from_disk.manifest(), model.manifest());
}

#[test]
fn a_smaller_patch_gives_what_the_whole_one_gives_there() {
    let model = Model::embedded().unwrap();
    let edge = model.manifest().input.patch;
    let size = |width, height| LevelSize { width, height };
    assert!(model.takes(size(edge, edge)));
    // Not larger, and not a side that the network cannot halve thrice.
    assert!(!model.takes(size(edge + 8, edge)) && !model.takes(size(edge - 3, edge)));
    let small = size(edge - 256, edge - 64);
    if !model.takes(small) {
        println!("skipped: {} takes one size", model.runtime());
        return;
    }
    let pixel = |x: u32, y: u32| {
        let wave = ((x as f32 * 0.2).sin() + (y as f32 * 0.17).sin()) * 50.0 + 150.0;
        [wave as u8, (wave * 0.9) as u8, 200]
    };
    let picture = |size: LevelSize| {
        let pixels = (0..size.height).flat_map(|y| (0..size.width).flat_map(move |x| pixel(x, y)));
        RgbBuffer::from_raw(size, pixels.collect()).unwrap()
    };
    let mut worker = model.worker();
    let mut maps = |size: LevelSize| {
        let rgb = picture(size);
        let source = InputSource {
            rgb: &rgb,
            hematoxylin: &[],
        };
        worker.run_patch(source).unwrap();
        worker.output(0).to_vec()
    };
    let (whole, part, again) = (maps(size(edge, edge)), maps(small), maps(size(edge, edge)));
    assert_eq!(whole, again);
    assert_eq!(part.len() as u64, 2 * small.area());
    // Far from the cut, which the network sees about 80 pixels around.
    let mut worst = 0.0_f32;
    for y in 0..small.height - 120 {
        for x in 0..small.width - 120 {
            let (a, b) = (y * edge + x, y * small.width + x);
            worst = worst.max((whole[a as usize] - part[b as usize]).abs());
        }
    }
    assert!(worst < 1e-3, "{worst}");
}

/// The values of a little-endian `float32` NPY file.
fn npy_values(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    let header = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let text = std::str::from_utf8(&bytes[10..10 + header]).unwrap();
    assert!(text.contains("'<f4'") && text.contains("False"), "{text}");
    bytes[10 + header..]
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

#[test]
fn a_foreign_model_gives_its_reference_output() {
    let Some(folder) = shared_data("onnx/unet2d_nuclei") else {
        return;
    };
    let weights = std::fs::read(folder.join("weights.onnx")).unwrap();
    let report = check_onnx(&folder.join("weights.onnx"), 256, &Tract).unwrap();
    assert_eq!(report.opset, Some(20));
    let trial = report.trial.unwrap();
    assert_eq!(trial.output_channels(0), Some(1));

    // Its model card asks for zero mean and unit variance, whatever the plane's unit.
    let text = manifest(&weights, "nchw")
        .replace("\"image\"", &format!("{:?}", report.inputs[0].name))
        .replace("\"maps\"", &format!("{:?}", report.outputs[0].name))
        .replace("\"rgb\"", "\"hematoxylin\"")
        .replace("\"unit\"", "\"z-score\"")
        .replace("patch = 32", "patch = 512")
        .replace("channels = 2", "channels = 1");
    let path = folder.join("model.toml");
    let manifest = ModelManifest::parse(&text, &path).unwrap();
    let model = Model::from_parts(manifest, &weights, &path, &Tract).unwrap();
    let mut worker = model.worker();
    let size = LevelSize {
        width: 512,
        height: 512,
    };
    let source = InputSource {
        rgb: &RgbBuffer::filled(size, [0; 3]),
        hematoxylin: &npy_values(&folder.join("test_input.npy")),
    };
    worker.run_patch(source).unwrap();
    let wanted = npy_values(&folder.join("test_output.npy"));
    assert_eq!(worker.output(0).len(), wanted.len());
    // The reference output is after the sigmoid, which its model card asks for too.
    for (i, (logit, wanted)) in worker.output(0).iter().zip(&wanted).enumerate() {
        let found = 1.0 / (1.0 + (-logit).exp());
        assert!((found - wanted).abs() < 1e-3, "{i}: {found} {wanted}");
    }
}
