//! What several commands take: slide, pixel size, thresholds, stains, model, regions, case.

use std::path::{Path, PathBuf};

use clap::Args;
use pantrk_core::region::Regions;
use pantrk_core::score::profiles::PROFILES;
use pantrk_core::score::{ScoringTable, Thresholds};
use pantrk_core::segment::{OnnxSegmenter, Segmenter, WatershedParameters, WatershedSegmenter};
use pantrk_core::stain::StainVectors;
use pantrk_nn::{Device, Model, ModelError, RuntimeChoice};
use pantrk_slide::{Slide, SlideError};
use pantrk_space::{MicronsPerPixel, RegionReader as _, SlideMpp};
use pantrk_store::{ModelFacts, MppSource};
use pantrk_triage::Case;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::machine;
use crate::progress::Log;

/// Options of every command that scores.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct ScoreOptions {
    /// Micrometres per pixel of the slide, if the file does not say (or says it wrong)
    #[arg(long, value_name = "UM", value_parser = parse_mpp)]
    pub(crate) mpp: Option<MicronsPerPixel>,
    /// Tumour type: name, synonym or OncoTree code
    #[arg(long, value_name = "TYPE")]
    pub(crate) tumour_type: Option<String>,
    /// Antibody clone, such as EPR17341
    #[arg(long)]
    pub(crate) clone: Option<String>,
    /// Regions drawn by a pathologist, GeoJSON as QuPath writes it
    #[arg(long, value_name = "FILE.geojson")]
    pub(crate) regions: Option<PathBuf>,
    /// A classifier that proposes regions, as `pantrk regions train` makes it; the result says that they were proposed
    #[arg(long, value_name = "FILE.json")]
    pub(crate) region_classifier: Option<PathBuf>,
    /// The scoring profile whose call becomes the slide's: any-1pct, cantrk or h-score
    #[arg(long, default_value = PROFILES[0].name, value_parser = parse_profile)]
    pub(crate) profile: String,
    /// DAB optical densities (log10) of 1+, 2+ and 3+
    #[arg(long, value_name = "1+,2+,3+", value_parser = parse_thresholds)]
    pub(crate) thresholds: Option<Thresholds>,
    /// How far a cell reaches beyond its nucleus at most, um; 5 by the scoring table
    #[arg(long, value_name = "UM", value_parser = parse_expansion)]
    pub(crate) expansion: Option<f64>,
    /// Stain vectors: `default` (QuPath's H-DAB), `estimate` (read off the slide), or a JSON file {"hematoxylin": [r,g,b], "dab": [r,g,b]}
    #[arg(long, default_value = "default", value_name = "default|estimate|FILE")]
    pub(crate) stains: String,
    /// What finds nuclei: `nucleus` (on board), `watershed`, or a folder with model.toml
    #[arg(long, default_value = "nucleus", value_name = "NAME|DIR")]
    pub(crate) model: String,
    /// Where the model runs
    #[arg(long, default_value = "cpu", value_parser = ["cpu", "cuda"])]
    pub(crate) device: String,
    /// What runs the model: `tract` (compiled in, the same on every machine), `ort` (ONNX Runtime, its library named by `ORT_DYLIB_PATH` or beside the program), or `auto` (the fastest of them that takes it)
    #[arg(long, default_value = "tract", value_parser = ["tract", "ort", "auto"])]
    pub(crate) runtime: String,
    /// Threads; all that the machine or its cgroup gives by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
    /// Facts of the case for the triage (JSON)
    #[arg(long, value_name = "FILE.json")]
    pub(crate) case: Option<PathBuf>,
    /// Leave the heatmaps out
    #[arg(long)]
    pub(crate) skip_heatmaps: bool,
    /// Write heatmaps (the default; kept for scripts that say so)
    #[arg(long, conflicts_with = "skip_heatmaps")]
    pub(crate) heatmaps: bool,
    /// Write cells.geojson.gz with the outlines of all nuclei
    #[arg(long)]
    pub(crate) geojson: bool,
    /// Score even if the slide does not look like H-DAB
    #[arg(long)]
    pub(crate) assume_h_dab: bool,
    /// Score again even if the same result is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// How progress is told on stderr
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) log: Log,
    /// Said at a desk, in the place of the files for regions and case
    #[arg(skip)]
    pub(crate) at_desk: Option<AtDesk>,
}

