//! Cells as dots in the colour of their grade.

use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{Color32, Painter, Stroke, vec2};

use super::Projector;
use crate::cell_layer::{Cell, CellLayer};
use crate::state::OpenSlide;
use crate::tokens::{self, Tokens};

/// Most cells that are drawn; with more in view one in so many is drawn, and the canvas says so.
const MOST: usize = 12_000;
/// Most cells that are drawn as rings, which cost more than dots.
const MOST_RINGS: usize = 1_500;
/// A nucleus' usual radius in um, the size of a ring.
const RADIUS_UM: f64 = 4.5;
/// A nucleus' radius in level-0 pixels where the pixel size is not known.
const RADIUS_PX: f64 = 10.0;
/// Dots are no smaller and no larger than this, in points.
const DOT: (f32, f32) = (1.0, 3.2);
/// From this size on there is room for a ring that leaves the nucleus in view.
const RING_FROM: f32 = 5.0;

/// Draws the cells in view; returns of how many one is drawn.
pub(super) fn draw(
    painter: &Painter,
    projector: Projector,
    cells: &CellLayer,
    slide: &OpenSlide,
    tokens: &Tokens,
) -> u32 {
    let (shown, one_in) = cells.in_area(projector.visible(), MOST);
    let pixels = slide
        .mpp
        .map_or(RADIUS_PX, |mpp| RADIUS_UM / mpp.mean().get());
    let radius = (pixels * projector.view.points_per_pixel) as f32;
    let colour = |cell: &Cell| {
        if cell.counted {
            tokens::grade(cell.grade)
        } else {
            tokens.uncounted
        }
    };
    let halo = |cell: &Cell| tokens::cell_halo(cell.grade, cell.counted);
    if radius >= RING_FROM && shown.len() <= MOST_RINGS {
        for cell in &shown {
            let at = projector.pos(cell.at);
            let radius = radius.min(40.0);
            painter.circle_stroke(at, radius, Stroke::new(3.4, halo(cell)));
            painter.circle_stroke(at, radius, Stroke::new(2.0, colour(cell)));
        }
        return one_in;
    }
    let radius = (radius * 0.6).clamp(DOT.0, DOT.1);
    let mut mesh = Mesh::default();
    for cell in &shown {
        if radius > 2.0 {
            diamond(&mut mesh, projector.pos(cell.at), radius + 0.8, halo(cell));
        }
        diamond(&mut mesh, projector.pos(cell.at), radius, colour(cell));
    }
    painter.add(mesh);
    one_in
}

/// Four corners are enough for a dot of a few points.
fn diamond(mesh: &mut Mesh, at: egui::Pos2, radius: f32, color: Color32) {
    let first = mesh.vertices.len() as u32;
    for (x, y) in [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)] {
        mesh.vertices.push(Vertex {
            pos: at + vec2(x, y) * (radius * 1.2),
            uv: WHITE_UV,
            color,
        });
    }
    mesh.add_triangle(first, first + 1, first + 2);
    mesh.add_triangle(first, first + 2, first + 3);
}
