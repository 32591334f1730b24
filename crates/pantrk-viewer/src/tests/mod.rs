//! The viewer as a whole, without a screen: found through what it says to those who hear it.

// The same made-up result as in the tests of those who write and report results.
mod again;
#[expect(
    clippy::allow_attributes,
    reason = "expecting this lint is not possible"
)]
#[allow(
    unfulfilled_lint_expectations,
    reason = "the file expects its unwraps to be seen, which inside of a test module they are not"
)]
#[path = "../../../pantrk-store/tests/common/mod.rs"]
mod common;
mod coverage;
mod look;
mod names;
mod outlines;
mod raster;
mod rows;
mod signing;
mod snapshots;
mod story;
mod training;
mod unscored;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use pantrk_core::score::IhcResult;
use pantrk_slide::Slide;
use pantrk_space::{MicronsPerPixel, SlideMpp};
use pantrk_store::{
    CellColumns, ColorMap, Heatmap, SlideResult, WORKLIST_FILE, Worklist, WorklistSlide,
    write_cells, write_heatmaps,
};
use pantrk_triage::Action;

use crate::app::{Start, Viewer};
use crate::browser::Purpose;
use crate::canvas;
use crate::command::{BrowseCommand, Command};
use crate::state::Load;
use crate::{Given, SlideScorer};
use raster::Raster;

/// A slide of 1600 x 1200 pixels in a file of its own.
fn write_slide(path: &Path) {
    let picture = image::RgbImage::from_fn(1600, 1200, |x, y| {
        image::Rgb([(x % 256) as u8, (y % 256) as u8, 180])
    });
    picture.save(path).unwrap();
}

/// The folder of a result for the slide at `slide`.
fn write_result(out: &Path, id: &str, slide: &Path, change: impl FnOnce(&mut SlideResult)) {
    let folder = out.join(id);
    std::fs::create_dir_all(&folder).unwrap();
    let mut result = common::sample();
    result.slide.id = id.to_owned();
    result.slide.path = slide.display().to_string();
    if slide.exists() {
        result.slide.fingerprint = Slide::open(slide).unwrap().fingerprint();
    }
    change(&mut result);
    std::fs::write(folder.join("result.json"), result.to_json().unwrap()).unwrap();
}

/// Four cells, one of each grade.
fn write_layers(folder: &Path) {
    let mpp = SlideMpp::square(MicronsPerPixel::new(0.2527).unwrap());
    let ones = [1.0_f32; 4];
    let cells = CellColumns {
        mpp,
        x_px: &[100.0, 500.0, 900.0, 1300.0],
        y_px: &[600.0; 4],
        nucleus_area_um2: &ones,
        cell_area_um2: &ones,
        circularity: &ones,
        dab_od: [&ones; 4],
        nucleus_hematoxylin_od: &ones,
        nucleus_hematoxylin_cv: &ones,
        membrane_completeness: &ones,
        cytoplasm_granularity: &ones,
        grades: [&[0, 1, 2, 3]; 4],
        excluded: &[0; 4],
        exclusion_reasons: &[""],
        tumour: &[true; 4],
    };
    write_cells(&folder.join("cells.parquet"), &cells).unwrap();
    let map = Heatmap {
        metric: "h_score",
        title: "H-score",
        unit: "0-300",
        colormap: ColorMap::DAB,
        range: Some([0.0, 300.0]),
        columns: 2,
        rows: 1,
        values: &[10.0, 200.0],
        origin_um: [0.0, 0.0],
        cell_um: 32.0,
    };
    write_heatmaps(folder, &[map]).unwrap();
}

fn harness(paths: &[PathBuf], theme: egui::ThemePreference) -> Harness<'static, Option<Viewer>> {
    harness_with(paths, theme, Raster::default(), egui::vec2(1400.0, 1000.0))
}

fn harness_with(
    paths: &[PathBuf],
    theme: egui::ThemePreference,
    raster: Raster,
    size: egui::Vec2,
) -> Harness<'static, Option<Viewer>> {
    harness_of(paths, theme, (raster, size), None)
}

fn harness_of(
    paths: &[PathBuf],
    theme: egui::ThemePreference,
    (raster, size): (Raster, egui::Vec2),
    scorer: Option<Arc<dyn SlideScorer>>,
) -> Harness<'static, Option<Viewer>> {
    let paths = paths.to_vec();
    Harness::builder()
        .with_size(size)
        .renderer(raster)
        .build_ui_state(
            move |ui, viewer: &mut Option<Viewer>| {
                let viewer = viewer.get_or_insert_with(|| {
                    let viewer = Viewer::new(
                        ui.ctx(),
                        Start {
                            paths: paths.clone(),
                            scorer: scorer.clone(),
                            ..Start::default()
                        },
                    )
                    .unwrap();
                    ui.ctx().set_theme(theme);
                    viewer
                });
                viewer.frame(ui);
            },
            None,
        )
}

