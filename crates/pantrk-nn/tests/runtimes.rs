//! One suite over every runtime: the same networks, the same numbers, the same refusals.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which may panic and say what they skip"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{EDGE, MAPS, manifest_text, shared_data};

use pantrk_nn::runtime::Runtime;
use pantrk_nn::{
    Device, Direct, InputSource, Model, ModelError, ModelManifest, OnnxRuntime, Provider,
    RuntimeChoice, Tract, check_onnx, runtimes,
};
use pantrk_space::{LevelSize, RgbBuffer};

const TINY: &[u8] = include_bytes!("fixtures/tiny.onnx");
const TINY_NHWC: &[u8] = include_bytes!("fixtures/tiny-nhwc.onnx");
const STARDIST: &[u8] = include_bytes!("fixtures/stardist.onnx");
/// What ONNX's reference evaluator makes of [`picture`].
const STARDIST_OUTPUT: &[u8] = include_bytes!("fixtures/stardist-output.npy");

/// How far runtimes may be apart.
const TOLERANCE: f32 = 1e-4;

/// An ONNX Runtime library: the one that is named, else that of Python's package.
fn library() -> Option<PathBuf> {
    let asked =
        "import onnxruntime, pathlib; print(pathlib.Path(onnxruntime.__file__).parent / 'capi')";
    let folder = std::env::var("ORT_DYLIB_PATH").ok().or_else(|| {
        let python = std::process::Command::new("python3")
            .args(["-c", asked])
            .output()
            .ok()?;
        python
            .status
            .success()
            .then(|| String::from_utf8_lossy(&python.stdout).trim().to_owned())
    })?;
    let path = PathBuf::from(folder);
    if path.is_file() {
        return Some(path);
    }
    let entries = std::fs::read_dir(path).ok()?.flatten();
    let mut libraries = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("libonnxruntime.so")
    });
    libraries.next().map(|entry| entry.path())
}

/// All runtimes of this machine.
fn all() -> Vec<Box<dyn Runtime>> {
    let mut all: Vec<Box<dyn Runtime>> = vec![Box::new(Direct), Box::new(Tract)];
    match library() {
        Some(path) => all.push(Box::new(OnnxRuntime::at(&path, Provider::Cpu).unwrap())),
        None => println!("skipped: no ONNX Runtime; name one in ORT_DYLIB_PATH"),
    }
    all
}

/// Every pixel another colour; byte i is 7 i modulo 251.
fn picture() -> RgbBuffer {
    let bytes = (0..EDGE * EDGE * 3).map(|i| (i * 7 % 251) as u8).collect();
    let size = LevelSize {
        width: EDGE,
        height: EDGE,
    };
    RgbBuffer::from_raw(size, bytes).unwrap()
}

fn manifest(weights: &[u8], layout: &str, outputs: &str) -> ModelManifest {
    let text = manifest_text(weights, layout, outputs, "any");
    ModelManifest::parse(&text, Path::new("model.toml")).unwrap()
}

const RAYS: &str = "[[outputs]]\nname = \"prob\"\nchannels = 1\nstride = 2\n[[outputs]]\nname = \"dist\"\nchannels = 32\nstride = 2";

/// The outputs, one after the other; `None` where the runtime does not take the network.
fn outputs(runtime: &dyn Runtime, weights: &[u8], manifest: ModelManifest) -> Option<Vec<f32>> {
    let n = manifest.outputs.len();
    let model = match Model::from_parts(manifest, weights, Path::new("net.onnx"), runtime) {
        Ok(model) => model,
        // Our own takes plain networks alone, and says so.
        Err(ModelError::Unsupported { .. }) if runtime.name() == Direct.name() => return None,
        Err(error) => panic!("{}: {error}", runtime.name()),
    };
    assert_eq!(model.runtime(), runtime.name());
    let mut worker = model.worker();
    let picture = picture();
    let source = InputSource {
        rgb: &picture,
        hematoxylin: &[],
    };
    worker.run_patch(source).unwrap();
    let first: Vec<f32> = (0..n).flat_map(|i| worker.output(i).to_vec()).collect();
    // The same again, and from another thread's worker.
    worker.run_patch(source).unwrap();
    let mut other = model.worker();
    other.run_patch(source).unwrap();
    for i in 0..n {
        assert_eq!(worker.output(i), other.output(i), "{}", runtime.name());
    }
    Some(first)
}

fn assert_near(found: &[f32], wanted: &[f32], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(
            (found - wanted).abs() <= TOLERANCE * (1.0 + wanted.abs()),
            "{what}: value {i} is {found}, wanted {wanted}"
        );
    }
}

