//! Against brute force on small random images, and properties that must hold on any.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A mask and its width.
fn masks() -> impl Strategy<Value = (Vec<u8>, usize)> {
    (1usize..14, 1usize..14, 1u8..10).prop_flat_map(|(width, height, density)| {
        let pixel = (0u8..10).prop_map(move |v| u8::from(v < density));
        (vec(pixel, width * height), Just(width))
    })
}

/// Levels and their width; few levels, so that plateaus and ties are common.
fn reliefs() -> impl Strategy<Value = (Vec<u16>, usize)> {
    (1usize..14, 1usize..14, 2u16..12)
        .prop_flat_map(|(width, height, levels)| (vec(0..levels, width * height), Just(width)))
}

/// The pixels beside `pixel`.
fn near(pixel: usize, width: usize, length: usize) -> Vec<usize> {
    let x = pixel % width;
    let mut found = Vec::new();
    if pixel >= width {
        found.push(pixel - width);
    }
    if x > 0 {
        found.push(pixel - 1);
    }
    if x + 1 < width {
        found.push(pixel + 1);
    }
    if pixel + width < length {
        found.push(pixel + width);
    }
    found
}

/// Components by flood fill: pixels of equal value, 0 left out; numbered in raster order.
fn components_by_flood(values: &[u32], width: usize) -> (Vec<u32>, u32) {
    let mut labels = vec![0; values.len()];
    let mut count = 0;
    for start in 0..values.len() {
        if values[start] == 0 || labels[start] != 0 {
            continue;
        }
        count += 1;
        labels[start] = count;
        let mut open = vec![start];
        while let Some(pixel) = open.pop() {
            for other in near(pixel, width, values.len()) {
                if labels[other] == 0 && values[other] == values[start] {
                    labels[other] = count;
                    open.push(other);
                }
            }
        }
    }
    (labels, count)
}

/// Labels are 1 to `count`, none is empty, each is one piece, and they stand in raster order.
fn check_labels(labels: &[u32], width: usize, count: u32) {
    let (pieces, pieces_count) = components_by_flood(labels, width);
    assert_eq!(pieces_count, count, "{labels:?}");
    assert_eq!(pieces, labels);
}

