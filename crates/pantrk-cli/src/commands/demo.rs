//! `pantrk demo`

use std::path::PathBuf;

use clap::Args;
use pantrk_core::score::{Compartment, Extent, IhcResult, ScoringTable, Texture};
use pantrk_eval::truth::{CompartmentFigures, PatternTruth, SlideTruth, truth_table};
use pantrk_phantom::{Level, Preset, SlideContainer, StainExtent};
use pantrk_report::{ReportOptions, TruthRow};
use pantrk_triage::{IhcFinding, decide};

use super::phantom::make_slide;
use super::score::{held, score_table};
use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::{self, ScoreOptions};
use crate::output::print;
use crate::progress::{Log, Reporter};
use crate::scoring::{Engine, HEARTBEAT, Job, Scored, run};

/// Makes a phantom pan-TRK slide with known truth, scores it, writes result and report, and prints the score beside the truth.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk demo
  pantrk demo --preset negative --out negative-demo")]
pub(crate) struct Demo {
    /// Where the slide and its results go
    #[arg(long, value_name = "DIR", default_value = "pantrk-demo")]
    out: PathBuf,
    /// Which phantom
    #[arg(long, default_value = "demo", value_parser = super::phantom::parse_preset)]
    preset: Preset,
    /// Everything random in the phantom follows from it
    #[arg(long)]
    seed: Option<u64>,
    /// What finds nuclei: `nucleus` (on board), `watershed`, or a folder with model.toml
    #[arg(long, default_value = "nucleus", value_name = "NAME|DIR")]
    model: String,
    /// Threads; all by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// How progress is told on stderr
    #[arg(long, value_enum, default_value = "auto")]
    log: Log,
}

/// The case that the demo's phantom is given.
const TUMOUR_TYPE: &str = "thyroid carcinoma";
const CLONE: &str = "EPR17341";

impl Demo {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let name = self.preset.name();
        let mut spec = self.preset.spec();
        spec.seed = self.seed.unwrap_or(spec.seed);
        let slide = self.out.join(format!("{name}.svs"));
        let pool = inputs::thread_pool(self.threads)?;
        let phantom =
            pool.install(|| make_slide(&spec, &slide, SlideContainer::AperioSvs, self.log))?;
        let options = ScoreOptions {
            mpp: None,
            tumour_type: Some(TUMOUR_TYPE.to_owned()),
            clone: Some(CLONE.to_owned()),
            region_classifier: None,
            regions: Some(slide.with_extension("regions.geojson")),
            profile: pantrk_core::score::profiles::PROFILES[0].name.to_owned(),
            thresholds: None,
            expansion: None,
            stains: "default".to_owned(),
            model: self.model.clone(),
            device: "cpu".to_owned(),
            runtime: "tract".to_owned(),
            threads: self.threads,
            case: None,
            skip_heatmaps: false,
            heatmaps: false,
            geojson: false,
            assume_h_dab: false,
            overwrite: true,
            log: self.log,
            at_desk: None,
        };
        let truth = truth_of(&phantom)?;
        let engine = Engine::load(&options)?;
        let job = Job {
            engine: &engine,
            slide_path: &slide,
            slide_id: name.to_owned(),
            out: &self.out,
            options: &options,
            note: Some("A digital phantom made by this program, so the truth is known.".to_owned()),
            report: &|result| ReportOptions {
                truth: truth
                    .compare(result)
                    .into_iter()
                    .map(as_report_row)
                    .collect(),
                ..ReportOptions::default()
            },
            columns: &[],
            heartbeat: HEARTBEAT,
            begun: &|| {},
        };
        let scored = run(&job, &Reporter::new(self.log, name))?;
        let (result, folder) = match &scored {
            Scored::New(result, folder) | Scored::AlreadyDone(result, folder) => (result, folder),
            Scored::Held(holder) => return Err(held(name, holder.as_ref())),
        };
        print(&score_table(result));
        let rows = truth.compare(result);
        print(&format!(
            "\nThe score beside the truth of the phantom:\n{}",
            truth_table(&rows)
        ));
        print(&format!(
            "\nslide   {}\nreport  {}",
            slide.display(),
            folder.join("report.html").display()
        ));
        if let Some(total) = result.run.seconds.get("total") {
            print(&format!(
                "scored in {total:.1} s on {} threads",
                pool.current_num_threads()
            ));
        }
        let within = rows.iter().all(|row| row.within);
        Ok(if within { Exit::Good } else { Exit::SomeFailed })
    }
}

/// What the phantom knows of itself, as the evaluation speaks it; the action is what the triage says on the true facts.
fn truth_of(phantom: &pantrk_phantom::SlideTruth) -> Result<SlideTruth, Failure> {
    let score = &phantom.score;
    let named = [
        ("any", &score.any),
        ("nucleus", &score.nucleus),
        ("nuclear_rim", &score.nuclear_rim),
        ("cytoplasm", &score.cytoplasm),
        ("membrane", &score.membrane),
    ];
    let positive = score.any.positive_percent >= ScoringTable::embedded().any_cutoff_percent();
    let ihc = if positive {
        IhcResult::Positive
    } else {
        IhcResult::Negative
    };
    let pattern = pattern_of(phantom, positive);
    let case = inputs::case(None, Some(TUMOUR_TYPE), Some(CLONE))?;
    let mut finding = IhcFinding::new(ihc);
    finding.extent = pattern.extent;
    finding.percent = Some(score.any.positive_percent);
    finding.tumour_cells = Some(score.tumour_cells);
    let triage = decide(&case, &finding).or_exit(Exit::Usage)?;
    Ok(SlideTruth {
        tumour_cells: Some(score.tumour_cells),
        compartments: named
            .map(|(name, c)| {
                let figures = CompartmentFigures {
                    positive_percent: c.positive_percent,
                    h_score: Some(c.h_score),
                };
                (name.to_owned(), figures)
            })
            .into(),
        pattern,
        ihc: Some(ihc),
        action: Some(triage.action),
        ..SlideTruth::empty()
    })
}

fn pattern_of(phantom: &pantrk_phantom::SlideTruth, positive: bool) -> PatternTruth {
    if !positive {
        return PatternTruth {
            compartments: Some(Vec::new()),
            extent: Some(Extent::None),
            texture: None,
        };
    }
    let spec = &phantom.spec;
    let levels = [
        spec.pattern.nucleus,
        spec.pattern.nuclear_rim,
        spec.pattern.cytoplasm,
        spec.pattern.membrane,
    ];
    let stained = Compartment::ALL
        .into_iter()
        .zip(levels)
        .filter(|(_, level)| *level != Level::Off);
    let strong = phantom.score.any.percent_2 + phantom.score.any.percent_3;
    let extent = match spec.extent {
        // "Diffuse" asks for moderate to strong stain in half of the tumour.
        _ if strong >= ScoringTable::embedded().diffuse_percent() => Some(Extent::Diffuse),
        StainExtent::Focal => Some(Extent::Focal),
        StainExtent::Scattered => Some(Extent::Scattered),
        StainExtent::Diffuse => None,
    };
    PatternTruth {
        compartments: Some(stained.map(|(compartment, _)| compartment).collect()),
        extent,
        texture: Some(if spec.pattern.granular {
            Texture::Granular
        } else {
            Texture::Smooth
        }),
    }
}

fn as_report_row(row: pantrk_eval::truth::TruthRow) -> TruthRow {
    TruthRow {
        figure: row.figure,
        measured: row.measured,
        truth: row.truth,
        difference: row.difference,
        bar: row.bar,
        within: row.within,
    }
}
