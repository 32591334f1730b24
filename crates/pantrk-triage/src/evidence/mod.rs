//! The evidence tables: read once, checked as a whole.
//!
//! **Architecture invariant:** a row without a source, a reference that leads nowhere or a figure outside its bounds makes the tables an error value; nothing is decided on half a table.

mod published;
mod rows;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;

use published::SeriesFile;
pub use published::{GeneSeries, PublishedEstimate};
pub use rows::Certainty;
pub(crate) use rows::{
    Accuracy, CloneRow, Context, Driver, DriverCondition, Estimate, Fact, Likelihoods, PatternRow,
};
use rows::{
    AccuracyFile, PatternsFile, PrevalenceFile, RulesFile, SentencesFile, TablesFile,
    TumourTypesFile,
};

use crate::error::TriageError;
use crate::rules;
use crate::tumours::TumourTypes;

const TABLES: &str = "tables.toml";
const PREVALENCE: &str = "prevalence.toml";
const ACCURACY: &str = "accuracy.toml";
const TUMOUR_TYPES: &str = "tumour_types.toml";
const RULES: &str = "rules.toml";
const SENTENCES: &str = "sentences.toml";
const PATTERNS: &str = "patterns.toml";
const SERIES: &str = "series.toml";

/// The TOML of all tables.
#[derive(Debug, Clone, Copy)]
struct Texts<'a> {
    tables: &'a str,
    prevalence: &'a str,
    accuracy: &'a str,
    tumour_types: &'a str,
    rules: &'a str,
    sentences: &'a str,
    patterns: &'a str,
    series: &'a str,
}

const EMBEDDED: Texts<'static> = Texts {
    tables: include_str!("../../../../assets/evidence/tables.toml"),
    prevalence: include_str!("../../../../assets/evidence/prevalence.toml"),
    accuracy: include_str!("../../../../assets/evidence/accuracy.toml"),
    tumour_types: include_str!("../../../../assets/evidence/tumour_types.toml"),
    rules: include_str!("../../../../assets/evidence/rules.toml"),
    sentences: include_str!("../../../../assets/evidence/sentences.toml"),
    patterns: include_str!("../../../../assets/evidence/patterns.toml"),
    series: include_str!("../../../../assets/evidence/series.toml"),
};

/// All evidence tables.
#[derive(Debug)]
pub struct Evidence {
    tables: TablesFile,
    prevalence: PrevalenceFile,
    accuracy: AccuracyFile,
    tumour_types: TumourTypes,
    contexts: Vec<Context>,
    rules: RulesFile,
    sentences: SentencesFile,
    patterns: PatternsFile,
    series: SeriesFile,
}

impl Evidence {
    /// The tables that come with the program; they are read and checked at the first call.
    ///
    /// # Errors
    /// [`TriageError::Evidence`] when a table is broken.
    pub fn embedded() -> Result<&'static Self, TriageError> {
        static TABLES_ONCE: OnceLock<Result<Evidence, TriageError>> = OnceLock::new();
        TABLES_ONCE
            .get_or_init(|| Self::from_texts(EMBEDDED))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The tables' version.
    pub fn version(&self) -> &str {
        &self.tables.version
    }

    /// What the tables are and are not.
    pub fn note(&self) -> &str {
        &self.tables.note
    }

    /// The tumour types.
    pub const fn tumour_types(&self) -> &TumourTypes {
        &self.tumour_types
    }

