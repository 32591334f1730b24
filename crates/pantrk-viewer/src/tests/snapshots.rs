//! Every panel, the help sheet and the canvas in both themes, drawn without a screen and held against kept pictures.
//!
//! `PANTRK_UPDATE_SNAPSHOTS=1` writes them anew; look at them before they are kept.

use std::path::PathBuf;

use pantrk_store::{AuditChange, AuditEntry, ReviewState, SlideReview, Stamp};

use super::*;
use crate::browser::{Browser, FolderEntry, Purpose};
use crate::command::Commands;
use crate::drawing::{Shape, geometry};
use crate::notice::NoticeKind;
use crate::panels::again::question_ui;
use crate::panels::browser::list_ui;
use crate::panels::help::sheet_ui;
use crate::panels::notices::list_of_passing_ui;
use crate::panels::{PANELS, Panel, Place};
use crate::reading::Mark;

/// Pixels per point of the kept pictures: small, and enough to see what is wrong.
const SCALE: f32 = 0.6;
/// A channel may differ by so much.
const NEAR: u8 = 28;
/// The share of the pixels that may differ by more.
const SHARE: f64 = 0.006;

/// What lies over the rest.
const WINDOWS: [Panel; 5] = [
    Panel {
        name: "again",
        place: Place::Right,
        ui: |ui, context, out| {
            if let Some((item, open)) = context.session.open_item() {
                question_ui(ui, (item, Some(open)), out);
            }
        },
    },
    Panel {
        name: "browser",
        place: Place::Right,
        ui: |ui, context, out| {
            if let Some(browser) = &context.session.browser {
                list_ui(ui, browser, out);
            }
        },
    },
    Panel {
        name: "help",
        place: Place::Top,
        ui: |ui, _, _| sheet_ui(ui, 3),
    },
    Panel {
        name: "notices",
        place: Place::Right,
        ui: list_of_passing_ui,
    },
    // A signed case whose pathologist says otherwise than the program.
    Panel {
        name: "signed",
        place: Place::Right,
        ui: |ui, context, out| {
            let parts = ["action", "foot", "sign"];
            for panel in PANELS.iter().filter(|panel| parts.contains(&panel.name)) {
                (panel.ui)(ui, context, out);
            }
        },
    },
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

#[test]
fn every_panel_in_both_themes() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    write_result(dir.path(), "S1", &slide, |_| {});
    write_layers(&dir.path().join("S1"));
    let mut first = harness(&[dir.path().join("S1")], egui::ThemePreference::Dark);
    until(&mut first, "the slide and its layers", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|open| {
            open.slide.ready().is_some() && open.review.live.is_some() && open.draft.is_some()
        })
    });
    let mut viewer = first.into_state().unwrap();
    // How long it took is shown, and is another on each machine.
    let open = viewer.session.open.as_mut().unwrap();
    open.review.live.as_mut().unwrap().took = Duration::from_millis(7);
    let stroke = |class: &str, x: f64| {
        let at = |x, y| pantrk_space::SlidePoint { x, y };
        let area = geometry::rectangle(at(x, 100.0), at(x + 90.0, 160.0)).unwrap();
        Shape {
            trains: true,
            ..Shape::of_class(class, area)
        }
    };
    let strokes = vec![
        stroke("Tumor", 80.0),
        stroke("Tumor", 300.0),
        stroke("Nerve", 600.0),
    ];
    open.review.drawing.add("stroke", strokes);
    open.review.drawing.selected.clear();
    let entry = |name: &str, is_folder| FolderEntry {
        name: name.to_owned(),
        is_folder,
        bytes: 1_234_567,
    };
    viewer.session.browser = Some(Browser {
        purpose: Purpose::ImportRegions,
        folder: PathBuf::from("/data/day"),
        entries: Load::Ready(vec![
            entry("out", true),
            entry("S1.geojson", false),
            entry("S2.geojson", false),
            entry("S2.svs", false),
        ]),
        name: "S1.geojson".to_owned(),
        places: vec![("Home".to_owned(), PathBuf::from("/home/reader"))],
    });
    let now = Instant::now();
    let notices = &mut viewer.session.notices;
    for (kind, text) in [
        (
            NoticeKind::Error,
            "The report could not be written: no space left on the disk",
        ),
        (
            NoticeKind::Warning,
            "The slide file is not the one that was scored: its contents differ.",
        ),
        (
            NoticeKind::Done,
            "12 shapes were written as GeoJSON: /data/day/reviews/S1-regions.geojson",
        ),
        (NoticeKind::Information, "Taken back: thresholds"),
    ] {
        notices.add(kind, text.to_owned(), now);
    }
    let open = viewer.session.open.as_mut().unwrap();
    open.kept.trail = trail();
    let viewer = std::rc::Rc::new(viewer);
    let unscored = std::rc::Rc::new(unscored(&slide));
    let signed = std::rc::Rc::new(signed(&dir.path().join("S1")));
    let of = |name| match name {
        "unscored" => &unscored,
        "signed" => &signed,
        _ => &viewer,
    };
    let mut pictures: Vec<Picture> = Vec::new();
    for panel in PANELS.into_iter().chain(WINDOWS) {
        let viewer = std::rc::Rc::clone(of(panel.name));
        pictures.push(Picture {
            name: panel.name,
            draw: Box::new(move |theme| draw(&viewer, panel.ui, size(&panel), theme)),
        });
    }
    pictures.push(canvas_picture(dir.path()));
    hold_against_kept(&mut pictures);
}

