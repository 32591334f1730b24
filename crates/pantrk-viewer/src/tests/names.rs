//! Slides of one name in several folders: each keeps its own review, score and drawing.

use pantrk_core::pipeline::Progress;
use pantrk_core::segment::Segmenter;
use pantrk_space::SlidePoint;
use pantrk_store::ReviewState;

use super::*;
use crate::command::{Command, DrawCommand, ReviewCommand, SignCommand};
use crate::drawing::Tool;
use crate::review::Correction;
use crate::worklist::{Filter, SortBy, shown};

/// Hands commands to the next frame and draws it.
pub(super) fn wish(harness: &mut Harness<'static, Option<Viewer>>, commands: Vec<Command>) {
    let viewer = harness.state_mut().as_mut().unwrap();
    for command in commands {
        viewer.wish(command);
    }
    harness.run_steps(3);
}

/// What signs the open case.
pub(super) fn signature() -> [Command; 2] {
    let name = SignCommand::Name("Dr A. Reader".to_owned());
    [name, SignCommand::Sign].map(Command::Sign)
}

/// Signs the open case and waits for it.
pub(super) fn sign(harness: &mut Harness<'static, Option<Viewer>>) {
    wish(harness, signature().into());
    until(harness, "the signature", |h| viewer(h).session.is_locked());
}

pub(super) fn scanned(harness: &mut Harness<'static, Option<Viewer>>) {
    until(harness, "the scan", |h| {
        h.state().as_ref().is_some_and(|v| !v.session.scanning)
    });
}

/// The row of the slide or result at this place.
pub(super) fn row(harness: &Harness<'static, Option<Viewer>>, place: &Path) -> usize {
    let mut list = viewer(harness).session.worklist.iter();
    list.position(|item| item.place() == Some(place)).unwrap()
}

/// Slides of one name, each in a folder of its own.
fn of_one_name(dir: &Path, folders: [&str; 2], name: &str) -> [PathBuf; 2] {
    let slides = folders.map(|folder| dir.join(folder).join(name));
    for slide in &slides {
        std::fs::create_dir_all(slide.parent().unwrap()).unwrap();
        write_slide(slide);
    }
    slides
}

/// Opens a row and waits until its review was read and restored.
pub(super) fn open(harness: &mut Harness<'static, Option<Viewer>>, index: usize) {
    wish(harness, vec![Command::Open(index)]);
    until(harness, "the review", |h| {
        let open = viewer(h).session.open.as_ref();
        open.is_some_and(|open| open.index == index && open.draft.is_some())
    });
}

#[test]
fn a_signature_locks_the_slide_that_was_signed_and_none_of_the_same_name() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let day = dir.path().join("day");
    let other = day.join("other");
    write_result(&day, "demo", &slide, |_| {});
    write_result(&other, "demo", &slide, |_| {});
    let mut harness = harness(std::slice::from_ref(&day), egui::ThemePreference::Dark);
    scanned(&mut harness);
    let first = row(&harness, &day.join("demo"));
    let second = row(&harness, &other.join("demo"));

    open(&mut harness, first);
    sign(&mut harness);
    open(&mut harness, second);
    let session = &viewer(&harness).session;
    assert!(!session.is_locked());
    let marks = [first, second].map(|index| session.mark(&session.worklist[index]));
    assert_eq!(marks, [ReviewState::Signed, ReviewState::New]);
    let of = |filter| shown(session, (SortBy::Id, filter));
    assert_eq!(
        (of(Filter::Signed), of(Filter::Open)),
        (vec![first], vec![second])
    );
    open(&mut harness, first);
    assert!(viewer(&harness).session.is_locked());
}

/// Writes a made-up result beside each slide.
pub(super) struct Beside;

impl SlideScorer for Beside {
    fn score(&self, slide: &Path, _: &Given, _: &dyn Progress) -> Result<PathBuf, String> {
        let out = slide.with_file_name(crate::RESULTS_BESIDE);
        let id = pantrk_store::slide_id_from_path(slide);
        write_result(&out, &id, slide, |_| {});
        Ok(out.join(id))
    }

