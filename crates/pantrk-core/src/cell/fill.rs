//! From an outline back to pixels.

/// Calls `paint(row, first, end)` for each run of pixels whose centres lie inside a ring (even-odd rule), in a picture of `width` x `height` pixels.
pub fn fill_ring(
    ring: &[[f32; 2]],
    width: usize,
    height: usize,
    mut paint: impl FnMut(usize, usize, usize),
) {
    let low = ring.iter().map(|p| p[1]).fold(f32::INFINITY, f32::min);
    let high = ring.iter().map(|p| p[1]).fold(f32::NEG_INFINITY, f32::max);
    if !(low.is_finite() && high.is_finite()) {
        return;
    }
    let first = low.floor().max(0.0) as usize;
    let end = (high.ceil().max(0.0) as usize).min(height);
    let mut crossings = Vec::new();
    for row in first..end {
        let y = row as f32 + 0.5;
        crossings.clear();
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            if (a[1] <= y) != (b[1] <= y) {
                crossings.push(a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]));
            }
        }
        crossings.sort_unstable_by(f32::total_cmp);
        for pair in crossings.chunks_exact(2) {
            // A pixel is inside if its centre is.
            let pixel = |x: f32| ((x - 0.5).ceil().max(0.0) as usize).min(width);
            let (from, to) = (pixel(pair[0]), pixel(pair[1]));
            if from < to {
                paint(row, from, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::trace_contours;
    use crate::segment::LabelImage;
    use pantrk_space::LevelSize;

    #[test]
    fn an_outline_fills_the_pixels_it_came_from() {
        let mut labels = LabelImage::default();
        labels.reset(LevelSize {
            width: 30,
            height: 20,
        });
        for y in 0..20_usize {
            for x in 0..30_usize {
                let (dx, dy) = (x as f64 - 12.0, y as f64 - 9.0);
                if dx * dx / 80.0 + dy * dy / 40.0 < 1.0 || (x > 18 && y == 9) {
                    labels.labels[y * 30 + x] = 1;
                }
            }
        }
        labels.count = 1;
        let ring: Vec<[f32; 2]> = trace_contours(&labels)[0]
            .iter()
            .map(|p| [f32::from(p[0]), f32::from(p[1])])
            .collect();
        let mut filled = vec![0; 600];
        fill_ring(&ring, 30, 20, |row, from, to| {
            filled[row * 30 + from..row * 30 + to].fill(1);
        });
        assert_eq!(filled, labels.labels);
    }
}
