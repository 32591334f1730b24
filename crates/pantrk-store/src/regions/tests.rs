use super::*;

const SLIDE: LevelSize = LevelSize {
    width: 1000,
    height: 800,
};

fn feature(class: &str, geometry: &str) -> String {
    format!(
        r#"{{"type":"Feature","id":"a","geometry":{geometry},"properties":{{"objectType":"annotation","name":"R","classification":{{"name":"{class}","color":[200,0,0]}}}}}}"#
    )
}

fn polygon(rings: &str) -> String {
    format!(r#"{{"type":"Polygon","coordinates":[{rings}]}}"#)
}

const SQUARE: &str = "[[10,10],[110,10],[110,110],[10,110],[10,10]]";

fn parse(text: &str) -> Result<Vec<Region>, String> {
    parse_regions(text, SLIDE).map_err(|e| e.to_string())
}

#[test]
fn all_three_wrappings_read_the_same() {
    let one = feature("Tumor", &polygon(SQUARE));
    let expected = parse(&one).unwrap();
    assert_eq!(expected.len(), 1);
    assert_eq!(expected[0].role, RegionRole::Tumour);
    assert_eq!(expected[0].polygons[0].exterior.len(), 4);
    let collection = format!(r#"{{"type":"FeatureCollection","features":[{one}]}}"#);
    for text in [format!("[{one}]"), collection, format!("\u{feff}{one}")] {
        assert_eq!(parse(&text).unwrap(), expected);
    }
}

#[test]
fn classes_have_their_effects() {
    for (class, effect) in [
        ("Tumor", RegionRole::Tumour),
        ("Tumour", RegionRole::Tumour),
        ("Tumor: Positive", RegionRole::Tumour),
        ("Exclude", RegionRole::Exclude),
        ("Ignore*", RegionRole::Exclude),
        ("Necrosis", RegionRole::Exclude),
        ("Nerve", RegionRole::Exclude),
        ("Muscle", RegionRole::Exclude),
        ("Pigment", RegionRole::Exclude),
        ("Control", RegionRole::Control),
        ("Tissue", RegionRole::Neutral),
        ("Region*", RegionRole::Neutral),
        ("Tumor bed", RegionRole::Neutral),
        ("", RegionRole::Neutral),
    ] {
        assert_eq!(RegionRole::from_class(class), effect, "{class}");
    }
}

#[test]
fn old_and_derived_classifications_are_read() {
    let with = |classification: &str| {
        let geometry = polygon(SQUARE);
        let text = format!(
            r#"{{"type":"Feature","geometry":{geometry},"properties":{{"classification":{classification}}}}}"#
        );
        parse(&text).unwrap()[0].clone()
    };
    assert_eq!(with(r#""Necrosis""#).role, RegionRole::Exclude);
    let derived = with(r#"{"names":["Tumor","Positive"]}"#);
    assert_eq!(
        (derived.role, derived.class.as_str()),
        (RegionRole::Tumour, "Tumor: Positive")
    );
    assert_eq!(with("null").class, "");
}

#[test]
fn holes_and_several_parts_are_kept() {
    let hole = "[[20,20],[30,20],[30,30],[20,30],[20,20]]";
    let far = "[[200,200],[300,200],[300,300],[200,200]]";
    let geometry =
        format!(r#"{{"type":"MultiPolygon","coordinates":[[{SQUARE},{hole}],[{far}]]}}"#);
    let regions = parse(&feature("Tumor", &geometry)).unwrap();
    let polygons = &regions[0].polygons;
    assert_eq!((polygons.len(), polygons[0].holes.len()), (2, 1));
    assert_eq!(polygons[0].holes[0].len(), 4);
}

#[test]
fn detections_and_unclassed_lines_are_passed_over() {
    let cell = feature("Tumor", &polygon(SQUARE)).replace("annotation", "cell");
    let line = feature("", r#"{"type":"LineString","coordinates":[[0,0],[5,5]]}"#);
    assert_eq!(parse(&format!("[{cell},{line}]")).unwrap(), Vec::new());
}

/// Each bad input with what its message must name.
#[test]
fn bad_input_is_an_error_that_names_feature_and_place() {
    let bowtie = "[[0,0],[100,100],[100,0],[0,100],[0,0]]";
    let open = "[[10,10],[110,10],[110,110],[10,30]]";
    let spike = "[[10,10],[50,10],[90,10],[10,10]]";
    let hole_out = "[[200,200],[210,200],[210,210],[200,200]]";
    let hole_across = "[[50,50],[150,50],[150,60],[50,60],[50,50]]";
    let outside = "[[2000,10],[2100,10],[2100,60],[2000,10]]";
    let good = feature("", &polygon(SQUARE));
    for (geometry, wanted) in [
        (polygon(bowtie), vec!["crosses itself", "(50.0, 50.0)"]),
        (polygon(open), vec!["not closed", "(10.0, 30.0)", "20.0 px"]),
        (polygon(spike), vec!["holds no area"]),
        (polygon("[]"), vec!["empty"]),
        (
            r#"{"type":"Polygon","coordinates":[]}"#.to_owned(),
            vec!["empty"],
        ),
        (
            r#"{"type":"MultiPolygon","coordinates":[]}"#.to_owned(),
            vec!["empty"],
        ),
        ("null".to_owned(), vec!["no geometry"]),
        (
            polygon(&format!("{SQUARE},{hole_out}")),
            vec!["hole 1", "outside the outline"],
        ),
        (
            polygon(&format!("{SQUARE},{hole_across}")),
            vec!["hole 1 crosses the outline"],
        ),
        (
            polygon(outside),
            vec!["1000 x 800", "2000", "2100", "level-0"],
        ),
        (polygon(r#"[["NaN",1],[2,3],[4,5]]"#), vec!["numbers"]),
        (polygon("[[null,1],[2,3],[4,5]]"), vec!["numbers"]),
        (
            r#"{"type":"Point","coordinates":[5,5]}"#.to_owned(),
            vec!["Point", "wanted a Polygon"],
        ),
    ] {
        let text = format!("[{good},{}]", feature("Tumor", &geometry));
        let error = parse(&text).unwrap_err();
        assert!(error.contains("feature 2"), "{geometry}: {error}");
        for part in wanted {
            assert!(error.contains(part), "{geometry}: {error}");
        }
    }
}

#[test]
fn what_is_not_geojson_says_so() {
    for (text, wanted) in [
        ("", "not GeoJSON"),
        ("{", "not GeoJSON"),
        ("42", "FeatureCollection"),
        (r#"{"type":"Topology"}"#, "Topology"),
        (r#"{"a":1}"#, "no type"),
        (
            r#"[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[NaN,1]]]}}]"#,
            "not a number",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn a_ring_that_nearly_closes_is_closed_and_one_partly_outside_is_kept() {
    let near = "[[-10,10],[110,10],[110,110],[-10,110],[-10.4,10.3]]";
    let regions = parse(&feature("Tumor", &polygon(near))).unwrap();
    assert_eq!(regions[0].polygons[0].exterior.len(), 4);
}

#[test]
fn touching_rings_pass_and_a_long_outline_is_quick() {
    // Two triangles that meet in one point.
    let touch = "[[0,0],[50,50],[0,100],[100,100],[50,50],[100,0],[0,0]]";
    assert!(parse(&feature("Tumor", &polygon(touch))).is_ok());
    // A star of 40,000 points, as a brush leaves it.
    let n = 40_000;
    let points: Vec<String> = (0..=n)
        .map(|i| {
            let a = f64::from(i % n) / f64::from(n) * std::f64::consts::TAU;
            let r = 300.0 + 20.0 * (a * 500.0).sin();
            format!("[{},{}]", 400.0 + r * a.cos(), 400.0 + r * a.sin())
        })
        .collect();
    let ring = format!("[{}]", points.join(","));
    let started = std::time::Instant::now();
    assert!(parse(&feature("Tumor", &polygon(&ring))).is_ok());
    assert!(started.elapsed().as_secs_f64() < 5.0);
}
