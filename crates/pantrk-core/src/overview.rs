//! The whole slide at about 8 um per pixel: where tissue, white point, background and quality are judged.

use pantrk_space::{
    Gap, LevelRect, LevelSize, MicronsPerPixel, MppRequest, RegionReader, RgbBuffer, SlideMpp,
    SlidePoint, read_at_mpp,
};
use rayon::prelude::*;

use crate::CoreError;
use crate::stain::WhitePoint;

/// The overview's pixel size in micrometres.
pub const OVERVIEW_MPP: f64 = 8.0;
/// Small pictures are read in blocks of at most this many level-0 pixels a side, so that a file with one level needs no buffer of the whole slide.
const BLOCK_PX: f64 = 2048.0;

/// What an overview pixel stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    Slide,
    NotScanned,
    Unreadable,
}

/// The slide at [`OVERVIEW_MPP`].
#[derive(Debug, Clone)]
pub struct Overview {
    /// Its pixels; those that are not the slide's are white or magenta and [`Overview::is_slide`] is false there.
    pub rgb: RgbBuffer,
    cover: Vec<Cover>,
    slide_mpp: SlideMpp,
}

impl Overview {
    /// Reads it, block by block in parallel.
    ///
    /// # Errors
    /// If the reader fails as a whole; single unreadable tiles are only marked.
    pub fn read(reader: &dyn RegionReader, slide_mpp: SlideMpp) -> Result<Self, CoreError> {
        let mpp = MicronsPerPixel::new(OVERVIEW_MPP).ok_or(CoreError::NoLevels)?;
        let (rgb, gaps) = read_small(reader, slide_mpp, mpp)?;
        let width = rgb.width() as usize;
        let mut cover = vec![Cover::Slide; width * rgb.height() as usize];
        for gap in gaps {
            let kind = if gap.is_unreadable() {
                Cover::Unreadable
            } else {
                Cover::NotScanned
            };
            for y in gap.rect.y..gap.rect.bottom() {
                let line = y as usize * width;
                cover[line + gap.rect.x as usize..line + gap.rect.right() as usize].fill(kind);
            }
        }
        Ok(Self {
            rgb,
            cover,
            slide_mpp,
        })
    }

    /// How many pixels it has.
    pub fn pixels(&self) -> usize {
        self.cover.len()
    }

    /// Whether the pixel shows the slide.
    pub fn is_slide(&self, x: u32, y: u32) -> bool {
        self.cover_at(x, y) == Cover::Slide
    }

    /// Whether the file should hold this place but it could not be read at the overview's level.
    pub fn is_unreadable(&self, x: u32, y: u32) -> bool {
        self.cover_at(x, y) == Cover::Unreadable
    }

    fn cover_at(&self, x: u32, y: u32) -> Cover {
        self.cover[y as usize * self.rgb.width() as usize + x as usize]
    }

    /// The pixel size of level 0.
    pub fn slide_mpp(&self) -> SlideMpp {
        self.slide_mpp
    }

    /// Lights every place as the slide's mean glass is lit, so that one white point fits all of it.
    pub fn flatten(&mut self, white: &WhitePoint) {
        let Some(drift) = white.drift else {
            return;
        };
        let (width, height) = (self.rgb.width(), self.rgb.height());
        for y in 0..height {
            for x in 0..width {
                if self.cover_at(x, y) != Cover::Slide {
                    continue;
                }
                let share = |v: u32, extent: u32| (f64::from(v) + 0.5) / f64::from(extent);
                let here = drift.at(share(x, width), share(y, height));
                let at = x as usize * 3;
                let pixel = &mut self.rgb.row_mut(y)[at..at + 3];
                for (value, (here, mean)) in pixel.iter_mut().zip(here.iter().zip(white.rgb)) {
                    *value = (f64::from(*value) * mean / here).round().clamp(0.0, 255.0) as u8;
                }
            }
        }
    }

    /// The area of one pixel in mm2.
    pub fn pixel_mm2(&self) -> f64 {
        OVERVIEW_MPP * OVERVIEW_MPP / 1e6
    }

    /// The overview pixel that holds a place on the slide; clamped to the edge.
    pub fn pixel_at(&self, point: SlidePoint) -> (u32, u32) {
        let x = point.x * self.slide_mpp.x.get() / OVERVIEW_MPP;
        let y = point.y * self.slide_mpp.y.get() / OVERVIEW_MPP;
        (
            (x.max(0.0) as u32).min(self.rgb.width().saturating_sub(1)),
            (y.max(0.0) as u32).min(self.rgb.height().saturating_sub(1)),
        )
    }

    /// Level-0 pixels per overview pixel along x and y.
    pub fn slide_scale(&self) -> (f64, f64) {
        (
            OVERVIEW_MPP / self.slide_mpp.x.get(),
            OVERVIEW_MPP / self.slide_mpp.y.get(),
        )
    }
}

