//! Control tissue on the same slide: does the stain work here?

use serde::{Deserialize, Serialize};

use super::ScoringTable;
use crate::cell::{CellTable, ExcludedReason};

/// What control tissue says of the stain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlAdequacy {
    /// It stains as it should.
    Adequate,
    /// It stains, but weaker or in fewer cells than it should.
    Weak,
    /// It does not stain.
    Failed,
    /// Too few cells were found in it.
    NotEvaluable,
}

impl ControlAdequacy {
    /// As in `result.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adequate => "adequate",
            Self::Weak => "weak",
            Self::Failed => "failed",
            Self::NotEvaluable => "not-evaluable",
        }
    }
}

/// The score of the control tissue (regions of class `Control`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ControlScore {
    /// Cells counted.
    pub cells: u64,
    /// Cells at 1+ or above in any compartment, percent.
    pub positive_percent: f64,
    /// 0 to 300.
    pub h_score: f64,
    /// Mean grade of the stained cells, 0 without any.
    pub mean_positive_grade: f64,
    /// The verdict, by the scoring table's row `control`.
    pub adequacy: ControlAdequacy,
}

/// Scores the control tissue; `None` where no cell lies in any.
pub fn score_control(cells: &CellTable) -> Option<ControlScore> {
    let control = (0..cells.len())
        .filter(|&i| cells.excluded.get(i).copied().flatten() == Some(ExcludedReason::Control));
    let mut grades = [0_u64; 4];
    for cell in control {
        grades[usize::from(cells.grade_any(cell).min(3))] += 1;
    }
    let total: u64 = grades.iter().sum();
    if total == 0 {
        return None;
    }
    let positive = total - grades[0];
    let weighed = grades[1] + 2 * grades[2] + 3 * grades[3];
    let percent = |n: u64| 100.0 * n as f64 / total as f64;
    let mean_positive_grade = if positive > 0 {
        weighed as f64 / positive as f64
    } else {
        0.0
    };
    let row = &ScoringTable::embedded().control;
    let adequacy = if total < row.least_cells {
        ControlAdequacy::NotEvaluable
    } else if percent(positive) < row.failed_below_percent {
        ControlAdequacy::Failed
    } else if percent(positive) >= row.adequate_percent
        && mean_positive_grade >= row.adequate_mean_grade
    {
        ControlAdequacy::Adequate
    } else {
        ControlAdequacy::Weak
    };
    Some(ControlScore {
        cells: total,
        positive_percent: percent(positive),
        h_score: percent(weighed),
        mean_positive_grade,
        adequacy,
    })
}

/// The score if the places that quality checks left out were counted too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WithLeftOut {
    /// Tumour cells, those left out among them.
    pub tumour_cells: u64,
    /// Of them at 1+ or above in any compartment, percent.
    pub positive_percent: f64,
    /// 0 to 300.
    pub h_score: f64,
}

/// What the slide would score with all that quality checks left out; `None` where they left out no cell.
pub fn score_with_left_out(cells: &CellTable) -> Option<WithLeftOut> {
    let (mut grades, mut left_out) = ([0_u64; 4], 0_u64);
    for (cell, excluded) in cells.excluded.iter().enumerate() {
        let by_check = excluded.is_some_and(ExcludedReason::is_quality);
        if excluded.is_none() || by_check {
            grades[usize::from(cells.grade_any(cell).min(3))] += 1;
            left_out += u64::from(by_check);
        }
    }
    let total: u64 = grades.iter().sum();
    let percent = |n: u64| 100.0 * n as f64 / total.max(1) as f64;
    (left_out > 0).then(|| WithLeftOut {
        tumour_cells: total,
        positive_percent: percent(total - grades[0]),
        h_score: percent(grades[1] + 2 * grades[2] + 3 * grades[3]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Thresholds;

    fn cells(rows: &[(f32, Option<ExcludedReason>, usize)]) -> CellTable {
        let mut table = CellTable::default();
        for &(od, excluded, count) in rows {
            for _ in 0..count {
                table.x_px.push(0.0);
                table.y_px.push(0.0);
                for column in &mut table.dab_od {
                    column.push(od);
                }
                table.excluded.push(excluded);
            }
        }
        table.regrade(Thresholds::new([0.2, 0.4, 0.6]).unwrap());
        table
    }

    #[test]
    fn controls_are_judged_by_share_and_strength() {
        let control = Some(ExcludedReason::Control);
        let judge = |od: f32, stained: usize, pale: usize| {
            score_control(&cells(&[(od, control, stained), (0.0, control, pale)]))
                .unwrap()
                .adequacy
        };
        assert_eq!(judge(0.7, 60, 40), ControlAdequacy::Adequate);
        assert_eq!(judge(0.25, 60, 40), ControlAdequacy::Weak);
        assert_eq!(judge(0.7, 10, 90), ControlAdequacy::Weak);
        assert_eq!(judge(0.7, 1, 99), ControlAdequacy::Failed);
        assert_eq!(judge(0.7, 3, 2), ControlAdequacy::NotEvaluable);
        assert!(score_control(&cells(&[(0.7, None, 50)])).is_none());
    }

    #[test]
    fn what_was_left_out_is_counted_beside_the_score() {
        let table = cells(&[
            (0.0, None, 90),
            (0.7, Some(ExcludedReason::Pigment), 10),
            (0.7, Some(ExcludedReason::OutsideTumour), 50),
        ]);
        let with = score_with_left_out(&table).unwrap();
        assert_eq!(with.tumour_cells, 100);
        assert!((with.positive_percent - 10.0).abs() < 1e-9 && (with.h_score - 30.0).abs() < 1e-9);
        assert!(score_with_left_out(&cells(&[(0.0, None, 90)])).is_none());
    }
}
