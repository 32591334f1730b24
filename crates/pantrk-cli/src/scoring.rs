//! One slide from file to folder: what `score`, `batch` and `demo` share.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pantrk_core::CoreError;
use pantrk_core::cell::{CellTable, ExcludedReason};
use pantrk_core::heatmap::heatmaps;
use pantrk_core::overview::{OVERVIEW_MPP, read_small};
use pantrk_core::pipeline::{
    Checkpoint, NoCheckpoint, ScoreInput, ScoreParameters, SlideAnalysis, score_slide_from,
    telling_fields,
};
use pantrk_core::region::Regions;
use pantrk_core::score::{ControlAdequacy, ScoringTable};
use pantrk_core::segment::Segmenter;
use pantrk_report::ReportOptions;
use pantrk_slide::Slide;
use pantrk_space::{
    LevelSize, Microns, MicronsPerPixel, RegionReader as _, RgbBuffer, SlideMpp, SlidePoint,
};
use pantrk_store::{
    CellColumns, CellCounts, CellShape, CellsGeoJson, CheckpointFile, Claim, ClaimHolder, Claimed,
    ColorMap, Heatmap, ModelFacts, MppSource, Overlay, PatternFacts, Quality,
    RegionClassifierFacts, RunFacts, RunFolder, SlideFacts, SlideFailure, SlideResult, StainFacts,
    TumourRegion, UnreadTile, Warning,
};
use pantrk_triage::{Case, ExternalControl, IhcFinding, Triage, decide, gene_hint};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::failure::{Cause, Exit, Failure, OrExit as _};
use crate::inputs::{self, ScoreOptions, Stains};
use crate::machine::peak_rss_bytes;
use crate::progress::Reporter;
use crate::region_classes::{self, LoadedClassifier};
use crate::stop;

/// Natural logarithm of the ratio from which two pixel sizes disagree: about 10 %.
const MPP_DISAGREES: f64 = 0.1;
/// The longest side of the thumbnail and overlay, pixels.
const PICTURE_SIDE: f64 = 1400.0;

/// How often a claim on a slide is renewed, unless it is told.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(20);

/// What is loaded once for many slides.
pub(crate) struct Engine {
    pub(crate) segmenter: Box<dyn Segmenter>,
    pub(crate) model: ModelFacts,
    pub(crate) pool: rayon::ThreadPool,
}

impl Engine {
    pub(crate) fn load(options: &ScoreOptions) -> Result<Self, Failure> {
        let run = inputs::Run::of(&options.device, &options.runtime)?;
        let (segmenter, model) = inputs::segmenter(&options.model, run)?;
        Ok(Self {
            segmenter,
            model,
            pool: inputs::thread_pool(options.threads)?,
        })
    }
}

/// A slide to score.
pub(crate) struct Job<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) slide_path: &'a Path,
    pub(crate) slide_id: String,
    pub(crate) out: &'a Path,
    pub(crate) options: &'a ScoreOptions,
    /// A sentence on the report, such as that the slide is a phantom.
    pub(crate) note: Option<String>,
    /// Adds the truth beside the score, where it is known.
    pub(crate) report: &'a (dyn Fn(&SlideResult) -> ReportOptions + Sync),
    /// The manifest's other columns, name and value.
    pub(crate) columns: &'a [(String, String)],
    /// Between two renewals of the claim on the slide.
    pub(crate) heartbeat: Duration,
    /// Told when the work on the slide begins.
    pub(crate) begun: &'a (dyn Fn() + Sync),
}

/// What became of it.
pub(crate) enum Scored {
    /// Another process works on it.
    Held(Option<ClaimHolder>),
    /// Scored now.
    New(Box<SlideResult>, PathBuf),
    /// The same slide, parameters and model were scored before.
    AlreadyDone(Box<SlideResult>, PathBuf),
}

/// All that is opened and checked before the work begins.
struct Prepared {
    slide: Slide,
    mpp: SlideMpp,
    mpp_source: MppSource,
    drawn: Vec<pantrk_store::Region>,
    regions: Regions,
    region_classifier: Option<LoadedClassifier>,
    region_facts: Option<RegionClassifierFacts>,
    case: Case,
    stains: Stains,
    parameters: Map<String, Value>,
    parameter_hash: String,
}

