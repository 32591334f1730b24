//! Tumour types and how they are found by what people type.

use serde::{Deserialize, Serialize};

use crate::error::TriageError;
use crate::evidence::{Certainty, Evidence};

/// How a tumour is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Group {
    /// The fusion defines the tumour or nearly so.
    H,
    /// Normal TRK expression makes IHC say little.
    P,
    /// Enriched: any stain counts.
    E,
    /// Everything else.
    L,
}

impl Group {
    /// What it means, in a few words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::H => "carries the fusion often",
            Self::P => "normal TRK expression makes IHC say little",
            Self::E => "enriched for fusions",
            Self::L => "fusions are rare",
        }
    }
}

/// One tumour type.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TumourType {
    /// Stable id, kebab-case.
    pub id: String,
    /// As people read it.
    pub name: String,
    /// How it is tested, before molecular facts.
    pub group: Group,
    /// Types that share molecular contexts.
    #[serde(default)]
    pub family: Option<String>,
    /// OncoTree code, where it is certain.
    #[serde(default)]
    pub oncotree: Option<String>,
    /// Other names.
    pub synonyms: Vec<String>,
    pub(crate) prevalence: Option<String>,
    pub(crate) accuracy: String,
    /// A remark for the reader.
    #[serde(default)]
    pub note: Option<String>,
    /// Source of the group.
    pub source: String,
    /// How sure the group is.
    pub certainty: Certainty,
}

impl TumourType {
    /// The id of its row among the prevalences; `None` where no figure was found.
    pub fn prevalence_id(&self) -> Option<&str> {
        self.prevalence.as_deref()
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        [&self.id, &self.name]
            .into_iter()
            .chain(&self.synonyms)
            .chain(&self.oncotree)
    }
}

/// All tumour types.
#[derive(Debug)]
pub struct TumourTypes(Vec<TumourType>);

impl TumourTypes {
    pub(crate) const fn new(types: Vec<TumourType>) -> Self {
        Self(types)
    }

    /// The types that come with the program.
    ///
    /// # Errors
    /// [`TriageError::Evidence`] when a table is broken.
    pub fn embedded() -> Result<&'static Self, TriageError> {
        Evidence::embedded().map(Evidence::tumour_types)
    }

    /// All types, in the table's order.
    pub fn iter(&self) -> std::slice::Iter<'_, TumourType> {
        self.0.iter()
    }

    /// The type with this id, name, synonym or OncoTree code, whatever the case of the letters.
    ///
    /// # Errors
    /// [`TriageError::UnknownTumourType`] with up to three that are spelt alike.
    pub fn find(&self, text: &str) -> Result<&TumourType, TriageError> {
        let wanted = normal(text);
        self.iter()
            .find(|tumour| tumour.names().any(|name| normal(name) == wanted))
            .ok_or_else(|| TriageError::UnknownTumourType {
                given: text.to_owned(),
                nearest: self.nearest(&wanted),
            })
    }

    /// Up to three names, one per type, best first.
    fn nearest(&self, wanted: &str) -> Vec<String> {
        // Below this likeness a suggestion confuses more than it helps.
        const ALIKE: f64 = 0.75;
        let mut scored: Vec<(f64, &str)> = self
            .iter()
            .filter_map(|tumour| {
                tumour
                    .names()
                    .map(|name| (strsim::jaro_winkler(&normal(name), wanted), name.as_str()))
                    .max_by(|a, b| a.0.total_cmp(&b.0))
            })
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        scored
            .into_iter()
            .take(3)
            .map(|(_, name)| name.to_owned())
            .collect()
    }
}

/// Lower case, with single spaces for hyphens, underscores and runs of blanks.
fn normal(text: &str) -> String {
    text.to_lowercase()
        .replace(['-', '_'], " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

impl<'a> IntoIterator for &'a TumourTypes {
    type Item = &'a TumourType;
    type IntoIter = std::slice::Iter<'a, TumourType>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_type_is_found_by_any_of_its_names() {
        let types = TumourTypes::embedded().unwrap();
        for (text, id) in [
            ("colorectal-carcinoma", "colorectal-carcinoma"),
            ("CRC", "colorectal-carcinoma"),
            ("coadread", "colorectal-carcinoma"),
            ("Colorectal  Carcinoma", "colorectal-carcinoma"),
            ("thpa", "thyroid-papillary-carcinoma"),
            ("MASC", "salivary-secretory-carcinoma"),
            ("GBM", "glioblastoma"),
            ("ACC", "adrenocortical-carcinoma"),
        ] {
            assert_eq!(types.find(text).unwrap().id, id, "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_answered_with_suggestions() {
        let types = TumourTypes::embedded().unwrap();
        let message = types.find("colno").unwrap_err().to_string();
        assert!(
            message.starts_with("unknown tumour type \"colno\"; did you mean \"colon\""),
            "{message}"
        );
        assert!(message.matches('"').count() <= 8, "{message}");
        let message = types.find("zzzz").unwrap_err().to_string();
        // Nothing to suggest is not nothing to say: the list is named.
        assert!(
            message.starts_with("unknown tumour type \"zzzz\"; no known type is spelt alike"),
            "{message}"
        );
        assert!(message.contains("--list-types"), "{message}");
    }

    #[test]
    fn no_name_belongs_to_two_types() {
        let mut owner: BTreeMap<String, &str> = BTreeMap::new();
        let types = TumourTypes::embedded().unwrap();
        for tumour in types {
            let mut names: Vec<String> = tumour.names().map(|n| normal(n)).collect();
            names.sort();
            names.dedup();
            for name in names {
                if let Some(other) = owner.insert(name.clone(), &tumour.id) {
                    panic!("{name}: {other} and {}", tumour.id);
                }
            }
        }
        assert!(types.iter().count() >= 50);
    }
}
