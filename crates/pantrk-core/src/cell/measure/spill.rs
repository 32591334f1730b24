//! What blur carries from one compartment into the next, and from one cell into its neighbour, is put back.
//!
//! The compartments' densities, as they are read first, are painted into a plane; what blur takes from each pixel of that plane is what it took from the slide's, and is given back to it.
//! This is the region-based voxel-wise correction of partial volumes, as emission tomography has it (Thomas et al. 2011, doi 10.1007/s00259-011-1745-9): stain is moved and none is made, and where cells and compartments are alike nothing changes.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use crate::widest::on_widest;

use super::places::{CLASSES, Places, part_of};
use super::{CellRecord, SECTORS};

/// The share of a pixel's density that each of its neighbours along an axis gets.
///
/// A kernel with that weight on both sides has twice that variance, in pixels squared.
/// Optics of 0.17 um (one deviation), averaging over pixels of 0.5 um, and outlines that are known to a whole pixel have 0.029 + 0.021 + 0.021 um2.
const TO_NEIGHBOUR: f32 = 0.14;

/// The planes of the correction, reused from patch to patch.
#[derive(Debug, Default)]
pub(super) struct Spill {
    painted: Vec<f32>,
    row: Vec<f32>,
    /// After [`Self::put_back`]: DAB with the spill put back.
    pub(super) dab: Vec<f32>,
}

impl Spill {
    /// Corrects `dab`, an image of that width, by what was read of the cells in their `places`.
    pub(super) fn put_back(
        &mut self,
        (dab, width): (&[f32], usize),
        places: &Places,
        records: &[CellRecord],
    ) {
        let Self {
            painted,
            row,
            dab: out,
        } = self;
        painted.clear();
        painted.extend_from_slice(dab);
        for record in records {
            let densities: [f32; CLASSES] =
                std::array::from_fn(|class| record.dab_od[part_of(class) as usize]);
            for run in places.runs_of(record.label as usize) {
                let pixels = run.pixels();
                let of_pixels = &places.of_pixels[pixels.clone()];
                for (od, &place) in painted[pixels].iter_mut().zip(of_pixels) {
                    let density = densities[usize::from(place) / SECTORS % CLASSES];
                    *od = if density.is_finite() { density } else { *od };
                }
            }
        }
        out.resize(dab.len(), 0.0);
        row.resize(width, 0.0);
        if width > 0 {
            on_widest(
                #[inline(always)]
                || give_back((dab, painted), width, row, out),
            );
        }
    }
}

/// Adds to `dab` what blur takes from `painted`.
#[inline(always)]
fn give_back((dab, painted): (&[f32], &[f32]), width: usize, row: &mut [f32], out: &mut [f32]) {
    let height = dab.len() / width;
    let line = |y: usize| &painted[y * width..][..width];
    let rows = dab.chunks_exact(width).zip(out.chunks_exact_mut(width));
    for (y, (dab, out)) in rows.enumerate() {
        let (above, here) = (line(y.saturating_sub(1)), line(y));
        let below = line((y + 1).min(height - 1));
        for (((to, &above), &here), &below) in row.iter_mut().zip(above).zip(here).zip(below) {
            *to = blurred([above, here, below]);
        }
        let last = width - 1;
        let at_edge = |x: usize| [row[x.saturating_sub(1)], row[x], row[(x + 1).min(last)]];
        for x in [0, last] {
            out[x] = dab[x] + (here[x] - blurred(at_edge(x)));
        }
        let threes = row.windows(3).zip(dab[1..].iter().zip(&here[1..]));
        for (out, (three, (&dab, &here))) in out[1..].iter_mut().zip(threes) {
            *out = dab + (here - blurred([three[0], three[1], three[2]]));
        }
    }
}

/// The middle of three along an axis, each of which spills into its neighbours.
#[inline(always)]
fn blurred([before, here, after]: [f32; 3]) -> f32 {
    here + TO_NEIGHBOUR * (before + after - 2.0 * here)
}