impl Prepared {
    /// What a patch's outcome depends on; the pictures and the triage do not matter to it, but are in the hash.
    fn identity(&self, model: &ModelFacts) -> String {
        format!(
            "{} {} {} {:?}",
            self.slide.fingerprint(),
            self.parameter_hash,
            model.version,
            model.sha256
        )
    }
}

/// Scores a slide into `<out>/<slide-id>/`, taking up what an interrupted run has done of it.
pub(crate) fn run(job: &Job<'_>, reporter: &Reporter) -> Result<Scored, Failure> {
    let started = Start {
        clock: Instant::now(),
        time: jiff::Timestamp::now(),
    };
    let mut prepared = prepare(job)?;
    let target = job.out.join(&job.slide_id);
    let done = || {
        let result =
            same_result(&target, &prepared, &job.engine.model).filter(|_| !job.options.overwrite);
        result.map(|result| Scored::AlreadyDone(Box::new(result), target.clone()))
    };
    if let Some(done) = done() {
        // A process that was killed right after its last step left its claim.
        pantrk_store::clear_stale_claim(job.out, &job.slide_id).or_exit(Exit::SomeFailed)?;
        return Ok(done);
    }
    stop::heed();
    // Made first: an output folder that cannot be written should not cost an hour of scoring.
    let claim = match Claim::take(job.out, &job.slide_id, job.heartbeat).or_exit(Exit::Usage)? {
        Claimed::Ours(claim) => claim,
        Claimed::Held(holder) => return Ok(Scored::Held(holder)),
    };
    RunFolder::mend(job.out, &job.slide_id).or_exit(Exit::Usage)?;
    // Whoever had the claim before may have finished the slide.
    if let Some(done) = done() {
        return Ok(done);
    }
    (job.begun)();
    let scored = with_heartbeat(&claim, job.heartbeat, reporter, || {
        job.engine.pool.install(|| propose_regions(&mut prepared))?;
        score_claimed(job, &prepared, &claim, reporter, &started)
    });
    scored.map_err(|failure| failure.in_stage(reporter.last_stage()))
}

/// When the work on a slide began.
struct Start {
    clock: Instant,
    time: jiff::Timestamp,
}

/// Works while another thread says that this process is alive; the work is let go when the claim is lost.
fn with_heartbeat<T>(
    claim: &Claim,
    heartbeat: Duration,
    reporter: &Reporter,
    work: impl FnOnce() -> T,
) -> T {
    /// Ends the heartbeat, also where the work panics.
    struct End<'a>(&'a Mutex<bool>, &'a Condvar);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.1.notify_all();
        }
    }
    let (ended, wake) = (Mutex::new(false), Condvar::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
            for count in 1.. {
                let waited = wake.wait_timeout(guard, heartbeat);
                guard = waited.unwrap_or_else(PoisonError::into_inner).0;
                if *guard {
                    return;
                }
                // A claim that cannot be read for once may be the network; one that is another's is lost.
                if matches!(claim.beat(count), Ok(false)) {
                    return reporter.abandon();
                }
            }
        });
        let _end = End(&ended, &wake);
        work()
    })
}

fn score_claimed(
    job: &Job<'_>,
    prepared: &Prepared,
    claim: &Claim,
    reporter: &Reporter,
    started: &Start,
) -> Result<Scored, Failure> {
    let folder = if job.options.overwrite {
        RunFolder::create(job.out, &job.slide_id)
    } else {
        RunFolder::resume(job.out, &job.slide_id)
    };
    let folder = folder.or_exit(Exit::Usage)?;
    let result = match score_into(job, prepared, &folder, reporter, started)
        .and_then(|scored| still_ours(job, claim, reporter).map(|()| scored))
    {
        Ok(scored) => scored,
        Err(failure) => return Err(leave(job, folder, reporter, failure)),
    };
    let target = folder.finish().or_exit(Exit::SomeFailed)?;
    if !is_unread(&result) {
        SlideFailure::clear(job.out, &job.slide_id).or_exit(Exit::SomeFailed)?;
    }
    Ok(Scored::New(Box::new(result), target))
}

/// Whether hardly anything of the slide could be read: there is a result, which says so, and the slide has failed.
pub(crate) fn is_unread(result: &SlideResult) -> bool {
    let quality = &result.quality;
    result.cells.segmented == 0 && quality.unread_mm2 > quality.evaluated_mm2
}