/// Draws frames until `done`, as a screen would.
fn until(
    harness: &mut Harness<'static, Option<Viewer>>,
    what: &str,
    done: impl Fn(&Harness<'static, Option<Viewer>>) -> bool,
) {
    // Only what will never come is waited for in vain; a busy machine may take its time.
    let end = Instant::now() + Duration::from_mins(5);
    while !done(harness) {
        assert!(Instant::now() < end, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
        harness.step();
    }
    // Once more with what has come.
    harness.run_steps(3);
}

fn viewer<'a>(harness: &'a Harness<'static, Option<Viewer>>) -> &'a Viewer {
    harness.state().as_ref().unwrap()
}

fn is_open(harness: &Harness<'static, Option<Viewer>>) -> bool {
    let open = viewer(harness).session.open.as_ref();
    open.is_some_and(|open| matches!(open.slide, Load::Ready(_) | Load::Failed(_)))
}

/// Whether any label holds this text.
fn says(harness: &Harness<'static, Option<Viewer>>, text: &str) -> bool {
    harness.query_all_by_label_contains(text).next().is_some()
        || harness
            .query_all_by(|node| node.value().is_some_and(|value| value.contains(text)))
            .next()
            .is_some()
}

#[test]
fn the_worklist_lists_results_and_opens_one() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    write_result(&out, "S1", &slide, |_| {});
    write_result(&out, "S2", &slide, |result| {
        result.ihc.result = IhcResult::Negative;
        result.triage.action = Action::NoFurtherTesting;
        result.triage.flag = Action::NoFurtherTesting.flag();
    });
    // Under work, broken, and deeper down.
    write_result(&out, "S3.partial", &slide, |_| {});
    std::fs::create_dir_all(out.join("S4")).unwrap();
    std::fs::write(out.join("S4/result.json"), "{").unwrap();
    write_result(&out.join("batch-7"), "S5", &slide, |_| {});
    write_layers(&out.join("S2"));

    let mut harness = harness(&[out], egui::ThemePreference::Dark);
    until(&mut harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    let ids: Vec<&str> = viewer(&harness)
        .session
        .worklist
        .iter()
        .map(|item| item.id.as_str())
        .collect();
    assert_eq!(ids, ["S1", "S2", "S4", "S5"]);
    assert!(says(&harness, "S1: positive, 39.1 %; sequence"));
    assert!(says(&harness, "S4: the result cannot be read"));
    assert!(viewer(&harness).session.open.is_none());

    harness
        .get_by_label_contains("S2: negative, 39.1 %; stop")
        .click_accesskit();
    until(&mut harness, "the slide and its layers", |h| {
        let open = viewer(h).session.open.as_ref();
        open.is_some_and(|open| open.cells.ready().is_some() && open.slide.ready().is_some())
    });
    let session = &viewer(&harness).session;
    assert_eq!(session.open_item().unwrap().0.id, "S2");
    let told: Vec<_> = session.notices.staying().collect();
    assert!(told.is_empty(), "{told:?}");
    assert!(says(&harness, "No further NTRK testing on these facts"));
    assert!(says(&harness, "Cells (4)"));

    until(&mut harness, "tiles", |h| {
        let open = viewer(h).session.open.as_ref().unwrap();
        open.pending.is_empty() && open.tiles.len() >= 5
    });
    let open = viewer(&harness).session.open.as_ref().unwrap();
    // 1600 x 1200 fits into a canvas of about 720 points, so half of the pixels are enough: 2 x 2 tiles, and one for the whole.
    assert_eq!(
        (open.tiles.len(), open.tiles.held()),
        (5, 4 * (800 * 600 + 400 * 300))
    );
}

#[test]
fn slides_of_one_name_in_two_folders_open_each_by_its_own_row() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["monday", "tuesday"] {
        std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        write_slide(&dir.path().join(folder).join("S1.png"));
    }
    let paths = ["monday", "tuesday"].map(|folder| dir.path().join(folder).join("S1.png"));
    let mut harness = harness(&paths, egui::ThemePreference::Dark);
    until(&mut harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    for n in [1, 0] {
        let row = harness.query_all_by_label_contains("S1: ").nth(n).unwrap();
        // By the pointer: rows that share an id get no click.
        row.click();
        until(&mut harness, "the slide", |h| {
            let open = viewer(h).session.open.as_ref();
            open.is_some_and(|open| open.index == n)
        });
    }
}

#[test]
fn a_folder_lists_slides_without_a_result_too_and_so_does_a_worklist() {
    let dir = tempfile::tempdir().unwrap();
    let slides = dir.path().join("slides");
    std::fs::create_dir_all(slides.join("deeper")).unwrap();
    for name in ["a.tif", "b.tif", "deeper/c.tif", "photo.png", "notes.txt"] {
        let path = slides.join(name);
        write_slide(&path.with_extension("png"));
        std::fs::rename(path.with_extension("png"), &path).unwrap();
    }
    write_slide(&slides.join("photo.png"));
    write_result(
        &dir.path().join("results"),
        "A",
        &slides.join("a.tif"),
        |_| {},
    );
    let ids = |paths: &[PathBuf]| -> Vec<String> {
        let mut harness = harness(paths, egui::ThemePreference::Dark);
        until(&mut harness, "the scan", |h| {
            h.state().as_ref().is_some_and(|v| !v.session.scanning)
        });
        let list = &viewer(&harness).session.worklist;
        list.iter().map(|item| item.id.clone()).collect()
    };
    // Of a.tif there is a result, and plain pictures are not slides of an archive.
    let found = ids(&[dir.path().to_path_buf(), slides.clone()]);
    assert_eq!(found, ["A", "b", "c"]);

    // Scored from the worklist once, it is so when it is named again.
    let beside = slides.join(crate::RESULTS_BESIDE);
    write_result(&beside, "b", &slides.join("b.tif"), |_| {});
    let mut again = harness(&[slides.join("b.tif")], egui::ThemePreference::Dark);
    until(&mut again, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    assert!(viewer(&again).session.worklist[0].result().is_some());
    drop(again);
    std::fs::remove_dir_all(beside).unwrap();

    let path = dir.path().join("results").join(WORKLIST_FILE);
    let mut list = Worklist::open(&path).unwrap();
    let file = slides.join("b.tif").display().to_string();
    list.enqueue(&[WorklistSlide::waiting("case-7", file)])
        .unwrap();
    drop(list);
    assert_eq!(ids(&[path]), ["case-7"]);
}

#[test]
fn the_panels_show_the_figures_of_a_result_in_both_themes() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    write_result(dir.path(), "S1", &slide, |_| {});
    for theme in [egui::ThemePreference::Dark, egui::ThemePreference::Light] {
        let mut harness = harness(&[dir.path().join("S1")], theme);
        // The only entry opens by itself.
        until(&mut harness, "the slide", is_open);
        for text in [
            "IHC positive, moderate",
            "by profile any-1pct",
            // Any compartment: percent, interval, H-score 24.2 + 2 x 11.8 + 3 x 3.1 = 57.1.
            "39.1",
            "(38.0 to 40.3)",
            "57",
            "nuclear rim",
            "cantrk: indeterminate",
            "95 % interval 4.8 to 5.2",
            "131422 tumour cells of 214803 found",
            "Sequence",
            "Order RNA-based NGS",
            "Rule R7",
            "Screening by IHC does not prove a fusion.",
            "Before the stain: 1 in",
            "After the stain: 4.2 % (1.6 % to 11 %)",
            "The antibody clone is not given",
            "One tile (0.04 mm2) could not be read",
            "Sources (2)",
            crate::panels::status::PURPOSE,
        ] {
            assert!(says(&harness, text), "{theme:?}: {text:?} is not shown");
        }
        harness.get_by_label("Sources (2)").click_accesskit();
        harness.run_steps(20);
        assert!(says(
            &harness,
            "Study two, 2021: https://example.org/two (calculated)"
        ));
    }
}

#[test]
fn a_result_without_its_slide_or_its_scores_is_still_shown() {
    let dir = tempfile::tempdir().unwrap();
    let gone = dir.path().join("gone.svs");
    let folder = dir.path().join("S1");
    write_result(dir.path(), "S1", &gone, |result| {
        let bare = common::not_evaluable();
        result.compartments = bare.compartments;
        result.pattern = bare.pattern;
        result.profiles = bare.profiles;
        result.ihc = bare.ihc;
    });
    let picture = image::RgbImage::from_pixel(3000, 200, image::Rgb([200, 180, 160]));
    picture.save(folder.join("thumbnail.png")).unwrap();
    let mut harness = harness(&[folder], egui::ThemePreference::Dark);
    until(&mut harness, "the picture", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|open| open.thumbnail.is_some())
    });
    let open = viewer(&harness).session.open.as_ref().unwrap();
    assert!(matches!(&open.slide, Load::Failed(reason) if reason.contains("gone.svs")));
    // No texture is larger than the least that hardware takes.
    assert_eq!(open.thumbnail.as_ref().unwrap().size(), [2048, 137]);
    assert!(says(&harness, "IHC not evaluable"));
    assert!(says(&harness, "the slide is not evaluable"));
}

