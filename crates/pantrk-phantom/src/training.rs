//! Fields for training a nucleus model: every pattern, strength, colour and fault that a slide may show.

use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use crate::PhantomError;
use crate::field::{Field, field_of};
use crate::noise::{Dice, hash2};
use crate::render::Scene;
use crate::spec::{
    Architecture, ArtefactKind, FieldSpec, Level, SlideSpec, StainExtent, StainPattern,
};

/// A random slide, 1.2 mm wide, of which a training field is a part.
fn random_slide(dice: &mut Dice, span_um: f64) -> SlideSpec {
    let levels = [Level::Off, Level::Lower, Level::Full];
    let pattern = if dice.chance(0.75) {
        StainPattern::NAMED[dice.below(StainPattern::NAMED.len())].1
    } else {
        StainPattern {
            nucleus: levels[dice.below(3)],
            nuclear_rim: levels[dice.below(3)],
            cytoplasm: levels[dice.below(3)],
            membrane: levels[dice.below(3)],
            granular: dice.chance(0.2),
        }
    };
    let architectures = [
        Architecture::Nests,
        Architecture::Nests,
        Architecture::Glands,
        Architecture::Sheets,
        Architecture::Spindle,
    ];
    let architecture = architectures[dice.below(architectures.len())];
    let extents = [
        StainExtent::Diffuse,
        StainExtent::Diffuse,
        StainExtent::Focal,
        StainExtent::Scattered,
    ];
    let elongation = match architecture {
        Architecture::Glands => dice.between(1.2, 1.9),
        Architecture::Spindle => dice.between(1.6, 2.5),
        Architecture::Nests | Architecture::Sheets => dice.between(1.05, 1.5),
    };
    let mut artefacts = Vec::new();
    while artefacts.len() < 3 && dice.chance(0.3) {
        artefacts.push(ArtefactKind::ALL[dice.below(ArtefactKind::ALL.len())]);
    }
    let positive = if dice.chance(0.25) {
        0.0
    } else {
        dice.between(0.05, 1.0)
    };
    // Most nuclei as tumours have them; some small as lymphocytes' or large as giant cells'.
    let radius = if dice.chance(0.7) {
        dice.between(2.9, 5.4)
    } else {
        dice.between(2.5, 7.0)
    };
    // From nuclei that press on each other to cells with wide cytoplasm.
    let pitch = radius * dice.between(2.3, 3.2);
    let mpp = 0.25;
    let side = (span_um.max(1200.0) / mpp) as u32;
    let grey = dice.between(226.0, 253.0);
    let mut white = || f64::from((grey + 5.0 * dice.signed()).min(255.0));
    let white = [white(), white(), white()];
    SlideSpec {
        width: side,
        height: side,
        mpp,
        seed: dice.next_u64() >> 12,
        architecture,
        pattern,
        extent: extents[dice.below(extents.len())],
        positive_fraction: f64::from(positive),
        grade_mix: [
            f64::from(dice.between(0.05, 1.0)),
            f64::from(dice.unit()),
            f64::from(dice.unit()),
        ],
        grade_spread: f64::from(dice.between(0.8, 3.0)),
        haze: f64::from(dice.unit().powi(2) * 0.12),
        hematoxylin: f64::from(dice.between(0.45, 1.5)),
        stain_rotation_degrees: f64::from(5.0 * dice.bell()).clamp(-12.0, 12.0),
        white,
        tissue_fraction: if dice.chance(0.6) { 1.0 } else { 0.6 },
        tumour_fraction: f64::from(dice.between(0.35, 0.9)),
        nerves: u32::from(dice.chance(0.5)),
        nerve_od: f64::from(dice.between(0.2, 0.8)),
        muscles: u32::from(dice.chance(0.4)),
        muscle_od: f64::from(dice.between(0.0, 0.3)),
        lymphocytes: f64::from(dice.unit().powi(2)),
        nucleus_radius_um: f64::from(radius),
        nucleus_spread: f64::from(dice.between(0.06, 0.22)),
        cell_pitch_um: f64::from(pitch.clamp(6.0, 20.0)),
        nucleus_elongation: f64::from(elongation),
        chromatin: f64::from(dice.between(0.4, 1.6)),
        nucleoli: f64::from(dice.unit()),
        artefacts,
        blur_um: f64::from(dice.between(0.05, 0.35)),
        noise: f64::from(dice.between(0.3, 3.0)),
        jpeg_quality: dice.between(60.0, 97.0) as u8,
        ..SlideSpec::default()
    }
}

