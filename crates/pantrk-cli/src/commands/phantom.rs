//! `pantrk phantom slide|fields|cohort`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use pantrk_phantom::{
    ArtefactKind, Preset, SlideContainer, SlideSpec, SlideTruth, write_slide, write_training_fields,
};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::output::print;
use crate::progress::{Log, Reporter};

/// Makes phantom slides, fields and cohorts with exact truth.
///
/// A slide comes with <stem>.truth.json, <stem>.truth.cells.csv and <stem>.regions.geojson; the same seed gives the same bytes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk phantom slide --preset negative --haze 0.08 --out negative.svs
  pantrk phantom slide --width 60000 --height 60000 --seed 7 --out large.tif
  pantrk phantom fields --count 400 --size 320 --mpp 0.5 --out fields
  pantrk phantom cohort --count 12 --out cohort")]
pub(crate) struct Phantom {
    #[command(subcommand)]
    command: PhantomCommand,
}

#[derive(Debug, Subcommand)]
enum PhantomCommand {
    /// One whole slide
    #[command(after_help = "Examples:
  pantrk phantom slide --preset negative --haze 0.08 --out negative.svs
  pantrk phantom slide --artefact pen --artefact fold --seed 7 --out marked.tif")]
    Slide {
        /// A named slide to start from
        #[arg(long, default_value = "demo", value_parser = parse_preset)]
        preset: Preset,
        /// A JSON file with any of the slide's values, in place of a preset
        #[arg(long, value_name = "FILE.json", conflicts_with = "preset")]
        spec: Option<PathBuf>,
        #[command(flatten)]
        changes: Changes,
        /// The slide to write: .svs or .tif
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The file format, if not by the name's ending
        #[arg(long, value_enum)]
        container: Option<Container>,
    },
    /// Small pictures with label images, of all patterns and artefacts, for training
    #[command(after_help = "Examples:
  pantrk phantom fields --count 400 --out fields
  pantrk phantom fields --count 20 --size 512 --mpp 0.25 --seed 3 --out fine")]
    Fields {
        /// How many
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        count: u32,
        /// Pixels a side
        #[arg(long, default_value_t = 320, value_parser = clap::value_parser!(u32).range(32..=4096))]
        size: u32,
        /// Micrometres per pixel
        #[arg(long, default_value = "0.5", value_parser = crate::inputs::parse_mpp)]
        mpp: pantrk_space::MicronsPerPixel,
        /// Everything random follows from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The folder to write into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Slides of all presets in turn, with a manifest
    #[command(after_help = "Examples:
  pantrk phantom cohort --count 12 --out cohort
  pantrk phantom cohort --count 40 --width 6000 --height 5000 --out small")]
    Cohort {
        /// How many slides
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
        #[command(flatten)]
        changes: Changes,
        /// The folder to write into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Container {
    /// As Aperio scanners write it
    Svs,
    /// A plain pyramidal BigTIFF
    Bigtiff,
}

/// What may be changed of a preset.
#[derive(Debug, Clone, Args)]
struct Changes {
    /// Columns of level 0
    #[arg(long)]
    width: Option<u32>,
    /// Rows of level 0
    #[arg(long)]
    height: Option<u32>,
    /// Everything random follows from it
    #[arg(long)]
    seed: Option<u64>,
    /// Share of tumour cells that stain, 0 to 1
    #[arg(long, value_name = "SHARE")]
    positive_fraction: Option<f64>,
    /// DAB optical density on all tissue
    #[arg(long, value_name = "OD")]
    haze: Option<f64>,
    /// Share of the slide that tissue covers, 0 to 1
    #[arg(long, value_name = "SHARE")]
    tissue_fraction: Option<f64>,
    /// An artefact to lay on the slide: fold, pen, pigment, blur or bubble; may be given again
    #[arg(long = "artefact", value_name = "KIND", value_parser = parse_artefact)]
    artefacts: Vec<ArtefactKind>,
}

impl Changes {
    fn apply(&self, spec: &mut SlideSpec) {
        spec.width = self.width.unwrap_or(spec.width);
        spec.height = self.height.unwrap_or(spec.height);
        spec.seed = self.seed.unwrap_or(spec.seed);
        spec.positive_fraction = self.positive_fraction.unwrap_or(spec.positive_fraction);
        spec.haze = self.haze.unwrap_or(spec.haze);
        spec.tissue_fraction = self.tissue_fraction.unwrap_or(spec.tissue_fraction);
        spec.artefacts.extend(&self.artefacts);
    }
}

pub(super) fn parse_preset(text: &str) -> Result<Preset, String> {
    Preset::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Preset::TABLE.iter().map(|(name, _)| *name).collect();
        format!("known presets are {}", names.join(", "))
    })
}

fn parse_artefact(text: &str) -> Result<ArtefactKind, String> {
    let kinds = ArtefactKind::ALL;
    let found = kinds
        .into_iter()
        .find(|k| k.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let names = kinds.map(|k| k.name().to_lowercase());
        format!("known artefacts are {}", names.join(", "))
    })
}

