//! One patch, on one thread.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use pantrk_space::{
    LevelRect, LevelSize, MicronsPerPixel, MppRequest, MppSource, RgbBuffer, SlideMpp, SlidePoint,
    SlideRect, read_source,
};

use super::beyond::segment;
use super::{Ground, ScoreInput, UnreadTile, region_reason};
use crate::CoreError;
use crate::cell::{
    CellMeasurer, CellRecord, CellTable, ExcludedReason, Expansion, Measuring, OutlineFitter,
    trace_contours,
};
use crate::quality::{Block, BlockMeter};
use crate::segment::{LabelImage, SegmentWorker, Segmenter};
use crate::stain::{Deconvolver, StainPlanes};

/// The core of a patch for segmenters that take any size.
const DEFAULT_CORE: u32 = 256;

/// How the slide is cut: cores side by side from the slide's origin, each read with a halo.
#[derive(Debug, Clone, Copy)]
pub(super) struct PatchGrid {
    /// Pixels of a core, both ways.
    pub(super) core: u32,
    /// Pixels around a core: a nucleus whose centre lies in the core is whole, and so is its cell.
    pub(super) halo: u32,
    /// The pixel size of patches.
    pub(super) mpp: MicronsPerPixel,
}

impl PatchGrid {
    pub(super) fn for_segmenter(segmenter: &dyn Segmenter) -> Self {
        let halo = segmenter.halo();
        let core = segmenter.patch_size().map_or(DEFAULT_CORE, |size| {
            size.width.min(size.height).saturating_sub(2 * halo).max(1)
        });
        Self {
            core,
            halo,
            mpp: segmenter.mpp(),
        }
    }

    /// Level-0 pixels per patch pixel.
    pub(super) fn slide_scale(&self, mpp: SlideMpp) -> (f64, f64) {
        (self.mpp.get() / mpp.x.get(), self.mpp.get() / mpp.y.get())
    }

    /// Where a rectangle of the grid lies on the slide.
    pub(super) fn on_slide(&self, rect: LevelRect, mpp: SlideMpp) -> SlideRect {
        let (sx, sy) = self.slide_scale(mpp);
        SlideRect {
            x: rect.x as f64 * sx,
            y: rect.y as f64 * sy,
            width: f64::from(rect.width) * sx,
            height: f64::from(rect.height) * sy,
        }
    }

    /// The columns and rows of a patch that lie on the slide.
    pub(super) fn part_on_slide(
        &self,
        patch: LevelRect,
        (size, mpp): (LevelSize, SlideMpp),
    ) -> [Range<usize>; 2] {
        let (sx, sy) = self.slide_scale(mpp);
        let of = |first: i64, pixels: u32, slide: u32, scale: f64| {
            let place = |at: i64| (at - first).clamp(0, i64::from(pixels)) as usize;
            place(0)..place((f64::from(slide) / scale).floor() as i64)
        };
        [
            of(patch.x, patch.width, size.width, sx),
            of(patch.y, patch.height, size.height, sy),
        ]
    }
}

/// What leaves a patch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PatchOutcome {
    /// The cells of the core, not graded yet.
    pub cells: CellTable,
    /// Tissue of the core that should have been scored but could not be read, um2.
    pub unread_um2: f64,
    /// The tiles that could not be read, of the halo too.
    pub unread_tiles: Vec<UnreadTile>,
    /// What was seen of each overview pixel in the core, by column and row.
    pub blocks: Vec<((u32, u32), Block)>,
}

/// Workers wait here between patches, so that there are never more than threads at work.
pub(super) struct WorkerPool<'a> {
    input: &'a ScoreInput<'a>,
    ground: &'a Ground,
    grid: &'a PatchGrid,
    idle: Mutex<Vec<Worker<'a>>>,
}

impl<'a> WorkerPool<'a> {
    pub(super) fn new(input: &'a ScoreInput<'a>, ground: &'a Ground, grid: &'a PatchGrid) -> Self {
        Self {
            input,
            ground,
            grid,
            idle: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Worker<'a>) -> T) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let mut worker = waiting.unwrap_or_else(|| Worker {
            input: self.input,
            ground: self.ground,
            grid: self.grid,
            segmenter: self.input.segmenter.worker(),
            source: RgbBuffer::new(),
            rgb: RgbBuffer::new(),
            stains: StainPlanes::default(),
            labels: LabelImage::default(),
            fitter: OutlineFitter::default(),
            measurer: CellMeasurer::default(),
            meter: BlockMeter::default(),
            unread: Vec::new(),
        });
        let result = work(&mut worker);
        idle().push(worker);
        result
    }
}