/// What a person said of a slide at a desk.
#[derive(Debug, Clone)]
pub(crate) struct AtDesk {
    /// The case.
    pub(crate) case: Case,
    /// What was drawn, GeoJSON; `None` where no region was.
    pub(crate) regions: Option<String>,
    /// Stain vectors that an earlier result of the slide was given.
    pub(crate) stains: Option<StainVectors>,
}

impl ScoreOptions {
    /// The defaults with a model, for commands that score many slides to compare them: no heatmaps, no words.
    pub(crate) fn quiet(model: &str) -> Self {
        Self {
            mpp: None,
            tumour_type: None,
            clone: None,
            regions: None,
            region_classifier: None,
            profile: PROFILES[0].name.to_owned(),
            thresholds: None,
            expansion: None,
            stains: "default".to_owned(),
            model: model.to_owned(),
            device: "cpu".to_owned(),
            runtime: "tract".to_owned(),
            threads: None,
            case: None,
            skip_heatmaps: true,
            heatmaps: false,
            geojson: false,
            assume_h_dab: false,
            overwrite: false,
            log: Log::Quiet,
            at_desk: None,
        }
    }

    /// The regions drawn at a desk, GeoJSON.
    pub(crate) fn drawn(&self) -> Option<&str> {
        self.at_desk.as_ref()?.regions.as_deref()
    }
}

/// No microscope resolves finer pixels than this, um.
const FINEST_MPP: f64 = 0.05;
/// Coarser pixels than this show no cells at all, um.
const COARSEST_MPP: f64 = 20.0;

pub(crate) fn parse_mpp(text: &str) -> Result<MicronsPerPixel, String> {
    let value: f64 = text.parse().map_err(|e| format!("{e}"))?;
    MicronsPerPixel::new(value)
        .filter(|mpp| (FINEST_MPP..=COARSEST_MPP).contains(&mpp.get()))
        .ok_or_else(|| {
            format!("a number from {FINEST_MPP} to {COARSEST_MPP} um was wanted, such as 0.25")
        })
}

fn parse_profile(text: &str) -> Result<String, String> {
    let names: Vec<_> = PROFILES.iter().map(|p| p.name).collect();
    if names.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("known profiles are {}", names.join(", ")))
    }
}

/// Cells reach no further than this, um.
const FURTHEST_EXPANSION: f64 = 25.0;

pub(crate) fn parse_expansion(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok();
    value
        .filter(|um| (0.5..=FURTHEST_EXPANSION).contains(um))
        .ok_or_else(|| {
            format!("a number from 0.5 to {FURTHEST_EXPANSION} um was wanted, such as 5")
        })
}

/// The reach given, or the table's.
pub(crate) fn expansion_um(given: Option<f64>) -> f64 {
    given.unwrap_or_else(|| ScoringTable::embedded().expansion_microns())
}

pub(crate) fn parse_thresholds(text: &str) -> Result<Thresholds, String> {
    let values: Vec<f32> = text
        .split(',')
        .map(|part| part.trim().parse().map_err(|e| format!("{part:?}: {e}")))
        .collect::<Result<_, _>>()?;
    <[f32; 3]>::try_from(values)
        .ok()
        .and_then(Thresholds::new)
        .ok_or_else(|| "three rising numbers above 0 were wanted, such as 0.2,0.4,0.6".to_owned())
}

/// Opens a slide; what is no slide and what is broken end the program alike.
pub(crate) fn open_slide(path: &Path) -> Result<Slide, Failure> {
    Slide::open(path).map_err(|error| {
        let advice = match &error {
            SlideError::NotRecognized { .. } => {
                Some("give an Aperio SVS, a tiled TIFF, or a PNG or JPEG image")
            }
            SlideError::Broken { .. } => {
                Some("it may have been copied in part: compare its size with the original's")
            }
            SlideError::Limits { .. } => Some("the file is likely damaged: copy it again"),
            _ => None,
        };
        Failure::new(Exit::NothingRead, error).with_advice(advice)
    })
}

/// Errors, before the work, if a file that a command is to write has no folder to stand in, or is the command's own input.
pub(crate) fn check_output_file(path: &Path, input: &Path) -> Result<(), Failure> {
    if let (Ok(out), Ok(input)) = (path.canonicalize(), input.canonicalize())
        && out == input
    {
        return Err(Failure::usage(format!(
            "that would overwrite the input; give another name: {}",
            path.display()
        )));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let what = if path.is_dir() {
        "a folder stands where the file is to be written; give another name"
    } else if !folder.exists() {
        "there is no such folder to write into; make it, or give another path"
    } else if !folder.is_dir() {
        "a file stands where a folder is needed; give another path"
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!("{what}: {}", path.display())))
}

