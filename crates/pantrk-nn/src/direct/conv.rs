//! Convolution without a matrix in between.
//!
//! A tile of output pixels x output channels stays in registers while the kernel's taps run over it: one broadcast of an input value and a multiply-add per vector of channels.
//! The window of a pixel is one contiguous run per kernel row, because channels are innermost.
//!
//! **Architecture invariant:** each output value is summed in the order of the taps with fused multiply-adds, whatever the tile and the width of the vectors, so every processor gives the same bits.

#![expect(
    clippy::inline_always,
    reason = "a tile is compiled anew inside each function that is made for other instructions"
)]

use super::maps::Maps;
use super::winograd::{self, Scratch};

/// How a convolution lies on its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Rows and columns of the kernel.
    pub(super) kernel: [usize; 2],
    /// Both ways.
    pub(super) stride: usize,
    /// On all four sides.
    pub(super) pad: usize,
    /// Channels.
    pub(super) inputs: usize,
    /// Channels.
    pub(super) outputs: usize,
}

/// Which instructions the tiles are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// 512-bit vectors.
    Wide,
    /// 256-bit vectors with fused multiply-add, or what 64-bit ARM always has.
    Narrow,
}

impl Kernel {
    /// The fastest that this processor has; `None` where multiply-adds would be made in software.
    pub(super) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            if x86::has_wide() {
                return Some(Self::Wide);
            }
            x86::has_narrow().then_some(Self::Narrow)
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            cfg!(target_arch = "aarch64").then_some(Self::Narrow)
        }
    }

    /// Output channels of a tile.
    const fn lanes(self) -> usize {
        match self {
            Self::Wide => 32,
            Self::Narrow => 16,
        }
    }
}

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Finish<'a> {
    /// Maps of the output's shape, added.
    pub(super) add: Option<&'a Maps>,
    /// Whether negative values become 0.
    pub(super) relu: bool,
}

impl Finish<'_> {
    /// NaN stays, so that it is found in the output.
    #[inline(always)]
    pub(super) fn value(self, value: f32) -> f32 {
        if self.relu && value < 0.0 { 0.0 } else { value }
    }
}

/// A convolution with its weights in the order in which tiles take them.
#[derive(Debug)]
pub(super) struct Conv {
    geometry: Geometry,
    kernel: Kernel,
    /// Per block of output channels, kernel row, column and input channel: a weight per lane.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// The filters of a 3 x 3 convolution in Winograd's domain, where the channels fit; maps whose sides fit go that way.
    filters: Option<Vec<f32>>,
}

impl Conv {
    /// `weights` by output, input, row, column as in ONNX; `bias` one per output, or empty.
    pub(super) fn new(kernel: Kernel, geometry: Geometry, weights: &[f32], bias: &[f32]) -> Self {
        let Geometry {
            kernel: [rows, columns],
            inputs,
            outputs,
            ..
        } = geometry;
        let lanes = kernel.lanes();
        let blocks = outputs.div_ceil(lanes);
        let taps = rows * columns * inputs;
        let mut ordered = vec![0.0; blocks * taps * lanes];
        for (output, weights) in weights.chunks_exact(taps.max(1)).enumerate() {
            let start = output / lanes * taps * lanes + output % lanes;
            for (i, &weight) in weights.iter().enumerate() {
                let (input, place) = (i / (rows * columns), i % (rows * columns));
                ordered[start + (place * inputs + input) * lanes] = weight;
            }
        }
        let mut padded = bias.to_vec();
        padded.resize(blocks * lanes, 0.0);
        let whole = |channels: usize| channels > 0 && channels.is_multiple_of(lanes);
        let fits = geometry.kernel == [3, 3]
            && (geometry.stride, geometry.pad) == (1, 1)
            && inputs.is_multiple_of(winograd::LANES)
            && inputs > 0
            && whole(outputs);
        Self {
            geometry,
            kernel,
            weights: ordered,
            bias: padded,
            filters: fits.then(|| winograd::filters(weights, inputs, lanes)),
        }
    }

