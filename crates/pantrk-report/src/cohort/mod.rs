//! A cohort's report: many scored slides, those that need someone first.

mod drawings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pantrk_core::score::IhcResult;
use pantrk_store::SlideResult;
use serde::Serialize;

use crate::model::{Fact, Mark, flag_colour, ihc_mark, urgency};
use crate::numbers::{MISSING, count, minute, num, pct, pct_range, probability_text, words};
use crate::slide::{Written, write};
use crate::{ReportError, ReportOptions, html};

/// The scored slides of a folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cohort {
    /// The folder's name.
    pub name: String,
    /// In the order of their ids.
    pub slides: Vec<SlideResult>,
    /// Slides without a result.
    pub failures: Vec<CohortFailure>,
}

/// A slide that has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CohortFailure {
    /// Its id, or the name of its file.
    pub slide: String,
    /// Why, as a sentence.
    pub why: String,
}

impl Cohort {
    /// Reads every `<slide-id>/result.json` of a folder, and the failures that `errors.jsonl` names.
    ///
    /// A result that cannot be read is a failure of the cohort, not of the report. A slide that failed first and was scored later is no failure.
    ///
    /// # Errors
    /// If the folder cannot be read or holds no scored slide.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let failed = |source| ReportError::Io {
            action: "read the folder",
            path: folder.to_owned(),
            source,
        };
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let unfinished = name.ends_with(".partial") || name.ends_with(".old");
            if !unfinished && path.join("result.json").is_file() {
                found.push(path);
            }
        }
        found.sort();
        let mut cohort = Self {
            name: cohort_name(folder),
            ..Self::default()
        };
        for path in &found {
            match SlideResult::read(&path.join("result.json")) {
                Ok(result) => cohort.slides.push(result),
                Err(error) => cohort.failures.push(CohortFailure {
                    slide: path
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                    why: chain(&error),
                }),
            }
        }
        for failure in errors_of(folder) {
            let scored = cohort.slides.iter().any(|s| s.slide.id == failure.slide);
            if !scored && !cohort.failures.iter().any(|f| f.slide == failure.slide) {
                cohort.failures.push(failure);
            }
        }
        cohort.failures.sort_by(|a, b| a.slide.cmp(&b.slide));
        if cohort.slides.is_empty() && cohort.failures.is_empty() {
            return Err(ReportError::EmptyCohort {
                path: folder.to_owned(),
            });
        }
        Ok(cohort)
    }
}

fn cohort_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole
        .file_name()
        .map_or_else(|| "cohort".to_owned(), |n| n.to_string_lossy().into_owned())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

/// The last word on each slide in `errors.jsonl`; a line that is none is passed over.
fn errors_of(folder: &Path) -> Vec<CohortFailure> {
    let text = std::fs::read_to_string(folder.join("errors.jsonl")).unwrap_or_default();
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        let first = |keys: &[&str]| {
            keys.iter()
                .find_map(|key| value.get(key).and_then(|v| v.as_str()))
                .map(str::to_owned)
        };
        if let (Some(slide), Some(why)) = (
            first(&["slide_id", "slide", "slide_path"]),
            first(&["error", "message", "reason"]),
        ) {
            last.insert(slide, why);
        }
    }
    last.into_iter()
        .map(|(slide, why)| CohortFailure { slide, why })
        .collect()
}

/// Writes `cohort.html` and `cohort.pdf` into the folder.
///
/// # Errors
/// If a template does not fit or a file cannot be written.
pub fn write_cohort_report(
    cohort: &Cohort,
    folder: &Path,
    options: &ReportOptions,
) -> Result<Written, ReportError> {
    let page = CohortPage::new(cohort);
    let html = folder.join("cohort.html");
    write(
        &html,
        html::render("cohort.html", &cohort.name, &page, &[])?.as_bytes(),
    )?;
    #[cfg(feature = "pdf")]
    let pdf = {
        let sheet = crate::pdf::Sheet {
            template: include_str!("../../../../assets/report/cohort.typ"),
            subject: &cohort.name,
            title: &format!("Pan-TRK cohort {}", cohort.name),
            made: latest(cohort),
            paper: options.paper,
            fonts: &options.fonts,
            pictures: &[],
        };
        let path = folder.join("cohort.pdf");
        write(&path, &crate::pdf::render(&sheet, &page)?)?;
        Some(path)
    };
    #[cfg(not(feature = "pdf"))]
    let pdf = {
        let _ = options;
        None
    };
    Ok(Written { html, pdf })
}

