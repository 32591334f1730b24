//! What a place of 8 um looks like: its stains, its nuclei and its fibres, at three scales.

use pantrk_space::{LevelRect, MicronsPerPixel, MppRequest, RgbBuffer, read_at_mpp};

use super::RegionSlide;
use crate::CoreError;
use crate::overview::OVERVIEW_MPP;
use crate::stain::Deconvolver;

/// The pixels that are looked at, um: nuclei are some pixels large, fibres one or two.
const PIXEL_UM: f64 = 2.0;
/// Pixels along a place's side.
const FOLD: usize = (OVERVIEW_MPP / PIXEL_UM) as usize;
/// Half widths in places over which features are averaged: 24, 72 and 168 um across.
const SCALES: [usize; 3] = [1, 4, 10];
/// Places around a tile that its features look at.
pub(super) const HALO: u32 = 10;
/// More hematoxylin than this is nucleus, less density in all than that is glass.
const NUCLEUS_OD: f32 = 0.22;
const GLASS_OD: f32 = 0.06;

/// Names of the features of one scale, in order.
const NAMES: [&str; 9] = [
    "hematoxylin",
    "dab",
    "residual",
    "hematoxylin-spread",
    "dab-spread",
    "nucleus-share",
    "glass-share",
    "contrast",
    "coherence",
];

/// How many numbers describe a place.
pub(super) const FEATURES: usize = NAMES.len() * SCALES.len();

/// The features' names with their scale in um, as a classifier's file keeps them.
pub(super) fn names() -> Vec<String> {
    let across = |half: usize| (2 * half + 1) as f64 * OVERVIEW_MPP;
    let of_scale = |half: usize| NAMES.map(|name| format!("{name}-{:.0}um", across(half)));
    SCALES.into_iter().flat_map(of_scale).collect()
}

/// Sums over a place's pixels: h, d, r, h2, d2, nucleus, glass, and the gradient's xx, yy and xy.
const SUMS: usize = 10;
type Sums = [f32; SUMS];

/// The features of a rectangle of places.
pub(super) struct FeatureTile {
    width: usize,
    /// `None` where the slide could not be read or was not scanned.
    places: Vec<Option<[f32; FEATURES]>>,
}

impl FeatureTile {
    /// The features of a place of the tile.
    pub(super) fn at(&self, column: usize, row: usize) -> Option<&[f32; FEATURES]> {
        self.places[row * self.width + column].as_ref()
    }

    /// Reads and describes a rectangle of overview pixels.
    pub(super) fn read(slide: &RegionSlide<'_>, rect: LevelRect) -> Result<Self, CoreError> {
        let halo = i64::from(HALO);
        let fold = FOLD as i64;
        let big = LevelRect {
            x: rect.x - halo,
            y: rect.y - halo,
            width: rect.width + 2 * HALO,
            height: rect.height + 2 * HALO,
        };
        let request = MppRequest {
            rect: LevelRect {
                x: big.x * fold,
                y: big.y * fold,
                width: big.width * FOLD as u32,
                height: big.height * FOLD as u32,
            },
            mpp: MicronsPerPixel::new(PIXEL_UM).ok_or(CoreError::NoLevels)?,
            slide_mpp: slide.seen.slide_mpp,
        };
        let mut rgb = RgbBuffer::new();
        let region = read_at_mpp(slide.reader, &request, &mut rgb)?;
        let (columns, rows) = (big.width as usize, big.height as usize);
        let mut seen = vec![true; columns * rows];
        for gap in &region.gaps {
            let from = |v: i64| (v / fold).max(0) as usize;
            let to = |v: i64, most: usize| ((v + fold - 1) / fold).clamp(0, most as i64) as usize;
            for y in from(gap.rect.y)..to(gap.rect.bottom(), rows) {
                let line = y * columns;
                seen[line + from(gap.rect.x)..line + to(gap.rect.right(), columns)].fill(false);
            }
        }
        let middle = |start: i64, length: u32, all: u32| {
            ((start as f64 + f64::from(length) / 2.0) / f64::from(all.max(1))).clamp(0.0, 1.0)
        };
        let (wide, high) = slide.size();
        let white = slide.seen.white.at(
            middle(rect.x, rect.width, wide),
            middle(rect.y, rect.height, high),
        );
        let sums = sums(&rgb, &Deconvolver::new(slide.seen.vectors, white), columns);
        let mut tile = Self {
            width: rect.width as usize,
            places: vec![Some([0.0; FEATURES]); rect.width as usize * rect.height as usize],
        };
        for (s, half) in SCALES.into_iter().enumerate() {
            tile.add_scale(&sums, &seen, columns, (s, half));
        }
        Ok(tile)
    }

