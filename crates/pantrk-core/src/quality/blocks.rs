//! What the scoring pass sees of each overview pixel: grain, colour and sharpness that the overview has averaged away.

use pantrk_space::{LevelRect, MicronsPerPixel, RgbBuffer};

use crate::overview::OVERVIEW_MPP;
use crate::stain::Deconvolver;

/// A pixel takes this much red light (optical density) only if it is pigment, carbon or ink: strong DAB, a dense nucleus or both leave more.
const DARK_RED_OD: f32 = 0.85;
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
    pixels: f32,
    dark: f32,
    dark_blue: f32,
    clump: f32,
    yellow: f32,
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
    fn block(&self) -> Block {
        let share = |sum: f32| (255.0 * sum / self.pixels + 0.5) as u8;
        // Two differences per pixel.
        let root = |sum: f32| (64.0 * (sum / (2.0 * self.pixels)).sqrt()).min(65_535.0) as u16;
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

/// The blocks of a slide, one per overview pixel.
#[derive(Debug, Clone, Default)]
pub struct BlockMap {
    width: u32,
    height: u32,
    blocks: Vec<Block>,
}

impl BlockMap {
    /// None seen yet.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            blocks: vec![Block::default(); width as usize * height as usize],
        }
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Enters one; where patches cut a block, the larger part stands for it.
    pub fn put(&mut self, (x, y): (u32, u32), block: Block) {
        if x < self.width && y < self.height {
            let mine = &mut self.blocks[y as usize * self.width as usize + x as usize];
            if block.pixels > mine.pixels {
                *mine = block;
            }
        }
    }

    /// The block at a place; an unseen one outside.
    pub fn get(&self, x: u32, y: u32) -> Block {
        if x < self.width && y < self.height {
            self.blocks[y as usize * self.width as usize + x as usize]
        } else {
            Block::default()
        }
    }
}

/// Measures the blocks of a patch's core.
#[derive(Debug, Default)]
pub(crate) struct BlockMeter {
    grey: Vec<f32>,
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
        let (fine, coarse) = (lag(FINE_UM), lag(COARSE_UM));
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        self.grey.clear();
        self.grey.extend(
            rgb.as_bytes()
                .chunks_exact(3)
                .map(|p| p.iter().map(|&v| f32::from(v)).sum::<f32>() / 3.0),
        );
        let place = |v: i64| ((v as f64 + 0.5) * ratio) as u32;
        let (left, top) = (place(core.x), place(core.y));
        let columns = (place(core.right() - 1) - left + 1) as usize;
        let rows = (place(core.bottom() - 1) - top + 1) as usize;
        let mut blocks = vec![Sums::default(); columns * rows];
        let halo = halo as usize;
        for y in 0..core.height as usize {
            let row = (place(core.y + y as i64) - top) as usize;
            for x in 0..core.width as usize {
                let column = (place(core.x + x as i64) - left) as usize;
                let block = &mut blocks[row * columns + column];
                let (px, py) = (x + halo, y + halo);
                let at = py * width + px;
                let pixel = rgb.pixel(px as u32, py as u32);
                let [h, d, off_plane] = deconvolver.pixel(pixel);
                block.pixels += 1.0;
                let grey = off_plane > GREY_OFF_PLANE
                    && (0..3).all(|c| deconvolver.density_of(c, pixel[c]) > GREY_OD);
                if grey {
                    block.dark += 1.0;
                } else if deconvolver.density_of(0, pixel[0]) > DARK_RED_OD {
                    let slot = if h > d {
                        &mut block.dark_blue
                    } else {
                        &mut block.dark
                    };
                    *slot += 1.0;
                }
                block.clump += f32::from(d > CLUMP_DAB_OD);
                block.yellow += f32::from(d > YELLOW_DAB_OD && h < -YELLOW_SHARE * d);
                let here = self.grey[at];
                let difference = |lag: usize| {
                    let right = (px + lag < width).then(|| self.grey[at + lag] - here);
                    let below = (py + lag < height).then(|| self.grey[at + lag * width] - here);
                    right.unwrap_or(0.0).powi(2) + below.unwrap_or(0.0).powi(2)
                };
                block.fine += difference(fine);
                block.coarse += difference(coarse);
            }
        }
        let keyed = blocks.iter().enumerate().filter_map(|(i, sums)| {
            let key = (left + (i % columns) as u32, top + (i / columns) as u32);
            (sums.pixels > 0.0).then(|| (key, sums.block()))
        });
        keyed.collect()
    }
}
