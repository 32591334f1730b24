//! Regions drawn by people, as GeoJSON in the way QuPath writes and reads it: level-0 pixels.
//!
//! Read are a feature collection, a bare array of features or a single feature; polygons and multipolygons, holes cut out; the classification as an object (`name` or `names`) or, as older versions wrote it, as a plain string.
//! Cells, detections and tiles of a full export are passed over, as are points and lines that have no class with an effect.
//!
//! Polygons whose rings cross, stay open, hold no area or lie beside the slide are errors that name the feature and the place: a region that is quietly repaired or dropped is a wrong score.

mod write;

use std::path::Path;

use geo::kernels::RobustKernel;
use geo::{Contains as _, Coord, Kernel as _, LineString, Orientation, Point, Polygon};
use geojson::{Feature, GeometryValue, Position};
use pantrk_core::region::{RegionRole, Regions};
use pantrk_space::{LevelSize, SlidePoint};
use serde_json::Value;

use crate::StoreError;

pub use write::regions_geojson;

/// A ring may miss its start by this many level-0 pixels and counts as closed.
const CLOSING_TOLERANCE_PX: f64 = 1.0;

/// A region that a person drew.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// What it does to the score.
    pub role: RegionRole,
    /// Its class as written; empty without one.
    pub class: String,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its areas; never empty.
    pub polygons: Vec<RegionPolygon>,
}

/// An area with its holes, in level-0 pixels; rings are not closed (the last point is not the first again) and run in any direction.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionPolygon {
    /// The outline.
    pub exterior: Vec<SlidePoint>,
    /// What is cut out.
    pub holes: Vec<Vec<SlidePoint>>,
}

/// Regions as scoring takes them.
pub fn scoring_regions(drawn: &[Region]) -> Regions {
    let regions = drawn.iter().flat_map(|region| {
        region.polygons.iter().map(|polygon| {
            let mut rings = vec![polygon.exterior.clone()];
            rings.extend(polygon.holes.iter().cloned());
            pantrk_core::region::Region::new(region.role, &rings)
        })
    });
    Regions::new(regions.collect())
}

/// Reads a regions file.
///
/// # Errors
/// Those of [`parse_regions`], and if the file cannot be read.
pub fn read_regions(path: &Path, slide: LevelSize) -> Result<Vec<Region>, StoreError> {
    let text =
        std::fs::read_to_string(path).map_err(|e| StoreError::io("read the regions", path, e))?;
    parse_regions(&text, slide).map_err(|e| StoreError::Format {
        what: "the regions file",
        message: e.to_string(),
        path: path.to_owned(),
    })
}

/// Reads regions from text, for a slide of this size (level 0).
///
/// # Errors
/// If the text is not GeoJSON, or a feature's geometry cannot be used: rings that cross, stay open or hold no area, numbers that are none, no geometry at all, a region wholly outside the slide, a class with an effect on a point or line.
pub fn parse_regions(text: &str, slide: LevelSize) -> Result<Vec<Region>, StoreError> {
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|e| StoreError::NotGeoJson(json_problem(text, &e)))?;
    let mut regions = Vec::new();
    for (i, feature) in features(value)?.into_iter().enumerate() {
        if let Some(region) = read_feature(i, feature, slide)? {
            regions.push(region);
        }
    }
    Ok(regions)
}

fn json_problem(text: &str, error: &serde_json::Error) -> String {
    let line = text.lines().nth(error.line().saturating_sub(1));
    let near: String = line
        .unwrap_or_default()
        .chars()
        .skip(error.column().saturating_sub(6))
        .take(16)
        .collect();
    if ["NaN", "nan", "Infinity"].iter().any(|w| near.contains(w)) {
        format!(
            "a coordinate or measurement is not a number (NaN or Infinity) at line {} column {}",
            error.line(),
            error.column()
        )
    } else {
        error.to_string()
    }
}

fn features(value: Value) -> Result<Vec<Value>, StoreError> {
    let not = |what: &str| {
        StoreError::NotGeoJson(format!(
            "{what}; wanted a FeatureCollection, an array of features, or one Feature"
        ))
    };
    match value {
        Value::Array(list) => Ok(list),
        Value::Object(mut object) => {
            let kind = object.get("type").and_then(Value::as_str).unwrap_or("");
            match kind {
                "FeatureCollection" => match object.remove("features") {
                    Some(Value::Array(list)) => Ok(list),
                    _ => Err(not("the FeatureCollection has no list of features")),
                },
                "Feature" => Ok(vec![Value::Object(object)]),
                "" => Err(not("the object has no type")),
                other => Err(not(&format!("found a {other}"))),
            }
        }
        _ => Err(not("found neither an object nor an array")),
    }
}

