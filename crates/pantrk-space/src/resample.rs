//! Regions at a fixed pixel size, whatever the levels of the file.
//!
//! The output grid is anchored at the slide's origin: pixel (i, j) at `mpp` covers the slide area from (i, j) x `mpp` to (i + 1, j + 1) x `mpp`, so that any cut into patches samples the same places.
//! Each output pixel is the area-weighted mean of what it covers (linear interpolation where the file is coarser than asked).

use crate::{
    Gap, LevelIndex, LevelRect, LevelSize, MicronsPerPixel, ReadError, RegionReader, RgbBuffer,
    SlideMpp, SlidePoint,
};

/// A rectangle of the grid at a fixed pixel size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MppRequest {
    /// In pixels of `mpp`, from the slide's origin.
    pub rect: LevelRect,
    /// The pixel size wanted.
    pub mpp: MicronsPerPixel,
    /// The pixel size of level 0: the reader's, or what the user gave instead.
    pub slide_mpp: SlideMpp,
}

impl MppRequest {
    /// Level-0 pixels per output pixel along x and y.
    pub fn scale(&self) -> (f64, f64) {
        (
            self.mpp.get() / self.slide_mpp.x.get(),
            self.mpp.get() / self.slide_mpp.y.get(),
        )
    }

    /// Where a place of the output (pixels, fractional) lies on the slide.
    pub fn slide_from_output(&self, x: f64, y: f64) -> SlidePoint {
        let (sx, sy) = self.scale();
        SlidePoint {
            x: (self.rect.x as f64 + x) * sx,
            y: (self.rect.y as f64 + y) * sy,
        }
    }
}

/// What came with the pixels of an [`MppRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct MppRegion {
    /// The level that was read.
    pub level: LevelIndex,
    /// Places without the slide's pixels, in output pixels relative to the request's corner; every output pixel that touches a gap is inside one.
    pub gaps: Vec<Gap>,
}

/// How the pixels of one axis of a source make up those of the output.
#[derive(Debug, Default)]
pub struct Axis {
    /// For each output pixel, the first source pixel and where its weights start and end.
    starts: Vec<(usize, usize, usize)>,
    weights: Vec<f32>,
}

impl Axis {
    /// Output pixels.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is no output pixel.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// For each output pixel, its first source pixel and the weights from there on, which sum to 1.
    pub fn taps(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.starts
            .iter()
            .map(|&(first, from, to)| (first, &self.weights[from..to]))
    }
}

/// The pixels of a level behind an [`MppRequest`], for those who need them before they are averaged.
///
/// What is not linear in the light, such as optical density, must be taken from these: the density of a mean is less than the mean of densities.
#[derive(Debug, Clone, PartialEq)]
pub struct MppSource {
    /// The level that was read.
    pub level: LevelIndex,
    /// Places without the slide's pixels, in pixels of the source.
    pub gaps: Vec<Gap>,
    request: MppRequest,
    rect: LevelRect,
    scale: (f64, f64),
}

impl MppSource {
    /// Source pixels per output pixel along x and y.
    pub fn scale(&self) -> (f64, f64) {
        self.scale
    }

    /// What was asked for.
    pub fn request(&self) -> &MppRequest {
        &self.request
    }

    /// Whether source and output are the same pixels.
    pub fn is_output(&self) -> bool {
        is_one(self.scale.0) && is_one(self.scale.1)
    }

    /// Whether each output pixel is made of 2 x 2 source pixels.
    pub fn is_halved(&self) -> bool {
        is_two(self.scale.0) && is_two(self.scale.1)
    }

    /// How source columns and rows make up the output's.
    pub fn axes(&self, source: &RgbBuffer) -> (Axis, Axis) {
        let rect = self.request.rect;
        let (width, height) = (source.width() as usize, source.height() as usize);
        (
            axis(rect.x, rect.width, self.scale.0, self.rect.x, width),
            axis(rect.y, rect.height, self.scale.1, self.rect.y, height),
        )
    }

    /// Averages the source's pixels to the output's.
    pub fn resample(&self, source: &RgbBuffer, out: &mut RgbBuffer) {
        if self.is_output() {
            out.clone_from(source);
            return;
        }
        let rect = self.request.rect;
        out.reset(
            LevelSize {
                width: rect.width,
                height: rect.height,
            },
            [255; 3],
        );
        if self.is_halved() {
            halve(source, out);
        } else {
            let (x_axis, y_axis) = self.axes(source);
            resample(source, &x_axis, &y_axis, out);
        }
    }

