//! What holds for every head, on maps of discs at random: nuclei are of one piece, and neither where a patch begins nor how large it is changes one that lies whole in it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::segment::morphology::Components;

/// Side of the field that patches are cut from.
const FIELD: usize = 160;
/// Nothing nearer to a patch's edge than this is compared: that far the edge is felt.
const MARGIN: usize = 6;

/// Centre and radius in pixels.
type Disc = [f32; 3];
/// Left, top, width, height.
type Patch = [usize; 4];

/// How deep a place lies in the disc where it lies deepest, 0 to 1, and that disc.
fn deepest(discs: &[Disc], x: f32, y: f32) -> Option<(f32, Disc)> {
    discs
        .iter()
        .map(|&[cx, cy, r]| ((r - (x - cx).hypot(y - cy)) / r, [cx, cy, r]))
        .filter(|(depth, _)| *depth > 0.0)
        .max_by(|a, b| a.0.total_cmp(&b.0))
}

/// What a perfect network for this head gives of a patch.
fn maps_of(head: &HeadEntry, stride: usize, discs: &[Disc], patch: Patch) -> Vec<f32> {
    let [left, top, width, height] = patch;
    let (columns, rows) = (width / stride, height / stride);
    let mut values = vec![0.0; head.channels * columns * rows];
    for row in 0..rows {
        for column in 0..columns {
            let x = (left + column * stride) as f32;
            let y = (top + row * stride) as f32;
            let found = deepest(discs, x, y);
            for map in 0..head.channels {
                let value = match (head.kind, map, found) {
                    ("star-convex", 0, Some((depth, _))) => 0.5 + depth / 2.0,
                    ("star-convex", ray, Some((_, disc))) if ray > 0 => {
                        ray_length(disc, x, y, ray - 1)
                    }
                    ("star-convex", ..) => 0.0,
                    (_, 0, found) => {
                        if found.is_some() {
                            6.0
                        } else {
                            -6.0
                        }
                    }
                    (_, _, found) => found.map_or(0.0, |(depth, _)| depth),
                };
                values[(map * rows + row) * columns + column] = value;
            }
        }
    }
    values
}

/// From a place in a disc to its edge.
fn ray_length([cx, cy, r]: Disc, x: f32, y: f32, ray: usize) -> f32 {
    let angle = std::f32::consts::TAU * ray as f32 / (star_convex::RAYS as f32);
    let along = (cx - x) * angle.cos() + (cy - y) * angle.sin();
    let away = (cx - x).powi(2) + (cy - y).powi(2) - r * r;
    along + (along * along - away).max(0.0).sqrt()
}

fn labels(head: &HeadEntry, stride: usize, discs: &[Disc], patch: Patch) -> LabelImage {
    let mpp = MicronsPerPixel::new(0.5).unwrap();
    let built = head.build(&toml::Table::new(), mpp).unwrap();
    let values = maps_of(head, stride, discs, patch);
    let maps = Maps {
        width: patch[2] / stride,
        height: patch[3] / stride,
        stride,
        values: &values,
    };
    let mut out = LabelImage::default();
    built.worker().label(maps, &mut out);
    assert_eq!((out.width, out.height), (patch[2], patch[3]));
    out
}

/// Labels are 1 to the count in raster order, and each is one piece along pixel edges.
fn check_pieces(head: &HeadEntry, image: &LabelImage) {
    let mut next = 1;
    let mut components = Components::default();
    for &label in &image.labels {
        assert!(label <= next, "{}: {label} before {next}", head.kind);
        next += u32::from(label == next);
    }
    assert_eq!(next, image.count + 1, "{}", head.kind);
    let mut pieces = Vec::new();
    for label in 1..=image.count {
        let mask: Vec<u8> = image.labels.iter().map(|&l| u8::from(l == label)).collect();
        let n = components.label(&mask, image.width, &mut pieces);
        assert_eq!(n, 1, "{}: label {label} is in {n} pieces", head.kind);
    }
}

/// The groups of discs that touch, numbered, over the whole field.
fn groups(discs: &[Disc]) -> Vec<u32> {
    let near = |at: usize| {
        let (x, y) = ((at % FIELD) as f32, (at / FIELD) as f32);
        let touches = |&[cx, cy, r]: &Disc| (x - cx).hypot(y - cy) < r + 2.0;
        u8::from(discs.iter().any(touches))
    };
    let mask: Vec<u8> = (0..FIELD * FIELD).map(near).collect();
    let mut labels = Vec::new();
    Components::default().label(&mask, FIELD, &mut labels);
    labels
}

/// The nuclei of each group that lies whole in all of the patches, as the field's pixels.
fn nuclei(
    image: &LabelImage,
    [left, top, ..]: Patch,
    groups: &[u32],
    whole: &BTreeSet<u32>,
) -> BTreeMap<u32, BTreeSet<Vec<usize>>> {
    let mut pixels: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, &label) in image.labels.iter().enumerate().filter(|(_, l)| **l > 0) {
        let (x, y) = (at % image.width + left, at / image.width + top);
        pixels.entry(label).or_default().push(y * FIELD + x);
    }
    let mut found: BTreeMap<u32, BTreeSet<Vec<usize>>> = BTreeMap::new();
    for pixels in pixels.into_values() {
        let group = groups[pixels[0]];
        if whole.contains(&group) {
            found.entry(group).or_default().insert(pixels);
        }
    }
    found
}

fn whole_in(patches: &[Patch], groups: &[u32]) -> BTreeSet<u32> {
    let mut whole: BTreeSet<u32> = groups.iter().copied().filter(|&group| group > 0).collect();
    for &[left, top, width, height] in patches {
        for (at, group) in groups.iter().enumerate() {
            let (x, y) = (at % FIELD, at / FIELD);
            let inside = (left + MARGIN..left + width - MARGIN).contains(&x)
                && (top + MARGIN..top + height - MARGIN).contains(&y);
            if !inside {
                whole.remove(group);
            }
        }
    }
    whole
}

fn disc() -> impl Strategy<Value = Disc> {
    // On quarters of a pixel, so that sums are exact wherever the patch begins.
    let quarter = |range: std::ops::Range<i16>| range.prop_map(|v| f32::from(v) / 4.0);
    let side = 4 * FIELD as i16;
    [quarter(0..side), quarter(0..side), quarter(16..44)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nuclei_are_of_one_piece_and_the_same_in_any_patch(
        discs in prop::collection::vec(disc(), 1..16),
        offset in [0_usize..6, 0_usize..6],
        size in [24_usize..34, 24_usize..34],
    ) {
        let groups = groups(&discs);
        for head in HEADS {
            for &stride in head.strides {
                let stride = stride as usize;
                // Patches begin and end at multiples of the coarsest stride.
                let first = [0, 0, FIELD - 16, FIELD - 16];
                let shifted = [stride, stride, FIELD - 16, FIELD - 16];
                let [left, top] = offset.map(|v| 4 * v);
                let [width, height] = size.map(|v| 4 * v);
                let cut = [left, top, width, height];
                let patches = [first, shifted, cut];
                let whole = whole_in(&patches, &groups);
                let found = patches.map(|patch| {
                    let image = labels(head, stride, &discs, patch);
                    check_pieces(head, &image);
                    nuclei(&image, patch, &groups, &whole)
                });
                prop_assert_eq!(&found[0], &found[1], "{} at stride {}, moved", head.kind, stride);
                prop_assert_eq!(&found[0], &found[2], "{} at stride {}, cut", head.kind, stride);
            }
        }
    }
}
