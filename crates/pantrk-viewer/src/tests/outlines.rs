//! Cells from near: outlined by what found them, in the slide that is open.

use std::path::PathBuf;

use pantrk_core::pipeline::Progress;
use pantrk_core::segment::{Segmenter, WatershedParameters, WatershedSegmenter};

use super::*;
use crate::command::Command;
use crate::view::View;

/// Lends the watershed; scores nothing.
struct Lender(WatershedSegmenter);

impl SlideScorer for Lender {
    fn score(&self, _: &Path, _: &Given, _: &dyn Progress) -> Result<PathBuf, String> {
        Err("not asked for".to_owned())
    }

    fn with_segmenter(&self, work: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String> {
        work(&self.0);
        Ok(())
    }
}

/// Between the middles of two nuclei, pixels of about a quarter of a micrometre.
const APART: u32 = 80;
/// A nucleus' radius, pixels.
const RADIUS: f64 = 16.0;

/// Round nuclei in rows.
fn write_dots(path: &Path) {
    let off = |v: u32| f64::from(v % APART) - f64::from(APART / 2);
    let picture = image::RgbImage::from_fn(1600, 1200, |x, y| {
        let inside = off(x).hypot(off(y)) <= RADIUS;
        image::Rgb(if inside {
            [95, 90, 150]
        } else {
            [225, 220, 232]
        })
    });
    picture.save(path).unwrap();
}

/// A cell on each nucleus, and one where there is none.
fn write_dot_cells(folder: &Path) -> usize {
    let (mut x, mut y) = (vec![80.0], vec![80.0]);
    for row in 0..1200 / APART {
        for column in 0..1600 / APART {
            x.push(f64::from(column * APART + APART / 2));
            y.push(f64::from(row * APART + APART / 2));
        }
    }
    let n = x.len();
    let area = vec![51.0_f32; n];
    let ones = vec![1.0_f32; n];
    let od = vec![0.45_f32; n];
    let grades = vec![2_u8; n];
    let cells = CellColumns {
        mpp: SlideMpp::square(MicronsPerPixel::new(0.2527).unwrap()),
        x_px: &x,
        y_px: &y,
        nucleus_area_um2: &area,
        cell_area_um2: &area,
        circularity: &ones,
        dab_od: [&od; 4],
        nucleus_hematoxylin_od: &ones,
        nucleus_hematoxylin_cv: &ones,
        membrane_completeness: &ones,
        cytoplasm_granularity: &ones,
        grades: [&grades; 4],
        excluded: &vec![0; n],
        exclusion_reasons: &[""],
        tumour: &vec![true; n],
    };
    write_cells(&folder.join("cells.parquet"), &cells).unwrap();
    n
}

#[test]
fn cells_from_near_have_their_outlines() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_dots(&slide);
    write_result(dir.path(), "S1", &slide, |_| {});
    let folder = dir.path().join("S1");
    let cells = write_dot_cells(&folder);
    let scorer = Lender(WatershedSegmenter::new(WatershedParameters::at(
        MicronsPerPixel::new(0.5).unwrap(),
    )));
    let mut harness = harness_of(
        &[folder],
        egui::ThemePreference::Dark,
        (Raster::default(), egui::vec2(1400.0, 1000.0)),
        Some(Arc::new(scorer)),
    );
    until(&mut harness, "the slide and its cells", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|o| o.fitted.is_some() && o.cells.ready().is_some())
    });
    let fitted = viewer(&harness).session.open.as_ref().unwrap().fitted;
    let near = View {
        points_per_pixel: 1.0,
        ..fitted.unwrap()
    };
    harness
        .state_mut()
        .as_mut()
        .unwrap()
        .wish(Command::Look(near));
    // All that lies within 250 pixels of the middle.
    let looked_at = pantrk_space::SlideRect {
        x: near.centre.x - 250.0,
        y: near.centre.y - 250.0,
        width: 500.0,
        height: 500.0,
    };
    until(&mut harness, "the outlines", |h| {
        let outlines = &viewer(h).session.open.as_ref().unwrap().outlines;
        outlines.field_size.is_some() && outlines.missing(looked_at).is_empty()
    });
    let open = viewer(&harness).session.open.as_ref().unwrap();
    let layer = &open.cells.ready().unwrap().layer;
    let (mut found, mut without) = (0, 0);
    for place in 0..cells {
        let at = layer.at(place);
        if (at.x - near.centre.x).hypot(at.y - near.centre.y) > 250.0 {
            continue;
        }
        let Some(outlined) = open.outlines.of(place, at) else {
            without += 1;
            continue;
        };
        found += 1;
        for [x, y] in &outlined.nucleus {
            let away = f64::from(x.hypot(*y));
            assert!((away - RADIUS).abs() < 4.0, "{away} of {RADIUS}");
        }
        assert!(outlined.cell.len() > 3);
    }
    assert!(found > 15 && without == 0, "{found}, {without}");
    // What was not found again stays a disc.
    let lone = layer.nearest(pantrk_space::SlidePoint { x: 80.0, y: 80.0 }, 2.0);
    assert!(
        open.outlines
            .of(lone.unwrap(), layer.at(lone.unwrap()))
            .is_none()
    );
    harness.get_by_label("Layers").click_accesskit();
    harness.run_steps(3);
    assert!(says(&harness, "outlined from 10x on"));
}
