//! What a segmenter sees beyond the slide's edge.
//!
//! White there is an edge that no tissue has: networks miss the nuclei beside it, and see others in its corners.
//! So the slide is mirrored for them, and what they find beyond the edge is dropped; nothing is measured there.

use std::ops::Range;

use pantrk_space::RgbBuffer;

use crate::segment::{LabelImage, PatchInput, SegmentError, SegmentWorker, clear_outside};
use crate::stain::StainPlanes;

/// Labels the nuclei of the part of a patch that lies on the slide; mirrors `rgb` for it.
///
/// # Errors
/// As [`SegmentWorker::segment`].
pub(super) fn segment(
    worker: &mut dyn SegmentWorker,
    (rgb, stains): (&mut RgbBuffer, &StainPlanes),
    on_slide: &[Range<usize>; 2],
    labels: &mut LabelImage,
) -> Result<(), SegmentError> {
    mirror(rgb, on_slide);
    worker.segment(PatchInput { rgb, stains }, labels)?;
    clear_outside(&mut labels.labels, labels.width, on_slide);
    Ok(())
}

/// Mirrors the columns and rows on the slide to all others.
fn mirror(rgb: &mut RgbBuffer, on_slide: &[Range<usize>; 2]) {
    let [columns, rows] = on_slide;
    let (width, height) = (rgb.width() as usize, rgb.height() as usize);
    if columns.is_empty() || rows.is_empty() || (columns.len() == width && rows.len() == height) {
        return;
    }
    for y in rows.clone() {
        let row = rgb.row_mut(y as u32);
        for x in (0..columns.start).chain(columns.end..width) {
            let from = 3 * mirrored(x, columns);
            row.copy_within(from..from + 3, 3 * x);
        }
    }
    let mut line = vec![0; 3 * width];
    for y in (0..rows.start).chain(rows.end..height) {
        line.copy_from_slice(rgb.row(mirrored(y, rows) as u32));
        rgb.row_mut(y as u32).copy_from_slice(&line);
    }
}

/// Where the place that is mirrored to `at` lies.
fn mirrored(at: usize, on: &Range<usize>) -> usize {
    let length = on.len() as i64;
    let along = (at as i64 - on.start as i64).rem_euclid(2 * length);
    on.start + along.min(2 * length - 1 - along) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use pantrk_space::LevelSize;

    #[test]
    fn places_are_mirrored_again_and_again() {
        let wanted = [4, 3, 3, 4, 5, 5, 4, 3, 3, 4];
        let found: Vec<usize> = (1..11).map(|at| mirrored(at, &(3..6))).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_slide_stays_and_what_lies_beyond_mirrors_it() {
        let size = LevelSize {
            width: 5,
            height: 4,
        };
        let mut rgb = RgbBuffer::filled(size, [255; 3]);
        for (y, x, value) in [(1, 1, 10), (1, 2, 20), (2, 1, 30), (2, 2, 40)] {
            rgb.row_mut(y)[3 * x..3 * x + 3].fill(value);
        }
        mirror(&mut rgb, &[1..3, 1..3]);
        let row = |y: u32| rgb.row(y).iter().copied().step_by(3).collect::<Vec<_>>();
        assert_eq!(row(0), [10, 10, 20, 20, 10]);
        assert_eq!(row(1), row(0));
        assert_eq!(row(2), [30, 30, 40, 40, 30]);
        assert_eq!(row(3), row(2));
    }
}
