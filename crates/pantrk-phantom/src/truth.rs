//! What is true of a phantom: of each cell, and of all tumour cells.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::PhantomError;
use crate::cells::CellKind;
use crate::render::{CellSums, Grid};
use crate::spec::SlideSpec;

/// The compartments, in the order of every array here.
pub(crate) const COMPARTMENTS: [&str; 4] = ["nucleus", "nuclear_rim", "cytoplasm", "membrane"];

/// The truth of one cell.
///
/// Optical densities are means of the painted DAB over the cell's own pixels of the compartment, haze not included, before blur and noise.
/// Compartments: nucleus = more than 0.5 um inside the nuclear boundary; nuclear rim = within 0.5 um of it; membrane = outside the rim and within 1 um of the cell's border; cytoplasm = between.
/// The cell's border lies midway to the next nucleus, at most 5 um from its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellTruth {
    /// 1 for the first; in fields the value in the label image.
    pub id: u32,
    /// What it is.
    pub kind: CellKind,
    /// Centroid of the nucleus in level-0 pixels of the slide, or pixels of the field.
    pub x_px: f64,
    /// See `x_px`.
    pub y_px: f64,
    /// Centroid of the nucleus in um from the slide's (or field's) left top corner.
    pub x_um: f64,
    /// See `x_um`.
    pub y_um: f64,
    /// Area inside the nuclear boundary in um2.
    pub nucleus_area_um2: f32,
    /// Mean DAB optical density of nucleus, nuclear rim, cytoplasm, membrane; NaN (null in JSON) where the cell has no such pixels.
    #[serde(with = "null_for_nan")]
    pub dab_od: [f32; 4],
    /// Their grades, 0 to 3; 0 where there are no pixels.
    pub grade: [u8; 4],
    /// Its stain lies in granules.
    pub granular: bool,
    /// No artefact within 8 um of its centroid.
    pub clear_of_artefacts: bool,
}

impl CellTruth {
    /// The highest grade of its compartments.
    pub fn any_grade(&self) -> u8 {
        self.grade.iter().copied().max().unwrap_or(0)
    }
}

/// JSON has no NaN.
mod null_for_nan {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f32; 4], out: S) -> Result<S::Ok, S::Error> {
        values.map(|v| v.is_finite().then_some(v)).serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<[f32; 4], D::Error> {
        let values = <[Option<f32>; 4]>::deserialize(input)?;
        Ok(values.map(|v| v.unwrap_or(f32::NAN)))
    }
}

/// What one compartment truly reads over tumour cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CompartmentTruth {
    /// Cells at 1+ or above, percent.
    pub positive_percent: f64,
    /// Cells at 1+, percent.
    pub percent_1: f64,
    /// Cells at 2+, percent.
    pub percent_2: f64,
    /// Cells at 3+, percent.
    pub percent_3: f64,
    /// 0 to 300.
    pub h_score: f64,
}

/// The true score over a set of tumour cells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreTruth {
    /// How many tumour cells.
    pub tumour_cells: u64,
    /// The highest grade per cell.
    pub any: CompartmentTruth,
    /// See [`CellTruth`].
    pub nucleus: CompartmentTruth,
    /// See [`CellTruth`].
    pub nuclear_rim: CompartmentTruth,
    /// See [`CellTruth`].
    pub cytoplasm: CompartmentTruth,
    /// See [`CellTruth`].
    pub membrane: CompartmentTruth,
}

/// The truth of a whole slide; [`SlideTruth::write`] makes its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlideTruth {
    /// What these files are.
    pub schema: String,
    /// What the slide was made from.
    pub spec: SlideSpec,
    /// The pattern's name: `none` where no cell is meant to stain.
    pub pattern: String,
    /// The score over tumour cells that are clear of artefacts: what scoring should find.
    pub score: ScoreTruth,
    /// The score over all tumour cells, those under artefacts too.
    pub score_with_artefacts: ScoreTruth,
    /// How the truth was made, as sentences.
    pub definitions: Vec<String>,
    /// Every cell; not in the summary file.
    #[serde(skip)]
    pub cells: Vec<CellTruth>,
    /// GeoJSON of tumour, nerve, muscle and artefact regions; not in the summary file.
    #[serde(skip)]
    pub regions: serde_json::Value,
}

impl SlideTruth {
    pub(crate) fn new(
        spec: &SlideSpec,
        score: ScoreTruth,
        score_with_artefacts: ScoreTruth,
        cells: Vec<CellTruth>,
        regions: serde_json::Value,
    ) -> Self {
        Self {
            schema: "pantrk-phantom-truth/1".to_owned(),
            spec: spec.clone(),
            pattern: spec.pattern_name().to_owned(),
            score,
            score_with_artefacts,
            definitions: [
                "optical densities are means of the painted DAB (log10) over a cell's own pixels, haze not included, before blur, noise and JPEG",
                "nucleus: more than 0.5 um inside the nuclear boundary; nuclear rim: within 0.5 um of it; membrane: outside the rim, within 1 um of the cell's border; cytoplasm: between",
                "a cell's border lies midway to the next nucleus and at most 5 um from its own",
                "score counts the tumour cells with no artefact within 8 um of the centroid",
            ]
            .map(str::to_owned)
            .to_vec(),
            cells,
            regions,
        }
    }