/// The buffers of one thread.
pub(super) struct Worker<'a> {
    input: &'a ScoreInput<'a>,
    ground: &'a Ground,
    grid: &'a PatchGrid,
    segmenter: Box<dyn SegmentWorker>,
    /// The slide's own pixels, before they are averaged.
    source: RgbBuffer,
    rgb: RgbBuffer,
    stains: StainPlanes,
    labels: LabelImage,
    fitter: OutlineFitter,
    measurer: CellMeasurer,
    meter: BlockMeter,
    unread: Vec<bool>,
}

impl Worker<'_> {
    pub(super) fn run(&mut self, core: LevelRect) -> Result<PatchOutcome, CoreError> {
        let halo = self.grid.halo;
        let request = MppRequest {
            rect: LevelRect {
                x: core.x - i64::from(halo),
                y: core.y - i64::from(halo),
                width: core.width + 2 * halo,
                height: core.height + 2 * halo,
            },
            mpp: self.grid.mpp,
            slide_mpp: self.input.slide_mpp,
        };
        let mut outcome = PatchOutcome::default();
        let grid = self.read(&request, &mut outcome)?;
        self.separate(core, &grid);
        outcome.blocks =
            self.meter
                .measure(&self.rgb, (core, halo), self.grid.mpp, &self.ground.colours);
        let slide = (self.input.reader.size(), self.input.slide_mpp);
        let on_slide = self.grid.part_on_slide(request.rect, slide);
        segment(
            &mut *self.segmenter,
            (&mut self.rgb, &self.stains),
            &on_slide,
            &mut self.labels,
        )?;
        let background = self.ground.background.od as f32;
        let parameters = self.input.parameters;
        if parameters.fit_outlines {
            self.fitter.fit(&mut self.labels, &self.stains.hematoxylin);
        }
        let reach = parameters
            .expansion
            .pixels_at(self.grid.mpp)
            .round()
            .clamp(0.0, f64::from(Expansion::MOST));
        let inside = |length: u32| f64::from(halo)..f64::from(halo + length);
        let of = Measuring {
            stains: &self.stains,
            unread: if outcome.unread_tiles.is_empty() {
                &[]
            } else {
                &self.unread
            },
            on_slide,
            wanted: [inside(core.width), inside(core.height)],
            reach: reach as u8,
            weak: parameters.thresholds.values()[0] + background,
        };
        let records = self.measurer.measure(&self.labels, &of);
        let contours = if parameters.contours {
            trace_contours(&self.labels)
        } else {
            Vec::new()
        };
        for record in records {
            let contour = contours.get(record.label as usize - 1);
            self.keep(&record, contour, &request, &mut outcome.cells);
        }
        Ok(outcome)
    }

    /// Stain densities against the glass as it is lit here.
    fn separate(&mut self, core: LevelRect, grid: &MppSource) {
        let ground = self.ground;
        if ground.white.drift.is_none() {
            ground
                .deconvolver
                .separate_source(&self.source, grid, &mut self.stains);
            return;
        }
        let size = self.input.reader.size();
        let rect = self.grid.on_slide(core, self.input.slide_mpp);
        let white = ground.white.at(
            (rect.x + rect.width / 2.0) / f64::from(size.width),
            (rect.y + rect.height / 2.0) / f64::from(size.height),
        );
        Deconvolver::new(*ground.deconvolver.vectors(), white).separate_source(
            &self.source,
            grid,
            &mut self.stains,
        );
    }

    /// Reads the patch and marks what is not the slide's.
    fn read(
        &mut self,
        request: &MppRequest,
        outcome: &mut PatchOutcome,
    ) -> Result<MppSource, CoreError> {
        let grid = read_source(self.input.reader, request, &mut self.source)?;
        let pixels = request.rect.area() as usize;
        self.unread.clear();
        self.unread.resize(pixels, false);
        let width = request.rect.width as usize;
        for gap in grid.output_gaps() {
            let pantrk_space::GapKind::Unreadable { tile, reason } = gap.kind else {
                continue;
            };
            for y in gap.rect.y..gap.rect.bottom() {
                let line = y as usize * width;
                self.unread[line + gap.rect.x as usize..line + gap.rect.right() as usize]
                    .fill(true);
            }
            outcome.unread_tiles.push(UnreadTile {
                level: grid.level,
                tile,
                reason,
            });
        }
        if !outcome.unread_tiles.is_empty() {
            outcome.unread_um2 = self.unread_tissue_um2(request);
            self.whiten_unread(&grid);
        }
        grid.resample(&self.source, &mut self.rgb);
        Ok(grid)
    }

    /// The unread area of the core that would have counted, as far as overview and regions can tell.
    fn unread_tissue_um2(&self, request: &MppRequest) -> f64 {
        let halo = self.grid.halo as usize;
        let width = request.rect.width as usize;
        let height = request.rect.height as usize;
        let mut pixels = 0_u32;
        for y in halo..height - halo {
            for x in halo..width - halo {
                if self.unread[y * width + x] {
                    let place = request.slide_from_output(x as f64 + 0.5, y as f64 + 0.5);
                    let (ox, oy) = self.ground.grid.pixel_at(place);
                    let counts = self.ground.quality.usable.get(ox, oy)
                        && region_reason(self.input.regions, place).is_none();
                    pixels += u32::from(counts);
                }
            }
        }
        f64::from(pixels) * self.grid.mpp.get().powi(2)
    }

    /// Unread pixels become glass for the segmenter, which would otherwise look for nuclei in their marker colour; cells that touch them are not counted.
    fn whiten_unread(&mut self, grid: &MppSource) {
        let white = self
            .ground
            .white
            .rgb
            .map(|v| v.round().clamp(0.0, 255.0) as u8);
        for gap in grid.gaps.iter().filter(|gap| gap.is_unreadable()) {
            for y in gap.rect.y..gap.rect.bottom() {
                let line = self.source.row_mut(y as u32);
                let part = &mut line[gap.rect.x as usize * 3..gap.rect.right() as usize * 3];
                for pixel in part.chunks_exact_mut(3) {
                    pixel.copy_from_slice(&white);
                }
            }
        }
    }

    fn keep(
        &self,
        record: &CellRecord,
        contour: Option<&Vec<[u16; 2]>>,
        request: &MppRequest,
        cells: &mut CellTable,
    ) {
        let centre = request.slide_from_output(record.centre[0], record.centre[1]);
        let um2 = self.grid.mpp.get().powi(2) as f32;
        let background = self.ground.background.od as f32;
        cells.x_px.push(centre.x);
        cells.y_px.push(centre.y);
        cells
            .nucleus_area_um2
            .push(record.nucleus_pixels as f32 * um2);
        cells.cell_area_um2.push(record.cell_pixels as f32 * um2);
        cells.circularity.push(record.circularity);
        for (column, od) in cells.dab_od.iter_mut().zip(record.dab_od) {
            column.push(od - background);
        }
        cells
            .nucleus_hematoxylin_od
            .push(record.nucleus_hematoxylin_od);
        cells
            .nucleus_hematoxylin_cv
            .push(record.nucleus_hematoxylin_cv);
        cells
            .membrane_completeness
            .push(record.membrane_completeness);
        cells
            .cytoplasm_granularity
            .push(record.cytoplasm_granularity);
        cells.beside_membrane.push(record.beside_membrane);
        cells.excluded.push(self.excluded(record, centre));
        if self.input.parameters.contours {
            let points = contour.into_iter().flatten().map(|&[x, y]| {
                let p = request.slide_from_output(f64::from(x), f64::from(y));
                [p.x as f32, p.y as f32]
            });
            cells.contours.push(points.collect());
        }
    }

    fn excluded(&self, record: &CellRecord, centre: SlidePoint) -> Option<ExcludedReason> {
        if record.touches_unread {
            return Some(ExcludedReason::Unread);
        }
        let (x, y) = self.ground.grid.pixel_at(centre);
        if !self.ground.tissue.get(x, y) {
            return Some(ExcludedReason::OutsideTissue);
        }
        // Cells that a check leaves out are those that would have counted.
        region_reason(self.input.regions, centre).or_else(|| {
            let check = self.ground.quality.reason_at(x, y)?;
            ExcludedReason::from_check(check)
        })
    }
}
