//! Outlines of nuclei and cells, found again in a part of the slide: for drawing them from near.
//!
//! Outlines are not kept with the results: those of a million cells take more room than all else together.
//! A field is the core of one patch, so that segmenting it again gives the very nuclei that were counted there.

use pantrk_space::{
    LevelRect, Microns, MppRequest, RegionReader, RgbBuffer, SlideMpp, SlidePoint, read_at_mpp,
};

use super::beyond::segment;
use super::fields::centres;
use super::patch::PatchGrid;
use crate::CoreError;
use crate::cell::{Expansion, trace_contours};
use crate::segment::{LabelImage, SegmentWorker, Segmenter};
use crate::stain::{Deconvolver, StainPlanes};

/// How far a line may lie from the pixels' edges, patch pixels: less than what a boundary is sure to.
const SLACK: f32 = 0.4;

/// A cell's outlines.
#[derive(Debug, Clone, PartialEq)]
pub struct CellOutline {
    /// The nucleus' centre, level-0 pixels.
    pub centre: SlidePoint,
    /// Around the nucleus: a closed ring without its last point, level-0 pixels from the centre.
    pub nucleus: Vec<[f32; 2]>,
    /// Around the cell: the nucleus grown to its neighbours, at most by the reach.
    pub cell: Vec<[f32; 2]>,
}

/// Outlines cells, one field after the other, on one thread.
pub struct CellOutliner<'a> {
    reader: &'a dyn RegionReader,
    slide_mpp: SlideMpp,
    grid: PatchGrid,
    worker: Box<dyn SegmentWorker>,
    deconvolver: &'a Deconvolver,
    reach: u8,
    rgb: RgbBuffer,
    stains: StainPlanes,
    labels: LabelImage,
    expansion: Expansion,
}

impl std::fmt::Debug for CellOutliner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CellOutliner")
            .field("grid", &self.grid)
            .finish_non_exhaustive()
    }
}

