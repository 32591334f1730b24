//! A batch at work: slide after slide, each outcome kept, none stopping the rest.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use pantrk_nn::sha256_hex;
use pantrk_report::ReportOptions;
use pantrk_space::MicronsPerPixel;
use pantrk_store::{
    ClaimHolder, ERROR_SCHEMA, SlideFailure, SlideResult, SlideState, StoreError, WORKLIST_FILE,
    Worklist, WorklistSlide, claim_sign, is_claimed, is_network, write_errors,
    write_manifest_columns,
};
use serde_json::{Value, json};

use crate::commands::batch::Orders;
use crate::failure::{Cause, Exit, Failure};
use crate::inputs::ScoreOptions;
use crate::machine;
use crate::manifest::Row;
use crate::output::{print, say, table};
use crate::progress::{Log, Reporter};
use crate::scoring::{Engine, Job, Scored, is_unread, run};
use crate::stop;

/// Between two refreshes of errors.jsonl while slides fail in a row.
const ERRORS_EVERY: Duration = Duration::from_secs(10);
/// Between two looks at slides that other processes have.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What became of a slide.
enum Outcome {
    Scored(Box<SlideResult>),
    AlreadyDone(Box<SlideResult>),
    Held(Option<ClaimHolder>),
    /// Failed now.
    Failed(Failure),
    /// It failed before with the same parameters and model, and is not tried again.
    FailedBefore(String),
}

/// How many slides came to what.
#[derive(Debug, Default)]
struct Tally {
    scored: usize,
    already_done: usize,
    failed: usize,
    elsewhere: usize,
    not_tried: usize,
}

/// A batch at work.
pub(crate) struct Night<'a> {
    orders: &'a Orders<'a>,
    engine: &'a Engine,
    run_id: String,
    /// Kept up while the batch runs, for whoever watches; none on a network file system, or once it refused.
    worklist: Mutex<Option<Worklist>>,
    tally: Tally,
    errors_written: Option<Instant>,
    since: Instant,
}

impl<'a> Night<'a> {
    pub(crate) fn new(orders: &'a Orders<'a>, engine: &'a Engine) -> Self {
        Self {
            orders,
            engine,
            run_id: run_id(),
            worklist: Mutex::new(None),
            tally: Tally::default(),
            errors_written: None,
            since: Instant::now(),
        }
    }

    /// Says what is to be done and puts the slides on the worklist.
    pub(crate) fn begin(&mut self, rows: &[Row], part: &str) {
        let model = &self.engine.model;
        self.tell(
            json!({
                "event": "run", "slides": rows.len(), "model": model.name,
                "model_sha256": model.sha256, "threads": self.engine.pool.current_num_threads(),
                "memory_limit_bytes": machine::memory_limit(), "host": pantrk_store::host_name(),
            }),
            &format!(
                "{} slides ({part}) on {} threads, model {} {}",
                rows.len(),
                self.engine.pool.current_num_threads(),
                model.name,
                model.version
            ),
        );
        if is_network(self.orders.out) {
            // SQLite's locks cannot be trusted between machines; collect makes the list at the end.
            return;
        }
        let opened = Worklist::open(&self.orders.out.join(WORKLIST_FILE)).and_then(|mut list| {
            let waiting: Vec<WorklistSlide> = rows.iter().map(|row| self.waiting(row)).collect();
            list.enqueue(&waiting)?;
            // What a killed process had under work waits again.
            let mut left = list.slides()?;
            left.retain(|slide| {
                slide.state == SlideState::Running
                    && !is_claimed(self.orders.out, &slide.slide_id).unwrap_or(true)
            });
            for slide in &mut left {
                slide.state = SlideState::Waiting;
                slide.started = None;
            }
            list.put(&left)?;
            Ok(list)
        });
        match opened {
            Ok(list) => self.worklist = Mutex::new(Some(list)),
            Err(error) => self.no_worklist(&error.to_string()),
        }
    }

