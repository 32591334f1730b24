//! From a patch's pixels to the network's input values.

use pantrk_space::RgbBuffer;

use crate::{Channels, InputSpec, Layout, ModelError, Normalisation};

/// What a network may ask of one patch.
#[derive(Debug, Clone, Copy)]
pub struct InputSource<'a> {
    /// The pixels.
    pub rgb: &'a RgbBuffer,
    /// The hematoxylin optical density (log10) of each pixel, row by row.
    pub hematoxylin: &'a [f32],
}

/// Writes the values that `spec` asks for into `values`, which is as long as a patch of the wanted size needs; `model` is for messages alone.
///
/// # Errors
/// [`ModelError::Input`] if the patch has another size than `values`.
pub fn fill_input(
    spec: &InputSpec,
    source: InputSource<'_>,
    model: &str,
    values: &mut [f32],
) -> Result<(), ModelError> {
    let fits = |what: &'static str, found: usize, wanted: usize| {
        if found == wanted {
            return Ok(());
        }
        Err(ModelError::Input {
            model: model.to_owned(),
            what,
            found,
            wanted,
        })
    };
    let pixels = values.len() / spec.channels.count();
    match spec.channels {
        Channels::Hematoxylin => {
            fits("hematoxylin plane", source.hematoxylin.len(), pixels)?;
            values.copy_from_slice(source.hematoxylin);
            // One channel: both layouts are the same bytes.
            normalise_plane(&spec.normalisation, 0, values);
        }
        Channels::Gray => {
            fits("patch", source.rgb.as_bytes().len(), pixels * 3)?;
            let to_value = byte_scale(&spec.normalisation);
            for (value, rgb) in values.iter_mut().zip(source.rgb.as_bytes().chunks_exact(3)) {
                *value = to_value(
                    0.299 * f32::from(rgb[0])
                        + 0.587 * f32::from(rgb[1])
                        + 0.114 * f32::from(rgb[2]),
                );
            }
            normalise_plane(&spec.normalisation, 0, values);
        }
        Channels::Rgb => {
            fits("patch", source.rgb.as_bytes().len(), pixels * 3)?;
            fill_rgb(spec, source.rgb.as_bytes(), values);
        }
    }
    Ok(())
}

/// The first step of a normalisation, which takes 0 to 255.
fn byte_scale(normalisation: &Normalisation) -> fn(f32) -> f32 {
    match normalisation {
        Normalisation::Unit {} | Normalisation::MeanStd { .. } | Normalisation::ZScore {} => {
            |value| value / 255.0
        }
        Normalisation::Od {} => |value| (-(value.max(1.0) / 255.0).log10()).max(0.0),
    }
}

fn fill_rgb(spec: &InputSpec, bytes: &[u8], values: &mut [f32]) {
    let to_value = byte_scale(&spec.normalisation);
    let table: [f32; 256] = std::array::from_fn(|byte| to_value(byte as f32));
    let pixels = values.len() / 3;
    let (red, rest) = values.split_at_mut(pixels);
    let (green, blue) = rest.split_at_mut(pixels);
    for ((rgb, r), (g, b)) in bytes
        .chunks_exact(3)
        .zip(red.iter_mut())
        .zip(green.iter_mut().zip(blue.iter_mut()))
    {
        *r = table[rgb[0] as usize];
        *g = table[rgb[1] as usize];
        *b = table[rgb[2] as usize];
    }
    for (channel, plane) in values.chunks_exact_mut(pixels).enumerate() {
        normalise_plane(&spec.normalisation, channel, plane);
    }
    if spec.layout == Layout::Nhwc {
        interleave(values, pixels);
    }
}

/// Planes to pixels, by way of one copy of the planes: foreign models alone ask for it.
fn interleave(values: &mut [f32], pixels: usize) {
    let planes = values.to_vec();
    for (i, pixel) in values.chunks_exact_mut(3).enumerate() {
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value = planes[channel * pixels + i];
        }
    }
}

