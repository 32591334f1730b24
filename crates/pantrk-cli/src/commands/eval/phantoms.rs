//! `pantrk eval phantoms`

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use pantrk_core::pipeline::SlideAnalysis;
use pantrk_phantom::{CellKind, ScoreTruth, SlideContainer, SlideTruth};
use pantrk_report::ReportOptions;
use pantrk_space::SlidePoint;
use pantrk_store::{Region, SlideResult};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::super::phantom::make_slide;
use super::baseline::{self, Change, Compared};
use super::phantoms_report::report;
use super::suites::{Plan, SUITES, Sample, Suite, SuiteFigure};
use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::{self, ScoreOptions};
use crate::output::say;
use crate::progress::{Log, Reporter};
use crate::scoring::{self, Engine, HEARTBEAT, Job};
use crate::stop;

/// Regions that a pathologist would have drawn on a phantom; the others must be found.
const GIVEN: [&str; 3] = ["Tumor", "Nerve", "Muscle"];

/// Makes phantom slides whose truth is known, scores them, and holds the figures against their bars.
///
/// Ends with 1 if a figure misses its bar; with --baseline instead if a figure is worse than there by more than its noise.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  pantrk eval phantoms --quick
  pantrk eval phantoms --suite vectors --suite negatives --slides 40 --out turned
  pantrk eval phantoms --quick --baseline tests/eval/baseline.csv
  pantrk eval phantoms --quick --write-baseline tests/eval/baseline.csv")]
pub(crate) struct Phantoms {
    /// The suite to run; may be given again; all by default
    #[arg(long, value_name = "NAME", value_parser = parse_suite)]
    suite: Vec<&'static str>,
    /// Slides of each suite, in place of its own number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    slides: Option<u32>,
    /// Columns and rows of each slide, in place of the suite's own
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(512..=60_000))]
    side: Option<u32>,
    /// Few slides of each suite: about a minute
    #[arg(long, conflicts_with = "slides")]
    quick: bool,
    /// Everything random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = "eval-phantoms")]
    out: PathBuf,
    /// Hold the figures against this file
    #[arg(long, value_name = "FILE.csv")]
    baseline: Option<PathBuf>,
    /// Write such a file; the noise of each figure is measured over --repeats seeds
    #[arg(long, value_name = "FILE.csv", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
    /// Seeds behind the noise of a new baseline
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(2..=100))]
    repeats: u32,
    /// What finds nuclei: `nucleus` (on board), `watershed`, or a folder with model.toml
    #[arg(long, default_value = "nucleus", value_name = "NAME|DIR")]
    model: String,
    /// Stain vectors, as `score` takes them, in place of each suite's own
    #[arg(long, value_name = "default|estimate|FILE")]
    stains: Option<String>,
    /// Threads; all by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Keep the slides in DIR/slides
    #[arg(long)]
    keep_slides: bool,
}

fn parse_suite(text: &str) -> Result<&'static str, String> {
    let names = SUITES.iter().map(|suite| suite.name);
    names.clone().find(|name| *name == text).ok_or_else(|| {
        let names: Vec<_> = names.collect();
        format!("known suites are {}", names.join(", "))
    })
}

/// A phantom that was scored, beside its truth.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) suite: &'static str,
    pub(super) sample: Sample,
    pub(super) truth: ScoreTruth,
    /// Mean DAB OD of tumour cells clear of artefacts, in the order of `Compartment::ALL`; `None` without such pixels.
    pub(super) truth_od: [Option<f64>; 4],
    pub(super) result: SlideResult,
    pub(super) area: AreaFacts,
}

/// Areas in pixels of the overview.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AreaFacts {
    /// Under an artefact, on tissue.
    pub(super) artefact: f64,
    /// Of that, left out.
    pub(super) artefact_found: f64,
    /// True tumour clear of artefacts.
    pub(super) clear: f64,
    /// Of that, left out.
    pub(super) clear_lost: f64,
}

