//! Scoring for the viewer's worklist: the same as `pantrk score`, told to the window instead of the terminal.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pantrk_core::pipeline::{Progress, Stage};
use pantrk_core::score::Thresholds;
use pantrk_core::segment::Segmenter;
use pantrk_core::stain::StainVectors;
use pantrk_report::ReportOptions;
use pantrk_slide::is_address;
use pantrk_space::MicronsPerPixel;
use pantrk_store::{MppSource, SlideResult, read_manifest_columns, slide_place};
use pantrk_triage::Case;
use pantrk_viewer::{Given, RESULTS_BESIDE, SlideScorer};

use serde_json::Value;

use crate::inputs::{AtDesk, ScoreOptions};
use crate::meanwhile::meanwhile;
use crate::progress::{Log, Reporter};
use crate::scoring::{Engine, HEARTBEAT, Job, Scored, is_of, run};

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

impl DeskScorer {
    /// Where a slide's first result goes: the folder, and the name in it, which is another than that of its file where a slide of the same name was scored there, as a night's manifest asks for names of their own.
    fn place(&self, slide: &Path) -> (PathBuf, String) {
        // Nothing is written beside a slide on a server.
        let beside = match slide.parent() {
            Some(folder) if !is_address(slide) => folder,
            _ => Path::new("."),
        };
        let out = self.out.clone();
        let out = out.unwrap_or_else(|| beside.join(RESULTS_BESIDE));
        let place = slide_place(&out, slide, |_, result| is_of(result, slide));
        let id = place.id().to_owned();
        (out, id)
    }
}

impl SlideScorer for DeskScorer {
    fn score(
        &self,
        slide: &Path,
        given: &Given,
        progress: &dyn Progress,
    ) -> Result<PathBuf, String> {
        let before = given.again.as_deref().map(Before::read).transpose()?;
        let (out, slide_id) = match &before {
            Some(before) => (before.out.clone(), before.id.clone()),
            None => self.place(slide),
        };
        let at_desk = AtDesk {
            case: given.case.clone(),
            regions: given.regions.clone(),
            stains: None,
        };
        let mut options = ScoreOptions {
            at_desk: Some(at_desk),
            mpp: given.mpp.or(self.options.mpp),
            ..self.options.clone()
        };
        if let Some(before) = &before {
            before.hand_on(&mut options)?;
        }
        let score = |overwrite| {
            let options = ScoreOptions {
                overwrite,
                ..options.clone()
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
                columns: before.as_ref().map_or(&[], |before| &before.columns),
                heartbeat: HEARTBEAT,
                begun: &|| {},
            };
            let scored = watched(&reporter, progress, || run(&job, &reporter));
            scored.map_err(|failure| failure.to_string())
        };
        let mut scored = score(false)?;
        // Who asks for it again may have lost files of it.
        if before.is_some() && matches!(scored, Scored::AlreadyDone(..)) {
            scored = score(true)?;
        }
        match scored {
            Scored::New(_, folder) | Scored::AlreadyDone(_, folder) => Ok(folder),
            Scored::Held(_) => Err("another process is scoring it right now".to_owned()),
        }
    }

    fn with_segmenter(&self, work: &mut dyn FnMut(&dyn Segmenter)) -> Result<(), String> {
        work(self.engine()?.segmenter.as_ref());
        Ok(())
    }
}

/// A result that a new one takes the place of.
struct Before {
    /// The folder that its folder is in.
    out: PathBuf,
    id: String,
    result: SlideResult,
    /// With what only the report shows, which the window does not know.
    case: Case,
    columns: Vec<(String, String)>,
}

impl Before {
    fn read(folder: &Path) -> Result<Self, String> {
        let result =
            SlideResult::read(&folder.join("result.json")).map_err(|error| error.to_string())?;
        let named = folder.parent().zip(folder.file_name());
        let (out, id) = named.ok_or_else(|| {
            let path = folder.display();
            format!("the result's folder has no name of its own: {path}")
        })?;
        Ok(Self {
            out: out.to_path_buf(),
            id: id.to_string_lossy().into_owned(),
            case: pantrk_report::read_case(folder, &result).map_err(|error| error.to_string())?,
            columns: read_manifest_columns(folder),
            result,
        })
    }

