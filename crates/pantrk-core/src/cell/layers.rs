//! Layers of pixels along the borders of areas.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use crate::widest::on_widest;

/// Layers of an area that can be told apart; all that lie deeper have this number.
pub(super) const DEEP: u8 = 4;

/// Buffers of [`layers`], reused from patch to patch.
#[derive(Debug, Default)]
pub(super) struct Rows {
    areas: Vec<u32>,
    layers: Vec<u8>,
}

/// For each pixel of an area, how many layers of its own area lie between it and another area, of the outermost `count` layers (at most [`DEEP`]); [`DEEP`] further in, unspecified where there is no area.
///
/// The image's edge is no border: what touches it goes on outside.
pub(super) fn layers(areas: &[u32], width: usize, count: u8, out: &mut Vec<u8>, rows: &mut Rows) {
    out.resize(areas.len(), 0);
    if areas.is_empty() {
        return;
    }
    // Room for the neighbours beyond both ends: whole rows fill whole vectors, parts of them do not.
    rows.areas.resize(width + 2, 0);
    rows.layers.resize(width + 2, 0);
    on_widest(
        #[inline(always)]
        || {
            outermost(areas, width, out, &mut rows.areas);
            // Within a layer all four neighbours are of the same area, so layers alone decide.
            for layer in 1..count.min(DEEP) {
                deepen(out, width, layer, &mut rows.layers);
            }
        },
    );
}

#[inline(always)]
fn outermost(areas: &[u32], width: usize, out: &mut [u8], row: &mut [u32]) {
    let height = areas.len() / width;
    for y in 0..height {
        let here = &areas[y * width..][..width];
        let above = &areas[y.saturating_sub(1) * width..][..width];
        let below = &areas[(y + 1).min(height - 1) * width..][..width];
        row[1..=width].copy_from_slice(here);
        row[0] = here[0];
        row[width + 1] = here[width - 1];
        let (left, right) = (&row[..width], &row[2..]);
        let beside = left.iter().zip(right).zip(above.iter().zip(below));
        let out = &mut out[y * width..][..width];
        for ((out, &here), ((&left, &right), (&above, &below))) in
            out.iter_mut().zip(here).zip(beside)
        {
            let others = u8::from(here != left)
                | u8::from(here != right)
                | u8::from(here != above)
                | u8::from(here != below);
            *out = if others == 0 { DEEP } else { 0 };
        }
    }
}

/// Makes `layer` of each pixel that is [`DEEP`] and lies beside one of the layer before.
#[inline(always)]
fn deepen(layers: &mut [u8], width: usize, layer: u8, row: &mut [u8]) {
    let height = layers.len() / width;
    row[0] = DEEP;
    row[width + 1] = DEEP;
    for y in 0..height {
        // What is entered on the way is no pixel of the layer before.
        let (before, rest) = layers.split_at_mut(y * width);
        let (here, after) = rest.split_at_mut(width);
        row[1..=width].copy_from_slice(here);
        let (left, right) = (&row[..width], &row[2..]);
        // Beyond the first and the last row lies nothing new.
        let above = before.rchunks_exact(width).next().unwrap_or(left);
        let below = after.get(..width).unwrap_or(left);
        deepen_row(here, [left, right, above, below], layer);
    }
}

/// On its own, because then the compiler knows that what is written is not what is read.
#[inline(always)]
fn deepen_row(here: &mut [u8], [left, right, above, below]: [&[u8]; 4], layer: u8) {
    let wanted = layer - 1;
    let beside = left.iter().zip(right).zip(above.iter().zip(below));
    for (out, ((&left, &right), (&above, &below))) in here.iter_mut().zip(beside) {
        // Without a condition on the store, which would be made pixel by pixel.
        let beside = (left ^ wanted)
            .min(right ^ wanted)
            .min(above ^ wanted)
            .min(below ^ wanted);
        *out = (*out).min(if beside == 0 { layer } else { DEEP });
    }
}
