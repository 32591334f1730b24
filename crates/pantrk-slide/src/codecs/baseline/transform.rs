//! From coefficients to samples: the inverse cosine transform of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) with 13 bits of fraction, rounded as libjpeg rounds it, so that pixels are the same as those of `OpenSlide`.

use std::num::Wrapping as W;

use fearless_simd::{Simd, SimdBase as _, SimdFrom as _, i16x8};

/// Bits of fraction of the constants, and of the values between both passes.
const FRACTION: u32 = 13;
const BETWEEN: u32 = 2;

/// The constants times 2^13.
const C0_298: W<i32> = W(2446);
const C0_390: W<i32> = W(3196);
const C0_541: W<i32> = W(4433);
const C0_765: W<i32> = W(6270);
const C0_899: W<i32> = W(7373);
const C1_175: W<i32> = W(9633);
const C1_501: W<i32> = W(12_299);
const C1_847: W<i32> = W(15_137);
const C1_961: W<i32> = W(16_069);
const C2_053: W<i32> = W(16_819);
const C2_562: W<i32> = W(20_995);
const C3_072: W<i32> = W(25_172);

/// Coefficients or samples, row by row; 16 bits hold what an encoder can have made.
pub(super) type Rows = [[i16; 8]; 8];

/// One dimension: each lane by itself, down the rows.
#[inline(always)]
fn pass<const SHIFT: usize>(rows: &Rows) -> Rows {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let mut out = [[0; 8]; 8];
    let [n0, n1, n2, n3, n4, n5, n6, n7] = &mut out;
    let wide = |value: i16| W(i32::from(value));
    let narrow = |value: W<i32>| {
        let value = (value + W(1 << (SHIFT - 1))) >> SHIFT;
        value.0.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    };
    for lane in 0..8 {
        let (even2, even6) = (wide(r2[lane]), wide(r6[lane]));
        let z1 = (even2 + even6) * C0_541;
        let t2 = z1 - even6 * C1_847;
        let t3 = z1 + even2 * C0_765;
        let (even0, even4) = (wide(r0[lane]), wide(r4[lane]));
        let t0 = (even0 + even4) << FRACTION as usize;
        let t1 = (even0 - even4) << FRACTION as usize;
        let (e0, e3, e1, e2) = (t0 + t3, t0 - t3, t1 + t2, t1 - t2);

        let (o7, o5, o3, o1) = (
            wide(r7[lane]),
            wide(r5[lane]),
            wide(r3[lane]),
            wide(r1[lane]),
        );
        let (z1, z2, z3, z4) = (o7 + o1, o5 + o3, o7 + o3, o5 + o1);
        let z5 = (z3 + z4) * C1_175;
        let z1 = -(z1 * C0_899);
        let z2 = -(z2 * C2_562);
        let z3 = z5 - z3 * C1_961;
        let z4 = z5 - z4 * C0_390;
        let t0 = o7 * C0_298 + z1 + z3;
        let t1 = o5 * C2_053 + z2 + z4;
        let t2 = o3 * C3_072 + z2 + z3;
        let t3 = o1 * C1_501 + z1 + z4;

        n0[lane] = narrow(e0 + t3);
        n7[lane] = narrow(e0 - t3);
        n1[lane] = narrow(e1 + t2);
        n6[lane] = narrow(e1 - t2);
        n2[lane] = narrow(e2 + t1);
        n5[lane] = narrow(e2 - t1);
        n3[lane] = narrow(e3 + t0);
        n4[lane] = narrow(e3 - t0);
    }
    out
}

/// Rows become columns: three perfect shuffles.
#[inline(always)]
fn transposed<S: Simd>(simd: S, rows: &Rows) -> Rows {
    let mut rows = rows.map(|row| i16x8::simd_from(simd, row));
    for _ in 0..3 {
        let [a, b, c, d, e, f, g, h] = rows;
        rows = [
            a.zip_low(e),
            a.zip_high(e),
            b.zip_low(f),
            b.zip_high(f),
            c.zip_low(g),
            c.zip_high(g),
            d.zip_low(h),
            d.zip_high(h),
        ];
    }
    rows.map(Into::into)
}

const PASS_1: usize = (FRACTION - BETWEEN) as usize;
const PASS_2: usize = (FRACTION + BETWEEN + 3) as usize;

/// Turns a block into samples, at the beginning of `out`, whose rows are `stride` apart.
#[inline(always)]
pub(super) fn block<S: Simd>(simd: S, coefficients: &Rows, out: &mut [u8], stride: usize) {
    let columns = transposed(simd, &pass::<PASS_1>(coefficients));
    let rows = transposed(simd, &pass::<PASS_2>(&columns));
    for (row, target) in rows.iter().zip(out.chunks_mut(stride)) {
        if let Some(target) = target.first_chunk_mut::<8>() {
            for (target, value) in target.iter_mut().zip(row) {
                *target = value.saturating_add(128).clamp(0, 255) as u8;
            }
        }
    }
}

/// The same of a block that has its mean alone.
#[inline(always)]
pub(super) fn flat(mean: i16, out: &mut [u8], stride: usize) {
    let value = (i32::from(mean).wrapping_add(4) >> 3)
        .wrapping_add(128)
        .clamp(0, 255) as u8;
    for target in out.chunks_mut(stride).take(8) {
        if let Some(target) = target.first_chunk_mut::<8>() {
            *target = [value; 8];
        }
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    /// The transform by its definition (T.81, A.3.3).
    fn by_definition(block: &Rows) -> [[f64; 8]; 8] {
        let basis = |n: usize, at: usize| {
            let scale = if n == 0 { 0.5_f64.sqrt() } else { 1.0 };
            let angle = (2 * at + 1) as f64 * n as f64 * std::f64::consts::PI / 16.0;
            scale / 2.0 * angle.cos()
        };
        let mut out = [[128.0; 8]; 8];
        for (y, row) in out.iter_mut().enumerate() {
            for (x, value) in row.iter_mut().enumerate() {
                for (v, row) in block.iter().enumerate() {
                    for (u, coefficient) in row.iter().enumerate() {
                        *value += f64::from(*coefficient) * basis(v, y) * basis(u, x);
                    }
                }
            }
        }
        out
    }

    #[test]
    fn samples_are_within_one_of_the_definition() {
        let mut state = 1_u32;
        for round in 0..200 {
            let mut coefficients = [[0; 8]; 8];
            for (n, value) in coefficients.iter_mut().flatten().enumerate() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let spread = if n == 0 { 800 } else { 60 };
                if round % 8 >= n / 8 {
                    *value = ((state >> 8) as i32 % (2 * spread) - spread) as i16;
                }
            }
            let mut out = [0; 64];
            let level = Level::new();
            dispatch!(level, simd => block(simd, &coefficients, &mut out, 8));
            let truth = by_definition(&coefficients);
            for (found, wanted) in out.iter().zip(truth.iter().flatten()) {
                let wanted = wanted.clamp(0.0, 255.0);
                assert!((f64::from(*found) - wanted).abs() < 1.0, "{found} {wanted}");
            }
        }
    }

    #[test]
    fn a_flat_block_is_the_same_as_by_the_whole_transform() {
        for mean in (-1200..1200).step_by(7) {
            let mut coefficients = [[0; 8]; 8];
            coefficients[0][0] = mean;
            let (mut whole, mut short) = ([0; 64], [0; 64]);
            let level = Level::new();
            dispatch!(level, simd => block(simd, &coefficients, &mut whole, 8));
            flat(mean, &mut short, 8);
            assert_eq!(whole, short);
        }
    }
}