    /// Scores again as it was scored: only what is drawn and filled in at the desk, and the model, may be others.
    fn hand_on(&self, options: &mut ScoreOptions) -> Result<(), String> {
        let run = &self.result.run.parameters;
        let text = |key: &str| run.get(key).and_then(Value::as_str);
        let flag = |key: &str| run.get(key).and_then(Value::as_bool);
        let of = |key: &str| -> Option<Value> { run.get(key).cloned() };
        let thresholds = of("thresholds").and_then(|list| serde_json::from_value(list).ok());
        options.thresholds = thresholds.and_then(Thresholds::new);
        options.expansion = of("expansion_um").and_then(|um| um.as_f64());
        if let Some(profile) = text("profile") {
            profile.clone_into(&mut options.profile);
        }
        options.assume_h_dab = flag("assume_h_dab").unwrap_or(options.assume_h_dab);
        options.skip_heatmaps = !flag("heatmaps").unwrap_or(true);
        options.geojson = flag("geojson").unwrap_or(options.geojson);
        let slide = &self.result.slide;
        if slide.mpp_source == MppSource::Given {
            options.mpp = MicronsPerPixel::new(slide.mpp_x);
        }
        let stain = |key: &str| serde_json::from_value(of(key)?).ok();
        let given = match text("stains") {
            Some("given") => stain("stain_hematoxylin").zip(stain("stain_dab")),
            Some(choice) => {
                choice.clone_into(&mut options.stains);
                None
            }
            None => None,
        };
        if let Some(desk) = &mut options.at_desk {
            let vectors = given.map(|(hematoxylin, dab)| StainVectors::new(hematoxylin, dab));
            desk.stains = vectors.transpose().map_err(|error| error.to_string())?;
            let report = desk.case.report.take();
            desk.case.report = report.or_else(|| self.case.report.clone());
        }
        Ok(())
    }
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
    use pantrk_store::{TumourRegion, slide_id_from_path};

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
            ..Given::default()
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

    #[test]
    fn a_slide_is_scored_again_as_it_was_scored_but_for_what_is_drawn_now() {
        let dir = tempfile::tempdir().unwrap();
        let slide = dir.path().join("S1.png");
        write_slide(&slide, 0);
        // By a night's options and under its own name, far from where the desk puts results.
        let night = ScoreOptions {
            mpp: MicronsPerPixel::new(0.5),
            thresholds: Thresholds::new([0.25, 0.45, 0.65]),
            profile: "h-score".to_owned(),
            assume_h_dab: true,
            threads: Some(1),
            ..ScoreOptions::quiet("watershed")
        };
        let out = dir.path().join("night");
        let at_night = DeskScorer::new(night, Some(out.clone()));
        let first = at_night.score(&slide, &Given::default(), &Silent).unwrap();
        let folder = out.join("case-7");
        std::fs::rename(first, &folder).unwrap();
        let read = || SlideResult::read(&folder.join("result.json")).unwrap();
        let before = read();
        let case = r#"{"report": {"patient_name": "N. N."}}"#;
        std::fs::write(folder.join("case.json"), case).unwrap();

        let options = ScoreOptions {
            threads: Some(1),
            ..ScoreOptions::quiet("watershed")
        };
        let desk = DeskScorer::new(options, None);
        let regions = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[160,0],[160,240],[0,240],[0,0]]]},"properties":{"classification":{"name":"Tumor"}}}]}"#;
        let given = Given {
            regions: Some(regions.to_owned()),
            again: Some(folder.clone()),
            ..Given::default()
        };
        assert_eq!(desk.score(&slide, &given, &Silent).unwrap(), folder);
        let after = read();
        assert_eq!(after.tumour_region, TumourRegion::Given);
        assert_eq!(after.slide.id, "case-7");
        for kept in ["thresholds", "profile", "mpp", "assume_h_dab", "heatmaps"] {
            let [was, is] = [&before, &after].map(|result| &result.run.parameters[kept]);
            assert_eq!(was, is, "{kept}");
        }
        // What only the report shows stays with the result.
        let text = std::fs::read_to_string(folder.join("case.json")).unwrap();
        assert!(text.contains("N. N."), "{text}");

        // The same again is scored all the same: it was asked for.
        std::fs::remove_file(folder.join("cells.parquet")).unwrap();
        desk.score(&slide, &given, &Silent).unwrap();
        assert!(folder.join("cells.parquet").is_file());
    }
}
