//! Strokes that train the region classifier: painted, looked at, made into regions, taken back, kept.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use pantrk_store::TumourRegion;

use super::story::{drag, open, settle, write_cells_of};
use super::*;
use crate::command::{Command, TrainCommand};
use crate::training::Origin;

/// 1.6 x 1.2 mm at 1 um: glass around tissue, nuclei in its left half and fibres in its right.
fn write_two_tissues(path: &Path) {
    let picture = image::RgbImage::from_fn(1600, 1200, |x, y| {
        let (px, py) = (i64::from(x / 2), i64::from(y / 2));
        let noise = (px * 37 + py * 91).rem_euclid(5) as u8;
        let base: [u8; 3] = if !(40..760).contains(&px) || !(40..560).contains(&py) {
            [243, 242, 244]
        } else if px < 400 {
            if (px % 6 - 3).pow(2) + (py % 6 - 3).pow(2) < 5 {
                [120, 110, 170]
            } else {
                [205, 200, 222]
            }
        } else if (py + px / 9) % 5 < 2 {
            [196, 190, 214]
        } else {
            [226, 222, 232]
        };
        image::Rgb(base.map(|v| v - 2 + noise))
    });
    picture.save(path).unwrap();
}

/// Takes the class in the classifier's panel, the last of that name.
fn take_class(harness: &mut Harness<'static, Option<Viewer>>, class: &str) {
    harness
        .get_all_by_label(class)
        .next_back()
        .expect("the class is on offer")
        .click_accesskit();
    harness.run_steps(2);
}

fn training<T>(
    harness: &Harness<'static, Option<Viewer>>,
    look: impl Fn(&crate::training::Training) -> T,
) -> T {
    look(&viewer(harness).session.open.as_ref().unwrap().training)
}

fn counted(harness: &Harness<'static, Option<Viewer>>) -> u64 {
    let live = viewer(harness).session.review().unwrap().live.as_ref();
    live.unwrap().result.cells.tumour
}

#[test]
fn strokes_train_a_classifier_whose_regions_count() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_two_tissues(&slide);
    let out = dir.path().join("out");
    write_result(&out, "S1", &slide, |result| {
        (result.slide.mpp_x, result.slide.mpp_y) = (1.0, 1.0);
        // Scored without regions, so that every cell counts.
        result.tumour_region = TumourRegion::None;
    });
    write_cells_of(&out.join("S1"), 0.28);
    let mut harness = harness(std::slice::from_ref(&out), egui::ThemePreference::Light);
    until(&mut harness, "the slide", is_open);
    open(&mut harness, "S1: positive");
    harness.get_by_label("Region classifier").click_accesskit();
    harness.run_steps(30);
    assert!(says(&harness, "no strokes yet"));

    // One class alone is told, in words.
    take_class(&mut harness, "Tumor");
    drag(&mut harness, (0.2, 0.4), (0.35, 0.42));
    assert!(says(&harness, "Tumor 1"));
    assert!(says(&harness, "All strokes are Tumor"));
    assert!(says(&harness, "Regions (0)"), "a stroke is no region");

    take_class(&mut harness, "Stroma");
    drag(&mut harness, (0.65, 0.4), (0.8, 0.42));
    until(&mut harness, "a classifier", |h| {
        training(h, |t| t.model.is_some() && t.working.is_none())
    });
    assert!(says(&harness, "told right when held out"));
    until(&mut harness, "the preview", |h| {
        training(h, |t| t.wanted.is_empty() && !t.tiles.is_empty())
    });
    let looked = training(&harness, |t| {
        let of_now = t.tiles.keys().all(|&tile| t.has(tile));
        (of_now, t.tiles.values().any(|t| t.texture.is_some()))
    });
    assert_eq!(looked, (true, true));
    // With a stroke more it is trained again, and without it once more.
    let number = |h: &Harness<'static, Option<Viewer>>| {
        training(h, |t| t.model.as_ref().map_or(0, |m| m.number))
    };
    let first = number(&harness);
    drag(&mut harness, (0.65, 0.6), (0.8, 0.62));
    until(&mut harness, "the second classifier", |h| number(h) > first);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    until(&mut harness, "the third classifier", |h| {
        number(h) > first + 1
    });
    assert!(says(&harness, "Stroma 1"));

    let before = counted(&harness);
    harness.get_by_label("Make regions").click_accesskit();
    until(&mut harness, "the regions", |h| {
        viewer(h).session.review().unwrap().drawing.regions().len() == 2
    });
    settle(&mut harness);
    let after = counted(&harness);
    assert!(
        after < before * 6 / 10 && after > before * 3 / 10,
        "the cells of the left half count: {after} of {before}"
    );
    let region = |h: &Harness<'static, Option<Viewer>>| {
        let live = viewer(h).session.review().unwrap().live.as_ref();
        live.unwrap().result.tumour_region
    };
    assert_eq!(region(&harness), TumourRegion::Classified);
    // One step back.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
    settle(&mut harness);
    assert_eq!(counted(&harness), before);
    assert_eq!(region(&harness), TumourRegion::None);
    assert!(says(&harness, "Regions (0)") && says(&harness, "Tumor 1"));

    // Saved, and taken from the file.
    let file = out.join("reviews/S1-region-classifier.json");
    harness.get_by_label("Save classifier").click_accesskit();
    until(&mut harness, "the file", |h| {
        says(h, "The region classifier was saved")
    });
    let load = Command::Train(TrainCommand::Load(file.clone()));
    harness.state_mut().as_mut().unwrap().wish(load);
    until(&mut harness, "the classifier from the file", |h| {
        training(h, |t| {
            t.model.as_ref().map(|m| m.origin.clone()) == Some(Origin::File(file.clone()))
        })
    });
    drop(harness);

    // Another start finds the strokes.
    let mut harness = super::harness(&[out], egui::ThemePreference::Dark);
    until(&mut harness, "the strokes", |h| {
        let review = h.state().as_ref().and_then(|v| v.session.review());
        review.is_some_and(|review| review.drawing.strokes().len() == 2)
    });
}

