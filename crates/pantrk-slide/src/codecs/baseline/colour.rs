//! From planes to RGB: chroma made larger by a triangle filter, and the transform of JFIF, both rounded as libjpeg rounds them.

/// One component's samples.
#[derive(Default)]
pub(super) struct Plane {
    pub(super) samples: Vec<u8>,
    /// Bytes from row to row; whole blocks.
    pub(super) stride: usize,
    /// What of it belongs to the picture.
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Plane {
    /// A row of the picture's part; the last one again below it.
    #[inline(always)]
    pub(super) fn row(&self, y: usize) -> &[u8] {
        let y = y.min(self.height.saturating_sub(1));
        let start = y.saturating_mul(self.stride);
        self.samples
            .get(start..start.saturating_add(self.width))
            .unwrap_or_default()
    }
}

/// How a component's samples are fewer than the picture's, across and down.
pub(super) type Reduction = (usize, usize);

/// Row `y` of the picture out of a plane of fewer samples; `sums` is scratch space.
#[inline(always)]
pub(super) fn enlarged<'a>(
    plane: &'a Plane,
    (across, down): Reduction,
    y: usize,
    sums: &mut Vec<u16>,
    out: &'a mut Vec<u8>,
) -> &'a [u8] {
    // Of a picture of two samples, libjpeg repeats them.
    let is_narrow = plane.width <= 2;
    match (across, down) {
        (1, 1) => return plane.row(y),
        (2, 1) if !is_narrow => across_twice(plane.row(y), out),
        (1, 2) => {
            let (near, far, is_upper) = rows_around(plane, y);
            let bias = if is_upper { 1 } else { 2 };
            out.clear();
            out.extend(near.iter().zip(far).map(|(&near, &far)| {
                ((u16::from(near).wrapping_mul(3))
                    .wrapping_add(u16::from(far))
                    .wrapping_add(bias)
                    >> 2) as u8
            }));
        }
        (2, 2) if !is_narrow => {
            let (near, far, _) = rows_around(plane, y);
            sums.clear();
            sums.extend(
                near.iter().zip(far).map(|(&near, &far)| {
                    u16::from(near).wrapping_mul(3).wrapping_add(u16::from(far))
                }),
            );
            both_twice(sums, out);
        }
        _ => {
            let row = plane.row(y.checked_div(down).unwrap_or(0));
            out.clear();
            for &sample in row {
                out.extend(std::iter::repeat_n(sample, across));
            }
        }
    }
    out
}

/// The row that covers `y` of the picture, and the one on its other side.
#[inline(always)]
fn rows_around(plane: &Plane, y: usize) -> (&[u8], &[u8], bool) {
    let (row, is_upper) = (y >> 1, y & 1 == 0);
    let other = if is_upper {
        row.saturating_sub(1)
    } else {
        row.saturating_add(1)
    };
    (plane.row(row), plane.row(other), is_upper)
}

/// Twice as many samples: three parts of the nearer, one of the farther.
#[inline(always)]
fn across_twice(row: &[u8], out: &mut Vec<u8>) {
    out.resize(row.len().saturating_mul(2), 0);
    let (pairs, _) = out.as_chunks_mut::<2>();
    let wide = |sample: u8| u16::from(sample);
    if let (Some(middle), [_, after @ ..]) = (row.get(1..), row) {
        let after = after.iter().skip(1);
        for (((pair, &before), &here), &after) in
            pairs.iter_mut().skip(1).zip(row).zip(middle).zip(after)
        {
            let three = wide(here).wrapping_mul(3);
            *pair = [
                (three.wrapping_add(wide(before)).wrapping_add(1) >> 2) as u8,
                (three.wrapping_add(wide(after)).wrapping_add(2) >> 2) as u8,
            ];
        }
    }
    if let ([first, second, ..], Some(pair)) = (row, pairs.first_mut()) {
        let right = wide(*first)
            .wrapping_mul(3)
            .wrapping_add(wide(*second))
            .wrapping_add(2)
            >> 2;
        *pair = [*first, right as u8];
    }
    if let ([.., before, last], Some(pair)) = (row, pairs.last_mut()) {
        let left = wide(*last)
            .wrapping_mul(3)
            .wrapping_add(wide(*before))
            .wrapping_add(1)
            >> 2;
        *pair = [left as u8, *last];
    }
}