/// Leaves a slide that could not be finished: what is done of it is kept where the same again may go on.
fn leave(job: &Job<'_>, folder: RunFolder, reporter: &Reporter, failure: Failure) -> Failure {
    if reporter.is_abandoned() {
        // It is another's now, or gone: nothing of it is touched.
        folder.keep();
        return lost(job).in_stage(reporter.last_stage());
    }
    if failure.exit == Exit::Interrupted || failure.cause() != Cause::Slide {
        // Half a result is of no use, and on a full disk in the way.
        drop(folder.clear());
        folder.keep();
    }
    failure
}

fn still_ours(job: &Job<'_>, claim: &Claim, reporter: &Reporter) -> Result<(), Failure> {
    if claim.is_ours().or_exit(Exit::SomeFailed)? {
        return Ok(());
    }
    reporter.abandon();
    Err(lost(job))
}

/// The claim is not ours any more.
fn lost(job: &Job<'_>) -> Failure {
    let (what, cause) = if job.out.is_dir() {
        (
            "another process has taken the slide over, because this one was silent for long",
            Cause::Machine,
        )
    } else {
        (
            "the output folder is gone; put it back and run again",
            Cause::Output,
        )
    };
    Failure::new(
        Exit::SomeFailed,
        anyhow::anyhow!("{what}: {}", job.out.display()),
    )
    .because_of(cause)
}

/// Scores and writes all files of a slide into its folder under work.
fn score_into(
    job: &Job<'_>,
    prepared: &Prepared,
    folder: &RunFolder,
    reporter: &Reporter,
    started: &Start,
) -> Result<SlideResult, Failure> {
    let pool = &job.engine.pool;
    let checkpoint = CheckpointFile::open(folder.path(), &prepared.identity(&job.engine.model))
        .or_exit(Exit::SomeFailed)?;
    if checkpoint.resumed() > 0 {
        reporter.note(
            "resumed",
            &format!("{} patches were done before", checkpoint.resumed()),
        );
    }
    let analysis = pool.install(|| analyse(job, prepared, &checkpoint, reporter))?;
    same_slide(job, prepared)?;
    for warning in warnings(prepared, &analysis) {
        reporter.note(&warning.code, &format!("warning: {}", warning.message));
    }
    reporter.stage("results", 1);
    let triage = triage_of(&prepared.case, &analysis)?;
    let thumbnail = pool.install(|| thumbnail(prepared))?;
    write_pictures(job, prepared, &analysis, folder, &thumbnail)?;
    pool.install(|| write_gallery(job, prepared, &analysis, folder))?;
    write_cells(job, prepared, &analysis, folder)?;
    write_regions(job, prepared, folder)?;
    folder
        .write_manifest_columns(job.columns)
        .or_exit(Exit::SomeFailed)?;
    let mut seconds = reporter.finish();
    seconds.insert("total".to_owned(), started.clock.elapsed().as_secs_f64());
    let run = RunFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        parameters: prepared.parameters.clone(),
        parameter_hash: prepared.parameter_hash.clone(),
        model: job.engine.model.clone(),
        device: job.options.device.clone(),
        threads: Some(pool.current_num_threads() as u32),
        host: Some(pantrk_store::host_name()),
        started: Some(started.time.to_string()),
        seconds,
        peak_rss_bytes: peak_rss_bytes(),
    };
    let result = assemble(job, prepared, &analysis, run, triage);
    let mut options = (job.report)(&result);
    options.note.clone_from(&job.note);
    write_case(&prepared.case, folder)?;
    pantrk_report::write_report(&result, folder.path(), &options).or_exit(Exit::SomeFailed)?;
    folder.write_result(&result).or_exit(Exit::SomeFailed)?;
    Ok(result)
}

/// A slide that was removed, replaced or still being copied while it was scored gives no result.
fn same_slide(job: &Job<'_>, prepared: &Prepared) -> Result<(), Failure> {
    let what = match Slide::open(job.slide_path) {
        Ok(slide) if slide.fingerprint() == prepared.slide.fingerprint() => return Ok(()),
        Ok(_) => {
            "the file changed while it was scored; if it is being copied, run again when that has ended"
        }
        Err(_) if !job.slide_path.exists() => {
            "the file was removed while it was scored; put it back and run again"
        }
        Err(_) => "the file cannot be read any more; run again when it can",
    };
    Err(Failure::new(
        Exit::NothingRead,
        anyhow::anyhow!("{what}: {}", job.slide_path.display()),
    )
    .because_of(Cause::Machine))
}

