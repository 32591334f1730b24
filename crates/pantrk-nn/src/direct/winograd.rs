//! 3 x 3 convolutions by Winograd's minimal filtering, F(4 x 4, 3 x 3): 36 multiplications for 16 outputs instead of 144.
//!
//! Lavin and Gray (2016), "Fast algorithms for convolutional neural networks", with the points 0, 1, -1, 2, -2.
//! A strip of tiles is taken into the transform's domain, multiplied there place by place (36 small matrix products), and taken back; what lies in between stays in the second-level cache.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use super::conv::{Finish, Windows, tile};
use super::maps::Maps;

/// Outputs of a tile, each way.
pub(super) const TILE: usize = 4;
/// Inputs of a tile, each way.
const SPAN: usize = 6;
/// Places of the transform.
const PLACES: usize = SPAN * SPAN;
/// Channels that are transformed at a time.
pub(super) const LANES: usize = 16;

/// The transform of the filter, by point and tap.
const FILTER: [[f64; 3]; SPAN] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

type Vector = [f32; LANES];

/// What stays from strip to strip.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Place by place, tile by tile: the input's channels.
    before: Vec<f32>,
    /// The same of the output's channels.
    after: Vec<f32>,
}

/// Filters in the transform's domain: per place, block of output channels and input channel, a weight per lane.
pub(super) fn filters(weights: &[f32], inputs: usize, lanes: usize) -> Vec<f32> {
    let outputs = weights.len() / (9 * inputs);
    let mut transformed = vec![0.0; PLACES * inputs * outputs];
    for (i, taps) in weights.chunks_exact(9).enumerate() {
        let (output, input) = (i / inputs, i % inputs);
        for place in 0..PLACES {
            let (row, column) = (FILTER[place / SPAN], FILTER[place % SPAN]);
            let mut sum = 0.0;
            for (y, row) in row.iter().enumerate() {
                for (x, column) in column.iter().enumerate() {
                    sum += row * column * f64::from(taps[3 * y + x]);
                }
            }
            let block = output / lanes;
            let at =
                ((place * (outputs / lanes) + block) * inputs + input) * lanes + output % lanes;
            transformed[at] = sum as f32;
        }
    }
    transformed
}

/// The whole convolution; sides are multiples of [`TILE`], channels of [`LANES`] and `N`.
#[inline(always)]
pub(super) fn run<const N: usize, const P: usize>(
    (filters, bias): (&[f32], &[f32]),
    input: &Maps,
    finish: Finish<'_>,
    out: &mut Maps,
    scratch: &mut Scratch,
) {
    let tiles = out.width / TILE;
    let (inputs, outputs) = (input.channels, out.channels);
    scratch.before.resize(PLACES * tiles * inputs, 0.0);
    scratch.after.resize(PLACES * tiles * outputs, 0.0);
    let (filters, _) = filters.as_chunks::<N>();
    for strip in 0..out.height / TILE {
        transform_input(input, strip, tiles, &mut scratch.before);
        let products = scratch
            .before
            .chunks_exact(tiles * inputs)
            .zip(scratch.after.chunks_exact_mut(tiles * outputs))
            .zip(filters.chunks_exact(inputs * outputs / N));
        for ((before, after), filters) in products {
            multiply::<N, P>(before, filters, (inputs, outputs), after);
        }
        transform_output(&scratch.after, strip, bias, finish, out);
    }
}

/// The channels of all tiles of a strip at one place, times that place's filters.
#[inline(always)]
fn multiply<const N: usize, const P: usize>(
    before: &[f32],
    filters: &[[f32; N]],
    (inputs, outputs): (usize, usize),
    after: &mut [f32],
) {
    let tiles = before.len() / inputs;
    let windows = |tile: usize| Windows {
        values: &before[tile * inputs..],
        pitch: 0,
        step: inputs,
        taps: inputs,
    };
    for (block, filters) in filters.chunks_exact(inputs).enumerate() {
        let mut store = |first: usize, sums: &[[f32; N]]| {
            for (i, sums) in sums.iter().enumerate() {
                let start = (first + i) * outputs + block * N;
                after[start..start + N].copy_from_slice(sums);
            }
        };
        if tiles < P {
            for at in 0..tiles {
                store(at, &tile::<N, 1>(windows(at), filters, &[0.0; N]));
            }
            continue;
        }
        let mut next = 0;
        while next < tiles {
            let at = next.min(tiles - P);
            store(at, &tile::<N, P>(windows(at), filters, &[0.0; N]));
            next += P;
        }
    }
}

#[inline(always)]
fn each(a: &Vector, rule: impl Fn(f32) -> f32) -> Vector {
    let mut result = [0.0; LANES];
    for (to, &a) in result.iter_mut().zip(a) {
        *to = rule(a);
    }
    result
}

#[inline(always)]
fn both(a: &Vector, b: &Vector, rule: impl Fn(f32, f32) -> f32) -> Vector {
    let mut result = [0.0; LANES];
    for (to, (&a, &b)) in result.iter_mut().zip(a.iter().zip(b)) {
        *to = rule(a, b);
    }
    result
}

