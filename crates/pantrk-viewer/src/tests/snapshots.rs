//! Every panel in both themes, drawn without a screen and held against kept pictures.
//!
//! `PANTRK_UPDATE_SNAPSHOTS=1` writes them anew; look at them before they are kept.

use std::path::PathBuf;

use super::*;
use crate::browser::{Browser, FolderEntry, Purpose};
use crate::command::Commands;
use crate::drawing::{Shape, geometry};
use crate::panels::browser::list_ui;
use crate::panels::{PANELS, Panel, Place};

/// Pixels per point of the kept pictures: small, and enough to see what is wrong.
const SCALE: f32 = 0.6;
/// A channel may differ by so much.
const NEAR: u8 = 28;
/// The share of the pixels that may differ by more.
const SHARE: f64 = 0.006;

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
    let viewer = std::rc::Rc::new(viewer);
    let update = std::env::var_os("PANTRK_UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    let windows = [Panel {
        name: "browser",
        place: Place::Right,
        ui: |ui, context, out| {
            if let Some(browser) = &context.session.browser {
                list_ui(ui, browser, out);
            }
        },
    }];
    for panel in PANELS.iter().chain(&windows) {
        for (theme, name) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
            let name = format!("{}-{name}", panel.name);
            let picture = draw(&viewer, panel.ui, panel.place, theme);
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

fn draw(
    viewer: &std::rc::Rc<Viewer>,
    panel: fn(&mut egui::Ui, &crate::panels::PanelContext<'_>, &mut Commands),
    place: Place,
    theme: egui::Theme,
) -> image::RgbImage {
    let viewer = std::rc::Rc::clone(viewer);
    let size = match place {
        Place::Top | Place::Bottom => egui::vec2(1400.0, 60.0),
        Place::Left | Place::LeftBottom => egui::vec2(300.0, 260.0),
        Place::Right => egui::vec2(412.0, 760.0),
    };
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