/// Scores a slide on the current rayon pool as [`run`] would, and writes nothing; facts of the run stay empty.
pub(crate) fn measure(
    job: &Job<'_>,
    reporter: &Reporter,
) -> Result<(SlideResult, SlideAnalysis), Failure> {
    let mut prepared = prepare(job)?;
    propose_regions(&mut prepared)?;
    let prepared = prepared;
    let analysis = analyse(job, &prepared, &NoCheckpoint, reporter)?;
    let triage = triage_of(&prepared.case, &analysis)?;
    let run = RunFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        parameters: prepared.parameters.clone(),
        parameter_hash: prepared.parameter_hash.clone(),
        model: job.engine.model.clone(),
        device: job.options.device.clone(),
        threads: None,
        host: None,
        started: None,
        seconds: std::collections::BTreeMap::new(),
        peak_rss_bytes: None,
    };
    let result = assemble(job, &prepared, &analysis, run, triage);
    Ok((result, analysis))
}

fn prepare(job: &Job<'_>) -> Result<Prepared, Failure> {
    let options = job.options;
    let slide = inputs::open_slide(job.slide_path)?;
    let (mpp, mpp_source) = inputs::slide_mpp(&slide, options.mpp)?;
    let (drawn, regions) = inputs::regions(options.regions.as_deref(), &slide)?;
    let case = inputs::case(
        options.case.as_deref(),
        options.tumour_type.as_deref(),
        options.clone.as_deref(),
    )?;
    let stains = inputs::stain_vectors(&options.stains)?;
    let region_classifier = match &options.region_classifier {
        Some(path) if regions.has_tumour() => {
            return Err(Failure::usage(format!(
                "the regions and the region classifier both say where the tumour is; leave out one of them: {}",
                path.display()
            )));
        }
        Some(path) => Some(region_classes::load(path)?),
        None => None,
    };
    let digest = region_classifier.as_ref().map(|c| c.sha256.as_str());
    let parameters = parameter_map(options, &case, (mpp, digest), &stains)?;
    let parameter_hash = parameter_hash(&parameters, &job.engine.model)?;
    Ok(Prepared {
        slide,
        mpp,
        mpp_source,
        drawn,
        regions,
        region_classifier,
        region_facts: None,
        case,
        stains,
        parameters,
        parameter_hash,
    })
}

/// Adds the regions that a classifier proposes to those that were drawn; on the current rayon pool.
fn propose_regions(prepared: &mut Prepared) -> Result<(), Failure> {
    if let Some(loaded) = &prepared.region_classifier {
        let proposed = region_classes::propose(loaded, &prepared.slide, prepared.mpp)?;
        prepared.drawn.extend(proposed.regions);
        prepared.regions = pantrk_store::scoring_regions(&prepared.drawn);
        prepared.region_facts = Some(proposed.facts);
    }
    Ok(())
}

/// Two runs with the same hash on the same slide give the same result.
pub(crate) fn parameter_hash(
    parameters: &Map<String, Value>,
    model: &ModelFacts,
) -> Result<String, Failure> {
    let text = serde_json::to_string(&(parameters, model)).or_exit(Exit::Usage)?;
    Ok(hex(&Sha256::digest(text.as_bytes())))
}

/// Everything that decides the result besides the slide and the model; its digest is the parameter hash.
fn parameter_map(
    options: &ScoreOptions,
    case: &Case,
    (mpp, region_classifier_sha256): (SlideMpp, Option<&str>),
    stains: &Stains,
) -> Result<Map<String, Value>, Failure> {
    let table = ScoringTable::embedded();
    let regions_sha256 = match &options.regions {
        None => Value::Null,
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|e| {
                Failure::usage(format!("cannot read the regions ({e}): {}", path.display()))
            })?;
            json!(hex(&Sha256::digest(&bytes)))
        }
    };
    // The shortest decimal of an f32, not its long f64 image.
    let thresholds: Vec<Value> = inputs::thresholds(options.thresholds)
        .values()
        .iter()
        .filter_map(|v| v.to_string().parse::<f64>().ok())
        .map(Value::from)
        .collect();
    let map = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "scoring_table": table.version,
        "thresholds": thresholds,
        "threshold_convention": "DAB optical density, log10, background taken off",
        "expansion_um": inputs::expansion_um(options.expansion),
        "profile": options.profile,
        "stains": stains.source,
        "stain_hematoxylin": stains.vectors.hematoxylin,
        "stain_dab": stains.vectors.dab,
        "mpp": [mpp.x.get(), mpp.y.get()],
        "model": options.model,
        "assume_h_dab": options.assume_h_dab,
        "regions_sha256": regions_sha256,
        // Without what only the report shows: a patient's name is no parameter.
        "case": serde_json::to_value(case.facts_alone()).or_exit(Exit::Usage)?,
        "heatmaps": !options.skip_heatmaps,
        "geojson": options.geojson,
    });
    match map {
        Value::Object(mut map) => {
            if let Some(digest) = region_classifier_sha256 {
                map.insert("region_classifier_sha256".to_owned(), json!(digest));
            }
            Ok(map)
        }
        _ => Ok(Map::new()),
    }
}