    /// The gaps in output pixels; every output pixel that touches one is inside it.
    pub fn output_gaps(&self) -> Vec<Gap> {
        if self.is_output() {
            return self.gaps.clone();
        }
        let (ax, ay) = self.scale;
        let gaps = self.gaps.iter().cloned().filter_map(|mut gap| {
            gap.rect.x += self.rect.x;
            gap.rect.y += self.rect.y;
            scaled(gap, self.request.rect, ax, ay)
        });
        gaps.collect()
    }
}

/// Where the pixels behind a request lie.
///
/// The level is the coarsest that still has `oversampling` pixels per output pixel along each axis, or the finest there is.
fn locate(
    reader: &dyn RegionReader,
    request: &MppRequest,
    oversampling: f64,
) -> Result<MppSource, ReadError> {
    let (sx, sy) = request.scale();
    let level = reader.best_level_for(sx.min(sy) / oversampling);
    let info = reader
        .levels()
        .get(level.0)
        .ok_or_else(|| ReadError::new("the slide has no levels"))?;
    let (size0, size) = (reader.size(), info.size);
    // The two axes of a level may be scaled by slightly different, non-integral factors.
    let ax = sx * f64::from(size.width) / f64::from(size0.width.max(1));
    let ay = sy * f64::from(size.height) / f64::from(size0.height.max(1));
    let (ax, ay) = (snap(ax), snap(ay));

    let rect = request.rect;
    let (left, right) = source_span(rect.x, rect.width, ax);
    let (top, bottom) = source_span(rect.y, rect.height, ay);
    Ok(MppSource {
        level,
        gaps: Vec::new(),
        request: *request,
        rect: LevelRect {
            x: left,
            y: top,
            width: (right - left) as u32,
            height: (bottom - top) as u32,
        },
        scale: (ax, ay),
    })
}

/// Reads the pixels behind a region at a fixed pixel size into `source`, before they are averaged: where the slide has them, at half that pixel size or finer, for a level of the file is an average already.
///
/// # Errors
/// Those of [`RegionReader::read_region`].
pub fn read_source(
    reader: &dyn RegionReader,
    request: &MppRequest,
    source: &mut RgbBuffer,
) -> Result<MppSource, ReadError> {
    read_located(reader, locate(reader, request, 2.0)?, source)
}

fn read_located(
    reader: &dyn RegionReader,
    mut place: MppSource,
    source: &mut RgbBuffer,
) -> Result<MppSource, ReadError> {
    let gaps = reader.read_region(place.level, place.rect, source)?;
    place.gaps = gaps
        .into_iter()
        .map(|gap| shifted(gap, place.rect))
        .collect();
    Ok(place)
}

/// Reads a region at a fixed pixel size into `out`.
///
/// # Errors
/// Those of [`RegionReader::read_region`].
pub fn read_at_mpp(
    reader: &dyn RegionReader,
    request: &MppRequest,
    out: &mut RgbBuffer,
) -> Result<MppRegion, ReadError> {
    let place = locate(reader, request, 1.0)?;
    if place.is_output() {
        let place = read_located(reader, place, out)?;
        return Ok(MppRegion {
            level: place.level,
            gaps: place.gaps,
        });
    }
    let mut source = RgbBuffer::new();
    let place = read_located(reader, place, &mut source)?;
    place.resample(&source, out);
    Ok(MppRegion {
        level: place.level,
        gaps: place.output_gaps(),
    })
}

/// Scales that differ from a whole number only by rounding become that number; the grid must not drift over a slide.
fn snap(scale: f64) -> f64 {
    let whole = scale.round();
    // Over the 100,000 pixels of a large slide, 1e-7 is a hundredth of a pixel.
    if whole >= 1.0 && (scale - whole).abs() < 1e-7 * whole {
        whole
    } else {
        scale
    }
}

fn is_one(scale: f64) -> bool {
    (scale - 1.0).abs() < f64::EPSILON
}

fn is_two(scale: f64) -> bool {
    (scale - 2.0).abs() < f64::EPSILON
}

fn source_span(start: i64, length: u32, scale: f64) -> (i64, i64) {
    let from = start as f64 * scale;
    let to = (start as f64 + f64::from(length)) * scale;
    if scale < 1.0 {
        // Linear interpolation looks at the neighbours of each output centre.
        (
            (from + scale / 2.0 - 0.5).floor() as i64,
            (to - scale / 2.0 + 0.5).floor() as i64 + 1,
        )
    } else {
        // The tiny inset keeps 2.0000000001 from asking for one column more.
        ((from + 1e-9).floor() as i64, (to - 1e-9).ceil() as i64)
    }
}

