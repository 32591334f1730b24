//! Regions as GeoJSON in the form that QuPath reads: level-0 pixels, closed rings, one class per feature.

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::contour::{Polygon, Samples, polygons};
use crate::layout::Fields;
use crate::render::Scene;

/// At most this many lattice points per slide, so that a large slide costs no more memory than this.
const MAX_NODES: f64 = 6e6;
/// Spacing of the lattice on small slides, in um.
const STEP_UM: f64 = 4.0;
/// Regions and holes below this (um2) are not drawn.
const MIN_AREA_UM2: f64 = 150.0;

/// Class, colour and how far inside a place lies.
type Region = (&'static str, [u8; 3], fn(&Fields) -> f32);

const REGIONS: [Region; 3] = [
    // Cells reach a little beyond the line on which their centres end.
    ("Tumor", [200, 0, 0], |f| f.tumour.min(f.tissue)),
    ("Nerve", [120, 120, 0], |f| f.nerve.min(f.tissue)),
    ("Muscle", [180, 90, 40], |f| f.muscle.min(f.tissue)),
];

/// The tumour, nerve, muscle and artefact regions of a slide.
pub(crate) fn regions(scene: &Scene) -> Value {
    let (width, height) = scene.spec.extent_um();
    let (width, height) = (f64::from(width), f64::from(height));
    let step = STEP_UM.max((width * height / MAX_NODES).sqrt());
    let mut features = Vec::new();
    let columns = (width / step).ceil() as usize + 3;
    let rows = (height / step).ceil() as usize + 3;
    // One pass computes all fields; a node beyond the slide is outside of everything.
    let place = |i: usize| (i as f64 - 1.0) * step;
    let nodes: Vec<[f32; 3]> = (0..rows * columns)
        .into_par_iter()
        .map(|i| {
            let (x, y) = (place(i % columns), place(i / columns));
            if x < 0.0 || y < 0.0 || x > width || y > height {
                return [-1.0; 3];
            }
            let fields = scene.layout.at(x as f32, y as f32);
            REGIONS.map(|(_, _, inside)| inside(&fields))
        })
        .collect();
    for (r, (name, colour, _)) in REGIONS.iter().enumerate() {
        let samples = Samples {
            width: columns,
            values: nodes.iter().map(|n| n[r]).collect(),
        };
        push(
            &mut features,
            scene,
            name,
            *colour,
            polygons(&samples, MIN_AREA_UM2 / (step * step)),
            |p| [(p[0] - 1.0) * step, (p[1] - 1.0) * step],
        );
    }
    for (kind, artefact) in &scene.artefacts {
        let shape = artefact.shape();
        let b = shape.bounds(10.0).map(f64::from);
        let step = 3.0;
        let columns = ((b[2] - b[0]) / step).ceil() as usize + 2;
        let rows = ((b[3] - b[1]) / step).ceil() as usize + 2;
        let samples = Samples {
            width: columns,
            values: (0..rows * columns)
                .map(|i| {
                    let x = b[0] + (i % columns) as f64 * step;
                    let y = b[1] + (i / columns) as f64 * step;
                    let border = i % columns == 0
                        || i % columns == columns - 1
                        || i / columns == 0
                        || i / columns == rows - 1;
                    if border || x < 0.0 || y < 0.0 || x > width || y > height {
                        -1.0
                    } else {
                        shape.distance(x as f32, y as f32)
                    }
                })
                .collect(),
        };
        push(
            &mut features,
            scene,
            kind.name(),
            [90, 90, 90],
            polygons(&samples, 2.0),
            |p| [b[0] + p[0] * step, b[1] + p[1] * step],
        );
    }
    json!({ "type": "FeatureCollection", "features": features })
}

fn push(
    features: &mut Vec<Value>,
    scene: &Scene,
    name: &str,
    colour: [u8; 3],
    polygons: Vec<Polygon>,
    to_um: impl Fn([f64; 2]) -> [f64; 2],
) {
    let mpp = scene.spec.mpp;
    let (width, height) = (f64::from(scene.spec.width), f64::from(scene.spec.height));
    for polygon in polygons {
        let coordinates: Vec<Vec<[f64; 2]>> = polygon
            .iter()
            .map(|ring| {
                let mut points: Vec<[f64; 2]> = ring
                    .iter()
                    .map(|&p| {
                        let [x, y] = to_um(p);
                        // A thousandth of a pixel keeps the file short and rings simple.
                        let px = |v: f64, limit: f64| {
                            ((v / mpp).clamp(0.0, limit) * 1000.0).round() / 1000.0
                        };
                        [px(x, width), px(y, height)]
                    })
                    .collect();
                points.dedup();
                points
            })
            .collect();
        features.push(json!({
            "type": "Feature",
            "geometry": { "type": "Polygon", "coordinates": coordinates },
            "properties": {
                "objectType": "annotation",
                "classification": { "name": name, "color": colour },
            },
        }));
    }
}