impl<'a> CellOutliner<'a> {
    /// For a slide that was scored with this segmenter, these stains and this reach of cells.
    pub fn new(
        (reader, slide_mpp): (&'a dyn RegionReader, SlideMpp),
        segmenter: &dyn Segmenter,
        deconvolver: &'a Deconvolver,
        expansion: Microns,
    ) -> Self {
        let grid = PatchGrid::for_segmenter(segmenter);
        let reach = expansion.pixels_at(grid.mpp).round();
        Self {
            reader,
            slide_mpp,
            grid,
            worker: segmenter.worker(),
            deconvolver,
            reach: reach.clamp(0.0, f64::from(Expansion::MOST)) as u8,
            rgb: RgbBuffer::new(),
            stains: StainPlanes::default(),
            labels: LabelImage::default(),
            expansion: Expansion::default(),
        }
    }

    /// The size of a field, level-0 pixels.
    pub fn field_size(&self) -> (f64, f64) {
        let (sx, sy) = self.grid.slide_scale(self.slide_mpp);
        let core = f64::from(self.grid.core);
        (core * sx, core * sy)
    }

    /// The cells whose centres lie in a field, by its column and row from the slide's origin.
    ///
    /// # Errors
    /// If the slide cannot be read there, or the segmenter fails.
    pub fn outline(&mut self, (column, row): (u32, u32)) -> Result<Vec<CellOutline>, CoreError> {
        let PatchGrid { core, halo, mpp } = self.grid;
        let request = MppRequest {
            rect: LevelRect {
                x: i64::from(column) * i64::from(core) - i64::from(halo),
                y: i64::from(row) * i64::from(core) - i64::from(halo),
                width: core + 2 * halo,
                height: core + 2 * halo,
            },
            mpp,
            slide_mpp: self.slide_mpp,
        };
        read_at_mpp(self.reader, &request, &mut self.rgb)?;
        self.deconvolver.separate(&self.rgb, &mut self.stains);
        let slide = (self.reader.size(), self.slide_mpp);
        let on_slide = self.grid.part_on_slide(request.rect, slide);
        segment(
            &mut *self.worker,
            (&mut self.rgb, &self.stains),
            &on_slide,
            &mut self.labels,
        )?;
        self.expansion.grow(&self.labels, self.reach);
        let nuclei = trace_contours(&self.labels);
        let centres = centres(&self.labels);
        let mut cells = LabelImage {
            width: self.labels.width,
            height: self.labels.height,
            labels: std::mem::take(&mut self.expansion.owner),
            count: self.labels.count,
        };
        let borders = trace_contours(&cells);
        self.expansion.owner = std::mem::take(&mut cells.labels);
        let scale = self.grid.slide_scale(self.slide_mpp);
        let (from, to) = (f64::from(halo), f64::from(halo + core));
        let in_core = |v: f64| v >= from && v < to;
        Ok(nuclei
            .iter()
            .zip(&borders)
            .zip(centres)
            .filter(|((nucleus, _), [x, y])| !nucleus.is_empty() && in_core(*x) && in_core(*y))
            .map(|((nucleus, cell), [x, y])| CellOutline {
                centre: request.slide_from_output(x, y),
                nucleus: line(nucleus, [x, y], scale),
                cell: line(cell, [x, y], scale),
            })
            .collect())
    }
}

/// A ring along pixel edges as a line: without its stairs, from the centre, on the slide's scale.
fn line(ring: &[[u16; 2]], [x, y]: [f64; 2], scale: (f64, f64)) -> Vec<[f32; 2]> {
    let smooth = without_stairs(ring);
    let place = |p: [f32; 2]| {
        [
            ((f64::from(p[0]) - x) * scale.0) as f32,
            ((f64::from(p[1]) - y) * scale.1) as f32,
        ]
    };
    simplified(&smooth).into_iter().map(place).collect()
}

/// Corners cut by half a pixel: stairs become slopes, and long edges stay where they are.
fn without_stairs(ring: &[[u16; 2]]) -> Vec<[f32; 2]> {
    let mut out = Vec::with_capacity(ring.len() * 2);
    for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let (a, b) = (a.map(f32::from), b.map(f32::from));
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let length = dx.abs() + dy.abs();
        let half = 0.5 / length.max(1.0);
        out.push([a[0] + dx * half, a[1] + dy * half]);
        if length > 1.0 {
            out.push([b[0] - dx * half, b[1] - dy * half]);
        }
    }
    out
}

/// The ring without the points that lie within [`SLACK`] of the line without them (Douglas and Peucker, Cartographica 1973;10:112-122).
fn simplified(ring: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let Some(&first) = ring.first() else {
        return Vec::new();
    };
    // Cut at two points far apart, since a closed ring has no ends.
    let away = |p: &[f32; 2]| (p[0] - first[0]).hypot(p[1] - first[1]);
    let far = (0..ring.len())
        .max_by(|&a, &b| away(&ring[a]).total_cmp(&away(&ring[b])))
        .unwrap_or(0);
    let mut kept = vec![false; ring.len() + 1];
    let closed: Vec<[f32; 2]> = ring.iter().copied().chain([first]).collect();
    let mut parts = vec![(0, far), (far, ring.len())];
    kept[0] = true;
    kept[far] = true;
    while let Some((from, to)) = parts.pop() {
        let furthest = (from + 1..to)
            .map(|i| (distance(closed[i], closed[from], closed[to]), i))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, i)) = furthest.filter(|(off, _)| *off > SLACK) {
            kept[i] = true;
            parts.extend([(from, i), (i, to)]);
        }
    }
    let points = ring.iter().zip(kept);
    points.filter_map(|(p, kept)| kept.then_some(*p)).collect()
}