    fn with_segmenter(&self, _: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String> {
        Err("not asked for".to_owned())
    }
}

#[test]
fn slides_of_one_name_are_scored_each_for_its_own_row() {
    let dir = tempfile::tempdir().unwrap();
    let slides = of_one_name(dir.path(), ["monday", "tuesday"], "S1.png");
    let out = dir.path().join("results");
    write_result(&out, "S1", &dir.path().join("gone.svs"), |_| {});
    let folder = out.join("S1");
    let paths = [folder.clone(), slides[0].clone(), slides[1].clone()];
    let mut harness = harness_of(
        &paths,
        egui::ThemePreference::Dark,
        (Raster::default(), egui::vec2(1400.0, 1000.0)),
        Some(Arc::new(Beside)),
    );
    scanned(&mut harness);
    let first = row(&harness, &folder);
    wish(&mut harness, vec![Command::Open(first)]);
    let opening = viewer(&harness).session.open.as_ref().unwrap().opening;
    // One alone, then all that are left.
    let is_slide = |h: &Harness<'static, Option<Viewer>>, path: &Path| {
        let list = &viewer(h).session.worklist;
        list.iter().any(|item| item.place() == Some(path))
    };
    let monday = row(&harness, &slides[0]);
    wish(&mut harness, vec![Command::Score(monday)]);
    until(&mut harness, "the score", |h| {
        viewer(h).session.scoring.is_empty()
    });
    assert!(!is_slide(&harness, &slides[0]) && is_slide(&harness, &slides[1]));
    wish(&mut harness, vec![Command::ScoreAll]);
    until(&mut harness, "the scores", |h| {
        viewer(h).session.scoring.is_empty()
    });
    let session = &viewer(&harness).session;
    let places: Vec<&Path> = session.worklist.iter().filter_map(|i| i.place()).collect();
    let beside = slides.map(|slide| slide.with_file_name(crate::RESULTS_BESIDE).join("S1"));
    assert_eq!(places, [&*folder, &*beside[0], &*beside[1]]);
    let open = session.open.as_ref().unwrap();
    assert_eq!((open.index, open.opening), (first, opening));
}

/// The name of the computer's account there.
pub(super) const ACCOUNT: &str = "desk-7";

/// A viewer whose settings are kept in a folder of its own.
pub(super) fn settled_in(
    settings: &Path,
    paths: &[PathBuf],
    scorer: Option<Arc<dyn SlideScorer>>,
) -> Harness<'static, Option<Viewer>> {
    let (settings_path, paths) = (Some(settings.join("viewer.json")), paths.to_vec());
    Harness::builder()
        .with_size(egui::vec2(1400.0, 1000.0))
        .renderer(Raster::default())
        .build_ui_state(
            move |ui, viewer: &mut Option<Viewer>| {
                let start = || Start {
                    paths: paths.clone(),
                    scorer: scorer.clone(),
                    settings_path: settings_path.clone(),
                    account: Some(ACCOUNT.to_owned()),
                };
                let viewer = viewer.get_or_insert_with(|| Viewer::new(ui.ctx(), start()).unwrap());
                viewer.frame(ui);
            },
            None,
        )
}

/// Draws a rectangle onto the slide that is open.
pub(super) fn draw(harness: &mut Harness<'static, Option<Viewer>>) {
    let at = |x, y| SlidePoint { x, y };
    let commands = [
        DrawCommand::Tool(Tool::Rectangle),
        DrawCommand::Press {
            at: at(100.0, 100.0),
            erase: false,
        },
        DrawCommand::Drag(at(900.0, 700.0)),
        DrawCommand::Release,
    ];
    wish(harness, commands.into_iter().map(Command::Draw).collect());
    assert_eq!(shapes(harness), 1);
}

pub(super) fn shapes(harness: &Harness<'static, Option<Viewer>>) -> usize {
    let review = viewer(harness).session.review().unwrap();
    review.drawing.shapes().len()
}

#[test]
fn a_drawing_stays_with_the_file_that_it_was_made_on() {
    let dir = tempfile::tempdir().unwrap();
    let slides = of_one_name(dir.path(), ["day2", "day3"], "case-c.png");
    let settings = dir.path().join("settings");
    let mut harness = settled_in(&settings, &slides, None);
    scanned(&mut harness);
    open(&mut harness, 0);
    draw(&mut harness);
    open(&mut harness, 1);
    assert_eq!(shapes(&harness), 0);
    open(&mut harness, 0);
    assert_eq!(shapes(&harness), 1);
    let session = &viewer(&harness).session;
    let marks = [0, 1].map(|index| session.mark(&session.worklist[index]));
    assert_eq!(marks, [ReviewState::InReview, ReviewState::New]);
    drop(harness);

    // Another start goes on with that file, not with the other of its name.
    let mut harness = settled_in(&settings, &[], None);
    until(&mut harness, "the drawing", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|open| open.draft.is_some())
    });
    assert_eq!(shapes(&harness), 1);
    let (item, _) = viewer(&harness).session.open_item().unwrap();
    assert_eq!(item.place(), Some(&*slides[0]));
}

