//! Regions as GeoJSON, in the way QuPath reads it.

use pantrk_space::SlidePoint;
use serde_json::{Value, json};

use super::Region;

/// A feature collection of the regions, one annotation each; coordinates in level-0 pixels.
pub fn regions_geojson(regions: &[Region]) -> Value {
    let features: Vec<Value> = regions.iter().map(feature).collect();
    json!({ "type": "FeatureCollection", "features": features })
}

fn feature(region: &Region) -> Value {
    let polygons: Vec<Value> = region
        .polygons
        .iter()
        .map(|polygon| {
            let rings = std::iter::once(&polygon.exterior).chain(&polygon.holes);
            Value::Array(rings.map(|points| ring(points)).collect())
        })
        .collect();
    let mut properties = json!({
        "objectType": "annotation",
        "classification": { "name": region.class },
    });
    if let Some(name) = &region.name {
        properties["name"] = json!(name);
    }
    json!({
        "type": "Feature",
        "geometry": { "type": "MultiPolygon", "coordinates": polygons },
        "properties": properties,
    })
}

/// A closed ring: the first point again at its end.
fn ring(points: &[SlidePoint]) -> Value {
    let closed = points.iter().chain(points.first());
    // A hundredth of a pixel is finer than anybody draws.
    let round = |v: f64| (v * 100.0).round() / 100.0;
    Value::Array(closed.map(|p| json!([round(p.x), round(p.y)])).collect())
}
