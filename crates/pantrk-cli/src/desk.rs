//! Scoring for the viewer's worklist: the same as `pantrk score`, told to the window instead of the terminal.

use std::cell::LazyCell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pantrk_core::pipeline::{Progress, Stage};
use pantrk_core::segment::Segmenter;
use pantrk_report::ReportOptions;
use pantrk_slide::{Slide, is_address};
use pantrk_store::{SlideResult, slide_place};
use pantrk_viewer::{Given, RESULTS_BESIDE, SlideScorer};

use crate::inputs::{AtDesk, ScoreOptions};
use crate::meanwhile::meanwhile;
use crate::progress::{Log, Reporter};
use crate::scoring::{Engine, HEARTBEAT, Job, Scored, run};

/// Between two looks at how far the work is.
const LOOK: Duration = Duration::from_millis(150);

/// Scores slides with these options into one folder.
pub(crate) struct DeskScorer {
    options: ScoreOptions,
    /// Where results go; beside the slide where it is not given.
    out: Option<PathBuf>,
    /// Loaded with the first slide.
    engine: OnceLock<Engine>,
    /// Held while it is loaded.
    loading: Mutex<()>,
}

impl DeskScorer {
    pub(crate) fn new(mut options: ScoreOptions, out: Option<PathBuf>) -> Self {
        options.log = Log::Quiet;
        Self {
            options,
            out,
            engine: OnceLock::new(),
            loading: Mutex::new(()),
        }
    }

    fn engine(&self) -> Result<&Engine, String> {
        // The threads that score and that outline cells may both come first.
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.engine.get().is_none() {
            let engine = Engine::load(&self.options).map_err(|f| f.to_string())?;
            drop(self.engine.set(engine));
        }
        self.engine
            .get()
            .ok_or_else(|| "the model could not be kept".to_owned())
    }
}

impl SlideScorer for DeskScorer {
    fn score(
        &self,
        slide: &Path,
        given: &Given,
        progress: &dyn Progress,
    ) -> Result<PathBuf, String> {
        // Nothing is written beside a slide on a server.
        let beside = match slide.parent() {
            Some(folder) if !is_address(slide) => folder,
            _ => Path::new("."),
        };
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| beside.join(RESULTS_BESIDE));
        let slide_id = free_id(&out, slide);
        let options = ScoreOptions {
            at_desk: Some(AtDesk {
                case: given.case.clone(),
                regions: given.regions.clone(),
            }),
            ..self.options.clone()
        };
        let reporter = Reporter::new(Log::Quiet, &slide_id);
        let job = Job {
            engine: self.engine()?,
            slide_path: slide,
            slide_id: slide_id.clone(),
            out: &out,
            options: &options,
            note: None,
            report: &|_| ReportOptions::default(),
            columns: &[],
            heartbeat: HEARTBEAT,
            begun: &|| {},
        };
        let scored = watched(&reporter, progress, || run(&job, &reporter));
        match scored.map_err(|failure| failure.to_string())? {
            Scored::New(_, folder) | Scored::AlreadyDone(_, folder) => Ok(folder),
            Scored::Held(_) => Err("another process is scoring it right now".to_owned()),
        }
    }

    fn with_segmenter(&self, work: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String> {
        work(self.engine()?.segmenter.as_ref());
        Ok(())
    }
}

/// The name of the slide's folder: another than that of its file where a slide of the same name was scored into it, as a night's manifest asks for names of their own.
fn free_id(out: &Path, slide: &Path) -> String {
    // Seldom asked for; and one that cannot be opened is told of when it is to be scored.
    let fingerprint = LazyCell::new(|| Slide::open(slide).ok().map(|slide| slide.fingerprint()));
    let is_of = |_: &Path, result: &SlideResult| {
        let scored = Path::new(&result.slide.path);
        match (scored.canonicalize(), slide.canonicalize()) {
            (Ok(scored), Ok(slide)) => scored == slide,
            // An address, or a slide that was moved since.
            _ => {
                scored == slide
                    || LazyCell::force(&fingerprint).as_ref() == Some(&result.slide.fingerprint)
            }
        }
    };
    slide_place(out, slide, is_of).id().to_owned()
}

/// Works while another thread tells how far it is, and lets it go when the window asks for that.
fn watched<T>(reporter: &Reporter, progress: &dyn Progress, work: impl FnOnce() -> T) -> T {
    let mut told = (None, 0);
    let look = || {
        if progress.cancelled() {
            reporter.abandon();
        }
        told = tell(reporter, progress, std::mem::take(&mut told));
        ControlFlow::Continue(())
    };
    meanwhile(LOOK, look, work)
}

