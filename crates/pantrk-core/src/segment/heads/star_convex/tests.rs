//! Maps made from discs whose place and size are known.

use super::*;

const EDGE: usize = 96;

/// Centre and radius in pixels.
type Disc = (f32, f32, f32);

fn head(parameters: &str) -> Box<dyn Head> {
    let mpp = MicronsPerPixel::new(0.5).unwrap();
    build(&toml::from_str(parameters).unwrap(), mpp).unwrap()
}

/// What a perfect network gives: how deep a place lies in its disc, and the way to the disc's edge along each ray.
fn maps_of(discs: &[Disc], stride: usize) -> Vec<f32> {
    let edge = EDGE / stride;
    let mut values = vec![0.0; (1 + RAYS) * edge * edge];
    for row in 0..edge {
        for column in 0..edge {
            let (x, y) = ((column * stride) as f32, (row * stride) as f32);
            let depth = |&(cx, cy, r): &Disc| 1.0 - (x - cx).hypot(y - cy) / r;
            let Some(&disc) = discs
                .iter()
                .filter(|disc| depth(disc) > 0.0)
                .max_by(|a, b| depth(a).total_cmp(&depth(b)))
            else {
                continue;
            };
            let (cx, cy, r) = disc;
            values[row * edge + column] = 0.5 + 0.5 * depth(&disc);
            for ray in 0..RAYS {
                let angle = std::f32::consts::TAU * ray as f32 / RAYS as f32;
                let (dx, dy) = (angle.cos(), angle.sin());
                // Where the ray meets the circle.
                let along = (cx - x) * dx + (cy - y) * dy;
                let away = (cx - x).powi(2) + (cy - y).powi(2) - r * r;
                let length = along + (along * along - away).max(0.0).sqrt();
                values[(1 + ray) * edge * edge + row * edge + column] = length;
            }
        }
    }
    values
}

fn label(worker: &mut dyn HeadWorker, values: &[f32], stride: usize) -> LabelImage {
    let mut out = LabelImage::default();
    let maps = Maps {
        width: EDGE / stride,
        height: EDGE / stride,
        stride,
        values,
    };
    worker.label(maps, &mut out);
    out
}

#[test]
fn known_discs_come_back_whole_at_any_stride() {
    let discs = [
        (20.0, 18.0, 9.0),
        (60.0, 20.0, 12.0),
        (20.0, 60.0, 9.0),
        (40.0, 62.0, 9.0),
        (90.0, 84.0, 9.0),
    ];
    for stride in [1, 2] {
        let found = label(&mut *head("").worker(), &maps_of(&discs, stride), stride);
        assert_eq!((found.width, found.height), (EDGE, EDGE));
        assert_eq!(found.count, discs.len() as u32, "stride {stride}");
        for &(cx, cy, r) in &discs {
            let name = found.labels[cy as usize * EDGE + cx as usize];
            assert_ne!(name, 0);
            let (mut both, mut either) = (0, 0);
            for y in 0..EDGE {
                for x in 0..EDGE {
                    let inside = (x as f32 - cx).hypot(y as f32 - cy) <= r;
                    let labelled = found.labels[y * EDGE + x] == name;
                    both += i32::from(inside && labelled);
                    either += i32::from(inside || labelled);
                }
            }
            let iou = f64::from(both) / f64::from(either);
            assert!(iou > 0.9, "stride {stride}, disc {cx} {cy}: {iou}");
        }
    }
}

#[test]
fn a_polygon_that_overlaps_too_much_is_the_same_nucleus() {
    // Centres 8 px apart: neither lies in the other's best polygon once the radius is 7.
    let discs = [(40.0, 48.0, 7.0), (48.0, 48.0, 7.0)];
    let maps = maps_of(&discs, 1);
    let found = |parameters: &str| label(&mut *head(parameters).worker(), &maps, 1).count;
    assert_eq!(found("overlap_threshold = 0.6"), 2);
    assert_eq!(found("overlap_threshold = 0.1"), 1);
}

#[test]
fn logits_and_probabilities_are_told_apart() {
    let mut maps = maps_of(&[(40.0, 40.0, 10.0)], 1);
    let whole = label(&mut *head("").worker(), &maps, 1);
    for value in &mut maps[..EDGE * EDGE] {
        let probability = value.clamp(1e-4, 1.0 - 1e-4);
        *value = (probability / (1.0 - probability)).ln();
    }
    let from_logits = label(&mut *head("logits = true").worker(), &maps, 1);
    assert_eq!(from_logits, whole);
}

#[test]
fn rays_of_no_length_and_of_any_length_do_no_harm() {
    let mut maps = maps_of(&[(40.0, 40.0, 10.0)], 1);
    maps[EDGE * EDGE..].fill(-3.0);
    assert_eq!(label(&mut *head("").worker(), &maps, 1).count, 0);
    maps[EDGE * EDGE..].fill(1e30);
    // All of the patch, which is larger than any nucleus.
    assert_eq!(label(&mut *head("").worker(), &maps, 1).count, 0);
    let all = "max_area_um2 = 1e6";
    assert_eq!(label(&mut *head(all).worker(), &maps, 1).count, 1);
}

#[test]
fn bad_parameters_are_named() {
    let mpp = MicronsPerPixel::new(0.5).unwrap();
    let refused = |text: &str| build(&toml::from_str(text).unwrap(), mpp).err().unwrap();
    for (text, found) in [
        (
            "probability_threshold = 1.5",
            "probability_threshold is 1.5",
        ),
        ("overlap_threshold = -0.1", "overlap_threshold is -0.1"),
        ("rays = 64", "`rays`"),
    ] {
        assert!(refused(text).contains(found), "{}", refused(text));
    }
}