/// From a point to the line between two others.
fn distance(p: [f32; 2], a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let square = dx * dx + dy * dy;
    let (px, py) = (p[0] - a[0], p[1] - a[1]);
    let along = if square > 0.0 {
        ((px * dx + py * dy) / square).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (px - along * dx).hypot(py - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{WatershedParameters, WatershedSegmenter};
    use pantrk_space::{Downsample, Gap, Level, LevelIndex, LevelSize, MicronsPerPixel, ReadError};

    /// Round nuclei of 4 um radius, 20 um apart, on pale tissue; 0.25 um per pixel.
    struct Dots(Vec<Level>);

    const RADIUS_PX: f64 = 16.0;
    const APART_PX: i64 = 80;

    impl RegionReader for Dots {
        fn levels(&self) -> &[Level] {
            &self.0
        }

        fn mpp(&self) -> Option<SlideMpp> {
            None
        }

        fn read_region(
            &self,
            _: LevelIndex,
            rect: LevelRect,
            out: &mut RgbBuffer,
        ) -> Result<Vec<Gap>, ReadError> {
            let size = LevelSize {
                width: rect.width,
                height: rect.height,
            };
            out.reset(size, [255; 3]);
            let off = |v: i64| (v.rem_euclid(APART_PX) - APART_PX / 2) as f64;
            for y in 0..rect.height {
                let row = rect.y + i64::from(y);
                for (x, pixel) in out.row_mut(y).chunks_exact_mut(3).enumerate() {
                    let away = off(rect.x + x as i64).hypot(off(row));
                    let nucleus = away <= RADIUS_PX;
                    pixel.copy_from_slice(if nucleus {
                        &[95, 90, 150]
                    } else {
                        &[225, 220, 232]
                    });
                }
            }
            Ok(Vec::new())
        }
    }

    fn area(ring: &[[f32; 2]]) -> f64 {
        let pairs = ring.iter().zip(ring.iter().cycle().skip(1));
        let doubled: f32 = pairs.map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
        f64::from(doubled.abs()) / 2.0
    }

    #[test]
    fn round_nuclei_come_out_round_and_cells_around_them() {
        let size = LevelSize {
            width: 4_000,
            height: 4_000,
        };
        let slide = Dots(vec![Level {
            size,
            downsample: Downsample::ONE,
            tile: None,
        }]);
        let mpp = SlideMpp::square(MicronsPerPixel::new(0.25).unwrap());
        let segmenter =
            WatershedSegmenter::new(WatershedParameters::at(MicronsPerPixel::new(0.5).unwrap()));
        let deconvolver = Deconvolver::new(crate::stain::StainVectors::h_dab_default(), [243.0; 3]);
        let mut outliner =
            CellOutliner::new((&slide, mpp), &segmenter, &deconvolver, Microns::new(3.0));
        let (width, height) = outliner.field_size();
        let found = outliner.outline((1, 1)).unwrap();
        let wanted = (width / APART_PX as f64) * (height / APART_PX as f64);
        assert!(
            (found.len() as f64 - wanted).abs() < 2.5 * wanted.sqrt(),
            "{} of {wanted}",
            found.len()
        );
        let truth = std::f64::consts::PI * RADIUS_PX * RADIUS_PX;
        for cell in &found {
            assert!((width..2.0 * width).contains(&cell.centre.x));
            let off = |v: f64| (v.rem_euclid(80.0) - 40.0).abs();
            assert!(
                off(cell.centre.x) < 2.5 && off(cell.centre.y) < 2.5,
                "{cell:?}"
            );
            let nucleus = area(&cell.nucleus);
            assert!((nucleus / truth - 1.0).abs() < 0.25, "{nucleus} of {truth}");
            assert!(area(&cell.cell) > 2.0 * nucleus);
            assert!(
                cell.nucleus.len() < 24,
                "few points: {}",
                cell.nucleus.len()
            );
        }
    }

    #[test]
    fn a_line_keeps_the_pixels_area() {
        // A disc of 9 pixels' radius.
        let mut labels = LabelImage::default();
        labels.reset(LevelSize {
            width: 30,
            height: 30,
        });
        labels.count = 1;
        for y in 0..30 {
            for x in 0..30 {
                let away = (x as f64 - 14.5).hypot(y as f64 - 14.5);
                labels.labels[y * 30 + x] = u32::from(away <= 9.0);
            }
        }
        let pixels = labels.labels.iter().sum::<u32>();
        let ring = trace_contours(&labels);
        let line = line(&ring[0], [15.0, 15.0], (2.0, 2.0));
        assert!((area(&line) / 4.0 / f64::from(pixels) - 1.0).abs() < 0.04);
        assert!(line.len() < 30, "{}", line.len());
    }
}
