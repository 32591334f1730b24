//! What on the slide must not be scored, and whether the slide is of the right kind at all.
//!
//! Each check marks overview pixels; scoring leaves them out and the result states the area of each.
//! A new check is one file and one row in [`CHECKS`].

mod dark_pigment;
mod pen;
mod wrong_stain;

use std::collections::BTreeMap;

use crate::overview::{Mask, Overview};
use crate::stain::Deconvolver;

pub use wrong_stain::{StainKind, stain_kind};

/// A check that marks places to leave out.
pub struct Check {
    /// As in `result.json`'s `excluded_mm2`.
    pub name: &'static str,
    /// Marks the places, within tissue.
    pub mark: fn(&Overview, &Mask, &Deconvolver) -> Mask,
}

/// All checks, in the order in which a place that fails several is counted.
pub const CHECKS: [Check; 2] = [
    Check {
        name: "pen",
        mark: pen::mark,
    },
    Check {
        name: "pigment",
        mark: dark_pigment::mark,
    },
];

/// What the checks marked.
#[derive(Debug, Clone)]
pub struct QualityMaps {
    /// Per check, the places it marked first.
    pub marked: Vec<(&'static str, Mask)>,
    /// Tissue that no check marked.
    pub usable: Mask,
}

impl QualityMaps {
    /// Runs all checks.
    pub fn judge(overview: &Overview, tissue: &Mask, deconvolver: &Deconvolver) -> Self {
        let mut usable = tissue.clone();
        let marked = CHECKS
            .iter()
            .map(|check| {
                let mask = (check.mark)(overview, tissue, deconvolver).and(&usable, true);
                usable = usable.and(&mask, false);
                (check.name, mask)
            })
            .collect();
        Self { marked, usable }
    }

    /// The area that each check marked, mm2.
    pub fn excluded_mm2(&self, overview: &Overview) -> BTreeMap<String, f64> {
        self.marked
            .iter()
            .map(|(name, mask)| {
                (
                    (*name).to_owned(),
                    mask.count() as f64 * overview.pixel_mm2(),
                )
            })
            .collect()
    }

    /// The check that marked a place, if any did.
    pub fn reason_at(&self, x: u32, y: u32) -> Option<&'static str> {
        self.marked
            .iter()
            .find(|(_, mask)| mask.get(x, y))
            .map(|(name, _)| *name)
    }
}
