//! Outlines of instances, for GeoJSON and for drawing.

use crate::segment::LabelImage;

/// The outer outline of each label from 1 to `count`, as a closed ring of pixel corners without its last point; empty for a label without pixels.
///
/// Rings run along pixel edges with the instance on their right and keep only the corners where they turn, so that they are simple, closed and exact.
pub fn trace_contours(labels: &LabelImage) -> Vec<Vec<[u16; 2]>> {
    let mut rings = vec![Vec::new(); labels.count as usize];
    for y in 0..labels.height {
        for x in 0..labels.width {
            let label = labels.labels[y * labels.width + x];
            if label != 0 && rings[label as usize - 1].is_empty() {
                // The first pixel in reading order: its top edge is on the outer outline.
                rings[label as usize - 1] = trace(labels, label, x, y);
            }
        }
    }
    rings
}

/// Right, down, left, up.
const STEPS: [(i64, i64); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// Walks the outline from the top left corner of its first pixel, heading right.
fn trace(labels: &LabelImage, label: u32, x: usize, y: usize) -> Vec<[u16; 2]> {
    let inside = |x: i64, y: i64| {
        x >= 0
            && y >= 0
            && (x as usize) < labels.width
            && (y as usize) < labels.height
            && labels.labels[y as usize * labels.width + x as usize] == label
    };
    let start = (x as i64, y as i64);
    let (mut corner, mut heading) = (start, 0_usize);
    let mut ring = Vec::new();
    loop {
        // Ahead of a corner lie two pixels, left and right of the way.
        let (left, right) = match heading {
            0 => ((corner.0, corner.1 - 1), corner),
            1 => (corner, (corner.0 - 1, corner.1)),
            2 => ((corner.0 - 1, corner.1), (corner.0 - 1, corner.1 - 1)),
            _ => ((corner.0 - 1, corner.1 - 1), (corner.0, corner.1 - 1)),
        };
        // Turning right first keeps pixels apart that touch only at a corner, so the ring never meets itself.
        let turn = if !inside(right.0, right.1) {
            1
        } else if inside(left.0, left.1) {
            3
        } else {
            0
        };
        if turn != 0 {
            ring.push([corner.0 as u16, corner.1 as u16]);
            heading = (heading + turn) % 4;
        }
        corner.0 += STEPS[heading].0;
        corner.1 += STEPS[heading].1;
        if corner == start {
            break;
        }
    }
    // The start itself is a corner: the walk comes up and goes right.
    if ring.first() != Some(&[start.0 as u16, start.1 as u16]) {
        ring.insert(0, [start.0 as u16, start.1 as u16]);
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::LevelSize;

    fn image(rows: &[&str]) -> LabelImage {
        let mut labels = LabelImage::default();
        labels.reset(LevelSize {
            width: rows[0].len() as u32,
            height: rows.len() as u32,
        });
        for (at, byte) in rows.iter().flat_map(|r| r.bytes()).enumerate() {
            let label =
                u32::from(byte.saturating_sub(b'0')).min(9) * u32::from(byte.is_ascii_digit());
            labels.labels[at] = label;
            labels.count = labels.count.max(label);
        }
        labels
    }

    fn area(ring: &[[u16; 2]]) -> f64 {
        let points = ring.iter().zip(ring.iter().cycle().skip(1));
        points
            .map(|(a, b)| f64::from(a[0]) * f64::from(b[1]) - f64::from(b[0]) * f64::from(a[1]))
            .sum::<f64>()
            / 2.0
    }

    #[test]
    fn a_pixel_is_a_square() {
        let rings = trace_contours(&image(&["...", ".1.", "..."]));
        assert_eq!(rings, [vec![[1, 1], [2, 1], [2, 2], [1, 2]]]);
    }

    #[test]
    fn rings_enclose_their_pixels() {
        let labels = image(&[
            "..11..2.", //
            ".1111.22", //
            ".11.1.2.", //
            "..111...", //
            "......33",
        ]);
        let rings = trace_contours(&labels);
        // Label 1 has a hole of one pixel, which the outer outline encloses.
        let areas: Vec<_> = rings.iter().map(|r| area(r)).collect();
        assert_eq!(areas, [13.0, 4.0, 2.0]);
    }

    #[test]
    fn corners_that_touch_do_not_cross() {
        let rings = trace_contours(&image(&["11..", ".11.", "..11"]));
        let unique: std::collections::BTreeSet<_> = rings[0].iter().collect();
        assert_eq!(unique.len(), rings[0].len());
    }
}
