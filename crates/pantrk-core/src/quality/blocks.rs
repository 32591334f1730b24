//! What the scoring pass sees of each overview pixel: grain, colour and sharpness that the overview has averaged away.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use std::ops::Range;

use pantrk_space::{LevelRect, MicronsPerPixel, RgbBuffer};

use crate::overview::{Mask, OVERVIEW_MPP};
use crate::stain::Deconvolver;
use crate::widest::on_widest;

/// Strong DAB, a dense nucleus or both leave more red light than this (optical density); pigment, carbon, ink and nuclei over nuclei do not.
const DARK_RED_OD: f32 = 0.85;
/// Strong DAB over the densest nuclei does not either, but it lies on the stains' plane; melanin lies 0.14 off it, carbon further.
const DARK_OFF_PLANE: f32 = 0.025;
/// Or if every colour loses this much of it and no mixture of the stains looks like what is left: so far off their plane.
const GREY_OD: f32 = 0.5;
const GREY_OFF_PLANE: f32 = 0.04;
/// No cell stains more than this; a clump of DAB does.
const CLUMP_DAB_OD: f32 = 1.45;
/// A pixel is yellower than DAB if it reads this much DAB, and hematoxylin below zero by this share of it.
const YELLOW_DAB_OD: f32 = 0.25;
const YELLOW_SHARE: f32 = 0.12;
/// Differences of light are taken over these lengths, um: what blur takes away, and what it leaves.
const FINE_UM: f64 = 0.5;
const COARSE_UM: f64 = 2.0;

/// Sums over the pixels of one overview pixel.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    pixels: u32,
    dark: u32,
    dark_blue: u32,
    clump: u32,
    yellow: u32,
    fine: f32,
    coarse: f32,
}

/// One overview pixel, seen closely; small, because a slide has millions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Block {
    /// Pixels that were seen; 0 where scoring did not look.
    pub pixels: u16,
    /// Root mean square of the differences of light over 0.5 um, in 1/64 grey levels.
    pub fine: u16,
    /// The same over 2 um.
    pub coarse: u16,
    /// Share of pixels too dark for any stain and rather brown or grey than blue, in 1/255.
    pub dark: u8,
    /// Share of pixels too dark for any stain and rather blue than brown: nuclei over nuclei, in 1/255.
    pub dark_blue: u8,
    /// Share of pixels with more DAB than a cell takes up, in 1/255.
    pub clump: u8,
    /// Share of pixels yellower than DAB, in 1/255.
    pub yellow: u8,
}

impl Block {
    /// Length of [`Self::to_bytes`].
    pub const BYTES: usize = 10;

    /// All of it, little-endian.
    pub const fn to_bytes(&self) -> [u8; Self::BYTES] {
        let [p0, p1] = self.pixels.to_le_bytes();
        let [f0, f1] = self.fine.to_le_bytes();
        let [c0, c1] = self.coarse.to_le_bytes();
        [
            p0,
            p1,
            f0,
            f1,
            c0,
            c1,
            self.dark,
            self.dark_blue,
            self.clump,
            self.yellow,
        ]
    }

    /// From [`Self::to_bytes`].
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [p0, p1, f0, f1, c0, c1, dark, dark_blue, clump, yellow] = bytes;
        Self {
            pixels: u16::from_le_bytes([p0, p1]),
            fine: u16::from_le_bytes([f0, f1]),
            coarse: u16::from_le_bytes([c0, c1]),
            dark,
            dark_blue,
            clump,
            yellow,
        }
    }
}

impl Sums {
    #[inline(always)]
    fn add_colours(&mut self, pixel: [u8; 3], deconvolver: &Deconvolver) {
        let [h, d, off_plane] = deconvolver.pixel(pixel);
        let count = |to: &mut u32, holds: bool| *to = to.wrapping_add(u32::from(holds));
        count(&mut self.pixels, true);
        // Red comes first: hardly a pixel is dark in it, so the rest is seldom asked for.
        let red = deconvolver.density_of(0, pixel[0]);
        if red > GREY_OD {
            let grey = off_plane > GREY_OFF_PLANE
                && (1..3).all(|c| deconvolver.density_of(c, pixel[c]) > GREY_OD);
            if grey {
                count(&mut self.dark, true);
            } else if red > DARK_RED_OD {
                count(&mut self.dark_blue, h > d);
                count(&mut self.dark, h <= d && off_plane > DARK_OFF_PLANE);
            }
        }
        count(&mut self.clump, d > CLUMP_DAB_OD);
        // Not `&&`: that would be a branch that cannot be foreseen.
        let yellow = u32::from(d > YELLOW_DAB_OD) & u32::from(h < -YELLOW_SHARE * d);
        self.yellow = self.yellow.wrapping_add(yellow);
    }

    fn block(&self) -> Block {
        let pixels = self.pixels as f32;
        let share = |sum: u32| (255.0 * sum as f32 / pixels + 0.5) as u8;
        // Two differences per pixel.
        let root = |sum: f32| (64.0 * (sum / (2.0 * pixels)).sqrt()).min(65_535.0) as u16;
        Block {
            pixels: self.pixels as u16,
            fine: root(self.fine),
            coarse: root(self.coarse),
            dark: share(self.dark),
            dark_blue: share(self.dark_blue),
            clump: share(self.clump),
            yellow: share(self.yellow),
        }
    }
}

/// The blocks of a slide, one per overview pixel of the places that matter.
#[derive(Debug, Clone)]
pub struct BlockMap {
    places: Mask,
    /// How many places come before each word of the mask.
    before: Vec<u32>,
    blocks: Vec<Block>,
}