    /// Does all slides, and says how it went.
    pub(crate) fn work(&mut self, rows: &[Row]) -> Exit {
        let mut held = Vec::new();
        let mut ended = None;
        let mut tried = 0;
        for (i, row) in rows.iter().enumerate() {
            if stop::asked() {
                ended = Some(Exit::Interrupted);
                break;
            }
            tried = i + 1;
            let place = format!("[{}/{}]", i + 1, rows.len());
            let outcome = self.one(row);
            if let Outcome::Held(_) = outcome {
                held.push(row);
                continue;
            }
            ended = self.settle(row, &place, outcome);
            if ended.is_some() {
                break;
            }
        }
        if ended.is_none() {
            ended = self.wait_for(&held);
        } else {
            self.tally.not_tried += rows.len() - tried + held.len();
        }
        if ended == Some(Exit::Interrupted) && tried > 0 {
            // The slide in hand has no outcome of its own.
            let counted = &self.tally;
            self.tally.not_tried = rows.len()
                - (counted.scored + counted.already_done + counted.failed + counted.elsewhere);
        }
        self.refresh_errors(true);
        self.report(rows.len());
        match ended {
            Some(exit) => exit,
            None if self.tally.failed == 0 => Exit::Good,
            None if self.tally.failed == rows.len() => Exit::NothingRead,
            None => Exit::SomeFailed,
        }
    }

    /// Scores a slide, unless there is no need or no use.
    fn one(&self, row: &Row) -> Outcome {
        let options = row.options(self.orders.options);
        if let Some(before) = SlideFailure::read(self.orders.out, &row.slide_id)
            && !(before.retry || before.has_result)
            && !(self.orders.retry_failed || options.overwrite)
            && before.request == self.request(row, &options)
        {
            return Outcome::FailedBefore(before.error);
        }
        if !self.orders.out.is_dir() {
            // Never made again in the middle: where a disk was mounted there is only the empty place now.
            return Outcome::Failed(
                Failure::new(
                    Exit::SomeFailed,
                    anyhow::anyhow!("the output folder is gone: {}", self.orders.out.display()),
                )
                .because_of(Cause::Output),
            );
        }
        if let Some(trouble) = &row.trouble {
            return Outcome::Failed(Failure::usage(format!(
                "line {} of the manifest: {trouble}",
                row.line
            )));
        }
        machine::forget_peak();
        let reporter = Reporter::new(options.log, &row.slide_id).of_run(&self.run_id);
        let job = Job {
            engine: self.engine,
            slide_path: &row.slide_path,
            slide_id: row.slide_id.clone(),
            out: self.orders.out,
            options: &options,
            note: None,
            report: &|_| ReportOptions::default(),
            columns: &row.columns,
            heartbeat: self.orders.heartbeat,
            begun: &|| {
                self.list(|| WorklistSlide {
                    state: SlideState::Running,
                    started: Some(jiff::Timestamp::now().to_string()),
                    ..self.waiting(row)
                });
            },
        };
        // A defect that one slide brings to light must not cost the others the night.
        match catch_unwind(AssertUnwindSafe(|| run(&job, &reporter))) {
            Ok(Ok(Scored::New(result, _))) => Outcome::Scored(result),
            Ok(Ok(Scored::AlreadyDone(result, folder))) => {
                match write_manifest_columns(&folder, &row.columns) {
                    Ok(()) => Outcome::AlreadyDone(result),
                    Err(error) => Outcome::Failed(Failure::new(Exit::SomeFailed, error)),
                }
            }
            Ok(Ok(Scored::Held(holder))) => Outcome::Held(holder),
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(_) => Outcome::Failed(
                Failure::new(
                    Exit::SomeFailed,
                    anyhow::anyhow!(
                        "a defect of this program stopped the slide; the message above says where, please report it"
                    ),
                )
                .in_stage(reporter.last_stage()),
            ),
        }
    }

