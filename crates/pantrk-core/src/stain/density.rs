//! Stain densities at the pixel size of scoring, from the finest pixels that the slide has.
//!
//! A scanner averages light, and the optical density of averaged light is less than the average of optical densities (Jensen's inequality): where stain lies in granules or lines finer than a pixel, a density taken from averaged pixels reads too low.
//! So the density is taken first and averaged then.
//! What the optics and the scanner's own pixel have averaged before is estimated: averaging `n` finer pixels costs a difference that can be measured, and the same structures lose in proportion to it in the blur before.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use pantrk_space::{LevelSize, MppSource, RgbBuffer};

use crate::widest::on_widest;

use super::deconvolution::{Deconvolver, optical_density};
use super::planes::StainPlanes;

/// One deviation of a scanner's blur (um): a diffraction-limited objective of numerical aperture 0.75, the usual one, has 0.21 x 0.55 um / 0.75 = 0.15, and none is perfect.
const OPTICS_UM: f64 = 0.17;
/// The period of the fine structures that stain in cells (um): granules and lines of about half of it.
const PERIOD_UM: f64 = 1.35;
/// A pixel coarser than this (um) has averaged over such structures, and nothing is left from which to estimate.
const COARSEST_UM: f64 = 0.7;
/// Averages of fewer than this many pixels along an axis show no difference of their own; neighbours are taken instead.
const LEAST_SCALE: f64 = 1.4;

/// By how much the density lost in averaging is multiplied to get what was lost before.
///
/// For a structure of angular frequency w, blur of variance v leaves exp(-w2 v) of its contrast's square, and what is lost in density goes with what is gone of that square.
/// `pixel_um` is the source's pixel; averaging adds a variance of `added_um2`.
fn gain(pixel_um: f64, added_um2: f64) -> f64 {
    if pixel_um > COARSEST_UM || added_um2 <= 0.0 {
        return 0.0;
    }
    let w2 = (2.0 * std::f64::consts::PI / PERIOD_UM).powi(2);
    let before = OPTICS_UM * OPTICS_UM + pixel_um * pixel_um / 12.0;
    let left = (-w2 * before).exp();
    let left_after = (-w2 * (before + added_um2)).exp();
    (1.0 - left) / (left - left_after)
}

/// The density of finer pixels' mean, `mean`, and of their averaged light, `of_light`, put together.
#[inline(always)]
fn restored(mean: f32, of_light: f32, gain: f32) -> f32 {
    // More than twice what was read is no estimate any more.
    mean + (gain * (mean - of_light).max(0.0)).min(mean)
}

/// Sums of four values; a power of two, of which the last are none.
const SUMS: usize = 1024;

/// Optical densities of a channel: of each value, and of sums of four.
#[derive(Debug, Clone)]
pub(super) struct ChannelDensity {
    pub(super) of_value: [f32; 256],
    /// Of a quarter of the index.
    of_sum: Box<[f32; SUMS]>,
    white: f32,
}

impl ChannelDensity {
    pub(super) fn new(white: f64) -> Self {
        let of_sum = Box::new(std::array::from_fn(|sum| {
            (-((sum as f64 / 4.0).max(1.0) / white).log10()).max(0.0) as f32
        }));
        Self {
            of_value: std::array::from_fn(|v| optical_density(v as u8, white) as f32),
            of_sum,
            white: white as f32,
        }
    }

    /// The mean density of four values, and the density of their mean.
    #[inline]
    fn of_four(&self, values: [u8; 4]) -> (f32, f32) {
        let [v0, v1, v2, v3] = values.map(usize::from);
        let of = &self.of_value;
        let mean = 0.25 * (of[v0] + of[v1] + of[v2] + of[v3]);
        (mean, self.of_sum[(v0 + v1 + v2 + v3) % SUMS])
    }

    /// The same of a row of pixels, each made of four of two rows.
    ///
    /// One channel at a time: its tables and rows are few enough to be at hand.
    fn look_up<const CHANNEL: usize>(
        &self,
        (top, bottom): (&[u8], &[u8]),
        [means, of_lights]: &mut [Vec<f32>; 2],
    ) {
        let fours = top.as_chunks::<6>().0.iter().zip(bottom.as_chunks::<6>().0);
        let out = means.iter_mut().zip(of_lights);
        for ((mean, of_light), (top, bottom)) in out.zip(fours) {
            (*mean, *of_light) = self.of_four([
                top[CHANNEL],
                top[CHANNEL + 3],
                bottom[CHANNEL],
                bottom[CHANNEL + 3],
            ]);
        }
    }

