use super::*;
use pantrk_space::LevelSize;

const SIZE: usize = 64;
const CENTRE: f64 = 32.0;

/// One round nucleus (radius 9 px) in the middle, DAB by distance from its centre.
fn one_cell(dab_at: impl Fn(f64) -> f32) -> CellRecord {
    let (labels, stains) = scene(&[[CENTRE, CENTRE]], |x, y| {
        dab_at(((x - CENTRE).powi(2) + (y - CENTRE).powi(2)).sqrt())
    });
    let records = measured(&labels, &stains, &[]);
    records.into_iter().next().unwrap()
}

fn scene(centres: &[[f64; 2]], dab_at: impl Fn(f64, f64) -> f32) -> (LabelImage, StainPlanes) {
    let size = LevelSize {
        width: SIZE as u32,
        height: SIZE as u32,
    };
    let mut labels = LabelImage::default();
    labels.reset(size);
    let mut stains = StainPlanes::default();
    stains.resize(size);
    for y in 0..SIZE {
        for x in 0..SIZE {
            let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
            for (n, c) in centres.iter().enumerate() {
                if (px - c[0]).powi(2) + (py - c[1]).powi(2) < 81.0 {
                    labels.labels[y * SIZE + x] = n as u32 + 1;
                }
            }
            stains.dab[y * SIZE + x] = dab_at(px, py);
            stains.hematoxylin[y * SIZE + x] = 0.4;
        }
    }
    labels.count = centres.len() as u32;
    (labels, stains)
}

fn measured(labels: &LabelImage, stains: &StainPlanes, unread: &[bool]) -> Vec<CellRecord> {
    let of = Measuring {
        stains,
        unread,
        on_slide: [0..SIZE, 0..SIZE],
        wanted: [0.0..SIZE as f64, 0.0..SIZE as f64],
        reach: 10,
        weak: 0.2,
    };
    CellMeasurer::default().measure(labels, &of)
}

#[test]
fn cells_beyond_what_is_wanted_count_as_neighbours_alone() {
    let (labels, stains) = scene(&[[20.0, 32.0], [42.0, 32.0]], |x, _| {
        if x < 31.0 { 0.6 } else { 0.1 }
    });
    let all = measured(&labels, &stains, &[]);
    let of = Measuring {
        stains: &stains,
        unread: &[],
        on_slide: [0..SIZE, 0..SIZE],
        wanted: [0.0..31.0, 0.0..SIZE as f64],
        reach: 10,
        weak: 0.2,
    };
    let some = CellMeasurer::default().measure(&labels, &of);
    assert_eq!(all.len(), 2);
    assert_eq!(some, all[..1]);
}

fn close(found: f32, wanted: f32, by: f32) -> bool {
    (found - wanted).abs() <= by
}

#[test]
fn a_disc_has_the_shape_of_a_disc() {
    let cell = one_cell(|_| 0.0);
    assert!((cell.centre[0] - CENTRE).abs() < 1e-9 && (cell.centre[1] - CENTRE).abs() < 1e-9);
    assert!(close(cell.nucleus_pixels as f32, 254.5, 6.0));
    assert!(
        close(cell.cell_pixels as f32, 1134.0, 25.0),
        "{}",
        cell.cell_pixels
    );
    assert!(cell.circularity > 0.9, "{}", cell.circularity);
    assert!(close(cell.nucleus_hematoxylin_od, 0.4, 1e-5));
    assert!(close(cell.nucleus_hematoxylin_cv, 0.0, 1e-3));
}

#[test]
fn texture_is_of_the_chromatin_and_not_of_the_outline() {
    let (labels, mut stains) = scene(&[[CENTRE, CENTRE]], |_, _| 0.0);
    for (i, h) in stains.hematoxylin.iter_mut().enumerate() {
        let (x, y) = (i % SIZE, i / SIZE);
        let out = (x as f64 + 0.5 - CENTRE).hypot(y as f64 + 0.5 - CENTRE);
        // A checkerboard of 0.3 and 0.5 whose edge fades: deviation over mean 0.1 / 0.4.
        *h = if out < 7.8 {
            0.3 + 0.2 * ((x + y) % 2) as f32
        } else {
            0.1
        };
    }
    let cell = &measured(&labels, &stains, &[])[0];
    assert!(
        close(cell.nucleus_hematoxylin_cv, 0.25, 0.01),
        "{}",
        cell.nucleus_hematoxylin_cv
    );
}