    /// Averages over a square of places, those that could not be read left out.
    fn add_scale(
        &mut self,
        sums: &[Sums],
        seen: &[bool],
        columns: usize,
        (scale, half): (usize, usize),
    ) {
        let halo = HALO as usize;
        let rows = sums.len() / columns;
        // Along each row first, then down the columns.
        let mut along = vec![([0.0_f32; SUMS], 0.0_f32); sums.len()];
        for y in 0..rows {
            for x in halo..columns - halo {
                let slot = &mut along[y * columns + x];
                for at in y * columns + x - half..=y * columns + x + half {
                    if seen[at] {
                        slot.1 += 1.0;
                        for (total, value) in slot.0.iter_mut().zip(sums[at]) {
                            *total += value;
                        }
                    }
                }
            }
        }
        for y in halo..rows - halo {
            for x in halo..columns - halo {
                let place = &mut self.places[(y - halo) * self.width + x - halo];
                if !seen[y * columns + x] {
                    *place = None;
                    continue;
                }
                let (mut total, mut n) = ([0.0_f32; SUMS], 0.0_f32);
                for row in y - half..=y + half {
                    let (sum, count) = &along[row * columns + x];
                    n += count;
                    for (total, value) in total.iter_mut().zip(sum) {
                        *total += value;
                    }
                }
                if let Some(features) = place {
                    let described = describe(&total, n);
                    features[scale * NAMES.len()..][..NAMES.len()].copy_from_slice(&described);
                }
            }
        }
    }
}

/// The features of one scale from sums over `n` places.
fn describe(sums: &Sums, n: f32) -> [f32; NAMES.len()] {
    let pixels = n.max(1.0) * (FOLD * FOLD) as f32;
    let [h, d, r, h2, d2, nucleus, glass, xx, yy, xy] = sums.map(|sum| sum / pixels);
    let spread = |square: f32, mean: f32| (square - mean * mean).max(0.0).sqrt();
    let energy = xx + yy;
    // 1 where all edges run one way, as in bundles of fibres; 0 where they run every way.
    let coherence = ((xx - yy) * (xx - yy) + 4.0 * xy * xy).sqrt() / energy.max(1e-6);
    [
        h,
        d,
        r,
        spread(h2, h),
        spread(d2, d),
        nucleus,
        glass,
        energy.sqrt(),
        coherence,
    ]
}

/// The sums of each place of a picture.
fn sums(rgb: &RgbBuffer, deconvolver: &Deconvolver, columns: usize) -> Vec<Sums> {
    let (width, height) = (rgb.width() as usize, rgb.height() as usize);
    let mut stains = vec![[0.0_f32; 4]; width * height];
    for y in 0..height {
        let line = &mut stains[y * width..][..width];
        for (out, pixel) in line.iter_mut().zip(rgb.row(y as u32).chunks_exact(3)) {
            let pixel = [pixel[0], pixel[1], pixel[2]];
            let [h, d, r] = deconvolver.pixel(pixel);
            let density = (0..3)
                .map(|c| deconvolver.density_of(c, pixel[c]))
                .sum::<f32>()
                / 3.0;
            *out = [h, d, r, density];
        }
    }
    let mut sums = vec![[0.0_f32; SUMS]; columns * (height / FOLD)];
    for y in 0..height {
        for x in 0..width {
            let [h, d, r, density] = stains[y * width + x];
            let gx = stains[y * width + (x + 1).min(width - 1)][3] - density;
            let gy = stains[(y + 1).min(height - 1) * width + x][3] - density;
            let values = [
                h,
                d,
                r,
                h * h,
                d * d,
                f32::from(u8::from(h > NUCLEUS_OD)),
                f32::from(u8::from(density < GLASS_OD)),
                gx * gx,
                gy * gy,
                gx * gy,
            ];
            let place = &mut sums[y / FOLD * columns + x / FOLD];
            for (sum, value) in place.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }
    sums
}
