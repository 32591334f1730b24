//! Where and how the stain lies.

use super::summary::Counts;
use super::table::{PatternRow, ScoringTable};
use super::{Compartment, Extent, Pattern, Scorer, Texture, Thresholds};

/// Reads the pattern off the stained tumour cells.
pub(crate) fn pattern(
    scorer: &Scorer,
    counts: &Counts,
    thresholds: Thresholds,
    table: &ScoringTable,
) -> Pattern {
    let extent = extent(counts, table);
    let clustering = counts.tally.clustering();
    if extent == Extent::None {
        return Pattern {
            compartments: Vec::new(),
            extent,
            texture: None,
            clustering,
        };
    }
    let compartments = compartments(counts, &table.pattern);
    let texture = if compartments.contains(&Compartment::Cytoplasm) {
        scorer.texture(thresholds, table.pattern.granular_cv)
    } else {
        Texture::Smooth
    };
    Pattern {
        texture: Some(texture),
        compartments,
        extent,
        clustering,
    }
}

fn extent(counts: &Counts, table: &ScoringTable) -> Extent {
    let any = &counts.scores.any;
    if any.positive_percent < table.any_1pct.cutoff_percent {
        Extent::None
    } else if any.percent_2 + any.percent_3 >= table.pattern.diffuse_percent {
        Extent::Diffuse
    } else if counts
        .tally
        .clustering()
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
    for compartment in Compartment::ALL {
        let percent = counts.scores.get(compartment).positive_percent;
        let stands_out = match compartment {
            Compartment::Nucleus | Compartment::Cytoplasm => true,
            Compartment::NuclearRim | Compartment::Membrane => {
                counts.tally.mean_excess(compartment) > row.line_excess_od
            }
        };
        if percent > 0.0 && percent >= row.compartment_share * most && stands_out {
            found.push((
                percent * counts.tally.mean_stained_od(compartment),
                compartment,
            ));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found
        .into_iter()
        .map(|(_, compartment)| compartment)
        .collect()
}
