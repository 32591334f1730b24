//! What is known about the patient and the tumour, apart from the slide.
//!
//! Everything is optional: a rule that needs a missing fact abstains, and the result says which fact would change the decision.

use serde::{Deserialize, Serialize};

use crate::error::TriageError;
use crate::evidence::Evidence;
use crate::laboratory::Laboratory;

/// How far the disease has spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Confined, to be treated locally.
    #[serde(alias = "localized")]
    Localised,
    /// Not resectable.
    Advanced,
    /// With metastases.
    Metastatic,
}

impl Stage {
    /// Advanced or metastatic.
    pub const fn is_advanced(self) -> bool {
        matches!(self, Self::Advanced | Self::Metastatic)
    }
}

/// Mismatch repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mmr {
    /// All proteins kept, or microsatellite stable.
    Proficient,
    /// A protein lost, or microsatellite instable.
    Deficient,
}

/// MLH1 protein.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mlh1 {
    /// Stains.
    Retained,
    /// Does not stain.
    Lost,
}

/// BRAF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Braf {
    /// No mutation found.
    #[serde(alias = "wt")]
    WildType,
    /// V600E.
    #[serde(alias = "V600E")]
    V600e,
    /// Mutated, and which one is not said or it is not V600E.
    #[serde(alias = "mutant")]
    Mutated,
}

/// KRAS and NRAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ras {
    /// No mutation found.
    #[serde(alias = "wt")]
    WildType,
    /// An activating mutation found.
    #[serde(alias = "mutant")]
    Mutated,
}

/// The control tissue stained with the slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExternalControl {
    /// As it should be.
    Adequate,
    /// Stains, but weaker than it should.
    Weak,
    /// Does not stain, or stains everything.
    Failed,
}

/// Where the stain was made and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// A centre with much pan-TRK experience.
    ExpertCentre,
    /// Routine care.
    RoutineLaboratory,
}

/// What was sequenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NgsMethod {
    /// DNA only.
    Dna,
    /// RNA only.
    Rna,
    /// Both.
    DnaAndRna,
}

impl NgsMethod {
    /// Whether RNA was part of it.
    pub const fn has_rna(self) -> bool {
        matches!(self, Self::Rna | Self::DnaAndRna)
    }

    /// As people read it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dna => "DNA-based NGS",
            Self::Rna => "RNA-based NGS",
            Self::DnaAndRna => "DNA- and RNA-based NGS",
        }
    }
}

/// What sequencing found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NgsResult {
    /// A fusion of NTRK1, NTRK2 or NTRK3.
    FusionDetected,
    /// None.
    NoFusionDetected,
    /// No result.
    Failed,
}

/// Reading frame of a fusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frame {
    /// In frame.
    In,
    /// Out of frame.
    Out,
    /// Not reported.
    Unknown,
}

/// Quality of the RNA that was sequenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RnaQuality {
    /// The assay's own controls passed.
    Pass,
    /// They failed.
    Fail,
}

/// A sequencing result that has come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NgsFinding {
    /// What was sequenced.
    pub method: NgsMethod,
    /// What was found.
    pub result: NgsResult,
    /// `"NTRK1"`, `"NTRK2"` or `"NTRK3"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gene: Option<String>,
    /// The partner gene.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// The exons joined, as the report writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exons: Option<String>,
    /// The reading frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// Whether the kinase domain is kept whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinase_domain: Option<bool>,
    /// Quality of the RNA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rna_quality: Option<RnaQuality>,
}

/// The facts of a case; everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Case {
    /// Id, name, synonym or OncoTree code of a tumour type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tumour_type: Option<String>,
    /// Age in years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_years: Option<f64>,
    /// How far the disease has spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Mismatch repair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mmr: Option<Mmr>,
    /// MLH1 protein.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mlh1: Option<Mlh1>,
    /// BRAF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub braf: Option<Braf>,
    /// KRAS and NRAS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ras: Option<Ras>,
    /// Activating alterations that were found, such as `"EGFR L858R"`; empty: looked for and none found; missing: not looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drivers: Option<Vec<String>>,
    /// The antibody clone, such as `"EPR17341"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antibody_clone: Option<String>,
    /// The staining platform; recorded only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Where the stain was made and read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<Setting>,
    /// The control tissue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_control: Option<ExternalControl>,
    /// Whether a fusion would change the treatment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub treatment_relevant: Option<bool>,
    /// Whether sequencing can be had; missing counts as yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ngs_available: Option<bool>,
    /// The sequencing result, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ngs: Option<NgsFinding>,
    /// What the report shows besides; no rule reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Laboratory>,
}

