//! Closed outlines of where a field is positive: marching squares on a lattice, each ring simple.

/// A ring of points in lattice units, closed (first = last).
pub(crate) type Ring = Vec<[f64; 2]>;

/// A polygon: its outer ring, then its holes.
pub(crate) type Polygon = Vec<Ring>;

/// Samples on a lattice, row by row; the border must be negative, so that every outline closes.
pub(crate) struct Samples {
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
}

impl Samples {
    fn at(&self, x: usize, y: usize) -> f32 {
        self.values[y * self.width + x]
    }

    fn inside(&self, x: usize, y: usize) -> bool {
        self.at(x, y) > 0.0
    }

    /// Where the field is 0 between two lattice points.
    fn crossing(&self, a: (usize, usize), b: (usize, usize)) -> [f64; 2] {
        // The same two points in the same order, or an edge's two cells would disagree in the last bit.
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        let (va, vb) = (f64::from(self.at(a.0, a.1)), f64::from(self.at(b.0, b.1)));
        // Kept off the lattice points, where two outlines could touch.
        let t = (va / (va - vb)).clamp(0.02, 0.98);
        [
            a.0 as f64 + (b.0 as f64 - a.0 as f64) * t,
            a.1 as f64 + (b.1 as f64 - a.1 as f64) * t,
        ]
    }
}

/// An edge between lattice neighbours: left or top end, and whether it runs down.
type Edge = (usize, usize, bool);

/// Follows the outlines; inside lies on the right of the direction of travel.
fn rings(samples: &Samples) -> Vec<Ring> {
    let width = samples.width;
    let height = samples.values.len() / width.max(1);
    if width < 2 || height < 2 {
        return Vec::new();
    }
    // Every outline crosses some horizontal-neighbour pair from outside to inside, seen from left to right: rings start there.
    let mut visited = vec![false; width * height];
    let mut rings = Vec::new();
    for y in 0..height {
        for x in 0..width - 1 {
            if samples.inside(x, y) || !samples.inside(x + 1, y) || visited[y * width + x] {
                continue;
            }
            let mut ring = Vec::new();
            let start: Edge = (x, y, false);
            let (mut edge, mut going_up) = (start, true);
            loop {
                let (ex, ey, down) = edge;
                let far = if down { (ex, ey + 1) } else { (ex + 1, ey) };
                ring.push(samples.crossing((ex, ey), far));
                if !down && !samples.inside(ex, ey) {
                    visited[ey * width + ex] = true;
                }
                let next = step(samples, edge, going_up);
                edge = next.0;
                going_up = next.1;
                if edge == start {
                    break;
                }
            }
            let first = ring[0];
            ring.push(first);
            rings.push(ring);
        }
    }
    rings
}

/// The next edge that the outline crosses, and whether the cell behind it is above (or left of) it.
///
/// `backwards` says that the cell to pass lies above a horizontal pair, or left of a vertical one.
fn step(samples: &Samples, (x, y, down): Edge, backwards: bool) -> (Edge, bool) {
    // The cell to cross, by its left top corner.
    let (cx, cy) = match (down, backwards) {
        (false, true) => (x, y - 1),
        (true, true) => (x - 1, y),
        (_, false) => (x, y),
    };
    let crossed = |e: Edge| {
        let far = if e.2 { (e.0, e.1 + 1) } else { (e.0 + 1, e.1) };
        samples.inside(e.0, e.1) != samples.inside(far.0, far.1)
    };
    // The cell's edges in order around it: top, right, bottom, left; with each, whether leaving over it goes back.
    let edges: [(Edge, bool); 4] = [
        ((cx, cy, false), true),
        ((cx + 1, cy, true), false),
        ((cx, cy + 1, false), false),
        ((cx, cy, true), true),
    ];
    let from = edges
        .iter()
        .position(|(e, _)| *e == (x, y, down))
        .unwrap_or(0);
    // In a saddle the outline turns so that diagonal inside corners stay apart; both of its passes then agree.
    let order = if saddle(samples, cx, cy) {
        if turns_right(samples, edges[from].0, from) {
            [1, 3, 2]
        } else {
            [3, 1, 2]
        }
    } else {
        [1, 2, 3]
    };
    for turn in order {
        let candidate = edges[(from + turn) % 4];
        if crossed(candidate.0) {
            return candidate;
        }
    }
    edges[from]
}

fn saddle(samples: &Samples, x: usize, y: usize) -> bool {
    let [a, b, c, d] = [
        samples.inside(x, y),
        samples.inside(x + 1, y),
        samples.inside(x + 1, y + 1),
        samples.inside(x, y + 1),
    ];
    a == c && b == d && a != b
}