/// All that one run of the suites gives.
pub(super) struct Run {
    pub(super) slides: Vec<Measured>,
    pub(super) figures: Vec<(&'static str, SuiteFigure)>,
}

impl Phantoms {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        // Asked for before the work: a file that cannot be read should not cost a minute.
        let before = self.baseline.as_deref().map(baseline::read).transpose()?;
        let engine = Engine::load(&self.options(SUITES[0].stains, None))?;
        stop::heed();
        let measure = |seed| engine.pool.install(|| self.measure(&engine, seed));
        let run = measure(self.seed)?;
        let compared = before.map(|rows| baseline::compare(&rows, &run.figures));
        if let Some(path) = &self.write_baseline {
            let mut runs = vec![run.figures.clone()];
            for i in 1..u64::from(self.repeats) {
                let seed = self.seed.wrapping_add(i);
                say(&format!("seed {seed}, for the noise"));
                runs.push(measure(seed)?.figures);
            }
            baseline::write(path, &baseline::from_seeds(&runs))?;
        }
        let page = report(&run, compared.as_deref(), &self.facts());
        super::finish(&page, &self.out)?;
        Ok(verdict(&run, compared.as_deref()))
    }

    pub(super) fn suites(&self) -> impl Iterator<Item = &'static Suite> + '_ {
        SUITES
            .iter()
            .filter(|suite| self.suite.is_empty() || self.suite.contains(&suite.name))
    }