#[test]
fn a_slide_that_is_not_where_its_result_says_is_sought_beside_it_and_where_the_last_lay() {
    let dir = tempfile::tempdir().unwrap();
    let (slides, day) = (dir.path().join("slides"), dir.path().join("day"));
    let elsewhere = dir.path().join("archive/2026/may");
    for folder in [&slides, &day, &elsewhere] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let out = day.join("deep/results");
    let relative = |result: &mut SlideResult, name: &str| {
        result.slide.path = format!("scans/{name}");
    };
    let place = |name: &str| elsewhere.join(name);
    for name in ["a.png", "b.png"] {
        write_slide(&place(name));
    }
    write_result(&out, "A", &place("a.png"), |r| relative(r, "a.png"));
    let mut harness = harness(&[out, place("b.png")], egui::ThemePreference::Dark);
    until(&mut harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    // The folder of b is where a lies as well.
    let open = |harness: &mut Harness<'static, Option<Viewer>>| {
        let viewer = harness.state_mut().as_mut().unwrap();
        viewer.wish(Command::Open(0));
        harness.run_steps(3);
        until(harness, "the slide", is_open);
    };
    open(&mut harness);
    let slide = |h: &Harness<'static, Option<Viewer>>| {
        let open = viewer(h).session.open.as_ref().unwrap();
        match &open.slide {
            Load::Ready(slide) => Ok(slide.reader.path().to_path_buf()),
            Load::Failed(why) => Err(why.clone()),
            Load::Absent | Load::Waiting => panic!("not there yet"),
        }
    };
    assert_eq!(slide(&harness), Ok(place("a.png")));

    // In a folder beside the results' folder.
    let beside = day.join("deep/may-scans");
    std::fs::create_dir_all(&beside).unwrap();
    std::fs::rename(place("a.png"), beside.join("a.png")).unwrap();
    open(&mut harness);
    assert_eq!(slide(&harness), Ok(beside.join("a.png")));

    // Nowhere: it is said where it was sought, and what to do.
    std::fs::rename(beside.join("a.png"), slides.join("a.png")).unwrap();
    open(&mut harness);
    let why = slide(&harness).unwrap_err();
    for text in [
        "scans/a.png",
        "It was sought in",
        "may-scans",
        "Open the folder",
    ] {
        assert!(why.contains(text), "{text:?} is not in {why:?}");
    }
}

