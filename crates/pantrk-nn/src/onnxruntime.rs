//! ONNX Runtime: its library is looked for when the program runs, so that nothing is linked and nothing is missing where there is none.
//!
//! One session per thread, of one thread each: results do not depend on how many there are.
//! A provider that was asked for and cannot be had is an error; ONNX Runtime by itself would go on without it.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ort::environment::Environment;
use ort::session::Session as OnnxSession;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use crate::error::one_line;
use crate::runtime::{Plan, Runtime, Session};
use crate::{ModelError, onnx};

/// Says where the library is: the file, or its folder.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// What ONNX Runtime computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU; the library must be one that was built for it.
    Cuda,
}

impl Provider {
    /// As in results.
    const fn runtime(self) -> &'static str {
        match self {
            Self::Cpu => "onnxruntime-cpu",
            Self::Cuda => "onnxruntime-cuda",
        }
    }
}

/// The ONNX Runtime of a library that was found.
#[derive(Debug, Clone, Copy)]
pub struct OnnxRuntime {
    environment: &'static Environment,
    provider: Provider,
}

/// One per process; ONNX Runtime takes no second one.
static ENVIRONMENT: OnceLock<Result<Environment, String>> = OnceLock::new();

impl OnnxRuntime {
    /// Loads the library that `ORT_DYLIB_PATH` names, else one that lies beside the program or in `lib` beside it.
    ///
    /// # Errors
    /// [`ModelError::NoRuntime`] if there is none, or it is no ONNX Runtime, too old, or without the provider.
    pub fn find(provider: Provider) -> Result<Self, ModelError> {
        let missing = |reason: String| ModelError::NoRuntime {
            runtime: provider.runtime(),
            reason,
        };
        let path = match named() {
            Some(value) => library_at(Path::new(&value))
                .ok_or_else(|| missing(format!("{VARIABLE} names no ONNX Runtime library: {}", value.display())))?,
            None => beside_the_program().ok_or_else(|| {
                missing(format!(
                    "no libonnxruntime beside the program; set {VARIABLE} to one, such as the folder onnxruntime/capi of the Python package onnxruntime"
                ))
            })?,
        };
        Self::at(&path, provider)
    }

    /// Whether `ORT_DYLIB_PATH` names a library, be it one or not.
    pub fn is_named() -> bool {
        named().is_some()
    }

    /// Loads this library; the first one that a process loads is the one it keeps.
    ///
    /// # Errors
    /// As [`OnnxRuntime::find`].
    pub fn at(library: &Path, provider: Provider) -> Result<Self, ModelError> {
        let load = || -> Result<Environment, String> {
            let builder = ort::init_from(library).map_err(|error| error.to_string())?;
            let builder = builder.with_name("pantrk").with_telemetry(false);
            builder.build().map_err(|error| error.to_string())
        };
        let loaded = ENVIRONMENT.get_or_init(|| {
            // Some libraries of that name have another interface, which the binding panics about.
            std::panic::catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|_panic| {
                Err("the library does not behave as ONNX Runtime".to_owned())
            })
        });
        match loaded {
            Ok(environment) => Ok(Self {
                environment,
                provider,
            }),
            Err(reason) => Err(ModelError::NoRuntime {
                runtime: provider.runtime(),
                reason: sentence(reason),
            }),
        }
    }

    fn open(self, onnx: &[u8]) -> Result<OnnxSession, String> {
        let build = || -> Result<OnnxSession, String> {
            let say = |error: ort::Error<SessionBuilder>| error.to_string();
            let mut builder = OnnxSession::builder(self.environment)
                .map_err(|error| error.to_string())?
                .with_optimization_level(GraphOptimizationLevel::All)
                .map_err(say)?
                .with_intra_threads(1)
                .map_err(say)?
                .with_inter_threads(1)
                .map_err(say)?
                .with_deterministic_compute(true)
                .map_err(say)?
                .with_log_level(ort::logging::LogLevel::Fatal)
                .map_err(say)?;
            if self.provider == Provider::Cuda {
                let cuda = ort::ep::CUDA::default().build().error_on_failure();
                builder = builder.with_execution_providers([cuda]).map_err(say)?;
            }
            builder
                .commit_from_memory(onnx)
                .map_err(|error| error.to_string())
        };
        std::panic::catch_unwind(AssertUnwindSafe(build))
            .unwrap_or_else(|_panic| Err("the runtime panicked".to_owned()))
            .map_err(|reason| sentence(&reason))
    }
}

