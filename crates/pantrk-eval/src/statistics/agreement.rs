//! Agreement of two or more on categories.

use super::proportion::wilson;
use super::{Undefined, Z95};
use crate::output::Estimate;

/// How a disagreement weighs by the distance of the categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// All alike: Cohen's kappa.
    None,
    /// By the distance.
    Linear,
    /// By its square.
    Quadratic,
}

/// A square table of counts: rows are the first's categories, columns the second's, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Square {
    categories: usize,
    counts: Vec<u64>,
}

impl Square {
    /// Counts pairs of category numbers below `categories`; others are left out.
    pub fn of(pairs: impl IntoIterator<Item = (usize, usize)>, categories: usize) -> Self {
        let mut counts = vec![0; categories * categories];
        for (a, b) in pairs {
            if a < categories && b < categories {
                counts[a * categories + b] += 1;
            }
        }
        Self { categories, counts }
    }

    /// Of one pair of categories.
    pub fn count(&self, a: usize, b: usize) -> u64 {
        self.counts
            .get(a * self.categories + b)
            .copied()
            .unwrap_or(0)
    }

    /// How many categories.
    pub const fn categories(&self) -> usize {
        self.categories
    }

    /// All pairs.
    pub fn n(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Pairs that agree.
    pub fn agreeing(&self) -> u64 {
        (0..self.categories).map(|i| self.count(i, i)).sum()
    }

    /// Those of the first, of the second in each category.
    fn margins(&self) -> (Vec<f64>, Vec<f64>) {
        let n = self.n() as f64;
        let share = |count: u64| count as f64 / n;
        let all = 0..self.categories;
        let rows = all
            .clone()
            .map(|i| share(all.clone().map(|j| self.count(i, j)).sum()));
        let columns = all
            .clone()
            .map(|j| share(all.clone().map(|i| self.count(i, j)).sum()));
        (rows.collect(), columns.collect())
    }

    /// Kappa with the large-sample interval of Fleiss, Cohen and Everitt (1969); where all agree, with the kappa at Wilson's lower bound of the agreement.
    ///
    /// # Errors
    /// Without pairs, or where both put everything into one category.
    pub fn kappa(&self, weights: Weights) -> Result<Estimate, Undefined> {
        let n = self.n();
        if n == 0 {
            return Err("no slide read by both".to_owned());
        }
        let (rows, columns) = self.margins();
        let last = (self.categories.saturating_sub(1)).max(1) as f64;
        let weight = |i: usize, j: usize| {
            let apart = (i as f64 - j as f64).abs() / last;
            match weights {
                Weights::None => f64::from(u8::from(i == j)),
                Weights::Linear => 1.0 - apart,
                Weights::Quadratic => 1.0 - apart * apart,
            }
        };
        let all = || (0..self.categories).flat_map(|i| (0..self.categories).map(move |j| (i, j)));
        let share = |i, j| self.count(i, j) as f64 / n as f64;
        let seen: f64 = all().map(|(i, j)| weight(i, j) * share(i, j)).sum();
        let chance: f64 = all()
            .map(|(i, j)| weight(i, j) * rows[i] * columns[j])
            .sum();
        if 1.0 - chance < 1e-12 {
            return Err("not defined: both put every slide into one category".to_owned());
        }
        let kappa = (seen - chance) / (1.0 - chance);
        let of_row = |i: usize| -> f64 {
            (0..self.categories)
                .map(|j| columns[j] * weight(i, j))
                .sum()
        };
        let of_column =
            |j: usize| -> f64 { (0..self.categories).map(|i| rows[i] * weight(i, j)).sum() };
        let spread: f64 = all()
            .map(|(i, j)| {
                let pull = (of_row(i) + of_column(j)) * (1.0 - kappa);
                share(i, j) * (weight(i, j) - pull).powi(2)
            })
            .sum();
        let centre = kappa - chance * (1.0 - kappa);
        let variance = (spread - centre * centre).max(0.0) / (n as f64 * (1.0 - chance).powi(2));
        let half = Z95 * variance.sqrt();
        let interval = if self.agreeing() == n {
            // The large-sample variance is zero where all agree; Wilson's bound of the agreement is not.
            [((wilson(n, n)[0] - chance) / (1.0 - chance)).max(-1.0), 1.0]
        } else {
            [(kappa - half).max(-1.0), (kappa + half).min(1.0)]
        };
        Ok(Estimate::plain(kappa, Some(interval), n, 2))
    }
}

/// Fleiss' kappa of several readers; each item is its number of readings per category.
///
/// Items with fewer than two readings are left out; the number of readings may differ between items.
///
/// # Errors
/// Without items, or where all readings fall into one category.
pub fn fleiss_kappa<I: AsRef<[u64]>>(items: &[I]) -> Result<f64, Undefined> {
    let read: Vec<&[u64]> = items
        .iter()
        .map(AsRef::as_ref)
        .filter(|item| item.iter().sum::<u64>() >= 2)
        .collect();
    if read.is_empty() {
        return Err("no slide read twice".to_owned());
    }
    let categories = read.iter().map(|item| item.len()).max().unwrap_or(0);
    let readings: u64 = read.iter().flat_map(|item| item.iter()).sum();
    let chance: f64 = (0..categories)
        .map(|c| {
            let count: u64 = read
                .iter()
                .map(|item| item.get(c).copied().unwrap_or(0))
                .sum();
            (count as f64 / readings as f64).powi(2)
        })
        .sum();
    if 1.0 - chance < 1e-12 {
        return Err("not defined: every reading falls into one category".to_owned());
    }
    let seen: f64 = read
        .iter()
        .map(|item| {
            let r = item.iter().sum::<u64>() as f64;
            let pairs: f64 = item.iter().map(|&c| c as f64 * (c as f64 - 1.0)).sum();
            pairs / (r * (r - 1.0))
        })
        .sum::<f64>()
        / read.len() as f64;
    Ok((seen - chance) / (1.0 - chance))
}
