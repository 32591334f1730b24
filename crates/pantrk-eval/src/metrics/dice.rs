//! Dice coefficient of nuclear pixels, whichever nucleus they belong to.

use super::{Metric, Ratio};

/// 2 x shared pixels / (predicted + true pixels).
pub(super) const DICE: Metric = Metric {
    name: "dice",
    description: "Dice coefficient of nuclear pixels",
    ratio: |overlap| {
        let shared: u64 = overlap.pairs.iter().map(|pair| pair.shared).sum();
        let pixels: u64 =
            overlap.predicted.values().sum::<u64>() + overlap.truth.values().sum::<u64>();
        Ratio::new(2.0 * shared as f64, pixels as f64)
    },
};