    fn of_light(&self, light: f32) -> f32 {
        (-(light.max(1.0) / self.white).log10()).max(0.0)
    }
}

/// A row of output pixels, each made of four.
struct HalvedRow {
    /// By channel: mean densities, and densities of the mean light.
    channels: [[Vec<f32>; 2]; 3],
}

impl HalvedRow {
    fn new(width: usize) -> Self {
        Self {
            channels: std::array::from_fn(|_| [vec![0.0; width], vec![0.0; width]]),
        }
    }

    /// Into a row of each stain.
    #[inline(always)]
    fn separate(&self, inverse: &[[f32; 3]; 3], gain: f32, stains: [&mut [f32]; 3]) {
        let [red, green, blue] = &self.channels;
        for (stain, out) in stains.into_iter().enumerate() {
            let factors = [inverse[0][stain], inverse[1][stain], inverse[2][stain]];
            let pixels = red[0].iter().zip(&red[1]);
            let pixels = pixels.zip(green[0].iter().zip(&green[1]));
            let pixels = pixels.zip(blue[0].iter().zip(&blue[1]));
            for (out, (((&r, &rl), (&g, &gl)), (&b, &bl))) in out.iter_mut().zip(pixels) {
                *out = restored(r, rl, gain) * factors[0]
                    + restored(g, gl, gain) * factors[1]
                    + restored(b, bl, gain) * factors[2];
            }
        }
    }
}

impl Deconvolver {
    /// The optical density of a channel's value (0 = red, 1 = green, 2 = blue).
    #[inline]
    pub(crate) fn density_of(&self, channel: usize, value: u8) -> f32 {
        self.density[channel].of_value[value as usize]
    }

    /// The stain densities of `grid`'s output pixels from its source's, into `planes`.
    pub fn separate_source(&self, source: &RgbBuffer, grid: &MppSource, planes: &mut StainPlanes) {
        let rect = grid.request().rect;
        planes.resize(LevelSize {
            width: rect.width,
            height: rect.height,
        });
        let output_um = grid.request().mpp.get();
        let pixel_um = output_um / grid.scale().0;
        if grid.is_halved() {
            let added = (output_um.powi(2) - pixel_um.powi(2)) / 12.0;
            self.separate_halved(source, gain(pixel_um, added) as f32, planes);
        } else if grid.scale().0.min(grid.scale().1) < LEAST_SCALE {
            // Weights 1/4, 1/2, 1/4 have a variance of half a pixel squared.
            let gain = gain(pixel_um, pixel_um.powi(2) / 2.0) as f32;
            self.separate_neighbours(source, grid, gain, planes);
        } else {
            let added = (output_um.powi(2) - pixel_um.powi(2)) / 12.0;
            self.separate_averaged(source, grid, gain(pixel_um, added) as f32, planes);
        }
    }

    #[inline]
    fn store(&self, planes: &mut StainPlanes, at: usize, od: [f32; 3]) {
        let stain = |s: usize| {
            od[0] * self.inverse[0][s] + od[1] * self.inverse[1][s] + od[2] * self.inverse[2][s]
        };
        planes.hematoxylin[at] = stain(0);
        planes.dab[at] = stain(1);
        planes.residual[at] = stain(2);
    }

    fn separate_halved(&self, source: &RgbBuffer, gain: f32, planes: &mut StainPlanes) {
        let width = planes.width;
        let mut row = HalvedRow::new(width);
        for y in 0..planes.height {
            self.look_up(
                (source.row(y as u32 * 2), source.row(y as u32 * 2 + 1)),
                &mut row,
            );
            let at = y * width..(y + 1) * width;
            let stains = [
                &mut planes.hematoxylin[at.clone()],
                &mut planes.dab[at.clone()],
                &mut planes.residual[at],
            ];
            on_widest(
                #[inline(always)]
                || row.separate(&self.inverse, gain, stains),
            );
        }
    }

