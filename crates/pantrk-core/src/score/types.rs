//! The values that make up a slide's score.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where in a cell the stain is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compartment {
    /// The nucleus without its rim.
    Nucleus,
    /// The nuclear envelope: perinuclear or nuclear-membrane staining.
    NuclearRim,
    /// Between nucleus and cell border.
    Cytoplasm,
    /// The cell border.
    Membrane,
}

impl Compartment {
    /// All compartments, in the order of every table.
    pub const ALL: [Self; 4] = [
        Self::Nucleus,
        Self::NuclearRim,
        Self::Cytoplasm,
        Self::Membrane,
    ];

    /// As in `result.json` and in the columns of `cells.parquet`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nucleus => "nucleus",
            Self::NuclearRim => "nuclear_rim",
            Self::Cytoplasm => "cytoplasm",
            Self::Membrane => "membrane",
        }
    }

    /// As people read it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Nucleus => "nucleus",
            Self::NuclearRim => "nuclear rim",
            Self::Cytoplasm => "cytoplasm",
            Self::Membrane => "membrane",
        }
    }
}

/// The DAB optical densities (log10) from which a compartment counts as 1+, 2+ and 3+; a value equal to a threshold reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds([f32; 3]);

impl Thresholds {
    /// `None` unless the three are finite, above zero and strictly rising.
    pub fn new(values: [f32; 3]) -> Option<Self> {
        let [weak, moderate, strong] = values;
        (values.iter().all(|v| v.is_finite()) && weak > 0.0 && weak < moderate && moderate < strong)
            .then_some(Self(values))
    }

    /// 1+, 2+ and 3+.
    pub const fn values(self) -> [f32; 3] {
        self.0
    }

    /// The grade of an optical density: 0 to 3; NaN is 0.
    pub fn grade(self, od: f32) -> u8 {
        self.0.iter().map(|&t| u8::from(od >= t)).sum()
    }

    /// The same thresholds, each moved by `delta`; the first stays above zero.
    #[must_use]
    pub fn shifted(self, delta: f32) -> Self {
        Self(self.0.map(|t| (t + delta).max(1e-3)))
    }
}

/// What one compartment reads over all tumour cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CompartmentScore {
    /// Cells at 1+ or above, percent of the tumour cells (0 to 100).
    pub positive_percent: f64,
    /// Cells at 1+, percent.
    pub percent_1: f64,
    /// Cells at 2+, percent.
    pub percent_2: f64,
    /// Cells at 3+, percent.
    pub percent_3: f64,
    /// 1 x percent at 1+, 2 x at 2+, 3 x at 3+; 0 to 300.
    pub h_score: f64,
    /// Mean DAB optical density (log10) over the cells, background taken off.
    pub mean_dab_od: f64,
    /// 95 % interval of the positive percent.
    pub interval95: [f64; 2],
    /// Positive percent with all thresholds moved by -0.05 and +0.05 OD.
    pub sensitivity: [f64; 2],
    /// How often an unstained cell reads as stained on this slide, percent; the interval's lower end has it taken off.
    #[serde(default)]
    pub false_positive_percent: f64,
}

/// All compartments, and the highest of them per cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CompartmentScores {
    /// The highest grade of any compartment, per cell.
    pub any: CompartmentScore,
    /// See [`Compartment::Nucleus`].
    pub nucleus: CompartmentScore,
    /// See [`Compartment::NuclearRim`].
    pub nuclear_rim: CompartmentScore,
    /// See [`Compartment::Cytoplasm`].
    pub cytoplasm: CompartmentScore,
    /// See [`Compartment::Membrane`].
    pub membrane: CompartmentScore,
}

impl CompartmentScores {
    /// The score of one compartment.
    pub const fn get(&self, compartment: Compartment) -> &CompartmentScore {
        match compartment {
            Compartment::Nucleus => &self.nucleus,
            Compartment::NuclearRim => &self.nuclear_rim,
            Compartment::Cytoplasm => &self.cytoplasm,
            Compartment::Membrane => &self.membrane,
        }
    }
}

/// How much of the tumour stains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// Moderate to strong in at least half of the tumour cells.
    Diffuse,
    /// Positive cells that lie together.
    Focal,
    /// Positive cells spread thinly.
    Scattered,
    /// No positive cells beyond what the slide's own noise gives.
    None,
}

/// The grain of the stain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Texture {
    /// Even.
    Smooth,
    /// Granular or punctate.
    Granular,
}

/// Where and how the stain lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// The compartments that stain on their own account, the leading one first.
    pub compartments: Vec<Compartment>,
    /// How much.
    pub extent: Extent,
    /// The grain; `None` where nothing stains.
    pub texture: Option<Texture>,
    /// How much more often a positive cell's nearest tumour cells are positive than chance would have it, 1 = no clustering; `None` without positive cells.
    pub clustering: Option<f64>,
}

/// What a profile, and the slide as a whole, says about the immunohistochemistry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IhcResult {
    /// The whole interval lies at or above the cut-off.
    Positive,
    /// The interval holds the cut-off, a positive call hangs on the threshold, or the stain is of a kind that cannot be called.
    Indeterminate,
    /// The whole interval lies below the cut-off.
    Negative,
    /// The slide cannot be read.
    NotEvaluable,
}

impl IhcResult {
    /// As in `result.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Indeterminate => "indeterminate",
            Self::Negative => "negative",
            Self::NotEvaluable => "not-evaluable",
        }
    }
}

/// The usual strength of the positive cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intensity {
    /// 1+.
    Weak,
    /// 2+.
    Moderate,
    /// 3+.
    Strong,
}

/// What one scoring profile says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileCall {
    /// Its verdict.
    pub result: IhcResult,
    /// The profile's own figure; `None` where the slide is not evaluable.
    pub value: Option<f64>,
    /// 95 % interval of that figure.
    pub interval95: Option<[f64; 2]>,
    /// What the figure is held against.
    pub cutoff: f64,
    /// `"percent"`, `"points"` or `"h-score"`.
    pub unit: String,
    /// The profile's version in the scoring table.
    pub version: String,
    /// The verdict with all thresholds moved by -0.05 and +0.05 OD, every cell graded again.
    pub sensitivity: Option<[IhcResult; 2]>,
    /// Parts of the figure, such as CANTRK's subtotals, by name.
    pub parts: BTreeMap<String, f64>,
    /// Why, as sentences.
    pub reasons: Vec<String>,
}

/// The slide's IHC result by the chosen profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IhcCall {
    /// The verdict.
    pub result: IhcResult,
    /// The profile that gave it.
    pub profile: String,
    /// The usual strength of the positive cells; `None` without any.
    pub intensity: Option<Intensity>,
    /// How much of the tumour stains; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// Why, as sentences.
    pub reasons: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_threshold_reaches_it() {
        let thresholds = Thresholds::new([0.2, 0.4, 0.6]).unwrap();
        assert_eq!(thresholds.grade(0.199_99), 0);
        assert_eq!(thresholds.grade(0.2), 1);
        assert_eq!(thresholds.grade(0.4), 2);
        assert_eq!(thresholds.grade(2.0), 3);
        assert_eq!(thresholds.grade(f32::NAN), 0);
    }

    #[test]
    fn thresholds_must_rise() {
        for bad in [
            [0.4, 0.2, 0.6],
            [0.0, 0.2, 0.4],
            [0.2, 0.2, 0.4],
            [0.2, 0.4, f32::NAN],
        ] {
            assert!(Thresholds::new(bad).is_none(), "{bad:?}");
        }
    }
}