    fn facts(&self) -> Vec<(String, String)> {
        let suites: Vec<_> = self.suites().map(|suite| suite.name).collect();
        [
            ("suites", suites.join(", ")),
            ("seed", self.seed.to_string()),
            ("model", self.model.clone()),
            (
                "stains",
                self.stains
                    .clone()
                    .unwrap_or_else(|| "each suite's own".to_owned()),
            ),
            ("pantrk", env!("CARGO_PKG_VERSION").to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Makes and scores the slides of all suites, several at a time.
    fn measure(&self, engine: &Engine, seed: u64) -> Result<Run, Failure> {
        let folder = self.out.join("slides");
        std::fs::create_dir_all(&folder).map_err(|e| {
            Failure::usage(format!(
                "cannot make the folder ({e}): {}",
                folder.display()
            ))
        })?;
        let samples: Vec<(&'static Suite, Sample)> = self
            .suites()
            .flat_map(|suite| {
                let plan = Plan {
                    slides: self.slides.unwrap_or(if self.quick {
                        suite.quick
                    } else {
                        suite.slides
                    }),
                    side_px: self.side.unwrap_or(suite.side_px),
                    seed,
                };
                (suite.make)(&plan)
                    .into_iter()
                    .map(move |sample| (suite, sample))
            })
            .collect();
        let (done, total) = (AtomicUsize::new(0), samples.len());
        let slides = samples
            .into_par_iter()
            .enumerate()
            .map(|(n, (suite, sample))| {
                if stop::asked() {
                    return Err(Failure::new(
                        Exit::Interrupted,
                        anyhow::anyhow!("stopped by a signal"),
                    ));
                }
                let stem = folder.join(format!("{}-{n:04}", suite.name));
                let measured = self.measure_one(engine, suite, sample, &stem);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if done.is_multiple_of(10) && done < total {
                    say(&format!("{done} of {total} slides"));
                }
                measured
            })
            .collect::<Result<Vec<_>, _>>();
        if !self.keep_slides {
            // What was made here is told from what was not by its name alone; an empty folder goes.
            drop(std::fs::remove_dir(&folder));
        }
        let slides = slides?;
        let mut figures = Vec::new();
        for suite in self.suites() {
            let own: Vec<&Measured> = slides.iter().filter(|s| s.suite == suite.name).collect();
            figures.extend((suite.figures)(&own).into_iter().map(|f| (suite.name, f)));
        }
        Ok(Run { slides, figures })
    }

    fn measure_one(
        &self,
        engine: &Engine,
        suite: &'static Suite,
        sample: Sample,
        stem: &Path,
    ) -> Result<Measured, Failure> {
        let slide = stem.with_extension("svs");
        let truth = make_slide(&sample.spec, &slide, SlideContainer::AperioSvs, Log::Quiet)?;
        let regions = stem.with_extension("given.geojson");
        std::fs::write(&regions, given(&truth.regions).to_string()).map_err(|e| {
            Failure::usage(format!(
                "cannot write the regions ({e}): {}",
                regions.display()
            ))
        })?;
        let options = self.options(suite.stains, Some(&regions));
        let job = Job {
            engine,
            columns: &[],
            heartbeat: HEARTBEAT,
            begun: &|| {},
            slide_path: &slide,
            slide_id: pantrk_store::slide_id_from_path(&slide),
            out: stem,
            options: &options,
            note: None,
            report: &|_| ReportOptions::default(),
        };
        let (result, analysis) = scoring::measure(&job, &Reporter::new(Log::Quiet, &job.slide_id))?;
        let area = area_facts(&truth, &analysis, &slide)?;
        if !self.keep_slides {
            for ending in [
                "svs",
                "given.geojson",
                "truth.json",
                "truth.cells.csv",
                "regions.geojson",
            ] {
                drop(std::fs::remove_file(stem.with_extension(ending)));
            }
        }
        Ok(Measured {
            suite: suite.name,
            truth_od: truth_od(&truth),
            truth: truth.score,
            sample,
            result,
            area,
        })
    }

    fn options(&self, stains: &str, regions: Option<&Path>) -> ScoreOptions {
        ScoreOptions {
            regions: regions.map(Path::to_owned),
            stains: self.stains.clone().unwrap_or_else(|| stains.to_owned()),
            threads: self.threads,
            ..ScoreOptions::quiet(&self.model)
        }
    }
}

/// How the command ends.
fn verdict(run: &Run, compared: Option<&[Compared]>) -> Exit {
    let good = match compared {
        Some(compared) => compared.iter().all(|c| c.change != Change::Worse),
        None => run
            .figures
            .iter()
            .all(|(_, f)| f.value.and_then(|v| f.aim.is_met(v)) != Some(false)),
    };
    if good { Exit::Good } else { Exit::SomeFailed }
}

/// The regions that scoring is given.
fn given(regions: &Value) -> Value {
    let features = regions["features"].as_array().cloned().unwrap_or_default();
    let kept: Vec<Value> = features
        .into_iter()
        .filter(|f| {
            let class = f["properties"]["classification"]["name"].as_str();
            class.is_some_and(|class| GIVEN.contains(&class))
        })
        .collect();
    json!({ "type": "FeatureCollection", "features": kept })
}

fn truth_od(truth: &SlideTruth) -> [Option<f64>; 4] {
    let counted: Vec<_> = truth
        .cells
        .iter()
        .filter(|c| c.kind == CellKind::Tumour && c.clear_of_artefacts)
        .collect();
    std::array::from_fn(|k| {
        let values = counted.iter().map(|c| f64::from(c.dab_od[k]));
        let (sum, n) = values
            .filter(|v| v.is_finite())
            .fold((0.0, 0_u64), |(sum, n), v| (sum + v, n + 1));
        (n > 0).then(|| sum / n as f64)
    })
}

/// What was left out, by the phantom's own regions: of artefacts wherever they lie on tissue, of clear tissue where it counts.
fn area_facts(
    truth: &SlideTruth,
    analysis: &SlideAnalysis,
    slide: &Path,
) -> Result<AreaFacts, Failure> {
    let opened = inputs::open_slide(slide)?;
    let size = pantrk_space::RegionReader::size(&opened);
    let drawn =
        pantrk_store::parse_regions(&truth.regions.to_string(), size).or_exit(Exit::SomeFailed)?;
    let of = |wanted: &dyn Fn(&Region) -> bool| {
        let some: Vec<Region> = drawn.iter().filter(|r| wanted(r)).cloned().collect();
        pantrk_store::scoring_regions(&some)
    };
    let tumour = of(&|r| r.class == GIVEN[0]);
    let artefacts = of(&|r| !GIVEN.contains(&r.class.as_str()));
    let usable = &analysis.quality_maps.usable;
    let (sx, sy) = analysis.grid.slide_scale();
    let mut area = AreaFacts::default();
    for y in 0..usable.height() {
        for x in 0..usable.width() {
            let inside = |regions: &pantrk_core::region::Regions, dx: f64, dy: f64| {
                let point = SlidePoint {
                    x: (f64::from(x) + 0.5 + dx) * sx,
                    y: (f64::from(y) + 0.5 + dy) * sy,
                };
                regions.iter().any(|r| r.contains(point))
            };
            let left_out = f64::from(u8::from(!usable.get(x, y)));
            if inside(&artefacts, 0.0, 0.0) {
                if analysis.tissue.get(x, y) {
                    area.artefact += 1.0;
                    area.artefact_found += left_out;
                }
            } else if inside(&tumour, 0.0, 0.0)
                && ![(1.5, 0.0), (-1.5, 0.0), (0.0, 1.5), (0.0, -1.5)]
                    .iter()
                    .any(|&(dx, dy)| inside(&artefacts, dx, dy))
            {
                // Pixels beside an artefact's edge hold some of it: neither found nor lost.
                area.clear += 1.0;
                area.clear_lost += left_out;
            }
        }
    }
    Ok(area)
}
