//! `result.json`: everything that is known about one scored slide.
//!
//! **Architecture invariant:** a figure that is not known is `null`, never NaN and never a made-up zero; [`SlideResult::to_json`] refuses anything else.
//!
//! **Architecture invariant:** what may differ from run to run is in the fields that [`SlideResult::without_run_facts`] takes out; all else is the same for the same slide, parameters and model.

use std::collections::BTreeMap;
use std::path::Path;

use pantrk_core::cell::CellKinds;
use pantrk_core::region_classifier::ClassAccuracy;
use pantrk_core::score::{
    CompartmentScores, ControlScore, IhcCall, Pattern, ProfileCall, WithLeftOut,
};
use pantrk_triage::{GeneHint, Triage};
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// The schema that this crate writes.
pub const SCHEMA: &str = "pantrk.result/1";

/// One scored slide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlideResult {
    /// [`SCHEMA`].
    pub schema: String,
    /// The slide itself.
    pub slide: SlideFacts,
    /// How the result came about.
    pub run: RunFacts,
    /// What could and what could not be looked at.
    pub quality: Quality,
    /// The stain separation.
    pub stain: StainFacts,
    /// Where the tumour was taken from.
    pub tumour_region: TumourRegion,
    /// The classifier that proposed regions; `None` where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_classifier: Option<RegionClassifierFacts>,
    /// What the cells look like where no region says which are tumour: a proposal, which the scores do not follow; `None` where regions say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_kinds: Option<CellKinds>,
    /// How many cells there are.
    pub cells: CellCounts,
    /// The scores; `None` where the slide is not evaluable.
    pub compartments: Option<CompartmentScores>,
    /// Where and how the stain lies; `None` where the slide is not evaluable.
    pub pattern: Option<PatternFacts>,
    /// What the control tissue on the slide scores; `None` where no region of class `Control` holds cells.
    #[serde(default)]
    pub control: Option<ControlScore>,
    /// What each scoring profile says, by its name.
    pub profiles: BTreeMap<String, ProfileCall>,
    /// What the slide says.
    pub ihc: IhcCall,
    /// What to do next.
    pub triage: Triage,
}

/// The slide that was scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlideFacts {
    /// The name of its folder; see [`crate::slide_id_from_path`].
    pub id: String,
    /// As given.
    pub path: String,
    /// The format's vendor, such as `aperio`.
    pub vendor: String,
    /// A digest of the file's contents.
    pub fingerprint: String,
    /// Columns of level 0.
    pub width: u32,
    /// Rows of level 0.
    pub height: u32,
    /// Levels in the file.
    pub levels: u32,
    /// Micrometres per level-0 pixel along the width.
    pub mpp_x: f64,
    /// Micrometres per level-0 pixel along the height.
    pub mpp_y: f64,
    /// Who says so.
    pub mpp_source: MppSource,
    /// The objective's power, for show; `None` where the file does not say.
    pub objective_power: Option<f64>,
}

/// Where the pixel size comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MppSource {
    /// The slide's own metadata.
    File,
    /// The user: a flag or a column of the manifest.
    Given,
}

/// How a result came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Of the program.
    pub version: String,
    /// All parameters by name; `thresholds` is the array of the three DAB optical densities (log10).
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// A digest of the parameters.
    pub parameter_hash: String,
    /// The segmenter.
    pub model: ModelFacts,
    /// The device that ran the model: `cpu` or the name of the accelerator.
    pub device: String,
    /// Threads; a run fact.
    pub threads: Option<u32>,
    /// The machine's name; a run fact.
    #[serde(default)]
    pub host: Option<String>,
    /// When the run began, RFC 3339; a run fact.
    pub started: Option<String>,
    /// Wall-clock seconds by stage, `total` among them; a run fact.
    pub seconds: BTreeMap<String, f64>,
    /// The most memory the process held; a run fact.
    pub peak_rss_bytes: Option<u64>,
}

/// The segmenter that found the nuclei.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Of the weights, in hexadecimal; `None` for a method without weights.
    pub sha256: Option<String>,
    /// What ran it; `None` for a method without a network.
    pub runtime: Option<String>,
}

/// What could and what could not be looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Tissue on the slide, mm2.
    pub tissue_mm2: f64,
    /// Tissue that was scored, mm2.
    pub evaluated_mm2: f64,
    /// Tissue that was left out, mm2, by the reason.
    pub excluded_mm2: BTreeMap<String, f64>,
    /// Tissue that lies on tiles which could not be read, mm2.
    pub unread_mm2: f64,
    /// Those tiles.
    pub unread_tiles: Vec<UnreadTile>,
    /// What a reader of the result must know.
    pub warnings: Vec<Warning>,
    /// What the slide would score with the cells that quality checks left out; `None` where they left out none.
    #[serde(default)]
    pub with_left_out: Option<WithLeftOut>,
}

