//! Closed lines with soft edges and a halo, many of them in one mesh: each corner is worked out once, and nothing is tessellated later.

use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{Color32, Pos2, Vec2, vec2};

/// The width over which an edge fades, points.
const FEATHER: f32 = 0.9;
/// A sharp corner's point is cut off at this many times half the width.
const MITRE: f32 = 2.0;

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ribbon {
    /// Points.
    pub(super) width: f32,
    /// The line.
    pub(super) colour: Color32,
    /// How wide the halo is on either side, points; 0 for none.
    pub(super) halo_width: f32,
    /// The halo.
    pub(super) halo: Color32,
}

impl Ribbon {
    /// Adds a closed line through `ring` to the mesh.
    pub(super) fn add(&self, mesh: &mut Mesh, ring: &[Pos2]) {
        let n = ring.len();
        if n < 3 {
            return;
        }
        let half = self.width / 2.0;
        // From the middle outwards: where colours change, on one side of the line.
        let rim = if self.halo_width > 0.0 {
            [
                (half - FEATHER / 2.0, self.colour),
                (half + FEATHER / 2.0, self.halo),
                (half + self.halo_width, self.halo.gamma_multiply(0.0)),
            ]
        } else {
            [
                (half - FEATHER / 2.0, self.colour),
                (half + FEATHER / 2.0, Color32::TRANSPARENT),
                (half + FEATHER / 2.0, Color32::TRANSPARENT),
            ]
        };
        let rows = if self.halo_width > 0.0 { 3 } else { 2 };
        let per_corner = 2 * rows as u32;
        let first = mesh.vertices.len() as u32;
        let normal = |from: Pos2, to: Pos2| {
            let way = (to - from).normalized();
            vec2(-way.y, way.x)
        };
        let mut before = normal(ring[n - 1], ring[0]);
        for (i, &at) in ring.iter().enumerate() {
            let after = normal(at, ring[if i + 1 < n { i + 1 } else { 0 }]);
            let across = corner(before, after);
            before = after;
            let vertex = |side: f32, (off, color): (f32, Color32)| Vertex {
                pos: at + across * (side * off.max(0.0)),
                uv: WHITE_UV,
                color,
            };
            let inner = rim[..rows].iter().rev().map(|&edge| vertex(-1.0, edge));
            let outer = rim[..rows].iter().map(|&edge| vertex(1.0, edge));
            mesh.vertices.extend(inner.chain(outer));
        }
        for i in 0..n as u32 {
            let here = first + i * per_corner;
            let next = first + (i + 1) % n as u32 * per_corner;
            for row in 0..per_corner - 1 {
                let (a, b) = (here + row, next + row);
                mesh.indices.extend([a, a + 1, b, a + 1, b + 1, b]);
            }
        }
    }
}

/// Across the line at a corner, out of the ways across its two sides; as long as keeps the line's width.
fn corner(before: Vec2, after: Vec2) -> Vec2 {
    let sum = before + after;
    let square = sum.length_sq();
    // The mitre is sum * 2 / square, which is 2 / sqrt(square) long.
    if square < 1e-6 {
        after
    } else if square * MITRE * MITRE < 4.0 {
        sum * (MITRE / square.sqrt())
    } else {
        sum * (2.0 / square)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::pos2;

    #[test]
    fn a_square_has_a_line_of_its_width_around_it() {
        let ribbon = Ribbon {
            width: 2.0,
            colour: Color32::RED,
            halo_width: 1.5,
            halo: Color32::WHITE,
        };
        let mut mesh = Mesh::default();
        let ring = [
            pos2(0.0, 0.0),
            pos2(10.0, 0.0),
            pos2(10.0, 10.0),
            pos2(0.0, 10.0),
        ];
        ribbon.add(&mut mesh, &ring);
        assert_eq!((mesh.vertices.len(), mesh.indices.len()), (24, 4 * 5 * 6));
        assert!(mesh.is_valid());
        // At a corner the line grows outwards and inwards, not along its sides.
        for vertex in &mesh.vertices[..6] {
            assert!(
                (vertex.pos.x - vertex.pos.y).abs() < 1e-3,
                "{:?}",
                vertex.pos
            );
        }
        let bounds = mesh.calc_bounds();
        assert!((bounds.width() - 15.0).abs() < 1e-3, "{bounds:?}");
        ribbon.add(&mut mesh, &ring[..2]);
        assert_eq!(mesh.vertices.len(), 24);
    }
}
