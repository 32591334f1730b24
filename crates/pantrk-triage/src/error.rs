//! What can go wrong.

/// Why there is no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TriageError {
    /// No tumour type has this id, name, synonym or code.
    #[error("unknown tumour type \"{given}\"{}", did_you_mean(.nearest))]
    UnknownTumourType {
        /// As it was given.
        given: String,
        /// Up to three that are spelt alike.
        nearest: Vec<String>,
    },
    /// The case is not the JSON that is wanted; the message names the key.
    #[error("case: {message}")]
    CaseFormat {
        /// What the JSON reader says.
        message: String,
    },
    /// A fact has a value that cannot be.
    #[error("{key}: found {found}, wanted {wanted}")]
    Value {
        /// The key in the case, or the option.
        key: &'static str,
        /// What was found.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// An evidence table is broken.
    #[error("evidence table: {message} in {table}")]
    Evidence {
        /// What is wrong, with the row.
        message: String,
        /// The table's file name.
        table: &'static str,
    },
}

fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return "; no known type is spelt alike, and `pantrk triage --list-types` lists them all"
            .to_owned();
    }
    let quoted: Vec<String> = nearest.iter().map(|n| format!("\"{n}\"")).collect();
    format!("; did you mean {}?", quoted.join(" or "))
}