/// The pixel size: what the user says, else what the file says; never a guess.
pub(crate) fn slide_mpp(
    slide: &Slide,
    given: Option<MicronsPerPixel>,
) -> Result<(SlideMpp, MppSource), Failure> {
    match (given, slide.mpp()) {
        (Some(mpp), _) => Ok((SlideMpp::square(mpp), MppSource::Given)),
        (None, Some(mpp)) => Ok((mpp, MppSource::File)),
        (None, None) => Err(Failure::usage(format!(
            "the slide does not say how large its pixels are; give it, for instance --mpp 0.25: {}",
            slide.path().display()
        ))),
    }
}

/// The stain vectors to score with.
pub(crate) struct Stains {
    /// Given or default; with `estimate`, for what the slide does not show.
    pub(crate) vectors: StainVectors,
    /// Whether they are read off the slide.
    pub(crate) estimate: bool,
    /// `default`, `given` or `estimate`.
    pub(crate) source: &'static str,
}

/// Stain vectors and where they come from.
pub(crate) fn stain_vectors(options: &ScoreOptions) -> Result<Stains, Failure> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Given {
        hematoxylin: [f64; 3],
        dab: [f64; 3],
    }
    let choice = options.stains.as_str();
    if let Some(vectors) = options.at_desk.as_ref().and_then(|desk| desk.stains) {
        return Ok(Stains {
            vectors,
            estimate: false,
            source: "given",
        });
    }
    if let "default" | "estimate" = choice {
        let estimate = choice == "estimate";
        return Ok(Stains {
            vectors: StainVectors::h_dab_default(),
            estimate,
            source: if estimate { "estimate" } else { "default" },
        });
    }
    let context = |what: String| Failure::usage(format!("{what}: {choice}"));
    let text = std::fs::read_to_string(choice).map_err(|e| {
        context(format!(
            "--stains takes `default`, `estimate` or a JSON file, and the file cannot be read ({e})"
        ))
    })?;
    let given: Given = serde_json::from_str(&text)
        .map_err(|e| context(format!("the stains file is not as wanted ({e})")))?;
    let vectors =
        StainVectors::new(given.hematoxylin, given.dab).map_err(|e| context(e.to_string()))?;
    Ok(Stains {
        vectors,
        estimate: false,
        source: "given",
    })
}

/// Where and by what a model is run, as a command line says it.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// What runs the model: `tract`, `ort` (ONNX Runtime) or `auto`
    #[arg(long, default_value = "tract", value_parser = ["tract", "ort", "auto"])]
    runtime: String,
    /// Where the model runs
    #[arg(long, default_value = "cpu", value_parser = ["cpu", "cuda"])]
    device: String,
}

impl RunArgs {
    pub(crate) fn run(&self) -> Result<Run, Failure> {
        Run::of(&self.device, &self.runtime)
    }
}

/// Where and by what a model is run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Run {
    pub(crate) device: Device,
    pub(crate) runtime: RuntimeChoice,
}

impl Run {
    /// By the words of the command line.
    pub(crate) fn of(device: &str, runtime: &str) -> Result<Self, Failure> {
        Ok(Self {
            device: device.parse().map_err(Failure::usage)?,
            runtime: runtime.parse().map_err(Failure::usage)?,
        })
    }
}

/// What finds nuclei.
pub(crate) fn segmenter(name: &str, run: Run) -> Result<(Box<dyn Segmenter>, ModelFacts), Failure> {
    if name == "watershed" {
        if run.device != Device::Cpu {
            return Err(Failure::new(
                Exit::Preflight,
                anyhow::anyhow!(
                    "watershed computes on the processor only, not on cuda; use --device cpu"
                ),
            ));
        }
        // `auto` takes what there is; `ort` is a wish that cannot come true.
        if run.runtime == RuntimeChoice::Ort {
            return Err(Failure::new(
                Exit::Preflight,
                anyhow::anyhow!(
                    "watershed is no network, so ONNX Runtime does not run it; leave --runtime out, or choose a network with --model"
                ),
            ));
        }
        let mpp = MicronsPerPixel::new(0.5).ok_or_else(|| Failure::usage("no pixel size"))?;
        let facts = ModelFacts {
            name: "watershed".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: None,
            runtime: None,
        };
        return Ok((
            Box::new(WatershedSegmenter::new(WatershedParameters::at(mpp))),
            facts,
        ));
    }
    let model = load_model(name, run)?;
    let manifest = model.manifest();
    let facts = ModelFacts {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        sha256: Some(manifest.sha256.clone()),
        runtime: Some(model.runtime().to_owned()),
    };
    let segmenter = OnnxSegmenter::new(model).or_exit(Exit::Preflight)?;
    Ok((Box::new(segmenter), facts))
}