#[inline(always)]
fn plus(a: &Vector, b: &Vector) -> Vector {
    both(a, b, |a, b| a + b)
}

#[inline(always)]
fn minus(a: &Vector, b: &Vector) -> Vector {
    both(a, b, |a, b| a - b)
}

/// `factor` times `a`, plus `b`.
#[inline(always)]
fn times_plus(factor: f32, a: &Vector, b: &Vector) -> Vector {
    both(a, b, |a, b| factor.mul_add(a, b))
}

/// Six inputs in a line to the six points.
#[inline(always)]
fn to_points(d: [&Vector; SPAN]) -> [Vector; SPAN] {
    let [d0, d1, d2, d3, d4, d5] = d;
    [
        times_plus(4.0, d0, &times_plus(-5.0, d2, d4)),
        times_plus(-4.0, &plus(d1, d2), &plus(d3, d4)),
        times_plus(4.0, &minus(d1, d2), &minus(d4, d3)),
        times_plus(2.0, &minus(d3, d1), &minus(d4, d2)),
        times_plus(2.0, &minus(d1, d3), &minus(d4, d2)),
        times_plus(4.0, d1, &times_plus(-5.0, d3, d5)),
    ]
}

/// Six points to four outputs in a line.
#[inline(always)]
fn from_points(m: [&Vector; SPAN]) -> [Vector; TILE] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let (near, far) = (plus(m1, m2), plus(m3, m4));
    let (near_step, far_step) = (minus(m1, m2), minus(m3, m4));
    [
        plus(&plus(m0, &near), &far),
        times_plus(2.0, &far_step, &near_step),
        times_plus(4.0, &far, &near),
        plus(&times_plus(8.0, &far_step, &near_step), m5),
    ]
}

/// `LANES` values from `start` on.
#[inline(always)]
fn vector(values: &[f32], start: usize) -> &Vector {
    values[start..].first_chunk().unwrap_or(&[0.0; LANES])
}

#[inline(always)]
fn transform_input(input: &Maps, strip: usize, tiles: usize, before: &mut [f32]) {
    let channels = input.channels;
    // A tile begins a pixel above and left of its outputs: that is the padding.
    let shift = input.border - 1;
    let top = strip * TILE + shift;
    // Written before they are read; one for all, as clearing them would take time.
    let mut columns = [[[0.0; LANES]; SPAN]; SPAN];
    for tile in 0..tiles {
        let mut rows: [&[f32]; SPAN] = [&[]; SPAN];
        for (row, values) in rows.iter_mut().enumerate() {
            *values = input.from(tile * TILE + shift, top + row);
        }
        for first in (0..channels).step_by(LANES) {
            for (column, points) in columns.iter_mut().enumerate() {
                let row = |row: usize| vector(rows[row], column * channels + first);
                *points = to_points([row(0), row(1), row(2), row(3), row(4), row(5)]);
            }
            for row in 0..SPAN {
                let [a, b, c, d, e, f] = &columns;
                let points = to_points([&a[row], &b[row], &c[row], &d[row], &e[row], &f[row]]);
                for (column, point) in points.iter().enumerate() {
                    let at = ((row * SPAN + column) * tiles + tile) * channels + first;
                    before[at..at + LANES].copy_from_slice(point);
                }
            }
        }
    }
}

#[inline(always)]
fn transform_output(after: &[f32], strip: usize, bias: &[f32], finish: Finish<'_>, out: &mut Maps) {
    let channels = out.channels;
    let tiles = out.width / TILE;
    let mut columns = [[[0.0; LANES]; TILE]; SPAN];
    for tile in 0..tiles {
        for first in (0..channels).step_by(LANES) {
            let bias = vector(bias, first);
            for (column, outputs) in columns.iter_mut().enumerate() {
                let row = |row: usize| {
                    vector(
                        after,
                        ((row * SPAN + column) * tiles + tile) * channels + first,
                    )
                };
                *outputs = from_points([row(0), row(1), row(2), row(3), row(4), row(5)]);
            }
            for row in 0..TILE {
                let [a, b, c, d, e, f] = &columns;
                let outputs = from_points([&a[row], &b[row], &c[row], &d[row], &e[row], &f[row]]);
                let (y, start) = (strip * TILE + row, tile * TILE * channels + first);
                let added = finish.add.map(|add| &add.row(y)[start..]);
                let target = &mut out.row_mut(y)[start..];
                for (column, sums) in outputs.iter().enumerate() {
                    let at = column * channels;
                    let mut values = plus(sums, bias);
                    if let Some(added) = added {
                        values = plus(&values, vector(added, at));
                    }
                    if finish.relu {
                        values = each(&values, |sum| if sum < 0.0 { 0.0 } else { sum });
                    }
                    target[at..at + LANES].copy_from_slice(&values);
                }
            }
        }
    }
}
