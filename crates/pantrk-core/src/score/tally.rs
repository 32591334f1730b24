//! Tumour cells per grade, and the figures that follow from them alone.

use super::Compartment;

/// Where the highest grade of all compartments is counted.
pub(crate) const ANY: usize = Compartment::ALL.len();
/// The four compartments, and any.
pub(crate) const SLOTS: usize = ANY + 1;

/// Cells at each grade (0 to 3) in each compartment, the highest of all compartments last; whole numbers on a slide, shares of them in a replicate.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally(pub(crate) [[f64; 4]; SLOTS]);

impl Tally {
    /// Counts one cell.
    pub(crate) fn add(&mut self, grades: [u8; SLOTS]) {
        for (slot, grade) in self.0.iter_mut().zip(grades) {
            slot[usize::from(grade.min(3))] += 1.0;
        }
    }

    /// Of `cells` cells in a compartment, so many reach 1+, 2+ and 3+.
    pub(crate) fn set(&mut self, slot: usize, cells: u32, [weak, moderate, strong]: [u32; 3]) {
        self.0[slot] = [cells - weak, weak - moderate, moderate - strong, strong].map(f64::from);
    }

    /// Counts another tally's cells as well.
    pub(crate) fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine += theirs;
            }
        }
    }

    pub(crate) fn cells(&self) -> f64 {
        self.0[ANY].iter().sum()
    }

    pub(crate) fn positive(&self, slot: usize) -> f64 {
        self.0[slot][1..].iter().sum()
    }

    fn percent(&self, count: f64) -> f64 {
        let cells = self.cells();
        if cells > 0.0 {
            100.0 * count / cells
        } else {
            0.0
        }
    }

    /// Cells at that grade, percent.
    pub(crate) fn percent_at(&self, slot: usize, grade: usize) -> f64 {
        self.percent(self.0[slot][grade])
    }

    /// Cells at 1+ or above, percent.
    pub(crate) fn positive_percent(&self, slot: usize) -> f64 {
        self.percent(self.positive(slot))
    }

    fn weighted(&self, slot: usize) -> f64 {
        let [_, weak, moderate, strong] = self.0[slot];
        weak + 2.0 * moderate + 3.0 * strong
    }

    /// 0 to 300.
    pub(crate) fn h_score(&self, slot: usize) -> f64 {
        self.percent(self.weighted(slot))
    }

    /// Mean grade of the stained cells; 0 without any.
    pub(crate) fn mean_positive_grade(&self, slot: usize) -> f64 {
        let positive = self.positive(slot);
        if positive > 0.0 {
            self.weighted(slot) / positive
        } else {
            0.0
        }
    }

    /// The same share of cells, `factor` times as far from `centre`; no grade falls below none.
    pub(crate) fn spread_from(&self, centre: &Self, factor: f64) -> Self {
        let (mine, theirs) = (self.cells().max(1.0), centre.cells().max(1.0));
        Self(std::array::from_fn(|slot| {
            std::array::from_fn(|grade| {
                let at = centre.0[slot][grade] / theirs;
                (at + factor * (self.0[slot][grade] / mine - at)).max(0.0)
            })
        }))
    }
}
