//! Hematoxylin planes painted from discs, and cuts of them.

use pantrk_space::RgbBuffer;
use proptest::prelude::*;

use super::*;
use crate::stain::StainPlanes;

/// A hematoxylin plane and the size it has.
#[derive(Clone)]
struct Plane {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

/// Centre and radius in pixels, OD.
type Nucleus = (f32, f32, f32, f32);

/// Nuclei with a soft edge of one pixel on a background that slopes; a little fixed noise.
fn paint(width: usize, height: usize, nuclei: &[Nucleus]) -> Plane {
    let mut values = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let stain = nuclei
                .iter()
                .map(|&(cx, cy, r, od)| {
                    let depth = r - (x as f32 - cx).hypot(y as f32 - cy);
                    od * (depth + 0.5).clamp(0.0, 1.0)
                })
                .fold(0.0, f32::max);
            let noise = ((x * 7919 + y * 104_729) % 97) as f32 / 97.0 - 0.5;
            values.push(0.05 + 0.0002 * x as f32 + stain + 0.02 * noise);
        }
    }
    Plane {
        width,
        height,
        values,
    }
}

impl Plane {
    fn cut(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let values = (y..y + height)
            .flat_map(|row| self.values[row * self.width + x..][..width].to_vec())
            .collect();
        Self {
            width,
            height,
            values,
        }
    }

    fn segment(&self, worker: &mut dyn SegmentWorker) -> LabelImage {
        let size = LevelSize {
            width: self.width as u32,
            height: self.height as u32,
        };
        let rgb = RgbBuffer::filled(size, [255; 3]);
        let stains = StainPlanes {
            width: self.width,
            height: self.height,
            hematoxylin: self.values.clone(),
            dab: Vec::new(),
            residual: Vec::new(),
        };
        let mut out = LabelImage::default();
        let patch = PatchInput {
            rgb: &rgb,
            stains: &stains,
        };
        worker.segment(patch, &mut out).unwrap();
        out
    }
}

fn segmenter() -> WatershedSegmenter {
    WatershedSegmenter::new(WatershedParameters::at(MicronsPerPixel::new(0.5).unwrap()))
}

#[test]
fn painted_nuclei_are_found_at_their_size() {
    let nuclei = [
        (40.0, 40.0, 8.0, 0.4),
        (90.0, 45.0, 10.0, 0.3),
        (60.0, 100.0, 12.0, 0.5),
        (110.0, 110.0, 6.0, 0.4),
    ];
    let found = paint(160, 150, &nuclei).segment(&mut *segmenter().worker());
    assert_eq!(found.count, 4);
    for &(x, y, r, _) in &nuclei {
        let name = found.labels[y as usize * 160 + x as usize];
        assert_ne!(name, 0);
        let area = found.labels.iter().filter(|&&l| l == name).count() as f32;
        let wanted = std::f32::consts::PI * r * r;
        // The smoothing moves the border of a small, round nucleus outwards, up to a pixel.
        let radius = (area / std::f32::consts::PI).sqrt();
        assert!((radius - r).abs() < 1.0, "{radius} {r}");
        assert!((area / wanted - 1.0).abs() < 0.35, "{area} {wanted}");
    }
}

#[test]
fn the_halo_holds_the_steps_and_the_largest_nucleus() {
    // At 0.5 um: twice 16 px of opening, 9 px of smoothing, 1 px of Laplacian, 23 px of radius.
    assert_eq!(segmenter().reach(), 42);
    assert_eq!(segmenter().halo(), 65);
}

#[test]
fn two_touching_nuclei_come_apart() {
    for gap in [13.0, 15.0, 17.0] {
        let nuclei = [(60.0, 60.0, 9.0, 0.4), (60.0 + gap, 64.0, 9.0, 0.4)];
        let found = paint(140, 120, &nuclei).segment(&mut *segmenter().worker());
        assert_eq!(found.count, 2, "{gap}");
    }
    // One oval nucleus stays one.
    let oval: Vec<Nucleus> = (0..8).map(|i| (60.0 + i as f32, 60.0, 8.0, 0.4)).collect();
    assert_eq!(
        paint(140, 120, &oval)
            .segment(&mut *segmenter().worker())
            .count,
        1
    );
}

#[test]
fn a_pale_centre_does_not_break_a_nucleus() {
    let mut plane = paint(120, 120, &[(60.0, 60.0, 13.0, 0.4)]);
    let pale = paint(120, 120, &[(60.0, 60.0, 7.0, 0.3)]);
    let even = paint(120, 120, &[]);
    for ((value, pale), even) in plane.values.iter_mut().zip(&pale.values).zip(&even.values) {
        *value -= pale - even;
    }
    let found = plane.segment(&mut *segmenter().worker());
    assert_eq!(found.count, 1);
    assert_eq!(found.labels[60 * 120 + 60], 1);
}

#[test]
fn an_empty_plane_and_faint_noise_have_no_nuclei() {
    assert_eq!(
        paint(100, 80, &[])
            .segment(&mut *segmenter().worker())
            .count,
        0
    );
    let faint = paint(100, 80, &[(50.0, 40.0, 9.0, 0.08)]);
    assert_eq!(faint.segment(&mut *segmenter().worker()).count, 0);
}