proptest! {
    #[test]
    fn components_agree_with_flood_fill((mask, width) in masks()) {
        let mut labels = vec![77; 3];
        let count = Components::default().label(&mask, width, &mut labels);
        let values: Vec<u32> = mask.iter().map(|&v| u32::from(v)).collect();
        let (wanted, wanted_count) = components_by_flood(&values, width);
        prop_assert_eq!(count, wanted_count);
        prop_assert_eq!(labels, wanted);
    }

    #[test]
    fn holes_are_what_cannot_reach_the_edge((mask, width) in masks(), largest in 0u32..6) {
        let mut filled = mask.clone();
        Holes::default().fill(&mut filled, width, largest);
        let background: Vec<u32> = mask.iter().map(|&v| u32::from(v == 0)).collect();
        let (pieces, _) = components_by_flood(&background, width);
        for pixel in 0..mask.len() {
            let piece: Vec<usize> = (0..mask.len()).filter(|&p| pieces[p] == pieces[pixel]).collect();
            let inside = piece.iter().all(|&p| near(p, width, mask.len()).len() == 4);
            let hole = mask[pixel] == 0 && inside && piece.len() <= largest as usize;
            prop_assert_eq!(filled[pixel], u8::from(mask[pixel] != 0 || hole));
        }
    }

    #[test]
    fn distances_agree_with_all_pairs((mask, width) in masks()) {
        let mut squared = Vec::new();
        SquaredDistance::default().transform(&mask, width, &mut squared);
        for (pixel, &found) in squared.iter().enumerate() {
            let wanted = (0..mask.len())
                .filter(|&other| mask[other] == 0)
                .map(|other| {
                    let dx = (pixel % width).abs_diff(other % width);
                    let dy = (pixel / width).abs_diff(other / width);
                    (dx * dx + dy * dy) as u32
                })
                .min()
                .unwrap_or(if mask[pixel] == 0 { 0 } else { u32::MAX });
            prop_assert_eq!(found, wanted, "{} in {:?}", pixel, mask);
        }
    }

    #[test]
    fn opening_agrees_with_all_windows((levels, width) in reliefs(), radius in 0usize..5) {
        let plane: Vec<f32> = levels.iter().map(|&v| f32::from(v)).collect();
        let extreme = |plane: &[f32], pick: fn(f32, f32) -> f32| -> Vec<f32> {
            (0..plane.len())
                .map(|pixel| {
                    (0..plane.len())
                        .filter(|other| {
                            (pixel % width).abs_diff(other % width) <= radius
                                && (pixel / width).abs_diff(other / width) <= radius
                        })
                        .map(|other| plane[other])
                        .reduce(pick)
                        .unwrap()
                })
                .collect()
        };
        let wanted = extreme(&extreme(&plane, f32::min), f32::max);
        let mut found = plane;
        Opening::default().open(&mut found, width, radius);
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn basins_are_whole_and_cover_all_without_limits((levels, width) in reliefs(), depth in 0u16..5) {
        let rules = BasinRules { min_peak: 0, min_depth: depth, min_area: 1, max_area: u32::MAX };
        let mut labels = Vec::new();
        let count = Basins::default().split(&levels, width, rules, &mut labels);
        // With plateaus and no limits two basins of one label cannot be told from one piece,
        // so pieces are counted per label.
        check_labels(&labels, width, count);
        for (label, level) in labels.iter().zip(&levels) {
            prop_assert_eq!(*label != 0, *level != 0);
        }
    }

    #[test]
    fn every_basin_keeps_the_limits(
        (levels, width) in reliefs(),
        min_peak in 0u16..10,
        min_depth in 0u16..5,
        min_area in 1u32..6,
    ) {
        let rules = BasinRules { min_peak, min_depth, min_area, max_area: 40 };
        let mut labels = Vec::new();
        let count = Basins::default().split(&levels, width, rules, &mut labels);
        check_labels(&labels, width, count);
        for label in 1..=count {
            let pixels: Vec<usize> = (0..labels.len()).filter(|&p| labels[p] == label).collect();
            prop_assert!((min_area..=40).contains(&(pixels.len() as u32)));
            prop_assert!(pixels.iter().map(|&p| levels[p]).max().unwrap() >= min_peak);
        }
    }

    #[test]
    fn without_depth_a_piece_is_one_basin((levels, width) in reliefs()) {
        // A depth that no pass reaches joins whatever touches.
        let rules = BasinRules { min_peak: 0, min_depth: u16::MAX, min_area: 1, max_area: u32::MAX };
        let mut labels = Vec::new();
        Basins::default().split(&levels, width, rules, &mut labels);
        let mask: Vec<u8> = levels.iter().map(|&v| u8::from(v != 0)).collect();
        let mut wanted = Vec::new();
        Components::default().label(&mask, width, &mut wanted);
        prop_assert_eq!(labels, wanted);
    }

    #[test]
    fn used_buffers_change_nothing((first, width_a) in reliefs(), (second, width_b) in reliefs()) {
        let rules = BasinRules { min_peak: 2, min_depth: 2, min_area: 1, max_area: 50 };
        let run = |basins: &mut Basins, distance: &mut SquaredDistance, levels: &[u16], width| {
            let (mut labels, mut squared) = (Vec::new(), Vec::new());
            basins.split(levels, width, rules, &mut labels);
            let mask: Vec<u8> = levels.iter().map(|&v| u8::from(v > 1)).collect();
            distance.transform(&mask, width, &mut squared);
            (labels, squared)
        };
        let (mut basins, mut distance) = (Basins::default(), SquaredDistance::default());
        run(&mut basins, &mut distance, &first, width_a);
        let used = run(&mut basins, &mut distance, &second, width_b);
        let fresh = run(&mut Basins::default(), &mut SquaredDistance::default(), &second, width_b);
        prop_assert_eq!(used, fresh);
    }
}

#[test]
fn a_peak_below_the_depth_joins_its_neighbour() {
    // Peaks of 9 and 6 with a pass of 4 between them: the lower rises 2 above it.
    let levels = [9, 7, 4, 5, 6, 0, 0, 3];
    let split = |min_depth, min_peak| {
        let rules = BasinRules {
            min_peak,
            min_depth,
            min_area: 1,
            max_area: 100,
        };
        let mut labels = Vec::new();
        Basins::default().split(&levels, 8, rules, &mut labels);
        labels
    };
    assert_eq!(split(2, 0), [1, 1, 1, 2, 2, 0, 0, 3]);
    assert_eq!(split(3, 0), [1, 1, 1, 1, 1, 0, 0, 2]);
    // A peak that is no seed joins its neighbour, and is dropped where it has none.
    assert_eq!(split(2, 7), [1, 1, 1, 1, 1, 0, 0, 0]);
}

#[test]
fn a_gaussian_keeps_an_even_plane_and_an_impulse_its_sum() {
    let mut even = vec![0.25; 20 * 17];
    Gaussian::new(2.0).smooth(&mut even, 20);
    assert!(even.iter().all(|v| (v - 0.25).abs() < 1e-6));

    let mut impulse = vec![0.0; 31 * 31];
    impulse[15 * 31 + 15] = 1.0;
    Gaussian::new(1.5).smooth(&mut impulse, 31);
    let sum: f32 = impulse.iter().sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    // The second moment along an axis is the variance, a little less for the cut tails.
    let variance: f32 = impulse
        .iter()
        .enumerate()
        .map(|(i, v)| v * ((i % 31) as f32 - 15.0).powi(2))
        .sum();
    assert!((variance - 2.25).abs() < 0.1, "{variance}");
    assert!((impulse[15 * 31 + 13] - impulse[13 * 31 + 15]).abs() < 1e-7);
}

#[test]
fn a_gaussian_on_an_image_smaller_than_itself() {
    let mut plane = vec![1.0, 3.0];
    Gaussian::new(3.0).smooth(&mut plane, 2);
    assert!(
        plane[0] > 1.0 && plane[0] < plane[1] && plane[1] < 3.0,
        "{plane:?}"
    );
}
