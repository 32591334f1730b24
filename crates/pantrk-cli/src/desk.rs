//! Scoring for the viewer's worklist: the same as `pantrk score`, told to the window instead of the terminal.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pantrk_core::pipeline::{Progress, Stage};
use pantrk_core::segment::Segmenter;
use pantrk_report::ReportOptions;
use pantrk_slide::is_address;
use pantrk_store::slide_id_from_path;
use pantrk_viewer::{RESULTS_BESIDE, SlideScorer};

use crate::inputs::ScoreOptions;
use crate::meanwhile::meanwhile;
use crate::progress::{Log, Reporter};
use crate::scoring::{Engine, HEARTBEAT, Job, Scored, run};

/// Between two looks at how far the work is.
const LOOK: Duration = Duration::from_millis(150);

/// Scores slides with these options into one folder.
pub(crate) struct DeskScorer {
    options: ScoreOptions,
    /// Where results go; beside the slide where it is not given.
    out: Option<PathBuf>,
    /// Loaded with the first slide.
    engine: OnceLock<Engine>,
    /// Held while it is loaded.
    loading: Mutex<()>,
}

impl DeskScorer {
    pub(crate) fn new(mut options: ScoreOptions, out: Option<PathBuf>) -> Self {
        options.log = Log::Quiet;
        Self {
            options,
            out,
            engine: OnceLock::new(),
            loading: Mutex::new(()),
        }
    }

    fn engine(&self) -> Result<&Engine, String> {
        // The threads that score and that outline cells may both come first.
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.engine.get().is_none() {
            let engine = Engine::load(&self.options).map_err(|f| f.to_string())?;
            drop(self.engine.set(engine));
        }
        self.engine
            .get()
            .ok_or_else(|| "the model could not be kept".to_owned())
    }
}

impl SlideScorer for DeskScorer {
    fn score(&self, slide: &Path, progress: &dyn Progress) -> Result<PathBuf, String> {
        // Nothing is written beside a slide on a server.
        let beside = match slide.parent() {
            Some(folder) if !is_address(slide) => folder,
            _ => Path::new("."),
        };
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| beside.join(RESULTS_BESIDE));
        let slide_id = slide_id_from_path(slide);
        let reporter = Reporter::new(Log::Quiet, &slide_id);
        let job = Job {
            engine: self.engine()?,
            slide_path: slide,
            slide_id: slide_id.clone(),
            out: &out,
            options: &self.options,
            note: None,
            report: &|_| ReportOptions::default(),
            columns: &[],
            heartbeat: HEARTBEAT,
            begun: &|| {},
        };
        let scored = watched(&reporter, progress, || run(&job, &reporter));
        match scored.map_err(|failure| failure.to_string())? {
            Scored::New(_, folder) | Scored::AlreadyDone(_, folder) => Ok(folder),
            Scored::Held(_) => Err("another process is scoring it right now".to_owned()),
        }
    }

    fn with_segmenter(&self, work: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String> {
        work(self.engine()?.segmenter.as_ref());
        Ok(())
    }
}

/// Works while another thread tells how far it is, and lets it go when the window asks for that.
fn watched<T>(reporter: &Reporter, progress: &dyn Progress, work: impl FnOnce() -> T) -> T {
    let mut told = (None, 0);
    let look = || {
        if progress.cancelled() {
            reporter.abandon();
        }
        told = tell(reporter, progress, std::mem::take(&mut told));
        ControlFlow::Continue(())
    };
    meanwhile(LOOK, look, work)
}

/// Tells what is new since the last look.
fn tell(
    reporter: &Reporter,
    progress: &dyn Progress,
    (stage, mut steps): (Option<String>, u64),
) -> (Option<String>, u64) {
    let (name, done, total) = reporter.standing();
    if name != stage {
        let known = [Stage::Overview, Stage::Patches, Stage::Score];
        if let Some(begun) = known
            .into_iter()
            .find(|s| Some(s.name()) == name.as_deref())
        {
            progress.begin(begun, total);
        }
        steps = 0;
    }
    while steps < done {
        progress.step();
        steps += 1;
    }
    (name, steps)
}
