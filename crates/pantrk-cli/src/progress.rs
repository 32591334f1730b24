//! Progress: a bar on a terminal, plain or JSON lines elsewhere; always on stderr.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pantrk_core::pipeline::{Progress, Stage};

use crate::{output, stop};

/// How progress and logs are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Log {
    /// A bar on a terminal, plain lines elsewhere.
    Auto,
    /// Plain lines.
    Plain,
    /// One JSON object per line.
    Json,
    /// Errors only.
    Quiet,
}

/// Between two plain or JSON lines of one stage.
const EVERY: Duration = Duration::from_secs(10);

struct State {
    stage: Option<(String, Instant)>,
    seconds: BTreeMap<String, f64>,
    told: Instant,
}

/// Tells progress and keeps the seconds of each stage.
pub(crate) struct Reporter {
    log: Log,
    slide_id: String,
    bar: ProgressBar,
    done: AtomicU64,
    total: AtomicU64,
    state: Mutex<State>,
}

impl Reporter {
    pub(crate) fn new(log: Log, slide_id: &str) -> Self {
        let with_bar = log == Log::Auto && output::has_terminal();
        let bar = if with_bar {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix:>10} {bar:36.cyan/dim} {percent:>3} %  {elapsed} (about {eta} to go)",
        ) {
            bar.set_style(style);
        }
        Self {
            log,
            slide_id: slide_id.to_owned(),
            bar,
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            state: Mutex::new(State {
                stage: None,
                seconds: BTreeMap::new(),
                told: Instant::now(),
            }),
        }
    }

    /// A stage of `total` steps begins; the one before it ends.
    pub(crate) fn stage(&self, name: &str, total: u64) {
        self.end_stage();
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_prefix(name.to_owned());
        self.tell(name, 0, total);
        let mut state = self.lock();
        state.stage = Some((name.to_owned(), Instant::now()));
        state.told = Instant::now();
    }

    /// `done` steps of the stage are done.
    pub(crate) fn at(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.bar.set_position(done);
        let name = {
            let mut state = self.lock();
            if state.told.elapsed() < EVERY {
                return;
            }
            state.told = Instant::now();
            state.stage.as_ref().map(|(name, _)| name.clone())
        };
        if let Some(name) = name {
            self.tell(&name, done, self.total.load(Ordering::Relaxed));
        }
    }

    /// Ends the last stage and gives the seconds of each.
    pub(crate) fn finish(&self) -> BTreeMap<String, f64> {
        self.end_stage();
        self.bar.finish_and_clear();
        self.lock().seconds.clone()
    }

    /// A note for people or the log.
    pub(crate) fn note(&self, code: &str, message: &str) {
        match self.log {
            Log::Quiet => {}
            Log::Json => output::say(
                &serde_json::json!({"slide": self.slide_id, "note": code, "message": message})
                    .to_string(),
            ),
            Log::Auto | Log::Plain => {
                self.bar
                    .suspend(|| output::say(&format!("{}: {message}", self.slide_id)));
            }
        }
    }

    fn end_stage(&self) {
        let mut state = self.lock();
        if let Some((name, since)) = state.stage.take() {
            *state.seconds.entry(name).or_insert(0.0) += since.elapsed().as_secs_f64();
        }
    }

    fn tell(&self, stage: &str, done: u64, total: u64) {
        match self.log {
            Log::Json => output::say(
                &serde_json::json!({
                    "slide": self.slide_id, "stage": stage, "done": done, "total": total,
                    "peak_rss_bytes": crate::scoring::peak_rss_bytes(),
                })
                .to_string(),
            ),
            Log::Plain => output::say(&format!("{}: {stage} {done}/{total}", self.slide_id)),
            Log::Auto if self.bar.is_hidden() => {
                output::say(&format!("{}: {stage} {done}/{total}", self.slide_id));
            }
            Log::Auto | Log::Quiet => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Reporter {
    fn begin(&self, stage: Stage, total: u64) {
        self.stage(stage.name(), total);
    }

    fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.at(done);
    }

    fn cancelled(&self) -> bool {
        stop::asked()
    }
}
