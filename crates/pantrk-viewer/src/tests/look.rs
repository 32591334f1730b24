//! What people see: that nothing lies over anything else, that what matters stays in sight, and that what is done is told.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Rect, vec2};
use egui_kittest::kittest::Queryable as _;
use pantrk_core::score::Thresholds;
use pantrk_store::ReviewState;
use pantrk_triage::Case;

use super::names::sign;
use super::story::{drag, settle, write_cells_of};
use super::*;
use crate::command::{Command, ReviewCommand, SignCommand};
use crate::review::Correction;

type Desk = Harness<'static, Option<Viewer>>;

/// The laptop's screen, points, with text of this size.
fn laptop(scale: f32) -> egui::Vec2 {
    vec2(1280.0, 800.0) / scale
}

fn desk(paths: &[PathBuf], size: egui::Vec2) -> Desk {
    let theme = egui::ThemePreference::Dark;
    harness_with(paths, theme, Raster::default(), size)
}

fn wish(harness: &mut Desk, command: Command) {
    harness.state_mut().as_mut().unwrap().wish(command);
    harness.run_steps(3);
}

/// A scored slide with cells, opened and settled.
fn scored(dir: &Path, size: egui::Vec2) -> Desk {
    let slide = dir.join("a.png");
    write_slide(&slide);
    // Whatever is drawn lies where cells were looked for.
    write_result(&dir.join("out"), "S1", &slide, |result| {
        result.tumour_region = pantrk_store::TumourRegion::None;
    });
    write_cells_of(&dir.join("out/S1"), 0.28);
    opened(&dir.join("out/S1"), size)
}

fn opened(folder: &Path, size: egui::Vec2) -> Desk {
    let mut harness = desk(&[folder.to_path_buf()], size);
    until(&mut harness, "the slide and its cells", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|open| {
            open.draft.is_some() && open.cells.ready().is_some() && open.review.live.is_some()
        })
    });
    settle(&mut harness);
    harness
}

fn reopen(harness: &mut Desk) {
    let opinion = crate::app::Opinion {
        reason: "a second look".to_owned(),
        ..Default::default()
    };
    wish(harness, Command::Sign(SignCommand::Opinion(opinion)));
    wish(harness, Command::Sign(SignCommand::Reopen));
    until(harness, "the case to be open again", |h| {
        !viewer(h).session.is_locked()
    });
}

/// The slider of the lowest threshold.
fn lowest(harness: &Desk) -> egui_kittest::Node<'_> {
    let named = |node: &egui_kittest::Node<'_>| {
        let label = node.accesskit_node().label();
        label.is_some_and(|label| label.contains("1+ from"))
    };
    harness.get_all_by_role(Role::Slider).find(named).unwrap()
}

#[test]
fn the_next_step_stays_in_sight_while_a_threshold_is_moved() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    lowest(&harness).scroll_to_me();
    harness.run_steps(8);
    let window = Rect::from_min_size(egui::Pos2::ZERO, laptop(1.0));
    let head = harness.get_by_label("Suggested next step").rect();
    let slider = lowest(&harness).rect();
    assert!(window.contains_rect(head) && window.contains_rect(slider));
    assert!(head.bottom() < slider.top(), "{head:?} {slider:?}");
    let step = harness.get_by_label_contains("Order RNA-based NGS").rect();
    assert!(step.top() > head.top() && step.bottom() < slider.top());
    assert!(!says(&harness, "As scored:"));
    lowest(&harness).set_value_accesskit(0.33);
    harness.run_steps(3);
    settle(&mut harness);
    assert!(!says(&harness, "Order RNA-based NGS for"));
    let was = harness.get_by_label_contains("As scored: sequence, positive, 39.1 %");
    assert!(was.rect().bottom() < lowest(&harness).rect().top());
}