#[test]
fn a_file_is_chosen_from_the_list() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_two_tissues(&slide);
    let out = dir.path().join("out");
    write_result(&out, "S1", &slide, |_| {});
    let regions = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[100,100],[900,100],[900,800],[100,100]]]},"properties":{"objectType":"annotation","classification":{"name":"Nerve"}}}]}"#;
    std::fs::create_dir_all(out.join("drawn")).unwrap();
    std::fs::write(out.join("drawn/nerves.geojson"), regions).unwrap();
    let mut harness = harness(std::slice::from_ref(&out), egui::ThemePreference::Dark);
    until(&mut harness, "the slide", is_open);
    harness.get_by_label("File").click_accesskit();
    harness.run_steps(3);
    harness
        .get_by_label("Import regions (GeoJSON) ...")
        .click_accesskit();
    let listed = |h: &Harness<'static, Option<Viewer>>| {
        let browser = viewer(h).session.browser.as_ref();
        browser.is_some_and(|b| b.entries.ready().is_some())
    };
    until(&mut harness, "the folder", listed);
    assert!(says(&harness, "S1/") && !says(&harness, "result.json"));
    harness.get_by_label("drawn/").click_accesskit();
    harness.run_steps(2);
    until(&mut harness, "the folder in it", listed);
    harness
        .get_by_label_contains("nerves.geojson")
        .click_accesskit();
    harness.run_steps(2);
    harness.get_by_label("Import").click_accesskit();
    until(&mut harness, "the shapes", |h| {
        says(h, "1 shapes were taken")
    });
    assert!(says(&harness, "Regions (1)"));

    // Saved under a name of one's own.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    harness.run_steps(3);
    assert!(says(&harness, "Open slides or results"));
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(viewer(&harness).session.browser.is_none());
    harness.get_by_label("File").click_accesskit();
    harness.run_steps(3);
    harness
        .get_by_label("Save regions (GeoJSON) ...")
        .click_accesskit();
    until(&mut harness, "the folder to save in", listed);
    let field = harness.get_by_label(crate::panels::browser::FIELD);
    assert_eq!(field.value().as_deref(), Some("S1-regions.geojson"));
    harness.get_by_label("Save").click_accesskit();
    until(&mut harness, "the file", |h| says(h, "written as GeoJSON"));
    let text = std::fs::read_to_string(out.join("S1-regions.geojson")).unwrap();
    assert!(text.contains("Nerve"));
}
