//! What a laboratory adds to a report: patient, specimen, assay and handling. No rule reads it.

use serde::{Deserialize, Serialize};

use crate::error::TriageError;

/// The `report` part of a case file; everything may be missing, and the report then leaves a line to fill in by hand.
///
/// It never enters a score, a decision or the parameter hash, so that a patient's name stays out of `result.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Laboratory {
    /// Of the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_name: Option<String>,
    /// Of the patient, as the laboratory numbers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_id: Option<String>,
    /// As the laboratory writes dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<String>,
    /// Of the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<String>,
    /// The laboratory's number of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accession: Option<String>,
    /// The block that was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// Such as `resection` or `core biopsy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub specimen_type: Option<String>,
    /// `primary` or `metastasis`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub specimen_origin: Option<String>,
    /// Where it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// With its code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<String>,
    /// Who asked for the test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub laboratory: Option<String>,
    /// Who signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pathologist: Option<String>,
    /// Who sells the antibody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antibody_vendor: Option<String>,
    /// Of the antibody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub antibody_lot: Option<String>,
    /// Ready to use as sold, or developed in the laboratory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assay: Option<String>,
    /// Such as `OptiView DAB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection_kit: Option<String>,
    /// Such as `10 % neutral buffered formalin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixative: Option<String>,
    /// Time in fixative, hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixation_hours: Option<f64>,
    /// From removal to fixative, minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold_ischaemia_minutes: Option<f64>,
    /// Whether the tissue was decalcified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decalcified: Option<bool>,
    /// Which internal control was seen, and how it stained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_control: Option<String>,
    /// Model and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanner: Option<String>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remarks: Option<String>,
}

impl Laboratory {
    /// Whether times can be.
    pub(crate) fn validate(&self) -> Result<(), TriageError> {
        for (key, value) in [
            ("report.fixation_hours", self.fixation_hours),
            ("report.cold_ischaemia_minutes", self.cold_ischaemia_minutes),
        ] {
            if let Some(value) = value
                && !(value.is_finite() && value >= 0.0)
            {
                return Err(TriageError::Value {
                    key,
                    found: value.to_string(),
                    wanted: "a time of 0 or more".to_owned(),
                });
            }
        }
        Ok(())
    }
}