#[test]
fn another_file_under_the_slides_name_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    write_result(dir.path(), "S1", &slide, |result| {
        result.slide.fingerprint = "of the file that was scored".to_owned();
    });
    let mut harness = harness(&[dir.path().join("S1")], egui::ThemePreference::Dark);
    until(&mut harness, "the slide", is_open);
    assert!(says(&harness, "not the one that was scored"));
}

#[test]
fn keys_zoom_the_canvas_and_zero_fits_again() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let mut harness = harness(&[slide], egui::ThemePreference::Dark);
    until(&mut harness, "the slide", is_open);
    let canvas = harness.get_by_label(canvas::NAME).rect();
    let at = canvas.center() + egui::vec2(60.0, -40.0);
    harness.hover_at(at);
    harness.run_steps(3);
    let view = |h: &Harness<'static, Option<Viewer>>| viewer(h).session.open.as_ref().unwrap().view;
    let pointer = |h: &Harness<'static, Option<Viewer>>| {
        viewer(h).session.open.as_ref().unwrap().pointer.unwrap()
    };
    assert_eq!(view(&harness), None);
    let held = pointer(&harness);
    harness.key_press(egui::Key::Plus);
    harness.run_steps(3);
    let zoomed = view(&harness).unwrap();
    let now = pointer(&harness);
    assert!((held.x - now.x).abs() < 1e-3 && (held.y - now.y).abs() < 1e-3);
    harness.key_press(egui::Key::Plus);
    harness.run_steps(3);
    let twice = view(&harness).unwrap();
    assert!((twice.points_per_pixel / zoomed.points_per_pixel - 2.0).abs() < 1e-9);
    // The pixel size is not known, and nothing pretends it is.
    assert!(says(&harness, "pixel size not known"));
    // Two fingers that part magnify about the pointer as well.
    let held = pointer(&harness);
    harness.event(egui::Event::Zoom(1.5));
    harness.run_steps(3);
    let pinched = view(&harness).unwrap();
    assert!((pinched.points_per_pixel / twice.points_per_pixel - 1.5).abs() < 1e-6);
    let now = pointer(&harness);
    assert!((held.x - now.x).abs() < 1e-3 && (held.y - now.y).abs() < 1e-3);
    harness.key_press(egui::Key::Num0);
    harness.run_steps(3);
    assert_eq!(view(&harness), None);
    // The list of files lies over the slide and takes the keys.
    let list = Command::Browse(BrowseCommand::For(Purpose::OpenSlides));
    harness.state_mut().as_mut().unwrap().wish(list);
    harness.run_steps(3);
    harness.key_press(egui::Key::Plus);
    harness.run_steps(3);
    assert_eq!(view(&harness), None);
}