impl Phantom {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            PhantomCommand::Slide {
                preset,
                spec,
                changes,
                out,
                container,
            } => {
                let mut spec = match spec {
                    Some(path) => read_spec(path)?,
                    None => preset.spec(),
                };
                changes.apply(&mut spec);
                let container = match (container, out.extension().and_then(|e| e.to_str())) {
                    (Some(Container::Svs), _) | (None, Some("svs")) => SlideContainer::AperioSvs,
                    (Some(Container::Bigtiff), _) | (None, Some("tif" | "tiff")) => {
                        SlideContainer::BigTiff
                    }
                    (None, _) => {
                        return Err(Failure::usage(format!(
                            "a phantom slide ends in .svs or .tif, or --container says which it is: {}",
                            out.display()
                        )));
                    }
                };
                let truth = make_slide(&spec, out, container, Log::Auto)?;
                print(&format!(
                    "{} tumour cells, {:.1} % positive: {}",
                    truth.score.tumour_cells,
                    truth.score.any.positive_percent,
                    out.display()
                ));
            }
            PhantomCommand::Fields {
                count,
                size,
                mpp,
                seed,
                out,
            } => {
                write_training_fields(out, *count, *seed, *size, mpp.get()).or_exit(Exit::Usage)?;
                print(&format!("{count} fields of {size} px: {}", out.display()));
            }
            PhantomCommand::Cohort {
                count,
                changes,
                out,
            } => cohort(*count, changes, out)?,
        }
        Ok(Exit::Good)
    }
}

fn read_spec(path: &Path) -> Result<SlideSpec, Failure> {
    let failed = |what: String| {
        Failure::usage(format!(
            "cannot use the phantom's specification ({what}): {}",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| failed(e.to_string()))
}

/// Makes one slide and its truth files.
pub(super) fn make_slide(
    spec: &SlideSpec,
    out: &Path,
    container: SlideContainer,
    log: Log,
) -> Result<SlideTruth, Failure> {
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder).map_err(|e| {
            Failure::usage(format!(
                "cannot make the folder ({e}): {}",
                folder.display()
            ))
        })?;
    }
    let name = out
        .file_stem()
        .map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let reporter = Reporter::new(log, &name);
    let begun = std::sync::Once::new();
    let tell = |done: u64, total: u64| {
        begun.call_once(|| reporter.stage("phantom", total));
        reporter.at(done);
    };
    // Written beside and renamed: a slide cut short by a signal must not pass for a whole one.
    let mut beside = out.as_os_str().to_owned();
    beside.push(".partial");
    let beside = PathBuf::from(beside);
    let truth = write_slide(spec, &beside, container, &tell)
        .or_exit(Exit::Usage)
        .inspect_err(|_| drop(std::fs::remove_file(&beside)))?;
    std::fs::rename(&beside, out).map_err(|e| {
        drop(std::fs::remove_file(&beside));
        Failure::usage(format!("cannot write the slide ({e}): {}", out.display()))
    })?;
    truth
        .write(&out.with_extension(""))
        .or_exit(Exit::SomeFailed)?;
    reporter.finish();
    Ok(truth)
}

fn cohort(count: u32, changes: &Changes, out: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(out)
        .map_err(|e| Failure::usage(format!("cannot make the folder ({e}): {}", out.display())))?;
    let path = out.join("manifest.csv");
    let failed =
        |e: csv::Error| anyhow::anyhow!("cannot write the manifest ({e}): {}", path.display());
    let mut manifest = csv::Writer::from_path(&path)
        .map_err(failed)
        .or_exit(Exit::SomeFailed)?;
    let head = [
        "slide_path",
        "slide_id",
        "regions",
        "preset",
        "positive_percent",
    ];
    manifest
        .write_record(head)
        .map_err(failed)
        .or_exit(Exit::SomeFailed)?;
    for (n, (name, preset)) in (0..count).zip(Preset::TABLE.iter().cycle()) {
        let mut spec = preset.spec();
        changes.apply(&mut spec);
        spec.seed = spec.seed.wrapping_add(u64::from(n));
        let id = format!("{n:04}-{name}");
        let slide = out.join(format!("{id}.svs"));
        let truth = make_slide(&spec, &slide, SlideContainer::AperioSvs, Log::Auto)?;
        let positive = format!("{:.2}", truth.score.any.positive_percent);
        let row = [
            format!("{id}.svs"),
            id.clone(),
            format!("{id}.regions.geojson"),
            (*name).to_owned(),
            positive,
        ];
        manifest
            .write_record(&row)
            .map_err(failed)
            .or_exit(Exit::SomeFailed)?;
    }
    manifest
        .flush()
        .map_err(|e| anyhow::anyhow!("cannot write the manifest ({e}): {}", path.display()))
        .or_exit(Exit::SomeFailed)?;
    print(&format!("{count} slides: {}", path.display()));
    Ok(())
}