    /// Counts an outcome, tells and keeps it; gives the exit if it ends the batch.
    fn settle(&mut self, row: &Row, place: &str, outcome: Outcome) -> Option<Exit> {
        match outcome {
            Outcome::Scored(result) => {
                if self.unread(row, place, &result) {
                    return self.orders.fail_fast.then_some(Exit::SomeFailed);
                }
                self.tally.scored += 1;
                self.told(row, place, "scored", &result);
                self.list(|| listed(&result, row));
                None
            }
            Outcome::AlreadyDone(result) => {
                if self.unread(row, place, &result) {
                    return self.orders.fail_fast.then_some(Exit::SomeFailed);
                }
                self.tally.already_done += 1;
                if let Err(error) = SlideFailure::clear(self.orders.out, &row.slide_id) {
                    self.trouble(Some(&row.slide_id), &error);
                }
                self.told(row, place, "already done", &result);
                self.list(|| listed(&result, row));
                None
            }
            Outcome::Held(holder) => {
                self.tally.elsewhere += 1;
                let who = holder.map(|h| format!("process {} on {}", h.pid, h.host));
                let who = who.unwrap_or_else(|| "another process".to_owned());
                self.tell(
                    json!({"slide": row.slide_id, "event": "elsewhere", "holder": who}),
                    &format!("{place} {}: {who} is scoring it", row.slide_id),
                );
                None
            }
            Outcome::FailedBefore(error) => {
                self.tally.failed += 1;
                self.tell(
                    json!({"slide": row.slide_id, "event": "failed before", "error": error}),
                    &format!(
                        "{place} {}: failed before (--retry-failed tries again): {error}",
                        row.slide_id
                    ),
                );
                self.list(|| WorklistSlide {
                    state: SlideState::Failed,
                    error: Some(error.clone()),
                    ..self.waiting(row)
                });
                self.orders.fail_fast.then_some(Exit::SomeFailed)
            }
            Outcome::Failed(failure) if failure.exit == Exit::Interrupted => {
                self.tell(
                    json!({"slide": row.slide_id, "event": "interrupted", "stage": failure.stage()}),
                    &format!(
                        "{place} {}: stopped; what is done of it is kept",
                        row.slide_id
                    ),
                );
                self.list(|| self.waiting(row));
                Some(Exit::Interrupted)
            }
            Outcome::Failed(failure) => self.failed(row, place, &failure),
        }
    }

    fn failed(&mut self, row: &Row, place: &str, failure: &Failure) -> Option<Exit> {
        let gone = !self.orders.out.is_dir();
        let output = gone || failure.cause() == Cause::Output;
        let error = failure.to_string();
        self.tally.failed += 1;
        self.record_failure(row, place, failure.stage(), &error, |record| {
            record.retry = output || failure.cause() == Cause::Machine;
        });
        if output {
            let what = if gone {
                "the output folder is gone"
            } else {
                "nothing more can be written to the output folder"
            };
            self.tell_error(
                json!({"event": "stopped", "error": what}),
                &format!("the batch stops: {what}; run it again when that is mended, finished slides are kept"),
            );
            return Some(Exit::SomeFailed);
        }
        self.orders.fail_fast.then_some(Exit::SomeFailed)
    }

    /// A slide of which nothing could be read has a result that says so, and has failed all the same.
    fn unread(&mut self, row: &Row, place: &str, result: &SlideResult) -> bool {
        if !is_unread(result) {
            return false;
        }
        self.tally.failed += 1;
        let error = format!(
            "{:.3} mm2 of its tissue could not be read; copy or scan the slide again",
            result.quality.unread_mm2
        );
        self.record_failure(row, place, "patches", &error, |record| {
            record.has_result = true;
        });
        true
    }

    fn record_failure(
        &mut self,
        row: &Row,
        place: &str,
        stage: &str,
        error: &str,
        change: impl FnOnce(&mut SlideFailure),
    ) {
        self.tell_error(
            json!({
                "slide": row.slide_id, "event": "failed", "stage": stage, "error": error,
                "peak_rss_bytes": machine::peak_rss_bytes(),
            }),
            &format!("{place} {}: FAILED in {stage}: {error}", row.slide_id),
        );
        let before = SlideFailure::read(self.orders.out, &row.slide_id);
        let mut record = SlideFailure {
            schema: ERROR_SCHEMA.to_owned(),
            slide_id: row.slide_id.clone(),
            slide_path: row.slide_path.display().to_string(),
            stage: stage.to_owned(),
            error: error.to_owned(),
            retry: false,
            has_result: false,
            attempts: before.map_or(0, |before| before.attempts) + 1,
            request: self.request(row, &row.options(self.orders.options)),
            run_id: self.run_id.clone(),
            time: jiff::Timestamp::now().to_string(),
            manifest_columns: row.columns.clone(),
        };
        change(&mut record);
        if let Err(error) = record.write(self.orders.out) {
            self.trouble(Some(&row.slide_id), &error);
        }
        self.list(|| WorklistSlide {
            state: SlideState::Failed,
            error: Some(error.to_owned()),
            ..self.waiting(row)
        });
        self.refresh_errors(false);
    }