#[test]
fn nothing_lies_over_anything_else_with_large_text_on_a_laptop() {
    for scale in [1.0, 1.25, 1.5, 2.0] {
        let dir = tempfile::tempdir().unwrap();
        for id in ["S1", "S2", "S3"] {
            let slide = dir.path().join(format!("{id}.png"));
            write_slide(&slide);
            // One is not scored, so that the button for it is there.
            if id == "S3" {
                continue;
            }
            write_result(&dir.path().join("out"), id, &slide, |_| {});
            write_layers(&dir.path().join("out").join(id));
        }
        let size = laptop(scale);
        let paths = ["out", "S3.png"].map(|name| dir.path().join(name));
        let mut harness = desk(&paths, size);
        until(&mut harness, "the scan", |h| {
            h.state().as_ref().is_some_and(|v| !v.session.scanning)
        });
        harness.state_mut().as_mut().unwrap().session.can_score = true;
        wish(&mut harness, Command::Open(0));
        until(&mut harness, "the slide and its layers", |h| {
            let open = viewer(h).session.open.as_ref();
            open.is_some_and(|open| open.draft.is_some() && open.review.live.is_some())
        });
        let window = Rect::from_min_size(egui::Pos2::ZERO, size);
        let canvas = harness.get_by_label(canvas::NAME).rect();
        let least = if scale < 2.0 { 240.0 } else { 130.0 };
        assert!(
            canvas.width() > least && canvas.height() > 150.0,
            "{scale}: {canvas:?}"
        );
        let bar: Vec<(String, Rect)> = harness
            .query_all_by(|node| node.role() == Role::Button)
            .map(|node| {
                (
                    node.accesskit_node().label().unwrap_or_default(),
                    node.rect(),
                )
            })
            .filter(|(_, rect)| rect.bottom() <= canvas.top())
            .collect();
        assert!(bar.len() > 20, "{scale}: {bar:?}");
        for (at, (name, rect)) in bar.iter().enumerate() {
            assert!(window.contains_rect(*rect), "{scale}: {name} {rect:?}");
            for (other, there) in &bar[at + 1..] {
                let over = rect.shrink(0.5).intersects(there.shrink(0.5));
                assert!(
                    !over,
                    "{scale}: {name} {rect:?} lies over {other} {there:?}"
                );
            }
        }
        // The worklist ends where the layers begin, and at least one row of it is there.
        let layers = harness.get_by_label("Layers").rect();
        let row = harness.get_by_label_contains("S1: positive").rect();
        let seen = if scale < 2.0 {
            row.bottom()
        } else {
            // The list is scrolled; what of a row is beyond it is cut off.
            row.top() + 20.0
        };
        assert!(seen <= layers.top(), "{scale}: {row:?} {layers:?}");
        assert!(layers.bottom() < canvas.bottom(), "{scale}");
        // What is in the middle lies between the sides.
        let head = harness.get_by_label("Suggested next step").rect();
        assert!(
            row.right() <= canvas.left() && canvas.right() <= head.left(),
            "{scale}"
        );
        assert!(head.right() <= window.right(), "{scale}");
    }
}

#[test]
fn what_was_done_goes_by_itself_and_what_failed_stays_until_it_is_dismissed() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    harness.get_by_label("Rectangle").click_accesskit();
    harness.run_steps(2);
    drag(&mut harness, (0.1, 0.1), (0.6, 0.6));
    harness.get_by_label("Export").click_accesskit();
    until(&mut harness, "the notice", |h| {
        says(h, "Done: 1 shapes were written") || says(h, "Error")
    });
    assert!(says(&harness, "Done: 1 shapes were written as GeoJSON"));
    wish(&mut harness, Command::OpenAddress("file:///etc".to_owned()));
    assert!(says(&harness, "Error: The browser did not open"));
    let shown = harness.get_by_label_contains("Done: 1 shapes").rect();
    let canvas = harness.get_by_label(canvas::NAME).rect();
    assert!(canvas.contains_rect(shown), "{shown:?} {canvas:?}");

    // Under the pointer it stays.
    let age = |h: &mut Desk| {
        let viewer = h.state_mut().as_mut().unwrap();
        viewer.session.notices.age(Duration::from_mins(1));
    };
    harness.hover_at(shown.center());
    harness.run_steps(2);
    harness.run_steps(2);
    assert!(says(&harness, "Done: 1 shapes"));
    harness.hover_at(canvas.min + vec2(20.0, 20.0));
    harness.run_steps(2);
    age(&mut harness);
    harness.run_steps(2);
    assert!(!says(&harness, "Done: 1 shapes"), "its time is over");
    assert!(says(&harness, "Error: The browser did not open"));
    // The log tells both.
    harness.get_by_label("Log").click_accesskit();
    harness.run_steps(3);
    assert!(says(&harness, "Done: 1 shapes were written"));
    harness
        .get_by_label_contains("Dismiss: The browser")
        .click_accesskit();
    harness.run_steps(3);
    assert_eq!(viewer(&harness).session.notices.staying().count(), 0);
    assert!(says(&harness, "Error: The browser"), "in the log");
}

