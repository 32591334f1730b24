//! A model folder, checked and ready to run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use pantrk_space::LevelSize;
use sha2::{Digest as _, Sha256};

use crate::runtime::{Device, Plan, Runtime, RuntimeChoice, Session, runtimes};
use crate::{Dim, InputSource, InputSpec, Layout, ModelError, ModelManifest, fill_input, onnx};

/// ONNX is protobuf, which ends at 2 GiB.
const WEIGHTS_LIMIT: u64 = 1 << 31;
/// No manifest needs more.
const MANIFEST_LIMIT: u64 = 1 << 20;

/// The default model's manifest.
const EMBEDDED_MANIFEST: &str = include_str!("../../../models/nucleus/model.toml");
/// The default model's weights.
const EMBEDDED_WEIGHTS: &[u8] = include_bytes!("../../../models/nucleus/weights.onnx");

/// A model whose checksum was right and whose network fits its manifest; cheap to clone, shared by all threads.
#[derive(Debug, Clone)]
pub struct Model {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    manifest: ModelManifest,
    runtime: &'static str,
    plan: Arc<dyn Plan>,
    /// For each of the manifest's outputs, its place in the file.
    places: Vec<usize>,
    /// By width and height: plans for smaller patches, made when first asked for; `None` where there can be none.
    smaller: Mutex<Plans>,
}

type Plans = BTreeMap<(u32, u32), Option<Arc<dyn Plan>>>;

impl Shared {
    fn patch(&self) -> LevelSize {
        let edge = self.manifest.input.patch;
        LevelSize {
            width: edge,
            height: edge,
        }
    }

    /// The plan for patches of `size`.
    fn plan_for(&self, size: LevelSize) -> Option<Arc<dyn Plan>> {
        let patch = self.patch();
        if size == patch {
            return Some(Arc::clone(&self.plan));
        }
        let area = 1..=patch.area();
        if size.width > patch.width || size.height > patch.height || !area.contains(&size.area()) {
            return None;
        }
        let mut smaller = self.smaller.lock().unwrap_or_else(PoisonError::into_inner);
        smaller
            .entry((size.width, size.height))
            .or_insert_with(|| self.make_plan(size).map(Arc::from))
            .clone()
    }

    fn make_plan(&self, size: LevelSize) -> Option<Box<dyn Plan>> {
        // Runtimes that take any size take planes of pixels.
        if self.manifest.input.layout != Layout::Nchw {
            return None;
        }
        let plan = self
            .plan
            .resized(size.height as usize, size.width as usize)?;
        let fits = self
            .manifest
            .outputs
            .iter()
            .zip(&self.places)
            .all(|(spec, &place)| {
                let side = |length: u32| (length / spec.stride) as usize;
                let wanted = [1, spec.channels, side(size.height), side(size.width)];
                let whole = size.width.is_multiple_of(spec.stride)
                    && size.height.is_multiple_of(spec.stride);
                whole
                    && plan
                        .output_shapes()
                        .get(place)
                        .is_some_and(|found| *found == wanted)
            });
        fits.then_some(plan)
    }
}

impl Model {
    /// Loads `model.toml` and the weights beside it, with what is compiled in.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and what is wrong with it.
    pub fn load_dir(folder: &Path) -> Result<Self, ModelError> {
        Self::load_dir_in(folder, RuntimeChoice::Tract, Device::Cpu)
    }

    /// As [`Model::load_dir`], with a runtime and a device of choice.
    ///
    /// # Errors
    /// As [`Model::load_dir`], and [`ModelError::NoRuntime`].
    pub fn load_dir_in(
        folder: &Path,
        choice: RuntimeChoice,
        device: Device,
    ) -> Result<Self, ModelError> {
        first_that_takes(choice, device, |runtime| {
            Self::load_dir_with(folder, runtime)
        })
    }

