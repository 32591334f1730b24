//! Tissue seen closely: fields spread over the slide, from which stain vectors and background are taken.

use pantrk_space::{
    LevelRect, MicronsPerPixel, MppRequest, RegionReader, RgbBuffer, SlideMpp, SlidePoint,
    read_source,
};
use rayon::prelude::*;

use super::{Deconvolver, StainPlanes, StainVectors, WhitePoint};
use crate::CoreError;
use crate::overview::{Mask, Overview};

/// The pixel size of fields, um.
pub(super) const FIELD_MPP: f64 = 0.5;
/// Pixels a side of a field: 48 um, a few cells.
pub(super) const FIELD_SIDE: usize = 96;
/// Fields spread evenly over the tissue.
const EVEN_FIELDS: usize = 72;
/// Fields where the tissue is brownest: rare stain is what DAB's vector is read from.
const BROWN_FIELDS: usize = 40;
/// Fields where it is bluest.
const BLUE_FIELDS: usize = 24;

/// One field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Optical density (log10) of red, green, blue, row by row.
    pub(super) od: Vec<[f32; 3]>,
    /// Its middle on the slide.
    pub(super) middle: SlidePoint,
}

/// Fields of tissue.
#[derive(Debug, Clone, Default)]
pub struct TissueSample {
    pub(super) fields: Vec<Field>,
}

impl TissueSample {
    /// Reads fields within `usable`, the same for the same slide.
    ///
    /// # Errors
    /// If the reader fails as a whole; fields with unreadable tiles are passed over.
    pub fn read(
        reader: &dyn RegionReader,
        overview: &Overview,
        usable: &Mask,
        white: &WhitePoint,
        deconvolver: &Deconvolver,
    ) -> Result<Self, CoreError> {
        let places = places(overview, usable, deconvolver);
        let fields: Vec<Option<Field>> = places
            .par_iter()
            .map(|&(x, y)| read_field(reader, overview, white, (x, y)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            fields: fields.into_iter().flatten().collect(),
        })
    }

    /// Only the fields whose middle satisfies a rule.
    #[must_use]
    pub fn only(&self, rule: impl Fn(SlidePoint) -> bool) -> Self {
        let fields = self.fields.iter().filter(|f| rule(f.middle));
        Self {
            fields: fields.cloned().collect(),
        }
    }

    /// How many pixels it holds.
    pub fn pixels(&self) -> usize {
        self.fields.iter().map(|f| f.od.len()).sum()
    }
}

/// Overview pixels in the middle of fields.
fn places(overview: &Overview, usable: &Mask, deconvolver: &Deconvolver) -> Vec<(u32, u32)> {
    // A field at the tissue's edge would be half glass.
    let inner = usable.eroded(2);
    let mask = if inner.count() >= 400 { &inner } else { usable };
    let mut all = Vec::new();
    for y in 0..mask.height() {
        for x in 0..mask.width() {
            if mask.get(x, y) && overview.is_slide(x, y) {
                let [h, d, _] = deconvolver.pixel(overview.rgb.pixel(x, y));
                all.push((x, y, h, d));
            }
        }
    }
    if all.is_empty() {
        return Vec::new();
    }
    let n = all.len();
    let mut chosen: Vec<usize> = (0..EVEN_FIELDS)
        .map(|i| (2 * i + 1) * n / (2 * EVEN_FIELDS))
        .collect();
    let mut order: Vec<usize> = (0..n).collect();
    // Denser towards the extreme: squares of even steps over the upper half.
    let ranks = |count: usize| {
        (0..count).map(move |i| {
            let t = (i as f64 + 0.5) / count as f64;
            (0.5 * t * t * n as f64) as usize
        })
    };
    order.sort_by(|&a, &b| all[b].3.total_cmp(&all[a].3).then(a.cmp(&b)));
    chosen.extend(ranks(BROWN_FIELDS).map(|rank| order[rank]));
    let blueness = |i: usize| all[i].2 - all[i].3;
    order.sort_by(|&a, &b| blueness(b).total_cmp(&blueness(a)).then(a.cmp(&b)));
    chosen.extend(ranks(BLUE_FIELDS).map(|rank| order[rank]));
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().map(|i| (all[i].0, all[i].1)).collect()
}

fn read_field(
    reader: &dyn RegionReader,
    overview: &Overview,
    white: &WhitePoint,
    (x, y): (u32, u32),
) -> Result<Option<Field>, CoreError> {
    let (sx, sy) = overview.grid().slide_scale();
    let middle = SlidePoint {
        x: (f64::from(x) + 0.5) * sx,
        y: (f64::from(y) + 0.5) * sy,
    };
    let slide_mpp: SlideMpp = overview.slide_mpp();
    let mpp = MicronsPerPixel::new(FIELD_MPP).ok_or(CoreError::NoLevels)?;
    let half = FIELD_SIDE as f64 / 2.0;
    let corner = |place: f64, slide: MicronsPerPixel| {
        (place * slide.get() / FIELD_MPP - half).round() as i64
    };
    let request = MppRequest {
        rect: LevelRect {
            x: corner(middle.x, slide_mpp.x),
            y: corner(middle.y, slide_mpp.y),
            width: FIELD_SIDE as u32,
            height: FIELD_SIDE as u32,
        },
        mpp,
        slide_mpp,
    };
    let mut source = RgbBuffer::new();
    let grid = read_source(reader, &request, &mut source)?;
    if !grid.gaps.is_empty() {
        return Ok(None);
    }
    let size = reader.size();
    let white = white.at(
        middle.x / f64::from(size.width),
        middle.y / f64::from(size.height),
    );
    // Densities of fine structures are restored per channel; any vectors take them there and back.
    let vectors = StainVectors::h_dab_default();
    let mut planes = StainPlanes::default();
    Deconvolver::new(vectors, white).separate_source(&source, &grid, &mut planes);
    let stains = planes
        .hematoxylin
        .iter()
        .zip(&planes.dab)
        .zip(&planes.residual);
    let od = stains
        .map(|((&h, &d), &r)| {
            std::array::from_fn(|c| {
                h * vectors.hematoxylin[c] as f32
                    + d * vectors.dab[c] as f32
                    + r * vectors.residual[c] as f32
            })
        })
        .collect();
    Ok(Some(Field { od, middle }))
}
