//! Undoing prediction and turning samples into RGB.

/// Undoes TIFF's horizontal differencing (Predictor 2) of 8-bit samples in rows of `width` pixels.
pub(crate) fn undo_horizontal_prediction(samples: &mut [u8], width: usize, channels: usize) {
    let stride = width.saturating_mul(channels);
    if stride == 0 {
        return;
    }
    for row in samples.chunks_exact_mut(stride) {
        match channels {
            // The common counts are spelt out so that the sums stay in registers.
            1 => running_sums::<1>(row),
            3 => running_sums::<3>(row),
            4 => running_sums::<4>(row),
            _ => {
                let mut sums = vec![0_u8; channels];
                for pixel in row.chunks_exact_mut(channels) {
                    for (value, sum) in pixel.iter_mut().zip(&mut sums) {
                        *sum = sum.wrapping_add(*value);
                        *value = *sum;
                    }
                }
            }
        }
    }
}

fn running_sums<const N: usize>(row: &mut [u8]) {
    let mut sums = [0_u8; N];
    let (pixels, _) = row.as_chunks_mut::<N>();
    for pixel in pixels {
        for (value, sum) in pixel.iter_mut().zip(&mut sums) {
            *sum = sum.wrapping_add(*value);
            *value = *sum;
        }
    }
}

/// What the samples of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The first sample is a grey value.
    Grey,
    /// The first sample is a grey value, 0 being white.
    InvertedGrey,
    /// Three samples of colour.
    Rgb,
}

/// What the first sample after the colours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpha {
    /// There is none, or it is not opacity.
    None,
    /// Opacity that the colours were already multiplied with.
    Associated,
    /// Opacity on its own.
    Unassociated,
}

/// Turns interleaved samples into RGB; what is transparent becomes white, like the glass around a scan.
pub(crate) fn to_rgb(
    samples: &[u8],
    channels: usize,
    meaning: Meaning,
    alpha: Alpha,
    out: &mut [u8],
) {
    let (pixels, _) = out.as_chunks_mut::<3>();
    for (target, source) in pixels.iter_mut().zip(samples.chunks_exact(channels.max(1))) {
        let (colour, extra) = match (meaning, source) {
            (Meaning::Rgb, [r, g, b, extra @ ..]) => ([*r, *g, *b], extra.first()),
            (Meaning::Grey, [v, extra @ ..]) => ([*v; 3], extra.first()),
            (Meaning::InvertedGrey, [v, extra @ ..]) => {
                ([255_u8.wrapping_sub(*v); 3], extra.first())
            }
            _ => ([255; 3], None),
        };
        *target = match (alpha, extra) {
            (Alpha::Associated, Some(&a)) => {
                colour.map(|v| v.saturating_add(255_u8.wrapping_sub(a)))
            }
            (Alpha::Unassociated, Some(&a)) => colour.map(|v| over_white(v, a)),
            _ => colour,
        };
    }
}

/// `v` with opacity `a` over white, rounded.
fn over_white(v: u8, a: u8) -> u8 {
    let (v, a) = (u32::from(v), u32::from(a));
    // At most 255 * 255 + 127: nothing can wrap.
    let sum = v
        .wrapping_mul(a)
        .wrapping_add(255_u32.wrapping_mul(255_u32.wrapping_sub(a)))
        .wrapping_add(127);
    u8::try_from(sum.checked_div(255).unwrap_or(255)).unwrap_or(255)
}

/// Puts one plane of a planar image into its place among the interleaved samples.
pub(crate) fn interleave(plane: &[u8], channel: usize, channels: usize, samples: &mut [u8]) {
    for (pixel, value) in samples.chunks_exact_mut(channels.max(1)).zip(plane) {
        if let Some(sample) = pixel.get_mut(channel) {
            *sample = *value;
        }
    }
}

/// Full-range `YCbCr` of ITU-T T.871 to RGB, in place.
pub(crate) fn rgb_from_ycbcr(pixels: &mut [u8]) {
    let byte = |value: f32| value.round().clamp(0.0, 255.0);
    let (pixels, _) = pixels.as_chunks_mut::<3>();
    for pixel in pixels {
        let [y, cb, cr] = pixel.map(f32::from);
        let (cb, cr) = (cb - 128.0, cr - 128.0);
        let rgb = [
            byte(1.402_f32.mul_add(cr, y)),
            byte(0.344_136_f32.mul_add(-cb, 0.714_136_f32.mul_add(-cr, y))),
            byte(1.772_f32.mul_add(cb, y)),
        ];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "held between 0 and 255 above"
        )]
        let rgb = rgb.map(|value| value as u8);
        *pixel = rgb;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_sum_up_per_channel_and_row() {
        let mut samples = [1, 2, 3, 1, 1, 255, 5, 5, 5, 1, 0, 0];
        undo_horizontal_prediction(&mut samples, 2, 3);
        assert_eq!(samples, [1, 2, 3, 2, 3, 2, 5, 5, 5, 6, 5, 5]);
        let mut two = [10, 20, 1, 2];
        undo_horizontal_prediction(&mut two, 2, 2);
        assert_eq!(two, [10, 20, 11, 22]);
    }

    #[test]
    fn primary_colours_come_out_of_ycbcr() {
        let mut pixels = [76, 85, 255, 150, 44, 21, 29, 255, 107, 200, 128, 128];
        rgb_from_ycbcr(&mut pixels);
        let wanted = [254, 0, 0, 0, 255, 1, 0, 0, 254, 200, 200, 200];
        for (found, wanted) in pixels.iter().zip(wanted) {
            assert!(found.abs_diff(wanted) <= 1, "{pixels:?}");
        }
    }

    #[test]
    fn transparent_is_white() {
        let mut out = [0; 9];
        let samples = [10, 20, 30, 255, 10, 20, 30, 0, 100, 100, 100, 128];
        to_rgb(&samples, 4, Meaning::Rgb, Alpha::Unassociated, &mut out);
        // 100 * 128/255 + 255 * 127/255 = 177.2
        assert_eq!(out, [10, 20, 30, 255, 255, 255, 177, 177, 177]);
        to_rgb(&samples, 4, Meaning::Rgb, Alpha::None, &mut out);
        assert_eq!(out, [10, 20, 30, 10, 20, 30, 100, 100, 100]);
        to_rgb(
            &[0, 255, 7],
            1,
            Meaning::InvertedGrey,
            Alpha::None,
            &mut out,
        );
        assert_eq!(out, [255, 255, 255, 0, 0, 0, 248, 248, 248]);
    }
}
