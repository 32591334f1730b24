//! Whole-slide seconds and peak memory beside the limit and the peer, one line of JSON per run.
//!
//! `whole-slide SIDE [--rounds N] [--threads 1,2] [--peer PYTHON] [--peer-every N]`
//!
//! Every run is a process of its own, so that the peak memory is that run's, and the kinds of run are interleaved.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering;
use std::time::Instant;

use pantrk_benches::tiles::TileTable;
use pantrk_benches::timed::{StageTimes, TimedReader, TimedSegmenter};
use pantrk_benches::tools;
use pantrk_core::overview::Mask;
use pantrk_core::pipeline::{ScoreInput, ScoreParameters, score_slide_from};
use pantrk_core::region::Regions;
use pantrk_nn::Model;
use pantrk_slide::Slide;
use pantrk_store::CheckpointFile;
use rayon::prelude::*;
use serde_json::{Value, json};

const USAGE: &str =
    "usage: whole-slide SIDE [--rounds N] [--threads 1,2] [--peer PYTHON] [--peer-every N]";
/// Where phantoms and helpers are kept.
const WORK: &str = "benches/work";
/// The peer and what it runs.
const PEER: &str = "benches/peer_python/peer.py";
const WEIGHTS: &str = "models/nucleus/weights.onnx";
/// Patches of the run of the model alone; its time per patch is what counts.
const MODEL_PATCHES: u64 = 60;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["--once", "pantrk", side, threads] => both(side, threads).and_then(|(s, t)| pantrk(s, t)),
        ["--once", "model", patches, threads] => {
            both(patches, threads).and_then(|(n, t)| model_alone(n.into(), t))
        }
        [side, rest @ ..] => Options::parse(side, rest).and_then(|options| options.run()),
        [] => Err(USAGE.to_owned()),
    };
    tools::exit(done)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    tools::number(text, USAGE)
}

fn both(first: &str, second: &str) -> Result<(u32, usize), String> {
    Ok((number(first)?, number(second)?))
}

/// What is run, and how often.
struct Options {
    side: u32,
    rounds: usize,
    threads: Vec<usize>,
    peer: Option<String>,
    peer_every: usize,
}