    /// As [`Model::load_dir`], with another runtime.
    ///
    /// # Errors
    /// [`ModelError`] naming the file and what is wrong with it.
    pub fn load_dir_with(folder: &Path, runtime: &dyn Runtime) -> Result<Self, ModelError> {
        let manifest_path = folder.join("model.toml");
        let manifest = read_limited(&manifest_path, MANIFEST_LIMIT)?;
        let manifest = String::from_utf8(manifest).map_err(|error| ModelError::Manifest {
            reason: error.to_string(),
            path: manifest_path.clone(),
        })?;
        let manifest = ModelManifest::parse(&manifest, &manifest_path)?;
        let weights_path = folder.join(&manifest.weights);
        let weights = read_weights(&weights_path)?;
        Self::from_parts(manifest, &weights, &weights_path, runtime)
    }

    /// The default model, which is part of the program, with what is compiled in.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] if this machine cannot run it.
    pub fn embedded() -> Result<Self, ModelError> {
        Self::embedded_in(RuntimeChoice::Tract, Device::Cpu)
    }

    /// The default model, with a runtime and a device of choice.
    ///
    /// # Errors
    /// As [`Model::embedded`], and [`ModelError::NoRuntime`].
    pub fn embedded_in(choice: RuntimeChoice, device: Device) -> Result<Self, ModelError> {
        let manifest = Self::embedded_manifest()?;
        let weights_path = Path::new("models/nucleus").join(&manifest.weights);
        first_that_takes(choice, device, |runtime| {
            Self::from_parts(manifest.clone(), EMBEDDED_WEIGHTS, &weights_path, runtime)
        })
    }

    /// The default model's manifest, without loading the weights.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] if it breaks its format.
    pub fn embedded_manifest() -> Result<ModelManifest, ModelError> {
        ModelManifest::parse(EMBEDDED_MANIFEST, Path::new("models/nucleus/model.toml"))
    }

    /// Checks weights against a manifest and prepares them; `path` is for messages alone.
    ///
    /// # Errors
    /// [`ModelError::Checksum`] for other weights than the manifest's, [`ModelError::Mismatch`] for another input or output, [`ModelError::Onnx`] and [`ModelError::Unsupported`] from the runtime.
    pub fn from_parts(
        manifest: ModelManifest,
        weights: &[u8],
        path: &Path,
        runtime: &dyn Runtime,
    ) -> Result<Self, ModelError> {
        let found = sha256_hex(weights);
        if found != manifest.sha256 {
            return Err(ModelError::Checksum {
                found,
                wanted: manifest.sha256,
                path: path.to_owned(),
            });
        }
        let input = &manifest.input;
        let shape = input
            .layout
            .shape(input.channels.count(), input.patch as usize);
        let places = match_names(&manifest, weights, shape, path)?;
        let plan = runtime.prepare(weights, shape, path)?;
        for (spec, &place) in manifest.outputs.iter().zip(&places) {
            let edge = (input.patch / spec.stride) as usize;
            let wanted = input.layout.shape(spec.channels, edge);
            let found = plan.output_shapes().get(place).cloned().unwrap_or_default();
            if found != wanted {
                return Err(ModelError::Mismatch {
                    what: format!("output {:?}", spec.name),
                    found: format!("{found:?}"),
                    wanted: format!("{wanted:?}"),
                    path: path.to_owned(),
                });
            }
        }
        Ok(Self {
            shared: Arc::new(Shared {
                manifest,
                runtime: runtime.name(),
                plan: Arc::from(plan),
                places,
                smaller: Mutex::default(),
            }),
        })
    }

    /// Whether it takes patches of this size: that of its manifest, and where the runtime allows it smaller ones.
    pub fn takes(&self, size: LevelSize) -> bool {
        self.shared.plan_for(size).is_some()
    }

    /// What the model is.
    pub fn manifest(&self) -> &ModelManifest {
        &self.shared.manifest
    }

    /// The runtime that runs it.
    pub fn runtime(&self) -> &'static str {
        self.shared.runtime
    }

    /// Buffers and session for one thread.
    pub fn worker(&self) -> ModelWorker {
        let manifest = &self.shared.manifest;
        ModelWorker {
            shared: Arc::clone(&self.shared),
            session: self.shared.plan.session(),
            size: self.shared.patch(),
            others: Vec::new(),
            planes: vec![Vec::new(); manifest.outputs.len()],
        }
    }
}