    /// Slides that other processes had when their turn came: finished since, or taken over from a dead process, or left to a living one.
    fn wait_for(&mut self, held: &[&Row]) -> Option<Exit> {
        for row in held {
            let mut first = None;
            loop {
                if stop::asked() {
                    return Some(Exit::Interrupted);
                }
                let outcome = self.one(row);
                let lives = match (&outcome, claim_sign(self.orders.out, &row.slide_id)) {
                    // A second beat is a sign of life; so is a process that this machine knows.
                    (Outcome::Held(_), Ok(Some(sign))) => {
                        sign.runs || *first.get_or_insert(sign.beat) != sign.beat
                    }
                    (Outcome::Held(_), _) => false,
                    _ => true,
                };
                if lives {
                    if let Some(exit) = self.settle(row, "[again]", outcome) {
                        return Some(exit);
                    }
                    break;
                }
                std::thread::sleep(LOOK_EVERY);
            }
        }
        None
    }

    /// Identity of what is asked for: what failed is tried anew once anything of it is another.
    fn request(&self, row: &Row, options: &ScoreOptions) -> String {
        let text = json!([
            env!("CARGO_PKG_VERSION"),
            self.engine.model,
            stamp(Some(&row.slide_path)),
            options.mpp.map(MicronsPerPixel::get),
            options.tumour_type,
            options.clone,
            stamp(options.regions.as_deref()),
            stamp(options.case.as_deref()),
            options.profile,
            options.thresholds,
            options.stains,
            options.model,
            options.geojson,
            options.assume_h_dab,
            options.skip_heatmaps,
        ]);
        sha256_hex(text.to_string().as_bytes())
    }

    fn waiting(&self, row: &Row) -> WorklistSlide {
        let options = row.options(self.orders.options);
        WorklistSlide {
            tumour_type: options.tumour_type,
            antibody_clone: options.clone,
            manifest_columns: row.columns.clone(),
            ..WorklistSlide::waiting(&row.slide_id, row.slide_path.display().to_string())
        }
    }

    /// Puts a row on the worklist; a worklist that refuses costs no slide.
    fn list(&self, row: impl FnOnce() -> WorklistSlide) {
        let mut guard = self.worklist.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = guard.as_mut()
            && let Err(error) = list.put(&[row()])
        {
            *guard = None;
            self.no_worklist(&error.to_string());
        }
    }

    fn no_worklist(&self, why: &str) {
        self.tell(
            json!({"note": "worklist", "message": why}),
            &format!("warning: the worklist is not kept up ({why}); pantrk collect makes it"),
        );
    }

    fn refresh_errors(&mut self, last: bool) {
        let lately = self
            .errors_written
            .is_some_and(|at| at.elapsed() < ERRORS_EVERY);
        if lately && !last {
            return;
        }
        self.errors_written = Some(Instant::now());
        if self.orders.out.is_dir()
            && let Err(error) = write_errors(self.orders.out)
        {
            self.trouble(None, &error);
        }
    }

