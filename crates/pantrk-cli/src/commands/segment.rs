//! `pantrk segment IMAGE --mpp M --out LABELS.png [--cells CELLS.csv]`

use std::path::{Path, PathBuf};

use clap::Args;
use pantrk_core::CoreError;
use pantrk_core::cell::{CellTable, fill_ring};
use pantrk_core::pipeline::{ScoreInput, ScoreParameters, score_slide};
use pantrk_core::region::Regions;
use pantrk_core::score::Thresholds;
use pantrk_space::{MicronsPerPixel, RegionReader as _, SlideMpp};

use crate::failure::{Exit, Failure, OrExit as _};
use crate::inputs;
use crate::output::print;
use crate::progress::{Log, Reporter};
use crate::stop;

/// Finds the nuclei of a plain PNG, JPEG or TIFF image of any size and writes them as a 16-bit label PNG.
///
/// In the label image 0 is background and each other number one nucleus.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pantrk segment field.png --mpp 0.5 --out labels.png
  pantrk segment field.jpg --mpp 0.25 --out labels.png --cells cells.csv --model watershed")]
pub(crate) struct Segment {
    /// The image
    image: PathBuf,
    /// Micrometres per pixel
    #[arg(long, value_name = "UM", value_parser = inputs::parse_mpp)]
    mpp: Option<MicronsPerPixel>,
    /// The label image to write
    #[arg(long, value_name = "LABELS.png")]
    out: PathBuf,
    /// Also write the cells as CSV
    #[arg(long, value_name = "CELLS.csv")]
    cells: Option<PathBuf>,
    /// What finds nuclei: `nucleus` (on board), `watershed`, or a folder with model.toml
    #[arg(long, default_value = "nucleus", value_name = "NAME|DIR")]
    model: String,
    #[command(flatten)]
    run: inputs::RunArgs,
    /// DAB optical densities (log10) of 1+, 2+ and 3+
    #[arg(long, value_name = "1+,2+,3+", value_parser = inputs::parse_thresholds)]
    thresholds: Option<Thresholds>,
    /// Threads; all by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
}

impl Segment {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        for path in [Some(&self.out), self.cells.as_ref()].into_iter().flatten() {
            inputs::check_output_file(path, &self.image)?;
        }
        let slide = inputs::open_slide(&self.image)?;
        let (mpp, _) = inputs::slide_mpp(&slide, self.mpp)?;
        let (segmenter, model) = inputs::segmenter(&self.model, self.run.run()?)?;
        let parameters = ScoreParameters {
            thresholds: inputs::thresholds(self.thresholds),
            // Nuclei are wanted of any stain, and of the whole image.
            assume_h_dab: true,
            tissue_everywhere: true,
            // People draw nuclei as generously as the network does.
            fit_outlines: false,
            contours: true,
            ..ScoreParameters::default()
        };
        stop::heed();
        let reporter = Reporter::new(Log::Quiet, "image");
        let pool = inputs::thread_pool(self.threads)?;
        let analysis = pool
            .install(|| {
                score_slide(&ScoreInput {
                    reader: &slide,
                    slide_mpp: mpp,
                    regions: &Regions::default(),
                    segmenter: segmenter.as_ref(),
                    parameters: &parameters,
                    progress: &reporter,
                })
            })
            .map_err(|error| {
                let exit = match error {
                    CoreError::Cancelled => Exit::Interrupted,
                    CoreError::TooCoarse { .. } => Exit::Usage,
                    _ => Exit::NothingRead,
                };
                Failure::new(exit, error)
            })?;
        let cells = &analysis.cells;
        let size = slide.size();
        write_labels(cells, size.width as usize, size.height as usize, &self.out)?;
        if let Some(path) = &self.cells {
            write_csv(cells, mpp, path)?;
        }
        let by = model.runtime.as_ref().map(|name| format!(" in {name}"));
        print(&format!(
            "{} nuclei by {}{}: {}",
            cells.len(),
            model.name,
            by.unwrap_or_default(),
            self.out.display()
        ));
        Ok(Exit::Good)
    }
}

