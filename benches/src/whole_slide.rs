//! Whole-slide seconds and peak memory, one line of JSON per run: `whole-slide SIDE [THREADS ...]`.
//!
//! Each thread count is a process of its own, so that the peak memory is that run's; thread counts are interleaved.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use pantrk_core::pipeline::{ScoreInput, ScoreParameters, Silent, score_slide};
use pantrk_core::region::Regions;

/// Runs of each thread count; the median is what counts.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, rest)) if first == "--once" => once(rest),
        Some((side, threads)) => interleaved(side, threads),
        None => Err("usage: whole-slide SIDE [THREADS ...]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            drop(writeln!(std::io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    }
}

fn interleaved(side: &str, threads: &[String]) -> Result<(), String> {
    let side_px: u32 = side.parse().map_err(|e| format!("{side}: {e}"))?;
    let folder = PathBuf::from("benches/work");
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let started = Instant::now();
    pantrk_benches::phantom_slide(&folder, side_px)?;
    drop(writeln!(
        std::io::stderr(),
        "phantom of {side} px: {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let default = ["1".to_owned(), "2".to_owned()];
    let threads = if threads.is_empty() {
        &default
    } else {
        threads
    };
    for _ in 0..ROUNDS {
        for count in threads {
            let status = Command::new(&program)
                .args(["--once", side, count])
                .status()
                .map_err(|e| e.to_string())?;
            if !status.success() {
                return Err(format!("the run on {count} threads failed"));
            }
        }
    }
    Ok(())
}

fn once(arguments: &[String]) -> Result<(), String> {
    let [side, threads] = arguments else {
        return Err("--once takes a side and a thread count".to_owned());
    };
    let side: u32 = side.parse().map_err(|e| format!("{e}"))?;
    let threads: usize = threads.parse().map_err(|e| format!("{e}"))?;
    let slide = pantrk_benches::phantom_slide(&PathBuf::from("benches/work"), side)?;
    let segmenter = pantrk_benches::network()?;
    let parameters = ScoreParameters::default();
    let regions = Regions::default();
    let input = ScoreInput {
        reader: &slide,
        slide_mpp: slide.mpp().ok_or("the phantom has no pixel size")?,
        regions: &regions,
        segmenter: &segmenter,
        parameters: &parameters,
        progress: &Silent,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| e.to_string())?;
    let started = Instant::now();
    let analysis = pool
        .install(|| score_slide(&input))
        .map_err(|e| e.to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    let line = serde_json::json!({
        "side_px": side,
        "threads": threads,
        "seconds": seconds,
        "tissue_mm2": analysis.quality.tissue_mm2,
        "tissue_megapixels_at_0_5_um": analysis.quality.tissue_mm2 * 4.0,
        "cells": analysis.cells.len(),
        "peak_rss_mib": peak_rss_mib(),
    });
    drop(writeln!(std::io::stdout(), "{line}"));
    Ok(())
}

/// Of this process, where the system says so.
fn peak_rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}
