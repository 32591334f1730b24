//! Whether stated probabilities come true.

use super::proportion::wilson;
use super::roc::Labelled;
use super::{Undefined, mean};

/// Things whose stated probabilities are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Their mean stated probability.
    pub stated: f64,
    /// How many came true.
    pub true_: u64,
    /// How many there are.
    pub n: u64,
    /// Wilson's interval of the share that came true.
    pub interval95: [f64; 2],
}

/// At most `groups` of about equal size, equal probabilities together, rising.
pub fn groups(data: &[Labelled], groups: usize) -> Vec<Group> {
    let mut sorted = data.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = sorted.len().div_ceil(groups.max(1)).max(1);
    let mut out = Vec::new();
    let mut rest = sorted.as_slice();
    while !rest.is_empty() {
        let last = rest[size.min(rest.len()) - 1].0;
        let end = rest.partition_point(|(p, _)| *p <= last);
        let (group, others) = rest.split_at(end);
        let true_ = group.iter().filter(|(_, label)| *label).count() as u64;
        let stated: Vec<f64> = group.iter().map(|(p, _)| *p).collect();
        out.push(Group {
            stated: mean(&stated),
            true_,
            n: group.len() as u64,
            interval95: wilson(true_, group.len() as u64),
        });
        rest = others;
    }
    out
}

/// The mean squared distance of probability and truth.
///
/// # Errors
/// Without any.
pub fn brier(data: &[Labelled]) -> Result<f64, Undefined> {
    if data.is_empty() {
        return Err("no slide with both a probability and a truth".to_owned());
    }
    let errors: Vec<f64> = data
        .iter()
        .map(|&(p, label)| (p - f64::from(u8::from(label))).powi(2))
        .collect();
    Ok(mean(&errors))
}
