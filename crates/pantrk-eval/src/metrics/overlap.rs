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
        let (mut of_predicted, mut of_truth) = (BTreeMap::new(), BTreeMap::new());
        let mut shared: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for (&p, &t) in predicted.pixels.iter().zip(truth.pixels) {
            if p > 0 {
                *of_predicted.entry(p).or_insert(0_u64) += 1;
            }
            if t > 0 {
                *of_truth.entry(t).or_insert(0_u64) += 1;
            }
            if p > 0 && t > 0 {
                *shared.entry((t, p)).or_insert(0) += 1;
            }
        }
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