impl Options {
    fn parse(side: &str, rest: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            side: number(side)?,
            rounds: 3,
            threads: vec![1, 2],
            peer: None,
            peer_every: 1,
        };
        for pair in rest.chunks(2) {
            match pair {
                ["--rounds", value] => options.rounds = number(value)?,
                ["--threads", value] => {
                    options.threads = value.split(',').map(number).collect::<Result<_, _>>()?;
                }
                ["--peer", value] => options.peer = Some((*value).to_owned()),
                ["--peer-every", value] => options.peer_every = number(value)?,
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }

    fn run(&self) -> Result<(), String> {
        let folder = PathBuf::from(WORK);
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let started = Instant::now();
        let slide = pantrk_benches::phantom_slide(&folder, self.side)?;
        let made = started.elapsed().as_secs_f64();
        drop(writeln!(
            std::io::stderr(),
            "phantom of {} px: {made:.1} s",
            self.side
        ));
        let turbo = tools::build(&folder, "benches/turbo/decode_tiles.c", "-lturbojpeg");
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let side = self.side.to_string();
        for _ in 0..self.rounds {
            let mut patches = MODEL_PATCHES;
            for threads in &self.threads {
                let threads = threads.to_string();
                let line = run(Command::new(&program).args(["--once", "pantrk", &side, &threads]))?;
                patches = line["patches"].as_u64().unwrap_or(patches);
                if let Some(turbo) = &turbo {
                    run(Command::new(turbo)
                        .arg(slide.path())
                        .arg(plan_path(&folder, self.side))
                        .arg(&threads))?;
                }
                let patches = patches.min(MODEL_PATCHES).to_string();
                run(Command::new(&program).args(["--once", "model", &patches, &threads]))?;
            }
            if let Some(python) = &self.peer {
                run(Command::new(python)
                    .arg(PEER)
                    .arg(slide.path())
                    .args(["--model", WEIGHTS, "--every"])
                    .arg(self.peer_every.to_string()))?;
            }
        }
        Ok(())
    }
}

/// Runs a process that prints one line of JSON, and passes the line on.
fn run(command: &mut Command) -> Result<Value, String> {
    let line = tools::run(command)?;
    tools::print(&line);
    Ok(line)
}

fn plan_path(folder: &Path, side: u32) -> PathBuf {
    folder.join(format!("tiles-{side}.txt"))
}

/// Scores the phantom once.
fn pantrk(side: u32, threads: usize) -> Result<(), String> {
    let folder = PathBuf::from(WORK);
    let slide = pantrk_benches::phantom_slide(&folder, side)?;
    let segmenter = TimedSegmenter::new()?;
    let reader = TimedReader {
        reader: &slide,
        clock: pantrk_benches::timed::Clock::default(),
    };
    let parameters = ScoreParameters::default();
    let regions = Regions::default();
    let progress = StageTimes::default();
    let input = ScoreInput {
        reader: &reader,
        slide_mpp: slide.mpp().ok_or("the phantom has no pixel size")?,
        regions: &regions,
        segmenter: &segmenter,
        parameters: &parameters,
        progress: &progress,
    };
    let pool = pool(threads)?;
    // As the program does: finished patches go to the disk, not into memory.
    let under_work = tempfile::tempdir_in(&folder).map_err(|e| e.to_string())?;
    let checkpoint = CheckpointFile::open(under_work.path(), "bench").map_err(|e| e.to_string())?;
    let started = Instant::now();
    let analysis = pool
        .install(|| score_slide_from(&input, &checkpoint))
        .map_err(|e| e.to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    let stages = progress.seconds();
    let clocks = segmenter.clocks();
    let stage = |name: &str| {
        let found = stages.iter().find(|(found, _)| *found == name);
        found.map_or(0.0, |&(_, seconds)| seconds)
    };
    let (read, inference, head) = (
        reader.clock.seconds(),
        clocks.inference.seconds(),
        clocks.head.seconds(),
    );
    let cells_seconds = progress.cells.seconds();
    let busy = stage("patches") * threads as f64;
    let megapixels = analysis.quality.tissue_mm2 * 4.0;
    let cells = analysis.cells.len();
    tools::print(&json!({
        "what": "pantrk",
        "side_px": side,
        "threads": threads,
        "seconds": seconds,
        "stages": {"overview": stage("overview"), "patches": stage("patches"), "score": stage("score")},
        "thread_seconds": {
            "read_and_decode": read,
            "inference": inference,
            "head": head,
            "cells": cells_seconds,
            "halving_stains_and_blocks": busy
                - (read - stage("overview")).max(0.0) - inference - head - cells_seconds,
        },
        "patches": clocks.patches.load(Ordering::Relaxed),
        "tissue_megapixels_at_0_5_um": megapixels,
        "megapixels_per_second": megapixels / seconds,
        "cells": cells,
        "cells_per_second": cells as f64 / seconds,
        "read_mib": read_mib(),
        "peak_rss_mib": tools::peak_rss_mib().map(|mib| mib as u64),
    }));
    let plan = plan_path(&folder, side);
    if !plan.exists() {
        write_plan(&slide, &analysis.tissue, &plan)?;
    }
    Ok(())
}

/// Runs the network on as many patches and does nothing else.
fn model_alone(patches: u64, threads: usize) -> Result<(), String> {
    let model = Model::embedded().map_err(|e| e.to_string())?;
    let values = model.manifest().input.values() as u32;
    let input: Vec<f32> = (0..values)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0)
        .collect();
    let pool = pool(threads)?;
    let run = |count: u64| {
        pool.install(|| {
            (0..count)
                .into_par_iter()
                .map_init(|| model.worker(), |worker, _| worker.run(&input))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| e.to_string())
        })
    };
    run(threads as u64)?;
    let started = Instant::now();
    run(patches)?;
    let seconds = started.elapsed().as_secs_f64();
    tools::print(&json!({
        "what": "model alone",
        "threads": threads,
        "patches": patches,
        "seconds": seconds,
        "seconds_per_patch": seconds / patches as f64,
        "patch_px": model.manifest().input.patch,
        "runtime": model.runtime(),
    }));
    Ok(())
}

fn pool(threads: usize) -> Result<rayon::ThreadPool, String> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| e.to_string())
}

/// Where the level-0 tiles with tissue lie in the file, for the program that only decodes.
fn write_plan(slide: &Slide, tissue: &Mask, path: &Path) -> Result<(), String> {
    let table = TileTable::of(slide)?;
    let size = slide.levels().first().ok_or("no level")?.size;
    // Overview pixels that a tile covers.
    let span = |tile: u32, level: u32, map: u32| {
        let scale = f64::from(map) / f64::from(level);
        let from = (f64::from(tile * table.side) * scale).floor() as u32;
        let to = (f64::from((tile + 1) * table.side) * scale).ceil() as u32;
        from..to.min(map)
    };
    let holds = |&(column, row): &(u32, u32)| {
        span(row, size.height, tissue.height())
            .any(|y| span(column, size.width, tissue.width()).any(|x| tissue.get(x, y)))
    };
    let tiles: Vec<(u32, u32)> = (0..table.rows)
        .flat_map(|row| (0..table.columns).map(move |column| (column, row)))
        .filter(holds)
        .collect();
    table.write_plan(&tiles, path)
}

/// What this process has read, from disk or the system's cache.
fn read_mib() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    let line = io.lines().find_map(|l| l.strip_prefix("rchar:"))?;
    Some(line.trim().parse::<u64>().ok()? >> 20)
}
