//! Slides without a score: what can be said of them before, and what it does; databases and slides of one name.

use std::sync::Mutex;

use pantrk_core::pipeline::Progress;
use pantrk_core::segment::Segmenter;
use pantrk_triage::Case;

use super::names::{draw, open, scanned, settled_in, shapes, wish};
use super::*;
use crate::command::{Command, ReviewCommand};
use crate::worklist::{Filter, SortBy, shown};

/// Keeps what it is given, and makes a result of it.
#[derive(Default)]
struct Keeper {
    given: Mutex<Vec<(PathBuf, Given)>>,
}

impl SlideScorer for Keeper {
    fn score(&self, slide: &Path, given: &Given, _: &dyn Progress) -> Result<PathBuf, String> {
        let out = slide.with_file_name(crate::RESULTS_BESIDE);
        let id = pantrk_store::slide_id_from_path(slide);
        write_result(&out, &id, slide, |result| {
            let case = serde_json::to_value(&given.case).unwrap();
            result.run.parameters.insert("case".to_owned(), case);
        });
        if let Some(regions) = &given.regions {
            std::fs::write(out.join(&id).join("regions.geojson"), regions).unwrap();
        }
        let mut list = self.given.lock().unwrap();
        list.push((slide.to_path_buf(), given.clone()));
        Ok(out.join(id))
    }

    fn with_segmenter(&self, _: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String> {
        Err("not asked for".to_owned())
    }
}

fn case(tumour_type: &str) -> Command {
    let case = Case {
        tumour_type: Some(tumour_type.to_owned()),
        ..Case::default()
    };
    Command::Review(ReviewCommand::Case(Box::new(case)))
}

#[test]
fn what_is_said_before_the_score_goes_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let slides = ["a.png", "b.png"].map(|name| dir.path().join(name));
    for slide in &slides {
        write_slide(slide);
    }
    let settings = dir.path().join("settings");
    let keeper = Arc::new(Keeper::default());
    let scorer: Arc<dyn SlideScorer> = Arc::<Keeper>::clone(&keeper);
    let mut harness = settled_in(&settings, &slides, Some(scorer));
    scanned(&mut harness);
    open(&mut harness, 1);
    for text in [
        "Not scored yet",
        "No tumour is drawn",
        "The tumour type is not given",
        "Search tumour types",
        "Regions and cells",
    ] {
        assert!(says(&harness, text), "{text:?} is not shown");
    }
    // By hand: the class, the region, the type.
    harness.get_by_label("Tumor").click_accesskit();
    harness.run_steps(3);
    draw(&mut harness);
    assert!(says(&harness, "Cells count within the tumour"));
    harness.get_by_label("Search tumour types").focus();
    harness.step();
    harness
        .get_by_label("Search tumour types")
        .type_text("glioblastoma");
    harness.run_steps(3);
    harness.key_press(egui::Key::Enter);
    harness.run_steps(4);
    assert!(says(&harness, "Tumour type: glioblastoma"));

    // Of the other slide the case is kept, and it is not open when it is scored.
    open(&mut harness, 0);
    wish(&mut harness, vec![case("colorectal-carcinoma")]);
    open(&mut harness, 1);
    assert_eq!(shapes(&harness), 1);
    {
        let session = &viewer(&harness).session;
        let tumours = session
            .worklist
            .iter()
            .map(|item| session.tumour_type(item));
        let tumours: Vec<_> = tumours.map(Option::unwrap).collect();
        assert_eq!(tumours, ["colorectal-carcinoma", "glioblastoma"]);
    }
    wish(&mut harness, vec![Command::Search("glio".to_owned())]);
    assert_eq!(
        shown(&viewer(&harness).session, (SortBy::Id, Filter::Unscored)),
        [1]
    );
    wish(&mut harness, vec![Command::Search(String::new())]);

    wish(&mut harness, vec![pixel_size()]);
    harness.get_by_label("Score this slide").click_accesskit();
    until(&mut harness, "the result's review", |h| {
        let open = viewer(h).session.open_item();
        open.is_some_and(|(item, open)| item.result().is_some() && open.draft.is_some())
    });
    wish(&mut harness, vec![Command::ScoreAll]);
    until(&mut harness, "the other", |h| {
        viewer(h).session.scoring.is_empty()
    });
    let given = keeper.given.lock().unwrap();
    let types: Vec<_> = given
        .iter()
        .map(|(path, given)| (path.as_path(), given.case.tumour_type.as_deref().unwrap()))
        .collect();
    let [a, b] = &slides;
    let wanted = [(b.as_path(), "glioblastoma"), (a, "colorectal-carcinoma")];
    assert_eq!(types, wanted);
    let regions = given[0].1.regions.as_deref().unwrap();
    assert!(regions.contains("\"Tumor\""), "{regions}");
    assert_eq!(given[1].1.regions, None);