    /// Fills `out`, whose shape fits the geometry and whose border is any; the input's border is at least the padding.
    pub(super) fn run(
        &self,
        input: &Maps,
        finish: Finish<'_>,
        out: &mut Maps,
        scratch: &mut Scratch,
    ) {
        match self.kernel {
            Kernel::Wide => run_wide(self, input, finish, out, scratch),
            Kernel::Narrow => run_narrow(self, input, finish, out, scratch),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The same tiles, compiled for wider vectors and chosen when the program runs.

    use super::{Conv, Finish, Maps, Scratch, run};

    pub(super) fn has_narrow() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }

    pub(super) fn has_wide() -> bool {
        has_narrow() && is_x86_feature_detected!("avx512f")
    }

    #[target_feature(enable = "avx2,fma,avx512f")]
    pub(super) fn run_wide(
        conv: &Conv,
        input: &Maps,
        finish: Finish<'_>,
        out: &mut Maps,
        scratch: &mut Scratch,
    ) {
        run::<32, 6>(conv, input, finish, out, scratch);
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn run_narrow(
        conv: &Conv,
        input: &Maps,
        finish: Finish<'_>,
        out: &mut Maps,
        scratch: &mut Scratch,
    ) {
        run::<16, 6>(conv, input, finish, out, scratch);
    }
}

#[cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "a function for newer instructions may only be called where they were found"
    )
)]
fn run_wide(conv: &Conv, input: &Maps, finish: Finish<'_>, out: &mut Maps, scratch: &mut Scratch) {
    #[cfg(target_arch = "x86_64")]
    if x86::has_wide() {
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { x86::run_wide(conv, input, finish, out, scratch) };
        return;
    }
    run::<32, 6>(conv, input, finish, out, scratch);
}

#[cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "a function for newer instructions may only be called where they were found"
    )
)]
fn run_narrow(
    conv: &Conv,
    input: &Maps,
    finish: Finish<'_>,
    out: &mut Maps,
    scratch: &mut Scratch,
) {
    #[cfg(target_arch = "x86_64")]
    if x86::has_narrow() {
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { x86::run_narrow(conv, input, finish, out, scratch) };
        return;
    }
    run::<16, 6>(conv, input, finish, out, scratch);
}

/// Tiles of `P` pixels x `N` channels over the whole output.
#[inline(always)]
fn run<const N: usize, const P: usize>(
    conv: &Conv,
    input: &Maps,
    finish: Finish<'_>,
    out: &mut Maps,
    scratch: &mut Scratch,
) {
    if let Some(filters) = &conv.filters
        && out.width.is_multiple_of(winograd::TILE)
        && out.height.is_multiple_of(winograd::TILE)
    {
        winograd::run::<N, P>((filters, &conv.bias), input, finish, out, scratch);
        return;
    }
    let Geometry {
        kernel: [rows, columns],
        stride,
        pad,
        ..
    } = conv.geometry;
    let (width, shift) = (out.width, input.border - pad);
    let step = stride * input.channels;
    let taps = columns * input.channels;
    let (weights, _) = conv.weights.as_chunks::<N>();
    let (biases, _) = conv.bias.as_chunks::<N>();
    for y in 0..out.height {
        let windows = Windows {
            values: input.from(shift, y * stride + shift),
            pitch: input.pitch(),
            step,
            taps,
        };
        let line = Line {
            finish,
            added: finish.add.map(|add| add.row(y)),
            channels: out.channels,
        };
        let target = out.row_mut(y);
        let blocks = biases.iter().zip(weights.chunks_exact(rows * taps));
        for (block, (bias, weights)) in blocks.enumerate() {
            if width < P {
                for x in 0..width {
                    let sums = tile::<N, 1>(windows.from(x), weights, bias);
                    line.store(target, (x, block), &sums);
                }
                continue;
            }
            let mut x = 0;
            while x < width {
                // The last tile ends with the row and makes some pixels again.
                let at = x.min(width - P);
                let sums = tile::<N, P>(windows.from(at), weights, bias);
                line.store(target, (at, block), &sums);
                x += P;
            }
        }
    }
}