/// The whole slide at a coarse pixel size, read block by block in parallel; gaps are in the picture's pixels.
///
/// # Errors
/// If the reader fails as a whole; single unreadable tiles are gaps.
pub fn read_small(
    reader: &dyn RegionReader,
    slide_mpp: SlideMpp,
    mpp: MicronsPerPixel,
) -> Result<(RgbBuffer, Vec<Gap>), CoreError> {
    let size = reader.size();
    let extent = |pixels: u32, slide: MicronsPerPixel| {
        (f64::from(pixels) * slide.get() / mpp.get())
            .ceil()
            .max(1.0) as u32
    };
    let width = extent(size.width, slide_mpp.x);
    let height = extent(size.height, slide_mpp.y);
    let finest = slide_mpp.x.get().min(slide_mpp.y.get());
    let block = (BLOCK_PX * finest / mpp.get()).floor().clamp(1.0, BLOCK_PX) as u32;
    let (columns, rows) = (width.div_ceil(block), height.div_ceil(block));
    let blocks: Vec<_> = (0..u64::from(columns) * u64::from(rows))
        .into_par_iter()
        .map(|i| {
            let column = (i % u64::from(columns)) as u32;
            let row = (i / u64::from(columns)) as u32;
            let (x, y) = (column * block, row * block);
            let request = MppRequest {
                rect: LevelRect {
                    x: i64::from(x),
                    y: i64::from(y),
                    width: block.min(width - x),
                    height: block.min(height - y),
                },
                mpp,
                slide_mpp,
            };
            let mut rgb = RgbBuffer::new();
            let region = read_at_mpp(reader, &request, &mut rgb)?;
            Ok((x, y, rgb, region.gaps))
        })
        .collect::<Result<_, CoreError>>()?;
    let mut picture = RgbBuffer::filled(LevelSize { width, height }, [255; 3]);
    let mut all = Vec::new();
    for (x, y, rgb, gaps) in blocks {
        for row in 0..rgb.height() {
            let from = x as usize * 3;
            let line = rgb.row(row);
            picture.row_mut(y + row)[from..from + line.len()].copy_from_slice(line);
        }
        all.extend(gaps.into_iter().map(|mut gap| {
            gap.rect.x += i64::from(x);
            gap.rect.y += i64::from(y);
            gap
        }));
    }
    Ok((picture, all))
}

/// A yes or no per overview pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    width: u32,
    height: u32,
    bits: Vec<bool>,
}

impl Mask {
    /// All the same.
    pub fn filled(width: u32, height: u32, value: bool) -> Self {
        Self {
            width,
            height,
            bits: vec![value; width as usize * height as usize],
        }
    }

    /// From a rule over places.
    pub fn from_fn(width: u32, height: u32, mut rule: impl FnMut(u32, u32) -> bool) -> Self {
        let mut mask = Self::filled(width, height, false);
        for y in 0..height {
            for x in 0..width {
                mask.bits[y as usize * width as usize + x as usize] = rule(x, y);
            }
        }
        mask
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The value at a place; `false` outside.
    pub fn get(&self, x: u32, y: u32) -> bool {
        x < self.width
            && y < self.height
            && self.bits[y as usize * self.width as usize + x as usize]
    }

    /// How many are set.
    pub fn count(&self) -> usize {
        self.bits.iter().filter(|&&b| b).count()
    }

    /// Set where both are set and, with `keep` false, where only this one is.
    #[must_use]
    pub fn and(&self, other: &Self, keep: bool) -> Self {
        let bits = self.bits.iter().zip(&other.bits);
        Self {
            bits: bits.map(|(&a, &b)| a && b == keep).collect(),
            ..*self
        }
    }

    /// Set where either is set.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let bits = self.bits.iter().zip(&other.bits);
        Self {
            bits: bits.map(|(&a, &b)| a || b).collect(),
            ..*self
        }
    }

    /// Grown by `radius` pixels (a square).
    #[must_use]
    pub fn dilated(&self, radius: u32) -> Self {
        self.filtered(radius, true)
    }

    /// Shrunk by `radius` pixels (a square); the outside does not shrink it.
    #[must_use]
    pub fn eroded(&self, radius: u32) -> Self {
        self.filtered(radius, false)
    }

    /// Whether any (`value` true) or every (`value` false) pixel of the square is set, one axis after the other.
    fn filtered(&self, radius: u32, value: bool) -> Self {
        let (w, h) = (self.width as usize, self.height as usize);
        let r = radius as usize;
        let pass = |bits: &[bool], along_x: bool| {
            let mut out = vec![!value; w * h];
            let (lines, length, step, line_step) =
                if along_x { (h, w, 1, w) } else { (w, h, w, 1) };
            for line in 0..lines {
                let base = line * line_step;
                // The end of the reach of the last pixel of `value` seen.
                let mut reach = 0_usize;
                for i in 0..length + r {
                    if i < length && bits[base + i * step] == value {
                        reach = i + r + 1;
                        for back in i.saturating_sub(r)..i {
                            out[base + back * step] = value;
                        }
                    }
                    if i < length && i < reach {
                        out[base + i * step] = value;
                    }
                }
            }
            out
        };
        let bits = pass(&pass(&self.bits, true), false);
        Self { bits, ..*self }
    }