    // All of it is in the result: nothing is taken over, and nothing counts as changed.
    let review = viewer(&harness).session.review().unwrap();
    assert_eq!(review.changes(), Vec::<String>::new());
    assert_eq!(shapes(&harness), 1);
    assert!(!says(&harness, "was taken over") && !says(&harness, "Not scored yet"));
}

/// Scores once it is let; by then the desk went on.
struct Slow(Keeper, Arc<Mutex<()>>);

impl SlideScorer for Slow {
    fn score(&self, slide: &Path, given: &Given, on: &dyn Progress) -> Result<PathBuf, String> {
        let _until = self.1.lock().unwrap();
        self.0.score(slide, given, on)
    }

    fn with_segmenter(&self, _: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String> {
        Err("not asked for".to_owned())
    }
}

#[test]
fn what_is_said_during_the_score_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let gate = Arc::new(Mutex::new(()));
    let scorer: Arc<dyn SlideScorer> = Arc::new(Slow(Keeper::default(), Arc::clone(&gate)));
    let settings = dir.path().join("settings");
    let mut harness = settled_in(&settings, std::slice::from_ref(&slide), Some(scorer));
    scanned(&mut harness);
    open(&mut harness, 0);
    let held = gate.lock().unwrap();
    wish(&mut harness, vec![pixel_size()]);
    harness.get_by_label("Score this slide").click_accesskit();
    harness.run_steps(3);
    until(&mut harness, "its turn", |h| {
        let job = viewer(h).session.scoring.get(&slide);
        job.is_some_and(|job| job.given.lock().unwrap().is_none())
    });
    assert!(says(&harness, "Cancel") && !says(&harness, "Score this slide"));
    wish(&mut harness, vec![case("glioblastoma")]);
    drop(held);
    until(&mut harness, "the result's review", |h| {
        let open = viewer(h).session.open_item();
        open.is_some_and(|(item, open)| item.result().is_some() && open.draft.is_some())
    });
    assert!(says(&harness, "before the slide was scored was taken over"));
    let review = viewer(&harness).session.review().unwrap();
    assert_eq!(review.changes(), ["case facts"]);
    assert_eq!(review.case.tumour_type.as_deref(), Some("glioblastoma"));
}

#[test]
fn a_database_of_reviews_alone_opens_what_it_is_about() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    for id in ["S1", "S2"] {
        write_result(&out, id, &slide, |_| {});
    }
    // As the viewer writes it: one slide was looked at, none collected.
    let mut harness = harness(&[out.join("S1")], egui::ThemePreference::Dark);
    until(&mut harness, "the review", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|open| open.draft.is_some())
    });
    wish(&mut harness, vec![case("glioblastoma")]);
    drop(harness);
    let path = out.join(WORKLIST_FILE);
    assert!(Worklist::open(&path).unwrap().slides().unwrap().is_empty());
    let opened = |path: &Path| {
        let mut harness = super::harness(&[path.to_path_buf()], egui::ThemePreference::Dark);
        scanned(&mut harness);
        let session = &viewer(&harness).session;
        let ids: Vec<String> = session.worklist.iter().map(|i| i.id.clone()).collect();
        let said: Vec<&str> = session.notices.staying().map(|n| n.text.as_str()).collect();
        (ids, said.join("\n"))
    };
    let both = vec!["S1".to_owned(), "S2".to_owned()];
    assert_eq!(opened(&path), (both.clone(), String::new()));

    // One of them was collected: the reviewed one still comes with it.
    let mut list = Worklist::open(&path).unwrap();
    let result = SlideResult::read(&out.join("S2/result.json")).unwrap();
    list.put(&[WorklistSlide::done(&result)]).unwrap();
    drop(list);
    let (mut ids, _) = opened(&path);
    ids.sort();
    assert_eq!(ids, both);

    // What is gone is named, and an empty one says what fills it.
    std::fs::remove_dir_all(out.join("S1")).unwrap();
    let (ids, said) = opened(&path);
    assert_eq!(ids, ["S2"]);
    assert!(said.contains("not there any more (S1)"), "{said}");
    let empty = dir.path().join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let empty = empty.join(WORKLIST_FILE);
    drop(Worklist::open(&empty).unwrap());
    let (ids, said) = opened(&empty);
    assert!(ids.is_empty() && said.contains("pantrk collect"), "{said}");
}