fn read_feature(i: usize, value: Value, slide: LevelSize) -> Result<Option<Region>, StoreError> {
    let properties = value.get("properties");
    let property = |key: &str| properties.and_then(|p| p.get(key));
    let kind = property("objectType").or_else(|| property("object_type"));
    if matches!(
        kind.and_then(Value::as_str),
        Some("cell" | "detection" | "tile" | "root")
    ) {
        return Ok(None);
    }
    let class = class_name(property("classification"));
    let role = RegionRole::from_class(&class);
    let name = property("name").and_then(Value::as_str).map(str::to_owned);
    let label = feature_label(i, name.as_deref(), &class);
    let bad = |problem: String| StoreError::Region {
        feature: label.clone(),
        problem,
    };
    let feature = serde_json::from_value::<Feature>(value).map_err(|e| {
        bad(format!(
            "its geometry cannot be read: {e}; coordinates must be numbers"
        ))
    })?;
    let Some(geometry) = feature.geometry else {
        return Err(bad("it has no geometry".to_owned()));
    };
    let parts = match geometry.value {
        GeometryValue::Polygon { coordinates } => vec![coordinates],
        GeometryValue::MultiPolygon { coordinates } => coordinates,
        other if role == RegionRole::Neutral => {
            drop(other);
            return Ok(None);
        }
        other => {
            return Err(bad(format!(
                "found a {}, wanted a Polygon or MultiPolygon; a region needs an area",
                other.type_name()
            )));
        }
    };
    if parts.is_empty() || parts.iter().all(Vec::is_empty) {
        return Err(bad("its geometry is empty".to_owned()));
    }
    let polygons = parts
        .iter()
        .enumerate()
        .map(|(k, rings)| {
            read_polygon(rings).map_err(|problem| {
                bad(if parts.len() > 1 {
                    format!("polygon {}: {problem}", k + 1)
                } else {
                    problem
                })
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    check_on_slide(&polygons, slide).map_err(bad)?;
    Ok(Some(Region {
        role,
        class,
        name,
        polygons,
    }))
}

fn feature_label(i: usize, name: Option<&str>, class: &str) -> String {
    let name = name.map_or(String::new(), |name| format!(" {name:?}"));
    let class = if class.is_empty() {
        String::new()
    } else {
        format!(" (class {class:?})")
    };
    format!("feature {}{name}{class}", i + 1)
}

fn class_name(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Object(object)) => match (object.get("name"), object.get("names")) {
            (Some(Value::String(name)), _) => name.clone(),
            (_, Some(Value::Array(names))) => names
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(": "),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

fn read_polygon(rings: &[Vec<Position>]) -> Result<RegionPolygon, String> {
    let mut read = Vec::with_capacity(rings.len());
    for (i, ring) in rings.iter().enumerate() {
        read.push(read_ring(ring).map_err(|problem| format!("{} {problem}", ring_name(i)))?);
    }
    if let Some((a, b, at)) = crossing(&read) {
        let what = if a == b {
            format!("{} crosses itself", ring_name(a))
        } else {
            format!("{} crosses {}", ring_name(b), ring_name(a))
        };
        return Err(format!(
            "{what} near ({:.1}, {:.1}) px; redraw it, or simplify the shape",
            at.x, at.y
        ));
    }
    // After the crossings: the two halves of a bow tie cancel out as well.
    for (i, points) in read.iter().enumerate() {
        if points.len() < 3 || signed_area(points).abs() < f64::EPSILON {
            return Err(format!(
                "{} holds no area: {} distinct points near ({:.1}, {:.1}) px",
                ring_name(i),
                points.len(),
                points[0].x,
                points[0].y
            ));
        }
    }
    let mut rings = read.into_iter();
    let Some(exterior) = rings.next() else {
        return Err("its geometry is empty".to_owned());
    };
    let outline = Polygon::new(LineString::from(exterior.clone()), Vec::new());
    let holes: Vec<Vec<Coord>> = rings.collect();
    for (i, hole) in holes.iter().enumerate() {
        // Nothing crosses, so the hole is inside if any of its points that is not on the outline is.
        let inside = hole.iter().any(|&p| outline.contains(&Point::from(p)));
        if !inside {
            return Err(format!(
                "hole {} lies outside the outline, near ({:.1}, {:.1}) px",
                i + 1,
                hole[0].x,
                hole[0].y
            ));
        }
    }
    let points = |ring: Vec<Coord>| ring.into_iter().map(|c| SlidePoint { x: c.x, y: c.y });
    Ok(RegionPolygon {
        exterior: points(exterior).collect(),
        holes: holes.into_iter().map(|h| points(h).collect()).collect(),
    })
}

fn ring_name(i: usize) -> String {
    if i == 0 {
        "the outline".to_owned()
    } else {
        format!("hole {i}")
    }
}

/// A ring's points without repeats and without the closing one.
fn read_ring(ring: &[Position]) -> Result<Vec<Coord>, String> {
    let mut points: Vec<Coord> = Vec::with_capacity(ring.len());
    for position in ring {
        let (x, y) = match position.as_slice() {
            [x, y, ..] if x.is_finite() && y.is_finite() => (*x, *y),
            other => return Err(format!("has a point that is not two numbers: {other:?}")),
        };
        let point = Coord { x, y };
        if points.last() != Some(&point) {
            points.push(point);
        }
    }
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else {
        return Err("is empty".to_owned());
    };
    let gap = (first.x - last.x).hypot(first.y - last.y);
    if points.len() > 1 {
        if gap > CLOSING_TOLERANCE_PX {
            return Err(format!(
                "is not closed: it starts at ({:.1}, {:.1}) and ends at ({:.1}, {:.1}) px, \
                 {gap:.1} px apart, wanted the same point",
                first.x, first.y, last.x, last.y
            ));
        }
        points.pop();
    }
    Ok(points)
}

fn signed_area(ring: &[Coord]) -> f64 {
    // Relative to the first point: slide coordinates are large against a small ring.
    let origin = ring[0];
    let mut doubled = 0.0;
    for (i, p) in ring.iter().enumerate() {
        let q = ring[(i + 1) % ring.len()];
        doubled += (p.x - origin.x) * (q.y - origin.y) - (q.x - origin.x) * (p.y - origin.y);
    }
    doubled / 2.0
}

/// The first place where two edges of the rings properly cross, with the rings' numbers.
///
/// Rings that only touch leave no doubt about what is inside and are let pass.
fn crossing(rings: &[Vec<Coord>]) -> Option<(usize, usize, Coord)> {
    struct Edge {
        from: Coord,
        to: Coord,
        ring: usize,
    }
    let mut edges: Vec<Edge> = rings
        .iter()
        .enumerate()
        .flat_map(|(ring, points)| {
            points.iter().enumerate().map(move |(i, &from)| Edge {
                from,
                to: points[(i + 1) % points.len()],
                ring,
            })
        })
        .collect();
    let left = |e: &Edge| e.from.x.min(e.to.x);
    edges.sort_by(|a, b| left(a).total_cmp(&left(b)));
    for (i, a) in edges.iter().enumerate() {
        let right = a.from.x.max(a.to.x);
        let (top, bottom) = (a.from.y.min(a.to.y), a.from.y.max(a.to.y));
        for b in edges[i + 1..].iter().take_while(|b| left(b) <= right) {
            if b.from.y.max(b.to.y) < top || b.from.y.min(b.to.y) > bottom {
                continue;
            }
            if let Some(at) = proper_crossing((a.from, a.to), (b.from, b.to)) {
                return Some((a.ring.min(b.ring), a.ring.max(b.ring), at));
            }
        }
    }
    None
}

/// Where two edges cross inside both; `None` where they touch, overlap or miss.
fn proper_crossing(a: (Coord, Coord), b: (Coord, Coord)) -> Option<Coord> {
    let side = |edge: (Coord, Coord), of| RobustKernel::orient2d(edge.0, edge.1, of);
    let opposite = |one: Orientation, other: Orientation| {
        one != other && one != Orientation::Collinear && other != Orientation::Collinear
    };
    let crosses = opposite(side(a, b.0), side(a, b.1)) && opposite(side(b, a.0), side(b, a.1));
    crosses.then(|| {
        let (along, across) = (a.1 - a.0, b.1 - b.0);
        let cross = along.x * across.y - along.y * across.x;
        let offset = b.0 - a.0;
        let part = (offset.x * across.y - offset.y * across.x) / cross;
        Coord {
            x: a.0.x + part * along.x,
            y: a.0.y + part * along.y,
        }
    })
}

fn check_on_slide(polygons: &[RegionPolygon], slide: LevelSize) -> Result<(), String> {
    let points = || polygons.iter().flat_map(|p| &p.exterior);
    let fold = |of: fn(&SlidePoint) -> f64, pick: fn(f64, f64) -> f64| {
        points().map(of).reduce(pick).unwrap_or(f64::NAN)
    };
    let (left, right) = (fold(|p| p.x, f64::min), fold(|p| p.x, f64::max));
    let (top, bottom) = (fold(|p| p.y, f64::min), fold(|p| p.y, f64::max));
    let on_slide = right > 0.0
        && bottom > 0.0
        && left < f64::from(slide.width)
        && top < f64::from(slide.height);
    // A little beyond the edge is a drawn outline; a whole slide beyond it is another slide's, or not pixels.
    let (width, height) = (f64::from(slide.width), f64::from(slide.height));
    let is_near =
        left >= -width && right <= 2.0 * width && top >= -height && bottom <= 2.0 * height;
    if on_slide && is_near {
        Ok(())
    } else {
        Err(format!(
            "it lies {} the slide: the slide is {slide} px, the region spans x {left:.0} \
             to {right:.0} and y {top:.0} to {bottom:.0}; are these level-0 pixels of this slide",
            if on_slide {
                "far beyond"
            } else {
                "wholly outside"
            }
        ))
    }
}

#[cfg(test)]
mod tests;
