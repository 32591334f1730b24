//! Cells: dots in the colour of their grade, and from near discs as large as nucleus and cell, compartment by compartment.

use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{Color32, Painter, Stroke, vec2};

use super::Projector;
use crate::cell_layer::CellLayer;
use crate::jobs::ScoredCells;
use crate::review::{Correction, Review};
use crate::state::OpenSlide;
use crate::tokens::{self, Tokens};

/// Most cells that are drawn; with more in view one in so many is drawn, and the canvas says so.
const MOST: usize = 12_000;
/// Most cells that are drawn as rings, which cost more than dots.
const MOST_RINGS: usize = 1_500;
/// A nucleus' usual radius in um, where its area is not known.
const RADIUS_UM: f32 = 4.5;
/// A pixel's size in um where the slide does not tell its own; it only sets how large dots are.
const UM_PER_PIXEL: f64 = 0.25;
/// Dots are no smaller and no larger than this, in points.
const DOT: (f32, f32) = (1.0, 3.2);
/// From this size of a nucleus on there is room for rings that leave it in view.
const RING_FROM: f32 = 5.0;
/// From this size on the compartments are drawn each by its own grade.
const COMPARTMENTS_FROM: f32 = 11.0;

/// A cell's colours.
struct Look {
    grade: u8,
    counted: bool,
    corrected: bool,
}

impl Look {
    fn of(cells: &CellLayer, review: &Review, place: usize) -> Self {
        let row = cells.row(place);
        let correction = review.correction(row);
        let measured = || {
            cells
                .od(place)
                .iter()
                .map(|&od| review.thresholds.grade(od))
                .max()
                .unwrap_or(0)
        };
        let live = review.live.as_ref();
        let counted = live.map_or_else(
            || {
                cells
                    .reasons()
                    .get(row as usize)
                    .is_some_and(Option::is_none)
            },
            |live| live.counted.counts(row),
        );
        Self {
            grade: correction
                .and_then(Correction::grade)
                .unwrap_or_else(measured),
            counted: counted && correction != Some(Correction::NotTumour),
            corrected: correction.is_some(),
        }
    }

    fn colour(&self, tokens: &Tokens) -> Color32 {
        if self.counted {
            tokens::grade(self.grade)
        } else {
            tokens.uncounted
        }
    }

    const fn halo(&self) -> Color32 {
        tokens::cell_halo(self.grade, self.counted)
    }
}

/// Draws the cells in view; returns of how many one is drawn.
pub(super) fn draw(
    painter: &Painter,
    projector: Projector,
    (cells, review): (&ScoredCells, &Review),
    (slide, opacity): (&OpenSlide, f32),
    tokens: &Tokens,
) -> u32 {
    let cells = &cells.layer;
    let (shown, one_in) = cells.in_area(projector.visible(), MOST);
    let um = slide.mpp.map_or(UM_PER_PIXEL, |mpp| mpp.mean().get());
    let points_per_um = (projector.view.points_per_pixel / um) as f32;
    let usual = RADIUS_UM * points_per_um;
    if usual >= RING_FROM && shown.len() <= MOST_RINGS {
        let mut painter = painter.clone();
        painter.multiply_opacity(opacity);
        for &place in &shown {
            rings(
                &painter,
                projector,
                (cells, review, place),
                points_per_um,
                tokens,
            );
        }
        return one_in;
    }
    let radius = (usual * 0.6).clamp(DOT.0, DOT.1);
    let mut mesh = Mesh::default();
    let corners = if radius > 2.0 { 8 } else { 4 };
    mesh.vertices.reserve(shown.len() * corners);
    mesh.indices.reserve(shown.len() * corners * 3 / 2);
    for &place in &shown {
        let look = Look::of(cells, review, place);
        let at = projector.pos(cells.at(place));
        if radius > 2.0 {
            diamond(
                &mut mesh,
                at,
                radius + 0.8,
                look.halo().gamma_multiply(opacity),
            );
        }
        diamond(
            &mut mesh,
            at,
            radius,
            look.colour(tokens).gamma_multiply(opacity),
        );
    }
    painter.add(mesh);
    one_in
}

/// A cell from near: its nucleus, and the compartments where there is room.
fn rings(
    painter: &Painter,
    projector: Projector,
    (cells, review, place): (&CellLayer, &Review, usize),
    points_per_um: f32,
    tokens: &Tokens,
) {
    let look = Look::of(cells, review, place);
    let at = projector.pos(cells.at(place));
    let [nucleus_um, cell_um] = cells.radii_um(place);
    let radius = if nucleus_um > 0.0 {
        nucleus_um
    } else {
        RADIUS_UM
    } * points_per_um;
    if look.corrected {
        painter.circle_stroke(at, radius + 4.0, Stroke::new(2.0, tokens.accent));
    }
    // By the magnification, not by the cell: else only the largest would show theirs.
    let room = RADIUS_UM * points_per_um >= COMPARTMENTS_FROM;
    let compartments = room && look.counted && !look.corrected;
    if !compartments {
        painter.circle_stroke(at, radius, Stroke::new(3.4, look.halo()));
        painter.circle_stroke(at, radius, Stroke::new(2.0, look.colour(tokens)));
        return;
    }
    // Nucleus, rim, cytoplasm and membrane from the middle outwards, as thin rings that leave the tissue in view.
    let outer = (cell_um * points_per_um).max(radius + 6.0);
    let od = cells.od(place);
    let places = [radius - 4.0, radius, f32::midpoint(radius, outer), outer];
    for (r, od) in places.into_iter().zip(od) {
        if !od.is_finite() {
            continue;
        }
        let grade = review.thresholds.grade(od);
        let width = if grade == 0 { 1.0 } else { 2.2 };
        painter.circle_stroke(
            at,
            r,
            Stroke::new(width + 1.2, tokens::cell_halo(grade, true)),
        );
        painter.circle_stroke(at, r, Stroke::new(width, tokens::grade(grade)));
    }
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