/// The training field of that number: `size` x `size` pixels of `mpp`, JPEG artefacts included.
///
/// # Errors
/// [`PhantomError::Spec`] if `size` or `mpp` are out of range, [`PhantomError::Encode`] if the JPEG round trip fails.
pub fn training_field(
    seed: u64,
    index: u32,
    size: u32,
    mpp: f64,
) -> Result<(Field, FieldSpec), PhantomError> {
    let mut dice = Dice::new(hash2(seed, index as i32, 0x7247));
    let span = f64::from(size) * mpp;
    let slide = random_slide(&mut dice, span * 1.2);
    let scene = Scene::new(&slide)?;
    let points = &scene.layout.tissue_points;
    let wants_artefact = !scene.artefacts.is_empty() && dice.chance(0.7);
    let wants_tumour = !wants_artefact && dice.chance(0.85);
    let (extent, _) = slide.extent_um();
    let mut origin = [0.0; 2];
    for _ in 0..40 {
        let (x, y) = if points.is_empty() {
            (0.0, 0.0)
        } else {
            points[dice.below(points.len())]
        };
        let limit = (f64::from(extent) - span).max(0.0);
        origin = [x, y].map(|v| (f64::from(v) - 0.5 * span).clamp(0.0, limit));
        if (!wants_tumour || scene.layout.at(x, y).tumour > 0.0)
            && (!wants_artefact || reaches(&scene, x, y, 0.4 * span as f32))
        {
            break;
        }
    }
    let spec = FieldSpec {
        slide,
        origin_um: origin,
        width: size,
        height: size,
        mpp,
    };
    let mut field = field_of(&scene, &spec)?;
    through_jpeg(&mut field, spec.slide.jpeg_quality)?;
    Ok((field, spec))
}

/// An artefact lies within `radius` um of a place.
fn reaches(scene: &Scene, x: f32, y: f32, radius: f32) -> bool {
    scene
        .artefacts
        .iter()
        .any(|(_, artefact)| artefact.shape().distance(x, y) > -radius)
}

/// Encodes and decodes the picture as a slide's tiles are.
fn through_jpeg(field: &mut Field, quality: u8) -> Result<(), PhantomError> {
    let name = Path::new("training field");
    let (width, height) = (field.rgb.width(), field.rgb.height());
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_1);
    encoder
        .encode(
            field.rgb.as_bytes(),
            width as u16,
            height as u16,
            jpeg_encoder::ColorType::Rgb,
        )
        .map_err(|e| PhantomError::encode(name, e))?;
    let decoded = image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg)
        .map_err(|e| PhantomError::encode(name, e))?;
    field
        .rgb
        .as_bytes_mut()
        .copy_from_slice(decoded.to_rgb8().as_raw());
    Ok(())
}

/// What is in a training field, for whoever sorts figures by it: one of the rows of `fields.json`.
#[derive(Debug, Clone, Serialize)]
struct FieldRow {
    /// The picture's file without its ending.
    name: String,
    /// The pattern's name, `none` where no cell is meant to stain.
    pattern: &'static str,
    /// Cells whose strongest compartment is 1+ or above, percent; 0 in a field without cells.
    positive_percent: f64,
    /// Cells whose strongest compartment is 3+, percent.
    strong_percent: f64,
    /// What may spoil the slide that the field lies on.
    artefacts: Vec<&'static str>,
}

impl FieldRow {
    fn new(name: String, field: &Field, spec: &FieldSpec) -> Self {
        let share = |grade: u8| {
            let n = field.cells.iter().filter(|c| c.any_grade() >= grade);
            100.0 * n.count() as f64 / field.cells.len().max(1) as f64
        };
        let slide = &spec.slide;
        Self {
            name,
            pattern: slide.pattern_name(),
            positive_percent: share(1),
            strong_percent: share(3),
            artefacts: slide.artefacts.iter().map(|kind| kind.name()).collect(),
        }
    }
}

/// Writes `count` fields into `dir`: `field_00000.png` (RGB) and `field_00000_labels.png` (16-bit, 0 = background), and `fields.json`, which says of each what is in it.
///
/// The same arguments give the same files, and the first fields do not depend on `count`.
///
/// # Errors
/// As [`training_field`], and [`PhantomError::Write`] if a file cannot be written.
pub fn write_training_fields(
    dir: &Path,
    count: u32,
    seed: u64,
    size: u32,
    mpp: f64,
) -> Result<(), PhantomError> {
    std::fs::create_dir_all(dir).map_err(|e| PhantomError::write(dir, e))?;
    let written = |index: u32| {
        let (field, spec) = training_field(seed, index, size, mpp)?;
        let name = format!("field_{index:05}");
        let picture = dir.join(format!("{name}.png"));
        image::save_buffer(
            &picture,
            field.rgb.as_bytes(),
            size,
            size,
            image::ExtendedColorType::Rgb8,
        )
        .map_err(|e| PhantomError::encode(&picture, e))?;
        let path = dir.join(format!("field_{index:05}_labels.png"));
        let labels: Vec<u16> = field
            .labels
            .iter()
            .map(|&label| u16::try_from(label).unwrap_or(u16::MAX))
            .collect();
        image::ImageBuffer::<image::Luma<u16>, _>::from_raw(size, size, labels)
            .ok_or(PhantomError::Spec {
                name: "field size",
                found: f64::from(size),
                low: 1.0,
                high: 16_384.0,
            })?
            .save(&path)
            .map_err(|e| PhantomError::encode(&path, e))?;
        Ok(FieldRow::new(name, &field, &spec))
    };
    let rows: Vec<FieldRow> = (0..count)
        .into_par_iter()
        .map(written)
        .collect::<Result<_, PhantomError>>()?;
    let path = dir.join("fields.json");
    let failed = |e: std::io::Error| PhantomError::write(&path, e);
    let text = serde_json::to_string_pretty(&rows).map_err(|e| failed(e.into()))?;
    std::fs::write(&path, text + "\n").map_err(failed)
}
