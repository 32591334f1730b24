//! Where and how the stain lies.

use super::summary::Counts;
use super::table::{PatternRow, ScoringTable};
use super::{Compartment, Extent, Pattern, Texture};

/// Reads the pattern off the counts; `median_grain` is the median granularity of the stained cytoplasm, where there is any.
pub(crate) fn pattern(
    counts: &Counts,
    table: &ScoringTable,
    median_grain: impl Fn() -> Option<f32>,
) -> Pattern {
    let extent = extent(counts, table);
    if extent == Extent::None {
        return Pattern {
            compartments: Vec::new(),
            extent,
            texture: None,
            clustering: counts.clustering,
        };
    }
    let compartments = compartments(counts, &table.pattern);
    Pattern {
        texture: Some(texture(
            &compartments,
            table.pattern.granular_cv,
            median_grain,
        )),
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
fn compartments(counts: &Counts, row: &PatternRow) -> Vec<Compartment> {
    let most = Compartment::ALL
        .iter()
        .map(|&c| counts.scores.get(c).positive_percent)
        .fold(0.0, f64::max);
    let mut found: Vec<(f64, Compartment)> = Vec::new();
    for (compartment, stained) in Compartment::ALL.into_iter().zip(&counts.stained) {
        let percent = counts.scores.get(compartment).positive_percent;
        let stands_out = match compartment {
            Compartment::Nucleus | Compartment::Cytoplasm => true,
            Compartment::NuclearRim | Compartment::Membrane => {
                stained.mean_excess() > row.line_excess_od
            }
        };
        if percent > 0.0 && percent >= row.compartment_share * most && stands_out {
            found.push((percent * stained.mean_od(), compartment));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found
        .into_iter()
        .map(|(_, compartment)| compartment)
        .collect()
}

fn texture(
    compartments: &[Compartment],
    granular_cv: f64,
    median_grain: impl Fn() -> Option<f32>,
) -> Texture {
    if !compartments.contains(&Compartment::Cytoplasm) {
        return Texture::Smooth;
    }
    match median_grain() {
        Some(median) if f64::from(median) >= granular_cv => Texture::Granular,
        _ => Texture::Smooth,
    }
}
