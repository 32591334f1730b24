//! Cells: dots in the colour of their grade, and from near the outlines of nucleus and cell, compartment by compartment.

use egui::epaint::{Mesh, Vertex, WHITE_UV};
use egui::{Color32, Painter, Pos2, Vec2, vec2};
use pantrk_space::SlidePoint;

use super::Projector;
use super::ribbon::Ribbon;
use crate::cell_layer::CellLayer;
use crate::command::{Command, Commands};
use crate::jobs::ScoredCells;
use crate::outlines::{Outlined, Outlines};
use crate::review::{Correction, Review};
use crate::state::{OpenItem, OpenSlide};
use crate::tokens::{self, Tokens};

/// Most cells that are drawn; with more in view one in so many is drawn, and the canvas says so.
const MOST: usize = 12_000;
/// Most cells that are drawn with outlines, which cost more than dots.
const MOST_RINGS: usize = 2_600;
/// With more cells than this in view, a thin line around the nucleus has to do.
const MOST_LINES: usize = 600;
/// A nucleus' usual radius in um, where its area is not known.
const RADIUS_UM: f32 = 4.5;
/// A pixel's size in um where the slide does not tell its own; it only sets how large dots are.
const UM_PER_PIXEL: f64 = 0.25;
/// Dots are no smaller and no larger than this, in points.
const DOT: (f32, f32) = (1.0, 3.2);
/// From this size of a nucleus on there is room for rings that leave it in view.
const RING_FROM: f32 = 4.4;
/// Fields whose outlines are asked for ahead.
const ASKED: usize = 24;
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

