//! What the immunohistochemistry shows, from a score or from the command line.

use pantrk_core::score::{Extent, IhcCall, IhcResult, Intensity};
use serde::{Deserialize, Serialize};

use crate::error::TriageError;

/// What the immunohistochemistry shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IhcFinding {
    /// The verdict.
    pub result: IhcResult,
    /// The usual strength of the positive cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intensity: Option<Intensity>,
    /// How much of the tumour stains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// Tumour cells that stain, percent (0 to 100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Tumour cells counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tumour_cells: Option<u64>,
    /// Why the slide could not be evaluated, as a sentence without full stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_evaluable_because: Option<String>,
}

impl IhcFinding {
    /// The verdict alone.
    pub const fn new(result: IhcResult) -> Self {
        Self {
            result,
            intensity: None,
            extent: None,
            percent: None,
            tumour_cells: None,
            not_evaluable_because: None,
        }
    }

    /// From a slide's call, with the percent of tumour cells that stain and the number of them.
    pub fn from_call(call: &IhcCall, percent: Option<f64>, tumour_cells: Option<u64>) -> Self {
        Self {
            result: call.result,
            intensity: call.intensity,
            extent: call.extent,
            percent,
            tumour_cells,
            not_evaluable_because: match call.result {
                IhcResult::NotEvaluable => call.reasons.first().cloned(),
                _ => None,
            },
        }
    }

    /// The same with a strength.
    #[must_use]
    pub const fn with_intensity(mut self, intensity: Intensity) -> Self {
        self.intensity = Some(intensity);
        self
    }

    /// The same with an extent.
    #[must_use]
    pub const fn with_extent(mut self, extent: Extent) -> Self {
        self.extent = Some(extent);
        self
    }

    pub(crate) fn validate(&self) -> Result<(), TriageError> {
        match self.percent {
            Some(percent) if !(percent.is_finite() && (0.0..=100.0).contains(&percent)) => {
                Err(TriageError::Value {
                    key: "percent",
                    found: percent.to_string(),
                    wanted: "a percentage from 0 to 100".to_owned(),
                })
            }
            _ => Ok(()),
        }
    }
}