/// Where the windows of a row of output pixels lie.
#[derive(Clone, Copy)]
pub(super) struct Windows<'a> {
    /// From the first pixel's window on.
    pub(super) values: &'a [f32],
    /// To the window's next row.
    pub(super) pitch: usize,
    /// To the next output pixel's window.
    pub(super) step: usize,
    /// Values of a window's row.
    pub(super) taps: usize,
}

impl Windows<'_> {
    #[inline(always)]
    fn from(self, x: usize) -> Self {
        Self {
            values: &self.values[x * self.step..],
            ..self
        }
    }
}

/// The sums of `P` windows, one weight a tap and lane.
#[inline(always)]
pub(super) fn tile<const N: usize, const P: usize>(
    windows: Windows<'_>,
    weights: &[[f32; N]],
    bias: &[f32; N],
) -> [[f32; N]; P] {
    let mut sums = [*bias; P];
    for (row, weights) in weights.chunks_exact(windows.taps).enumerate() {
        let values = &windows.values[row * windows.pitch..];
        let pixels: [&[f32]; P] =
            std::array::from_fn(|p| &values[p * windows.step..][..windows.taps]);
        let (runs, rest) = weights.as_chunks::<RUN>();
        for (i, weights) in runs.iter().enumerate() {
            let values = pixels.map(|pixel| run_of::<RUN>(pixel, i * RUN));
            add_taps(&mut sums, values, weights);
        }
        let done = runs.len() * RUN;
        for (i, weights) in rest.iter().enumerate() {
            let values = pixels.map(|pixel| run_of::<1>(pixel, done + i));
            add_taps(&mut sums, values, std::array::from_ref(weights));
        }
    }
    sums
}

/// Taps that are added without asking where a window ends.
const RUN: usize = 8;

/// `R` values of a window from `start` on.
#[inline(always)]
fn run_of<const R: usize>(pixel: &[f32], start: usize) -> &[f32; R] {
    pixel[start..].first_chunk().unwrap_or(&[0.0; R])
}

#[inline(always)]
fn add_taps<const N: usize, const P: usize, const R: usize>(
    sums: &mut [[f32; N]; P],
    values: [&[f32; R]; P],
    weights: &[[f32; N]; R],
) {
    for tap in 0..R {
        for p in 0..P {
            let value = values[p][tap];
            for n in 0..N {
                sums[p][n] = value.mul_add(weights[tap][n], sums[p][n]);
            }
        }
    }
}

/// What all tiles of an output row share.
#[derive(Clone, Copy)]
struct Line<'a> {
    finish: Finish<'a>,
    added: Option<&'a [f32]>,
    channels: usize,
}

