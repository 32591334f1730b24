//! Ranks with ties.

/// Ranks from 1, ties sharing the mean of theirs.
pub fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let ties = order[start..].partition_point(|&i| values[i] <= value);
        let rank = f64::midpoint(start as f64 + 1.0, (start + ties) as f64);
        for &i in &order[start..start + ties] {
            ranks[i] = rank;
        }
        start += ties;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::mid_ranks;

    #[test]
    fn ties_share_their_mean_rank() {
        assert_eq!(mid_ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(mid_ranks(&[0.0, -0.0, 1.0]), [1.5, 1.5, 3.0]);
        assert!(mid_ranks(&[]).is_empty());
    }
}
