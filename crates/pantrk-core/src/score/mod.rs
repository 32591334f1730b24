//! Scores of a slide: what is counted, in which compartment, by which profile.
//!
//! The types here are what the triage, the result file and the report speak; their field names are those of `result.json`.

mod types;

pub use types::{
    Compartment, CompartmentScore, CompartmentScores, Extent, IhcCall, IhcResult, Intensity,
    Pattern, ProfileCall, Texture, Thresholds,
};
