//! Progress: a bar on a terminal, plain or JSON lines elsewhere; always on stderr.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use pantrk_core::pipeline::{Progress, Stage};

use crate::{machine, output, stop};

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
    last: Option<String>,
    seconds: BTreeMap<String, f64>,
    told: Instant,
}

/// Tells progress and keeps the seconds of each stage.
pub(crate) struct Reporter {
    log: Log,
    run_id: Option<String>,
    slide_id: String,
    /// Set when the work is to be let go although nobody sent a signal.
    abandoned: AtomicBool,
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
            "{msg} {prefix:>10} {bar:36.cyan/dim} {percent:>3} %  {elapsed} (about {eta} to go)",
        ) {
            bar.set_style(style);
            bar.set_message(slide_id.to_owned());
        }
        Self {
            log,
            run_id: None,
            slide_id: slide_id.to_owned(),
            abandoned: AtomicBool::new(false),
            bar,
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            state: Mutex::new(State {
                stage: None,
                last: None,
                seconds: BTreeMap::new(),
                told: Instant::now(),
            }),
        }
    }

    /// Logs carry the run's id.
    pub(crate) fn of_run(mut self, run_id: &str) -> Self {
        self.run_id = Some(run_id.to_owned());
        self
    }

    /// From here on the work is to stop.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Whether the work was let go.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// The stage that began last.
    pub(crate) fn last_stage(&self) -> Option<String> {
        self.lock().last.clone()
    }

    /// The stage, its steps done, and its steps in all.
    #[cfg(feature = "viewer")]
    pub(crate) fn standing(&self) -> (Option<String>, u64, u64) {
        (
            self.last_stage(),
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
        )
    }

    /// A stage of `total` steps begins; the one before it ends.
    pub(crate) fn stage(&self, name: &str, total: u64) {
        self.end_stage();
        machine::release_memory();
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_prefix(name.to_owned());
        self.tell(name, 0, total);
        let mut state = self.lock();
        state.stage = Some((name.to_owned(), Instant::now()));
        state.last = Some(name.to_owned());
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
            Log::Json => self.json(serde_json::json!({"note": code, "message": message})),
            Log::Auto | Log::Plain => {
                self.bar
                    .suspend(|| output::say(&format!("{}: {message}", self.slide_id)));
            }
        }
    }

    /// How long the stage has taken so far.
    fn stage_seconds(&self) -> f64 {
        let state = self.lock();
        let since = state.stage.as_ref().map(|(_, since)| *since);
        since.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }

    fn end_stage(&self) {
        let mut state = self.lock();
        let Some((name, since)) = state.stage.take() else {
            return;
        };
        let seconds = since.elapsed().as_secs_f64();
        if self.log == Log::Json {
            self.json(serde_json::json!({
                "stage": name, "event": "end", "seconds": seconds,
                "peak_rss_bytes": machine::peak_rss_bytes(),
            }));
        }
        *state.seconds.entry(name).or_insert(0.0) += seconds;
    }

    /// A line of the log with what every line carries.
    fn json(&self, mut line: serde_json::Value) {
        line["slide"] = self.slide_id.clone().into();
        line["time"] = jiff::Timestamp::now().to_string().into();
        if let Some(run_id) = &self.run_id {
            line["run"] = run_id.clone().into();
        }
        output::say(&line.to_string());
    }

    fn tell(&self, stage: &str, done: u64, total: u64) {
        match self.log {
            Log::Json => self.json(serde_json::json!({
                "stage": stage, "event": if done == 0 { "begin" } else { "progress" },
                "done": done, "total": total, "seconds": self.stage_seconds(),
                "peak_rss_bytes": machine::peak_rss_bytes(),
            })),
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
        stop::asked() || self.is_abandoned()
    }
}
