//! `pantrk doctor`

use std::path::{Path, PathBuf};

use clap::Args;
use pantrk_core::segment::OnnxSegmenter;
use pantrk_nn::{Device, Model, RuntimeChoice, runtimes};

use crate::failure::{Exit, Failure};
use crate::inputs::{Run, RunArgs};
use crate::machine;
use crate::output::print;
use crate::preflight::try_segmenter;

/// Checks the machine before a long run: model, runtime, device, threads, memory, disk.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk doctor
  pantrk doctor --out results --runtime ort --device cuda")]
pub(crate) struct Doctor {
    /// Where results will go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    #[command(flatten)]
    run: RunArgs,
}

/// Memory that a run wants at least.
const LEAST_MEMORY: u64 = 1 << 30;
/// Disk that a run wants at least.
const LEAST_DISK: u64 = 1 << 30;

/// One check: what, how it went, and whether it stops a run.
pub(crate) struct Finding {
    pub(crate) name: &'static str,
    pub(crate) good: bool,
    pub(crate) text: String,
}

impl Doctor {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let run = self.run.run()?;
        let findings = [
            model(run),
            runtime(),
            threads(),
            memory(),
            disk(&self.out),
            writable(&self.out),
        ];
        for f in &findings {
            let word = if f.good { "ok" } else { "FAILED" };
            print(&format!("{:<8} {word:<6}  {}", f.name, f.text));
        }
        let good = findings.iter().all(|f| f.good);
        Ok(if good { Exit::Good } else { Exit::Preflight })
    }
}

/// Loads the model on board, checks its checksum and runs it once.
fn model(run: Run) -> Finding {
    let name = "model";
    let failed = |text: String| Finding {
        name,
        good: false,
        text,
    };
    let model = match Model::embedded_in(run.runtime, run.device) {
        Ok(model) => model,
        Err(error) => return failed(error.to_string()),
    };
    let manifest = model.manifest();
    let about = format!(
        "{} {}, sha256 {}..., {}",
        manifest.name,
        manifest.version,
        manifest.sha256.get(..12).unwrap_or_default(),
        model.runtime()
    );
    let segmenter = match OnnxSegmenter::new(model) {
        Ok(segmenter) => segmenter,
        Err(error) => return failed(error.to_string()),
    };
    match try_segmenter(&segmenter) {
        Ok(pace) => Finding {
            name,
            good: true,
            text: format!("{about}; runs, {pace:.2} s per megapixel and thread"),
        },
        Err(what) => failed(format!("{about}: {what}")),
    }
}

/// What else could run models here.
fn runtime() -> Finding {
    let text = match runtimes(RuntimeChoice::Ort, Device::Cpu) {
        Ok(_) => "tract, and ONNX Runtime (--runtime ort)".to_owned(),
        Err(error) => format!("tract; {error}"),
    };
    Finding {
        name: "runtime",
        good: true,
        text,
    }
}

fn threads() -> Finding {
    let (cores, threads) = (machine::cores(), machine::threads());
    let text = if threads < cores {
        format!("{threads} of {cores} cores: the memory limit holds no more; --threads overrides")
    } else {
        format!("{threads} (what the machine and its cgroup give)")
    };
    Finding {
        name: "threads",
        good: true,
        text,
    }
}

/// The cgroup's limit and the machine's free memory: the smaller counts.
pub(crate) fn memory() -> Finding {
    let name = "memory";
    let (limit, free) = (machine::memory_limit(), machine::memory_free());
    let Some(bytes) = limit.into_iter().chain(free).min() else {
        return Finding {
            name,
            good: true,
            text: "this system does not say".to_owned(),
        };
    };
    let limit = limit.map_or_else(
        || "no cgroup limit".to_owned(),
        |bytes| format!("cgroup limit {:.1} GiB", gib(bytes)),
    );
    Finding {
        name,
        good: bytes >= LEAST_MEMORY,
        text: format!(
            "{:.1} GiB to be had, {limit}; a run wants 1 GiB",
            gib(bytes)
        ),
    }
}

/// The free space where results will go.
pub(crate) fn disk(out: &Path) -> Finding {
    let name = "disk";
    let existing = out
        .ancestors()
        .find(|p| p.exists() && !p.as_os_str().is_empty());
    match existing.or(Some(Path::new("."))).map(fs4::available_space) {
        Some(Ok(bytes)) => Finding {
            name,
            good: bytes >= LEAST_DISK,
            text: format!(
                "{:.1} GiB free{}; a run wants 1 GiB",
                gib(bytes),
                shared(out)
            ),
        },
        Some(Err(error)) => Finding {
            name,
            good: false,
            text: format!("{error}: {}", out.display()),
        },
        None => Finding {
            name,
            good: false,
            text: format!("no such place: {}", out.display()),
        },
    }
}

/// Processes on other machines may write there too.
fn shared(out: &Path) -> &'static str {
    if pantrk_store::is_network(out) {
        " on a network file system (the worklist is then made by pantrk collect alone)"
    } else {
        ""
    }
}

fn writable(out: &Path) -> Finding {
    let name = "output";
    // A folder that is not there yet is not left behind: the one that it would be made in is tried.
    let existing = out
        .ancestors()
        .find(|p| p.exists() && !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = existing.join(format!(".pantrk-doctor-{}", std::process::id()));
    let tried = std::fs::create_dir(&folder).and_then(|()| std::fs::remove_dir(&folder));
    match tried {
        Ok(()) => Finding {
            name,
            good: true,
            text: format!("writable: {}", out.display()),
        },
        Err(error) => Finding {
            name,
            good: false,
            text: format!("not writable ({error}): {}", out.display()),
        },
    }
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / (1_u64 << 30) as f64
}
