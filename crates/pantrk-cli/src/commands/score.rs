//! `pantrk score SLIDE --out DIR`

use std::path::PathBuf;

use clap::Args;
use pantrk_report::ReportOptions;
use pantrk_store::{ClaimHolder, SlideResult, slide_id_from_path, slide_place};

use crate::failure::{Exit, Failure};
use crate::inputs::ScoreOptions;
use crate::output::{print, say, table};
use crate::progress::{Log, Reporter};
use crate::scoring::{Engine, HEARTBEAT, Job, Scored, is_of, is_unread, run};

/// Scores one slide into `DIR/<slide-id>/`: result.json, cells.parquet, heatmaps, pictures, report.html and report.pdf.
///
/// A build without the feature `pdf`, as clusters may have, writes no report.pdf; `pantrk report` makes it from the folder on another machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk score slide.svs --out results --tumour-type \"colorectal carcinoma\" --clone EPR17341
  pantrk score slide.tif --mpp 0.25 --regions tumour.geojson --out results --profile cantrk")]
pub(crate) struct Score {
    /// The slide; in builds with the feature `cloud` also an address, https:// or s3://
    slide: PathBuf,
    /// Where results go; the slide gets a folder of its own in it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The name of the slide's folder, if not that of its file
    #[arg(long, value_name = "ID")]
    slide_id: Option<String>,
    #[command(flatten)]
    options: ScoreOptions,
}

impl Score {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let stem = self.slide.file_stem().unwrap_or_default().to_string_lossy();
        let wanted = self.slide_id.as_deref().unwrap_or(&stem);
        let slide_id = match &self.slide_id {
            Some(id) => pantrk_store::safe_slide_id(id),
            None => slide_id_from_path(&self.slide),
        };
        self.spare_another(&slide_id)?;
        let reporter = Reporter::new(self.options.log, &slide_id);
        let engine = Engine::load(&self.options)?;
        let job = Job {
            engine: &engine,
            slide_path: &self.slide,
            slide_id: slide_id.clone(),
            out: &self.out,
            options: &self.options,
            note: None,
            report: &|_| ReportOptions::default(),
            columns: &[],
            heartbeat: HEARTBEAT,
            begun: &|| {},
        };
        let scored = run(&job, &reporter)?;
        if wanted != slide_id {
            reporter.note("slide-id", &format!("{wanted:?} as a folder's name"));
        }
        let (result, folder, before) = match &scored {
            Scored::Held(holder) => return Err(held(&slide_id, holder.as_ref())),
            Scored::New(result, folder) => (result, folder, ""),
            Scored::AlreadyDone(result, folder) => (
                result,
                folder,
                " (already done; --overwrite scores it again)",
            ),
        };
        if matches!(scored, Scored::AlreadyDone(..)) && self.options.log != Log::Quiet {
            // A warning is part of the result; skipping the work must not lose it.
            for warning in &result.quality.warnings {
                say(&format!(
                    "{}: warning: {}",
                    result.slide.id, warning.message
                ));
            }
        }
        print(&score_table(result));
        print(&format!("results: {}{before}", folder.display()));
        Ok(if is_unread(result) {
            Exit::NothingRead
        } else {
            Exit::Good
        })
    }
}

impl Score {
    /// Another slide's result is not replaced by this one's.
    fn spare_another(&self, slide_id: &str) -> Result<(), Failure> {
        let folder = self.out.join(slide_id);
        // One that cannot be read is nobody's any more, and scored anew.
        let Ok(result) = SlideResult::read(&folder.join("result.json")) else {
            return Ok(());
        };
        if is_of(&result, &self.slide) {
            return Ok(());
        }
        let free = slide_place(&self.out, &self.slide, |_, other| is_of(other, &self.slide));
        Err(Failure::usage(format!(
            "here lies the result of another slide, {}; give this one a name of its own, such as --slide-id {}, or another --out: {}",
            result.slide.path,
            free.id(),
            folder.display()
        )))
    }
}

/// Another process works on the slide that is asked for.
pub(crate) fn held(slide_id: &str, holder: Option<&ClaimHolder>) -> Failure {
    let who = holder.map_or_else(
        || "another process".to_owned(),
        |holder| format!("process {} on {}", holder.pid, holder.host),
    );
    Failure::new(
        Exit::SomeFailed,
        anyhow::anyhow!("{who} is scoring {slide_id} right now; wait for it, or end it"),
    )
}

/// The score of a slide as a short table.
pub(crate) fn score_table(result: &SlideResult) -> String {
    let head = [
        "compartment",
        "positive %",
        "95 % interval",
        "1+",
        "2+",
        "3+",
        "H-score",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    if let Some(scores) = &result.compartments {
        let named = [
            ("any", &scores.any),
            ("nucleus", &scores.nucleus),
            ("nuclear rim", &scores.nuclear_rim),
            ("cytoplasm", &scores.cytoplasm),
            ("membrane", &scores.membrane),
        ];
        rows.extend(named.map(|(name, score)| {
            vec![
                name.to_owned(),
                format!("{:.1}", score.positive_percent),
                format!("{:.1}-{:.1}", score.interval95[0], score.interval95[1]),
                format!("{:.1}", score.percent_1),
                format!("{:.1}", score.percent_2),
                format!("{:.1}", score.percent_3),
                format!("{:.0}", score.h_score),
            ]
        }));
    }
    let mut text = String::new();
    if rows.len() > 1 {
        text.push_str(&table(&rows));
        text.push('\n');
    }
    text.extend([format!(
        "tumour cells {} | IHC {} by {} | {} {} ({})",
        result.cells.tumour,
        result.ihc.result.name(),
        result.ihc.profile,
        result.triage.flag.icon,
        result.triage.action.label(),
        result.triage.rule,
    )]);
    text
}
