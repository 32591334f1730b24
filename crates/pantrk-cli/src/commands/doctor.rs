//! `pantrk doctor`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use pantrk_core::segment::{LabelImage, OnnxSegmenter, PatchInput, Segmenter as _};
use pantrk_core::stain::{Deconvolver, StainPlanes, StainVectors};
use pantrk_nn::Model;
use pantrk_space::{LevelSize, RgbBuffer};

use crate::failure::{Exit, Failure};
use crate::output::{print, table};

/// Checks the machine before a long run: model, runtime, device, threads, memory, disk.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk doctor
  pantrk doctor --out results")]
pub(crate) struct Doctor {
    /// Where results will go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Memory that a run wants at least.
const LEAST_MEMORY: u64 = 1 << 30;
/// Disk that a run wants at least.
const LEAST_DISK: u64 = 1 << 30;

/// One check: what, how it went, and whether it stops a run.
struct Finding {
    name: &'static str,
    good: bool,
    text: String,
}

impl Doctor {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "all commands are run by the same words"
    )]
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let findings = [
            model(),
            device(),
            threads(),
            memory(),
            disk(&self.out),
            writable(&self.out),
        ];
        let mut rows = vec![["check", "", "found"].map(str::to_owned).to_vec()];
        rows.extend(findings.iter().map(|f| {
            vec![
                f.name.to_owned(),
                if f.good { "ok" } else { "FAILED" }.to_owned(),
                f.text.clone(),
            ]
        }));
        print(&table(&rows));
        let good = findings.iter().all(|f| f.good);
        Ok(if good { Exit::Good } else { Exit::Preflight })
    }
}

/// Loads the model on board, checks its checksum and runs it once.
fn model() -> Finding {
    let name = "model";
    let failed = |text: String| Finding {
        name,
        good: false,
        text,
    };
    let model = match Model::embedded() {
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
    let side = manifest.input.patch;
    let size = LevelSize {
        width: side,
        height: side,
    };
    let segmenter = match OnnxSegmenter::new(model) {
        Ok(segmenter) => segmenter,
        Err(error) => return failed(error.to_string()),
    };
    let rgb = RgbBuffer::filled(size, [200, 190, 215]);
    let mut stains = StainPlanes::default();
    Deconvolver::new(StainVectors::h_dab_default(), [255.0; 3]).separate(&rgb, &mut stains);
    let mut labels = LabelImage::default();
    let mut worker = segmenter.worker();
    let patch = PatchInput {
        rgb: &rgb,
        stains: &stains,
    };
    // The first run pays for warming up; the second is what a patch costs.
    for _ in 0..2 {
        let started = Instant::now();
        if let Err(error) = worker.segment(patch, &mut labels) {
            return failed(error.to_string());
        }
        let seconds = started.elapsed().as_secs_f64();
        if labels.count > u32::MAX / 2 {
            return failed(format!(
                "{about}: runs, but gives {} nuclei on an empty patch",
                labels.count
            ));
        }
        let megapixels = f64::from(side) * f64::from(side) / 1e6;
        if seconds / megapixels > 60.0 {
            return failed(format!(
                "{about}: runs, but takes {:.0} s per megapixel",
                seconds / megapixels
            ));
        }
    }
    Finding {
        name,
        good: true,
        text: format!("{about}; runs"),
    }
}

fn device() -> Finding {
    Finding {
        name: "device",
        good: true,
        text: "cpu (this build has no GPU runtime)".to_owned(),
    }
}

fn threads() -> Finding {
    let found = std::thread::available_parallelism().map_or(1, usize::from);
    Finding {
        name: "threads",
        good: true,
        text: format!("{found} (what the machine and its cgroup give)"),
    }
}

/// The cgroup's limit, else the machine's memory.
fn memory() -> Finding {
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    let machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib * 1024)
        });
    let name = "memory";
    match limit.into_iter().chain(machine).min() {
        Some(bytes) => Finding {
            name,
            good: bytes >= LEAST_MEMORY,
            text: format!("{:.1} GiB to be had; a run wants 1 GiB", gib(bytes)),
        },
        None => Finding {
            name,
            good: true,
            text: "this system does not say".to_owned(),
        },
    }
}

fn disk(out: &Path) -> Finding {
    let name = "disk";
    let existing = out
        .ancestors()
        .find(|p| p.exists() && !p.as_os_str().is_empty());
    match existing.or(Some(Path::new("."))).map(fs4::available_space) {
        Some(Ok(bytes)) => Finding {
            name,
            good: bytes >= LEAST_DISK,
            text: format!("{:.1} GiB free; a run wants 1 GiB", gib(bytes)),
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