/// The second step of a normalisation, on one channel.
fn normalise_plane(normalisation: &Normalisation, channel: usize, plane: &mut [f32]) {
    match normalisation {
        Normalisation::Unit {} | Normalisation::Od {} => {}
        Normalisation::MeanStd { mean, std } => {
            let (mean, scale) = (mean[channel], 1.0 / std[channel]);
            for value in plane {
                *value = (*value - mean) * scale;
            }
        }
        Normalisation::ZScore {} => {
            let count = plane.len().max(1) as f64;
            let mean = plane.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
            let variance = plane
                .iter()
                .map(|&v| (f64::from(v) - mean).powi(2))
                .sum::<f64>()
                / count;
            // An even patch has no spread to divide by; it becomes zeros.
            let scale = 1.0 / variance.sqrt().max(1e-6);
            for value in plane {
                *value = ((f64::from(*value) - mean) * scale) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pantrk_space::{LevelSize, MicronsPerPixel};

    use super::*;

    fn spec(channels: Channels, normalisation: Normalisation, layout: Layout) -> InputSpec {
        InputSpec {
            name: "image".to_owned(),
            channels,
            mpp: MicronsPerPixel::new(0.5).unwrap(),
            patch: 2,
            normalisation,
            layout,
        }
    }

    fn filled(spec: &InputSpec) -> Vec<f32> {
        let size = LevelSize {
            width: 2,
            height: 2,
        };
        let rgb = RgbBuffer::from_raw(size, vec![0, 51, 102, 255, 255, 255, 10, 20, 30, 1, 1, 1])
            .unwrap();
        let mut values = vec![f32::NAN; spec.values()];
        let source = InputSource {
            rgb: &rgb,
            hematoxylin: &[0.1, 0.2, 0.3, 0.4],
        };
        fill_input(spec, source, "m", &mut values).unwrap();
        values
    }

    fn close(found: &[f32], wanted: &[f32]) {
        assert_eq!(found.len(), wanted.len());
        for (f, w) in found.iter().zip(wanted) {
            assert!((f - w).abs() < 1e-5, "{found:?} {wanted:?}");
        }
    }

    #[test]
    fn planes_and_pixels_hold_the_same_values() {
        let planes = filled(&spec(Channels::Rgb, Normalisation::Unit {}, Layout::Nchw));
        close(&planes[..4], &[0.0, 1.0, 10.0 / 255.0, 1.0 / 255.0]);
        close(&planes[4..8], &[0.2, 1.0, 20.0 / 255.0, 1.0 / 255.0]);
        let pixels = filled(&spec(Channels::Rgb, Normalisation::Unit {}, Layout::Nhwc));
        close(&pixels[..6], &[0.0, 0.2, 0.4, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn mean_and_std_are_per_channel() {
        let normalisation = Normalisation::MeanStd {
            mean: vec![0.5, 0.0, 1.0],
            std: vec![0.5, 2.0, 1.0],
        };
        let values = filled(&spec(Channels::Rgb, normalisation, Layout::Nchw));
        close(&[values[1], values[5], values[9]], &[1.0, 0.5, 0.0]);
    }

    #[test]
    fn optical_density_is_log10_against_white() {
        let values = filled(&spec(Channels::Rgb, Normalisation::Od {}, Layout::Nchw));
        // conventions: 255 reads 0, both 0 and 1 read 2.40654.
        close(&values[..2], &[2.406_54, 0.0]);
        close(&values[3..4], &[2.406_54]);
    }

    #[test]
    fn z_score_has_no_mean_and_unit_spread() {
        let values = filled(&spec(
            Channels::Hematoxylin,
            Normalisation::ZScore {},
            Layout::Nchw,
        ));
        close(&values, &[-1.341_64, -0.447_21, 0.447_21, 1.341_64]);
    }

    #[test]
    fn a_wrong_size_is_told() {
        let spec = spec(Channels::Rgb, Normalisation::Unit {}, Layout::Nchw);
        let rgb = RgbBuffer::filled(
            LevelSize {
                width: 3,
                height: 2,
            },
            [0; 3],
        );
        let source = InputSource {
            rgb: &rgb,
            hematoxylin: &[],
        };
        let error = fill_input(&spec, source, "m", &mut [0.0; 12]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the patch has 18 values, model m wants 12"
        );
    }
}
