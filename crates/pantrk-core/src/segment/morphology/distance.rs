//! The exact Euclidean distance transform.
//!
//! After Meijster, Roerdink and Hesselink (2000): distances along columns first, then the lower envelope of parabolas along rows.
//! Here each run of set pixels in a row is one problem of its own, bounded by background pixels, which keeps the envelopes short.

/// Stands for "no background in this column"; its square still fits an `i64`.
const FAR: u32 = 1 << 20;

/// Buffers for the distance transform.
#[derive(Debug, Default)]
pub struct SquaredDistance {
    /// Per pixel: rows to the nearest background pixel of its column.
    columns: Vec<u32>,
    /// The envelope's parabolas: their column and the first column where they are lowest.
    parabolas: Vec<(i64, i64)>,
}

impl SquaredDistance {
    /// The squared distance, in pixels, from the centre of each set pixel to the centre of the nearest background pixel; 0 on background.
    ///
    /// Pixels outside the image are not background: what touches the edge is measured as if it went on.
    /// Without any background all distances are `u32::MAX`.
    pub fn transform(&mut self, mask: &[u8], width: usize, squared: &mut Vec<u32>) {
        squared.clear();
        squared.resize(mask.len(), 0);
        self.measure_columns(mask, width);
        for ((mask, columns), squared) in mask
            .chunks_exact(width)
            .zip(self.columns.chunks_exact(width))
            .zip(squared.chunks_exact_mut(width))
        {
            let mut x = 0;
            while let Some(skip) = mask[x..].iter().position(|&value| value != 0) {
                let start = x + skip;
                let end = mask[start..]
                    .iter()
                    .position(|&value| value == 0)
                    .map_or(width, |length| start + length);
                // The background pixels at both ends hide whatever lies behind them.
                let from = start.saturating_sub(1);
                let to = (end + 1).min(width);
                measure_run(&columns[from..to], &mut self.parabolas, |at, value| {
                    let x = from + at;
                    if (start..end).contains(&x) {
                        squared[x] = value;
                    }
                });
                x = end;
            }
        }
    }

    fn measure_columns(&mut self, mask: &[u8], width: usize) {
        let columns = &mut self.columns;
        columns.clear();
        columns.extend(mask.iter().map(|&value| if value == 0 { 0 } else { FAR }));
        let height = mask.len() / width;
        for y in 1..height {
            let (above, row) = columns.split_at_mut(y * width);
            let above = &above[(y - 1) * width..];
            for (value, above) in row[..width].iter_mut().zip(above) {
                *value = (*value).min(above + 1);
            }
        }
        for y in (0..height.saturating_sub(1)).rev() {
            let (row, below) = columns.split_at_mut((y + 1) * width);
            for (value, below) in row[y * width..].iter_mut().zip(&below[..width]) {
                *value = (*value).min(below + 1);
            }
        }
        // Counting on from FAR goes past it where a column has no background at all.
        for value in columns {
            *value = (*value).min(FAR);
        }
    }
}

/// The lower envelope of the parabolas `(x - i)^2 + heights[i]^2`, handed to `set` from right to left.
fn measure_run(heights: &[u32], parabolas: &mut Vec<(i64, i64)>, mut set: impl FnMut(usize, u32)) {
    parabolas.clear();
    let square = |i: i64| i64::from(heights[i as usize]).pow(2);
    for u in 0..heights.len() as i64 {
        if heights[u as usize] >= FAR {
            continue;
        }
        let mut first = 0;
        while let Some(&(i, from)) = parabolas.last() {
            // The first whole column where u lies lower than i.
            let crossing = (u * u - i * i + square(u) - square(i)).div_euclid(2 * (u - i)) + 1;
            if crossing <= from {
                parabolas.pop();
            } else {
                first = crossing;
                break;
            }
        }
        if first < heights.len() as i64 {
            parabolas.push((u, first.max(0)));
        }
    }
    let mut end = heights.len() as i64;
    while let Some((i, from)) = parabolas.pop() {
        for x in (from..end).rev() {
            let value = (x - i) * (x - i) + square(i);
            set(x as usize, u32::try_from(value).unwrap_or(u32::MAX));
        }
        end = end.min(from);
    }
    for x in 0..end {
        set(x as usize, u32::MAX);
    }
}
