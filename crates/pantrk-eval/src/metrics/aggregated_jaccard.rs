//! Aggregated Jaccard index (Kumar et al., 2017).

use std::collections::BTreeSet;

use super::{Metric, Overlap, Ratio};

/// Each true nucleus with the predicted one of highest `IoU`; summed intersections over summed unions, with the pixels of predicted nuclei that none took added below.
pub(super) const AGGREGATED_JACCARD: Metric = Metric {
    name: "aji",
    description: "aggregated Jaccard index",
    ratio: aggregated_jaccard,
};

fn aggregated_jaccard(overlap: &Overlap) -> Ratio {
    let (mut shared, mut union) = (0_u64, 0_u64);
    let mut used = BTreeSet::new();
    for (&label, &size) in &overlap.truth {
        let start = overlap.pairs.partition_point(|pair| pair.truth < label);
        let best = overlap.pairs[start..]
            .iter()
            .take_while(|pair| pair.truth == label)
            // Of equal ones the first, so that the answer does not depend on chance.
            .reduce(|best, pair| if pair.iou() > best.iou() { pair } else { best });
        match best {
            Some(pair) => {
                shared += pair.shared;
                union += pair.union;
                used.insert(pair.predicted);
            }
            None => union += size,
        }
    }
    union += overlap
        .predicted
        .iter()
        .filter(|(label, _)| !used.contains(label))
        .map(|(_, &size)| size)
        .sum::<u64>();
    Ratio::new(shared as f64, union as f64)
}
