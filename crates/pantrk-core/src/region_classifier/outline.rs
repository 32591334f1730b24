//! From a map of places to outlines that can be drawn, stored and scored.

use pantrk_space::SlidePoint;

use crate::overview::Mask;

/// An area with its holes, level-0 pixels; rings are not closed.
#[derive(Debug, Clone, PartialEq)]
pub struct AreaOutline {
    /// The outline.
    pub exterior: Vec<SlidePoint>,
    /// What is cut out.
    pub holes: Vec<Vec<SlidePoint>>,
}

/// A corner of pixels.
type Corner = (i64, i64);

/// Right, down, left, up.
const STEPS: [Corner; 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// The areas of a mask, each with its holes; `scale` is level-0 pixels per pixel of the mask.
pub(super) fn outlines(mask: &Mask, scale: (f64, f64)) -> Vec<AreaOutline> {
    let mask = without_corner_contacts(mask);
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    for ring in rings(&mask) {
        if doubled_area(&ring) > 0 {
            outer.push((ring, Vec::new()));
        } else {
            inner.push(ring);
        }
    }
    for hole in inner {
        // Rings never cross, so a hole lies in the smallest area around any place just outside of it.
        let around = outer
            .iter_mut()
            .filter(|(ring, _)| holds(ring, &hole))
            .min_by_key(|(ring, _)| doubled_area(ring));
        if let Some((_, holes)) = around {
            holes.push(hole);
        }
    }
    let place = |ring: Vec<Corner>| -> Vec<SlidePoint> {
        let point = |(x, y): Corner| SlidePoint {
            x: x as f64 * scale.0,
            y: y as f64 * scale.1,
        };
        ring.into_iter().map(point).collect()
    };
    outer
        .into_iter()
        .map(|(ring, holes)| AreaOutline {
            exterior: place(ring),
            holes: holes.into_iter().map(place).collect(),
        })
        .collect()
}

/// Pixels that touch at a corner alone are joined, so that no ring meets itself.
fn without_corner_contacts(mask: &Mask) -> Mask {
    let mut mask = mask.clone();
    loop {
        let joined = Mask::from_fn(mask.width(), mask.height(), |x, y| {
            let set = |dx: i64, dy: i64| {
                let (x, y) = (i64::from(x) + dx, i64::from(y) + dy);
                x >= 0 && y >= 0 && mask.get(x as u32, y as u32)
            };
            // Of the two pixels that could join a pair, the one beside the upper is taken.
            mask.get(x, y)
                || (set(-1, 0) && set(0, 1) && !set(-1, 1))
                || (set(1, 0) && set(0, 1) && !set(1, 1))
        });
        if joined == mask {
            return mask;
        }
        mask = joined;
    }
}

/// All boundaries, with the set pixels on the right of the way.
fn rings(mask: &Mask) -> Vec<Vec<Corner>> {
    let (width, height) = (i64::from(mask.width()), i64::from(mask.height()));
    let set = |x: i64, y: i64| {
        x >= 0 && y >= 0 && x < width && y < height && mask.get(x as u32, y as u32)
    };
    let mut walked = vec![false; (width * height) as usize];
    let mut all = Vec::new();
    for y in 0..height {
        for x in 0..width {
            // Every ring runs right along the top edge of some pixel.
            if !set(x, y) || set(x, y - 1) || walked[(y * width + x) as usize] {
                continue;
            }
            let mut ring = Vec::new();
            let (mut corner, mut heading) = ((x, y), 0_usize);
            loop {
                if heading == 0 {
                    walked[(corner.1 * width + corner.0) as usize] = true;
                }
                corner.0 += STEPS[heading].0;
                corner.1 += STEPS[heading].1;
                let (left, right) = ahead(corner, heading);
                let turn = if !set(right.0, right.1) {
                    1
                } else if set(left.0, left.1) {
                    3
                } else {
                    0
                };
                if turn != 0 {
                    ring.push(corner);
                    heading = (heading + turn) % 4;
                }
                if corner == (x, y) && heading == 0 {
                    break;
                }
            }
            all.push(ring);
        }
    }
    all
}

/// The pixels ahead of a corner, left and right of the way.
fn ahead((x, y): Corner, heading: usize) -> (Corner, Corner) {
    match heading {
        0 => ((x, y - 1), (x, y)),
        1 => ((x, y), (x - 1, y)),
        2 => ((x - 1, y), (x - 1, y - 1)),
        _ => ((x - 1, y - 1), (x, y - 1)),
    }
}

/// Above zero for outlines, below for holes.
fn doubled_area(ring: &[Corner]) -> i64 {
    let pairs = ring.iter().zip(ring.iter().cycle().skip(1));
    pairs.map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum()
}

/// Whether a hole lies in a ring: by the middle of the pixel left of the hole's topmost edge, which is set.
fn holds(ring: &[Corner], hole: &[Corner]) -> bool {
    let Some(&(x, y)) = hole.iter().min_by_key(|(x, y)| (*y, *x)) else {
        return false;
    };
    let (px, py) = (x as f64 + 0.5, y as f64 - 0.5);
    let crossings = ring
        .iter()
        .zip(ring.iter().cycle().skip(1))
        .filter(|(a, b)| {
            // Edges run along the axes; upright ones alone can be crossed.
            a.0 == b.0 && (a.0 as f64) > px && ((a.1 as f64) < py) != ((b.1 as f64) < py)
        })
        .count();
    crossings % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        Mask::from_fn(rows[0].len() as u32, rows.len() as u32, |x, y| {
            rows[y as usize].as_bytes()[x as usize] == b'#'
        })
    }

    #[test]
    fn areas_have_their_holes() {
        let found = outlines(
            &mask(&[
                "#####..", //
                "#...#..", "#.#.#.#", "#...#..", "#####..",
            ]),
            (2.0, 4.0),
        );
        let holes: Vec<_> = found.iter().map(|area| area.holes.len()).collect();
        assert_eq!(holes, [1, 0, 0]);
        assert_eq!(found[0].exterior.len(), 4);
        let far = found[0].exterior.iter().map(|p| p.y).fold(0.0, f64::max);
        assert!((far - 20.0).abs() < 1e-9);
    }

    #[test]
    fn rings_enclose_as_many_pixels_as_are_set() {
        let noise = Mask::from_fn(40, 30, |x, y| (x * 7 + y * 13 + x * y) % 5 < 3);
        let joined = without_corner_contacts(&noise);
        let area: f64 = outlines(&noise, (1.0, 1.0))
            .iter()
            .flat_map(|area| {
                let of = |ring: &[SlidePoint]| {
                    let pairs = ring.iter().zip(ring.iter().cycle().skip(1));
                    pairs.map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f64>() / 2.0
                };
                let mut parts = vec![of(&area.exterior)];
                parts.extend(area.holes.iter().map(|hole| of(hole)));
                parts
            })
            .sum();
        assert!((area - joined.count() as f64).abs() < 1e-9, "{area}");
    }
}