/// A [`Model`] at work on one thread.
pub struct ModelWorker {
    shared: Arc<Shared>,
    /// For patches of `size`.
    session: Box<dyn Session>,
    size: LevelSize,
    /// Sessions for other sizes that came by.
    others: Vec<(LevelSize, Box<dyn Session>)>,
    /// The outputs channel by channel, where the network gives them pixel by pixel.
    planes: Vec<Vec<f32>>,
}

impl std::fmt::Debug for ModelWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelWorker")
            .field("model", &self.shared.manifest.name)
            .finish_non_exhaustive()
    }
}

impl ModelWorker {
    /// What the model is.
    pub fn manifest(&self) -> &ModelManifest {
        &self.shared.manifest
    }

    /// Runs one patch: scales its pixels as the manifest says, then as [`ModelWorker::run`].
    ///
    /// # Errors
    /// [`ModelError::Input`] for a patch of another size, [`ModelError::Run`] and [`ModelError::NotFinite`] from the run.
    pub fn run_patch(&mut self, source: InputSource<'_>) -> Result<(), ModelError> {
        self.turn_to(source.rgb.size());
        let manifest = &self.shared.manifest;
        let spec: &InputSpec = &manifest.input;
        fill_input(spec, source, &manifest.name, self.session.input())?;
        self.run_filled()
    }

    /// Runs the network on values that are scaled already, in the manifest's layout.
    ///
    /// # Errors
    /// [`ModelError::Input`] for another number of values, [`ModelError::Run`] if the runtime fails, [`ModelError::NotFinite`] if it gives infinities or NaN.
    pub fn run(&mut self, values: &[f32]) -> Result<(), ModelError> {
        self.turn_to(self.shared.patch());
        let input = self.session.input();
        if input.len() != values.len() {
            return Err(ModelError::Input {
                model: self.shared.manifest.name.clone(),
                what: "input",
                found: values.len(),
                wanted: input.len(),
            });
        }
        input.copy_from_slice(values);
        self.run_filled()
    }

    /// Takes up the session for a size; of a size that the model does not take, that of its manifest.
    fn turn_to(&mut self, size: LevelSize) {
        let (size, plan) = match self.shared.plan_for(size) {
            Some(plan) => (size, plan),
            None => (self.shared.patch(), Arc::clone(&self.shared.plan)),
        };
        if size == self.size {
            return;
        }
        let kept = self.others.iter().position(|(other, _)| *other == size);
        let next = match kept {
            Some(at) => self.others.swap_remove(at).1,
            None => plan.session(),
        };
        let before = std::mem::replace(&mut self.session, next);
        self.others.push((self.size, before));
        self.size = size;
    }

    fn run_filled(&mut self) -> Result<(), ModelError> {
        let shared = &self.shared;
        let manifest = &shared.manifest;
        self.session.run().map_err(|reason| ModelError::Run {
            model: manifest.name.clone(),
            reason,
        })?;
        for ((spec, &place), planes) in manifest
            .outputs
            .iter()
            .zip(&shared.places)
            .zip(&mut self.planes)
        {
            let values = self.session.output(place);
            // A comparison with NaN is false, so NaN would read as "no nuclei here".
            if !all_finite(values) {
                return Err(ModelError::NotFinite {
                    model: manifest.name.clone(),
                    output: spec.name.clone(),
                });
            }
            if manifest.input.layout == Layout::Nhwc {
                planes.clear();
                for channel in 0..spec.channels {
                    planes.extend(values.iter().skip(channel).step_by(spec.channels));
                }
            }
        }
        Ok(())
    }

    /// Output `index` (in the manifest's order) of the last run: its channels one after the other, each row by row; empty before the first run.
    pub fn output(&self, index: usize) -> &[f32] {
        match (
            self.shared.manifest.input.layout,
            self.shared.places.get(index),
        ) {
            (_, None) => &[],
            (Layout::Nchw, Some(&place)) => self.session.output(place),
            (Layout::Nhwc, Some(_)) => self.planes.get(index).map_or(&[], Vec::as_slice),
        }
    }
}

