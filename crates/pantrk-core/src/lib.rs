//! From pixels to a pan-TRK score: stain separation, tissue, quality, nuclei, cells, compartments, grades, profiles.
//!
//! **Architecture invariant:** this crate knows no file path and no clock; slides come as a [`pantrk_space::RegionReader`], regions as polygons, results leave as values.
//!
//! **Architecture invariant:** the same slide, parameters and model give the same values for any number of threads and any order of patches.
#![forbid(unsafe_code)]

pub mod score;
pub mod segment;
pub mod stain;
