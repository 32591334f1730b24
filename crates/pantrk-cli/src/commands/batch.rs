//! `pantrk batch MANIFEST --out DIR`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::doctor;
use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs::ScoreOptions;
use crate::manifest::{self, Row};
use crate::night::Night;
use crate::preflight;
use crate::scoring::Engine;
use crate::shard::Shard;
use crate::stop;

/// Scores every slide of a manifest into `DIR/<slide-id>/`, one after the other on all threads.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk batch night.csv --out results
  pantrk batch cohort.tsv --out results --shard 3/8 --log json
  sbatch --array=0-7 --wrap 'pantrk batch cohort.tsv --out results'")]
pub(crate) struct Batch {
    /// The slides, CSV or TSV
    manifest: PathBuf,
    /// Where results go; each slide gets a folder of its own in it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The part of the slides to do; in a Slurm job array it is the task's unless given
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Stop at the first slide that fails
    #[arg(long)]
    fail_fast: bool,
    /// Try slides again that failed before with the same parameters and model
    #[arg(long)]
    retry_failed: bool,
    /// Seconds between two signs of life on a slide under work; after six missed ones other processes take it over
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=600))]
    heartbeat: u16,
    #[command(flatten)]
    options: ScoreOptions,
}

/// Rows with a problem that are named one by one; a wrong folder would else fill the screen.
const SHOWN: usize = 20;

/// What a night's work is asked to do.
pub(crate) struct Orders<'a> {
    pub(crate) out: &'a std::path::Path,
    pub(crate) options: &'a ScoreOptions,
    pub(crate) fail_fast: bool,
    pub(crate) retry_failed: bool,
    pub(crate) heartbeat: Duration,
}

impl Batch {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        // From the first moment: a signal ends with what is done kept, whatever is under way.
        stop::heed();
        let all = manifest::read(&self.manifest)?;
        let shard = match self.shard {
            Some(shard) => shard,
            None => Shard::from_slurm(&|name| std::env::var(name).ok())?.unwrap_or(Shard::ALL),
        };
        let total = all.len();
        let rows: Vec<Row> = all
            .into_iter()
            .filter(|row| shard.holds(&row.slide_id))
            .collect();
        let engine = Engine::load(&self.options)?;
        preflight::try_segmenter(engine.segmenter.as_ref())
            .map_err(|what| Failure::new(Exit::Preflight, anyhow::anyhow!("the model {what}")))?;
        std::fs::create_dir_all(&self.out)
            .map_err(|e| {
                anyhow::anyhow!(
                    "the output folder cannot be made ({e}); give another --out: {}",
                    self.out.display()
                )
            })
            .or_exit(Exit::Usage)?;
        let orders = Orders {
            out: &self.out,
            options: &self.options,
            fail_fast: self.fail_fast,
            retry_failed: self.retry_failed,
            heartbeat: Duration::from_secs(self.heartbeat.into()),
        };
        let mut night = Night::new(&orders, &engine);
        night.begin(&rows, &format!("part {shard} of {total} slides"));
        self.warn(&night, &rows);
        Ok(night.work(&rows))
    }

    /// What can be seen to go wrong, before hours have gone by.
    fn warn(&self, night: &Night<'_>, rows: &[Row]) {
        for finding in [doctor::memory(), doctor::disk(&self.out)] {
            if !finding.good {
                let message = format!("warning: {}: {}", finding.name, finding.text);
                night.note(None, finding.name, &message);
            }
        }
        for row in rows {
            if let Some(before) = &row.id_before {
                let message = format!("the folder's name for {before:?}");
                night.note(Some(&row.slide_id), "slide-id", &message);
            }
        }
        let problems: Vec<(&Row, String)> = rows
            .iter()
            .flat_map(|row| row.problems().into_iter().map(move |what| (row, what)))
            .collect();
        for (row, what) in problems.iter().take(SHOWN) {
            let message = format!("warning: line {}: {what}", row.line);
            night.note(Some(&row.slide_id), "manifest", &message);
        }
        if problems.len() > SHOWN {
            let message = format!("warning: and {} more like these", problems.len() - SHOWN);
            night.note(None, "manifest", &message);
        }
    }
}
