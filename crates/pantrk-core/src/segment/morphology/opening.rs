//! Grey opening with a square: what is left of an image once everything narrower than the square is gone.
//!
//! The minimum over a window of n is built from minima over 1, 2, 4, ... pixels, each a whole-row operation.
//! A square, not a disc: it is separable, and as a background estimate under smoothed nuclei it does the same.
//! Plain opening, not opening by reconstruction: reconstruction carries values across the whole patch, so two patches that overlap would disagree.

/// Buffers for the opening.
#[derive(Debug, Default)]
pub struct Opening {
    padded: Vec<f32>,
    spare: Vec<f32>,
}

impl Opening {
    /// Opens `plane` in place with a square that reaches `radius` pixels to each side of its centre.
    ///
    /// Pixels outside the image take no part.
    pub fn open(&mut self, plane: &mut [f32], width: usize, radius: usize) {
        if radius == 0 || plane.is_empty() {
            return;
        }
        self.filter::<true>(plane, width, radius);
        self.filter::<false>(plane, width, radius);
    }

    /// The minimum (`MIN`) or maximum over the square around each pixel.
    fn filter<const MIN: bool>(&mut self, plane: &mut [f32], width: usize, radius: usize) {
        let outside = if MIN {
            f32::INFINITY
        } else {
            f32::NEG_INFINITY
        };
        let Self { padded, spare } = self;
        for row in plane.chunks_exact_mut(width) {
            padded.clear();
            padded.resize(radius, outside);
            padded.extend_from_slice(row);
            padded.resize(width + 2 * radius, outside);
            slide::<MIN>(padded, spare, 1, 2 * radius + 1);
            row.copy_from_slice(&padded[..width]);
        }
        padded.clear();
        padded.resize(radius * width, outside);
        padded.extend_from_slice(plane);
        padded.resize(plane.len() + 2 * radius * width, outside);
        slide::<MIN>(padded, spare, width, 2 * radius + 1);
        plane.copy_from_slice(&padded[..plane.len()]);
    }
}

/// Makes each value the extreme of the `window` values from its own place on, `stride` apart; values whose window goes past the end are unspecified.
fn slide<const MIN: bool>(
    values: &mut Vec<f32>,
    spare: &mut Vec<f32>,
    stride: usize,
    window: usize,
) {
    let mut done = 1;
    while done < window {
        let step = done.min(window - done);
        let (ahead, rest) = (
            &values[step * stride..],
            &values[values.len() - step * stride..],
        );
        spare.clear();
        spare.extend(values.iter().zip(ahead).map(|(&here, &ahead)| {
            // Not f32::min: that one treats NaN apart and costs twice as much.
            let swap = if MIN { ahead < here } else { ahead > here };
            if swap { ahead } else { here }
        }));
        spare.extend_from_slice(rest);
        std::mem::swap(values, spare);
        done += step;
    }
}
