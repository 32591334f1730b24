//! How fast the viewer is, one line of JSON per part: `viewer SLIDE RESULT.json`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use pantrk_store::SlideResult;
use pantrk_viewer::measure::{Measured, measure};
use serde_json::{Value, json};

/// Cells of the full slide.
const CELLS: usize = 1_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [slide, result] => run(Path::new(slide), Path::new(result)),
        _ => Err("usage: viewer SLIDE RESULT.json".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            drop(writeln!(std::io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    }
}

fn run(slide: &Path, result: &Path) -> Result<(), String> {
    let result = SlideResult::read(result).map_err(|e| e.to_string())?;
    let opened = measure(slide, None, 0, 2).map_err(|e| e.to_string())?;
    for (name, measured) in ["cold", "warm"].iter().zip(&opened) {
        say(&json!({
            "part": format!("open, {name}"),
            "first_picture_ms": measured.first_picture_ms,
            "sharp_ms": measured.sharp_ms,
        }));
    }
    if let Some(last) = opened.last() {
        say(&frames("frames, no cells", last));
    }
    let full = measure(slide, Some(&result), CELLS, 1).map_err(|e| e.to_string())?;
    if let Some(last) = full.last() {
        say(&frames("frames, a million cells", last));
        say(&json!({
            "part": "grading a million cells anew, with the action",
            "p50_ms": percentile(&last.regrade_ms, 0.5),
            "p95_ms": percentile(&last.regrade_ms, 0.95),
        }));
        say(&json!({
            "part": "frames at 20x, a million cells, those in view outlined",
            "frames": last.near_ms.len(),
            "with_tessellation_p50_ms": percentile(&last.near_ms, 0.5),
            "with_tessellation_p95_ms": percentile(&last.near_ms, 0.95),
        }));
    }
    say(&json!({ "part": "memory", "peak_rss_mib": peak_rss_mib() }));
    Ok(())
}

fn frames(part: &str, measured: &Measured) -> Value {
    let both: Vec<f64> = measured
        .update_ms
        .iter()
        .zip(&measured.tessellate_ms)
        .map(|(a, b)| a + b)
        .collect();
    json!({
        "part": part,
        "frames": measured.update_ms.len(),
        "update_p50_ms": percentile(&measured.update_ms, 0.5),
        "update_p95_ms": percentile(&measured.update_ms, 0.95),
        "with_tessellation_p50_ms": percentile(&both, 0.5),
        "with_tessellation_p95_ms": percentile(&both, 0.95),
    })
}

fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = ((sorted.len() as f64 - 1.0) * share).round().max(0.0) as usize;
    sorted.get(place).map(|v| (v * 100.0).round() / 100.0)
}

/// The most memory that this process held, where the system says so.
fn peak_rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

fn say(value: &Value) {
    drop(writeln!(std::io::stdout(), "{value}"));
}
