//! The fields of a slide that tell most: the hottest, the borderline and the typical negative ones, with the outlines of their nuclei.
//!
//! A field is the core of one patch, so that segmenting it again gives the very nuclei that were counted there.

use std::collections::BTreeMap;

use pantrk_space::{
    LevelRect, MicronsPerPixel, MppRequest, RegionReader, RgbBuffer, SlideMpp, SlideRect,
    read_at_mpp,
};
use rayon::prelude::*;

use super::SlideAnalysis;
use super::beyond::segment;
use super::patch::PatchGrid;
use crate::CoreError;
use crate::cell::{CellTable, trace_contours};
use crate::score::{ScoringTable, Thresholds};
use crate::segment::{LabelImage, Segmenter};
use crate::stain::{Deconvolver, StainPlanes};

/// Fields of each kind.
const PER_KIND: usize = 4;
/// A field with fewer tumour cells than this share of the median field is an edge, not an example.
const LEAST_SHARE: f64 = 0.4;
/// A nucleus found again lies where it was counted, up to this (um).
const SAME_NUCLEUS_UM: f64 = 1.5;
/// Pictures are no coarser than this, so that outlines can be judged (um).
const PICTURE_MPP: f64 = 0.3;

/// Why a field is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldKind {
    /// The strongest stain.
    Hottest,
    /// The most cells whose call hangs on the threshold.
    Borderline,
    /// As the slide's unstained tumour usually looks.
    TypicalNegative,
}

impl FieldKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Hottest, Self::Borderline, Self::TypicalNegative];

    /// As in `gallery/index.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hottest => "hottest",
            Self::Borderline => "borderline",
            Self::TypicalNegative => "typical-negative",
        }
    }
}

/// A field of the slide with what is to be seen in it.
#[derive(Debug, Clone)]
pub struct TellingField {
    /// Why it is shown.
    pub kind: FieldKind,
    /// Level-0 pixels.
    pub rect: SlideRect,
    /// Tumour cells in it.
    pub tumour_cells: u32,
    /// Of them positive, 0 to 100.
    pub positive_percent: f64,
    /// Of them with a call that the sensitivity band (0.05 OD) would change, 0 to 100.
    pub near_threshold_percent: f64,
    /// The pixels.
    pub picture: RgbBuffer,
    /// Of the picture.
    pub um_per_pixel: f64,
    /// Places of the picture that could not be read.
    pub unread: Vec<LevelRect>,
    /// The nuclei.
    pub outlines: Vec<NucleusOutline>,
}

/// The outline of a nucleus in a field's picture.
#[derive(Debug, Clone, PartialEq)]
pub struct NucleusOutline {
    /// A closed ring without its last point, pixels of the picture.
    pub ring: Vec<[f32; 2]>,
    /// The highest grade of its cell; `None` where the cell does not count.
    pub grade: Option<u8>,
}

/// Picks the fields, at most four of each kind, reads them and outlines their nuclei.
///
/// # Errors
/// If the slide cannot be read or the segmenter fails.
pub fn telling_fields(
    reader: &dyn RegionReader,
    slide_mpp: SlideMpp,
    segmenter: &dyn Segmenter,
    analysis: &SlideAnalysis,
    thresholds: Thresholds,
) -> Result<Vec<TellingField>, CoreError> {
    let grid = PatchGrid::for_segmenter(segmenter);
    let looker = Looker {
        reader,
        slide_mpp,
        segmenter,
        grid,
        analysis,
        deconvolver: Deconvolver::new(analysis.vectors, analysis.white_point.rgb),
    };
    let squares = squares(&analysis.cells, thresholds, &grid, slide_mpp);
    picks(&squares)
        .into_par_iter()
        .map(|(kind, place)| looker.look(kind, place, &squares[&place]))
        .collect()
}

/// A patch's column and row.
type Place = (i64, i64);

