use super::*;
use crate::region::RegionRole;
use pantrk_space::{
    Downsample, Gap, Level, LevelIndex, LevelSize, MicronsPerPixel, ReadError, RgbBuffer,
};

/// 1.6 x 1.2 mm at 2 um: glass around tissue, whose left half is full of nuclei and whose right half has fibres.
struct Painted(Vec<Level>);

const WIDTH: u32 = 800;
const HEIGHT: u32 = 600;

fn colour(x: i64, y: i64) -> [u8; 3] {
    let noise = (x * 37 + y * 91).rem_euclid(5) as u8;
    let base: [u8; 3] = if !(40..760).contains(&x) || !(40..560).contains(&y) {
        [243, 242, 244]
    } else if x < 400 {
        // Nuclei of 8 um, 12 um apart.
        if (x % 6 - 3).pow(2) + (y % 6 - 3).pow(2) < 5 {
            [120, 110, 170]
        } else {
            [205, 200, 222]
        }
    } else if (y + x / 9) % 5 < 2 {
        [196, 190, 214]
    } else {
        [226, 222, 232]
    };
    base.map(|v| v - 2 + noise)
}

impl Painted {
    fn new() -> Self {
        Self(vec![Level {
            size: LevelSize {
                width: WIDTH,
                height: HEIGHT,
            },
            downsample: Downsample::ONE,
            tile: None,
        }])
    }
}

impl RegionReader for Painted {
    fn levels(&self) -> &[Level] {
        &self.0
    }

    fn mpp(&self) -> Option<SlideMpp> {
        None
    }

    fn read_region(
        &self,
        _level: LevelIndex,
        rect: LevelRect,
        out: &mut RgbBuffer,
    ) -> Result<Vec<Gap>, ReadError> {
        out.reset(
            LevelSize {
                width: rect.width,
                height: rect.height,
            },
            [255; 3],
        );
        for y in 0..rect.height {
            for (x, pixel) in out.row_mut(y).chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&colour(rect.x + x as i64, rect.y + i64::from(y)));
            }
        }
        Ok(Vec::new())
    }
}

fn square(x: f64, y: f64, width: f64, height: f64) -> Region {
    let at = |x, y| SlidePoint { x, y };
    Region::new(
        RegionRole::Neutral,
        &[vec![
            at(x, y),
            at(x + width, y),
            at(x + width, y + height),
            at(x, y + height),
        ]],
    )
}

fn mpp() -> SlideMpp {
    SlideMpp::square(MicronsPerPixel::new(2.0).unwrap())
}

fn strokes() -> Vec<(String, Region)> {
    [
        ("Tumor", 100.0, 100.0),
        ("Tumor", 200.0, 300.0),
        ("Stroma", 500.0, 100.0),
        ("Stroma", 600.0, 400.0),
    ]
    .map(|(class, x, y)| (class.to_owned(), square(x, y, 60.0, 60.0)))
    .to_vec()
}

fn trained(reader: &Painted) -> (RegionSlide<'_>, RegionClassifier) {
    let slide = RegionSlide::survey(reader, mpp()).unwrap();
    let mut places = TrainingPlaces::default();
    places.add(&slide, &strokes()).unwrap();
    (slide, places.train().unwrap())
}

#[test]
fn a_few_strokes_tell_nuclei_from_fibres() {
    let reader = Painted::new();
    let (slide, classifier) = trained(&reader);
    for class in &classifier.classes {
        assert!(class.held_out_right_percent > 95.0, "{class:?}");
    }
    let map = classifier.predict(&slide, slide.whole()).unwrap();
    let (mut right, mut all) = (0, 0);
    for y in 0..map.height {
        for x in 0..map.width {
            let said = map.class[(y * map.width + x) as usize];
            if said > 0 {
                let truth = if x * 4 < 400 { "Tumor" } else { "Stroma" };
                all += 1;
                right += u32::from(map.classes[said as usize - 1] == truth);
            }
        }
    }
    assert!(
        all > 20_000 && f64::from(right) > 0.96 * f64::from(all),
        "{right} of {all}"
    );
    // 720 um x 1040 um of nuclei.
    let areas = map.outlines(0);
    assert_eq!(areas.len(), 1);
    assert!(
        (map.area_mm2(0) - 0.749).abs() < 0.04,
        "{}",
        map.area_mm2(0)
    );
}

#[test]
fn a_preview_says_what_the_whole_slide_says() {
    let reader = Painted::new();
    let (slide, classifier) = trained(&reader);
    let whole = classifier.predict(&slide, slide.whole()).unwrap();
    let part = SlideRect {
        x: 320.0,
        y: 160.0,
        width: 160.0,
        height: 80.0,
    };
    let preview = classifier.predict(&slide, part).unwrap();
    // At the preview's rim fewer votes are averaged.
    for y in 2..preview.height - 2 {
        for x in 2..preview.width - 2 {
            let there = (y + 40) * whole.width + x + 80;
            let here = y * preview.width + x;
            assert_eq!(preview.class[here as usize], whole.class[there as usize]);
        }
    }
}

#[test]
fn places_gathered_stroke_by_stroke_train_the_same_classifier() {
    let reader = Painted::new();
    let (slide, classifier) = trained(&reader);
    let again = RegionSlide::seen_before(&reader, slide.seen());
    let mut all = TrainingPlaces::default();
    for stroke in strokes() {
        let mut one = TrainingPlaces::default();
        one.add(&again, &[stroke]).unwrap();
        all.append(&one);
    }
    let appended = all.train().unwrap();
    assert_eq!(appended.to_json().unwrap(), classifier.to_json().unwrap());
}

#[test]
fn a_prediction_that_is_stopped_leaves_the_rest_empty() {
    let reader = Painted::new();
    let (slide, classifier) = trained(&reader);
    let map = classifier.predict_watched(&slide, slide.whole(), &|_, all| {
        assert!(all > 1);
        false
    });
    assert!(map.unwrap().class.iter().all(|&class| class == 0));
}

#[test]
fn the_file_comes_back_and_a_damaged_one_is_refused() {
    let reader = Painted::new();
    let (slide, classifier) = trained(&reader);
    let text = classifier.to_json().unwrap();
    let again = RegionClassifier::from_json(&text).unwrap();
    let map = |c: &RegionClassifier| c.predict(&slide, slide.whole()).unwrap();
    assert_eq!(map(&classifier), map(&again));
    assert_eq!(trained(&reader).1.to_json().unwrap(), text);
    for (from, to) in [
        (SCHEMA, "pantrk.region-classifier/9"),
        ("dab-72um", "dab-73um"),
        ("\"checksum\":\"", "\"checksum\":\"0"),
    ] {
        let error = RegionClassifier::from_json(&text.replace(from, to)).unwrap_err();
        assert!(matches!(error, RegionClassifierError::Format(_)), "{error}");
    }
    assert!(RegionClassifier::from_json("{}").is_err());
}

#[test]
fn too_few_strokes_are_an_error() {
    let reader = Painted::new();
    let slide = RegionSlide::survey(&reader, mpp()).unwrap();
    let mut places = TrainingPlaces::default();
    places.add(&slide, &strokes()[..1]).unwrap();
    assert!(matches!(
        places.train(),
        Err(RegionClassifierError::FewClasses { found: 1 })
    ));
    let dot = ("Nerve".to_owned(), square(300.0, 300.0, 9.0, 9.0));
    places.add(&slide, &[dot]).unwrap();
    let error = places.train().unwrap_err().to_string();
    assert!(error.contains("Nerve"), "{error}");
}