/// A trail of three entries.
fn trail() -> Vec<AuditEntry> {
    let case = |age: serde_json::Value| serde_json::json!({ "age_years": age, "mmr": "deficient" });
    let entries = [
        (
            "correct",
            serde_json::json!({ "cell_id": 7, "verdict": null }),
            serde_json::json!({ "cell_id": 7, "verdict": "not-tumour" }),
        ),
        (
            "case",
            case(serde_json::Value::Null),
            case(serde_json::json!(61)),
        ),
        (
            "thresholds",
            serde_json::json!([0.2, 0.4, 0.6]),
            serde_json::json!([0.25, 0.4, 0.6]),
        ),
    ];
    (1..)
        .zip(entries)
        .map(|(sequence, (what, before, after))| AuditEntry {
            sequence,
            slide_id: "S1".to_owned(),
            stamp: Stamp {
                who: "Dr A. Reader".to_owned(),
                at: format!("2026-05-04T09:{:02}:30Z", 40 - sequence),
            },
            change: AuditChange {
                what: what.to_owned(),
                before,
                after,
            },
            previous: String::new(),
            hash: sequence.to_string(),
        })
        .collect()
}

/// What is drawn in both themes.
struct Picture {
    name: &'static str,
    draw: Box<dyn FnMut(egui::Theme) -> image::RgbImage>,
}

