//! How the instances of a prediction and of the truth lie over each other.

use std::collections::BTreeMap;

use crate::EvalError;

/// A label image: row by row, 0 is background.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    columns: usize,
    rows: usize,
    pixels: &'a [u32],
}

impl<'a> Labels<'a> {
    /// Labels of an image.
    ///
    /// # Errors
    /// If there are not `columns` x `rows` labels.
    pub fn new(columns: usize, rows: usize, labels: &'a [u32]) -> Result<Self, EvalError> {
        if columns.checked_mul(rows) == Some(labels.len()) {
            Ok(Self {
                columns,
                rows,
                pixels: labels,
            })
        } else {
            Err(EvalError::Labels {
                columns,
                rows,
                found: labels.len(),
            })
        }
    }
}

impl Labels<'_> {
    /// Columns of the image.
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// Rows of the image.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The label of a pixel; 0 outside of the image.
    pub fn at(&self, column: usize, row: usize) -> u32 {
        if column < self.columns {
            let place = row.checked_mul(self.columns).map(|start| start + column);
            place.and_then(|i| self.pixels.get(i)).copied().unwrap_or(0)
        } else {
            0
        }
    }

    /// Each instance's centroid in pixels, by label; the centre of the first pixel is (0.5, 0.5).
    pub fn centroids(&self) -> BTreeMap<u32, [f64; 2]> {
        let mut sums: BTreeMap<u32, (f64, f64, f64)> = BTreeMap::new();
        for (row, line) in self.pixels.chunks_exact(self.columns.max(1)).enumerate() {
            let mut column = 0;
            for run in line.chunk_by(|a, b| a == b) {
                let length = run.len() as f64;
                if run[0] > 0 {
                    let sum = sums.entry(run[0]).or_default();
                    sum.0 += length * (column as f64 + length / 2.0);
                    sum.1 += length * (row as f64 + 0.5);
                    sum.2 += length;
                }
                column += run.len();
            }
        }
        sums.into_iter()
            .map(|(label, (x, y, n))| (label, [x / n, y / n]))
            .collect()
    }
}

/// Two instances that share pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The label in the prediction.
    pub predicted: u32,
    /// The label in the truth.
    pub truth: u32,
    /// Pixels that both hold.
    pub shared: u64,
    /// Pixels that at least one holds.
    pub union: u64,
}

impl Pair {
    /// Intersection over union, above 0 to 1.
    pub fn iou(&self) -> f64 {
        self.shared as f64 / self.union as f64
    }
}

/// Pixel counts, gathered run by run: neighbours mostly carry the same two labels, and a map is slow for each pixel.
#[derive(Default)]
struct Runs {
    predicted: BTreeMap<u32, u64>,
    truth: BTreeMap<u32, u64>,
    shared: BTreeMap<(u32, u32), u64>,
    labels: (u32, u32),
    length: u64,
}

impl Runs {
    fn push(&mut self, predicted: u32, truth: u32) {
        if self.labels != (predicted, truth) {
            self.close();
            self.labels = (predicted, truth);
        }
        self.length += 1;
    }

    fn close(&mut self) {
        let (p, t) = self.labels;
        let length = std::mem::take(&mut self.length);
        if length == 0 {
            return;
        }
        if p > 0 {
            *self.predicted.entry(p).or_insert(0) += length;
        }
        if t > 0 {
            *self.truth.entry(t).or_insert(0) += length;
        }
        if p > 0 && t > 0 {
            *self.shared.entry((t, p)).or_insert(0) += length;
        }
    }
}

/// The instances of two label images and the pixels they share.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlap {
    /// Pixels of each predicted instance, by label.
    pub predicted: BTreeMap<u32, u64>,
    /// Pixels of each true instance, by label.
    pub truth: BTreeMap<u32, u64>,
    /// All pairs that share a pixel, by true and then predicted label.
    pub pairs: Vec<Pair>,
}

impl Overlap {
    /// Counts the pixels of two images.
    ///
    /// # Errors
    /// If the images differ in size.
    pub fn new(predicted: Labels<'_>, truth: Labels<'_>) -> Result<Self, EvalError> {
        if (predicted.columns, predicted.rows) != (truth.columns, truth.rows) {
            return Err(EvalError::Size {
                found: (predicted.columns, predicted.rows),
                wanted: (truth.columns, truth.rows),
            });
        }
        let mut runs = Runs::default();
        for (&p, &t) in predicted.pixels.iter().zip(truth.pixels) {
            runs.push(p, t);
        }
        runs.close();
        let Runs {
            predicted: of_predicted,
            truth: of_truth,
            shared,
            ..
        } = runs;
        let size = |sizes: &BTreeMap<u32, u64>, label| sizes.get(&label).copied().unwrap_or(0);
        let pairs = shared
            .into_iter()
            .map(|((t, p), shared)| Pair {
                predicted: p,
                truth: t,
                shared,
                union: size(&of_predicted, p) + size(&of_truth, t) - shared,
            })
            .collect();
        Ok(Self {
            predicted: of_predicted,
            truth: of_truth,
            pairs,
        })
    }

    /// The one-to-one matching of instances at an intersection over union of at least `iou`, the better pairs first.
    ///
    /// From an `IoU` above 0.5 on, no instance fits two others, so this is the only matching there is; at exactly 0.5 ties are broken by label.
    pub fn matches(&self, iou: f64) -> Vec<Pair> {
        let mut candidates: Vec<Pair> = self
            .pairs
            .iter()
            .copied()
            .filter(|pair| pair.iou() >= iou)
            .collect();
        candidates.sort_by(|a, b| {
            b.iou()
                .total_cmp(&a.iou())
                .then(a.truth.cmp(&b.truth))
                .then(a.predicted.cmp(&b.predicted))
        });
        let mut taken_truth = std::collections::BTreeSet::new();
        let mut taken_predicted = std::collections::BTreeSet::new();
        candidates.retain(|pair| {
            if taken_truth.contains(&pair.truth) || taken_predicted.contains(&pair.predicted) {
                return false;
            }
            taken_truth.insert(pair.truth);
            taken_predicted.insert(pair.predicted);
            true
        });
        candidates
    }

    /// Whether neither image holds an instance.
    pub fn is_empty(&self) -> bool {
        self.predicted.is_empty() && self.truth.is_empty()
    }
}