/// The same of sums over two rows.
#[inline(always)]
fn both_twice(sums: &[u16], out: &mut Vec<u8>) {
    out.resize(sums.len().saturating_mul(2), 0);
    let (pairs, _) = out.as_chunks_mut::<2>();
    if let (Some(middle), Some(after)) = (sums.get(1..), sums.get(2..)) {
        for (((pair, &before), &here), &after) in
            pairs.iter_mut().skip(1).zip(sums).zip(middle).zip(after)
        {
            let three = here.wrapping_mul(3);
            *pair = [
                (three.wrapping_add(before).wrapping_add(8) >> 4) as u8,
                (three.wrapping_add(after).wrapping_add(7) >> 4) as u8,
            ];
        }
    }
    if let ([first, second, ..], Some(pair)) = (sums, pairs.first_mut()) {
        *pair = [
            (first.wrapping_mul(4).wrapping_add(8) >> 4) as u8,
            (first.wrapping_mul(3).wrapping_add(*second).wrapping_add(7) >> 4) as u8,
        ];
    }
    if let ([.., before, last], Some(pair)) = (sums, pairs.last_mut()) {
        *pair = [
            (last.wrapping_mul(3).wrapping_add(*before).wrapping_add(8) >> 4) as u8,
            (last.wrapping_mul(4).wrapping_add(7) >> 4) as u8,
        ];
    }
}

/// JFIF's factors times 2^16.
const RED_OF_CR: i32 = 91_881;
const GREEN_OF_CB: i32 = 22_554;
const GREEN_OF_CR: i32 = 46_802;
const BLUE_OF_CB: i32 = 116_130;
const HALF: i32 = 1 << 15;

/// `YCbCr` of JFIF as RGB.
#[inline(always)]
pub(super) fn to_rgb([y, cb, cr]: [&[u8]; 3], out: &mut [u8]) {
    let (pixels, _) = out.as_chunks_mut::<3>();
    for (((pixel, &y), &cb), &cr) in pixels.iter_mut().zip(y).zip(cb).zip(cr) {
        let y = i32::from(y);
        let (cb, cr) = (
            i32::from(cb).wrapping_sub(128),
            i32::from(cr).wrapping_sub(128),
        );
        let red = cr.wrapping_mul(RED_OF_CR).wrapping_add(HALF) >> 16;
        let green = HALF
            .wrapping_sub(cb.wrapping_mul(GREEN_OF_CB))
            .wrapping_sub(cr.wrapping_mul(GREEN_OF_CR))
            >> 16;
        let blue = cb.wrapping_mul(BLUE_OF_CB).wrapping_add(HALF) >> 16;
        *pixel = [
            y.wrapping_add(red).clamp(0, 255) as u8,
            y.wrapping_add(green).clamp(0, 255) as u8,
            y.wrapping_add(blue).clamp(0, 255) as u8,
        ];
    }
}

/// Three components side by side.
#[inline(always)]
pub(super) fn interleave([a, b, c]: [&[u8]; 3], out: &mut [u8]) {
    let (pixels, _) = out.as_chunks_mut::<3>();
    for (((pixel, &a), &b), &c) in pixels.iter_mut().zip(a).zip(b).zip(c) {
        *pixel = [a, b, c];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(rows: &[&[u8]]) -> Plane {
        Plane {
            samples: rows.concat(),
            stride: rows[0].len(),
            width: rows[0].len(),
            height: rows.len(),
        }
    }

    #[test]
    fn the_triangle_filter_takes_three_parts_of_the_nearer() {
        let plane = plane(&[&[0, 100, 200], &[40, 140, 240]]);
        let (mut sums, mut out) = (Vec::new(), Vec::new());
        assert_eq!(
            enlarged(&plane, (2, 1), 0, &mut sums, &mut out),
            [0, 25, 75, 125, 175, 200]
        );
        // The first row has no other above it.
        assert_eq!(
            enlarged(&plane, (2, 2), 0, &mut sums, &mut out),
            [0, 25, 75, 125, 175, 200]
        );
        assert_eq!(
            enlarged(&plane, (2, 2), 1, &mut sums, &mut out),
            [10, 35, 85, 135, 185, 210]
        );
        assert_eq!(
            enlarged(&plane, (1, 2), 2, &mut sums, &mut out),
            [30, 130, 230]
        );
        assert_eq!(
            enlarged(&plane, (4, 1), 1, &mut sums, &mut out)[..5],
            [40, 40, 40, 40, 140]
        );
    }

    #[test]
    fn colours_are_those_of_the_formula() {
        for (y, cb, cr) in [
            (0, 0, 0),
            (255, 255, 255),
            (81, 90, 240),
            (145, 54, 34),
            (41, 240, 110),
        ] {
            let mut out = [0; 3];
            to_rgb([&[y], &[cb], &[cr]], &mut out);
            let (y, b, r) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
            let wanted = [
                y + 1.402 * r,
                y - 0.344_136 * b - 0.714_136 * r,
                y + 1.772 * b,
            ];
            for (found, wanted) in out.iter().zip(wanted) {
                assert!((f64::from(*found) - wanted.clamp(0.0, 255.0)).abs() <= 0.51);
            }
        }
    }
}