    /// Writes `<stem>.truth.json`, `<stem>.truth.cells.csv` and `<stem>.regions.geojson`, each beside and renamed; `stem` is a path without extension.
    ///
    /// # Errors
    /// [`PhantomError::Write`] or [`PhantomError::Encode`] naming the file.
    pub fn write(&self, stem: &Path) -> Result<(), PhantomError> {
        whole_file(&with_suffix(stem, ".truth.json"), |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })?;
        whole_file(&with_suffix(stem, ".truth.cells.csv"), |out| {
            write_cells(&self.cells, out)
        })?;
        whole_file(&with_suffix(stem, ".regions.geojson"), |out| {
            serde_json::to_writer(&mut *out, &self.regions)?;
            out.write_all(b"\n")
        })
    }
}

fn with_suffix(stem: &Path, suffix: &str) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    stem.with_file_name(name)
}

fn whole_file(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), PhantomError> {
    let part = with_suffix(path, ".part");
    let written = (|| {
        let mut out = BufWriter::new(File::create(&part)?);
        fill(&mut out)?;
        out.flush()
    })();
    written.map_err(|e| PhantomError::write(&part, e))?;
    std::fs::rename(&part, path).map_err(|e| PhantomError::write(path, e))
}

fn write_cells(cells: &[CellTruth], out: &mut impl Write) -> std::io::Result<()> {
    write!(out, "id,kind,x_px,y_px,x_um,y_um,nucleus_area_um2")?;
    for name in COMPARTMENTS {
        write!(out, ",{name}_dab_od")?;
    }
    for name in COMPARTMENTS {
        write!(out, ",{name}_grade")?;
    }
    writeln!(out, ",any_grade,granular,clear_of_artefacts")?;
    for cell in cells {
        write!(
            out,
            "{},{},{:.2},{:.2},{:.3},{:.3},{:.2}",
            cell.id,
            cell.kind.name(),
            cell.x_px,
            cell.y_px,
            cell.x_um,
            cell.y_um,
            cell.nucleus_area_um2
        )?;
        for od in cell.dab_od {
            // An empty field is a compartment without pixels.
            if od.is_finite() {
                write!(out, ",{od:.4}")?;
            } else {
                write!(out, ",")?;
            }
        }
        for grade in cell.grade {
            write!(out, ",{grade}")?;
        }
        writeln!(
            out,
            ",{},{},{}",
            cell.any_grade(),
            cell.granular,
            cell.clear_of_artefacts
        )?;
    }
    Ok(())
}

/// Counts of grades 0 to 3 for `any` and the four compartments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally([[u64; 4]; 5]);

impl Tally {
    pub(crate) const fn new() -> Self {
        Self([[0; 4]; 5])
    }

    pub(crate) fn add(&mut self, cell: &CellTruth) {
        self.0[0][usize::from(cell.any_grade())] += 1;
        for (counts, grade) in self.0[1..].iter_mut().zip(cell.grade) {
            counts[usize::from(grade)] += 1;
        }
    }

    pub(crate) fn score(&self) -> ScoreTruth {
        let [any, nucleus, nuclear_rim, cytoplasm, membrane] = self.0.map(|counts| {
            let total: u64 = counts.iter().sum();
            let percent = |n: u64| {
                if total == 0 {
                    0.0
                } else {
                    100.0 * n as f64 / total as f64
                }
            };
            CompartmentTruth {
                positive_percent: percent(counts[1] + counts[2] + counts[3]),
                percent_1: percent(counts[1]),
                percent_2: percent(counts[2]),
                percent_3: percent(counts[3]),
                h_score: percent(counts[1] + 2 * counts[2] + 3 * counts[3]),
            }
        });
        ScoreTruth {
            tumour_cells: self.0[0].iter().sum(),
            any,
            nucleus,
            nuclear_rim,
            cytoplasm,
            membrane,
        }
    }
}

impl ScoreTruth {
    /// The score over the tumour cells among `cells`.
    pub fn of(cells: &[CellTruth]) -> Self {
        let mut tally = Tally::new();
        for cell in cells.iter().filter(|c| c.kind == CellKind::Tumour) {
            tally.add(cell);
        }
        tally.score()
    }
}

/// The truth of a cell from its sums; `None` if no nucleus of at least 4 um2 was drawn.
pub(crate) fn cell_truth(
    id: u32,
    kind: CellKind,
    granular: bool,
    sums: &CellSums,
    grid: Grid,
    thresholds: [f32; 3],
) -> Option<CellTruth> {
    let pixel = grid.mpp * grid.mpp;
    let area = f64::from(sums.nucleus_pixels) * pixel;
    if area < 4.0 {
        return None;
    }
    let count = f64::from(sums.nucleus_pixels);
    let (x_px, y_px) = (sums.x / count, sums.y / count);
    let mut dab_od = [f32::NAN; 4];
    let mut grade = [0; 4];
    for i in 0..4 {
        if sums.pixels[i] > 0 {
            let mean = (sums.dab[i] / f64::from(sums.pixels[i])) as f32;
            dab_od[i] = mean;
            grade[i] = thresholds.iter().map(|&t| u8::from(mean >= t)).sum();
        }
    }
    Some(CellTruth {
        id,
        kind,
        x_px,
        y_px,
        x_um: x_px * grid.mpp,
        y_um: y_px * grid.mpp,
        nucleus_area_um2: area as f32,
        dab_od,
        grade,
        granular,
        clear_of_artefacts: true,
    })
}
