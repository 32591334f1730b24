//! Shared helpers of the end-to-end tests.

use std::path::{Path, PathBuf};

use pantrk_core::pipeline::{ScoreInput, ScoreParameters, Silent, SlideAnalysis, score_slide};
use pantrk_core::region::Regions;
use pantrk_core::segment::{OnnxSegmenter, Segmenter, WatershedParameters, WatershedSegmenter};
use pantrk_nn::Model;
use pantrk_phantom::{SlideContainer, SlideSpec, SlideTruth, write_slide};
use pantrk_slide::Slide;
use pantrk_space::{MicronsPerPixel, RegionReader as _, SlideMpp};

#[expect(clippy::print_stdout, reason = "a skipped test must say so")]
mod shared_data;

/// A file or folder of the optional real test data; says so and gives `None` where it is not there.
pub fn shared_data(file: &str) -> Option<PathBuf> {
    shared_data::shared_data(file)
}

/// The network on board.
///
/// # Panics
/// If it does not load.
#[expect(clippy::expect_used, reason = "a test helper")]
pub fn network() -> OnnxSegmenter {
    OnnxSegmenter::new(Model::embedded().expect("the model on board loads"))
        .expect("its head is known")
}

/// The classical baseline.
///
/// # Panics
/// Never.
#[expect(clippy::expect_used, reason = "a test helper")]
pub fn watershed() -> WatershedSegmenter {
    let mpp = MicronsPerPixel::new(0.5).expect("0.5 is above 0");
    WatershedSegmenter::new(WatershedParameters::at(mpp))
}

/// A phantom slide in a folder, with its truth and the tumour regions as scoring takes them.
///
/// # Panics
/// If it cannot be made.
#[expect(clippy::expect_used, reason = "a test helper")]
pub fn phantom(folder: &Path, spec: &SlideSpec) -> (Slide, SlideTruth, Regions) {
    let path = folder.join("phantom.svs");
    let truth = write_slide(spec, &path, SlideContainer::AperioSvs, &|_, _| {})
        .expect("the phantom is made");
    let slide = Slide::open(&path).expect("the phantom opens");
    let drawn = pantrk_store::parse_regions(&truth.regions.to_string(), slide.size())
        .expect("its regions are sound");
    (slide, truth, pantrk_store::scoring_regions(&drawn))
}

/// Scores a slide on a pool of that many threads.
///
/// # Panics
/// If the slide has no pixel size or cannot be scored.
#[expect(clippy::expect_used, reason = "a test helper")]
pub fn score(
    slide: &Slide,
    mpp: Option<f64>,
    regions: &Regions,
    segmenter: &dyn Segmenter,
    threads: usize,
) -> SlideAnalysis {
    let given = mpp.and_then(MicronsPerPixel::new).map(SlideMpp::square);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool");
    let parameters = ScoreParameters::default();
    let input = ScoreInput {
        reader: slide,
        slide_mpp: given.or(slide.mpp()).expect("a pixel size"),
        regions,
        segmenter,
        parameters: &parameters,
        progress: &Silent,
    };
    pool.install(|| score_slide(&input))
        .expect("the slide is scored")
}