/// A finished result of the same slide, parameters and model.
fn same_result(target: &Path, prepared: &Prepared, model: &ModelFacts) -> Option<SlideResult> {
    let result = SlideResult::read(&target.join("result.json")).ok()?;
    (result.run.parameter_hash == prepared.parameter_hash
        && result.run.model == *model
        && result.slide.fingerprint == prepared.slide.fingerprint())
    .then_some(result)
}

fn analyse(
    job: &Job<'_>,
    prepared: &Prepared,
    checkpoint: &dyn Checkpoint,
    reporter: &Reporter,
) -> Result<SlideAnalysis, Failure> {
    let parameters = ScoreParameters {
        thresholds: inputs::thresholds(job.options.thresholds),
        expansion: Microns::new(inputs::expansion_um(job.options.expansion)),
        vectors: prepared.stains.vectors,
        estimate_stains: prepared.stains.estimate,
        profile: job.options.profile.clone(),
        assume_h_dab: job.options.assume_h_dab,
        contours: job.options.geojson,
        ..ScoreParameters::default()
    };
    let input = ScoreInput {
        reader: &prepared.slide,
        slide_mpp: prepared.mpp,
        regions: &prepared.regions,
        segmenter: job.engine.segmenter.as_ref(),
        parameters: &parameters,
        progress: reporter,
    };
    score_slide_from(&input, checkpoint).map_err(|error| {
        let exit = match &error {
            CoreError::Cancelled => Exit::Interrupted,
            CoreError::NotKept(_) => Exit::SomeFailed,
            CoreError::Segment(_) => Exit::Preflight,
            CoreError::TooCoarse { .. } => Exit::Usage,
            _ => Exit::NothingRead,
        };
        Failure::new(exit, error)
    })
}

fn triage_of(case: &Case, analysis: &SlideAnalysis) -> Result<Triage, Failure> {
    let score = &analysis.score;
    let percent = score.compartments.as_ref().map(|c| c.any.positive_percent);
    let finding = IhcFinding::from_call(&score.ihc, percent, Some(score.tumour_cells));
    let mut case = case.clone();
    // What the case says of its control wins over what the slide's own shows.
    case.external_control = case
        .external_control
        .or_else(|| match analysis.control?.adequacy {
            ControlAdequacy::Adequate => Some(ExternalControl::Adequate),
            ControlAdequacy::Weak => Some(ExternalControl::Weak),
            ControlAdequacy::Failed => Some(ExternalControl::Failed),
            ControlAdequacy::NotEvaluable => None,
        });
    decide(&case, &finding).or_exit(Exit::Usage)
}

/// The whole slide, small; never magnified.
fn thumbnail(prepared: &Prepared) -> Result<RgbBuffer, Failure> {
    let size = prepared.slide.size();
    let (x, y) = (prepared.mpp.x.get(), prepared.mpp.y.get());
    let side = (f64::from(size.width) * x).max(f64::from(size.height) * y);
    let mpp = MicronsPerPixel::new((side / PICTURE_SIDE).max(x.max(y)))
        .ok_or_else(|| Failure::usage("the slide has no size"))?;
    let (picture, _) = read_small(&prepared.slide, prepared.mpp, mpp).or_exit(Exit::NothingRead)?;
    Ok(picture)
}