/// What `load` makes of the first runtime that takes the network.
fn first_that_takes(
    choice: RuntimeChoice,
    device: Device,
    load: impl Fn(&dyn Runtime) -> Result<Model, ModelError>,
) -> Result<Model, ModelError> {
    let runtimes = runtimes(choice, device)?;
    let mut refused = None;
    for runtime in &runtimes {
        match load(&**runtime) {
            Err(error @ ModelError::Unsupported { .. }) => refused = Some(error),
            other => return other,
        }
    }
    Err(refused.unwrap_or_else(|| ModelError::NoRuntime {
        runtime: "any",
        reason: "there is none to try".to_owned(),
    }))
}

/// Whether no value is infinite or NaN; counted in chunks, because an early end per value keeps the loop from being vectorised.
fn all_finite(values: &[f32]) -> bool {
    values
        .chunks(1024)
        .all(|chunk| chunk.iter().map(|v| u32::from(!v.is_finite())).sum::<u32>() == 0)
}

/// The place in the file of each of the manifest's outputs, once input and names agree.
fn match_names(
    manifest: &ModelManifest,
    weights: &[u8],
    shape: [usize; 4],
    path: &Path,
) -> Result<Vec<usize>, ModelError> {
    let proto = onnx::decode(weights, path)?;
    let (inputs, outputs) = match &proto.graph {
        Some(graph) => (onnx::inputs(graph), onnx::outputs(graph)),
        None => (Vec::new(), Vec::new()),
    };
    let mismatch = |what: String, found: String, wanted: String| ModelError::Mismatch {
        what,
        found,
        wanted,
        path: path.to_owned(),
    };
    let [input] = inputs.as_slice() else {
        return Err(mismatch(
            "number of inputs".to_owned(),
            inputs.len().to_string(),
            "1".to_owned(),
        ));
    };
    if input.name != manifest.input.name || input.element != "float32" {
        return Err(mismatch(
            "input".to_owned(),
            input.to_string(),
            format!("{} float32", manifest.input.name),
        ));
    }
    let patch = manifest.input.patch as usize;
    if let Some(wanted) = onnx::wanted_side(&proto, input, patch) {
        return Err(mismatch(
            "patch (input.patch in model.toml)".to_owned(),
            format!("{patch} px"),
            wanted,
        ));
    }
    let fits = input.shape.as_ref().is_none_or(|dims| {
        dims.len() == shape.len()
            && dims.iter().zip(shape).all(|(dim, wanted)| match dim {
                Dim::Fixed(found) => *found == wanted,
                Dim::Named(_) | Dim::Unknown => true,
            })
    });
    if !fits {
        return Err(mismatch(
            "input".to_owned(),
            input.to_string(),
            format!("{shape:?}"),
        ));
    }
    manifest
        .outputs
        .iter()
        .map(|spec| {
            outputs
                .iter()
                .position(|output| output.name == spec.name && output.element == "float32")
                .ok_or_else(|| {
                    let found: Vec<String> = outputs.iter().map(ToString::to_string).collect();
                    mismatch(
                        "outputs".to_owned(),
                        found.join(", "),
                        format!("{} float32", spec.name),
                    )
                })
        })
        .collect()
}

/// SHA-256 as 64 lower-case hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing into a string cannot fail.
        if write!(hex, "{byte:02x}").is_err() {
            break;
        }
    }
    hex
}

/// A weights file within the format's own limit.
pub(crate) fn read_weights(path: &Path) -> Result<Vec<u8>, ModelError> {
    read_limited(path, WEIGHTS_LIMIT)
}

fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let io = |source| ModelError::Io {
        source,
        path: path.to_owned(),
    };
    let found = std::fs::metadata(path).map_err(io)?.len();
    if found > limit {
        return Err(ModelError::Limits {
            found,
            limit,
            path: path.to_owned(),
        });
    }
    std::fs::read(path).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn one_nan_is_found() {
        let mut values = vec![0.5f32; 5000];
        assert!(all_finite(&values));
        values[4999] = f32::NAN;
        assert!(!all_finite(&values));
        values[4999] = f32::INFINITY;
        assert!(!all_finite(&values));
    }
}