fn axis(start: i64, length: u32, scale: f64, source_start: i64, source_length: usize) -> Axis {
    let mut axis = Axis::default();
    let last = source_length.saturating_sub(1);
    for i in 0..i64::from(length) {
        let offset = axis.weights.len();
        let first;
        if scale < 1.0 {
            let centre = ((start + i) as f64 + 0.5) * scale - 0.5 - source_start as f64;
            let low = centre.floor().clamp(0.0, last as f64) as usize;
            let t = (centre - low as f64).clamp(0.0, 1.0) as f32;
            first = low;
            axis.weights.push(1.0 - t);
            if low < last {
                axis.weights.push(t);
            }
        } else {
            let from = (start + i) as f64 * scale - source_start as f64;
            let to = from + scale;
            first = (from + 1e-9).floor().clamp(0.0, last as f64) as usize;
            let end = ((to - 1e-9).ceil().max(1.0) as usize).clamp(first + 1, source_length.max(1));
            for s in first..end {
                let overlap = to.min(s as f64 + 1.0) - from.max(s as f64);
                axis.weights.push(overlap.max(0.0) as f32);
            }
        }
        let weights = &mut axis.weights[offset..];
        let sum: f32 = weights.iter().sum();
        for w in weights {
            *w /= sum;
        }
        axis.starts.push((first, offset, axis.weights.len()));
    }
    axis
}

fn resample(source: &RgbBuffer, x_axis: &Axis, y_axis: &Axis, out: &mut RgbBuffer) {
    let stride = out.width() as usize * 3;
    // Rows of the source, already at the output's width; each is made once.
    let mut rows = vec![0.0_f32; stride * source.height() as usize];
    for (y, row) in rows.chunks_exact_mut(stride.max(1)).enumerate() {
        let input = source.row(y as u32);
        for (pixel, &(first, from, to)) in row.chunks_exact_mut(3).zip(&x_axis.starts) {
            let mut sum = [0.0_f32; 3];
            for (rgb, &w) in input[first * 3..]
                .chunks_exact(3)
                .zip(&x_axis.weights[from..to])
            {
                for (total, &value) in sum.iter_mut().zip(rgb) {
                    *total += f32::from(value) * w;
                }
            }
            pixel.copy_from_slice(&sum);
        }
    }
    let mut sums = vec![0.0_f32; stride];
    for (y, &(first, from, to)) in y_axis.starts.iter().enumerate() {
        sums.fill(0.0);
        for (row, &w) in rows[first * stride..]
            .chunks_exact(stride)
            .zip(&y_axis.weights[from..to])
        {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += value * w;
            }
        }
        for (byte, &sum) in out.row_mut(y as u32).iter_mut().zip(&sums) {
            *byte = (sum + 0.5) as u8;
        }
    }
}

/// The mean of each 2 x 2 block, rounded half up.
fn halve(source: &RgbBuffer, out: &mut RgbBuffer) {
    // Two rows are added byte by byte, which is a whole vector at a time, before pixels are looked at.
    let mut sums = vec![0_u16; source.width() as usize * 3];
    for y in 0..out.height() {
        let rows = source.row(y * 2).iter().zip(source.row(y * 2 + 1));
        for (sum, (&top, &bottom)) in sums.iter_mut().zip(rows) {
            *sum = u16::from(top) + u16::from(bottom);
        }
        let (pixels, _) = out.row_mut(y).as_chunks_mut::<3>();
        let (pairs, _) = sums.as_chunks::<6>();
        for (pixel, pair) in pixels.iter_mut().zip(pairs) {
            let mean = |c: usize| ((u32::from(pair[c]) + u32::from(pair[c + 3]) + 2) >> 2) as u8;
            *pixel = [mean(0), mean(1), mean(2)];
        }
    }
}

fn shifted(mut gap: Gap, origin: LevelRect) -> Gap {
    gap.rect.x -= origin.x;
    gap.rect.y -= origin.y;
    gap
}

