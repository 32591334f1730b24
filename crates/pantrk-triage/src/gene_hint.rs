//! Staining pattern to gene: a hint, never a call.

use pantrk_core::score::{Extent, Pattern};
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::triage::Citation;

/// Which gene a staining pattern hints at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneHint {
    /// `"NTRK1"`, `"NTRK2"`, `"NTRK3"`; the likelier first.
    pub genes: Vec<String>,
    /// The hint in a sentence.
    pub note: String,
    /// Where it was wrong.
    #[serde(default)]
    pub counter_examples: Vec<String>,
    /// Its sources.
    #[serde(default)]
    pub citations: Vec<Citation>,
}

/// The hint of the first pattern row that fits; `None` where nothing stains, where no row fits, or where the tables are broken (which [`crate::decide`] reports).
pub fn gene_hint(pattern: &Pattern) -> Option<GeneHint> {
    if pattern.extent == Extent::None {
        return None;
    }
    let evidence = Evidence::embedded().ok()?;
    let row = evidence.patterns().iter().find(|row| {
        row.has.iter().all(|c| pattern.compartments.contains(c))
            && !row.lacks.iter().any(|c| pattern.compartments.contains(c))
            && (row.texture.is_none() || row.texture == pattern.texture)
            && row
                .extents
                .as_ref()
                .is_none_or(|extents| extents.contains(&pattern.extent))
    })?;
    Some(GeneHint {
        genes: row.genes.clone(),
        note: format!("A hint only, not a call: {}", row.note),
        counter_examples: row.counter_examples.clone(),
        citations: vec![row.citation()],
    })
}

#[cfg(test)]
mod tests {
    use pantrk_core::score::{Compartment, Texture};

    use super::*;

    fn hint(compartments: &[Compartment], extent: Extent, texture: Texture) -> Option<Vec<String>> {
        gene_hint(&Pattern {
            compartments: compartments.to_vec(),
            extent,
            texture: Some(texture),
            clustering: None,
        })
        .map(|hint| hint.genes)
    }

    #[test]
    fn patterns_hint_at_genes() {
        use Compartment::{Cytoplasm, Membrane, NuclearRim, Nucleus};
        let smooth =
            |compartments: &[Compartment]| hint(compartments, Extent::Diffuse, Texture::Smooth);
        let genes =
            |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(smooth(&[Nucleus, Cytoplasm]), genes(&["NTRK3"]));
        assert_eq!(smooth(&[Nucleus]), genes(&["NTRK3"]));
        assert_eq!(smooth(&[NuclearRim, Cytoplasm]), genes(&["NTRK1"]));
        assert_eq!(smooth(&[Membrane, Cytoplasm]), genes(&["NTRK1", "NTRK2"]));
        assert_eq!(smooth(&[Cytoplasm]), genes(&["NTRK1", "NTRK2"]));
        assert_eq!(
            hint(&[Cytoplasm], Extent::Diffuse, Texture::Granular),
            genes(&["NTRK3", "NTRK1"])
        );
        assert_eq!(smooth(&[Nucleus, Membrane]), None);
        assert_eq!(smooth(&[]), None);
        assert_eq!(hint(&[Nucleus], Extent::None, Texture::Smooth), None);
    }

    #[test]
    fn a_hint_says_that_it_is_one_and_where_it_failed() {
        let found = gene_hint(&Pattern {
            compartments: vec![Compartment::Nucleus],
            extent: Extent::Diffuse,
            texture: None,
            clustering: None,
        })
        .unwrap();
        assert!(found.note.starts_with("A hint only"));
        assert!(
            found
                .counter_examples
                .iter()
                .any(|t| t.contains("LMNA-NTRK1"))
        );
        assert!(found.citations[0].source.contains("29683818"));
    }
}