#[test]
fn the_trail_tells_what_was_before_and_what_is_after() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    regrade_and_correct(&mut harness);
    settle(&mut harness);
    sign(&mut harness);
    harness.run_steps(3);
    for told in [
        "Thresholds moved",
        "before 0.20, 0.40, 0.60 OD;  after 0.25, 0.40, 0.60 OD",
        "cell 3: before as measured;  after not a tumour cell",
        "review: before in review;  after signed",
        "UTC, Dr A. Reader",
    ] {
        assert!(says(&harness, told), "{told:?} is not told");
    }
}

#[test]
fn the_help_sheet_shows_all_keys_at_once_on_a_laptop() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    harness.event(egui::Event::Text("?".to_owned()));
    harness.run_steps(6);
    let window = Rect::from_min_size(egui::Pos2::ZERO, laptop(1.0));
    let sheet = harness
        .get_by_label_contains("The letters are QuPath's")
        .rect();
    for tool in &crate::drawing::TOOLS {
        let line = format!("{}: {}", tool.name, tool.help);
        let rect = harness.get_by_label(&line).rect();
        assert!(
            window.contains_rect(rect) && rect.bottom() <= sheet.top(),
            "{line}"
        );
    }
    for key in crate::panels::help::keys() {
        let mut found = harness.query_all_by_label(key);
        let place = found
            .next()
            .unwrap_or_else(|| panic!("{key:?} is not there"));
        let rect = place.rect();
        assert!(
            window.contains_rect(rect) && rect.bottom() <= sheet.top(),
            "{key}"
        );
    }
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(!says(&harness, "The letters are QuPath's"));
}

#[test]
fn a_signed_case_can_be_read_and_written_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    harness.get_by_label("Rectangle").click_accesskit();
    harness.run_steps(2);
    drag(&mut harness, (0.1, 0.1), (0.6, 0.6));
    settle(&mut harness);
    sign(&mut harness);
    harness.run_steps(3);
    assert!(says(&harness, "Signed: nothing of it changes any more"));
    let disabled = |h: &Desk, name: &str| {
        let node = h.get_by_label(name);
        node.accesskit_node().is_disabled()
    };
    assert!(disabled(&harness, "Delete") && disabled(&harness, "Split"));
    assert!(!disabled(&harness, "Export"));
    harness.get_by_label("Export").click_accesskit();
    until(&mut harness, "the notice", |h| {
        says(h, "shapes were written as GeoJSON")
    });
    let written = dir.path().join("out/reviews/S1-regions.geojson");
    assert!(written.exists(), "{}", written.display());
}

#[test]
fn slides_of_one_name_are_told_apart_where_one_is_shown_beside() {
    let dir = tempfile::tempdir().unwrap();
    let files = ["monday", "tuesday"].map(|day| dir.path().join(day).join("HE.png"));
    for file in &files {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        write_slide(file);
    }
    let slide = dir.path().join("tuesday/trk.png");
    write_slide(&slide);
    write_result(&dir.path().join("out"), "S1", &slide, |_| {});
    let mut paths = files.to_vec();
    paths.push(dir.path().join("out/S1"));
    let mut harness = desk(&paths, laptop(1.0));
    until(&mut harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    let list = &viewer(&harness).session.worklist;
    let index = |id: &str| list.iter().position(|item| item.id == id).unwrap();
    let index = index("S1");
    wish(&mut harness, Command::Open(index));
    until(&mut harness, "the slide", is_open);
    harness.get_by_label("Beside").click_accesskit();
    harness.run_steps(5);
    let [monday, tuesday] = ["monday", "tuesday"].map(|day| {
        let name = format!("HE: not scored; HE.png; in {day}");
        harness.get_by_label(&name).rect()
    });
    assert!(
        tuesday.top() < monday.top(),
        "of the slide's own folder first"
    );
    harness
        .get_by_label("HE: not scored; HE.png; in tuesday")
        .click_accesskit();
    until(&mut harness, "the second slide", |h| {
        let open = viewer(h).session.open.as_ref().unwrap();
        open.beside
            .as_ref()
            .is_some_and(|b| b.slide.ready().is_some())
    });
    let session = &viewer(&harness).session;
    let beside = session.open.as_ref().unwrap().beside.as_ref().unwrap();
    let chosen = session.worklist[beside.index].place().unwrap();
    assert!(chosen.ends_with("tuesday/HE.png"), "{}", chosen.display());
}

/// Moves the lowest threshold and corrects a cell; how.
fn regrade_and_correct(harness: &mut Desk) -> Option<Correction> {
    let thresholds = Thresholds::new([0.25, 0.4, 0.6]).unwrap();
    let wrong = Some(Correction::NotTumour);
    for change in [
        ReviewCommand::Thresholds(thresholds),
        ReviewCommand::Correct(3, wrong),
    ] {
        wish(harness, Command::Review(change));
    }
    wrong
}

fn undo(harness: &mut Desk) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
}