fn write_pictures(
    job: &Job<'_>,
    prepared: &Prepared,
    analysis: &SlideAnalysis,
    folder: &RunFolder,
    thumbnail: &RgbBuffer,
) -> Result<(), Failure> {
    let size: LevelSize = prepared.slide.size();
    let cells = &analysis.cells;
    pantrk_store::write_thumbnail(&folder.path().join("thumbnail.png"), thumbnail)
        .or_exit(Exit::SomeFailed)?;
    let grades: Vec<u8> = (0..cells.len()).map(|i| cells.grade_any(i)).collect();
    let tumour = tumour_column(cells);
    let overlay = Overlay {
        thumbnail,
        slide: size,
        mpp: prepared.mpp,
        x_px: &cells.x_px,
        y_px: &cells.y_px,
        grades: &grades,
        tumour: &tumour,
        regions: &prepared.drawn,
    };
    pantrk_store::write_overlay(&folder.path().join("overlay.png"), &overlay)
        .or_exit(Exit::SomeFailed)?;
    if job.options.skip_heatmaps || cells.is_empty() {
        return Ok(());
    }
    let maps = heatmaps(cells, size, prepared.mpp);
    let quality = quality_maps(analysis);
    let drawn: Vec<Heatmap<'_>> = maps
        .iter()
        .map(|map| Heatmap {
            metric: map.metric,
            title: map.title,
            unit: map.unit,
            colormap: if map.metric == "tumour_cell_density" {
                ColorMap::VIRIDIS
            } else {
                ColorMap::DAB
            },
            range: Some(map.range),
            columns: map.width as u32,
            rows: map.height as u32,
            values: &map.values,
            origin_um: [0.0, 0.0],
            cell_um: map.um_per_pixel,
        })
        .chain(quality.iter().map(|map| Heatmap {
            metric: &map.name,
            title: &map.title,
            unit: "",
            colormap: ColorMap::VIRIDIS,
            range: Some([0.0, 1.0]),
            columns: map.columns,
            rows: map.rows,
            values: &map.values,
            origin_um: [0.0, 0.0],
            cell_um: map.cell_um,
        }))
        .collect();
    pantrk_store::write_heatmaps(folder.path(), &drawn).or_exit(Exit::SomeFailed)?;
    Ok(())
}

/// The fields that tell most, so that the report can be made again without the slide.
fn write_gallery(
    job: &Job<'_>,
    prepared: &Prepared,
    analysis: &SlideAnalysis,
    folder: &RunFolder,
) -> Result<(), Failure> {
    let fields = telling_fields(
        &prepared.slide,
        prepared.mpp,
        job.engine.segmenter.as_ref(),
        analysis,
        inputs::thresholds(job.options.thresholds),
    )
    .or_exit(Exit::NothingRead)?;
    pantrk_store::write_gallery(folder.path(), &fields).or_exit(Exit::SomeFailed)?;
    Ok(())
}

/// The longest side of a map of what a quality check left out, cells.
const QUALITY_SIDE: u32 = 1200;

/// What a quality check left out: the share of the tissue in each cell, nothing on glass.
struct QualityMap {
    name: String,
    title: String,
    columns: u32,
    rows: u32,
    cell_um: f64,
    values: Vec<f32>,
}

/// One for each quality check that marked something; a cell is an overview pixel, and on large slides a square of several.
fn quality_maps(analysis: &SlideAnalysis) -> Vec<QualityMap> {
    let tissue = &analysis.tissue;
    let step = tissue
        .width()
        .max(tissue.height())
        .div_ceil(QUALITY_SIDE)
        .max(1);
    let (columns, rows) = (
        tissue.width().div_ceil(step),
        tissue.height().div_ceil(step),
    );
    let maps = analysis.quality_maps.marked.iter();
    maps.filter(|(_, mask)| mask.count() > 0)
        .map(|(name, mask)| {
            let share = |column: u32, row: u32| {
                let (mut marked, mut all) = (0_u32, 0_u32);
                for y in row * step..(row + 1) * step {
                    for x in column * step..(column + 1) * step {
                        let is_marked = mask.get(x, y);
                        marked += u32::from(is_marked);
                        all += u32::from(is_marked || tissue.get(x, y));
                    }
                }
                if all > 0 {
                    marked as f32 / all as f32
                } else {
                    f32::NAN
                }
            };
            let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
            QualityMap {
                name: format!("quality_{}", name.replace('-', "_")),
                title: format!("Left out: {}", name.replace('-', " ")),
                columns,
                rows,
                cell_um: OVERVIEW_MPP * f64::from(step),
                values: places.map(|(column, row)| share(column, row)).collect(),
            }
        })
        .collect()
}

fn tumour_column(cells: &CellTable) -> Vec<bool> {
    (0..cells.len()).map(|i| cells.is_tumour(i)).collect()
}