    fn told(&self, row: &Row, place: &str, event: &str, result: &SlideResult) {
        let seconds = result.run.seconds.get("total").copied();
        let percent = result.compartments.as_ref().map(|c| c.any.positive_percent);
        let figure = percent.map_or_else(String::new, |percent| format!(", {percent:.1} %"));
        let took = match (event, seconds) {
            ("scored", Some(seconds)) => format!(" ({seconds:.1} s)"),
            _ => format!(" ({event})"),
        };
        self.tell(
            json!({
                "slide": row.slide_id, "event": event, "seconds": seconds,
                "ihc_result": result.ihc.result.name(), "action": result.triage.action.name(),
                "peak_rss_bytes": machine::peak_rss_bytes(),
            }),
            &format!(
                "{place} {}: {}{figure}; {} {}{took}",
                row.slide_id,
                result.ihc.result.name(),
                result.triage.flag.icon,
                result.triage.action.label(),
            ),
        );
    }

    fn report(&self, slides: usize) {
        let tally = &self.tally;
        let rows = [
            ("slides", "number"),
            ("scored", &tally.scored.to_string()),
            ("already done", &tally.already_done.to_string()),
            ("failed", &tally.failed.to_string()),
            ("at other processes", &tally.elsewhere.to_string()),
            ("not tried", &tally.not_tried.to_string()),
        ]
        .map(|(name, number)| vec![name.to_owned(), number.to_owned()]);
        print(&table(&rows));
        print(&format!(
            "results: {}{}",
            self.orders.out.display(),
            if tally.failed > 0 {
                " (errors.jsonl says what failed)"
            } else {
                ""
            }
        ));
        if self.orders.options.log == Log::Json {
            self.tell(
                json!({
                    "event": "run ended", "slides": slides, "scored": tally.scored,
                    "already_done": tally.already_done, "failed": tally.failed,
                    "elsewhere": tally.elsewhere, "not_tried": tally.not_tried,
                    "seconds": self.since.elapsed().as_secs_f64(),
                }),
                "",
            );
        }
    }

    /// Something to know about the run or one slide, before or beside the work.
    pub(crate) fn note(&self, slide: Option<&str>, note: &str, message: &str) {
        let words = slide.map_or_else(|| message.to_owned(), |slide| format!("{slide}: {message}"));
        self.tell(
            json!({"slide": slide, "note": note, "message": message}),
            &words,
        );
    }

    /// What could not be written beside the results.
    fn trouble(&self, slide: Option<&str>, error: &StoreError) {
        let error = error.to_string();
        self.tell_error(
            json!({"slide": slide, "note": "not-written", "message": error}),
            &error,
        );
    }

    /// An error: told even where nothing else is.
    fn tell_error(&self, line: Value, words: &str) {
        if self.orders.options.log == Log::Quiet {
            say(&format!("pantrk: {words}"));
        } else {
            self.tell(line, words);
        }
    }

    /// One line of the log, as JSON or in words.
    fn tell(&self, mut line: Value, words: &str) {
        match self.orders.options.log {
            Log::Quiet => {}
            Log::Json => {
                line["run"] = self.run_id.clone().into();
                line["time"] = jiff::Timestamp::now().to_string().into();
                say(&line.to_string());
            }
            Log::Auto | Log::Plain => say(words),
        }
    }
}

/// A finished slide's row, with the manifest's columns.
fn listed(result: &SlideResult, row: &Row) -> WorklistSlide {
    WorklistSlide {
        manifest_columns: row.columns.clone(),
        ..WorklistSlide::done(result)
    }
}

/// Path, length and time of a file: enough to see that it is another than before.
fn stamp(path: Option<&Path>) -> Value {
    let Some(path) = path else {
        return Value::Null;
    };
    let found = std::fs::metadata(path).ok();
    let changed = found
        .as_ref()
        .and_then(|m| m.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    json!([
        path.display().to_string(),
        found.map(|m| m.len()),
        changed.map(|time| time.as_nanos().to_string()),
    ])
}

/// Tells runs apart in logs and records: when and where.
fn run_id() -> String {
    let time = jiff::Timestamp::now().as_millisecond();
    let seed = format!(
        "{} {} {time}",
        pantrk_store::host_name(),
        std::process::id()
    );
    let digest = sha256_hex(seed.as_bytes());
    let now = jiff::Timestamp::now().to_string();
    let stamp: String = now.chars().filter(char::is_ascii_digit).take(14).collect();
    format!("{stamp}-{}", &digest[..8])
}