#[test]
fn a_window_that_nobody_touches_still_wakes_to_keep_drafts() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let mut harness = harness(&[slide], egui::ThemePreference::Dark);
    until(&mut harness, "the slide", is_open);
    for _ in 0..20 {
        harness.step();
        let windows = harness.output().viewport_output.values();
        let next = windows.map(|window| window.repaint_delay).min().unwrap();
        assert!(next <= Duration::from_secs(5), "{next:?}");
    }
}

#[test]
fn a_heatmap_is_chosen_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    write_result(dir.path(), "S1", &slide, |_| {});
    write_layers(&dir.path().join("S1"));
    let mut harness = harness(&[dir.path().join("S1")], egui::ThemePreference::Light);
    until(&mut harness, "the layers", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        // All of it: what comes later would move what is clicked.
        open.is_some_and(|open| open.draft.is_some() && open.review.live.is_some())
    });
    harness
        .get_by_role_and_label(egui::accesskit::Role::ComboBox, "Heatmap")
        .click_accesskit();
    harness.run_steps(5);
    harness
        .get_all_by_label("H-score")
        .rfind(|node| node.accesskit_node().role() == egui::accesskit::Role::Button)
        .unwrap()
        .click_accesskit();
    until(&mut harness, "the heatmap", |h| {
        let open = viewer(h).session.open.as_ref().unwrap();
        matches!(open.heatmap_pictures.get("h_score"), Some(Load::Ready(_)))
    });
    let open = viewer(&harness).session.open.as_ref().unwrap();
    let Some(Load::Ready(map)) = open.heatmap_pictures.get("h_score") else {
        panic!("the map was there");
    };
    // Two squares magnified to 480 pixels, without the legend at their right.
    assert_eq!(map.size(), [480, 240]);
    assert!(!says(&harness, "Heatmap, opacity"), "folded away");
    harness.get_by_label("Layers").click_accesskit();
    harness.run_steps(3);
    assert!(says(&harness, "Heatmap, opacity"));
}

#[test]
fn a_path_that_does_not_exist_is_refused_before_a_window_opens() {
    let options = crate::ViewerOptions {
        paths: vec![PathBuf::from("no/such/slide.svs")],
        ..crate::ViewerOptions::default()
    };
    let error = crate::run(options).unwrap_err();
    assert!(error.to_string().ends_with("no/such/slide.svs"), "{error}");
}

/// Not a check: writes a picture of the viewer on `PANTRK_LOOK` (a results folder) to `PANTRK_LOOK_OUT`, for people to look at.
#[test]
fn a_picture_for_people() {
    let (Some(look), Some(out)) = (
        std::env::var_os("PANTRK_LOOK"),
        std::env::var_os("PANTRK_LOOK_OUT"),
    ) else {
        return;
    };
    let raster = Raster::default();
    let mut harness = harness_with(
        &[PathBuf::from(look)],
        egui::ThemePreference::Dark,
        raster.clone(),
        egui::vec2(1440.0, 900.0),
    );
    until(&mut harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    harness.run_steps(30);
    if viewer(&harness).session.open.is_none() {
        let rows: Vec<_> = harness
            .query_all_by(|node| node.role() == egui::accesskit::Role::Button)
            .collect();
        drop(rows);
    }
    until(&mut harness, "live score", |h| {
        let open = viewer(h).session.open.as_ref();
        open.is_some_and(|open| open.review.live.is_some() && open.pending.is_empty())
    });
    harness.run_steps(60);
    let picture = raster.picture(&harness.ctx.clone(), harness.output());
    picture.save(out).unwrap();
}