    /// The 8-connected pieces that hold a pixel of `seeds`.
    #[must_use]
    pub fn connected_to(&self, seeds: &Self) -> Self {
        let (w, h) = (self.width as usize, self.height as usize);
        let mut bits = vec![false; w * h];
        let starts = (0..w * h).filter(|&at| self.bits[at] && seeds.bits[at]);
        let mut stack: Vec<usize> = starts.collect();
        for &at in &stack {
            bits[at] = true;
        }
        while let Some(at) = stack.pop() {
            let (x, y) = (at % w, at / w);
            for v in y.saturating_sub(1)..(y + 2).min(h) {
                for u in x.saturating_sub(1)..(x + 2).min(w) {
                    let next = v * w + u;
                    if self.bits[next] && !bits[next] {
                        bits[next] = true;
                        stack.push(next);
                    }
                }
            }
        }
        Self { bits, ..*self }
    }

    /// Without 4-connected pieces of `value` smaller than `pixels`.
    #[must_use]
    pub fn without_small(&self, value: bool, pixels: usize) -> Self {
        let (w, h) = (self.width as usize, self.height as usize);
        let mut out = self.clone();
        let mut seen = vec![false; w * h];
        let (mut stack, mut piece) = (Vec::new(), Vec::new());
        for start in 0..w * h {
            if seen[start] || self.bits[start] != value {
                continue;
            }
            piece.clear();
            stack.push(start);
            seen[start] = true;
            while let Some(at) = stack.pop() {
                piece.push(at);
                let (x, y) = (at % w, at / w);
                let neighbours = [
                    (x > 0).then(|| at - 1),
                    (x + 1 < w).then_some(at + 1),
                    (y > 0).then(|| at - w),
                    (y + 1 < h).then_some(at + w),
                ];
                for next in neighbours.into_iter().flatten() {
                    if !seen[next] && self.bits[next] == value {
                        seen[next] = true;
                        stack.push(next);
                    }
                }
            }
            if piece.len() < pixels {
                for &at in &piece {
                    out.bits[at] = !value;
                }
            }
        }
        out
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An overview painted by a rule, without a slide.
    pub(crate) fn overview_from(
        width: u32,
        height: u32,
        colour: impl Fn(u32, u32) -> [u8; 3],
    ) -> Overview {
        let mut rgb = RgbBuffer::filled(LevelSize { width, height }, [255; 3]);
        for y in 0..height {
            for (x, pixel) in rgb.row_mut(y).chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&colour(x as u32, y));
            }
        }
        Overview {
            rgb,
            cover: vec![Cover::Slide; (width * height) as usize],
            slide_mpp: SlideMpp::square(MicronsPerPixel::new(0.25).unwrap()),
        }
    }

    #[test]
    fn growing_and_shrinking_match_their_definition() {
        let mask = Mask::from_fn(23, 17, |x, y| (x * 7 + y * 13) % 11 == 0);
        for radius in 0..4_u32 {
            let window = |x: u32, y: u32| {
                let (x0, x1) = (x.saturating_sub(radius), (x + radius).min(22));
                let (y0, y1) = (y.saturating_sub(radius), (y + radius).min(16));
                (y0..=y1).flat_map(move |v| (x0..=x1).map(move |u| (u, v)))
            };
            let grown = Mask::from_fn(23, 17, |x, y| window(x, y).any(|(u, v)| mask.get(u, v)));
            assert_eq!(mask.dilated(radius), grown, "radius {radius}");
            let shrunk = Mask::from_fn(23, 17, |x, y| window(x, y).all(|(u, v)| grown.get(u, v)));
            assert_eq!(grown.eroded(radius), shrunk, "radius {radius}");
        }
    }

    #[test]
    fn pieces_that_hold_a_seed_stay() {
        let mask = Mask::from_fn(20, 10, |x, y| (x < 5 && y < 5) || (x == y && x > 6));
        let seed = Mask::from_fn(20, 10, |x, y| (x, y) == (9, 9) || (x, y) == (15, 1));
        let found = mask.connected_to(&seed);
        assert_eq!(found.count(), 3);
        assert!(found.get(7, 7) && !found.get(0, 0));
    }

    #[test]
    fn small_pieces_go() {
        let mask = Mask::from_fn(20, 10, |x, y| (x < 5 && y < 5) || (x == 10 && y == 5));
        let clean = mask.without_small(true, 4);
        assert_eq!(clean.count(), 25);
        assert!(!clean.get(10, 5));
    }
}
