//! Gaussian smoothing along rows, then columns.

#![expect(
    clippy::inline_always,
    reason = "compiled anew inside each function that is made for other instructions"
)]

use crate::widest::on_widest;

/// A Gaussian kernel and its buffers.
#[derive(Debug, Clone)]
pub struct Gaussian {
    /// The right half, the centre first; the whole kernel sums to 1.
    half: Vec<f32>,
    rows: Vec<f32>,
    padded: Vec<f32>,
}

impl Gaussian {
    /// A kernel with standard deviation `sigma_px`, cut off at three of them; 0 or less smooths nothing.
    pub fn new(sigma_px: f64) -> Self {
        let radius = if sigma_px > 0.0 {
            (3.0 * sigma_px).ceil() as usize
        } else {
            0
        };
        let weights: Vec<f64> = (0..=radius)
            .map(|i| {
                if i == 0 {
                    1.0
                } else {
                    (-0.5 * (i as f64 / sigma_px).powi(2)).exp()
                }
            })
            .collect();
        let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
        Self {
            half: weights.iter().map(|w| (w / sum) as f32).collect(),
            rows: Vec::new(),
            padded: Vec::new(),
        }
    }

    /// How far a pixel reaches, in pixels.
    pub fn radius(&self) -> usize {
        self.half.len() - 1
    }

    /// Smooths `plane` in place; the outermost pixels go on beyond the edge.
    pub fn smooth(&mut self, plane: &mut [f32], width: usize) {
        let radius = self.radius();
        if radius == 0 || plane.is_empty() {
            return;
        }
        on_widest(
            #[inline(always)]
            || {
                self.smooth_rows(plane, width);
                self.smooth_columns(plane, width);
            },
        );
    }

    #[inline(always)]
    fn smooth_columns(&mut self, plane: &mut [f32], width: usize) {
        let height = plane.len() / width;
        let Self { half, rows, .. } = self;
        let row_at = |y: isize| {
            let y = y.clamp(0, height as isize - 1) as usize;
            &rows[y * width..][..width]
        };
        for (y, out) in plane.chunks_exact_mut(width).enumerate() {
            let y = y as isize;
            for (out, &centre) in out.iter_mut().zip(row_at(y)) {
                *out = centre * half[0];
            }
            for (i, &weight) in half.iter().enumerate().skip(1) {
                let (up, down) = (row_at(y - i as isize), row_at(y + i as isize));
                for ((out, &up), &down) in out.iter_mut().zip(up).zip(down) {
                    *out += (up + down) * weight;
                }
            }
        }
    }

    #[inline(always)]
    fn smooth_rows(&mut self, plane: &[f32], width: usize) {
        let radius = self.radius();
        let Self { half, rows, padded } = self;
        rows.resize(plane.len(), 0.0);
        padded.resize(width + 2 * radius, 0.0);
        for (row, out) in plane.chunks_exact(width).zip(rows.chunks_exact_mut(width)) {
            padded[..radius].fill(row[0]);
            padded[radius..radius + width].copy_from_slice(row);
            padded[radius + width..].fill(row[width - 1]);
            for (out, &centre) in out.iter_mut().zip(&padded[radius..]) {
                *out = centre * half[0];
            }
            for (i, &weight) in half.iter().enumerate().skip(1) {
                let (left, right) = (&padded[radius - i..], &padded[radius + i..]);
                for ((out, &left), &right) in out.iter_mut().zip(left).zip(right) {
                    *out += (left + right) * weight;
                }
            }
        }
    }
}
