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
    /// All layers before a pass over them.
    before: Vec<u8>,
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
    rows.before.resize(areas.len(), 0);
    on_widest(
        #[inline(always)]
        || outermost(areas, width, out, &mut rows.areas),
    );
    // Within a layer all four neighbours are of the same area, so layers alone decide.
    for layer in 1..count.min(DEEP) {
        std::mem::swap(out, &mut rows.before);
        on_widest(
            #[inline(always)]
            || deepen((&rows.before, out), width, layer, &mut rows.layers),
        );
    }
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
///
/// From one plane into another: a row of vectors may not be written where its neighbours are still read.
#[inline(always)]
fn deepen((before, after): (&[u8], &mut [u8]), width: usize, layer: u8, row: &mut [u8]) {
    let height = before.len() / width;
    let wanted = layer - 1;
    row[0] = DEEP;
    row[width + 1] = DEEP;
    for y in 0..height {
        let here = &before[y * width..][..width];
        // Beyond the first and the last row lies nothing new.
        let above = &before[y.saturating_sub(1) * width..][..width];
        let below = &before[(y + 1).min(height - 1) * width..][..width];
        row[1..=width].copy_from_slice(here);
        let (left, right) = (&row[..width], &row[2..]);
        let beside = left.iter().zip(right).zip(above.iter().zip(below));
        let out = &mut after[y * width..][..width];
        for ((out, &here), ((&left, &right), (&above, &below))) in
            out.iter_mut().zip(here).zip(beside)
        {
            let near = (left ^ wanted)
                .min(right ^ wanted)
                .min(above ^ wanted)
                .min(below ^ wanted);
            *out = here.min(if near == 0 { layer } else { DEEP });
        }
    }
}