fn write_labels(
    cells: &CellTable,
    width: usize,
    height: usize,
    path: &Path,
) -> Result<(), Failure> {
    if cells.len() > usize::from(u16::MAX) {
        return Err(Failure::usage(format!(
            "{} nuclei do not fit a 16-bit label image (at most {}); cut the image into parts",
            cells.len(),
            u16::MAX
        )));
    }
    let mut labels = vec![0_u16; width * height];
    for (i, ring) in cells.contours.iter().enumerate() {
        fill_ring(ring, width, height, |row, from, to| {
            for label in &mut labels[row * width + from..row * width + to] {
                // A pixel that two outlines claim stays with the first.
                if *label == 0 {
                    *label = i as u16 + 1;
                }
            }
        });
    }
    let image =
        image::ImageBuffer::<image::Luma<u16>, _>::from_raw(width as u32, height as u32, labels)
            .ok_or_else(|| Failure::usage("the image has no size"))?;
    let beside = path.with_extension("partial.png");
    image
        .save_with_format(&beside, image::ImageFormat::Png)
        .and_then(|()| Ok(std::fs::rename(&beside, path)?))
        .map_err(|e| {
            drop(std::fs::remove_file(&beside));
            anyhow::anyhow!("cannot write the label image ({e}): {}", path.display())
        })
        .or_exit(Exit::SomeFailed)
}

fn write_csv(cells: &CellTable, mpp: SlideMpp, path: &Path) -> Result<(), Failure> {
    let failed =
        |e: csv::Error| anyhow::anyhow!("cannot write the cells ({e}): {}", path.display());
    let beside = path.with_extension("partial.csv");
    let mut out = csv::Writer::from_path(&beside)
        .map_err(failed)
        .or_exit(Exit::SomeFailed)?;
    let head = [
        "label",
        "x",
        "y",
        "x_um",
        "y_um",
        "area_um2",
        "cell_area_um2",
        "circularity",
        "nucleus_dab_od",
        "nuclear_rim_dab_od",
        "cytoplasm_dab_od",
        "membrane_dab_od",
        "nucleus_hematoxylin_od",
        "nucleus_hematoxylin_cv",
        "membrane_completeness",
        "cytoplasm_granularity",
        "grade",
        "positive",
    ];
    out.write_record(head)
        .map_err(failed)
        .or_exit(Exit::SomeFailed)?;
    // A compartment without pixels has an empty field, not a number.
    let number = |v: f32| {
        if v.is_finite() {
            format!("{v:.4}")
        } else {
            String::new()
        }
    };
    for i in 0..cells.len() {
        let (x, y) = (cells.x_px[i], cells.y_px[i]);
        let mut row = vec![
            (i + 1).to_string(),
            format!("{x:.2}"),
            format!("{y:.2}"),
            format!("{:.2}", x * mpp.x.get()),
            format!("{:.2}", y * mpp.y.get()),
            number(cells.nucleus_area_um2[i]),
            number(cells.cell_area_um2[i]),
            number(cells.circularity[i]),
        ];
        row.extend(cells.dab_od.iter().map(|column| number(column[i])));
        row.extend([
            number(cells.nucleus_hematoxylin_od[i]),
            number(cells.nucleus_hematoxylin_cv[i]),
            number(cells.membrane_completeness[i]),
            number(cells.cytoplasm_granularity[i]),
            cells.grade_any(i).to_string(),
            u8::from(cells.grade_any(i) > 0).to_string(),
        ]);
        out.write_record(&row)
            .map_err(failed)
            .or_exit(Exit::SomeFailed)?;
    }
    out.flush()
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|e| anyhow::anyhow!("cannot write the cells ({e}): {}", path.display()))
        .or_exit(Exit::SomeFailed)
}