impl Case {
    /// Reads a case from JSON and checks it.
    ///
    /// # Errors
    /// [`TriageError::CaseFormat`] on anything but such JSON, naming an unknown key; [`TriageError::Value`] on a value that cannot be.
    pub fn from_json(json: &str) -> Result<Self, TriageError> {
        let case: Self = serde_json::from_str(json).map_err(|error| TriageError::CaseFormat {
            message: error.to_string(),
        })?;
        case.validate(Evidence::embedded()?)?;
        Ok(case)
    }

    /// Whether the values can be.
    pub(crate) fn validate(&self, evidence: &Evidence) -> Result<(), TriageError> {
        if let Some(age) = self.age_years {
            let maximum = evidence.parameter("maximum-age")?;
            if !(age.is_finite() && (0.0..=maximum).contains(&age)) {
                return Err(TriageError::Value {
                    key: "age_years",
                    found: age.to_string(),
                    wanted: format!("years from 0 to {maximum}"),
                });
            }
        }
        for driver in self.drivers.iter().flatten() {
            let text = driver.to_lowercase();
            let denies = ["wild", "negative", "none", "not detected", "unknown"];
            if text.trim().is_empty() || denies.iter().any(|word| text.contains(word)) {
                return Err(TriageError::Value {
                    key: "drivers",
                    found: format!("\"{driver}\""),
                    wanted: "only alterations that were found, and an empty list where none was"
                        .to_owned(),
                });
            }
        }
        if self.mmr == Some(Mmr::Proficient) && self.mlh1 == Some(Mlh1::Lost) {
            return Err(TriageError::Value {
                key: "mlh1",
                found: "\"lost\" with mmr \"proficient\"".to_owned(),
                wanted: "facts that agree".to_owned(),
            });
        }
        if let Some(gene) = self.ngs.as_ref().and_then(|ngs| ngs.gene.as_ref())
            && !["NTRK1", "NTRK2", "NTRK3"].contains(&gene.to_uppercase().as_str())
        {
            return Err(TriageError::Value {
                key: "ngs.gene",
                found: format!("\"{gene}\""),
                wanted: "NTRK1, NTRK2 or NTRK3".to_owned(),
            });
        }
        self.report.as_ref().map_or(Ok(()), Laboratory::validate)
    }

    /// The case without what only the report shows: all that a score or a decision may depend on.
    #[must_use]
    pub fn facts_alone(&self) -> Self {
        Self {
            report: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named() {
        let error = Case::from_json(r#"{"tumor_type": "crc"}"#).unwrap_err();
        assert!(error.to_string().contains("`tumor_type`"), "{error}");
        let error = Case::from_json(r#"{"ngs": {"method": "rna", "result": "failed", "rin": 2}}"#)
            .unwrap_err();
        assert!(error.to_string().contains("`rin`"), "{error}");
    }

    #[test]
    fn impossible_values_are_refused() {
        for (json, key) in [
            (r#"{"age_years": -1}"#, "age_years"),
            (r#"{"age_years": 131}"#, "age_years"),
            (r#"{"drivers": ["KRAS wild-type"]}"#, "drivers"),
            (r#"{"drivers": [" "]}"#, "drivers"),
            (
                r#"{"report": {"fixation_hours": -2}}"#,
                "report.fixation_hours",
            ),
            (r#"{"mmr": "proficient", "mlh1": "lost"}"#, "mlh1"),
            (
                r#"{"ngs": {"method": "rna", "result": "fusion-detected", "gene": "ALK"}}"#,
                "ngs.gene",
            ),
        ] {
            let error = Case::from_json(json).unwrap_err();
            assert!(error.to_string().starts_with(key), "{json}: {error}");
        }
        let nan = Case {
            age_years: Some(f64::NAN),
            ..Case::default()
        };
        assert!(nan.validate(Evidence::embedded().unwrap()).is_err());
        assert!(Case::from_json(r#"{"age_years": 0}"#).is_ok());
    }

    #[test]
    fn a_case_survives_json() {
        let json = r#"{"tumour_type":"crc","age_years":61.5,"stage":"localized","braf":"V600E","drivers":[],"ngs":{"method":"dna","result":"no-fusion-detected"}}"#;
        let case = Case::from_json(json).unwrap();
        assert_eq!(case.stage, Some(Stage::Localised));
        let again = Case::from_json(&serde_json::to_string(&case).unwrap()).unwrap();
        assert_eq!(case, again);
    }
}