    /// Each output pixel's mean density, and the density of its mean light.
    fn look_up(&self, rows: (&[u8], &[u8]), row: &mut HalvedRow) {
        let [r, g, b] = &*self.density;
        let [red, green, blue] = &mut row.channels;
        r.look_up::<0>(rows, red);
        g.look_up::<1>(rows, green);
        b.look_up::<2>(rows, blue);
    }

    /// Any scale that averages: mean density and density of the mean light, row by row.
    fn separate_averaged(
        &self,
        source: &RgbBuffer,
        grid: &MppSource,
        gain: f32,
        planes: &mut StainPlanes,
    ) {
        let (x_axis, y_axis) = grid.axes(source);
        let stride = x_axis.len() * 6;
        let mut rows = vec![0.0_f32; stride * source.height() as usize];
        for (y, row) in rows.chunks_exact_mut(stride.max(1)).enumerate() {
            let input = source.row(y as u32);
            for (out, (first, weights)) in row.chunks_exact_mut(6).zip(x_axis.taps()) {
                let (od, light) = out.split_at_mut(3);
                for (rgb, &w) in input[first * 3..].chunks_exact(3).zip(weights) {
                    for c in 0..3 {
                        od[c] += w * self.density[c].of_value[rgb[c] as usize];
                        light[c] += w * f32::from(rgb[c]);
                    }
                }
            }
        }
        let mut sums = vec![0.0_f32; stride];
        for (y, (first, weights)) in y_axis.taps().enumerate() {
            sums.fill(0.0);
            for (row, &w) in rows[first * stride..].chunks_exact(stride).zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += w * value;
                }
            }
            for (x, cell) in sums.chunks_exact(6).enumerate() {
                let od = std::array::from_fn(|c| {
                    restored(cell[c], self.density[c].of_light(cell[c + 3]), gain)
                });
                self.store(planes, y * planes.width + x, od);
            }
        }
    }

    /// Source pixels about as large as the output's: the difference comes from each one's neighbours.
    fn separate_neighbours(
        &self,
        source: &RgbBuffer,
        grid: &MppSource,
        gain: f32,
        planes: &mut StainPlanes,
    ) {
        let (x_axis, y_axis) = grid.axes(source);
        let (width, height) = (source.width() as usize, source.height() as usize);
        let mut fine = vec![[0.0_f32; 3]; width * height];
        for y in 0..height {
            let rows =
                [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|r| source.row(r as u32));
            for x in 0..width {
                let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
                fine[y * width + x] = std::array::from_fn(|c| {
                    let density = &self.density[c];
                    let here = density.of_value[rows[1][x * 3 + c] as usize];
                    if gain <= 0.0 {
                        return here;
                    }
                    let (mut mean, mut light) = (0.0, 0.0);
                    for (row, wy) in rows.iter().zip([0.25, 0.5, 0.25_f32]) {
                        for (column, wx) in columns.iter().zip([0.25, 0.5, 0.25_f32]) {
                            let value = row[column * 3 + c];
                            mean += wx * wy * density.of_value[value as usize];
                            light += wx * wy * f32::from(value);
                        }
                    }
                    let lost = gain * (mean - density.of_light(light)).max(0.0);
                    here + lost.min(mean)
                });
            }
        }
        let mut row_sums = vec![[0.0_f32; 3]; x_axis.len() * height];
        for (line, out) in fine
            .chunks_exact(width.max(1))
            .zip(row_sums.chunks_exact_mut(x_axis.len().max(1)))
        {
            for (sum, (first, weights)) in out.iter_mut().zip(x_axis.taps()) {
                for (od, &w) in line[first..].iter().zip(weights) {
                    for c in 0..3 {
                        sum[c] += w * od[c];
                    }
                }
            }
        }
        for (y, (first, weights)) in y_axis.taps().enumerate() {
            for x in 0..x_axis.len() {
                let mut od = [0.0_f32; 3];
                for (k, &w) in weights.iter().enumerate() {
                    let from = row_sums[(first + k) * x_axis.len() + x];
                    for c in 0..3 {
                        od[c] += w * from[c];
                    }
                }
                self.store(planes, y * planes.width + x, od);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stain::StainVectors;
    use pantrk_space::{
        Downsample, Gap, Level, LevelIndex, LevelRect, MicronsPerPixel, MppRequest, ReadError,
        RegionReader, SlideMpp, read_source,
    };

    const SIDE: u32 = 96;

    /// A slide of one level painted by a rule over um.
    struct Painted {
        levels: Vec<Level>,
        rgb: RgbBuffer,
        mpp: f64,
    }

    impl Painted {
        fn new(mpp: f64, colour: impl Fn(f64, f64) -> [u8; 3]) -> Self {
            let size = LevelSize {
                width: SIDE,
                height: SIDE,
            };
            let mut rgb = RgbBuffer::filled(size, [255; 3]);
            for y in 0..SIDE {
                for (x, pixel) in rgb.row_mut(y).chunks_exact_mut(3).enumerate() {
                    let place = |v: f64| (v + 0.5) * mpp;
                    pixel.copy_from_slice(&colour(place(x as f64), place(f64::from(y))));
                }
            }
            let level = Level {
                size,
                downsample: Downsample::ONE,
                tile: None,
            };
            Self {
                levels: vec![level],
                rgb,
                mpp,
            }
        }

        fn dab(&self) -> Vec<f32> {
            let slide_mpp = SlideMpp::square(MicronsPerPixel::new(self.mpp).unwrap());
            let side = (f64::from(SIDE) * self.mpp / 0.5).floor() as u32;
            let request = MppRequest {
                rect: LevelRect {
                    x: 0,
                    y: 0,
                    width: side,
                    height: side,
                },
                mpp: MicronsPerPixel::new(0.5).unwrap(),
                slide_mpp,
            };
            let mut source = RgbBuffer::new();
            let grid = read_source(self, &request, &mut source).unwrap();
            let mut planes = StainPlanes::default();
            Deconvolver::new(StainVectors::h_dab_default(), [245.0; 3]).separate_source(
                &source,
                &grid,
                &mut planes,
            );
            planes.dab
        }
    }

    impl RegionReader for Painted {
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
                    let clamp = |v: i64| v.clamp(0, i64::from(SIDE) - 1) as u32;
                    let from = (clamp(rect.x + x as i64), clamp(rect.y + i64::from(y)));
                    pixel.copy_from_slice(&self.rgb.pixel(from.0, from.1));
                }
            }
            Ok(Vec::new())
        }
    }

    fn colour(dab: f64) -> [u8; 3] {
        let vectors = StainVectors::h_dab_default();
        std::array::from_fn(|c| {
            let od = 0.1 * vectors.hematoxylin[c] + dab * vectors.dab[c];
            (245.0 * 10_f64.powf(-od)).round() as u8
        })
    }

    fn mean(values: &[f32]) -> f64 {
        values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn an_even_stain_reads_the_same_at_every_pixel_size() {
        for mpp in [0.125, 0.22, 0.25, 0.2525, 0.4, 0.5, 0.9] {
            let found = mean(&Painted::new(mpp, |_, _| colour(0.5)).dab());
            assert!((found - 0.5).abs() < 0.006, "{mpp}: {found}");
        }
    }

    /// Truth by arithmetic: Gaussian optics over stripes, integrated numerically by the renderer below.
    #[test]
    fn fine_stripes_keep_their_density() {
        // Stripes of 1.5 um period: DAB 0.8 on half, 0.1 on the rest, so 0.45 on average; pixels averaged first would read 0.37.
        let stain = |x: f64| if x.rem_euclid(1.5) < 0.75 { 0.8 } else { 0.1 };
        let light = |x: f64, c: usize| {
            let vectors = StainVectors::h_dab_default();
            let (mut sum, mut weight) = (0.0, 0.0);
            for i in -60..=60 {
                let t = f64::from(i) * 0.0125;
                let w = (-(t / 0.17).powi(2) / 2.0).exp();
                let od = 0.1 * vectors.hematoxylin[c] + stain(x + t) * vectors.dab[c];
                sum += w * 10_f64.powf(-od);
                weight += w;
            }
            245.0 * sum / weight
        };
        for (mpp, low) in [(0.25, 0.41), (0.22, 0.41), (0.5, 0.37)] {
            let slide = Painted::new(mpp, |x, _| {
                std::array::from_fn(|c| {
                    // The pixel integrates over its own width.
                    let parts = (-4..=4).map(|i| light(x + f64::from(i) / 9.0 * mpp, c));
                    (parts.sum::<f64>() / 9.0).round() as u8
                })
            });
            let found = mean(&slide.dab());
            assert!(found > low && found < 0.47, "{mpp}: {found}");
        }
    }
}