#[test]
fn a_database_of_slides_without_a_score_opens_those() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let settings = dir.path().join("settings");
    let mut harness = settled_in(&settings, std::slice::from_ref(&slide), None);
    scanned(&mut harness);
    open(&mut harness, 0);
    wish(&mut harness, vec![case("glioblastoma")]);
    drop(harness);
    let mut harness = settled_in(&settings, &[settings.join(WORKLIST_FILE)], None);
    scanned(&mut harness);
    let list = &viewer(&harness).session.worklist;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].place(), Some(&*slide));
}

#[test]
fn slides_of_one_stem_in_one_folder_have_each_its_own_result() {
    let dir = tempfile::tempdir().unwrap();
    let slides = ["S1.tif", "S1.tiff"].map(|name| dir.path().join(name));
    for slide in &slides {
        write_slide(&dir.path().join("x.png"));
        std::fs::rename(dir.path().join("x.png"), slide).unwrap();
    }
    let beside = dir.path().join(crate::RESULTS_BESIDE);
    write_result(&beside, "S1", &slides[0], |_| {});
    let scored = |paths: &[PathBuf]| -> Vec<(PathBuf, bool)> {
        let mut harness = harness(paths, egui::ThemePreference::Dark);
        scanned(&mut harness);
        let list = viewer(&harness).session.worklist.iter();
        list.map(|item| (item.place().unwrap().to_path_buf(), item.result().is_some()))
            .collect()
    };
    let wanted = [(beside.join("S1"), true), (slides[1].clone(), false)];
    assert_eq!(scored(&slides), wanted);
    assert_eq!(scored(&[dir.path().to_path_buf()]), wanted);
    write_result(&beside, "S1-2", &slides[1], |_| {});
    let wanted = ["S1", "S1-2"].map(|id| (beside.join(id), true));
    assert_eq!(scored(&slides), wanted);
    assert_eq!(scored(&[dir.path().to_path_buf()]), wanted);
}

/// As a person gives it.
fn pixel_size() -> Command {
    let mpp = MicronsPerPixel::new(0.5);
    Command::Review(ReviewCommand::PixelSize(mpp))
}

#[test]
fn a_slide_without_a_pixel_size_is_scored_with_one_that_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let mut alone = harness(std::slice::from_ref(&slide), egui::ThemePreference::Light);
    until(&mut alone, "the slide", is_open);
    // Nobody handed in what scores.
    assert!(!says(&alone, "Score this slide"));
    alone.get_by_label("Exclude").click_accesskit();
    alone.run_steps(3);
    draw(&mut alone);
    assert_eq!(shapes(&alone), 1);
    drop(alone);

    let keeper = Arc::new(Keeper::default());
    let scorer: Arc<dyn SlideScorer> = Arc::<Keeper>::clone(&keeper);
    let settings = dir.path().join("settings");
    let mut harness = settled_in(&settings, std::slice::from_ref(&slide), Some(scorer));
    scanned(&mut harness);
    open(&mut harness, 0);
    let type_in = |harness: &mut Harness<'static, Option<Viewer>>, text: &str| {
        harness.get_by_label("Pixel size").focus();
        harness.step();
        harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
        harness.step();
        harness.get_by_label("Pixel size").type_text(text);
        harness.run_steps(4);
    };
    let can = |harness: &Harness<'static, Option<Viewer>>| {
        let button = harness.get_by_label("Score this slide");
        !button.accesskit_node().is_disabled()
    };
    assert!(!can(&harness));
    // Half a millimetre, as one who means nanometres may write it, is refused.
    type_in(&mut harness, "500");
    assert!(says(&harness, "A number from 0.05 to 1.05") && !can(&harness));
    type_in(&mut harness, "0,25");
    assert!(!says(&harness, "A number from 0.05") && can(&harness));
    harness.get_by_label("Score this slide").click_accesskit();
    until(&mut harness, "the score", |h| {
        viewer(h).session.worklist[0].result().is_some()
    });
    let given = keeper.given.lock().unwrap();
    assert_eq!(given[0].1.mpp, MicronsPerPixel::new(0.25));
}