/// The values of a little-endian `float32` NPY file of version 1: 10 bytes, then a header of the length that bytes 8 and 9 hold.
fn npy_values(file: &[u8]) -> Vec<f32> {
    let header = u16::from_le_bytes([file[8], file[9]]) as usize;
    file[10 + header..]
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

#[test]
fn every_runtime_gives_a_foreign_networks_reference_output() {
    let Some(folder) = shared_data("onnx/unet2d_nuclei") else {
        return;
    };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let weights = read("weights.onnx");
    let mut input = npy_values(&read("test_input.npy"));
    let wanted = npy_values(&read("test_output.npy"));
    // Its model card asks for zero mean and unit variance before, and for a sigmoid after.
    let n = input.len() as f64;
    let mean = input.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let square = |v: f32| (f64::from(v) - mean).powi(2);
    let deviation = (input.iter().map(|&v| square(v)).sum::<f64>() / n).sqrt();
    for value in &mut input {
        *value = ((f64::from(*value) - mean) / (deviation + 1e-6)) as f32;
    }
    for runtime in all() {
        let plan = match runtime.prepare(&weights, [1, 1, 512, 512], Path::new("unet.onnx")) {
            Ok(plan) => plan,
            Err(error) => {
                assert_eq!(runtime.name(), Direct.name(), "{error}");
                continue;
            }
        };
        let mut session = plan.session();
        session.input().copy_from_slice(&input);
        session.run().unwrap();
        assert_eq!(session.output(0).len(), wanted.len());
        for (logit, wanted) in session.output(0).iter().zip(&wanted) {
            let found = 1.0 / (1.0 + (-logit).exp());
            assert!(
                (found - wanted).abs() < 1e-3,
                "{}: {found} {wanted}",
                runtime.name()
            );
        }
    }
}

/// Beside the weights lie twenty parts of held-out fields, side by side, and every fifth pixel of what PyTorch makes of them: the last layer deals its channels out over squares of four, so that fifths see all of them.
#[test]
fn every_runtime_gives_what_pytorch_gives_of_the_network_on_board() {
    const FIELDS: usize = 20;
    const SIDE: usize = 64;
    const EVERY: usize = 5;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/nucleus");
    let weights = std::fs::read(folder.join("weights.onnx")).unwrap();
    let strip = image::open(folder.join("agreement.png")).unwrap().to_rgb8();
    assert_eq!(strip.dimensions(), ((FIELDS * SIDE) as u32, SIDE as u32));
    let wanted = npy_values(&std::fs::read(folder.join("agreement.npy")).unwrap());
    let kept = SIDE.div_ceil(EVERY);
    assert_eq!(wanted.len(), FIELDS * 2 * kept * kept);
    for runtime in all() {
        let plan = match runtime.prepare(&weights, [1, 3, SIDE, SIDE], Path::new("nucleus.onnx")) {
            Ok(plan) => plan,
            // On a processor without fused multiply-add.
            Err(error) => {
                assert_eq!(runtime.name(), Direct.name(), "{error}");
                println!("skipped: {error}");
                continue;
            }
        };
        let mut session = plan.session();
        let mut worst = 0.0_f32;
        for (field, wanted) in wanted.chunks_exact(2 * kept * kept).enumerate() {
            for (i, value) in session.input().iter_mut().enumerate() {
                let (channel, y, x) = (i / (SIDE * SIDE), i / SIDE % SIDE, i % SIDE);
                let pixel = strip.get_pixel((field * SIDE + x) as u32, y as u32);
                *value = f32::from(pixel[channel]) / 255.0;
            }
            session.run().unwrap();
            for (i, wanted) in wanted.iter().enumerate() {
                let (map, y, x) = (i / (kept * kept), i / kept % kept, i % kept);
                let at = (map * SIDE + y * EVERY) * SIDE + x * EVERY;
                worst = worst.max((session.output(0)[at] - wanted).abs());
            }
        }
        println!("{}: {worst:e} from PyTorch", runtime.name());
        assert!(worst <= TOLERANCE, "{}: {worst}", runtime.name());
    }
}

#[test]
fn every_runtime_gives_the_known_maps() {
    let picture = picture();
    let pixels = picture.as_bytes().chunks_exact(3);
    let red = pixels
        .clone()
        .map(|p| 20.0 * (f32::from(p[0]) / 255.0 - 0.5));
    let wanted: Vec<f32> = red.chain(pixels.map(|p| f32::from(p[1]) / 255.0)).collect();
    for runtime in all() {
        for (weights, layout) in [(TINY, "nchw"), (TINY_NHWC, "nhwc")] {
            let manifest = manifest(weights, layout, MAPS);
            if let Some(found) = outputs(&*runtime, weights, manifest) {
                assert_near(&found, &wanted, &format!("{} {layout}", runtime.name()));
            }
        }
    }
}

#[test]
fn every_runtime_gives_what_the_reference_evaluator_gives_of_a_stardist_network() {
    let wanted = npy_values(STARDIST_OUTPUT);
    assert_eq!(wanted.len(), 33 * 16 * 16);
    for runtime in all() {
        let manifest = manifest(STARDIST, "nchw", RAYS);
        if let Some(found) = outputs(&*runtime, STARDIST, manifest) {
            assert_near(&found, &wanted, runtime.name());
        }
    }
}

#[test]
fn every_runtime_refuses_broken_files_with_a_reason() {
    let cases: [(&str, Vec<u8>); 4] = [
        ("nothing", Vec::new()),
        ("no protobuf", b"this is no network".to_vec()),
        ("cut short", STARDIST[..STARDIST.len() / 2].to_vec()),
        ("a wrong byte", {
            let mut bytes = TINY.to_vec();
            // The operator's name: an unknown one.
            let at = bytes.windows(4).position(|w| w == b"Conv").unwrap();
            bytes[at] = b'K';
            bytes
        }),
    ];
    for runtime in all() {
        for (what, bytes) in &cases {
            let shape = [1, 3, EDGE as usize, EDGE as usize];
            let error = runtime
                .prepare(bytes, shape, Path::new("broken.onnx"))
                .map(drop)
                .unwrap_err();
            let text = error.to_string();
            assert!(
                text.ends_with("broken.onnx") && !text.contains('\n'),
                "{} {what}: {text}",
                runtime.name()
            );
        }
    }
}

#[test]
fn every_runtime_checks_a_foreign_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.onnx");
    std::fs::write(&path, STARDIST).unwrap();
    for runtime in all() {
        let report = check_onnx(&path, 64, &*runtime).unwrap();
        match report.trial {
            Ok(trial) => {
                assert_eq!(trial.output_shapes, [[1, 1, 32, 32], [1, 32, 32, 32]]);
                assert!(trial.finite);
            }
            Err(error) => assert_eq!(runtime.name(), Direct.name(), "{error}"),
        }
    }
}