/// In a saddle: whether the corner shared with the next edge clockwise is the inside one.
fn turns_right(samples: &Samples, edge: Edge, position: usize) -> bool {
    let (x, y, down) = edge;
    let far = if down { (x, y + 1) } else { (x + 1, y) };
    // Clockwise around the cell, top and right edges end at their far point, bottom and left at their near point.
    let corner = if position < 2 { far } else { (x, y) };
    samples.inside(corner.0, corner.1)
}

/// Twice the signed area.
fn area2(ring: &[[f64; 2]]) -> f64 {
    ring.windows(2)
        .map(|p| p[0][0] * p[1][1] - p[1][0] * p[0][1])
        .sum()
}

fn contains(ring: &[[f64; 2]], point: [f64; 2]) -> bool {
    let mut inside = false;
    for p in ring.windows(2) {
        let ([x0, y0], [x1, y1]) = (p[0], p[1]);
        if (y0 > point[1]) != (y1 > point[1])
            && point[0] < (x1 - x0) * (point[1] - y0) / (y1 - y0) + x0
        {
            inside = !inside;
        }
    }
    inside
}

/// The polygons of the positive parts with at least `min_area` (lattice units squared); smaller holes are filled.
pub(crate) fn polygons(samples: &Samples, min_area: f64) -> Vec<Polygon> {
    let mut outer: Vec<(f64, [f64; 4], Polygon)> = Vec::new();
    let mut holes = Vec::new();
    for ring in rings(samples) {
        let area = area2(&ring) * 0.5;
        if area.abs() < min_area {
            continue;
        }
        if area > 0.0 {
            let bounds = ring
                .iter()
                .fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |b, p| {
                    [
                        b[0].min(p[0]),
                        b[1].min(p[1]),
                        b[2].max(p[0]),
                        b[3].max(p[1]),
                    ]
                });
            outer.push((area, bounds, vec![ring]));
        } else {
            holes.push(ring);
        }
    }
    // A hole belongs to the smallest ring around it.
    let mut order: Vec<usize> = (0..outer.len()).collect();
    order.sort_by(|&a, &b| outer[a].0.total_cmp(&outer[b].0));
    for hole in holes {
        let point = hole[0];
        let owner = order.iter().copied().find(|&i| {
            let (_, b, polygon) = &outer[i];
            point[0] >= b[0]
                && point[0] <= b[2]
                && point[1] >= b[1]
                && point[1] <= b[3]
                && contains(&polygon[0], point)
        });
        if let Some(i) = owner {
            outer[i].2.push(hole);
        }
    }
    outer.into_iter().map(|(_, _, polygon)| polygon).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Dice;

    fn samples(width: usize, height: usize, field: impl Fn(f64, f64) -> f64) -> Samples {
        let values = (0..width * height)
            .map(|i| {
                let (x, y) = (i % width, i / width);
                let border = x == 0 || y == 0 || x == width - 1 || y == height - 1;
                if border {
                    -1.0
                } else {
                    field(x as f64, y as f64) as f32
                }
            })
            .collect();
        Samples { width, values }
    }

    #[test]
    fn a_ring_is_one_polygon_with_one_hole_of_the_right_area() {
        let field = samples(60, 60, |x, y| {
            let r = (x - 30.0).hypot(y - 30.0);
            (20.0 - r).min(r - 9.0)
        });
        let found = polygons(&field, 1.0);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].len(), 2);
        let area = (area2(&found[0][0]) + area2(&found[0][1])) * 0.5;
        let wanted = std::f64::consts::PI * (400.0 - 81.0);
        assert!((area - wanted).abs() < 0.01 * wanted, "{area} for {wanted}");
    }

    #[test]
    fn outlines_of_noise_close_and_use_each_crossing_once() {
        for seed in 0..20 {
            let mut dice = Dice::new(seed);
            let noise: Vec<f64> = (0..900).map(|_| f64::from(dice.signed())).collect();
            let field = samples(30, 30, |x, y| noise[y as usize * 30 + x as usize]);
            let mut crossings = 0;
            for y in 0..30 {
                for x in 0..30 {
                    crossings +=
                        usize::from(x < 29 && field.inside(x, y) != field.inside(x + 1, y));
                    crossings +=
                        usize::from(y < 29 && field.inside(x, y) != field.inside(x, y + 1));
                }
            }
            let mut points: Vec<[u64; 2]> = Vec::new();
            for ring in rings(&field) {
                assert_eq!(ring.first(), ring.last());
                points.extend(ring[1..].iter().map(|p| p.map(f64::to_bits)));
            }
            assert_eq!(points.len(), crossings);
            points.sort_unstable();
            points.dedup();
            assert_eq!(points.len(), crossings, "a point was passed twice");
        }
    }
}