/// What the tumour cells of one patch core show.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Square {
    cells: u32,
    positive: u32,
    near: u32,
    grades: u32,
    od: f64,
}

impl Square {
    fn share(&self, part: u32) -> f64 {
        f64::from(part) / f64::from(self.cells.max(1))
    }

    fn mean_od(&self) -> f64 {
        self.od / f64::from(self.cells.max(1))
    }
}

fn squares(
    cells: &CellTable,
    thresholds: Thresholds,
    grid: &PatchGrid,
    mpp: SlideMpp,
) -> BTreeMap<Place, Square> {
    let (sx, sy) = grid.slide_scale(mpp);
    let core = f64::from(grid.core);
    let delta = ScoringTable::embedded().sensitivity_od();
    let (low, high) = (thresholds.shifted(-delta), thresholds.shifted(delta));
    let mut squares: BTreeMap<Place, Square> = BTreeMap::new();
    for i in (0..cells.len()).filter(|&i| cells.is_tumour(i)) {
        let column = (cells.x_px[i] / sx / core).floor() as i64;
        let row = (cells.y_px[i] / sy / core).floor() as i64;
        let od = cells.dab_od.iter().map(|c| c[i]).fold(f32::NAN, f32::max);
        let grade = cells.grade_any(i);
        let square = squares.entry((column, row)).or_default();
        square.cells += 1;
        square.positive += u32::from(grade > 0);
        square.near += u32::from((low.grade(od) > 0) != (high.grade(od) > 0));
        square.grades += u32::from(grade);
        square.od += if od.is_finite() { f64::from(od) } else { 0.0 };
    }
    squares
}

/// The fields to show: no two the same, and spread over the slide as far as there are enough.
fn picks(squares: &BTreeMap<Place, Square>) -> Vec<(FieldKind, Place)> {
    let mut counts: Vec<u32> = squares.values().map(|s| s.cells).collect();
    counts.sort_unstable();
    let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
    let least = f64::from(median) * LEAST_SHARE;
    let fit: Vec<(Place, Square)> = squares
        .iter()
        .filter(|(_, s)| f64::from(s.cells) >= least)
        .map(|(&place, &square)| (place, square))
        .collect();
    let mut negative: Vec<f64> = fit
        .iter()
        .filter(|(_, s)| s.positive == 0)
        .map(|(_, s)| s.mean_od())
        .collect();
    negative.sort_unstable_by(f64::total_cmp);
    let usual = negative.get(negative.len() / 2).copied().unwrap_or(0.0);
    let mut chosen: Vec<(FieldKind, Place)> = Vec::new();
    for kind in FieldKind::ALL {
        // The lowest pair comes first.
        let rank = |s: &Square| match kind {
            FieldKind::Hottest => (-s.share(s.grades), -s.mean_od()),
            FieldKind::Borderline => (-s.share(s.near), -s.share(s.positive)),
            FieldKind::TypicalNegative => (s.share(s.positive), (s.mean_od() - usual).abs()),
        };
        let suits = |s: &Square| match kind {
            FieldKind::Hottest => true,
            FieldKind::Borderline => s.near > 0,
            FieldKind::TypicalNegative => s.positive < s.cells,
        };
        let mut ranked: Vec<_> = fit
            .iter()
            .filter(|(_, s)| suits(s))
            .map(|(place, s)| (rank(s), *place))
            .collect();
        ranked
            .sort_by(|(a, p), (b, q)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(p.cmp(q)));
        let wanted = chosen.len() + PER_KIND;
        for apart in [2, 1] {
            for &(_, place) in &ranked {
                let clear = chosen
                    .iter()
                    .all(|(_, other)| distance(*other, place) >= apart);
                if chosen.len() < wanted && clear {
                    chosen.push((kind, place));
                }
            }
        }
    }
    chosen.sort_by_key(|&(kind, _)| kind);
    chosen
}