#[test]
fn planes_of_another_size_are_refused() {
    let rgb = RgbBuffer::filled(
        LevelSize {
            width: 8,
            height: 8,
        },
        [255; 3],
    );
    let stains = StainPlanes::default();
    let patch = PatchInput {
        rgb: &rgb,
        stains: &stains,
    };
    let error = segmenter()
        .worker()
        .segment(patch, &mut LabelImage::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "segmenter watershed got a stain plane of 0 x 0 px, wanted 8 x 8 px"
    );
}

fn crowds() -> impl Strategy<Value = Vec<Nucleus>> {
    proptest::collection::vec(
        (0.0f32..260.0, 0.0f32..240.0, 5.0f32..11.0, 0.2f32..0.7),
        10..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn two_cuts_agree_where_both_see_enough(nuclei in crowds(), dx in 0usize..40, dy in 0usize..40) {
        let segmenter = segmenter();
        let mut worker = segmenter.worker();
        let whole = paint(260, 240, &nuclei);
        let a = whole.segment(&mut *worker);
        let (width, height) = (200, 190);
        let b = whole.cut(dx, dy, width, height).segment(&mut *worker);
        // A crowd that touches is one piece and may reach far; 12 px more than the reach holds it here
        // unless it runs on to the cut's edge, so pieces that do so are left out.
        let margin = segmenter.reach() + 12;
        let touched = labels_near_the_edge(&b, segmenter.reach());
        for y in margin..height - margin {
            for x in margin..width - margin {
                let here = b.labels[y * width + x];
                let there = a.labels[(y + dy) * 260 + x + dx];
                if !touched.contains(&here) {
                    prop_assert_eq!(here == 0, there == 0, "{} {}", x, y);
                }
            }
        }
        for label in (1..=b.count).filter(|label| !touched.contains(label)) {
            let pixels: Vec<usize> = (0..b.labels.len()).filter(|&p| b.labels[p] == label).collect();
            let names: Vec<u32> = pixels
                .iter()
                .map(|p| a.labels[(p / width + dy) * 260 + p % width + dx])
                .collect();
            prop_assert!(names.iter().all(|&n| n != 0 && n == names[0]));
            prop_assert_eq!(a.labels.iter().filter(|&&l| l == names[0]).count(), pixels.len());
        }
    }

    #[test]
    fn labels_are_whole_and_in_range(nuclei in crowds()) {
        let found = paint(260, 240, &nuclei).segment(&mut *segmenter().worker());
        let mut areas = vec![0u32; found.count as usize + 1];
        let mut highest = 0;
        for &label in &found.labels {
            // In raster order a new label is the next number.
            prop_assert!(label <= highest + 1);
            highest = highest.max(label);
            areas[label as usize] += 1;
        }
        prop_assert_eq!(highest, found.count);
        prop_assert!(areas[1..].iter().all(|area| (40..=1600).contains(area)));
        let mut pieces = 0;
        let mut components = super::super::morphology::Components::default();
        let mut scratch = Vec::new();
        for label in 1..=found.count {
            let mask: Vec<u8> = found.labels.iter().map(|&l| u8::from(l == label)).collect();
            pieces += components.label(&mask, found.width, &mut scratch);
        }
        prop_assert_eq!(pieces, found.count);
    }
}

/// Labels of nuclei that belong to a piece within `reach` of the edge.
fn labels_near_the_edge(image: &LabelImage, reach: usize) -> std::collections::BTreeSet<u32> {
    let mask: Vec<u8> = image.labels.iter().map(|&l| u8::from(l != 0)).collect();
    let mut pieces = Vec::new();
    super::super::morphology::Components::default().label(&mask, image.width, &mut pieces);
    let near = |p: usize| {
        let (x, y) = (p % image.width, p / image.width);
        x < reach || y < reach || x + reach >= image.width || y + reach >= image.height
    };
    let touched: std::collections::BTreeSet<u32> = (0..pieces.len())
        .filter(|&p| near(p))
        .map(|p| pieces[p])
        .collect();
    (0..pieces.len())
        .filter(|&p| touched.contains(&pieces[p]))
        .map(|p| image.labels[p])
        .filter(|&label| label != 0)
        .collect()
}

#[test]
fn moving_the_picture_moves_the_labels() {
    let nuclei = [
        (100.0, 90.0, 9.0, 0.4),
        (116.0, 92.0, 9.0, 0.4),
        (80.0, 120.0, 7.0, 0.5),
    ];
    let whole = paint(260, 240, &nuclei);
    let mut worker = segmenter().worker();
    let a = whole.cut(0, 0, 200, 200).segment(&mut *worker);
    let b = whole.cut(13, 7, 200, 200).segment(&mut *worker);
    assert_eq!((a.count, b.count), (3, 3));
    let (mut from_a, mut from_b) = (Vec::new(), Vec::new());
    for y in 0..193 {
        from_a.extend_from_slice(&a.labels[(y + 7) * 200 + 13..][..187]);
        from_b.extend_from_slice(&b.labels[y * 200..][..187]);
    }
    assert_eq!(from_a, from_b);
}

#[test]
fn a_used_worker_gives_what_a_fresh_one_gives() {
    let (a, b) = (
        paint(130, 90, &[(40.0, 40.0, 10.0, 0.5)]),
        paint(90, 130, &[(50.0, 60.0, 8.0, 0.4), (64.0, 60.0, 8.0, 0.4)]),
    );
    let mut worker = segmenter().worker();
    a.segment(&mut *worker);
    assert_eq!(
        b.segment(&mut *worker),
        b.segment(&mut *segmenter().worker())
    );
}