impl Runtime for OnnxRuntime {
    fn name(&self) -> &'static str {
        self.provider.runtime()
    }

    fn prepare(
        &self,
        onnx: &[u8],
        shape: [usize; 4],
        path: &Path,
    ) -> Result<Box<dyn Plan>, ModelError> {
        let proto = onnx::decode(onnx, path)?;
        onnx::validate(&proto, path)?;
        // The first run proves that the provider works and says how large free outputs are.
        let mut session = Worker::new(Arc::from(onnx), shape, self.open(onnx));
        session.run().map_err(|reason| ModelError::Unsupported {
            runtime: self.name(),
            reason,
            path: path.to_owned(),
        })?;
        Ok(Box::new(OnnxPlan {
            runtime: *self,
            onnx: session.onnx,
            shape,
            outputs: session.shapes,
        }))
    }
}

/// What the variable says, if anything.
fn named() -> Option<std::ffi::OsString> {
    std::env::var_os(VARIABLE).filter(|value| !value.is_empty())
}

/// What the library said, as a part of our own sentence.
fn sentence(said: &str) -> String {
    one_line(said).trim_end_matches('.').to_owned()
}

/// The library in a folder, or the file itself.
fn library_at(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    let is_library = |name: &str| {
        let unix = name.starts_with("libonnxruntime.so")
            || name
                .strip_prefix("libonnxruntime.")
                .and_then(|rest| rest.rsplit('.').next())
                .is_some_and(|ending| ending == "dylib");
        unix || name == "onnxruntime.dll"
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(path)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_library))
        .map(|entry| entry.path())
        .collect();
    // Of several, always the same: the shortest name is the one that is not a version.
    found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    found.into_iter().next()
}

fn beside_the_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    library_at(folder).or_else(|| library_at(&folder.join("lib")))
}

#[derive(Debug)]
struct OnnxPlan {
    runtime: OnnxRuntime,
    onnx: Arc<[u8]>,
    shape: [usize; 4],
    outputs: Vec<Vec<usize>>,
}

impl Plan for OnnxPlan {
    fn output_shapes(&self) -> &[Vec<usize>] {
        &self.outputs
    }

    fn session(&self) -> Box<dyn Session> {
        let session = self.runtime.open(&self.onnx);
        Box::new(Worker::new(Arc::clone(&self.onnx), self.shape, session))
    }

    fn resized(&self, height: usize, width: usize) -> Option<Box<dyn Plan>> {
        let [batch, channels, ..] = self.shape;
        let shape = [batch, channels, height, width];
        let session = self.runtime.open(&self.onnx);
        let mut session = Worker::new(Arc::clone(&self.onnx), shape, session);
        // A network whose size is fixed refuses.
        session.run().ok()?;
        Some(Box::new(Self {
            runtime: self.runtime,
            onnx: session.onnx,
            shape,
            outputs: session.shapes,
        }))
    }
}

struct Worker {
    onnx: Arc<[u8]>,
    /// Or why there is none.
    session: Result<OnnxSession, String>,
    shape: [usize; 4],
    input: Vec<f32>,
    outputs: Vec<Vec<f32>>,
    /// Of the outputs of the last run.
    shapes: Vec<Vec<usize>>,
}

impl Worker {
    fn new(onnx: Arc<[u8]>, shape: [usize; 4], session: Result<OnnxSession, String>) -> Self {
        let outputs = session.as_ref().map_or(0, |s| s.outputs().len());
        Self {
            onnx,
            session,
            shape,
            input: vec![0.0; shape.iter().product()],
            outputs: vec![Vec::new(); outputs],
            shapes: vec![Vec::new(); outputs],
        }
    }

    fn try_run(&mut self) -> Result<(), String> {
        let session = self.session.as_mut().map_err(|reason| reason.clone())?;
        let input = TensorRef::from_array_view((self.shape, self.input.as_slice()))
            .map_err(|error| error.to_string())?;
        let results = session
            .run(ort::inputs![input])
            .map_err(|error| error.to_string())?;
        let buffers = self.outputs.iter_mut().zip(&mut self.shapes);
        for (value, (output, shape)) in results.values().zip(buffers) {
            output.clear();
            shape.clear();
            // An output of another type is one that no head takes.
            if let Ok((sides, values)) = value.try_extract_tensor::<f32>() {
                shape.extend(sides.iter().map(|&side| usize::try_from(side).unwrap_or(0)));
                output.extend_from_slice(values);
            }
        }
        Ok(())
    }
}

impl Session for Worker {
    fn input(&mut self) -> &mut [f32] {
        &mut self.input
    }

    fn run(&mut self) -> Result<(), String> {
        std::panic::catch_unwind(AssertUnwindSafe(|| self.try_run()))
            .unwrap_or_else(|_panic| Err("the runtime panicked".to_owned()))
            .map_err(|reason| sentence(&reason))
    }

    fn output(&self, index: usize) -> &[f32] {
        self.outputs.get(index).map_or(&[], Vec::as_slice)
    }
}