fn distance(a: Place, b: Place) -> i64 {
    (a.0 - b.0).abs().max((a.1 - b.1).abs())
}

struct Looker<'a> {
    reader: &'a dyn RegionReader,
    slide_mpp: SlideMpp,
    segmenter: &'a dyn Segmenter,
    grid: PatchGrid,
    analysis: &'a SlideAnalysis,
    deconvolver: Deconvolver,
}

impl Looker<'_> {
    fn look(
        &self,
        kind: FieldKind,
        (column, row): Place,
        square: &Square,
    ) -> Result<TellingField, CoreError> {
        let core = LevelRect {
            x: column * i64::from(self.grid.core),
            y: row * i64::from(self.grid.core),
            width: self.grid.core,
            height: self.grid.core,
        };
        // Whole pixels of the picture per pixel of the patch, so that both grids meet.
        let fold = (self.grid.mpp.get() / PICTURE_MPP).ceil().max(1.0) as u32;
        let um_per_pixel = self.grid.mpp.get() / f64::from(fold);
        let mut picture = RgbBuffer::new();
        let unread = self.picture(core, fold, &mut picture)?;
        Ok(TellingField {
            kind,
            rect: self.grid.on_slide(core, self.slide_mpp),
            tumour_cells: square.cells,
            positive_percent: 100.0 * square.share(square.positive),
            near_threshold_percent: 100.0 * square.share(square.near),
            picture,
            um_per_pixel,
            unread,
            outlines: self.outlines(core, fold)?,
        })
    }

    fn picture(
        &self,
        core: LevelRect,
        fold: u32,
        picture: &mut RgbBuffer,
    ) -> Result<Vec<LevelRect>, CoreError> {
        let mpp =
            MicronsPerPixel::new(self.grid.mpp.get() / f64::from(fold)).unwrap_or(self.grid.mpp);
        let request = MppRequest {
            rect: LevelRect {
                x: core.x * i64::from(fold),
                y: core.y * i64::from(fold),
                width: core.width * fold,
                height: core.height * fold,
            },
            mpp,
            slide_mpp: self.slide_mpp,
        };
        let region = read_at_mpp(self.reader, &request, picture)?;
        let unread = region
            .gaps
            .into_iter()
            .filter(pantrk_space::Gap::is_unreadable);
        Ok(unread.map(|gap| gap.rect).collect())
    }

    /// The nuclei around the core too, where they reach into it.
    fn outlines(&self, core: LevelRect, fold: u32) -> Result<Vec<NucleusOutline>, CoreError> {
        let halo = self.grid.halo;
        let request = MppRequest {
            rect: LevelRect {
                x: core.x - i64::from(halo),
                y: core.y - i64::from(halo),
                width: core.width + 2 * halo,
                height: core.height + 2 * halo,
            },
            mpp: self.grid.mpp,
            slide_mpp: self.slide_mpp,
        };
        let mut rgb = RgbBuffer::new();
        read_at_mpp(self.reader, &request, &mut rgb)?;
        let mut stains = StainPlanes::default();
        self.deconvolver.separate(&rgb, &mut stains);
        let slide = (self.reader.size(), self.slide_mpp);
        let on_slide = self.grid.part_on_slide(request.rect, slide);
        let mut labels = LabelImage::default();
        segment(
            &mut *self.segmenter.worker(),
            (&mut rgb, &stains),
            &on_slide,
            &mut labels,
        )?;
        let nearby = self.cells_near(&request);
        let centres = centres(&labels);
        let rings = trace_contours(&labels);
        let at = |v: u16| (f32::from(v) - halo as f32) * fold as f32;
        Ok(rings
            .into_iter()
            .zip(centres)
            .filter(|(ring, _)| !ring.is_empty())
            .map(|(ring, [x, y])| {
                let place = request.slide_from_output(x, y);
                NucleusOutline {
                    ring: ring.into_iter().map(|[x, y]| [at(x), at(y)]).collect(),
                    grade: self.grade_at(&nearby, place.x, place.y),
                }
            })
            .collect())
    }

    fn cells_near(&self, request: &MppRequest) -> Vec<usize> {
        let cells = &self.analysis.cells;
        let from = request.slide_from_output(0.0, 0.0);
        let (width, height) = (request.rect.width, request.rect.height);
        let to = request.slide_from_output(f64::from(width), f64::from(height));
        (0..cells.len())
            .filter(|&i| {
                (from.x..to.x).contains(&cells.x_px[i]) && (from.y..to.y).contains(&cells.y_px[i])
            })
            .collect()
    }

    /// The grade of the cell that was counted there.
    fn grade_at(&self, nearby: &[usize], x: f64, y: f64) -> Option<u8> {
        let cells = &self.analysis.cells;
        let away = |i: usize| {
            let dx = (cells.x_px[i] - x) * self.slide_mpp.x.get();
            let dy = (cells.y_px[i] - y) * self.slide_mpp.y.get();
            dx.hypot(dy)
        };
        let nearest = nearby
            .iter()
            .copied()
            .min_by(|&a, &b| away(a).total_cmp(&away(b)))?;
        (away(nearest) <= SAME_NUCLEUS_UM && cells.is_tumour(nearest))
            .then(|| cells.grade_any(nearest))
    }
}

