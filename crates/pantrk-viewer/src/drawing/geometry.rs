//! Shapes out of strokes: ellipses, brushes, cuts.

use geo::orient::{Direction, Orient as _};
use geo::{
    Area as _, BooleanOps as _, BoundingRect as _, Coord, LineString, MultiPolygon, Polygon,
    Simplify as _, Translate as _, unary_union,
};
use pantrk_space::SlidePoint;

/// Corners of a circle: smooth at any size that fits a screen.
const CIRCLE: usize = 48;
/// Pieces smaller than this many square pixels of the screen are crumbs of a brush.
const CRUMB: f64 = 9.0;

/// As geo has it.
pub(crate) fn coord(at: SlidePoint) -> Coord {
    Coord { x: at.x, y: at.y }
}

/// As the slide has it.
pub(crate) fn point(at: Coord) -> SlidePoint {
    SlidePoint { x: at.x, y: at.y }
}

/// The rectangle between two corners; `None` without an area.
pub(crate) fn rectangle(a: SlidePoint, b: SlidePoint) -> Option<MultiPolygon> {
    let ring = vec![
        Coord { x: a.x, y: a.y },
        Coord { x: b.x, y: a.y },
        Coord { x: b.x, y: b.y },
        Coord { x: a.x, y: b.y },
    ];
    area_of(Polygon::new(LineString::from(ring), Vec::new()).into())
}

/// The ellipse within the rectangle between two corners; `None` without an area.
pub(crate) fn ellipse(a: SlidePoint, b: SlidePoint) -> Option<MultiPolygon> {
    let centre = SlidePoint {
        x: f64::midpoint(a.x, b.x),
        y: f64::midpoint(a.y, b.y),
    };
    let (rx, ry) = ((a.x - b.x).abs() / 2.0, (a.y - b.y).abs() / 2.0);
    area_of(Polygon::new(oval(centre, (rx, ry), 2 * CIRCLE), Vec::new()).into())
}

fn oval(centre: SlidePoint, (rx, ry): (f64, f64), corners: usize) -> LineString {
    let corner = |i: usize| {
        let angle = i as f64 / corners as f64 * std::f64::consts::TAU;
        Coord {
            x: centre.x + rx * angle.cos(),
            y: centre.y + ry * angle.sin(),
        }
    };
    LineString::from((0..corners).map(corner).collect::<Vec<_>>())
}

/// The polygon through these corners; one that crosses itself becomes its parts. `None` without an area.
pub(crate) fn polygon(corners: &[SlidePoint]) -> Option<MultiPolygon> {
    let ring: Vec<Coord> = corners.iter().map(|&p| coord(p)).collect();
    if ring.len() < 3 {
        return None;
    }
    let drawn = Polygon::new(LineString::from(ring), Vec::new());
    // A union with nothing takes crossings apart.
    area_of(MultiPolygon::from(drawn).union(&MultiPolygon::new(Vec::new())))
}

/// What a round brush covers on its way.
pub(crate) fn brush(way: &[SlidePoint], radius: f64) -> MultiPolygon {
    let mut parts: Vec<Polygon> = Vec::with_capacity(way.len() * 2);
    for &at in way {
        parts.push(Polygon::new(oval(at, (radius, radius), CIRCLE), Vec::new()));
    }
    for pair in way.windows(2) {
        let (dx, dy) = (pair[1].x - pair[0].x, pair[1].y - pair[0].y);
        let length = dx.hypot(dy);
        if length > 0.0 {
            let (nx, ny) = (-dy / length * radius, dx / length * radius);
            let ring = vec![
                Coord {
                    x: pair[0].x - nx,
                    y: pair[0].y - ny,
                },
                Coord {
                    x: pair[1].x - nx,
                    y: pair[1].y - ny,
                },
                Coord {
                    x: pair[1].x + nx,
                    y: pair[1].y + ny,
                },
                Coord {
                    x: pair[0].x + nx,
                    y: pair[0].y + ny,
                },
            ];
            parts.push(Polygon::new(LineString::from(ring), Vec::new()));
        }
    }
    unary_union(&parts)
}

/// Both together.
pub(crate) fn joined(areas: &[&MultiPolygon]) -> MultiPolygon {
    // A union of many wants all outlines to run the same way round.
    let parts: Vec<Polygon> = areas
        .iter()
        .flat_map(|area| area.orient(Direction::Default))
        .collect();
    unary_union(&parts)
}

/// The first without the second; `pixel` is the size of a screen pixel on the slide, crumbs smaller than some of them go.
pub(crate) fn without(area: &MultiPolygon, taken: &MultiPolygon, pixel: f64) -> MultiPolygon {
    tidied(&area.difference(taken), pixel)
}

/// Without crumbs and with no more corners than a screen shows.
pub(crate) fn tidied(area: &MultiPolygon, pixel: f64) -> MultiPolygon {
    let kept = area.simplify(0.4 * pixel);
    let parts = kept
        .into_iter()
        .filter(|part| part.unsigned_area() > CRUMB * pixel * pixel);
    // Simplifying may make a thin place touch itself.
    MultiPolygon::new(parts.collect()).union(&MultiPolygon::new(Vec::new()))
}