/// The regions as they were given, so that they can be looked at and changed beside the result.
fn write_regions(job: &Job<'_>, prepared: &Prepared, folder: &RunFolder) -> Result<(), Failure> {
    if prepared.region_facts.is_some() {
        // Proposed ones can be mended like drawn ones.
        let text = pantrk_store::regions_geojson(&prepared.drawn).to_string();
        folder
            .write("regions.geojson", format!("{text}\n").as_bytes())
            .or_exit(Exit::SomeFailed)?;
        return Ok(());
    }
    if let Some(regions) = &job.options.regions {
        let copy = folder.path().join("regions.geojson");
        std::fs::copy(regions, &copy).map_err(|e| {
            Failure::new(
                Exit::SomeFailed,
                anyhow::anyhow!(
                    "the regions could not be kept with the result ({e}): {}",
                    copy.display()
                ),
            )
        })?;
    }
    Ok(())
}

fn write_cells(
    job: &Job<'_>,
    prepared: &Prepared,
    analysis: &SlideAnalysis,
    folder: &RunFolder,
) -> Result<(), Failure> {
    let cells = &analysis.cells;
    let excluded: Vec<u8> = cells
        .excluded
        .iter()
        .map(|r| r.map_or(0, |r| r as u8))
        .collect();
    let mut reasons = vec!["counted"];
    reasons.extend(ExcludedReason::ALL.iter().map(|r| r.name()));
    let columns = CellColumns {
        mpp: prepared.mpp,
        x_px: &cells.x_px,
        y_px: &cells.y_px,
        nucleus_area_um2: &cells.nucleus_area_um2,
        cell_area_um2: &cells.cell_area_um2,
        circularity: &cells.circularity,
        dab_od: cells.dab_od.each_ref().map(Vec::as_slice),
        nucleus_hematoxylin_od: &cells.nucleus_hematoxylin_od,
        membrane_completeness: &cells.membrane_completeness,
        cytoplasm_granularity: &cells.cytoplasm_granularity,
        grades: cells.grades.each_ref().map(Vec::as_slice),
        excluded: &excluded,
        exclusion_reasons: &reasons,
        tumour: &tumour_column(cells),
    };
    pantrk_store::write_cells(&folder.path().join("cells.parquet"), &columns)
        .or_exit(Exit::SomeFailed)?;
    if !job.options.geojson {
        return Ok(());
    }
    let path = folder.path().join("cells.geojson.gz");
    let mut out = CellsGeoJson::create(&path, &job.slide_id).or_exit(Exit::SomeFailed)?;
    for i in 0..cells.len() {
        let outline: Vec<SlidePoint> = cells.contours[i]
            .iter()
            .map(|p| SlidePoint {
                x: f64::from(p[0]),
                y: f64::from(p[1]),
            })
            .collect();
        let shape = CellShape {
            cell_id: i as u64,
            nucleus: &outline,
            cell: None,
            grade: cells.grade_any(i),
            nucleus_area_um2: cells.nucleus_area_um2[i],
            cell_area_um2: cells.cell_area_um2[i],
            nucleus_circularity: cells.circularity[i],
            dab_od: std::array::from_fn(|k| cells.dab_od[k][i]),
            nucleus_hematoxylin_od: cells.nucleus_hematoxylin_od[i],
        };
        out.push(&shape).or_exit(Exit::SomeFailed)?;
    }
    out.finish().or_exit(Exit::SomeFailed)?;
    Ok(())
}

/// The case as it was given: the report reads it again, and it alone holds what only the report shows.
fn write_case(case: &Case, folder: &RunFolder) -> Result<(), Failure> {
    if *case == Case::default() {
        return Ok(());
    }
    let text = serde_json::to_string_pretty(case).or_exit(Exit::SomeFailed)?;
    folder
        .write(pantrk_report::CASE_FILE, format!("{text}\n").as_bytes())
        .or_exit(Exit::SomeFailed)?;
    Ok(())
}

