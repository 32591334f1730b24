//! `pantrk regions train|apply`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pantrk_core::region_classifier::{RegionSlide, TrainingPlaces};
use pantrk_slide::Slide;
use pantrk_space::{MicronsPerPixel, RegionReader as _};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs;
use crate::output::{print, table, write_whole};
use crate::region_classes::{self, LoadedClassifier};

/// Trains a classifier of regions with a few strokes per class, or shows what it makes of a slide.
///
/// `pantrk score --region-classifier FILE` scores with the regions that it proposes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk regions train --slide a.svs --strokes a.geojson --out laboratory.regions.json
  pantrk regions apply b.svs --classifier laboratory.regions.json --out b.geojson")]
pub(crate) struct Regions {
    #[command(subcommand)]
    command: RegionsCommand,
}

#[derive(Debug, Subcommand)]
enum RegionsCommand {
    /// Train a classifier with strokes: GeoJSON areas whose classes are Tumor, Stroma, Nerve, Muscle, Necrosis, or others
    #[command(after_help = "Examples:
  pantrk regions train --slide a.svs --strokes a.geojson --out laboratory.regions.json
  pantrk regions train --slide a.svs --strokes a.geojson --slide b.svs --strokes b.geojson --out laboratory.regions.json")]
    Train {
        /// A slide with strokes; may be given again, each with its --strokes
        #[arg(long, required = true)]
        slide: Vec<PathBuf>,
        /// The strokes on that slide
        #[arg(long, required = true, value_name = "FILE.geojson")]
        strokes: Vec<PathBuf>,
        /// Micrometres per pixel of the slides, if the files do not say
        #[arg(long, value_name = "UM", value_parser = inputs::parse_mpp)]
        mpp: Option<MicronsPerPixel>,
        /// The classifier's file
        #[arg(long, value_name = "FILE.json")]
        out: PathBuf,
        /// Threads; all by default
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
        threads: Option<u32>,
    },
    /// The regions that a classifier proposes for a slide, as GeoJSON to look at and mend
    #[command(after_help = "Examples:
  pantrk regions apply slide.svs --classifier laboratory.regions.json --out slide.geojson
  pantrk regions apply slide.tif --mpp 0.25 --classifier laboratory.regions.json --out slide.geojson")]
    Apply {
        /// The slide
        slide: PathBuf,
        /// The classifier's file
        #[arg(long, value_name = "FILE.json")]
        classifier: PathBuf,
        /// Micrometres per pixel of the slide, if the file does not say
        #[arg(long, value_name = "UM", value_parser = inputs::parse_mpp)]
        mpp: Option<MicronsPerPixel>,
        /// The regions' file
        #[arg(long, value_name = "FILE.geojson")]
        out: PathBuf,
        /// Threads; all by default
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
        threads: Option<u32>,
    },
}

impl Regions {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            RegionsCommand::Train {
                slide,
                strokes,
                mpp,
                out,
                threads,
            } => {
                if slide.len() != strokes.len() {
                    return Err(Failure::usage(format!(
                        "found {} slides and {} files of strokes; give each --slide its --strokes",
                        slide.len(),
                        strokes.len()
                    )));
                }
                for path in slide.iter().chain(strokes) {
                    inputs::check_output_file(out, path)?;
                }
                let pairs: Vec<_> = slide.iter().zip(strokes).collect();
                inputs::thread_pool(*threads)?.install(|| train(&pairs, *mpp, out))
            }
            RegionsCommand::Apply {
                slide,
                classifier,
                mpp,
                out,
                threads,
            } => {
                inputs::check_output_file(out, slide)?;
                inputs::check_output_file(out, classifier)?;
                let loaded = region_classes::load(classifier)?;
                inputs::thread_pool(*threads)?.install(|| apply(slide, *mpp, &loaded, out))
            }
        }
    }
}

fn train(
    pairs: &[(&PathBuf, &PathBuf)],
    mpp: Option<MicronsPerPixel>,
    out: &Path,
) -> Result<Exit, Failure> {
    let mut places = TrainingPlaces::default();
    for (path, strokes) in pairs {
        let slide = inputs::open_slide(path)?;
        let (slide_mpp, _) = inputs::slide_mpp(&slide, mpp)?;
        let drawn = pantrk_store::read_regions(strokes, slide.size()).or_exit(Exit::Usage)?;
        let named = region_classes::strokes(&drawn, strokes)?;
        let surveyed = RegionSlide::survey(&slide, slide_mpp).or_exit(Exit::NothingRead)?;
        places.add(&surveyed, &named).or_exit(Exit::NothingRead)?;
    }
    let classifier = places.train().or_exit(Exit::Usage)?;
    let text = classifier.to_json().or_exit(Exit::SomeFailed)?;
    write_file(out, text.as_bytes())?;
    let head = ["class", "places of 8 um", "held out, told right %"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(classifier.classes.iter().map(|class| {
        vec![
            class.class.clone(),
            class.places.to_string(),
            format!("{:.1}", class.held_out_right_percent),
        ]
    }));
    print(&table(&rows));
    print(&format!("classifier: {}", out.display()));
    Ok(Exit::Good)
}

fn apply(
    path: &Path,
    mpp: Option<MicronsPerPixel>,
    loaded: &LoadedClassifier,
    out: &Path,
) -> Result<Exit, Failure> {
    let slide: Slide = inputs::open_slide(path)?;
    let (slide_mpp, _) = inputs::slide_mpp(&slide, mpp)?;
    let proposed = region_classes::propose(loaded, &slide, slide_mpp)?;
    let text = pantrk_store::regions_geojson(&proposed.regions).to_string();
    write_file(out, format!("{text}\n").as_bytes())?;
    let mut rows = vec![["class", "mm2"].map(str::to_owned).to_vec()];
    rows.extend(
        proposed
            .facts
            .areas_mm2
            .iter()
            .map(|(class, mm2)| vec![class.clone(), format!("{mm2:.3}")]),
    );
    print(&table(&rows));
    print(&format!("regions: {}", out.display()));
    Ok(Exit::Good)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_whole(path, bytes)
        .map_err(|e| Failure::usage(format!("cannot write the file ({e}): {}", path.display())))
}