impl BlockMap {
    /// None seen yet; only places of the mask are kept.
    pub fn over(places: &Mask) -> Self {
        let mut count = 0;
        let before = places.words().iter().map(|word| {
            let before = count;
            count += word.count_ones();
            before
        });
        let before = before.collect();
        Self {
            places: places.clone(),
            before,
            blocks: vec![Block::default(); count as usize],
        }
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.places.width()
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.places.height()
    }

    /// Enters one; where patches cut a block, the larger part stands for it.
    pub fn put(&mut self, (x, y): (u32, u32), block: Block) {
        if let Some(at) = self.slot(x, y)
            && block.pixels > self.blocks[at].pixels
        {
            self.blocks[at] = block;
        }
    }

    /// The block at a place; an unseen one outside.
    pub fn get(&self, x: u32, y: u32) -> Block {
        self.slot(x, y)
            .map_or_else(Block::default, |at| self.blocks[at])
    }

    fn slot(&self, x: u32, y: u32) -> Option<usize> {
        if !self.places.get(x, y) {
            return None;
        }
        let at = y as usize * self.places.width() as usize + x as usize;
        let below = self.places.words()[at / 64] & ((1 << (at % 64)) - 1);
        Some((self.before[at / 64] + below.count_ones()) as usize)
    }
}

/// Measures the blocks of a patch's core.
#[derive(Debug, Default)]
pub(crate) struct BlockMeter {
    grey: Vec<f32>,
    /// Of a row, fine and coarse.
    differences: [Vec<f32>; 2],
}

impl BlockMeter {
    /// `core` is the patch's core on the grid of `mpp`, `halo` the pixels of `rgb` around it.
    pub(crate) fn measure(
        &mut self,
        rgb: &RgbBuffer,
        (core, halo): (LevelRect, u32),
        mpp: MicronsPerPixel,
        deconvolver: &Deconvolver,
    ) -> Vec<((u32, u32), Block)> {
        let ratio = mpp.get() / OVERVIEW_MPP;
        let lag = |um: f64| ((um / mpp.get()).round() as usize).max(1);
        let lags = [lag(FINE_UM), lag(COARSE_UM)];
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        self.grey.resize(width * height, 0.0);
        let (pixels, _) = rgb.as_bytes().as_chunks::<3>();
        on_widest(
            #[inline(always)]
            || {
                for (grey, &[r, g, b]) in self.grey.iter_mut().zip(pixels) {
                    *grey = (f32::from(r) + f32::from(g) + f32::from(b)) / 3.0;
                }
            },
        );
        let place = |v: i64| ((v as f64 + 0.5) * ratio) as u32;
        let (left, top) = (place(core.x), place(core.y));
        let columns = (place(core.right() - 1) - left + 1) as usize;
        let rows = (place(core.bottom() - 1) - top + 1) as usize;
        let mut blocks = vec![Sums::default(); columns * rows];
        let halo = halo as usize;
        // Pixels of a row that share a block lie side by side.
        let column_of: Vec<usize> = (0..i64::from(core.width))
            .map(|x| (place(core.x + x) - left) as usize)
            .collect();
        let columns_in_patch = halo..halo + core.width as usize;
        for y in 0..core.height as usize {
            let row = (place(core.y + y as i64) - top) as usize;
            let py = y + halo;
            let line = |at: usize| self.grey.get(at * width..(at + 1) * width);
            let grey = line(py).unwrap_or_default();
            for (lag, out) in lags.into_iter().zip(&mut self.differences) {
                out.resize(core.width as usize, 0.0);
                let below = line(py + lag);
                on_widest(
                    #[inline(always)]
                    || squared_differences((grey, below), columns_in_patch.clone(), lag, out),
                );
            }
            let first = (py * width + halo) * 3;
            let (pixels, _) = rgb.as_bytes()[first..].as_chunks::<3>();
            let [fine, coarse] = &self.differences;
            let mut pixels = pixels.iter().zip(fine.iter().zip(coarse));
            for run in column_of.chunk_by(|a, b| a == b) {
                let sums = &mut blocks[row * columns + run[0]];
                // What each pixel is added to is kept at hand.
                let mut block = *sums;
                for (&pixel, (fine, coarse)) in pixels.by_ref().take(run.len()) {
                    block.add_colours(pixel, deconvolver);
                    block.fine += fine;
                    block.coarse += coarse;
                }
                *sums = block;
            }
        }
        let keyed = blocks.iter().enumerate().filter_map(|(i, sums)| {
            let key = (left + (i % columns) as u32, top + (i / columns) as u32);
            (sums.pixels > 0).then(|| (key, sums.block()))
        });
        keyed.collect()
    }
}

/// The squares of each pixel's differences to those `lag` columns and rows further on; beyond the patch there is none.
#[inline(always)]
fn squared_differences(
    (grey, below): (&[f32], Option<&[f32]>),
    columns: Range<usize>,
    lag: usize,
    out: &mut [f32],
) {
    let here = &grey[columns.clone()];
    // Where there is nothing below, a difference to itself.
    let below = below.unwrap_or(grey);
    let below = &below[columns.clone()];
    let right = grey.get(columns.start + lag..).unwrap_or_default();
    let (inner, last) = out.split_at_mut(right.len().min(here.len()));
    for (out, ((&here, &below), &right)) in inner.iter_mut().zip(here.iter().zip(below).zip(right))
    {
        let (right, below) = (right - here, below - here);
        *out = right * right + below * below;
    }
    let at_edge = here.iter().zip(below).skip(inner.len());
    for (out, (&here, &below)) in last.iter_mut().zip(at_edge) {
        *out = (below - here) * (below - here);
    }
}