/// A stored tile that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnreadTile {
    /// The level; 0 is the sharpest.
    pub level: u32,
    /// From the left.
    pub column: u32,
    /// From the top.
    pub row: u32,
    /// What went wrong.
    pub reason: String,
}

/// Something that a reader of the result must know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// Stable, for machines, such as `few-cells`.
    pub code: String,
    /// For people, a whole sentence.
    pub message: String,
}

impl Warning {
    /// A warning.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

/// The stain separation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StainFacts {
    /// The hematoxylin vector, unit length, in optical density of R, G, B.
    pub hematoxylin: [f64; 3],
    /// The DAB vector, likewise.
    pub dab: [f64; 3],
    /// The residual vector, likewise.
    pub residual: [f64; 3],
    /// The white point, 0 to 255.
    pub background_rgb: [f64; 3],
    /// The DAB optical density (log10) of unstained tissue, taken off before grading.
    pub dab_background_od: f64,
    /// Where the vectors come from: `default`, `given`, `estimated`, or what else the separation says.
    pub source: String,
    /// How much brighter the slide's brightest glass is than its darkest, grey levels; 0 where it is even.
    #[serde(default)]
    pub background_drift: f64,
    /// Where `dab_background_od` was read: `internal-negative-tissue`, `least-stained-tissue`, or `none` where there is no unstained tissue.
    #[serde(default)]
    pub dab_background_source: String,
    /// What the compartments would score if the background were not taken off; `None` where the slide is not evaluable.
    #[serde(default)]
    pub uncorrected: Option<CompartmentScores>,
}

/// Where the tumour was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TumourRegion {
    /// Regions drawn by a person.
    Given,
    /// A classifier.
    Classified,
    /// Nowhere: every cell in tissue counts.
    None,
}

impl TumourRegion {
    /// As in `result.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Classified => "classified",
            Self::None => "none",
        }
    }
}

/// The classifier that proposed the regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionClassifierFacts {
    /// Of its file, in hexadecimal.
    pub sha256: String,
    /// The classes it knows.
    pub classes: Vec<ClassAccuracy>,
    /// What it found on this slide, mm2 by class.
    pub areas_mm2: BTreeMap<String, f64>,
}

/// How many cells there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellCounts {
    /// Nuclei found.
    pub segmented: u64,
    /// Tumour cells, the ones that the scores count.
    pub tumour: u64,
    /// Cells left out, by the reason.
    pub excluded: BTreeMap<String, u64>,
    /// Cells whose cytoplasm was too narrow beside a stained membrane to be read by itself: its density was set by rank among the slide's cells where it is clear.
    #[serde(default)]
    pub narrow_cytoplasm: u64,
}

/// Where and how the stain lies, and what that hints at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternFacts {
    /// The pattern.
    #[serde(flatten)]
    pub pattern: Pattern,
    /// The genes that such a pattern is more often seen with; a hint, with counter-examples in its note.
    pub gene_hint: Option<GeneHint>,
}

impl SlideResult {
    /// The result as it stands in `result.json`: indented, closed by a line break.
    ///
    /// # Errors
    /// If a number is not finite: JSON has no such number, and a `null` in its place would read as "not measured".
    pub fn to_json(&self) -> Result<String, StoreError> {
        let refused = |message: String| {
            StoreError::NotSerialisable(format!(
                "the result of slide {} cannot be written as {SCHEMA}: {message}",
                self.slide.id
            ))
        };
        let mut text = serde_json::to_string_pretty(self).map_err(|e| refused(e.to_string()))?;
        // serde_json writes NaN as null. Inside an `Option` that passes unseen, so the
        // whole value is compared, not only parsed.
        let back: Self = serde_json::from_str(&text)
            .map_err(|e| refused(format!("a number is not finite ({e})")))?;
        if back != *self {
            return Err(refused("a number is not finite".to_owned()));
        }
        text.push('\n');
        Ok(text)
    }

    /// Reads a `result.json`.
    ///
    /// # Errors
    /// If the file is not there, is of another schema, or breaks this one.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        /// The part of every version's result that says which it is.
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let broken = |message: String| StoreError::Format {
            what: "the result",
            message,
            path: path.to_owned(),
        };
        let text = std::fs::read_to_string(path)
            .map_err(|e| StoreError::io("read the result", path, e))?;
        let head: Head = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
        if head.schema != SCHEMA {
            return Err(broken(format!(
                "found schema {:?}, wanted {SCHEMA:?}",
                head.schema
            )));
        }
        serde_json::from_str(&text).map_err(|e| broken(e.to_string()))
    }

    /// The same result without what may differ from run to run (times, memory, threads, machine).
    #[must_use]
    pub fn without_run_facts(&self) -> Self {
        let mut result = self.clone();
        result.run.threads = None;
        result.run.host = None;
        result.run.started = None;
        result.run.seconds.clear();
        result.run.peak_rss_bytes = None;
        result
    }
}