/// Draws the cells in view, and asks for the outlines that are missing; returns of how many cells one is drawn.
pub(super) fn draw(
    painter: &Painter,
    projector: Projector,
    (cells, open): (&ScoredCells, &OpenItem),
    (slide, opacity): (&OpenSlide, f32),
    (tokens, out): (&Tokens, &mut Commands),
) -> u32 {
    let (cells, review) = (&cells.layer, &open.review);
    let (shown, one_in) = cells.in_area(projector.visible(), MOST);
    let um = slide.mpp.map_or(UM_PER_PIXEL, |mpp| mpp.mean().get());
    let points_per_um = (projector.view.points_per_pixel / um) as f32;
    let usual = RADIUS_UM * points_per_um;
    if usual >= RING_FROM && shown.len() <= MOST_RINGS {
        ask_for_outlines(projector, &open.outlines, out);
        let near = Near {
            projector,
            cells,
            review,
            points_per_um,
            tokens,
            opacity,
            thin: shown.len() > MOST_LINES,
            circle: std::array::from_fn(|corner| {
                Vec2::angled(corner as f32 / CORNERS as f32 * std::f32::consts::TAU)
            }),
        };
        near.draw(painter, &shown, &open.outlines);
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

fn ask_for_outlines(projector: Projector, outlines: &Outlines, out: &mut Commands) {
    if !outlines.possible {
        return;
    }
    let mut wanted = outlines.missing(projector.visible());
    wanted.truncate(ASKED);
    // The size of a field is asked for by asking for none at first.
    if wanted != outlines.wanted || !outlines.asked {
        out.push(Command::WantOutlines(wanted));
    }
}

/// How a line around a cell or its nucleus looks.
#[derive(Clone, Copy)]
struct Line {
    width: f32,
    colour: Color32,
    halo_width: f32,
    halo: Color32,
}

impl Line {
    const fn plain(width: f32, colour: Color32) -> Self {
        Self {
            width,
            colour,
            halo_width: 0.0,
            halo: Color32::TRANSPARENT,
        }
    }

    const fn marked(width: f32, colour: Color32, halo: Color32) -> Self {
        Self {
            width,
            colour,
            halo_width: 0.9,
            halo,
        }
    }

    /// For nucleus, rim, cytoplasm and membrane: what is stained stands out; of what is not, only the two outlines are seen, thin.
    fn of_compartment(compartment: usize, grade: u8) -> Option<Self> {
        let colour = tokens::grade(grade);
        let halo = tokens::cell_halo(grade, true);
        match (compartment, grade) {
            (1, 0) => Some(Self::plain(1.2, colour)),
            (3, 0) => Some(Self::plain(0.9, colour.gamma_multiply(0.35))),
            (_, 0) => None,
            (1 | 3, _) => Some(Self::marked(1.8, colour, halo)),
            _ => Some(Self::plain(1.3, colour)),
        }
    }

    fn add(&self, mesh: &mut Mesh, points: &[Pos2], opacity: f32) {
        let ribbon = Ribbon {
            width: self.width,
            colour: self.colour.gamma_multiply(opacity),
            halo_width: self.halo_width,
            halo: self.halo.gamma_multiply(opacity),
        };
        ribbon.add(mesh, points);
    }
}

/// Cells from near: their outlines, where they were found again, else rings as large as they are.
struct Near<'a> {
    projector: Projector,
    cells: &'a CellLayer,
    review: &'a Review,
    points_per_um: f32,
    tokens: &'a Tokens,
    opacity: f32,
    /// Whether there are so many that a thin line has to do for each.
    thin: bool,
    /// Ways to the corners of a round ring.
    circle: [Vec2; CORNERS],
}

impl Near<'_> {
    fn draw(&self, painter: &Painter, shown: &[usize], outlines: &Outlines) {
        let mut mesh = Mesh::default();
        // As much as a cell usually takes, so that the lists need not grow.
        let usual = if self.thin { 28 } else { 110 };
        mesh.reserve_vertices(shown.len() * usual);
        mesh.reserve_triangles(shown.len() * usual * 3 / 2);
        // Level-0 pixels along x and y on the screen, turned as the slide is.
        let pos = |x, y| self.projector.pos(SlidePoint { x, y });
        let axes = [
            (pos(4096.0, 0.0) - pos(0.0, 0.0)) / 4096.0,
            (pos(0.0, 4096.0) - pos(0.0, 0.0)) / 4096.0,
        ];
        for &place in shown {
            match outlines.of(place, self.cells.at(place)) {
                Some(outlined) => self.outlined(&mut mesh, outlined, axes),
                None => self.rings(&mut mesh, place),
            }
        }
        painter.add(mesh);
    }

    /// Whether there is room to draw each compartment by its own grade: by the magnification, not by the cell, else only the largest would show theirs.
    fn has_room(&self) -> bool {
        RADIUS_UM * self.points_per_um >= COMPARTMENTS_FROM
    }

    fn outlined(&self, mesh: &mut Mesh, outlined: &Outlined, [ex, ey]: [Vec2; 2]) {
        let look = Look::of(self.cells, self.review, outlined.place);
        let at = self.projector.pos(self.cells.at(outlined.place));
        if self.thin {
            // Every second corner is more than a nucleus of ten pixels shows.
            let corners = outlined.nucleus.iter().step_by(2);
            let corners = corners.map(|p| at + ex * p[0] + ey * p[1]);
            self.thin_line(mesh, &look, &corners.collect::<Vec<_>>());
            return;
        }
        let ring = |ring: &[[f32; 2]], share: f32| -> Vec<Pos2> {
            let on_screen = |p: &[f32; 2]| at + ex * (p[0] * share) + ey * (p[1] * share);
            ring.iter().map(on_screen).collect()
        };
        let mut add = |points: &[Pos2], line: Line| line.add(mesh, points, self.opacity);
        let (nucleus, cell) = (&outlined.nucleus, &outlined.cell);
        if look.corrected {
            let colour = self.tokens.accent;
            add(&ring(nucleus, 1.25), Line::plain(2.0, colour));
        }
        if !(self.has_room() && look.counted && !look.corrected) {
            let colour = look.colour(self.tokens);
            // What is not stained or does not count steps back.
            if look.counted && look.grade > 0 {
                let faded = colour.gamma_multiply(0.5);
                add(&ring(cell, 1.0), Line::plain(1.0, faded));
                add(&ring(nucleus, 1.0), Line::marked(1.9, colour, look.halo()));
            } else {
                add(&ring(nucleus, 1.0), Line::plain(1.3, colour));
            }
            return;
        }
        // Between the nucleus and the cell's border, as far as they are apart on average.
        let [nucleus_um, cell_um] = self.cells.radii_um(outlined.place);
        let between = (0.5 + 0.5 * nucleus_um / cell_um.max(0.1)).clamp(0.6, 1.0);
        let inside = 1.0 - 4.0 / (nucleus_um * self.points_per_um).max(8.0);
        let lines = [
            (nucleus, inside),
            (nucleus, 1.0),
            (cell, between),
            (cell, 1.0),
        ];
        let od = self.cells.od(outlined.place);
        for (compartment, (points, share)) in lines.into_iter().enumerate() {
            let measured = od[compartment].is_finite();
            let grade = self.review.thresholds.grade(od[compartment]);
            if let Some(line) = Line::of_compartment(compartment, grade).filter(|_| measured) {
                add(&ring(points, share), line);
            }
        }
    }

    fn thin_line(&self, mesh: &mut Mesh, look: &Look, ring: &[Pos2]) {
        let width = if look.corrected { 2.4 } else { 1.5 };
        let line = Line::plain(width, look.colour(self.tokens));
        line.add(mesh, ring, self.opacity);
    }

    /// A cell that was not found again: its nucleus, and the compartments where there is room.
    fn rings(&self, mesh: &mut Mesh, place: usize) {
        let look = Look::of(self.cells, self.review, place);
        let at = self.projector.pos(self.cells.at(place));
        let [nucleus_um, cell_um] = self.cells.radii_um(place);
        let radius = if nucleus_um > 0.0 {
            nucleus_um
        } else {
            RADIUS_UM
        } * self.points_per_um;
        if self.thin {
            let corners = self.circle.iter().step_by(2).map(|way| at + *way * radius);
            self.thin_line(mesh, &look, &corners.collect::<Vec<_>>());
            return;
        }
        let mut add = |radius: f32, line: Line| {
            let ring = self.circle.map(|way| at + way * radius);
            line.add(mesh, &ring, self.opacity);
        };
        if look.corrected {
            add(radius + 4.0, Line::plain(2.0, self.tokens.accent));
        }
        if !(self.has_room() && look.counted && !look.corrected) {
            add(
                radius,
                Line::marked(1.6, look.colour(self.tokens), look.halo()),
            );
            return;
        }
        // Nucleus, rim, cytoplasm and membrane from the middle outwards.
        let outer = (cell_um * self.points_per_um).max(radius + 6.0);
        let places = [radius - 4.0, radius, f32::midpoint(radius, outer), outer];
        let od = self.cells.od(place);
        for (compartment, radius) in places.into_iter().enumerate() {
            let measured = od[compartment].is_finite();
            let grade = self.review.thresholds.grade(od[compartment]);
            if let Some(line) = Line::of_compartment(compartment, grade).filter(|_| measured) {
                add(radius, line);
            }
        }
    }
}

/// Corners of a round ring, enough for a nucleus.
const CORNERS: usize = 16;

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