fn scaled(mut gap: Gap, rect: LevelRect, ax: f64, ay: f64) -> Option<Gap> {
    let grow = |start: i64, length: u32, scale: f64, origin: i64| {
        let pad = if scale < 1.0 { 1.0 } else { 0.0 };
        let from = ((start as f64 - pad) / scale).floor() as i64 - origin;
        let to = ((start as f64 + f64::from(length) + pad) / scale).ceil() as i64 - origin;
        (from, (to - from).max(0) as u32)
    };
    let (x, width) = grow(gap.rect.x, gap.rect.width, ax, rect.x);
    let (y, height) = grow(gap.rect.y, gap.rect.height, ay, rect.y);
    let whole = LevelRect { x: 0, y: 0, ..rect };
    gap.rect = LevelRect {
        x,
        y,
        width,
        height,
    }
    .intersection(&whole)?;
    Some(gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Downsample, GapKind, Level};

    /// One level whose pixels are a ramp, so that positions can be read off colours.
    struct Ramp {
        levels: Vec<Level>,
    }

    impl Ramp {
        fn new(width: u32, height: u32) -> Self {
            Self {
                levels: vec![Level {
                    size: LevelSize { width, height },
                    downsample: Downsample::ONE,
                    tile: None,
                }],
            }
        }
    }

    impl RegionReader for Ramp {
        fn levels(&self) -> &[Level] {
            &self.levels
        }

        fn mpp(&self) -> Option<SlideMpp> {
            None
        }

        fn read_region(
            &self,
            _level: LevelIndex,
            rect: LevelRect,
            out: &mut RgbBuffer,
        ) -> Result<Vec<Gap>, ReadError> {
            out.reset(
                LevelSize {
                    width: rect.width,
                    height: rect.height,
                },
                [255; 3],
            );
            for y in 0..rect.height {
                for (x, pixel) in out.row_mut(y).chunks_exact_mut(3).enumerate() {
                    let sx = rect.x + x as i64;
                    let sy = rect.y + i64::from(y);
                    pixel.copy_from_slice(&[sx.clamp(0, 255) as u8, sy.clamp(0, 255) as u8, 0]);
                }
            }
            let inside = LevelRect::of_size(self.size());
            let gap = (rect.right() > inside.right()).then(|| Gap {
                rect: LevelRect {
                    x: inside.right(),
                    y: rect.y,
                    width: (rect.right() - inside.right()) as u32,
                    height: rect.height,
                },
                kind: GapKind::OutsideSlide,
            });
            Ok(gap.into_iter().collect())
        }
    }

    fn request(x: i64, width: u32, slide_mpp: f64) -> MppRequest {
        MppRequest {
            rect: LevelRect {
                x,
                y: 0,
                width,
                height: 4,
            },
            mpp: MicronsPerPixel::new(0.5).unwrap(),
            slide_mpp: SlideMpp::square(MicronsPerPixel::new(slide_mpp).unwrap()),
        }
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        let mut out = RgbBuffer::new();
        read_at_mpp(&Ramp::new(200, 200), &request(10, 8, 0.25), &mut out).unwrap();
        // Output pixel 10 covers source columns 20 and 21: mean 20.5, rounded up.
        assert_eq!(out.pixel(0, 0), [21, 1, 0]);
        assert_eq!(out.pixel(7, 3), [35, 7, 0]);
    }

    #[test]
    fn any_cut_samples_the_same_places() {
        for mpp in [0.2282, 0.499, 0.25, 0.5, 0.75] {
            let ramp = Ramp::new(250, 250);
            let (mut whole, mut part) = (RgbBuffer::new(), RgbBuffer::new());
            read_at_mpp(&ramp, &request(0, 60, mpp), &mut whole).unwrap();
            read_at_mpp(&ramp, &request(37, 20, mpp), &mut part).unwrap();
            for x in 0..20 {
                let (a, b) = (whole.pixel(37 + x, 2), part.pixel(x, 2));
                assert!(
                    a.iter().zip(b).all(|(&a, b)| a.abs_diff(b) <= 1),
                    "{mpp} at {x}: {a:?} {b:?}"
                );
            }
        }
    }

    #[test]
    fn positions_are_kept_at_odd_scales() {
        // The centre of output pixel i lies at source (i + 0.5) * s, whose ramp value is that minus 0.5.
        for mpp in [0.2282, 0.3, 0.499, 0.7] {
            let mut out = RgbBuffer::new();
            read_at_mpp(&Ramp::new(250, 250), &request(20, 40, mpp), &mut out).unwrap();
            let scale = 0.5 / mpp;
            for x in 0..40_u32 {
                let wanted = (20.0 + f64::from(x) + 0.5) * scale - 0.5;
                let found = f64::from(out.pixel(x, 0)[0]);
                assert!(
                    (found - wanted).abs() <= 0.51,
                    "{mpp} at {x}: {found} for {wanted}"
                );
            }
        }
    }

    #[test]
    fn a_gap_covers_every_pixel_it_touches() {
        let mut out = RgbBuffer::new();
        let region = read_at_mpp(&Ramp::new(101, 101), &request(40, 20, 0.25), &mut out).unwrap();
        // Output pixel 50 covers columns 100 (inside) and 101 (outside): it is in the gap.
        assert_eq!(region.gaps.len(), 1);
        assert_eq!(region.gaps[0].rect.x, 10);
        assert_eq!(region.gaps[0].rect.right(), 20);
    }
}
