//! Shapes to and from GeoJSON as QuPath writes and reads it, level-0 pixels.

use geo::{Coord, LineString, MultiPolygon, Polygon};
use pantrk_space::{LevelSize, SlidePoint};
use pantrk_store::{Region, StoreError, parse_regions};
use serde_json::{Value, json};

use super::geometry::coord;
use super::{Geometry, Shape, class_colour};

/// Shapes as a feature collection.
pub(crate) fn to_geojson<'a>(shapes: impl IntoIterator<Item = &'a Shape>) -> Value {
    let features: Vec<Value> = shapes.into_iter().map(feature).collect();
    json!({ "type": "FeatureCollection", "features": features })
}

fn feature(shape: &Shape) -> Value {
    let mut properties = json!({ "objectType": "annotation" });
    if !shape.class.is_empty() {
        let colour = class_colour(&shape.class);
        properties["classification"] = json!({
            "name": shape.class,
            "color": [colour.r(), colour.g(), colour.b()],
        });
    }
    if !shape.name.is_empty() {
        properties["name"] = json!(shape.name);
    }
    json!({
        "type": "Feature",
        "geometry": geometry(&shape.geometry),
        "properties": properties,
    })
}

fn geometry(geometry: &Geometry) -> Value {
    let point = |p: &SlidePoint| json!([p.x, p.y]);
    let rings = |part: &Polygon| -> Vec<Vec<[f64; 2]>> {
        std::iter::once(part.exterior())
            .chain(part.interiors())
            .map(|ring| ring.0.iter().map(|c| [c.x, c.y]).collect())
            .collect()
    };
    match geometry {
        Geometry::Area(area) => match area.0.as_slice() {
            [one] => json!({ "type": "Polygon", "coordinates": rings(one) }),
            parts => json!({
                "type": "MultiPolygon",
                "coordinates": parts.iter().map(rings).collect::<Vec<_>>(),
            }),
        },
        Geometry::Ruler(ends) => json!({
            "type": "LineString",
            "coordinates": ends.iter().map(point).collect::<Vec<_>>(),
        }),
        Geometry::Point(at) => json!({ "type": "Point", "coordinates": point(at) }),
    }
}

/// Reads shapes: areas, lines of two points as rulers, points.
///
/// # Errors
/// Those of [`parse_regions`].
pub(crate) fn from_geojson(text: &str, slide: LevelSize) -> Result<Vec<Shape>, StoreError> {
    let mut shapes: Vec<Shape> = parse_regions(text, slide)?.iter().map(area).collect();
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|e| StoreError::NotGeoJson(e.to_string()))?;
    let features = match &value {
        Value::Array(list) => list.as_slice(),
        other => other["features"].as_array().map_or(&[][..], Vec::as_slice),
    };
    shapes.extend(features.iter().flat_map(marks));
    Ok(shapes)
}

/// The shape of a region.
pub(crate) fn area(region: &Region) -> Shape {
    let ring = |points: &[SlidePoint]| {
        LineString::from(points.iter().map(|&p| coord(p)).collect::<Vec<Coord>>())
    };
    let parts = region.polygons.iter().map(|part| {
        let holes = part.holes.iter().map(|hole| ring(hole)).collect();
        Polygon::new(ring(&part.exterior), holes)
    });
    Shape {
        id: 0,
        class: region.class.clone(),
        name: region.name.clone().unwrap_or_default(),
        geometry: Geometry::Area(MultiPolygon::new(parts.collect())),
        trains: false,
    }
}

/// Rulers and points.
fn marks(feature: &Value) -> Vec<Shape> {
    let at = |value: &Value| {
        Some(SlidePoint {
            x: value.get(0)?.as_f64()?,
            y: value.get(1)?.as_f64()?,
        })
    };
    let geometry = &feature["geometry"];
    let list = geometry["coordinates"].as_array();
    let found: Vec<Geometry> = match geometry["type"].as_str() {
        Some("Point") => at(&geometry["coordinates"])
            .map(Geometry::Point)
            .into_iter()
            .collect(),
        Some("MultiPoint") => list
            .into_iter()
            .flatten()
            .filter_map(at)
            .map(Geometry::Point)
            .collect(),
        Some("LineString") => match list.map(Vec::as_slice) {
            Some([a, b]) => at(a)
                .zip(at(b))
                .map(|(a, b)| Geometry::Ruler([a, b]))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let name = feature["properties"]["name"].as_str().unwrap_or_default();
    found
        .into_iter()
        .map(|geometry| Shape {
            name: name.to_owned(),
            ..Shape::mark(geometry)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::geometry;

    const SLIDE: LevelSize = LevelSize {
        width: 5_000,
        height: 4_000,
    };

    fn at(x: f64, y: f64) -> SlidePoint {
        SlidePoint { x, y }
    }

    #[test]
    fn shapes_survive_the_way_out_and_in() {
        let block = geometry::rectangle(at(10.0, 10.0), at(410.0, 310.0)).unwrap();
        let hole = geometry::rectangle(at(100.0, 100.0), at(200.0, 200.0)).unwrap();
        let far = geometry::ellipse(at(1_000.5, 900.25), at(1_400.0, 1_300.0)).unwrap();
        let shape = |class: &str, geometry| Shape {
            id: 0,
            class: class.to_owned(),
            name: "n".to_owned(),
            geometry,
            trains: false,
        };
        let ring = geometry::without(&block, &hole, 0.1);
        let shapes = vec![
            shape("Tumor", Geometry::Area(geometry::joined(&[&ring, &far]))),
            shape("", Geometry::Ruler([at(1.5, 2.0), at(30.0, 40.0)])),
            shape("", Geometry::Point(at(77.0, 88.0))),
        ];
        let text = to_geojson(&shapes).to_string();
        assert_eq!(from_geojson(&text, SLIDE).unwrap(), shapes);
    }

    #[test]
    fn what_qupath_wrote_comes_in() {
        let text = r#"[{"type":"Feature","id":"6c0d","geometry":{"type":"Polygon","coordinates":[[[1,1],[90,1],[90,80],[1,1]]]},
            "properties":{"objectType":"annotation","classification":{"name":"Nerve","color":[1,2,3]},"isLocked":false}},
            {"type":"Feature","geometry":{"type":"MultiPoint","coordinates":[[5,6],[7,8]]},"properties":{}}]"#;
        let shapes = from_geojson(text, SLIDE).unwrap();
        assert_eq!(shapes.len(), 3);
        assert_eq!(shapes[0].class, "Nerve");
        let broken = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null,"properties":{"classification":"Tumor"}}]}"#;
        assert!(from_geojson(broken, SLIDE).is_err());
    }
}