/// When the last slide was begun: the report's own time, as far as it has one.
fn latest(cohort: &Cohort) -> Option<&str> {
    let times = cohort
        .slides
        .iter()
        .filter_map(|s| s.run.started.as_deref());
    times.max()
}

/// A cohort's report as words.
#[derive(Debug, Serialize)]
struct CohortPage {
    kind: &'static str,
    id: String,
    program: &'static str,
    made: String,
    facts: Vec<Fact>,
    actions: Vec<Tally>,
    results: Vec<Tally>,
    alerts: Vec<String>,
    drawings: Vec<Drawing>,
    rows: Vec<Row>,
    failures: Vec<CohortFailure>,
    warnings: Vec<(String, String)>,
    runs: Vec<(String, String)>,
    limits: &'static str,
}

#[derive(Debug, Serialize)]
struct Tally {
    mark: Mark,
    what: String,
    count: String,
    share: String,
}

/// A drawing with its title.
#[derive(Debug, Serialize)]
struct Drawing {
    title: &'static str,
    svg: String,
}

/// One slide of the worklist.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    link: String,
    tumour: String,
    flag: Mark,
    ihc: Mark,
    percent: String,
    interval: String,
    h_score: String,
    cells: String,
    after: String,
    warnings: usize,
}

const LIMITS: &str = "Decision support for research use, not a diagnosis. Pan-TRK IHC is a screen; RNA-based sequencing confirms. A pathologist reviews each slide, decides and signs.";

impl CohortPage {
    fn new(cohort: &Cohort) -> Self {
        let mut ordered: Vec<&SlideResult> = cohort.slides.iter().collect();
        ordered.sort_by(|a, b| {
            need(a)
                .cmp(&need(b))
                .then_with(|| a.slide.id.cmp(&b.slide.id))
        });
        Self {
            kind: "Pan-TRK immunohistochemistry, cohort",
            id: cohort.name.clone(),
            program: concat!("pantrk ", env!("CARGO_PKG_VERSION")),
            made: latest(cohort).map(minute).unwrap_or_default(),
            facts: facts(cohort),
            actions: actions(&ordered),
            results: results(&ordered),
            alerts: alerts(cohort),
            drawings: drawings::all(&ordered),
            rows: ordered.iter().map(|slide| row(slide)).collect(),
            failures: cohort.failures.clone(),
            warnings: warning_counts(cohort),
            runs: runs(cohort),
            limits: LIMITS,
        }
    }
}

/// The order of the worklist: by what is to be done, then the likelier fusion, then the more stain.
fn need(slide: &SlideResult) -> (u8, std::cmp::Reverse<u64>, std::cmp::Reverse<u64>) {
    let micro = |v: f64| std::cmp::Reverse((v.max(0.0) * 1e6) as u64);
    let after = slide.triage.post_test.as_ref().map_or(0.0, |p| p.p);
    let percent = slide
        .compartments
        .as_ref()
        .map_or(0.0, |c| c.any.positive_percent);
    (urgency(slide.triage.action), micro(after), micro(percent))
}

fn row(slide: &SlideResult) -> Row {
    let any = slide.compartments.as_ref().map(|c| &c.any);
    let missing = || MISSING.to_owned();
    Row {
        id: slide.slide.id.clone(),
        link: format!("{}/report.html", slide.slide.id),
        tumour: slide
            .triage
            .tumour_type
            .as_deref()
            .map_or_else(missing, words),
        flag: Mark {
            word: slide.triage.flag.word.clone(),
            icon: slide.triage.flag.icon.clone(),
            colour: flag_colour(&slide.triage.flag.colour).to_owned(),
        },
        ihc: ihc_mark(slide.ihc.result),
        percent: any.map_or_else(missing, |a| pct(a.positive_percent)),
        interval: any.map_or_else(String::new, |a| pct_range(a.interval95)),
        h_score: any.map_or_else(missing, |a| num(a.h_score, 0)),
        cells: count(slide.cells.tumour),
        after: slide
            .triage
            .post_test
            .as_ref()
            .map_or_else(missing, |p| probability_text(p.p)),
        warnings: slide.quality.warnings.len() + slide.triage.warnings.len(),
    }
}

fn share(part: usize, whole: usize) -> String {
    format!("{} %", num(100.0 * part as f64 / whole.max(1) as f64, 0))
}