/// The area with the holes in its parts filled.
pub(crate) fn filled(area: &MultiPolygon) -> MultiPolygon {
    unary_union(
        &area
            .iter()
            .map(|part| Polygon::new(part.exterior().clone(), Vec::new()))
            .collect::<Vec<_>>(),
    )
}

/// The area moved.
pub(crate) fn moved(area: &MultiPolygon, dx: f64, dy: f64) -> MultiPolygon {
    area.translate(dx, dy)
}

/// The pieces on both sides of the line through two points; `None` where it does not cut.
pub(crate) fn cut(area: &MultiPolygon, a: SlidePoint, b: SlidePoint) -> Option<[MultiPolygon; 2]> {
    let bounds = area.bounding_rect()?;
    let reach = 4.0 * (bounds.width() + bounds.height() + 1.0);
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx.hypot(dy);
    if length <= 0.0 {
        return None;
    }
    let (ux, uy) = (dx / length * reach, dy / length * reach);
    let ring = vec![
        Coord {
            x: a.x - ux,
            y: a.y - uy,
        },
        Coord {
            x: a.x + ux,
            y: a.y + uy,
        },
        Coord {
            x: a.x + ux - uy,
            y: a.y + uy + ux,
        },
        Coord {
            x: a.x - ux - uy,
            y: a.y - uy + ux,
        },
    ];
    let half = MultiPolygon::from(Polygon::new(LineString::from(ring), Vec::new()));
    let sides = [area.intersection(&half), area.difference(&half)];
    sides
        .iter()
        .all(|side| side.unsigned_area() > 0.0)
        .then_some(sides)
}

/// The middle of its bounds.
pub(crate) fn middle(area: &MultiPolygon) -> Option<SlidePoint> {
    Some(point(area.bounding_rect()?.center()))
}

/// Square pixels.
pub(crate) fn area_px(area: &MultiPolygon) -> f64 {
    area.unsigned_area()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "every caller has just made it"
)]
fn area_of(area: MultiPolygon) -> Option<MultiPolygon> {
    (area.unsigned_area() > 0.0).then(|| area.orient(Direction::Default))
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::Contains as _;

    fn at(x: f64, y: f64) -> SlidePoint {
        SlidePoint { x, y }
    }

    #[test]
    fn simple_shapes_have_their_areas() {
        let rectangle = rectangle(at(30.0, 40.0), at(10.0, 10.0)).unwrap();
        assert!((area_px(&rectangle) - 600.0).abs() < 1e-9);
        let ellipse = ellipse(at(0.0, 0.0), at(200.0, 100.0)).unwrap();
        let wanted = std::f64::consts::PI * 100.0 * 50.0;
        assert!((area_px(&ellipse) / wanted - 1.0).abs() < 2e-3);
        assert!(super::rectangle(at(1.0, 1.0), at(1.0, 9.0)).is_none());
        assert!(polygon(&[at(0.0, 0.0), at(5.0, 5.0)]).is_none());
    }

    #[test]
    fn a_bow_tie_becomes_two_triangles() {
        let corners = [
            at(0.0, 0.0),
            at(100.0, 100.0),
            at(100.0, 0.0),
            at(0.0, 100.0),
        ];
        let area = polygon(&corners).unwrap();
        assert_eq!(area.0.len(), 2);
        assert!((area_px(&area) - 5_000.0).abs() < 1.0);
    }

    #[test]
    fn a_brush_covers_its_way_and_an_eraser_takes_it_back() {
        let way = [at(0.0, 0.0), at(100.0, 0.0), at(100.0, 80.0)];
        let stroke = brush(&way, 10.0);
        assert_eq!(stroke.0.len(), 1);
        for (x, y, inside) in [(50.0, 9.0, true), (50.0, 11.0, false), (108.0, 40.0, true)] {
            assert_eq!(stroke.contains(&coord(at(x, y))), inside, "{x}, {y}");
        }
        let block = rectangle(at(-50.0, -50.0), at(150.0, 150.0)).unwrap();
        let left = without(&block, &stroke, 1.0);
        // Corners that a screen does not show are gone.
        assert!((area_px(&left) + area_px(&stroke) - area_px(&block)).abs() < 100.0);
        assert!(without(&stroke, &block, 1.0).0.is_empty());
    }

    #[test]
    fn a_cut_leaves_two_pieces_that_make_the_whole() {
        let block = rectangle(at(0.0, 0.0), at(100.0, 60.0)).unwrap();
        let [one, other] = cut(&block, at(40.0, -10.0), at(40.0, 90.0)).unwrap();
        let mut areas = [area_px(&one), area_px(&other)];
        areas.sort_by(f64::total_cmp);
        assert!((areas[0] - 2_400.0).abs() < 1e-6 && (areas[1] - 3_600.0).abs() < 1e-6);
        assert!(cut(&block, at(200.0, 0.0), at(200.0, 10.0)).is_none());
    }

    #[test]
    fn holes_are_filled() {
        let block = rectangle(at(0.0, 0.0), at(100.0, 100.0)).unwrap();
        let hole = rectangle(at(40.0, 40.0), at(60.0, 60.0)).unwrap();
        let ring = without(&block, &hole, 0.1);
        assert!((area_px(&ring) - 9_600.0).abs() < 1.0);
        assert!((area_px(&filled(&ring)) - 10_000.0).abs() < 1.0);
    }
}
