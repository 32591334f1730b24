//! What the programs share: helpers in C, processes that print a line of JSON, memory, medians.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::Value;

/// Says what went wrong, if anything did.
pub fn exit(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            drop(writeln!(std::io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    }
}

/// A number of the command line.
///
/// # Errors
/// What it is instead, and the usage.
pub fn number<T: std::str::FromStr>(text: &str, usage: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_error| format!("{text:?} is no number; {usage}"))
}

/// Prints one line of JSON.
pub fn print(line: &Value) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Runs a process that prints one line of JSON.
///
/// # Errors
/// If it does not start, fails, or prints something else, as a sentence.
pub fn run(command: &mut Command) -> Result<Value, String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|e| format!("{command:?}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("{command:?}: {e}"))
}

/// Builds a helper written in C into `folder`; `None`, with a word on what is missing, where that cannot be done.
pub fn build(folder: &Path, source: &str, library: &str) -> Option<PathBuf> {
    let program = folder.join(Path::new(source).file_stem()?);
    let built = Command::new("cc")
        .args(["-O2", "-o"])
        .arg(&program)
        .args([source, library, "-lpthread"])
        .status();
    if built.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    drop(writeln!(
        std::io::stderr(),
        "skipped: {source} wants a C compiler and {library} (Debian: gcc, libturbojpeg0-dev)"
    ));
    None
}

/// Of this process in MiB, where the system says so.
pub fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// CPU time of all threads of this process, where the system says so; in steps of 10 ms.
pub fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, which may hold spaces, ends with a parenthesis; user and system time are the 12th and 13th number after it.
    let (_, numbers) = stat.rsplit_once(')')?;
    let ticks = numbers.split_whitespace().skip(11).take(2);
    let sum: f64 = ticks.filter_map(|tick| tick.parse::<f64>().ok()).sum();
    Some(sum / 100.0)
}

/// The middle value; not a number where there is none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