fn facts(cohort: &Cohort) -> Vec<Fact> {
    let slides = &cohort.slides;
    let fact = |label: &str, value: String, detail: String| Fact {
        label: label.to_owned(),
        value,
        unit: String::new(),
        detail,
    };
    let with = |result| slides.iter().filter(|s| s.ihc.result == result).count();
    let to_do = slides
        .iter()
        .filter(|s| s.triage.action != pantrk_triage::Action::NoFurtherTesting)
        .count();
    let cells: u64 = slides.iter().map(|s| s.cells.tumour).sum();
    let positive = with(IhcResult::Positive);
    vec![
        fact(
            "Slides scored",
            count(slides.len() as u64),
            format!("{} without a result", cohort.failures.len()),
        ),
        fact(
            "Something to do",
            count(to_do as u64),
            format!("{} of the slides", share(to_do, slides.len())),
        ),
        fact(
            "IHC positive",
            count(positive as u64),
            format!(
                "{}; {} indeterminate",
                share(positive, slides.len()),
                with(IhcResult::Indeterminate)
            ),
        ),
        fact(
            "Tumour cells scored",
            count(cells),
            format!("{} slides not evaluable", with(IhcResult::NotEvaluable)),
        ),
    ]
}

fn actions(slides: &[&SlideResult]) -> Vec<Tally> {
    let tally = |action: pantrk_triage::Action| {
        let n = slides.iter().filter(|s| s.triage.action == action).count();
        let flag = action.flag();
        (n > 0).then(|| Tally {
            mark: Mark {
                word: flag.word,
                icon: flag.icon,
                colour: flag_colour(&flag.colour).to_owned(),
            },
            what: action.label().to_owned(),
            count: count(n as u64),
            share: share(n, slides.len()),
        })
    };
    let mut all = pantrk_triage::Action::ALL;
    all.sort_by_key(|&action| urgency(action));
    all.into_iter().filter_map(tally).collect()
}

fn results(slides: &[&SlideResult]) -> Vec<Tally> {
    [
        IhcResult::Positive,
        IhcResult::Indeterminate,
        IhcResult::Negative,
        IhcResult::NotEvaluable,
    ]
    .into_iter()
    .map(|result| {
        let n = slides.iter().filter(|s| s.ihc.result == result).count();
        Tally {
            mark: ihc_mark(result),
            what: String::new(),
            count: count(n as u64),
            share: share(n, slides.len()),
        }
    })
    .collect()
}

/// Slides are comparable only if they were scored alike.
fn alerts(cohort: &Cohort) -> Vec<String> {
    let mut alerts = Vec::new();
    let distinct = |of: &dyn Fn(&SlideResult) -> String| {
        let mut found: Vec<String> = cohort.slides.iter().map(of).collect();
        found.sort();
        found.dedup();
        found.len()
    };
    let models = distinct(&|s| format!("{:?}", s.run.model));
    if models > 1 {
        alerts.push(format!(
            "The slides were scored with {models} different models; their figures do not compare."
        ));
    }
    let thresholds = distinct(&|s| format!("{:?}", s.run.parameters.get("thresholds")));
    if thresholds > 1 {
        alerts.push(format!(
            "The slides were scored with {thresholds} different sets of thresholds; their figures do not compare."
        ));
    }
    let versions = distinct(&|s| s.run.version.clone());
    if versions > 1 {
        alerts.push(format!(
            "The slides were scored by {versions} versions of the program."
        ));
    }
    alerts
}

/// How many slides carry each warning, the most frequent first.
fn warning_counts(cohort: &Cohort) -> Vec<(String, String)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for slide in &cohort.slides {
        let mut codes: Vec<_> = slide
            .quality
            .warnings
            .iter()
            .map(|w| w.code.as_str())
            .collect();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            *counts.entry(code).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    counts
        .into_iter()
        .map(|(code, n)| (words(code), count(n as u64)))
        .collect()
}

/// By what the slides were scored, and how many by each.
fn runs(cohort: &Cohort) -> Vec<(String, String)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for slide in &cohort.slides {
        let run = &slide.run;
        let mut text = format!(
            "pantrk {}, {} {}",
            run.version, run.model.name, run.model.version
        );
        if let Some(sha256) = &run.model.sha256 {
            text = format!("{text} (SHA-256 {sha256})");
        }
        let text = format!(
            "{text}, profile {}, evidence {}",
            slide.ihc.profile, slide.triage.table_version
        );
        *counts.entry(text).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(text, n)| (text, count(n as u64)))
        .collect()
}
