//! What the facts of a case are called where people read them.

use crate::triage::Change;

/// Keys of the case beside their names.
const NAMES: [(&str, &str); 15] = [
    ("age_years", "age in years"),
    ("braf", "BRAF"),
    ("drivers", "other drivers"),
    ("mlh1", "MLH1"),
    ("mmr", "MMR"),
    ("ngs", "sequencing"),
    ("ngs.frame", "reading frame"),
    ("ngs.kinase_domain", "kinase domain"),
    ("ngs.result", "sequencing result"),
    ("ngs.rna_quality", "RNA quality"),
    ("ngs_available", "sequencing at hand"),
    ("ras", "KRAS, NRAS"),
    ("stage", "stage"),
    ("treatment_relevant", "treatment in question"),
    ("tumour_type", "tumour type"),
];

/// Names facts for people, of which `keys` holds one or several: `age_years and ngs.frame` is `age in years and reading frame`.
///
/// A key that has no name is read as it stands, without its underscores.
pub fn fact_names(keys: &str) -> String {
    let name = |key: &str| {
        let found = NAMES.iter().find(|(known, _)| *known == key);
        found.map_or_else(|| key.replace('_', " "), |(_, name)| (*name).to_owned())
    };
    let together = |keys: &str| keys.split(", ").map(name).collect::<Vec<_>>().join(", ");
    let parts: Vec<String> = keys.split(" and ").map(together).collect();
    parts.join(" and ")
}

impl Change {
    /// The fact and its value as people say them: `MMR: deficient`.
    pub fn supposed(&self) -> String {
        let value = match self.value.as_str() {
            "true" => "yes",
            "false" => "no",
            value => value,
        };
        format!("{}: {value}", fact_names(&self.fact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_and_several_are_named() {
        for (keys, wanted) in [
            ("mmr", "MMR"),
            (
                "ngs.frame, ngs.kinase_domain",
                "reading frame, kinase domain",
            ),
            ("mmr and age_years", "MMR and age in years"),
            ("internal_control", "internal control"),
        ] {
            assert_eq!(fact_names(keys), wanted);
        }
    }
}
