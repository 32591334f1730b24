//! One slide from file to folder: what `score`, `batch` and `demo` share.

mod facts;
mod files;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pantrk_core::CoreError;
use pantrk_core::overview::read_small;
use pantrk_core::pipeline::{
    Checkpoint, NoCheckpoint, ScoreInput, ScoreParameters, SlideAnalysis, score_slide_from,
};
use pantrk_core::region::Regions;
use pantrk_core::score::{ControlAdequacy, ScoringTable};
use pantrk_core::segment::Segmenter;
use pantrk_nn::sha256_hex;
use pantrk_report::ReportOptions;
use pantrk_slide::{Slide, is_address};
use pantrk_space::{Microns, MicronsPerPixel, RegionReader as _, RgbBuffer, SlideMpp};
use pantrk_store::{
    CheckpointFile, Claim, ClaimHolder, Claimed, ModelFacts, MppSource, RegionClassifierFacts,
    RunFacts, RunFolder, SlideFailure, SlideResult,
};
use pantrk_triage::{Case, ExternalControl, IhcFinding, Triage, decide};
use serde_json::{Map, Value, json};

use crate::failure::{Cause, Exit, Failure, OrExit as _};
use crate::inputs::{self, ScoreOptions, Stains};
use crate::machine::peak_rss_bytes;
use crate::meanwhile::meanwhile;
use crate::progress::Reporter;
use crate::region_classes::{self, LoadedClassifier};
use crate::stop;

use facts::{assemble, warnings};
use files::{write_case, write_cells, write_gallery, write_pictures, write_regions};

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
    let mut count = 0;
    let beat = || {
        count += 1;
        // A claim that cannot be read for once may be the network; one that is another's is lost.
        if matches!(claim.beat(count), Ok(false)) {
            reporter.abandon();
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    meanwhile(heartbeat, beat, work)
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

/// Whether a result is of this slide: of its file, or of its contents where it was moved.
pub(crate) fn is_of(result: &SlideResult, slide: &Path) -> bool {
    let scored = Path::new(&result.slide.path);
    // An address has no other name, and a slide that cannot be opened is told of by what scores it.
    let same_contents =
        || Slide::open(slide).is_ok_and(|slide| slide.fingerprint() == result.slide.fingerprint);
    match (scored.canonicalize(), slide.canonicalize()) {
        (Ok(scored), Ok(slide)) => scored == slide,
        _ => scored == slide || same_contents(),
    }
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
        Err(_) if !is_address(job.slide_path) && !job.slide_path.exists() => {
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
    let (drawn, regions) = inputs::regions(options, &slide)?;
    let case = match &options.at_desk {
        Some(desk) => inputs::case_at_desk(&desk.case)?,
        None => inputs::case(
            options.case.as_deref(),
            options.tumour_type.as_deref(),
            options.clone.as_deref(),
        )?,
    };
    let stains = inputs::stain_vectors(options)?;
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
    Ok(sha256_hex(text.as_bytes()))
}

/// Everything that decides the result besides the slide and the model; its digest is the parameter hash.
fn parameter_map(
    options: &ScoreOptions,
    case: &Case,
    (mpp, region_classifier_sha256): (SlideMpp, Option<&str>),
    stains: &Stains,
) -> Result<Map<String, Value>, Failure> {
    let table = ScoringTable::embedded();
    let regions_sha256 = match (options.drawn(), &options.regions) {
        (None, None) => Value::Null,
        (Some(text), _) => json!(sha256_hex(text.as_bytes())),
        (None, Some(path)) => {
            let bytes = std::fs::read(path).map_err(|e| {
                Failure::usage(format!("cannot read the regions ({e}): {}", path.display()))
            })?;
            json!(sha256_hex(&bytes))
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