#[test]
fn each_compartment_reads_its_own_stain() {
    let [nucleus, rim, cytoplasm, membrane] = one_cell(|r| if r < 8.0 { 0.5 } else { 0.0 }).dab_od;
    assert!(
        close(nucleus, 0.5, 0.03) && cytoplasm < 0.02 && membrane < 0.02,
        "{nucleus} {cytoplasm}"
    );
    // The layer just inside the boundary is part nucleus, so the band is not free of its stain.
    assert!(rim < 0.3, "{rim}");

    let [nucleus, rim, cytoplasm, membrane] =
        one_cell(|r| if (8.0..10.0).contains(&r) { 0.7 } else { 0.0 }).dab_od;
    assert!(
        rim > 0.55 && nucleus < 0.1 && cytoplasm < 0.05 && membrane < 0.02,
        "{rim} {nucleus} {cytoplasm}"
    );

    let [nucleus, _, cytoplasm, membrane] = one_cell(|r| if r >= 9.0 { 0.3 } else { 0.0 }).dab_od;
    assert!(close(cytoplasm, 0.3, 0.01) && close(membrane, 0.3, 0.02) && nucleus < 0.02);

    let cell = one_cell(|r| if (17.0..19.0).contains(&r) { 0.6 } else { 0.0 });
    assert!(
        cell.dab_od[3] > 0.5 && cell.dab_od[2] < 0.08,
        "{:?}",
        cell.dab_od
    );
    assert!(cell.membrane_completeness > 0.95);
}

#[test]
fn a_line_a_pixel_beside_the_boundary_is_still_read() {
    for shift in [-1.0, 0.0, 1.0] {
        let [_, rim, ..] = one_cell(|r| {
            if (8.0 + shift..10.0 + shift).contains(&r) {
                0.6
            } else {
                0.05
            }
        })
        .dab_od;
        assert!(rim > 0.45, "shifted by {shift}: {rim}");
    }
}

#[test]
fn half_a_membrane_is_half_complete() {
    let (labels, stains) = scene(&[[CENTRE, CENTRE]], |x, y| {
        let r = ((x - CENTRE).powi(2) + (y - CENTRE).powi(2)).sqrt();
        if (17.0..19.0).contains(&r) && x > CENTRE {
            0.6
        } else {
            0.0
        }
    });
    let records = measured(&labels, &stains, &[]);
    assert!(
        close(records[0].membrane_completeness, 0.5, 0.07),
        "{}",
        records[0].membrane_completeness
    );
}

#[test]
fn neighbours_share_the_space_between_them() {
    let (labels, stains) = scene(&[[22.0, 32.0], [42.0, 32.0]], |x, _| {
        if x < 32.0 { 0.4 } else { 0.0 }
    });
    let records = measured(&labels, &stains, &[]);
    assert_eq!(records.len(), 2);
    assert!(
        close(records[0].dab_od[2], 0.4, 0.02),
        "{:?}",
        records[0].dab_od
    );
    assert!(
        close(records[1].dab_od[2], 0.0, 0.02),
        "{:?}",
        records[1].dab_od
    );
    assert_eq!(records[0].cell_pixels, records[1].cell_pixels);
}

#[test]
fn grain_is_told_from_an_even_stain() {
    let even = one_cell(|r| if r >= 9.0 { 0.3 } else { 0.0 });
    let (labels, stains) = scene(&[[CENTRE, CENTRE]], |x, y| {
        if (x as u32 / 2 + y as u32 / 2).is_multiple_of(3) {
            0.9
        } else {
            0.0
        }
    });
    let grainy = measured(&labels, &stains, &[]).remove(0);
    assert!(even.cytoplasm_granularity < 0.1 && grainy.cytoplasm_granularity > 0.8);
}

#[test]
fn unread_pixels_are_told() {
    let (labels, stains) = scene(&[[22.0, 32.0], [46.0, 32.0]], |_, _| 0.0);
    let unread: Vec<bool> = (0..SIZE * SIZE).map(|i| i % SIZE < 8).collect();
    let records = measured(&labels, &stains, &unread);
    assert!(records[0].touches_unread && !records[1].touches_unread);
}
