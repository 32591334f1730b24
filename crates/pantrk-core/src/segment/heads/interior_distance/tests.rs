//! Maps made from discs whose place and size are known.

use super::*;
use crate::segment::heads::{HEADS, fitting_heads, head_by_kind};

const EDGE: usize = 96;

/// Centre and radius in pixels.
type Disc = (f32, f32, f32);

/// What a perfect network would give: inside, and the distance to the border over its maximum; a pixel in two discs belongs to the one whose border is further.
fn maps_of(discs: &[Disc]) -> Vec<f32> {
    let mut values = vec![-6.0; EDGE * EDGE];
    values.resize(2 * EDGE * EDGE, 0.0);
    for y in 0..EDGE {
        for x in 0..EDGE {
            let depth = discs
                .iter()
                .map(|&(cx, cy, r)| (r - (x as f32 - cx).hypot(y as f32 - cy)) / r)
                .fold(f32::NEG_INFINITY, f32::max);
            if depth > 0.0 {
                values[y * EDGE + x] = 6.0;
                values[EDGE * EDGE + y * EDGE + x] = depth;
            }
        }
    }
    values
}

fn head(parameters: &str) -> Box<dyn Head> {
    build(
        &toml::from_str(parameters).unwrap(),
        MicronsPerPixel::new(0.5).unwrap(),
    )
    .unwrap()
}

fn label(worker: &mut dyn HeadWorker, values: &[f32]) -> LabelImage {
    let mut out = LabelImage::default();
    let maps = Maps {
        width: EDGE,
        height: EDGE,
        stride: 1,
        values,
    };
    worker.label(maps, &mut out);
    out
}

#[test]
fn known_discs_come_back_whole() {
    // Two apart, three that touch in a row, one small, one cut by the edge.
    let discs = [
        (20.0, 18.0, 9.0),
        (60.0, 20.0, 12.0),
        (20.0, 60.0, 9.0),
        (36.0, 60.0, 9.0),
        (52.0, 60.0, 9.0),
        (80.0, 50.0, 4.0),
        (95.0, 85.0, 9.0),
    ];
    let found = label(&mut *head("").worker(), &maps_of(&discs));
    assert_eq!(found.count, discs.len() as u32);
    assert_eq!((found.width, found.height), (EDGE, EDGE));
    let mut seen = Vec::new();
    for &(cx, cy, r) in &discs {
        let name = found.labels[cy as usize * EDGE + cx as usize];
        assert!(name != 0 && !seen.contains(&name), "{name}");
        seen.push(name);
        // Each pixel clearly inside one disc alone bears that disc's label.
        for y in 0..EDGE {
            for x in 0..EDGE {
                let inside = |&(cx, cy, r): &Disc| (x as f32 - cx).hypot(y as f32 - cy) < r;
                let alone = discs.iter().filter(|disc| inside(disc)).count() == 1;
                if alone && (x as f32 - cx).hypot(y as f32 - cy) < r - 0.5 {
                    assert_eq!(found.labels[y * EDGE + x], name, "{x} {y}");
                }
            }
        }
    }
    // No nucleus outside the discs.
    let area = found.labels.iter().filter(|&&l| l != 0).count();
    let wanted = maps_of(&discs)[..EDGE * EDGE]
        .iter()
        .filter(|&&v| v > 0.0)
        .count();
    assert_eq!(area, wanted);
}

#[test]
fn two_overlapping_discs_are_cut_half_way() {
    let found = label(
        &mut *head("").worker(),
        &maps_of(&[(40.0, 48.0, 10.0), (54.0, 48.0, 10.0)]),
    );
    assert_eq!(found.count, 2);
    let row = &found.labels[48 * EDGE..49 * EDGE];
    assert!(row[31..=46].iter().all(|&l| l == row[40]), "{row:?}");
    assert!(row[48..=63].iter().all(|&l| l == row[54]), "{row:?}");
}

#[test]
fn sizes_out_of_range_are_dropped() {
    // Areas of 3.1, 28 and 314 px: 0.8, 7 and 79 um2.
    let maps = maps_of(&[(20.0, 20.0, 1.2), (50.0, 50.0, 3.0), (75.0, 75.0, 10.0)]);
    assert_eq!(label(&mut *head("").worker(), &maps).count, 1);
    let all = "min_area_um2 = 0.5\nseed_smoothing = 0";
    assert_eq!(label(&mut *head(all).worker(), &maps).count, 3);
    let small = "min_area_um2 = 0.5\nmax_area_um2 = 20\nseed_smoothing = 0.0";
    assert_eq!(label(&mut *head(small).worker(), &maps).count, 2);
}

