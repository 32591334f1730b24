//! `pantrk eval segmentation --pred DIR --truth DIR --mpp M --out DIR`

use std::path::{Path, PathBuf};

use clap::Args;
use pantrk_eval::segmentation::{
    PICTURE_LEGEND, Paired, SegmentationFacts, SegmentationOptions, SegmentationScore,
    SegmentationTable, WorstCase, case_caption, draw_field, pair_folders, score_fields,
    segmentation_report,
};
use pantrk_space::{Microns, MicronsPerPixel};
use pantrk_store::{Caption, write_captioned};
use rayon::prelude::*;

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs;

/// Compares found nuclei with true ones: F1 at IoU 0.5 and 0.7, panoptic quality, aggregated Jaccard, Dice, count ratio, and F1 of centres within a distance.
///
/// Files are label images (8 or 16 bit grey PNG or TIFF: 0 is background, each other number one nucleus) or points (CSV with columns x and y in pixels, or in um where their names end so).
/// They are paired by name; endings such as _labels, _mask, _pred or _gt do not count, and where a folder has files with them the others in it are taken for pictures.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk eval segmentation --pred found --truth truth --mpp 0.5 --out eval
  pantrk eval segmentation --pred found --truth dsb --images dsb --mpp 0.25 --out eval --worst 12")]
pub(crate) struct Segmentation {
    /// The folder of predictions
    #[arg(long, value_name = "DIR")]
    pred: PathBuf,
    /// The folder of truths
    #[arg(long, value_name = "DIR")]
    truth: PathBuf,
    /// Micrometres per pixel of the fields
    #[arg(long, value_name = "UM", value_parser = inputs::parse_mpp)]
    mpp: MicronsPerPixel,
    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = "eval-segmentation")]
    out: PathBuf,
    /// The folder of the pictures themselves, to draw the worst cases over
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Centres within this distance are the same nucleus; 3 um by the table on board
    #[arg(long, value_name = "UM", value_parser = parse_distance)]
    distance_um: Option<f64>,
    /// How many of the worst fields to draw
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=200))]
    worst: u32,
    /// Everything random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Go on where a truth has no prediction, and leave it out
    #[arg(long)]
    skip_unpaired: bool,
    /// Threads; all by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
}

fn parse_distance(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok();
    value
        .filter(|v| (0.01..=1000.0).contains(v))
        .ok_or_else(|| "a number from 0.01 to 1000 um was wanted, such as 3".to_owned())
}

impl Segmentation {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let table = SegmentationTable::embedded().or_exit(Exit::Usage)?;
        let options = SegmentationOptions {
            mpp: self.mpp,
            within: Microns::new(self.distance_um.unwrap_or(table.points.within_um)),
            seed: self.seed,
        };
        let paired = pair_folders(&self.pred, &self.truth, self.images.as_deref())
            .or_exit(Exit::NothingRead)?;
        if let (Some(first), false) = (paired.without_prediction.first(), self.skip_unpaired) {
            return Err(Failure::usage(format!(
                "{} of {} truths have no prediction, such as {first:?}; a field that was not predicted must not fall out of the figures unseen, so add its prediction (an empty label image if nothing was found) or say --skip-unpaired: {}",
                paired.without_prediction.len(),
                paired.without_prediction.len() + paired.fields.len(),
                self.pred.display()
            )));
        }
        let pool = inputs::thread_pool(self.threads)?;
        let score = pool
            .install(|| score_fields(&paired.fields, &options))
            .or_exit(Exit::NothingRead)?;
        std::fs::create_dir_all(&self.out).map_err(|e| {
            Failure::usage(format!(
                "cannot make the folder ({e}): {}",
                self.out.display()
            ))
        })?;
        let worst = pool.install(|| self.draw(&score, &options))?;
        let facts = SegmentationFacts {
            inputs: self.facts(&table, &paired, &options),
            legend: legend(),
        };
        let report = segmentation_report(&score, &paired, &worst, &options, &facts);
        super::finish(&report, &self.out)?;
        Ok(Exit::Good)
    }

    /// Draws the worst fields into `worst/`, made anew.
    fn draw(
        &self,
        score: &SegmentationScore,
        options: &SegmentationOptions,
    ) -> Result<Vec<WorstCase>, Failure> {
        let folder = self.out.join("worst");
        let unusable = |e: std::io::Error| {
            Failure::usage(format!(
                "cannot make the folder anew ({e}): {}",
                folder.display()
            ))
        };
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(unusable)?;
        }
        if self.worst == 0 {
            return Ok(Vec::new());
        }
        std::fs::create_dir_all(&folder).map_err(unusable)?;
        let order = score.worst_first();
        let wanted: Vec<(usize, usize)> = order
            .into_iter()
            .take(self.worst as usize)
            .enumerate()
            .collect();
        wanted
            .into_par_iter()
            .map(|(rank, field)| {
                let scored = &score.fields[field];
                let picture = draw_field(&scored.files, options).or_exit(Exit::NothingRead)?;
                let name = pantrk_store::safe_slide_id(&scored.files.name);
                let path = folder.join(format!("{:02}-{name}.png", rank + 1));
                let caption = Caption {
                    title: &case_caption(scored),
                    entries: &PICTURE_LEGEND.map(|entry| (entry.colour, entry.label)),
                };
                write_captioned(&path, &picture, &caption).or_exit(Exit::SomeFailed)?;
                let png = read(&path)?;
                Ok(WorstCase { field, png })
            })
            .collect()
    }

    fn facts(
        &self,
        table: &SegmentationTable,
        paired: &Paired,
        options: &SegmentationOptions,
    ) -> Vec<(String, String)> {
        let distance = if self.distance_um.is_some() {
            format!("{} (given)", options.within)
        } else {
            format!(
                "{} ({}; table {})",
                options.within, table.points.source, table.version
            )
        };
        let images = paired.fields.iter().filter(|f| f.image.is_some()).count();
        [
            ("predictions", self.pred.display().to_string()),
            ("truths", self.truth.display().to_string()),
            (
                "pictures",
                format!("{images} of {} fields", paired.fields.len()),
            ),
            ("pixel size", self.mpp.to_string()),
            ("centres match within", distance),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| {
        Failure::usage(format!(
            "cannot read back the picture ({e}): {}",
            path.display()
        ))
    })
}

fn legend() -> String {
    "Fields with the lowest F1 first. Green outlines are truth, magenta ones what was found, white where both agree; nuclei filled green were missed, those filled magenta are not in truth."
        .to_owned()
}