#[test]
fn one_key_takes_back_whatever_was_changed_last() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    let state = |h: &Desk| {
        let review = viewer(h).session.review().unwrap();
        (
            review.thresholds.values()[0],
            review.case.age_years,
            review.correction(3),
            review.drawing.shapes().len(),
        )
    };
    let before = state(&harness);
    let wrong = regrade_and_correct(&mut harness);
    harness.get_by_label("Rectangle").click_accesskit();
    harness.run_steps(2);
    drag(&mut harness, (0.1, 0.1), (0.6, 0.6));
    let case = Case {
        age_years: Some(61.0),
        ..viewer(&harness).session.review().unwrap().case.clone()
    };
    wish(
        &mut harness,
        Command::Review(ReviewCommand::Case(Box::new(case))),
    );
    let done = state(&harness);
    assert_eq!(done, (0.25, Some(61.0), wrong, 1));
    undo(&mut harness);
    assert!(says(&harness, "Information: Taken back: case facts"));
    assert_eq!(state(&harness), (0.25, before.1, wrong, 1));
    undo(&mut harness);
    assert_eq!(state(&harness), (0.25, before.1, wrong, 0));
    undo(&mut harness);
    assert_eq!(state(&harness), (0.25, before.1, before.2, 0));
    undo(&mut harness);
    assert_eq!(state(&harness), before);
    undo(&mut harness);
    assert_eq!(state(&harness), before, "there is nothing behind it");
    for _ in 0..5 {
        harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
        harness.run_steps(3);
    }
    assert_eq!(state(&harness), done);
    // What is done after something was taken back stands in its place.
    undo(&mut harness);
    undo(&mut harness);
    wish(
        &mut harness,
        Command::Review(ReviewCommand::Correct(5, wrong)),
    );
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Y);
    harness.run_steps(3);
    assert_eq!(state(&harness), (0.25, before.1, wrong, 0));
}

#[test]
fn a_slider_stays_under_the_hand_while_the_text_above_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    lowest(&harness).scroll_to_me();
    harness.run_steps(8);
    let rail = lowest(&harness).rect();
    let place = |share: f32| egui::pos2(rail.left() + rail.width() * share, rail.center().y);
    let height = |h: &Desk| h.get_by_label("Suggested next step").rect().top();
    let before = height(&harness);
    harness.hover_at(place(0.15));
    harness.step();
    harness.drag_at(place(0.15));
    harness.step();
    let mut told = 0;
    // Over the stain's density and back: result, reasons and next step change more than once.
    for share in [0.2, 0.25, 0.3, 0.35, 0.3, 0.25, 0.2, 0.35] {
        harness.hover_at(place(share));
        harness.step();
        settle(&mut harness);
        told += usize::from(says(&harness, "negative, 0.0 %"));
        let now = lowest(&harness).rect();
        assert!(
            (now.top() - rail.top()).abs() < 1.0,
            "{share}: {rail:?} {now:?}"
        );
    }
    assert!(told > 0 && told < 8, "the text above has to change: {told}");
    harness.drop_at(place(0.35));
    harness.run_steps(3);
    assert!((height(&harness) - before).abs() < 1.0);
}

#[test]
fn a_size_of_the_text_is_chosen_by_one_click_that_hits_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    let theme = harness.ctx.theme();
    harness.get_by_label("Look").click();
    harness.run_steps(4);
    let at = harness.get_by_label("125 %").rect().center();
    harness.get_by_label("125 %").click();
    harness.run_steps(6);
    assert!((harness.ctx.zoom_factor() - 1.25).abs() < 1e-3);
    assert!(!says(&harness, "125 %"), "the list is closed");
    // Once more on the same place of the screen.
    let at = at / 1.25;
    harness.hover_at(at);
    harness.drag_at(at);
    harness.drop_at(at);
    harness.run_steps(6);
    assert!((harness.ctx.zoom_factor() - 1.25).abs() < 1e-3);
    assert_eq!(harness.ctx.theme(), theme);
}

