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
    /// Empty where every pixel is the slide's.
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
        let mut cover = Vec::new();
        if !gaps.is_empty() {
            cover.resize(width * rgb.height() as usize, Cover::Slide);
        }
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
        self.rgb.width() as usize * self.rgb.height() as usize
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
        let at = y as usize * self.rgb.width() as usize + x as usize;
        self.cover.get(at).copied().unwrap_or(Cover::Slide)
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

    /// Its pixels' places, without their colours.
    pub fn grid(&self) -> OverviewGrid {
        OverviewGrid {
            size: self.rgb.size(),
            slide_mpp: self.slide_mpp,
        }
    }
}

/// Where the overview's pixels lie on the slide: what is left of it when nobody looks at it any more.
#[derive(Debug, Clone, Copy)]
pub struct OverviewGrid {
    size: LevelSize,
    slide_mpp: SlideMpp,
}

impl OverviewGrid {
    /// The area of one pixel in mm2.
    pub fn pixel_mm2(&self) -> f64 {
        OVERVIEW_MPP * OVERVIEW_MPP / 1e6
    }

    /// The overview pixel that holds a place on the slide; clamped to the edge.
    pub fn pixel_at(&self, point: SlidePoint) -> (u32, u32) {
        let x = point.x * self.slide_mpp.x.get() / OVERVIEW_MPP;
        let y = point.y * self.slide_mpp.y.get() / OVERVIEW_MPP;
        (
            (x.max(0.0) as u32).min(self.size.width.saturating_sub(1)),
            (y.max(0.0) as u32).min(self.size.height.saturating_sub(1)),
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

/// A yes or no per overview pixel, one bit each: a large slide has ten million of them, and there are a dozen masks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    width: u32,
    height: u32,
    /// Row by row without gaps; the bits after the last pixel are clear.
    words: Vec<u64>,
}

impl Mask {
    /// All the same.
    pub fn filled(width: u32, height: u32, value: bool) -> Self {
        let pixels = width as usize * height as usize;
        let mut words = vec![if value { u64::MAX } else { 0 }; pixels.div_ceil(64)];
        if let (Some(last), used @ 1..) = (words.last_mut(), pixels % 64) {
            *last &= (1 << used) - 1;
        }
        Self {
            width,
            height,
            words,
        }
    }

    /// From a rule over places.
    pub fn from_fn(width: u32, height: u32, mut rule: impl FnMut(u32, u32) -> bool) -> Self {
        let mut mask = Self::filled(width, height, false);
        for y in 0..height {
            for x in 0..width {
                if rule(x, y) {
                    let at = mask.index(x, y);
                    mask.words[at / 64] |= 1 << (at % 64);
                }
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
        x < self.width && y < self.height && self.bit(self.index(x, y))
    }

    /// How many are set.
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// The bits, 64 pixels a word, row by row.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    fn index(&self, x: u32, y: u32) -> usize {
        y as usize * self.width as usize + x as usize
    }

    fn bit(&self, at: usize) -> bool {
        self.words[at / 64] >> (at % 64) & 1 == 1
    }

    /// Set where both are set and, with `keep` false, where only this one is.
    #[must_use]
    pub fn and(&self, other: &Self, keep: bool) -> Self {
        self.joined(other, |a, b| if keep { a & b } else { a & !b })
    }

    /// Set where either is set.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.joined(other, |a, b| a | b)
    }

    fn joined(&self, other: &Self, rule: impl Fn(u64, u64) -> u64) -> Self {
        let words = self.words.iter().zip(&other.words);
        Self {
            words: words.map(|(&a, &b)| rule(a, b)).collect(),
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
        if w == 0 || h == 0 {
            return self.clone();
        }
        // A byte a pixel while it lasts, so that whole vectors of neighbours are joined.
        let join = |out: &mut [u8], other: &[u8]| {
            for (out, &other) in out.iter_mut().zip(other) {
                *out |= other;
            }
        };
        let mut across = vec![0_u8; w * h];
        let mut row = vec![0_u8; w + 2 * r];
        for (y, out) in across.chunks_exact_mut(w).enumerate() {
            for (x, to) in row[r..r + w].iter_mut().enumerate() {
                *to = u8::from(self.bit(y * w + x) == value);
            }
            for shift in 0..=2 * r {
                join(out, &row[shift..shift + w]);
            }
        }
        let mut mask = Self::filled(self.width, self.height, false);
        let mut out = vec![0_u8; w];
        for y in 0..h {
            out.fill(0);
            for near in y.saturating_sub(r)..(y + r + 1).min(h) {
                join(&mut out, &across[near * w..][..w]);
            }
            for (at, &any) in (y * w..).zip(&out) {
                mask.words[at / 64] |= u64::from((any == 1) == value) << (at % 64);
            }
        }
        mask
    }

    /// The 8-connected pieces that hold a pixel of `seeds`.
    #[must_use]
    pub fn connected_to(&self, seeds: &Self) -> Self {
        let mut found = self.and(seeds, true);
        let (w, h) = (self.width as usize, self.height as usize);
        let mut stack: Vec<usize> = (0..w * h).filter(|&at| found.bit(at)).collect();
        while let Some(at) = stack.pop() {
            let (x, y) = (at % w, at / w);
            for v in y.saturating_sub(1)..(y + 2).min(h) {
                for u in x.saturating_sub(1)..(x + 2).min(w) {
                    let next = v * w + u;
                    if self.bit(next) && !found.bit(next) {
                        found.words[next / 64] |= 1 << (next % 64);
                        stack.push(next);
                    }
                }
            }
        }
        found
    }

    /// Without 4-connected pieces of `value` smaller than `pixels`.
    #[must_use]
    pub fn without_small(&self, value: bool, pixels: usize) -> Self {
        let (w, h) = (self.width as usize, self.height as usize);
        let mut out = self.clone();
        let mut seen = self.clone();
        // What is not looked for counts as seen.
        if value {
            for word in &mut seen.words {
                *word = !*word;
            }
        }
        let (mut stack, mut piece) = (Vec::new(), Vec::new());
        for start in 0..w * h {
            if seen.bit(start) {
                continue;
            }
            let mut size = 0_usize;
            piece.clear();
            stack.push(start as u32);
            seen.words[start / 64] |= 1 << (start % 64);
            while let Some(at) = stack.pop() {
                size += 1;
                // A piece that stays need not be remembered: it may be all the glass of the slide.
                if size < pixels {
                    piece.push(at);
                }
                let at = at as usize;
                let (x, y) = (at % w, at / w);
                let neighbours = [
                    (x > 0).then(|| at - 1),
                    (x + 1 < w).then_some(at + 1),
                    (y > 0).then(|| at - w),
                    (y + 1 < h).then_some(at + w),
                ];
                for next in neighbours.into_iter().flatten() {
                    if !seen.bit(next) {
                        seen.words[next / 64] |= 1 << (next % 64);
                        stack.push(next as u32);
                    }
                }
            }
            if size < pixels {
                for &at in &piece {
                    let bit = 1 << (at % 64);
                    let word = &mut out.words[at as usize / 64];
                    *word = if value { *word & !bit } else { *word | bit };
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
            cover: Vec::new(),
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
    fn bits_beyond_the_last_pixel_stay_clear() {
        for (width, height) in [(1, 1), (8, 8), (13, 5), (64, 2), (65, 1)] {
            let all = Mask::filled(width, height, true);
            assert_eq!(all.count(), (width * height) as usize);
            assert_eq!(all, Mask::from_fn(width, height, |_, _| true));
            let none = Mask::filled(width, height, false);
            assert_eq!(none.and(&all, false), none);
            assert_eq!(all.and(&none, false), all);
            assert_eq!(none.dilated(2).count() + none.eroded(2).count(), 0);
            assert_eq!(none.without_small(false, 1000), all);
            assert_eq!(all.without_small(true, 1000), none);
        }
    }

    #[test]
    fn small_pieces_go() {
        let mask = Mask::from_fn(20, 10, |x, y| (x < 5 && y < 5) || (x == 10 && y == 5));
        let clean = mask.without_small(true, 4);
        assert_eq!(clean.count(), 25);
        assert!(!clean.get(10, 5));
    }
}