fn assemble(
    job: &Job<'_>,
    prepared: &Prepared,
    analysis: &SlideAnalysis,
    run: RunFacts,
    triage: Triage,
) -> SlideResult {
    let slide = &prepared.slide;
    let size = slide.size();
    let score = &analysis.score;
    let quality = &analysis.quality;
    SlideResult {
        schema: pantrk_store::SCHEMA.to_owned(),
        slide: SlideFacts {
            id: job.slide_id.clone(),
            path: job.slide_path.display().to_string(),
            vendor: slide.vendor().to_owned(),
            fingerprint: slide.fingerprint(),
            width: size.width,
            height: size.height,
            levels: slide.levels().len() as u32,
            mpp_x: prepared.mpp.x.get(),
            mpp_y: prepared.mpp.y.get(),
            mpp_source: prepared.mpp_source,
            objective_power: slide.objective_power(),
        },
        run,
        quality: Quality {
            tissue_mm2: quality.tissue_mm2,
            evaluated_mm2: quality.evaluated_mm2,
            excluded_mm2: quality.excluded_mm2.clone(),
            unread_mm2: quality.unread_mm2,
            unread_tiles: quality
                .unread_tiles
                .iter()
                .map(|t| UnreadTile {
                    level: t.level.0 as u32,
                    column: t.tile.column,
                    row: t.tile.row,
                    reason: t.reason.clone(),
                })
                .collect(),
            warnings: warnings(prepared, analysis),
            with_left_out: analysis.with_left_out,
        },
        stain: StainFacts {
            hematoxylin: analysis.vectors.hematoxylin,
            dab: analysis.vectors.dab,
            residual: analysis.vectors.residual,
            background_rgb: analysis.white_point.rgb,
            dab_background_od: analysis.background.od,
            source: stain_source(prepared, analysis).to_owned(),
            background_drift: analysis.white_point.drift.map_or(0.0, |drift| drift.span()),
            dab_background_source: match analysis.background {
                b if b.internal_negative => "internal-negative-tissue",
                b if b.measured => "least-stained-tissue",
                _ => "none",
            }
            .to_owned(),
            uncorrected: analysis.uncorrected,
        },
        tumour_region: match (&prepared.region_facts, prepared.regions.has_tumour()) {
            (Some(_), true) => TumourRegion::Classified,
            (None, true) => TumourRegion::Given,
            (_, false) => TumourRegion::None,
        },
        region_classifier: prepared.region_facts.clone(),
        cell_kinds: analysis.cell_kinds.clone(),
        cells: CellCounts {
            segmented: analysis.cells.len() as u64,
            tumour: score.tumour_cells,
            excluded: analysis.excluded.clone(),
        },
        compartments: score.compartments,
        pattern: score.pattern.as_ref().map(|pattern| PatternFacts {
            gene_hint: gene_hint(pattern),
            pattern: pattern.clone(),
        }),
        control: analysis.control,
        profiles: score.profiles.clone(),
        ihc: score.ihc.clone(),
        triage,
    }
}

/// Where the vectors used come from, as in `result.json`.
fn stain_source(prepared: &Prepared, analysis: &SlideAnalysis) -> &'static str {
    match analysis.stain_estimate.map(|e| (e.hematoxylin, e.dab)) {
        None => prepared.stains.source,
        Some((true, true)) => "estimated",
        Some((true, false)) => "estimated-hematoxylin",
        Some((false, true)) => "estimated-dab",
        Some((false, false)) => "default",
    }
}

fn warnings(prepared: &Prepared, analysis: &SlideAnalysis) -> Vec<Warning> {
    let found = analysis.warnings.iter();
    let found = found.map(|w| Warning::new(w.code, w.message.clone()));
    found
        .chain(mpp_warning(prepared))
        .chain(proposal_warning(prepared))
        .collect()
}

/// Regions that nobody drew are said to be so.
fn proposal_warning(prepared: &Prepared) -> Option<Warning> {
    let facts = prepared.region_facts.as_ref()?;
    let told = facts
        .classes
        .iter()
        .map(|class| format!("{} {:.0} %", class.class, class.held_out_right_percent));
    let told: Vec<String> = told.collect();
    Some(Warning::new(
        "proposed-regions",
        format!(
            "the regions were proposed by a classifier and seen by nobody: look at them before trusting the score (told right of held-out training places: {})",
            told.join(", ")
        ),
    ))
}

/// A pixel size that the user gave against the file's own is worth a second look.
fn mpp_warning(prepared: &Prepared) -> Option<Warning> {
    let (given, file) = (
        prepared.mpp.mean().get(),
        prepared.slide.mpp()?.mean().get(),
    );
    ((given / file).ln().abs() > MPP_DISAGREES).then(|| {
        Warning::new(
            "mpp-differs",
            format!("the pixel size given is {given} um, the file says {file} um"),
        )
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16);
    let digits = bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]);
    digits.flatten().collect()
}
