//! From pixels to a pan-TRK score: stain separation, tissue, quality, nuclei, cells, compartments, grades, profiles.
//!
//! [`pipeline::score_slide`] is the way through; each module before it is one step.
//!
//! **Architecture invariant:** this crate knows no file path and no clock; slides come as a [`pantrk_space::RegionReader`], regions as polygons, results leave as values.
//!
//! **Architecture invariant:** the same slide, parameters and model give the same values for any number of threads and any order of patches.
#![forbid(unsafe_code)]

pub mod cell;
mod error;
pub mod heatmap;
pub mod overview;
pub mod pipeline;
pub mod quality;
pub mod region;
pub mod region_classifier;
pub mod score;
pub mod segment;
pub mod stain;
pub mod tissue;
mod widest;

pub use error::CoreError;