    fn from_texts(texts: Texts<'_>) -> Result<Self, TriageError> {
        let types: TumourTypesFile = parse(texts.tumour_types, TUMOUR_TYPES)?;
        let evidence = Self {
            tables: parse(texts.tables, TABLES)?,
            prevalence: parse(texts.prevalence, PREVALENCE)?,
            accuracy: parse(texts.accuracy, ACCURACY)?,
            tumour_types: TumourTypes::new(types.r#type),
            contexts: types.context,
            rules: parse(texts.rules, RULES)?,
            sentences: parse(texts.sentences, SENTENCES)?,
            patterns: parse(texts.patterns, PATTERNS)?,
            series: parse(texts.series, SERIES)?,
        };
        evidence.check()?;
        Ok(evidence)
    }

    pub(crate) fn parameter(&self, id: &str) -> Result<f64, TriageError> {
        find(&self.rules.parameter, id, |row| &row.id, RULES).map(|row| row.value)
    }

    pub(crate) fn prevalence(&self, id: &str) -> Result<&Estimate, TriageError> {
        find(&self.prevalence.estimate, id, |row| &row.id, PREVALENCE)
    }

    pub(crate) fn accuracy_estimate(&self, id: &str) -> Result<&Estimate, TriageError> {
        find(&self.accuracy.estimate, id, |row| &row.id, ACCURACY)
    }

    /// The sensitivity for fusions of one gene.
    pub(crate) fn gene_sensitivity(&self, gene: &str) -> Option<&Estimate> {
        self.accuracy.estimate.iter().find(|row| {
            row.gene
                .as_deref()
                .is_some_and(|of| of.eq_ignore_ascii_case(gene))
        })
    }

    pub(crate) fn accuracy(&self, id: &str) -> Result<&Accuracy, TriageError> {
        find(&self.accuracy.accuracy, id, |row| &row.id, ACCURACY)
    }

    pub(crate) fn widening(&self, id: &str) -> Result<&Accuracy, TriageError> {
        let row = find(&self.rules.widening, id, |row| &row.id, RULES)?;
        self.accuracy(&row.accuracy)
    }

    pub(crate) fn fact(&self, id: &str) -> Result<&Fact, TriageError> {
        find(&self.rules.fact, id, |row| &row.id, RULES)
    }

    pub(crate) fn sentence(&self, id: &str) -> Result<&str, TriageError> {
        find(&self.sentences.sentence, id, |row| &row.id, SENTENCES).map(|row| row.text.as_str())
    }

    pub(crate) fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    pub(crate) fn drivers(&self) -> &[Driver] {
        &self.rules.driver
    }

    pub(crate) fn patterns(&self) -> &[PatternRow] {
        &self.patterns.pattern
    }

    /// The clone that a text names: letters and digits alone are compared, so `"Ventana pan-TRK (EPR17341)"` is found.
    pub(crate) fn clone_row(&self, text: &str) -> Option<&CloneRow> {
        let plain = letters_and_digits(text);
        self.rules.clone.iter().find(|row| {
            std::iter::once(&row.id)
                .chain(&row.synonyms)
                .any(|name| plain.contains(&letters_and_digits(name)))
        })
    }

    /// Ids unique, sources present, figures in bounds, references resolved.
    fn check(&self) -> Result<(), TriageError> {
        if self.tables.version.trim().is_empty() {
            return Err(broken(TABLES, "the version is empty".to_owned()));
        }
        self.check_sources()?;
        let spread = self.parameter("bare-figure-spread")?;
        for id in ["minimum-tumour-cells", "few-tumour-cells", "maximum-age"] {
            self.parameter(id)?;
        }
        for row in &self.prevalence.estimate {
            row.prevalence(spread)
                .map_err(|message| broken(PREVALENCE, message))?;
        }
        for row in &self.accuracy.estimate {
            row.accuracy()
                .map_err(|message| broken(ACCURACY, message))?;
        }
        for row in &self.series.series {
            if row.k > row.n || row.n == 0 {
                let message = format!("row {} counts {} of {}", row.id, row.k, row.n);
                return Err(broken(SERIES, message));
            }
        }
        for row in &self.accuracy.accuracy {
            if row.sensitivity.is_empty() || row.specificity.is_empty() {
                return Err(broken(
                    ACCURACY,
                    format!("row {} needs a sensitivity and a specificity", row.id),
                ));
            }
            for id in row.sensitivity.iter().chain(&row.specificity) {
                self.accuracy_estimate(id)?;
            }
        }
        for row in &self.tumour_types {
            self.accuracy(&row.accuracy)?;
            if let Some(id) = &row.prevalence {
                self.prevalence(id)?;
            }
        }
        for row in &self.contexts {
            if let Some(id) = &row.accuracy {
                self.accuracy(id)?;
            }
            if let Some(id) = &row.prevalence {
                self.prevalence(id)?;
            }
            if !self
                .tumour_types
                .iter()
                .any(|t| t.family.as_ref() == Some(&row.family))
            {
                return Err(broken(
                    TUMOUR_TYPES,
                    format!("context {} has no type of family {}", row.id, row.family),
                ));
            }
            if let Some(rule) = &row.rule
                && !rules::RULES.iter().any(|known| known.id == rule)
            {
                return Err(broken(
                    TUMOUR_TYPES,
                    format!("context {} names no rule {rule}", row.id),
                ));
            }
        }
        self.check_rules()
    }

    fn check_rules(&self) -> Result<(), TriageError> {
        for row in &self.rules.clone {
            match (row.likelihoods, &row.accuracy) {
                (Likelihoods::Own, Some(id)) => {
                    self.accuracy(id)?;
                }
                (Likelihoods::ByTumourType, None) => {}
                _ => {
                    return Err(broken(
                        RULES,
                        format!(
                            "clone {} needs an accuracy exactly when it is its own",
                            row.id
                        ),
                    ));
                }
            }
            for id in row.types.iter().flatten() {
                if !self.tumour_types.iter().any(|t| &t.id == id) {
                    return Err(broken(
                        RULES,
                        format!("clone {} names no type {id}", row.id),
                    ));
                }
            }
        }
        for row in &self.rules.widening {
            self.accuracy(&row.accuracy)?;
        }
        for id in rules::FACTS {
            self.fact(id)?;
        }
        for id in rules::SENTENCES {
            self.sentence(id)?;
        }
        self.prevalence(rules::ALL_SOLID)?;
        self.accuracy(rules::DEFAULT_ACCURACY)?;
        for id in ["unknown-clone", "routine-laboratory"] {
            self.widening(id)?;
        }
        Ok(())
    }

    fn check_sources(&self) -> Result<(), TriageError> {
        type Row<'a> = (&'a str, &'a str);
        fn rows<'a, T>(rows: &'a [T], row: impl Fn(&'a T) -> Row<'a>) -> Vec<Row<'a>> {
            rows.iter().map(row).collect()
        }
        let types: Vec<Row<'_>> = self
            .tumour_types
            .iter()
            .map(|r| (r.id.as_str(), r.source.as_str()))
            .collect();
        let tables: [(&'static str, Vec<Row<'_>>); 11] = [
            (
                PREVALENCE,
                rows(&self.prevalence.estimate, |r| (&r.id, &r.source)),
            ),
            (
                ACCURACY,
                rows(&self.accuracy.estimate, |r| (&r.id, &r.source)),
            ),
            (
                ACCURACY,
                rows(&self.accuracy.accuracy, |r| (&r.id, &r.source)),
            ),
            (TUMOUR_TYPES, types),
            (TUMOUR_TYPES, rows(&self.contexts, |r| (&r.id, &r.source))),
            (RULES, rows(&self.rules.parameter, |r| (&r.id, &r.source))),
            (RULES, rows(&self.rules.clone, |r| (&r.id, &r.source))),
            (RULES, rows(&self.rules.widening, |r| (&r.id, &r.source))),
            (RULES, rows(&self.rules.driver, |r| (&r.gene, &r.source))),
            (RULES, rows(&self.rules.fact, |r| (&r.id, &r.source))),
            (
                SENTENCES,
                rows(&self.sentences.sentence, |r| (&r.id, &r.source)),
            ),
        ];
        let patterns = rows(&self.patterns.pattern, |r| (&r.id, &r.source));
        let series = rows(&self.series.series, |r| (&r.id, &r.source));
        for (table, rows) in tables
            .into_iter()
            .chain([(PATTERNS, patterns), (SERIES, series)])
        {
            let mut seen = BTreeSet::new();
            for (id, source) in rows {
                if id.trim().is_empty() || source.trim().is_empty() {
                    return Err(broken(
                        table,
                        format!("row \"{id}\" needs an id and a source"),
                    ));
                }
                if !seen.insert(id) {
                    return Err(broken(table, format!("two rows have the id {id}")));
                }
            }
        }
        Ok(())
    }
}

fn letters_and_digits(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn parse<T: DeserializeOwned>(text: &str, table: &'static str) -> Result<T, TriageError> {
    toml::from_str(text).map_err(|error| broken(table, error.to_string().trim_end().to_owned()))
}

pub(crate) fn broken(table: &'static str, message: String) -> TriageError {
    TriageError::Evidence { message, table }
}

fn find<'a, T>(
    rows: &'a [T],
    id: &str,
    key: impl Fn(&T) -> &String,
    table: &'static str,
) -> Result<&'a T, TriageError> {
    rows.iter()
        .find(|row| key(row) == id)
        .ok_or_else(|| broken(table, format!("no row has the id {id}")))
}

#[cfg(test)]
mod tests;