impl Line<'_> {
    /// Stores the sums of pixels from `at.0` on into the channels of block `at.1`.
    #[inline(always)]
    fn store<const N: usize, const P: usize>(
        self,
        row: &mut [f32],
        at: (usize, usize),
        sums: &[[f32; N]; P],
    ) {
        let first = at.1 * N;
        let count = N.min(self.channels - first);
        for (p, sums) in sums.iter().enumerate() {
            let start = (at.0 + p) * self.channels + first;
            let target = &mut row[start..start + count];
            if let Some(added) = self.added {
                let added = &added[start..start + count];
                for ((value, &sum), &add) in target.iter_mut().zip(sums).zip(added) {
                    *value = self.finish.value(sum + add);
                }
            } else {
                for (value, &sum) in target.iter_mut().zip(sums) {
                    *value = self.finish.value(sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::maps::Shape;
    use super::*;

    /// Numbers between -1 and 1 without a pattern.
    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    fn filled(shape: Shape, border: usize, seed: u32) -> Maps {
        let mut maps = Maps::new(shape, border);
        let values = numbers(shape.width * shape.height * shape.channels, seed);
        for (y, values) in values
            .chunks_exact(shape.width * shape.channels)
            .enumerate()
        {
            maps.row_mut(y).copy_from_slice(values);
        }
        maps
    }

    /// By the definition, in double precision.
    fn reference(
        geometry: Geometry,
        weights: &[f32],
        bias: &[f32],
        input: &Maps,
        at: [usize; 3],
    ) -> f64 {
        let [x, y, output] = at;
        let [rows, columns] = geometry.kernel;
        let mut sum = f64::from(bias[output]);
        for row in 0..rows {
            for column in 0..columns {
                let inside = |v: usize, k: usize, length: usize| {
                    (v * geometry.stride + k)
                        .checked_sub(geometry.pad)
                        .filter(|&v| v < length)
                };
                let (Some(sx), Some(sy)) =
                    (inside(x, column, input.width), inside(y, row, input.height))
                else {
                    continue;
                };
                for channel in 0..geometry.inputs {
                    let weight = weights
                        [((output * geometry.inputs + channel) * rows + row) * columns + column];
                    sum += f64::from(weight)
                        * f64::from(input.row(sy)[sx * geometry.inputs + channel]);
                }
            }
        }
        sum
    }

    #[test]
    fn all_kernels_give_the_definitions_values_and_the_same_bits() {
        let cases = [
            // 3 x 3 as in residual blocks, a row that is no whole number of tiles.
            ([3, 3], 1, 1, 8, 20, 17),
            // The same by Winograd's way: sides and channels fit.
            ([3, 3], 1, 1, 16, 32, 28),
            ([3, 3], 1, 1, 64, 64, 12),
            // A stem.
            ([6, 6], 4, 1, 3, 32, 40),
            ([2, 2], 2, 0, 5, 33, 26),
            // Narrower than a tile.
            ([1, 1], 1, 0, 4, 7, 3),
        ];
        for (kernel, stride, pad, inputs, outputs, side) in cases {
            let geometry = Geometry {
                kernel,
                stride,
                pad,
                inputs,
                outputs,
            };
            let size = |k: usize| (side + 2 * pad - k) / stride + 1;
            let shape = Shape {
                width: size(kernel[1]),
                height: size(kernel[0]),
                channels: outputs,
            };
            let input = filled(
                Shape {
                    width: side,
                    height: side,
                    channels: inputs,
                },
                2,
                1,
            );
            let add = filled(shape, 1, 2);
            let weights = numbers(outputs * inputs * kernel[0] * kernel[1], 3);
            let bias = numbers(outputs, 4);
            let finish = Finish {
                add: Some(&add),
                relu: true,
            };
            let mut first: Option<Vec<u32>> = None;
            for chosen in [Kernel::Narrow, Kernel::Wide] {
                let mut out = Maps::new(shape, 1);
                Conv::new(chosen, geometry, &weights, &bias).run(
                    &input,
                    finish,
                    &mut out,
                    &mut Scratch::default(),
                );
                let mut bits = Vec::new();
                for y in 0..shape.height {
                    for (i, &found) in out.row(y).iter().enumerate() {
                        let (x, output) = (i / outputs, i % outputs);
                        let sum = reference(geometry, &weights, &bias, &input, [x, y, output]);
                        let wanted = (sum + f64::from(add.row(y)[i])).max(0.0);
                        assert!(
                            (f64::from(found) - wanted).abs() < 1e-3,
                            "{geometry:?} at {x}, {y}, {output}: {found} for {wanted}"
                        );
                        bits.push(found.to_bits());
                    }
                }
                assert_eq!(
                    first.get_or_insert_with(|| bits.clone()),
                    &bits,
                    "{chosen:?}"
                );
                // The border is what the next convolution pads with.
                assert!(
                    out.from(0, 0)[..out.pitch()]
                        .iter()
                        .all(|&v| v.to_bits() == 0)
                );
            }
        }
    }
}
