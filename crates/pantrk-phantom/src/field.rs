//! A window of a phantom, in memory, at any pixel size.

use pantrk_space::{LevelSize, RgbBuffer};

use crate::PhantomError;
use crate::render::{Grid, PixelRect, Scene, Scratch};
use crate::spec::FieldSpec;
use crate::truth::{CellTruth, cell_truth};

/// A window of a phantom with its truth.
#[derive(Debug, Clone)]
pub struct Field {
    /// The picture.
    pub rgb: RgbBuffer,
    /// Nucleus instances, row by row: 0 is background, else a cell's `id`; nuclei under pen ink, which nobody could see, have none.
    pub labels: Vec<u32>,
    /// The cells with nuclei in the field; those cut by its edge hold what lies inside.
    pub cells: Vec<CellTruth>,
}

/// Renders a field.
///
/// Pixels larger than 0.375 um are averages of smaller ones, as a scanner's pyramid makes them.
///
/// # Errors
/// [`PhantomError::Spec`] if the specification is out of range.
pub fn render_field(spec: &FieldSpec) -> Result<Field, PhantomError> {
    let scene = Scene::new(&spec.slide)?;
    field_of(&scene, spec)
}

/// The field on a scene that stands already.
pub(crate) fn field_of(scene: &Scene, spec: &FieldSpec) -> Result<Field, PhantomError> {
    for (name, found, low, high) in [
        ("field mpp", spec.mpp, 0.1, 2.0),
        ("field width", f64::from(spec.width), 1.0, 16_384.0),
        ("field height", f64::from(spec.height), 1.0, 16_384.0),
    ] {
        if !(low..=high).contains(&found) {
            return Err(PhantomError::Spec {
                name,
                found,
                low,
                high,
            });
        }
    }
    let factor = ((spec.mpp / 0.375).ceil() as usize).max(1);
    let grid = Grid {
        mpp: spec.mpp / factor as f64,
    };
    let [left, top] = spec
        .origin_um
        .map(|um| (um / spec.mpp).round() as i64 * factor as i64);
    let rect = PixelRect {
        x: left,
        y: top,
        width: spec.width as usize * factor,
        height: spec.height as usize * factor,
    };
    let mut scratch = Scratch::default();
    scene.render(grid, rect, &mut scratch, false);

    let mut ids = vec![0_u32; scratch.seen.len() + 1];
    let mut cells = Vec::new();
    for (i, seen) in scratch.seen.iter().enumerate() {
        let id = cells.len() as u32 + 1;
        let thresholds = scene.spec.thresholds;
        if let Some(mut cell) =
            cell_truth(id, seen.kind, seen.granular, &seen.sums, grid, thresholds)
        {
            cell.clear_of_artefacts = scene.is_clear(cell.x_um as f32, cell.y_um as f32);
            cell.x_px = (cell.x_px - left as f64) / factor as f64;
            cell.y_px = (cell.y_px - top as f64) / factor as f64;
            cell.x_um = cell.x_px * spec.mpp;
            cell.y_um = cell.y_px * spec.mpp;
            ids[i + 1] = id;
            cells.push(cell);
        }
    }
    let size = LevelSize {
        width: spec.width,
        height: spec.height,
    };
    let mut rgb = RgbBuffer::filled(size, [0; 3]);
    let mut labels = vec![0; spec.width as usize * spec.height as usize];
    shrink(&scratch, rect.width, factor, &ids, &mut rgb, &mut labels);
    Ok(Field { rgb, labels, cells })
}

/// Box means of the colours; of the labels, the one that most of the box holds.
fn shrink(
    scratch: &Scratch,
    width: usize,
    factor: usize,
    ids: &[u32],
    rgb: &mut RgbBuffer,
    labels: &mut [u32],
) {
    let columns = rgb.width() as usize;
    let area = (factor * factor) as u32;
    let mut votes: Vec<(u32, u32)> = Vec::with_capacity(factor * factor);
    for (i, (pixel, label)) in rgb
        .as_bytes_mut()
        .chunks_exact_mut(3)
        .zip(labels)
        .enumerate()
    {
        let (x, y) = (i % columns * factor, i / columns * factor);
        let mut sums = [0_u32; 3];
        votes.clear();
        for row in y..y + factor {
            for column in x..x + factor {
                let at = row * width + column;
                for (sum, &value) in sums.iter_mut().zip(&scratch.rgb[at * 3..at * 3 + 3]) {
                    *sum += u32::from(value);
                }
                let id = ids[scratch.labels[at] as usize];
                match votes.iter_mut().find(|(v, _)| *v == id) {
                    Some((_, n)) => *n += 1,
                    None => votes.push((id, 1)),
                }
            }
        }
        for c in 0..3 {
            pixel[c] = ((sums[c] + area / 2) / area) as u8;
        }
        // Ties go to the higher id, so to a nucleus before background.
        *label = votes
            .iter()
            .max_by_key(|(id, n)| (*n, *id))
            .map_or(0, |(id, _)| *id);
    }
}