#[test]
fn a_list_that_is_open_takes_the_keys_and_enter_chooses_and_closes_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    let stage = |h: &Desk| viewer(h).session.review().unwrap().case.stage;
    let tool = |h: &Desk| viewer(h).context().settings.tool;
    let before = stage(&harness);
    let combo = |h: &Desk| {
        let node = h.get_by_role_and_label(Role::ComboBox, "Stage");
        node.scroll_to_me();
    };
    combo(&harness);
    harness.run_steps(8);
    harness
        .get_by_role_and_label(Role::ComboBox, "Stage")
        .click();
    harness.run_steps(4);
    let choice = |h: &Desk| {
        h.query_by_role_and_label(Role::Button, "localised")
            .is_some()
    };
    assert!(choice(&harness), "open");
    // The letters of tools and layers.
    for key in [Key::B, Key::R, Key::T, Key::C, Key::Num2] {
        harness.key_press(key);
        harness.run_steps(2);
    }
    let open = viewer(&harness).session.open.as_ref().unwrap();
    assert_eq!(tool(&harness), crate::drawing::Tool::Move);
    assert_eq!((open.turns, open.stain), (0, crate::state::Stain::Both));
    harness
        .get_by_role_and_label(Role::Button, "localised")
        .focus();
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(4);
    assert_ne!(stage(&harness), before);
    assert_eq!(stage(&harness), Some(pantrk_triage::Stage::Localised));
    assert!(!choice(&harness), "closed");
}

#[test]
fn eight_rows_of_the_worklist_are_seen_on_a_laptop() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    for n in 1..=12 {
        write_result(&out, &format!("S{n:02}"), &slide, |_| {});
    }
    write_layers(&out.join("S01"));
    let mut harness = desk(&[out], laptop(1.0));
    until(&mut harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
    wish(&mut harness, Command::Open(0));
    until(&mut harness, "the slide and its layers", |h| {
        let open = viewer(h).session.open.as_ref();
        open.is_some_and(|open| open.draft.is_some() && open.review.live.is_some())
    });
    let seen = |h: &Desk| {
        let layers = h.get_by_label("Layers").rect();
        let rows = h.query_all_by_label_contains(": positive, 39.1 %");
        let whole = rows.filter(|row| row.rect().bottom() <= layers.top());
        whole.count()
    };
    let bottom = |name: &str| harness.get_by_label_contains(name).rect();
    assert!(
        seen(&harness) >= 8,
        "{} rows, from {:?} to {:?}",
        seen(&harness),
        bottom("S01: "),
        bottom("Layers")
    );
    // The switches are there all the same.
    assert!(says(&harness, "Cells (4)") && says(&harness, "Regions (0)"));
    harness.get_by_label("Layers").click_accesskit();
    harness.run_steps(4);
    assert!(says(&harness, "Cells, opacity"));
    assert!(
        viewer(&harness).context().settings.layer_details,
        "remembered"
    );
}

#[test]
fn a_drag_of_a_slider_is_one_step() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    let at = |h: &Desk| viewer(h).session.review().unwrap().thresholds.values()[0];
    lowest(&harness).scroll_to_me();
    harness.run_steps(8);
    let rail = lowest(&harness).rect();
    let place = |share: f32| egui::pos2(rail.left() + rail.width() * share, rail.center().y);
    harness.hover_at(place(0.2));
    harness.step();
    harness.drag_at(place(0.2));
    harness.step();
    for share in [0.25, 0.3, 0.35] {
        harness.hover_at(place(share));
        harness.step();
    }
    harness.drop_at(place(0.35));
    harness.run_steps(3);
    let moved = at(&harness);
    assert!(moved > 0.25, "{moved}");
    undo(&mut harness);
    assert!((at(&harness) - 0.2).abs() < 1e-6, "{}", at(&harness));
}

#[test]
fn undo_ends_at_a_signature() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = scored(dir.path(), laptop(1.0));
    let thresholds = Thresholds::new([0.25, 0.4, 0.6]).unwrap();
    wish(
        &mut harness,
        Command::Review(ReviewCommand::Thresholds(thresholds)),
    );
    harness.get_by_label("Rectangle").click_accesskit();
    harness.run_steps(2);
    drag(&mut harness, (0.1, 0.1), (0.6, 0.6));
    settle(&mut harness);
    sign(&mut harness);
    let holds = |h: &Desk| {
        let review = viewer(h).session.review().unwrap();
        review.thresholds == thresholds && review.drawing.shapes().len() == 1
    };
    undo(&mut harness);
    assert!(holds(&harness));
    assert!(says(&harness, "This slide is signed"));
    reopen(&mut harness);
    undo(&mut harness);
    assert!(
        holds(&harness),
        "what was signed is not taken back by a key"
    );
    let session = &viewer(&harness).session;
    assert_eq!(session.mark(&session.worklist[0]), ReviewState::InReview);
}
