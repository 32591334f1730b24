//! The scoring table: every cut-off of a profile, each row with its source.

use std::sync::OnceLock;

use serde::Deserialize;

use super::Thresholds;

/// `assets/scoring/profiles.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct ScoringTable {
    /// Named in every result.
    pub version: String,
    pub(crate) grading: Grading,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) adequacy: Adequacy,
    pub(crate) expansion: Expansion,
    pub(crate) intensity: IntensityRow,
    pub(crate) pattern: PatternRow,
    pub(crate) control: ControlRow,
    pub(crate) any_1pct: Any1Pct,
    pub(crate) cantrk: Cantrk,
    pub(crate) h_score: HScore,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Grading {
    pub(crate) thresholds: [f32; 3],
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sensitivity {
    pub(crate) delta_od: f32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Adequacy {
    pub(crate) not_evaluable_below: u64,
    pub(crate) one_percent_needs: u64,
    pub(crate) few_cells_cutoff_percent: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Expansion {
    pub(crate) microns: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IntensityRow {
    pub(crate) moderate_from: f64,
    pub(crate) strong_from: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PatternRow {
    pub(crate) diffuse_percent: f64,
    pub(crate) focal_clustering: f64,
    pub(crate) compartment_share: f64,
    pub(crate) line_excess_od: f64,
    pub(crate) granular_cv: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ControlRow {
    pub(crate) least_cells: u64,
    pub(crate) failed_below_percent: f64,
    pub(crate) adequate_percent: f64,
    pub(crate) adequate_mean_grade: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Any1Pct {
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) cutoff_percent: f64,
    pub(crate) source: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Cantrk {
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) proportion_percent: [f64; 3],
    pub(crate) total_cutoff: u32,
    pub(crate) compartment_cutoff: u32,
    pub(crate) seen_at_100x_mean_grade: f64,
    pub(crate) source: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HScore {
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) cutoff: f64,
    pub(crate) source: String,
}

impl ScoringTable {
    /// The table on board.
    ///
    /// # Panics
    /// Never in a build that passed its tests: the table is part of the program and a test reads it.
    #[expect(clippy::expect_used, reason = "the embedded table is read by a test")]
    pub fn embedded() -> &'static Self {
        static TABLE: OnceLock<ScoringTable> = OnceLock::new();
        TABLE.get_or_init(|| {
            toml::from_str(include_str!("../../../../assets/scoring/profiles.toml"))
                .expect("assets/scoring/profiles.toml is part of the program")
        })
    }

    /// The default thresholds of 1+, 2+ and 3+.
    ///
    /// # Panics
    /// Never in a build that passed its tests.
    #[expect(clippy::expect_used, reason = "the embedded table is read by a test")]
    pub fn thresholds(&self) -> Thresholds {
        Thresholds::new(self.grading.thresholds).expect("the table's thresholds rise")
    }

    /// The share of stained cells, percent, from which `any-1pct` calls a slide positive.
    pub fn any_cutoff_percent(&self) -> f64 {
        self.any_1pct.cutoff_percent
    }

    /// Fewer tumour cells than this are not evaluable.
    pub fn least_cells(&self) -> u64 {
        self.adequacy.not_evaluable_below
    }

    /// Fewer tumour cells than this cannot support a 1 % rule.
    pub fn cells_for_one_percent(&self) -> u64 {
        self.adequacy.one_percent_needs
    }

    /// The share of moderate to strong cells, percent, from which stain is diffuse.
    pub fn diffuse_percent(&self) -> f64 {
        self.pattern.diffuse_percent
    }

    /// How far a cell reaches beyond its nucleus at most, in um.
    pub fn expansion_microns(&self) -> f64 {
        self.expansion.microns
    }

    /// How far thresholds are moved to see what a call depends on (OD).
    pub fn sensitivity_od(&self) -> f32 {
        self.sensitivity.delta_od
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_every_row_has_a_source() {
        let table = ScoringTable::embedded();
        let wanted = Thresholds::new([0.2, 0.4, 0.6]).unwrap();
        assert_eq!(table.thresholds(), wanted);
        let raw: toml::Table =
            toml::from_str(include_str!("../../../../assets/scoring/profiles.toml")).unwrap();
        for (name, row) in raw {
            if let Some(row) = row.as_table() {
                assert!(
                    row.contains_key("source") && row.contains_key("certainty"),
                    "{name}"
                );
            }
        }
    }
}
