//! What a phantom promises: the same bytes however it is cut, and truth that the pixels bear out.

use std::path::Path;

use pantrk_phantom::{
    Architecture, ArtefactKind, CellKind, Field, FieldSpec, Preset, SlideContainer, SlideSpec,
    SlideTruth, StainExtent, StainPattern, render_field, training_field, write_slide,
};

fn small(seed: u64) -> SlideSpec {
    SlideSpec {
        width: 1500,
        height: 1300,
        seed,
        tissue_fraction: 0.6,
        tumour_fraction: 0.7,
        ..SlideSpec::default()
    }
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn slide(spec: &SlideSpec, dir: &Path, name: &str) -> SlideTruth {
    write_slide(spec, &dir.join(name), SlideContainer::AperioSvs, &|_, _| {}).unwrap()
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn field(slide: SlideSpec, x: f64, y: f64, width: u32, height: u32, mpp: f64) -> Field {
    render_field(&FieldSpec {
        slide,
        origin_um: [x, y],
        width,
        height,
        mpp,
    })
    .unwrap()
}

#[test]
fn one_and_two_threads_write_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let spec = SlideSpec {
        artefacts: ArtefactKind::ALL.to_vec(),
        ..small(3)
    };
    let mut made = Vec::new();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let name = format!("{threads}.svs");
        let truth = pool.install(|| slide(&spec, dir.path(), &name));
        truth.write(&dir.path().join(threads.to_string())).unwrap();
        let read =
            |suffix: &str| std::fs::read(dir.path().join(format!("{threads}{suffix}"))).unwrap();
        made.push(
            [
                ".svs",
                ".truth.json",
                ".truth.cells.csv",
                ".regions.geojson",
            ]
            .map(read),
        );
    }
    assert!(made[0] == made[1]);
    assert!(made[0].iter().all(|bytes| bytes.len() > 500));
}

#[test]
fn a_region_by_itself_is_the_same_as_cut_from_the_whole() {
    let spec = SlideSpec {
        artefacts: ArtefactKind::ALL.to_vec(),
        ..small(8)
    };
    for mpp in [0.25, 0.5] {
        let whole = field(spec.clone(), 0.0, 0.0, 480, 420, mpp);
        let (dx, dy) = (133_u32, 71_u32);
        let origin = (f64::from(dx) * mpp, f64::from(dy) * mpp);
        let part = field(spec.clone(), origin.0, origin.1, 190, 170, mpp);
        for y in 0..170 {
            let from = dx as usize * 3;
            assert_eq!(
                part.rgb.row(y),
                &whole.rgb.row(y + dy)[from..from + 190 * 3],
                "row {y} at {mpp} um/px"
            );
        }
    }
}

#[test]
fn the_positive_share_is_the_one_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let extents = [
        StainExtent::Diffuse,
        StainExtent::Focal,
        StainExtent::Scattered,
    ];
    for (seed, share) in [
        (1, 0.0),
        (2, 0.05),
        (3, 0.3),
        (4, 0.65),
        (5, 0.95),
        (6, 0.5),
    ] {
        let extent = extents[seed as usize % 3];
        let spec = SlideSpec {
            positive_fraction: share,
            extent,
            ..small(seed)
        };
        let truth = slide(&spec, dir.path(), "share.svs");
        let any = truth.score.any;
        assert!(
            truth.score.tumour_cells > 150,
            "{}",
            truth.score.tumour_cells
        );
        assert!(
            (any.positive_percent - 100.0 * share).abs() < 2.5,
            "{extent:?}: {} for {share}",
            any.positive_percent
        );
        let strong = 100.0 * share * 0.5;
        assert!((any.percent_3 - strong).abs() < 5.0, "{}", any.percent_3);
    }
}

/// Mean DAB optical density by Ruifrok and Johnston's inverse, as tabled for QuPath's default vectors.
fn dab_of(rgb: [u8; 3], white: [f64; 3]) -> f64 {
    const COLUMN: [f64; 3] = [-0.697_207_727_7, 0.021_001_686_4, 1.512_013_250_1];
    (0..3)
        .map(|c| COLUMN[c] * -(f64::from(rgb[c].max(1)) / white[c]).log10())
        .sum()
}