/// The model on board, or one in a folder.
pub(crate) fn load_model(name: &str, run: Run) -> Result<Model, Failure> {
    if name == "nucleus" {
        return Model::embedded_in(run.runtime, run.device).or_exit(Exit::Preflight);
    }
    let folder = Path::new(name);
    if !folder.is_dir() {
        return Err(Failure::new(
            Exit::Preflight,
            anyhow::anyhow!(
                "no model {name:?}: on board are nucleus and watershed; anything else is a folder with a model.toml"
            ),
        ));
    }
    Model::load_dir_in(folder, run.runtime, run.device).map_err(|error| {
        let advice = match &error {
            ModelError::Checksum { .. } => Some(
                "fetch the weights again, or put the checksum of those that you trust into model.toml",
            ),
            _ => None,
        };
        Failure::new(Exit::Preflight, error).with_advice(advice)
    })
}

/// Regions as the store reads them and as scoring takes them.
pub(crate) fn regions(
    options: &ScoreOptions,
    slide: &Slide,
) -> Result<(Vec<pantrk_store::Region>, Regions), Failure> {
    let drawn = match (options.drawn(), &options.regions) {
        (Some(text), _) => pantrk_store::parse_regions(text, slide.size()),
        (None, Some(path)) => pantrk_store::read_regions(path, slide.size()),
        (None, None) => return Ok((Vec::new(), Regions::default())),
    };
    let drawn = drawn.or_exit(Exit::Usage)?;
    let regions = pantrk_store::scoring_regions(&drawn);
    Ok((drawn, regions))
}

/// The case, from a file and from flags; a flag wins over the file.
pub(crate) fn case(
    path: Option<&Path>,
    tumour_type: Option<&str>,
    clone: Option<&str>,
) -> Result<Case, Failure> {
    let mut case = match path {
        None => Case::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| {
                Failure::usage(format!(
                    "cannot read the case file ({e}): {}",
                    path.display()
                ))
            })?;
            Case::from_json(&text)
                .map_err(|e| Failure::usage(format!("{e}: {}", path.display())))?
        }
    };
    if let Some(tumour_type) = tumour_type {
        case.tumour_type = Some(tumour_type.to_owned());
    }
    if let Some(clone) = clone {
        case.antibody_clone = Some(clone.to_owned());
    }
    known_type(&case)?;
    Ok(case)
}

/// The case as it was filled in at a desk, looked at like one from a file.
pub(crate) fn case_at_desk(given: &Case) -> Result<Case, Failure> {
    let text = serde_json::to_string(given).or_exit(Exit::Usage)?;
    let case = Case::from_json(&text).or_exit(Exit::Usage)?;
    known_type(&case)?;
    Ok(case)
}

fn known_type(case: &Case) -> Result<(), Failure> {
    if let Some(name) = &case.tumour_type {
        // Better now than after an hour of scoring.
        let types = pantrk_triage::TumourTypes::embedded().or_exit(Exit::Usage)?;
        types.find(name).or_exit(Exit::Usage)?;
    }
    Ok(())
}

/// A pool of that many threads, or of as many as the machine and its cgroup hold.
pub(crate) fn thread_pool(threads: Option<u32>) -> Result<rayon::ThreadPool, Failure> {
    let given = threads.map(|n| n as usize);
    rayon::ThreadPoolBuilder::new()
        .num_threads(given.unwrap_or_else(machine::threads))
        .build()
        .or_exit(Exit::Preflight)
}

/// The thresholds given, or the table's.
pub(crate) fn thresholds(given: Option<Thresholds>) -> Thresholds {
    given.unwrap_or_else(|| ScoringTable::embedded().thresholds())
}