#[test]
fn a_hole_in_the_interior_is_filled() {
    let mut maps = maps_of(&[(48.0, 48.0, 10.0)]);
    let whole = label(&mut *head("").worker(), &maps);
    for y in 46..50 {
        for x in 46..50 {
            maps[y * EDGE + x] = -3.0;
        }
    }
    assert_eq!(label(&mut *head("").worker(), &maps), whole);
    let open = label(&mut *head("max_hole_um2 = 0").worker(), &maps);
    assert_eq!(open.labels[47 * EDGE + 47], 0);
}

#[test]
fn moving_the_maps_moves_the_labels() {
    let discs = [(30.0, 30.0, 9.0), (44.0, 33.0, 9.0), (31.0, 46.0, 8.0)];
    let moved: Vec<Disc> = discs
        .iter()
        .map(|&(x, y, r)| (x + 17.0, y + 5.0, r))
        .collect();
    let mut worker = head("").worker();
    let here = label(&mut *worker, &maps_of(&discs));
    let there = label(&mut *worker, &maps_of(&moved));
    assert_eq!(here.count, 3);
    for y in 0..EDGE - 5 {
        assert_eq!(
            here.labels[y * EDGE..][..EDGE - 17],
            there.labels[(y + 5) * EDGE + 17..][..EDGE - 17]
        );
    }
}

#[test]
fn a_used_worker_gives_what_a_fresh_one_gives() {
    let (a, b) = (
        maps_of(&[(30.0, 30.0, 20.0)]),
        maps_of(&[(50.0, 50.0, 9.0), (64.0, 50.0, 9.0)]),
    );
    let mut worker = head("").worker();
    label(&mut *worker, &a);
    assert_eq!(label(&mut *worker, &b), label(&mut *head("").worker(), &b));
}

#[test]
fn values_that_are_no_numbers_are_background() {
    let maps = vec![f32::NAN; 2 * EDGE * EDGE];
    assert_eq!(label(&mut *head("").worker(), &maps).count, 0);
    // Missing maps as well.
    assert_eq!(label(&mut *head("").worker(), &[]).count, 0);
}

#[test]
fn parameters_are_checked_by_name() {
    let refused = |text: &str| {
        build(
            &toml::from_str(text).unwrap(),
            MicronsPerPixel::new(0.5).unwrap(),
        )
        .err()
        .unwrap()
    };
    assert!(refused("sead_threshold = 0.5").contains("`sead_threshold`"));
    assert_eq!(
        refused("interior_threshold = 1.0"),
        "interior_threshold is 1, wanted 0.001 to 0.999"
    );
    assert_eq!(
        refused("min_area_um2 = 50.0\nmax_area_um2 = 40.0"),
        "max_area_um2 is 40, wanted 50 to 1000000"
    );
}

#[test]
fn the_table_names_each_head_once() {
    for head in HEADS {
        assert!(std::ptr::eq(head_by_kind(head.kind).unwrap(), head));
        head.build(&toml::Table::new(), MicronsPerPixel::new(0.5).unwrap())
            .map(drop)
            .unwrap();
    }
    let two: Vec<&str> = fitting_heads(2, 1).map(|head| head.kind).collect();
    assert_eq!(two, ["interior-distance"]);
    assert_eq!(fitting_heads(2, 2).count(), 0);
}

#[test]
fn the_interior_head_splits_by_shape() {
    let head = head_by_kind("interior")
        .unwrap()
        .build(&toml::Table::new(), MicronsPerPixel::new(0.5).unwrap())
        .unwrap();
    let maps = maps_of(&[(40.0, 48.0, 10.0), (55.0, 48.0, 10.0), (20.0, 20.0, 8.0)]);
    let found = label(&mut *head.worker(), &maps[..EDGE * EDGE]);
    assert_eq!(found.count, 3);
    assert_ne!(found.labels[48 * EDGE + 40], found.labels[48 * EDGE + 55]);
}
