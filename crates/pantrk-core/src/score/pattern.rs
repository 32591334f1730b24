//! Where and how the stain lies.

use super::summary::Counts;
use super::table::{PatternRow, ScoringTable};
use super::{Compartment, Extent, Pattern, Texture};
use crate::cell::CellTable;

/// Reads the pattern off the stained tumour cells.
pub(crate) fn pattern(cells: &CellTable, counts: &Counts, table: &ScoringTable) -> Pattern {
    let extent = extent(counts, table);
    if extent == Extent::None {
        return Pattern {
            compartments: Vec::new(),
            extent,
            texture: None,
            clustering: counts.clustering,
        };
    }
    let compartments = compartments(cells, counts, &table.pattern);
    Pattern {
        texture: Some(texture(cells, &compartments, table.pattern.granular_cv)),
        compartments,
        extent,
        clustering: counts.clustering,
    }
}

fn extent(counts: &Counts, table: &ScoringTable) -> Extent {
    let any = &counts.scores.any;
    if any.positive_percent < table.any_1pct.cutoff_percent {
        Extent::None
    } else if any.percent_2 + any.percent_3 >= table.pattern.diffuse_percent {
        Extent::Diffuse
    } else if counts
        .clustering
        .is_some_and(|c| c >= table.pattern.focal_clustering)
    {
        Extent::Focal
    } else {
        Extent::Scattered
    }
}

/// The compartments that stain on their own account.
///
/// Stained cytoplasm reaches into the bands of rim and membrane, so these two count only where they stand out against what they border on.
fn compartments(cells: &CellTable, counts: &Counts, row: &PatternRow) -> Vec<Compartment> {
    let most = Compartment::ALL
        .iter()
        .map(|&c| counts.scores.get(c).positive_percent)
        .fold(0.0, f64::max);
    let excess = |k: usize, against: &[usize]| {
        let differences = stained(cells, k).map(|i| {
            let beside = against
                .iter()
                .map(|&a| cells.dab_od[a][i])
                .fold(f32::NAN, f32::max);
            f64::from(cells.dab_od[k][i] - beside)
        });
        mean(differences.filter(|d| d.is_finite()))
    };
    let mut found: Vec<(f64, Compartment)> = Vec::new();
    for (k, compartment) in Compartment::ALL.into_iter().enumerate() {
        let percent = counts.scores.get(compartment).positive_percent;
        let stands_out = match compartment {
            Compartment::Nucleus | Compartment::Cytoplasm => true,
            Compartment::NuclearRim => excess(k, &[0, 2]) > row.line_excess_od,
            Compartment::Membrane => excess(k, &[2]) > row.line_excess_od,
        };
        if percent > 0.0 && percent >= row.compartment_share * most && stands_out {
            let od = mean(stained(cells, k).map(|i| f64::from(cells.dab_od[k][i])));
            found.push((percent * od, compartment));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found
        .into_iter()
        .map(|(_, compartment)| compartment)
        .collect()
}

/// Tumour cells that are stained in compartment `k`.
fn stained(cells: &CellTable, k: usize) -> impl Iterator<Item = usize> {
    (0..cells.len()).filter(move |&i| cells.is_tumour(i) && cells.grades[k][i] > 0)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_u64), |(sum, n), v| (sum + v, n + 1));
    if n == 0 { 0.0 } else { sum / n as f64 }
}

fn texture(cells: &CellTable, compartments: &[Compartment], granular_cv: f64) -> Texture {
    const CYTOPLASM: usize = 2;
    if !compartments.contains(&Compartment::Cytoplasm) {
        return Texture::Smooth;
    }
    let mut grains: Vec<f32> = stained(cells, CYTOPLASM)
        .map(|i| cells.cytoplasm_granularity[i])
        .collect();
    grains.sort_unstable_by(f32::total_cmp);
    match grains.get(grains.len() / 2) {
        Some(&median) if f64::from(median) >= granular_cv => Texture::Granular,
        _ => Texture::Smooth,
    }
}
