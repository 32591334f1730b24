//! The classical baseline: a threshold on the hematoxylin optical density, split by shape.
//!
//! The same steps and default numbers as QuPath's cell detection, so that its users know what to expect: 0.5 um/px, Gaussian smoothing, background by opening, a fixed threshold, zero crossings of the Laplacian as borders, holes filled, split by the distance transform, an area range.
//! The smoothing moves the border of small round nuclei outwards: one of 3 um radius reads 0.4 um larger.
//! On strong DAB the hematoxylin plane is taken as it is: brown over a nucleus weakens it, and that is this method's known limit.
//!
//! **Architecture invariant:** each step looks at a fixed neighbourhood (see [`WatershedSegmenter::reach`]) or at one connected piece; no statistics over the patch.

use pantrk_space::{LevelSize, Microns, MicronsPerPixel};

use super::morphology::{Gaussian, Opening};
use super::shape::{ShapeRules, ShapeSplit, pixels_from_um2};
use super::{LabelImage, PatchInput, SegmentError, SegmentWorker, Segmenter};

/// Its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WatershedParameters {
    /// The pixel size that patches must have.
    pub mpp: MicronsPerPixel,
    /// Whatever is wider than twice this is background.
    pub background_radius: Microns,
    /// Standard deviation of the smoothing.
    pub sigma: Microns,
    /// Hematoxylin OD (log10) above the background from which a pixel is inside.
    pub threshold_od: f32,
    /// How much thicker (in radius) than the neck between them two parts of a piece must be to be two nuclei.
    pub split_depth: Microns,
    /// Holes up to this area are filled, in square micrometres.
    pub max_hole_um2: f64,
    /// Smaller nuclei are dropped, in square micrometres.
    pub min_area_um2: f64,
    /// Larger nuclei are dropped, in square micrometres.
    pub max_area_um2: f64,
}

impl WatershedParameters {
    /// QuPath's defaults where it has one, for patches of pixel size `mpp`; QuPath's own is 0.5 um.
    pub fn at(mpp: MicronsPerPixel) -> Self {
        Self {
            mpp,
            background_radius: Microns::new(8.0),
            sigma: Microns::new(1.5),
            threshold_od: 0.1,
            split_depth: Microns::new(0.5),
            max_hole_um2: 40.0,
            min_area_um2: 10.0,
            max_area_um2: 400.0,
        }
    }
}

/// Finds nuclei without a model.
#[derive(Debug, Clone)]
pub struct WatershedSegmenter {
    parameters: WatershedParameters,
}

impl WatershedSegmenter {
    /// With these numbers.
    pub fn new(parameters: WatershedParameters) -> Self {
        Self { parameters }
    }

    /// Its numbers.
    pub fn parameters(&self) -> &WatershedParameters {
        &self.parameters
    }

    /// How far a pixel's value reaches before pieces are formed, in pixels: a nucleus further than this from the patch's edge, holes and neighbours that it touches included, comes out the same in every patch.
    pub fn reach(&self) -> usize {
        let Steps {
            opening, smoothing, ..
        } = Steps::new(&self.parameters);
        // Erosion and dilation, the smoothing before them and the Laplacian's one pixel.
        2 * opening + smoothing.radius() + 1
    }
}

impl Segmenter for WatershedSegmenter {
    fn name(&self) -> &'static str {
        "watershed"
    }

    fn mpp(&self) -> MicronsPerPixel {
        self.parameters.mpp
    }

    fn patch_size(&self) -> Option<LevelSize> {
        None
    }

    fn halo(&self) -> u32 {
        // The largest nucleus, round, with its centre at the core's edge.
        let parameters = &self.parameters;
        let radius = Microns::new((parameters.max_area_um2 / std::f64::consts::PI).sqrt());
        self.reach() as u32 + radius.pixels_at(parameters.mpp).ceil() as u32
    }

    fn worker(&self) -> Box<dyn SegmentWorker> {
        Box::new(Worker {
            steps: Steps::new(&self.parameters),
            opening: Opening::default(),
            smooth: Vec::new(),
            background: Vec::new(),
            mask: Vec::new(),
            shape: ShapeSplit::default(),
        })
    }
}

/// The parameters in pixels.
struct Steps {
    opening: usize,
    smoothing: Gaussian,
    threshold: f32,
    rules: ShapeRules,
}

impl Steps {
    fn new(parameters: &WatershedParameters) -> Self {
        let mpp = parameters.mpp;
        Self {
            opening: parameters.background_radius.pixels_at(mpp).round() as usize,
            smoothing: Gaussian::new(parameters.sigma.pixels_at(mpp)),
            threshold: parameters.threshold_od,
            rules: ShapeRules {
                hole_area: pixels_from_um2(parameters.max_hole_um2, mpp),
                split_depth: parameters.split_depth.pixels_at(mpp) as f32,
                min_area: pixels_from_um2(parameters.min_area_um2, mpp).max(1),
                max_area: pixels_from_um2(parameters.max_area_um2, mpp),
            },
        }
    }
}

struct Worker {
    steps: Steps,
    opening: Opening,
    smooth: Vec<f32>,
    background: Vec<f32>,
    mask: Vec<u8>,
    shape: ShapeSplit,
}

impl SegmentWorker for Worker {
    fn segment(&mut self, patch: PatchInput<'_>, out: &mut LabelImage) -> Result<(), SegmentError> {
        let stains = patch.stains;
        let wanted = patch.rgb.size();
        let found = LevelSize {
            width: stains.width as u32,
            height: stains.height as u32,
        };
        if found != wanted || stains.hematoxylin.len() as u64 != wanted.area() {
            return Err(SegmentError::PatchSize {
                segmenter: "watershed".to_owned(),
                what: "stain plane",
                found,
                wanted,
            });
        }
        out.reset(wanted);
        if wanted.area() == 0 {
            return Ok(());
        }
        let width = stains.width;
        self.smooth.clone_from(&stains.hematoxylin);
        self.steps.smoothing.smooth(&mut self.smooth, width);
        self.background.clone_from(&self.smooth);
        self.opening
            .open(&mut self.background, width, self.steps.opening);
        self.threshold(width);
        self.shape.split(&mut self.mask, self.steps.rules, out);
        Ok(())
    }
}

impl Worker {
    /// Sets the mask where the smooth plane stands out of its background and bends downwards, as a blob does out to its border.
    fn threshold(&mut self, width: usize) {
        let height = self.smooth.len() / width;
        self.mask.clear();
        self.mask.resize(self.smooth.len(), 0);
        let row_at = |y: usize| &self.smooth[y * width..][..width];
        for (y, mask) in self.mask.chunks_exact_mut(width).enumerate() {
            let (above, row, below) = (
                row_at(y.saturating_sub(1)),
                row_at(y),
                row_at((y + 1).min(height - 1)),
            );
            let background = &self.background[y * width..][..width];
            let threshold = self.steps.threshold;
            let inside = |x: usize, left: f32, right: f32| {
                let laplacian = above[x] + below[x] + left + right - 4.0 * row[x];
                u8::from(row[x] - background[x] > threshold) & u8::from(laplacian < 0.0)
            };
            let last = width - 1;
            mask[0] = inside(0, row[0], row[last.min(1)]);
            mask[last] = inside(last, row[last.saturating_sub(1)], row[last]);
            for x in 1..last {
                mask[x] = inside(x, row[x - 1], row[x + 1]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
