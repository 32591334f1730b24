//! What is tried before a long run: does the model run here.

use std::time::Instant;

use pantrk_core::segment::{LabelImage, PatchInput, Segmenter};
use pantrk_core::stain::{Deconvolver, StainPlanes, StainVectors};
use pantrk_space::{LevelSize, RgbBuffer};

/// A patch's side for segmenters that take any size, pixels.
const SIDE: u32 = 256;
/// Slower than this is no way to score a slide, seconds per megapixel.
const SLOWEST: f64 = 60.0;

/// Runs a segmenter on an empty patch and gives the seconds per megapixel; an error says in what it failed, with `the model` before it.
pub(crate) fn try_segmenter(segmenter: &dyn Segmenter) -> Result<f64, String> {
    let size = segmenter.patch_size().unwrap_or(LevelSize {
        width: SIDE,
        height: SIDE,
    });
    let rgb = RgbBuffer::filled(size, [200, 190, 215]);
    let mut stains = StainPlanes::default();
    Deconvolver::new(StainVectors::h_dab_default(), [255.0; 3]).separate(&rgb, &mut stains);
    let mut labels = LabelImage::default();
    let mut worker = segmenter.worker();
    let patch = PatchInput {
        rgb: &rgb,
        stains: &stains,
    };
    let megapixels = f64::from(size.width) * f64::from(size.height) / 1e6;
    let mut pace = 0.0;
    // The first run pays for warming up; the second is what a patch costs.
    for _ in 0..2 {
        let started = Instant::now();
        worker
            .segment(patch, &mut labels)
            .map_err(|error| format!("does not run: {error}"))?;
        pace = started.elapsed().as_secs_f64() / megapixels;
        if labels.count > u32::MAX / 2 {
            return Err(format!(
                "runs, but gives {} nuclei on an empty patch",
                labels.count
            ));
        }
        if pace > SLOWEST {
            return Err(format!("runs, but takes {pace:.0} s per megapixel"));
        }
    }
    Ok(pace)
}