#[test]
fn a_drawing_goes_with_its_slide_when_that_is_scored() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let settings = dir.path().join("settings");
    let mut harness = settled_in(
        &settings,
        std::slice::from_ref(&slide),
        Some(Arc::new(Beside)),
    );
    scanned(&mut harness);
    open(&mut harness, 0);
    draw(&mut harness);
    wish(&mut harness, vec![Command::ScoreAll]);
    until(&mut harness, "the result's review", |h| {
        let open = viewer(h).session.open_item();
        open.is_some_and(|(item, open)| item.result().is_some() && open.draft.is_some())
    });
    assert_eq!(shapes(&harness), 1);
    assert!(says(&harness, "was taken over"));
    drop(harness);

    // It is kept with the result from now on, and taken over once.
    let folder = slide.with_file_name(crate::RESULTS_BESIDE).join("a");
    let mut harness = settled_in(&settings, &[folder], None);
    scanned(&mut harness);
    until(&mut harness, "the review", |h| {
        let open = viewer(h).session.open.as_ref();
        open.is_some_and(|open| open.draft.is_some())
    });
    assert_eq!(shapes(&harness), 1);
    assert!(!says(&harness, "was taken over"));
}

/// The viewer on one result, with its review restored.
fn reviewed(folder: &PathBuf) -> Harness<'static, Option<Viewer>> {
    let mut harness = harness(std::slice::from_ref(folder), egui::ThemePreference::Dark);
    until(&mut harness, "the review", |h| {
        let open = h.state().as_ref().and_then(|v| v.session.open.as_ref());
        open.is_some_and(|open| open.draft.is_some())
    });
    harness
}

fn correct(row: u32) -> Command {
    Command::Review(ReviewCommand::Correct(row, Some(Correction::NotTumour)))
}

/// How often the trail tells of a corrected cell.
fn told(list: &Worklist) -> usize {
    let trail = list.audit(Some("S1")).unwrap();
    trail.iter().filter(|e| e.change.what == "correct").count()
}

#[test]
fn a_correction_that_was_kept_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    let folder = out.join("S1");
    write_result(&out, "S1", &slide, |_| {});
    write_layers(&folder);
    for row in [1, 2] {
        let mut harness = reviewed(&folder);
        wish(&mut harness, vec![correct(row)]);
    }
    let list = Worklist::open(&out.join(WORKLIST_FILE)).unwrap();
    assert_eq!(told(&list), 2);
}

#[test]
fn corrections_are_left_out_where_the_slide_was_scored_anew() {
    const LEFT_OUT: &str = "corrections were left out";
    let dir = tempfile::tempdir().unwrap();
    let slide = dir.path().join("a.png");
    write_slide(&slide);
    let out = dir.path().join("out");
    let folder = out.join("S1");
    write_result(&out, "S1", &slide, |_| {});
    write_layers(&folder);
    let start = || reviewed(&folder);
    let corrected = |harness: &Harness<'static, Option<Viewer>>| {
        let review = viewer(harness).session.review().unwrap();
        review.corrections.cells.len()
    };

    let mut first = start();
    wish(&mut first, vec![correct(1), correct(2)]);
    drop(first);
    let again = start();
    assert_eq!((corrected(&again), says(&again, LEFT_OUT)), (2, false));
    drop(again);

    write_result(&out, "S1", &slide, |result| {
        "other".clone_into(&mut result.run.parameter_hash);
    });
    let anew = start();
    assert_eq!((corrected(&anew), says(&anew, LEFT_OUT)), (0, true));
    assert!(!says(&anew, "not the one that this review was kept for"));
    drop(anew);
    let list = Worklist::open(&out.join(WORKLIST_FILE)).unwrap();
    assert_eq!(told(&list), 4);
    drop(list);

    // Kept without them, so that it is told once; another file is told of as well.
    image::RgbImage::from_pixel(1600, 1200, image::Rgb([200, 180, 160]))
        .save(&slide)
        .unwrap();
    write_result(&out, "S1", &slide, |_| {});
    let other = start();
    assert!(says(&other, "not the one that this review was kept for"));
    assert!(!says(&other, LEFT_OUT));
}

#[test]
fn an_address_stays_what_it_is_where_paths_become_whole() {
    use crate::state::whole;
    let address = Path::new("https://host.example/a.svs");
    assert_eq!(whole(address), address);
    let here = std::env::current_dir().unwrap();
    assert_eq!(whole(Path::new("a.svs")), here.join("a.svs"));
}