fn hold_against_kept(pictures: &mut [Picture]) {
    let update = std::env::var_os("PANTRK_UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    for picture in pictures {
        for (theme, name) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
            let name = format!("{}-{name}", picture.name);
            let picture = (picture.draw)(theme);
            let path = folder().join(format!("{name}.png"));
            if update {
                std::fs::create_dir_all(folder()).unwrap();
                picture.save(&path).unwrap();
                continue;
            }
            let kept = image::open(&path).map(image::DynamicImage::into_rgb8);
            let off = kept.map_or(1.0, |kept| difference(&kept, &picture));
            if off > SHARE {
                let new = std::env::temp_dir().join(format!("pantrk-{name}.new.png"));
                picture.save(&new).unwrap();
                wrong.push(format!(
                    "{name}: {:.2} % of the pixels differ; now {}",
                    off * 100.0,
                    new.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The canvas on a phantom's pyramid, with cells, a region and the overview.
fn canvas_picture(dir: &Path) -> Picture {
    let slide = dir.join("phantom.svs");
    write_phantom(&slide, &dir.join("phantom"));
    let theme = egui::ThemePreference::Dark;
    let raster = Raster::default();
    // Taken for points as long as the harness has a pixel each, and for pixels then.
    let size = egui::vec2(1040.0, 480.0) * SCALE;
    let mut harness = harness_with(&[], theme, raster.clone(), size);
    harness.set_pixels_per_point(SCALE);
    // Opened only now: panels that first lay in the small window would stay narrow.
    let desk = harness.state_mut().as_mut().unwrap();
    desk.scan_paths(&[dir.join("phantom")]);
    until(&mut harness, "the phantom and its cells", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|open| open.review.live.is_some() && open.draft.is_some())
    });
    let desk = harness.state_mut().as_mut().unwrap();
    let open = desk.session.open.as_mut().unwrap();
    let at = |x, y| pantrk_space::SlidePoint { x, y };
    let area = geometry::ellipse(at(750.0, 700.0), at(1350.0, 1200.0)).unwrap();
    open.review
        .drawing
        .add("draw", vec![Shape::of_class("Exclude", area)]);
    open.review.drawing.selected.clear();
    open.review.take_regions();
    let fitted = open.fitted.unwrap();
    desk.wish(Command::Look(crate::view::View {
        centre: at(1100.0, 1000.0),
        points_per_pixel: 0.42,
        ..fitted
    }));
    harness.run_steps(3);
    super::story::settle(&mut harness);
    Picture {
        name: "canvas",
        draw: Box::new(move |theme| {
            let theme = match theme {
                egui::Theme::Dark => egui::ThemePreference::Dark,
                egui::Theme::Light => egui::ThemePreference::Light,
            };
            harness
                .state_mut()
                .as_mut()
                .unwrap()
                .wish(Command::Theme(theme));
            harness.run_steps(3);
            until(&mut harness, "the tiles", |h| {
                let open = viewer(h).session.open.as_ref().unwrap();
                open.pending.is_empty() && open.tiles.len() > 4
            });
            let whole = raster.picture(&harness.ctx.clone(), harness.output());
            let canvas = viewer(&harness).session.open.as_ref().unwrap().canvas * SCALE;
            let [x, y, width, height] =
                [canvas.left(), canvas.top(), canvas.width(), canvas.height()]
                    .map(|points| points.round() as u32);
            image::imageops::crop_imm(&whole, x, y, width, height).to_image()
        }),
    }
}

/// A small phantom and a result whose cells are the true ones.
fn write_phantom(slide: &Path, folder: &Path) {
    let spec = pantrk_phantom::SlideSpec {
        width: 2200,
        height: 2000,
        seed: 3,
        tissue_fraction: 0.8,
        ..pantrk_phantom::SlideSpec::default()
    };
    let container = pantrk_phantom::SlideContainer::AperioSvs;
    let truth = pantrk_phantom::write_slide(&spec, slide, container, &|_, _| {}).unwrap();
    let parent = folder.parent().unwrap();
    write_result(parent, "phantom", slide, |_| {});
    let cells = &truth.cells;
    let n = cells.len();
    let of = |pick: &dyn Fn(&pantrk_phantom::CellTruth) -> f32| -> Vec<f32> {
        cells.iter().map(pick).collect()
    };
    let [x, y] = [0, 1].map(|k| -> Vec<f64> {
        let centre = |c: &pantrk_phantom::CellTruth| [c.x_px, c.y_px][k];
        cells.iter().map(centre).collect()
    });
    let area = of(&|c| c.nucleus_area_um2);
    let whole: Vec<f32> = area.iter().map(|nucleus| nucleus * 2.5).collect();
    let ones = vec![1.0; n];
    let od = [0, 1, 2, 3].map(|k| of(&|c| c.dab_od[k]));
    let grades = [0, 1, 2, 3].map(|k| -> Vec<u8> { cells.iter().map(|c| c.grade[k]).collect() });
    let tumour: Vec<bool> = cells
        .iter()
        .map(|c| c.kind == pantrk_phantom::CellKind::Tumour)
        .collect();
    let columns = CellColumns {
        mpp: SlideMpp::square(MicronsPerPixel::new(spec.mpp).unwrap()),
        x_px: &x,
        y_px: &y,
        nucleus_area_um2: &area,
        cell_area_um2: &whole,
        circularity: &ones,
        dab_od: [&od[0], &od[1], &od[2], &od[3]],
        nucleus_hematoxylin_od: &ones,
        nucleus_hematoxylin_cv: &ones,
        membrane_completeness: &ones,
        cytoplasm_granularity: &ones,
        grades: [&grades[0], &grades[1], &grades[2], &grades[3]],
        excluded: &vec![0; n],
        exclusion_reasons: &[""],
        tumour: &tumour,
    };
    write_cells(&folder.join("cells.parquet"), &columns).unwrap();
}

/// The room that a panel gets.
fn size(panel: &Panel) -> egui::Vec2 {
    match (panel.name, panel.place) {
        ("help", _) => egui::vec2(1080.0, 620.0),
        ("notices", _) => egui::vec2(560.0, 130.0),
        ("status", _) => egui::vec2(1400.0, 130.0),
        ("sign", _) => egui::vec2(412.0, 620.0),
        ("signed", _) => egui::vec2(412.0, 520.0),
        ("unscored", _) => egui::vec2(412.0, 260.0),
        (_, Place::Top | Place::Bottom) => egui::vec2(1400.0, 60.0),
        (_, Place::Left | Place::LeftBottom) => egui::vec2(300.0, 260.0),
        (_, Place::RightHead) => egui::vec2(412.0, 130.0),
        (_, Place::RightFoot) => egui::vec2(412.0, 100.0),
        (_, Place::Right) => egui::vec2(412.0, 760.0),
    }
}

/// The viewer on a slide without a score.
fn unscored(slide: &Path) -> Viewer {
    let scorer: Arc<dyn SlideScorer> = Arc::new(super::names::Beside);
    let look = (Raster::default(), egui::vec2(1400.0, 1000.0));
    let paths = [slide.to_path_buf()];
    let mut harness = harness_of(&paths, egui::ThemePreference::Dark, look, Some(scorer));
    until(&mut harness, "the slide", is_open);
    let mut viewer = harness.into_state().unwrap();
    // Its place is another on each run.
    let item = &mut viewer.session.worklist[0];
    item.source = crate::state::WorkSource::Slide {
        path: PathBuf::from("/data/day/S1.png"),
    };
    viewer
}

/// The viewer on a case that is signed with another result than the computed one.
fn signed(folder: &Path) -> Viewer {
    let mut harness = harness(&[folder.to_path_buf()], egui::ThemePreference::Dark);
    until(&mut harness, "the slide", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|open| open.draft.is_some())
    });
    let mut viewer = harness.into_state().unwrap();
    let session = &mut viewer.session;
    let result = session.open_result().unwrap();
    let review = SlideReview {
        slide_id: "S1".to_owned(),
        state: ReviewState::Signed,
        reviewer: "Dr A. Reader".to_owned(),
        own_result: Some("negative".to_owned()),
        own_action: Some("no-further-testing".to_owned()),
        reason: Some("what stains is nerve".to_owned()),
        signed: Some("2026-05-04T09:41:30Z".to_owned()),
        signed_result: Some(
            serde_json::json!({
                "any": result.compartments.unwrap().any,
                "ihc": result.ihc,
                "action": result.triage.action,
                "rule": result.triage.rule,
                "tumour_type": result.triage.tumour_type,
                "own": { "rule": "R12" },
            })
            .to_string(),
        ),
        ..SlideReview::default()
    };
    let mark = Mark::of(&review);
    let root = folder.parent().unwrap().to_path_buf();
    let marks = session.marks.entry(root).or_default();
    marks.insert("S1".to_owned(), mark);
    session.open.as_mut().unwrap().kept.review = Some(Box::new(review));
    viewer
}

fn draw(
    viewer: &std::rc::Rc<Viewer>,
    panel: fn(&mut egui::Ui, &crate::panels::PanelContext<'_>, &mut Commands),
    size: egui::Vec2,
    theme: egui::Theme,
) -> image::RgbImage {
    let viewer = std::rc::Rc::clone(viewer);
    let raster = Raster::default();
    let mut harness = Harness::builder()
        .with_size(size)
        .with_pixels_per_point(SCALE)
        .with_theme(theme)
        .with_context_setup(move |ctx| {
            crate::tokens::apply(ctx);
            ctx.set_theme(theme);
        })
        .renderer(raster.clone())
        .build_ui(move |ui| {
            egui::CentralPanel::default().show(ui, |ui| {
                panel(ui, &viewer.context(), &mut Commands::default());
            });
        });
    harness.run_steps(4);
    raster.picture(&harness.ctx.clone(), harness.output())
}

/// The share of the pixels that differ.
fn difference(a: &image::RgbImage, b: &image::RgbImage) -> f64 {
    if a.dimensions() != b.dimensions() {
        return 1.0;
    }
    let off = a
        .pixels()
        .zip(b.pixels())
        .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > NEAR))
        .count();
    off as f64 / f64::from(a.width() * a.height())
}