/// Tells what is new since the last look.
fn tell(
    reporter: &Reporter,
    progress: &dyn Progress,
    (stage, mut steps): (Option<String>, u64),
) -> (Option<String>, u64) {
    let (name, done, total) = reporter.standing();
    if name != stage {
        let known = [Stage::Overview, Stage::Patches, Stage::Score];
        if let Some(begun) = known
            .into_iter()
            .find(|s| Some(s.name()) == name.as_deref())
        {
            progress.begin(begun, total);
        }
        steps = 0;
    }
    while steps < done {
        progress.step();
        steps += 1;
    }
    (name, steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::MicronsPerPixel;
    use pantrk_store::{TumourRegion, slide_id_from_path};
    use pantrk_triage::Case;

    /// Tells nobody.
    struct Silent;

    impl Progress for Silent {
        fn begin(&self, _: Stage, _: u64) {}

        fn step(&self) {}

        fn cancelled(&self) -> bool {
            false
        }
    }

    /// Nuclei in rows on pale tissue.
    fn write_slide(path: &Path, shift: u32) {
        let picture = image::RgbImage::from_fn(320, 240, |x, y| {
            let (dx, dy) = ((x + shift) % 40, y % 40);
            let inside = dx.abs_diff(20).pow(2) + dy.abs_diff(20).pow(2) < 81;
            image::Rgb(if inside {
                [90, 90, 160]
            } else {
                [215, 205, 220]
            })
        });
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    }

    fn desk(out: &Path) -> DeskScorer {
        let options = ScoreOptions {
            mpp: MicronsPerPixel::new(0.5),
            assume_h_dab: true,
            threads: Some(1),
            ..ScoreOptions::quiet("watershed")
        };
        DeskScorer::new(options, Some(out.to_path_buf()))
    }

    #[test]
    fn slides_of_one_name_keep_each_its_result_in_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let slides = ["monday", "tuesday"].map(|day| dir.path().join(day).join("S1.png"));
        write_slide(&slides[0], 0);
        write_slide(&slides[1], 7);
        let desk = desk(&out);
        let score = |slide: &Path| desk.score(slide, &Given::default(), &Silent).unwrap();
        let folders = slides.each_ref().map(|slide| score(slide));
        assert_eq!(folders, ["S1", "S1-2"].map(|id| out.join(id)));
        for (folder, slide) in folders.iter().zip(&slides) {
            let result = SlideResult::read(&folder.join("result.json")).unwrap();
            assert_eq!(Path::new(&result.slide.path), slide);
            assert_eq!(
                Some(result.slide.id.as_str()),
                folder.file_name().unwrap().to_str()
            );
        }
        // Scored once more each stays where it is, and so does one that was moved.
        assert_eq!(score(&slides[0]), folders[0]);
        assert_eq!(score(&slides[1]), folders[1]);
        let moved = dir.path().join("archive").join("S1.png");
        std::fs::create_dir_all(moved.parent().unwrap()).unwrap();
        std::fs::rename(&slides[1], &moved).unwrap();
        assert_eq!(score(&moved), folders[1]);
    }

    #[test]
    fn a_slide_is_scored_with_what_was_drawn_and_filled_in() {
        let dir = tempfile::tempdir().unwrap();
        let slide = dir.path().join("S1.png");
        write_slide(&slide, 0);
        let regions = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[160,0],[160,240],[0,240],[0,0]]]},"properties":{"classification":{"name":"Tumor"}}}]}"#;
        let given = |tumour_type: &str| Given {
            case: Case {
                tumour_type: Some(tumour_type.to_owned()),
                ..Case::default()
            },
            regions: Some(regions.to_owned()),
        };
        let desk = desk(&dir.path().join("out"));
        let folder = desk
            .score(&slide, &given("colorectal-carcinoma"), &Silent)
            .unwrap();
        assert!(folder.ends_with(slide_id_from_path(&slide)));
        let result = SlideResult::read(&folder.join("result.json")).unwrap();
        assert_eq!(result.tumour_region, TumourRegion::Given);
        assert_eq!(
            result.triage.tumour_type.as_deref(),
            Some("colorectal-carcinoma")
        );
        assert_eq!(
            std::fs::read_to_string(folder.join("regions.geojson")).unwrap(),
            regions
        );
        assert!(result.run.parameters["regions_sha256"].is_string());
        let refused = desk.score(&slide, &given("no such tumour"), &Silent);
        assert!(refused.unwrap_err().contains("no such tumour"));
    }
}