#[test]
fn smaller_patches_come_out_alike() {
    for runtime in all() {
        let manifest = manifest(TINY, "nchw", MAPS);
        let Ok(model) = Model::from_parts(manifest, TINY, Path::new("net.onnx"), &*runtime) else {
            continue;
        };
        let small = LevelSize {
            width: 16,
            height: EDGE,
        };
        if !model.takes(small) {
            continue;
        }
        let rgb = RgbBuffer::filled(small, [255, 102, 0]);
        let source = InputSource {
            rgb: &rgb,
            hematoxylin: &[],
        };
        let mut worker = model.worker();
        worker.run_patch(source).unwrap();
        let half = small.area() as usize;
        let mut wanted = vec![10.0; half];
        wanted.resize(2 * half, 0.4);
        assert_near(worker.output(0), &wanted, runtime.name());
    }
}

#[test]
fn a_device_that_is_not_there_is_an_error_and_not_the_processor() {
    let error = runtimes(RuntimeChoice::Tract, Device::Cuda)
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("--device cpu"), "{error}");
    let Some(path) = library() else { return };
    let runtime = OnnxRuntime::at(&path, Provider::Cuda).unwrap();
    let shape = [1, 3, EDGE as usize, EDGE as usize];
    match runtime.prepare(TINY, shape, Path::new("net.onnx")) {
        // On a machine with a GPU and a library for it, it runs.
        Ok(_) => assert_eq!(runtime.name(), "onnxruntime-cuda"),
        Err(error) => assert!(error.to_string().starts_with("onnxruntime-cuda"), "{error}"),
    }
}

#[test]
fn a_library_that_is_none_is_an_error() {
    // In a process of its own, because a process keeps the library that it loaded first.
    if std::env::var_os("PANTRK_TEST_BAD_LIBRARY").is_some() {
        let error = OnnxRuntime::find(Provider::Cpu).unwrap_err();
        assert!(matches!(error, ModelError::NoRuntime { .. }), "{error}");
        // Neither is it passed over where the fastest is asked for: somebody named it.
        let error = runtimes(RuntimeChoice::Auto, Device::Cpu)
            .map(drop)
            .unwrap_err();
        assert!(error.to_string().starts_with("onnxruntime-cpu"), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libonnxruntime.so");
    std::fs::write(&text, b"no library").unwrap();
    for path in [text, folder.path().join("missing")] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_library_that_is_none_is_an_error"])
            .env("PANTRK_TEST_BAD_LIBRARY", "1")
            .env("ORT_DYLIB_PATH", &path)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