/// Pixels at least `by` pixels inside their nucleus.
fn core_means(field: &Field, white: [f64; 3], by: i64) -> Vec<(f64, u32)> {
    let (width, height) = (i64::from(field.rgb.width()), i64::from(field.rgb.height()));
    let label = |x: i64, y: i64| field.labels[(y * width + x) as usize];
    let mut sums = vec![(0.0, 0); field.cells.len() + 1];
    for y in by..height - by {
        for x in by..width - by {
            let own = label(x, y);
            let inside = (-by..=by).all(|d| label(x + d, y) == own && label(x, y + d) == own);
            if own > 0 && inside {
                sums[own as usize].0 += dab_of(field.rgb.pixel(x as u32, y as u32), white);
                sums[own as usize].1 += 1;
            }
        }
    }
    sums
}

#[test]
fn the_painted_density_can_be_read_back_from_the_pixels() {
    let spec = SlideSpec {
        tissue_fraction: 1.0,
        tumour_fraction: 1.0,
        nerves: 0,
        muscles: 0,
        noise: 0.0,
        blur_um: 0.0,
        haze: 0.0,
        hematoxylin: 0.7,
        white: [250.0, 247.0, 251.0],
        ..small(21)
    };
    let field = field(spec.clone(), 60.0, 60.0, 700, 700, 0.25);
    let mut compared = 0;
    for (cell, (sum, count)) in field
        .cells
        .iter()
        .zip(core_means(&field, spec.white, 3).into_iter().skip(1))
    {
        if cell.kind == CellKind::Tumour && count > 150 {
            let read = sum / f64::from(count);
            let painted = f64::from(cell.dab_od[0]);
            assert!(
                (read - painted).abs() < 0.035,
                "cell {}: {read} for {painted}",
                cell.id
            );
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn grades_stand_clear_of_the_thresholds() {
    for (name, preset) in Preset::TABLE {
        let spec = SlideSpec {
            width: 2400,
            height: 2400,
            tissue_fraction: 1.0,
            tumour_fraction: 0.9,
            positive_fraction: preset.spec().positive_fraction.max(0.5),
            ..preset.spec()
        };
        let on = [
            spec.pattern.nucleus,
            spec.pattern.nuclear_rim,
            spec.pattern.cytoplasm,
            spec.pattern.membrane,
        ]
        .map(|level| level != pantrk_phantom::Level::Off);
        let field = field(spec, 100.0, 100.0, 1200, 1200, 0.25);
        let (mut close, mut total) = (0, 0);
        for cell in field.cells.iter().filter(|c| c.kind == CellKind::Tumour) {
            for (&od, _) in cell
                .dab_od
                .iter()
                .zip(on)
                .filter(|(od, on)| *on && od.is_finite())
            {
                total += 1;
                close += i32::from([0.2, 0.4, 0.6].iter().any(|t| (od - t).abs() < 0.02));
            }
        }
        assert!(total > 50, "{name}: {total}");
        assert!(
            f64::from(close) < 0.04 * f64::from(total),
            "{name}: {close} of {total} are near a threshold"
        );
    }
}

#[test]
fn patterns_stain_where_they_say() {
    for (name, pattern) in StainPattern::NAMED {
        let spec = SlideSpec {
            architecture: Architecture::Sheets,
            tissue_fraction: 1.0,
            tumour_fraction: 1.0,
            positive_fraction: 1.0,
            grade_mix: [0.0, 0.0, 1.0],
            pattern,
            lymphocytes: 0.0,
            ..small(5)
        };
        let field = field(spec, 80.0, 80.0, 600, 600, 0.25);
        let levels = [
            pattern.nucleus,
            pattern.nuclear_rim,
            pattern.cytoplasm,
            pattern.membrane,
        ];
        for (i, level) in levels.into_iter().enumerate() {
            let grades: Vec<u8> = field
                .cells
                .iter()
                .filter(|c| c.kind == CellKind::Tumour && c.dab_od[i].is_finite())
                .map(|c| c.grade[i])
                .collect();
            let wanted = match level {
                pantrk_phantom::Level::Full => 3,
                pantrk_phantom::Level::Lower => 2,
                // Cytoplasm shows at the border, and what both sides hold shows in the rim.
                pantrk_phantom::Level::Off if i == 0 || (i == 2) => 0,
                pantrk_phantom::Level::Off => continue,
            };
            let right: usize = grades.iter().map(|&g| usize::from(g == wanted)).sum();
            assert!(
                // A thin cytoplasm holds few granules, and much of its neighbours' edges.
                right as f64 > 0.92 * grades.len() as f64,
                "{name}, compartment {i}: {right} of {} at {wanted}+",
                grades.len()
            );
        }
    }
}

#[test]
fn the_file_opens_as_a_tiff_with_three_levels() {
    use tiff::decoder::{Decoder, DecodingResult};
    let dir = tempfile::tempdir().unwrap();
    let spec = small(4);
    for (container, name, pictures) in [
        (SlideContainer::AperioSvs, "a.svs", 4),
        (SlideContainer::BigTiff, "b.tif", 3),
    ] {
        let path = dir.path().join(name);
        write_slide(&spec, &path, container, &|_, _| {}).unwrap();
        let mut decoder = Decoder::new(std::fs::File::open(&path).unwrap()).unwrap();
        let mut sizes = Vec::new();
        loop {
            sizes.push(decoder.dimensions().unwrap());
            if sizes.len() == 1 {
                assert_eq!(decoder.chunk_dimensions(), (256, 256));
                let wanted = field(spec.clone(), 128.0, 128.0, 256, 256, 0.25);
                // Tile (2, 2) of a row of six.
                let DecodingResult::U8(found) = decoder.read_chunk(2 * 6 + 2).unwrap() else {
                    panic!("not 8 bit");
                };
                // The decoder may leave YCbCr as it is; its first channel is the luma.
                let luma = |p: &[u8]| {
                    0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2])
                };
                let ycc = matches!(decoder.colortype().unwrap(), tiff::ColorType::YCbCr(_));
                let error: f64 = found
                    .chunks_exact(3)
                    .zip(wanted.rgb.as_bytes().chunks_exact(3))
                    .map(|(f, w)| (if ycc { f64::from(f[0]) } else { luma(f) } - luma(w)).abs())
                    .sum::<f64>()
                    / 65_536.0;
                assert!(error < 4.0, "mean error {error}");
            }
            if !decoder.more_images() {
                break;
            }
            decoder.next_image().unwrap();
        }
        assert_eq!(sizes.len(), pictures);
        assert_eq!(sizes[0], (1500, 1300));
        assert_eq!(sizes[pictures - 2], (375, 325));
        assert_eq!(sizes[pictures - 1], (93, 81));
    }
}

type Point = [f64; 2];

fn crosses(a: Point, b: Point, c: Point, d: Point) -> bool {
    let side = |p: Point, q: Point, r: Point| {
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    };
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

fn inside(rings: &[Vec<Point>], x: f64, y: f64) -> bool {
    let mut odd = false;
    for p in rings.iter().flat_map(|ring| ring.windows(2)) {
        let ([x0, y0], [x1, y1]) = (p[0], p[1]);
        if (y0 > y) != (y1 > y) && x < (x1 - x0) * (y - y0) / (y1 - y0) + x0 {
            odd = !odd;
        }
    }
    odd
}

#[test]
fn regions_are_closed_simple_and_hold_the_tumour_cells() {
    let dir = tempfile::tempdir().unwrap();
    for architecture in [
        Architecture::Nests,
        Architecture::Glands,
        Architecture::Sheets,
    ] {
        let spec = SlideSpec {
            architecture,
            width: 2200,
            height: 2000,
            ..small(12)
        };
        let truth = slide(&spec, dir.path(), "r.svs");
        let mut tumour: Vec<Vec<Vec<Point>>> = Vec::new();
        for feature in truth.regions["features"].as_array().unwrap() {
            let rings: Vec<Vec<Point>> =
                serde_json::from_value(feature["geometry"]["coordinates"].clone()).unwrap();
            for ring in &rings {
                assert!(ring.len() >= 4);
                assert!(ring.first() == ring.last());
                let segments: Vec<&[Point]> = ring.windows(2).collect();
                for (i, a) in segments.iter().enumerate() {
                    assert!((a[0][0] - a[1][0]).hypot(a[0][1] - a[1][1]) > 1e-9);
                    for b in &segments[i + 1..] {
                        assert!(!crosses(a[0], a[1], b[0], b[1]), "{a:?} {b:?}");
                    }
                }
            }
            if feature["properties"]["classification"]["name"] == "Tumor" {
                tumour.push(rings);
            }
        }
        let (mut right, mut total) = (0, 0);
        for cell in &truth.cells {
            let held = tumour
                .iter()
                .any(|rings| inside(rings, cell.x_px, cell.y_px));
            if cell.kind != CellKind::Lymphocyte {
                total += 1;
                right += i32::from(held == (cell.kind == CellKind::Tumour));
            }
        }
        assert!(total > 300);
        assert!(
            f64::from(right) > 0.99 * f64::from(total),
            "{right} of {total}"
        );
    }
}

#[test]
fn training_fields_repeat_and_their_labels_are_the_cells() {
    let (a, spec) = training_field(7, 3, 128, 0.5).unwrap();
    let (b, again) = training_field(7, 3, 128, 0.5).unwrap();
    assert_eq!(spec, again);
    assert_eq!(a.rgb, b.rgb);
    assert_eq!(a.labels, b.labels);
    for cell in &a.cells {
        let drawn = a.labels.iter().filter(|&&l| l == cell.id).count();
        let wanted = f64::from(cell.nucleus_area_um2) / 0.25;
        assert!(
            (drawn as f64 - wanted).abs() < 8.0 + 0.1 * wanted,
            "{drawn} for {wanted}"
        );
    }
}

#[test]
fn a_wrong_specification_is_named() {
    let spec = SlideSpec {
        haze: 3.0,
        ..SlideSpec::default()
    };
    let error = write_slide(
        &spec,
        Path::new("never"),
        SlideContainer::BigTiff,
        &|_, _| {},
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the phantom's haze is 3, wanted 0 to 0.2"
    );
}

#[test]
fn blur_and_noise_leave_the_thinnest_band_its_grade() {
    let spec = SlideSpec {
        architecture: Architecture::Sheets,
        tissue_fraction: 1.0,
        tumour_fraction: 1.0,
        nerves: 0,
        muscles: 0,
        positive_fraction: 1.0,
        grade_mix: [0.0, 1.0, 0.0],
        pattern: StainPattern::RIM,
        lymphocytes: 0.0,
        ..small(31)
    };
    let field = field(spec.clone(), 60.0, 60.0, 600, 600, 0.25);
    let label = |x: i64, y: i64| field.labels[(y * 600 + x) as usize];
    let mut sums = vec![(0.0, 0_u32); field.cells.len() + 1];
    for y in 2..598_i64 {
        for x in 2..598_i64 {
            let own = label(x, y);
            // Within 2 px, that is 0.5 um, of the boundary on either side.
            let around = (-2..=2_i64)
                .flat_map(|dy| (-2..=2_i64).map(move |dx| (dx, dy)))
                .filter(|(dx, dy)| dx * dx + dy * dy <= 4)
                .map(|(dx, dy)| label(x + dx, y + dy));
            let of = if own > 0 {
                around.filter(|&l| l != own).map(|_| own).next()
            } else {
                around.filter(|&l| l > 0).min()
            };
            if let Some(of) = of {
                sums[of as usize].0 += dab_of(field.rgb.pixel(x as u32, y as u32), spec.white);
                sums[of as usize].1 += 1;
            }
        }
    }
    let (mut kept, mut total) = (0, 0);
    for (cell, (sum, count)) in field.cells.iter().zip(sums.into_iter().skip(1)) {
        if cell.grade[1] == 2 && count > 100 {
            let read = sum / f64::from(count) - spec.haze;
            total += 1;
            kept += i32::from((0.4..0.6).contains(&read));
        }
    }
    assert!(total > 60, "{total}");
    assert!(
        f64::from(kept) > 0.85 * f64::from(total),
        "{kept} of {total}"
    );
}
