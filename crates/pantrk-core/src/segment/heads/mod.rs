//! Heads: what turns a network's maps into nuclei.
//!
//! A new head is one file here and one row in [`HEADS`].

mod interior;
mod interior_distance;
mod star_convex;
#[cfg(test)]
mod tests;

use pantrk_space::MicronsPerPixel;
use serde::de::DeserializeOwned;

use super::LabelImage;

/// Makes a head from its parameters and the pixel size.
type Build = fn(&toml::Table, MicronsPerPixel) -> Result<Box<dyn Head>, String>;

/// One row of the table of heads.
#[derive(Debug, Clone, Copy)]
pub struct HeadEntry {
    /// As in `model.toml`.
    pub kind: &'static str,
    /// Maps that it takes, in one output or in several, in this order.
    pub channels: usize,
    /// Input pixels per pixel of the maps that it takes.
    pub strides: &'static [u32],
    /// What the maps hold.
    pub maps: &'static str,
    /// Makes the head from its parameters and the pixel size; an error names the parameter.
    build: Build,
}

impl HeadEntry {
    /// Makes the head.
    ///
    /// # Errors
    /// What is wrong with the parameters, naming the one.
    pub fn build(
        &self,
        parameters: &toml::Table,
        mpp: MicronsPerPixel,
    ) -> Result<Box<dyn Head>, String> {
        (self.build)(parameters, mpp)
    }
}

/// All heads.
pub static HEADS: &[HeadEntry] = &[
    HeadEntry {
        kind: "interior-distance",
        channels: 2,
        strides: &[1],
        maps: "interior logit, distance to the border (1 at the nucleus' centre)",
        build: interior_distance::build,
    },
    HeadEntry {
        kind: "interior",
        channels: 1,
        strides: &[1],
        maps: "interior logit",
        build: interior::build,
    },
    HeadEntry {
        kind: "star-convex",
        channels: 1 + star_convex::RAYS,
        strides: &[1, 2, 4],
        maps: "probability, lengths of 32 rays in input pixels (StarDist)",
        build: star_convex::build,
    },
];

/// The head of that name.
pub fn head_by_kind(kind: &str) -> Option<&'static HeadEntry> {
    HEADS.iter().find(|head| head.kind == kind)
}

/// The heads that could take `channels` maps at that stride.
pub fn fitting_heads(channels: usize, stride: u32) -> impl Iterator<Item = &'static HeadEntry> {
    HEADS
        .iter()
        .filter(move |head| head.channels == channels && head.strides.contains(&stride))
}

/// A network's maps of one patch.
#[derive(Debug, Clone, Copy)]
pub struct Maps<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Input pixels per column and row.
    pub stride: usize,
    /// Map after map, each row by row.
    pub values: &'a [f32],
}

impl<'a> Maps<'a> {
    /// One map; empty where there is none.
    pub fn channel(&self, index: usize) -> &'a [f32] {
        let pixels = self.width * self.height;
        self.values
            .get(index * pixels..(index + 1) * pixels)
            .unwrap_or(&[])
    }
}

/// Turns maps into nuclei; shared by all threads.
pub trait Head: Send + Sync {
    /// Buffers for one thread.
    fn worker(&self) -> Box<dyn HeadWorker>;
}

/// A [`Head`] at work on one thread.
pub trait HeadWorker: Send {
    /// Labels the nuclei of one patch into `out`, whose size becomes that of the patch: the maps' times their stride.
    ///
    /// The labels depend on the maps alone; missing maps read as background.
    fn label(&mut self, maps: Maps<'_>, out: &mut LabelImage);
}

/// Parameters out of a manifest's table; unknown ones are errors.
fn parameters_from_table<P: DeserializeOwned>(table: &toml::Table) -> Result<P, String> {
    table
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())
}

/// An error unless `value` lies within `from` to `to`, which also refuses NaN.
fn within(name: &str, value: f64, from: f64, to: f64) -> Result<(), String> {
    if (from..=to).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} is {value}, wanted {from} to {to}"))
    }
}

/// An error unless the two areas are in order.
fn area_range(min_um2: f64, max_um2: f64) -> Result<(), String> {
    within("min_area_um2", min_um2, 0.0, 1e6)?;
    within("max_area_um2", max_um2, min_um2, 1e6)
}

/// The logit whose sigmoid is `probability`, which lies between 0 and 1.
fn logit(probability: f64) -> f32 {
    (probability / (1.0 - probability)).ln() as f32
}