/// The mean place of each label's pixels.
pub(super) fn centres(labels: &LabelImage) -> Vec<[f64; 2]> {
    let mut sums = vec![[0.0_f64; 3]; labels.count as usize];
    for (at, &label) in labels.labels.iter().enumerate() {
        if let Some(sum) = (label as usize)
            .checked_sub(1)
            .and_then(|k| sums.get_mut(k))
        {
            sum[0] += (at % labels.width) as f64 + 0.5;
            sum[1] += (at / labels.width) as f64 + 0.5;
            sum[2] += 1.0;
        }
    }
    sums.into_iter()
        .map(|[x, y, n]| [x / f64::max(n, 1.0), y / f64::max(n, 1.0)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slide of 10 x 10 fields: hot in one corner, borderline in another, unstained elsewhere.
    fn slide() -> BTreeMap<Place, Square> {
        let mut squares = BTreeMap::new();
        for column in 0..10 {
            for row in 0..10 {
                let (positive, near, od) = match (column, row) {
                    (0..3, 0..3) => (80, 5, 0.5),
                    (7.., 7..) => (20, 60, 0.2),
                    _ => (0, 1, 0.05),
                };
                let square = Square {
                    cells: 100,
                    positive,
                    near,
                    grades: 2 * positive,
                    od: 100.0 * od,
                };
                squares.insert((column, row), square);
            }
        }
        // A corner of tissue with three cells, all strong, is no example.
        let edge = Square {
            cells: 3,
            positive: 3,
            near: 0,
            grades: 9,
            od: 3.0,
        };
        squares.insert((20, 20), edge);
        squares
    }

    #[test]
    fn fields_are_what_they_are_shown_for_and_lie_apart() {
        let squares = slide();
        let picks = picks(&squares);
        assert_eq!(picks.len(), 3 * PER_KIND);
        for (i, &(kind, place)) in picks.iter().enumerate() {
            let square = squares[&place];
            match kind {
                FieldKind::Hottest => assert_eq!(square.positive, 80, "{place:?}"),
                FieldKind::Borderline => assert_eq!(square.near, 60, "{place:?}"),
                FieldKind::TypicalNegative => assert_eq!(square.positive, 0, "{place:?}"),
            }
            assert!(picks[..i].iter().all(|p| distance(p.1, place) >= 2));
        }
    }

    #[test]
    fn a_slide_of_one_field_shows_it_once() {
        let one = slide().into_iter().take(1).collect();
        assert_eq!(picks(&one).len(), 1);
        assert!(picks(&BTreeMap::new()).is_empty());
    }
}
